"""A Panel passes through scikit-learn's machinery: split, sliced, searched, in parallel."""

import numpy as np
import pandas as pd
import pytest
import sklearn
import xarray as xr
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.metrics import make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    RandomizedSearchCV,
    RepeatedKFold,
    ShuffleSplit,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
    validation_curve,
)
from sklearn.utils import resample, shuffle

from stefaland_sk.data import Panel, align_target
from stefaland_sk.model_selection import LeaveRegionOut, SiteKFold

N_SITES, N_DAYS, N_REGIONS = 12, 40, 4


class StoreRegressor(RegressorMixin, BaseEstimator):
    """One linear store per site, whose outflow is scaled by a fitted factor."""

    def __init__(self, memory=0.5):
        self.memory = memory

    def fit(self, X, y):
        assert isinstance(X, Panel)
        y = align_target(y, X)
        flow = self._route(X)
        seen = np.isfinite(y)
        self.sites_ = list(X.site_ids)
        self.gain_ = float((flow[seen] * y[seen]).sum() / (flow[seen] ** 2).sum())
        return self

    def predict(self, X):
        return self.gain_ * self._route(X)

    def score(self, X, y):
        return median_skill(y, self.predict(X))

    def _route(self, X):
        store, flow = np.zeros(len(X)), np.empty((X.n_sites, X.n_times))
        for step in range(X.n_times):
            store = self.memory * store + X.forcing[:, step, 0]
            flow[:, step] = store
        return flow * X.attributes[["slope"]].to_numpy()


def median_skill(y, predicted):
    """Median over sites of 1 minus the error's share of the variance; NaN are left out."""
    y = np.asarray(y)
    error = np.nansum((y - predicted) ** 2, axis=1)
    spread = np.nansum((y - np.nanmean(y, axis=1, keepdims=True)) ** 2, axis=1)
    return float(np.median(1 - error / spread))


def short(cv):
    """Name of a splitter for the name of a test."""
    return f"{type(cv).__name__}-only" if getattr(cv, "only", None) else type(cv).__name__


SKILL = make_scorer(median_skill)
GRID = {"memory": [0.2, 0.7, 0.95]}


@pytest.fixture(scope="module")
def panel():
    """Twelve sites in four regions."""
    rng = np.random.default_rng(0)
    ids = pd.Index([f"{i:08d}" for i in range(N_SITES)], name="site")
    return Panel(
        pd.DataFrame({"slope": rng.uniform(0.5, 2.0, N_SITES)}, index=ids),
        rng.gamma(1.0, 3.0, (N_SITES, N_DAYS, 2)),
        time=pd.date_range("2000-10-01", periods=N_DAYS),
        forcing_names=["prcp", "tmean"],
        sites=pd.DataFrame({"region": [f"r{i % N_REGIONS}" for i in range(N_SITES)]}, index=ids),
    )


@pytest.fixture(scope="module")
def runoff(panel):
    """What the model gives with memory 0.7 and gain 0.3, some days not observed."""
    model = StoreRegressor(memory=0.7)
    model.gain_ = 0.3
    values = model.predict(panel)
    values[np.random.default_rng(1).random(values.shape) < 0.1] = np.nan
    return pd.DataFrame(values, index=panel.site_ids, columns=panel.time)


FORMS = {
    "DataFrame": lambda y: y,
    "ndarray": lambda y: y.to_numpy(),
    "DataArray": lambda y: xr.DataArray(
        y.to_numpy(), coords={"site": list(y.index), "time": y.columns}, dims=["site", "time"]
    ),
}


@pytest.fixture(params=FORMS)
def target(request, runoff):
    """Runoff in each form that y may have."""
    return FORMS[request.param](runoff)


@pytest.fixture(params=[False, True], ids=["routing off", "routing on"])
def routing(request):
    """Run with scikit-learn's metadata routing off and on."""
    with sklearn.config_context(enable_metadata_routing=request.param):
        yield request.param


SPLITTERS = {
    "KFold": KFold(3),
    "shuffled KFold": KFold(3, shuffle=True, random_state=0),
    "SiteKFold": SiteKFold(3, random_state=0),
    "LeaveRegionOut": LeaveRegionOut(),
    "RepeatedKFold": RepeatedKFold(n_splits=2, n_repeats=2, random_state=0),
    "ShuffleSplit": ShuffleSplit(2, random_state=0),
    "a number": 3,
}


# ---------------------------------------------------------------------- cross-validation
@pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS)
def test_cross_validate(panel, target, cv, routing):
    result = cross_validate(
        StoreRegressor(0.7), panel, target, cv=cv, scoring=SKILL, error_score="raise"
    )
    np.testing.assert_allclose(result["test_score"], 1.0, atol=1e-6)


