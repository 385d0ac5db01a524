"""KNNDMSplit: test sites lie as far from training as the places to be predicted do."""

import copy

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wasserstein_distance
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_validate

from stefaland_sk.data import Panel
from stefaland_sk.data._camels_gauges import camels_gauges
from stefaland_sk.model_selection import KNNDMSplit, SiteKFold, split_report

from .test_buffered import haversine


@pytest.fixture(scope="module")
def towns():
    """Ninety samples that crowd round nine towns."""
    rng = np.random.default_rng(1)
    centres = np.repeat(rng.uniform([40, 0], [50, 10], (9, 2)), 10, axis=0)
    places = pd.DataFrame(centres + rng.normal(0, 0.03, (90, 2)), columns=["lat", "lon"])
    return places.set_axis([f"s{i:02d}" for i in range(90)]).assign(clay=rng.random(90))


@pytest.fixture(scope="module")
def country():
    """Places all over."""
    return pd.DataFrame(
        np.random.default_rng(2).uniform([40, 0], [50, 10], (400, 2)), columns=["lat", "lon"]
    )


def test_w_is_the_distance_of_the_two_distributions(towns, country):
    cv = KNNDMSplit(country, 4)
    folds = cv.site_folds(towns).to_numpy()
    apart = haversine(towns[["lat", "lon"]], towns[["lat", "lon"]])
    apart[folds[:, None] == folds] = np.inf
    to_predict = haversine(country, towns[["lat", "lon"]]).min(axis=1)
    assert cv.w_ == pytest.approx(wasserstein_distance(apart.min(axis=1), to_predict), rel=1e-6)
    assert cv.w_ == cv.candidates_["w"].min()
    assert cv.prediction_median_ == pytest.approx(np.median(to_predict))


def test_clustered_samples_of_a_country_are_held_out_town_by_town(towns, country):
    cv = KNNDMSplit(country, 4)
    folds = cv.site_folds(towns).to_numpy().reshape(9, 10)
    assert (folds == folds[:, :1]).all()
    assert cv.w_ < 0.5 * cv.candidates_.loc[90, "w"]
    report = split_report(cv, towns, prediction_sites=country)
    assert report.summary["w"] == pytest.approx(cv.w_)
    random = split_report(SiteKFold(4, random_state=0), towns, prediction_sites=country)
    assert random.summary["w"] > 2 * cv.w_


@pytest.fixture(scope="module")
def capital():
    """Forty samples in one town and ten in each of two others, far away."""
    rng = np.random.default_rng(4)
    centres = np.repeat([[45.0, 5.0], [60.0, 30.0], [30.0, -20.0]], [40, 10, 10], axis=0)
    return pd.DataFrame(centres + rng.normal(0, 0.3, (60, 2)), columns=["lat", "lon"])


def test_no_fold_is_larger_than_its_share(capital):
    far = pd.DataFrame({"lat": [-30.0, -40.0], "lon": [120.0, 140.0]})
    whole_towns = KNNDMSplit(far, 3, max_share=1.0)
    assert sorted(whole_towns.site_folds(capital).value_counts()) == [10, 10, 40]
    cv = KNNDMSplit(far, 3)
    sizes = cv.site_folds(capital).value_counts()
    assert sizes.max() <= 30
    pd.testing.assert_frame_equal(cv.candidates_, whole_towns.candidates_)
    allowed = cv.candidates_["largest"] <= 0.5
    assert cv.candidates_.loc[3, "largest"] == pytest.approx(2 / 3)
    assert cv.candidates_["w"].idxmin() == 3
    assert cv.w_ == cv.candidates_.loc[allowed, "w"].min() > whole_towns.w_
    assert sizes.max() / 60 == cv.candidates_.loc[cv.candidates_["w"] == cv.w_, "largest"].iloc[0]


def test_shares_are_those_of_labelled_sites(capital):
    far = pd.DataFrame({"lat": [-30.0, -40.0], "lon": [120.0, 140.0]})
    y = np.where(np.arange(60) < 30, np.nan, 1.0)  # of the capital ten are left
    cv = KNNDMSplit(far, 3)
    folds = cv.site_folds(capital, y)
    assert sorted(folds[np.isfinite(y)].value_counts()) == [10, 10, 10]
    assert cv.candidates_.loc[3, "largest"] == pytest.approx(1 / 3)


def test_random_folds_are_always_allowed(capital):
    """Of five sites one fold of four holds two, more than the share."""
    cv = KNNDMSplit(capital, 4, max_share=0.3)
    assert sorted(cv.site_folds(capital[::12]).value_counts()) == [1, 1, 1, 2]


@pytest.mark.parametrize("n_splits", [3, 5, 10])
def test_gauges_of_the_east_of_camels_keep_to_the_share(n_splits):
    """Held out for the whole country, whole clusters would be best, and uneven."""
    gauges = camels_gauges()[["lat", "lon"]]
    lat, lon = np.meshgrid(np.arange(26, 49), np.arange(-123, -68))
    country = pd.DataFrame({"lat": lat.ravel(), "lon": lon.ravel()})
    east = gauges[gauges["lon"] > -90]
    free = KNNDMSplit(country, n_splits, max_share=1).site_folds(east).value_counts(normalize=True)
    share = 0.95 * free.max()
    assert share > 1.2 / n_splits
    cv = KNNDMSplit(country, n_splits, max_share=share)
    folds = cv.site_folds(east)
    assert folds.nunique() == n_splits
    assert folds.value_counts(normalize=True).max() <= share
    assert cv.w_ < cv.candidates_["w"].iloc[-1]


