"""One data set of a corpus: read, joined with a table, renamed, and cut to what is wanted."""

import warnings
from contextlib import contextmanager

import numpy as np
import pandas as pd

from stefaland_sk._core import DataWarning, LeakageWarning, check_option
from stefaland_sk.data import Panel, get_variable_set, target_derived
from stefaland_sk.data._attribute_table import SITE_NAMES, find_identifiers, read_table
from stefaland_sk.datasets._registry import PANEL_KINDS, load_panel
from stefaland_sk.datasets._site_files import is_site_files

_TABLES = (".parquet", ".csv")
_PLACES = {"lat", "lon", "gauge_lat", "gauge_lon", "latitude", "longitude"}


def read_panel(path, options):
    """Read one data set and bring it into the form that the options ask for."""
    renamed = options.get("rename", {})
    with _quiet_about_the_rest("forcings" in options and "attributes" in options):
        panel = _open(path, options, renamed)
    for table in reversed(options.get("table", [])):  # what is joined last goes before the rest
        with said_of("`table`"):
            panel = _join(panel, **table)
    if renamed:
        with said_of("`rename`"):
            panel = panel.rename_variables(renamed)
    if "region" in options:
        column = _column(panel, "region", options["region"])
        panel = panel.assign(sites=panel.sites.assign(region=_as_texts(column)))
    panel = _choose_sites(panel, options)
    panel = _choose_variables(panel, options, path)
    if "period" in options:
        with said_of("`period`"):
            panel = panel.sel_time(*map(str, options["period"]))
    return _describe_variables(panel, options)


@contextmanager
def _quiet_about_the_rest(quiet):
    """Ignore the warning of variables left out, if a description says which ones it wants."""
    with warnings.catch_warnings():
        if quiet:
            warnings.filterwarnings("ignore", "Left out of the panel", DataWarning)
        yield


def _open(path, options, renamed):
    """Read a file or a folder, with all attributes that it has."""
    old = {here: there for there, here in renamed.items()}
    forcings = options.get("forcings")
    forcings = [old.get(n, n) for n in forcings] if isinstance(forcings, list) else None
    readers = {".nc": Panel.from_netcdf, ".zarr": Panel.from_zarr}
    if path.suffix in readers:
        dims = {key: options[key] for key in ("site_dim", "time_dim") if key in options}
        return readers[path.suffix](path, forcings=forcings, **dims)
    has_series = path.suffix in _TABLES and path.is_file() and is_site_files(path)
    if path.suffix in _TABLES and not has_series:
        return read_attributes(path, options.get("id"))
    if path.is_dir() or path.suffix == ".zip" or has_series:
        attributes = "default" if options.get("attributes") is None else "all"
        chosen = {} if forcings is None else {"forcings": forcings}
        return load_panel(path, attributes=attributes, **chosen)[0]
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {str(path)!r}.")
    raise ValueError(
        f"{str(path)!r} is none of what a corpus is made of: a folder with a data set that "
        f"`load_panel` knows ({', '.join(PANEL_KINDS)}), a .nc file, a .zarr store, a .parquet or "
        ".csv table of attributes, or a .toml description of these."
    )


def read_attributes(path, column):
    """Read a table of attributes as a panel without forcing."""
    table, texts = read_table(path)
    if column is None:
        column = _guess_identifiers(path, table)
    elif column not in table:
        raise ValueError(
            f"`id` names the column {column!r}, which {path.name} does not have; its columns are "
            f"{list(table)[:10]}{' ...' if table.shape[1] > 10 else ''}."
        )
    ids = table.index if column is None else texts[column]
    table = table.drop(columns=[] if column is None else column).set_axis(pd.Index(ids), axis=0)
    attributes, texts = _part_numbers(table)
    return Panel.from_table(attributes, sites=texts)


