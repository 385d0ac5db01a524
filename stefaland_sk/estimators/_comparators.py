"""Comparators by name: row-wise regressors with good defaults, and the climatology."""

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from stefaland_sk._core import check_number, check_option
from stefaland_sk.estimators._base import BasePanelRegressor
from stefaland_sk.estimators._row_scaling import VariableScaler
from stefaland_sk.estimators._rows import LAGS, ROLLING, BaseRowRegressor

_DAYS = 366  # of the longest year
_FEBRUARY_28 = 59  # its day of the year


class RandomForestComparator(BaseRowRegressor):
    """A random forest on lagged forcing, means over past windows and attributes.

    Each tree sees twenty thousand rows: a forest of full-size trees on a million
    rows takes gigabytes and tens of minutes and predicts hardly better.

    Parameters
    ----------
    n_estimators : int, default=100
        Number of trees.
    max_features : float, int or str, default=1/3
        Share (or number) of the columns tried at each split.
    min_samples_leaf : int, default=5
        Fewest rows in a leaf.
    max_samples : int, default=20_000
        Rows drawn for each tree; all, if there are fewer.
    n_jobs : int, default=None
        Trees grown at once; None means 1, -1 all processors.
    lags, rolling : int or tuple of int
        What a row holds, as for `RowRegressor`.
    max_rows : int, default=500_000
        Rows that the trees draw from, as for `RowRegressor`.
    lower_bound, fit_period, warmup, forcings, attributes
        As for `RowRegressor`.
    random_state : int, RandomState or None, default=None
        Seed of the draws of rows and columns.

    Attributes
    ----------
    regressor_ : RandomForestRegressor
        The fitted forest; its ``feature_importances_`` belong to `row_feature_names_`.
    row_feature_names_ : list of str
        The columns of the rows.
    n_rows_ : int
        Number of rows that the trees drew from.

    See Also
    --------
    RowRegressor : The same with any regressor; explains the rows.

    Examples
    --------
    >>> from stefaland_sk import RandomForestComparator
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=6, n_years=2, n_regions=2, random_state=0)
    >>> model = RandomForestComparator(n_estimators=5, random_state=0).fit(X, y)
    >>> model.predict(X).shape == y.shape
    True
    """

    _row_dtype = np.float32

    def __init__(
        self,
        n_estimators=100,
        max_features=1 / 3,
        min_samples_leaf=5,
        max_samples=20_000,
        n_jobs=None,
        lags=LAGS,
        rolling=ROLLING,
        *,
        max_rows=500_000,
        lower_bound="auto",
        fit_period=None,
        warmup=0,
        forcings=None,
        attributes=None,
        random_state=None,
    ):
        super().__init__(
            lags=lags,
            rolling=rolling,
            max_rows=max_rows,
            lower_bound=lower_bound,
            fit_period=fit_period,
            warmup=warmup,
            forcings=forcings,
            attributes=attributes,
            random_state=random_state,
        )
        self.n_estimators = n_estimators
        self.max_features = max_features
        self.min_samples_leaf = min_samples_leaf
        self.max_samples = max_samples
        self.n_jobs = n_jobs

    def _make_regressor(self, y):
        check_number("max_samples", self.max_samples, low=1, integer=True)
        return RandomForestRegressor(
            self.n_estimators,
            max_features=self.max_features,
            min_samples_leaf=self.min_samples_leaf,
            max_samples=self.max_samples if self.max_samples < len(y) else None,
            n_jobs=self.n_jobs,
        )


