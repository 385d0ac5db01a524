"""Predictions by donors: a model trained on them, or their own flow."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from stefaland_sk._core import check_instance, check_option
from stefaland_sk.data import is_labelled, read_long, site_of_samples
from stefaland_sk.judging._donors import DonorSelector
from stefaland_sk.judging._samples import (
    as_indexable,
    checked_table,
    default_score,
    read_samples,
    read_target,
    take,
    variable_names,
)
from stefaland_sk.judging._transfer import Lenders


class DonorRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Predict each site by the sites most like it.

    With an estimator, a model of its own is trained on the donors of each site; without one,
    the site gets the mean of what was observed at its donors that day. The latter is a
    baseline that any model should beat where donors have records of the same days; it knows
    nothing of the site's own weather.

    Parameters
    ----------
    estimator : estimator, default=None
        Trained on the donors, once for each set of donors: with many sites to predict that
        takes as many trainings. None lends the target itself.
    n_donors : int or None, default=5
        Donors per site; None means all. Training takes many more than lending.
    features, metric, exclude, regions
        By what donors are found, and who may not be one, as for `DonorSelector`.
    weights : {"distance", "uniform"}, default="distance"
        How donors that lend count: by 1 / distance, or alike.
    scale_by : str or list of str, default=None
        Attributes, or forcing (its mean over the record), in whose proportion what is lent
        grows: ``"area"`` for discharge [m3/s], ``"prcp"`` where the donors are wetter. Runoff
        [mm/d] is per area already.
    random_state : int, RandomState or None, default=None
        Seed of ``features="random"``.

    Attributes
    ----------
    selector_ : DonorSelector
        Fitted on the sites with observations; ``selector_.select(X).frame()`` explains.

    Raises
    ------
    ValueError
        If there are fewer donors than asked for, or no site has an observation.

    See Also
    --------
    donor_scaling_curve : How skill grows with the number of donors.
    DonorSelector : Finds the donors.

    Notes
    -----
    On days of which no donor has an observation, lending gives their mean on that day of the year,
    and if there is none, their mean.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.judging import DonorRegressor
    >>> X, y = make_catchments(n_sites=8, n_years=1, n_regions=2, random_state=0)
    >>> model = DonorRegressor(n_donors=3, scale_by="prcp").fit(X[:6], y[:6])
    >>> model.predict(X[6:]).shape
    (2, 365)
    """

    def __init__(
        self,
        estimator=None,
        *,
        n_donors=5,
        features=None,
        metric="euclidean",
        exclude=None,
        regions=None,
        weights="distance",
        scale_by=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_donors = n_donors
        self.features = features
        self.metric = metric
        self.exclude = exclude
        self.regions = regions
        self.weights = weights
        self.scale_by = scale_by
        self.random_state = random_state

    def fit(self, X, y):
        """Keep the donors and what was observed there.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            A panel, a long table, or a plain table with one row per site.
        y : array-like
            Target aligned with the samples; NaN = not observed. Sites without any do not lend.

        Returns
        -------
        self
            The fitted estimator.
        """
        if self.estimator is not None:
            check_instance("estimator", self.estimator)
        check_option("weights", self.weights, ["distance", "uniform"])
        X, y = self._read(X, y)
        labelled = is_labelled(X, y)
        if not labelled.any():
            raise ValueError(
                "DonorRegressor needs at least one observed target; all of `y` is missing."
            )
        rows = np.flatnonzero(labelled[site_of_samples(X).codes])
        self._X, self._y = take(X, rows), take(y, rows)
        self.selector_ = DonorSelector(
            self.n_donors,
            features=self.features,
            metric=self.metric,
            exclude=self.exclude,
            regions=self.regions,
            random_state=self.random_state,
        ).fit(self._X)
        self._lenders = None
        if self.estimator is None:
            self._lenders = Lenders(self._X, self._y, self._scales())
        return self

    def _read(self, X, y):
        """Check the form of X and y; give y in a form that can be taken apart."""
        X, y = checked_table(self, X, reset=True), as_indexable(y)
        samples = read_samples(X)
        self.kind_ = "table" if samples.kind == "table" else "series"
        if self.kind_ == "series":
            self.variable_names_ = variable_names(X)
        elif isinstance(X, np.ndarray | pd.DataFrame):
            if y is None:
                raise ValueError(
                    "DonorRegressor requires y to be passed, but the target y is None."
                )
            y = column_or_1d(y, warn=True)
            check_consistent_length(X, y)
            y = y.astype(np.float64) if y.dtype.kind in "OSU" else y
        values = samples.restore(read_target(X, y, samples))
        if np.isinf(values).any():
            raise ValueError("Input y contains infinity or a value too large for dtype('float64').")
        return X, values

    def _compare(self, X):
        """Raise unless X has the variables of sites with series that were seen in fit."""
        there = variable_names(X)
        missing = [name for name in self.variable_names_ if name not in there]
        if missing:
            raise ValueError(
                f"X lacks {len(missing)} of the {len(self.variable_names_)} variables that this "
                f"DonorRegressor was fitted on: {missing[:5]}. X has {there}."
            )

    def _scales(self):
        """List what lending is scaled by."""
        if self.scale_by is None:
            return []
        return [self.scale_by] if isinstance(self.scale_by, str) else list(self.scale_by)

    def predict(self, X):
        """Predict the target of each site by its donors.

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
        samples = read_samples(X)
        if (samples.kind == "table") != (self.kind_ == "table"):
            known = "a plain table" if self.kind_ == "table" else "sites with series"
            raise ValueError(
                f"This DonorRegressor was fitted on {known}, but X is of another kind."
            )
        X = checked_table(self, X, reset=False)
        if self.kind_ == "series":
            self._compare(X)
        selection = self.selector_.select(X)
        if self._lenders is None:
            return self._train_and_predict(X, samples, selection)
        values = self._lenders.lend(X, selection, self.weights == "uniform")
        if samples.kind == "long":
            return read_long(X).to_rows(values)
        return samples.restore(values)

    def _train_and_predict(self, X, samples, selection):
        """Train one model for each set of donors, and predict its sites."""
        codes = site_of_samples(self._X).codes
        sets = {}
        for site, donors in enumerate(selection.positions):
            sets.setdefault(tuple(sorted(donors)), []).append(site)
        result = np.full(samples.shape, np.nan)
        for donors, sites in sets.items():
            inside = np.flatnonzero(np.isin(codes, donors))
            model = clone(self.estimator).fit(take(self._X, inside), take(self._y, inside))
            rows = np.flatnonzero(np.isin(samples.codes, sites))
            part = take(X, rows)
            result[rows] = read_samples(part).rows(model.predict(part), "predict(X)")
        return samples.restore(result)

    def score(self, X, y):
        """Give the median NSE over sites, or R2 for a plain table.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites.
        y : array-like
            Observed target; NaN = not observed.

        Returns
        -------
        float
            The score; 1 is perfect.
        """
        return default_score(self, X, y)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "selector_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        if self.estimator is not None:
            tags.input_tags = get_tags(self.estimator).input_tags
        return tags
