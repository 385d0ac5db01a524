"""HBV as an estimator: recovery, unseen sites, series with units, and what it refuses."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_validate
from sklearn.neighbors import KNeighborsRegressor

from stefaland_sk.data import Panel, hargreaves_pet, oudin_pet
from stefaland_sk.estimators import HBVRegressor
from stefaland_sk.metrics import site_scorers
from stefaland_sk.model_selection import SiteKFold
from stefaland_sk.physics import HBV_1_1P, simulate_hbv

SPEC = replace(HBV_1_1P, dynamic=(), n_members=1)
QUICK = HBVRegressor(warmup=50, n_starts=1, max_iter=3, n_donors=2, random_state=0)


def make_panel(n_sites=4, n_times=400, **changes):
    """Sites in the mid latitudes, warmer from one to the next."""
    rng = np.random.default_rng(0)
    shape = (n_sites, n_times)
    season = np.sin(2 * np.pi * (np.arange(n_times) - 110) / 365)
    tmean = 8 + 11 * season + np.arange(n_sites)[:, None] + rng.normal(0, 2, shape)
    prcp = np.where(rng.random(shape) < 0.45, rng.gamma(0.8, 9.0, shape), 0.0)
    pet = np.maximum(2.2 + 2 * season + rng.normal(0, 0.3, shape), 0.0)
    forcing = {"prcp": prcp, "tmean": tmean, "pet": pet, **changes}
    forcing = {name: values for name, values in forcing.items() if values is not None}
    return Panel(
        pd.DataFrame(
            {"lat": np.linspace(40, 55, n_sites), "slope": rng.random(n_sites)},
            index=[f"{i:08d}" for i in range(n_sites)],
        ),
        np.stack(list(forcing.values()), axis=2).astype(np.float32),
        time=pd.date_range("2000-01-01", periods=n_times),
        forcing_names=list(forcing),
    )


def make_runoff(X, seed=0):
    """Discharge of the library's own HBV, with parameters away from the bounds."""
    generator = torch.Generator().manual_seed(seed)
    raw = 0.7 * torch.randn(X.n_sites, SPEC.n_static, generator=generator)
    forcing = [torch.from_numpy(X.forcing[:, :, k].T.copy()) for k in range(3)]
    flow = simulate_hbv(*forcing, SPEC.from_raw(raw), spec=SPEC).runoff
    return flow.T.numpy()


@pytest.fixture(scope="module")
def fitted():
    X = make_panel()
    y = make_runoff(X)
    return clone(QUICK).fit(X, y), X, y


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["nse", "kge"])
def test_calibration_recovers_discharge_of_the_model_itself(loss):
    X = make_panel(n_sites=3, n_times=1100)
    y = make_runoff(X)
    model = HBVRegressor(loss=loss, warmup=300, n_starts=4, max_iter=250, random_state=0)
    model.fit(X, y)
    assert model.score(X, y) > 0.99
    assert (model.calibration_score_ > 0.98).all()


def test_calibration_of_a_site_does_not_depend_on_the_others(fitted):
    model, X, y = fitted
    alone = clone(QUICK).fit(X[[2]], y[[2]])
    pd.testing.assert_frame_equal(alone.parameters_, model.parameters_.iloc[[2]], rtol=1e-3)


def test_parameters_have_units_and_lie_inside_their_bounds(fitted):
    model, X, _ = fitted
    assert list(model.parameters_.index) == list(X.site_ids)
    for name, parameter in SPEC.parameters.items():
        assert model.parameters_.attrs["units"][name] == parameter.unit
        assert model.parameters_[name].between(parameter.low, parameter.high).all()


def test_the_older_variant_has_no_capillary_rise(fitted):
    _, X, y = fitted
    model = clone(QUICK).set_params(variant="1.0").fit(X, y)
    assert not {"c", "betaet"} & set(model.parameters_)
    assert (model.simulate(X)["capillary_rise"] == 0).all()


