"""Scaling: statistics of some sites, carried to others, whatever their units and blocks."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stefaland_sk.data import Panel, PanelScaler, ScalerBuilder
from stefaland_sk.data._lazy import LazyForcing

N_SITES, N_DAYS = 9, 50
TIME = pd.date_range("2000-10-01", periods=N_DAYS)
KELVIN = np.array([0, 273.15])  # on top of prcp and tmean


@pytest.fixture
def rng():
    """Source of randomness."""
    return np.random.default_rng(0)


@pytest.fixture
def make(rng):
    """Give a function that makes a panel with these variables, some values missing."""

    def make(forcings=("prcp", "tmean"), attributes=("area", "clay"), n_sites=N_SITES, **kwargs):
        forcing = rng.gamma(1, 3, (n_sites, N_DAYS, len(forcings))).astype(np.float32)
        forcing[rng.random(forcing.shape) < 0.1] = np.nan
        table = pd.DataFrame(rng.random((n_sites, len(attributes))), columns=attributes)
        table.iloc[2] = np.nan
        return Panel(table, forcing, time=TIME, forcing_names=list(forcings), **kwargs)

    return make


def lazy(panel, chunk=4):
    """Give the same panel with forcing that is read from a store in chunks."""
    encoding = {"preferred_chunks": {"site": chunk}}
    planes = np.moveaxis(panel.forcing, 2, 0).copy()
    variables = [xr.Variable(("site", "time"), plane, encoding=encoding) for plane in planes]
    forcing = LazyForcing(variables, ("site", "time"))
    names = {"forcing_names": panel.forcing_names, "units": panel.units}
    return Panel(panel.attributes, forcing, time=panel.time, **names)


def joined(panels, name):
    """All values of a forcing variable."""
    return np.concatenate([p.variable(name) for p in panels if name in p.forcing_names])


def same(left, right):
    """Tell whether two scalers are equal to the bit."""
    return left.to_dict() == right.to_dict()


# ---------------------------------------------------------------------- statistics
def test_the_statistics_are_those_of_all_observed_values(make):
    panel = make()
    scaler = PanelScaler.fit(panel)
    values = panel.forcing.reshape(-1, 2).astype(np.float64)
    np.testing.assert_allclose(scaler.forcing_mean, np.nanmean(values, axis=0), rtol=1e-13)
    np.testing.assert_allclose(scaler.forcing_std, np.nanstd(values, axis=0), rtol=1e-13)
    np.testing.assert_allclose(
        scaler.attribute_mean, np.nanmean(panel.attributes, axis=0), rtol=1e-13
    )
    np.testing.assert_allclose(
        scaler.attribute_std, np.nanstd(panel.attributes, axis=0), rtol=1e-13
    )


def test_scaled_values_are_centred_and_missing_ones_stay_missing(make):
    panel = make()
    scaler = PanelScaler.fit(panel)
    for scaled, raw in (
        (scaler.scale_forcing(panel).reshape(-1, 2), panel.forcing.reshape(-1, 2)),
        (scaler.scale_attributes(panel), panel.attributes.to_numpy()),
    ):
        assert scaled.dtype == np.float32
        np.testing.assert_array_equal(np.isnan(scaled), np.isnan(raw))
        np.testing.assert_allclose(np.nanmean(scaled, axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(np.nanstd(scaled, axis=0), 1, atol=1e-6)


def test_a_large_mean_does_not_hide_a_small_spread(rng):
    """Sums of squares would lose all digits here."""
    values = (1e6 + np.arange(N_DAYS)[:, None] % 2).astype(np.float32)
    panel = Panel(forcing=np.stack([values] * 3), time=TIME)
    assert PanelScaler.fit(panel).forcing_std[0] == pytest.approx(0.5, rel=1e-12)


def test_variables_that_say_nothing_are_only_centred(make):
    panel = make(n_sites=4)
    forcing = panel.forcing.copy()
    forcing[:, :, 0], forcing[:, :, 1] = 7.1, np.nan
    table = panel.attributes.assign(area=0.3, clay=np.nan)
    scaler = PanelScaler.fit(Panel(table, forcing, time=TIME))
    np.testing.assert_allclose(scaler.forcing_mean, [np.float32(7.1), 0])
    np.testing.assert_array_equal(scaler.forcing_std, [1, 1])
    np.testing.assert_allclose(scaler.attribute_mean, [0.3, 0])
    np.testing.assert_array_equal(scaler.attribute_std, [1, 1])


def test_a_panel_without_forcing_or_attributes(make):
    panel = make()
    table = PanelScaler.fit(panel.keep_variables(forcings=[]))
    assert table.scale_forcing(panel).shape == (N_SITES, N_DAYS, 0)
    bare = PanelScaler.fit(panel.keep_variables(attributes=[]))
    assert bare.scale_attributes(panel).shape == (N_SITES, 0)
    plain = Panel(panel.attributes)
    assert PanelScaler.fit(plain).scale_forcing(plain).shape == (N_SITES, 0, 0)


# ---------------------------------------------------------------------- blocks, panels, sites
@pytest.mark.parametrize("n_sites", [1, 2, 5, N_SITES])
@pytest.mark.parametrize("where", ["memory", "file"])
def test_the_blocks_do_not_matter_to_the_bit(n_sites, where, make):
    panel = make()
    source = lazy(panel) if where == "file" else panel
    builder = ScalerBuilder()
    for block in source.blocks(n_sites):
        builder.add(block)
    assert same(builder.finish(), PanelScaler.fit(panel))


def test_a_lazy_panel_gives_the_scaler_and_the_values_of_one_in_memory(make):
    panel = make()
    rows = [8, 1, 5, 5, 0, 7]
    scaler = PanelScaler.fit(lazy(panel)[rows])
    assert same(scaler, PanelScaler.fit(panel[rows]))
    for names in (["prcp", "tmean"], ["tmean"], ["tmean", "prcp"]):
        part = panel.keep_variables(names)[rows]
        scaled = scaler.scale_forcing(lazy(panel).keep_variables(names)[rows])
        np.testing.assert_array_equal(scaled, scaler.scale_forcing(part))


def test_other_sites_have_no_influence(make):
    panel = make()
    train = np.array([0, 2, 3, 7])
    forcing, table = panel.forcing.copy(), panel.attributes.copy()
    others = np.setdiff1d(np.arange(N_SITES), train)
    forcing[others], table.iloc[others] = 1e6, -1e6
    changed = Panel(table, forcing, time=TIME, forcing_names=panel.forcing_names)
    for source in (changed[train], lazy(changed)[train]):
        assert same(PanelScaler.fit(source), PanelScaler.fit(panel[train]))


def test_several_panels_are_joined_by_name_in_order_of_appearance(make):
    panels = [make(), make(["pet", "prcp"], ["clay", "sand"], n_sites=4), make((), ["slope"])]
    scaler = PanelScaler.fit(panels)
    assert scaler.forcing_names == ["prcp", "tmean", "pet"]
    assert scaler.attribute_names == ["area", "clay", "sand", "slope"]
    for i, name in enumerate(scaler.forcing_names):
        values = joined(panels, name).astype(np.float64)
        assert scaler.forcing_mean[i] == pytest.approx(np.nanmean(values), rel=1e-12)
        assert scaler.forcing_std[i] == pytest.approx(np.nanstd(values), rel=1e-12)
    clay = np.concatenate([p.variable("clay") for p in panels[:2]])
    assert scaler.attribute_std[1] == pytest.approx(np.nanstd(clay), rel=1e-12)


def test_values_stand_in_the_scalers_order_and_absent_variables_are_missing(make):
    scaler, panel = PanelScaler.fit(make()), make(["pet", "tmean"], ["clay"])
    scaled = scaler.scale_forcing(panel)
    mean, std = np.float32(scaler.forcing_mean[1]), np.float32(scaler.forcing_std[1])
    assert np.isnan(scaled[:, :, 0]).all()
    np.testing.assert_array_equal(scaled[:, :, 1], (panel.variable("tmean") - mean) / std)
    assert np.isnan(scaler.scale_attributes(panel)[:, 0]).all()


def test_a_name_stands_for_one_kind_of_variable(make):
    builder = ScalerBuilder()
    builder.add(make())
    with pytest.raises(ValueError, match="'clay' is a forcing variable in one panel and an attrib"):
        builder.add(make(["clay"], ["area"]))


# ---------------------------------------------------------------------- units
def in_units(panel, units):
    """Give the panel with other declared units."""
    return panel.assign(units=units)


def warmer(panel):
    """Give the same weather with temperature in Kelvin and clay in per cent."""
    forcing = panel.forcing.astype(np.float64) + KELVIN
    table = panel.attributes.assign(clay=100 * panel.attributes["clay"])
    units = {"tmean": "Kelvin", "clay": "percent", "prcp": "mm day-1"}
    return Panel(table, forcing, time=TIME, forcing_names=panel.forcing_names, units=units)


def test_values_in_another_unit_are_converted(make):
    panel = make(units={"tmean": "°C", "clay": "-", "prcp": "mm/d"})
    scaler = PanelScaler.fit(panel)
    assert scaler.units == {"prcp": "mm/d", "tmean": "degC", "clay": "-"}
    for one, other in ((panel, warmer(panel)), (panel, lazy(warmer(panel)))):
        np.testing.assert_allclose(
            scaler.scale_forcing(other), scaler.scale_forcing(one), atol=2e-5
        )
        np.testing.assert_allclose(
            scaler.scale_attributes(other), scaler.scale_attributes(one), atol=1e-6
        )
    back = PanelScaler.fit(warmer(panel))
    np.testing.assert_allclose(back.scale_forcing(panel), scaler.scale_forcing(panel), atol=2e-5)


def test_moments_can_be_had_in_the_units_of_a_panel(make):
    panel = make(units={"tmean": "degC"})
    scaler = PanelScaler.fit(panel)
    means, stds = scaler.forcing_moments(warmer(panel))
    np.testing.assert_allclose(means, scaler.forcing_mean + KELVIN)
    np.testing.assert_allclose(stds, scaler.forcing_std)


def test_later_panels_are_converted_to_the_unit_of_the_first(make):
    panel = make(units={"tmean": "degC", "clay": "-"})
    scaler = PanelScaler.fit([panel, warmer(panel)])
    alone = PanelScaler.fit(panel)
    assert scaler.units["tmean"] == "degC"
    np.testing.assert_allclose(scaler.forcing_mean, alone.forcing_mean, rtol=1e-6)
    np.testing.assert_allclose(scaler.forcing_std, alone.forcing_std, rtol=1e-6)
    np.testing.assert_allclose(scaler.attribute_std, alone.attribute_std, rtol=1e-12)


def test_what_has_no_unit_is_taken_to_be_in_the_scalers(make):
    panel = make()
    scaler = PanelScaler.fit([panel, in_units(panel, {"tmean": "K"})])
    assert scaler.units == {"tmean": "K"}
    np.testing.assert_array_equal(
        scaler.scale_forcing(panel), scaler.scale_forcing(in_units(panel, {"tmean": "K"}))
    )


def test_units_between_which_there_is_no_way(make):
    panel = make(units={"tmean": "degC", "clay": "-"})
    scaler = PanelScaler.fit(panel)
    with pytest.raises(ValueError, match=r"tmean is in 'mm/d' here and in 'degC'.*panel.assign"):
        scaler.scale_forcing(in_units(panel, {"tmean": "mm/d"}))
    with pytest.raises(ValueError, match="clay is in 'km2' here and in '-' where the scaler was"):
        scaler.scale_attributes(in_units(panel, {"clay": "km2"}))
    with pytest.raises(ValueError, match="tmean is in 'mm/d' here and in 'degC'"):
        PanelScaler.fit([panel, in_units(panel, {"tmean": "mm/d"})])


# ---------------------------------------------------------------------- categories
def test_classes_become_their_positions(make):
    first, second = (
        panel.assign(attributes=panel.attributes.assign(rock=codes))
        for panel, codes in ((make(), [3, 1, np.nan] * 3), (make(n_sites=4), [7.5, 1, 3, 3]))
    )
    scaler = PanelScaler.fit([first, second], categorical=["rock"])
    assert scaler.categories == {"rock": [1.0, 3.0, 7.5]}
    column = scaler.attribute_names.index("rock")
    np.testing.assert_array_equal(scaler.scale_attributes(first)[:, column], [1, 0, np.nan] * 3)
    np.testing.assert_array_equal(scaler.scale_attributes(second)[:, column], [2, 0, 1, 1])
    assert (scaler.attribute_mean[column], scaler.attribute_std[column]) == (0, 1)


@pytest.mark.parametrize("strange", [-1.0, 2.0, 99.0])
def test_a_class_that_was_never_seen_is_missing(strange, make):
    panel = make(n_sites=4)
    panel = panel.assign(
        attributes=panel.attributes.assign(rock=[1, 3, 3, 1.0]), units={"rock": "-"}
    )
    scaler = PanelScaler.fit(panel, categorical=["rock"])
    table = panel.attributes.assign(rock=[1, strange, 3, np.nan])
    other = panel.assign(attributes=table, units={"rock": "class"})  # a class has no unit
    assert "rock" not in scaler.units
    np.testing.assert_array_equal(scaler.scale_attributes(other)[:, 2], [0, np.nan, 1, np.nan])


def test_classes_of_what_is_no_attribute(make):
    with pytest.raises(ValueError, match=r"`categorical` names 'prcp'.*\['area', 'clay'\]"):
        PanelScaler.fit(make(), categorical=["prcp"])


# ---------------------------------------------------------------------- storage
def test_the_round_trip_through_json_is_exact(make):
    panel = make(units={"tmean": "K"}).assign()
    panel = panel.assign(attributes=panel.attributes.assign(rock=[1.0, 2, 3] * 3))
    scaler = PanelScaler.fit(panel, categorical=["rock"])
    again = PanelScaler.from_dict(json.loads(json.dumps(scaler.to_dict())))
    assert same(again, scaler)
    np.testing.assert_array_equal(again.scale_forcing(panel), scaler.scale_forcing(panel))
    np.testing.assert_array_equal(again.scale_attributes(panel), scaler.scale_attributes(panel))


def test_a_dict_without_units_and_classes_is_read(make):
    scaler = PanelScaler.fit(make(units={"tmean": "K"}))
    old = {k: v for k, v in scaler.to_dict().items() if k not in ("units", "categories")}
    again = PanelScaler.from_dict(old)
    assert (again.units, again.categories) == ({}, {})
    np.testing.assert_array_equal(again.forcing_mean, scaler.forcing_mean)
