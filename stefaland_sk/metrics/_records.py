"""Targets and predictions of any form, as one record per site."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stefaland_sk.data import Panel, align_target, is_long, site_of_samples, steps_into_segment
from stefaland_sk.data._times import as_times, steps_between

from ._pairs import (
    as_array,
    check_orientation,
    check_predictions,
    from_dataarray,
    is_dataarray,
    reorder,
)


@dataclass(frozen=True)
class Records:
    """Observations and predictions of shape (n_sites, n_steps), NaN behind a site's last step."""

    sites: pd.Index
    observed: np.ndarray
    predicted: np.ndarray
    steps: np.ndarray  # (n_sites or 1, n_steps) steps of the same unbroken run before this one
    axis: pd.Index | None  # the times that occur, rising; None if times are not known
    at: np.ndarray | None  # (n_sites or 1, n_steps) position of each step in `axis`

    def place(self, site, step):
        """Name a step, for messages."""
        label = repr(self.sites[site])
        if self.axis is None:
            return f"site {label}, step {step}"
        when = self.axis[self.at[min(site, len(self.at) - 1), step]]
        return f"site {label} at {_show(when)}"

    def inside(self, period):
        """Mark the steps inside a period, both ends included."""
        if self.axis is None or not isinstance(self.axis, pd.DatetimeIndex):
            raise ValueError(
                "`period` needs dates, and these targets have none. Pass a DataFrame whose "
                "columns are times, a Series with the index levels 'site' and 'time', or `times=`."
            )
        try:
            start, stop = period
            where = steps_between(self.axis, start, stop)
        except (TypeError, ValueError) as error:
            raise ValueError(
                "`period` must be a pair of dates such as ('1989-10-01', '1999-09-30'). Got "
                f"{period!r} instead."
            ) from error
        return (self.at >= where.start) & (self.at < where.stop)

    def check(self, scored):
        """Raise if a prediction is missing where it is to be scored."""
        check_predictions(scored & np.isfinite(self.observed), self.predicted, self.place)


# ---------------------------------------------------------------------- targets on their own
def read_records(y_true, y_pred, times=None, sites=None):
    """Read targets that were passed without X; see `site_scores`."""
    if is_dataarray(y_true) and y_true.ndim == 2:
        y_true = from_dataarray(y_true, "y_true")
    if is_dataarray(y_pred) and y_pred.ndim == 2:
        y_pred = from_dataarray(y_pred, "y_pred")
    index = getattr(y_true, "index", None)
    if isinstance(index, pd.MultiIndex) and {"site", "time"} <= set(index.names):
        y_true = one_column(y_true)
        y_pred = _rows_like(y_pred, index)
        values, codes = _codes(index.get_level_values("site"))
        return long_records(y_true, y_pred, values, codes, index.get_level_values("time"))
    if isinstance(y_true, pd.DataFrame):
        return _read_wide_frame(y_true, y_pred, times, sites)
    if isinstance(y_true, pd.Series) and times is None and isinstance(index, pd.DatetimeIndex):
        times = index
    observed, predicted = as_array(y_true, "y_true"), as_array(y_pred, "y_pred")
    if observed.ndim == 1 and np.ndim(sites) == 1 and sites is not None:
        values, codes = _codes(sites)
        return long_records(observed, predicted, values, codes, times)
    if observed.ndim == 1:
        observed, predicted = observed[None], predicted[None]
        sites = None if sites is None else [sites]
    return wide_records(observed, predicted, sites, times)


def _read_wide_frame(y_true, y_pred, times, sites):
    """Read a frame with one row per site and one column per time."""
    check_orientation(y_true, "y_true")
    if isinstance(y_pred, pd.DataFrame):
        y_pred = reorder(y_pred, y_true)
    if times is None and not isinstance(y_true.columns, pd.RangeIndex):
        times = y_true.columns
    return wide_records(
        as_array(y_true, "y_true"),
        as_array(y_pred, "y_pred"),
        y_true.index if sites is None else sites,
        times,
    )


