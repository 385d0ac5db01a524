"""The door of every estimator: what X and y may be, turned into a panel and back."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.utils.validation import column_or_1d, validate_data

from stefaland_sk._core import DataWarning, LeakageWarning, SplitWarning, refuse_path
from stefaland_sk.data import (
    LongTable,
    Panel,
    align_target,
    convert_units,
    dealt_at_random,
    is_long,
    read_long,
    target_derived,
)
from stefaland_sk.data._texts import refuse_texts

_STEPS_PER_BLOCK = 2**18  # of the sites that are encoded together


@dataclass(frozen=True)
class Inputs:
    """X as a panel, and the way back to the caller's samples."""

    panel: Panel
    kind: str  # "panel", "long" or "table"
    rows: LongTable | None = None
    has_site_ids: bool = True  # False: a plain table whose rows are only numbered
    labels: pd.Index | None = None  # of the rows of a plain table, where it has any

    def restore(self, values):
        """Align predictions of shape (n_sites, n_times) with the caller's samples."""
        if self.kind == "long":
            return self.rows.to_rows(values)
        # Without a time axis a sample has one value, in whatever form X came.
        return values[:, 0] if self.panel.time is None else values


def read_inputs(estimator, X, *, reset):
    """Turn X into a panel and compare its variables with those seen in `fit`.

    Parameters
    ----------
    estimator : estimator
        Gets ``feature_names_in_`` and ``n_features_in_`` if `reset`; its
        ``forcing_names_`` and ``attribute_names_`` say what is expected otherwise.
    X : Panel, DataFrame or array-like
        A panel, a long table or a plain table.
    reset : bool
        True in ``fit``.

    Returns
    -------
    Inputs
        The panel, with the variables of ``fit`` and no others, in its order and in its units.
    """
    chosen = {name: getattr(estimator, name, None) for name in ("forcings", "attributes")}
    if isinstance(X, Panel):
        if reset and any(names is not None for names in chosen.values()):
            X = X.keep_variables(**chosen)
        inputs = Inputs(X, "panel")
    elif is_long(X):
        if not reset:
            chosen = _fitted_variables(estimator, X.columns)
            chosen["step"] = getattr(estimator, "step_", None)
        rows = read_long(X, **chosen)
        warn_of_dealt_rows(rows.panel)
        inputs = Inputs(rows.panel, "long", rows)
    else:
        inputs = read_table(estimator, X, reset=reset)
    if inputs.panel.n_sites == 0:
        raise ValueError("X has 0 sites, while a minimum of 1 is required.")
    if reset:
        _remember(estimator, inputs)
    elif inputs.kind != "table":
        _compare(estimator, inputs.panel)
        panel = _take_variables(estimator, inputs.panel)
        inputs = replace(inputs, panel=convert_units(panel, getattr(estimator, "units_", {})))
    _refuse_infinite(inputs.panel)
    return inputs


def read_target(estimator, y, inputs):
    """Turn y into a (site, time) array aligned with the panel.

    Parameters
    ----------
    estimator : estimator
        For messages.
    y : array-like
        Target, aligned with the caller's samples.
    inputs : Inputs
        What `read_inputs` gave for X.

    Returns
    -------
    ndarray of float32 of shape (n_sites, max(n_times, 1))
        The target, NaN where not observed.
    """
    name = type(estimator).__name__
    if y is None:
        raise ValueError(
            f"{name} requires y to be passed, but the target y is None. Pass y as the target."
        )
    if inputs.kind == "panel":
        target = align_target(y, inputs.panel)
        target = target if target.ndim == 2 else target[:, None].astype(np.float32)
    elif inputs.kind == "long":
        target = inputs.rows.from_rows(_row_values(y, inputs))
    else:
        _refuse_rows_of_days(y)
        warn_of_other_order(y, inputs)
        target = _table_values(y, len(inputs.panel))[:, None].astype(np.float32)
    if not np.isfinite(target).any():
        raise ValueError(f"{name} needs at least one observed target; all of `y` is missing.")
    return target


