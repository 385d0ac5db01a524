"""Made-up weather and parameters, in tensors."""

import math
from dataclasses import replace

import pytest
import torch

from stefaland_sk.physics import HBV_1_1P

# Precipitation on most days and on every ninth, and temperature.
EXTREMES = {
    "years without rain": (0.0, 0.0, 15.0),
    "floods": (500.0, 500.0, 20.0),
    "deep frost": (3.0, 3.0, -40.0),
    "great heat": (0.0, 2.0, 45.0),
    "at the threshold": (5.0, 5.0, 0.0),
}
RAW = (-torch.inf, -8.0, 0.0, 8.0, torch.inf)


@pytest.fixture
def make_weather():
    """Precipitation, temperature and potential evapotranspiration with seasons and dry days."""

    def make(n_times, n_sites, seed=0, dtype=torch.float64):
        generator = torch.Generator().manual_seed(seed)

        def draw():
            return torch.rand(n_times, n_sites, generator=generator, dtype=torch.float64)

        season = torch.sin(2 * math.pi * torch.arange(n_times).double() / 365).unsqueeze(1)
        prcp = torch.where(draw() < 0.4, 25 * draw() ** 2, 0.0)
        tmean = 4 + 12 * season + 6 * (draw() - 0.5)
        pet = (2 + 1.8 * season + draw() - 0.5).clamp(min=0.0)
        return tuple(part.to(dtype) for part in (prcp, tmean, pet))

    return make


@pytest.fixture
def make_parameters():
    """Parameters spread over their bounds, as leaves that take gradients."""

    def make(spec, n_sites, n_times=1, seed=0, dtype=torch.float64, spread=2.0):
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape):
            return spread * torch.randn(*shape, generator=generator, dtype=torch.float64)

        dynamic = draw(n_times, n_sites, spec.n_dynamic) if spec.dynamic else None
        values = spec.from_raw(draw(n_sites, spec.n_static), dynamic)
        return {name: value.to(dtype).requires_grad_() for name, value in values.items()}

    return make


@pytest.fixture
def extremes():
    """Three years of each extreme with parameters at, near and between their bounds, as sites."""

    def make(dtype, n_times=1100):
        low, high, warmth = torch.tensor([*EXTREMES.values()] * len(RAW), dtype=dtype).T
        rare = torch.arange(n_times).unsqueeze(1) % 9 == 0
        prcp = torch.where(rare, high, low)
        tmean = warmth.expand(n_times, -1)
        pet = torch.where(tmean > 0, 8.0, 0.0).to(dtype)
        raw = torch.tensor(RAW, dtype=dtype).repeat_interleave(len(EXTREMES)).unsqueeze(1)
        spec = replace(HBV_1_1P, n_members=3)
        static = raw.repeat(1, spec.n_static)
        # The other members mix the bounds.
        mixed = torch.rand(static.shape, generator=torch.Generator().manual_seed(0))
        static[:, 1::3] = torch.where(mixed < 0.5, -torch.inf, torch.inf)[:, 1::3]
        dynamic = raw.repeat(n_times, 1, 1).repeat(1, 1, spec.n_dynamic)
        return (prcp, tmean, pet), static.requires_grad_(), dynamic.requires_grad_(), spec

    return make
