"""Distributions: densities, quantiles that do not cross, losses that skip what was not observed."""

import pickle

import numpy as np
import pytest
import torch

from stefaland_sk.modules import make_distribution

NAN = float("nan")
NAMES = ["quantiles", "cmal", "bernoulli"]


def raw_outputs(distribution, n_sites=3, n_times=4, dtype=torch.float64, spread=1.0):
    generator = torch.Generator().manual_seed(0)
    shape = (n_sites, n_times, distribution.n_outputs)
    return spread * torch.randn(shape, generator=generator, dtype=dtype)


@pytest.fixture
def y_true():
    """Three sites of four days of 0 or 1, some missing."""
    values = torch.tensor([[0.0, 1.0, NAN, 1.0], [1.0, 0.0, 1.0, 0.0], [NAN] * 4])
    return values.double()


# ---------------------------------------------------------------------- what all have in common
@pytest.mark.parametrize("name", NAMES)
def test_loss_gradients(name, y_true):
    distribution = make_distribution(name)
    raw = raw_outputs(distribution).requires_grad_()
    torch.autograd.gradcheck(lambda raw: distribution.loss(raw, y_true), raw)
    torch.autograd.gradcheck(distribution.point, raw)


@pytest.mark.parametrize("name", NAMES)
def test_unobserved_days_change_neither_value_nor_gradient(name, y_true):
    distribution = make_distribution(name)
    raw = raw_outputs(distribution)
    raw[2, 1] = NAN
    raw.requires_grad_()
    loss = distribution.loss(raw, y_true)
    loss.backward()
    assert loss.isfinite()
    assert raw.grad.isfinite().all()
    assert not raw.grad[y_true.isnan()].any()
    seen = y_true.isfinite()
    alone = distribution.loss(raw[seen].unsqueeze(0), y_true[seen].unsqueeze(0))
    torch.testing.assert_close(alone, loss)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_without_targets_gives_zero(name):
    distribution = make_distribution(name)
    raw = raw_outputs(distribution).requires_grad_()
    loss = distribution.loss(raw, torch.full((3, 4), NAN))
    loss.backward()
    assert loss.item() == 0
    assert not raw.grad.any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1e2, 1e4])
def test_loss_and_gradient_are_finite_for_any_output(name, size, y_true):
    distribution = make_distribution(name)
    raw = raw_outputs(distribution, dtype=torch.float32, spread=size).requires_grad_()
    loss = distribution.loss(raw, y_true.float())
    loss.backward()
    assert loss.isfinite()
    assert raw.grad.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_quantiles_never_cross(name):
    distribution = make_distribution(name)
    raw = raw_outputs(distribution, dtype=torch.float32, spread=5.0)
    levels = np.linspace(0.05, 0.95, 19)
    quantiles = distribution.quantile(raw, levels)
    assert quantiles.shape == (3, 4, 19)
    assert (quantiles.diff(dim=-1) >= 0).all()
    assert distribution.point(raw).shape == (3, 4)


@pytest.mark.parametrize("name", NAMES)
def test_distributions_are_values(name):
    distribution = make_distribution(name)
    assert pickle.loads(pickle.dumps(distribution)) == distribution


@pytest.mark.parametrize("name", NAMES)
def test_distributions_name_what_does_not_fit(name):
    distribution = make_distribution(name)
    n = distribution.n_outputs
    for method in (distribution.point, lambda raw: distribution.quantile(raw, [0.5])):
        with pytest.raises(
            ValueError, match=rf"last axis of length {n} .*got shape \(2, {n + 1}\)"
        ):
            method(torch.zeros(2, n + 1))
    with pytest.raises(
        ValueError, match=r"`raw` must have the shape of `y_true` and one axis more"
    ):
        distribution.loss(torch.zeros(2, 3, n), torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"`levels` must be numbers in \[0.*got \[-0.1, 1.5\]"):
        distribution.quantile(torch.zeros(2, 3, n), [-0.1, 0.5, 1.5])
    with pytest.raises(ValueError, match=r"`levels` must be numbers in .*got \(\)"):
        distribution.quantile(torch.zeros(2, 3, n), [])


def test_make_distribution_names_the_wrong_name():
    with pytest.raises(ValueError, match=r"`distribution` must be one of .*Got 'normal'"):
        make_distribution("normal")


