"""Hybrids with other models than HBV, targets in other units, parameters with labels."""

from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from stefaland_sk import DataWarning
from stefaland_sk.data import Panel, discharge_from_runoff
from stefaland_sk.datasets import make_catchments
from stefaland_sk.estimators import (
    HBVRegressor,
    HBVStreamflow,
    HybridRegressor,
    HybridSoilMoisture,
    StefaLandTransformer,
)
from stefaland_sk.physics import HBV_1_1P, Parameter, PhysicsSpec, SoilBucketSpec, simulate_hbv

QUICK = {
    **{"parameterization": "lstm", "d_hidden": 8, "window": 90, "warmup": 30, "max_epochs": 1},
    **{"dropout": 0.0, "random_state": 0},
}
FLOW = HBVStreamflow(n_members=2, **QUICK)
CALIBRATED = HBVRegressor(warmup=50, n_starts=1, max_iter=3, n_donors=2, random_state=0)
AREA = [250.0, 30.0, 1200.0, 5.0]  # km2


class ReservoirResult(NamedTuple):
    """What `Reservoir` gives."""

    runoff: torch.Tensor
    state: torch.Tensor
    series: dict | None


@dataclass(frozen=True)
class Reservoir(PhysicsSpec):
    """One store that rain fills and the sun and an outlet empty: somebody's own model."""

    forcings: ClassVar = ("prcp", "srad")
    target: ClassVar = ("runoff", "mm/d")
    series: ClassVar = {"store": "mm"}
    parameters: ClassVar = {
        "k": Parameter("k", "1/d", 0.01, 0.9),
        "sun": Parameter("sun", "mm/d per W/m2", 0.001, 0.02),
    }
    dynamic: tuple = ()
    n_members: int = 1

    def simulate(self, forcing, parameters, *, initial=None, warmup=0, series=False):
        k, sun = parameters["k"], parameters["sun"]
        store = torch.zeros_like(k) if initial is None else initial
        flows, stores = [], []
        for prcp, srad in zip(*(part.unsqueeze(-1).unbind() for part in forcing), strict=True):
            store = torch.relu(store + prcp - sun * srad)
            flows.append((k * store).mean(-1))
            store = store - k * store
            stores.append(store.mean(-1))
        table = {"store": torch.stack(stores[warmup:])} if series else None
        return ReservoirResult(torch.stack(flows[warmup:]), store, table)


@dataclass(frozen=True)
class Renamed(Reservoir):
    """The same, with a name of its own for rain."""

    forcings: ClassVar = ("rain", "srad")


@pytest.fixture(scope="module")
def catchments():
    X, y, truth = make_catchments(
        n_sites=4, n_years=1, n_regions=2, random_state=0, return_truth=True
    )
    return X.assign(sites=X.sites.assign(area=AREA)), y, truth


@pytest.fixture(scope="module")
def moisture(catchments):
    X, _, truth = catchments
    return X, 0.4 * truth.fluxes["soil"] / 300  # a store [mm] as water content [m3/m3]


# ---------------------------------------------------------------------- other models
@pytest.mark.parametrize(
    ("physics", "first", "unit"),
    [("soil_bucket", "depth", "m3/m3"), (SoilBucketSpec(dynamic=("kd",)), "depth", "m3/m3")],
    ids=["by name", "as a specification"],
)
def test_soil_moisture_needs_no_other_estimator(physics, first, unit, moisture):
    X, y = moisture
    model = HybridRegressor(physics=physics, n_members=2, **QUICK).fit(X, y)
    assert model.spec_.target == ("soil_moisture", unit)
    assert model.parameters_.columns[0] == first
    predicted = model.predict(X)
    assert ((predicted > 0) & (predicted < 0.7)).all()
    series = model.simulate(X)
    assert {"soil_moisture", "swe", "et", "drainage", "soil"} == set(series) - {"snow", "meltwater"}
    np.testing.assert_allclose(series["soil_moisture"], predicted, rtol=1e-5)


