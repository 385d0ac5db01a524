"""HBV: forcing and parameters in, flow out, with all stores and fluxes on request."""

import torch

from stefaland_sk._core import check_number, check_option

from ._fused import MAX_MEMBERS, has_numba, run_fused
from ._loop import run_loop
from ._routing import route_flow, unit_hydrograph
from ._spec import HBV_1_1P, PHYSICAL_NAMES, ROUTING_NAMES
from ._state import FLOWS, FLUXES, STORES, HBVResult, HBVState

BACKENDS = ("auto", "torch", "fused")


def simulate_hbv(
    prcp,
    tmean,
    pet,
    parameters,
    *,
    spec=HBV_1_1P,
    weights=None,
    initial=None,
    warmup=0,
    series=False,
    backend="auto",
):
    """Simulate the flow of basins with the HBV model [1]_, [2]_.

    Differentiable with respect to forcing, parameters, weights and initial state.

    Parameters
    ----------
    prcp : Tensor of shape (n_times, n_sites)
        Precipitation [mm/d].
    tmean : Tensor of shape (n_times, n_sites)
        Mean air temperature [degC].
    pet : Tensor of shape (n_times, n_sites)
        Potential evapotranspiration [mm/d].
    parameters : dict of str -> Tensor
        Each of ``spec.parameters`` in its unit. Static ones have the shape
        (n_sites, n_members), dynamic ones (n_times, n_sites, n_members); without the
        last axis all members share the value. Routing has the shape (n_sites,).
    spec : HBVSpec, default=HBV_1_1P
        Which variant of the model.
    weights : Tensor of shape (n_sites, n_members), default=None
        Share of each member in the flow of its site, summing to 1; None gives all the same.
    initial : HBVState, default=None
        State before the first day, such as ``state`` of another result. None starts from
        nearly empty stores; use `warmup` then.
    warmup : int, default=0
        Days at the beginning that fill the stores only: they are simulated without gradient
        and left out of the result.
    series : bool, default=False
        Whether to give all stores and fluxes.
    backend : {"auto", "torch", "fused"}, default="auto"
        "torch" runs day by day on any device; "fused" is a compiled kernel for CPUs, some
        hundred times faster. "auto" takes "fused" where it can: on CPU tensors, unless
        gradients of the series are wanted.

    Returns
    -------
    HBVResult
        ``runoff`` of shape (n_times - warmup, n_sites) [mm/d], ``state`` and ``series``.

    Raises
    ------
    ImportError
        If `backend` is "fused" and numba is not installed.
    TypeError, ValueError
        If a shape does not fit, a parameter is missing, unknown or NaN, forcing is negative or
        missing, the warm-up is not shorter than the record, or `backend` is "fused" where it
        cannot be.

    See Also
    --------
    HBVSpec : Variants, and parameters from raw numbers.

    Notes
    -----
    Water is conserved: precipitation equals evapotranspiration, flow before routing and
    the change of the stores, up to rounding.

    References
    ----------
    .. [1] Feng, D., Liu, J., Lawson, K. and Shen, C. (2022). Differentiable, learnable,
       regionalized process-based models with multiphysical outputs can approach
       state-of-the-art hydrologic prediction accuracy. Water Resour. Res., 58,
       e2022WR032404. doi:10.1029/2022WR032404
    .. [2] Song, Y. et al. (2026). Physics-informed, differentiable hydrologic models for
       capturing unseen extreme events. Water Resour. Res., 62, e2025WR040414.
       doi:10.1029/2025WR040414

    Examples
    --------
    Ten wet days and ten dry ones, at one site:

    >>> import torch
    >>> from dataclasses import replace
    >>> spec = replace(HBV_1_1P, n_members=1, dynamic=())
    >>> parameters = spec.from_raw(torch.zeros(1, spec.n_static))
    >>> prcp = torch.tensor([20.0] * 10 + [0.0] * 10).unsqueeze(1)
    >>> result = simulate_hbv(
    ...     prcp, torch.full_like(prcp, 12.0), torch.full_like(prcp, 2.0), parameters,
    ...     spec=spec, series=True, backend="torch",
    ... )
    >>> result.runoff.shape, result.series["soil"].shape
    (torch.Size([20, 1]), torch.Size([20, 1]))
    >>> bool(result.runoff[14] < result.runoff[10])  # recession
    True
    """
    check_option("backend", backend, BACKENDS)
    n_times, n_sites = _check_forcing(prcp, tmean, pet, spec)
    check_number("warmup", warmup, low=0, integer=True)
    if warmup >= n_times:
        raise ValueError(
            f"`warmup` must be shorter than the forcing, which has {n_times} days. Got {warmup}."
        )
    # Low precision would lose the small changes of large stores, so autocast stops here.
    with torch.autocast(prcp.device.type, enabled=False):
        kind = {"dtype": torch.promote_types(prcp.dtype, torch.float32), "device": prcp.device}
        forcing = tuple(part.to(**kind) for part in (prcp, tmean, pet))
        values = _check_parameters(parameters, spec, n_times, n_sites, kind)
        weights = _check_weights(weights, n_sites, spec.n_members, kind)
        state = _check_state(initial, n_sites, spec.n_members, kind)
        if warmup:
            with torch.no_grad():
                early = [part[:warmup] for part in forcing], _days(values, slice(warmup))
                flows, stores = _run(*early, state[:-1], weights, False, backend)
                state = HBVState(*stores, _last_days(flows, state.history))
            forcing = tuple(part[warmup:] for part in forcing)
            values = _days(values, slice(warmup, None))
        found, stores = _run(forcing, values, state[:-1], weights, series, backend)
        return _result(found, stores, state.history, values, spec, series)


