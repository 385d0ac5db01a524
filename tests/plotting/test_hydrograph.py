"""The hydrograph shows the numbers it was given, whatever form they came in."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stefaland_sk.data import Panel
from stefaland_sk.metrics import nse
from stefaland_sk.plotting import HydrographDisplay

TIME = pd.date_range("2000-10-01", periods=60, name="time")
SITES = pd.Index(["01013500", "01022500"], name="site")


class TwiceTheRain:
    """A model whose prediction is known: two millimetres of runoff per millimetre of rain."""

    warmup = 5

    def predict(self, X):
        if isinstance(X, Panel):
            return 2.0 * X.variable("prcp")
        return 2.0 * X["prcp"].to_numpy()


@pytest.fixture
def flow():
    """Runoff of two sites; the first was never observed, the second not on day 10."""
    values = np.random.default_rng(0).gamma(2.0, 1.0, (2, 60))
    values[0] = np.nan
    values[1, 10] = np.nan
    return pd.DataFrame(values, SITES, TIME)


@pytest.fixture
def panel(flow):
    """The panel of the two sites, with rain as its only forcing."""
    rain = np.random.default_rng(1).gamma(1.0, 3.0, (2, 60, 1))
    sites = pd.DataFrame({"region": ["a", "b"]}, index=SITES)
    return Panel(forcing=rain, time=TIME, forcing_names=["prcp"], sites=sites)


def test_frame_holds_what_was_given(flow):
    display = HydrographDisplay.from_predictions(flow, {"a": flow.fillna(0.0) + 1.0})
    frame = display.frame()
    assert list(frame) == ["observed", "a"]
    assert display.site == "01022500", "the first site with an observation is the default"
    pd.testing.assert_series_equal(frame["observed"], flow.loc["01022500"], check_names=False)


@pytest.mark.parametrize("form", ["frame", "array", "dataarray", "turned", "series", "one site"])
def test_every_form_of_a_target_gives_the_same_numbers(flow, form):
    predicted = flow.fillna(0.0) + 1.0
    wide = xr.DataArray(flow)
    y_true, y_pred = {
        "frame": (flow, predicted),
        "array": (flow, predicted.to_numpy()),
        "dataarray": (wide, xr.DataArray(predicted)),
        "turned": (wide.T, predicted),
        "series": (flow.stack(future_stack=True), predicted.stack(future_stack=True).to_numpy()),
        "one site": (flow.loc["01022500"], predicted.loc["01022500"].to_list()),
    }[form]
    display = HydrographDisplay.from_predictions(y_true, y_pred)
    expected = HydrographDisplay.from_predictions(flow, predicted)
    assert display.site == expected.site
    pd.testing.assert_frame_equal(display.frame(), expected.frame(), check_freq=False)


def test_the_score_counts_the_steps_shown_without_warmup(flow):
    predicted = flow.fillna(0.0) * 0.9
    period = ("2000-10-04", "2000-11-10")
    display = HydrographDisplay.from_predictions(flow, predicted, warmup=8, period=period)
    assert len(display.frame()) == 38
    assert display.warmup == 5, "three of the eight warm-up steps lie before the period"
    scored = slice("2000-10-09", "2000-11-10")
    expected = nse(flow.loc["01022500", scored], predicted.loc["01022500", scored])
    assert display.scores["predicted"] == pytest.approx(expected)


@pytest.mark.parametrize("long", [False, True])
def test_from_estimator_predicts_the_site_shown(panel, flow, long):
    X = panel.to_long() if long else panel
    y = flow.stack(future_stack=True).reindex(X.index.droplevel("region")) if long else flow
    display = HydrographDisplay.from_estimator(
        TwiceTheRain(), X, np.asarray(y), precipitation="prcp"
    )
    frame = display.frame()
    assert list(frame) == ["observed", "TwiceTheRain", "precipitation"]
    np.testing.assert_allclose(frame["TwiceTheRain"], 2.0 * frame["precipitation"], rtol=1e-6)
    np.testing.assert_allclose(frame["precipitation"], panel.variable("prcp")[1], rtol=1e-6)
    np.testing.assert_allclose(frame["observed"], flow.loc["01022500"], rtol=1e-6)
    assert display.warmup == 5, "the longest warm-up of the estimators is the default"


def test_plot_draws_one_line_per_column_and_keeps_axes(flow):
    predictions = {"a": flow.fillna(0.0), "b": flow.fillna(0.0) + 1.0}
    rain = pd.Series(1.0, TIME)
    display = HydrographDisplay.from_predictions(
        flow, predictions, warmup=5, precipitation=rain, label="runoff [mm/d]"
    )
    assert display.plot(colors={"a": "red"}) is display
    assert len(display.ax_.get_lines()) == 3
    assert display.ax_.get_ylabel() == "runoff [mm/d]"
    assert display.figure_ is display.ax_.figure
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels[:2] == ["observed", "a (NSE 1.00)"]


def test_plot_uses_the_axes_given(flow):
    _, ax = plt.subplots()
    display = HydrographDisplay.from_predictions(flow, flow.fillna(0.0)).plot(ax, yscale="log")
    assert display.ax_ is ax
    assert ax.get_yscale() == "log"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"site": "1022500"}, "There is no site '1022500' among the 2 sites.*'01013500'"),
        ({"period": ("2010-10-01", None)}, "`period`=.* holds no step"),
        ({"warmup": -1}, "`warmup` must lie in"),
        ({"y_pred": {}}, "`y_pred` is an empty dict"),
        ({"y_pred": {"observed": 0}}, "No model may be named 'observed'"),
        ({"y_pred": [[1.0]]}, r"has the shape \(1, 1\), but `y_true` has \(2, 60\)"),
    ],
)
def test_wrong_values_are_named(flow, arguments, message):
    arguments = {"y_pred": flow.fillna(0.0), **arguments}
    with pytest.raises(ValueError, match=message):
        HydrographDisplay.from_predictions(flow, **arguments)


def test_a_prediction_of_other_sites_is_an_error(flow):
    with pytest.raises(ValueError, match="The prediction 'a' has no site '01022500'"):
        HydrographDisplay.from_predictions(flow, {"a": flow.fillna(0.0).iloc[[0]]})


def test_a_target_that_was_never_observed_is_an_error(flow):
    with pytest.raises(ValueError, match="No site of `y_true` has an observation"):
        HydrographDisplay.from_predictions(flow.iloc[[0]], flow.iloc[[0]])


def test_what_is_predicted_where_nothing_was_observed(flow, panel):
    site = flow.index[0]
    display = HydrographDisplay.from_estimator(TwiceTheRain(), panel, flow, site=site).plot()
    drawn = [line.get_label() for line in display.ax_.get_lines()]
    assert drawn == ["TwiceTheRain"]  # without a score, which it cannot have
    interval = (flow.fillna(0.0) + 1, flow.fillna(0.0) + 2)
    display = HydrographDisplay.from_predictions(
        flow, flow.fillna(1.5), site=site, intervals=interval
    )
    assert np.isnan(display.plot().coverage["predicted"])
    plt.close("all")


def test_a_target_without_labels_says_how_to_name_it(flow):
    with pytest.raises(TypeError, match=r"must say which sites and times.*X.label\(values\)"):
        HydrographDisplay.from_predictions(flow.to_numpy(), flow.to_numpy())


def test_a_long_frame_is_not_a_target(flow):
    with pytest.raises(TypeError, match="must have times as its columns"):
        HydrographDisplay.from_predictions(flow.stack(future_stack=True).to_frame("q"), flow)


def test_a_series_without_time_is_an_error():
    with pytest.raises(TypeError, match="must be indexed by time, or by site and time"):
        HydrographDisplay.from_predictions(pd.Series([1.0, 2.0]), [1.0, 2.0])


def test_a_table_without_time_has_no_hydrograph(panel):
    with pytest.raises(TypeError, match="series of a site needs a Panel with a time axis"):
        HydrographDisplay.from_estimator(TwiceTheRain(), np.ones((2, 3)), [1.0, 2.0])


def test_an_unknown_forcing_is_an_error(panel, flow):
    with pytest.raises(ValueError, match=r"must be one of .*'prcp'.* Got 'rain'"):
        HydrographDisplay.from_estimator(TwiceTheRain(), panel, flow, precipitation="rain")


def test_an_unknown_colour_name_is_an_error(flow):
    display = HydrographDisplay.from_predictions(flow, {"lstm": flow.fillna(0.0)})
    with pytest.raises(ValueError, match=r"`colors` names \['forest'\].*shows \['lstm'\]"):
        display.plot(colors={"forest": "green"})


def test_series_need_an_observed_column_and_a_model():
    with pytest.raises(ValueError, match="must have the column 'observed'"):
        HydrographDisplay(pd.DataFrame({"a": [1.0]}), site="01013500")


class Quantiles(TwiceTheRain):
    """A model that is sure to within a factor of its rain."""

    def predict_quantiles(self, X, quantiles):
        return self.predict(X)[..., None] * np.asarray(quantiles)


def test_intervals_are_kept_beside_their_model(flow):
    predicted = flow.fillna(1.0)
    display = HydrographDisplay.from_predictions(
        flow, {"a": predicted, "b": predicted}, intervals={"b": (predicted - 1, predicted + 1)}
    )
    frame = display.frame()
    assert list(frame) == ["observed", "a", "b", "b lower", "b upper"]
    np.testing.assert_allclose(frame["b upper"] - frame["b lower"], 2.0)


def test_coverage_counts_observed_days_without_warmup(flow):
    lower, upper = flow.fillna(0.0) - 1.0, flow.fillna(0.0) + 1.0
    upper.iloc[1, 20:31] = lower.iloc[1, 20:31] = -5.0
    upper.iloc[1, 2] = lower.iloc[1, 2] = -5.0  # in the warm-up
    display = HydrographDisplay.from_predictions(
        flow, flow.fillna(0.0), intervals=(lower, upper), warmup=4, level=0.9
    )
    assert display.coverage["predicted"] == pytest.approx(1 - 11 / 55)
    labels = [text.get_text() for text in display.plot().ax_.get_legend().get_texts()]
    assert "90 % interval (holds 80 %)" in labels
    assert len(display.ax_.collections) == 1


def test_from_estimator_asks_for_the_quantiles_of_a_level(panel, flow):
    models = {"sure": TwiceTheRain(), "unsure": Quantiles()}
    display = HydrographDisplay.from_estimator(models, panel, flow, level=0.8)
    frame = display.frame()
    assert "sure lower" not in frame
    np.testing.assert_allclose(frame["unsure lower"], 0.1 * frame["unsure"], rtol=1e-6)
    np.testing.assert_allclose(frame["unsure upper"], 0.9 * frame["unsure"], rtol=1e-6)


def test_a_level_without_quantiles_is_an_error(panel, flow):
    with pytest.raises(ValueError, match=r"`level`=0.8 needs an estimator that predicts quantiles"):
        HydrographDisplay.from_estimator(TwiceTheRain(), panel, flow, level=0.8)


@pytest.mark.parametrize(
    ("intervals", "message"),
    [
        ({"b": (0, 1)}, r"`intervals` must be one of \['a'\]"),
        (3.0, "`intervals` of 'a' must be a pair.* got float"),
        ((1, 2, 3), "must be a pair.* got tuple of length 3"),
    ],
)
def test_intervals_must_be_pairs_of_models_shown(flow, intervals, message):
    with pytest.raises(ValueError, match=message):
        HydrographDisplay.from_predictions(flow, {"a": flow.fillna(0.0)}, intervals=intervals)


def test_swapped_ends_are_found(flow):
    swapped = (flow.fillna(0.0) + 1, flow.fillna(0.0))
    with pytest.raises(ValueError, match="lower bound of 'predicted' lies above .* 2000-10-01"):
        HydrographDisplay.from_predictions(flow, flow.fillna(0.0), intervals=swapped)


def test_a_level_is_a_share_below_one(flow):
    with pytest.raises(ValueError, match="`level` must be below 1"):
        HydrographDisplay.from_predictions(flow, flow.fillna(0.0), level=1.0)
    with pytest.raises(ValueError, match="`level` must lie in"):
        HydrographDisplay.from_predictions(flow, flow.fillna(0.0), level=90)


def test_precipitation_has_the_unit_of_the_panel(panel, flow):
    X = panel.assign(units={"prcp": "mm/d"})
    display = HydrographDisplay.from_estimator(TwiceTheRain(), X, flow, precipitation="prcp").plot()
    labels = [ax.get_ylabel() for ax in display.figure_.axes]
    assert "precipitation [mm/d]" in labels
