"""The compiled kernel equals the plain loop: values, all gradients, any shape."""

import gc
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from stefaland_sk.physics import (
    FLUXES,
    HBV_1_0,
    HBV_1_1P,
    STORES,
    HBVSpec,
    HBVState,
    _fused,
    simulate_hbv,
)
from stefaland_sk.physics._hbv import _obstacle

pytest.importorskip("numba")

# Days, sites, members, dynamic parameters. A block has 256 lanes, a segment 32 days.
SHAPES = {
    "default": (70, 3, 16, HBV_1_1P.dynamic),
    "one day": (1, 2, 3, ("k0",)),
    "one lane": (33, 1, 1, ()),
    "many members": (40, 3, 200, ("beta",)),
    "many sites": (64, 300, 1, ("fc", "tt")),
    "blocks that are not full": (97, 11, 30, ("lp", "perc", "uzl")),
    "all dynamic": (65, 4, 5, tuple(name for name in HBV_1_1P.parameters if "route" not in name)),
}


def gradients(backend, dtype, weather, parameters, spec, seed=0):
    """Flow, and the gradients of a random mix of flow and final stores in all inputs."""
    n_sites = weather[0].shape[1]
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64).to(dtype)

    shape = (n_sites, spec.n_members)
    scale = (50, 5, 200, 60, 60)
    stores = [(size * draw(*shape)).requires_grad_() for size in scale]
    empty = HBVState.empty(*shape, dtype=dtype)
    leaves = {
        **dict(zip(("prcp", "tmean", "pet"), weather, strict=True)),
        **parameters,
        **dict(zip(STORES, stores, strict=True)),
        "weights": torch.softmax(draw(*shape), dim=1),
    }
    leaves = {name: leaf.detach().to(dtype).requires_grad_() for name, leaf in leaves.items()}
    result = simulate_hbv(
        *(leaves[name] for name in ("prcp", "tmean", "pet")),
        {name: leaves[name] for name in parameters},
        spec=spec,
        weights=leaves["weights"],
        initial=HBVState(*(leaves[name] for name in STORES), empty.history),
        backend=backend,
    )
    mix = (result.runoff * draw(*result.runoff.shape)).sum()
    mix = mix + sum((part * draw(*part.shape)).sum() for part in result.state)
    mix.backward()
    return result.runoff.detach(), {name: leaf.grad for name, leaf in leaves.items()}


def assert_relatively_equal(mine, expected, tolerance, what):
    """Compare with the largest number of the expected ones as the yardstick."""
    assert torch.isfinite(mine).all(), what
    size = expected.abs().max().clamp(min=1e-30)
    error = float((mine.double() - expected.double()).abs().max() / size)
    assert error <= tolerance, f"{what}: {error:.2e}"


@pytest.mark.parametrize("case", SHAPES)
def test_double_precision_equals_autograd_of_the_loop(case, make_weather, make_parameters):
    n_times, n_sites, n_members, dynamic = SHAPES[case]
    spec = HBVSpec(dynamic=dynamic, n_members=n_members)
    weather = make_weather(n_times, n_sites, seed=1)
    parameters = make_parameters(spec, n_sites, n_times)
    flow, expected = gradients("torch", torch.float64, weather, parameters, spec)
    mine, found = gradients("fused", torch.float64, weather, parameters, spec)
    assert_relatively_equal(mine, flow, 1e-13, "flow")
    for name, gradient in expected.items():
        assert_relatively_equal(found[name], gradient, 1e-12, name)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("variant", [HBV_1_1P, HBV_1_0], ids=["1.1p", "1.0"])
