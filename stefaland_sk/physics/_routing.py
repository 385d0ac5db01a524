"""Routing: a gamma-shaped unit hydrograph spreads each day's flow over the days that follow."""

import torch

N_LAGS = 15  # days over which the flow of a day leaves the basin


def unit_hydrograph(route_a, route_b):
    """Give the shares of a day's flow that leave on that day and on the days after it [1]_.

    Parameters
    ----------
    route_a, route_b : Tensor of shape (n_sites,)
        Shape [1] and scale [d] of a gamma density, less 0.1 and less 0.5; negative values count
        as 0.

    Returns
    -------
    Tensor of shape (15, n_sites)
        Shares that sum to 1 for each site: the density at the middle of each day.

    References
    ----------
    .. [1] Feng, D., Liu, J., Lawson, K. and Shen, C. (2022). Differentiable, learnable,
       regionalized process-based models with multiphysical outputs can approach
       state-of-the-art hydrologic prediction accuracy. Water Resour. Res., 58,
       e2022WR032404. doi:10.1029/2022WR032404

    Examples
    --------
    >>> import torch
    >>> shares = unit_hydrograph(torch.tensor([1.9]), torch.tensor([0.5]))
    >>> shares[:4, 0]  # the most on the second day
    tensor([0.2921, 0.3224, 0.1977, 0.1018])
    """
    shape = route_a.clamp(min=0.0) + 0.1
    scale = route_b.clamp(min=0.0) + 0.5
    lags = torch.arange(N_LAGS, dtype=route_a.dtype, device=route_a.device).unsqueeze(1) + 0.5
    # The factor before the density cancels, and with it the gamma function.
    return torch.softmax((shape - 1) * lags.log() - lags / scale, dim=0)


def route_flow(flow, shares, history=None):
    """Spread flow over the days that follow.

    Parameters
    ----------
    flow : Tensor of shape (..., n_times, n_sites)
        Flow that is generated [mm/d].
    shares : Tensor of shape (n_lags, n_sites)
        From `unit_hydrograph`.
    history : Tensor of shape (..., n_lags - 1, n_sites), default=None
        Flow generated on the days before. None: there was none.

    Returns
    -------
    routed : Tensor of shape (..., n_times, n_sites)
        Flow that leaves the basin [mm/d].
    history : Tensor of shape (..., n_lags - 1, n_sites)
        The last days of `flow`, for the days to come.

    Examples
    --------
    >>> import torch
    >>> shares = torch.tensor([[0.5], [0.3], [0.2]])
    >>> routed, history = route_flow(torch.tensor([[10.0], [0.0]]), shares)
    >>> routed[:, 0]
    tensor([5., 3.])
    >>> route_flow(torch.zeros(2, 1), shares, history)[0][:, 0]  # what was still on its way
    tensor([2., 0.])
    """
    n_before, n_times = len(shares) - 1, flow.shape[-2]
    if history is None:
        history = flow.new_zeros(*flow.shape[:-2], n_before, flow.shape[-1])
    padded = torch.cat([history, flow], dim=-2)
    routed = shares[0] * flow
    for lag in range(1, len(shares)):
        first = n_before - lag
        routed = routed + shares[lag] * padded[..., first : first + n_times, :]
    # A copy, so that a state does not keep the whole series alive.
    return routed, padded[..., n_times:, :].clone()
