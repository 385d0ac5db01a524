"""Losses skip what was not observed, in value and gradient."""

import pytest
import torch

from stefaland_sk.modules import (
    bce_loss,
    get_loss,
    mse_loss,
    nse_loss,
    rmse_loss,
)

NAN = float("nan")
LOSSES = ["nse", "rmse", "mse", "bce"]


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


@pytest.mark.parametrize("name", ["nse", "rmse", "mse"])
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
    y_pred = y_pred.detach().requires_grad_()
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
    with pytest.raises(ValueError, match=r"`loss` must be one of .*Got 'kge'"):
        get_loss("kge")
