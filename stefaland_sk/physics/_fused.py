"""The compiled kernel as a function of tensors that autograd knows."""

import gc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from ._spec import PHYSICAL_NAMES
from ._state import FLOWS, FLUXES, STORES

MAX_MEMBERS = 256
_READY = set()  # (kernel, type of its numbers): compiled, or taken from disk


def run_fused(forcing, values, stores, weights, *, series=False):
    """Run all days in compiled code; the same arguments and results as `run_loop`.

    Parameters
    ----------
    forcing : tuple of three Tensors of shape (n_times, n_sites)
        Precipitation, mean temperature, potential evapotranspiration; on the CPU.
    values : dict of str -> Tensor of shape (1 or n_times, n_sites, n_members)
        Physical parameters.
    stores : tuple of Tensors of shape (n_sites, n_members)
        Before the first day.
    weights : Tensor of shape (n_sites, n_members)
        Share of each member.
    series : bool, default=False
        Whether all stores and fluxes are wanted, or only the three flows. All of them are
        without gradient.

    Returns
    -------
    flows : Tensor of shape (3 or all, n_times, n_sites)
        Weighted means over members.
    stores : tuple of Tensors of shape (n_sites, n_members)
        After the last day.
    """
    parameters = [values[name] for name in PHYSICAL_NAMES]
    found, final = _Fused.apply(
        torch.stack(tuple(forcing)), torch.stack(tuple(stores)), weights, series, *parameters
    )
    return found, final.unbind()


@cache
def has_numba():
    """Whether the compiler is installed; it is imported by the first call that computes."""
    return find_spec("numba") is not None


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, forcing, stores, weights, series, *values):
        _kernel = _import_kernel()
        n_times, n_sites = forcing.shape[1:]
        n_found = len(FLUXES) + len(STORES) if series else len(FLOWS)
        n_kept = -(-n_times // _kernel.SEGMENT) if any(ctx.needs_input_grad) else 0
        kept = forcing.new_empty(n_kept, *stores.shape)
        found = forcing.new_empty(n_found, n_times, n_sites)
        final = torch.empty_like(stores)
        values = tuple(part.contiguous() for part in values)
        arrays = (
            _flat(forcing),
            tuple(_flat(part) for part in values),
            *(_flat(part) for part in (weights, stores, kept, found, final)),
        )
        dynamic = np.array([len(part) > 1 for part in values])
        sizes = tuple(np.uint64(n) for n in (n_times, *weights.shape))
        kernel = _kernel.series if series else _kernel.forward
        _over_blocks(kernel, (*arrays, dynamic, sizes), *weights.shape)
        ctx.save_for_backward(forcing, weights, kept, *values)
        return found, final

    @staticmethod
    @once_differentiable
    def backward(ctx, g_found, g_final):
        _kernel = _import_kernel()
        forcing, weights, kept, *values = ctx.saved_tensors
        g_stores = g_final.clone(memory_format=torch.contiguous_format)
        g_values = tuple(torch.empty_like(part) for part in values)
        g_weights = torch.empty_like(weights, memory_format=torch.contiguous_format)
        g_forcing = torch.empty_like(forcing) if ctx.needs_input_grad[0] else forcing[:0]
        arrays = (
            _flat(forcing),
            tuple(_flat(part) for part in values),
            *(_flat(part) for part in (weights, kept, g_found, g_stores)),
            tuple(_flat(part) for part in g_values),
            *(_flat(part) for part in (g_weights, g_forcing)),
        )
        dynamic = np.array([len(part) > 1 for part in values])
        sizes = tuple(np.uint64(n) for n in (forcing.shape[1], *weights.shape))
        _over_blocks(_kernel.backward, (*arrays, dynamic, sizes), *weights.shape)
        g_forcing = g_forcing if ctx.needs_input_grad[0] else None
        return g_forcing, g_stores, g_weights, None, *g_values


@cache
def _import_kernel():
    """Import the compiler and what it compiles, in the first call that computes."""
    with _collector_paused():
        from . import _kernel
    return _kernel


@contextmanager
def _collector_paused():
    """Let the garbage collector rest: the many small objects of the compiler all stay.

    With torch loaded, looking through everything again and again is half of the time in which
    compiled code comes from disk, and a fifth of that of compiling.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _make_ready(kernel, arguments):
    """Compile a kernel for these arguments, or take it from disk, by running no block."""
    key = kernel, arguments[0].dtype
    if key not in _READY:
        with _collector_paused():
            kernel(*arguments, (0, 0, 1))
        _READY.add(key)


def _flat(tensor):
    """Give the numbers of a tensor as a flat array; of a contiguous one they are not copied."""
    return tensor.detach().contiguous().view(-1).numpy()


def _over_blocks(kernel, arguments, n_sites, n_members):
    """Call a kernel for all blocks of sites, in as many threads as torch uses."""
    _make_ready(kernel, arguments)
    n_threads = torch.get_num_threads()
    block_sites = max(1, MAX_MEMBERS // n_members)
    if n_threads > 1:  # at least two blocks for each thread, so that they end together
        block_sites = max(1, min(block_sites, -(-n_sites // (2 * n_threads))))
    n_blocks = -(-n_sites // block_sites)
    n_threads = min(n_threads, n_blocks)
    if n_threads == 1:
        kernel(*arguments, (0, n_blocks, block_sites))
        return
    cuts = [n_blocks * k // n_threads for k in range(n_threads + 1)]
    with ThreadPoolExecutor(n_threads) as pool:
        jobs = [
            pool.submit(kernel, *arguments, (first, last, block_sites))
            for first, last in pairwise(cuts)
        ]
        for job in jobs:
            job.result()