def wide_records(observed, predicted, sites, times, steps=None):
    """Make records of (n_sites, n_times) arrays."""
    _same_shape(observed, predicted)
    if observed.ndim != 2:
        raise ValueError(
            "`y_true` must have the shape (n_sites, n_times), or be long with one row per site "
            f"and time; got {observed.ndim} dimensions."
        )
    sites = pd.RangeIndex(len(observed)) if sites is None else pd.Index(sites)
    _same_length("sites", sites, observed.shape[0])
    axis = at = None
    if times is not None:
        axis = _as_time_axis(times)
        _same_length("times", axis, observed.shape[1])
        if not (axis.is_monotonic_increasing and axis.is_unique):
            raise ValueError(
                "Times must rise from one column to the next, each once. Sort them, for example "
                "with `y.sort_index(axis=1)`."
            )
        at = np.arange(len(axis))[None]
    if steps is None and axis is None:
        steps = np.arange(observed.shape[1])[None]
    elif steps is None:
        steps = _steps_of_rows(np.zeros(len(axis), dtype=int), at[0], axis)[None]
    return Records(sites.rename("site"), observed, predicted, steps, axis, at)


def long_records(observed, predicted, sites, codes, times):
    """Make records of rows in any order; `codes` tells each row's position in `sites`."""
    observed, predicted = one_column(observed), one_column(predicted)
    _same_shape(observed, predicted)
    _same_length("sites", codes, len(observed))
    if times is None:
        time_codes, axis = np.arange(len(codes)), None  # rows of a site stand in time order
    else:
        times = _as_time_axis(times)
        _same_length("times", times, len(observed))
        time_codes, axis = pd.factorize(times, sort=True)
    order = np.lexsort((time_codes, codes))
    codes, time_codes = codes[order], time_codes[order]
    if axis is not None:
        _check_unique(codes, time_codes, sites, axis)
    # Each site's rows move to the front of its record: a metric does not need a common axis.
    first = np.searchsorted(codes, np.arange(len(sites)))
    rank = np.arange(len(codes)) - first[codes]
    shape = (len(sites), int(rank.max(initial=-1)) + 1)

    def pack(rows, empty):
        packed = np.full(shape, empty, dtype=np.result_type(rows, empty))
        packed[codes, rank] = rows
        return packed

    steps = rank if axis is None else _steps_of_rows(codes, time_codes, axis)
    return Records(
        pd.Index(sites, name="site"),
        pack(observed[order], np.nan),
        pack(predicted[order], np.nan),
        pack(steps, -1),
        axis,
        None if axis is None else pack(time_codes, -1),
    )


# ---------------------------------------------------------------------- targets with their X
def records_of(X, y, y_pred, *, find_runs=True):
    """Read the target and the predictions of the samples of X; for scorers."""
    if isinstance(X, Panel):
        return _panel_records(X, y, y_pred, find_runs)
    index = getattr(y, "index", None)
    if is_long(X):
        if isinstance(index, pd.MultiIndex):
            _check_same_rows(index, X.index)
        samples = site_of_samples(X)
        times = X.index.get_level_values("time")
        return long_records(
            _plain(y), _predicted(y_pred, len(X)), samples.ids, samples.codes, times
        )
    if isinstance(index, pd.MultiIndex) and {"site", "time"} <= set(index.names):
        values, codes = _codes(index.get_level_values("site"))
        times = index.get_level_values("time")
        return long_records(_plain(y), _predicted(y_pred, len(y)), values, codes, times)
    if np.ndim(y) != 2 or np.shape(y)[1] == 1:
        raise _one_value_per_site(X)
    return read_records(y, y_pred)


def _panel_records(X, y, y_pred, find_runs):
    """Read the target and the predictions of a panel."""
    if X.time is None:
        raise _one_value_per_site(X)
    aligned = align_target(y, X)  # checks the labels, in the float32 of models
    if is_dataarray(y):
        y = from_dataarray(y, "y")
    if isinstance(y, pd.DataFrame) and not isinstance(y.columns, pd.RangeIndex):
        times = as_times(y.columns, "The columns of `y`")
        y = y.set_axis(times, axis=1).reindex(columns=X.time)
    observed = np.asarray(y, dtype=np.float64)
    predicted = as_array(y_pred, "predict(X)")
    if predicted.shape != aligned.shape:
        raise ValueError(
            f"`predict` must give an array of shape (n_sites, n_times) = {aligned.shape} for "
            f"this panel; it gave {predicted.shape}."
        )
    # Which steps a site has takes a look at all of its forcing: not without need.
    steps = steps_into_segment(X.present()) if find_runs else None
    return wide_records(observed, predicted, X.site_ids, X.time, steps)


def _one_value_per_site(X):
    """Make the error for targets without a time axis."""
    kind = "Panel without time axis" if isinstance(X, Panel) else type(X).__name__
    return ValueError(
        f"A score per site needs a series at each site, but here a sample is a site with one "
        f"value (X is a {kind}, y has no time). Use a score over all samples, such as "
        "scoring='r2' or 'neg_root_mean_squared_error'. If these rows are days, X must be a "
        "DataFrame with the index levels 'site' and 'time'."
    )


