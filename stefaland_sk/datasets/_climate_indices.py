"""Climate attributes computed from daily weather, as CAMELS defines them."""

import numpy as np


def climate_indices(prcp, tmean, pet):
    """Summarise the weather of each site [1]_.

    Parameters
    ----------
    prcp, tmean, pet : ndarray of shape (n_sites, n_times)
        Precipitation [mm/d], mean air temperature [degC] and potential
        evapotranspiration [mm/d], complete.

    Returns
    -------
    dict of str to ndarray of shape (n_sites,)
        ``p_mean``, ``pet_mean`` [mm/d], ``aridity`` (their ratio, pet over p),
        ``frac_snow`` (share of precipitation on days below 0 degC), ``high_prec_freq``
        [d/yr] and ``high_prec_dur`` [d] of days with at least five times the mean
        precipitation, ``low_prec_freq`` and ``low_prec_dur`` of days below 1 mm.

    References
    ----------
    .. [1] Addor, N., Newman, A. J., Mizukami, N. and Clark, M. P. (2017). The CAMELS
       data set: catchment attributes and meteorology for large-sample studies.
       Hydrol. Earth Syst. Sci., 21, 5293-5313. doi:10.5194/hess-21-5293-2017

    Examples
    --------
    >>> prcp = np.array([[0.0, 0.0, 12.0, 0.0, 0.0, 0.0]])
    >>> indices = climate_indices(prcp, -np.ones((1, 6)), np.ones((1, 6)))
    >>> {name: float(indices[name][0]) for name in ("p_mean", "frac_snow", "low_prec_dur")}
    {'p_mean': 2.0, 'frac_snow': 1.0, 'low_prec_dur': 2.5}
    """
    total = np.maximum(prcp.sum(axis=1), 1e-9)  # a site without any rain is only very arid
    p_mean, pet_mean = total / prcp.shape[1], pet.mean(axis=1)
    high_freq, high_dur = _events(prcp >= 5 * p_mean[:, None])
    low_freq, low_dur = _events(prcp < 1)
    return {
        "p_mean": p_mean,
        "pet_mean": pet_mean,
        "aridity": pet_mean / p_mean,
        "frac_snow": np.where(tmean < 0, prcp, 0).sum(axis=1) / total,
        "high_prec_freq": high_freq,
        "high_prec_dur": high_dur,
        "low_prec_freq": low_freq,
        "low_prec_dur": low_dur,
    }


def _events(flag):
    """Give days per year and mean length of unbroken runs of True."""
    days = flag.sum(axis=1)
    starts = flag[:, 0] + (flag[:, 1:] & ~flag[:, :-1]).sum(axis=1)
    return days / flag.shape[1] * 365.25, days / np.maximum(starts, 1)
