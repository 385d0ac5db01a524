"""The door of pretraining: panels and tables joined to a corpus, and sites read by name."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stefaland_sk._core import check_option
from stefaland_sk.data import Panel, is_long, read_long
from stefaland_sk.estimators._inputs import (
    Inputs,
    read_table,
    warn_of_dealt_rows,
    warn_of_targets,
)


@dataclass(frozen=True)
class CorpusInputs:
    """What a model is pretrained on.

    Parameters
    ----------
    panels : list of Panel
        The parts of X, then those of `extra`, with the chosen variables.
    n_own : int
        How many of them are parts of X.
    named : ndarray of bool of shape (n_sites,)
        Which sites of all panels have identifiers; rows of an array are only numbered.
    is_table : bool
        Whether X is a plain table and no part has forcing: scikit-learn's rules hold then.
    """

    panels: list
    n_own: int
    named: np.ndarray
    is_table: bool


def is_corpus(X):
    """Tell whether X is a list of data sets, not one.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    bool
        True for a list with a Panel or a DataFrame in it.
    """
    return isinstance(X, list | tuple) and any(isinstance(x, Panel | pd.DataFrame) for x in X)


def read_corpus(estimator, X, *, goes_on=False):
    """Turn X and the estimator's `extra` into panels with the chosen variables.

    Parameters
    ----------
    estimator : StefaLandTransformer
        Says which variables are chosen; gets ``n_features_in_`` if X is a plain table.
    X : Panel, DataFrame, array-like, or list of Panel and DataFrame
        The data.
    goes_on : bool, default=False
        Whether a training goes on: its variables are known, and need not be in X.

    Returns
    -------
    CorpusInputs
        The panels.

    Raises
    ------
    TypeError
        If a part is neither a Panel nor a DataFrame.
    ValueError
        If a part has no site, or a chosen variable is nowhere.

    Warns
    -----
    LeakageWarning
        If a variable stands for a target and was not chosen by name.
    """
    chosen = {name: getattr(estimator, name) for name in ("forcings", "attributes")}
    several = is_corpus(X)
    extra = [] if estimator.extra is None else estimator.extra
    if not isinstance(extra, list | tuple):
        raise TypeError(
            f"`extra` must be a list of panels or DataFrames. Got {type(extra).__name__}."
        )
    labels = [f"Part {i} of X" for i in range(1, len(X) + 1)] if several else ["X"]
    labels += [f"`extra[{i}]`" for i in range(len(extra))]
    parts = [*(X if several else [X]), *extra]
    is_table = not several and not isinstance(X, Panel) and not is_long(X)
    if goes_on:
        chosen = dict.fromkeys(chosen)
        is_table = is_table and estimator.kind_ == "table"
    inputs = []
    for part, label in zip(parts, labels, strict=True):
        if is_table and not inputs:
            inputs.append(read_table(estimator, part, reset=not goes_on))
        else:
            inputs.append(_read_part(part, label, chosen))
    for part, label in zip(inputs, labels, strict=True):
        if part.panel.n_sites == 0:
            raise ValueError(f"{label} has 0 sites, while a minimum of 1 is required.")
    panels = _choose([part.panel for part in inputs], **chosen)
    if not goes_on:
        _warn_of_targets(panels, chosen)
    is_table = is_table and not any(panel.n_forcings for panel in panels)
    named = np.repeat([part.has_site_ids for part in inputs], [p.n_sites for p in panels])
    return CorpusInputs(panels, len(parts) - len(extra), named, is_table)


def read_sites(estimator, X):
    """Turn X into a panel whose variables are looked up by name.

    Parameters
    ----------
    estimator : StefaLandTransformer
        Fitted.
    X : Panel, DataFrame or array-like
        Sites.

    Returns
    -------
    Inputs
        The panel, and the way back to the rows of a long table.

    Raises
    ------
    TypeError
        If X is a list of several panels.
    ValueError
        If X has no site, or is a table without names for a model that finds its variables
        by name, or has forcing for one that was fitted on a plain table.
    """
    if is_corpus(X):
        raise TypeError(
            f"X is a {type(X).__name__} of {len(X)} data sets. Several can be fitted on and scored "
            "together; give them one by one here."
        )
    name = type(estimator).__name__
    if isinstance(X, Panel):
        inputs = Inputs(X, "panel")
    elif is_long(X):
        rows = read_long(X, **_wanted_columns(estimator, X.columns))
        warn_of_dealt_rows(rows.panel, stacklevel=5)
        inputs = Inputs(rows.panel, "long", rows)
    elif estimator.kind_ == "table" and estimator.variable_map is None:
        return read_table(estimator, X, reset=False)
    elif isinstance(X, pd.DataFrame):
        wanted = _wanted_columns(estimator, X.columns)["attributes"]
        table = X.set_axis([str(column) for column in X.columns], axis=1)[wanted]
        inputs = Inputs(Panel.from_table(table), "table")
    else:
        raise ValueError(
            f"This {name} finds its variables by name, but X is an array without names. Give a "
            "DataFrame with one row per site, a Panel, or a DataFrame with the index levels 'site' "
            "and 'time'."
        )
    if inputs.panel.n_sites == 0:
        raise ValueError("X has 0 sites, while a minimum of 1 is required.")
    if estimator.kind_ == "table" and inputs.panel.n_forcings:
        raise ValueError(
            f"This {name} was fitted on a plain table of attributes, but X has forcing. Give "
            "`panel.attributes`."
        )
    return inputs


def _read_part(part, label, chosen):
    """Turn one data set of a corpus into a panel."""
    if isinstance(part, Panel):
        return Inputs(part, "panel")
    if is_long(part):
        there = set(map(str, part.columns))
        columns = {
            role: None if names is None else [name for name in names if name in there]
            for role, names in chosen.items()
        }
        panel = read_long(part, **columns).panel
        warn_of_dealt_rows(panel, stacklevel=6)
        return Inputs(panel, "long")
    if isinstance(part, pd.DataFrame):
        is_numbered = isinstance(part.index, pd.RangeIndex)
        return Inputs(Panel.from_table(part), "table", has_site_ids=not is_numbered)
    hint = ""
    if type(part).__module__.partition(".")[0] == "xarray":
        hint = " Use `Panel.from_xarray(dataset)`."
    raise TypeError(
        f"{label} must be a Panel, or a DataFrame of attributes or with the index levels 'site' "
        f"and 'time'. Got {type(part).__name__}.{hint}"
    )


def _choose(panels, forcings, attributes):
    """Keep the chosen variables, in the order asked for; each must be in some panel."""
    if forcings is None and attributes is None:
        return panels
    kept = []
    for role, names in (("forcings", forcings), ("attributes", attributes)):
        there = [getattr(panel, f"{role.removesuffix('s')}_names") for panel in panels]
        known = list(dict.fromkeys(name for part in there for name in part))
        for name in names or []:
            check_option(role, name, known)
        kept.append([None if names is None else [n for n in names if n in part] for part in there])
    return [panel.keep_variables(*names) for panel, *names in zip(panels, *kept, strict=True)]


def _warn_of_targets(panels, chosen):
    """Warn of variables that stand for a target, unless they were chosen by name."""
    there = {n: None for panel in panels for n in (*panel.forcing_names, *panel.attribute_names)}
    warn_of_targets(there, chosen, stacklevel=6)


def _wanted_columns(estimator, columns):
    """Say which columns of a table the model reads, and as what."""
    there, wanted = set(map(str, columns)), {}
    variable_map = estimator.variable_map or {}
    for role in ("forcing", "attribute"):
        names = {}
        for name in getattr(estimator, f"{role}_names_"):
            source = variable_map.get(name, name)
            names |= dict.fromkeys([source] if isinstance(source, str) else source[1])
        wanted[f"{role}s"] = [name for name in names if name in there]
    forcings = set(wanted["forcings"])
    wanted["attributes"] = [name for name in wanted["attributes"] if name not in forcings]
    return wanted
