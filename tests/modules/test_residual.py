"""The residual adapter by pieces equals its layers, in value and gradient; so do joined layers."""

import pytest
import torch
from torch.nn import functional as F

from stefaland_sk.modules import FinetuneHead, RecurrentRegressor, make_adapter
from stefaland_sk.modules import _residual as residual
from stefaland_sk.modules._recurrent import ConcatLinear, Recurrent


@pytest.fixture(autouse=True)
def _own_random_state():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    """Several pieces, the last of them shorter."""
    monkeypatch.setattr(residual, "_ROWS", 6)


def adapter(n_attributes=2, **options):
    made = make_adapter("residual", 4, 3, n_attributes, **options).double()
    with torch.no_grad():  # away from gains of 1 and shifts of 0
        for weight in made.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return made


def inputs(n_attributes=2, requires_grad=True, dtype=torch.float64):
    shapes = [(3, 5, 4), (3, 5, 3), (3, n_attributes)]
    return [torch.randn(s, dtype=dtype, requires_grad=requires_grad) for s in shapes]


@pytest.mark.parametrize("feature_scale", [0.5, None])
@pytest.mark.parametrize("n_attributes", [0, 2])
@pytest.mark.parametrize("requires_grad", [True, False])
def test_adapter_by_pieces_equals_its_layers(feature_scale, n_attributes, requires_grad):
    model = adapter(n_attributes, feature_scale=feature_scale, dropout=0.0)
    tensors = inputs(n_attributes, requires_grad)
    weigh = torch.randn(3, 5, 4, dtype=torch.float64)
    found = []
    for compute in (model._by_pieces, model._plain):
        out = compute(*tensors)
        leaves = [*model.parameters(), *(part for part in tensors if part.requires_grad)]
        grads = torch.autograd.grad((out * weigh).sum(), leaves, allow_unused=True)
        found.append([out, *(grad for grad in grads if grad is not None)])
    assert len(found[0]) == len(found[1])
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("feature_scale", [0.5, None])
def test_gradient_by_pieces_follows_what_was_dropped(feature_scale):
    model = adapter(feature_scale=feature_scale, dropout=0.3).train()

    def compute(*tensors):
        torch.manual_seed(1)  # the same entries every time
        return model._by_pieces(*tensors[:3])

    torch.autograd.gradcheck(compute, (*inputs(), *model.parameters()))


def test_dropout_by_pieces_keeps_rate_and_mean():
    model = make_adapter("residual", 4, 3, 2, dropout=0.25).train()
    features, forcing, attributes = inputs(requires_grad=False, dtype=torch.float32)
    plain, pieces = (
        torch.stack([compute(features, forcing, attributes) for _ in range(4000)]).mean(0)
        for compute in (model._plain, model._by_pieces)
    )
    torch.testing.assert_close(pieces, plain, atol=0.1, rtol=0)


def test_without_gradient_the_value_is_the_same():
    model = adapter().eval()
    tensors = inputs()
    with torch.no_grad():
        quiet = model(*tensors)
    assert not quiet.requires_grad
    assert torch.equal(quiet, model(*tensors))


def test_features_of_half_precision_are_read_as_they_are():
    model = make_adapter("residual", 4, 3, 2).eval()
    features, forcing, attributes = inputs(requires_grad=False, dtype=torch.float32)
    half = features.half()
    expected = model(half.float(), forcing, attributes)
    assert torch.equal(model(half, forcing, attributes), expected)


def test_adapter_of_no_sites_gives_no_sites():
    model = make_adapter("residual", 4, 3, 2)
    assert model(*(part[:0].float() for part in inputs())).shape == (0, 5, 4)


def test_autocast_is_near_and_reaches_the_lstm():
    model = FinetuneHead(16, 3, 2, d_hidden=16).eval()
    tensors = torch.randn(3, 9, 16), torch.randn(3, 9, 3), torch.randn(3, 2)
    expected = model(*tensors)
    expected.square().sum().backward()
    exact = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        out = model(*tensors)
        hidden, _ = model.recurrent(torch.randn(3, 9, 16).bfloat16())
    # Where the processor has no bf16, torch keeps the LSTM in float32.
    able = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert hidden.dtype == (torch.bfloat16 if able else torch.float32)
    torch.testing.assert_close(out.float(), expected, atol=0.03, rtol=0.03)
    out.float().square().sum().backward()
    for weight, grad in zip(model.parameters(), exact, strict=True):
        assert weight.grad.dtype == torch.float32
        torch.testing.assert_close(weight.grad, grad, atol=0.05 * grad.abs().max().item(), rtol=0)


# ---------------------------------------------------------------------- joined layers
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_joined_output_equals_its_layers(n_outputs):
    model = FinetuneHead(4, 3, 2, d_hidden=4, n_outputs=n_outputs).double().eval()
    tensors = inputs()
    found = []
    for out in (model(*tensors), model.output(model.hidden_states(*tensors)[0])):
        out = out.reshape(3, 5, n_outputs)
        found.append([out, *torch.autograd.grad(out.square().sum(), list(model.parameters()))])
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("days_first", [False, True])
def test_concat_linear_gradients(days_first):
    layer = ConcatLinear([3, 0, 2, 4], 5).double()
    shapes = [(2, 6, 3), (2, 1, 2), (2, 6, 4)]
    parts = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]

    def compute(days, site, more):
        given = [days, None, site, more]
        if days_first:
            given = [part if part is None else part.transpose(0, 1) for part in given]
        out = layer(*given)
        return out.transpose(0, 1) if days_first else out

    joined = torch.cat([parts[0], parts[1].expand(-1, 6, -1), parts[2]], -1)
    torch.testing.assert_close(compute(*parts), F.linear(joined, layer.weight, layer.bias))
    torch.autograd.gradcheck(compute, parts)


def test_lstm_reads_days_or_sites_first_alike():
    model = Recurrent(3, 4)
    x = torch.randn(2, 6, 3)
    turned = x.transpose(0, 1).contiguous().transpose(0, 1)
    for out in (model(x), model(turned)):
        torch.testing.assert_close(out, model.lstm(x))


def test_regressor_equals_its_equations():
    model = RecurrentRegressor(3, 2, d_hidden=6).eval()
    x, c = torch.randn(4, 9, 3), torch.randn(4, 2)
    joined = torch.cat([x, c.unsqueeze(1).expand(-1, 9, -1)], -1)
    hidden, _ = model.recurrent.lstm(F.relu(F.linear(joined, model.pre.weight, model.pre.bias)))
    torch.testing.assert_close(model(x, c), model.output(hidden).squeeze(-1))
