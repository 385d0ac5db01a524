"""The two layouts in which CAMELS-US lies on disk: series and the provider's attributes."""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from stefaland_sk._core import DataWarning
from stefaland_sk.data import daily_mean_radiation
from stefaland_sk.datasets._paths import folder_of
from stefaland_sk.datasets._series import Columns, NetcdfTable, open_netcdf, place

OFFICIAL = "basin_dataset_public_v1p2"
ATTRIBUTES = "camels_attributes_v2.0"
TABLES = ("name", "topo", "clim", "soil", "vege", "geol", "hydro")
COMPACT = {  # file of series: (tables of attributes, published folds)
    "camels_us_daymet.nc": (("attributes.csv", "attributes.parquet"), "splits/folds.csv"),
    "camels_us_demo.nc": (("camels_us_demo_attributes.csv",), "camels_us_demo_folds.csv"),
}
CUBIC_FOOT = 0.3048**3  # m3
DAY = 86400  # s


def open_files(path, product, all_day):
    """Find out which layout lies at `path`, and open it.

    Parameters
    ----------
    path : str or path-like
        The folder.
    product : str
        Source of the weather.
    all_day : bool
        Whether radiation is to be the mean over 24 hours.

    Returns
    -------
    series : CompactFiles or OfficialFiles
        Forcing, ``runoff`` and ``discharge``; its ``name`` is for messages.
    table : DataFrame
        The provider's attributes by site.
    """
    path = Path(path).expanduser()
    named, path = path.name, folder_of(path, COMPACT)
    for name in sorted(COMPACT, key=lambda name: name != named):  # the one named, first
        tables, folds = COMPACT[name]
        file = path / name
        table = next((path / t for t in tables if (path / t).is_file()), None)
        if file.is_file() and table is not None:
            table = _read_compact_table(table, path / folds)
            return CompactFiles(file, table, product, all_day), table
    roots = [path, path / OFFICIAL]
    for root in roots:
        if (root / "basin_mean_forcing").is_dir():
            attributes = _find_attributes(path)
            table = _read_attribute_tables(attributes)
            return OfficialFiles(root, table, attributes, product, all_day), table
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
    folders = [folder for root in roots for folder in (root / ATTRIBUTES, root)]
    folders[1:1] = [path / ATTRIBUTES / ATTRIBUTES]  # archives that unpack into a folder of theirs
    for folder in folders:
        if (folder / "camels_topo.txt").is_file():
            return folder
    raise FileNotFoundError(
        f"The CAMELS-US attributes are missing. Looked for camels_topo.txt in "
        f"{[str(folder) for folder in folders]}. Unpack '{ATTRIBUTES}' beside '{OFFICIAL}'."
    )


class _Streamflow:
    """What both layouts do with radiation and streamflow."""

    def read(self, names, sites, time):
        """Give one float32 array of shape (n_sites, n_times) per variable."""
        wanted = [name for name in names if name not in ("runoff", "discharge")]
        if self._all_day and "srad" in wanted and "dayl" not in wanted:
            wanted.append("dayl")
        planes = self._read_forcing(wanted, sites, time)
        if self._all_day and "srad" in planes:
            planes["srad"] = daily_mean_radiation(planes["srad"], planes["dayl"])
        if "runoff" in names or "discharge" in names:
            runoff = self._read_runoff(sites, time)
            volume = self._area.loc[sites].to_numpy(np.float32) * np.float32(1e3 / DAY)
            planes |= {"runoff": runoff, "discharge": runoff * volume[:, None]}
        return {name: planes[name] for name in names}