# ---------------------------------------------------------------------- X
def read_table(estimator, X, *, reset):
    """Check a plain table as scikit-learn does: each row is a site with attributes only.

    Parameters
    ----------
    estimator, X, reset
        As for `read_inputs`.

    Returns
    -------
    Inputs
        A panel without a time axis.
    """
    if type(X).__module__.partition(".")[0] == "xarray":
        raise TypeError(f"X is an xarray {type(X).__name__}. Use `Panel.from_xarray(dataset)`.")
    refuse_path(X)
    if not reset and getattr(estimator, "kind_", "table") != "table":
        raise ValueError(
            f"This {type(estimator).__name__} was fitted on sites with forcing, but X is a plain "
            "table. Give a Panel, or a DataFrame with the index levels 'site' and 'time'."
        )
    if getattr(X, "ndim", 2) == 3:
        raise ValueError(
            f"X has three dimensions: features of days, as from StefaLandTransformer(pool=None). "
            f"Give {type(estimator).__name__} one row per site, by pool='mean'; a head on features "
            "of days is StefaLandRegressor(encoder=...)."
        )
    refuse_texts(X)
    values = validate_data(
        estimator,
        X,
        reset=reset,
        dtype=np.float64,
        ensure_all_finite="allow-nan",
    )
    index, names = range(len(values)), [f"x{i}" for i in range(values.shape[1])]
    if isinstance(X, pd.DataFrame):
        names = [str(column) for column in X.columns]
        if X.index.is_unique and not isinstance(X.index, pd.RangeIndex | pd.MultiIndex):
            index = X.index
    table = pd.DataFrame(values, index=pd.Index(list(map(str, index))), columns=names)
    labels = X.index if isinstance(X, pd.DataFrame) else None
    return Inputs(Panel.from_table(table), "table", None, index is labels, labels)


def _remember(estimator, inputs):
    """Store which variables the estimator was fitted on."""
    estimator.kind_ = "table" if inputs.panel.time is None else "series"
    estimator.forcing_names_ = inputs.panel.forcing_names
    estimator.attribute_names_ = inputs.panel.attribute_names
    estimator.units_ = dict(inputs.panel.units)
    estimator.step_ = inputs.panel.step
    if inputs.kind != "table":
        names = inputs.panel.forcing_names + inputs.panel.attribute_names
        estimator.feature_names_in_ = np.array(names, dtype=object)
        estimator.n_features_in_ = len(names)


def _fitted_variables(estimator, columns):
    """Say which columns of a long table are which, as seen in fit."""
    there = set(map(str, columns))
    return {
        "forcings": [name for name in estimator.forcing_names_ if name in there],
        "attributes": [name for name in estimator.attribute_names_ if name in there],
    }


def _compare(estimator, panel):
    """Raise if a variable seen in fit is not there now."""
    name = type(estimator).__name__
    if estimator.kind_ == "table" and panel.n_forcings:
        raise ValueError(
            f"This {name} was fitted on a plain table of attributes, but X has forcing. Give "
            "`panel.attributes`."
        )
    step = getattr(estimator, "step_", None)
    if None not in (step, panel.step) and panel.step != step:
        raise ValueError(
            f"This {name} was fitted on steps of {step}, but X has steps of {panel.step}. Bring X "
            "to the same step, for example with `resample`."
        )
    for label, wanted, there in (
        ("forcing variables", estimator.forcing_names_, panel.forcing_names),
        ("attributes", estimator.attribute_names_, panel.attribute_names),
    ):
        missing = [variable for variable in wanted if variable not in there]
        if missing:
            raise ValueError(
                f"X lacks {len(missing)} of the {len(wanted)} {label} that this {name} was fitted "
                f"on: {missing[:5]}. X has {there}."
            )


def _refuse_infinite(panel):
    """Raise if a forcing variable is infinite (a panel checks its attributes itself)."""
    for positions, forcing in panel.walk_forcing():
        # The largest and smallest of all tell, without a second array of their size.
        ends = [end.reduce(forcing, axis=None) for end in (np.fmax, np.fmin) if forcing.size]
        if np.isinf(ends).any():
            site, time, variable = np.argwhere(np.isinf(forcing))[0]
            raise ValueError(
                f"The forcing {panel.forcing_names[variable]!r} is infinite at site "
                f"{panel.site_ids[positions][site]!r} on {panel.time[time]:%Y-%m-%d}. Use NaN "
                "where a value is missing."
            )


