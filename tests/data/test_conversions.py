"""Relative humidity and daily-mean radiation."""

import numpy as np
import pytest

from stefaland_sk.data import daily_mean_radiation, relative_humidity


@pytest.mark.parametrize(
    ("temperature", "saturation"), [(1.0, 657), (15.0, 1705), (24.5, 3075), (40.0, 7376)]
)
def test_saturated_air_has_the_pressure_of_the_published_table(temperature, saturation):
    """FAO-56, annex 2, table 2.3: air at that pressure is saturated, to its three digits."""
    assert relative_humidity(0.5 * saturation, temperature, temperature) == pytest.approx(
        50, rel=1e-3
    )


def test_relative_humidity_of_the_published_example():
    """FAO-56, example 3: a mean saturation pressure of 2.39 kPa at 15.0 and 24.5 degC."""
    assert relative_humidity(1195.0, 15.0, 24.5) == pytest.approx(50, rel=1e-3)


def test_relative_humidity_stays_between_dry_and_saturated():
    humidity = relative_humidity([-5.0, 0.0, 500.0, 1e5], -10.0, 10.0)
    assert humidity[0] == humidity[1] == 0
    assert 0 < humidity[2] < 100
    assert humidity[3] == 100


def test_relative_humidity_is_missing_where_an_input_is():
    vp, tmin, tmax = (np.full((4, 2), value) for value in (900.0, 5.0, 15.0))
    vp[0, 0], tmin[1, 0], tmax[2, 1] = np.nan, np.nan, np.nan
    missing = np.isnan(relative_humidity(vp, tmin, tmax))
    np.testing.assert_array_equal(missing, np.isnan(vp) | np.isnan(tmin) | np.isnan(tmax))


def test_conversions_keep_single_precision():
    values = np.ones((2, 3), dtype=np.float32)
    assert relative_humidity(values, values, values).dtype == np.float32
    assert daily_mean_radiation(values, values).dtype == np.float32


def test_daily_energy_is_kept():
    srad, dayl = np.array([310.0, 95.0]), np.array([52000.0, 31000.0])
    np.testing.assert_allclose(daily_mean_radiation(srad, dayl) * 86400, srad * dayl)
