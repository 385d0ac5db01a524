"""Own data: a CSV file for each site, or one for all, with a table of the sites."""

import re
import warnings

import pandas as pd

from stefaland_sk._core import DataWarning, import_optional
from stefaland_sk.data import read_long, runoff_from_discharge, target_derived
from stefaland_sk.data._attribute_table import SITE_NAMES
from stefaland_sk.data._times import as_times
from stefaland_sk.datasets._base import give
from stefaland_sk.datasets._dataset import build
from stefaland_sk.datasets._netcdf_set import RENAMED, open_set, set_region
from stefaland_sk.datasets._paths import as_path, missing

_DATES = ("date", "time", "datetime", "day", "dates", "timestamp")
_ENDINGS = (".csv", ".parquet")
_DATE_ADVICE = (
    "Name the column of dates by `date=`, and say how it is written by `read_csv`, such as "
    "{'sep': ';'} or {'parse_dates': ['Datum'], 'dayfirst': True}."
)


def load_site_files(
    path,
    *,
    table=None,
    site=None,
    date=None,
    rename=None,
    units=None,
    target=None,
    region=None,
    forcings=None,
    attributes="default",
    sites=None,
    period=None,
    as_frame=False,
    read_csv=None,
):
    """Load a CSV file for each site, or one for all sites, and a table of the sites.

    The files have a column of dates and columns of numbers, with any names. Variables that the
    library should know (rain, temperatures, flow) are named by `rename`; their units are converted
    if `units` tells them.

    Parameters
    ----------
    path : str or path-like
        Folder with a ``.csv`` file for each site, named after it; or one ``.csv`` or ``.parquet``
        file with a column of sites.
    table : str or path-like, default=None
        Table with one row per site, ``.csv`` or ``.parquet``. None takes the only one in the folder
        or beside it. The column of identifiers is found by comparing; zeros that they
        have lost at the front are given back.
    site : str, default=None
        Column with the identifiers, where all sites are in one file; None takes the one called
        site, gauge, station, basin, id, or ending in ``_id``.
    date : str, default=None
        Column with the dates; None takes the one called date or time, else the first. Dates have
        the year first, unless `read_csv` says how they are to be read.
    rename : dict of str to str, default=None
        Names in the files and in the table -> names of the library, such as
        ``{"Rain (mm)": "prcp", "Flow": "discharge", "Area": "area", "Y": "lat"}``.
    units : dict of str to str, default=None
        Units of variables, by the new names. Known variables are taken to be in the library's
        unit (mm/d, degC, m3/s, km2) where nothing is said.
    target : str, default=None
        What is to be predicted, by either name. None takes the one variable that is known as a
        target: ``discharge`` becomes runoff [mm/d] if the table has the ``area`` [km2];
        ``target="discharge"`` leaves it as it is.
    region : str, default=None
        Column of the table that says in which region a site lies; becomes ``region`` of the site
        table. None takes one of this name, in capitals or not.
    forcings : list of str, default=None
        Variables to give. None gives those that the library knows as forcing, and all that do not
        stand for a target if it knows none. tmean and pet (Hargreaves) can be derived from tmin
        and tmax.
    attributes : {"default", "all"} or list of str, default="default"
        Numbers of the table to give; both words take all but what stands for a target.
    sites : list of str, default=None
        Sites to read, in this order. None reads all.
    period : pair of str or Timestamp, default=None
        First and last day, both included. None takes the whole record.
    as_frame : bool, default=False
        Whether to give a long table and a Series instead of a panel and a table.
    read_csv : dict, default=None
        Options of `pandas.read_csv` for the files, such as ``{"sep": ";", "decimal": ","}``,
        ``{"na_values": [-999]}`` or ``{"parse_dates": ["Datum"], "dayfirst": True}``.

    Returns
    -------
    X : Panel, or DataFrame if `as_frame`
        Forcing and attributes; the site table has ``lat``, ``lon``, ``area``, texts, and `region`.
    y : DataFrame of shape (n_sites, n_times), or Series if `as_frame`; or None
        The target, NaN where it was not observed; None if no file has any.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file, or no file of a site in it.
    ValueError
        If dates, identifiers, numbers or the target are not clear, or a unit cannot be converted;
        messages name file and column.

    Warns
    -----
    DataWarning
        If the table lacks sites, or columns are left out because their names are not known.
    LeakageWarning
        If `forcings` or `attributes` names something that stands for a target.

    See Also
    --------
    load_gridded : The same for a netCDF file.
    stefaland_sk.Panel.from_long : The same for a table in memory.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from stefaland_sk.datasets import load_site_files
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for gauge in ("0102", "0205"):
    ...         rows = ["Date,Rain,Flow", "2000-10-01,3.1,2.0", "2000-10-02,0.0,"]
    ...         _ = Path(folder, f"{gauge}.csv").write_text("\\n".join(rows))
    ...     _ = Path(folder, "sites.csv").write_text("Gauge,Area,Slope\\n102,172.8,3\\n205,86.4,5")
    ...     names = {"Rain": "prcp", "Flow": "discharge", "Area": "area"}
    ...     X, y = load_site_files(folder, rename=names)
    >>> X
    Panel(2 sites, 2 times from 2000-10-01 to 2000-10-02, 1 forcing, 2 attributes)
    >>> y.attrs["name"], y.loc["0102"].tolist()
    ('runoff', [1.0, nan])
    """
    options = dict(read_csv or {})
    files, table = _find_files(as_path(path), None if table is None else as_path(table), options)
    panel = _read_series(files, site, date, options)
    data = panel.to_xarray()
    names = RENAMED | dict(rename or {})
    ours = {names.get(name, name) for name in panel.forcing_names}
    is_known = target is not None or bool(target_derived(ours))
    if not is_known:
        data["runoff"] = data[panel.forcing_names[0]].astype("float32") * float("nan")
    is_made = target == "runoff" and "runoff" not in ours  # from discharge
    there = "discharge" if is_made else target
    where = files[0] if len(files) == 1 else files[0].parent
    found = open_set(where, table, target=there, rename=rename, units=units, data=data)
    _warn_of_the_rest(found, forcings, where)
    if region is None:
        region = _named([*found.sites, *found.table], ("region",))
    if region is not None:
        set_region(found, region, where)
    X, y = build(found, forcings=forcings, attributes=attributes, sites=sites, period=period)
    if not is_known:
        return (X.to_long() if as_frame else X), None
    is_made |= target is None and y.attrs["name"] == "discharge" and "area" in X.sites
    if is_made:
        y = runoff_from_discharge(y, X)
    return give(X, y, y.attrs["name"], as_frame)


