"""A data set that was found on disk, and what all readers make of it: a panel and a target."""

import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from stefaland_sk._core import LeakageWarning, check_option
from stefaland_sk.data import Panel, target_derived
from stefaland_sk.datasets._base import (
    choose_names,
    choose_period,
    choose_sites,
    derive_forcing,
    give,
)
from stefaland_sk.datasets._variables import DERIVED_FORCINGS

PLACES = {"lat": "deg", "lon": "deg"}


@dataclass
class DataSet:
    """What a reader says of a data set; everything goes by our names and in our units.

    Parameters
    ----------
    name : str
        What messages call it.
    series : object
        Reads forcing and targets, see `stefaland_sk.datasets._series`.
    forcings : dict of str to str
        All variables that may be asked for, and their units.
    default_forcings : list of str
        Those that are given if none are asked for.
    targets : dict of str to str
        What may be predicted, and its unit; the first is the default.
    table : DataFrame
        By site: numbers, of which some may stand for a target, and texts.
    sites : DataFrame
        The site table, for the same sites.
    units : dict of str to str
        Of the columns of both tables.
    groups : dict of str to list of str
        Of attributes.
    default_attributes : list of str
        Those that are given if none are asked for.
    texts_in : dict of str to str
        Attributes that are no numbers -> the file they stand in.
    inspect : callable, default=None
        Called with what was read (name -> array) and the forcing asked for, before anything is
        derived from it.
    """

    name: str
    series: object
    forcings: dict
    default_forcings: list
    targets: dict
    table: pd.DataFrame
    sites: pd.DataFrame
    units: dict = field(default_factory=dict)
    groups: dict = field(default_factory=dict)
    default_attributes: list | None = None
    texts_in: dict = field(default_factory=dict)
    inspect: Callable | None = None

    @property
    def site_ids(self):
        """Sites that have both series and a row in the table."""
        known = set(self.table.index)
        return [site for site in self.series.site_ids if site in known]

    @property
    def numbers(self):
        """Names of the columns of the table that are numbers."""
        return [n for n, kind in self.table.dtypes.items() if pd.api.types.is_numeric_dtype(kind)]

    @property
    def signatures(self):
        """Names of the numbers that stand for a target or are computed from one."""
        return target_derived(self.numbers)

    @property
    def derivable(self):
        """Forcing that is computed from what the files have."""
        if {"tmin", "tmax"} <= self.forcings.keys():
            return {n: unit for n, unit in DERIVED_FORCINGS.items() if n not in self.forcings}
        return {}


def build(
    data,
    *,
    forcings=None,
    attributes="default",
    signatures=(),
    sites=None,
    period=None,
    target=None,
    as_frame=False,
):
    """Give the panel and the target of a data set, as the caller of a reader wants them.

    Parameters
    ----------
    data : DataSet
        What was found; its series are closed here.
    forcings, attributes, signatures, sites, period, target, as_frame
        As the readers document them.

    Returns
    -------
    X : Panel, or DataFrame if `as_frame`
        Inputs.
    y : DataFrame of shape (n_sites, n_times), or Series if `as_frame`
        Target.
    """
    with closing(data.series):
        target = next(iter(data.targets)) if target is None else target
        check_option("target", target, list(data.targets))
        forcings = _choose_forcings(forcings, data)
        names = choose_attributes(attributes, data)
        signatures = choose_names("signatures", signatures, data.signatures)
        chosen = choose_sites(sites, data.site_ids, data.name)
        index = pd.Index(chosen, dtype="str", name="site")
        table = data.table.loc[chosen].set_axis(index, axis=0)
        site_table = data.sites.loc[chosen].set_axis(index, axis=0)
        time = data.series.span(chosen)
        time = time[choose_period(period, time)]
        planes = data.series.read(_needed(forcings, target, data), chosen, time)
    if data.inspect is not None:
        data.inspect(planes, forcings)
    known = data.units | data.forcings | data.derivable
    joined = table[[n for n in signatures if n not in site_table]]
    X = Panel(
        _attributes(table, site_table, names),
        _stack(planes, forcings, site_table, time),
        time=time,
        sites=site_table.join(joined),
        forcing_names=forcings or None,
        units={n: known[n] for n in (*forcings, *names, *signatures) if known.get(n)},
        groups=_groups(data.groups, names),
    )
    y = pd.DataFrame(planes[target], index=X.site_ids, columns=X.time)
    y.attrs["name"] = target
    if data.targets[target]:  # of a target that nobody knows, the file may tell no unit
        y.attrs["units"] = data.targets[target]
    return give(X, y, target, as_frame)


