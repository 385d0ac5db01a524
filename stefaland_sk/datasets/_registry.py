"""All readers in one place: which data set lies at a path, and who reads it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from stefaland_sk._core import check_option
from stefaland_sk.data import Panel
from stefaland_sk.datasets import _camels_gb, _camels_us_files, _mopex
from stefaland_sk.datasets._camels_gb import load_camels_gb
from stefaland_sk.datasets._camels_us import load_camels_us
from stefaland_sk.datasets._caravan import load_caravan
from stefaland_sk.datasets._gridded import find_file, load_gridded
from stefaland_sk.datasets._ismn import load_ismn
from stefaland_sk.datasets._mopex import load_mopex
from stefaland_sk.datasets._netcdf_set import has_target
from stefaland_sk.datasets._paths import as_path, folder_of, missing
from stefaland_sk.datasets._series import open_netcdf
from stefaland_sk.datasets._site_files import is_site_files, load_site_files
from stefaland_sk.datasets._smap import is_database, load_smap
from stefaland_sk.datasets._soil_profiles import is_profiles, load_soil_profiles

_DEPTH = 5  # folders below each other in which files are looked for


def load_panel(path, kind=None, **options):
    """Load a data set of any kind; which one it is, is seen from what lies there.

    Parameters
    ----------
    path : str or path-like
        Folder or file of the data set.
    kind : str, default=None
        One of `PANEL_KINDS`, if it is not to be guessed: "camels_us", "camels_gb", "caravan",
        "mopex", "ismn", "smap", "soil_profiles", "gridded", "panel" (a netCDF file or zarr store on
        (site, time) without target), "site_files" (CSV files of your own) or "table" (one row of
        attributes per site).
    **options
        What the reader of that kind takes, such as ``sites`` or ``period``.

    Returns
    -------
    X : Panel
        Inputs.
    y : DataFrame or None
        Target; None where there is none, as in the kinds "panel" and "table".

    Raises
    ------
    FileNotFoundError
        If nothing that is known lies there; the message lists what was looked for.
    TypeError
        If the reader does not take an option.
    ValueError
        If there is no such kind, or the reader refuses the data.

    See Also
    --------
    find_kind : The kind alone.
    load_camels_us, load_camels_gb, load_caravan, load_mopex : Basins with streamflow.
    load_ismn, load_smap, load_gridded : Soil moisture and others.
    load_site_files : Own CSV files.
    load_soil_profiles : Texture of soils.

    Examples
    --------
    >>> import tempfile
    >>> from stefaland_sk.datasets import load_panel, make_catchments
    >>> X, _ = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     X.to_netcdf(f"{folder}/mine.nc")
    ...     panel, target = load_panel(f"{folder}/mine.nc")
    ...     print(panel, target)
    Panel(4 sites, 365 times from 2000-10-01 to 2001-09-30, 6 forcings, 26 attributes) None
    """
    if kind is None:
        kind = find_kind(path)
    check_option("kind", kind, list(_KINDS))
    reader = _KINDS[kind].reader
    known = [name for name in inspect.signature(reader).parameters if name != "path"]
    odd = [name for name in options if name not in known]
    if odd:
        raise TypeError(f"The reader of {kind!r} takes no option {odd[0]!r}; it takes {known}.")
    return reader(path, **options)


def find_kind(path):
    """Tell which kind of data set lies at a path.

    Parameters
    ----------
    path : str or path-like
        Folder or file of the data set.

    Returns
    -------
    str
        One of `PANEL_KINDS`.

    Raises
    ------
    FileNotFoundError
        If there is no such path, or nothing that is known lies there; the message lists what
        was looked for.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from stefaland_sk.datasets import find_kind
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "01329500.dly").touch()
    ...     find_kind(folder)
    'mopex'
    """
    path = as_path(path)
    for name, kind in _KINDS.items():
        if kind.is_here(path):
            return name
    raise missing(
        "data set of a known kind",
        path,
        [f"{name}: {kind.looks_for}" for name, kind in _KINDS.items()],
        "Give the folder or file of one data set.",
        or_file=True,
    )


@dataclass(frozen=True)
class _Kind:
    """A reader, and how its data set is recognised."""

    reader: Callable
    is_here: Callable
    looks_for: str


def _is_below(path, *patterns):
    """Tell whether a file of some pattern lies in a folder, or a few folders below it."""
    return path.is_dir() and any(
        next(path.glob("*/" * depth + pattern), None) is not None
        for depth in range(_DEPTH)
        for pattern in patterns
    )


def _is_camels_us(path):
    roots = (path, path / _camels_us_files.OFFICIAL)
    official = any((root / "basin_mean_forcing").is_dir() for root in roots)
    names = _camels_us_files.COMPACT
    compact = any((folder_of(path, names) / name).is_file() for name in names)
    return official or compact


def _is_camels_gb(path):
    patterns = ("CAMELS_GB_hydromet_timeseries_*.csv", "camels_gb_v2_hydromet_daily_*.csv")
    name = _camels_gb.COMPACT[0]
    return (folder_of(path, [name]) / name).is_file() or _is_below(path, *patterns)


def _is_caravan(path):
    series = (path / "timeseries" / kind for kind in ("netcdf", "csv"))
    return (path / "attributes").is_dir() and any(folder.is_dir() for folder in series)


def _is_mopex(path):
    name = _mopex.COMPACT[0]
    return (folder_of(path, [name]) / name).is_file() or _is_below(path, "????????.dly")


def _is_ismn(path):
    return path.suffix == ".zip" or _is_below(path, "*_sm_*.stm")


def _is_smap(path):
    if path.is_dir() and is_database(path):
        return True
    names = _names(path)
    return names is not None and "sm_surface" in names


def _is_gridded(path):
    names = _names(path)
    return names is not None and has_target(names)


def _is_panel(path):
    return path.suffix == ".zarr" or (path.suffix == ".nc" and path.is_file())


def _is_table(path):
    return _find_table(path) is not None


def _names(path):
    """Give the names of the variables of the one netCDF file at a path; None if there is none."""
    files = [path] if path.is_file() else sorted(path.glob("*.nc"))
    if not files or files[0].suffix != ".nc":
        return None
    if len(files) > 1:
        find_file(path)  # says that there are several
    with open_netcdf(files[0]) as data:
        return list(data.variables)


def _find_table(path):
    """Find the one table at a path; None if there is none."""
    endings = (".parquet", ".csv")
    files = [path] if path.is_file() else sorted(path.iterdir())
    files = [file for file in files if file.suffix in endings and file.is_file()]
    return files[0] if len(files) == 1 else None


def _load_panel_file(path):
    """Open a panel without target."""
    path = as_path(path)
    return (Panel.from_zarr if path.suffix == ".zarr" else Panel.from_netcdf)(path), None


def _load_table(path, id=None):
    """Read a table of attributes as a panel without forcing."""
    from stefaland_sk.datasets._corpus_panel import read_attributes  # which imports this module

    return read_attributes(_find_table(as_path(path)), id), None


# The first that finds its files reads them: those that can be told for sure go first.
_KINDS = {
    "camels_us": _Kind(
        load_camels_us,
        _is_camels_us,
        "basin_mean_forcing, camels_us_daymet.nc or camels_us_demo.nc",
    ),
    "camels_gb": _Kind(
        load_camels_gb, _is_camels_gb, "CAMELS_GB_hydromet_timeseries_*.csv or camels_gb.nc"
    ),
    "caravan": _Kind(load_caravan, _is_caravan, "attributes and timeseries/netcdf or /csv"),
    "mopex": _Kind(load_mopex, _is_mopex, "<gauge>.dly or mopex_us.nc"),
    "ismn": _Kind(load_ismn, _is_ismn, "*_sm_*.stm, or a .zip of them"),
    "smap": _Kind(load_smap, _is_smap, "a .nc with sm_surface, or crd.csv with <year>/timeStr.csv"),
    "soil_profiles": _Kind(
        load_soil_profiles,
        is_profiles,
        "wosis_*_clay.csv, layers and sites, or a table with sand_pct, silt_pct, clay_pct",
    ),
    "gridded": _Kind(load_gridded, _is_gridded, "a .nc with streamflow or soil moisture"),
    "panel": _Kind(_load_panel_file, _is_panel, "a .nc or .zarr on (site, time)"),
    "site_files": _Kind(
        load_site_files,
        is_site_files,
        "a .csv per site, or one for all, with a column of dates",
    ),
    "table": _Kind(_load_table, _is_table, "one .parquet or .csv with a row per site"),
}
#: Kinds of data sets that `load_panel` knows.
PANEL_KINDS = tuple(_KINDS)
