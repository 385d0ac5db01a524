"""Distances are those to the sites that a model could train on."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.plotting import SkillDistanceDisplay

# On the equator a degree is 111.2 km.
SITES = pd.DataFrame({"lat": 0.0, "lon": [0.0, 1.0, 3.0, 10.0]}, index=list("abcd"))
DEGREE = 2 * np.pi * 6371.0088 / 360


@pytest.fixture
def results():
    return pd.DataFrame(
        {
            "model": "lstm",
            "fold": [0, 0, 1],
            "site": ["a", "b", "c"],
            "metric": "nse",
            "value": [0.7, 0.5, np.nan],
        }
    )


def test_the_distance_is_to_the_nearest_site_of_another_fold(results):
    frame = SkillDistanceDisplay.from_results(results, SITES.iloc[:3]).frame()
    np.testing.assert_allclose(frame["distance"] / DEGREE, [3.0, 2.0, 2.0])


def test_sites_that_are_never_tested_are_training_sites(results):
    sites = pd.concat([SITES, pd.DataFrame({"lat": 0.0, "lon": [3.5]}, index=["e"])])
    frame = SkillDistanceDisplay.from_results(results, sites).frame()
    np.testing.assert_allclose(frame["distance"] / DEGREE, [3.0, 2.0, 0.5])


def test_distances_run_over_the_date_line_and_the_pole(results):
    sites = pd.DataFrame({"lat": [0, 0, 89.0], "lon": [179.5, 10.0, 0.0]}, index=list("abc"))
    sites.loc["d"] = [0.0, -179.5]
    frame = SkillDistanceDisplay.from_results(results, sites).frame()
    assert frame["distance"].iloc[0] / DEGREE == pytest.approx(1.0)


def test_a_site_without_place_has_no_distance_and_is_not_drawn(results):
    sites = SITES.assign(lat=[np.nan, 0, 0, 0])
    display = SkillDistanceDisplay.from_results(results, sites).plot()
    assert np.isnan(display.frame()["distance"].iloc[0])
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["lstm (n=1)"]


def test_distances_of_the_callers_own_are_taken_as_they_are(results):
    distance = pd.Series({"a": 1.0, "b": 2.0, "c": 4.0})
    display = SkillDistanceDisplay.from_results(results, distance=distance, label="unlikeness [-]")
    assert display.frame()["distance"].tolist() == [1.0, 2.0, 4.0]
    assert display.plot(xscale="log").ax_.get_xlabel() == "unlikeness [-]"
    assert display.ax_.get_xscale() == "log"


def test_classes_hold_every_scored_site_once_and_the_same_sites_for_all_models():
    random = np.random.default_rng(0)
    scores = pd.DataFrame(
        {
            "model": np.repeat(["a", "b"], 100),
            "site": list(map(str, range(100))) * 2,
            "distance": np.tile(random.gamma(1.0, 100.0, 100), 2),
            "value": random.normal(size=200),
        }
    )
    table = SkillDistanceDisplay(scores, metric="nse").binned()
    assert table.groupby("model")["n_sites"].sum().tolist() == [100, 100]
    sides = [part[["low", "high"]].to_numpy() for _, part in table.groupby("model")]
    np.testing.assert_array_equal(*sides)
    assert (sides[0][1:, 0] > sides[0][:-1, 1]).all(), "classes do not overlap"
    part = scores[scores["model"] == "a"]
    first = part[part["distance"] <= sides[0][0, 1]]["value"]
    assert table["median"].iloc[0] == pytest.approx(first.median())


def test_sites_at_one_distance_make_one_class():
    scores = pd.DataFrame(
        {"model": "a", "site": list(map(str, range(30))), "distance": 5.0, "value": 0.5}
    )
    table = SkillDistanceDisplay(scores, metric="nse").binned(4)
    assert table["n_sites"].tolist() == [30]


def test_failures_stand_as_arrow_heads_at_the_edge(results):
    results["value"] = [0.7, -5.0, 0.3]
    display = SkillDistanceDisplay.from_results(results, SITES).plot()
    heights = [points.get_offsets()[:, 1] for points in display.ax_.collections]
    assert display.ax_.get_ylim() == (0.0, 1.0)
    assert sorted(np.concatenate(heights).tolist()) == [0.0, 0.3, 0.7]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Give either `sites`, .* or `distance`"),
        ({"sites": SITES, "distance": {"a": 1}}, "Give either `sites`"),
        ({"distance": {"a": 1, "b": 2}}, "`distance` has no entry for 1 of 3 sites, .*'c'"),
        ({"distance": {"a": 1, "b": -2, "c": 3}}, "distance of site 'b' is -2"),
        ({"distance": dict.fromkeys("abc", np.nan)}, "No site has a distance"),
        ({"sites": SITES.iloc[:2]}, "`sites` has no entry for 1 of 3 sites"),
    ],
)
def test_what_does_not_fit_is_named(results, arguments, message):
    with pytest.raises(ValueError, match=message):
        SkillDistanceDisplay.from_results(results, **arguments)


def test_a_site_tested_in_two_folds_has_no_one_distance(results):
    results["site"] = ["a", "b", "a"]
    with pytest.raises(ValueError, match="Site 'a' was tested in several folds"):
        SkillDistanceDisplay.from_results(results, SITES)


def test_a_fold_without_training_site_is_an_error(results):
    with pytest.raises(ValueError, match="All 3 sites with a place were tested in fold 0"):
        SkillDistanceDisplay.from_results(results.assign(fold=0), SITES.iloc[:3])


def test_results_without_fold_need_distances(results):
    with pytest.raises(ValueError, match=r"`results` must have .* it lacks \['fold'\]"):
        SkillDistanceDisplay.from_results(results.drop(columns="fold"), SITES)


def test_scales_are_checked(results):
    with pytest.raises(ValueError, match="`xscale` must be one of"):
        SkillDistanceDisplay.from_results(results, SITES).plot(xscale="logit")
