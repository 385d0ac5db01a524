"""Landslides: classes of sites from terrain, soil and rain."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline

from stefaland_sk import StefaLandLandslide
from stefaland_sk.datasets import make_catchments
from stefaland_sk.model_selection import LeaveRegionOut

SMALL = {
    "encoder_init": "none",
    "d_hidden": 16,
    "attribute_dropout": 0.0,
    "dropout": 0.0,
    "lr": 1e-2,
    "max_epochs": 12,
    "n_seeds": 1,
    "random_state": 0,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def slopes():
    """Slopes that fail where they are steep, clayey and wet; one in four or so does."""
    rng = np.random.default_rng(0)
    n = 300
    X = pd.DataFrame(
        {
            "slope": rng.gamma(2.0, 8.0, n),
            "clay": rng.uniform(5, 60, n),
            "rain": rng.gamma(4.0, 300.0, n),
            "aspect": rng.uniform(0, 360, n),
        },
        index=[f"s{i:03d}" for i in range(n)],
    )
    risk = 0.2 * (X["slope"] - 24) + 0.06 * (X["clay"] - 30) + 0.002 * (X["rain"] - 1200)
    return X, pd.Series(rng.random(n) < 1 / (1 + np.exp(-risk)), index=X.index).astype(int)


def test_it_ranks_new_slopes_by_their_risk(slopes):
    X, y = slopes
    model = StefaLandLandslide(**SMALL).fit(X[:200], y[:200])
    assert roc_auc_score(y[200:], model.predict_proba(X[200:])[:, 1]) > 0.75
    assert model.score(X, y) == np.mean(model.predict(X) == y)


def test_probabilities_decisions_and_classes_agree(slopes):
    X, y = slopes
    model = StefaLandLandslide(**SMALL).fit(X, y.map({0: "stable", 1: "slide"}))
    assert model.classes_.tolist() == ["slide", "stable"]
    shares = model.predict_proba(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    odds = model.decision_function(X)
    np.testing.assert_allclose(odds, np.log(shares[:, 1] / shares[:, 0]))
    np.testing.assert_array_equal(model.predict(X), model.classes_[(odds > 0).astype(int)])


def test_balanced_weights_raise_the_rare_class(slopes):
    X, y = slopes
    plain, balanced = (
        StefaLandLandslide(class_weight=weight, **SMALL).fit(X, y).predict_proba(X)[:, 1].mean()
        for weight in (None, "balanced")
    )
    assert y.mean() < 0.4
    assert plain == pytest.approx(y.mean(), abs=0.1)
    assert balanced > plain + 0.05


def test_more_than_two_classes(slopes):
    X, y = slopes
    kinds = np.where(y == 0, "none", np.where(X["clay"] > 35, "flow", "fall"))
    model = StefaLandLandslide(**SMALL).fit(X, kinds)
    assert model.predict_proba(X).shape == model.decision_function(X).shape == (300, 3)
    assert model.score(X, kinds) > 0.7


@pytest.mark.parametrize("missing", [np.nan, None])
def test_sites_without_class_are_left_out(slopes, missing):
    X, y = slopes
    y = y.astype(object)
    y.iloc[:50] = missing
    model = StefaLandLandslide(**SMALL).fit(X, y.astype(float))
    np.testing.assert_array_equal(model.classes_, [0, 1])
    predicted = model.predict(X)
    assert model.score(X, y.astype(float)) == np.mean(predicted[50:] == y[50:].astype(float))


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.zeros(6), "of one class, 0.0"),
        (np.full(6, np.nan), "all of `y` is missing"),
        (np.linspace(0, 1, 6), "Unknown label type"),
        ([0, 1, 0, 1, np.inf, 0], "infinity"),
    ],
)
def test_odd_classes_are_refused(y, words):
    with pytest.raises(ValueError, match=words):
        StefaLandLandslide(**SMALL).fit(np.arange(12.0).reshape(6, 2), y)


def test_it_is_cross_validated_by_region_and_beside_a_pipeline(make_transformer):
    X, runoff = make_catchments(n_sites=12, n_years=1, n_regions=3, random_state=0)
    wet = runoff.mean(axis=1)
    y = (wet > wet.groupby(X.sites["region"]).transform("median")).astype(int)
    model = StefaLandLandslide(**{**SMALL, "max_epochs": 2})
    beside = make_pipeline(make_transformer(pool="mean"), LogisticRegression())
    for estimator in (model, beside):
        scores = cross_validate(
            estimator, X, y, cv=LeaveRegionOut(), scoring="roc_auc", error_score="raise"
        )
        assert len(scores["test_score"]) == 3
