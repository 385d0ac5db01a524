"""Groundwater: an upper zone with two outlets, and a lower zone with one."""

from ._limits import limit_to_store


def step_groundwater(recharge, upper, lower, *, perc, uzl, k0, k1, k2):
    """Take the two groundwater zones of HBV through one day [1]_.

    Parameters
    ----------
    recharge : Tensor of shape (n_sites, n_members)
        Water that reaches the upper zone [mm/d].
    upper, lower : Tensor of shape (n_sites, n_members)
        Upper and lower zone [mm].
    perc : Tensor
        Most that percolates into the lower zone [mm/d].
    uzl : Tensor
        Content of the upper zone above which quick flow sets in [mm].
    k0, k1, k2 : Tensor
        Recession coefficients of quick flow, interflow and baseflow [1/d].

    Returns
    -------
    fluxes : dict of str -> Tensor
        ``percolation``, ``quick_flow``, ``interflow`` and ``baseflow`` [mm/d].
    upper, lower : Tensor of shape (n_sites, n_members)
        The zones after the day [mm].

    References
    ----------
    .. [1] Seibert, J. and Vis, M. J. P. (2012). Teaching hydrological modeling with a
       user-friendly catchment-runoff-model software package. Hydrol. Earth Syst. Sci.,
       16, 3315-3325. doi:10.5194/hess-16-3315-2012

    Examples
    --------
    >>> import torch
    >>> fluxes, upper, lower = step_groundwater(
    ...     torch.tensor([[6.0]]), torch.tensor([[16.0]]), torch.tensor([[38.0]]),
    ...     perc=2.0, uzl=10.0, k0=0.5, k1=0.1, k2=0.05,
    ... )
    >>> {name: round(float(flux), 2) for name, flux in fluxes.items()}
    {'percolation': 2.0, 'quick_flow': 5.0, 'interflow': 1.5, 'baseflow': 2.0}
    """
    upper = upper + recharge
    percolation = limit_to_store(perc, upper)
    upper = upper - percolation
    quick_flow = k0 * (upper - uzl).clamp(min=0.0)
    upper = upper - quick_flow
    interflow = k1 * upper
    lower = lower + percolation
    baseflow = k2 * lower
    fluxes = {
        "percolation": percolation,
        "quick_flow": quick_flow,
        "interflow": interflow,
        "baseflow": baseflow,
    }
    return fluxes, upper - interflow, lower - baseflow