class CompactFiles(_Streamflow):
    """One netCDF file of series with one table of attributes beside it."""

    def __init__(self, file, table, product, all_day):
        if product != "daymet":
            raise ValueError(
                f"`forcing_product` {product!r} is not in {file.name}, which holds 'daymet' "
                "only. The official text files hold the other products."
            )
        self.name, self._all_day, self._area = file.name, all_day, table["area_gages2"]
        names = ("prcp", "srad", "tmax", "tmin", "vp", "dayl")
        columns = Columns(runoff="q_obs", **{name: name for name in names})
        self._series = NetcdfTable(open_netcdf(file), columns, "basin")
        self.site_ids = [basin for basin in self._series.site_ids if basin in table.index]

    def span(self, sites):
        """Give the days of the file."""
        return self._series.span(sites)

    def _read_forcing(self, names, sites, time):
        return self._series.read(names, sites, time)

    def _read_runoff(self, sites, time):
        return self._series.read(["runoff"], sites, time)["runoff"]

    def close(self):
        """Let go of the netCDF file."""
        self._series.close()


class OfficialFiles(_Streamflow):
    """The text files as the provider distributes them."""

    def __init__(self, root, table, attributes, product, all_day):
        self.name, self._all_day, self._area = root.name, all_day, table["area_gages2"]
        products = sorted(p.name for p in (root / "basin_mean_forcing").iterdir() if p.is_dir())
        if product not in products:
            raise ValueError(
                f"`forcing_product` {product!r} is not in {root / 'basin_mean_forcing'}, which "
                f"holds {products}."
            )
        huc = table["huc_02"]
        forcing = root / "basin_mean_forcing" / product
        self._forcing = _files_by_site(forcing, "_lump_*_forcing_leap.txt", huc)
        self._streamflow = _files_by_site(root / "usgs_streamflow", "_streamflow_qc.txt", huc)
        # A few gauges of the release have series but no attributes; they cannot be used.
        self.site_ids = sorted(self._forcing.keys() & set(table.index))
        if not self.site_ids:
            raise FileNotFoundError(
                f"None of the {len(self._forcing)} forcing files below {forcing} belongs to one of "
                f"the {len(table)} gauges in {attributes}."
            )

    def span(self, sites):
        """Give all days from the first to the last of any gauge, whichever are asked for."""
        ends = [_first_and_last_day(self._forcing[site]) for site in self.site_ids]
        first, last = min(first for first, _ in ends), max(last for _, last in ends)
        return pd.date_range(first, last, freq="D", name="time")

    def _read_forcing(self, names, sites, time):
        planes = {n: np.full((len(sites), len(time)), np.nan, dtype=np.float32) for n in names}
        for row, site in enumerate(sites if names else []):
            frame = _read_forcing(self._forcing[site])
            missing = [name for name in names if name not in frame]
            if missing:
                raise ValueError(
                    f"{self._forcing[site]} has no column for {missing}; it has {list(frame)}."
                )
            for name in names:
                place(planes[name][row], frame[name], time)
        return planes

    def _read_runoff(self, sites, time):
        runoff = np.full((len(sites), len(time)), np.nan, dtype=np.float32)
        absent = [site for site in sites if site not in self._streamflow]
        if absent:
            warnings.warn(
                f"{len(absent)} of {len(sites)} sites have no streamflow file, for example "
                f"{absent[:3]}; their target is NaN throughout.",
                DataWarning,
                stacklevel=5,
            )
        for row, site in enumerate(sites):
            if site in self._streamflow:
                discharge = _read_streamflow(self._streamflow[site]) * CUBIC_FOOT  # m3/s
                place(runoff[row], discharge * DAY / (self._area[site] * 1e6) * 1e3, time)
        return runoff

    def close(self):
        """Do nothing: no file stays open."""


def _read_compact_table(file, folds):
    """Read the table of attributes, and published folds beside it."""
    text = {"gauge_id": str, "huc_02": str}
    csv = file.suffix == ".csv"
    table = pd.read_csv(file, dtype=text) if csv else pd.read_parquet(file)
    table = table.set_index("gauge_id")
    if folds.is_file():
        splits = pd.read_csv(folds, dtype=text).set_index("gauge_id")
        table = table.join(splits[[name for name in splits if name not in table]])
    return table


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
