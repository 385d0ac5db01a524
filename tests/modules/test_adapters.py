"""Adapters that mix days: their equations, and what reads ahead; features of sites; pairings."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stefaland_sk.modules import FinetuneHead, RecurrentRegressor, make_adapter
from stefaland_sk.modules._adapters import ADAPTERS
from stefaland_sk.modules._mixing import Attention, DayConvolution


@pytest.fixture(autouse=True)
def _own_random_state():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def tensors():
    """Features, forcing and attributes of three sites and ten days."""
    return torch.randn(3, 10, 8), torch.randn(3, 10, 3), torch.randn(3, 2)


def joined(features, forcing):
    return torch.cat([features, forcing], -1)


def linear(layer, values):
    return F.linear(values, layer.weight, layer.bias)


# ---------------------------------------------------------------------- equations
def test_convolution_adapter_equals_its_equation(tensors):
    h, x, _ = tensors
    adapter = make_adapter("conv", 8, 3, 2).eval()
    first, second = nn.Conv1d(8, 16, 3, padding=1), nn.Conv1d(16, 8, 3, padding=1)
    first.load_state_dict(adapter.widen.state_dict())
    second.load_state_dict(adapter.narrow.state_dict())
    inner = second(F.relu(first(linear(adapter.mix, joined(h, x)).mT))).mT
    torch.testing.assert_close(adapter(h, x, None), adapter.norm(h + inner))


def test_attention_equals_the_one_of_torch(tensors):
    h, x, _ = tensors
    ours, theirs = Attention(8, 4, 0.1).eval(), nn.MultiheadAttention(8, 4, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key_value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key_value.bias]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())
    other = torch.randn(3, 7, 8)
    torch.testing.assert_close(ours(h, other), theirs(h, other, other)[0])
    ours.causal = True
    later = nn.Transformer.generate_square_subsequent_mask(10)
    torch.testing.assert_close(ours(h, h), theirs(h, h, h, attn_mask=later)[0])


def test_attention_adapter_equals_its_equation(tensors):
    h, x, _ = tensors
    a = make_adapter("attention", 8, 3, 2).eval()
    p = a.from_forcing(x)
    one = a.norm_features(h + a.attend_features(h, h))
    two = a.norm_forcing(one + a.attend_forcing(one, p))
    expected = a.norm(two + a.contract(F.relu(a.expand(two))))
    torch.testing.assert_close(a(h, x, None), expected)


def test_experts_adapter_equals_its_equation(tensors):
    h, x, _ = tensors
    a = make_adapter("moe", 8, 3, 2).eval()
    share = torch.softmax(linear(a.gate, joined(h, x)), -1)
    total = h
    for k, part in enumerate(F.relu(linear(a.expand, joined(h, x))).split(8, -1)):
        total = total + share[..., k : k + 1] * (part @ a.weight[8 * k : 8 * k + 8] + a.bias[k])
    torch.testing.assert_close(a(h, x, None), a.norm(total))


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize("causal", [False, True])
def test_adapter_gradients_in_double_precision(name, causal):
    looks_ahead = name in ("conv", "attention")
    if causal and not looks_ahead:
        return
    adapter = make_adapter(name, 4, 3, 2, **({"causal": causal} if looks_ahead else {}))
    shapes = [(2, 5, 4), (2, 5, 3), (2, 2)]
    inputs = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]
    torch.autograd.gradcheck(adapter.double().eval(), inputs)


# ---------------------------------------------------------------------- time
@pytest.mark.parametrize(
    ("adapter", "residual"), [("conv", False), ("attention", True), (None, "cnn")]
)
def test_only_causal_parts_never_read_later_days(tensors, adapter, residual):
    for causal in (True, False):
        options = {"adapter": adapter, "residual": residual, "causal": causal}
        model = FinetuneHead(8, 3, 2, d_hidden=8, **options).eval()
        later = [part.clone() for part in tensors]
        later[0][:, 7:], later[1][:, 7:] = 9.0, 9.0
        same = torch.allclose(model(*later)[:, :7], model(*tensors)[:, :7], atol=1e-6)
        assert same == causal


@pytest.mark.parametrize("causal", [False, True])
def test_causal_convolution_reads_three_days(causal):
    layer = DayConvolution(1, 1, causal)
    impulse = torch.zeros(1, 9, 1)
    impulse[0, 4] = 1.0
    touched = (layer(impulse) - layer.bias)[0, :, 0].nonzero().flatten().tolist()
    assert touched == ([4, 5, 6] if causal else [3, 4, 5])
    assert repr(layer) == f"DayConvolution(1, 1, causal={causal})"


# ---------------------------------------------------------------------- features of sites
@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("residual", [True, False, "cnn"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("n_forcings", [0, 3])
def test_one_feature_of_a_site_stands_for_every_day(tensors, adapter, residual, causal, n_forcings):
    h, x, c = tensors
    x = x[..., :n_forcings]
    options = {"adapter": adapter, "residual": residual, "causal": causal}
    model = FinetuneHead(8, n_forcings, 2, d_hidden=12, **options).eval()
    repeated = h[:, :1].expand(-1, 10, -1)
    out = model(h[:, :1], x, c)
    assert out.shape == (3, 10)
    torch.testing.assert_close(out, model(repeated, x, c), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("head", ["linear", "decoder"])
def test_one_feature_of_a_site_stands_for_every_day_in_other_heads(tensors, head):
    h, x, c = tensors
    model = FinetuneHead(8, 3, 2, head=head, residual=False).eval()
    torch.testing.assert_close(model(h[:, :1], x, c), model(h[:, :1].expand(-1, 10, -1), x, c))


# ---------------------------------------------------------------------- heads
def test_linear_head_is_a_linear_probe(tensors):
    h, x, c = tensors
    model = FinetuneHead(8, 3, 2, d_hidden=5, head="linear", residual=False).train()
    assert sorted(name for name, _ in model.named_parameters()) == ["output.bias", "output.weight"]
    out, state = model(h, x, c, return_state=True)
    torch.testing.assert_close(out, linear(model.output, h).squeeze(-1))
    assert state is None


def test_linear_head_with_raw_inputs_has_layers_around_nothing(tensors):
    h, x, c = tensors
    model = FinetuneHead(8, 3, 2, d_hidden=8, head="linear").eval()
    days = c.unsqueeze(1).expand(-1, 10, -1)
    u = linear(model.pre, torch.cat([model.adapter(h, x, c), x, days], -1))
    o = linear(model.post, torch.cat([u, x, days], -1)) + u
    torch.testing.assert_close(model(h, x, c), model.output(o).squeeze(-1))


def test_decoder_head_reads_out_like_the_pretraining(tensors):
    h, x, c = tensors
    model = FinetuneHead(8, 3, 2, d_hidden=8, head="decoder", residual=False, n_outputs=2).eval()
    norm, _, first, _, second = model.output
    expected = second(F.gelu(first(norm(model.recurrent.lstm(h)[0]))))
    torch.testing.assert_close(model(h, x, c), expected)
    assert first.out_features == 64
    assert isinstance(model.adapter, ADAPTERS["none"])


def test_head_without_encoder_equals_its_equations(tensors):
    _, x, c = tensors
    model = FinetuneHead(0, 3, 2, d_hidden=8).eval()
    days = c.unsqueeze(1).expand(-1, 10, -1)
    h, _ = model.recurrent.lstm(linear(model.pre, torch.cat([x, days], -1)))
    o = linear(model.post, torch.cat([h, x, days], -1)) + h
    torch.testing.assert_close(model(None, x, c), model.output(o).squeeze(-1))


def test_head_without_encoder_and_residual_is_the_regressor(tensors):
    _, x, c = tensors
    model = FinetuneHead(0, 3, 2, d_hidden=8, residual=False, dropout=0.4).eval()
    other = RecurrentRegressor(3, 2, d_hidden=8).eval()
    other.load_state_dict(model.state_dict())
    assert torch.equal(model(forcing=x, attributes=c), other(x, c))
    assert model.dropout.rate == other.dropout.rate


@pytest.mark.parametrize("residual", [True, False])
def test_head_without_encoder_or_forcing_gives_one_step(tensors, residual):
    *_, c = tensors
    model = FinetuneHead(0, 0, 2, d_hidden=8, residual=residual).eval()
    assert model(attributes=c).shape == (3, 1)
    assert model(None, torch.zeros(3, 6, 0), c).shape == (3, 6)


def test_names_of_parameters_begin_with_their_part():
    def parts(*sizes, **options):
        model = FinetuneHead(*sizes, d_hidden=8, **options)
        return {name.split(".")[0] for name, _ in model.named_parameters()}

    around = {"pre", "recurrent", "post", "output"}
    assert parts(4, 3, 2) == around | {"project", "adapter"}
    assert parts(0, 3, 2) == around
    assert parts(4, 3, 2, residual="cnn") == {
        *("project", "skip", "convolve", "mix", "recurrent", "output")
    }


@pytest.mark.parametrize("none", [None, "none"])
def test_no_adapter_may_be_spelled_none(none):
    assert isinstance(FinetuneHead(8, 3, 2, adapter=none).adapter, ADAPTERS["none"])
    assert isinstance(make_adapter(none, 8, 3, 2), ADAPTERS["none"])


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ((8, 3, 2), {"head": "decoder"}, "reads the features alone.*residual=True. Use residual=F"),
        ((8, 3, 2), {"head": "mlp"}, r"`head` must be one of \['lstm', 'linear', 'decoder'\]"),
        ((8, 3, 2), {"causal": 1}, r"`causal` must be one of \[True, False\]"),
        ((0, 0, 0), {}, "raw inputs only; got n_forcings=0 and n_attributes=0. Give at least one"),
        ((0, 3, 2), {"adapter": "gated"}, "`adapter`='gated' joins raw inputs.*adapter='none'"),
        ((0, 3, 2), {"residual": "cnn"}, "residual='cnn' needs features.*residual=True or False"),
        ((0, 3, 2), {"head": "decoder", "residual": False}, "head='decoder' needs features"),
        ((8, 3, 2), {"d_hidden": 6, "adapter": "attention"}, "4 heads.* width 6 .*such as 8"),
    ],
)
def test_head_names_the_pairing_that_makes_no_sense(sizes, options, message):
    with pytest.raises(ValueError, match=message):
        FinetuneHead(*sizes, **options)


def test_head_names_features_that_do_not_belong(tensors):
    with pytest.raises(ValueError, match=r"must be None .*\(d_encoder=0\); got shape \(3, 10, 8\)"):
        FinetuneHead(0, 3, 2)(*tensors)
    with pytest.raises(ValueError, match=r"`features` must have shape .*got None"):
        FinetuneHead(8, 3, 2)(None, *tensors[1:])
