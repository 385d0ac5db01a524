"""What made the discharge can be found again from it."""

import math
from dataclasses import replace

import torch

from stefaland_sk.physics import HBV_1_1P, simulate_hbv


def test_the_season_of_a_daily_parameter_is_recovered_from_discharge(make_weather):
    """Mean, amplitude and phase of beta, all else known, from a start without a season."""
    spec = replace(HBV_1_1P, n_members=1, dynamic=("beta",))
    n_times = 1095
    weather = make_weather(n_times, 1)
    generator = torch.Generator().manual_seed(1)
    static = 0.5 * torch.randn(1, spec.n_static, generator=generator, dtype=torch.float64)
    angle = 2 * math.pi * torch.arange(n_times, dtype=torch.float64) / 365
    waves = torch.stack([torch.ones_like(angle), angle.sin(), angle.cos()], dim=1)

    def flow(coefficients):
        daily = (waves @ coefficients).reshape(n_times, 1, 1)
        return simulate_hbv(*weather, spec.from_raw(static, daily), spec=spec, warmup=200).runoff

    truth = torch.tensor([-0.5, 1.2, -0.8], dtype=torch.float64)
    observed = flow(truth)
    found = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([found], lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        (flow(found) - observed).square().mean().backward()
        optimiser.step()
    assert torch.equal(found.sign(), truth.sign())
    season, other = (waves[:, 1:] @ part[1:].detach() for part in (found, truth))
    assert torch.corrcoef(torch.stack([season, other]))[0, 1] > 0.95