def _run(forcing, values, stores, weights, series, backend):
    """Choose who computes the days, and let it."""
    physical = {name: values[name] for name in PHYSICAL_NAMES}
    if backend == "fused" and not has_numba():
        raise ImportError(
            "backend='fused' needs the package 'numba', which is not installed. "
            "Install it with `pip install numba`, or use backend='torch'."
        )
    if backend == "fused" or (backend == "auto" and has_numba()):
        obstacle = _obstacle(forcing, physical, stores, weights, series)
        if obstacle is None:
            return run_fused(forcing, physical, stores, weights, series=series)
        if backend == "fused":
            raise ValueError(f"backend='fused' {obstacle}. Use backend='torch' or 'auto'.")
    return run_loop(forcing, physical, stores, weights, series=series)


def _obstacle(forcing, values, stores, weights, series):
    """Say what the compiled kernel cannot do here, or None."""
    if forcing[0].device.type != "cpu":
        return f"needs tensors on the CPU. Got {forcing[0].device}"
    if weights.shape[1] > MAX_MEMBERS:
        return f"takes up to {MAX_MEMBERS} members. Got {weights.shape[1]}"
    leaves = (*forcing, *values.values(), *stores, weights)
    if series and torch.is_grad_enabled() and any(leaf.requires_grad for leaf in leaves):
        return "has no gradients of stores and fluxes (series=True)"
    return None


def _result(found, stores, history, values, spec, series):
    """Route the flows, and give the series their names."""
    names = (*FLUXES, *STORES) if series else FLOWS
    flows = found[[names.index(name) for name in FLOWS]] if series else found
    routed, runoff = flows, flows.sum(0)
    late = _last_days(flows, history)
    if spec.routing:
        shares = unit_hydrograph(*(values[name] for name in ROUTING_NAMES))
        if series:
            routed, _ = route_flow(flows, shares, history)
            runoff = routed.sum(0)
        else:  # routing is linear: the sum is enough
            runoff, _ = route_flow(runoff, shares, history.sum(0))
    table = None
    if series:
        table = dict(zip(names, found.unbind(), strict=True))
        table |= dict(zip(FLOWS, routed.unbind(), strict=True))
        table["runoff_generated"] = flows.sum(0)
    return HBVResult(runoff, HBVState(*stores, late), table)


def _last_days(flows, history):
    """Give the flows that are still on their way after the last day."""
    n_before, n_times = history.shape[1], flows.shape[1]
    if n_times >= n_before:
        return flows[:, n_times - n_before :].clone()
    return torch.cat([history[:, n_times:], flows], dim=1)


def _days(values, days):
    """Cut the dynamic parameters to some days."""
    return {
        name: value[days] if name in PHYSICAL_NAMES and len(value) > 1 else value
        for name, value in values.items()
    }