def test_a_model_of_ones_own_with_other_forcing_is_driven_alike(catchments):
    X, y, _ = catchments
    X = X.keep_variables(["prcp", "srad"])  # no temperature at all
    model = HybridRegressor(physics=Reservoir(n_members=3), **QUICK).fit(X, y)
    assert list(model.parameters_) == ["k", "sun"]
    rain = X.rename_variables({"prcp": "rain"})  # of a name that the library does not know
    other = clone(model).set_params(physics=Renamed(n_members=3)).fit(rain, y)
    np.testing.assert_allclose(other.predict(rain), model.predict(X), rtol=1e-5)
    series = model.simulate(X)
    assert series["store"].attrs["units"] == "mm"
    assert "bfi" not in series
    np.testing.assert_allclose(series["runoff"], model.predict(X), rtol=1e-5)
    with pytest.raises(ValueError, match=r"needs the forcing 'srad' \[W/m2\]. X has \['prcp'\]"):
        clone(model).fit(X.keep_variables(["prcp"]), y)


def test_the_soil_moisture_preset_reads_features_of_an_encoder(moisture):
    X, y = moisture
    encoder = StefaLandTransformer(
        d_model=8, n_layers=1, n_heads=2, d_feedforward=8, d_embedding=4, window=60, max_epochs=1
    )
    options = {**QUICK, "parameterization": "stefaland"}
    with pytest.warns(DataWarning, match=r"soil moisture lies between 0 and 1 m3/m3.*target_unit"):
        HybridSoilMoisture(encoder, **options).fit(X, 100 * y)
    in_percent = HybridSoilMoisture(encoder, target_unit="%", **options).fit(X, 100 * y)
    plain = HybridSoilMoisture(encoder, **options).fit(X, y)
    np.testing.assert_allclose(in_percent.predict(X), 100 * plain.predict(X), rtol=1e-3)


def test_presets_refuse_models_of_another_target(moisture):
    X, y = moisture
    with pytest.raises(ValueError, match=r"HBVStreamflow predicts 'runoff', but the model in"):
        clone(FLOW).set_params(physics="soil_bucket").fit(X, y)
    with pytest.raises(ValueError, match=r"'soil_moisture', but .* predicts 'runoff'. Use Hybrid"):
        HybridSoilMoisture(physics="hbv_1.1p", **QUICK).fit(X, y)


def test_what_is_no_model_is_told(catchments):
    with pytest.raises(TypeError, match=r"`physics` must be one of \[.*\] or a PhysicsSpec .* int"):
        HybridRegressor(physics=3, **QUICK).fit(*catchments[:2])


# ---------------------------------------------------------------------- parameters
def test_parameters_of_the_sites_of_fit_are_those_that_are_asked_for(catchments):
    X, y, _ = catchments
    model = clone(FLOW).set_params(n_seeds=2).fit(X, y)
    pd.testing.assert_frame_equal(model.parameters_, model.parameters_of(X), rtol=1e-4)
    assert model.parameters_.attrs["units"]["fc"] == "mm"


def test_daily_parameters_have_days_and_units(catchments):
    X, y, _ = catchments
    model = clone(FLOW).fit(X, y)
    daily = model.parameters_of(X, daily=True)
    assert {name for name in daily if "time" in daily[name].dims} == set(model.spec_.dynamic)
    assert daily["k0"].attrs["units"] == "1/d"
    np.testing.assert_allclose(daily["beta"].mean("time"), model.parameters_["beta"], rtol=1e-4)
    np.testing.assert_allclose(daily["fc"], model.parameters_["fc"], rtol=1e-4)


