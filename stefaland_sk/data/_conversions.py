"""Weather variables computed from others, where data sets measure different things."""

import numpy as np


def relative_humidity(vp, tmin, tmax):
    """Compute relative humidity from vapour pressure and the day's temperatures.

    The saturation vapour pressure of a day is the mean of those at its lowest and highest
    temperature (FAO-56 [1]_, equations 10 to 12).

    Parameters
    ----------
    vp : array-like
        Actual vapour pressure [Pa].
    tmin, tmax : array-like
        Lowest and highest air temperature of the day [degC].

    Returns
    -------
    ndarray
        Relative humidity [%], from 0 to 100: mean temperatures of a region may be too low for
        its mean vapour pressure. NaN where an input is missing.

    References
    ----------
    .. [1] Allen, R. G., Pereira, L. S., Raes, D. and Smith, M. (1998). Crop evapotranspiration.
       FAO Irrigation and Drainage Paper 56, chapter 3.

    Examples
    --------
    >>> relative_humidity([1000.0, 5000.0, np.nan], 15.0, 24.5).round(1)
    array([ 41.8, 100. ,   nan])
    """
    saturation = (_saturation_pressure(tmin) + _saturation_pressure(tmax)) / 2
    return np.clip(100 * np.asarray(vp) / saturation, 0, 100)


def daily_mean_radiation(srad, dayl):
    """Spread the mean radiation of the daylight hours over the whole day.

    Parameters
    ----------
    srad : array-like
        Mean over the daylight hours, as Daymet and CAMELS-US have it [W/m2].
    dayl : array-like
        Length of daylight [s].

    Returns
    -------
    ndarray
        Mean over 24 hours [W/m2].

    Examples
    --------
    >>> daily_mean_radiation([400.0], [43200.0])
    array([200.])
    """
    return np.asarray(srad) * np.asarray(dayl) / 86400


def _saturation_pressure(temperature):
    """Saturation vapour pressure [Pa] over water at a temperature [degC]."""
    temperature = np.asarray(temperature)
    return 610.8 * np.exp(17.27 * temperature / (temperature + 237.3))
