"""Losses skip what was not observed, in value and gradient."""

import pytest
import torch

from stefaland_sk.metrics import kge
from stefaland_sk.modules import (
    bce_loss,
    get_loss,
    kge_loss,
    loss_info,
    mse_loss,
    nse_loss,
    rmse_comb_loss,
    rmse_loss,
    sqrt_nse_loss,
)

NAN = float("nan")
LOSSES = ["nse", "rmse", "mse", "bce", "sqrt_nse", "rmse_comb", "kge"]


@pytest.fixture
def flows():
    """Two sites of three days, of which four values are observed."""
    y_true = torch.tensor([[1.0, NAN, 0.0], [0.0, 1.0, NAN]])
    y_pred = torch.tensor([[0.5, 7.0, 0.0], [1.0, 1.0, -9.0]], requires_grad=True)
    return y_pred, y_true, torch.tensor([0.9, 1.9])


def test_losses_by_hand(flows):
    y_pred, y_true, std = flows
    expected = (0.25 / 1 + 1 / 4) / 4
    assert nse_loss(y_pred, y_true, std).item() == pytest.approx(expected)
    assert nse_loss(y_pred, y_true, std[:, None]).item() == pytest.approx(expected)
    assert nse_loss(y_pred, y_true, std, eps=1.1).item() == pytest.approx((0.25 / 4 + 1 / 9) / 4)
    assert mse_loss(y_pred, y_true).item() == pytest.approx(1.25 / 4)
    assert rmse_loss(y_pred, y_true).item() == pytest.approx((1.25 / 4) ** 0.5)
    expected = (0.5 / 1 + 1 / 2) / 4
    assert sqrt_nse_loss(y_pred, y_true, std).item() == pytest.approx(expected, abs=1e-3)
    low = torch.log10(y_pred.sqrt() + 0.1) - torch.log10(y_true.sqrt() + 0.1)
    low = low[y_true.isfinite()].square().mean().sqrt()
    expected = 0.75 * (1.25 / 4) ** 0.5 + 0.25 * low.item()
    assert rmse_comb_loss(y_pred, y_true).item() == pytest.approx(expected, abs=1e-3)


def test_kge_loss_is_one_minus_the_metric():
    generator = torch.Generator().manual_seed(0)
    y_true, y_pred = torch.rand(2, 4, 50, generator=generator, dtype=torch.float64) + 1
    y_true[1, 3:9] = NAN
    seen = y_true.isfinite()
    expected = 1 - kge(y_true[seen].numpy(), y_pred[seen].numpy())
    assert kge_loss(y_pred, y_true).item() == pytest.approx(expected, abs=1e-4)
    assert kge_loss(y_true, y_true).item() < 1e-4


def test_losses_tell_which_units_they_need():
    assert [name for name in LOSSES if loss_info(name).natural_units] == ["rmse_comb", "kge"]
    assert all(loss_info(name).compute is get_loss(name) for name in LOSSES)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    ("y_pred", "y_true"),
    [
        ([-2.0, -1.0, 0.0], [0.0, 1.0, 2.0]),  # negative predictions
        ([1.0, 1.0, 1.0], [0.0, 1.0, 2.0]),  # constant ones, as at the start
        ([0.0, 1.0, 2.0], [1.0, 1.0, 1.0]),  # constant targets
        ([0.0, 1.0, 2.0], [0.0, 0.0, 0.0]),  # a dry site
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
        ([0.0, 1.0, 2.0], [1.0, NAN, NAN]),  # a single observation
        ([1e-30, 1e4, 3.0], [0.0, 1.0, 2.0]),
    ],
)
def test_loss_and_gradient_are_finite_for_any_series(name, y_pred, y_true):
    y_pred = torch.tensor([y_pred], requires_grad=True)
    loss = get_loss(name)(y_pred, torch.tensor([y_true]), torch.ones(1))
    loss.backward()
    assert loss.isfinite()
    assert y_pred.grad.isfinite().all()


def test_nse_loss_is_one_minus_the_mean_efficiency():
    generator = torch.Generator().manual_seed(0)
    y_true, noise = torch.randn(2, 5, 300, generator=generator) * torch.arange(1.0, 6)[:, None]
    std = y_true.std(1, correction=0)
    nse = 1 - (noise**2).mean(1) / std**2
    assert nse_loss(y_true + noise, y_true, std, eps=0).item() == pytest.approx(
        1 - nse.mean().item()
    )


@pytest.mark.parametrize("name", LOSSES)
def test_unobserved_entries_change_neither_value_nor_gradient(name, flows):
    y_pred, y_true, std = flows
    loss = get_loss(name)(y_pred, y_true, std)
    gradient = torch.autograd.grad(loss, y_pred)[0]
    assert gradient.isfinite().all()
    assert (gradient[y_true.isnan()] == 0).all()
    junk = torch.where(y_true.isnan(), torch.tensor(NAN), y_pred)
    assert torch.equal(get_loss(name)(junk, y_true, std), loss)


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_targets_gives_zero(name):
    y_pred = torch.ones(2, 3, requires_grad=True)
    loss = get_loss(name)(y_pred, torch.full((2, 3), NAN), torch.full((2,), NAN))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(y_pred.grad, torch.zeros(2, 3))


@pytest.mark.parametrize("name", ["nse", "rmse", "mse", "rmse_comb"])
def test_a_perfect_prediction_gives_zero_and_no_gradient(name):
    y_pred = torch.ones(2, 3, requires_grad=True)
    loss = get_loss(name)(y_pred, torch.ones(2, 3), torch.zeros(2))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(y_pred.grad, torch.zeros(2, 3))


def test_a_site_without_spread_or_target_does_not_spoil_the_batch(flows):
    y_pred, y_true, std = flows
    one = torch.autograd.grad(nse_loss(y_pred[:1], y_true[:1], std[:1]), y_pred)[0]
    y_true[1], std[1] = NAN, NAN
    loss = nse_loss(y_pred, y_true, std)
    assert torch.equal(torch.autograd.grad(loss, y_pred)[0], one)


@pytest.mark.parametrize("name", LOSSES)
def test_loss_gradients(name, flows):
    y_pred, y_true, std = (part.double() for part in flows)
    y_pred = (y_pred + 0.1).detach().requires_grad_()  # away from the kink at 0
    torch.autograd.gradcheck(lambda y: get_loss(name)(y, y_true, std), y_pred)


def test_bce_loss_equals_minus_the_log_likelihood():
    logits, labels = torch.tensor([2.0, -1.0, 5.0]), torch.tensor([1.0, 1.0, NAN])
    expected = -torch.log(torch.sigmoid(logits[:2])).mean()
    torch.testing.assert_close(bce_loss(logits, labels), expected)


def test_losses_name_what_does_not_fit():
    y = torch.zeros(2, 3)
    for name in LOSSES:
        with pytest.raises(ValueError, match=r"one shape; got \(2, 3, 1\) and \(2, 3\)"):
            get_loss(name)(y[..., None], y, torch.ones(2))
    with pytest.raises(ValueError, match=r"`target_std` must have shape \(2,\).*got \(3,\)"):
        nse_loss(y, y, torch.ones(3))
    with pytest.raises(ValueError, match=r"one value per site; got None"):
        get_loss("nse")(y, y, None)
    with pytest.raises(ValueError, match=r"`target_std` must have shape \(2,\).*got \(3,\)"):
        sqrt_nse_loss(y, y, torch.ones(3))
    for find in (get_loss, loss_info):
        with pytest.raises(ValueError, match=r"`loss` must be one of .*Got 'mae'"):
            find("mae")
