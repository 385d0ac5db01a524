"""Scorers: what `scoring=` takes to judge a model by its scores per site."""

import warnings
from collections.abc import Mapping

import numpy as np

from stefaland_sk._core import DataWarning, check_option

from ._pairs import MissingPredictionError
from ._per_site import Rule, as_metrics
from ._records import records_of
from ._registry import get_metric

AGGREGATES = {"median": np.median, "mean": np.mean}  # of sites that have a value


class _SiteScoring:
    """What both kinds of scorer share: a rule of what counts, and the table per site."""

    def __init__(self, metrics, *, warmup, period, min_obs, aggregate):
        if not callable(aggregate):
            check_option("aggregate", aggregate, list(AGGREGATES))
        self.rule = Rule(warmup, tuple(period) if isinstance(period, list) else period, min_obs)
        self.aggregate = aggregate
        self._metrics = tuple(metrics)

    def site_scores(self, estimator, X, y):
        """Compute the table of scores per site behind the score.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator with ``predict``.
        X : Panel, DataFrame or array-like
            Inputs of the sites to be scored.
        y : DataFrame, DataArray, Series or array-like
            Target, aligned with `X`.

        Returns
        -------
        DataFrame of shape (n_sites, n_metrics + 1)
            As from `site_scores`: metrics in their own sign and unit, and ``n_obs``. Sites
            with fewer than `min_obs` scored observations hold NaN.

        Raises
        ------
        ValueError
            If the target has one value per site, labels disagree, or a prediction is missing
            on a scored day.
        """
        return self._table(estimator, X, y)[0]

    def _table(self, estimator, X, y):
        """Predict once and compute the table."""
        records = records_of(X, y, estimator.predict(X), find_runs=self.rule.warmup > 0)
        return self.rule.table(records, self._metrics)

    def _scores(self, estimator, X, y):
        """Predict once and give the score of each metric by the name of its score."""
        frame, tally = self._table(estimator, X, y)
        n_scored = _warn_of_sites_left_out(frame, tally, self.rule, self._verb)
        aggregate = self.aggregate if callable(self.aggregate) else AGGREGATES[self.aggregate]
        scores = {}
        for metric in self._metrics:
            values = frame[metric.name].to_numpy()
            values = values[~np.isnan(values)]
            if n_scored and len(values) < n_scored:
                _warn_of_undefined(metric, frame, self.rule, n_scored - len(values), n_scored)
            scores[metric.scorer_name] = (
                float(aggregate(metric.to_score(values))) if len(values) else np.nan
            )
        return scores

    @property
    def _verb(self):
        """Name the aggregate, for messages."""
        if isinstance(self.aggregate, str):
            return self.aggregate
        return getattr(self.aggregate, "__name__", "aggregate")

    def _formula(self, metric):
        """Write how a score comes from the metric, such as -median(rmse)."""
        return metric.formula.format(self._verb)

    def _settings(self):
        """Write the parameters that differ from their defaults."""
        default = Rule()
        return "".join(
            f", {name}={getattr(self.rule, name)!r}"
            for name in ("warmup", "period", "min_obs")
            if getattr(self.rule, name) != getattr(default, name)
        )

    def _accept_sample_weight(self):
        """Tell scikit-learn's searches, which ask, that sites are not weighted."""
        return False

    def _key(self):
        return (self._metrics, self.rule, self.aggregate)


class SiteScorer(_SiteScoring):
    """Scorer of one metric; made by `median_per_site`.

    Call it as ``scorer(estimator, X, y)``. The greater the score, the better, so errors come
    with a minus; the representation says so: ``SiteScorer(-median(rmse))``.

    Parameters
    ----------
    metric : str or Metric
        The metric.
    warmup : int, default=0
        Steps left out at the start of each unbroken run; see `median_per_site`.
    period : tuple of two (str, Timestamp or None), default=None
        First and last date scored.
    min_obs : int, default=10
        Scored observations that a site must have.
    aggregate : {"median", "mean"} or callable, default="median"
        How scores of sites become one.

    See Also
    --------
    median_per_site : Makes one, and says what it does.

    Examples
    --------
    >>> median_per_site("rmse", warmup=365)
    SiteScorer(-median(rmse), warmup=365)
    """

    def __init__(self, metric, *, warmup=0, period=None, min_obs=10, aggregate="median"):
        super().__init__(
            [get_metric(metric)],
            warmup=warmup,
            period=period,
            min_obs=min_obs,
            aggregate=aggregate,
        )

    @property
    def metric(self):
        """The metric, with its unit and best value."""
        return self._metrics[0]

    def __call__(self, estimator, X, y):
        """Score a fitted estimator; see `median_per_site`."""
        return self._scores(estimator, X, y)[self.metric.scorer_name]

    def __repr__(self):
        return f"SiteScorer({self._formula(self.metric)}{self._settings()})"

    def __eq__(self, other):
        return type(other) is type(self) and self._key() == other._key()

    def __hash__(self):
        return hash(self._key())


