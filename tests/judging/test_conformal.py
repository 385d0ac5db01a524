"""Intervals that hold at sites left out, whatever the form of X and the length of the records."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_validate

from stefaland_sk import LinearComparator, LSTMRegressor
from stefaland_sk.datasets import load_camels_us, make_catchments
from stefaland_sk.judging import ConformalBySite
from stefaland_sk.judging._calibration import ScoreDistribution, n_units_needed, thin
from stefaland_sk.metrics import median_per_site
from stefaland_sk.model_selection import LeaveRegionOut, SiteKFold

from .conftest import RainShare, make_sites

SCORES = ["absolute", "relative", "site", "magnitude", "cqr"]


def mean_coverage(model, X, y):
    return model.coverage_report(X, y).overall()["coverage"].to_numpy()


# ---------------------------------------------------------------------- quantiles
def test_each_site_weighs_the_same_however_long_its_record():
    scores = np.concatenate([np.zeros(1000), [1.0], [2.0], [3.0]])
    codes = np.concatenate([np.zeros(1000, dtype=int), [1, 2, 3]])
    found = ScoreDistribution(scores, codes, np.arange(4))
    # Four sites and the one to come: a fifth each.
    assert [found.upper(level) for level in (0.2, 0.21, 0.4, 0.6, 0.8)] == [0, 1, 1, 2, 3]
    assert found.upper(0.81) == np.inf


def test_a_lower_quantile_is_the_upper_one_of_the_negative_scores():
    rng = np.random.default_rng(0)
    scores, codes = rng.normal(size=300), rng.integers(0, 30, 300)
    found = ScoreDistribution(scores, codes, np.arange(30))
    mirror = ScoreDistribution(-scores, codes, np.arange(30))
    for level in (0.05, 0.1, 0.3, 0.5):
        assert found.lower(level) == -mirror.upper(1 - level)


def test_sites_of_a_region_share_its_weight():
    found = ScoreDistribution(np.arange(4.0), np.arange(4), np.array([0, 0, 0, 1]))
    assert found.n_units == 2
    assert found.upper(1 / 3) == 2.0  # the whole of the first region
    assert found.upper(0.4) == 3.0


@pytest.mark.parametrize(
    ("level", "symmetric", "expected"), [(0.9, True, 9), (0.9, False, 19), (0.8, True, 4)]
)
def test_sites_needed_for_a_level(level, symmetric, expected):
    assert n_units_needed(level, symmetric) == expected


def test_thinned_scores_keep_the_distribution_of_each_site():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(size=20_000), [5.0]])
    kept, codes = thin(scores, np.array([0] * 20_000 + [1]), 3)
    assert np.bincount(codes).tolist() == [1000, 1]
    wanted = np.quantile(scores[:-1], [0.05, 0.5, 0.95])
    np.testing.assert_allclose(np.quantile(kept[:-1], [0.05, 0.5, 0.95]), wanted, atol=0.01)


# ---------------------------------------------------------------------- coverage
@pytest.mark.parametrize("conformity", SCORES)
@pytest.mark.parametrize("symmetric", [True, False])
def test_coverage_at_new_sites_is_near_the_level(conformity, symmetric):
    X, y = make_sites(400, 60, seed=1)
    model = ConformalBySite(
        RainShare(), cv=4, confidence_level=(0.8, 0.9), conformity=conformity, symmetric=symmetric
    ).fit(X[:200], y[:200])
    np.testing.assert_allclose(mean_coverage(model, X[200:], y[200:]), [0.8, 0.9], atol=0.03)


@pytest.mark.parametrize("conformity", ["absolute", "relative", "magnitude"])
def test_few_sites_are_covered_no_less_than_the_level_on_average(conformity):
    """The correction for a finite number of sites holds also where a scale is learned."""
    found = []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        X, y = pd.DataFrame({"x": rng.random(60)}), 5 + rng.standard_normal(60)
        model = ConformalBySite(
            FrozenEstimator(RainShare().fit(X, np.full(60, 5.0))),
            cv="prefit",
            confidence_level=0.8,
            conformity=conformity,
        )
        found.append(mean_coverage(model.fit(X[:14], y[:14]), X[14:], y[14:])[0])
    assert 0.78 < np.mean(found) < 0.87


def test_days_of_training_sites_would_give_intervals_that_are_too_narrow():
    """A model that knows its sites by heart is calibrated at sites that it has not seen."""

    class ByHeart(RainShare):
        def fit(self, X, y):
            self.known_ = dict(zip(X.site_ids, np.asarray(y), strict=True))
            return super().fit(X, y)

        def predict(self, X):
            guess = super().predict(X)
            return np.array([self.known_.get(s, g) for s, g in zip(X.site_ids, guess, strict=True)])

    X, y = make_sites(80)
    model = ConformalBySite(ByHeart(), cv=4).fit(X[:60], y[:60])
    assert (model.predict(X[:60]) == y[:60]).all(axis=None)
    assert mean_coverage(model, X[60:], y[60:])[0] > 0.85


def test_regions_as_units_are_wider_than_sites():
    X, y = make_sites(60, n_regions=10)
    y = y * X.sites["region"].map(lambda r: 1 + int(r[-1]) / 5).to_numpy()[:, None]
    by_site = ConformalBySite(RainShare(), confidence_level=0.8).fit(X, y)
    by_region = clone(by_site).set_params(unit="region").fit(X, y)
    assert (by_site.n_units_, by_region.n_units_) == (60, 10)
    widths = [np.subtract(*m.predict_interval(X)[::-1]).mean() for m in (by_site, by_region)]
    assert widths[1] > widths[0]


def test_days_before_the_warm_up_and_outside_the_period_do_not_count(catchments):
    X, y = catchments
    odd = y.copy()
    odd.iloc[:, :30] *= 100
    odd.iloc[:, 100:] *= 100
    period = (None, str(y.columns[99].date()))
    settings = {"warmup": 30, "period": period, "conformity": "absolute", "cv": 4}
    expected = ConformalBySite(RainShare(), **settings).fit(X, y)
    model = ConformalBySite(RainShare(), **settings).fit(X, odd)
    np.testing.assert_allclose(model.predict_interval(X), expected.predict_interval(X))
    rows, flow = X.to_long(odd)
    long = clone(model).fit(rows, flow)
    np.testing.assert_allclose(long.predict_interval(rows)[1], model.predict_interval(X)[1].ravel())


# ---------------------------------------------------------------------- forms
@pytest.mark.parametrize("conformity", SCORES)
def test_long_table_and_panel_agree(catchments, conformity):
    X, y = catchments
    rows, flow = X.to_long(y)
    order = np.random.default_rng(0).permutation(len(rows))
    model = ConformalBySite(RainShare(), conformity=conformity)
    panel = clone(model).fit(X, y).predict_interval(X)
    long = clone(model).fit(rows.iloc[order], flow.iloc[order]).predict_interval(rows)
    for ours, theirs in zip(panel, long, strict=True):
        np.testing.assert_allclose(ours.ravel(), theirs, rtol=1e-5)


def test_one_value_per_site_from_any_regressor():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.random((200, 2)), columns=["a", "b"])
    y = X["a"] - 2 * X["b"] + 0.1 * rng.standard_normal(200)
    model = ConformalBySite(LinearRegression(), confidence_level=0.9).fit(X[:150], y[:150])
    lower, upper = model.predict_interval(X[150:])
    assert lower.shape == (50,)
    assert model.lower_bound_ is None
    assert 0.8 < mean_coverage(model, X[150:], y[150:])[0] <= 1


def test_several_levels_are_nested_and_respect_the_lower_bound(catchments):
    X, y = catchments
    model = ConformalBySite(RainShare(), confidence_level=(0.5, 0.9), conformity="absolute")
    lower, upper = model.fit(X, y).predict_interval(X)
    assert lower.shape == (*y.shape, 2)
    assert (lower[..., 1] <= lower[..., 0]).all()
    assert (upper[..., 1] >= upper[..., 0]).all()
    assert lower.min() == 0.0
    open_below = model.set_params(lower_bound=None).fit(X, y).predict_interval(X)[0]
    assert open_below.min() < 0


def test_quantiles_are_the_ends_of_intervals(catchments):
    X, y = catchments
    model = ConformalBySite(RainShare(), confidence_level=0.8).fit(X, y)
    lower, upper = model.predict_interval(X)
    found = model.predict_quantiles(X)
    np.testing.assert_array_equal(found, np.stack([lower, upper], axis=-1))
    more = model.predict_quantiles(X, [0.05, 0.1, 0.5, 0.9, 0.95])
    np.testing.assert_array_equal(more[..., [1, 3]], found)
    assert (np.diff(more, axis=-1) >= 0).all()


def test_a_site_does_not_depend_on_the_others_in_the_call(catchments):
    X, y = catchments
    for conformity in SCORES:
        model = ConformalBySite(RainShare(), conformity=conformity).fit(X, y)
        alone = model.predict_interval(X[[3]])
        together = model.predict_interval(X)
        np.testing.assert_allclose(alone[1][0], together[1][3], rtol=1e-6)


def test_sites_without_observations_are_neither_calibrated_with_nor_in_the_way(catchments):
    X, y = catchments
    y = y.copy()
    y.iloc[:5] = np.nan
    model = ConformalBySite(RainShare()).fit(X, y)
    assert model.n_units_ == 35
    assert model.calibration_report_.frame()["n_obs"].tolist()[:6] == [0, 0, 0, 0, 0, 120]


def test_each_site_is_predicted_by_a_model_that_has_not_seen_it(catchments):
    X, y = catchments
    seen = []

    class Spy(RainShare):
        def predict(self, X):
            seen.append((self.seen_, set(X.site_ids)))
            return super().predict(X)

    ConformalBySite(Spy(), cv=LeaveRegionOut()).fit(X, y)
    assert len(seen) == 4
    assert all(trained.isdisjoint(left_out) for trained, left_out in seen)


# ---------------------------------------------------------------------- choice of the score
def test_auto_takes_the_score_with_the_best_intervals(catchments):
    X, y = catchments  # errors grow with the flow
    model = ConformalBySite(RainShare(), conformity="auto").fit(X, y)
    table = model.conformity_table_
    assert set(table.index) == set(SCORES)
    assert model.conformity_ == table["interval_score"].idxmin() != "absolute"
    assert table.loc["absolute", "interval_score"] > table.loc["magnitude", "interval_score"]


def test_auto_leaves_out_quantiles_that_the_model_was_not_fitted_for():
    X, y = make_catchments(n_sites=16, n_years=1, n_regions=4, random_state=0)
    network = LSTMRegressor(d_hidden=4, window=60, warmup=20, max_epochs=1, random_state=0)
    model = ConformalBySite(network, conformity="auto", confidence_level=0.6, warmup=20).fit(X, y)
    assert "cqr" not in model.conformity_table_.index
    assert model.causal


# ---------------------------------------------------------------------- in scikit-learn
def test_prefit_model_is_used_as_it_is(catchments):
    X, y = catchments
    fitted = RainShare().fit(X[:20], y[:20])
    model = ConformalBySite(fitted, cv="prefit").fit(X[20:], y[20:])
    assert model.estimator_ is fitted
    assert fitted.n_fitted_ == 20
    frozen = clone(ConformalBySite(FrozenEstimator(fitted), cv="prefit")).fit(X[20:], y[20:])
    np.testing.assert_array_equal(frozen.predict_interval(X), model.predict_interval(X))


def test_it_is_cloned_pickled_searched_and_cross_validated(catchments):
    X, y = catchments
    model = ConformalBySite(LinearComparator(lags=0, rolling=7, max_rows=500, random_state=0), cv=3)
    assert clone(model).set_params(estimator__alpha=2.0).get_params()["estimator__alpha"] == 2.0
    scores = cross_validate(
        model,
        X,
        y,
        cv=SiteKFold(2, shuffle=False),
        scoring=median_per_site("nse"),
        return_estimator=True,
    )
    fitted = scores["estimator"][0]
    assert fitted.score(X, y) == fitted.estimator_.score(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_interval(X), fitted.predict_interval(X))


# ---------------------------------------------------------------------- mistakes
@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"confidence_level": 0.99}, ValueError, r"`confidence_level`=0.99 needs 99 sites .* are "
         r"40, enough for levels up to 0.975. Lower the level, give more sites"),
        ({"confidence_level": 0.96, "symmetric": False}, ValueError, "or set symmetric=True"),
        ({"unit": "region"}, ValueError, r"needs 9 regions .* there are 4.* or take unit='site'"),
        ({"confidence_level": 1.5}, ValueError, r"`confidence_level` must lie in \(0, 1\)"),
        ({"confidence_level": 1}, ValueError, r"must lie in \(0, 1\). Got 1"),
        ({"warmup": 9999}, ValueError, "Nothing is left to calibrate with.*`warmup`=9999 steps"),
        ({"confidence_level": ()}, ValueError, "at least one level; it is empty"),
        ({"conformity": "gamma"}, ValueError, r"`conformity` must be one of \['absolute'"),
        ({"unit": "day"}, ValueError, r"`unit` must be one of \['site', 'region'\]"),
        ({"cv": "fit"}, ValueError, r"`cv` must be one of \['prefit'\]"),
        ({"lower_bound": "zero"}, ValueError, r"`lower_bound` must be one of \['auto'\]"),
        ({"warmup": -1}, ValueError, r"`warmup` must lie in \[0"),
        ({"cv": "prefit"}, NotFittedError, r"needs a fitted estimator, but this RainShare.*Frozen"),
        ({"unit": "region", "regions": {"0000": "a"}}, ValueError, "`regions` has no entry for 39"),
    ],
)  # fmt: skip
def test_mistakes_are_told(catchments, settings, error, message):
    X, y = catchments
    with pytest.raises(error, match=message):
        ConformalBySite(RainShare(), **settings).fit(X, y)


def test_days_of_a_site_on_both_sides_are_refused(catchments):
    rows, flow = catchments[0].to_long(catchments[1])
    model = ConformalBySite(RainShare(), cv=KFold(3, shuffle=True, random_state=0))
    with pytest.raises(ValueError, match=r"days of 40 sites on both sides .* '0000'.*SiteKFold"):
        model.fit(rows, flow)


def test_a_site_left_out_twice_is_refused(catchments):
    X, y = catchments
    folds = [(np.arange(20), np.arange(20, 40))] * 2
    with pytest.raises(ValueError, match="leaves out a site more than once, for example '0020'"):
        ConformalBySite(RainShare(), cv=folds).fit(X, y)


def test_what_cannot_be_asked_is_told(catchments):
    X, y = catchments
    with pytest.raises(TypeError, match="needs an estimator with `predict_quantiles`"):
        ConformalBySite(LinearComparator(), conformity="cqr").fit(X, y)
    cqr = ConformalBySite(RainShare(), conformity="cqr").fit(X, y)
    with pytest.raises(ValueError, match=r"for the levels \[0.9\], not for 0.5"):
        cqr.predict_interval(X, 0.5)
    with pytest.raises(ValueError, match="has no median"):
        cqr.predict_quantiles(X, [0.5])
    with pytest.raises(ValueError, match="needs 99 sites"):
        ConformalBySite(RainShare()).fit(X, y).predict_interval(X, 0.99)
    with pytest.raises(ValueError, match="one value. Use conformity='absolute'"):
        ConformalBySite(LinearRegression(), conformity="site").fit(np.ones((30, 1)), np.ones(30))
    with pytest.raises(ValueError, match="'auto' compares scores .* of which there are 30 where"):
        ConformalBySite(RainShare(), conformity="auto", confidence_level=0.97).fit(X, y)
    with pytest.raises(NotFittedError, match="not fitted"):
        ConformalBySite(RainShare()).predict_interval(X)


# ---------------------------------------------------------------------- real data
def test_real_basins_in_a_region_left_out_are_covered(shared_data):
    X, y = load_camels_us(shared_data / "camels_us", period=("1999-10-01", "2002-09-30"))
    X, y = X[::3], y[::3]
    train, test = next(LeaveRegionOut(only=["7"]).split(X, y))
    linear = LinearComparator(lags=(0, 1), rolling=(7, 90), max_rows=20_000, random_state=0)
    model = ConformalBySite(linear, confidence_level=0.9, warmup=90).fit(X[train], y.iloc[train])
    overall = model.coverage_report(X[test], y.iloc[test]).overall()
    assert 0.8 < overall["coverage"].iloc[0] < 1
