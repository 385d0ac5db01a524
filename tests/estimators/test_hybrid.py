"""HBV driven by a network: training, rows, water balance, independence, and what it refuses."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_validate

from stefaland_sk.data import Panel
from stefaland_sk.datasets import make_catchments
from stefaland_sk.estimators import HBVStreamflow, StefaLandTransformer
from stefaland_sk.metrics import site_scorers
from stefaland_sk.model_selection import LeaveRegionOut
from stefaland_sk.modules import HybridHead
from stefaland_sk.physics import HBV_1_1P

SMALL = StefaLandTransformer(
    d_model=8, n_layers=1, n_heads=2, d_feedforward=8, d_embedding=4, window=60, max_epochs=1
)
QUICK = {
    **{"n_members": 2, "d_hidden": 8, "window": 90, "warmup": 30, "max_epochs": 1},
    **{"dropout": 0.0, "random_state": 0},
}
LSTM = HBVStreamflow(parameterization="lstm", **QUICK)


@pytest.fixture(scope="module")
def catchments():
    return make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)


@pytest.fixture(scope="module")
def fitted(catchments):
    return clone(LSTM).fit(*catchments)


def test_training_lowers_the_loss_through_physics(catchments):
    X, y = catchments
    model = clone(LSTM).set_params(max_epochs=25, lr=0.02).fit(X, y)
    losses = [row["train_loss"] for row in model.history_]
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])


@pytest.mark.parametrize("pool", ["last", "mean", "network"])
def test_gradients_reach_every_weight_of_the_network(pool):
    generator = torch.Generator().manual_seed(0)
    forcing, features = (torch.randn(3, 40, n, generator=generator) for n in (3, 4))
    weather = torch.rand(3, 40, 3, generator=generator) * torch.tensor([30.0, 15.0, 3.0])
    head = HybridHead(HBV_1_1P, 4, 3, 2, 8, warmup=10, static_pool=pool, dropout=0.0)
    output = head(features, forcing, torch.randn(3, 2, generator=generator), weather)
    assert (output[:, :10] == 0).all()
    output.square().sum().backward()
    for name, weight in head.named_parameters():
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.abs().sum() > 0, name


def test_warmup_changes_nothing_but_its_days():
    torch.manual_seed(0)
    head = HybridHead(HBV_1_1P, 0, 3, 2, 8, warmup=10, dropout=0.0, adapter="none", residual=False)
    forcing, weather = torch.randn(3, 40, 3), 10 * torch.rand(3, 40, 3)
    inputs = None, forcing, torch.randn(3, 2), weather
    trained, whole = head.train()(*inputs), head.eval()(*inputs)
    torch.testing.assert_close(trained[:, 10:], whole[:, 10:])


def test_days_behind_the_end_of_a_record_do_not_count():
    torch.manual_seed(0)
    head = HybridHead(HBV_1_1P, 0, 3, 2, 8, adapter="none", residual=False).eval()
    forcing, attributes, weather = torch.randn(3, 40, 3), torch.randn(3, 2), torch.rand(3, 40, 3)
    short = head(None, forcing[:, :30], attributes, weather[:, :30])
    weather[:, 30:] = torch.nan
    torch.testing.assert_close(head(None, forcing, attributes, weather)[:, :30], short)


def test_long_records_pool_the_days_on_which_windows_can_end():
    torch.manual_seed(0)
    head = HybridHead(HBV_1_1P, 0, 3, 2, 8, window=30, adapter="none", residual=False).eval()
    forcing, attributes = torch.randn(1, 40, 3), torch.randn(1, 2)
    hidden, _ = head.hidden_states(None, forcing, attributes)
    wanted = head.output.static(hidden[:, 29:].mean(dim=1))
    daily = head.output.dynamic(hidden.transpose(0, 1))
    found = head.parameters_of(None, forcing, attributes)
    torch.testing.assert_close(found["fc"], HBV_1_1P.from_raw(wanted, daily)["fc"])


def test_rows_of_the_paper_differ(catchments, fitted):
    X, y = catchments
    rows = [{}, {"residual": False}, {"encoder_init": "random"}]
    flows = [HBVStreamflow(clone(SMALL), **QUICK, **row).fit(X, y).predict(X) for row in rows]
    flows.append(fitted.predict(X))
    for i, flow in enumerate(flows):
        assert np.isfinite(flow).all()
        assert (flow >= 0).all()
        assert not any(np.allclose(flow, other, rtol=1e-3) for other in flows[:i])


def test_encoder_and_physics_train_together(catchments):
    X, y = catchments
    options = {**QUICK, "window": 60, "trainable": "all", "n_seeds": 2}
    model = HBVStreamflow(clone(SMALL), **options).fit(X, y)
    assert len(model.encoders_) == 2
    np.testing.assert_allclose(model.simulate(X)["runoff"], model.predict(X), rtol=1e-4, atol=1e-5)


def test_simulated_series_have_units_and_conserve_water(catchments, fitted):
    X, _ = catchments
    series = fitted.simulate(X)
    assert series["swe"].attrs["units"] == series["soil"].attrs["units"] == "mm"
    assert series["et"].attrs["units"] == series["recharge"].attrs["units"] == "mm/d"
    np.testing.assert_allclose(series["runoff"], fitted.predict(X), rtol=1e-4, atol=1e-5)
    parts = series["quick_flow"] + series["interflow"] + series["baseflow"]
    np.testing.assert_allclose(parts, series["runoff"], rtol=1e-3, atol=1e-5)
    stores = ["snow", "meltwater", "soil", "upper_zone", "lower_zone"]
    stored = sum(series[name].isel(time=-1) for name in stores) - 0.005
    out = (series["et"] + series["runoff_generated"]).sum("time")
    prcp = X.forcing[:, :, X.forcing_names.index("prcp")].sum(axis=1)
    np.testing.assert_allclose(out + stored, prcp, rtol=1e-4)
    assert ((series["bfi"] >= 0) & (series["bfi"] <= 1)).all()


def test_parameters_have_units_and_lie_inside_their_bounds(catchments, fitted):
    table = fitted.parameters_of(catchments[0])
    assert list(table.index) == list(catchments[0].site_ids)
    for name, parameter in fitted.spec_.parameters.items():
        assert table[name].between(parameter.low, parameter.high).all()
        assert table.attrs["units"][name] == parameter.unit


def test_a_site_does_not_depend_on_the_others(catchments, fitted):
    X, _ = catchments
    alone, together = fitted.predict(X[[2]])[0], fitted.predict(X)[2]
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-5)


def test_only_static_parameters_of_attributes_leave_the_past_alone(catchments):
    X, y = catchments
    model = clone(LSTM).set_params(static_pool="network").fit(X, y)
    assert model.causal
    assert not LSTM.causal
    early = X.sel_time(X.time[0], X.time[199])
    np.testing.assert_allclose(
        model.predict(early), model.predict(X)[:, :200], rtol=1e-4, atol=1e-5
    )


def test_pickle_and_clone(catchments, fitted):
    X, y = catchments
    flow = fitted.predict(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), flow)
    np.testing.assert_allclose(clone(fitted).fit(X, y).predict(X), flow, rtol=1e-5, atol=1e-6)


def test_regions_left_out_can_be_scored(catchments):
    X, y = catchments
    scoring = site_scorers("nse", warmup=30)
    scores = cross_validate(LSTM, X, y, cv=LeaveRegionOut(), scoring=scoring, error_score="raise")
    assert np.isfinite(scores["test_nse"]).all()


def test_the_older_variant_has_its_own_dynamic_parameter(catchments):
    X, y = catchments
    model = clone(LSTM).set_params(physics="hbv_1.0").fit(X, y)
    assert model.spec_.dynamic == ("beta",)
    assert (model.simulate(X)["capillary_rise"] == 0).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"parameterization": "gru"}, r"`parameterization` must be one of \['stefaland', 'lstm'\]"),
        ({"physics": "2"}, r"`physics` must be one of \['hbv_1.1p', 'hbv_1.0', 'soil_bucket'\]"),
        ({"dynamic": ("gamma",)}, r"`dynamic` names \['gamma'\], which HBV does not have"),
        ({"n_members": 0}, r"`n_members` must lie in"),
        ({"static_pool": "first"}, r"`static_pool` must be one of \['last', 'mean', 'network'\]"),
        ({"dynamic_dropout": 2}, r"`dynamic_dropout` must lie in"),
    ],
)
def test_parameters_that_are_not_legal(params, message, catchments):
    with pytest.raises(ValueError, match=message):
        clone(LSTM).set_params(**params).fit(*catchments)


def change(X, name, values):
    """Give the panel with one variable of its forcing replaced."""
    forcing = X.forcing.copy()
    forcing[:, :, X.forcing_names.index(name)] = values
    return Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names, sites=X.sites)


def test_forcing_that_cannot_drive_physics(catchments, fitted):
    X, y = catchments
    dry = X.keep_variables([name for name in X.forcing_names if name != "tmin"])
    with pytest.raises(ValueError, match=r"HBVStreamflow needs the forcing 'tmean', or 'tmin'"):
        clone(LSTM).fit(dry, y)
    with pytest.raises(ValueError, match=r"'tmax' looks like Kelvin: 280 at site"):
        clone(LSTM).fit(change(X, "tmax", 280.0), y)
    with pytest.raises(ValueError, match=r"'prcp' must not be negative .*-1 at site"):
        fitted.predict(change(X, "prcp", -1.0))
    with pytest.raises(ValueError, match=r"HBVStreamflow needs daily forcing.*attributes only"):
        clone(LSTM).fit(X.attributes, y.to_numpy()[:, 0])


def test_records_shorter_than_the_warmup(catchments):
    with pytest.raises(ValueError, match=r"No target is observed `warmup`=365 or more steps into"):
        clone(LSTM).set_params(window=730, warmup=365).fit(*catchments)


def test_physics_gives_no_quantiles(catchments, fitted):
    with pytest.raises(AttributeError, match=r"This HBVStreamflow predicts values only\.$"):
        fitted.predict_quantiles(catchments[0])
