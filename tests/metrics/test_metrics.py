"""The metrics themselves: laws, missing data, forms of input, messages."""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stefaland_sk.metrics import (
    METRICS,
    Metric,
    bias,
    fdc_rmse,
    fhv,
    flv,
    fms,
    get_metric,
    kge,
    log_nse,
    nse,
    pearson_r,
    rmse,
    spearman_r,
    ubrmse,
)

NAMES = list(METRICS)


@pytest.fixture
def flows():
    """Seven sites, 400 days, a tenth of them not observed; one site has no observation."""
    rng = np.random.default_rng(0)
    y_true = rng.gamma(0.7, 3.0, (7, 400))
    y_pred = y_true * rng.gamma(4.0, 0.3, (7, 400)) + 0.1
    y_true[rng.random(y_true.shape) < 0.1] = np.nan
    y_true[3] = np.nan
    return y_true, y_pred


# ---------------------------------------------------------------------- laws
def test_squared_rmse_is_squared_ubrmse_plus_squared_bias(flows):
    # With gaps too: both means are over the observed days.
    np.testing.assert_allclose(rmse(*flows) ** 2, ubrmse(*flows) ** 2 + bias(*flows) ** 2)


def test_nse_never_exceeds_the_squared_correlation(flows):
    y_true, y_pred = flows
    for factor in (0.5, 1.0, 3.0):
        skill, r = nse(y_true, factor * y_pred), pearson_r(y_true, factor * y_pred)
        assert (skill <= r**2 + 1e-12)[np.isfinite(skill)].all()


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_prediction_has_the_optimum(name, flows):
    y_true, _ = flows
    values = METRICS[name](y_true, np.nan_to_num(y_true))
    np.testing.assert_allclose(np.delete(values, 3), METRICS[name].optimum, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_site_does_not_depend_on_the_others_or_their_order(name, flows):
    y_true, y_pred = flows
    order = np.random.default_rng(1).permutation(len(y_true))
    values = METRICS[name](y_true, y_pred)
    np.testing.assert_array_equal(METRICS[name](y_true[order], y_pred[order]), values[order])
    alone = [METRICS[name](*series) for series in zip(y_true, y_pred, strict=True)]
    np.testing.assert_allclose(alone, values, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_days_without_observation_do_not_count(name, flows):
    y_true, y_pred = flows
    is_valid = np.isfinite(y_true[0])
    y_pred = y_pred.copy()
    y_pred[~np.isfinite(y_true)] = np.nan  # what is predicted there is not looked at
    with_gaps = METRICS[name](y_true, y_pred)[0]
    assert with_gaps == pytest.approx(METRICS[name](y_true[0, is_valid], y_pred[0, is_valid]))


@pytest.mark.parametrize("name", NAMES)
def test_a_site_without_observation_is_nan_and_nothing_warns(name, flows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = METRICS[name](*flows)
        assert np.isnan(METRICS[name](np.full(5, np.nan), np.ones(5)))
        assert METRICS[name](np.empty((2, 0)), np.empty((2, 0))).shape == (2,)
        assert METRICS[name](np.empty((0, 5)), np.empty((0, 5))).shape == (0,)
    assert np.flatnonzero(np.isnan(values)).tolist() == [3]


@pytest.mark.parametrize("name", ["nse", "log_nse", "kge", "kge_2012", "pearson_r", "spearman_r"])
def test_constant_observations_have_no_skill(name):
    # The mean of many 0.1 is not 0.1: the variance of this series is a rounding error.
    y_true = np.full(365, 0.1)
    assert np.isnan(METRICS[name](y_true, np.linspace(0, 1, 365)))


@pytest.mark.parametrize("metric", [kge, pearson_r, spearman_r])
def test_constant_predictions_have_no_correlation(metric):
    assert np.isnan(metric(np.linspace(0, 1, 365), np.full(365, 0.1)))


def test_the_mean_of_the_observations_has_an_nse_of_zero(flows):
    y_true = np.delete(flows[0], 3, axis=0)
    means = np.nanmean(y_true, axis=1, keepdims=True)
    np.testing.assert_allclose(nse(y_true, np.broadcast_to(means, y_true.shape)), 0, atol=1e-12)


def test_kge_2012_keeps_bias_out_of_the_variability(flows):
    y_true = np.nan_to_num(flows[0][0])
    assert kge(y_true, 2 * y_true, variant="2012") == pytest.approx(0.0)
    assert kge(y_true, 2 * y_true) == pytest.approx(1 - np.sqrt(2))


def test_log_nse_takes_the_hundredth_of_the_mean():
    y_true, y_pred = np.array([0.0, 1.0, 5.0]), np.array([-1.0, 2.0, 4.0])
    expected = nse(np.log(y_true + 0.02), np.log(np.array([0.0, 2.0, 4.0]) + 0.02))
    assert log_nse(y_true, y_pred) == pytest.approx(expected)
    assert log_nse(y_true, y_pred, epsilon=0.02) == pytest.approx(expected)


# ---------------------------------------------------------------------- flow duration, by hand
def by_hand(y_true, y_pred, name):
    """Signatures of one site as Yilmaz et al. write them down, one day after the other."""
    keep = [i for i, value in enumerate(y_true) if value == value]
    o = sorted((float(y_true[i]) for i in keep), reverse=True)
    p = sorted((float(y_pred[i]) for i in keep), reverse=True)
    n = len(o)
    if name == "fhv":
        top = range(max(1, round(0.02 * n)))
        return 100 * sum(p[i] - o[i] for i in top) / sum(o[i] for i in top)
    if name == "flv":
        low = range(n - max(1, round(0.3 * n)), n)
        of_p = sum(np.log(p[i]) - np.log(p[-1]) for i in low)
        of_o = sum(np.log(o[i]) - np.log(o[-1]) for i in low)
        return -100 * (of_p - of_o) / of_o
    if name == "fms":
        a, b = round(0.2 * n), round(0.7 * n)
        slope = np.log(o[a]) - np.log(o[b])
        return 100 * (np.log(p[a]) - np.log(p[b]) - slope) / slope
    points = [j * n // 100 for j in range(100)]
    return np.sqrt(np.mean([(p[i] - o[i]) ** 2 for i in points]))


@pytest.mark.parametrize("name", ["fhv", "flv", "fms", "fdc_rmse"])
def test_signatures_follow_their_definition(name, flows):
    y_true, y_pred = flows
    y_true = np.maximum(y_true, 1e-3)
    expected = [
        np.nan if i == 3 else by_hand(y_true[i], y_pred[i], name) for i in range(len(y_true))
    ]
    np.testing.assert_allclose(METRICS[name](y_true, y_pred), expected, rtol=1e-10)


def test_signatures_do_not_look_at_the_order_of_days(flows):
    y_true, y_pred = np.nan_to_num(flows[0][0]), flows[1][0]
    for metric in (fhv, flv, fms, fdc_rmse):
        assert metric(y_true, y_pred) == pytest.approx(metric(y_true, y_pred[::-1]))


def test_linear_flv_is_the_volume_error_of_low_flows():
    flow = np.arange(1.0, 11.0)
    assert flv(flow, flow + 1, space="linear") == pytest.approx(100 * 3 / 6)
    assert flv(flow, flow + 1, percent=10, space="linear") == pytest.approx(100.0)


def test_zero_flows_have_a_floor():
    y_true = np.r_[np.zeros(25), np.arange(1.0, 76.0)]
    y_pred = np.r_[np.full(25, 1e-3), np.arange(1.0, 76.0)]
    # Raised to the floor, the two differ no more.
    assert flv(y_true, y_pred, min_flow=1e-3) == 0.0
    assert flv(y_true, y_pred) > 0  # the predicted curve falls less deep
    assert fms(y_true, y_pred, high=90, min_flow=1e-3) == 0.0
    assert fms(y_true, y_pred, high=90) < 0
    assert np.isnan(flv(np.zeros(50), y_pred[:50]))  # all low flows are equal


# ---------------------------------------------------------------------- independent libraries
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("rmse", "rmse"),
        ("mae", "mae"),
        ("bias", "me"),
        ("nse", "nse"),
        ("kge", "kge_2009"),
        ("kge_2012", "kge_2012"),
        ("pearson_r", "pearson_r"),
        ("spearman_r", "spearman_r"),
    ],
)
def test_metrics_agree_with_hydroerr(name, theirs, flows):
    hydroerr = pytest.importorskip("HydroErr", reason="needs HydroErr as an independent reference")
    y_true, y_pred = (np.delete(values, 3, axis=0) for values in flows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of each missing day it leaves out
        expected = [getattr(hydroerr, theirs)(p, o) for o, p in zip(y_true, y_pred, strict=True)]
    np.testing.assert_allclose(METRICS[name](y_true, y_pred), expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "module", "theirs"),
    [
        ("rmse", "continuous", "rmse"),
        ("mae", "continuous", "mae"),
        ("bias", "continuous", "additive_bias"),
        ("pbias", "continuous", "pbias"),
        ("nse", "continuous", "nse"),
        ("kge", "continuous", "kge"),
        ("pearson_r", "continuous.correlation", "pearsonr"),
        ("spearman_r", "continuous.correlation", "spearmanr"),
    ],
)
def test_metrics_agree_with_scores(name, module, theirs, flows):
    pytest.importorskip("scores", reason="needs scores as an independent reference")
    reference = getattr(pytest.importorskip(f"scores.{module}"), theirs)
    y_true, y_pred = (
        xr.DataArray(np.delete(values, 3, axis=0), dims=("site", "time")) for values in flows
    )
    expected = reference(y_pred.where(y_true.notnull()), y_true, reduce_dims="time")
    np.testing.assert_allclose(METRICS[name](y_true, y_pred), expected, rtol=1e-10)


# ---------------------------------------------------------------------- forms of input
@pytest.fixture
def labelled(flows):
    sites = [f"{i:08d}" for i in range(len(flows[0]))]
    time = pd.date_range("2000-10-01", periods=flows[0].shape[1])
    return tuple(pd.DataFrame(values, sites, time) for values in flows)


def test_every_form_gives_the_same_numbers(flows, labelled):
    expected = nse(*flows)
    y_true, y_pred = labelled
    np.testing.assert_array_equal(nse(y_true, y_pred), expected)
    np.testing.assert_array_equal(nse(y_true, y_pred.to_numpy()), expected)
    arrays = [
        xr.DataArray(frame, dims=("site", "time")).transpose("time", "site") for frame in labelled
    ]
    np.testing.assert_array_equal(nse(*arrays), expected)
    assert nse(y_true.iloc[0], y_pred.iloc[0]) == expected[0]
    assert isinstance(nse(list(flows[0][0]), list(flows[1][0])), float)


def test_frames_are_matched_by_their_labels(labelled):
    y_true, y_pred = labelled
    expected = nse(y_true, y_pred)
    np.testing.assert_array_equal(nse(y_true, y_pred.iloc[::-1, ::-1]), expected)


def test_inputs_stay_as_they_are(flows):
    before = [values.copy() for values in flows]
    for values in flows:
        values.flags.writeable = False
    for metric in METRICS.values():
        metric(*flows)
    for values, old in zip(flows, before, strict=True):
        np.testing.assert_array_equal(values, old)


# ---------------------------------------------------------------------- messages
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_missing_predictions_are_an_error(name, hole):
    y_true, y_pred = np.ones((2, 5)), np.ones((2, 5))
    y_pred[1, 2:4] = hole
    y_true[1, 3] = np.nan
    with pytest.raises(ValueError, match=r"NaN or infinite on 1 of 9 observed.*row 1, column 2"):
        METRICS[name](y_true, y_pred)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"same shape; got \(2, 3\) and \(3,\)"):
        nse(np.ones((2, 3)), np.ones(3))
    with pytest.raises(ValueError, match=r"\(n_times,\) or \(n_sites, n_times\); got 3 dim"):
        nse(np.ones((2, 3, 1)), np.ones((2, 3, 1)))


def test_frames_of_different_sites(labelled):
    y_true, y_pred = labelled
    with pytest.raises(ValueError, match=r"different sites: 1 only in `y_true`.*'00000006'"):
        nse(y_true, y_pred.iloc[:-1])
    with pytest.raises(ValueError, match=r"different times: 1 only in `y_true`.*'2000-10-01"):
        nse(y_true.iloc[:, 1:-1].join(y_true.iloc[:, [0]]), y_pred.iloc[:, 1:].assign(x=1.0))


def test_times_in_rows(labelled):
    with pytest.raises(ValueError, match=r"has times in its rows.*`y_true.T`"):
        nse(labelled[0].T, labelled[1].T)


def test_a_long_series_of_several_sites_is_not_lumped(labelled):
    index = pd.MultiIndex.from_product([["a", "b"], [0, 1, 2]], names=["site", "time"])
    y = pd.Series(np.arange(6.0), index=index)
    with pytest.raises(ValueError, match=r"long Series of several sites.*site_scores"):
        nse(y, y)
    assert nse(y.loc[["a"]], y.loc[["a"]]) == 1.0


def test_dimensions_need_names():
    array = xr.DataArray(np.ones((2, 3)), dims=("basin", "time"))
    with pytest.raises(ValueError, match=r"dimensions \('site', 'time'\); got \('basin', 'time'\)"):
        nse(array, array)


def test_parameters_are_checked():
    y = np.arange(10.0)
    with pytest.raises(ValueError, match=r"`variant` must be one of \['2009', '2012'\]"):
        kge(y, y, variant="2021")
    with pytest.raises(ValueError, match=r"`percent` must lie in \(0, 100\]"):
        fhv(y, y, percent=0)
    with pytest.raises(ValueError, match=r"`percent` must lie in \(0, 100\]"):
        flv(y, y, percent=101)
    with pytest.raises(ValueError, match=r"`space` must be one of"):
        flv(y, y, space="square")
    with pytest.raises(ValueError, match=r"`min_flow` must lie in \(0, inf\)"):
        fms(y, y, min_flow=0)
    with pytest.raises(ValueError, match=r"`low` must be below `high`; got low=70 and high=20"):
        fms(y, y, low=70, high=20)
    with pytest.raises(ValueError, match=r"`n_points` must lie in \[1, inf\)"):
        fdc_rmse(y, y, n_points=0)
    with pytest.raises(ValueError, match=r"`epsilon` must lie in \(0, inf\)"):
        log_nse(y, y, epsilon=0)


def test_log_nse_of_negative_observations():
    with pytest.raises(ValueError, match=r"below zero on 1 days, first -999 at row 0, column 1"):
        log_nse([1.0, -999.0, 2.0], [1.0, 1.0, 1.0])


# ---------------------------------------------------------------------- the registry
def test_metrics_know_their_direction_and_unit():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.unit in ("-", "target", "%")
        assert metric.title
    assert METRICS["rmse"].scorer_name == "neg_rmse"
    assert METRICS["pbias"].scorer_name == "neg_abs_pbias"
    assert METRICS["pbias"].to_score(np.array([-5.0, 3.0])).tolist() == [-5.0, -3.0]
    with pytest.raises(TypeError):
        METRICS["mine"] = METRICS["nse"]


def test_get_metric_takes_names_of_scores_and_metrics():
    assert get_metric("neg_abs_bias") is METRICS["bias"]
    mine = Metric("mine", nse, True, 1.0, "-")
    assert get_metric(mine) is mine


def test_get_metric_lists_the_names():
    with pytest.raises(ValueError, match=r"one of \['nse', .*'fdc_rmse'\]. Got 'NSE' instead"):
        get_metric("NSE")
    with pytest.raises(TypeError, match=r"Wrap a function of your own: Metric\(name"):
        get_metric(nse)
