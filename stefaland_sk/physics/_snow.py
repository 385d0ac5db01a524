"""Snow: it falls below a temperature, melts by degree-days, holds water and refreezes."""

import torch

from ._limits import limit_to_store


def step_snow(prcp, tmean, snow, meltwater, *, tt, cfmax, cfr, cwh):
    """Take the snow pack of HBV through one day [1]_.

    Precipitation is snow below ``tt``, else rain. Snow melts at ``cfmax`` per degree
    above ``tt``; the pack holds meltwater up to the share ``cwh`` of its mass, of which
    a part refreezes below ``tt``; what it cannot hold reaches the soil.

    Parameters
    ----------
    prcp, tmean : Tensor
        Precipitation [mm/d] and mean temperature [degC] of the day. All arguments
        broadcast against the stores.
    snow, meltwater : Tensor of shape (n_sites, n_members)
        Frozen and liquid stores in the pack [mm].
    tt : Tensor
        Threshold temperature [degC].
    cfmax : Tensor
        Degree-day factor [mm/degC/d].
    cfr, cwh : Tensor
        Refreezing coefficient and water-holding capacity [1].

    Returns
    -------
    fluxes : dict of str -> Tensor
        ``rain``, ``snowfall``, ``melt``, ``refreezing`` and ``soil_input``, which is rain and
        released meltwater [mm/d].
    snow, meltwater : Tensor of shape (n_sites, n_members)
        The stores after the day [mm].

    See Also
    --------
    simulate_hbv : All routines, over many days.

    Notes
    -----
    What falls is released or stored. The switch between rain and snow has no gradient.

    References
    ----------
    .. [1] Seibert, J. and Vis, M. J. P. (2012). Teaching hydrological modeling with a
       user-friendly catchment-runoff-model software package. Hydrol. Earth Syst. Sci.,
       16, 3315-3325. doi:10.5194/hess-16-3315-2012

    Examples
    --------
    >>> import torch
    >>> fluxes, snow, meltwater = step_snow(
    ...     prcp=torch.tensor([[4.0]]), tmean=torch.tensor([[3.0]]), snow=torch.tensor([[20.0]]),
    ...     meltwater=torch.tensor([[0.0]]), tt=1.0, cfmax=3.0, cfr=0.05, cwh=0.1,
    ... )
    >>> {name: round(float(flux), 2) for name, flux in fluxes.items()}
    {'rain': 4.0, 'snowfall': 0.0, 'melt': 6.0, 'refreezing': 0.0, 'soil_input': 8.6}
    >>> snow, meltwater  # 1.4 mm of the melt are held by 14 mm of snow
    (tensor([[14.]]), tensor([[1.4000]]))
    """
    above = tmean - tt
    freezing = above < 0
    rain = torch.where(freezing, 0.0, prcp)
    snowfall = prcp - rain
    snow = snow + snowfall
    melt = limit_to_store(cfmax * above.clamp(min=0.0), snow)
    meltwater, snow = meltwater + melt, snow - melt
    refreezing = limit_to_store(cfr * cfmax * (-above).clamp(min=0.0), meltwater)
    snow, meltwater = snow + refreezing, meltwater - refreezing
    held = cwh * snow
    released = (meltwater - held).clamp(min=0.0)
    fluxes = {
        "rain": rain,
        "snowfall": snowfall,
        "melt": melt,
        "refreezing": refreezing,
        "soil_input": rain + released,
    }
    # Exactly what the snow can hold, whatever the rounding.
    return fluxes, snow, torch.where(meltwater >= held, held, meltwater)