def test_simulated_series_have_units_and_balance(fitted):
    model, X, _ = fitted
    series = model.simulate(X)
    assert series["swe"].attrs["units"] == "mm"
    assert series["et"].attrs["units"] == "mm/d"
    assert series["bfi"].dims == ("site",)
    np.testing.assert_allclose(series["runoff"], model.predict(X), rtol=1e-5, atol=1e-6)
    stores = ["snow", "meltwater", "soil", "upper_zone", "lower_zone"]
    stored = sum(series[name].isel(time=-1) for name in stores) - 0.005
    out = (series["et"] + series["runoff_generated"]).sum("time")
    np.testing.assert_allclose(out + stored, X.forcing[:, :, 0].sum(1), rtol=1e-4)


def test_unseen_sites_take_the_mean_flow_of_their_donors(fitted):
    model, X, _ = fitted
    # As like the second site as can be, but for its name.
    twin = Panel(
        X.attributes.iloc[[1]].set_axis(["elsewhere"]),
        X.forcing[[1]],
        time=X.time,
        forcing_names=X.forcing_names,
    )
    one = clone(model).set_params(n_donors=1).fit(X, make_runoff(X))
    np.testing.assert_allclose(one.predict(twin), one.predict(X[[1]]), rtol=1e-4, atol=1e-5)
    assert np.isfinite(model.predict(twin)).all()


@pytest.mark.parametrize("regressor", [Ridge(), KNeighborsRegressor(2)], ids=["ridge", "knn"])
def test_any_regressor_gives_parameters_to_unseen_sites(regressor, fitted):
    _, X, y = fitted
    scores = cross_validate(
        clone(QUICK).set_params(regionalizer=regressor),
        X,
        y,
        cv=SiteKFold(2),
        scoring=site_scorers("nse", warmup=50),
        error_score="raise",
    )
    assert np.isfinite(scores["test_nse"]).all()


def test_potential_evapotranspiration_follows_from_temperatures_and_latitude():
    base = make_panel()
    tmean = base.forcing[:, :, 1]
    X = make_panel(tmean=None, pet=None, tmin=tmean - 5, tmax=tmean + 5)
    lat, day = X.attributes["lat"].to_numpy()[:, None], X.time.day_of_year.to_numpy()
    pet = hargreaves_pet(lat, day, tmean - 5, tmean + 5)
    y = make_runoff(base)
    own = clone(QUICK).fit(X, y).predict(X)
    given = make_panel(pet=pet)
    np.testing.assert_allclose(own, clone(QUICK).fit(given, y).predict(given), rtol=1e-3, atol=1e-3)


def test_mean_temperature_and_latitude_will_do():
    X = make_panel(pet=None)
    lat, day = X.attributes["lat"].to_numpy()[:, None], X.time.day_of_year.to_numpy()
    y = make_runoff(make_panel())
    given = make_panel(pet=oudin_pet(lat, day, X.forcing[:, :, 1]))
    own = clone(QUICK).fit(X, y).predict(X)
    np.testing.assert_allclose(own, clone(QUICK).fit(given, y).predict(given), rtol=1e-3, atol=1e-3)


def test_other_units_are_converted(fitted):
    model, X, _ = fitted
    forcing = X.forcing.copy()
    forcing[:, :, 1] += 273.15
    forcing[:, :, 0] /= 10
    other = Panel(
        X.attributes,
        forcing,
        time=X.time,
        forcing_names=X.forcing_names,
        units={"tmean": "K", "prcp": "cm/d"},
    )
    np.testing.assert_allclose(model.predict(other), model.predict(X), rtol=1e-2, atol=1e-2)


def test_days_that_are_not_observed_do_not_count(fitted):
    _, X, y = fitted
    gappy = y.copy()
    gappy[0] = np.nan
    gappy[1, 100:120] = np.nan
    model = clone(QUICK).fit(X, gappy)
    assert list(model.parameters_.index) == list(X.site_ids[1:])
    assert np.isfinite(model.predict(X)).all()


