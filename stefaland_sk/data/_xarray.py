"""Panels to xarray datasets and back."""

import json
import warnings
from os import PathLike

import numpy as np
import pandas as pd
import xarray as xr

from stefaland_sk._core import DataWarning
from stefaland_sk.data._attribute_table import join_attributes
from stefaland_sk.data._ids import as_site_ids
from stefaland_sk.data._lazy import LazyForcing, duration_unit, numbers
from stefaland_sk.data._panel import Panel
from stefaland_sk.data._target import align_target, name_of_target

# What the variables' own attrs cannot say stands in this attribute of the dataset, as JSON.
REST = "panel"


def read_xarray(
    dataset,
    *,
    site_dim="site",
    time_dim="time",
    forcings=None,
    attributes=None,
    groups=None,
    lazy=None,
    path=None,
):
    """Turn a dataset into a panel; see `Panel.from_xarray`.

    Parameters
    ----------
    dataset : xarray.Dataset
        Numbers on (site, time) are forcing, numbers on (site) attributes; coordinates and
        texts on (site) go to the site table. Variables on other dimensions are left out,
        with a warning unless both lists below are given.
    site_dim, time_dim : str, default="site", "time"
        Names of the two dimensions. A dataset without `time_dim` makes a panel without
        time axis.
    forcings : list of str, default=None
        Names to take, in this order; None takes all.
    attributes : list of str, DataFrame, str or PathLike, default=None
        Names to take, in this order; None takes all. Or a table of attributes, or the path of a
        parquet or CSV file: then the numbers on (site) go to the site table.
    groups : dict, default=None
        Attribute groups; None reads ``attrs["group"]``.
    lazy : bool, default=None
        Whether forcing stays where it is until it is asked for. None: if dask holds it.
    path : str, default=None
        The file that the dataset was opened from, without which lazy forcing is of no use.

    Returns
    -------
    Panel
        The panel.

    Raises
    ------
    TypeError
        If `dataset` is not a Dataset, its times are not time stamps, or a variable to be
        taken is not numeric.
    ValueError
        If a dimension, the identifiers or a variable are missing.
    """
    _check_dataset(dataset, site_dim, time_dim)
    site_ids = as_site_ids(_texts(dataset[site_dim].values), f"the dimension {site_dim!r}")
    time = _read_time(dataset, time_dim)
    extra = json.loads(dataset.attrs.get(REST, "{}"))
    has_table = isinstance(attributes, pd.DataFrame | str | PathLike)
    forcings, own, rest = _sort_variables(
        dataset, (site_dim, time_dim), forcings, attributes, extra.get("order", []), has_table
    )
    if has_table:
        table, texts = join_attributes(attributes, site_ids, site_dim)
        attributes, rest = [], own + rest
        sites = _read_sites(dataset, site_ids, rest)
        sites = sites.join(texts[texts.columns.difference(sites.columns, sort=False)])
    else:
        table = pd.DataFrame({name: numbers(dataset[name]) for name in own}, index=site_ids)
        attributes = own
        sites = _read_sites(dataset, site_ids, rest)
    return Panel(
        table,
        _read_forcing(dataset, (site_dim, time_dim), forcings, lazy, path),
        time=time,
        forcing_names=[str(name) for name in forcings] or None,
        sites=sites,
        units=_read_units(dataset, [*forcings, *attributes, *rest], extra),
        groups=_read_groups(dataset, attributes, extra) if groups is None else groups,
    )


def write_xarray(panel, target=None):
    """Turn a panel into a dataset; see `Panel.to_xarray`.

    Raises
    ------
    ValueError
        If a variable is named like a dimension, or the target like a variable.
    """
    forcing = panel.forcing
    planes = {name: forcing[:, :, i] for i, name in enumerate(panel.forcing_names)}
    return with_target(dataset_of(panel, planes), panel, target)


def with_target(dataset, panel, target):
    """Add a target to the dataset of a panel; None adds nothing."""
    if target is None:
        return dataset
    name, unit = name_of_target(target, panel)
    if name in dataset.variables or name in panel.forcing_names:
        raise ValueError(
            f"The target is called {name!r}, as a variable of the panel is. Call it otherwise, by "
            "`target.attrs['name']`."
        )
    values = align_target(target, panel, "target")
    attrs = {} if unit is None else {"units": unit}
    return dataset.assign({name: (("site", "time")[: values.ndim], values, attrs)})


