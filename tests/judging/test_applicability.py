"""The dissimilarity index, its threshold, and what it names."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from stefaland_sk.data import convert_units
from stefaland_sk.judging import AreaOfApplicability
from stefaland_sk.model_selection import LeaveRegionOut

from .conftest import RainShare


@pytest.fixture
def plane():
    """Sixty sites on a square."""
    rng = np.random.default_rng(0)
    ids = [f"s{i}" for i in range(60)]
    return pd.DataFrame(rng.random((60, 2)), columns=["a", "b"], index=ids)


def test_index_is_the_distance_to_the_nearest_over_the_mean_distance(plane):
    area = AreaOfApplicability(cv=5).fit(plane)
    scaled = ((plane - plane.mean()) / plane.std(ddof=0)).to_numpy()
    apart = np.linalg.norm(scaled[:, None] - scaled[None], axis=2)
    mean = apart.sum() / (60 * 59)
    np.testing.assert_allclose(area.mean_distance_, mean)
    new = pd.DataFrame({"a": [3.0], "b": [0.5]}, index=["x"])
    row = ((new - plane.mean()) / plane.std(ddof=0)).to_numpy()
    expected = np.linalg.norm(scaled - row, axis=1).min() / mean
    np.testing.assert_allclose(area.dissimilarity(new)["x"], expected)
    np.testing.assert_allclose(area.dissimilarity(plane), 0, atol=1e-7)


def test_threshold_comes_from_sites_of_other_folds(plane):
    region = np.where(plane["a"] < 0.5, "west", "east")
    mapping = dict(zip(plane.index, region, strict=True))
    by_site = AreaOfApplicability(cv=10).fit(plane)
    by_region = AreaOfApplicability(cv=LeaveRegionOut(mapping)).fit(plane)
    assert by_region.threshold_ > 2 * by_site.threshold_
    highest = AreaOfApplicability(cv=10, threshold=1.0).fit(plane)
    assert highest.threshold_ == highest.training_dissimilarity_.max() >= by_site.threshold_


def test_units_of_fit_and_texts(catchments, plane):
    X, _ = catchments
    area = AreaOfApplicability(cv=2).fit(X[:4])
    theirs = convert_units(X, {"p_mean": "mm/yr", "elev_mean": "ft"})
    pd.testing.assert_series_equal(area.dissimilarity(theirs), area.dissimilarity(X), atol=1e-6)
    with pytest.raises(ValueError, match=r"columns of X are no numbers: \['cover'\]"):
        AreaOfApplicability(cv=5).fit(plane.assign(cover="forest"))


def test_without_cv_the_regions_of_X_are_left_out(catchments):
    X, y = catchments
    ours = AreaOfApplicability().fit(X)
    expected = AreaOfApplicability(cv=LeaveRegionOut()).fit(X)
    assert ours.threshold_ == expected.threshold_


def test_far_sites_are_outside_and_the_variable_is_named(plane):
    area = AreaOfApplicability(cv=5).fit(plane)
    new = pd.DataFrame({"a": [0.5, 0.5], "b": [0.5, 7.0]}, index=["near", "far"])
    assert area.predict(new).tolist() == [True, False]
    table = area.explain(new, n_features=1).set_index("site")
    assert table.loc["far", "variable"] == "b"
    assert table.loc["far", "share"] > 0.9
    assert table.loc["far", "highest"] == plane["b"].max()
    assert table.loc["near", "inside"]


def test_weights_decide_which_direction_counts(plane):
    new = pd.DataFrame({"a": [5.0], "b": [0.5]}, index=["x"])
    assert not AreaOfApplicability(cv=5).fit(plane).predict(new)[0]
    blind = AreaOfApplicability(cv=5, weights={"b": 2.0}).fit(plane)
    assert blind.predict(new)[0]
    assert blind.weights_.to_dict() == {"a": 0.0, "b": 1.0}


def test_importances_of_an_estimator_weigh_the_attributes(plane):
    y = 3 * plane["b"]
    area = AreaOfApplicability(LinearRegression(), cv=5, random_state=0).fit(plane, y)
    assert area.weights_["b"] > 100 * area.weights_["a"]


def test_a_feature_that_never_varies_is_left_out(plane):
    area = AreaOfApplicability(cv=5).fit(plane.assign(c=7.0))
    assert area.weights_["c"] == 0
    new = pd.DataFrame({"a": [0.5], "b": [0.5], "c": [1e6]}, index=["x"])
    assert area.predict(new)[0]


def test_unlabelled_sites_are_no_training_sites(plane):
    y = pd.Series(1.0, index=plane.index)
    y[:10] = np.nan
    area = AreaOfApplicability(cv=5).fit(plane, y)
    assert len(area.training_dissimilarity_) == 50
    assert (area.dissimilarity(plane)[:10] > 0).all()


def test_long_table_gets_one_answer_per_row_and_panels_can_be_indexed_with_it(catchments):
    X, y = catchments
    area = AreaOfApplicability().fit(X[:30])
    inside = area.predict(X)
    assert X[inside].n_sites == inside.sum()
    rows = area.predict(X.to_long())
    assert rows.reshape(40, 120).all(axis=1).tolist() == inside.tolist()


def test_thousands_of_sites_are_no_matter():
    rng = np.random.default_rng(0)
    area = AreaOfApplicability(cv=5).fit(rng.random((3000, 20)))
    assert area.predict(rng.random((5000, 20))).mean() > 0.9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": "max"}, r"`threshold` must be one of \['whisker'\]"),
        ({"threshold": 2.0}, r"`threshold` must lie in \(0, 1\]"),
        ({"weights": {"c": 1.0}}, r"`weights` names \['c'\], which are not among the features"),
        ({"weights": {"a": -1.0}}, "`weights` must be 0 or more; that of 'a' is -1"),
        ({"weights": {"a": 0.0}}, "No feature that varies over the training sites has a weight"),
        ({"weights": {"a": 1.0}, "estimator": RainShare()}, "Give `estimator` or `weights`, not"),
        ({"features": lambda X: X, "estimator": RainShare()}, "weighs attributes, but `features`"),
        ({"estimator": RainShare()}, "so `fit` needs the target `y`; got None"),
    ],
)
def test_mistakes_are_told(plane, settings, message):
    with pytest.raises(ValueError, match=message):
        AreaOfApplicability(**{"cv": 5, **settings}).fit(plane)


def test_what_cannot_be_compared_is_told(catchments, plane):
    with pytest.raises(ValueError, match="needs two training sites or more"):
        AreaOfApplicability().fit(plane[:1])
    with pytest.raises(ValueError, match="None of the features varies"):
        AreaOfApplicability(cv=2).fit(plane * 0)
    X, _ = catchments
    area = AreaOfApplicability().fit(X)
    with pytest.raises(ValueError, match=r"X lacks 1 of the 2 features .*\['area'\]"):
        area.dissimilarity(X.keep_variables(attributes=["slope"]))


def test_a_table_is_compared_with_the_attributes_of_a_panel(catchments):
    X, _ = catchments
    area = AreaOfApplicability().fit(X[:30])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = area.dissimilarity(X[30:].attributes)
    pd.testing.assert_series_equal(found, area.dissimilarity(X[30:]))
