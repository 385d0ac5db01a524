"""What a panel is made of, checked: identifiers, attributes, forcing, times, names, groups."""

import numpy as np
import pandas as pd

from stefaland_sk.data._ids import as_site_ids, as_variable_names
from stefaland_sk.data._lazy import LazyForcing
from stefaland_sk.data._times import as_times


def common_site_ids(attributes, sites, forcing):
    """Read the identifiers from whichever table is there, and compare the tables."""
    if isinstance(forcing, dict):
        raise TypeError(
            "`forcing` must be one array with the axes (site, time, variable); got a dict. Use "
            "`np.stack(list(forcing.values()), axis=-1)` with `forcing_names=list(forcing)`."
        )
    tables = {"attributes": attributes, "sites": sites}
    found = {}
    for name, table in tables.items():
        if table is None:
            continue
        if not isinstance(table, pd.DataFrame):
            raise TypeError(
                f"`{name}` must be a DataFrame indexed by site; got {type(table).__name__}. Use "
                "`Panel.from_table` or `Panel.from_arrays` for plain arrays."
            )
        found[name] = as_site_ids(table.index, name)
    if not found:
        if forcing is None:
            raise ValueError("A Panel needs `attributes`, `forcing` or both; got neither.")
        return as_site_ids(range(np.shape(forcing)[0]), "forcing")
    if len(found) == 2 and not found["attributes"].equals(found["sites"]):
        odd = found["attributes"].symmetric_difference(found["sites"])
        what = f"for example {list(odd[:3])}" if len(odd) else "their order is different"
        raise ValueError(
            f"`attributes` and `sites` hold different sites: {what}. Bring them to one order with "
            "`sites.loc[attributes.index]`."
        )
    ids = next(iter(found.values()))
    if forcing is not None and np.shape(forcing)[0] != len(ids):
        raise ValueError(
            f"`forcing` has {np.shape(forcing)[0]} sites along its first axis, but "
            f"`{next(iter(found))}` has {len(ids)} rows."
        )
    return ids


def clean_attributes(attributes, site_ids):
    """Check that attributes are numbers and label them."""
    if attributes is None:
        return pd.DataFrame(index=site_ids)
    names = as_variable_names(attributes.columns, "attributes")
    for name, dtype in zip(names, attributes.dtypes, strict=True):
        if not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)):
            raise TypeError(
                f"The attribute {name!r} is not numeric (dtype {dtype}). Encode categories as "
                "numbers first, for example with sklearn.preprocessing.OneHotEncoder; what only "
                "describes sites goes into the site table, `sites=`."
            )
    values = attributes.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0]
        raise ValueError(
            f"The attribute {names[column]!r} of site {site_ids[row]!r} is infinite. Turn such "
            "values into NaN (missing)."
        )
    return pd.DataFrame(values, index=site_ids, columns=names)


def clean_forcing(forcing, time, names, site_ids):
    """Check forcing and its axes; give float32 (site, time, variable), time, names."""
    if forcing is None:
        if names:
            raise ValueError("`forcing_names` were given without `forcing`.")
        n_times = 0 if time is None else len(time)
        empty = np.empty((len(site_ids), n_times, 0), dtype=np.float32)
        return empty, None if time is None else as_time_axis(time), []
    if not isinstance(forcing, np.ndarray | LazyForcing):
        forcing = np.asarray(forcing)
    if forcing.ndim != 3:
        raise ValueError(
            "`forcing` must have the axes (site, time, variable); got an array of shape "
            f"{forcing.shape}."
        )
    if time is None:
        raise ValueError("`forcing` needs `time`, the start of each step.")
    time = as_time_axis(time)
    if len(time) != forcing.shape[1]:
        raise ValueError(f"`time` has {len(time)} steps, but `forcing` has {forcing.shape[1]}.")
    if names is None:
        names = [f"forcing{i}" for i in range(forcing.shape[2])]
    names = as_variable_names(names, "forcing_names")
    if len(names) != forcing.shape[2]:
        raise ValueError(
            f"`forcing_names` has {len(names)} names, but `forcing` has {forcing.shape[2]} "
            "variables."
        )
    if forcing.dtype != np.float32:
        forcing = forcing.astype(np.float32)
    return forcing, time, names


def as_time_axis(time):
    """Give a regular, increasing DatetimeIndex, or say where it is not."""
    time = as_times(time, "`time`").rename("time")
    if time.tz is not None:
        raise ValueError("`time` must have no zone; use `time.tz_localize(None)`.")
    if len(time) > 1:
        steps = np.diff(time.asi8)
        odd = np.flatnonzero((steps != steps[0]) | (steps <= 0))
        if len(odd):
            raise ValueError(
                f"`time` must increase in equal steps; the step after {time[odd[0]]} leads to "
                f"{time[odd[0] + 1]}. Put the record on a full axis (NaN where there is none)."
            )
    return time


def check_names(forcing_names, attribute_names):
    """Raise if a variable is both a forcing and an attribute."""
    both = sorted(set(forcing_names) & set(attribute_names))
    if both:
        raise ValueError(f"These names stand for a forcing and an attribute at once: {both}.")


def clean_groups(groups, attribute_names):
    """Check that each group names known attributes, each in one group."""
    cleaned, owner = {}, {}
    for group, members in (groups or {}).items():
        cleaned[str(group)] = [str(member) for member in members]
        for member in cleaned[str(group)]:
            if member not in attribute_names:
                raise ValueError(
                    f"The group {group!r} names the unknown attribute {member!r}. Known are "
                    f"{attribute_names}."
                )
            if member in owner:
                raise ValueError(
                    f"The attribute {member!r} is in two groups: {owner[member]!r} and {group!r}."
                )
            owner[member] = str(group)
    return cleaned
