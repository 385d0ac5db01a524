"""Soil moisture: recharge on the way in, evapotranspiration and capillary rise."""

import torch

from ._limits import limit_to_store, power_to_one

SOIL_FLOOR = 1e-5  # mm: evapotranspiration leaves this much, since powers of 0 have no gradient


def step_recharge(soil_input, soil, *, fc, beta):
    """Divide the day's water between the soil and the zones below [1]_.

    The share ``(soil / fc) ** beta`` passes through the soil, the rest wets it, and what
    then exceeds ``fc`` leaves as well.

    Parameters
    ----------
    soil_input : Tensor of shape (n_sites, n_members)
        Rain and released meltwater [mm/d].
    soil : Tensor of shape (n_sites, n_members)
        Soil moisture, positive [mm].
    fc : Tensor
        Capacity of the soil [mm].
    beta : Tensor
        Exponent of the share that passes through [1].

    Returns
    -------
    recharge, excess : Tensor of shape (n_sites, n_members)
        What passes through, and what exceeds the capacity [mm/d].
    soil : Tensor of shape (n_sites, n_members)
        Soil moisture after both [mm].

    References
    ----------
    .. [1] Seibert, J. and Vis, M. J. P. (2012). Teaching hydrological modeling with a
       user-friendly catchment-runoff-model software package. Hydrol. Earth Syst. Sci.,
       16, 3315-3325. doi:10.5194/hess-16-3315-2012

    Examples
    --------
    >>> import torch
    >>> step_recharge(torch.tensor([[8.0]]), torch.tensor([[50.0]]), fc=100.0, beta=2.0)
    (tensor([[2.]]), tensor([[0.]]), tensor([[56.]]))
    """
    recharge = soil_input * power_to_one(soil / fc, beta)
    # In this order a full soil stays exactly full, whatever the rounding, and so do its gradients.
    soil = soil + (soil_input - recharge)
    excess = (soil - fc).clamp(min=0.0)
    return recharge, excess, torch.where(soil >= fc, fc, soil)


def step_evapotranspiration(pet, soil, *, fc, lp, betaet):
    """Take the day's evapotranspiration out of the soil [1]_.

    It is potential from the moisture ``lp * fc`` on, and less below, by a power.

    Parameters
    ----------
    pet : Tensor
        Potential evapotranspiration [mm/d], broadcast against `soil`.
    soil : Tensor of shape (n_sites, n_members)
        Soil moisture, at least 1e-5 [mm].
    fc : Tensor
        Capacity of the soil [mm].
    lp : Tensor
        Share of the capacity above which evapotranspiration is potential [1].
    betaet : Tensor
        Exponent of the decline below it [1]; 1 is the linear decline of the classical HBV.

    Returns
    -------
    et : Tensor of shape (n_sites, n_members)
        Actual evapotranspiration [mm/d].
    soil : Tensor of shape (n_sites, n_members)
        Soil moisture after it, at least 1e-5 [mm].

    References
    ----------
    .. [1] Song, Y. et al. (2026). Physics-informed, differentiable hydrologic models for
       capturing unseen extreme events. Water Resour. Res., 62, e2025WR040414.
       doi:10.1029/2025WR040414

    Examples
    --------
    >>> import torch
    >>> step_evapotranspiration(
    ...     torch.tensor([[4.0]]), torch.tensor([[20.0]]), fc=100.0, lp=0.8, betaet=1.0
    ... )
    (tensor([[1.]]), tensor([[19.]]))
    """
    wanted = pet * power_to_one(soil / (lp * fc), betaet)
    et = limit_to_store(wanted, soil - SOIL_FLOOR)
    # Only rounding can take the difference below the floor: no water is made here.
    return et, (soil - et).clamp(min=SOIL_FLOOR)


def step_capillary_rise(soil, lower, *, fc, c):
    """Raise water from the lower zone into a soil that is not full [1]_.

    Parameters
    ----------
    soil, lower : Tensor of shape (n_sites, n_members)
        Soil moisture and lower zone [mm].
    fc : Tensor
        Capacity of the soil [mm].
    c : Tensor
        Share of the lower zone that rises in a day into a dry soil [1/d].

    Returns
    -------
    rise : Tensor of shape (n_sites, n_members)
        The flux [mm/d].
    soil, lower : Tensor of shape (n_sites, n_members)
        The stores after it [mm].

    References
    ----------
    .. [1] Song, Y. et al. (2024). When ancient numerical demons meet physics-informed machine
       learning: adjoint-based gradients for implicit differentiable modeling. Hydrol. Earth
       Syst. Sci., 28, 3051-3077. doi:10.5194/hess-28-3051-2024

    Examples
    --------
    >>> import torch
    >>> step_capillary_rise(torch.tensor([[75.0]]), torch.tensor([[40.0]]), fc=100.0, c=0.1)
    (tensor([[1.]]), tensor([[76.]]), tensor([[39.]]))
    """
    dryness = 1 - torch.clamp(soil / fc, max=1.0)
    rise = limit_to_store(c * lower * dryness, lower)
    return rise, soil + rise, lower - rise
