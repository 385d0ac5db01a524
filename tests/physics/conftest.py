"""Made-up weather and parameters, in tensors."""

import math

import pytest
import torch


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