def _warn_of_the_rest(found, forcings, where):
    """Name the columns that are left out because nobody asked for them by name."""
    rest = [name for name in found.forcings if name not in found.default_forcings]
    rest = [name for name in rest if name not in target_derived(rest)]
    if forcings is None and rest:
        warnings.warn(
            f"Of {where.name} only {found.default_forcings} are taken as forcing; {rest} are names "
            "that the library does not know. Tell by `rename` what they are, or list all in "
            "`forcings=`.",
            DataWarning,
            stacklevel=3,
        )


def is_site_files(path):
    """Tell whether series of sites lie at a path: files with a column of dates.

    Parameters
    ----------
    path : Path
        A folder or a file.

    Returns
    -------
    bool
        True if there is any.
    """
    if path.is_file():
        return path.suffix in _ENDINGS and _has_dates(path, {})
    return any(_series_in(folder, {}) for folder in [path, *_folders_in(path)])


def _find_files(path, table, options):
    """Find the files with series, and the table of the sites that belongs to them."""
    if path.is_file():
        files = [path]
    else:
        folders = {path: _series_in(path, options)}
        if not folders[path]:
            folders = {folder: _series_in(folder, options) for folder in _folders_in(path)}
            folders = {folder: files for folder, files in folders.items() if files}
        if not folders:
            looked = [path / "*.csv", path / "*" / "*.csv"]
            raise missing("files of sites with a column of dates", path, looked, _DATE_ADVICE)
        if len(folders) > 1:
            raise ValueError(
                f"{path} holds several folders with series, {[f.name for f in folders]}. Give the "
                f"path of one of them, such as {str(next(iter(folders)))!r}."
            )
        files = next(iter(folders.values()))
    if table is None:
        near = [files[0].parent] + ([files[0].parent.parent] if path.is_dir() else [])
        table = next(filter(None, (_table_in(folder, files, options) for folder in near)), None)
    return files, table


def _folders_in(path):
    """List the folders in a folder."""
    return sorted(folder for folder in path.iterdir() if folder.is_dir()) if path.is_dir() else []


def _series_in(folder, options):
    """List the CSV files in a folder that have a column of dates."""
    return [file for file in sorted(folder.glob("*.csv")) if _has_dates(file, options)]


def _table_in(folder, files, options):
    """Find the one table in a folder that is no series; None if there is none."""
    tables = [file for file in sorted(folder.iterdir()) if file.suffix in _ENDINGS]
    tables = [file for file in tables if file not in files and not _has_dates(file, options)]
    if len(tables) > 1:
        raise ValueError(
            f"Which of {[file.name for file in tables]} in {folder} is the table of the sites? "
            "Name it by `table=`."
        )
    return tables[0] if tables else None


