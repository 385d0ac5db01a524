"""The whole model: laws that hold for any parameters, and an independent slow implementation."""

import math
from dataclasses import replace

import pytest
import torch

from stefaland_sk.physics import FLUXES, HBV_1_0, HBV_1_1P, STORES, HBVState, simulate_hbv

FEW = replace(HBV_1_1P, n_members=4)


def slow_hbv(prcp, tmean, pet, p):
    """One site and one member in plain floats, written from the published equations.

    Evapotranspiration leaves 1e-5 mm in the soil, where the original adds what it lacks.
    """
    snow = water = soil = upper = lower = 0.001
    flows = []
    for t in range(len(prcp)):
        q = {name: value[t] if isinstance(value, list) else value for name, value in p.items()}
        rain, snowfall = (prcp[t], 0.0) if tmean[t] >= q["tt"] else (0.0, prcp[t])
        snow += snowfall
        melt = min(max(q["cfmax"] * (tmean[t] - q["tt"]), 0.0), snow)
        snow, water = snow - melt, water + melt
        refrozen = min(max(q["cfr"] * q["cfmax"] * (q["tt"] - tmean[t]), 0.0), water)
        snow, water = snow + refrozen, water - refrozen
        out = max(water - q["cwh"] * snow, 0.0)
        water -= out
        recharge = (rain + out) * min((soil / q["fc"]) ** q["beta"], 1.0)
        soil += rain + out - recharge
        excess = max(soil - q["fc"], 0.0)
        soil -= excess
        wanted = pet[t] * min((soil / (q["lp"] * q["fc"])) ** q["betaet"], 1.0)
        soil -= min(wanted, soil - 1e-5)
        rise = min(lower, q["c"] * lower * (1.0 - min(soil / q["fc"], 1.0)))
        soil, lower = soil + rise, lower - rise
        upper += recharge + excess
        percolation = min(upper, q["perc"])
        upper -= percolation
        quick = q["k0"] * max(upper - q["uzl"], 0.0)
        upper -= quick
        inter = q["k1"] * upper
        upper -= inter
        lower += percolation
        base = q["k2"] * lower
        lower -= base
        flows.append(quick + inter + base)
    a, theta = max(p["route_a"], 0.0) + 0.1, max(p["route_b"], 0.0) + 0.5
    shares = [(k + 0.5) ** (a - 1) * math.exp(-(k + 0.5) / theta) for k in range(15)]
    return [
        sum(shares[k] / sum(shares) * flows[t - k] for k in range(min(15, t + 1)))
        for t in range(len(flows))
    ]


@pytest.fixture
def run(make_weather, make_parameters):
    """Simulate some days at some sites with random parameters."""

    def run(spec=FEW, n_times=400, n_sites=3, **arguments):
        weather = make_weather(n_times, n_sites)
        parameters = make_parameters(spec, n_sites, n_times)
        return simulate_hbv(*weather, parameters, spec=spec, backend="torch", **arguments)

    return run


