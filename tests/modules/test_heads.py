"""Heads: shapes, pieces of a long series, missing inputs, independence of sites."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from stefaland_sk.modules import FinetuneHead, RecurrentRegressor, make_adapter
from stefaland_sk.modules._adapters import ADAPTERS
from stefaland_sk.modules._recurrent import ConcatLinear, Recurrent

HEADS = [
    *itertools.product(ADAPTERS, [True, False, "cnn"]),
    ("auto", True),
    ("auto", False),
    ("auto", "cnn"),
]


def head(adapter="auto", residual=True, n_forcings=3, n_attributes=2, **values):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return FinetuneHead(
            8,
            n_forcings,
            n_attributes,
            **{"d_hidden": 12, **values},
            adapter=adapter,
            residual=residual,
        ).eval()


def inputs(n_sites=4, n_times=12, n_forcings=3, n_attributes=2, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    shapes = [(n_sites, n_times, 8), (n_sites, n_times, n_forcings), (n_sites, n_attributes)]
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


@pytest.mark.parametrize(("adapter", "residual"), HEADS)
def test_head_output_has_one_value_per_site_and_day(adapter, residual):
    for n_forcings, n_attributes, n_times in itertools.product((0, 3), (0, 2), (1, 12)):
        model = head(adapter, residual, n_forcings, n_attributes)
        tensors = inputs(4, n_times, n_forcings, n_attributes)
        assert model(*tensors).shape == (4, n_times)
    assert head(adapter, residual, n_outputs=5)(*inputs()).shape == (4, 12, 5)


def test_inputs_of_no_variables_may_be_none():
    features, *_ = inputs()
    assert head(n_forcings=0, n_attributes=0)(features).shape == (4, 12)


def test_residual_head_equals_its_equations():
    model = head(d_hidden=8, feature_scale=None)
    features, x, c = inputs()
    days = c.unsqueeze(1).expand(-1, 12, -1)
    a = model.adapter
    p, q = F.relu(a.from_forcing(x)), F.relu(a.from_attributes(days))
    y = F.linear(torch.cat([features, p, q], -1), a.expand.weight, a.expand.bias)
    adapted = a.norm_second(a.norm_first(features + a.contract(F.relu(y))) + p + q)
    pre = F.linear(torch.cat([adapted, x, days], -1), model.pre.weight, model.pre.bias)
    h, _ = model.recurrent.lstm(pre)
    out = F.linear(torch.cat([h, x, days], -1), model.post.weight, model.post.bias) + h
    torch.testing.assert_close(model(features, x, c), model.output(out).squeeze(-1))


def test_plain_head_equals_its_equations():
    model = head(residual=False, d_hidden=8)
    features, x, c = inputs()
    mix = F.linear(torch.cat([features, x], -1), model.adapter.mix.weight, model.adapter.mix.bias)
    adapted = features + torch.sigmoid(mix[..., :8]) * mix[..., 8:]
    h, _ = model.recurrent.lstm(adapted)
    torch.testing.assert_close(model(features, x, c), model.output(h).squeeze(-1))


def test_bottleneck_and_feedforward_equal_their_equations():
    features, x, _ = inputs()
    joined = torch.cat([features, x], -1)
    narrow = make_adapter("bottleneck", 8, 3, 2).eval()
    inner = narrow.up(F.relu(F.linear(joined, narrow.down.weight, narrow.down.bias)))
    torch.testing.assert_close(narrow(features, x, None), narrow.norm(features + inner))
    wide = make_adapter("feedforward", 8, 3, 2).eval()
    inner = F.relu(F.linear(joined, wide.expand.weight, wide.expand.bias))
    torch.testing.assert_close(wide(features, x, None), wide.contract(inner))


def test_scaled_features_do_not_depend_on_the_size_of_features():
    model = make_adapter("residual", 8, 3, 2).eval()
    features, x, c = inputs()
    torch.testing.assert_close(
        model(features, x, c), model(100 * features, x, c), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("residual", [True, False])
def test_head_in_pieces_equals_one_long_run(residual):
    model = head(residual=residual)
    features, x, c = inputs()
    first, state = model(features[:, :5], x[:, :5], c, return_state=True)
    second = model(features[:, 5:], x[:, 5:], c, state=state)
    torch.testing.assert_close(torch.cat([first, second], 1), model(features, x, c))


def test_regressor_in_pieces_equals_one_long_run():
    model = RecurrentRegressor(3, 2, d_hidden=6).eval()
    _, x, c = inputs()
    first, state = model(x[:, :5], c, return_state=True)
    second = model(x[:, 5:], c, state)
    torch.testing.assert_close(torch.cat([first, second], 1), model(x, c))


@pytest.mark.parametrize(("adapter", "residual"), HEADS)
def test_head_predicts_a_site_alone_as_in_a_batch(adapter, residual):
    model = head(adapter, residual)
    tensors = inputs()
    expected = model(*tensors)
    for i in range(4):
        alone = model(*[part[i : i + 1] for part in tensors])
        torch.testing.assert_close(alone[0], expected[i], atol=1e-5, rtol=1e-5)


def test_regressor_predicts_a_site_alone_as_in_a_batch():
    model = RecurrentRegressor(3, 2, d_hidden=6).eval()
    _, x, c = inputs()
    torch.testing.assert_close(model(x[1:2], c[1:2])[0], model(x, c)[1], atol=1e-5, rtol=1e-5)


def test_regressor_never_reads_later_days():
    model = RecurrentRegressor(3, 2, d_hidden=6).eval()
    _, x, c = inputs()
    later = x.clone()
    later[:, 7:] = 9.0
    torch.testing.assert_close(model(later, c)[:, :7], model(x, c)[:, :7])


def test_missing_raw_inputs_count_as_the_mean():
    features, x, c = inputs()
    x[0, 3], c[1] = torch.nan, torch.nan
    zero = torch.nan_to_num(x), torch.nan_to_num(c)
    assert torch.equal(head()(features, x, c), head()(features, *zero))
    model = RecurrentRegressor(3, 2, d_hidden=6).eval()
    assert torch.equal(model(x, c), model(*zero))


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("residual", [True, False, "cnn"])
def test_gradient_reaches_every_weight_and_is_finite_with_missing_inputs(adapter, residual):
    model = head(adapter, residual, weight_dropout=0.1).train()
    features, x, c = inputs()
    x[0, 3], c[1] = torch.nan, torch.nan
    model(features, x, c).square().sum().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any(), name
        assert weight.grad.isfinite().all(), name


@pytest.mark.parametrize("residual", [True, False, "cnn"])
def test_head_gradients_in_double_precision(residual):
    model = head(residual=residual).double()
    tensors = [part.requires_grad_() for part in inputs(2, 3, dtype=torch.float64)]
    torch.autograd.gradcheck(model, tensors)


def test_regressor_without_forcing_gives_one_step():
    model = RecurrentRegressor(0, 2, d_hidden=6).eval()
    *_, c = inputs()
    assert model(attributes=c).shape == (4, 1)
    assert model(torch.zeros(4, 9, 0), c).shape == (4, 9)
    assert RecurrentRegressor(3, d_hidden=6, n_outputs=2)(inputs()[1]).shape == (4, 12, 2)


def test_forget_gate_starts_open():
    lstm = Recurrent(2, 4, forget_bias=3.0).lstm
    total = lstm.bias_ih_l0 + lstm.bias_hh_l0
    assert total[4:8].tolist() == [3.0] * 4
    plain = Recurrent(2, 4, forget_bias=None).lstm
    assert (plain.bias_ih_l0 + plain.bias_hh_l0).abs().max() <= 1


def test_weight_dropout_draws_once_per_call_and_only_in_training():
    model = Recurrent(3, 16, weight_dropout=0.5)
    x = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        one, two = model(x)[0], model(x)[0]
        assert not torch.equal(one, two)
        # The same weights on all sites: equal rows stay equal.
        equal = model(x[:1].expand(2, -1, -1))[0]
        torch.testing.assert_close(equal[0], equal[1])
    model.eval()
    assert torch.equal(model(x)[0], model.lstm(x)[0])


def test_weight_dropout_of_nearly_nothing_is_the_plain_lstm():
    model = Recurrent(3, 4, weight_dropout=1e-12).train()
    x = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    hidden, state = model(x)
    expected, final = model.lstm(x)
    torch.testing.assert_close(hidden, expected)
    torch.testing.assert_close(state, final)
    torch.testing.assert_close(model(x, state)[0], model.lstm(x, final)[0])


def test_concat_linear_equals_a_linear_layer_on_the_concatenation():
    layer = ConcatLinear([3, 0, 2], 4)
    days, site = torch.randn(2, 5, 3), torch.randn(2, 1, 2)
    joined = torch.cat([days, site.expand(-1, 5, -1)], -1)
    torch.testing.assert_close(layer(days, None, site), F.linear(joined, layer.weight, layer.bias))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((0, (4, 12)), r"`features` must have shape \(n_sites, n_times >= 1, 8\); got \(4, 12\)"),
        ((0, (4, 0, 8)), r"`features` must have shape.*got \(4, 0, 8\)"),
        ((1, (12, 4, 3)), r"`forcing` must have shape \(4, 12, 3\); got \(12, 4, 3\)"),
        ((1, None), r"`forcing` must have shape \(4, 12, 3\); got None"),
        ((2, (12, 2)), r"`attributes` must have shape \(4, 2\); got \(12, 2\)"),
    ],
)
def test_head_names_the_wrong_shape(change, message):
    tensors = inputs()
    place, shape = change
    tensors[place] = None if shape is None else torch.zeros(shape)
    with pytest.raises(ValueError, match=message):
        head()(*tensors)


def test_regressor_names_the_wrong_shape():
    model = RecurrentRegressor(3, 2, d_hidden=6)
    with pytest.raises(ValueError, match="both None; give at least one"):
        model()
    with pytest.raises(ValueError, match=r"`forcing` must have shape .*, 3\); got None"):
        model(attributes=torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r"`forcing` must have shape \(4, 9, 3\); got \(4, 9, 2\)"):
        model(torch.zeros(4, 9, 2), torch.zeros(4, 2))


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"adapter": "mixed"}, ValueError, "`adapter` must be one of .*Got 'mixed'"),
        ({"residual": "yes"}, ValueError, r"`residual` must be one of \[True, False, 'cnn'\]"),
        ({"residual": 1}, ValueError, "`residual` must be one of"),
        ({"d_hidden": 0}, ValueError, "`d_hidden` must lie in"),
        ({"n_outputs": 1.0}, TypeError, "`n_outputs` must be a whole number"),
        ({"dropout": 2}, ValueError, r"`dropout` must lie in \[0, 1\]"),
        ({"weight_dropout": -1}, ValueError, "`weight_dropout` must lie in"),
    ],
)
def test_head_names_the_wrong_parameter(values, error, message):
    with pytest.raises(error, match=message):
        head(**values)


def test_regressor_names_the_wrong_parameter():
    with pytest.raises(ValueError, match="`n_forcings` must lie in"):
        RecurrentRegressor(-1)
    with pytest.raises(ValueError, match="`dropout` must lie in"):
        RecurrentRegressor(3, dropout=2)
