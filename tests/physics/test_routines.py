"""Each routine conserves water, and does what its parameters say."""

import pytest
import torch

from stefaland_sk.physics import (
    limit_to_store,
    power_to_one,
    step_capillary_rise,
    step_evapotranspiration,
    step_groundwater,
    step_recharge,
    step_snow,
)

STORE = torch.tensor([[0.0, 1e-3, 0.7, 25.0, 400.0]], dtype=torch.float64)
SNOW = {"tt": 0.5, "cfmax": 3.0, "cfr": 0.05, "cwh": 0.1}
ZONES = {"perc": 2.0, "uzl": 10.0, "k0": 0.4, "k1": 0.1, "k2": 0.02}


def scalar(value):
    return torch.tensor([[value]], dtype=torch.float64)


@pytest.mark.parametrize("tmean", [-40.0, -0.1, 0.5, 2.0, 45.0])
@pytest.mark.parametrize("prcp", [0.0, 7.0, 500.0])
def test_snow_conserves_water_and_keeps_its_stores_positive(tmean, prcp):
    fluxes, snow, meltwater = step_snow(scalar(prcp), scalar(tmean), STORE, STORE / 2, **SNOW)
    torch.testing.assert_close(1.5 * STORE + prcp, snow + meltwater + fluxes["soil_input"])
    assert (snow >= 0).all()
    assert (meltwater >= 0).all()
    assert (meltwater <= SNOW["cwh"] * snow + 1e-12).all()


def test_precipitation_is_snow_below_the_threshold_only():
    for tmean, name in ((0.49, "snowfall"), (0.5, "rain")):
        fluxes, *_ = step_snow(scalar(5.0), scalar(tmean), STORE, STORE, **SNOW)
        assert fluxes[name].item() == 5.0


def test_meltwater_refreezes_in_the_cold():
    fluxes, snow, _ = step_snow(scalar(0.0), scalar(-1.5), scalar(10.0), scalar(1.0), **SNOW)
    assert fluxes["refreezing"].item() == pytest.approx(0.05 * 3.0 * 2.0)
    assert snow.item() == pytest.approx(10.3)


def test_recharge_conserves_water_and_leaves_no_more_than_the_capacity():
    soil = STORE + 1e-5
    recharge, excess, after = step_recharge(scalar(30.0), soil, fc=200.0, beta=2.0)
    torch.testing.assert_close(soil + 30.0, recharge + excess + after)
    assert (after <= 200.0).all()
    assert recharge[0, -1] == 30.0  # a soil beyond its capacity lets all pass


def test_evapotranspiration_is_potential_from_lp_on_and_never_dries_the_soil_out():
    soil = torch.tensor([[1e-5, 0.5, 60.0, 100.0]], dtype=torch.float64)
    et, after = step_evapotranspiration(scalar(4.0), soil, fc=100.0, lp=0.6, betaet=0.3)
    torch.testing.assert_close(soil, et + after)
    assert et[0, 2:].tolist() == [4.0, 4.0]
    assert (after >= 1e-5).all()
    assert et[0, 1] < 0.5


def test_water_rises_into_dry_soils_only():
    soil = torch.tensor([[1e-5, 50.0, 100.0, 130.0]], dtype=torch.float64)
    rise, after, lower = step_capillary_rise(soil, scalar(20.0), fc=100.0, c=0.5)
    torch.testing.assert_close(
        rise, scalar(10.0) * torch.tensor([[1 - 1e-7, 0.5, 0.0, 0.0]]).double()
    )
    torch.testing.assert_close(soil + 20.0, after + lower)


def test_groundwater_conserves_water():
    fluxes, upper, lower = step_groundwater(scalar(3.0), STORE, STORE, **ZONES)
    out = fluxes["quick_flow"] + fluxes["interflow"] + fluxes["baseflow"]
    torch.testing.assert_close(2 * STORE + 3.0, out + upper + lower)
    # Quick flow sets in above the threshold.
    assert ((fluxes["quick_flow"] > 0) == (STORE + 3 - ZONES["perc"] > ZONES["uzl"])).all()


def test_ties_between_rate_and_store_send_the_gradient_to_the_rate():
    rate, store = (torch.tensor(2.0, requires_grad=True) for _ in range(2))
    limit_to_store(rate, store).backward()
    assert rate.grad == 1.0
    assert store.grad == 0.0


def test_limited_powers_have_finite_gradients_where_plain_powers_overflow():
    ratio = torch.tensor([1e-30, 0.5, 1.0, 1e30], requires_grad=True)
    exponent = torch.full((4,), 6.0, requires_grad=True)
    power = power_to_one(ratio, exponent)
    torch.testing.assert_close(power, torch.tensor([0.0, 0.5**6, 1.0, 1.0]))
    power.sum().backward()
    assert torch.isfinite(ratio.grad).all()
    assert torch.isfinite(exponent.grad).all()


@pytest.mark.parametrize("tmean", [-2.0, 3.0])
def test_routines_pass_gradcheck(tmean):
    """Away from kinks; the whole model is compared with autograd elsewhere."""

    def leaf(*values):
        return torch.tensor([values], dtype=torch.float64, requires_grad=True)

    def snow(*args):
        names = ("tt", "cfmax", "cfr", "cwh")
        fluxes, *stores = step_snow(*args[:4], **dict(zip(names, args[4:], strict=True)))
        return (fluxes["soil_input"], *stores)

    start = (leaf(4.0), leaf(tmean), leaf(20.0, 5.0), leaf(1.3, 0.9))
    assert torch.autograd.gradcheck(
        snow, (*start, leaf(0.3), leaf(2.0), leaf(0.07), leaf(0.1)), rtol=1e-5
    )
    soil = leaf(40.0, 70.0)
    assert torch.autograd.gradcheck(
        lambda inflow, soil, fc, beta: step_recharge(inflow, soil, fc=fc, beta=beta),
        (leaf(9.0), soil, leaf(75.0), leaf(2.5)),
    )
    assert torch.autograd.gradcheck(
        lambda pet, soil, fc, lp, e: step_evapotranspiration(pet, soil, fc=fc, lp=lp, betaet=e),
        (leaf(3.0), soil, leaf(100.0), leaf(0.8), leaf(0.5)),
    )
    assert torch.autograd.gradcheck(
        lambda soil, lower, fc, c: step_capillary_rise(soil, lower, fc=fc, c=c),
        (soil, leaf(30.0), leaf(100.0), leaf(0.2)),
    )
