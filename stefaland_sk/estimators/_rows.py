"""Row-wise regressors: any scikit-learn regressor on lagged forcing and attributes."""

import warnings
from abc import abstractmethod

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import check_random_state, get_tags

from stefaland_sk._core import DataWarning, check_number
from stefaland_sk.data import steps_into_segment
from stefaland_sk.estimators._base import BasePanelRegressor, least_value
from stefaland_sk.estimators._inputs import (
    describe_missing_forcing,
    missing_forcing,
    present_steps,
    refuse_empty_forcing,
)
from stefaland_sk.estimators._row_features import RowFeatures, balanced_rows, read_steps

LAGS = (0, 1, 2, 3)
ROLLING = (7, 30, 90, 365)
# Values of the design matrix that are made, or predicted from, at once: bounds the memory.
_VALUES_AT_ONCE = 2**23


class BaseRowRegressor(BasePanelRegressor):
    """Abstract base of regressors for which a row is one site and one step.

    A concrete class writes ``_make_regressor(y)``, an unfitted scikit-learn regressor for
    the training rows' targets. Parameters as for `RowRegressor`.
    """

    causal = True  # lags and windows look back only
    # scikit-learn's linear algebra is not safe in float32; trees take it as it is.
    _row_dtype = np.float64

    def __init__(
        self,
        *,
        lags,
        rolling,
        max_rows,
        lower_bound,
        fit_period,
        warmup,
        forcings,
        attributes,
        random_state,
    ):
        self.lags = lags
        self.rolling = rolling
        self.max_rows = max_rows
        self.lower_bound = lower_bound
        self.fit_period = fit_period
        self.warmup = warmup
        self.forcings = forcings
        self.attributes = attributes
        self.random_state = random_state

    @abstractmethod
    def _make_regressor(self, y):
        """Give an unfitted regressor for targets y of shape (n_rows,)."""

    def _n_history(self):
        check_number("warmup", self.warmup, low=0, integer=True)
        lags, rolling = read_steps("lags", self.lags, 0), read_steps("rolling", self.rolling, 1)
        return max([self.warmup, *lags, *(window - 1 for window in rolling)])

    def _fit(self, panel, target):
        check_number("max_rows", self.max_rows, low=1, integer=True, none=True)
        rng = check_random_state(self.random_state)
        observed = np.isfinite(target)
        self.lower_bound_ = least_value(self.lower_bound, target[observed])
        self._features = self._read_features(panel)
        self.row_feature_names_ = self._features.names

        chosen = self._choose_rows(panel, observed, rng)
        y = target[chosen].astype(self._row_dtype)
        regressor = self._make_regressor(y)
        if self.random_state is not None:
            _seed(regressor, rng)
        self._takes_nan = accepts_missing(regressor)
        self._check_forcing(panel)
        if not self._takes_nan:
            regressor = make_pipeline(SimpleImputer(keep_empty_features=True), regressor)
        matrix = self._rows_of(panel, chosen)
        self._is_empty = np.array([np.isnan(column).all() for column in matrix.T])
        self.regressor_ = regressor.fit(self._fill_empty(matrix), y)
        self.n_rows_ = len(y)

    def _predict(self, panel):
        self._check_forcing(panel)
        present = present_steps(panel)
        result = np.full(present.shape, np.nan, np.float64 if panel.time is None else np.float32)
        for sites in self._batches(panel):
            if present[sites].any():
                rows = self._fill_empty(self._rows_of(panel[sites], present[sites]))
                result[sites][present[sites]] = np.ravel(self.regressor_.predict(rows))
        return result if self.lower_bound_ is None else np.maximum(result, self.lower_bound_)

    def _read_features(self, panel):
        """Say what the rows hold."""
        features = RowFeatures(
            read_steps("lags", self.lags, 0),
            read_steps("rolling", self.rolling, 1),
            tuple(panel.forcing_names),
            tuple(panel.attribute_names),
        )
        if not features.names:
            raise ValueError(
                f"There is nothing to make rows of: X has {panel.n_forcings} forcing variables and "
                f"{panel.n_attributes} attributes, with `lags`={self.lags!r} and "
                f"`rolling`={self.rolling!r}."
            )
        return features

    def _choose_rows(self, panel, observed, rng):
        """Mark the steps to train on."""
        present = present_steps(panel)
        chosen = observed & present
        if self.warmup and panel.time is not None:
            chosen &= steps_into_segment(present) >= self.warmup
        if not chosen.any():
            raise ValueError(
                f"No target is observed `warmup`={self.warmup} or more steps into an unbroken "
                "record of forcing. Lower `warmup`, or give longer records."
            )
        if self.max_rows is None or chosen.sum() <= self.max_rows:
            return chosen
        site, time = np.nonzero(chosen)
        rows = balanced_rows(site, self.max_rows, np.random.default_rng(rng.randint(2**31 - 1)))
        drawn = np.zeros_like(chosen)
        drawn[site[rows], time[rows]] = True
        return drawn

    def _rows_of(self, panel, chosen):
        """Make the design matrix of the chosen steps, a batch of sites at a time."""
        if panel.time is None:  # a plain table: one row per site
            table = panel.attributes[list(self._features.attribute_names)].to_numpy()
            return table[chosen[:, 0]]
        ends = np.concatenate([[0], np.cumsum(chosen.sum(axis=1))])
        matrix = np.empty((len(self._features.names), ends[-1]), dtype=self._row_dtype).T
        for sites in self._batches(panel):
            rows = slice(ends[sites.start], ends[sites.stop])
            matrix[rows] = self._features.build(panel[sites], chosen[sites], self._row_dtype)
        return matrix

    def _fill_empty(self, matrix):
        """Neutralise columns without any value in `fit`, over which regressors stumble."""
        matrix[:, self._is_empty] = 0
        return matrix

    def _batches(self, panel):
        """Cut the sites into batches whose features fit into the memory."""
        n_at_once = max(1, _VALUES_AT_ONCE // (max(panel.n_times, 1) * len(self._features.names)))
        for first in range(0, panel.n_sites, n_at_once):
            yield slice(first, min(first + n_at_once, panel.n_sites))

    def _check_forcing(self, panel):
        """Refuse, or tell of, a forcing variable that is missing throughout at a site."""
        if not self._takes_nan:
            advice = (
                "Drop the site or the variable, or use a regressor that takes missing values, "
                "as BoostingComparator and RandomForestComparator do."
            )
            return refuse_empty_forcing(panel, self, advice)
        missing = missing_forcing(panel)
        if missing.any():
            warnings.warn(
                f"{describe_missing_forcing(panel, missing)}. {type(self).__name__} goes on, "
                "since its regressor takes missing values.",
                DataWarning,
                stacklevel=4,
            )


class RowRegressor(BaseRowRegressor):
    """Any scikit-learn regressor on lagged forcing, means over past windows and attributes.

    A row is one site and one step. Its columns are, for each forcing variable, the values
    of the same and of earlier steps (`lags`) and means over the last steps (`rolling`),
    then the attributes of the site. Nothing reaches into the future, over a gap or
    back before a record: there a lag is missing and a mean covers the steps that there
    are. Of a plain table each row is a site and the columns are its attributes.

    Parameters
    ----------
    regressor : regressor, default=None
        A scikit-learn regressor; None takes ``HistGradientBoostingRegressor()``. It is
        cloned, and fitted on arrays. Tune its parameters as ``regressor__name``.
    lags : int or tuple of int, default=(0, 1, 2, 3)
        Steps back at which forcing is taken; 0 is the same step. A number n stands for
        all from 0 to n.
    rolling : int or tuple of int, default=(7, 30, 90, 365)
        Lengths [steps] of the windows, up to and including the same step, that forcing is
        averaged over. ``()`` means none.
    max_rows : int, default=500_000
        Rows trained on. Of more, so many are drawn at random, as evenly from all sites
        as their records allow, before any feature is made; None takes all.
    lower_bound : float, None or "auto", default="auto"
        Predictions are not below this; "auto" is 0 if no target of `fit` is negative.
    fit_period : tuple of two dates, default=None
        First and last day trained on; None takes all. Lags and windows look further back.
    warmup : int, default=0
        Steps at the beginning of each unbroken record that are not trained on; `score`
        leaves out the same number.
    forcings, attributes : list of str, default=None
        Variables to use; None takes all. Of a long table, columns that are constant
        within every site are attributes unless named here.
    random_state : int, RandomState or None, default=None
        Seed of the draw of rows, and of what is random in `regressor` and has no seed.

    Attributes
    ----------
    regressor_ : regressor
        The fitted regressor; a pipeline with an imputer in front where `regressor`
        does not take missing values.
    row_feature_names_ : list of str
        The columns, such as "prcp", "prcp lag 3", "prcp mean 30", "p_mean".
    n_rows_ : int
        Number of rows trained on.
    forcing_names_, attribute_names_ : list of str
        Variables seen in `fit`.
    n_features_in_ : int
        Number of variables.
    feature_names_in_ : ndarray of str
        Their names.

    Raises
    ------
    TypeError
        If `regressor` is not an instance of a regressor.
    ValueError
        If a parameter is out of range, nothing is observed after `warmup`, or a forcing
        is missing throughout at a site and the regressor does not take missing values.

    See Also
    --------
    RandomForestComparator, BoostingComparator, LinearComparator : With good defaults.
    LSTMRegressor : A network with a memory of its own.

    Notes
    -----
    Where a regressor takes missing values (its tag ``input_tags.allow_nan``) it gets
    them as they are. Otherwise they are replaced by the mean of their column over the
    training rows. A pipeline that starts with an imputer of scikit-learn does so in its
    own way.

    All sites and steps weigh the same in the regressor's loss. The memory that `fit`
    needs is about ``max_rows * len(row_feature_names_) * 8`` bytes, and what the regressor
    makes of it; `predict` works on batches of sites.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from stefaland_sk import RowRegressor
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=6, n_years=2, n_regions=2, random_state=0)
    >>> neighbours = make_pipeline(StandardScaler(), KNeighborsRegressor())
    >>> model = RowRegressor(neighbours, lags=2, rolling=30, attributes=["aridity"])
    >>> model.fit(X, y).predict(X).shape == y.shape
    True
    >>> model.row_feature_names_[:4]
    ['prcp', 'prcp lag 1', 'prcp lag 2', 'prcp mean 30']
    """

    def __init__(
        self,
        regressor=None,
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
        self.regressor = regressor

    def _make_regressor(self, y):
        if self.regressor is None:
            return HistGradientBoostingRegressor()
        if isinstance(self.regressor, type) or not is_regressor(self.regressor):
            raise TypeError(
                "`regressor` must be an instance of a scikit-learn regressor, such as "
                f"RandomForestRegressor(). Got {self.regressor!r}."
            )
        return clone(self.regressor)


def accepts_missing(regressor):
    """Tell whether a regressor can be fitted on rows with NaN.

    A pipeline can if each step up to an imputer can; its own tags do not say.
    """
    if not isinstance(regressor, Pipeline):
        return bool(get_tags(regressor).input_tags.allow_nan)
    for _, step in regressor.steps:
        if step is None or step == "passthrough":
            continue
        if not accepts_missing(step):
            return False
        if type(step).__module__.startswith("sklearn.impute"):
            return True
    return True


def _seed(regressor, rng):
    """Seed what is random inside a regressor and has no seed of its own."""
    for name, value in sorted(regressor.get_params(deep=True).items()):
        if name.split("__")[-1] == "random_state" and value is None:
            regressor.set_params(**{name: int(rng.randint(2**31 - 1))})
