"""Row-wise regressors and the comparators made from them."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from stefaland_sk._core import DataWarning
from stefaland_sk.data import Panel
from stefaland_sk.datasets import load_camels_us, make_catchments
from stefaland_sk.estimators import (
    BoostingComparator,
    ClimatologyComparator,
    LinearComparator,
    RandomForestComparator,
    RowRegressor,
)
from stefaland_sk.estimators import _rows as rows_module
from stefaland_sk.estimators._row_features import RowFeatures, balanced_rows, read_steps
from stefaland_sk.estimators._row_scaling import VariableScaler
from stefaland_sk.estimators._rows import accepts_missing
from stefaland_sk.metrics import median_per_site, site_scorers
from stefaland_sk.model_selection import LeaveRegionOut, SiteKFold

nan = np.nan
QUICK = [
    RandomForestComparator(n_estimators=5, max_samples=2000, random_state=0),
    BoostingComparator(n_estimators=20, random_state=0),
    LinearComparator(random_state=0),
    RowRegressor(Ridge(), lags=2, rolling=30, random_state=0),
    ClimatologyComparator(),
]
# What looks at its inputs.
MODELS = QUICK[:-1]


def named(models):
    return {"argvalues": models, "ids": [type(model).__name__ for model in models]}


def make_panel(prcp, **kwargs):
    """Sites with one forcing, given as rows of numbers."""
    prcp = np.asarray(prcp, dtype=np.float32)
    time = pd.date_range("2000-10-01", periods=prcp.shape[1], name="time")
    return Panel.from_arrays(prcp[:, :, None], time, ["prcp"], **kwargs)


def features_of(panel, chosen=None, *, lags=(), rolling=()):
    """Design matrix as a table with named columns."""
    features = RowFeatures(lags, rolling, tuple(panel.forcing_names), tuple(panel.attribute_names))
    chosen = panel.present() if chosen is None else chosen
    return pd.DataFrame(features.build(panel, chosen, np.float64), columns=features.names)


@pytest.fixture(scope="module")
def catchments():
    """Eight sites in two regions, two years, with unobserved days."""
    X, y = make_catchments(n_sites=8, n_years=2, n_regions=2, random_state=0)
    y.iloc[0, 100:200] = nan
    return X, y


# ---------------------------------------------------------------------- features
def test_lags_are_values_of_earlier_steps():
    table = features_of(make_panel([[1, 2, 3, 4], [5, 6, 7, 8]]), lags=(0, 1, 3))
    assert list(table) == ["prcp", "prcp lag 1", "prcp lag 3"]
    np.testing.assert_array_equal(table["prcp"], [1, 2, 3, 4, 5, 6, 7, 8])
    np.testing.assert_array_equal(table["prcp lag 1"], [nan, 1, 2, 3, nan, 5, 6, 7])
    np.testing.assert_array_equal(table["prcp lag 3"], [nan, nan, nan, 1, nan, nan, nan, 5])


def test_rolling_means_cover_the_steps_that_there_are():
    table = features_of(make_panel([[1, 2, 6, 4]]), rolling=(1, 2, 3))
    np.testing.assert_allclose(table["prcp mean 1"], [1, 2, 6, 4])
    np.testing.assert_allclose(table["prcp mean 2"], [1, 1.5, 4, 5])
    np.testing.assert_allclose(table["prcp mean 3"], [1, 1.5, 3, 4])


def test_nothing_reaches_over_a_gap():
    panel = make_panel([[1, 2, nan, 4, 6]])
    table = features_of(panel, lags=(0, 1, 2), rolling=(3,))
    np.testing.assert_array_equal(table["prcp"], [1, 2, 4, 6])
    np.testing.assert_array_equal(table["prcp lag 1"], [nan, 1, nan, 4])
    np.testing.assert_array_equal(table["prcp lag 2"], [nan, nan, nan, nan])
    np.testing.assert_allclose(table["prcp mean 3"], [1, 1.5, 4, 5])


def test_a_value_missing_within_a_record_is_left_out_of_means():
    forcing = np.ones((1, 4, 2), dtype=np.float32)
    forcing[0, :, 0] = [1, nan, nan, 5]
    time = pd.date_range("2000-10-01", periods=4)
    panel = Panel.from_arrays(forcing, time, ["prcp", "tmean"])
    table = features_of(panel, lags=(1,), rolling=(2, 3))
    np.testing.assert_array_equal(table["prcp lag 1"], [nan, 1, nan, nan])
    np.testing.assert_array_equal(table["prcp mean 2"], [1, 1, nan, 5])
    np.testing.assert_array_equal(table["prcp mean 3"], [1, 1, 1, 5])


def test_features_agree_with_pandas(catchments):
    panel = catchments[0][[3]]
    prcp = pd.Series(panel.variable("prcp")[0].astype(float))
    table = features_of(panel, lags=(5,), rolling=(30, 365))
    pd.testing.assert_series_equal(table["prcp lag 5"], prcp.shift(5), check_names=False)
    for window in (30, 365):
        expected = prcp.rolling(window, min_periods=1).mean()
        np.testing.assert_allclose(table[f"prcp mean {window}"], expected, atol=1e-9)


def test_attributes_stand_in_every_row_of_their_site():
    attributes = pd.DataFrame({"area": [10.0, 20.0]}, index=["a", "b"])
    table = features_of(make_panel([[1, 2], [nan, 4]], attributes=attributes), lags=(0,))
    assert list(table) == ["prcp", "area"]
    np.testing.assert_array_equal(table, [[1, 10], [2, 10], [4, 20]])


def test_only_chosen_rows_are_made(catchments):
    panel = catchments[0][:2]
    chosen = np.random.default_rng(0).random((2, panel.n_times)) < 0.1
    everything = features_of(panel, lags=(0, 2), rolling=(7,))
    some = features_of(panel, chosen, lags=(0, 2), rolling=(7,))
    pd.testing.assert_frame_equal(some, everything[chosen.ravel()].reset_index(drop=True))


def test_order_of_a_panels_variables_does_not_matter(catchments):
    X, y = catchments
    model = LinearComparator().fit(X, y)
    turned = Panel(
        X.attributes.iloc[:, ::-1],
        X.forcing[:, :, ::-1],
        time=X.time,
        forcing_names=X.forcing_names[::-1],
    )
    np.testing.assert_allclose(model.predict(turned), model.predict(X), rtol=1e-5)


@pytest.mark.parametrize(
    ("value", "low", "expected"),
    [(2, 0, (0, 1, 2)), (30, 1, (30,)), ([1, 5], 0, (1, 5)), (None, 0, ()), ((), 1, ())],
)
def test_steps_may_be_a_number_or_several(value, low, expected):
    assert read_steps("lags", value, low) == expected


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"lags": -1}, r"`lags` must be .* 0 or more \(or one number.*Got -1"),
        ({"lags": (0, 1.5)}, r"`lags` must be .*Got \(0, 1.5\)"),
        ({"lags": True}, r"`lags` must be .*Got True"),
        ({"lags": (1, 1)}, r"`lags` must be a sequence of different"),
        ({"rolling": 0}, r"`rolling` must be .* 1 or more\. Got 0"),
        ({"rolling": "month"}, r"`rolling` must be .*Got 'month'"),
        ({"max_rows": 0}, r"`max_rows` must lie in \[1, inf\)"),
        ({"warmup": -1}, r"`warmup` must lie in \[0, inf\)"),
        ({"lower_bound": "zero"}, r"`lower_bound` must be one of"),
        ({"warmup": 5000}, r"No target is observed `warmup`=5000 or more steps"),
        ({"fit_period": ("1980", "1981")}, r"`fit_period`.*holds no step of X"),
        ({"lags": (), "rolling": (), "attributes": []}, r"There is nothing to make rows of"),
    ],
)
def test_parameters_out_of_range(catchments, parameters, message):
    with pytest.raises(ValueError, match=message):
        LinearComparator(**parameters).fit(*catchments)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (RowRegressor(StandardScaler()), TypeError, r"`regressor` must be an instance.*Standard"),
        (RowRegressor(Ridge), TypeError, r"`regressor` must be an instance.*Ridge"),
        (RandomForestComparator(max_samples=0), ValueError, r"`max_samples` must lie in \[1"),
        (LinearComparator(alpha=-1.0), ValueError, r"`alpha` must lie in \[0, inf\)"),
        (LinearComparator(target_transform="log"), ValueError, r"`target_transform` must be one"),
        (ClimatologyComparator(window=400), ValueError, r"`window` must lie in \[1, 366\]"),
    ],
)
def test_parameters_of_single_models(catchments, model, error, message):
    with pytest.raises(error, match=message):
        model.fit(*catchments)


# ---------------------------------------------------------------------- rows
def test_rows_are_drawn_evenly_from_the_sites():
    site = np.repeat([0, 1, 2], [100, 5, 60])
    rows = balanced_rows(site, 45, np.random.default_rng(0))
    assert np.bincount(site[rows]).tolist() == [20, 5, 20]
    assert (np.diff(rows) > 0).all()
    few = balanced_rows(site, 2, np.random.default_rng(0))
    assert len(set(site[few])) == 2


def test_draw_of_rows_is_reproducible(catchments):
    X, y = catchments
    model = LinearComparator(max_rows=300, random_state=0)
    first, second = clone(model).fit(X, y), clone(model).fit(X, y)
    other = clone(model).set_params(random_state=1).fit(X, y)
    assert first.n_rows_ == 300
    np.testing.assert_array_equal(first.predict(X), second.predict(X))
    assert np.abs(first.predict(X) - other.predict(X)).max() > 0


@pytest.mark.parametrize("model", **named(MODELS[:2]))
def test_same_seed_same_model(catchments, model):
    X, y = catchments
    first, second = clone(model).fit(X, y), clone(model).fit(X, y)
    np.testing.assert_array_equal(first.predict(X), second.predict(X))


def test_seed_reaches_the_regressor_but_not_over_its_own(catchments):
    X, y = catchments
    forest = RandomForestRegressor(2, max_depth=2)
    seeded = RowRegressor(forest, random_state=0).fit(X, y).regressor_.random_state
    assert isinstance(seeded, int)
    assert forest.random_state is None
    forest = RandomForestRegressor(2, max_depth=2, random_state=7)
    assert RowRegressor(forest, random_state=0).fit(X, y).regressor_.random_state == 7


def test_global_random_state_stays(catchments):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    for model in MODELS:
        clone(model).fit(*catchments)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_unobserved_targets_and_early_days_are_not_trained_on(catchments):
    X, y = catchments
    n_observed = int(y.notna().to_numpy().sum())
    assert LinearComparator().fit(X, y).n_rows_ == n_observed
    later = y.iloc[:, 30:].notna().to_numpy().sum()
    assert LinearComparator(warmup=30).fit(X, y).n_rows_ == later
    in_period = LinearComparator(fit_period=("2001-10-01", None)).fit(X, y)
    assert in_period.n_rows_ == y.loc[:, "2001-10-01":].notna().to_numpy().sum()


def test_fit_period_looks_back_before_its_first_day(catchments):
    """Windows of the first training days hold the days before the period."""
    X, y = catchments
    model = RowRegressor(LinearRegression(), lags=(), rolling=(300,), attributes=[])
    period = ("2001-10-01", "2002-03-31")
    whole = features_of(X.keep_variables(attributes=[]), rolling=(300,)).to_numpy()
    inside = y.columns.slice_indexer(*period)
    target = X.label(whole[:, 0].reshape(y.shape))  # exactly linear in the first column
    fitted = model.set_params(fit_period=period).fit(X, target)
    np.testing.assert_allclose(
        fitted.predict(X)[:, inside], target.iloc[:, inside], rtol=1e-3, atol=1e-3
    )


# ---------------------------------------------------------------------- predictions
@pytest.mark.parametrize("model", **named(MODELS))
def test_the_future_changes_no_prediction(catchments, model):
    X, y = catchments
    model = clone(model).fit(X, y)
    forcing = X.forcing.copy()
    forcing[:, 400:] += 5
    changed = Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)
    before, after = model.predict(X), model.predict(changed)
    np.testing.assert_array_equal(before[:, :400], after[:, :400])
    assert (before[:, 400:] != after[:, 400:]).any()


@pytest.mark.parametrize("model", **named(QUICK))
def test_a_site_is_predicted_alike_alone_and_in_any_company(catchments, model, monkeypatch):
    X, y = catchments
    model = clone(model).fit(X, y)
    together = model.predict(X)
    np.testing.assert_allclose(model.predict(X[[5, 2]]), together[[5, 2]], rtol=1e-5, atol=1e-6)
    monkeypatch.setattr(rows_module, "_VALUES_AT_ONCE", 1)  # one site at a time
    np.testing.assert_allclose(model.predict(X), together, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", **named(MODELS))
def test_batches_do_not_change_the_fit(catchments, model, monkeypatch):
    X, y = catchments
    expected = clone(model).fit(X, y).predict(X)
    monkeypatch.setattr(rows_module, "_VALUES_AT_ONCE", 150_000)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), expected)


@pytest.mark.parametrize("model", **named(QUICK))
def test_long_rows_keep_their_order(catchments, model):
    X, y = catchments
    long, target = X.to_long(y)
    shuffled = long.sample(frac=1, random_state=0)
    model = clone(model).fit(X, y)
    of_rows = clone(model).fit(shuffled, target.loc[shuffled.index]).predict(shuffled)
    assert of_rows.shape == (len(shuffled),)
    expected = X.label(model.predict(X)).stack().loc[long.index.droplevel("region")]
    found = pd.Series(of_rows, index=shuffled.index.droplevel("region"))
    if model.get_params().get("n_estimators"):  # trees break ties by the order of the sites
        assert np.corrcoef(found.loc[expected.index], expected)[0, 1] > 0.85
    else:
        np.testing.assert_allclose(found.loc[expected.index], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("model", **named(QUICK))
def test_table_of_attributes(catchments, model):
    X, y = catchments
    table, target = X.attributes, y.mean(axis=1)
    target.iloc[2] = nan
    model = clone(model).fit(table, target)
    predicted = model.predict(table)
    assert predicted.shape == (8,)
    assert np.isfinite(predicted).all()
    panel = Panel.from_table(table)
    np.testing.assert_allclose(clone(model).fit(panel, target).predict(panel), predicted)


def test_table_is_what_the_regressor_alone_does(catchments):
    X, y = catchments
    table, target = X.attributes[["aridity", "p_mean"]], y.mean(axis=1)
    ours = RowRegressor(LinearRegression()).fit(table, target)
    alone = LinearRegression().fit(table, target.astype("float32"))
    assert ours.row_feature_names_ == ["aridity", "p_mean"]
    np.testing.assert_allclose(ours.predict(table), alone.predict(table))


def test_predictions_stay_above_the_bound(catchments):
    X, y = catchments
    free = LinearComparator(lower_bound=None, target_transform=None).fit(X, y)
    assert free.predict(X).min() < 0
    bounded = LinearComparator(target_transform=None).fit(X, y)
    np.testing.assert_array_equal(bounded.predict(X), np.maximum(free.predict(X), 0))
    below = LinearComparator(target_transform=None).fit(X, y - 1)
    assert below.lower_bound_ is None


def test_penalty_weighs_the_same_whatever_the_number_of_rows(catchments):
    X, y = catchments
    table, target = X.attributes, y.mean(axis=1)
    once = LinearComparator().fit(table, target)
    often = LinearComparator().fit(pd.concat([table] * 9), np.tile(target, 9))
    np.testing.assert_allclose(often.predict(table), once.predict(table), rtol=1e-6)


@pytest.mark.parametrize("fit_period", [("2001-10-01", "2002-09-30"), ("2002-10-01", None)])
def test_a_linear_model_of_one_year_predicts_other_years(fit_period):
    # Day length averaged over one year differs by rounding, or by a leap day, and no more; over
    # the short windows of the first days of a record it is hundreds of such differences away.
    X, y = make_catchments(n_sites=8, n_years=3, n_regions=2, random_state=0, start="2000-10-01")
    model = LinearComparator(fit_period=fit_period).fit(X, y)
    rows = features_of(X, rolling=(365,))
    assert rows["dayl mean 365"].std() > 1000
    assert model.predict(X).max() < 2 * y.to_numpy().max()
    assert model.score(X, y) > 0.3


def test_columns_that_vary_are_standardised_as_usual():
    rows = np.random.default_rng(0).normal([1.0, 5.0, -3.0], [2.0, 0.5, 9.0], size=(50, 3))
    scaler = VariableScaler([0, 0, 1]).fit(rows)
    np.testing.assert_allclose(scaler.transform(rows), StandardScaler().fit_transform(rows))


def test_a_column_that_hardly_varies_is_scaled_by_its_variable():
    day = np.arange(40.0)
    rows = np.column_stack([day, 7 + 1e-3 * day, 7 + 1e-3 * day])
    scaler = VariableScaler([0, 0, 1], least=0.1).fit(rows)
    np.testing.assert_allclose(scaler.scale_, day.std() * np.array([1.0, 0.1, 1e-3]))


def test_rounding_is_no_spread():
    rows = 43200 + np.random.default_rng(0).normal(scale=1e-4, size=(20, 1))
    np.testing.assert_array_equal(VariableScaler([0]).fit(rows).scale_, 1.0)


def test_columns_know_their_variable():
    features = RowFeatures((0, 1), (7,), ("prcp", "tmean"), ("area", "slope"))
    assert features.names[5] == "tmean mean 7"
    assert features.variables.tolist() == [0, 0, 0, 1, 1, 1, 2, 3]


def test_root_of_a_target_with_negative_values_keeps_the_sign(catchments):
    X, y = catchments
    assert LinearComparator(target_transform="sqrt").fit(X, y - 1).predict(X).min() < 0


def test_climatology_is_the_mean_of_the_day_over_sites_and_years():
    X, _ = make_catchments(n_sites=3, n_years=4, n_regions=1, random_state=0)
    day = X.time.strftime("%m%d").to_numpy()
    season = np.sin(2 * np.pi * X.time.day_of_year.to_numpy() / 366)
    y = season + np.array([[-1.0], [0.0], [nan]])
    predicted = ClimatologyComparator(window=1).fit(X, y).predict(X)
    assert (predicted == predicted[0]).all()
    for one in ("0101", "0229", "1231"):
        np.testing.assert_allclose(predicted[0, day == one], season[day == one].mean() - 0.5)
    smooth = ClimatologyComparator(window=30).fit(X, y).predict(X)
    assert 0 < np.abs(smooth - predicted).max() < 0.1


def test_climatology_of_days_never_seen_is_the_mean():
    X, _ = make_catchments(n_sites=2, n_years=1, n_regions=1, random_state=0)
    y = np.where(X.time.month == 11, 3.0, nan) * np.ones((2, 1))
    model = ClimatologyComparator(window=5).fit(X, y)
    np.testing.assert_allclose(model.predict(X), 3.0)


# ---------------------------------------------------------------------- missing inputs
def test_regressors_without_a_way_with_nan_get_an_imputer(catchments):
    X, y = catchments
    model = RowRegressor(KNeighborsRegressor(), max_rows=100, random_state=0).fit(X, y)
    assert isinstance(model.regressor_, Pipeline)
    assert isinstance(model.regressor_[0], SimpleImputer)
    assert not isinstance(RowRegressor(max_rows=100).fit(X, y).regressor_, Pipeline)


@pytest.mark.parametrize(
    ("regressor", "expected"),
    [
        (Ridge(), False),
        (RandomForestRegressor(), True),
        (make_pipeline(StandardScaler(), Ridge()), False),
        (make_pipeline(StandardScaler(), RandomForestRegressor()), True),
        (make_pipeline(StandardScaler(), SimpleImputer(), Ridge()), True),
        (make_pipeline("passthrough", RandomForestRegressor()), True),
    ],
)
def test_pipelines_take_missing_values_up_to_their_imputer(regressor, expected):
    assert accepts_missing(regressor) is expected


@pytest.mark.parametrize("model", **named(QUICK))
def test_gaps_in_attributes_and_forcing(model):
    X, y = make_catchments(n_sites=8, n_years=2, n_regions=2, missing=0.1, random_state=0)
    predicted = clone(model).fit(X, y).predict(X)
    assert np.isfinite(predicted[X.present()]).all()


def test_steps_without_forcing_are_not_predicted(catchments):
    X, y = catchments
    forcing = X.forcing.copy()
    forcing[1, 50:60] = nan
    gap = Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)
    predicted = LinearComparator().fit(X, y).predict(gap)
    np.testing.assert_array_equal(np.isnan(predicted), ~gap.present())


def without_srad_at(X, sites):
    forcing = X.forcing.copy()
    forcing[sites, :, X.forcing_names.index("srad")] = nan
    return Panel(X.attributes, forcing, time=X.time, forcing_names=X.forcing_names)


@pytest.mark.parametrize("model", **named(MODELS[:2]))
def test_a_forcing_missing_at_a_site_is_told(catchments, model):
    X, y = catchments
    poor = without_srad_at(X, [2])
    message = rf"'srad' is missing .* {X.site_ids[2]!r}, and at 1 of 8.*{type(model).__name__} goes"
    with pytest.warns(DataWarning, match=message):
        fitted = clone(model).fit(poor, y)
    with pytest.warns(DataWarning, match=message):
        assert np.isfinite(fitted.predict(poor)).all()


@pytest.mark.filterwarnings("ignore::stefaland_sk._core.DataWarning")
@pytest.mark.parametrize("model", **named(MODELS[:2]))
def test_a_forcing_missing_everywhere(catchments, model):
    X, y = catchments
    poor = without_srad_at(X, slice(None))
    assert np.isfinite(clone(model).fit(poor, y).predict(X)).all()


def test_a_forcing_missing_at_a_site_is_refused_without_a_way_with_nan(catchments):
    X, y = catchments
    with pytest.raises(ValueError, match=r"'srad' is missing.*cannot do without.*BoostingComp"):
        LinearComparator().fit(without_srad_at(X, [2]), y)
    model = LinearComparator().fit(X, y)
    with pytest.raises(ValueError, match=r"'srad' is missing.*at 2 of 8 sites"):
        model.predict(without_srad_at(X, [2, 5]))


# ---------------------------------------------------------------------- in scikit-learn
@parametrize_with_checks(
    [
        RandomForestComparator(n_estimators=10),
        BoostingComparator(n_estimators=50),
        LinearComparator(),
        ClimatologyComparator(),
        RowRegressor(),
        RowRegressor(Ridge()),
    ]
)
def test_check_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("model", **named(QUICK))
def test_clone_pickle_and_parameters(catchments, model):
    X, y = catchments
    assert clone(model).get_params().keys() == model.get_params().keys()
    fitted = clone(model).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


@pytest.mark.parametrize("as_frame", [False, True])
@pytest.mark.parametrize("model", **named(QUICK))
def test_cross_validate_over_regions(catchments, model, as_frame):
    X, y = catchments
    X, y = X.to_long(y) if as_frame else (X, y)
    scores = cross_validate(
        clone(model), X, y, cv=LeaveRegionOut(), scoring=site_scorers("nse", "kge")
    )
    assert np.isfinite(scores["test_nse"]).all()
    assert len(scores["test_nse"]) == 2


def test_forms_of_x_score_alike(catchments):
    X, y = catchments
    model, scorer = LinearComparator(), median_per_site("nse", warmup=30)
    long, target = X.to_long(y)
    of_panel = cross_validate(model, X, y, cv=LeaveRegionOut(), scoring=scorer)["test_score"]
    of_rows = cross_validate(model, long, target, cv=LeaveRegionOut(), scoring=scorer)
    np.testing.assert_allclose(of_panel, of_rows["test_score"], rtol=1e-4)


def test_search_over_nested_parameters_with_two_jobs(catchments):
    X, y = catchments
    search = GridSearchCV(
        RowRegressor(Ridge(), random_state=0),
        {"regressor__alpha": [1.0, 1e6], "lags": [0, (0, 1, 2)]},
        cv=SiteKFold(2, random_state=0),
        scoring=median_per_site("nse"),
        n_jobs=2,
    ).fit(X, y)
    assert search.best_params_["regressor__alpha"] == 1.0
    assert search.predict(X).shape == y.shape


def test_cross_val_predict_keeps_the_axes(catchments):
    X, y = catchments
    assert cross_val_predict(LinearComparator(), X, y, cv=LeaveRegionOut()).shape == y.shape


@pytest.mark.parametrize("model", **named(QUICK))
def test_inputs_stay_as_they_are(catchments, model):
    X, y = catchments
    forcing, table, target = X.forcing.copy(), X.attributes, y.copy()
    clone(model).fit(X, y).predict(X)
    np.testing.assert_array_equal(X.forcing, forcing)
    pd.testing.assert_frame_equal(X.attributes, table)
    pd.testing.assert_frame_equal(y, target)


def test_read_only_memory_map(catchments, tmp_path):
    X, y = catchments
    np.save(tmp_path / "forcing.npy", X.forcing)
    mapped = np.load(tmp_path / "forcing.npy", mmap_mode="r")
    panel = Panel(X.attributes, mapped, time=X.time, forcing_names=X.forcing_names)
    expected = LinearComparator().fit(X, y).predict(X)
    np.testing.assert_array_equal(LinearComparator().fit(panel, y).predict(panel), expected)


def test_modules_of_rows_need_no_torch():
    """The package imports torch, but these files do not ask for it."""
    code = (
        "import sys, types\n"
        "package = types.ModuleType('stefaland_sk.estimators')\n"
        "import stefaland_sk\n"
        "package.__path__ = [stefaland_sk.__path__[0] + '/estimators']\n"
        "sys.modules['stefaland_sk.estimators'] = package\n"
        "import stefaland_sk.estimators._comparators\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------------- skill
@pytest.mark.parametrize("model", **named(MODELS[:3]))
def test_comparators_beat_the_climatology_at_unseen_sites(model):
    X, y = make_catchments(n_sites=20, n_years=3, n_regions=2, random_state=0)
    cv, scorer = SiteKFold(2, random_state=0), median_per_site("nse", warmup=90)
    score = cross_validate(clone(model), X, y, cv=cv, scoring=scorer)["test_score"]
    floor = cross_validate(ClimatologyComparator(), X, y, cv=cv, scoring=scorer)["test_score"]
    assert (score > np.maximum(floor, 0)).all()


@pytest.mark.slow
def test_real_catchments(shared_data):
    X, y = load_camels_us(shared_data / "demo")
    model = BoostingComparator(max_rows=30_000, random_state=0)
    scorer = median_per_site("nse", warmup=365)
    scores = cross_validate(model, X, y, cv=LeaveRegionOut(), scoring=scorer)["test_score"]
    assert np.median(scores) > 0.2