@pytest.mark.parametrize("variant", [HBV_1_1P, HBV_1_0], ids=["1.1p", "1.0"])
def test_flow_agrees_with_a_slow_independent_implementation(variant, make_weather, make_parameters):
    spec = replace(variant, n_members=3)
    weather = make_weather(500, 2)
    parameters = make_parameters(spec, 2, 500)
    result = simulate_hbv(*weather, parameters, spec=spec, backend="torch")
    for site in range(2):
        members = []
        for member in range(3):
            values = {name: float(value) for name, value in spec.fixed}
            for name, value in parameters.items():
                values[name] = (
                    value[site] if "route" in name else value[..., site, member]
                ).tolist()
            members.append(slow_hbv(*(part[:, site].tolist() for part in weather), values))
        expected = torch.tensor(members, dtype=torch.float64).mean(0)
        torch.testing.assert_close(result.runoff[:, site].detach(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("spec", [FEW, replace(HBV_1_0, n_members=4)], ids=["1.1p", "1.0"])
def test_water_is_conserved_to_rounding(spec, run, make_weather):
    result = run(spec, series=True)
    prcp, *_ = make_weather(400, 3)
    fluxes = result.series
    stored = sum(part.mean(-1) for part in result.state[:-1]) - 5 * 0.001
    out = fluxes["et"].sum(0) + fluxes["runoff_generated"].sum(0)
    torch.testing.assert_close(prcp.sum(0), (out + stored).detach(), rtol=1e-12, atol=1e-10)
    for store, flux_in, flux_out in (
        ("snow", ("snowfall", "refreezing"), ("melt",)),
        ("soil", ("soil_input", "capillary_rise"), ("recharge", "excess", "et")),
    ):
        change = fluxes[store][1:] - fluxes[store][:-1]
        flow = sum(fluxes[name] for name in flux_in) - sum(fluxes[name] for name in flux_out)
        torch.testing.assert_close(change, flow[1:], rtol=1e-9, atol=1e-9)


def test_series_are_named_and_consistent(run):
    result = run(series=True)
    assert set(result.series) == {*STORES, *FLUXES, "runoff_generated"}
    flows = sum(result.series[name] for name in ("quick_flow", "interflow", "baseflow"))
    torch.testing.assert_close(flows, result.runoff)
    assert all(series.shape == (400, 3) for series in result.series.values())
    for name, store in zip(STORES, result.state[:-1], strict=True):
        torch.testing.assert_close(result.series[name][-1], store.mean(-1))
    assert run().series is None


@pytest.mark.parametrize("cut", [1, 8, 200, 399])
def test_a_restart_from_its_own_state_gives_the_whole_run(cut, run, make_weather, make_parameters):
    whole = run(series=True)
    weather, parameters = make_weather(400, 3), make_parameters(FEW, 3, 400)

    def part(days, initial):
        values = {n: v[days] if n in FEW.dynamic else v for n, v in parameters.items()}
        forcing = (series[days] for series in weather)
        return simulate_hbv(
            *forcing, values, spec=FEW, initial=initial, series=True, backend="torch"
        )

    first = part(slice(cut), None)
    second = part(slice(cut, None), first.state)
    for name, series in whole.series.items():
        joined = torch.cat([first.series[name], second.series[name]])
        torch.testing.assert_close(joined, series, rtol=1e-12, atol=1e-12)
    for mine, other in zip(second.state, whole.state, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


def test_warmup_gives_the_end_of_the_whole_run_without_its_gradient(run):
    whole, late = run(), run(warmup=150)
    torch.testing.assert_close(late.runoff, whole.runoff[150:])
    torch.testing.assert_close(late.state.history, whole.state.history)


def test_warmup_carries_no_gradient(make_weather, make_parameters):
    parameters = make_parameters(FEW, 3, 400)
    forcing = make_weather(400, 3)
    result = simulate_hbv(*forcing, parameters, spec=FEW, warmup=150, backend="torch")
    (gradient,) = torch.autograd.grad(result.runoff.sum(), parameters["beta"])
    assert not gradient[:150].any()
    assert gradient[150:].any()


def test_equal_members_are_one(make_weather, make_parameters):
    one, many = replace(FEW, n_members=1), replace(FEW, n_members=16)
    parameters = make_parameters(one, 3, 400)
    # Without the axis of members all share the value.
    shared = {n: v if "route" in n else v[..., 0] for n, v in parameters.items()}
    weather = make_weather(400, 3)
    single = simulate_hbv(*weather, parameters, spec=one, backend="torch")
    several = simulate_hbv(*weather, shared, spec=many, backend="torch")
    torch.testing.assert_close(single.runoff, several.runoff, rtol=1e-12, atol=1e-12)


def test_weights_choose_members(make_weather, make_parameters):
    weather, parameters = make_weather(100, 3), make_parameters(FEW, 3, 100)
    weights = torch.zeros(3, 4, dtype=torch.float64)
    weights[:, 2] = 1.0
    chosen = simulate_hbv(*weather, parameters, spec=FEW, weights=weights, backend="torch")
    third = {n: v if "route" in n else v[..., 2:3] for n, v in parameters.items()}
    single = simulate_hbv(*weather, third, spec=replace(FEW, n_members=1), backend="torch")
    torch.testing.assert_close(chosen.runoff, single.runoff)


def test_sites_do_not_influence_one_another(run, make_weather, make_parameters):
    whole = run()
    parameters = make_parameters(FEW, 3, 400)
    one = {n: v[:, 1:2] if n in FEW.dynamic else v[1:2] for n, v in parameters.items()}
    forcing = (part[:, 1:2] for part in make_weather(400, 3))
    alone = simulate_hbv(*forcing, one, spec=FEW, backend="torch")
    torch.testing.assert_close(alone.runoff[:, 0], whole.runoff[:, 1])


def test_without_routing_flow_leaves_on_its_day(make_weather, make_parameters):
    spec = replace(FEW, routing=False)
    parameters = make_parameters(spec, 3, 100)
    assert not {"route_a", "route_b"} & set(parameters)
    result = simulate_hbv(
        *make_weather(100, 3), parameters, spec=spec, series=True, backend="torch"
    )
    torch.testing.assert_close(result.runoff, result.series["runoff_generated"])


def test_gradients_agree_with_finite_differences(make_weather, make_parameters):
    spec = replace(HBV_1_1P, n_members=2)
    # Away from zero, where a step to the left would be refused.
    weather = tuple((part + 0.5).requires_grad_() for part in make_weather(5, 2, seed=3))
    parameters = make_parameters(spec, 2, 5, spread=0.5)
    stores = (30.0, 2.0, 150.0, 60.0, 40.0)
    filled = [
        torch.full((2, 2), value, dtype=torch.float64, requires_grad=True) for value in stores
    ]
    empty = HBVState.empty(2, 2, dtype=torch.float64)

    def flow(*leaves):
        values = dict(zip(parameters, leaves[3:-5], strict=True))
        initial = HBVState(*leaves[-5:], empty.history)
        result = simulate_hbv(*leaves[:3], values, spec=spec, initial=initial, backend="torch")
        return (result.runoff, *result.state)

    leaves = (*weather, *parameters.values(), *filled)
    assert torch.autograd.gradcheck(flow, leaves, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("backend", ["torch"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_everywhere(dtype, backend, extremes):
    forcing, static, dynamic, spec = extremes(dtype)
    parameters = spec.from_raw(static, dynamic)
    for value in parameters.values():
        value.retain_grad()
    result = simulate_hbv(*forcing, parameters, spec=spec, backend=backend)
    assert torch.isfinite(result.runoff).all()
    result.runoff.square().sum().backward()
    for name, value in [*parameters.items(), ("static", static), ("dynamic", dynamic)]:
        assert torch.isfinite(value.grad).all(), name


def test_half_precision_is_raised_to_single(make_weather, make_parameters):
    weather = make_weather(50, 2, dtype=torch.bfloat16)
    parameters = make_parameters(FEW, 2, 50, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = simulate_hbv(*weather, parameters, spec=FEW, backend="torch")
    assert result.runoff.dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"prcp": [[1.0]]}, TypeError, r"`prcp` must be a tensor of shape .*Got <class 'list'>"),
        ({"pet": torch.zeros(20)}, TypeError, r"`pet` must be a tensor.*Got shape \(20,\)"),
        ({"tmean": torch.zeros(19, 2)}, ValueError, r"shape of `prcp`, \(20, 2\). Got \(19, 2\)"),
        ({"prcp": torch.full((20, 2), -1.0)}, ValueError, r"`prcp` must not be negative.*is -1\."),
        ({"pet": torch.full((20, 2), -2.0)}, ValueError, r"`pet` must not be negative.*is -2\."),
        (
            {"tmean": torch.full((20, 2), torch.nan)},
            ValueError,
            r"`tmean` must be finite. It has 40",
        ),
        ({"warmup": 20}, ValueError, r"`warmup` must be shorter .* has 20 days. Got 20"),
        ({"backend": "c"}, ValueError, r"`backend` must be one of \['auto', 'torch', 'fused'\]"),
        ({"fc": None}, ValueError, r"`parameters` must hold .*Missing: \['fc'\]; unknown: \[\]"),
        ({"d": torch.ones(2, 4)}, ValueError, r"Missing: \[\]; unknown: \['d'\]"),
        (
            {"fc": torch.ones(3, 4)},
            ValueError,
            r"`parameters\['fc'\]` must have the shape \(n_sites, n_members\) = \(2, 4\)."
            r" Got \(3, 4\)",
        ),
        (
            {"beta": torch.ones(2, 4)},
            ValueError,
            r"`parameters\['beta'\]` must have the shape .* = \(20, 2, 4\). Got \(2, 4\)",
        ),
        ({"fc": torch.full((2, 4), torch.nan)}, ValueError, r"'fc'\]` must be finite. It has 8"),
        ({"weights": torch.ones(4)}, ValueError, r"`weights` must have the shape \(2, 4\). Got"),
        (
            {"initial": HBVState.empty(1, 4)},
            ValueError,
            r"`initial.snow` must have the shape \(2, 4\). Got \(1, 4\); is it a state of other",
        ),
    ],
)
def test_what_does_not_fit_is_told(change, error, message, make_weather, make_parameters):
    forcing = dict(zip(("prcp", "tmean", "pet"), make_weather(20, 2), strict=True))
    values, arguments = make_parameters(FEW, 2, 20), {}
    for name, value in change.items():
        is_parameter = name in ("fc", "d", "beta")
        target = forcing if name in forcing else values if is_parameter else arguments
        target[name] = value
        if value is None:
            del target[name]
    with pytest.raises(error, match=message):
        simulate_hbv(**forcing, parameters=values, spec=FEW, **arguments)


def test_no_days_are_told(make_parameters):
    empty = torch.zeros(0, 2)
    with pytest.raises(ValueError, match=r"at least one day. Got \(0, 2\)"):
        simulate_hbv(empty, empty, empty, make_parameters(FEW, 2, 20), spec=FEW)
