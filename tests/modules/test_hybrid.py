"""A network drives a physical model, whichever model it is."""

from dataclasses import replace

import pytest
import torch

from stefaland_sk.modules import PhysicsHead, RecurrentRegressor
from stefaland_sk.physics import HBV_1_1P, SoilBucketSpec

MODELS = {
    "hbv": replace(HBV_1_1P, n_members=3),
    "hbv without dynamic parameters": replace(HBV_1_1P, n_members=2, dynamic=()),
    "soil bucket": SoilBucketSpec(dynamic=("kd", "beta"), n_members=2),
}


@pytest.fixture
def inputs():
    """Hidden states, weather in its units, attributes of four sites."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(4, 60, 8, generator=generator)
    weather = torch.rand(4, 60, 3, generator=generator) * torch.tensor([12.0, 15.0, 4.0])
    return hidden, weather, torch.randn(4, 5, generator=generator)


@pytest.mark.parametrize("pool", ["last", "mean", "network"])
@pytest.mark.parametrize("model", MODELS)
def test_gradients_reach_all_weights_and_the_hidden_states(model, pool, inputs):
    hidden, weather, attributes = inputs
    hidden.requires_grad_()
    head = PhysicsHead(MODELS[model], 8, pool, n_attributes=5)
    head(hidden, weather, attributes).square().sum().backward()
    for name, weight in head.named_parameters():
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.abs().sum() > 0, name
    is_static = pool == "network" and not MODELS[model].dynamic
    assert (hidden.grad is None) == is_static


@pytest.mark.parametrize("model", MODELS)
def test_sites_do_not_influence_one_another(model, inputs):
    hidden, weather, _ = inputs
    head = PhysicsHead(MODELS[model], 8)
    together, alone = head(hidden, weather), head(hidden[[2]], weather[[2]])
    torch.testing.assert_close(alone[0], together[2])


def test_last_and_mean_differ_in_what_they_see(inputs):
    hidden, _, _ = inputs
    other = hidden.clone()
    other[:, 3] += 1.0
    for pool, changes in (("last", False), ("mean", True)):
        head = PhysicsHead(MODELS["hbv"], 8, pool)
        same = torch.equal(head.parameters_of(hidden)["fc"], head.parameters_of(other)["fc"])
        assert same != changes


def test_static_network_does_not_change_with_the_window(inputs):
    hidden, _, attributes = inputs
    attributes[0, 1] = torch.nan
    head = PhysicsHead(MODELS["hbv"], 8, "network", n_attributes=5)
    long, short = (head.parameters_of(h, attributes)["fc"] for h in (hidden, hidden[:, :10]))
    assert torch.equal(long, short)
    assert torch.isfinite(long).all()


def test_dynamic_parameters_become_static_in_training_only(inputs):
    hidden, weather, _ = inputs
    head = PhysicsHead(MODELS["hbv"], 8, dynamic_dropout=1.0)
    kept = head.eval()(hidden, weather)
    dropped = head.train()(hidden, weather)
    assert not torch.allclose(kept, dropped)
    head.dynamic_dropout = 0.0
    torch.testing.assert_close(head(hidden, weather), kept)


@pytest.mark.parametrize("model", MODELS)
def test_warmup_and_restart_continue_the_whole_run(model, inputs):
    hidden, weather, attributes = inputs
    head = PhysicsHead(MODELS[model], 8, "network", n_attributes=5)
    whole = head(hidden, weather, attributes)
    torch.testing.assert_close(head(hidden, weather, attributes, warmup=25), whole[:, 25:])
    first = head.simulate(hidden[:, :25], weather[:, :25], attributes)
    late = head(hidden[:, 25:], weather[:, 25:], attributes, initial=first.state)
    torch.testing.assert_close(late, whole[:, 25:])


def test_hidden_states_of_the_recurrent_network_drive_it(inputs):
    _, weather, attributes = inputs
    network = RecurrentRegressor(3, 5, d_hidden=8)
    head = PhysicsHead(MODELS["hbv"], 8)
    hidden, _ = network.hidden_states(weather, attributes)
    head(hidden, weather).sum().backward()
    assert network.recurrent.lstm.weight_hh_l0.grad.abs().sum() > 0


def test_series_of_the_soil_bucket_balance(inputs):
    hidden, weather, _ = inputs
    spec = MODELS["soil bucket"]
    head = PhysicsHead(spec, 8).double()
    start = head.simulate(hidden[:, :1].double(), weather[:, :1].double())
    with torch.no_grad():
        result = head.simulate(hidden.double(), weather.double(), initial=start.state, series=True)
    stored = sum(part.mean(-1) for part in result.state)
    before = sum(part.mean(-1) for part in start.state).detach()
    out = result.series["et"].sum(0) + result.series["drainage"].sum(0)
    torch.testing.assert_close(weather[:, :, 0].double().sum(1) + before, out + stored)
    assert ((result.soil_moisture >= 0) & (result.soil_moisture <= 0.7)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"static_pool": "first"}, r"`static_pool` must be one of \['last', 'mean', 'network'\]"),
        ({"static_pool": "network"}, r"needs attributes to read. Got `n_attributes`=0"),
        ({"dynamic_dropout": 2.0}, r"`dynamic_dropout` must lie in \[0, 1\]"),
    ],
)
def test_illegal_heads(arguments, message):
    with pytest.raises(ValueError, match=message):
        PhysicsHead(HBV_1_1P, 8, **arguments)


def test_wrong_shapes_are_told(inputs):
    hidden, weather, _ = inputs
    with pytest.raises(ValueError, match=r"shape \(4, 60, 3\) and hold \['prcp', 'tmean', 'pet'\]"):
        PhysicsHead(HBV_1_1P, 8)(hidden, weather[:, :50])
    head = PhysicsHead(HBV_1_1P, 8, "network", n_attributes=5)
    with pytest.raises(ValueError, match=r"`attributes` must have shape \(4, 5\); got None"):
        head(hidden, weather)


def test_a_warmup_as_long_as_the_record_is_told(inputs):
    hidden, weather, _ = inputs
    with pytest.raises(ValueError, match=r"`warmup` must lie in \[0, 59\]. Got 60"):
        PhysicsHead(MODELS["soil bucket"], 8)(hidden, weather, warmup=60)


def test_unknown_dynamic_parameters_of_the_bucket_are_told():
    with pytest.raises(ValueError, match=r"`dynamic` names \['fc'\], which the soil bucket"):
        SoilBucketSpec(dynamic=("fc",))


@pytest.mark.parametrize("model", MODELS)
def test_a_model_gives_the_series_that_it_lists(model, inputs):
    hidden, weather, _ = inputs
    physics = MODELS[model]
    with torch.no_grad():
        result = PhysicsHead(physics, 8).simulate(hidden, weather, series=True)
    assert set(result.series) == set(physics.series)
    assert result._fields[0] == physics.target[0]


@pytest.mark.filterwarnings("error")
def test_a_model_may_have_daily_parameters_only(inputs):
    hidden, weather, _ = inputs
    middle = replace(HBV_1_1P, n_members=1, dynamic=())
    known = middle.from_raw(torch.zeros(1, middle.n_static))
    fixed = {name: float(value) for name, value in known.items() if name != "beta"}
    head = PhysicsHead(replace(HBV_1_1P, n_members=2, dynamic=("beta",), fixed=fixed), 8)
    assert [name for name, _ in head.named_parameters()] == ["dynamic.weight", "dynamic.bias"]
    assert torch.isfinite(head(hidden, weather)).all()
