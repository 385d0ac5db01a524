"""Our dropout is torch's: rate, mean, gradient, reproducibility, device of last resort."""

import pytest
import torch

from stefaland_sk.modules._dropout import Dropout, dropout


@pytest.fixture(autouse=True)
def _own_random_state():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_meets_the_rate_and_keeps_the_mean(rate):
    out = dropout(torch.ones(400, 503), rate, training=True)
    assert (out == 0).float().mean() == pytest.approx(rate, abs=0.005)
    assert out.unique().tolist() == [0.0, pytest.approx(1 / (1 - rate))]


def test_dropout_entries_are_independent():
    """Entries share draws of 64 bits, but not their fate."""
    out = dropout(torch.ones(100_000, 8), 0.5, training=True) > 0
    both = (out[:, :, None] & out[:, None, :]).float().mean(0)
    expected = torch.full((8, 8), 0.25).fill_diagonal_(0.5)
    torch.testing.assert_close(both, expected, atol=0.01, rtol=0)


def test_dropout_gradient_follows_the_kept_entries():
    values = torch.randn(6, 7, requires_grad=True)
    out = dropout(values, 0.4, training=True)
    out.sum().backward()
    torch.testing.assert_close(values.grad, (out != 0) / 0.6)


def test_dropout_repeats_with_the_seed():
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(dropout(torch.ones(50), 0.5, training=True))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_dropout_passes_through_or_drops_all_at_the_ends():
    values = torch.randn(5)
    assert dropout(values, 0.5, training=False) is values
    assert dropout(values, 0, training=True) is values
    assert not dropout(values, 1, training=True).any()
    assert dropout(values, 1 - 1e-9, training=True).isfinite().all()


@pytest.mark.parametrize("shape", [(0,), (), (3, 0, 2), (5, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dropout_of_any_shape_and_precision(shape, dtype):
    out = dropout(torch.ones(shape, dtype=dtype), 0.5, training=True)
    assert out.shape == shape
    assert out.dtype == dtype


def test_dropout_module_is_silent_in_evaluation():
    layer = Dropout(0.5)
    assert (layer(torch.ones(100)) == 0).any()
    assert torch.equal(layer.eval()(torch.ones(100)), torch.ones(100))
    assert repr(layer) == "Dropout(rate=0.5)"