# ---------------------------------------------------------------------- quantiles
def test_true_quantiles_minimise_the_pinball_loss():
    distribution = make_distribution("quantiles", levels=(0.1, 0.5, 0.9))
    y = torch.linspace(0, 1, 1001, dtype=torch.float64).unsqueeze(0)
    raw = torch.zeros(1, 1, 3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([raw], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = distribution.loss(raw.expand(1, 1001, 3), y)
        loss.backward()
        return loss

    for _ in range(5):
        optimiser.step(closure)
    found = distribution.quantile(raw.detach(), [0.1, 0.5, 0.9])[0, 0].tolist()
    assert found == pytest.approx([0.1, 0.5, 0.9], abs=0.01)


def test_pinball_loss_by_hand():
    distribution = make_distribution("quantiles", levels=(0.25, 0.75))
    step = float(np.log(np.expm1(2.0)))  # a softplus of 2
    raw = torch.tensor([[[1.0, step]]])  # quantiles 1 and 3
    loss = distribution.loss(raw, torch.tensor([[2.0]]))
    assert loss.item() == pytest.approx((0.25 * 1 + 0.25 * 1) / 2)


def test_quantiles_between_the_trained_ones_are_linear():
    distribution = make_distribution("quantiles", levels=(0.2, 0.4, 0.8))
    raw = raw_outputs(distribution)
    low, middle, high = distribution.quantile(raw, [0.2, 0.4, 0.8]).unbind(-1)
    torch.testing.assert_close(distribution.quantile(raw, [0.3])[..., 0], (low + middle) / 2)
    torch.testing.assert_close(distribution.point(raw), middle + (high - middle) / 4)
    torch.testing.assert_close(low, raw[..., 0])


def test_one_quantile_is_the_median():
    distribution = make_distribution("quantiles", levels=(0.5,))
    raw = raw_outputs(distribution)
    assert torch.equal(distribution.point(raw), raw[..., 0])


def test_quantiles_outside_the_trained_ones_are_refused():
    distribution = make_distribution("quantiles")
    message = r"in \[0.05, 0.95\], the range that was trained; got \[0.01\]"
    with pytest.raises(ValueError, match=message):
        distribution.quantile(torch.zeros(1, 1, 5), [0.01, 0.5])


@pytest.mark.parametrize("levels", [(0.5, 0.1), (0.6, 0.9), (0.0, 0.5), (0.1, 0.5, 0.5)])
def test_quantile_levels_must_increase_around_the_median(levels):
    with pytest.raises(ValueError, match=r"`levels` must increase, .* enclose 0.5.*got"):
        make_distribution("quantiles", levels=levels)


# ---------------------------------------------------------------------- the mixture
def test_mixture_density_integrates_to_one_and_to_its_mean():
    distribution = make_distribution("cmal")
    raw = raw_outputs(distribution, 1, 1)
    y = torch.linspace(-400, 400, 800_001, dtype=torch.float64).unsqueeze(0)
    density = distribution.log_density(raw.expand(1, y.shape[1], -1), y).exp()
    assert torch.trapezoid(density, y).item() == pytest.approx(1, abs=1e-5)
    mean = torch.trapezoid(density * y, y).item()
    assert mean == pytest.approx(distribution.point(raw).item(), abs=1e-4)
    # The cumulative distribution is the integral of the density.
    at = y[:, 400_500:400_501]
    below = torch.trapezoid(density[:, :400_501], y[:, :400_501])
    expected = distribution.cumulative(raw, at.unsqueeze(0)).item()
    assert below.item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("n_components", [1, 3])
@pytest.mark.parametrize("spread", [0.5, 5.0])
def test_mixture_quantiles_invert_the_cumulative_distribution(n_components, spread):
    distribution = make_distribution("cmal", n_components=n_components)
    raw = raw_outputs(distribution, spread=spread)
    levels = torch.tensor([0.01, 0.05, 0.3, 0.5, 0.9, 0.99], dtype=torch.float64)
    quantiles = distribution.quantile(raw, levels)
    assert not quantiles.requires_grad
    # Within 1e-4 of the smallest scale on either side lies the level.
    near = 1e-4 * torch.nn.functional.softplus(raw.unflatten(-1, (4, -1))[..., 1, :])
    near = (near + 1e-4 * distribution.least_scale).amin(-1, keepdim=True)
    assert (distribution.cumulative(raw, quantiles - near) <= levels).all()
    assert (distribution.cumulative(raw, quantiles + near) >= levels).all()


def test_mixture_loss_of_symmetric_components_is_that_of_laplace():
    distribution = make_distribution("cmal", n_components=2)
    raw = torch.zeros(1, 1, 8, dtype=torch.float64)
    y = torch.tensor([[1.3]], dtype=torch.float64)
    scale = 2 * (np.log(2) + distribution.least_scale)
    expected = -torch.distributions.Laplace(0.0, torch.tensor(scale)).log_prob(y)
    torch.testing.assert_close(distribution.loss(raw, y), expected.squeeze())


def test_mixture_names_the_wrong_parameter():
    with pytest.raises(ValueError, match="`n_components` must lie in"):
        make_distribution("cmal", n_components=0)
    with pytest.raises(ValueError, match="`least_scale` must lie in"):
        make_distribution("cmal", least_scale=0.0)


# ---------------------------------------------------------------------- 0 or 1
def test_bernoulli_is_a_probability():
    distribution = make_distribution("bernoulli")
    raw = torch.tensor([[[0.0], [float(np.log(3.0))]]])
    torch.testing.assert_close(distribution.point(raw), torch.tensor([[0.5, 0.75]]))
    assert distribution.quantile(raw, [0.2, 0.3])[0, 1].tolist() == [0, 1]
    expected = -np.log([0.5, 0.75]).mean()
    assert distribution.loss(raw, torch.ones(1, 2)).item() == pytest.approx(expected)
