"""Small sites with a known truth, and models that need no training time."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from stefaland_sk.data import Panel


class RainShare(RegressorMixin, BaseEstimator):
    """Predicts a constant share of the rain; of a table, the mean of the target.

    `quantiles` are shares of the prediction, wrong on purpose.
    """

    def fit(self, X, y):
        self.mean_ = float(np.nanmean(np.asarray(y, dtype=float)))
        self.n_fitted_ = len(X)
        self.seen_ = set(getattr(X, "site_ids", []))
        return self

    def predict(self, X):
        if isinstance(X, Panel) and X.time is not None:
            return 0.5 * X.variable("prcp").astype(float)
        if isinstance(X, pd.DataFrame) and "prcp" in X:
            return 0.5 * X["prcp"].to_numpy(dtype=float)
        return np.full(len(X), self.mean_)

    def predict_quantiles(self, X, quantiles=None):
        return self.predict(X)[..., None] * (0.5 + np.asarray(quantiles))


def make_sites(n_sites, n_times=120, *, n_regions=4, seed=0, spread=0.3):
    """Rain, and flow that is half of it but for errors that grow with it and differ by site."""
    rng = np.random.default_rng(seed)
    ids = pd.Index([f"{i:04d}" for i in range(n_sites)], dtype="str", name="site")
    prcp = rng.gamma(1.0, 4.0, (n_sites, n_times)) + 0.1
    size = spread * rng.gamma(4.0, 0.25, (n_sites, 1))
    flow = 0.5 * prcp * np.exp(size * rng.standard_normal(prcp.shape))
    time = pd.date_range("2000-10-01", periods=n_times, name="time")
    table = pd.DataFrame({"area": rng.random(n_sites) + 1, "slope": rng.random(n_sites)}, index=ids)
    region = [f"region {i % n_regions}" for i in range(n_sites)]
    sites = pd.DataFrame({"region": region, "lat": 40 + rng.random(n_sites) * 10}, index=ids)
    sites["lon"] = -100 + rng.random(n_sites) * 10
    X = Panel(
        table,
        prcp[:, :, None].astype(np.float32),
        time=time,
        sites=sites,
        forcing_names=["prcp"],
        groups={"land": ["area", "slope"]},
    )
    return X, X.label(flow.astype(np.float32))


@pytest.fixture(scope="session")
def catchments():
    """Forty sites in four regions."""
    return make_sites(40)
