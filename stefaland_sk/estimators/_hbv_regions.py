"""Parameters for sites without observations: from donors, or by a regressor on attributes."""

import numpy as np
from sklearn.base import clone
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from stefaland_sk.judging import DonorSelector
from stefaland_sk.judging._features import site_scaling


def make_regions(regionalizer, attributes, shares, n_donors):
    """Learn how parameters follow from attributes.

    Parameters
    ----------
    regionalizer : "donors" or estimator
        How.
    attributes : DataFrame of shape (n_sites, n_attributes)
        Of the calibrated sites.
    shares : ndarray of shape (n_sites, n_parameters)
        Their parameters, as shares of the way from the lower to the upper bound.
    n_donors : int
        Sites that lend their parameters to a site.

    Returns
    -------
    Donors or Regression
        Something with ``give(attributes)``.
    """
    kind = Donors if isinstance(regionalizer, str) else Regression
    return kind(regionalizer, attributes, shares, n_donors)


class Donors:
    """The parameters of the sites that are most alike by attributes."""

    def __init__(self, _, attributes, shares, n_donors):
        self.selector = DonorSelector(min(n_donors, len(shares))).fit(attributes)
        self.shares = shares

    def give(self, attributes):
        """Give shares of shape (n_sites, n_donors, n_parameters)."""
        return self.shares[self.selector.select(attributes).positions]


class Regression:
    """Parameters predicted by a regressor."""

    def __init__(self, regressor, attributes, shares, _):
        regressor = clone(regressor)
        if not get_tags(regressor).target_tags.multi_output:
            regressor = MultiOutputRegressor(regressor)
        self.model = make_pipeline(site_scaling(), regressor)
        self.model.fit(attributes.to_numpy(dtype=np.float64), shares)

    def give(self, attributes):
        """Give shares of shape (n_sites, 1, n_parameters)."""
        shares = self.model.predict(attributes.to_numpy(dtype=np.float64))
        return np.clip(shares, 0.0, 1.0).reshape(len(attributes), 1, -1)