def test_cross_validate_gives_back_what_was_asked_for(panel, target):
    result = cross_validate(
        StoreRegressor(),
        panel,
        target,
        cv=LeaveRegionOut(),
        scoring={"skill": SKILL, "negative": make_scorer(median_skill, greater_is_better=False)},
        return_estimator=True,
        return_indices=True,
        return_train_score=True,
        error_score="raise",
    )
    np.testing.assert_allclose(result["test_skill"], -result["test_negative"])
    for model, test in zip(result["estimator"], result["indices"]["test"], strict=True):
        assert set(model.sites_).isdisjoint(panel.site_ids[test])
        assert len(model.sites_) == N_SITES - len(test)


def test_the_estimators_own_score_is_used(panel, target):
    scores = cross_val_score(StoreRegressor(0.7), panel, target, cv=3, error_score="raise")
    np.testing.assert_allclose(scores, 1.0, atol=1e-6)


@pytest.mark.parametrize(
    "splitter", [GroupKFold(3), LeaveOneGroupOut(), LeaveRegionOut()], ids=short
)
def test_groups_of_the_site_table_reach_the_splitter(panel, target, splitter, routing):
    groups = panel.sites["region"]
    passed = {"params": {"groups": groups}} if routing else {"groups": groups}
    result = cross_validate(
        StoreRegressor(), panel, target, cv=splitter, scoring=SKILL, return_indices=True, **passed
    )
    for train, test in zip(*result["indices"].values(), strict=True):
        assert set(groups.iloc[train]).isdisjoint(groups.iloc[test])


