"""Routing: shares of a unit hydrograph, and flow that is still on its way."""

import math

import pytest
import torch

from stefaland_sk.physics import route_flow, unit_hydrograph

SHAPES = torch.tensor([-1.0, 0.0, 0.4, 1.5, 2.9], dtype=torch.float64)
SCALES = torch.tensor([0.0, -3.0, 6.5, 1.0, 6.5], dtype=torch.float64)


def test_shares_sum_to_one():
    shares = unit_hydrograph(SHAPES, SCALES)
    assert (shares >= 0).all()
    torch.testing.assert_close(shares.sum(0), torch.ones(5, dtype=torch.float64))


def test_shares_follow_the_gamma_density():
    shares = unit_hydrograph(SHAPES, SCALES)
    for site in range(5):
        a, theta = max(float(SHAPES[site]), 0) + 0.1, max(float(SCALES[site]), 0) + 0.5
        days = [k + 0.5 for k in range(15)]
        density = [t ** (a - 1) * math.exp(-t / theta) / (math.gamma(a) * theta**a) for t in days]
        expected = torch.tensor(density, dtype=torch.float64) / sum(density)
        torch.testing.assert_close(shares[:, site], expected)


def test_an_impulse_leaves_as_the_unit_hydrograph():
    shares = unit_hydrograph(SHAPES, SCALES)
    flow = torch.zeros(20, 5, dtype=torch.float64)
    flow[2] = 7.0
    routed, _ = route_flow(flow, shares)
    torch.testing.assert_close(routed[2:17], 7.0 * shares)
    assert not routed[:2].any()
    assert not routed[17:].any()


@pytest.mark.parametrize("lengths", [(30, 10), (3, 37), (1, 1, 38), (20, 5, 5, 10)])
def test_parts_routed_one_after_the_other_give_the_whole(lengths):
    generator = torch.Generator().manual_seed(0)
    flow = torch.rand(40, 5, dtype=torch.float64, generator=generator)
    shares = unit_hydrograph(SHAPES, SCALES)
    whole, last = route_flow(flow, shares)
    history, parts = None, []
    for part in torch.split(flow, lengths):
        routed, history = route_flow(part, shares, history)
        parts.append(routed)
    torch.testing.assert_close(torch.cat(parts), whole)
    torch.testing.assert_close(history, last)


def test_gradients_of_the_shares_are_finite_at_the_ends_of_their_ranges():
    shape, scale = SHAPES.clone().requires_grad_(), SCALES.clone().requires_grad_()
    unit_hydrograph(shape, scale)[3].sum().backward()
    assert torch.isfinite(shape.grad).all()
    assert torch.isfinite(scale.grad).all()