def dataset_of(panel, planes):
    """Turn a panel into a dataset whose forcing variables hold other arrays, or are left out.

    Parameters
    ----------
    panel : Panel
        Gives everything but the values of the forcing.
    planes : dict of str to array-like of shape (n_sites, n_times)
        What the forcing variables hold.

    Returns
    -------
    xarray.Dataset
        The dataset.
    """
    taken = {"site", "time", *panel.forcing_names, *panel.attribute_names}
    for name in ("site", "time"):
        if name in panel.forcing_names + panel.attribute_names:
            raise ValueError(
                f"A variable of this panel is named {name!r}, which in a dataset is a dimension. "
                "Rename it first."
            )
    units, groups = panel.units, panel.groups
    coords = {"site": np.array(list(panel.site_ids), dtype=str)}
    if panel.time is not None:
        coords["time"] = panel.time
    said = set(panel.forcing_names + panel.attribute_names)
    for column, values in panel.sites.items():
        # A dataset has one name for one thing; a panel may know `lat` as column and attribute.
        name = column if column not in taken else f"site_{column}"
        more = {} if name == column else {"column": column}
        coords[name] = ("site", _plain(values), variable_attrs(panel, column) | more)
        said.add(column)
    variables = {
        name: (("site", "time"), plane, variable_attrs(panel, name))
        for name, plane in planes.items()
    }
    for name, values in panel.attributes.items():
        variables[name] = ("site", values.to_numpy(), variable_attrs(panel, name))
    dataset = xr.Dataset(variables, coords)
    rest = {"units": {name: unit for name, unit in units.items() if name not in said}}
    if _read_groups(dataset, panel.attribute_names, {}) != groups:
        rest["groups"] = groups  # an order, or an empty group, that the variables cannot say
    rest = {key: value for key, value in rest.items() if value}
    if rest:
        dataset.attrs[REST] = json.dumps(rest)
    return dataset


def variable_attrs(panel, name):
    """Give what a dataset says of a variable: its unit and its group."""
    owner = {member: group for group, members in panel.groups.items() for member in members}
    found = {"units": panel.units.get(name), "group": owner.get(name)}
    return {key: value for key, value in found.items() if value is not None}


# ---------------------------------------------------------------------- reading
def _check_dataset(dataset, site_dim, time_dim):
    """Raise unless there is a dataset with identified sites."""
    if isinstance(dataset, xr.DataArray):
        last = dataset.dims[-1] if dataset.ndim == 3 else None
        way = f"to_dataset(dim={last!r})" if last else "to_dataset(name='prcp')"
        raise TypeError(
            f"A panel is read from a Dataset, whose variables have names; got a DataArray with "
            f"the dimensions {dataset.dims}. Use `array.{way}`."
        )
    if not isinstance(dataset, xr.Dataset):
        raise TypeError(f"A panel is read from an xarray Dataset; got {type(dataset).__name__}.")
    dims = list(dataset.sizes)
    if site_dim not in dims:
        raise ValueError(
            f"The dataset has no dimension {site_dim!r}; its dimensions are {dims}. Name the one "
            "that counts the sites with `site_dim=`."
        )
    if site_dim not in dataset.coords:
        raise ValueError(
            f"The dimension {site_dim!r} has no coordinate with the identifiers of the sites. Use "
            f"`dataset.assign_coords({{{site_dim!r}: identifiers}})`."
        )
    if time_dim in dims and time_dim not in dataset.coords:
        raise ValueError(
            f"The dimension {time_dim!r} has no coordinate with the times. Use "
            f"`dataset.assign_coords({{{time_dim!r}: times}})`."
        )
    if time_dim not in dims:
        for name in dims:
            if name in dataset.coords and dataset[name].dtype.kind == "M":
                raise ValueError(
                    f"The dataset has no dimension {time_dim!r}; its dimensions are {dims}. Name "
                    f"the one that counts the steps, perhaps `time_dim={name!r}`."
                )


def _read_time(dataset, time_dim):
    """Read the times, or None."""
    if time_dim not in dataset.sizes:
        return None
    index = dataset[time_dim].to_index()
    if isinstance(index, pd.DatetimeIndex):
        return index
    kind = f"dtype {index.dtype}"
    if hasattr(index, "calendar"):
        kind = f"the calendar {index.calendar!r}"
    raise TypeError(
        f"The coordinate {time_dim!r} must hold time stamps of the usual calendar; got {kind}. Use "
        "`xarray.decode_cf(dataset)` or `dataset.convert_calendar('standard')`."
    )