class SiteScorers(_SiteScoring, Mapping):
    """Scorers of several metrics that predict once; made by `site_scorers`.

    A mapping from the name of a score to its `SiteScorer`, which may also be called as a
    whole: ``scorers(estimator, X, y)`` predicts once and gives a dict of scores.
    scikit-learn takes such a callable wherever it takes several metrics.

    Parameters
    ----------
    *metrics : str or Metric
        The metrics.
    warmup : int, default=0
        Steps left out at the start of each unbroken run; see `median_per_site`.
    period : tuple of two (str, Timestamp or None), default=None
        First and last date scored.
    min_obs : int, default=10
        Scored observations that a site must have.
    aggregate : {"median", "mean"} or callable, default="median"
        How scores of sites become one.

    See Also
    --------
    site_scorers : Makes one, and says what it does.

    Examples
    --------
    >>> scorers = site_scorers("nse", "rmse")
    >>> list(scorers), scorers["neg_rmse"]
    (['nse', 'neg_rmse'], SiteScorer(-median(rmse)))
    """

    def __init__(self, *metrics, warmup=0, period=None, min_obs=10, aggregate="median"):
        super().__init__(
            as_metrics(metrics),
            warmup=warmup,
            period=period,
            min_obs=min_obs,
            aggregate=aggregate,
        )

    def __call__(self, estimator, X, y):
        """Score a fitted estimator by all metrics, from one call of ``predict``."""
        try:
            return self._scores(estimator, X, y)
        except MissingPredictionError as error:
            # Raised here, it would end a whole search: scikit-learn puts one number in the
            # place of a dict that failed, and cannot join the two afterwards.
            warnings.warn(f"All scores are NaN: {error}", DataWarning, stacklevel=2)
            return dict.fromkeys(self, np.nan)

    def __getitem__(self, name):
        for metric in self._metrics:
            if metric.scorer_name == name:
                rule = self.rule
                return SiteScorer(
                    metric,
                    warmup=rule.warmup,
                    period=rule.period,
                    min_obs=rule.min_obs,
                    aggregate=self.aggregate,
                )
        raise KeyError(name)

    def __iter__(self):
        return (metric.scorer_name for metric in self._metrics)

    def __len__(self):
        return len(self._metrics)

    def __repr__(self):
        scores = ", ".join(f"{m.scorer_name}={self._formula(m)}" for m in self._metrics)
        return f"SiteScorers({scores}{self._settings()})"

    def __eq__(self, other):
        return type(other) is type(self) and self._key() == other._key()

    def __hash__(self):
        return hash(self._key())


def median_per_site(metric="nse", *, warmup=0, period=None, min_obs=10, aggregate="median"):
    """Make a scorer: a metric at each site, then the median over sites.

    Parameters
    ----------
    metric : str or Metric, default="nse"
        A name from `METRICS`, or a metric of your own.
    warmup : int, default=0
        Number of steps left out at the start of each unbroken run of time at each site. For a
        panel that is the record of X: a step of it counts if any forcing is there.
    period : tuple of two (str, Timestamp or None), default=None
        First and last date scored, both included; None scores all. The days before feed the
        model and count as warm-up.
    min_obs : int, default=10
        Sites with fewer scored observations are left out, with a warning that counts them.
    aggregate : {"median", "mean"} or callable, default="median"
        How scores of sites become one. A callable takes the array of scores, of which the
        greater is the better.

    Returns
    -------
    SiteScorer
        A callable ``scorer(estimator, X, y)`` for `scoring=`. Its method
        ``site_scores(estimator, X, y)`` gives the table per site.

    Raises
    ------
    ValueError
        If a parameter is out of range or the metric is unknown.

    Warns
    -----
    DataWarning
        When scoring, if sites are left out. If no site is left the score is NaN, and the
        warning says why.

    See Also
    --------
    site_scorers : Several metrics from one prediction.
    site_scores : The table per site from predictions that are there already.

    Notes
    -----
    scikit-learn maximises scores. An error is therefore negated, and a bias, whose best value
    is 0, becomes minus its absolute value at each site before the median is taken:

    ============================  =========================  ==================
    metric                        score                      name
    ============================  =========================  ==================
    nse, kge, correlations        median(nse)                nse
    rmse, ubrmse, mae, fdc_rmse   -median(rmse)              neg_rmse
    bias, pbias, fhv, flv, fms    -median(abs(bias))         neg_abs_bias
    ============================  =========================  ==================

    The scorer calls ``predict`` and nothing else. It reads X as a `Panel` with a target of
    shape (n_sites, n_times), as a long DataFrame with the index levels "site" and "time", or,
    if the target itself is labelled so, as anything. Sites keep the order they come in.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> import numpy as np, pandas as pd
    >>> index = pd.MultiIndex.from_product(
    ...     [["01013500", "01022500"], pd.date_range("2000-10-01", periods=20)],
    ...     names=["site", "time"])
    >>> X = pd.DataFrame({"prcp": np.arange(40.0)}, index=index)
    >>> model = LinearRegression().fit(X, 0.5 * X["prcp"])
    >>> round(median_per_site("nse")(model, X, 0.5 * X["prcp"]), 6)
    1.0
    """
    return SiteScorer(metric, warmup=warmup, period=period, min_obs=min_obs, aggregate=aggregate)


