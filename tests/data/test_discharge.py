"""Runoff and discharge are the same water; the area is found, checked and lined up."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stefaland_sk.data import Panel, discharge_from_runoff, runoff_from_discharge, site_areas

RUNOFF = pd.DataFrame([[8.64, 0.0], [np.nan, 1.0]], index=["a", "b"])


def make_panel(attributes=None, sites=None, units=None):
    """Two sites without forcing."""
    table = pd.DataFrame({"slope": [1.0, 2.0], **(attributes or {})}, index=["a", "b"])
    sites = None if sites is None else pd.DataFrame(sites, index=["a", "b"])
    return Panel.from_table(table, sites=sites, units=units)


def test_a_millimetre_a_day_is_known_in_cubic_metres():
    flow = discharge_from_runoff(RUNOFF, [500.0, 86.4])
    np.testing.assert_allclose(flow, [[50.0, 0.0], [np.nan, 1.0]])


@pytest.mark.parametrize("form", [pd.DataFrame, np.asarray, "xarray"])
def test_there_and_back_gives_the_same_in_the_same_form(form):
    values = (
        xr.DataArray(RUNOFF.to_numpy(), dims=("site", "time")) if form == "xarray" else form(RUNOFF)
    )
    back = runoff_from_discharge(discharge_from_runoff(values, [3.0, 7.0]), [3.0, 7.0])
    assert type(back) is type(values)
    np.testing.assert_allclose(back, RUNOFF)


def test_areas_with_labels_are_lined_up():
    areas = pd.Series({"b": 86.4, "c": 9.0, "a": 500.0})
    flow = discharge_from_runoff(RUNOFF, areas)
    assert flow.loc["a", 0] == pytest.approx(50.0)
    panel = make_panel({"area": [500.0, 86.4]})
    pd.testing.assert_frame_equal(discharge_from_runoff(RUNOFF, panel), flow)


def test_the_area_is_found_among_attributes_or_in_the_site_table_and_converted():
    assert site_areas(make_panel({"area": [1.0, 2.0]})).tolist() == [1.0, 2.0]
    assert site_areas(make_panel({"area_gages2": [1.0, 2.0]})).tolist() == [1.0, 2.0]
    assert site_areas(make_panel(sites={"area": [1.0, 2.0]})).tolist() == [1.0, 2.0]
    in_hectares = make_panel({"area": [100.0, 200.0]}, units={"area": "ha"})
    assert site_areas(in_hectares).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("panel", "message"),
    [
        ({}, r"X has no 'area' among its attributes \(\['slope'\].*panel.assign\(sites="),
        (
            {"attributes": {"area": [1.0, 0.0]}},
            r"positive number.*At site 'b' it is 0",
        ),
        ({"attributes": {"area": [np.nan, 1.0]}}, r"At site 'a' it is nan"),
        (
            {"attributes": {"area": [1.0, 1.0]}, "units": {"area": "mm"}},
            r"'area' must be in km2, or in another unit of area. Got 'mm'",
        ),
    ],
)
def test_areas_that_cannot_be_used(panel, message):
    with pytest.raises(ValueError, match=message):
        site_areas(make_panel(**panel))


@pytest.mark.parametrize(
    ("area", "message"),
    [
        (
            [1.0],
            r"`area` must have one value for each of the 2 sites. Got .* shape \(1,\)",
        ),
        ([1.0, -1.0], r"`area` must be positive \[km2\]. Got -1.0 at site 'b'"),
        (pd.Series({"a": 1.0}), r"`area` lacks 1 of 2 sites, for example \['b'\]; its own"),
        ([1.0, 3e8], r"must be in km2, .*Got 3e\+08; if it is in m2, divide by 1e6"),
    ],
)
def test_areas_that_do_not_fit_the_runoff(area, message):
    with pytest.raises(ValueError, match=message):
        discharge_from_runoff(RUNOFF, area)
    with pytest.raises(ValueError, match=r"at position 1|one value|lacks 1|in km2"):
        runoff_from_discharge(RUNOFF if isinstance(area, pd.Series) else RUNOFF.to_numpy(), area)


def test_a_long_series_of_discharge():
    index = pd.MultiIndex.from_product([["b", "a"], [0, 1]], names=["site", "time"])
    flow = pd.Series([1.0, 0.0, 50.0, np.nan], index=index, name="Q [m3/s]")
    runoff = runoff_from_discharge(flow, pd.Series({"a": 500.0, "b": 86.4}))
    np.testing.assert_allclose(runoff, [1.0, 0.0, 8.64, np.nan])
    assert (runoff.name, runoff.attrs["units"]) == ("runoff", "mm/d")
    assert flow.name == "Q [m3/s]"
    with pytest.raises(ValueError, match=r"indexed by site and time.*Got the levels \[None\]"):
        runoff_from_discharge(flow.reset_index(drop=True), [1.0] * 4)


def test_areas_that_have_lost_their_zeros():
    flow = pd.DataFrame([[1.0]], index=["01013500"])
    with pytest.raises(ValueError, match=r"'01013500' and '1013500' differ.*zfill\(8\)"):
        runoff_from_discharge(flow, pd.Series({1013500: 5.0}))
