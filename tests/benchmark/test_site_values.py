"""Targets with one value per site: run by the same function, scored over the sites."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score

from stefaland_sk import LinearComparator
from stefaland_sk.benchmark import (
    PROTOCOLS,
    compare,
    find_problems,
    fold_table,
    format_tables,
    overall_table,
    read_results,
    run,
    win_rates,
)
from stefaland_sk.benchmark._site_values import SiteValues, score_over_sites
from stefaland_sk.data import Panel
from stefaland_sk.model_selection import SiteKFold


@pytest.fixture
def soil():
    """Thirty profiles with three covariates; one without an observation."""
    rng = np.random.default_rng(0)
    sites = pd.Index([f"p{i:02d}" for i in range(30)], name="site")
    X = pd.DataFrame(rng.normal(size=(30, 3)), index=sites, columns=["wet", "steep", "red"])
    clay = 20 + 5 * X["wet"] + rng.normal(size=30)
    y = pd.DataFrame({"clay_frac": clay, "sand_frac": 80 - clay}, index=sites)
    y.iloc[3] = np.nan
    return X.assign(cly_pc_sav=clay), y


@pytest.fixture
def protocol():
    return replace(PROTOCOLS["soil-clay"], cv=SiteKFold(3, random_state=0), seeds=(0, 1))


class Noisy(RegressorMixin, BaseEstimator):
    """Predict the mean of the training sites, and noise that depends on the seed."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.mean_ = np.nanmean(y)
        self.names_ = X.attribute_names
        return self

    def predict(self, X):
        rng = np.random.default_rng(self.random_state)
        return self.mean_ + rng.normal(size=len(X))


@pytest.fixture
def results(soil, protocol, tmp_path):
    models = {"random_forest": Noisy(), "linear": LinearComparator()}
    return run(protocol, *soil, models, out=tmp_path).scores


def test_each_site_keeps_what_was_observed_and_predicted(results, soil):
    assert set(results["metric"]) == {"observed", "predicted"}
    kept = results[results["metric"] == "observed"].groupby("site")["value"].first()
    pd.testing.assert_series_equal(kept, soil[1]["clay_frac"].dropna(), check_names=False)


def test_scores_over_sites_are_those_of_scikit_learn(results):
    wide = results.pivot(index=["model", "seed", "site"], columns="metric", values="value")
    table = overall_table(results, baseline="random_forest")
    for model in table.index:
        by_seed = [
            r2_score(part["observed"], part["predicted"])
            for _, part in wide.loc[model].dropna().groupby(level="seed")
        ]
        assert table.loc[model, "nse"] == pytest.approx(np.mean(by_seed))
    assert (
        table.loc["linear", "low"] < table.loc["linear", "pearson_r"] < table.loc["linear", "high"]
    )
    assert (table["n_sites"] == 29).all()


def test_a_win_is_a_smaller_absolute_error(results):
    wide = results.pivot(index=["site", "seed"], columns=["model", "metric"], values="value")
    errors = {
        model: (wide[model]["predicted"] - wide[model]["observed"]).abs().groupby("site").mean()
        for model in ("linear", "random_forest")
    }
    share = (errors["linear"].dropna() < errors["random_forest"].dropna()).mean()
    assert win_rates(results, baseline="random_forest")["linear"] == pytest.approx(share)


def test_tables_of_folds_and_text_say_that_metrics_are_over_sites(results):
    table = fold_table(results, "rmse")
    assert list(table) == ["0", "1", "2", "all"]
    assert sum(table.attrs["n_sites"][fold] for fold in "012") == 29
    text = format_tables(results, baseline="random_forest")
    assert "soil-clay: over the sites held out" in text
    assert "Pooled R2 per fold" in text
    assert find_problems(results) == []


def test_fractions_of_the_target_are_hidden_from_the_models(soil, protocol):
    X, y = protocol.take(*soil)
    assert X.attribute_names == ["wet", "steep", "red"]
    assert y.name == "clay_frac"
    everything, _ = replace(protocol, hidden=()).take(*soil)
    assert "cly_pc_sav" in everything.attribute_names


def test_a_panel_serves_as_well_as_a_table(soil, protocol, results, tmp_path):
    X, y = soil
    panel = Panel.from_table(X)
    models = {"random_forest": Noisy(), "linear": LinearComparator()}
    again = run(protocol, panel, y["clay_frac"], models, out=tmp_path / "panel").scores
    pd.testing.assert_frame_equal(results, again)


def test_two_results_are_compared_by_their_absolute_errors(results):
    of = dict(tuple(results.groupby("model")))
    found = compare(of["random_forest"], of["linear"])
    assert found.metric == "the absolute error"
    row = found.folds.loc["linear", "all"]
    assert row["win_rate"] == win_rates(results, baseline="random_forest")["linear"]
    assert (found.sites["difference"] == found.sites["a"] - found.sites["b"]).all()


def test_results_survive_the_file(results, tmp_path):
    results.to_csv(tmp_path / "r.csv", index=False)
    stored = read_results(tmp_path / "r.csv")
    pd.testing.assert_frame_equal(
        overall_table(stored), overall_table(results), check_exact=False, rtol=1e-9
    )


def test_a_score_over_sites_takes_many_sets_at_once():
    rng = np.random.default_rng(0)
    observed, predicted = rng.normal(size=(2, 5, 40))
    many = score_over_sites("nse", observed, predicted)
    np.testing.assert_allclose(
        many, [r2_score(o, p) for o, p in zip(observed, predicted, strict=True)]
    )


def test_targets_that_do_not_fit_are_refused(soil, protocol):
    X, y = soil
    with pytest.raises(ValueError, match=r"`target` must be one of \['clay_frac', 'sand_frac'\]"):
        replace(protocol, target="silt_frac").take(X, y)
    with pytest.raises(ValueError, match="y has 2 columns; name one of them in `target`"):
        replace(protocol, target=None).take(X, y)
    with pytest.raises(ValueError, match=r"has no days: leave out \['fit_period'\]"):
        replace(protocol, fit_period=("2000-01-01", "2001-01-01"))


@pytest.mark.parametrize(
    ("predicted", "message"),
    [
        ([1.0, np.nan], "The prediction of site 'b' is missing or infinite"),
        ([1.0, 2.0, 3.0], "one prediction for each of 2 sites; got 3"),
    ],
)
def test_a_prediction_that_is_missing_is_an_error(predicted, message):
    class Given:
        def predict(self, X):
            return predicted

    X = Panel.from_table(pd.DataFrame({"wet": [0.0, 1.0]}, index=["a", "b"]))
    with pytest.raises(ValueError, match=message):
        SiteValues().site_scores(Given(), X, pd.Series([1.0, 2.0]))
