"""HBV day by day in plain torch: any device, any order of gradient, and what kernels must equal."""

import torch

from ._groundwater import step_groundwater
from ._snow import step_snow
from ._soil import SOIL_FLOOR, step_capillary_rise, step_evapotranspiration, step_recharge
from ._spec import PHYSICAL_NAMES
from ._state import FLOWS, FLUXES, STORES


def step_hbv(prcp, tmean, pet, stores, values):
    """Take all stores through one day.

    Parameters
    ----------
    prcp, tmean, pet : Tensor of shape (n_sites, 1)
        Weather of the day [mm/d, degC, mm/d].
    stores : sequence of Tensors of shape (n_sites, n_members)
        In the order of `STORES` [mm].
    values : dict of str -> Tensor of shape (n_sites, n_members)
        Parameters of the day.

    Returns
    -------
    stores : tuple of Tensors
        After the day.
    fluxes : dict of str -> Tensor
        In the day [mm/d].
    """
    snow, meltwater, soil, upper, lower = stores

    def take(*names):
        return {name: values[name] for name in names}

    fluxes, snow, meltwater = step_snow(
        prcp, tmean, snow, meltwater, **take("tt", "cfmax", "cfr", "cwh")
    )
    recharge, excess, soil = step_recharge(fluxes["soil_input"], soil, **take("fc", "beta"))
    et, soil = step_evapotranspiration(pet, soil, **take("fc", "lp", "betaet"))
    # Water rises before the day's percolation reaches the lower zone.
    rise, soil, lower = step_capillary_rise(soil, lower, **take("fc", "c"))
    outflow, upper, lower = step_groundwater(
        recharge + excess, upper, lower, **take("perc", "uzl", "k0", "k1", "k2")
    )
    fluxes |= {"recharge": recharge, "excess": excess, "et": et, "capillary_rise": rise} | outflow
    return (snow, meltwater, soil, upper, lower), fluxes


def run_loop(forcing, values, stores, weights, *, series=False):
    """Run all days.

    Parameters
    ----------
    forcing : tuple of three Tensors of shape (n_times, n_sites)
        Precipitation, mean temperature, potential evapotranspiration.
    values : dict of str -> Tensor of shape (1 or n_times, n_sites, n_members)
        Physical parameters.
    stores : tuple of Tensors of shape (n_sites, n_members)
        Before the first day.
    weights : Tensor of shape (n_sites, n_members)
        Share of each member.
    series : bool, default=False
        Whether all stores and fluxes are wanted, or only the three flows.

    Returns
    -------
    flows : Tensor of shape (3 or all, n_times, n_sites)
        Weighted means over members, in the order of `FLOWS`, or of `FLUXES` and `STORES`.
    stores : tuple of Tensors of shape (n_sites, n_members)
        After the last day.
    """
    names = (*FLUXES, *STORES) if series else FLOWS
    stores = list(stores)
    stores[2] = stores[2].clamp(min=SOIL_FLOOR)
    # One unbind each: indexing by day would make the backward pass quadratic in time.
    days = zip(*(part.unsqueeze(-1).unbind() for part in forcing), strict=True)
    static = {name: values[name][0] for name in PHYSICAL_NAMES if len(values[name]) == 1}
    daily = {name: values[name].unbind() for name in PHYSICAL_NAMES if name not in static}
    found = []
    for t, weather in enumerate(days):
        today = static | {name: parts[t] for name, parts in daily.items()}
        stores, fluxes = step_hbv(*weather, stores, today)
        if series:
            fluxes |= dict(zip(STORES, stores, strict=True))
        found.append(torch.stack([(fluxes[name] * weights).sum(-1) for name in names]))
    return torch.stack(found, dim=1), tuple(stores)
