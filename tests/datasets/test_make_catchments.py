"""Synthetic catchments: reproducible, plausible, and with the structure they promise."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.data import Panel, is_labelled
from stefaland_sk.datasets import make_catchments
from stefaland_sk.datasets._variables import ATTRIBUTE_GROUPS, ATTRIBUTE_UNITS


@pytest.fixture(scope="module")
def catchments():
    """The default data set with its truth."""
    return make_catchments(random_state=0, return_truth=True)


def same(one, other):
    """Tell whether two results hold the same bits."""
    (X, y), (X2, y2) = one, other
    return (
        np.array_equal(X.forcing, X2.forcing, equal_nan=True)
        and X.attributes.equals(X2.attributes)
        and X.sites.equals(X2.sites)
        and y.equals(y2)
    )


def small(**kwargs):
    """Make a small data set."""
    return make_catchments(**({"n_sites": 12, "n_years": 1, "random_state": 3} | kwargs))


def test_same_seed_gives_the_same_bits():
    assert same(small(missing=0.1, unlabelled=0.3), small(missing=0.1, unlabelled=0.3))
    assert not same(small(), small(random_state=4))
    assert not same(small(random_state=None), small(random_state=None))


@pytest.mark.parametrize("kind", [np.random.default_rng, np.random.RandomState])
def test_random_state_may_be_a_generator(kind):
    assert same(small(random_state=kind(5)), small(random_state=kind(5)))
    source = kind(5)
    assert not same(small(random_state=source), small(random_state=source))


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    small(missing=0.1, unlabelled=0.3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_form_of_the_result(catchments):
    X, y, _ = catchments
    assert isinstance(X, Panel)
    assert X.shape == (60, 1461, 6)
    assert X.forcing_names == ["prcp", "srad", "tmax", "tmin", "vp", "dayl"]
    assert y.shape == (60, 1461)
    assert y.index.equals(X.site_ids)
    assert y.columns.equals(X.time)
    assert list(X.sites) == ["region", "lat", "lon", "area"]
    assert X.sites["region"].nunique() == 5
    assert X.site_ids[0] == "00000001"


def test_attributes_stand_in_groups_and_all_variables_have_units(catchments):
    X, _, _ = catchments
    assert X.groups == ATTRIBUTE_GROUPS
    assert X.attribute_names == list(ATTRIBUTE_UNITS)
    assert set(X.units) == {*X.forcing_names, *X.attribute_names}
    assert X.units["prcp"] == "mm/d"
    assert np.isfinite(X.attributes.to_numpy()).all()
    assert np.isfinite(X.forcing).all()


def test_record_keeps_its_calendar_dates():
    X, _ = small(n_years=2, start="1999-03-01")
    assert X.time[0] == pd.Timestamp("1999-03-01")
    assert X.time[-1] == pd.Timestamp("2001-02-28")
    assert pd.Timestamp("2000-02-29") in X.time


def test_forcings_are_chosen_by_name():
    X, _ = small(forcings=["prcp", "tmean", "pet"])
    assert X.forcing_names == ["prcp", "tmean", "pet"]
    assert {X.units[name] for name in ("prcp", "pet")} == {"mm/d"}


def test_water_balance_closes_over_the_record(catchments):
    X, _, truth = catchments
    stores = sum(truth.fluxes[name] for name in ("snow", "soil", "quick", "base"))
    change = stores.iloc[:, -1] - stores.iloc[:, 0]
    # The stores are those at the end of each day, so the sum starts on the second.
    prcp = X.forcing[:, 1:, 0].sum(axis=1, dtype=float)
    gone = (truth.runoff + truth.fluxes["et"]).iloc[:, 1:].sum(axis=1)
    np.testing.assert_allclose(prcp, gone + change, rtol=1e-6)


def test_values_are_plausible(catchments):
    X, y, truth = catchments
    attributes = X.attributes
    runoff_ratio = y.mean(axis=1) / attributes["p_mean"]
    assert 0.3 < runoff_ratio.median() < 0.6
    assert runoff_ratio.between(0.02, 0.9).all()
    assert 0.8 < (y.std(axis=1) / y.mean(axis=1)).median() < 2.5
    assert (y >= 0).all(axis=None)
    assert attributes["aridity"].median() == pytest.approx(0.9, abs=0.4)
    grains = attributes[["sand_frac", "silt_frac", "clay_frac"]].sum(axis=1)
    np.testing.assert_allclose(grains, 100)
    forcing = dict(zip(X.forcing_names, np.moveaxis(X.forcing, 2, 0), strict=True))
    assert (forcing["prcp"] >= 0).all()
    assert forcing["prcp"].max() < 400
    assert (forcing["tmax"] > forcing["tmin"]).all()
    assert forcing["tmin"].min() > -60
    assert forcing["tmax"].max() < 55
    assert 50 < forcing["srad"].min() < forcing["srad"].max() < 800
    assert 1.5 < truth.fluxes["pet"].mean(axis=None) < 4


def test_climate_attributes_summarise_the_forcing(catchments):
    X, _, truth = catchments
    prcp = X.forcing[:, :, 0].astype(float)
    np.testing.assert_allclose(X.attributes["p_mean"], prcp.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(X.attributes["pet_mean"], truth.fluxes["pet"].mean(axis=1))
    np.testing.assert_allclose(X.attributes["low_prec_freq"], (prcp < 1).mean(axis=1) * 365.25)


def test_weather_persists_and_neighbours_share_it(catchments):
    X, _, _ = catchments
    wet = X.forcing[:, :, 0] > 0
    after_wet = wet[:, 1:][wet[:, :-1]].mean()
    after_dry = wet[:, 1:][~wet[:, :-1]].mean()
    assert after_wet > after_dry + 0.15
    correlation = np.corrcoef(X.forcing[:, :, 0])
    region = X.sites["region"].to_numpy()
    near = region[:, None] == region
    off_diagonal = ~np.eye(len(region), dtype=bool)
    assert correlation[near & off_diagonal].mean() > correlation[~near].mean() + 0.2


def test_regions_differ_more_than_the_sites_within_them(catchments):
    X, _, _ = catchments
    for name in ("p_mean", "aridity"):
        groups = X.attributes[name].groupby(X.sites["region"].to_numpy())
        assert groups.mean().std() > groups.std().mean()


def relation(truth, X, region):
    """Regress a log-parameter on the attributes behind it, within a region."""
    inside = (X.sites["region"] == region).to_numpy()
    predictors = np.log(X.attributes[["soil_conductivity"]])
    predictors["geology"] = X.attributes["geol_permeability"]
    predictors["clay"] = X.attributes["clay_frac"] / 8
    predictors["one"] = 1.0
    target = np.log(truth.parameters["percolation"])
    return np.linalg.lstsq(predictors[inside], target[inside], rcond=None)[0][:3]


def test_concept_drift_changes_the_relation_and_nothing_else():
    options = {
        "n_sites": 120,
        "n_years": 1,
        "n_regions": 2,
        "parameter_noise": 0.0,
        "random_state": 0,
    }
    spread, panels = [], []
    for drift in (0.0, 1.0):
        X, _, truth = make_catchments(**options, concept_drift=drift, return_truth=True)
        spread.append(np.abs(relation(truth, X, "1") - relation(truth, X, "2")).max())
        panels.append(X)
    assert spread[0] < 0.15 < 0.3 < spread[1]
    np.testing.assert_array_equal(panels[0].forcing, panels[1].forcing)
    assert panels[0].attributes.equals(panels[1].attributes)


def test_unlabelled_share_of_sites_has_no_target():
    X, y = small(n_sites=20, unlabelled=0.4)
    assert is_labelled(X, y).sum() == 12
    assert y[is_labelled(X, y)].notna().all(axis=None)
    complete = small(n_sites=20)[1]
    labelled = is_labelled(X, y)
    assert y[labelled].equals(complete[labelled])


def test_a_labelled_site_always_remains():
    X, y = small(unlabelled=0.99, missing=0.9)
    assert is_labelled(X, y).sum() == 1


def test_missing_share_everywhere():
    X, y = make_catchments(random_state=0, missing=0.2)
    assert np.isnan(X.forcing).mean() == pytest.approx(0.2, abs=0.02)
    assert X.attributes.isna().mean(axis=None) == pytest.approx(0.2, abs=0.03)
    assert y.isna().mean(axis=None) == pytest.approx(0.2, abs=0.03)
    complete, _ = make_catchments(random_state=0)
    there = ~np.isnan(X.forcing)
    np.testing.assert_array_equal(X.forcing[there], complete.forcing[there])


def test_noise_is_the_relative_error_of_the_observations(catchments):
    _, y, truth = catchments
    error = (y / truth.runoff).to_numpy()
    assert np.nanmean(error) == pytest.approx(1.0, abs=0.005)
    assert np.nanstd(error) == pytest.approx(0.1, abs=0.01)


def test_as_frame_holds_what_the_panel_holds():
    X, y = small()
    frame, series = small(as_frame=True)
    assert frame.index.names == ["site", "time", "region"]
    assert list(frame) == X.forcing_names + X.attribute_names
    assert series.name == "runoff"
    assert series.index.equals(frame.index)
    np.testing.assert_array_equal(series.to_numpy().reshape(y.shape), y)
    back = Panel.from_long(frame, attributes=X.attribute_names)
    np.testing.assert_array_equal(back.forcing, X.forcing)
    np.testing.assert_allclose(back.attributes, X.attributes)
    assert back.sites["region"].tolist() == X.sites["region"].tolist()


def season_model(X, y):
    """Predictors for a linear model of each day: rain of late, warmth, season."""
    prcp, tmax = X.forcing[:, :, 0].astype(float), X.forcing[:, :, 2].astype(float)
    total = np.cumsum(np.pad(prcp, ((0, 0), (1, 0))), axis=1)
    warmth = np.cumsum(np.pad(tmax, ((0, 0), (1, 0))), axis=1)
    late = np.arange(120, X.n_times)
    columns = [prcp[:, late - k] for k in range(4)]
    columns += [(total[:, late + 1] - total[:, late + 1 - k]) / k for k in (7, 30, 90)]
    columns += [(warmth[:, late + 1] - warmth[:, late + 1 - k]) / k for k in (7, 30, 90)]
    columns += [np.ones_like(columns[0])]
    return np.stack(columns, axis=-1), y.to_numpy(float)[:, late]


def test_runoff_is_predictable_but_not_by_a_line(catchments):
    """A linear model per site, fitted on one half and judged on the other."""
    X, y, _ = catchments
    predictors, runoff = season_model(X, y)
    half = runoff.shape[1] // 2
    scores = []
    for site, target in zip(predictors, runoff, strict=True):
        weights = np.linalg.lstsq(site[:half], target[:half], rcond=None)[0]
        error = target[half:] - site[half:] @ weights
        scores.append(1 - (error**2).mean() / target[half:].var())
    assert 0.15 < np.median(scores) < 0.75


def ridge_errors(predictors, target, folds):
    """Mean squared error of held-out sites in units of the target's variance."""
    error = np.empty(len(target))
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        centre, scale = predictors[train].mean(axis=0), predictors[train].std(axis=0)
        A, B = ((predictors[part] - centre) / scale for part in (train, test))
        gram = A.T @ A + 3.0 * np.eye(A.shape[1])
        weights = np.linalg.solve(gram, A.T @ (target[train] - target[train].mean()))
        error[test] = target[test] - target[train].mean() - B @ weights
    return (error**2).mean() / target.var()


