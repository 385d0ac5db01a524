"""Parameters for sites without observations: from donors, or by a regressor on attributes."""

import numpy as np
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags


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
    return kind(regionalizer, attributes.to_numpy(dtype=np.float64), shares, n_donors)


def _scaling():
    """Make columns comparable; an attribute that is missing counts as average."""
    return make_pipeline(StandardScaler(), SimpleImputer(keep_empty_features=True))


class Donors:
    """The parameters of the sites that are most alike by attributes."""

    def __init__(self, _, attributes, shares, n_donors):
        self.scaling = _scaling().fit(attributes)
        scaled = self.scaling.transform(attributes)
        self.neighbours = NearestNeighbors(n_neighbors=min(n_donors, len(shares))).fit(scaled)
        self.shares = shares

    def give(self, attributes):
        """Give shares of shape (n_sites, n_donors, n_parameters)."""
        scaled = self.scaling.transform(attributes.to_numpy(dtype=np.float64))
        # Site by site, so that ties do not depend on the other sites.
        found = [self.neighbours.kneighbors(row[None], return_distance=False)[0] for row in scaled]
        return self.shares[np.array(found)]


class Regression:
    """Parameters predicted by a regressor."""

    def __init__(self, regressor, attributes, shares, _):
        regressor = clone(regressor)
        if not get_tags(regressor).target_tags.multi_output:
            regressor = MultiOutputRegressor(regressor)
        self.model = make_pipeline(_scaling(), regressor).fit(attributes, shares)

    def give(self, attributes):
        """Give shares of shape (n_sites, 1, n_parameters)."""
        shares = self.model.predict(attributes.to_numpy(dtype=np.float64))
        return np.clip(shares, 0.0, 1.0).reshape(len(attributes), 1, -1)
