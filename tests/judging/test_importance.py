"""Permutations of variables, and the skill that is lost by them at each site."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from stefaland_sk.data import Panel
from stefaland_sk.judging import panel_permutation_importance
from stefaland_sk.judging._permutation import shuffled
from stefaland_sk.metrics import get_metric, median_per_site

from .conftest import RainShare


def test_what_a_model_does_not_read_has_no_importance(catchments):
    X, y = catchments
    found = panel_permutation_importance(RainShare().fit(X, y), X, y, n_repeats=2, random_state=0)
    table = found.frame().set_index("variable")
    assert table.index[0] == "prcp"
    assert table.loc["prcp", "mean"] > 0.5
    assert table.loc["prcp", "worse_at"] == 1.0
    assert (table.loc[["area", "slope"], ["mean", "std"]] == 0).all(axis=None)
    assert found.by_site.shape == (40, 3)
    assert found.baseline == median_per_site("nse")(RainShare().fit(X, y), X, y)


def test_panel_and_long_table_lose_the_same(catchments):
    X, y = catchments
    rows, flow = X.to_long(y)
    for forcing in ("sites", "blocks"):
        settings = {"n_repeats": 1, "random_state": 3, "forcing": forcing, "variables": ["prcp"]}
        model = RainShare().fit(X, y)
        panel = panel_permutation_importance(model, X, y, **settings)
        long = panel_permutation_importance(model, rows, flow, **settings)
        np.testing.assert_allclose(panel.importances, long.importances, rtol=1e-5)


def test_series_are_swapped_whole_and_attributes_of_a_group_stay_together(catchments):
    X, _ = catchments
    before, rng = X.forcing.copy(), np.random.default_rng(0)
    dealt = shuffled(X).permute(["prcp", "area", "slope"], rng, None)
    came_from = [int(np.flatnonzero((before == s).all(axis=(1, 2)))[0]) for s in dealt.forcing]
    assert sorted(came_from) == list(range(40))
    pd.testing.assert_frame_equal(
        dealt.attributes.reset_index(drop=True),
        X.attributes.iloc[came_from].reset_index(drop=True),
    )
    assert (X.forcing == before).all()


def test_blocks_keep_the_values_of_a_site_and_the_days_of_a_block(catchments):
    X, _ = catchments
    dealt = shuffled(X).permute(["prcp"], np.random.default_rng(0), 50).variable("prcp")
    own = X.variable("prcp")
    np.testing.assert_array_equal(np.sort(dealt, axis=1), np.sort(own, axis=1))
    starts = [int(np.flatnonzero(own[0] == v)[0]) for v in dealt[0]]
    assert set(np.diff(starts)) - {1}  # the blocks were dealt
    assert np.mean(np.diff(starts) == 1) > 0.9


def test_gaps_are_not_dealt():
    values = np.arange(12.0, dtype=np.float32).reshape(3, 4, 1)
    values[0, 1] = np.nan
    time = pd.date_range("2000-01-01", periods=4)
    X = Panel.from_arrays(values, time, ["prcp"])
    for block in (None, 1):
        dealt = shuffled(X).permute(["prcp"], np.random.default_rng(1), block)
        assert np.isnan(dealt.forcing).sum() <= 1
        assert not np.isnan(dealt.forcing[1:]).any()


def test_plain_tables_are_scored_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.random((50, 2)), columns=["a", "b"])
    model = LinearRegression().fit(X, X["a"])
    found = panel_permutation_importance(model, X, X["a"], random_state=0)
    assert found.by_site is None
    assert found.frame()["variable"].tolist() == ["a", "b"]
    same = panel_permutation_importance(
        LinearRegression().fit(X.to_numpy(), X["a"]), X.to_numpy(), X["a"], random_state=0
    )
    assert same.names == ["x0", "x1"]
    np.testing.assert_allclose(same.importances, found.importances)


def test_errors_are_turned_so_that_a_loss_is_positive(catchments):
    X, y = catchments
    model = RainShare().fit(X, y)
    metric = get_metric("rmse")
    for scoring in ("rmse", "neg_rmse", median_per_site("rmse"), median_per_site(metric)):
        found = panel_permutation_importance(
            model, X, y, scoring=scoring, variables=["prcp"], n_repeats=1, random_state=0
        )
        assert found.importances[0, 0] > 0
        assert (found.by_site["prcp"] > 0).mean() > 0.9  # a site may draw its own series
    own = panel_permutation_importance(
        model, X, y, scoring=lambda m, X, y: -float(np.nanmean(abs(m.predict(X) - y))),
        groups="panel", n_repeats=1, random_state=0,
    )  # fmt: skip
    assert own.names == ["land"]
    assert own.by_site is None


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"forcing": "days"}, ValueError, "`forcing` must be one of"),
        ({"n_repeats": 0}, ValueError, r"`n_repeats` must lie in \[1"),
        ({"block": 0}, ValueError, r"`block` must lie in \[1"),
        ({"variables": ["snow"]}, ValueError, r"X has no variable 'snow'. It has \['prcp'"),
        ({"groups": ["area"]}, TypeError, "`groups` must be a dict from a name to variables"),
        ({"groups": "all"}, ValueError, r"`groups` must be one of \['panel'\]"),
    ],
)
def test_mistakes_are_told(catchments, settings, error, message):
    X, y = catchments
    with pytest.raises(error, match=message):
        panel_permutation_importance(RainShare().fit(X, y), X, y, **settings)


def test_a_panel_without_groups_has_none_to_permute(catchments):
    X, y = catchments
    with pytest.raises(ValueError, match="needs a Panel that has groups"):
        panel_permutation_importance(RainShare().fit(X, y), X.assign(groups={}), y, groups="panel")


def test_a_single_site_has_none_to_swap_with(catchments):
    X, y = catchments
    model = RainShare().fit(X, y)
    with pytest.raises(ValueError, match="X has one site, so that there is none to swap 'prcp'"):
        panel_permutation_importance(model, X[:1], y[:1], variables=["prcp"])
    with pytest.raises(ValueError, match="none to swap 'area' with.*forcing='blocks'"):
        panel_permutation_importance(model, X[:1], y[:1], forcing="blocks")
    found = panel_permutation_importance(
        model, X[:1], y[:1], forcing="blocks", variables=["prcp"], n_repeats=1, random_state=0
    )
    assert found.importances[0, 0] > 0
