"""Observed and predicted values side by side, on the days that have an observation."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


class MissingPredictionError(ValueError):
    """A model left out days that it is to be judged on, or gave infinite values there."""


@dataclass(frozen=True)
class Pairs:
    """Observations and predictions of shape (n_sites, n_times), zero where not observed."""

    observed: np.ndarray
    predicted: np.ndarray
    valid: np.ndarray  # bool, True on days with an observation
    count: np.ndarray  # (n_sites,) valid days as float; NaN for none, so means become NaN
    is_single: bool  # the caller passed one series, and gets one number back

    def mean(self, values):
        """Average over the valid days."""
        return np.where(self.valid, values, 0.0).sum(axis=1) / self.count

    def anomalies(self):
        """Give observed and predicted minus their own means, zero where not observed."""
        return tuple(
            np.where(self.valid, values - self.mean(values)[:, None], 0.0)
            for values in (self.observed, self.predicted)
        )

    def is_constant(self, values):
        """Tell at which sites all valid values are equal; also True where there are none."""
        low = np.min(values, axis=1, where=self.valid, initial=np.inf)
        high = np.max(values, axis=1, where=self.valid, initial=-np.inf)
        return low >= high

    def descending(self):
        """Give both series sorted from high to low, each on its own, NaN behind the last day."""
        # numpy sorts NaN to the end, so the values are negated to put the largest first.
        return tuple(
            -np.sort(np.where(self.valid, -values, np.nan), axis=1)
            for values in (self.observed, self.predicted)
        )

    def result(self, values):
        """Shape the answer as the caller's input asks: a float, or one value per site."""
        return float(values[0]) if self.is_single else values


def read_pairs(y_true, y_pred):
    """Read what a metric was called with; see any metric for the parameters."""
    if isinstance(y_true, pd.DataFrame) and isinstance(y_pred, pd.DataFrame):
        y_pred = reorder(y_pred, y_true)
    observed, predicted = as_array(y_true, "y_true"), as_array(y_pred, "y_pred")
    if observed.shape != predicted.shape:
        raise ValueError(
            "`y_true` and `y_pred` must have the same shape; got "
            f"{observed.shape} and {predicted.shape}."
        )
    if observed.ndim not in (1, 2):
        raise ValueError(
            "`y_true` must have the shape (n_times,) or (n_sites, n_times); got "
            f"{observed.ndim} dimensions."
        )
    is_single = observed.ndim == 1
    observed, predicted = np.atleast_2d(observed), np.atleast_2d(predicted)
    valid = np.isfinite(observed)
    check_predictions(valid, predicted)
    count = valid.sum(axis=1).astype(float)
    return Pairs(
        np.where(valid, observed, 0.0),
        np.where(valid, predicted, 0.0),
        valid,
        np.where(count > 0, count, np.nan),
        is_single,
    )


def check_predictions(valid, predicted, place="row {0}, column {1}".format):
    """Raise if a prediction is missing or infinite on a day that has an observation."""
    bad = valid & ~np.isfinite(predicted)
    if bad.any():
        site, time = np.unravel_index(np.argmax(bad), bad.shape)
        raise MissingPredictionError(
            f"`y_pred` is NaN or infinite on {int(bad.sum())} of {int(valid.sum())} observed "
            f"days, first at {place(site, time)}. A metric that left these days out would flatter "
            "the model: let it predict every day, or set `y_true` to NaN where it cannot."
        )


def as_array(values, name):
    """Turn a series, a frame, a DataArray or an array into floats with time on the last axis."""
    if isinstance(values, pd.Series) and isinstance(values.index, pd.MultiIndex):
        levels = values.index.names
        if "site" in levels and values.index.get_level_values("site").nunique() > 1:
            raise ValueError(
                f"`{name}` is a long Series of several sites, which this metric would lump "
                "together. Use `site_scores(y_true, y_pred)` for one value per site, or pass "
                f"`{name}.unstack('time')`."
            )
    if isinstance(values, pd.DataFrame):
        check_orientation(values, name)
    if is_dataarray(values) and values.ndim == 2:
        values = from_dataarray(values, name)
    if isinstance(values, pd.DataFrame | pd.Series):
        values = values.to_numpy(dtype=np.float64, na_value=np.nan)
    # One layout in memory: sums along it must not depend on who made the array.
    return np.asarray(values, dtype=np.float64, order="C")


def is_dataarray(values):
    """Tell an xarray DataArray without importing xarray."""
    return hasattr(values, "dims") and hasattr(values, "to_pandas")


def from_dataarray(values, name):
    """Turn a DataArray with the dimensions site and time into a labelled frame."""
    if set(values.dims) != {"site", "time"}:
        raise ValueError(
            f"`{name}` must have the dimensions ('site', 'time'); got {values.dims}. Use "
            "`.rename()` to name them so."
        )
    return values.transpose("site", "time").to_pandas()


def check_orientation(frame, name):
    """Raise if times stand in the rows of a frame."""
    if isinstance(frame.index, pd.DatetimeIndex) and not isinstance(
        frame.columns, pd.DatetimeIndex
    ):
        raise ValueError(
            f"`{name}` has times in its rows; a site is a row and a time a column. Use `{name}.T`."
        )


def reorder(y_pred, y_true):
    """Bring a labelled prediction into the order of the labelled observations."""
    for axis, what in ((0, "sites"), (1, "times")):
        there, wanted = y_pred.axes[axis], y_true.axes[axis]
        if there.equals(wanted):
            continue
        if there.has_duplicates or len(there) != len(wanted) or not wanted.isin(there).all():
            missing, extra = wanted.difference(there), there.difference(wanted)
            raise ValueError(
                f"`y_true` and `y_pred` hold different {what}: {len(missing)} only in `y_true` "
                f"(for example {_few(missing)}), {len(extra)} only in `y_pred` (for example "
                f"{_few(extra)}). Select the {what} that both have."
            )
        y_pred = y_pred.reindex(wanted, axis=axis)
    return y_pred


def _few(labels):
    """Name up to three labels."""
    return [str(label) for label in labels[:3]]


def ratio(numerator, denominator):
    """Divide; NaN where the denominator is zero or NaN."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.full(denominator.shape, np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator != 0)
