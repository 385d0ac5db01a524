"""A stochastic weather generator: daily series for sites in regions of unlike climate."""

from math import gamma

import numpy as np

from stefaland_sk.data import day_length, extraterrestrial_radiation

_REGION_SHARE = 0.6  # share of a site's random weather that it has in common with its region
_RAIN_SHAPE = 0.8  # below 1: more very heavy days than an exponential distribution has


def make_weather(climate, region, dayofyear, rng):
    """Draw daily weather for all sites.

    Rain follows a two-state Markov chain [1]_ with stretched-exponential amounts [2]_;
    temperature is a seasonal cycle with first-order autoregressive anomalies, cooler
    and with a smaller daily range when it rains. Sites of one region share most of
    their weather.

    Parameters
    ----------
    climate : dict of str to ndarray of shape (n_sites,)
        ``lat`` [degrees north], ``prcp_mean`` [mm/d], ``prcp_amplitude`` and
        ``prcp_peak`` [1, day of year], ``persistence`` [1], ``temperature``,
        ``temperature_amplitude``, ``temperature_range`` [degC], ``dryness`` [degC].
    region : ndarray of int of shape (n_sites,)
        Position of each site's region.
    dayofyear : ndarray of shape (n_times,)
        Day of the year of each step.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    dict of str to ndarray of shape (n_sites, n_times)
        ``prcp`` [mm/d], ``tmin``, ``tmax`` [degC], ``srad`` [W/m2, mean over daylight],
        ``vp`` [Pa], ``dayl`` [s].

    References
    ----------
    .. [1] Richardson, C. W. (1981). Stochastic simulation of daily precipitation,
       temperature, and solar radiation. Water Resour. Res., 17(1), 182-190.
       doi:10.1029/WR017i001p00182
    .. [2] Wilson, P. S. and Toumi, R. (2005). A fundamental probability distribution for
       heavy rainfall. Geophys. Res. Lett., 32, L14812. doi:10.1029/2005GL022465
    """
    column = {name: values[:, None] for name, values in climate.items()}
    prcp = _precipitation(column, region, dayofyear, rng)
    wet = prcp > 0
    tmin, tmax = _temperature(column, region, dayofyear, wet, rng)
    dayl = day_length(column["lat"], dayofyear)
    return {
        "prcp": prcp,
        "tmin": tmin,
        "tmax": tmax,
        "srad": _radiation(column["lat"], dayofyear, tmax - tmin, dayl, rng),
        "vp": _vapour_pressure(tmin - column["dryness"] * np.where(wet, 0.2, 1.0)),
        "dayl": dayl,
    }


def _shared_uniform(region, n_times, rng):
    """Draw uniform numbers, equal to the region's on most days, of shape (n_sites, n_times)."""
    shape = (len(region), n_times)
    common = rng.random((region.max() + 1, n_times))[region]
    return np.where(rng.random(shape) < _REGION_SHARE, common, rng.random(shape))


def _precipitation(climate, region, dayofyear, rng):
    """Draw precipitation [mm/d]."""
    n_times = len(dayofyear)
    angle = 2 * np.pi * (dayofyear - climate["prcp_peak"]) / 365
    season = 1 + climate["prcp_amplitude"] * np.cos(angle)
    wet_share = np.clip(0.16 + 0.06 * climate["prcp_mean"], 0.15, 0.6) * np.sqrt(season)
    wet_share = np.clip(wet_share, 0.02, 0.9)
    after_dry = wet_share * (1 - climate["persistence"])
    after_wet = after_dry + climate["persistence"]

    draw = _shared_uniform(region, n_times, rng)
    wet = np.empty(draw.shape, dtype=bool)
    today = draw[:, 0] < wet_share[:, 0]
    for day in range(n_times):
        today = draw[:, day] < np.where(today, after_wet[:, day], after_dry[:, day])
        wet[:, day] = today

    # Inverse of the survival function; random() never gives 1, so the logarithm is finite.
    draw = _shared_uniform(region, n_times, rng)
    amount = (-np.log1p(-draw)) ** (1 / _RAIN_SHAPE) / gamma(1 + 1 / _RAIN_SHAPE)
    prcp = np.where(wet, amount * climate["prcp_mean"] * season / wet_share, 0.0)
    return np.round(prcp, 2)


def _anomalies(n_series, n_times, memory, rng):
    """Draw first-order autoregressive series of unit variance."""
    shocks = rng.standard_normal((n_times, n_series)) * np.sqrt(1 - memory**2)
    shocks[0] /= np.sqrt(1 - memory**2)
    for day in range(1, n_times):
        shocks[day] += memory * shocks[day - 1]
    return shocks.T


def _temperature(climate, region, dayofyear, wet, rng):
    """Draw daily minimum and maximum temperature [degC]."""
    n_sites, n_times = wet.shape
    winter = np.cos(2 * np.pi * (dayofyear - 20) / 365)  # 1 in late January, -1 in July
    common = _anomalies(region.max() + 1, n_times, 0.75, rng)[region]
    own = _anomalies(n_sites, n_times, 0.6, rng)
    anomaly = (3.2 * common + 1.0 * own) * (1 + 0.35 * winter)
    mean = climate["temperature"] - climate["temperature_amplitude"] * winter + anomaly
    mean = mean + np.where(wet, 1.2 * winter - 0.4, 0.0)  # clouds: milder winters, cooler summers
    spread = climate["temperature_range"] * (1 - 0.15 * winter) * np.where(wet, 0.65, 1.1)
    spread = spread * np.exp(0.22 * rng.standard_normal(wet.shape))
    return mean - spread / 2, mean + spread / 2


def _radiation(lat, dayofyear, spread, dayl, rng):
    """Estimate radiation [W/m2] from the daily temperature range (FAO-56 equation 50)."""
    above = extraterrestrial_radiation(lat, dayofyear)
    share = 0.16 * np.sqrt(spread) * np.exp(0.08 * rng.standard_normal(spread.shape))
    return np.clip(share, 0.05, 0.76) * above * 1e6 / np.maximum(dayl, 3600)


def _vapour_pressure(dew_point):
    """Compute vapour pressure [Pa] from the dew point [degC] (FAO-56 equation 11)."""
    return 610.8 * np.exp(17.27 * dew_point / (dew_point + 237.3))