def _guess_identifiers(path, table):
    """Find the column with the identifiers; None is the index."""
    if not isinstance(table.index, pd.RangeIndex):
        return None

    def is_unlike(name):
        return table[name].notna().all() and table[name].is_unique

    names = [name for name in table if not pd.api.types.is_float_dtype(table[name])]
    likely = [n for n in names if n.lower() in SITE_NAMES or n.lower().endswith("_id")]
    texts = [name for name in names if not pd.api.types.is_numeric_dtype(table[name])]
    for name in [*likely, *texts]:
        if is_unlike(name):
            return name
    raise ValueError(
        f"No column of {path.name} looks like the identifiers of its sites. Name it with the key "
        "`id` of a description (.toml)."
    )


def _join(panel, path, id=None, prefix=""):
    """Add attributes from a table; sites that it lacks have missing values."""
    table, texts = read_table(path)
    if id is None:
        id, ids = find_identifiers(texts, panel.site_ids, "site")
    elif id in texts:
        ids = texts[id].map(str)
    else:
        raise ValueError(f"`id` names the column {id!r}, which {path.name} does not have.")
    table = table.drop(columns=[] if id is None else id).set_axis(prefix + pd.Index(ids), axis=0)
    if not panel.site_ids.isin(table.index).any():
        raise ValueError(
            f"{path.name} holds none of the sites, such as {list(panel.site_ids[:2])}; its "
            f"identifiers are like {list(table.index[:2])}. Name their column with `id`, and what "
            "they lack at their front with `prefix`."
        )
    if not table.index.is_unique:
        twice = list(table.index[table.index.duplicated()].unique()[:3])
        raise ValueError(f"{path.name} holds these sites more than once: {twice}.")
    known = {*panel.sites.columns, *panel.forcing_names, *(_PLACES & set(panel.attribute_names))}
    table = table.reindex(panel.site_ids).drop(columns=[name for name in table if name in known])
    attributes, texts = _part_numbers(table)
    own = panel.attributes.drop(columns=[n for n in panel.attribute_names if n in attributes])
    return panel.assign(attributes=own.join(attributes), sites=panel.sites.join(texts))


def _part_numbers(table):
    """Part a table into its columns of numbers and all others."""
    number = [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]
    return table.loc[:, number], table.loc[:, [not n for n in number]]


def _column(panel, key, name):
    """Give a column of the site table or of the attributes."""
    for table in (panel.sites, panel.attributes):
        if name in table:
            return table[name]
    check_option(key, name, [*panel.sites.columns, *panel.attribute_names])


def _as_texts(column):
    """Turn labels into texts; whole numbers do not get a decimal point, missing ones stay."""
    if pd.api.types.is_numeric_dtype(column):
        column = column.convert_dtypes()
    return column.astype("str").where(column.notna())


def _choose_sites(panel, options):
    """Take the sites asked for, and leave out those excluded."""
    if "sites" in options:
        with said_of("`sites`"):
            panel = panel.select(options["sites"])
    out = pd.Series(False, index=panel.site_ids)
    if "exclude" in options:
        found = panel.site_ids.isin(options["exclude"])
        if not found.any():
            raise ValueError(
                f"`exclude` names {len(options['exclude'])} sites, such as "
                f"{options['exclude'][:2]}, none of which is here; these are like "
                f"{list(panel.site_ids[:2])}. Identifiers are compared as they are: '01013500' and "
                "'1013500' differ."
            )
        out |= found
    if "exclude_where" in options:
        out |= _column(panel, "exclude_where", options["exclude_where"]).fillna(0).astype(bool)
    if "exclude_regions" in options:
        regions = list(map(str, options["exclude_regions"]))
        if "region" not in panel.sites:
            raise ValueError("`exclude_regions` needs `region`, a column that says the regions.")
        for region in regions:
            check_option("exclude_regions", region, sorted(set(panel.sites["region"].dropna())))
        out |= lies_in(panel, regions)
    if out.all():
        raise ValueError("No site is left.")
    return panel[~out.to_numpy()] if out.any() else panel