def _sort_variables(dataset, dims, forcings, attributes, order, has_table):
    """Tell which variables are forcing, which attributes and which belong to the site table."""
    site_dim, time_dim = dims
    found, others = {"forcings": [], "attributes": []}, []
    # zarr forgets the order of variables, so our files say it; others come behind, as they are.
    place = {name: i for i, name in enumerate(order)}
    names = sorted(dataset.variables, key=lambda name: place.get(name, len(place)))
    coords = [
        name
        for name in names
        if name in dataset.coords and dataset[name].dims == (site_dim,) and name != site_dim
    ]
    for name in names:
        if name in dataset.coords:
            continue
        variable = dataset[name]
        if set(variable.dims) == {site_dim, time_dim} and _is_number(variable):
            found["forcings"].append(name)
        elif variable.dims == (site_dim,):
            (found["attributes"] if _is_number(variable) else coords).append(name)
        elif site_dim in variable.dims or time_dim in variable.dims:
            others.append(name)
    if others and (forcings is None or attributes is None):
        what = ", ".join(f"{name} {dataset[name].dims}" for name in others[:5])
        warnings.warn(
            f"Left out of the panel, which holds numbers on ({site_dim}, {time_dim}) and on "
            f"({site_dim}): {what}{' ...' if len(others) > 5 else ''}. Drop them, or list what "
            "you want in `forcings=` and `attributes=`, to silence this.",
            DataWarning,
            stacklevel=4,
        )
    asked = {"forcings": forcings, "attributes": None if has_table else attributes}
    expected = {"forcings": dims, "attributes": (site_dim,)}
    for label, names in asked.items():
        if names is not None:
            _check_asked(dataset, label, names, expected[label])
            found[label] = list(names)
    return found["forcings"], found["attributes"], coords


def _check_asked(dataset, label, names, dims):
    """Raise unless the named variables exist, on the right dimensions, and are numbers."""
    missing = [name for name in names if name not in dataset.variables]
    if missing:
        raise ValueError(
            f"`{label}` names the unknown variables {missing}; there are "
            f"{sorted(map(str, dataset.data_vars))}."
        )
    for name in names:
        if set(dataset[name].dims) != set(dims):
            raise ValueError(
                f"`{label}` names {name!r}, which has the dimensions {dataset[name].dims}; "
                f"expected {dims}."
            )
        if not _is_number(dataset[name]):
            raise TypeError(
                f"The variable {name!r} in `{label}` is not numeric (dtype {dataset[name].dtype}). "
                "Encode or drop it."
            )


def _is_number(variable):
    """Tell whether a variable holds numbers; durations count."""
    return getattr(variable.dtype, "kind", "O") in "fiubm"


def _read_forcing(dataset, dims, names, lazy, path):
    """Give the forcing, read or to be read."""
    if not names:
        return None
    if lazy is None:
        lazy = any(dataset[name].chunks is not None for name in names)
    forcing = LazyForcing([dataset[name].variable for name in names], dims, path)
    return forcing if lazy else forcing.read()


def _read_sites(dataset, site_ids, names):
    """Read the site table."""
    columns = {}
    for name in names:
        values = dataset[name]
        plain = values.values
        if plain.dtype.kind in "SUOT":  # files write a missing text as an empty one
            texts = _texts(plain).tolist()
            plain = np.array([None if text == "" else text for text in texts], dtype=object)
        columns[str(values.attrs.get("column", name))] = plain
    return pd.DataFrame(columns, index=site_ids)


def _texts(values):
    """Decode bytes, which netCDF makes of texts; blanks at their end are filling."""

    def text(value):
        return value.decode("utf-8").rstrip("\x00 ") if isinstance(value, bytes) else value

    if values.dtype.kind not in "SO":
        return values
    decoded = np.empty(values.shape, dtype=object)
    decoded[:] = [text(value) for value in values]
    return decoded


def _read_units(dataset, names, extra):
    """Read units of variables and of the site table."""
    units = dict(extra.get("units", {}))
    for name in names:
        variable = dataset[name]
        unit = variable.attrs.get("units")
        if variable.dtype.kind == "m":
            unit = duration_unit(variable)
        if unit is not None:
            units[str(variable.attrs.get("column", name))] = str(unit)
    return units


def _read_groups(dataset, attributes, extra):
    """Read attribute groups."""
    groups, owner = {}, {}
    for name in attributes:
        group = dataset[name].attrs.get("group")
        if group is not None:
            owner[str(name)] = str(group)
            groups.setdefault(str(group), []).append(str(name))
    # The dataset's own list gives the order; variables dropped since then are no members.
    ordered = {}
    for group, members in extra.get("groups", {}).items():
        kept = [name for name in members if owner.get(name) == group]
        if kept or not members:
            ordered[group] = kept
    for group, members in groups.items():
        listed = ordered.setdefault(group, [])
        listed += [name for name in members if name not in listed]
    return ordered


# ---------------------------------------------------------------------- writing
def _plain(column):
    """Give a column of the site table as a numpy array that any file format can hold."""
    if isinstance(column.dtype, np.dtype):
        return column.to_numpy()
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        if column.isna().any():
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        return column.to_numpy(dtype=column.dtype.numpy_dtype)
    return column.astype(object).to_numpy()