def loaded_blocks(panel):
    """Walk the sites of a panel, few enough at a time that their forcing fits into memory.

    Parameters
    ----------
    panel : Panel
        Any sites, in memory or lazy.

    Yields
    ------
    rows : slice
        Consecutive sites.
    block : Panel
        These sites, in memory; infinite values are refused.
    """
    first = 0
    for block in panel.blocks(max(_STEPS_PER_BLOCK // max(panel.n_times, 1), 1)):
        block = block.load()
        _refuse_infinite(block)
        yield slice(first, first + block.n_sites), block
        first += block.n_sites


def _take_variables(estimator, panel):
    """Keep the variables of `fit`, in its order: a pretrained encoder may know others."""
    forcings, attributes = estimator.forcing_names_, estimator.attribute_names_
    same = panel.forcing_names == forcings
    if same and panel.attribute_names == attributes:
        return panel
    # None keeps all forcing and copies nothing.
    return panel.keep_variables(None if same else forcings, attributes)


def warn_of_dealt_rows(panel, stacklevel=5):
    """Warn where a row-wise splitter has dealt the days of a site to both sides."""
    dealt = dealt_at_random(panel.present())
    if dealt.any():
        warnings.warn(
            f"The rows of {int(dealt.sum())} of {panel.n_sites} sites have many isolated gaps, for "
            f"example {panel.site_ids[int(np.argmax(dealt))]!r}, as if a row-wise splitter (KFold, "
            "train_test_split) had dealt single days to both sides. Each gap restarts the model's "
            "memory, and scores on neighbouring days mislead. Split by site with "
            "stefaland_sk.model_selection.SiteKFold or LeaveRegionOut.",
            SplitWarning,
            stacklevel=stacklevel,
        )


def warn_of_targets(names, chosen, stacklevel=5):
    """Warn of variables that stand for a target, unless they were chosen by name.

    Parameters
    ----------
    names : iterable of str
        Variables that are read.
    chosen : dict of str to (list of str or None)
        Those named in `forcings` and `attributes`.
    stacklevel : int, default=5
        Of the warning.
    """
    by_name = {name for some in chosen.values() for name in some or []}
    found = [name for name in target_derived(names) if name not in by_name]
    if found:
        warnings.warn(
            f"X holds {found}, which stand for a target or are computed from one. At places "
            "without measurements they are unknown, and a model that has learned from them has "
            "seen what it may be judged on. Leave them out with `panel.keep_variables(...)`, or "
            "name all variables to use in `forcings` and `attributes` if they are meant, and "
            "report scores with and without them.",
            LeakageWarning,
            stacklevel=stacklevel,
        )


def validation_regions(estimator, panel, labelled):
    """Give the region of each site where whole regions are to be set apart."""
    if estimator.validation_split == "sites":
        return None
    if "region" not in panel.sites:
        raise ValueError(
            "`validation_split='regions'` needs a column 'region' in the site table of X, "
            f"which has {list(panel.sites.columns)}. Add it by `panel.assign(sites=...)`, or "
            "use validation_split='sites'."
        )
    regions = panel.sites["region"].astype(str).to_numpy()
    if len(set(regions[labelled])) == 1:
        raise ValueError(
            "`validation_split='regions'` needs labelled sites in two regions or more, but "
            f"all {int(labelled.sum())} are in {regions[labelled][0]!r}. Use "
            "validation_split='sites', or early_stopping=False."
        )
    return regions


# ---------------------------------------------------------------------- missing forcing
def missing_forcing(panel):
    """Mark (site, variable) where a forcing variable is missing on every day."""
    missing = np.zeros((panel.n_sites, panel.n_forcings), dtype=bool)
    if panel.n_times:
        for positions, forcing in panel.walk_forcing():
            for i in range(panel.n_forcings):  # one plane at a time bounds the memory
                missing[positions, i] = np.isnan(forcing[:, :, i]).all(axis=1)
    return missing


def present_steps(panel):
    """Tell which steps there are, of shape (n_sites, n_times); a plain table has one."""
    return np.ones((panel.n_sites, 1), bool) if panel.time is None else panel.present()


def describe_missing_forcing(panel, missing):
    """Say which forcing variable is missing where, as the first half of a message."""
    site, variable = np.argwhere(missing)[0]
    return (
        f"The forcing {panel.forcing_names[variable]!r} is missing (NaN) on every day at site "
        f"{panel.site_ids[site]!r}, and at {int(missing.any(axis=1).sum())} of {panel.n_sites} "
        "sites at least one is"
    )


def refuse_empty_forcing(panel, estimator, advice):
    """Raise if a site has a forcing variable that is missing throughout."""
    missing = missing_forcing(panel)
    if missing.any():
        raise ValueError(
            f"{describe_missing_forcing(panel, missing)}; {type(estimator).__name__} cannot do "
            f"without. {advice}"
        )


# ---------------------------------------------------------------------- y
def _row_values(y, inputs):
    """Give the target of a long table's rows."""
    if isinstance(y, pd.Series) and isinstance(y.index, pd.MultiIndex):
        sites, times = inputs.rows.site, inputs.rows.time
        if len(y) == len(sites):
            names = y.index.names
            same = {"site", "time"} <= set(names) and (
                (y.index.get_level_values("time") == inputs.panel.time[times]).all()
                and (
                    y.index.get_level_values("site").map(str) == inputs.panel.site_ids[sites]
                ).all()
            )
            if not same:
                raise ValueError(
                    "The rows of `y` are not those of X: their (site, time) index differs. Use "
                    "`y.loc[X.index]`."
                )
    values = np.asarray(y, dtype=np.float64)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != inputs.rows.site.shape:
        raise ValueError(
            f"`y` must have one value per row of X ({len(inputs.rows.site)}); got an array of "
            f"shape {values.shape}."
        )
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values)))
        site = inputs.panel.site_ids[inputs.rows.site[row]]
        time = inputs.panel.time[inputs.rows.time[row]]
        raise ValueError(f"`y` is infinite at site {site!r} on {time:%Y-%m-%d}.")
    return values