def _choose_forcings(forcings, data):
    """Check the forcing asked for; a variable that stands for a target is given with a warning."""
    if forcings is None:
        return list(data.default_forcings)
    chosen = choose_names("forcings", forcings, [*data.forcings, *data.derivable])
    _warn_of_leaks("forcings", target_derived(chosen))
    return chosen


def choose_attributes(attributes, data):
    """Give the names of the attributes asked for."""
    numbers, leaks = data.numbers, set(data.signatures)
    usual = [n for n in numbers if n not in leaks and data.units.get(n) != "class"]
    if isinstance(attributes, str):
        check_option("attributes", attributes, ["default", "all", "a list of names"])
        if attributes == "all":
            return [name for name in numbers if name not in leaks]
        chosen = usual if data.default_attributes is None else list(data.default_attributes)
        absent = [name for name in chosen if name not in numbers]
        if absent:
            raise ValueError(f"The attributes {absent} are not in the files; there are {numbers}.")
        return chosen
    wanted = list(attributes)
    for name in wanted:
        if name in data.texts_in or (name in data.table and name not in numbers):
            where = (
                f" Read it from {data.texts_in[name]}, encode"
                if name in data.texts_in
                else " Encode"
            )
            raise ValueError(
                f"The attribute {name!r} is a category, and attributes are numbers.{where} it (for "
                "example with pandas.get_dummies) and add the columns with "
                "`X.assign(attributes=...)`."
            )
    places = [name for name in PLACES if name in data.sites]
    choose_names("attributes", wanted, [*numbers, *places])
    _warn_of_leaks("attributes", [name for name in wanted if name in leaks])
    return wanted


def _warn_of_leaks(parameter, names):
    """Warn that the caller asks for what stands for a target."""
    if names:
        warnings.warn(
            f"The {parameter} {names} stand for a target or are computed from one. A model that "
            "reads them has seen what it is judged on, and they do not exist where nothing was "
            "observed. Leave them out; `signatures=`, where a reader has it, puts them into the "
            "site table only.",
            LeakageWarning,
            stacklevel=5,
        )


def _needed(forcings, target, data):
    """Give the variables to read: those asked for, those that others are made of, the target."""
    made = set(forcings) & set(data.derivable)
    names = [*forcings, *(("tmin", "tmax") if made else ()), target]
    return [name for name in dict.fromkeys(names) if name not in made]


def _stack(planes, forcings, site_table, time):
    """Put forcing together, deriving what is to be derived; None if there is none."""
    if not forcings:
        return None
    first = next(iter(planes.values()))
    forcing = np.empty((*first.shape, len(forcings)), dtype=np.float32)
    for position, name in enumerate(forcings):
        if name in planes:
            forcing[:, :, position] = planes[name]
        else:
            lat = site_table["lat"].to_numpy() if "lat" in site_table else None
            forcing[:, :, position] = derive_forcing(
                name, planes["tmin"], planes["tmax"], lat, time
            )
    return forcing


def _attributes(table, site_table, names):
    """Take attributes, and places that were asked for by name."""
    columns = {n: table[n] if n in table else site_table[n] for n in names}
    return pd.DataFrame(columns, index=table.index).astype(np.float64)


def _groups(groups, names):
    """Give the groups of the attributes taken."""
    taken = {group: [n for n in members if n in names] for group, members in groups.items()}
    return {group: members for group, members in taken.items() if members}
