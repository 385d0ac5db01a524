"""One netCDF file with a table of attributes beside it, as a data set."""

import warnings

import numpy as np
import pandas as pd

from stefaland_sk._core import DataWarning
from stefaland_sk.data import known_variable, target_derived
from stefaland_sk.data._attribute_table import find_identifiers, read_table
from stefaland_sk.data._units import unit_change
from stefaland_sk.datasets._dataset import PLACES, DataSet
from stefaland_sk.datasets._series import Columns, NetcdfTable, open_netcdf

SITE_DIMS = ("site", "basin", "gauge_id", "station", "gauge", "id", "cell", "location")
TIME_DIMS = ("time", "date", "day")
# Names under which files carry what the library calls otherwise.
RENAMED = {
    "q_obs": "runoff",
    "qobs": "runoff",
    "streamflow": "runoff",
    "discharge_spec": "runoff",
    "discharge_vol": "discharge",
    "sm_surface": "soil_moisture",
    "sand_pct": "sand_frac",
    "silt_pct": "silt_frac",
    "clay_pct": "clay_frac",
    "gauge_lat": "lat",
    "gauge_lon": "lon",
    "latitude": "lat",
    "longitude": "lon",
    "area_km2": "area",
    "elev": "elev_mean",
}


def open_set(file, table=None, *, name=None, target=None, rename=None, units=None, data=None):
    """Describe a netCDF file, and perhaps a table, as a data set.

    Parameters
    ----------
    file : Path
        The netCDF file, with one dimension of sites and one of time.
    table : Path, default=None
        Attributes of the sites, a parquet or CSV file.
    name : str, default=None
        What to call it in messages; None is the name of the file.
    target : str, default=None
        What is to be predicted, by the name in the file or ours. None takes the one variable that
        is known as a target.
    rename : dict of str to str, default=None
        Names in the files -> ours, beyond those that the library knows.
    units : dict of str to str, default=None
        Units by our names, where the files have none or others.
    data : xarray.Dataset, default=None
        The content of the file, if it was opened before.

    Returns
    -------
    DataSet
        The data set; units of known variables are converted to ours.
    """
    data = open_netcdf(file) if data is None else data
    names = RENAMED | dict(rename or {})
    site_dim, time_dim = find_dims(data, file)
    series = [n for n in data.variables if set(data[n].dims) == {site_dim, time_dim}]
    ours = {_ours(n, names, series): n for n in series if data[n].dtype.kind in "fiu"}
    target = _choose_target(target, ours, file)
    columns, found_units = Columns(), {}
    for here, there in ours.items():
        columns[here], found_units[here] = _convert(data[there], here, units or {}, file)
    leaks = {*target_derived(ours), target}
    inputs = {n: found_units[n] for n in ours if n not in leaks}
    default = [n for n in inputs if (known := known_variable(n)) and known.role == "forcing"]
    reader = NetcdfTable(data, columns, site_dim, time_dim)
    numbers, texts = _properties(data, site_dim, reader.site_ids, table, names)
    sites, numbers = _part_sites(numbers, texts)
    known = {n: v.unit for n in numbers if (v := known_variable(n))}
    return DataSet(
        name=name or file.name,
        series=reader,
        # What stands for a target can be asked for by name, and then draws a warning.
        forcings=inputs | {n: found_units[n] for n in ours if n in leaks and n != target},
        default_forcings=default or list(inputs),
        targets={target: found_units[target]},
        table=numbers,
        sites=sites,
        units=PLACES | {"area": "km2"} | known | (units or {}),
    )


def find_dims(data, file):
    """Find the dimensions of sites and of time."""
    dims = list(data.sizes)
    site = next((name for name in SITE_DIMS if name in dims and name in data.coords), None)
    dated = [n for n in dims if n in data.coords and data[n].dtype.kind == "M"]
    time = next((name for name in TIME_DIMS if name in dated), dated[0] if dated else None)
    if site is None or time is None:
        what = "sites with identifiers" if site is None else "dates"
        raise ValueError(
            f"{file} has no dimension of {what}: its dimensions are {dims}. Sites are looked for "
            f"under {list(SITE_DIMS)}; rename with xarray, or give a file on a grid (lat, lon)."
        )
    return site, time


def _ours(name, names, others):
    """Give our name of a variable, unless another variable has it already."""
    here = names.get(name, name)
    return name if here != name and here in others else here


def _is_moisture(name):
    """Tell soil moisture of some depth, which is near the target wherever it is not the target."""
    return name.startswith(("sm_", "soil_moisture"))


def has_target(names):
    """Tell whether a file with these variables has one that may be predicted.

    Parameters
    ----------
    names : list of str
        Names in the file.

    Returns
    -------
    bool
        True if there is any.
    """
    ours = [RENAMED.get(name, name) for name in names]
    return any(name in ("runoff", "discharge", "target") or _is_moisture(name) for name in ours)


