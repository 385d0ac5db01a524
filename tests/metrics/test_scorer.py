"""Scorers inside scikit-learn: panels, long tables, searches, routing, processes."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
import xarray as xr
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stefaland_sk._core import DataWarning
from stefaland_sk.data import Panel
from stefaland_sk.metrics import (
    METRICS,
    Metric,
    SiteScorer,
    median_per_site,
    nse,
    site_scorers,
    site_scores,
)

N_SITES, N_TIMES = 12, 80
SITES = [f"{i:08d}" for i in range(N_SITES)]
TIME = pd.date_range("2000-10-01", periods=N_TIMES, name="time")


class PanelRegressor(RegressorMixin, BaseEstimator):
    """Runoff as one share of the rain, plus a constant; counts its predictions."""

    n_predictions = 0

    def __init__(self, offset=0.0):
        self.offset = offset

    def fit(self, X, y):
        target = np.asarray(y)
        rain = X.forcing[:, :, 0]
        is_observed = np.isfinite(target)
        self.share_ = (rain * np.nan_to_num(target)).sum() / (rain**2 * is_observed).sum()
        return self

    def predict(self, X):
        type(self).n_predictions += 1
        return self.share_ * X.forcing[:, :, 0] + self.offset


@pytest.fixture
def rain():
    return np.random.default_rng(0).gamma(1.0, 3.0, (N_SITES, N_TIMES)).astype("f4")


@pytest.fixture
def panel(rain):
    attributes = pd.DataFrame({"area": np.arange(float(N_SITES))}, index=SITES)
    return Panel(attributes, rain[:, :, None], time=TIME, forcing_names=["prcp"])


@pytest.fixture
def target(rain):
    """Half of the rain with noise; a tenth of the days is not observed."""
    rng = np.random.default_rng(1)
    runoff = 0.5 * rain + rng.normal(0, 0.5, rain.shape)
    runoff[rng.random(rain.shape) < 0.1] = np.nan
    return pd.DataFrame(runoff, pd.Index(SITES, name="site"), TIME)


@pytest.fixture
def long(rain, target):
    """The same as a long table without unobserved days, rows in random order."""
    index = pd.MultiIndex.from_product([SITES, TIME], names=["site", "time"])
    X = pd.DataFrame({"prcp": rain.ravel(), "square": rain.ravel() ** 2}, index=index)
    rows = np.flatnonzero(np.isfinite(target.to_numpy().ravel()))
    rows = np.random.default_rng(2).permutation(rows)
    return X.iloc[rows], pd.Series(target.to_numpy().ravel(), index=index).iloc[rows]


@pytest.fixture(params=[False, True], ids=["routing off", "routing on"])
def routing(request):
    with sklearn.config_context(enable_metadata_routing=request.param):
        yield request.param


# ---------------------------------------------------------------------- values
def test_the_score_is_the_median_over_sites(panel, target):
    model = PanelRegressor().fit(panel, target)
    expected = np.median(nse(target, model.predict(panel)))
    assert median_per_site("nse")(model, panel, target) == pytest.approx(expected)
    mean = median_per_site("nse", aggregate="mean")(model, panel, target)
    assert mean == pytest.approx(np.mean(nse(target, model.predict(panel))))
    worst = median_per_site("nse", aggregate=np.min)(model, panel, target)
    assert worst == pytest.approx(np.min(nse(target, model.predict(panel))))


def test_a_greater_score_is_always_a_better_model(panel, target):
    model = PanelRegressor().fit(panel, target)
    far_off = PanelRegressor(offset=-5.0).fit(panel, target)
    close_by, worse = (
        site_scorers(*METRICS)(m, panel, target.where(target.isna(), target.clip(lower=0)))
        for m in (model, far_off)
    )
    assert all(
        worse[name] <= close_by[name] + 1e-6
        for name in close_by
        if name not in ("neg_abs_flv", "neg_abs_fms")  # these do not see a constant as such
    )


def test_errors_and_biases_are_negated(panel, target):
    model = PanelRegressor(offset=2.0).fit(panel, target)
    scores = site_scorers("rmse", "bias")(model, panel, target)
    table = site_scorers("rmse", "bias").site_scores(model, panel, target)
    assert scores["neg_rmse"] == pytest.approx(-table["rmse"].median())
    assert scores["neg_abs_bias"] == pytest.approx(-table["bias"].abs().median())
    assert (table["bias"] > 0).all()  # the table keeps the sign


def test_every_form_of_the_target_gives_the_same_score(panel, target, long):
    model = PanelRegressor().fit(panel, target)
    scorer = median_per_site("kge", warmup=20, period=("2000-10-10", "2000-12-05"))
    expected = scorer(model, panel, target)
    array = xr.DataArray(target)
    for y in (target.to_numpy(), array, array.transpose("time", "site")):
        assert scorer(model, panel, y) == pytest.approx(expected)


def test_long_rows_score_as_the_panel_does(panel, target):
    model = PanelRegressor().fit(panel, target)
    X, y = panel.to_long(target)
    order = np.random.default_rng(0).permutation(len(X))

    class RowModel:
        def predict(self, X):
            return model.share_ * X["prcp"].to_numpy()

    scorer = site_scorers(warmup=20, period=("2000-10-10", "2000-12-05"))
    expected = scorer(model, panel, target)
    for rows in (slice(None), order):
        for target_rows in (y.iloc[rows], y.iloc[rows].to_numpy(), y.iloc[rows].to_frame()):
            scores = scorer(RowModel(), X.iloc[rows], target_rows)
            assert scores == pytest.approx(expected, rel=1e-5)


def test_an_index_may_hold_further_levels(panel, target):
    sites = pd.DataFrame({"region": ["a", "b"] * 6}, index=SITES)
    X, y = panel.assign(sites=sites).to_long(target)
    assert "region" in X.index.names
    X, y = X[y.notna()], y.dropna()
    model = LinearRegression().fit(X, y)
    expected = site_scores(y, model.predict(X))
    table = median_per_site("nse").site_scores(model, X, y)
    np.testing.assert_allclose(table["nse"], expected["nse"])
    bare = y.droplevel("region")
    pd.testing.assert_frame_equal(median_per_site("nse").site_scores(model, X, bare), table)


def test_rows_without_labels_take_those_of_the_target(long):
    X, y = long
    model = LinearRegression().fit(X, y)
    bare = LinearRegression().fit(X.to_numpy(), y)
    expected = median_per_site("nse")(model, X, y)
    assert median_per_site("nse")(bare, X.to_numpy(), y) == pytest.approx(expected)


def test_wide_targets_need_no_panel(panel, target):
    model = PanelRegressor().fit(panel, target)

    class OfAttributes:
        def predict(self, X):
            return model.predict(panel)

    expected = median_per_site("nse")(model, panel, target)
    assert median_per_site("nse")(OfAttributes(), panel.attributes, target) == expected


def test_the_order_of_sites_does_not_matter(panel, target):
    model = PanelRegressor().fit(panel, target)
    order = np.random.default_rng(0).permutation(N_SITES)
    scorer = site_scorers(*METRICS)
    clipped = target.clip(lower=0)
    assert scorer(model, panel[order], clipped.iloc[order]) == scorer(model, panel, clipped)


def test_warmup_follows_the_record_of_the_panel(rain, target):
    rain = rain.copy()
    rain[:, 30:35] = np.nan  # five days without any forcing: a new segment starts
    panel = Panel(None, rain[:, :, None], time=TIME, forcing_names=["prcp"], sites=target[[]])
    model = PanelRegressor()
    model.share_ = 0.5
    y = target.fillna(1.0)
    y.iloc[:, 30:35] = np.nan
    table = median_per_site("nse", warmup=20).site_scores(model, panel, y)
    assert set(table["n_obs"]) == {(30 - 20) + (80 - 35 - 20)}


# ---------------------------------------------------------------------- inside scikit-learn
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_cross_validate_on_a_panel(panel, target, routing, n_jobs):
    scores = cross_validate(
        PanelRegressor(), panel, target, cv=3, n_jobs=n_jobs, scoring=site_scorers("nse", "rmse"),
        return_train_score=True,
    )  # fmt: skip
    assert (scores["test_nse"] > 0.8).all()
    assert (scores["test_neg_rmse"] < 0).all()
    assert (scores["train_nse"] > 0.8).all()


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize(
    "model", [LinearRegression(), make_pipeline(StandardScaler(), Ridge())], ids=["bare", "pipe"]
)
def test_cross_validate_on_a_long_table(long, routing, n_jobs, model):
    X, y = long
    groups = X.index.get_level_values("site")
    how = {"params": {"groups": groups}} if routing else {"groups": groups}
    for target in (y, y.to_numpy()):
        scores = cross_validate(
            model, X, target, cv=GroupKFold(3), n_jobs=n_jobs, scoring=site_scorers(), **how
        )
        assert (scores["test_kge"] > 0.5).all()


def test_a_fold_scores_its_own_sites(panel, target):
    scores = cross_validate(
        PanelRegressor(), panel, target, cv=3, scoring=median_per_site("nse"),
        return_estimator=True, return_indices=True,
    )  # fmt: skip
    test = scores["indices"]["test"]
    for score, model, sites in zip(scores["test_score"], scores["estimator"], test, strict=True):
        predicted = model.predict(panel[sites])
        assert score == pytest.approx(np.median(nse(target.iloc[sites], predicted)))


def test_several_metrics_cost_one_prediction(panel, target):
    PanelRegressor.n_predictions = 0
    cross_validate(
        PanelRegressor(), panel, target, cv=3, scoring=site_scorers("nse", "kge", "rmse")
    )
    assert PanelRegressor.n_predictions == 3
    PanelRegressor.n_predictions = 0
    GridSearchCV(
        PanelRegressor(), {"offset": [0.0, 1.0]}, cv=3, scoring=site_scorers(), refit="nse"
    ).fit(panel, target)
    assert PanelRegressor.n_predictions == 6


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_grid_search_picks_the_better_model(panel, target, routing, n_jobs):
    search = GridSearchCV(
        PanelRegressor(), {"offset": [3.0, 0.0]}, cv=3, n_jobs=n_jobs,
        scoring=site_scorers("nse", "rmse"), refit="neg_rmse",
    ).fit(panel, target)  # fmt: skip
    assert search.best_params_ == {"offset": 0.0}
    assert search.best_score_ == search.cv_results_["mean_test_neg_rmse"].max()
    assert search.score(panel, target) == pytest.approx(
        median_per_site("rmse")(search.best_estimator_, panel, target)
    )
    single = GridSearchCV(PanelRegressor(), {"offset": [3.0, 0.0]}, scoring=median_per_site("mae"))
    assert single.fit(panel, target).best_params_ == {"offset": 0.0}
    assert single.score(panel, target) < 0


def test_a_search_inside_a_cross_validation(panel, target, routing):
    search = GridSearchCV(
        PanelRegressor(), {"offset": [3.0, 0.0]}, cv=2, scoring=site_scorers("nse"), refit="nse"
    )
    scores = cross_validate(search, panel, target, cv=3, scoring=site_scorers("nse", "kge"))
    assert (scores["test_nse"] > 0.8).all()
    assert repr(clone(search)) == repr(search)
    assert clone(search).scoring == search.scoring


def test_learning_curve_and_cross_val_score(panel, target, routing):
    scorer = median_per_site("nse")
    _, train, test = learning_curve(
        PanelRegressor(), panel, target, cv=3, train_sizes=[0.5, 1.0], scoring=scorer
    )
    assert train.shape == test.shape == (2, 3)
    assert (cross_val_score(PanelRegressor(), panel, target, cv=3, scoring=scorer) > 0.8).all()


def test_a_dictionary_joins_scorers_of_scikit_learn(long):
    X, y = long
    scoring = {**site_scorers("nse", "rmse"), "r2": "r2"}
    scores = cross_validate(LinearRegression(), X, y, cv=KFold(3), scoring=scoring)
    assert {"test_nse", "test_neg_rmse", "test_r2"} <= set(scores)


def test_searches_with_weights_are_told_that_sites_have_none(long):
    X, y = long
    for scoring, refit in ((median_per_site(), True), (site_scorers("nse"), "nse")):
        search = GridSearchCV(Ridge(), {"alpha": [0.1]}, cv=3, scoring=scoring, refit=refit)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            search.fit(X, y, sample_weight=np.ones(len(y)))
        assert np.isfinite(search.best_score_)


def test_wrapped_regressors_work_on_long_tables(long):
    X, y = long
    model = TransformedTargetRegressor(
        LinearRegression(), func=np.cbrt, inverse_func=lambda v: v**3
    )
    assert np.isfinite(cross_val_score(model, X, y, cv=KFold(3), scoring=median_per_site())).all()


# ---------------------------------------------------------------------- the objects
def test_the_representation_tells_the_sign():
    assert repr(median_per_site("nse")) == "SiteScorer(median(nse))"
    assert repr(median_per_site("rmse", warmup=365)) == "SiteScorer(-median(rmse), warmup=365)"
    assert repr(median_per_site("pbias", aggregate="mean")) == "SiteScorer(-mean(abs(pbias)))"
    assert repr(site_scorers("nse", "rmse", period=["1999", "2008"])) == (
        "SiteScorers(nse=median(nse), neg_rmse=-median(rmse), period=('1999', '2008'))"
    )


def test_scorers_survive_pickling_and_compare_by_value():
    for make in (median_per_site, site_scorers):
        scorer = make("kge_2012", warmup=3, aggregate="mean")
        again = pickle.loads(pickle.dumps(scorer))
        assert again == scorer
        assert hash(again) == hash(scorer)
        assert again != make("kge", warmup=3, aggregate="mean")


def test_scorers_are_a_mapping_of_single_ones():
    scorers = site_scorers("nse", "neg_rmse", "bias", warmup=5)
    assert list(scorers) == ["nse", "neg_rmse", "neg_abs_bias"]
    assert len(scorers) == 3
    assert scorers["neg_rmse"] == median_per_site("rmse", warmup=5)
    assert isinstance(scorers["nse"], SiteScorer)
    with pytest.raises(KeyError, match="rmse"):
        scorers["rmse"]
    assert list(site_scorers()) == ["nse", "kge", "neg_rmse"]


def test_a_metric_of_ones_own(panel, target):
    worst = Metric("worst", lambda o, p: np.nanmax(np.abs(o - p), axis=1), False, 0.0, "target")
    model = PanelRegressor().fit(panel, target)
    scorers = site_scorers("nse", worst)
    assert scorers(model, panel, target)["neg_worst"] < 0


# ---------------------------------------------------------------------- warnings
def test_sites_with_few_observations_are_counted(panel, target):
    model = PanelRegressor().fit(panel, target)
    target = target.copy()
    target.iloc[2, 5:] = np.nan
    target.iloc[7] = np.nan
    with pytest.warns(DataWarning, match=r"2 of 12 sites have fewer .*min_obs=10.*'00000002'"):
        score = median_per_site("nse")(model, panel, target)
    others = [i for i in range(N_SITES) if i not in (2, 7)]
    expected = np.median(nse(target.iloc[others], model.predict(panel[others])))
    assert score == pytest.approx(expected)
    table = median_per_site("nse").site_scores(model, panel, target)
    assert (table["n_obs"] < 10).sum() == 2


def test_undefined_scores_are_counted(panel, target):
    model = PanelRegressor().fit(panel, target)
    target = target.copy()
    target.iloc[4] = 1.5
    with pytest.warns(DataWarning, match=r"nse is undefined at 1 of 12 sites .*'00000004'"):
        assert np.isfinite(median_per_site("nse")(model, panel, target))


def test_no_site_left_gives_nan_and_the_reason(panel, target):
    model = PanelRegressor().fit(panel, target)

    def warning_of(y, **rule):
        with pytest.warns(DataWarning, match="The score is NaN: none of 12 sites") as caught:
            assert np.isnan(median_per_site("nse", **rule)(model, panel, y))
        return str(caught[0].message)

    n_obs = int(target.notna().to_numpy().sum())
    assert "holds no observation at all" in warning_of(target * np.nan)
    assert warning_of(target, warmup=90).endswith(
        f"The target holds {n_obs} observations, 0 after warmup=90 (the longest unbroken run has "
        "80 steps). If a splitter has dealt the days of a site to both sides, split by site, for "
        "example with SiteKFold."
    )
    assert f"{n_obs} observations, 0 of them inside period=('1990', '1991')." in warning_of(
        target, period=("1990", "1991")
    )


def test_nothing_warns_when_all_sites_count(panel, target):
    model = PanelRegressor().fit(panel, target)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        site_scorers("nse", "kge", "rmse", "fms")(model, panel, target)


# ---------------------------------------------------------------------- messages
class Fixed:
    """Predict what it was given."""

    def __init__(self, values):
        self.values = values

    def predict(self, X):
        return self.values


def test_one_value_per_site_has_no_score_per_site(panel, target):
    attributes = panel.attributes
    runoff = target.mean(axis=1)
    model = LinearRegression().fit(attributes, runoff)
    message = r"one value \(X is a {}, y has no time\).*scoring='r2'.*levels 'site' and 'time'"
    with pytest.raises(ValueError, match=message.format("DataFrame")):
        median_per_site("nse")(model, attributes, runoff)
    with pytest.raises(ValueError, match=message.format("ndarray")):
        median_per_site("nse")(Fixed(runoff), attributes.to_numpy(), runoff.to_numpy())
    with pytest.raises(ValueError, match=message.format("Panel without time axis")):
        median_per_site("nse")(Fixed(runoff), Panel(attributes), runoff)


def test_missing_predictions_are_named(panel, target):
    predicted = target.fillna(0.0).to_numpy(copy=True)
    predicted[5, 40] = np.nan
    with pytest.raises(ValueError, match=r"NaN or infinite on 1 of .*'00000005' at 2000-11-10"):
        median_per_site("nse")(Fixed(predicted), panel, target.fillna(0.0))


class Diverging(PanelRegressor):
    """Give NaN on one fold's first site."""

    def predict(self, X):
        values = super().predict(X)
        values[X.site_ids == SITES[5]] = np.nan
        return values