KELVIN = np.full((4, 400), 280.0)
NEGATIVE = np.full((4, 400), -1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prcp": None}, r"needs the forcing 'prcp' \[mm/d\]. X has \['tmean', 'pet'\]"),
        ({"tmean": None}, r"needs the forcing 'tmean', or 'tmin' and 'tmax' \[degC\]. X has"),
        ({"prcp": NEGATIVE}, r"'prcp' must not be negative .*-1 at site '00000000' on 2000-01-01"),
        ({"tmean": KELVIN}, r"'tmean' looks like Kelvin: 280 at site .*Declare it, by .* 'K'"),
    ],
)
def test_forcing_that_cannot_drive_the_model(changes, message):
    X = make_panel(**changes)
    with pytest.raises(ValueError, match=message):
        clone(QUICK).fit(X, np.ones((4, 400)))


def test_a_lacking_latitude_is_told():
    tmean = make_panel().forcing[:, :, 1]
    X = make_panel(tmean=None, pet=None, tmin=tmean - 5, tmax=tmean + 5)
    with pytest.raises(ValueError, match=r"computes 'pet' from the latitude, but X has no 'lat'"):
        clone(QUICK).fit(X.assign(attributes=X.attributes.drop(columns="lat")), np.ones((4, 400)))
    table = X.attributes.copy()
    table.loc["00000002", "lat"] = np.nan
    with pytest.raises(ValueError, match=r"latitude 'lat' is missing at site '00000002'"):
        clone(QUICK).fit(X.assign(attributes=table), np.ones((4, 400)))


def test_units_that_are_something_else_are_told(fitted):
    model, X, _ = fitted
    with pytest.raises(ValueError, match=r"'prcp' must be in mm/d, or in a unit .* Got 'kPa'"):
        model.predict(X.assign(units={"prcp": "kPa"}))


def test_records_that_are_too_short_or_have_no_forcing_are_told(fitted):
    _, X, y = fitted
    with pytest.raises(ValueError, match=r"`warmup` must be shorter .* has 400 days .* Got 400"):
        clone(QUICK).set_params(warmup=400).fit(X, y)
    early = np.where(np.arange(400) < 40, y, np.nan)
    with pytest.raises(ValueError, match=r"must be shorter than the record, which has 40 days"):
        clone(QUICK).fit(X, early)
    with pytest.raises(ValueError, match=r"needs daily forcing.*X has attributes only"):
        clone(QUICK).fit(X.attributes, y[:, 0])


def test_unknown_sites_need_something_to_borrow_from(fitted):
    _, X, y = fitted
    model = clone(QUICK).set_params(regionalizer=None).fit(X[:3], y[:3])
    with pytest.raises(ValueError, match=r"1 sites were not calibrated.*'00000003'.*is None"):
        model.predict(X)
    bare = X.keep_variables(attributes=[])
    model = clone(QUICK).fit(bare[:3], y[:3])
    with pytest.raises(ValueError, match=r"'00000003', and X has no attributes"):
        model.predict(bare)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"variant": "2"}, ValueError, r"`variant` must be one of \['1.0', '1.1p'\]. Got '2'"),
        ({"loss": "mse"}, ValueError, r"`loss` must be one of \['nse', 'kge'\]"),
        ({"regionalizer": "krige"}, ValueError, r"`regionalizer` must be one of \['donors'\]"),
        ({"regionalizer": 3}, TypeError, r"`regionalizer` must be 'donors', a regressor or None"),
        ({"n_starts": 0}, ValueError, r"`n_starts` must lie in \[1, inf\)"),
        ({"warmup": -1}, ValueError, r"`warmup` must lie in \[0, inf\)"),
        ({"learning_rate": 0}, ValueError, r"`learning_rate` must lie in \(0, inf\)"),
    ],
)
def test_illegal_hyperparameters(changes, error, message, fitted):
    _, X, y = fitted
    with pytest.raises(error, match=message):
        clone(QUICK).set_params(**changes).fit(X, y)
