"""Soil composition: several columns, fractions of a whole, attributes that give it away."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from stefaland_sk import LeakageWarning, StefaLandSoilComposition
from stefaland_sk.estimators._soil_composition import _is_texture

SMALL = {
    "encoder_init": "none",
    "d_hidden": 16,
    "attribute_dropout": 0.0,
    "dropout": 0.0,
    "lr": 1e-2,
    "max_epochs": 25,
    "n_seeds": 1,
    "random_state": 0,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def soils():
    """Eighty sites whose texture follows from slope and rain; fractions sum to 100 %."""
    rng = np.random.default_rng(0)
    index = [f"p{i:03d}" for i in range(80)]
    X = pd.DataFrame({"slope": rng.normal(size=80), "rain": rng.normal(size=80)}, index=index)
    logits = np.column_stack([X["slope"], X["rain"], 0.3 * X["slope"] - X["rain"]])
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return X, pd.DataFrame(100 * shares, index=index, columns=["sand", "silt", "clay"])


@pytest.mark.parametrize("closure", [False, True])
def test_it_learns_several_columns(soils, closure):
    X, y = soils
    model = StefaLandSoilComposition(closure=closure, **SMALL).fit(X, y)
    predicted = model.predict(X)
    assert predicted.shape == y.shape
    assert model.score(X, y) == pytest.approx(r2_score(y, predicted))
    assert model.score(X, y) > 0.6


def test_with_closure_predictions_are_positive_and_sum_to_the_total(soils):
    X, y = soils
    model = StefaLandSoilComposition(closure=True, **{**SMALL, "n_seeds": 2}).fit(X, y / 100)
    predicted = model.predict(3 * X)
    assert model.total_ == pytest.approx(1.0)
    np.testing.assert_allclose(predicted.sum(axis=1), 1.0)
    assert (predicted > 0).all()


def test_closure_learns_from_sites_with_some_columns_missing(soils):
    X, y = soils
    y = y.copy()
    y.iloc[::3, 1] = np.nan
    model = StefaLandSoilComposition(closure=True, **SMALL).fit(X, y)
    assert model.score(X, y) > 0.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda y: y["clay"], "several columns"),
        (lambda y: y - 50, "no negative fraction, but column"),
        (lambda y: y.mul(1 + (y.index == "p003"), axis=0), "at site 'p003' they sum to 200"),
        (lambda y: y.assign(clay=[np.nan, *[1.0] * 79], silt=[1.0, *[np.nan] * 79]), "all columns"),
    ],
)
def test_closure_says_what_is_wrong_with_the_fractions(soils, change, words):
    X, y = soils
    with pytest.raises(ValueError, match=words):
        StefaLandSoilComposition(closure=True, **SMALL).fit(X, change(y))


def test_a_column_without_any_observation_is_refused(soils):
    X, y = soils
    with pytest.raises(ValueError, match="Column 2 of `y` is missing"):
        StefaLandSoilComposition(**SMALL).fit(X, y.assign(clay=np.nan))
    with pytest.raises(ValueError, match="all of `y` is missing"):
        StefaLandSoilComposition(**SMALL).fit(X, y * np.nan)


def test_lower_bound(soils):
    X, y = soils
    model = StefaLandSoilComposition(lower_bound=30.0, **SMALL).fit(X, y["clay"])
    assert model.predict(X).min() == 30.0
    assert StefaLandSoilComposition(**SMALL).fit(X, y["clay"]).lower_bound_ == 0.0
    assert StefaLandSoilComposition(**SMALL).fit(X, y["clay"] - 50).lower_bound_ is None


@pytest.mark.parametrize("loss", ["mse", "rmse"])
def test_each_loss_trains(soils, loss):
    X, y = soils
    assert StefaLandSoilComposition(loss=loss, **SMALL).fit(X, y["clay"]).score(X, y["clay"]) > 0.5


@pytest.mark.parametrize(("name", "value"), [("loss", "nse"), ("closure", "yes")])
def test_options_are_checked(soils, name, value):
    X, y = soils
    with pytest.raises(ValueError, match=f"`{name}` must be one of"):
        StefaLandSoilComposition(**{**SMALL, name: value}).fit(X, y["clay"])


# ---------------------------------------------------------------------- leaks
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sand", True), ("clay_pct", True), ("HWSD_silt", True), ("T_SAND", True),
        ("T_TEXTURE", True), ("SoilGrids1km_clay", True), ("cly_pc_sav", True),
        ("sandstone", False), ("claystone_frac", False), ("slope", False), ("usilty", False),
    ],
)  # fmt: skip
def test_fractions_are_known_by_their_names(name, expected):
    assert _is_texture(name) is expected


def test_complementary_fractions_draw_a_warning(soils):
    X, y = soils
    given_away = X.assign(sand_pct=y["sand"])
    model = StefaLandSoilComposition(**{**SMALL, "max_epochs": 1})
    for target in (y["clay"], y["clay"].to_numpy()):
        with pytest.warns(LeakageWarning, match=r"\['sand_pct'\]. Sand, silt and clay sum"):
            model.fit(given_away, target)


def test_a_copy_of_the_target_draws_a_warning(soils):
    X, y = soils
    carbon = X["rain"].rename("rain")
    with pytest.warns(LeakageWarning, match=r"\['rain'\]"):
        StefaLandSoilComposition(**{**SMALL, "max_epochs": 1}).fit(X, carbon)


def test_texture_is_no_leak_of_other_targets_or_if_it_is_named(soils):
    X, y = soils
    with_sand = X.assign(sand_pct=y["sand"])
    carbon = (X["slope"] * 2).rename("organic_carbon")
    named = {"attributes": [*X.columns, "sand_pct"]}
    panel_like = with_sand.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error", LeakageWarning)
        StefaLandSoilComposition(**{**SMALL, "max_epochs": 1}).fit(panel_like, carbon)
        StefaLandSoilComposition(**{**SMALL, "max_epochs": 1}, **named).fit(panel_like, y["clay"])


# ---------------------------------------------------------------------- real profiles
def test_it_predicts_the_texture_of_real_profiles(shared_data):
    """Ebergoetzen: terrain and parent material tell sand from silt, also in other parts."""
    path = shared_data / "soil_eberg" / "topsoil_with_covariates.parquet"
    table = pd.read_parquet(path)
    table = table[table.filter(like="cov_g100").notna().all(axis=1)].iloc[::2]
    X = table.filter(like="cov_g100").astype(float)
    y = table.filter(regex="^(sand|silt|clay)")
    east = (table["lon"] > table["lon"].median()).to_numpy()
    model = StefaLandSoilComposition(closure=True, **{**SMALL, "max_epochs": 10})
    model.fit(X[~east], y[~east])
    assert model.total_ == pytest.approx(100, rel=0.01)
    assert np.corrcoef(model.predict(X[east])[:, 0], y.to_numpy()[east, 0])[0, 1] > 0.3
