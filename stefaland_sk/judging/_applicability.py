"""Where a model may be applied: how unlike a site is of all that it was trained on."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from stefaland_sk._core import check_instance, check_number, check_option
from stefaland_sk.data import is_labelled, site_of_samples
from stefaland_sk.judging._features import site_features, site_scaling
from stefaland_sk.judging._importance import panel_permutation_importance
from stefaland_sk.judging._samples import as_indexable, checked_table, take
from stefaland_sk.judging._splits import site_splits


class AreaOfApplicability(BaseEstimator):
    """Tell which sites are like those that a model was trained on [1]_.

    The dissimilarity index of a site is its distance to the nearest training site, in
    attributes that are scaled and weighed by what they matter, over the mean distance
    between training sites. A site is inside the area of applicability if that is no more than what
    occurs between the folds of the cross-validation: there, and only there, does the
    cross-validated score say anything about it.

    Parameters
    ----------
    estimator : estimator, default=None
        A regressor whose permutation importances, on sites left out by `cv`, weigh the
        attributes; `fit` needs y then.
    weights : mapping or Series, default=None
        Weight of each attribute (or feature), by name; those not named get 0. None weighs
        all alike, unless `estimator` is given.
    features : None, list of str, DataFrame, encoder or transformer, default=None
        By what sites are compared: None by all attributes; else as for `DonorSelector`.
    cv : int, splitter or iterable, default=None
        The cross-validation whose scores are to be trusted. None leaves out region by region
        where X tells three or more, and deals the sites into five folds otherwise.
    threshold : "whisker" or float, default="whisker"
        Most that is inside: the largest dissimilarity between folds that is not an outlier (more
        than 1.5 times the spread of the middle half above it), or this quantile of them.
    scoring : str, Metric, SiteScorer or callable, default=None
        Score of the importances, as for `panel_permutation_importance`.
    n_repeats : int, default=3
        Deals of each attribute for the importances.
    random_state : int, RandomState or None, default=None
        Seed of the importances.

    Attributes
    ----------
    threshold_ : float
        Largest dissimilarity inside.
    weights_ : Series
        Weight of each feature, 1 on average. Features that do not vary over the training sites
        are left out.
    training_dissimilarity_ : Series
        Of each training site, to the sites of other folds.
    mean_distance_ : float
        Between training sites.

    Raises
    ------
    ValueError
        If there are fewer than two training sites, or none of the features varies.

    See Also
    --------
    ConformalBySite : How far predictions may be off.
    DonorSelector : The sites most like another.

    Notes
    -----
    The index sees what it is given, attributes say, and no more: a site may be inside
    and yet behave like none. A training site has a dissimilarity of 0. Among many
    features all distances grow alike, and the index tells less: prefer few that
    matter, or weights. A missing value counts as average.

    References
    ----------
    .. [1] Meyer, H. and Pebesma, E. (2021). Predicting into unknown space? Estimating the area of
       applicability of spatial prediction models. Methods Ecol. Evol., 12, 1620-1633.
       doi:10.1111/2041-210X.13650

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from stefaland_sk.judging import AreaOfApplicability
    >>> known = pd.DataFrame({"aridity": np.linspace(0.5, 1.5, 20), "slope": 1.0})
    >>> area = AreaOfApplicability(cv=4).fit(known)
    >>> new = pd.DataFrame({"aridity": [1.02, 3.0], "slope": 1.0}, index=["humid", "desert"])
    >>> area.predict(new).tolist()
    [True, False]
    >>> area.explain(new, n_features=1)[["site", "inside", "variable", "value", "highest"]]
         site  inside variable  value  highest
    0   humid    True  aridity   1.02      1.5
    1  desert   False  aridity   3.00      1.5
    """

    def __init__(
        self,
        estimator=None,
        *,
        weights=None,
        features=None,
        cv=None,
        threshold="whisker",
        scoring=None,
        n_repeats=3,
        random_state=None,
    ):
        self.estimator = estimator
        self.weights = weights
        self.features = features
        self.cv = cv
        self.threshold = threshold
        self.scoring = scoring
        self.n_repeats = n_repeats
        self.random_state = random_state

    def fit(self, X, y=None):
        """Learn how far training sites are from each other.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            The training sites.
        y : array-like, default=None
            Target aligned with the samples; sites without any observation do not count as
            training sites. Needed with `estimator`.

        Returns
        -------
        self
            The fitted object.
        """
        name = type(self).__name__
        self._check()
        X = checked_table(self, X, reset=True)
        if y is not None:
            y = as_indexable(y)
            rows = np.flatnonzero(is_labelled(X, y)[site_of_samples(X).codes])
            X, y = take(X, rows), take(y, rows)
        table = site_features(X, self.features, name)
        if len(table) < 2:
            raise ValueError(
                f"{name} needs two training sites or more to compare; got n_samples = {len(table)}."
            )
        values = table.to_numpy()
        self._scaling = site_scaling().fit(values)
        varies = np.ptp(self._scaling.transform(values), axis=0) > 1e-9
        if not varies.any():
            raise ValueError(
                "None of the features varies over the training sites: there is nothing to compare "
                "them by."
            )
        self.feature_names_ = list(table.columns)
        folds = site_splits(self.cv, X, y, name)
        self.weights_ = self._weigh(X, y, folds, varies)
        self._sites, self._table = table.index, table
        self._rows = self._scaled(table)
        self._neighbours = NearestNeighbors(n_neighbors=1).fit(self._rows)
        n = len(self._rows)
        total = sum(part.sum() for part in pairwise_distances_chunked(self._rows))
        self.mean_distance_ = float(total / (n * (n - 1)))
        if not self.mean_distance_ > 0:
            raise ValueError("All training sites are the same by the features that have weight.")
        self.training_dissimilarity_ = self._between_folds(X, folds)
        self.threshold_ = self._limit(self.training_dissimilarity_.dropna().to_numpy())
        return self

    def _check(self):
        """Check what the constructor was given."""
        if isinstance(self.threshold, str):
            check_option("threshold", self.threshold, ["whisker"])
        else:
            check_number("threshold", self.threshold, low=0, high=1, open_low=True)
        check_number("n_repeats", self.n_repeats, low=1, integer=True)
        if self.estimator is not None:
            check_instance("estimator", self.estimator)
        if self.estimator is not None and self.weights is not None:
            raise ValueError("Give `estimator` or `weights`, not both: each says what matters.")
        if self.estimator is not None and not (
            self.features is None or isinstance(self.features, list | tuple)
        ):
            raise ValueError(
                "`estimator` weighs attributes, but `features` are others. Give their `weights`, "
                "or none."
            )

    def _weigh(self, X, y, folds, varies):
        """Give the weight of each feature, 1 on average over those that vary."""
        names = self.feature_names_
        if self.estimator is not None:
            found = self._importances(X, y, folds).reindex(names).fillna(0.0)
        elif self.weights is not None:
            given = pd.Series(dict(self.weights), dtype=np.float64).rename(index=str)
            unknown = [name for name in given.index if name not in names]
            if unknown:
                raise ValueError(
                    f"`weights` names {unknown[:5]}, which are not among the features {names[:20]}."
                )
            found = given.reindex(names).fillna(0.0)
            if not (np.isfinite(found).all() and (found >= 0).all()):
                bad = found[~(found >= 0) | ~np.isfinite(found)]
                raise ValueError(
                    f"`weights` must be 0 or more; that of {bad.index[0]!r} is {bad.iloc[0]}."
                )
        else:
            found = pd.Series(1.0, index=names)
        found = found.where(varies, 0.0)
        if not found.sum() > 0:
            raise ValueError(
                "No feature that varies over the training sites has a weight above 0. Leave "
                "`estimator` and `weights` out to weigh all alike."
            )
        return found / found[found > 0].mean()

    def _importances(self, X, y, folds):
        """Average permutation importances over sites left out; less than none is none."""
        if y is None:
            raise ValueError("`estimator` is given, so `fit` needs the target `y`; got None.")
        rng = check_random_state(self.random_state)
        parts = []
        for train, test in folds:
            model = clone(self.estimator).fit(take(X, train), take(y, train))
            found = panel_permutation_importance(
                model,
                take(X, test),
                take(y, test),
                scoring=self.scoring,
                variables=self.feature_names_,
                n_repeats=self.n_repeats,
                random_state=int(rng.randint(2**31 - 1)),
            )
            parts.append(pd.Series(found.importances.mean(axis=1), index=found.names))
        return pd.concat(parts, axis=1).mean(axis=1).clip(lower=0.0)

    def _scaled(self, table):
        """Scale and weigh features; those without weight are left out."""
        used = (self.weights_ > 0).to_numpy()
        rows = self._scaling.transform(table[self.feature_names_].to_numpy())
        return rows[:, used] * self.weights_.to_numpy()[used]

    def _between_folds(self, X, folds):
        """Give the dissimilarity of each training site to the sites it was tested against."""
        codes = np.asarray(site_of_samples(X).codes)
        nearest = np.full(len(self._rows), np.nan)
        for train, test in folds:
            train, test = np.unique(codes[train]), np.unique(codes[test])
            if len(train) and len(test):
                near = NearestNeighbors(n_neighbors=1).fit(self._rows[train])
                nearest[test] = near.kneighbors(self._rows[test])[0][:, 0]
        return pd.Series(nearest / self.mean_distance_, index=self._sites, name="dissimilarity")

    def _limit(self, found):
        """Give the most that is inside."""
        if self.threshold != "whisker":
            return float(np.quantile(found, self.threshold))
        low, high = np.quantile(found, [0.25, 0.75])
        return float(found[found <= high + 1.5 * (high - low)].max())

    # ------------------------------------------------------------------ new sites
    def dissimilarity(self, X):
        """Give the dissimilarity index of each site.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Any sites.

        Returns
        -------
        Series of length n_sites
            By site; 0 is a training site, `threshold_` the most that is inside.
        """
        return self._nearest(X)[0]

    def _nearest(self, X):
        """Give dissimilarity, nearest training site, and features, of each site."""
        check_is_fitted(self)
        X = checked_table(self, X, reset=False)
        table = site_features(X, self.features, type(self).__name__)
        missing = [name for name in self.feature_names_ if name not in table]
        if missing:
            raise ValueError(
                f"X lacks {len(missing)} of the {len(self.feature_names_)} features that "
                f"{type(self).__name__} was fitted on: {missing[:5]}."
            )
        rows = self._scaled(table)
        far, near = self._neighbours.kneighbors(rows)
        index = far[:, 0] / self.mean_distance_
        return pd.Series(index, index=table.index, name="dissimilarity"), near[:, 0], table, rows

    def predict(self, X):
        """Tell which samples belong to sites inside the area of applicability.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Any sites.

        Returns
        -------
        ndarray of bool of shape (n_samples,)
            True inside; aligned with the samples, so that ``X[area.predict(X)]`` of a panel
            are the sites inside.
        """
        index = self.dissimilarity(X).to_numpy()
        # By position: the sites of a bootstrapped panel repeat.
        return (index <= self.threshold_)[np.asarray(site_of_samples(X).codes)]

    def explain(self, X, n_features=3):
        """Name what makes each site unlike the nearest training site.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Any sites.
        n_features : int, default=3
            Features named per site.

        Returns
        -------
        DataFrame
            One row per site and feature, that which sets it apart most first: ``site``,
            ``dissimilarity``, ``inside``, ``nearest`` (training site), ``variable``, ``share`` (of
            the squared distance), ``value``, ``nearest_value``, and the ``lowest`` and ``highest``
            value of any training site.
        """
        check_number("n_features", n_features, low=1, integer=True)
        index, near, table, rows = self._nearest(X)
        names = np.array(self.feature_names_, dtype=object)[(self.weights_ > 0).to_numpy()]
        squares = (rows - self._rows[near]) ** 2
        total = squares.sum(axis=1, keepdims=True)
        shares = np.divide(squares, total, out=np.zeros_like(squares), where=total > 0)
        most = np.argsort(-squares, axis=1, kind="stable")[:, :n_features]
        n = most.shape[1]
        site = np.repeat(np.arange(len(rows)), n)
        variable = names[most].ravel()
        column = table.columns.get_indexer(variable)
        known = self._table[self.feature_names_]
        at = known.columns.get_indexer(variable)
        return pd.DataFrame(
            {
                "site": np.asarray(table.index)[site],
                "dissimilarity": index.to_numpy()[site],
                "inside": (index <= self.threshold_).to_numpy()[site],
                "nearest": np.asarray(self._sites)[near][site],
                "variable": variable,
                "share": np.take_along_axis(shares, most, axis=1).ravel(),
                "value": table.to_numpy()[site, column],
                "nearest_value": known.to_numpy()[near[site], at],
                "lowest": known.min().to_numpy()[at],
                "highest": known.max().to_numpy()[at],
            }
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