def _choose_target(target, ours, file):
    """Find the variable to be predicted."""
    if target is not None:
        for here, there in ours.items():
            if target in (here, there):
                return here
        raise ValueError(f"`target` is {target!r}, which {file} lacks; it has {sorted(ours)}.")
    found = [n for n in ours if n in ("runoff", "discharge", "soil_moisture")]
    found = found or [n for n in ours if n in target_derived(ours)]
    if len(found) != 1:
        what = f"{len(found)} variables could be it: {found}" if found else f"of {sorted(ours)}"
        raise ValueError(f"Say what is to be predicted in {file} by `target`; {what}.")
    return found[0]


def _convert(variable, name, units, file):
    """Give the column of a variable, converted to our unit, and that unit."""
    known, stated = known_variable(name), units.get(name, variable.attrs.get("units"))
    there = str(variable.name)
    if known is None or stated is None:
        return (there, 1.0, 0.0), stated or (known.unit if known else "")
    change = unit_change(stated, known.unit)
    if change is None:
        raise ValueError(
            f"{file}: {there} is in {stated!r}, which cannot be made {known.unit!r} of {name}. Is "
            f"the name right? Say another with `rename=`, or the true unit with `units=`."
        )
    return (there, *change), known.unit


def _properties(data, site_dim, site_ids, table, names):
    """Give numbers and texts by site, from the file and from the table beside it."""
    own = {n: data[n].values for n in data.variables if data[n].dims == (site_dim,)}
    own = pd.DataFrame({n: v for n, v in own.items() if n != site_dim}, index=site_ids)
    if table is not None:
        own = own.rename(columns=names)
        more = read_properties(table, pd.Index(site_ids, dtype="str")).rename(columns=names)
        lost = [site for site in site_ids if site not in more.index]
        if lost:
            warnings.warn(
                f"{table.name} lacks {len(lost)} of {len(site_ids)} sites, for example {lost[:3]}; "
                "their attributes are missing.",
                DataWarning,
                stacklevel=5,
            )
        more = more.reindex(site_ids)
        own = own[[n for n in own if n not in more]].join(more)
    own = own.rename(columns=names)
    number = [pd.api.types.is_numeric_dtype(kind) for kind in own.dtypes]
    return own.loc[:, number].astype(np.float64), own.loc[:, [not n for n in number]]


def read_properties(table, site_ids):
    """Read a table of properties by site; the identifiers are found by comparing.

    Parameters
    ----------
    table : Path
        A parquet or CSV file.
    site_ids : Index of str
        The sites that are looked for.

    Returns
    -------
    DataFrame
        The table, indexed by site.

    Raises
    ------
    ValueError
        If no column holds any of the sites.
    """
    frame, texts = read_table(table)
    column, ids = find_identifiers(texts, site_ids, "site")
    if not site_ids.isin(ids).all():
        padded = _with_zeros(texts, site_ids)
        column, ids = max((column, ids), padded, key=lambda found: site_ids.isin(found[1]).sum())
    if not ids.isin(site_ids).any():
        raise ValueError(
            f"No column of {table} holds the identifiers of the sites, which are like "
            f"{list(site_ids[:2])}."
        )
    frame = frame.drop(columns=[] if column is None else column)
    return frame.set_axis(ids, axis=0)


def _with_zeros(texts, site_ids):
    """Find identifiers that have lost the zeros at their front, and give these back."""
    whole = {site.lstrip("0"): site for site in site_ids}
    bare = {name: values.map(lambda text: str(text).lstrip("0")) for name, values in texts.items()}
    column, ids = find_identifiers(pd.DataFrame(bare), pd.Index(list(whole), dtype="str"), "site")
    is_clear = len(whole) == len(site_ids)
    return column, ids.map(lambda text: whole.get(text, text)) if is_clear else ids


def _part_sites(numbers, texts):
    """Part what describes sites from what may be an attribute."""
    described = [n for n in ("lat", "lon", "area") if n in numbers]
    more = [n for n in numbers if n in ("in_531", "easting", "northing")]
    sites = texts.join(numbers[described + more])
    return sites, numbers.drop(columns=[n for n in (*described, *more) if n in PLACES or n in more])


def set_region(found, name, where):
    """Make a column the region of the sites: a text, which is no attribute.

    Parameters
    ----------
    found : DataSet
        The data set; changed in place.
    name : str
        The column, of its site table or its attributes.
    where : Path
        For messages.
    """
    table = next((table for table in (found.sites, found.table) if name in table), None)
    if table is None:
        raise ValueError(
            f"`region` names the column {name!r}; the sites of {where} have "
            f"{[*found.sites.columns, *found.table.columns]}."
        )
    column = table[name]
    if pd.api.types.is_numeric_dtype(column):
        column = column.convert_dtypes()
    found.sites = found.sites.assign(region=column.astype("str").where(column.notna()))
    found.table = found.table.drop(columns=name, errors="ignore")
