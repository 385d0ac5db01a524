"""Radiation and evapotranspiration against the printed examples of FAO Paper 56."""

import numpy as np
import pytest

from stefaland_sk.data import (
    day_length,
    extraterrestrial_radiation,
    hargreaves_pet,
    oudin_pet,
)


def test_extraterrestrial_radiation_reproduces_fao56_example_8():
    assert extraterrestrial_radiation(-20.0, 246) == pytest.approx(32.2, abs=0.05)


def test_day_length_reproduces_fao56_example_9():
    assert day_length(-20.0, 246) / 3600 == pytest.approx(11.7, abs=0.05)


def test_hargreaves_pet_reproduces_fao56_example_20():
    """Lyon, mid July: 5.0 mm/d."""
    pet = hargreaves_pet(45 + 43 / 60, 196, tmin=14.8, tmax=26.6)
    assert pet == pytest.approx(5.0, abs=0.05)


def test_polar_night_and_midnight_sun_are_finite():
    lat, day = np.array([[80.0]]), np.array([172, 355])
    np.testing.assert_allclose(day_length(lat, day), [[86400, 0]], atol=1e-6)
    radiation = extraterrestrial_radiation(lat, day)
    assert radiation[0, 0] > 40
    assert radiation[0, 1] == 0


def test_hargreaves_pet_is_never_negative_and_keeps_missing_values():
    pet = hargreaves_pet(50.0, 15, tmin=[-40.0, 5.0, np.nan], tmax=[-30.0, 4.0, 9.0])
    np.testing.assert_array_equal(pet, [0.0, 0.0, np.nan])


def test_oudin_pet_follows_from_the_radiation_of_fao56_example_8():
    pet = oudin_pet(-20.0, 246, tmean=[20.0, -5.0, -12.0, np.nan])
    np.testing.assert_allclose(pet, [32.2 / 2.45 * 0.25, 0.0, 0.0, np.nan], atol=0.01)


def test_both_formulas_agree_in_the_size_of_a_temperate_year(shared_data):
    from stefaland_sk.datasets import load_camels_us

    X, _ = load_camels_us(shared_data / "demo", forcings=["tmax", "tmin"])
    tmax, tmin = (X.variable(name) for name in ("tmax", "tmin"))
    lat, day = X.sites["lat"].to_numpy()[:, None], X.time.day_of_year.to_numpy()
    oudin = oudin_pet(lat, day, (tmin + tmax) / 2).mean(axis=1)
    ratio = oudin / hargreaves_pet(lat, day, tmin, tmax).mean(axis=1)
    assert ((ratio > 0.5) & (ratio < 1.2)).all()