class BoostingComparator(BaseRowRegressor):
    """Gradient-boosted trees on lagged forcing, means over past windows and attributes.

    The best of the row-wise comparators for its cost.

    Parameters
    ----------
    n_estimators : int, default=200
        Number of trees.
    learning_rate : float, default=0.05
        Weight of each tree.
    max_leaf_nodes : int, default=31
        Most leaves of a tree.
    min_samples_leaf : int, default=20
        Fewest rows in a leaf.
    max_features : float, default=0.3
        Share of the columns tried at each split.
    lags, rolling : int or tuple of int
        What a row holds, as for `RowRegressor`.
    max_rows : int, default=300_000
        Rows trained on, as for `RowRegressor`.
    lower_bound, fit_period, warmup, forcings, attributes
        As for `RowRegressor`.
    random_state : int, RandomState or None, default=None
        Seed of the draws of rows and columns.

    Attributes
    ----------
    regressor_ : HistGradientBoostingRegressor
        The fitted trees.
    row_feature_names_ : list of str
        The columns of the rows.
    n_rows_ : int
        Number of rows trained on.

    See Also
    --------
    RowRegressor : The same with any regressor; explains the rows.

    Notes
    -----
    Works on as many threads as OpenMP gives it (``OMP_NUM_THREADS``). Next to other work
    on the same cores, one thread is often the faster choice.

    Examples
    --------
    >>> from stefaland_sk import BoostingComparator
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=6, n_years=2, n_regions=2, random_state=0)
    >>> model = BoostingComparator(n_estimators=10, max_rows=1000, random_state=0).fit(X, y)
    >>> model.n_rows_
    1000
    """

    def __init__(
        self,
        n_estimators=200,
        learning_rate=0.05,
        max_leaf_nodes=31,
        min_samples_leaf=20,
        max_features=0.3,
        lags=LAGS,
        rolling=ROLLING,
        *,
        max_rows=300_000,
        lower_bound="auto",
        fit_period=None,
        warmup=0,
        forcings=None,
        attributes=None,
        random_state=None,
    ):
        super().__init__(
            lags=lags,
            rolling=rolling,
            max_rows=max_rows,
            lower_bound=lower_bound,
            fit_period=fit_period,
            warmup=warmup,
            forcings=forcings,
            attributes=attributes,
            random_state=random_state,
        )
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features

    def _make_regressor(self, y):
        return HistGradientBoostingRegressor(
            max_iter=self.n_estimators,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            early_stopping=False,  # rows set apart at random would be neighbours of others
        )


class LinearComparator(BaseRowRegressor):
    """Ridge regression on lagged forcing, means over past windows and attributes.

    Columns are standardised, missing values become the column's mean. A column that hardly
    varies beside others of its variable, as the mean of day length over a year, counts little.

    Parameters
    ----------
    alpha : float, default=0.05
        Weight of the squared coefficients against the mean squared error, that is,
        ``Ridge(alpha=alpha * n_rows_)``. Days of one site are no new sites: a penalty that
        is lost among so many rows leaves the attributes of a few sites free to overfit.
    target_transform : {"auto", "sqrt"} or None, default="auto"
        "sqrt" fits the square root of the target, signed for negative ones, and
        squares the predictions; "auto" does so if no target of `fit` is negative, as for
        runoff, whose few floods would otherwise rule the fit.
    lags, rolling : int or tuple of int
        What a row holds, as for `RowRegressor`.
    max_rows : int, default=500_000
        Rows trained on, as for `RowRegressor`.
    lower_bound, fit_period, warmup, forcings, attributes
        As for `RowRegressor`.
    random_state : int, RandomState or None, default=None
        Seed of the draw of rows.

    Attributes
    ----------
    regressor_ : Pipeline
        The fitted imputer, scaler and regression.
    row_feature_names_ : list of str
        The columns of the rows.
    n_rows_ : int
        Number of rows trained on.

    See Also
    --------
    RowRegressor : The same with any regressor; explains the rows.

    Notes
    -----
    The square of a predicted root is below the mean, by the variance of the roots'
    errors; the gain in NSE is larger than this loss. The plain regression is
    ``target_transform=None``.

    Examples
    --------
    >>> from stefaland_sk import LinearComparator
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=6, n_years=2, n_regions=2, random_state=0)
    >>> bool(LinearComparator().fit(X, y).predict(X).min() >= 0)
    True
    """

    def __init__(
        self,
        alpha=0.05,
        target_transform="auto",
        lags=LAGS,
        rolling=ROLLING,
        *,
        max_rows=500_000,
        lower_bound="auto",
        fit_period=None,
        warmup=0,
        forcings=None,
        attributes=None,
        random_state=None,
    ):
        super().__init__(
            lags=lags,
            rolling=rolling,
            max_rows=max_rows,
            lower_bound=lower_bound,
            fit_period=fit_period,
            warmup=warmup,
            forcings=forcings,
            attributes=attributes,
            random_state=random_state,
        )
        self.alpha = alpha
        self.target_transform = target_transform

    def _make_regressor(self, y):
        check_option("target_transform", self.target_transform, ["auto", "sqrt", None])
        check_number("alpha", self.alpha, low=0)
        ridge = Ridge(alpha=self.alpha * len(y))
        auto = self.target_transform == "auto" and y.min() >= 0
        if auto or self.target_transform == "sqrt":
            ridge = TransformedTargetRegressor(
                ridge, func=_signed_root, inverse_func=_signed_square, check_inverse=False
            )
        return make_pipeline(VariableScaler(self._features.variables), ridge)


