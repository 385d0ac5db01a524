"""Prediction intervals for sites without observations, calibrated on sites left out."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from stefaland_sk._core import check_instance, check_number, check_option, refuse_path
from stefaland_sk.judging._calibration import Calibration, LeftOut, n_units_needed
from stefaland_sk.judging._compare_scores import N_PARTS, compare_scores
from stefaland_sk.judging._conformity import SCORES
from stefaland_sk.judging._coverage import check_levels, coverage_report
from stefaland_sk.judging._samples import (
    as_indexable,
    read_regions,
    read_samples,
    read_target,
    scored_steps,
    take,
)
from stefaland_sk.judging._splits import site_splits


class ConformalBySite(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Prediction intervals that hold at sites, or in regions, without observations.

    Whole sites are left out in turn, and what the model gets wrong there tells how wide its
    intervals must be. The days of a site depend on each other, so a day is no
    sample: the **site** is, and each site counts alike however long its record. Intervals
    calibrated on days of training sites would be far too narrow.

    Parameters
    ----------
    estimator : estimator
        Any regressor that takes X: ``fit(X, y)``, ``predict(X)``; for ``conformity="cqr"``
        also ``predict_quantiles(X, quantiles)``.
    cv : int, splitter, iterable or "prefit", default=None
        Which sites are left out together. None leaves out region by region where X tells
        three or more, and deals the sites into five folds otherwise; a number deals them into
        so many. Leave out as far as you will predict: regions for regions without gauges.
        "prefit" takes the estimator as it is, which must be fitted; X of `fit` are then sites
        that it has not seen.
    confidence_level : float or sequence of float, default=0.9
        Share of the observations that intervals are to hold, at a new site on average.
    conformity : {"magnitude", "absolute", "relative", "site", "cqr", "auto"}, default="magnitude"
        What an error is measured against, to be comparable between sites:

        - "absolute": nothing; intervals are equally wide everywhere;
        - "relative": the size of the prediction;
        - "site": the spread of the predictions of the site over its record;
        - "magnitude": the typical error, below and above, of predictions that are as large
          against the mean of their site; learned;
        - "cqr": the interval between two predicted quantiles [4]_ [5]_;
        - "auto": the one of these whose intervals are best (`conformity_table_`) at the sites of
          each fold when calibrated with the other folds.
    symmetric : bool, default=True
        Whether one number of scales is found for both ends, so that together they leave out
        the rest. "magnitude" has a scale below and one above, and is skewed all the same. With
        False each end leaves out half of the rest, which needs twice as many sites.
    unit : {"site", "region"}, default="site"
        What counts alike, and what is taken to be drawn at random: sites, or regions, in which
        sites count alike. A region is the honest unit for a new region, but a level of
        0.9 then needs 9 regions.
    regions : str, mapping or Series, default=None
        Where the region of a site stands, as for `LeaveRegionOut`; for `unit` and for the
        report. None means "region".
    lower_bound : float, None or "auto", default="auto"
        Intervals do not reach below; "auto" is 0 if no target of `fit` is negative.
    warmup : int, default=0
        Steps at the beginning of each record that are not calibrated on.
    period : tuple of two dates, default=None
        First and last day calibrated on; None takes all.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on all sites, or, with "prefit", the one given.
    conformity_ : str
        The score taken.
    conformity_table_ : DataFrame
        With ``conformity="auto"``: per score the interval score (the less the better), coverage
        and width at sites that were not calibrated with, means over sites.
    calibration_report_ : CoverageReport
        Coverage and width at each site calibrated with, by bounds that it has helped to find.
    n_units_ : int
        Number of sites (or regions) calibrated with.
    lower_bound_ : float or None
        The bound applied.

    Raises
    ------
    ValueError
        In `fit`, if there are too few sites for a level, or `cv` parts the days of a site.

    See Also
    --------
    coverage_report : The same report for intervals from anywhere.
    AreaOfApplicability : Whether a site is like those calibrated with at all.

    Notes
    -----
    Scores are pooled with weights: of :math:`K` sites, :math:`1/(K+1)` each, spread evenly
    over its days, and the last :math:`1/(K+1)` at infinity, for the site to come. An end of
    an interval is a quantile of that distribution [1]_ [2]_. If the new site is exchangeable
    with those left out, a randomly chosen day of it is covered with at least the level's
    probability. That is a statement on average over sites: single sites are covered more or less
    often, and the report shows how much. With "prefit" it is exact (but for what
    "magnitude" learns from the same sites: two curves). With folds, scores come from models
    trained on somewhat fewer sites than the final one [3]_, which errs on the wide side in
    practice. Regions are not exchangeable in the strict sense: in a region unlike all
    others, nothing is promised.

    References
    ----------
    .. [1] Dunn, R., Wasserman, L. and Ramdas, A. (2023). Distribution-free prediction sets
       for two-layer hierarchical models. J. Am. Stat. Assoc., 118, 2491-2502.
       doi:10.1080/01621459.2022.2060112
    .. [2] Lee, Y., Barber, R. F. and Willett, R. (2023). Distribution-free inference with
       hierarchical data. arXiv:2306.06342
    .. [3] Vovk, V. (2015). Cross-conformal predictors. Ann. Math. Artif. Intell., 74, 9-28.
       doi:10.1007/s10472-013-9368-4
    .. [4] Romano, Y., Patterson, E. and Candès, E. (2019). Conformalized quantile regression.
       Advances in Neural Information Processing Systems 32. arXiv:1905.03222
    .. [5] Sesia, M. and Candès, E. (2020). A comparison of some conformal quantile regression
       methods. Stat, 9, e261. doi:10.1002/sta4.261 (dividing by the width)

    Examples
    --------
    >>> from stefaland_sk import LinearComparator
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.judging import ConformalBySite
    >>> from stefaland_sk.model_selection import LeaveRegionOut
    >>> X, y = make_catchments(n_sites=32, n_years=2, n_regions=4, random_state=0)
    >>> train, test = next(LeaveRegionOut().split(X))
    >>> model = ConformalBySite(LinearComparator(), confidence_level=0.8, warmup=90)
    >>> lower, upper = model.fit(X[train], y.iloc[train]).predict_interval(X[test])
    >>> lower.shape, bool((lower <= upper).all()), bool(lower.min() >= 0)
    ((8, 730), True, True)
    >>> report = model.coverage_report(X[test], y.iloc[test])
    >>> bool(0.5 < report.overall()["coverage"].iloc[0] <= 1)
    True
    """

    def __init__(
        self,
        estimator,
        *,
        cv=None,
        confidence_level=0.9,
        conformity="magnitude",
        symmetric=True,
        unit="site",
        regions=None,
        lower_bound="auto",
        warmup=0,
        period=None,
    ):
        self.estimator = estimator
        self.cv = cv
        self.confidence_level = confidence_level
        self.conformity = conformity
        self.symmetric = symmetric
        self.unit = unit
        self.regions = regions
        self.lower_bound = lower_bound
        self.warmup = warmup
        self.period = period

    @property
    def causal(self):
        """Whether a prediction never depends on later forcing: as the estimator says."""
        return getattr(self.estimator, "causal", False)

    # ------------------------------------------------------------------ fit
    def fit(self, X, y):
        """Fit the model, and calibrate its intervals on sites left out.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            A panel, a long table, or a plain table with one row per site.
        y : array-like
            Target aligned with the samples; NaN = not observed.

        Returns
        -------
        self
            The fitted estimator.
        """
        check_instance("estimator", self.estimator)
        refuse_path(X)
        levels = check_levels(self.confidence_level)
        check_option("conformity", self.conformity, [*SCORES, "auto"])
        check_option("symmetric", self.symmetric, [True, False])
        check_option("unit", self.unit, ["site", "region"])
        prefit = isinstance(self.cv, str) and check_option("cv", self.cv, ["prefit"]) == "prefit"
        if prefit:
            self._check_prefit()
            self.estimator_ = self.estimator
        else:  # first, so that what is wrong with X or y is told by the model that reads it
            self.estimator_ = clone(self.estimator).fit(X, y)
        X, y = as_indexable(X), as_indexable(y)
        samples = read_samples(X)
        if samples.n_sites < 2:
            raise ValueError(
                f"{type(self).__name__} needs sites to leave out; got n_samples = "
                f"{samples.n_sites} site."
            )
        observed = read_target(X, y, samples)
        seen = observed[np.isfinite(observed)]
        if isinstance(self.lower_bound, str):
            check_option("lower_bound", self.lower_bound, ["auto"])
            self.lower_bound_ = 0.0 if len(seen) and seen.min() >= 0 else None
        else:
            self.lower_bound_ = check_number("lower_bound", self.lower_bound, none=True)
        if self.conformity == "site" and not samples.has_series:
            raise ValueError(
                "`conformity`='site' divides by the spread of a site's predictions, and here a "
                "site has one value. Use conformity='absolute'."
            )
        self._quantiles = self._quantile_levels(levels)
        values, quantiles, part = self._left_out(X, y, samples, prefit)
        self._counted(X, samples, observed, values, quantiles, part, levels)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def _counted(self, X, samples, observed, values, quantiles, part, levels):
        """Calibrate with what was predicted of sites left out."""
        counted = np.isfinite(observed) & np.isfinite(values)
        if quantiles is not None:
            counted &= np.isfinite(quantiles).all(axis=-1)
        counted &= scored_steps(X, samples, warmup=self.warmup, period=self.period)
        # In an order that does not depend on that of the sites; a site drawn twice is one unit.
        labels = samples.ids
        if self.unit == "region":
            labels = [str(r) for r in read_regions(X, self.regions, type(self).__name__)]
        units = pd.factorize(np.asarray(labels, dtype=object), sort=True)[0]
        self.n_units_ = len(np.unique(units[samples.site_count(counted) > 0]))
        for level in levels:
            self._check_units(level)
        data = LeftOut(samples, observed, counted, units, part)
        self.conformity_ = self.conformity
        if self.conformity == "auto":
            self.conformity_table_ = compare_scores(self, values, quantiles, data, levels)
            self.conformity_ = self.conformity_table_["interval_score"].idxmin()
        self._calibrations = self._calibrate(self.conformity_, values, quantiles, data)
        lower, upper = self._bounds(values, quantiles, samples, levels)
        hidden = np.where(counted, observed, np.nan)
        self.calibration_report_ = coverage_report(
            X,
            samples.restore(hidden),
            samples.restore(lower),
            samples.restore(upper),
            confidence_level=levels,
            regions=self.regions,
        )

    def _check_prefit(self):
        """Raise unless the estimator is fitted."""
        try:
            check_is_fitted(self.estimator)
        except NotFittedError as error:
            raise NotFittedError(
                f"`cv`='prefit' needs a fitted estimator, but this {type(self.estimator).__name__} "
                "is not: fit it, or choose another `cv`. If it was fitted before `clone`, as in "
                "cross_validate, give sklearn.frozen.FrozenEstimator(model), which stays fitted."
            ) from error

    def _check_units(self, level):
        """Raise if there are too few units for a level."""
        needed = n_units_needed(level, self.symmetric)
        if self.n_units_ >= needed:
            return
        if self.n_units_ == 0:
            raise ValueError(
                f"Nothing is left to calibrate with: no site has an observation after "
                f"`warmup`={self.warmup} steps within `period`={self.period}."
            )
        fewer = self.n_units_ / (self.n_units_ + 1)
        reach = fewer if self.symmetric else 2 * fewer - 1
        ways = "Lower the level, give more sites"
        ways += "" if self.symmetric else ", or set symmetric=True, which needs half as many"
        ways += ", or take unit='site'" if self.unit == "region" else ""
        raise ValueError(
            f"`confidence_level`={level:g} needs {needed} {self.unit}s with observations that are "
            f"left out in turn; there are {self.n_units_}, enough for levels up to "
            f"{np.floor(1000 * max(reach, 0)) / 1000:g}. {ways}."
        )

    def _quantile_levels(self, levels):
        """Give the quantiles to be asked of the estimator, None for none."""
        able = hasattr(self.estimator_, "predict_quantiles")
        if self.conformity == "cqr" and not able:
            raise TypeError(
                f"`conformity`='cqr' needs an estimator with `predict_quantiles`, which "
                f"{type(self.estimator).__name__} has not. Use conformity='magnitude'."
            )
        if self.conformity == "cqr" or (self.conformity == "auto" and able):
            ends = {round(end, 10) for c in levels for end in ((1 - c) / 2, (1 + c) / 2)}
            return tuple(sorted(ends))
        return None

    def _left_out(self, X, y, samples, prefit):
        """Predict the sites of each fold by a model that has not seen them."""
        values = np.full(samples.shape, np.nan)
        part = np.full(samples.shape[0], -1)
        quantiles = None
        if prefit:
            values, quantiles = self._predictions(self.estimator_, X, samples)
            return values, quantiles, _deal(samples)
        folds = site_splits(self.cv, X, y, type(self).__name__)
        for number, (train, test) in enumerate(folds):
            model = clone(self.estimator).fit(take(X, train), take(y, train))
            inside = take(X, test)
            found = self._predictions(model, inside, read_samples(inside))
            values[test], part[test] = found[0], number
            if found[1] is not None:
                if quantiles is None:
                    quantiles = np.full((*samples.shape, found[1].shape[-1]), np.nan)
                quantiles[test] = found[1]
        if len(folds) == 1:
            part = np.where(part < 0, -1, _deal(samples))
        return values, quantiles, part

    def _predictions(self, model, X, samples):
        """Give values of shape (n_samples, k), and quantiles where they are wanted."""
        values = samples.rows(model.predict(X), "predict(X)")
        if self._quantiles is None:
            return values, None
        try:
            quantiles = model.predict_quantiles(X, self._quantiles)
        except AttributeError:
            if self.conformity == "cqr":
                raise
            self._quantiles = None  # it has the method, but was not fitted for it
            return values, None
        return values, samples.rows(quantiles, "predict_quantiles(X)", n_more=1)

    def _calibrate(self, name, values, quantiles, data):
        """Calibrate a score; once for all levels, or for each with "cqr"."""
        if name != "cqr":
            return {None: Calibration.fit(name, values, data, self.symmetric)}
        return {
            level: Calibration.fit(name, self._pair(quantiles, level), data, self.symmetric)
            for level in check_levels(self.confidence_level)
        }

    def _pair(self, quantiles, level):
        """Give the two quantiles between which a share `level` lies."""
        ends = [self._quantiles.index(round(end, 10)) for end in ((1 - level) / 2, (1 + level) / 2)]
        return quantiles[..., ends]

    # ------------------------------------------------------------------ predict
    def predict(self, X):
        """Predict the target, as the estimator does.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites of the same form and with the same variables as in `fit`.

        Returns
        -------
        ndarray
            Predictions aligned with the samples.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    def predict_interval(self, X, confidence_level=None):
        """Predict an interval for every site and step.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites of the same form and with the same variables as in `fit`.
        confidence_level : float or sequence of float, default=None
            Levels; None takes the parameter. With ``conformity="cqr"`` those of the parameter only.

        Returns
        -------
        lower, upper : ndarray
            Each like the result of `predict`; with several levels, one more axis at the end.
            NaN where nothing is predicted.

        Raises
        ------
        ValueError
            If a level is not to be had.
        """
        check_is_fitted(self)
        given = self.confidence_level if confidence_level is None else confidence_level
        levels = check_levels(given)
        samples = read_samples(X)
        lower, upper = self._bounds(
            *self._predictions(self.estimator_, X, samples), samples, levels
        )
        if np.ndim(given) == 0:
            lower, upper = lower[..., 0], upper[..., 0]
        return samples.restore(lower), samples.restore(upper)

    def predict_quantiles(self, X, quantiles=None):
        """Predict quantiles of the target: the ends of intervals.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites of the same form and with the same variables as in `fit`.
        quantiles : sequence of float, default=None
            Levels between 0 and 1; None takes the ends of the intervals of `confidence_level`.
            A level p below 0.5 is the lower end of the interval of level 1 - 2p.

        Returns
        -------
        ndarray
            As from `predict`, with one more axis at the end for the levels.

        Raises
        ------
        ValueError
            If a level is not to be had.
        """
        check_is_fitted(self)
        if quantiles is None:
            levels = check_levels(self.confidence_level)
            quantiles = sorted(end for c in levels for end in ((1 - c) / 2, (1 + c) / 2))
        samples = read_samples(X)
        predicted = self._predictions(self.estimator_, X, samples)
        ends = []
        for p in map(float, quantiles):
            check_number("quantiles", p, low=0, high=1)
            if p == 0.5:
                calibration = next(iter(self._calibrations.values()))
                if self.conformity_ == "cqr":
                    raise ValueError("`quantiles`: conformity='cqr' has no median; use `predict`.")
                ends.append(self._clip(calibration.median(predicted[0], samples)))
            else:
                level = round(abs(2 * p - 1), 10)
                bounds = self._bounds(*predicted, samples, check_levels(level))
                ends.append(bounds[int(p > 0.5)][..., 0])
        return samples.restore(np.stack(ends, axis=-1))

    def _bounds(self, values, quantiles, samples, levels, calibrations=None):
        """Give lower and upper bounds with one more axis for the levels."""
        calibrations = self._calibrations if calibrations is None else calibrations
        ends = []
        for level in levels:
            if None in calibrations:
                self._check_units(level)
                calibration, prediction = calibrations[None], values
            else:
                found = [known for known in calibrations if abs(known - level) < 1e-9]
                if not found:
                    raise ValueError(
                        "conformity='cqr' was calibrated for the levels "
                        f"{list(calibrations)}, not for {level:g}. List it in "
                        "`confidence_level` and fit again."
                    )
                calibration, prediction = calibrations[found[0]], self._pair(quantiles, found[0])
            ends.append(
                [self._clip(end) for end in calibration.interval(prediction, samples, level)]
            )
        return np.stack([e[0] for e in ends], axis=-1), np.stack([e[1] for e in ends], axis=-1)

    def _clip(self, values):
        """Apply the lower bound."""
        return values if self.lower_bound_ is None else np.maximum(values, self.lower_bound_)

    def coverage_report(self, X, y, *, period=None):
        """Tell how many observations of other sites the intervals hold.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites that were neither trained on nor calibrated with.
        y : array-like
            Their target, aligned with the samples.
        period : tuple of two dates, default=None
            First and last day looked at; None takes all.

        Returns
        -------
        CoverageReport
            Per site, per region, overall. The first `warmup` steps do not count.
        """
        check_is_fitted(self)
        lower, upper = self.predict_interval(X)
        return coverage_report(
            X,
            y,
            lower,
            upper,
            confidence_level=self.confidence_level,
            regions=self.regions,
            warmup=self.warmup,
            period=period,
        )

    def score(self, X, y):
        """Give the score of the estimator, such as the median NSE over sites.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites.
        y : array-like
            Observed target.

        Returns
        -------
        float
            As from ``estimator_.score``.
        """
        check_is_fitted(self)
        return self.estimator_.score(X, y)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_calibrations")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags


def _deal(samples):
    """Deal the sites of a single fold into parts, whatever their order."""
    rank = pd.factorize(np.asarray(samples.ids, dtype=object), sort=True)[0]
    return rank[samples.codes] % N_PARTS