def _predicted(y_pred, n_rows):
    """Give a prediction with one value per row."""
    values = _plain(y_pred)
    if values.shape != (n_rows,):
        raise ValueError(
            f"`predict` must give one value for each of the {n_rows} rows of X; it gave an array "
            f"of shape {np.shape(y_pred)}."
        )
    return values


# ---------------------------------------------------------------------- parts
def _plain(values):
    """Drop labels that have been compared already."""
    return one_column(np.asarray(values, dtype=np.float64))


def one_column(values):
    """Turn rows of one column into a flat array of floats."""
    values = np.asarray(values, dtype=np.float64)
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def _rows_like(y_pred, index):
    """Bring long predictions into the row order of the observations."""
    if not isinstance(getattr(y_pred, "index", None), pd.MultiIndex):
        return y_pred
    y_pred = pd.Series(one_column(y_pred), index=_site_and_time(y_pred.index))
    wanted = _site_and_time(index)
    if y_pred.index.equals(wanted):
        return y_pred
    where = y_pred.index.get_indexer(wanted) if y_pred.index.is_unique else np.array([-1])
    if (where < 0).any():
        raise ValueError(
            "`y_pred` must hold each row (site, time) of `y_true` once; "
            f"{int((where < 0).sum())} are missing or double. Give `y_pred.reindex(y_true.index)` "
            "after removing double rows."
        )
    return y_pred.to_numpy()[where]


def _check_same_rows(index, wanted):
    """Raise unless y and X have the same rows in the same order."""
    if len(index) != len(wanted) or not _site_and_time(index).equals(_site_and_time(wanted)):
        raise ValueError(
            "`y` and X have different rows or another order of rows. Use `y.loc[X.index]`."
        )


def _site_and_time(index):
    """Keep the levels site and time of a long index, in this order."""
    if not {"site", "time"} <= set(index.names):
        raise ValueError(
            f"A long target has the index levels 'site' and 'time'; got {list(index.names)}."
        )
    others = [name for name in index.names if name not in ("site", "time")]
    return index.droplevel(others).reorder_levels(["site", "time"])


def _codes(sites):
    """Give the sites in their order of appearance and the site of each row."""
    codes, values = pd.factorize(pd.Index(sites))
    return values, codes


def _as_time_axis(times):
    """Turn times into an index that can be ordered and subtracted."""
    times = times.to_timestamp() if isinstance(times, pd.PeriodIndex) else pd.Index(times)
    if isinstance(times, pd.DatetimeIndex) or pd.api.types.is_numeric_dtype(times):
        return times
    return as_times(times, "The time labels")


def _steps_of_rows(codes, time_codes, axis):
    """Count for each row, sorted by site and time, the rows of its run before it."""
    if len(codes) == 0:
        return np.zeros(0, dtype=int)
    clock = axis.asi8 if isinstance(axis, pd.DatetimeIndex) else np.asarray(axis, dtype=float)
    step = np.diff(clock).min() if len(clock) > 1 else 1
    # One and a half steps: the days of a month differ, a missing month must not pass.
    is_first = np.ones(len(codes), dtype=bool)
    is_first[1:] = (np.diff(codes) != 0) | (np.diff(clock[time_codes]) > 1.5 * step)
    rows = np.arange(len(codes))
    return rows - np.maximum.accumulate(np.where(is_first, rows, 0))


def _check_unique(codes, time_codes, sites, axis):
    """Raise if a pair of site and time occurs twice; rows are sorted by both."""
    twice = np.flatnonzero((np.diff(codes) == 0) & (np.diff(time_codes) == 0))
    if len(twice):
        row = twice[0]
        raise ValueError(
            f"{len(twice)} rows repeat a pair of site and time, for example site "
            f"{sites[codes[row]]!r} at {_show(axis[time_codes[row]])}. Keep one row of each."
        )


def _same_shape(observed, predicted):
    """Raise unless both have one shape."""
    if observed.shape != predicted.shape:
        raise ValueError(
            "`y_true` and `y_pred` must have the same shape; got "
            f"{observed.shape} and {predicted.shape}."
        )


def _same_length(name, labels, wanted):
    """Raise unless there is one label for each row or column."""
    if len(labels) != wanted:
        raise ValueError(f"`{name}` must have {wanted} entries; got {len(labels)}.")


def _show(when):
    """Write a time as short as it allows."""
    if not isinstance(when, pd.Timestamp):
        return str(when)
    return f"{when:%Y-%m-%d}" if when == when.normalize() else str(when)
