"""A conceptual rainfall-runoff model for synthetic discharge, deliberately not HBV."""

import numpy as np

PARAMETERS = {
    "capacity": "mm",
    "shape": "1",
    "et_factor": "1",
    "percolation": "mm/d",
    "quick_scale": "mm",
    "residence": "d",
    "degree_day": "mm/degC/d",
}


def simulate_bucket(prcp, tmean, pet, parameters, initial=None):
    """Simulate snow, soil and two runoff stores at many sites.

    Precipitation is snow at or below 0 degC and rain from 2 degC on; snow melts by a
    degree-day factor. Storage capacity varies within a site [1]_ [2]_, so that the wet
    part grows with storage and sheds what it cannot hold. Evapotranspiration falls
    with storage, percolation rises with its cube. Quick runoff leaves a quadratic
    reservoir, base flow a linear one, each solved exactly over the day.

    Parameters
    ----------
    prcp, tmean, pet : ndarray of shape (n_sites, n_times)
        Precipitation [mm/d], mean air temperature [degC] and potential
        evapotranspiration [mm/d].
    parameters : dict of str to ndarray of shape (n_sites,)
        One array for each name in `PARAMETERS`.
    initial : dict of str to ndarray of shape (n_sites,), default=None
        Stores before the first day [mm], named snow, soil, quick, base. None starts
        with the soil half full and the rest empty.

    Returns
    -------
    dict of str to ndarray
        ``runoff``, ``quick_runoff``, ``base_runoff``, ``et`` [mm/d], the stores
        ``snow``, ``soil``, ``quick``, ``base`` at the end of each day [mm], all of shape
        (n_sites, n_times), and ``initial_storage`` [mm] of shape (n_sites,).

    Notes
    -----
    Water is conserved: ``prcp.sum()`` equals ``runoff.sum() + et.sum()`` plus the
    change of the four stores.

    References
    ----------
    .. [1] Zhao, R.-J. (1992). The Xinanjiang model applied in China. J. Hydrol., 135,
       371-381. doi:10.1016/0022-1694(92)90096-E
    .. [2] Liang, X., Lettenmaier, D. P., Wood, E. F. and Burges, S. J. (1994). A simple
       hydrologically based model of land surface water and energy fluxes for general
       circulation models. J. Geophys. Res., 99(D7), 14415-14428. doi:10.1029/94JD00483

    Examples
    --------
    >>> one = np.ones((1, 2))
    >>> parameters = dict(capacity=100.0, shape=0.3, et_factor=1.0, percolation=2.0,
    ...                   quick_scale=10.0, residence=50.0, degree_day=3.0)
    >>> fluxes = simulate_bucket(5 * one, -5 * one, 0 * one, parameters)
    >>> fluxes["snow"]  # all of it falls as snow and stays
    array([[ 5., 10.]])
    """
    n_sites, n_times = prcp.shape
    p = {name: np.broadcast_to(parameters[name], (n_sites,)) for name in PARAMETERS}
    if initial is None:
        initial = {"soil": 0.5 * p["capacity"]}
    state = {name: np.zeros(n_sites) + initial.get(name, 0.0) for name in _STORES}
    initial_storage = sum(state.values())

    # Time first: each step then reads and writes contiguous memory.
    snowfall = prcp * np.clip(1 - tmean / 2, 0, 1)
    inputs = {
        "snowfall": snowfall,
        "rain": prcp - snowfall,
        "melt": p["degree_day"][:, None] * np.maximum(tmean, 0),
        "demand": p["et_factor"][:, None] * pet,
    }
    inputs = {name: np.ascontiguousarray(values.T) for name, values in inputs.items()}
    drained = -np.expm1(-1 / p["residence"])  # share of the base store that leaves in a day
    out = {name: np.empty((n_times, n_sites)) for name in (*_FLUXES, *_STORES)}
    for day in range(n_times):
        fluxes = _step(state, {name: v[day] for name, v in inputs.items()}, p, drained)
        for name in _FLUXES:
            out[name][day] = fluxes[name]
        for name in _STORES:
            out[name][day] = state[name]
    out = {name: np.ascontiguousarray(values.T) for name, values in out.items()}
    out["runoff"] = out["quick_runoff"] + out["base_runoff"]
    out["initial_storage"] = initial_storage
    return out


_STORES = ("snow", "soil", "quick", "base")
_FLUXES = ("quick_runoff", "base_runoff", "et")


def _step(state, weather, p, drained):
    """Move the water of one day; `state` is changed in place."""
    melt = np.minimum(weather["melt"], state["snow"])
    state["snow"] = state["snow"] + weather["snowfall"] - melt
    water = weather["rain"] + melt

    excess = _saturation_excess(state["soil"], water, p["capacity"], p["shape"])
    soil = state["soil"] + water - excess
    wetness = np.clip(soil / p["capacity"], 0, 1)
    et = np.minimum(weather["demand"] * wetness * (2 - wetness), soil)
    soil = soil - et
    percolation = np.minimum(p["percolation"] * wetness**3, soil)
    state["soil"] = soil - percolation

    quick = state["quick"] + excess
    quick_runoff = quick**2 / (quick + p["quick_scale"])  # exact for dS/dt = -S^2 / scale
    state["quick"] = quick - quick_runoff
    base = state["base"] + percolation
    base_runoff = base * drained  # exact for dS/dt = -S / residence
    state["base"] = base - base_runoff
    return {"quick_runoff": quick_runoff, "base_runoff": base_runoff, "et": et}


def _saturation_excess(soil, water, capacity, shape):
    """Give the water [mm] that falls on ground which is, or becomes, saturated."""
    deepest = capacity * (1 + shape)
    dry = np.clip(1 - soil / capacity, 0, 1)
    filled = deepest * (1 - dry ** (1 / (1 + shape)))
    left = np.clip(1 - (filled + water) / deepest, 0, 1)
    return np.maximum(water - (capacity * dry - capacity * left ** (1 + shape)), 0)
