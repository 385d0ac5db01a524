"""The residual adapter, computed piece by piece with a gradient written by hand.

Written as plain layers, it spends most of its time on reading and writing arrays of the whole
batch. Here a few days go through all layers while they are in the cache, less is kept
for the gradient, and features that are given cost no gradient of their own.
"""

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from ._dropout import keep_mask

_ROWS = 1024  # days times sites per piece
_EPS = 1e-5  # of the layer norms, as in torch.nn.LayerNorm


def residual_adapter(features, forcing, site, site_inner, weights, rates, training):
    """Compute LN(LN(e + y) + p + q) of the residual adapter.

    Parameters
    ----------
    features : Tensor of shape (n_sites, n_times, d)
        Features h; e = gain * normalised h + shift.
    forcing : Tensor of shape (n_sites, n_times, n_forcings)
        Forcing x; p = drop(relu(W_t x + b_t)).
    site : Tensor of shape (n_sites, d)
        What the attributes add, q.
    site_inner : Tensor of shape (n_sites, 2 d)
        Share of the attributes, and bias, in the inner network W_1 [e; p; q].
    weights : tuple of 12 Tensors
        gain and shift (None and None takes e = h), W_t, b_t, the columns of W_1 for e
        and for p, W_2, b_2, gain and shift of the first norm, and of the second.
    rates : tuple of two floats
        Dropout rates of p and inside the network.
    training : bool
        Whether to drop.

    Returns
    -------
    Tensor of shape (n_sites, n_times, d)
        Adapted features; in memory the days come first, as the LSTM wants them.

    Notes
    -----
    Under autocast, products are computed in its precision, all else in that of the weights.
    """
    low = weights[2].dtype
    if torch.is_autocast_enabled(features.device.type):
        low = torch.get_autocast_dtype(features.device.type)
    rates = rates if training else (0.0, 0.0)
    options = (rates, low, torch.is_grad_enabled())
    with torch.autocast(features.device.type, enabled=False):
        out = _ResidualAdapter.apply(options, features, forcing, site, site_inner, *weights)
    return out.transpose(0, 1)


