"""What a simulation leaves behind: stores to restart from, and the results."""

from typing import NamedTuple

import torch

from ._routing import N_LAGS

INITIAL = 0.001  # mm in each store where a simulation starts from nothing

# Series that `simulate_hbv` gives on request, with their units. Stores are those of the day's end.
STORES = {
    "snow": "mm",
    "meltwater": "mm",
    "soil": "mm",
    "upper_zone": "mm",
    "lower_zone": "mm",
}
FLUXES = {
    "rain": "mm/d",
    "snowfall": "mm/d",
    "melt": "mm/d",
    "refreezing": "mm/d",
    "soil_input": "mm/d",
    "recharge": "mm/d",
    "excess": "mm/d",
    "et": "mm/d",
    "capillary_rise": "mm/d",
    "percolation": "mm/d",
    "quick_flow": "mm/d",
    "interflow": "mm/d",
    "baseflow": "mm/d",
}
FLOWS = ("quick_flow", "interflow", "baseflow")


class HBVState(NamedTuple):
    """Everything that a simulation needs to go on where another one ended.

    Attributes
    ----------
    snow, meltwater, soil, upper_zone, lower_zone : Tensor of shape (n_sites, n_members)
        Stores [mm].
    history : Tensor of shape (3, 14, n_sites)
        Quick flow, interflow and baseflow of the last days, which are still on their
        way to the outlet [mm/d].

    Examples
    --------
    >>> HBVState.empty(n_sites=2, n_members=4).soil.shape
    torch.Size([2, 4])
    """

    snow: torch.Tensor
    meltwater: torch.Tensor
    soil: torch.Tensor
    upper_zone: torch.Tensor
    lower_zone: torch.Tensor
    history: torch.Tensor

    @classmethod
    def empty(cls, n_sites, n_members, *, dtype=None, device=None):
        """Make the state that simulations start from: 0.001 mm in each store.

        Parameters
        ----------
        n_sites, n_members : int
            Sizes.
        dtype : torch.dtype, default=None
            Type of the numbers; None takes torch's default.
        device : torch.device, default=None
            Where they are.

        Returns
        -------
        HBVState
            Nearly empty stores, and no flow on its way.
        """
        kind = {"dtype": dtype, "device": device}
        stores = (torch.full((n_sites, n_members), INITIAL, **kind) for _ in STORES)
        return cls(*stores, torch.zeros(len(FLOWS), N_LAGS - 1, n_sites, **kind))

    def detach(self):
        """Give the same state without what it was computed from.

        Returns
        -------
        HBVState
            The state, through which no gradient flows.
        """
        return type(self)(*(part.detach() for part in self))


class HBVResult(NamedTuple):
    """Result of `simulate_hbv`.

    Attributes
    ----------
    runoff : Tensor of shape (n_times, n_sites)
        Flow at the outlet [mm/d].
    state : HBVState
        State after the last day.
    series : dict of str -> Tensor of shape (n_times, n_sites), or None
        Stores and fluxes, averaged over the members, if they were asked for. ``quick_flow``,
        ``interflow`` and ``baseflow`` are routed and sum to `runoff`;
        ``runoff_generated`` is their sum before routing.

    Examples
    --------
    >>> HBVResult._fields
    ('runoff', 'state', 'series')
    """

    runoff: torch.Tensor
    state: HBVState
    series: dict | None
