"""Places are found wherever data keep them, and unknown ones stay unknown."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.data import Panel, find_places
from stefaland_sk.data._globe import EARTH_RADIUS, Globe
from stefaland_sk.data._places import check_degrees, check_places

IDS = pd.Index(["a", "b", "c"], name="site")
PLACES = pd.DataFrame({"lat": [46.0, 47.0, np.nan], "lon": [8.0, -9.0, 7.0]}, index=IDS)


@pytest.mark.parametrize(
    "names", [("lat", "lon"), ("gauge_lat", "gauge_lon"), ("latitude", "longitude")]
)
def test_usual_names_are_known_in_all_forms(names):
    table = PLACES.set_axis(names, axis=1).assign(area=1.0)
    time = pd.date_range("2000-01-01", periods=3)
    options = {"time": time, "forcing_names": ["prcp"]}
    by_site = Panel(None, np.ones((3, 3, 1)), sites=table, **options)
    by_attribute = Panel(table, np.ones((3, 3, 1)), **options)
    levels = pd.concat(dict.fromkeys(time, table), names=["time"])
    levels = levels.set_index(list(names), append=True).reorder_levels(["site", "time", *names])
    for X in (by_site, by_attribute, by_attribute.to_long(), table, levels):
        pd.testing.assert_frame_equal(find_places(X), PLACES, check_index_type=False)


def test_the_site_table_comes_before_attributes():
    X = Panel(PLACES + 1, sites=PLACES)
    assert find_places(X)["lat"].iloc[0] == 46.0


@pytest.mark.parametrize("X", [np.zeros((3, 2)), pd.DataFrame({"area": [1.0, 2.0, 3.0]})])
def test_unknown_places_are_missing(X):
    assert find_places(X).isna().all(axis=None)


def test_words_are_no_coordinates():
    X = PLACES.astype(object)
    X.loc["b", "lat"] = "47N"
    assert find_places(X)["lat"].isna().tolist() == [False, True, True]


def test_distances_run_along_great_circles():
    globe = Globe()
    points = globe.points([[0.0, 179.5], [0.0, -179.5], [90.0, 0.0], [0.0, 181.0]])
    distance, position = globe.nearest(points[:1], points[1:3])
    np.testing.assert_allclose(distance, np.deg2rad(1.0) * EARTH_RADIUS)
    assert position.tolist() == [0]
    quarter = np.pi / 2 * EARTH_RADIUS
    np.testing.assert_allclose(globe.nearest(points[2:3], points[:2])[0], quarter)
    half = np.deg2rad(0.5) * EARTH_RADIUS
    np.testing.assert_allclose(globe.nearest_of_themselves(points), [2 * half, half, quarter, half])
    assert globe.within(points[:1], points[1:3], 112).tolist() == [True]


def test_places_that_are_no_degrees_or_unknown_are_named():
    with pytest.raises(ValueError, match=r"Site 'b' of X has lat=47 and lon=-200, .*no degrees"):
        check_degrees(PLACES.assign(lon=[8.0, -200.0, 7.0]))
    with pytest.raises(ValueError, match=r"It needs .* where 1 of its 3 sites lie, .*'c'"):
        check_places(PLACES, "It")
    known = PLACES.dropna()
    assert check_places(known, "It") is known
