"""BufferedSplit: no training site lies within the buffer of a test site."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_validate

from stefaland_sk.data import Panel
from stefaland_sk.model_selection import BufferedSplit, LeaveRegionOut, SiteKFold, SpaceTimeSplit

RADIUS = 6371.0088


def haversine(one, other):
    """Great-circle distance [km] by another formula, of all pairs."""
    (a, b), (c, d) = (np.radians(np.asarray(places, dtype=float)).T for places in (one, other))
    s = np.sin((a[:, None] - c) / 2) ** 2
    s += np.cos(a[:, None]) * np.cos(c) * np.sin((b[:, None] - d) / 2) ** 2
    return 2 * RADIUS * np.arcsin(np.sqrt(s))


@pytest.mark.parametrize("km", [0, 15, 30])
def test_exactly_the_sites_beyond_the_buffer_train(landscape, km):
    cv = SiteKFold(5, random_state=0)
    places = landscape.sites[["lat", "lon"]].to_numpy()
    for (train, test), (all_train, all_test) in zip(
        BufferedSplit(cv, km).split(landscape), cv.split(landscape), strict=True
    ):
        np.testing.assert_array_equal(test, all_test)
        near = haversine(places[all_train], places[test]).min(axis=1)
        np.testing.assert_array_equal(train, all_train[near >= km])


def test_distances_hold_across_the_date_line_and_at_the_pole():
    places = pd.DataFrame({"lat": [0, 0, 89.9, 89.9, 0], "lon": [179.9, -179.9, 0, 180, 90]})
    places.index = list("abcde")
    folds = {"a": 0, "b": 1, "c": 0, "d": 1, "e": 1}
    train, test = next(BufferedSplit(SiteKFold(folds=folds), 25).split(places))
    assert (train.tolist(), test.tolist()) == ([4], [0, 2])


def test_panels_long_and_plain_tables_agree(landscape):
    cv = BufferedSplit(SiteKFold(5, random_state=0), 15)
    expected = [(tr.tolist(), te.tolist()) for tr, te in cv.split(landscape)]
    sites = landscape.sites
    table = landscape.attributes.join(sites[["lat", "lon"]])
    assert [(tr.tolist(), te.tolist()) for tr, te in cv.split(table)] == expected
    rows = landscape.assign(attributes=table).to_long()
    by_rows = [(sorted(set(tr // 4)), sorted(set(te // 4))) for tr, te in cv.split(rows)]
    assert by_rows == expected


def test_it_serves_cross_validate_searches_and_space_time(landscape):
    table = landscape.attributes.fillna(0).join(landscape.sites[["lat", "lon"]])
    cv = BufferedSplit(KFold(5), 15)
    assert cv.get_n_splits(table) == 5
    assert len(cross_validate(Ridge(), table, table["wet"], cv=cv)["fit_time"]) == 5
    assert GridSearchCV(Ridge(), {"alpha": [1, 10]}, cv=cv).fit(table, table["wet"]).n_splits_ == 5
    both = SpaceTimeSplit(
        BufferedSplit(LeaveRegionOut("kind"), 50), test_period=("2000-10-03", None)
    )
    y = landscape.label(np.ones((30, 4)))
    train, test = next(both.split(*both.separate_periods(landscape, y)))
    assert (train.tolist(), test.tolist()) == (list(range(10, 30)), list(range(30, 40)))


def test_a_splitter_of_rows_cannot_keep_a_site_on_both_sides(landscape):
    table = landscape.attributes.join(landscape.sites[["lat", "lon"]])
    rows = landscape.assign(attributes=table).to_long()
    train, test = next(BufferedSplit(KFold(2), 1).split(rows))
    assert not set(train // 4) & set(test // 4)


@pytest.mark.filterwarnings("ignore:No site of region 2")
def test_a_buffer_that_leaves_nothing_is_an_error(landscape):
    with pytest.raises(
        ValueError, match=r"1000 km leaves no site to train on in fold 0, whose .* km"
    ):
        next(BufferedSplit(LeaveRegionOut("kind"), 1000).split(landscape))
    y = np.where(landscape.sites["kind"] == 2, np.nan, 1.0)  # unlabelled beyond the buffer
    with pytest.raises(ValueError, match=r"no labelled site to train on in fold 0"):
        next(BufferedSplit(LeaveRegionOut("kind"), 300).split(landscape, y))


def test_unknown_places_are_named(landscape):
    with pytest.raises(ValueError, match=r"BufferedSplit needs the latitude.*any of its 30 sites"):
        next(BufferedSplit(SiteKFold(3), 5).split(landscape.attributes))
    sites = landscape.sites
    sites.loc["007", "lon"] = np.nan
    with pytest.raises(ValueError, match=r"where 1 of its 30 sites lie, for example \['007'\]"):
        next(BufferedSplit(SiteKFold(3), 5).split(Panel(landscape.attributes, sites=sites)))
    sites["lat"], sites["lon"] = 5.2e6, 3.5e5
    with pytest.raises(ValueError, match=r"lat=5.2e\+06 .*no degrees. Are they metres"):
        next(BufferedSplit(SiteKFold(3), 5).split(Panel(landscape.attributes, sites=sites)))


def test_parameters_are_checked_and_shown():
    with pytest.raises(TypeError, match="`cv` of BufferedSplit must be a splitter"):
        BufferedSplit(20, 5)
    with pytest.raises(ValueError, match=r"`buffer_km` must lie in \[0, inf\)"):
        BufferedSplit(SiteKFold(3), -5)
    cv = BufferedSplit(SiteKFold(3, random_state=0), 50)
    assert (
        repr(copy.deepcopy(cv))
        == "BufferedSplit(cv=SiteKFold(n_splits=3, random_state=0), buffer_km=50)"
    )