def test_a_model_that_diverges_in_one_fold_does_not_end_the_search(panel, target):
    with pytest.warns(DataWarning, match=r"All scores are NaN: `y_pred` is NaN .*'00000005'"):
        scores = cross_validate(
            Diverging(), panel, target, cv=3, scoring=site_scorers("nse", "rmse")
        )
    assert np.isnan(scores["test_nse"]).tolist() == [False, True, False]
    assert np.isnan(scores["test_neg_rmse"]).tolist() == [False, True, False]
    with pytest.warns(UserWarning, match=r"Scoring failed"):
        scores = cross_validate(Diverging(), panel, target, cv=3, scoring=median_per_site())
    assert np.isnan(scores["test_score"]).tolist() == [False, True, False]
    with pytest.raises(ValueError, match=r"`y_pred` is NaN or infinite"):
        cross_validate(
            Diverging(), panel, target, cv=3, scoring=median_per_site(), error_score="raise"
        )


def test_predictions_of_another_shape(panel, target, long):
    with pytest.raises(ValueError, match=r"\(n_sites, n_times\) = \(12, 80\).*gave \(12,\)"):
        median_per_site("nse")(Fixed(np.ones(12)), panel, target)
    X, y = long
    with pytest.raises(ValueError, match=rf"each of the {len(X)} rows of X; it gave .*\(3,\)"):
        median_per_site("nse")(Fixed(np.ones(3)), X, y)


def test_a_target_of_other_rows(panel, target, long):
    X, y = long
    with pytest.raises(ValueError, match=r"different rows or another order.*`y.loc\[X.index\]`"):
        median_per_site("nse")(Fixed(y.to_numpy()), X, y.iloc[::-1])
    with pytest.raises(ValueError, match=r"sites of X in another order"):
        median_per_site("nse")(Fixed(target.to_numpy()), panel, target.iloc[::-1])


def test_parameters_are_checked_when_the_scorer_is_made():
    with pytest.raises(ValueError, match=r"`metric` must be one of \['nse'.* Got 'nash'"):
        median_per_site("nash")
    with pytest.raises(ValueError, match=r"these repeat: \['nse'\]"):
        site_scorers("nse", "nse")
    with pytest.raises(ValueError, match=r"`aggregate` must be one of \['median', 'mean'\]"):
        median_per_site(aggregate="max")
    with pytest.raises(ValueError, match=r"`period` must be a pair of dates .* Got '1999'"):
        site_scorers(period="1999")
    with pytest.raises(ValueError, match=r"`warmup` must lie in \[0, inf\)"):
        site_scorers(warmup=-1)