class ClimatologyComparator(BasePanelRegressor):
    """The mean of the training sites on each day of the year, whatever the inputs.

    The floor that any model should clear. Of a plain table: the mean of the target.

    Parameters
    ----------
    window : int, default=31
        Days around each day of the year that its mean is taken over.
    fit_period : tuple of two dates, default=None
        First and last day trained on; None takes all.
    warmup : int, default=0
        Steps at the beginning of each record that `score` leaves out.
    forcings, attributes : list of str, default=None
        Columns of a long table that are read, as for `RowRegressor`; none is used.

    Attributes
    ----------
    climatology_ : ndarray of shape (366,)
        Mean on each day of the year.

    See Also
    --------
    LinearComparator : The simplest comparator that looks at its inputs.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> from stefaland_sk.estimators import ClimatologyComparator
    >>> X, y = make_catchments(n_sites=6, n_years=2, n_regions=2, random_state=0)
    >>> model = ClimatologyComparator().fit(X, y)
    >>> bool(model.predict(X)[0, 0] == model.predict(X)[5, 365])
    True
    """

    def __init__(self, window=31, *, fit_period=None, warmup=0, forcings=None, attributes=None):
        self.window = window
        self.fit_period = fit_period
        self.warmup = warmup
        self.forcings = forcings
        self.attributes = attributes

    def _warn_of_targets(self, panel):
        """Say nothing: no input is read."""

    def _fit(self, panel, target):
        check_number("window", self.window, low=1, high=_DAYS, integer=True)
        observed = np.isfinite(target)
        day = np.broadcast_to(_day_of_year(panel), target.shape)[observed]
        total = _smooth(np.bincount(day, target[observed], minlength=_DAYS), self.window)
        count = _smooth(np.bincount(day, minlength=_DAYS), self.window)
        mean = target[observed].mean(dtype=np.float64)
        # Days of the year that no record comes near get the mean of all.
        self.climatology_ = np.where(count > 0.5, total / np.maximum(count, 1), mean)

    def _predict(self, panel):
        values = self.climatology_[_day_of_year(panel)]
        return np.tile(values, (panel.n_sites, 1))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


def _day_of_year(panel):
    """Give each step's day in the calendar of a leap year, from 0; a table's one step has 0."""
    if panel.time is None:
        return np.zeros(1, dtype=int)
    day, leap = panel.time.day_of_year.to_numpy(), panel.time.is_leap_year
    return day - 1 + (~leap & (day > _FEBRUARY_28))


def _smooth(values, window):
    """Sum over a window around each day, across the turn of the year."""
    half = window // 2
    padded = np.concatenate([values[_DAYS - half :], values, values[: window - half - 1]])
    return np.convolve(padded, np.ones(window), mode="valid")


def _signed_root(values):
    """Square root that keeps the sign."""
    return np.sign(values) * np.sqrt(np.abs(values))


def _signed_square(values):
    """Inverse of `_signed_root`."""
    return np.sign(values) * np.square(values)