def _check_forcing(prcp, tmean, pet, spec):
    """Check shapes and values of the forcing; give the number of days and of sites."""
    named = {"prcp": prcp, "tmean": tmean, "pet": pet}
    for name, values in named.items():
        if not isinstance(values, torch.Tensor) or values.ndim != 2:
            shape = f"shape {tuple(values.shape)}" if hasattr(values, "shape") else type(values)
            raise TypeError(f"`{name}` must be a tensor of shape (n_times, n_sites). Got {shape}.")
        if values.shape != prcp.shape:
            raise ValueError(
                f"`{name}` must have the shape of `prcp`, {tuple(prcp.shape)}. "
                f"Got {tuple(values.shape)}."
            )
    if not prcp.shape[0]:
        raise ValueError(f"The forcing must have at least one day. Got {tuple(prcp.shape)}.")
    # Looked at once, not per day: it waits for the device.
    for name, values in named.items():
        lowest = values.detach().amin() if values.numel() else values.new_zeros(())
        if not torch.isfinite(values.detach().sum()):
            raise ValueError(
                f"`{name}` must be finite. It has {int((~torch.isfinite(values)).sum())} values "
                "that are NaN or infinite; fill the gaps before simulating."
            )
        if name != "tmean" and lowest < 0:
            raise ValueError(
                f"`{name}` must not be negative [mm/d]; its minimum is {float(lowest):.4g}. "
                "Turn fill values such as -9999 into NaN, and fill the gaps, before simulating."
            )
    return prcp.shape


def _check_parameters(parameters, spec, n_times, n_sites, kind):
    """Bring all parameters to one form.

    Returns
    -------
    dict of str -> Tensor
        Physical parameters (1 or n_times, n_sites, n_members), routing (n_sites,).
    """
    wanted, given = set(spec.parameters), set(parameters)
    if wanted != given:
        raise ValueError(
            f"`parameters` must hold {sorted(wanted)}. "
            f"Missing: {sorted(wanted - given)}; unknown: {sorted(given - wanted)}."
        )
    values = {}
    for name, value in {**parameters, **dict(spec.fixed)}.items():
        value = torch.as_tensor(value).to(**kind)
        # Comparisons with NaN are false, so that a model might run on and hide it.
        if not torch.isfinite(value.detach().sum()):
            raise ValueError(
                f"`parameters[{name!r}]` must be finite. It has "
                f"{int((~torch.isfinite(value)).sum())} values that are NaN or infinite; "
                "if a network gave them, its training has diverged."
            )
        if name in ROUTING_NAMES:
            values[name] = _expand(name, value, (n_sites,))
        elif name in spec.dynamic:
            values[name] = _expand(name, value, (n_times, n_sites, spec.n_members))
        else:
            values[name] = _expand(name, value, (n_sites, spec.n_members)).unsqueeze(0)
    return values


def _expand(name, value, shape):
    """Broadcast a parameter to its shape, or say what does not fit."""
    # One axis less: the members share the value.
    shared = 0 < value.ndim == len(shape) - 1
    try:
        return (value.unsqueeze(-1) if shared else value).expand(shape)
    except RuntimeError:
        axes = {1: "(n_sites,)", 2: "(n_sites, n_members)", 3: "(n_times, n_sites, n_members)"}
        raise ValueError(
            f"`parameters[{name!r}]` must have the shape {axes[len(shape)]} = {shape}. "
            f"Got {tuple(value.shape)}."
        ) from None


def _check_weights(weights, n_sites, n_members, kind):
    """Give the share of each member."""
    if weights is None:
        return torch.full((n_sites, n_members), 1 / n_members, **kind)
    if weights.shape != (n_sites, n_members):
        raise ValueError(
            f"`weights` must have the shape {(n_sites, n_members)}. Got {tuple(weights.shape)}."
        )
    return weights.to(**kind)


def _check_state(initial, n_sites, n_members, kind):
    """Give the state to start from."""
    empty = HBVState.empty(n_sites, n_members, **kind)
    if initial is None:
        return empty
    for name, part, other in zip(empty._fields, empty, initial, strict=True):
        if part.shape != other.shape:
            raise ValueError(
                f"`initial.{name}` must have the shape {tuple(part.shape)}. "
                f"Got {tuple(other.shape)}; is it a state of other sites or members?"
            )
    return HBVState(*(part.to(**kind) for part in initial))
