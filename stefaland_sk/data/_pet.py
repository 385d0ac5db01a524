"""Radiation at the top of the atmosphere, day length and potential evapotranspiration."""

import numpy as np

LATENT_HEAT = 2.45  # MJ/kg: the energy that evaporates 1 mm of water from 1 m2
_SOLAR_CONSTANT = 0.0820  # MJ/m2/min


def _sun(lat, dayofyear):
    """Give latitude, declination and sunset hour angle, all in radians."""
    phi = np.deg2rad(np.asarray(lat, dtype=np.float64))
    day = np.asarray(dayofyear, dtype=np.float64)
    declination = 0.409 * np.sin(2 * np.pi * day / 365 - 1.39)
    # Beyond the polar circles the sun may not rise or not set at all.
    cosine = np.clip(-np.tan(phi) * np.tan(declination), -1.0, 1.0)
    return phi, declination, np.arccos(cosine)


def extraterrestrial_radiation(lat, dayofyear):
    """Compute the daily solar radiation at the top of the atmosphere [1]_.

    Parameters
    ----------
    lat : array-like
        Latitude [degrees north]. Broadcast against `dayofyear`.
    dayofyear : array-like
        Day of the year, 1 to 366.

    Returns
    -------
    ndarray
        Radiation [MJ/m2/d], of the shape that both arguments broadcast to.

    References
    ----------
    .. [1] Allen, R. G., Pereira, L. S., Raes, D. and Smith, M. (1998). Crop
       evapotranspiration. FAO Irrigation and Drainage Paper 56, equations 21 to 25.

    Examples
    --------
    >>> float(extraterrestrial_radiation(-20.0, 246).round(1))  # 3 September
    32.2
    """
    phi, declination, sunset = _sun(lat, dayofyear)
    day = np.asarray(dayofyear, dtype=np.float64)
    distance = 1 + 0.033 * np.cos(2 * np.pi * day / 365)
    height = sunset * np.sin(phi) * np.sin(declination)
    height = height + np.cos(phi) * np.cos(declination) * np.sin(sunset)
    return np.maximum(24 * 60 / np.pi * _SOLAR_CONSTANT * distance * height, 0.0)


def day_length(lat, dayofyear):
    """Compute the time between sunrise and sunset [1]_.

    Parameters
    ----------
    lat : array-like
        Latitude [degrees north]. Broadcast against `dayofyear`.
    dayofyear : array-like
        Day of the year, 1 to 366.

    Returns
    -------
    ndarray
        Day length [s], of the shape that both arguments broadcast to.

    References
    ----------
    .. [1] Allen, R. G., Pereira, L. S., Raes, D. and Smith, M. (1998). Crop
       evapotranspiration. FAO Irrigation and Drainage Paper 56, equation 34.

    Examples
    --------
    >>> float((day_length(-20.0, 246) / 3600).round(1))
    11.7
    """
    return _sun(lat, dayofyear)[2] * 86400 / np.pi


def hargreaves_pet(lat, dayofyear, tmin, tmax):
    """Compute potential evapotranspiration after Hargreaves and Samani [1]_.

    Parameters
    ----------
    lat : array-like
        Latitude [degrees north]. All arguments are broadcast against each other;
        for series of several sites use ``lat[:, None]`` and ``dayofyear[None, :]``.
    dayofyear : array-like
        Day of the year, 1 to 366.
    tmin, tmax : array-like
        Daily minimum and maximum air temperature [degC].

    Returns
    -------
    ndarray
        Potential evapotranspiration [mm/d], never negative, NaN where a temperature is.

    Notes
    -----
    ``pet = 0.0023 * Ra / 2.45 * (tmean + 17.8) * sqrt(tmax - tmin)`` with Ra the
    radiation at the top of the atmosphere [MJ/m2/d]. Where ``tmax < tmin`` the range
    counts as zero.

    References
    ----------
    .. [1] Hargreaves, G. H. and Samani, Z. A. (1985). Reference crop
       evapotranspiration from temperature. Appl. Eng. Agric., 1(2), 96-99.
       doi:10.13031/2013.26773

    Examples
    --------
    >>> float(hargreaves_pet(45.72, 196, tmin=14.8, tmax=26.6).round(1))  # Lyon, mid July
    5.0
    """
    tmin = np.asarray(tmin, dtype=np.float64)
    tmax = np.asarray(tmax, dtype=np.float64)
    water = extraterrestrial_radiation(lat, dayofyear) / LATENT_HEAT
    range_root = np.sqrt(np.maximum(tmax - tmin, 0.0))
    return np.maximum(0.0023 * water * ((tmin + tmax) / 2 + 17.8) * range_root, 0.0)


def oudin_pet(lat, dayofyear, tmean):
    """Compute potential evapotranspiration from mean temperature after Oudin et al. [1]_.

    For data that have no daily range of temperature, which `hargreaves_pet` needs.

    Parameters
    ----------
    lat : array-like
        Latitude [degrees north]. All arguments are broadcast against each other;
        for series of several sites use ``lat[:, None]`` and ``dayofyear[None, :]``.
    dayofyear : array-like
        Day of the year, 1 to 366.
    tmean : array-like
        Daily mean air temperature [degC].

    Returns
    -------
    ndarray
        Potential evapotranspiration [mm/d], never negative, NaN where the temperature is.

    Notes
    -----
    ``pet = Ra / 2.45 * (tmean + 5) / 100`` with Ra the radiation at the top of the atmosphere
    [MJ/m2/d]; zero below -5 degC. The constants were chosen for rainfall-runoff models in 308
    catchments of France, the United States and Australia.

    References
    ----------
    .. [1] Oudin, L., Hervieu, F., Michel, C., Perrin, C., Andréassian, V., Anctil, F. and
       Loumagne, C. (2005). Which potential evapotranspiration input for a lumped rainfall-runoff
       model? Part 2. J. Hydrol., 303, 290-306. doi:10.1016/j.jhydrol.2004.08.026

    Examples
    --------
    >>> float(oudin_pet(45.72, 196, tmean=20.7).round(1))  # Lyon, mid July
    4.3
    """
    tmean = np.asarray(tmean, dtype=np.float64)
    water = extraterrestrial_radiation(lat, dayofyear) / LATENT_HEAT
    return np.maximum(water * (tmean + 5.0) / 100.0, 0.0)
