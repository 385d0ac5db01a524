"""Radiation and evapotranspiration against the printed examples of FAO Paper 56."""

import numpy as np
import pytest

from stefaland_sk.data import day_length, extraterrestrial_radiation, hargreaves_pet


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