def _has_dates(file, options):
    """Tell whether a file has a column of dates."""
    try:
        frame = _read(file, {**options, "nrows": 2})
    except (ValueError, OSError):  # no table at all
        return False
    if not len(frame.columns) or frame.empty:
        return False
    return _named(frame, _DATES) is not None or _is_date(frame.iloc[0, 0])


def _is_date(value):
    """Tell whether a value of a file is a date: a year, a month and a day."""
    if isinstance(value, pd.Timestamp):
        return True
    return isinstance(value, str) and re.match(r"\s*\d+[-/.]\d+[-/.]\d+", value) is not None


def _read(file, options):
    """Read a file as it is."""
    if file.suffix == ".parquet":
        import_optional("pyarrow", "data", "Reading parquet files")
        frame = pd.read_parquet(file)
        return frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
    return pd.read_csv(file, **{"skipinitialspace": True, **options})


def _read_series(files, site, date, options):
    """Read all files into a panel; of one file for all, what is constant is an attribute."""
    column = _column_of_sites(files[0], site, options) if len(files) == 1 else None
    if column is not None:
        frame = _read(files[0], {"dtype": {column: str}, **options})  # with zeros at the front
        ids = frame.pop(column).astype(str)
        frame = frame.set_index([ids.rename("site"), _times(frame, files[0], date).rename("time")])
        panel = read_long(_texts_to_index(frame, files[0])).panel
    else:
        parts = {}
        for file in files:
            frame = _read(file, options)
            frame = frame.set_index(_times(frame, file, date).rename("time"))
            parts[file.stem] = _numbers(frame, file)
        frame = pd.concat(parts, names=["site", "time"])
        panel = read_long(frame, forcings=list(frame.columns), attributes=[]).panel
    if panel.step is not None and panel.step != pd.Timedelta("1D"):
        raise ValueError(
            f"{files[0]} has steps of {panel.step}; days are wanted. Bring it to days first, for "
            "example with `frame.resample('D')`."
        )
    return panel


def _named(columns, names, ends=False):
    """Find a column by name, or by how it ends, whatever its case; None if there is none."""
    lower = {name: str(name).strip().lower() for name in columns}
    fits = (lambda text: text.endswith(names)) if ends else (lambda text: text in names)
    return next((name for name, text in lower.items() if fits(text)), None)


def _column_of_sites(file, site, options):
    """Find the column that says the site; None if the file holds one site alone."""
    frame = _read(file, {**options, "nrows": 2})
    if site is None:
        return _named(frame, SITE_NAMES) or _named(frame, "_id", ends=True)
    if site not in frame:
        raise ValueError(f"`site` names {site!r}, but {file.name} has {list(frame.columns)}.")
    return site


def _texts_to_index(frame, file):
    """Keep what a file for all sites says in words of a site, as levels of its index."""
    texts = [n for n, kind in frame.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    table = frame[texts].groupby(level="site").nunique()
    numbers = _numbers(frame, file)
    described = [name for name in texts if (table[name] <= 1).all()]
    return numbers.set_index([frame[name] for name in described], append=True)


def _times(frame, file, date):
    """Take the column of dates out of a file."""
    if date is not None and date not in frame:
        raise ValueError(f"`date` names {date!r}, but {file.name} has {list(frame.columns)}.")
    column = date or _named(frame, _DATES) or frame.columns[0]
    try:
        times = as_times(pd.Index(frame.pop(column)), f"The column {column!r} of {file.name}")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{error} {_DATE_ADVICE}") from error
    if times.hasnans:
        raise ValueError(f"A date is missing in the column {column!r} of {file.name}.")
    # Where a day begins at 09:00 or in a zone, it is called by its date.
    return times.tz_localize(None).normalize() if _is_daily(times) else times


def _is_daily(times):
    """Tell whether all times have the same time of day."""
    clock = times - times.normalize()
    return bool((clock == clock[0]).all())


def _numbers(frame, file):
    """Give the columns of numbers; one that is spoilt by words is named, one of words left out."""
    texts = [n for n, kind in frame.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    for name in texts:
        numbers = pd.to_numeric(frame[name], errors="coerce")
        odd = frame[name][numbers.isna() & frame[name].notna()]
        if numbers.notna().any():
            raise ValueError(
                f"The column {name!r} of {file.name} holds {odd.iloc[0]!r} beside numbers. If it "
                f"stands for a missing value: `read_csv={{'na_values': [{odd.iloc[0]!r}]}}`; of "
                "numbers with a comma: `read_csv={'decimal': ','}`."
            )
    return frame.drop(columns=texts).astype("float64")