def test_places_like_the_samples_get_random_folds(towns):
    beside = towns[["lat", "lon"]] + 0.01
    cv = KNNDMSplit(beside, 5)
    cv.site_folds(towns)
    assert cv.candidates_["w"].idxmin() > 40
    assert cv.candidates_.index[-1] == 90


def test_folds_depend_neither_on_order_nor_on_the_form_of_x(towns, country):
    cv = KNNDMSplit(country, 3)
    expected = cv.site_folds(towns)
    order = np.random.default_rng(0).permutation(90)
    panel = Panel(towns[["clay"]], sites=towns[["lat", "lon"]])
    for X in (towns.iloc[order], panel[order]):
        pd.testing.assert_series_equal(cv.site_folds(X).loc[expected.index], expected)
    again = KNNDMSplit(Panel(None, sites=country.set_axis(country.index.astype(str))), 3)
    assert again.site_folds(towns).equals(expected)


def test_seeds_and_copies(towns, country):
    expected = KNNDMSplit(country, 3, random_state=7).site_folds(towns)
    assert copy.deepcopy(KNNDMSplit(country, 3, random_state=7)).site_folds(towns).equals(expected)
    generators = [KNNDMSplit(country, 3, random_state=np.random.default_rng(7)) for _ in range(2)]
    assert generators[0].site_folds(towns).equals(generators[1].site_folds(towns))


def test_attribute_space(country):
    rng = np.random.default_rng(3)
    X = pd.DataFrame(
        {"wet": np.repeat([0.0, 5, 9], 20) + rng.normal(0, 0.1, 60), "ph": rng.random(60)}
    )
    desert = pd.DataFrame({"ph": rng.random(50), "wet": -4.0, "slope": 1.0})
    cv = KNNDMSplit(desert, 3, space="attributes")
    folds = cv.site_folds(X).to_numpy().reshape(3, 20)
    assert (folds == folds[:, :1]).all()
    assert KNNDMSplit(desert, 3, space="attributes", attributes=["wet"]).get_n_splits(X) == 3


def test_unlabelled_sites_do_not_count_for_the_distances(towns, country):
    y = np.where(np.arange(90) % 10 == 0, 1.0, np.nan)  # one labelled sample in each town
    cv = KNNDMSplit(country, 3)
    for train, test in cv.split(towns, y):
        assert np.isfinite(y[test]).all()
        assert len(test) == 3
        assert len(train) + len(test) > 50
    assert cv.candidates_["test_median"].min() > 20


def test_it_serves_cross_validate_and_searches(towns, country):
    cv = KNNDMSplit(country, 4)
    assert len(cross_validate(Ridge(), towns, towns["clay"], cv=cv)["fit_time"]) == 4
    search = GridSearchCV(Ridge(), {"alpha": [1, 9]}, cv=cv).fit(towns, towns["clay"])
    assert search.n_splits_ == cv.get_n_splits() == 4


def test_what_is_missing_is_named(towns, country):
    with pytest.raises(ValueError, match=r"`prediction_sites` does not tell where any of its 400"):
        next(KNNDMSplit(country[["lat"]]).split(towns))
    with pytest.raises(ValueError, match=r"X does not tell where any of its 90 sites"):
        next(KNNDMSplit(country).split(towns[["clay"]]))
    with pytest.raises(ValueError, match=r"holds no site"):
        next(KNNDMSplit(country[:0]).split(towns))
    with pytest.raises(ValueError, match=r"lacks the attributes 'clay'; it has \['lat', 'lon'\]"):
        next(KNNDMSplit(country, space="attributes").split(towns))
    with pytest.raises(ValueError, match=r"takes no `groups`"):
        next(KNNDMSplit(country).split(towns, groups=np.zeros(90)))
    with pytest.raises(ValueError, match=r"`n_splits`=5 is greater than the number of sites"):
        next(KNNDMSplit(country).split(towns[:4]))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_splits": 1}, ValueError, r"`n_splits` must lie in \[2, inf\)"),
        ({"space": "time"}, ValueError, "`space` must be one of"),
        (
            {"attributes": ["clay"]},
            ValueError,
            r"`attributes` are not read with space=\"geographic\"",
        ),
        ({"max_share": 1.5}, ValueError, r"`max_share` must lie in \[0, 1\]"),
        (
            {"n_splits": 2},
            ValueError,
            r"`max_share` must be above 1 / n_splits = 0.5, .* Got 0.5 instead; give more, such as",
        ),
        ({"unlabelled": "drop"}, ValueError, "`unlabelled` must be one of"),
    ],
)
def test_parameters_are_checked(country, parameters, error, message):
    with pytest.raises(error, match=message):
        KNNDMSplit(country, **parameters)


def test_repr_leaves_the_table_out(country):
    assert (
        repr(KNNDMSplit(country, 3))
        == "KNNDMSplit(prediction_sites=<DataFrame of 400>, n_splits=3)"
    )
