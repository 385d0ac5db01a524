"""Calibrate HBV at many sites at once, by gradient, from several starts."""

import numpy as np
import torch

from stefaland_sk.physics import simulate_hbv

_STEPS_PER_BLOCK = 2**22  # of the lanes (sites x starts) that are calibrated together


def calibrate(
    forcing, target, spec, *, loss, warmup, n_starts, max_iter, learning_rate, random_state
):
    """Find the parameters of each site.

    Parameters
    ----------
    forcing : ndarray of shape (3, n_times, n_sites)
        Precipitation, mean temperature, potential evapotranspiration.
    target : ndarray of shape (n_times, n_sites)
        Observed runoff [mm/d], NaN where not observed; each site has some after the warm-up.
    spec : HBVSpec
        Variant of one member without dynamic parameters.
    loss : {"nse", "kge"}
        What is made large.
    warmup : int
        Days that fill the stores only.
    n_starts, max_iter : int
        Starts, and steps of the optimiser from each.
    learning_rate : float
        First step, of raw numbers; it declines to a tenth.
    random_state : RandomState
        Draws the starts, the same for all sites.

    Returns
    -------
    raw : ndarray of shape (n_sites, n_parameters)
        Raw numbers of the best parameters met.
    score : ndarray of shape (n_sites,)
        NSE or KGE that they reach.
    """
    starts = random_state.normal(0.0, 1.5, (n_starts, spec.n_static))
    starts[0] = 0.0  # one in the middle of all bounds
    n_times, n_sites = target.shape
    step = max(_STEPS_PER_BLOCK // (n_times * n_starts), 1)
    raw, score = np.empty((n_sites, spec.n_static)), np.empty(n_sites)
    for first in range(0, n_sites, step):
        block = slice(first, first + step)
        raw[block], score[block] = _calibrate_block(
            torch.from_numpy(forcing[:, :, block]),
            torch.from_numpy(target[warmup:, block]),
            torch.from_numpy(starts).float(),
            spec,
            _LOSSES[loss],
            warmup,
            max_iter,
            learning_rate,
        )
    return raw, score


def _calibrate_block(forcing, target, starts, spec, loss, warmup, max_iter, learning_rate):
    """Calibrate some sites: a lane is one start at one site, and knows of no other."""
    n_sites, n_starts = target.shape[1], len(starts)
    weather = [part.repeat_interleave(n_starts, dim=1) for part in forcing]
    target = target.repeat_interleave(n_starts, dim=1)
    observed = torch.isfinite(target)
    target = torch.where(observed, target, 0.0)
    raw = starts.repeat(n_sites, 1).requires_grad_()
    # Adam scales each number by its own gradients, so that lanes stay apart.
    optimiser = torch.optim.Adam([raw], lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.1, max_iter)
    best = torch.full((len(raw),), torch.inf)
    kept = raw.detach().clone()
    for _ in range(max_iter):
        flow = simulate_hbv(*weather, spec.from_raw(raw), spec=spec, warmup=warmup).runoff
        losses = loss(flow, target, observed)
        better = losses.detach() < best
        best = torch.where(better, losses.detach(), best)
        kept = torch.where(better.unsqueeze(1), raw.detach(), kept)
        optimiser.zero_grad()
        losses.sum().backward()
        optimiser.step()
        schedule.step()
    winner = best.view(n_sites, n_starts).argmin(dim=1)
    rows = torch.arange(n_sites) * n_starts + winner
    return kept[rows].double().numpy(), 1 - best[rows].double().numpy()


def _nse_loss(flow, target, observed):
    """Give 1 - NSE of each lane."""
    mean = target.sum(0) / observed.sum(0)
    spread = torch.where(observed, target - mean, 0.0).square().sum(0)
    error = torch.where(observed, flow - target, 0.0).square().sum(0)
    return error / spread.clamp(min=1e-6)


def _kge_loss(flow, target, observed):
    """Give 1 - KGE of each lane."""
    n = observed.sum(0)
    flow = torch.where(observed, flow, 0.0)
    means = flow.sum(0) / n, target.sum(0) / n
    apart = [
        torch.where(observed, values - mean, 0.0)
        for values, mean in zip((flow, target), means, strict=True)
    ]
    # The small number keeps the root of a flow that does not vary differentiable.
    spreads = [(part.square().sum(0) / n + 1e-12).sqrt() for part in apart]
    correlation = (apart[0] * apart[1]).sum(0) / n / (spreads[0] * spreads[1])
    terms = torch.stack(
        [correlation - 1, spreads[0] / spreads[1] - 1, means[0] / means[1].clamp(min=1e-6) - 1]
    )
    return (terms.square().sum(0) + 1e-12).sqrt()


_LOSSES = {"nse": _nse_loss, "kge": _kge_loss}