def _pieces(n_sites, n_times):
    """Yield slices of days."""
    step = max(1, _ROWS // n_sites)
    for start in range(0, n_times, step):
        yield slice(start, start + step)


def _rows(values, days, dtype):
    """Return some days of (site, time, ...) as contiguous rows, the days first."""
    return values[:, days].transpose(0, 1).to(dtype).flatten(0, 1)


def _drop(values, rate):
    """Drop entries in place."""
    if rate:
        values.mul_(keep_mask(values, rate))
    return values


def _slope(gradient, values, rate):
    """Return the gradient before relu and dropout, from the values behind them."""
    gradient = torch.ops.aten.threshold_backward(gradient, values, 0)
    return gradient.mul_(1 / (1 - rate)) if rate else gradient


class _ResidualAdapter(torch.autograd.Function):
    """See `residual_adapter`; the result has the days first."""

    @staticmethod
    def forward(ctx, options, features, forcing, site, site_inner, *weights):
        rates, low, keep = options
        gain, shift, w_t, b_t, w_e, w_p, w_2, b_2, *norms = weights
        w_e, w_p, w_2 = (w.t().to(low) for w in (w_e, w_p, w_2))
        n_sites, n_times, d = features.shape
        out = site.new_empty(n_times, n_sites, d)
        kept = []
        for days in _pieces(n_sites, n_times):
            h, x = _rows(features, days, site.dtype), _rows(forcing, days, site.dtype)
            e = h if gain is None else F.layer_norm(h, (d,), gain, shift, _EPS)
            p = _drop(torch.addmm(b_t, x, w_t.t()).relu_(), rates[0])
            inner = torch.mm(e.to(low), w_e).addmm_(p.to(low), w_p).to(site.dtype)
            inner.view(-1, n_sites, 2 * d).add_(site_inner)
            inner = _drop(inner.relu_(), rates[1]).to(low)
            first = torch.mm(inner, w_2).to(site.dtype).add_(b_2).add_(e)
            normed, *stats = torch.native_layer_norm(first, (d,), *norms[:2], _EPS)
            second = normed.add_(p)
            second.view(-1, n_sites, d).add_(site)
            normed, *more = torch.native_layer_norm(second, (d,), *norms[2:], _EPS)
            out[days] = normed.view(-1, n_sites, d)
            if keep:
                kept += [p, inner, first, *stats, second, *more]
        if keep:
            ctx.save_for_backward(features, forcing, *weights, *kept)
            ctx.options = options
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (rate_p, rate_inner), low, _ = ctx.options
        features, forcing, *weights = ctx.saved_tensors[:14]
        kept = iter(ctx.saved_tensors[14:])
        gain, shift, w_t, _, w_e, w_p, w_2, _, *norms = weights
        w_e_low, w_p_low, w_2_low = (w.to(low) for w in (w_e, w_p, w_2))
        n_sites, n_times, d = features.shape
        dtype = w_t.dtype
        need_h, need_x = ctx.needs_input_grad[1:3]
        grad_h = torch.empty_like(features) if need_h else None
        grad_x = torch.empty_like(forcing) if need_x else None
        site = w_t.new_zeros(n_sites, d)
        site_inner = w_t.new_zeros(n_sites, 2 * d)
        grads = [None if w is None else torch.zeros_like(w) for w in weights]
        g_gain, g_shift, g_w_t, g_b_t, g_w_e, g_w_p, g_w_2, g_b_2, *g_norms = grads
        norm_back = torch.ops.aten.native_layer_norm_backward
        for days in _pieces(n_sites, n_times):
            p, inner, first, mean_1, std_1, second, mean_2, std_2 = (next(kept) for _ in range(8))
            h, x = _rows(features, days, dtype), _rows(forcing, days, dtype)
            hat = h if gain is None else F.layer_norm(h, (d,), None, None, _EPS)
            g_out = gradient[days].flatten(0, 1)
            g_second, g, s = norm_back(
                g_out, second, (d,), mean_2, std_2, *norms[2:], (True, True, True)
            )
            g_norms[2] += g
            g_norms[3] += s
            site += g_second.view(-1, n_sites, d).sum(0)
            g_first, g, s = norm_back(
                g_second, first, (d,), mean_1, std_1, *norms[:2], (True, True, True)
            )
            g_norms[0] += g
            g_norms[1] += s
            g_low = g_first.to(low)
            g_b_2 += g_first.sum(0)
            g_w_2 += torch.mm(g_low.t(), inner)
            g_inner = _slope(torch.mm(g_low, w_2_low), inner, rate_inner)
            site_inner += g_inner.view(-1, n_sites, 2 * d).sum(0, dtype=dtype)
            g_w_p += torch.mm(g_inner.t(), p.to(low))
            g_w_e += torch.mm(g_inner.t(), hat.to(low))
            g_p = _slope(g_second.add_(torch.mm(g_inner, w_p_low)), p, rate_p)
            g_b_t += g_p.sum(0)
            g_w_t += torch.mm(g_p.t(), x)
            if need_x:
                grad_x[:, days] = torch.mm(g_p, w_t).view(-1, n_sites, x.shape[1]).transpose(0, 1)
            if gain is not None:
                g_gain += (g_first * hat).sum(0)
                g_shift += g_first.sum(0)
            if need_h:
                g_h = torch.mm(g_inner, w_e_low) + g_first
                if gain is not None:
                    stats = torch.native_layer_norm(h, (d,), None, None, _EPS)[1:]
                    g_h = norm_back(g_h * gain, h, (d,), *stats, None, None, (True, False, False))[
                        0
                    ]
                grad_h[:, days] = g_h.view(-1, n_sites, d).transpose(0, 1)
        if gain is not None:  # until here `g_w_e` is that of the weights times the gain
            g_gain += (w_e * g_w_e).sum(0)
            g_shift += site_inner.sum(0) @ w_e
            g_w_e.mul_(gain).add_(torch.outer(site_inner.sum(0), shift))
        return None, grad_h, grad_x, site, site_inner, *grads
