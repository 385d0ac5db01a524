"""Several models as one: seeds of one model, or models of several kinds."""

import numpy as np
from scipy.optimize import nnls
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from stefaland_sk._core import check_instance, check_number, check_option, refuse_path
from stefaland_sk.judging._samples import (
    as_indexable,
    default_score,
    read_samples,
    read_target,
    take,
)
from stefaland_sk.judging._splits import site_splits


class SiteEnsemble(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Average several models; their spread tells where they disagree.

    Parameters
    ----------
    estimator : estimator or list of tuple of (str, estimator)
        One model to be trained from several seeds, or several models by name.
    n_members : int, default=5
        Seeds of one model. A model that has ``n_seeds`` (the networks of this library) trains
        them together, which shares the features of its encoder and one copy of the data.
    weights : {"equal", "skill"} or sequence of float, default="equal"
        Of several models: alike; or those, none negative, that made the smallest squared error
        at sites left out by `cv`, relative to how much each site varies; or given.
    cv : int, splitter or iterable, default=None
        Which sites are left out together for "skill". None leaves out region by region where
        X tells three or more, and deals the sites into five folds otherwise.
    random_state : int, RandomState or None, default=None
        Seed from which the seeds of one model are drawn.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted models; of one model with ``n_seeds`` that model alone.
    names_ : list of str
        Names of the members.
    weights_ : ndarray of shape (n_members,)
        Weights; they sum to 1.

    Raises
    ------
    ValueError
        If weights do not fit, or a model has no seed to vary.

    See Also
    --------
    ConformalBySite : Intervals around the mean; the spread of models alone is too narrow.

    Notes
    -----
    Models trained alike err alike. Where nobody has measured all may be wrong by the same amount,
    and their spread small: it ranks sites by doubt better than it measures the error.

    Examples
    --------
    >>> from stefaland_sk import ClimatologyComparator, LinearComparator
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.judging import SiteEnsemble
    >>> X, y = make_catchments(n_sites=8, n_years=2, n_regions=2, random_state=0)
    >>> models = [("linear", LinearComparator(max_rows=2000, random_state=0)),
    ...           ("climatology", ClimatologyComparator())]
    >>> model = SiteEnsemble(models, weights="skill", cv=2).fit(X, y)
    >>> model.predict(X).shape, model.predict_spread(X).shape
    ((8, 730), (8, 730))
    >>> model.names_, bool(model.weights_[0] > model.weights_[1])
    (['linear', 'climatology'], True)
    """

    def __init__(self, estimator, *, n_members=5, weights="equal", cv=None, random_state=None):
        self.estimator = estimator
        self.n_members = n_members
        self.weights = weights
        self.cv = cv
        self.random_state = random_state

    @property
    def causal(self):
        """Whether a prediction never depends on later forcing: if no member's does."""
        if not isinstance(self.estimator, list | tuple):
            return getattr(self.estimator, "causal", False)
        return all(getattr(model, "causal", False) for _, model in self.estimator)

    def fit(self, X, y):
        """Fit all members.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            A panel, a long table, or a plain table with one row per site.
        y : array-like
            Target aligned with the samples; NaN = not observed.

        Returns
        -------
        self
            The fitted ensemble.
        """
        refuse_path(X)
        models = self._models()
        for name, model in models:
            check_instance(name, model)
        self._seeded = self._has_members()
        n_members = self.n_members if self._seeded else len(models)
        if isinstance(self.weights, str):
            check_option("weights", self.weights, ["equal", "skill"])
        if self._is_one() and not (isinstance(self.weights, str) and self.weights == "equal"):
            raise ValueError(
                "`weights` tell several models apart; seeds of one model differ by chance alone. "
                "Use weights='equal', or give a list of (name, estimator)."
            )
        self.names_ = [name for name, _ in models]
        if self._seeded:
            self.names_ = [f"seed_{i}" for i in range(n_members)]
        self.estimators_ = [clone(model).fit(X, y) for _, model in models]
        self.weights_ = self._weigh(models, n_members, X, y)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimators_[0], name):
                setattr(self, name, getattr(self.estimators_[0], name))
        return self

    def _is_one(self):
        """Tell whether the members are seeds of one model."""
        return not isinstance(self.estimator, list | tuple)

    def _has_members(self):
        """Tell whether the estimator trains several seeds itself."""
        return (
            self._is_one()
            and hasattr(self.estimator, "predict_members")
            and "n_seeds" in self.estimator.get_params(deep=False)
        )

    def _models(self):
        """Name the unfitted models."""
        if not self._is_one():
            if not all(
                isinstance(pair, tuple | list) and len(pair) == 2 for pair in self.estimator
            ):
                raise TypeError(
                    "`estimator` must be an estimator or list pairs (name, estimator), as in "
                    f"[('linear', LinearComparator())]; got {self.estimator!r}."
                )
            names = [name for name, _ in self.estimator]
            if not names or len(set(names)) < len(names):
                raise ValueError(
                    f"`estimator` must list models, each under a name of its own; got {names}."
                )
            return list(self.estimator)
        check_instance("estimator", self.estimator)
        check_number("n_members", self.n_members, low=1, integer=True)
        rng = check_random_state(self.random_state)
        seeds = rng.randint(2**31 - 1, size=self.n_members).tolist()
        params = [n for n in self.estimator.get_params() if n.split("__")[-1] == "random_state"]
        if not params:
            raise ValueError(
                f"{type(self.estimator).__name__} has no `random_state`: all members would be the "
                "same. Give a list of (name, estimator)."
            )
        if self._has_members():
            one = clone(self.estimator).set_params(n_seeds=self.n_members, random_state=seeds[0])
            return [("seeds", one)]
        return [
            (f"seed_{i}", clone(self.estimator).set_params(**dict.fromkeys(params, seed)))
            for i, seed in enumerate(seeds)
        ]

    def _weigh(self, models, n_members, X, y):
        """Give the weights of the members."""
        if isinstance(self.weights, str) and self.weights == "skill":
            return self._weigh_by_skill(models, X, y)
        if isinstance(self.weights, str):
            return np.full(n_members, 1.0 / n_members)
        weights = np.asarray(self.weights, dtype=np.float64)
        if weights.shape != (n_members,) or not (weights >= 0).all() or not weights.sum() > 0:
            raise ValueError(
                f"`weights` must be {n_members} numbers, none negative and not all 0; got "
                f"{self.weights!r}."
            )
        return weights / weights.sum()

    def _weigh_by_skill(self, models, X, y):
        """Find the weights with the smallest squared error at sites left out."""
        X, y = as_indexable(X), as_indexable(y)
        samples = read_samples(X)
        target = read_target(X, y, samples)
        predicted = np.full((*samples.shape, len(models)), np.nan)
        for train, test in site_splits(self.cv, X, y, type(self).__name__):
            inside, known = take(X, train), take(y, train)
            part = take(X, test)
            for i, (_, model) in enumerate(models):
                found = clone(model).fit(inside, known).predict(part)
                predicted[test, ..., i] = read_samples(part).rows(found, "predict(X)")
        good = np.isfinite(target) & np.isfinite(predicted).all(axis=-1)
        observed = np.where(good, target, np.nan)
        mean = samples.site_mean(observed)[samples.codes, None]
        spread = np.sqrt(samples.site_mean((observed - mean) ** 2))
        usual = np.nanmedian(spread)
        usual = usual if usual > 0 else 1.0
        # Each site counts alike, whatever its flow and the length of its record.
        scale = np.maximum(spread, 0.1 * usual) * np.sqrt(np.maximum(samples.site_count(good), 1))
        scale = np.broadcast_to(scale[samples.codes, None], good.shape)[good]
        # A small matrix with the same squares; a heavy last row makes the weights sum to 1.
        rows, wanted = predicted[good] / scale[:, None], target[good] / scale
        heavy = 1e3 * max(np.abs(rows).max(initial=0.0), 1e-12) * np.sqrt(max(len(rows), 1))
        small = np.linalg.qr(np.column_stack([rows, wanted]), mode="r")
        matrix = np.vstack([small[:, :-1], np.full((1, len(models)), heavy)])
        weights = nnls(matrix, np.append(small[:, -1], heavy))[0]
        return weights / weights.sum()

    def predict_members(self, X):
        """Predict by each member.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites of the same form and with the same variables as in `fit`.

        Returns
        -------
        ndarray
            Predictions aligned with the samples, with one more axis at the end for the members.
        """
        check_is_fitted(self)
        if self._seeded:
            return self.estimators_[0].predict_members(X)
        return np.stack([np.asarray(m.predict(X)) for m in self.estimators_], axis=-1)

    def predict(self, X):
        """Predict the weighted mean of the members.

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
        if self._seeded:
            return self.estimators_[0].predict(X)
        return self.predict_members(X) @ self.weights_

    def predict_spread(self, X):
        """Give the (weighted) standard deviation of the members around their mean.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites of the same form and with the same variables as in `fit`.

        Returns
        -------
        ndarray
            Aligned with the samples, in the unit of the target.
        """
        members = self.predict_members(X)
        mean = members @ self.weights_
        return np.sqrt((members - mean[..., None]) ** 2 @ self.weights_)

    def predict_quantiles(self, X, quantiles=None):
        """Predict quantiles: the weighted mean of those of the members.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites of the same form and with the same variables as in `fit`.
        quantiles : sequence of float, default=None
            Levels between 0 and 1; None takes those of the members.

        Returns
        -------
        ndarray
            As from `predict`, with one more axis at the end for the levels.

        Raises
        ------
        AttributeError
            If a member predicts no quantiles.
        """
        check_is_fitted(self)
        unable = [type(m).__name__ for m in self.estimators_ if not hasattr(m, "predict_quantiles")]
        if unable:
            raise AttributeError(
                f"{unable[0]} predicts no quantiles. Those of the members' values would be far too "
                "narrow; put the ensemble into ConformalBySite for intervals."
            )
        found = [model.predict_quantiles(X, quantiles) for model in self.estimators_]
        weights = [1.0] if self._seeded else self.weights_
        return np.tensordot(np.stack(found, axis=-1), weights, axes=1)

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
        return hasattr(self, "weights_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        one = self.estimator if self._is_one() else self.estimator[0][1]
        tags.input_tags = get_tags(one).input_tags
        return tags
