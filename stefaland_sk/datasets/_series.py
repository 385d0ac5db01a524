"""Series on disk, behind one interface: a file for each site, or one netCDF file for all.

An object of series has ``site_ids``; ``span(sites)`` gives the days that their records span;
``read(names, sites, time)`` gives one float32 array of shape (n_sites, n_times) per variable, by
our names and in our units; ``close()`` lets go of files.
"""

import re
from importlib.util import find_spec

import numpy as np
import pandas as pd

from stefaland_sk._core import import_optional


class Columns(dict):
    """Where our variables stand: name -> (the provider's name, factor, offset)."""

    def __init__(self, **columns):
        whole = {n: c if isinstance(c, tuple) else (c,) for n, c in columns.items()}
        super().__init__({n: (*c, 1.0, 0.0)[:3] if len(c) == 1 else c for n, c in whole.items()})


class SiteFiles:
    """Series of which each site has a file of its own.

    Subclasses read the ends of a file (`ends`) and columns of it as a frame with dates (`frame`).
    """

    def __init__(self, files, columns):
        self.files, self.columns = files, columns
        self.site_ids = list(files)

    def span(self, sites):
        """Give all days from the first to the last of any of these sites."""
        ends = [self.ends(self.files[site]) for site in sites]
        first, last = min(first for first, _ in ends), max(last for _, last in ends)
        return pd.date_range(first, last, freq="D", name="time")

    def read(self, names, sites, time):
        """Give one float32 array of shape (n_sites, n_times) per variable."""
        planes = {n: np.full((len(sites), len(time)), np.nan, dtype=np.float32) for n in names}
        theirs = {name: self.columns[name] for name in names}
        for row, site in enumerate(sites):
            frame = self.frame(self.files[site], [column for column, _, _ in theirs.values()])
            if not frame.index.is_unique:
                twice = frame.index[frame.index.duplicated()][0]
                raise ValueError(f"{self.files[site]} has the day {twice:%Y-%m-%d} more than once.")
            for name, (column, factor, offset) in theirs.items():
                place(planes[name][row], frame[column] * factor + offset, time)
        return planes

    def close(self):
        """Do nothing: no file stays open."""


class CsvFiles(SiteFiles):
    """A CSV file for each site, with a column of dates."""

    def __init__(self, files, columns, date="date"):
        super().__init__(files, columns)
        self.date = date

    def header(self, file):
        """Give the names of the columns."""
        return list(pd.read_csv(file, nrows=0))

    def ends(self, file):
        """Read the first and last date, without what lies between."""
        with file.open("rb") as stream:
            names = next(stream, b"").decode("utf-8", "replace").strip().replace('"', "").split(",")
            first = next(stream, b"")
            stream.seek(max(0, file.stat().st_size - 4000))
            last = stream.read().rstrip().rpartition(b"\n")[2]
        column = names.index(self.date) if self.date in names else 0
        return [_date(line.split(b",")[column].strip(b'" \r'), file) for line in (first, last)]

    def frame(self, file, columns):
        """Read columns; the dates become the index."""
        wanted = {self.date, *columns}
        frame = pd.read_csv(file, usecols=lambda name: name in wanted)
        lost = [name for name in (self.date, *columns) if name not in frame]
        if lost:
            raise ValueError(f"{file} has no column {lost[0]!r}; it has {self.header(file)}.")
        try:
            frame.index = pd.DatetimeIndex(pd.to_datetime(frame.pop(self.date)), name="time")
            return frame.astype(np.float64)
        except ValueError as error:
            raise ValueError(
                f"{file} holds something that is no number or date: {error}."
            ) from error


class NetcdfFiles(SiteFiles):
    """A netCDF file for each site, with one dimension, which is time."""

    def header(self, file):
        """Give the names of the variables."""
        with open_netcdf(file) as data:
            return list(data.data_vars)

    def ends(self, file):
        """Read the first and last time."""
        with open_netcdf(file) as data:
            time = self._time(data, file)
        return [time[0].normalize(), time[-1].normalize()]

    def frame(self, file, columns):
        """Read variables."""
        with open_netcdf(file) as data:
            lost = [name for name in columns if name not in data]
            if lost:
                raise ValueError(
                    f"{file} has no variable {lost[0]!r}; it has {list(data.data_vars)}."
                )
            values = {name: data[name].to_numpy() for name in columns}
            return pd.DataFrame(values, index=self._time(data, file), dtype=np.float64)

    def _time(self, data, file):
        """Give the coordinate of the one dimension."""
        for name in data.dims:
            index = data.indexes.get(name)
            if isinstance(index, pd.DatetimeIndex) and len(index):
                return index.rename("time")
        raise ValueError(f"{file} has no dimension with dates; it has {list(data.dims)}.")


class NetcdfTable:
    """One netCDF file with series of all sites on (site, time)."""

    def __init__(self, data, columns, site_dim="site", time_dim="time"):
        self._data, self.columns = data, columns
        self._dims = site_dim, time_dim
        self._sites = pd.Index([str(site) for site in data[site_dim].values])
        self._time = pd.DatetimeIndex(data[time_dim].values, name="time")
        self.site_ids = list(self._sites)

    def span(self, sites):
        """Give the times of the file."""
        return self._time

    def read(self, names, sites, time):
        """Give one float32 array of shape (n_sites, n_times) per variable."""
        return {name: self._plane(*self.columns[name], sites, time) for name in names}

    def _plane(self, name, factor, offset, sites, time):
        """Read one variable; only what is asked for is decoded."""
        rows = self._sites.get_indexer(sites)
        if np.array_equal(rows, np.arange(len(self._sites))):
            rows = slice(None)
        start = self._time.get_loc(time[0])
        where = dict(zip(self._dims, (rows, slice(start, start + len(time))), strict=True))
        variable = self._data[name].transpose(*self._dims).isel(where)
        plane = variable.to_numpy().astype(np.float32)
        step = variable.encoding.get("scale_factor")
        if step:  # of packed integers, zero may come out a trifle below it
            plane[(plane < 0) & (plane > -step / 2)] = 0
        if (factor, offset) != (1.0, 0.0):
            plane = (plane * factor + offset).astype(np.float32)
        return plane

    def close(self):
        """Let go of the file."""
        self._data.close()


def open_netcdf(file):
    """Open a netCDF file, or say which package is missing or which file is damaged."""
    if not (find_spec("netCDF4") or find_spec("h5netcdf")):
        import_optional("netCDF4", "data", "Reading netCDF files")
    import xarray as xr  # here, since it takes time and only some readers need it

    try:
        return xr.open_dataset(file)
    except (OSError, ValueError) as error:
        if not file.is_file():
            raise
        raise OSError(f"{file} cannot be read as netCDF; is it damaged? {error}") from error


def place(row, series, time):
    """Write a series into its days of `row`; the others stay as they are."""
    position = time.get_indexer(series.index)
    row[position[position >= 0]] = series.to_numpy()[position >= 0]


def files_by_site(folder, pattern, site_of):
    """Find files below a folder, one for each site; `site_of` turns a match into the site."""
    found = {}
    for file in sorted(folder.rglob("*")):
        match = re.fullmatch(pattern, file.name)
        if match and file.is_file():
            found[site_of(match)] = file
    return found


def _date(text, file):
    """Read a date as it stands in a file."""
    date = pd.to_datetime(text.decode("utf-8", "replace"), errors="coerce")
    if pd.isna(date):
        raise ValueError(f"{file} is empty, or {text.decode('utf-8', 'replace')!r} is no date.")
    return date.normalize()
