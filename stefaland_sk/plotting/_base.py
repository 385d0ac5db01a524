"""What all Displays share: axes, colours, and series of one site from many forms."""

import numpy as np
import pandas as pd

from stefaland_sk._core import import_optional

OBSERVED = "#262626"
# Okabe and Ito's palette, which stays apart for colour-blind readers; yellow is left out.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")


def open_axes(ax, caller, figsize):
    """Give the axes to draw on, new ones if the caller has none, and their figure."""
    pyplot = import_optional("matplotlib.pyplot", "plots", f"{caller}.plot")
    if ax is None:
        _, ax = pyplot.subplots(figsize=figsize, layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    return ax, ax.figure


def colours_of(names, colors=None):
    """Map each name to a colour: the caller's where given, the palette's in order otherwise."""
    unknown = set(colors or {}) - set(names)
    if unknown:
        raise ValueError(
            f"`colors` names {sorted(unknown)}, which the Display does not show. "
            f"It shows {list(names)}."
        )
    palette = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}
    return {**palette, **(colors or {})}


def by_name(y_pred, default="predicted"):
    """Give predictions as a dict from model name to values."""
    if not isinstance(y_pred, dict):
        return {default: y_pred}
    if not y_pred:
        raise ValueError("`y_pred` is an empty dict; give at least one prediction.")
    if "observed" in y_pred:
        raise ValueError("No model may be named 'observed': that is the target's name.")
    return {str(name): values for name, values in y_pred.items()}


def site_by_time(values, name, like=None):
    """Bring a target or a prediction to a frame with one row per site, one column per time.

    `like` is the labelled target as the caller gave it; values without labels take its own.
    """
    values = _as_pandas(values)
    if isinstance(values, pd.DataFrame):
        if isinstance(values.columns, pd.DatetimeIndex):
            return values
        if like is None:
            raise TypeError(
                f"`{name}` must have times as its columns and sites as its rows; its columns are "
                f"{list(values.columns[:3])} ... A long table goes in as a Series: "
                f"`{name}['runoff']`."
            )
        values = values.to_numpy()
    if not isinstance(values, pd.Series):
        values = _with_labels_of(like, np.asarray(values), name)
        return site_by_time(values, name)
    return _series_to_frame(values, name)


def _as_pandas(values):
    """Turn an xarray DataArray into a frame or a series, sites first; leave the rest alone."""
    if not (hasattr(values, "dims") and hasattr(values, "to_pandas")):
        return values
    return values.transpose(..., "time").to_pandas()


def _series_to_frame(series, name):
    """Unstack a long Series, or make one row of the Series of one site."""
    if {"site", "time"} <= set(series.index.names):
        extra = [level for level in series.index.names if level not in ("site", "time")]
        return series.droplevel(extra).unstack("time")
    if isinstance(series.index, pd.DatetimeIndex):
        site = "site" if series.name is None else str(series.name)
        return series.rename(site).to_frame().T
    raise TypeError(
        f"`{name}` must be indexed by time, or by site and time; its index has the levels "
        f"{list(series.index.names)}."
    )


def _with_labels_of(like, values, name):
    """Give an array the labels of the target it belongs to."""
    if like is None:
        raise TypeError(
            f"`{name}` must say which sites and times it holds; got {type(values).__name__}. Use "
            "`X.label(values)` to name them after the Panel X."
        )
    like = _as_pandas(like)
    if values.shape != like.shape:
        raise ValueError(
            f"`{name}` has the shape {values.shape}, but `y_true` has {like.shape}; both hold the "
            "same samples."
        )
    if isinstance(like, pd.Series):
        return pd.Series(values, index=like.index, name=like.name)
    return pd.DataFrame(values, index=like.index, columns=like.columns)
