"""The splitters inside scikit-learn on long frames and plain tables; panels: tests/data."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    check_cv,
    cross_val_predict,
    cross_validate,
    learning_curve,
)

from stefaland_sk.model_selection import LeaveRegionOut, SiteKFold

GRID = {"alpha": [0.1, 1e6]}


@pytest.fixture
def rows():
    """Eight sites in four regions, ten days each, in shuffled rows."""
    sites = [f"{i:02d}" for i in range(8)]
    index = pd.MultiIndex.from_product(
        [sites, pd.date_range("2000-10-01", periods=10)], names=["site", "time"]
    )
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"prcp": rng.gamma(1.0, 3.0, 80), "tmean": rng.normal(size=80)}, index=index)
    X["region"] = [f"r{int(site) % 4}" for site in index.get_level_values("site")]
    X = X.set_index("region", append=True).sample(frac=1.0, random_state=0)
    return X, 0.5 * X["prcp"] + 0.1 * X["tmean"]


@pytest.fixture(params=[False, True], ids=["routing off", "routing on"])
def routing(request):
    """Run with scikit-learn's metadata routing off and on."""
    with sklearn.config_context(enable_metadata_routing=request.param):
        yield request.param


SPLITTERS = [LeaveRegionOut(), SiteKFold(3, random_state=0), SiteKFold(folds="region")]
NAMES = ["regions", "sites", "folds"]


@pytest.mark.parametrize("cv", SPLITTERS, ids=NAMES)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_cross_validate(rows, cv, n_jobs, routing):
    X, y = rows
    result = cross_validate(Ridge(), X, y, cv=cv, n_jobs=n_jobs, return_indices=True)
    assert len(result["test_score"]) == cv.get_n_splits(X, y)
    sites = X.index.get_level_values("site")
    for train, test in zip(*result["indices"].values(), strict=True):
        assert set(sites[train]).isdisjoint(sites[test])


@pytest.mark.parametrize("cv", SPLITTERS, ids=NAMES)
def test_nested_search(rows, cv, routing):
    X, y = rows
    search = GridSearchCV(Ridge(), GRID, cv=cv)
    result = cross_validate(
        search, X, y, cv=LeaveRegionOut(), return_estimator=True, error_score="raise"
    )
    assert [fitted.best_params_ for fitted in result["estimator"]] == 4 * [{"alpha": 0.1}]


@pytest.mark.parametrize("cv", SPLITTERS, ids=NAMES)
def test_cross_val_predict_and_learning_curve(rows, cv, routing):
    X, y = rows
    assert cross_val_predict(Ridge(), X, y, cv=cv).shape == (80,)
    _, _, scores = learning_curve(Ridge(), X, y, cv=cv, train_sizes=[20, 40])
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("cv", [LeaveRegionOut(), SiteKFold(2, random_state=0)], ids=NAMES[:2])
def test_groups_are_routed(rows, cv, routing):
    X, y = rows
    river = (X.index.get_level_values("site").astype(int) // 3).to_numpy()
    passed = {"params": {"groups": river}} if routing else {"groups": river}
    result = cross_validate(Ridge(), X, y, cv=cv, return_indices=True, **passed)
    for train, test in zip(*result["indices"].values(), strict=True):
        assert set(river[train]).isdisjoint(river[test])


def test_groups_reach_the_inner_search(rows):
    X, y = rows
    river = (X.index.get_level_values("site").astype(int) // 2).to_numpy()
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(Ridge(), GRID, cv=LeaveRegionOut())
        result = cross_validate(
            search, X, y, cv=SiteKFold(2, random_state=0), params={"groups": river},
            return_estimator=True, error_score="raise",
        )  # fmt: skip
    assert [fitted.n_splits_ for fitted in result["estimator"]] == [2, 2]


def test_check_cv_takes_them_as_they_are():
    cv = LeaveRegionOut()
    assert check_cv(cv) is cv


def test_plain_tables(rows):
    X, y = rows
    table, target = X.groupby("site").mean(), y.groupby("site").mean()
    regions = {site: int(site) % 4 for site in table.index}
    assert len(cross_validate(Ridge(), table, target, cv=LeaveRegionOut(regions))["fit_time"]) == 4
    array = table.reset_index(drop=True).to_numpy()
    assert len(cross_validate(Ridge(), array, target, cv=SiteKFold(4))["fit_time"]) == 4