def _choose_variables(panel, options, path):
    """Keep the forcing and the attributes asked for; the other attributes describe the sites."""
    columns = panel.attributes
    more = panel.sites.select_dtypes("number")
    columns = columns.join(more[more.columns.difference(columns.columns, sort=False)])
    forcings = _choose("forcings", options.get("forcings"), panel.forcing_names, (), path)
    found = list(columns) if options.get("attributes") is not None else panel.attribute_names
    attributes = _choose("attributes", options.get("attributes"), found, _PLACES, path)
    if forcings != panel.forcing_names:
        panel = panel.keep_variables(forcings=forcings)
    rest = panel.attributes[panel.attributes.columns.difference(attributes, sort=False)]
    rest = rest[rest.columns.difference(panel.sites.columns, sort=False)]
    return panel.assign(attributes=columns[attributes], sites=panel.sites.join(rest))


def _choose(key, wanted, known, unwanted, path):
    """Give the names to take; those that stand for a target must be asked for by name."""
    if isinstance(wanted, list):
        for name in wanted:
            check_option(key, name, known)
        leaks = target_derived(wanted)
        if leaks:
            warnings.warn(
                f"The {key} {leaks} of {path.name} stand for a target. A model that is pretrained "
                "on them has seen what it will be judged on.",
                LeakageWarning,
                stacklevel=2,
            )
        return wanted
    if wanted is not None:
        members = get_variable_set(wanted)
        members = members.forcing_names if key == "forcings" else members.attribute_names
        known = [name for name in members if name in known]
        if not known:
            raise ValueError(f"`{key}`: there is no variable of the set {wanted!r}.")
        unwanted = ()
    leaks = target_derived(known)
    if leaks and wanted is None:
        warnings.warn(
            f"Left out of the {key} of {path.name}: {leaks}, which stand for a target. List all "
            f"`{key}` in a description (.toml) to have them nonetheless, or to silence this.",
            LeakageWarning,
            stacklevel=2,
        )
    return [name for name in known if name not in leaks and name not in unwanted]


def _describe_variables(panel, options):
    """Give the variables their units and groups, those of a variable set where none are given."""
    sets = [options[key] for key in ("forcings", "attributes") if isinstance(options.get(key), str)]
    units = {name: unit for one in sets for name, unit in get_variable_set(one).units.items()}
    groups = options.get("groups")
    if groups is None and isinstance(options.get("attributes"), str):
        groups = options["attributes"]
    if isinstance(groups, str):
        groups = get_variable_set(groups).groups_in(panel.attribute_names)
    here = {*panel.forcing_names, *panel.attribute_names}
    units = {name: unit for name, unit in units.items() if name in here and name not in panel.units}
    for name in options.get("units", {}):
        check_option("units", name, [*panel.forcing_names, *panel.attribute_names])
    with said_of("`groups`"):
        return panel.assign(groups=groups, units=units | options.get("units", {}))


def lies_in(panel, regions):
    """Tell which sites lie in some regions.

    Parameters
    ----------
    panel : Panel
        Any sites; without the column ``region`` in the site table, none lies in any.
    regions : sequence of str
        Names of regions.

    Returns
    -------
    ndarray of bool of shape (n_sites,)
        True for sites that lie in one of them.
    """
    if "region" not in panel.sites:
        return np.zeros(panel.n_sites, dtype=bool)
    return panel.sites["region"].astype(str).isin(list(regions)).to_numpy()


@contextmanager
def said_of(where):
    """Say in the message of an error what it is about."""
    try:
        yield
    except (FileNotFoundError, OSError, ImportError, TypeError, ValueError) as error:
        kinds = (FileNotFoundError, OSError, ImportError, TypeError, ValueError)
        kind = next(kind for kind in kinds if isinstance(error, kind))
        raise kind(f"{where}: {error}") from error
