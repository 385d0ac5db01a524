"""The two layouts in which CAMELS-US lies on disk, behind one interface.

A source has ``site_ids``, ``table`` (the provider's attributes by site), ``time`` (all days)
and gives series by ``read(names, sites, days)`` and ``read_runoff(sites, days)``.
"""

import re
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from stefaland_sk._core import DataWarning, import_optional

OFFICIAL = "basin_dataset_public_v1p2"
ATTRIBUTES = "camels_attributes_v2.0"
TABLES = ("name", "topo", "clim", "soil", "vege", "geol", "hydro")
COMPACT = {  # file of series: (tables of attributes, published folds)
    "camels_us_daymet.nc": (("attributes.csv", "attributes.parquet"), "splits/folds.csv"),
    "camels_us_demo.nc": (("camels_us_demo_attributes.csv",), "camels_us_demo_folds.csv"),
}
CUBIC_FOOT = 0.3048**3  # m3
DAY = 86400  # s


def open_source(path, product):
    """Find out which layout lies at `path`, and open it."""
    path = Path(path).expanduser()
    for name, (tables, folds) in COMPACT.items():
        series = path / name
        table = next((path / t for t in tables if (path / t).is_file()), None)
        if series.is_file() and table is not None:
            return CompactFiles(series, table, path / folds, product)
    roots = [path, path / OFFICIAL]
    for root in roots:
        if (root / "basin_mean_forcing").is_dir():
            return OfficialFiles(root, _find_attributes(path), product)
    looked = [f"{root}/basin_mean_forcing" for root in roots]
    looked += [f"{path / name} with {' or '.join(tables)}" for name, (tables, _) in COMPACT.items()]
    raise FileNotFoundError(
        f"No CAMELS-US data at {path}{'' if path.is_dir() else ', which is not a folder'}. Looked "
        "for:\n  " + "\n  ".join(looked) + "\nGive the folder that holds the unpacked "
        f"'{OFFICIAL}' and '{ATTRIBUTES}'."
    )


def _find_attributes(path):
    """Find the folder of the official attribute tables, below or beside `path`."""
    roots = [path, path.resolve().parent]
    places = [place for root in roots for place in (root / ATTRIBUTES, root)]
    places[1:1] = [path / ATTRIBUTES / ATTRIBUTES]  # archives that unpack into a folder of theirs
    for place in places:
        if (place / "camels_topo.txt").is_file():
            return place
    raise FileNotFoundError(
        f"The CAMELS-US attributes are missing. Looked for camels_topo.txt in "
        f"{[str(place) for place in places]}. Unpack '{ATTRIBUTES}' beside '{OFFICIAL}'."
    )


class CompactFiles:
    """One netCDF file of series with one table of attributes beside it."""

    def __init__(self, series, table, folds, product):
        if product != "daymet":
            raise ValueError(
                f"`forcing_product` {product!r} is not in {series.name}, which holds 'daymet' "
                "only. The official text files hold the other products."
            )
        if not (find_spec("netCDF4") or find_spec("h5netcdf")):
            import_optional("netCDF4", "data", "Reading netCDF files")
        import xarray as xr  # here, since it takes time and only this reader needs it

        self.name = series.name
        self._data = xr.open_dataset(series)
        text = {"gauge_id": str, "huc_02": str}
        read = pd.read_csv if table.suffix == ".csv" else pd.read_parquet
        self.table = read(table, **({"dtype": text} if table.suffix == ".csv" else {}))
        self.table = self.table.set_index("gauge_id")
        if folds.is_file():
            splits = pd.read_csv(folds, dtype=text).set_index("gauge_id")
            new = [name for name in splits if name not in self.table]
            self.table = self.table.join(splits[new])
        self._basins = pd.Index([str(basin) for basin in self._data["basin"].values])
        self.site_ids = [basin for basin in self._basins if basin in self.table.index]
        self.time = pd.DatetimeIndex(self._data["time"].values, name="time")

    def read(self, names, sites, days):
        """Give one float32 array of shape (n_sites, n_times) per variable."""
        return {name: self._plane(name, sites, days) for name in names}

    def read_runoff(self, sites, days):
        """Give runoff [mm/d] as float32 of shape (n_sites, n_times)."""
        return self._plane("q_obs", sites, days)

    def _plane(self, name, sites, days):
        """Read one variable; only what is asked for is decoded."""
        rows = self._basins.get_indexer(sites)
        if np.array_equal(rows, np.arange(len(self._basins))):
            rows = slice(None)
        plane = self._data[name].transpose("basin", "time").isel(basin=rows, time=days)
        return plane.to_numpy().astype(np.float32)

    def close(self):
        """Let go of the netCDF file."""
        self._data.close()