def test_attributes_help_and_new_regions_are_harder_than_new_sites():
    """Flashiness of runoff from attributes: climate alone, all, and across regions."""
    X, y = make_catchments(n_sites=100, n_years=2, random_state=1)
    flashiness = np.log(y.diff(axis=1).abs().sum(axis=1) / y.sum(axis=1)).to_numpy()
    climate = X.attributes[X.groups["climate"]].to_numpy()
    everything = X.attributes.transform(lambda v: np.log(v) if v.min() > 0 else v).to_numpy()
    sites = np.random.default_rng(0).permutation(np.arange(100) % 5)
    regions = X.sites["region"].astype(int).to_numpy()
    with_all = ridge_errors(everything, flashiness, sites)
    assert with_all < 0.8 * ridge_errors(climate, flashiness, sites)
    assert with_all < 0.8 * ridge_errors(everything, flashiness, regions)
    assert with_all < 0.6


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_sites": 3, "n_regions": 5}, ValueError, "`n_sites`=3 is less than `n_regions`=5"),
        ({"n_sites": 2.5}, TypeError, "`n_sites` must be a whole number"),
        ({"n_years": 0}, ValueError, r"`n_years` must lie in \[1, inf\)"),
        ({"concept_drift": 2}, ValueError, r"`concept_drift` must lie in \[0, 1\]"),
        ({"unlabelled": 1.0}, ValueError, "`unlabelled` must be less than 1"),
        ({"missing": -0.1}, ValueError, r"`missing` must lie in \[0, 1\]"),
        ({"noise": -1}, ValueError, "`noise` must lie in"),
        ({"parameter_noise": -1}, ValueError, "`parameter_noise` must lie in"),
        ({"forcings": ["prcp", "rain"]}, ValueError, r"`forcings` names \['rain'\].*'prcp'"),
        ({"forcings": "prcp"}, TypeError, "`forcings` must be a list of names"),
        ({"forcings": ["prcp", "prcp"]}, ValueError, "`forcings` names something twice"),
        ({"random_state": "seed"}, TypeError, "`random_state` must be a non-negative int"),
    ],
)
def test_illegal_arguments(options, error, message):
    with pytest.raises(error, match=message):
        make_catchments(**options)
