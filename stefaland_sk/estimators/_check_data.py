"""Small made-up data for the panel checks; this layer may not import `datasets`."""

import numpy as np
import pandas as pd
from sklearn.base import is_classifier

from stefaland_sk.data import Panel

N_SITES, N_TIMES = 6, 260
FORCINGS = ["prcp", "tmean", "pet"]
ATTRIBUTES = ["area", "slope", "clay"]


def make_check_data(seed=0):
    """Six sites in two regions, 260 days each; runoff is a linear store of rain.

    Returns
    -------
    X : Panel
        Three forcing variables and three attributes.
    y : DataFrame of shape (n_sites, n_times)
        Runoff [mm/d].
    """
    rng = np.random.default_rng(seed)
    ids = pd.Index([f"{i:08d}" for i in range(1, N_SITES + 1)], dtype="str", name="site")
    time = pd.date_range("2000-10-01", periods=N_TIMES, name="time")
    wet = rng.random((N_SITES, N_TIMES)) < 0.4
    prcp = np.where(wet, rng.gamma(1.0, 6.0, wet.shape), 0.0)
    season = np.sin(2 * np.pi * np.arange(N_TIMES) / 365)
    tmean = 10 - 8 * season + rng.normal(0, 2, wet.shape)
    pet = np.maximum(2 - 1.5 * season + 0 * tmean, 0)
    table = pd.DataFrame(rng.random((N_SITES, len(ATTRIBUTES))), index=ids, columns=ATTRIBUTES)
    store, runoff = np.zeros(N_SITES), np.empty_like(prcp)
    outflow = 0.05 + 0.3 * table["slope"].to_numpy()
    for step in range(N_TIMES):
        store = store + prcp[:, step]
        runoff[:, step] = outflow * store
        store = store - runoff[:, step]
    X = Panel(
        table,
        np.stack([prcp, tmean, pet], axis=2).astype(np.float32),
        time=time,
        sites=pd.DataFrame({"region": ["hills", "plain"] * (N_SITES // 2)}, index=ids),
        forcing_names=FORCINGS,
        units={"prcp": "mm/d", "tmean": "degC", "pet": "mm/d", "area": "km2"},
    )
    return X, pd.DataFrame(runoff.astype(np.float32), index=ids, columns=time)


def make_data_for(estimator):
    """Give the panel, and the target in the form that an estimator wants.

    Parameters
    ----------
    estimator : estimator
        One with ``target_per_site = True`` gets one value per site, a classifier a class.

    Returns
    -------
    X : Panel
        From `make_check_data`.
    y : DataFrame of shape (n_sites, n_times), or Series of length n_sites
        Runoff [mm/d]; of sites its mean, or whether it is above the median of all.
    """
    X, y = make_check_data()
    if not getattr(estimator, "target_per_site", False):
        return X, y
    y = y.mean(axis=1).rename("runoff")
    return X, (y > y.median()).astype(float) if is_classifier(estimator) else y


def to_rows(X, y):
    """Turn a panel and its target into a long table and one value per row."""
    if y.ndim == 2:
        return X.to_long(y)
    frame = X.to_long()
    return frame, y.reindex(frame.index.get_level_values("site")).set_axis(frame.index)


def change(X, *, forcing=None, attributes=None):
    """Give the panel with other values of the same variables."""
    return Panel(
        X.attributes if attributes is None else attributes,
        X.forcing if forcing is None else forcing,
        time=X.time,
        sites=X.sites,
        forcing_names=X.forcing_names,
        units=X.units,
        groups=X.groups,
    )


def copy_data(X, y):
    """Copy all numbers of a panel and a target, to compare with later."""
    return X.forcing.copy(), X.attributes.copy(), X.sites.copy(), y.copy()