def test_a_network_finds_the_season_of_a_daily_parameter_in_discharge_alone():
    """All of HBV is known but beta, which swings with the year, alike at all sites."""
    generator = np.random.default_rng(0)
    n_sites, n_times = 4, 1100
    season = np.sin(2 * np.pi * (np.arange(n_times) - 110) / 365)
    wet = generator.random((n_sites, n_times)) < 0.45
    prcp = np.where(wet, generator.gamma(0.8, 9.0, wet.shape), 0.0)
    tmean = 14 + 9 * season + generator.normal(0, 2, wet.shape)
    pet = np.maximum(2.2 + 2 * season + generator.normal(0, 0.3, wet.shape), 0.0)
    forcing = np.stack([prcp, tmean, pet], axis=2).astype(np.float32)
    middle = replace(HBV_1_1P, n_members=1, dynamic=())
    known = {k: float(v) for k, v in middle.from_raw(torch.zeros(1, middle.n_static)).items()}
    del known["beta"]
    spec = replace(HBV_1_1P, n_members=1, dynamic=("beta",), fixed={**known, "fc": 200.0})
    truth = np.broadcast_to((3.0 - 1.5 * season)[:, None, None], (n_times, n_sites, 1))
    weather = [torch.from_numpy(forcing[:, :, k].T.copy()) for k in range(3)]
    flow = simulate_hbv(*weather, {"beta": torch.tensor(truth.copy()).float()}, spec=spec).runoff
    X = Panel(
        pd.DataFrame({"slope": np.arange(n_sites) / 3}, index=list("abcd")),
        forcing,
        time=pd.date_range("2000-01-01", periods=n_times),
        forcing_names=["prcp", "tmean", "pet"],
    )
    options = {"window": 240, "warmup": 60, "lr": 0.02, "batch_size": 8, "max_epochs": 30}
    model = HybridRegressor(
        physics=spec, parameterization="lstm", d_hidden=8, dropout=0.0, random_state=0, **options
    ).fit(X, flow.T.numpy())
    found = model.parameters_of(X, daily=True)["beta"].to_numpy()[:, 200:]
    for site in found:
        assert np.corrcoef(site, -season[200:])[0, 1] > 0.8
        winter, summer = site[season[200:] < -0.7].mean(), site[season[200:] > 0.7].mean()
        assert winter > summer  # as in the truth
    assert model.score(X, flow.T.numpy()) > 0.95


# ---------------------------------------------------------------------- units of the target
@pytest.mark.parametrize("model", [FLOW, CALIBRATED], ids=["network", "calibrated"])
def test_discharge_in_cubic_metres_gives_what_runoff_gives(model, catchments):
    X, y, _ = catchments
    flow = discharge_from_runoff(y, X)
    plain = clone(model).fit(X, y)
    other = clone(model).set_params(target_unit="m3/s").fit(X, flow)
    wanted = discharge_from_runoff(plain.predict(X), AREA)
    np.testing.assert_allclose(other.predict(X), wanted, rtol=1e-2, atol=1e-3)
    assert other.score(X, flow) == pytest.approx(plain.score(X, y), abs=1e-2)
    # What physics gives beside the target stays in mm/d.
    np.testing.assert_allclose(
        other.simulate(X)["runoff"], plain.simulate(X)["runoff"], rtol=1e-2, atol=1e-3
    )
    in_feet = clone(model).set_params(target_unit="cfs").fit(X, flow / 0.3048**3)
    np.testing.assert_allclose(in_feet.predict(X) * 0.3048**3, wanted, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("model", [FLOW, CALIBRATED], ids=["network", "calibrated"])
def test_targets_in_units_that_do_not_fit(model, catchments):
    X, y, _ = catchments
    with pytest.raises(ValueError, match=r"`target_unit` must be 'mm/d', .* or one of discharge"):
        clone(model).set_params(target_unit="degC").fit(X, y)
    bare = X.assign(sites=X.sites.drop(columns="area"))
    bare = bare.keep_variables(attributes=[n for n in X.attribute_names if "area" not in n])
    with pytest.raises(ValueError, match=r"but X has no 'area' among its attributes"):
        clone(model).set_params(target_unit="m3/s").fit(bare, y)


@pytest.mark.parametrize("model", [FLOW, CALIBRATED], ids=["network", "calibrated"])
def test_more_water_than_falls_is_warned_of(model, catchments):
    X, y, _ = catchments
    with pytest.warns(DataWarning, match=r"times as much water runs off as falls .*target_unit"):
        clone(model).fit(X, 30 * y)
