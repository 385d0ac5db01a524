"""Columns of rows on one scale: each by its own spread, unless its variable knows better."""

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data


class VariableScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Standardise columns, several of which are made from one variable.

    The mean of a variable over a year hardly differs between the rows of one year: what is left
    may be a leap day, or rounding. Scaled to unit spread, as if it were as good as any
    other column, it lies hundreds of units away as soon as other days are predicted, such as
    the first of a record, whose windows are short. A column is therefore divided by no less than
    a tenth of the largest spread among the columns of its variable, so that a penalty on
    coefficients keeps a column small that never moved.

    Parameters
    ----------
    variables : sequence of int of shape (n_columns,)
        The variable that each column is made from, by number.
    least : float, default=0.1
        Smallest scale of a column, as a share of the largest spread of its variable.
    """

    def __init__(self, variables, least=0.1):
        self.variables = variables
        self.least = least

    def fit(self, X, y=None):
        """Learn the means and scales of the columns."""
        X = validate_data(self, X, dtype=np.float64)
        variables = np.asarray(self.variables)
        self.mean_, spread = X.mean(axis=0), X.std(axis=0)
        # Panels are float32: what varies by less than that can tell is constant.
        spread[spread <= np.finfo(np.float32).eps * np.abs(self.mean_)] = 0.0
        widest = np.zeros(variables.max() + 1)
        np.maximum.at(widest, variables, spread)
        scale = np.maximum(spread, self.least * widest[variables])
        self.scale_ = np.where(scale > 0, scale, 1.0)
        return self

    def transform(self, X):
        """Standardise columns."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return (X - self.mean_) / self.scale_
