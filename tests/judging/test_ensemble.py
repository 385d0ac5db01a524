"""Members, their weights and their spread."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.utils.validation import check_is_fitted

from stefaland_sk import ClimatologyComparator, LSTMRegressor, RandomForestComparator
from stefaland_sk.datasets import make_catchments
from stefaland_sk.judging import ConformalBySite, SiteEnsemble

from .conftest import RainShare

TINY = {"d_hidden": 4, "window": 60, "warmup": 20, "max_epochs": 1}


def test_mean_and_spread_are_those_of_the_members(catchments):
    X, y = catchments
    models = [("rain", RainShare()), ("calendar", ClimatologyComparator())]
    ensemble = SiteEnsemble(models, weights=[3, 1]).fit(X, y)
    members = ensemble.predict_members(X)
    assert members.shape == (*y.shape, 2)
    np.testing.assert_allclose(ensemble.weights_, [0.75, 0.25])
    np.testing.assert_allclose(ensemble.predict(X), members @ [0.75, 0.25])
    apart = abs(members[..., 0] - members[..., 1])
    np.testing.assert_allclose(ensemble.predict_spread(X), apart * np.sqrt(0.75 * 0.25), rtol=1e-6)


def test_skill_at_sites_left_out_decides_the_weights(catchments):
    X, y = catchments
    models = [("calendar", ClimatologyComparator()), ("rain", RainShare())]
    ensemble = SiteEnsemble(models, weights="skill").fit(X, y)
    assert ensemble.weights_.sum() == pytest.approx(1)
    assert ensemble.weights_[1] > 0.8
    alone = [SiteEnsemble([model]).fit(X, y).score(X, y) for model in models]
    assert ensemble.score(X, y) > max(alone) - 0.02


def test_a_model_that_fits_by_heart_gains_nothing():
    rng = np.random.default_rng(0)
    X = rng.random((60, 30))
    y = X[:, 0] + 0.3 * rng.standard_normal(60)
    models = [("free", LinearRegression()), ("ridge", Ridge(3.0))]
    ensemble = SiteEnsemble(models, weights="skill", cv=5).fit(X, y)
    assert ensemble.weights_[1] > 0.7


def test_networks_train_their_seeds_themselves():
    X, y = make_catchments(n_sites=6, n_years=1, n_regions=2, random_state=0)
    network = LSTMRegressor(**TINY)
    ensemble = SiteEnsemble(network, n_members=3, random_state=0).fit(X, y)
    assert len(ensemble.estimators_) == 1
    assert len(ensemble.estimators_[0].nets_) == 3
    members = ensemble.predict_members(X)
    assert members.shape == (*y.shape, 3)
    np.testing.assert_allclose(ensemble.predict(X), members.mean(axis=-1), rtol=1e-4, atol=1e-5)
    assert ensemble.predict_spread(X).max() > 0
    rows = X.to_long()
    np.testing.assert_allclose(ensemble.predict_members(rows), members.reshape(-1, 3), rtol=1e-4)
    with pytest.raises(AttributeError, match="predicts values only"):
        ensemble.predict_quantiles(X)


def test_quantiles_are_averaged(catchments):
    X, y = catchments
    ensemble = SiteEnsemble([("a", RainShare()), ("b", RainShare())]).fit(X, y)
    expected = RainShare().fit(X, y).predict_quantiles(X, [0.1, 0.9])
    np.testing.assert_allclose(ensemble.predict_quantiles(X, [0.1, 0.9]), expected)
    lower, upper = ConformalBySite(ensemble, conformity="cqr").fit(X, y).predict_interval(X)
    assert (lower <= upper).all()


def test_seeds_repeat_and_differ(catchments):
    X, y = catchments
    forest = RandomForestComparator(n_estimators=2, lags=0, rolling=7, max_rows=200)
    found = [
        SiteEnsemble(forest, n_members=2, random_state=seed).fit(X, y).predict_members(X)
        for seed in (0, 0)
    ]
    np.testing.assert_array_equal(*found)
    assert (found[0][..., 0] != found[0][..., 1]).any()
    assert forest.random_state is None


@pytest.mark.parametrize(
    ("estimator", "settings", "message"),
    [
        (RainShare(), {}, "RainShare has no `random_state`: all members would be the same"),
        (LSTMRegressor(), {"weights": "skill"}, "seeds of one model differ by chance alone"),
        (LSTMRegressor(), {"n_members": 0}, r"`n_members` must lie in \[1"),
        ([("a", RainShare())], {"weights": "rank"}, "`weights` must be one of"),
        ([("a", RainShare())], {"weights": [1, 2]}, "`weights` must be 1 numbers, none negative"),
        ([("a", RainShare()), ("a", RainShare())], {}, "each under a name of its own; got"),
        ([], {}, "each under a name of its own"),
    ],
)
def test_mistakes_are_told(catchments, estimator, settings, message):
    X, y = catchments
    with pytest.raises(ValueError, match=message):
        SiteEnsemble(estimator, **settings).fit(X, y)


def test_models_without_names_are_refused(catchments):
    with pytest.raises(TypeError, match=r"list pairs \(name, estimator\).*got \[RainShare"):
        SiteEnsemble([RainShare(), RainShare()]).fit(*catchments)


def test_members_without_quantiles_are_named(catchments):
    X, y = catchments
    ensemble = SiteEnsemble([("a", RainShare()), ("b", ClimatologyComparator())]).fit(X, y)
    check_is_fitted(ensemble)
    assert not ensemble.causal
    with pytest.raises(AttributeError, match="ClimatologyComparator predicts no quantiles"):
        ensemble.predict_quantiles(X, [0.5])