class OfficialFiles:
    """The text files as the provider distributes them."""

    def __init__(self, root, attributes, product):
        self.name = root.name
        self.table = _read_attribute_tables(attributes)
        products = sorted(p.name for p in (root / "basin_mean_forcing").iterdir() if p.is_dir())
        if product not in products:
            raise ValueError(
                f"`forcing_product` {product!r} is not in {root / 'basin_mean_forcing'}, which "
                f"holds {products}."
            )
        huc = self.table["huc_02"]
        forcing = root / "basin_mean_forcing" / product
        self._forcing = _files_by_site(forcing, "_lump_*_forcing_leap.txt", huc)
        self._streamflow = _files_by_site(root / "usgs_streamflow", "_streamflow_qc.txt", huc)
        # A few gauges of the release have series but no attributes; they cannot be used.
        self.site_ids = sorted(self._forcing.keys() & set(self.table.index))
        if not self.site_ids:
            raise FileNotFoundError(
                f"None of the {len(self._forcing)} forcing files below {forcing} belongs to one of "
                f"the {len(self.table)} gauges in {attributes}."
            )
        ends = [_first_and_last_day(self._forcing[site]) for site in self.site_ids]
        first, last = min(first for first, _ in ends), max(last for _, last in ends)
        self.time = pd.date_range(first, last, freq="D", name="time")

    def read(self, names, sites, days):
        """Give one float32 array of shape (n_sites, n_times) per variable."""
        time = self.time[days]
        planes = {n: np.full((len(sites), len(time)), np.nan, dtype=np.float32) for n in names}
        for row, site in enumerate(sites):
            frame = _read_forcing(self._forcing[site])
            missing = [name for name in names if name not in frame]
            if missing:
                raise ValueError(
                    f"{self._forcing[site]} has no column for {missing}; it has {list(frame)}."
                )
            for name in names:
                _place(planes[name][row], frame[name], time)
        return planes

    def read_runoff(self, sites, days):
        """Give runoff [mm/d] as float32 of shape (n_sites, n_times)."""
        time = self.time[days]
        runoff = np.full((len(sites), len(time)), np.nan, dtype=np.float32)
        absent = [site for site in sites if site not in self._streamflow]
        if absent:
            warnings.warn(
                f"{len(absent)} of {len(sites)} sites have no streamflow file, for example "
                f"{absent[:3]}; their target is NaN throughout.",
                DataWarning,
                stacklevel=3,
            )
        area = self.table["area_gages2"]
        for row, site in enumerate(sites):
            if site in self._streamflow:
                discharge = _read_streamflow(self._streamflow[site]) * CUBIC_FOOT  # m3/s
                _place(runoff[row], discharge * DAY / (area[site] * 1e6) * 1e3, time)
        return runoff

    def close(self):
        """Do nothing: no file stays open."""


def _read_attribute_tables(folder):
    """Join the official tables of attributes by gauge."""
    tables = []
    for name in TABLES:
        file = folder / f"camels_{name}.txt"
        if name in ("name", "topo") and not file.is_file():
            raise FileNotFoundError(f"{file} is missing; areas and regions stand in it.")
        if file.is_file():
            text = {"gauge_id": str, "huc_02": str}
            table = pd.read_csv(file, sep=";", dtype=text, skipinitialspace=True)
            tables.append(table.set_index("gauge_id"))
    return pd.concat(tables, axis=1, join="outer")


def _files_by_site(folder, ending, huc):
    """Find one file per site, in any of the folders of hydrologic units."""
    found = {}
    for file in sorted(folder.glob(f"*/*{ending}")):
        site = file.name.partition("_")[0]
        # Where copies lie in several folders, that of the site's own unit counts.
        if site not in found or file.parent.name == huc.get(site):
            found[site] = file
    return found


def _read_table(file, names, skip, **kwargs):
    """Read columns parted by blanks or tabs; the dates become the index."""
    try:
        frame = pd.read_csv(
            file,
            sep=r"\s+",
            header=None,
            skiprows=skip,
            names=names,
            usecols=range(len(names)),
            index_col=False,
            **kwargs,
        )
        dates = pd.to_datetime(frame[["year", "month", "day"]])
    except (ValueError, KeyError) as error:
        raise ValueError(f"{file} is not in the official CAMELS-US layout: {error}") from error
    frame = frame.set_index(pd.DatetimeIndex(dates, name="time"))
    if not frame.index.is_unique:
        twice = frame.index[frame.index.duplicated()][0]
        raise ValueError(f"{file} has the day {twice:%Y-%m-%d} more than once.")
    return frame


def _first_and_last_day(file):
    """Tell what days a forcing file spans, from its ends alone."""
    with file.open("rb") as stream:
        first = [next(stream, b"") for _ in range(5)][4]
        stream.seek(max(0, file.stat().st_size - 1000))
        last = stream.read().rstrip().rpartition(b"\n")[2]
    try:
        return [pd.Timestamp(*map(int, line.split()[:3])) for line in (first, last)]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file} is not in the official CAMELS-US layout: {error}") from error


def _read_forcing(file):
    """Read a forcing file; column names differ in spelling between the products."""
    with file.open() as stream:  # three lines of latitude, elevation and area stand above
        header = [next(stream, "") for _ in range(4)][3]
    names = [re.sub(r"\(.*", "", word).lower() for word in header.split()]
    names = ["month" if name == "mnth" else name for name in names]
    frame = _read_table(file, names, skip=4)
    return frame.where(frame > -999)


def _read_streamflow(file):
    """Read daily discharge [ft3/s]; NaN where missing (-999, or flag M)."""
    names = ["site", "year", "month", "day", "discharge", "flag"]
    frame = _read_table(file, names, skip=0, dtype={"site": str, "flag": str})
    observed = (frame["discharge"] > -999) & (frame["flag"] != "M")
    return frame["discharge"].where(observed)


def _place(row, series, time):
    """Write a series into its days of `row`; the others stay NaN."""
    position = time.get_indexer(series.index)
    row[position[position >= 0]] = series.to_numpy()[position >= 0]