@pytest.mark.parametrize("cv", [SiteKFold(3, random_state=0), LeaveRegionOut()], ids=short)
def test_two_workers_give_what_one_gives(panel, target, cv, routing):
    results = [
        cross_validate(StoreRegressor(), panel, target, cv=cv, scoring=SKILL, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(results[0]["test_score"], results[1]["test_score"])
    assert np.isfinite(results[0]["test_score"]).all()


def test_workers_that_share_memory_give_what_one_gives(panel, runoff):
    import joblib

    expected = cross_val_score(StoreRegressor(), panel, runoff, cv=LeaveRegionOut())
    with joblib.parallel_config("loky", n_jobs=2, max_nbytes=1):  # every array as a memory map
        found = cross_val_score(StoreRegressor(), panel, runoff, cv=LeaveRegionOut())
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "cv", [SiteKFold(3, random_state=0), LeaveRegionOut(), KFold(4)], ids=short
)
def test_cross_val_predict_keeps_the_shape(panel, target, cv, routing):
    predicted = cross_val_predict(StoreRegressor(0.7), panel, target, cv=cv)
    assert predicted.shape == (N_SITES, N_DAYS)
    for train, test in cv.split(panel, target):
        y = target.iloc[train] if isinstance(target, pd.DataFrame) else target[train]
        model = StoreRegressor(0.7).fit(panel[train], y)
        np.testing.assert_array_equal(predicted[test], model.predict(panel[test]))


def test_cross_val_predict_in_two_workers(panel, runoff):
    one, two = (
        cross_val_predict(StoreRegressor(), panel, runoff, cv=LeaveRegionOut(), n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


def test_unlabelled_sites(panel, runoff):
    y = runoff.copy()
    y.iloc[[1, 6]] = np.nan
    result = cross_validate(
        StoreRegressor(0.7), panel, y, cv=LeaveRegionOut(), scoring=SKILL, return_indices=True
    )
    np.testing.assert_allclose(result["test_score"], 1.0, atol=1e-6)
    assert {1, 6}.isdisjoint(np.concatenate(result["indices"]["test"]))
    with pytest.raises(ValueError, match="partitions"):
        cross_val_predict(StoreRegressor(), panel, y, cv=LeaveRegionOut())
    cv = LeaveRegionOut(unlabelled="test")
    assert np.isfinite(cross_val_predict(StoreRegressor(), panel, y, cv=cv)).all()


# ---------------------------------------------------------------------- search
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("cv", [SiteKFold(3, random_state=0), LeaveRegionOut(), 2], ids=short)
def test_grid_search_finds_the_memory(panel, target, cv, n_jobs, routing):
    search = GridSearchCV(StoreRegressor(), GRID, cv=cv, scoring=SKILL, n_jobs=n_jobs)
    search.fit(panel, target)
    assert search.best_params_ == {"memory": 0.7}
    assert search.predict(panel).shape == (N_SITES, N_DAYS)


@pytest.mark.parametrize("outer", [LeaveRegionOut(), LeaveRegionOut(only=["r1"])], ids=short)
@pytest.mark.parametrize("inner", [LeaveRegionOut(), SiteKFold(2, random_state=0)], ids=short)
def test_nested_search_needs_no_groups(panel, target, inner, outer, routing):
    search = GridSearchCV(StoreRegressor(), GRID, cv=inner, scoring=SKILL)
    result = cross_validate(
        search, panel, target, cv=outer, scoring=SKILL, return_estimator=True, error_score="raise"
    )
    assert len(result["estimator"]) == outer.get_n_splits(panel)
    for fitted in result["estimator"]:
        assert fitted.best_params_ == {"memory": 0.7}
        if isinstance(inner, LeaveRegionOut):
            assert fitted.n_splits_ == N_REGIONS - 1


def test_nested_search_in_two_workers(panel, runoff, routing):
    search = GridSearchCV(StoreRegressor(), GRID, cv=LeaveRegionOut(), scoring=SKILL)
    one, two = (
        cross_val_score(search, panel, runoff, cv=LeaveRegionOut(), scoring=SKILL, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


def test_randomized_search(panel, runoff):
    search = RandomizedSearchCV(StoreRegressor(), GRID, n_iter=2, cv=2, random_state=0)
    assert search.fit(panel, runoff).best_score_ > 0.5


# ---------------------------------------------------------------------- curves and single splits
@pytest.mark.parametrize("cv", [LeaveRegionOut(), SiteKFold(3, random_state=0)], ids=short)
def test_learning_curve(panel, target, cv, routing):
    sizes, _, scores = learning_curve(
        StoreRegressor(0.7), panel, target, cv=cv, train_sizes=[2, 5], scoring=SKILL,
        error_score="raise",
    )  # fmt: skip
    assert sizes.tolist() == [2, 5]
    np.testing.assert_allclose(scores, 1.0, atol=1e-6)


def test_learning_curve_shuffled_in_two_workers(panel, runoff):
    one, two = (
        learning_curve(
            StoreRegressor(), panel, runoff, cv=LeaveRegionOut(), train_sizes=[0.5, 1.0],
            shuffle=True, random_state=0, n_jobs=n_jobs,
        )[2]
        for n_jobs in (1, 2)
    )  # fmt: skip
    np.testing.assert_array_equal(one, two)


def test_validation_curve(panel, runoff):
    _, scores = validation_curve(
        StoreRegressor(), panel, runoff, param_name="memory", param_range=[0.2, 0.7],
        cv=LeaveRegionOut(),
    )  # fmt: skip
    assert (scores[1] > scores[0]).all()


def test_permutation_test(panel, runoff):
    args = {"cv": SiteKFold(2, random_state=0), "n_permutations": 5}
    score, _, _ = permutation_test_score(StoreRegressor(0.7), panel, runoff.to_numpy(), **args)
    assert score == pytest.approx(1.0)
    with pytest.raises(ValueError, match="`y` and X hold different sites"):  # y knows its sites
        permutation_test_score(StoreRegressor(0.7), panel, runoff, **args)


def test_train_test_split_deals_sites(panel, target):
    X_train, X_test, y_train, y_test = train_test_split(panel, target, test_size=4, random_state=0)
    assert (len(X_train), len(X_test)) == (N_SITES - 4, 4)
    assert set(X_train.site_ids).isdisjoint(X_test.site_ids)
    assert StoreRegressor(0.7).fit(X_train, y_train).score(X_test, y_test) == pytest.approx(1.0)


def test_train_test_split_by_region(panel, runoff):
    X_train, X_test, _, _ = train_test_split(
        panel, runoff, test_size=4, random_state=0, stratify=panel.sites["region"]
    )
    assert X_test.sites["region"].nunique() == N_REGIONS
    assert X_train.sites["region"].nunique() == N_REGIONS


def test_shuffle_and_resample_keep_x_and_y_together(panel, runoff):
    X, y = shuffle(panel, runoff, random_state=0)
    assert X.site_ids.equals(y.index)
    assert not X.site_ids.equals(panel.site_ids)
    X, y = resample(panel, runoff, n_samples=5, replace=False, random_state=0)
    assert X.site_ids.equals(y.index)


def test_site_attributes_and_series_stay_together(panel):
    """After slicing by scikit-learn, each site still has its own attributes and forcing."""
    part, _ = train_test_split(panel, random_state=3)
    for position, site in enumerate(part.site_ids):
        source = panel.site_ids.get_loc(site)
        np.testing.assert_array_equal(part.forcing[position], panel.forcing[source])
        assert part.attributes["slope"][site] == panel.attributes["slope"][site]
        assert part.sites["region"][site] == panel.sites["region"][site]


def test_estimators_with_fitted_state_are_cloned_without_it(panel, runoff):
    model = StoreRegressor(0.3).fit(panel, runoff)
    assert not hasattr(clone(model), "gain_")