def _refuse_rows_of_days(y):
    """Raise if y has days, but X, which has come as a plain table, has none any more."""
    names = getattr(getattr(y, "index", None), "names", [])
    if {"site", "time"} <= set(names):
        raise ValueError(
            "The rows of `y` are days of sites, but X has no index (site, time): each of its rows "
            "would be a site of its own. Has a step before this one dropped the index? Use "
            '`pipeline.set_output(transform="pandas")`.'
        )


def warn_of_other_order(y, inputs, stacklevel=4):
    """Warn if y has the rows of a plain table in another order: they are taken as they stand."""
    rows, labels = inputs.labels, getattr(y, "index", None)
    if rows is None or not isinstance(labels, pd.Index) or len(rows) != len(labels):
        return
    if (
        not rows.equals(labels)
        and rows.is_unique
        and rows.sort_values().equals(labels.sort_values())
    ):
        warnings.warn(
            "`y` has the rows of X in another order. Rows are taken as they stand, as in "
            "scikit-learn, so that sites get the targets of others. Use `y.loc[X.index]`.",
            DataWarning,
            stacklevel=stacklevel,
        )


def _table_values(y, n_samples):
    """Check one value per row as scikit-learn does, letting NaN through."""
    shape = getattr(y, "shape", ())
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"X is a plain table, in which each row is a site, so `y` should be a 1d array with "
            f"one value per row; it has the shape {tuple(shape)}. To predict series, give X as a "
            "Panel, with forcing; of several values per site, take one column."
        )
    values = column_or_1d(y, warn=True)
    if values.dtype.kind in "OSU":
        values = values.astype(np.float64)
    if len(values) != n_samples:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: [{n_samples}, "
            f"{len(values)}]"
        )
    if np.isinf(values).any():
        raise ValueError("Input y contains infinity or a value too large for dtype('float64').")
    return values.astype(np.float64)
