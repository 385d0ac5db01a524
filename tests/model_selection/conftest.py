"""A few sites in a few regions, in each form that X may have."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.data import Panel

REGION = {
    "01": "alps", "02": "taiga", "03": "alps", "04": "sahel", "05": "taiga",
    "06": "sahel", "07": "alps", "08": "taiga", "09": "taiga",
}  # fmt: skip
N_DAYS = 4


@pytest.fixture
def panel():
    """Nine sites in three regions; a site table with regions, folds and a river."""
    sites = pd.DataFrame({"region": REGION})
    sites["fold"] = [3, 1, 2, 3, 1, 2, 3, 1, 2]
    sites["river"] = ["a", "a", "a", "b", "b", "c", "d", "e", "f"]
    time = pd.date_range("2000-10-01", periods=N_DAYS)
    forcing = np.arange(9.0 * N_DAYS).reshape(9, N_DAYS, 1)
    area = pd.DataFrame({"area": np.arange(9.0)}, index=sites.index)
    return Panel(area, forcing, time=time, forcing_names=["prcp"], sites=sites)


@pytest.fixture
def target(panel):
    """Runoff of the panel; sites 04 and 05 have no observation."""
    y = pd.DataFrame(panel.forcing[:, :, 0] / 2.0, index=panel.site_ids, columns=panel.time)
    y.loc["01", y.columns[0]] = np.nan
    y.loc[["04", "05"]] = np.nan
    return y


@pytest.fixture
def names(panel):
    """Turn positions of a panel into one string of site identifiers."""
    return lambda positions: " ".join(panel.site_ids[positions])


@pytest.fixture
def landscape():
    """Thirty sites in three kinds of land, at places along three rivers; attributes with a gap."""
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1, 2], 10)
    ids = [f"{i:03d}" for i in range(30)]
    centre = np.array([[0.0, 5.0], [10.0, 0.0], [-10.0, -5.0]])[kind]
    table = pd.DataFrame(centre + rng.normal(size=(30, 2)), index=ids, columns=["wet", "warm"])
    table["dull"] = 1.0
    table.loc["004", "warm"] = np.nan
    sites = pd.DataFrame({"lat": 40.0 + 2 * kind, "lon": np.tile(np.arange(10) / 10, 3)}, index=ids)
    sites["kind"] = kind
    time = pd.date_range("2000-10-01", periods=4)
    return Panel(table, rng.random((30, 4, 1)), time=time, forcing_names=["prcp"], sites=sites)


@pytest.fixture
def years():
    """Six sites in three regions with ninety days, and a target; site "e" has none at first."""
    sites = pd.DataFrame({"region": list("xxyyzz")}, index=list("abcdef"))
    time = pd.date_range("2001-01-01", periods=90)
    forcing = np.random.default_rng(0).random((6, 90, 1))
    X = Panel(None, forcing, time=time, forcing_names=["prcp"], sites=sites)
    y = X.label(2 * forcing[:, :, 0])
    y.loc["e", :"2001-02-28"] = np.nan
    return X, y
