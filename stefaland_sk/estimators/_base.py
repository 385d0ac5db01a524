"""What all regressors on panels share: the door, the period, the score."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from stefaland_sk._core import check_number, check_option
from stefaland_sk.data import keep_period
from stefaland_sk.estimators._inputs import read_inputs, read_target, warn_of_targets
from stefaland_sk.metrics import site_scores


class BasePanelRegressor(RegressorMixin, BaseEstimator):
    """Abstract base of regressors that take a panel, a long table or a plain table.

    A concrete class writes ``_fit(panel, target)`` and ``_predict(panel)``, which see
    panels and (site, time) arrays only. A parameter named ``fit_period`` restricts the
    days trained on; one named ``warmup`` is skipped by ``score``.
    """

    causal = False  # whether a prediction never depends on later forcing; checks hold it to that

    def fit(self, X, y):
        """Fit the model.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            A panel, a long table indexed by ``(site, time)``, or a plain table of
            attributes with one row per site.
        y : array-like
            Target aligned with the samples of X: (n_sites, n_times) for a panel, one
            value per row otherwise. NaN = not observed.

        Returns
        -------
        self
            The fitted estimator.
        """
        inputs = read_inputs(self, X, reset=not self._goes_on())
        target = read_target(self, y, inputs)
        panel = inputs.panel
        if inputs.kind != "table":
            self._warn_of_targets(panel)
        period = getattr(self, "fit_period", None)
        if period is not None and panel.time is not None:
            target = keep_period(target, panel.time, period)
            if not np.isfinite(target).any():
                raise ValueError(f"No target is observed in `fit_period`={period!r}.")
        self._fit(*_crop(panel, target, self._n_history()))
        return self

    def _warn_of_targets(self, panel):
        """Warn if the model reads what stands for its target."""
        chosen = {role: getattr(self, role, None) for role in ("forcings", "attributes")}
        warn_of_targets((*panel.forcing_names, *panel.attribute_names), chosen, stacklevel=4)

    def _goes_on(self):
        """Tell whether `fit` goes on with what was fitted before, and so with its variables."""
        return False

    def _n_history(self):
        """Give the number of steps before the first target that `_fit` wants to see."""
        return getattr(self, "warmup", 0) or 0

    def predict(self, X):
        """Predict the target.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites of the same form and with the same variables as in `fit`.

        Returns
        -------
        ndarray
            Predictions aligned with the samples: (n_sites, n_times) for a panel, one
            value per row, in the caller's order, otherwise. A panel's steps without
            any forcing are NaN.
        """
        check_is_fitted(self)
        inputs = read_inputs(self, X, reset=False)
        return inputs.restore(self._predict(inputs.panel))

    def score(self, X, y):
        """Give the median NSE over sites, or R2 for a plain table.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            Sites.
        y : array-like
            Observed target; NaN = not observed. The first ``warmup`` steps of each
            record are not scored.

        Returns
        -------
        float
            The score; 1 is perfect.
        """
        check_is_fitted(self)
        inputs = read_inputs(self, X, reset=False)
        target = read_target(self, y, inputs)
        predicted = self._predict(inputs.panel)
        if inputs.panel.time is None:
            observed = np.isfinite(target[:, 0])
            return r2_score(target[observed, 0], predicted[observed, 0])
        table = site_scores(
            inputs.panel.label(target),
            inputs.panel.label(predicted),
            ("nse",),
            warmup=getattr(self, "warmup", 0) or 0,
        )
        return float(table["nse"].median())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = False
        return tags


def _crop(panel, target, n_history):
    """Keep the steps that matter for fitting: observed ones and their history."""
    if panel.time is None:
        return panel, target
    observed = np.flatnonzero(np.isfinite(target).any(axis=0))
    first, last = max(observed[0] - n_history, 0), observed[-1]
    if (first, last) == (0, panel.n_times - 1):
        return panel, target
    return panel.sel_time(*panel.time[[first, last]]), target[:, first : last + 1]


def least_value(bound, observed):
    """Give the least value to be predicted; "auto" is 0 where no target is negative."""
    if isinstance(bound, str):
        check_option("lower_bound", bound, ["auto"])
        return 0.0 if observed.min() >= 0 else None
    return check_number("lower_bound", bound, none=True)
