"""Scores of each site, as a table."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stefaland_sk._core import check_number

from ._records import read_records
from ._registry import get_metric


def site_scores(
    y_true,
    y_pred,
    metrics=("nse", "kge", "rmse"),
    *,
    warmup=0,
    period=None,
    min_obs=10,
    times=None,
    sites=None,
):
    """Compute metrics at each site.

    Parameters
    ----------
    y_true : DataFrame, DataArray, Series or array-like
        Observations; NaN where not observed. Either wide, of shape (n_sites, n_times) with
        sites as rows, or long: a Series with the index levels "site" and "time", rows in any
        order. One series without site is one site.
    y_pred : same form as `y_true`, or ndarray of the same shape
        Predictions, finite on every scored day. Labels are matched where both have them.
    metrics : sequence of str or Metric, default=("nse", "kge", "rmse")
        Names from `METRICS`, or metrics of your own.
    warmup : int, default=0
        Number of steps left out at the start of each unbroken run of time at each site. They
        count from the start of the record given here, not from the start of `period`.
    period : tuple of two (str, Timestamp or None), default=None
        First and last time scored, both included; None scores all.
    min_obs : int, default=10
        Sites with fewer scored observations get NaN.
    times : array-like, default=None
        Times of an array: one per column if wide, one per row if long.
    sites : array-like, default=None
        Sites of an array: one per row.

    Returns
    -------
    DataFrame of shape (n_sites, n_metrics + 1)
        One row per site, in order of appearance, one column per metric in its own sign and
        unit, and the number of scored observations in ``n_obs``.

    Raises
    ------
    ValueError
        If a metric is unknown, shapes or labels disagree, a pair of site and time occurs
        twice, a prediction is missing on a scored day, or `period` is given without times.

    See Also
    --------
    site_scorers : The same inside `cross_validate`.
    bootstrap_median : Median over sites with an interval.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> time = pd.date_range("2000-10-01", periods=4)
    >>> y_true = pd.DataFrame([[1.0, 2, 3, 4], [5, 6, np.nan, 9]], ["01013500", "01022500"], time)
    >>> site_scores(y_true, y_true + 1, ["rmse", "bias"], warmup=1, min_obs=2)
              rmse  bias  n_obs
    site
    01013500   1.0   1.0      3
    01022500   1.0   1.0      2
    """
    records = read_records(y_true, y_pred, times, sites)
    rule = Rule(warmup, period, min_obs)
    return rule.table(records, as_metrics(metrics))[0]


def as_metrics(metrics):
    """Look up several metrics, each once."""
    if isinstance(metrics, str) or callable(metrics):
        metrics = [metrics]
    metrics = [get_metric(metric) for metric in metrics]
    names = [metric.name for metric in metrics]
    if not names:
        raise ValueError("`metrics` must name at least one metric; got none.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Each metric stands once in `metrics`; these repeat: {twice}.")
    return metrics


@dataclass(frozen=True)
class Tally:
    """How many observations are left after each rule, for messages."""

    observed: int
    after_warmup: int
    after_period: int
    longest_run: int


@dataclass(frozen=True)
class Rule:
    """Which observations are scored, and how many a site must have."""

    warmup: int = 0
    period: tuple | None = None
    min_obs: int = 10

    def __post_init__(self):
        check_number("warmup", self.warmup, low=0, integer=True)
        check_number("min_obs", self.min_obs, low=1, integer=True)
        if self.period is not None and (
            isinstance(self.period, str)
            or not hasattr(self.period, "__len__")
            or len(self.period) != 2
        ):
            raise ValueError(
                "`period` must be a pair of dates such as ('1989-10-01', '1999-09-30'). Got "
                f"{self.period!r} instead."
            )

    def table(self, records, metrics):
        """Compute the table of scores and count what was left out."""
        is_observed = np.isfinite(records.observed)
        # Without warm-up every observation counts, also one on a day without forcing.
        is_warm = records.steps >= self.warmup if self.warmup else np.True_
        scored = is_observed & is_warm
        n_warm = int(scored.sum())
        if self.period is not None:
            scored = scored & records.inside(self.period)
        records.check(scored)
        observed = np.where(scored, records.observed, np.nan)
        predicted = np.where(scored, records.predicted, 0.0)
        n_obs = scored.sum(axis=1)
        enough = n_obs >= self.min_obs
        columns = {}
        for metric in metrics:
            columns[metric.name] = np.full(len(n_obs), np.nan)
            if enough.any():
                columns[metric.name][enough] = metric(observed[enough], predicted[enough])
        frame = pd.DataFrame({**columns, "n_obs": n_obs}, index=records.sites)
        longest = int(records.steps.max(initial=-1)) + 1
        return frame, Tally(int(is_observed.sum()), n_warm, int(n_obs.sum()), longest)
