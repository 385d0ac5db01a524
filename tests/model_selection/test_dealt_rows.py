"""Days dealt out row by row are recognised; measured gaps are not taken for them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, train_test_split

from stefaland_sk.data import Panel, dealt_at_random
from stefaland_sk.model_selection import LeaveRegionOut, SiteKFold


@pytest.fixture(scope="module")
def rows():
    """Six sites in two regions, three years of days."""
    time = pd.date_range("2000-10-01", periods=1096)
    sites = pd.DataFrame({"region": list("aabbab")}, index=[f"s{i}" for i in range(6)])
    forcing = np.random.default_rng(0).random((6, 1096, 1))
    return Panel(None, forcing, time=time, forcing_names=["prcp"], sites=sites).to_long()


def dealt(rows):
    """One flag per site of a long frame."""
    return dealt_at_random(Panel.from_long(rows).present())


@pytest.mark.parametrize("n_splits", [2, 3, 5, 10])
def test_both_sides_of_a_row_wise_split_are_recognised(rows, n_splits):
    for train, test in KFold(n_splits, shuffle=True, random_state=0).split(rows):
        assert dealt(rows.iloc[train]).mean() > 0.8
        assert dealt(rows.iloc[test]).mean() > 0.8


def test_train_test_split_is_recognised(rows):
    assert all(dealt(part).mean() > 0.8 for part in train_test_split(rows, random_state=0))


@pytest.mark.parametrize("cv", [SiteKFold(3, random_state=0), LeaveRegionOut()])
def test_splits_over_sites_are_not(rows, cv):
    for train, test in cv.split(rows):
        assert not dealt(rows.iloc[train]).any()
        assert not dealt(rows.iloc[test]).any()


def test_long_gaps_do_not_hide_the_dealing(rows):
    kept = rows[(rows.index.get_level_values("time").month != 7).tolist()]
    train, _ = next(KFold(5, shuffle=True, random_state=0).split(kept))
    assert dealt(kept.iloc[train]).mean() > 0.8


days = np.arange(1096)
winter = abs(days % 365 - 180) > 60
blocks = np.repeat(np.random.default_rng(0).random(137) < 0.7, 8)
single = np.isin(days, np.random.default_rng(0).choice(1096, 30, replace=False))


@pytest.mark.parametrize(
    "present",
    [winter, blocks, ~single, days % 3 == 0, np.isin(days % 8, [0, 3, 6]), days > 500, days < 0],
    ids=["winters", "blocks", "3% single days", "every third day", "orbit", "half", "nothing"],
)
def test_measured_gaps_are_not(present):
    assert not dealt_at_random(present[None, :]).any()


def test_real_records_are_not(shared_data):
    import xarray as xr

    for name, variable in (
        ("camels_us/camels_us_daymet.nc", "q_obs"),
        ("smap_conus/smap_conus.nc", "sm_surface"),
        ("insitu_soil_moisture/cookfarm.nc", "sm_030cm"),
    ):
        with xr.open_dataset(shared_data / name) as dataset:
            record = dataset[variable].transpose(..., "time").to_numpy()
        assert dealt_at_random(np.isfinite(record)).mean() < 0.01