def site_scorers(*metrics, warmup=0, period=None, min_obs=10, aggregate="median"):
    """Make scorers of several metrics that share one prediction.

    Parameters
    ----------
    *metrics : str or Metric
        Names from `METRICS`, or metrics of your own. None given means "nse", "kge", "rmse".
    warmup : int, default=0
        Steps left out at the start of each unbroken run; see `median_per_site`.
    period : tuple of two (str, Timestamp or None), default=None
        First and last date scored.
    min_obs : int, default=10
        Scored observations that a site must have.
    aggregate : {"median", "mean"} or callable, default="median"
        How scores of sites become one.

    Returns
    -------
    SiteScorers
        A mapping from names of scores to scorers for `scoring=` of `cross_validate` and the
        searches, which predicts once for all metrics. A search needs `refit` set to one of
        the names, or False.

    Raises
    ------
    ValueError
        If a metric is unknown or named twice, or a parameter is out of range.

    See Also
    --------
    median_per_site : One metric, for functions that take one, such as `learning_curve`.

    Notes
    -----
    Errors appear negated, under names that say so: ``site_scorers("nse", "rmse")`` fills the
    columns ``test_nse`` and ``test_neg_rmse``.

    scikit-learn sees a callable that gives a dict. A model that predicts NaN, because its
    training diverged, say, scores NaN by all metrics, with a `DataWarning` that names the first
    such day: one bad candidate does not end a search. Should ``predict`` itself raise in one
    fold but not in others, scikit-learn warns with the cause and then stumbles over the mixture;
    ``error_score="raise"`` shows the cause alone.

    A plain dictionary, ``dict(site_scorers(...))``, works as well and may be joined with
    scikit-learn's own scorers, but then every metric predicts anew.

    Examples
    --------
    >>> site_scorers("nse", "rmse", "pbias", warmup=365)
    SiteScorers(nse=median(nse), neg_rmse=-median(rmse), neg_abs_pbias=-median(abs(pbias)),
                warmup=365)
    """
    return SiteScorers(
        *(metrics or ("nse", "kge", "rmse")),
        warmup=warmup,
        period=period,
        min_obs=min_obs,
        aggregate=aggregate,
    )


def _warn_of_sites_left_out(frame, tally, rule, verb):
    """Warn of sites with too few observations; give the number of the others."""
    n_sites, n_scored = len(frame), int((frame["n_obs"] >= rule.min_obs).sum())
    if n_scored == n_sites and n_sites:
        return n_scored
    if n_scored:
        few = frame.index[frame["n_obs"] < rule.min_obs]
        warnings.warn(
            f"{n_sites - n_scored} of {n_sites} sites have fewer than min_obs={rule.min_obs} "
            f"scored observations (for example {few[0]!r}) and are left out of the {verb}.",
            DataWarning,
            stacklevel=4,
        )
        return n_scored
    warnings.warn(
        f"The score is NaN: none of {n_sites} sites has min_obs={rule.min_obs} scored "
        f"observations. {_reason(tally, rule)}",
        DataWarning,
        stacklevel=4,
    )
    return 0


def _reason(tally, rule):
    """Say which rule left no site to score."""
    if tally.observed == 0:
        return "The target holds no observation at all."
    text = f"The target holds {tally.observed} observations"
    if rule.warmup:
        text += (
            f", {tally.after_warmup} after warmup={rule.warmup} (the longest unbroken run has "
            f"{tally.longest_run} steps)"
        )
    if rule.period is not None:
        text += f", {tally.after_period} of them inside period={rule.period!r}"
    if rule.warmup and tally.longest_run <= rule.warmup:
        text += (
            ". If a splitter has dealt the days of a site to both sides, split by site, for "
            "example with SiteKFold"
        )
    return text + "."


def _warn_of_undefined(metric, frame, rule, n_undefined, n_scored):
    """Warn of sites that have observations but no value of the metric."""
    is_undefined = (frame["n_obs"] >= rule.min_obs) & frame[metric.name].isna()
    warnings.warn(
        f"{metric.name} is undefined at {n_undefined} of {n_scored} sites (for example "
        f"{frame.index[is_undefined][0]!r}), which are left out: their observations, or their "
        "predictions, are constant or sum to zero.",
        DataWarning,
        stacklevel=4,
    )