def test_single_precision_is_close_to_double(variant, seed, make_weather, make_parameters):
    """Routing is the same code for both: its gradients are not the kernel's."""
    spec = replace(variant, n_members=8)
    # Inputs that both precisions hold exactly, so that they decide alike at thresholds.
    weather = tuple(part.float().double() for part in make_weather(200, 4, seed=seed))
    parameters = make_parameters(spec, 4, 200, seed=seed, dtype=torch.float32)
    flow, expected = gradients("torch", torch.float64, weather, parameters, spec)
    mine, found = gradients("fused", torch.float32, weather, parameters, spec)
    assert_relatively_equal(mine, flow, 1e-5, "flow")
    for name in set(expected) - {"route_a", "route_b"}:
        assert_relatively_equal(found[name], expected[name], 1e-5, name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_forcing_at_the_bounds(dtype, extremes):
    """Gradients are finite everywhere, and equal to the loop's."""
    forcing, static, dynamic, spec = extremes(dtype)
    found = {}
    for backend in ("torch", "fused"):
        leaves = [leaf.detach().clone().requires_grad_() for leaf in (static, dynamic)]
        parameters = spec.from_raw(*leaves)
        for value in parameters.values():
            value.retain_grad()
        result = simulate_hbv(*forcing, parameters, spec=spec, backend=backend)
        result.runoff.square().mean().backward()
        gradients = {name: value.grad for name, value in parameters.items()}
        found[backend] = {"flow": result.runoff.detach(), **gradients}
    for name, expected in found["torch"].items():
        tolerance = 1e-10 if dtype == torch.float64 else 1e-3
        assert_relatively_equal(found["fused"][name], expected, tolerance, name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_long_snow_free_runs_keep_gradients_finite(dtype, make_weather, make_parameters):
    spec = replace(HBV_1_1P, n_members=4)
    prcp, tmean, pet = make_weather(1500, 4, dtype=dtype)
    parameters = make_parameters(spec, 4, 1500, dtype=dtype)
    result = simulate_hbv(prcp, tmean.abs() + 5, pet, parameters, spec=spec, backend="fused")
    result.runoff.sum().backward()
    for name, value in parameters.items():
        assert torch.isfinite(value.grad).all(), name
        assert value.grad.abs().max() < 1e6, name


def test_series_equal_those_of_the_loop(make_weather, make_parameters):
    spec = replace(HBV_1_1P, n_members=20)
    weather, parameters = make_weather(100, 15), make_parameters(spec, 15, 100)
    with torch.no_grad():
        plain, fused = (
            simulate_hbv(*weather, parameters, spec=spec, series=True, backend=backend, warmup=9)
            for backend in ("torch", "fused")
        )
    assert set(fused.series) == {*FLUXES, *STORES, "runoff_generated"}
    for name, expected in plain.series.items():
        torch.testing.assert_close(fused.series[name], expected, rtol=1e-12, atol=1e-12)
    for mine, expected in zip(fused.state, plain.state, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-12, atol=1e-12)


def test_threads_do_not_change_the_result(make_weather, make_parameters):
    spec = replace(HBV_1_1P, n_members=16)
    weather, parameters = make_weather(50, 40), make_parameters(spec, 40, 50)
    found = {}
    n_threads = torch.get_num_threads()
    try:
        for n in (1, 3):
            torch.set_num_threads(n)
            found[n] = gradients("fused", torch.float64, weather, parameters, spec)
    finally:
        torch.set_num_threads(n_threads)
    # Other blocks have other remainders of vector loops, which round otherwise.
    torch.testing.assert_close(found[1][0], found[3][0], rtol=1e-13, atol=1e-13)
    for name, gradient in found[1][1].items():
        assert_relatively_equal(found[3][1][name], gradient, 1e-13, name)


def test_the_kernel_is_chosen_where_it_can_be(make_weather, make_parameters):
    spec = replace(HBV_1_1P, n_members=2)
    weather, parameters = make_weather(10, 2), make_parameters(spec, 2, 10)

    def is_fused(**arguments):
        arguments = {"spec": spec, "series": False, **arguments}
        result = simulate_hbv(*weather, parameters, **arguments)
        return "Fused" in str(result.state.soil.grad_fn.next_functions[0][0])

    assert is_fused()
    assert not is_fused(backend="torch")
    assert not is_fused(series=True)  # with gradients, in plain torch


def test_what_the_kernel_cannot_do_is_told(make_weather, make_parameters):
    spec = replace(HBV_1_1P, n_members=2)
    weather, parameters = make_weather(10, 2), make_parameters(spec, 2, 10)
    with pytest.raises(ValueError, match=r"has no gradients of stores and fluxes.*Use backend"):
        simulate_hbv(*weather, parameters, spec=spec, series=True, backend="fused")
    spec = replace(HBV_1_1P, n_members=257)
    with pytest.raises(ValueError, match=r"takes up to 256 members. Got 257"):
        simulate_hbv(*weather, make_parameters(spec, 2, 10), spec=spec, backend="fused")
    elsewhere = [torch.zeros(10, 2, device="meta")]
    assert "needs tensors on the CPU. Got meta" in _obstacle(elsewhere, {}, (), None, False)


def test_without_numba_the_loop_serves(monkeypatch, make_weather, make_parameters):
    spec = replace(HBV_1_1P, n_members=2)
    weather, parameters = make_weather(10, 2), make_parameters(spec, 2, 10)
    monkeypatch.setattr("stefaland_sk.physics._hbv.has_numba", lambda: False)
    expected = simulate_hbv(*weather, parameters, spec=spec, backend="torch")
    assert torch.equal(simulate_hbv(*weather, parameters, spec=spec).runoff, expected.runoff)
    with pytest.raises(ImportError, match=r"backend='fused' needs the package 'numba'"):
        simulate_hbv(*weather, parameters, spec=spec, backend="fused")


def test_importing_physics_does_not_import_the_compiler():
    code = "import sys, stefaland_sk.physics; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_second_derivatives_need_the_loop(make_weather, make_parameters):
    spec = replace(HBV_1_1P, n_members=1, dynamic=())
    weather, parameters = make_weather(5, 1), make_parameters(spec, 1)

    def twice(backend):
        result = simulate_hbv(*weather, parameters, spec=spec, backend=backend)
        (first,) = torch.autograd.grad(result.runoff.sum(), parameters["fc"], create_graph=True)
        return torch.autograd.grad(first.sum(), parameters["beta"])[0]

    assert torch.isfinite(twice("torch")).all()
    with pytest.raises(RuntimeError, match="once_differentiable|not have been used in the graph"):
        twice("fused")


@pytest.mark.parametrize("was_enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(was_enabled, monkeypatch):
    monkeypatch.setattr(_fused, "_READY", set())  # as in the first call of a process
    spec = replace(HBV_1_1P, dynamic=(), n_members=1)
    before = gc.isenabled()
    (gc.enable if was_enabled else gc.disable)()
    try:
        weather = [torch.ones(3, 2)] * 3
        parameters = spec.from_raw(torch.zeros(2, spec.n_static))
        simulate_hbv(*weather, parameters, spec=spec, backend="fused")
        assert gc.isenabled() == was_enabled
    finally:
        (gc.enable if before else gc.disable)()
    assert {dtype for _, dtype in _fused._READY} == {np.dtype("float32")}
