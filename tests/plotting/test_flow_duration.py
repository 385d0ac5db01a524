"""A flow-duration curve sorts each series on its own, over the observed days."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.data import Panel
from stefaland_sk.metrics import fhv, flv
from stefaland_sk.plotting import FlowDurationDisplay

TIME = pd.date_range("2000-10-01", periods=40, name="time")


@pytest.fixture
def flow():
    """Flow of one site: five dry days, a gap of three."""
    values = np.random.default_rng(0).gamma(1.0, 2.0, 40)
    values[:5] = 0.0
    values[10:13] = np.nan
    return pd.DataFrame([values], ["01013500"], TIME)


def test_exceedance_is_the_rank_over_the_number_of_observed_days_and_one(flow):
    frame = FlowDurationDisplay.from_predictions(flow, flow.fillna(9.0)).frame()
    assert len(frame) == 37
    np.testing.assert_allclose(frame["exceedance"], np.arange(1, 38) / 38)
    assert frame["observed"].is_monotonic_decreasing


def test_predictions_on_days_without_observation_do_not_count(flow):
    frame = FlowDurationDisplay.from_predictions(flow, flow.fillna(1e6)).frame()
    pd.testing.assert_series_equal(frame["observed"], frame["predicted"], check_names=False)


def test_the_order_of_days_does_not_matter(flow):
    turned = flow.to_numpy()[:, ::-1]
    there = FlowDurationDisplay.from_predictions(flow.fillna(1.0), flow.fillna(1.0)).frame()
    turned = np.nan_to_num(turned, nan=1.0)
    back = FlowDurationDisplay.from_predictions(flow.fillna(1.0), turned).frame()
    pd.testing.assert_frame_equal(there, back)


def test_period_and_warmup_leave_days_out(flow):
    period = ("2000-10-01", "2000-10-30")
    display = FlowDurationDisplay.from_predictions(flow, flow.fillna(1.0), warmup=10, period=period)
    assert len(display.frame()) == 30 - 10 - 3


def test_biases_are_those_of_the_metrics(flow):
    predicted = 1.2 * flow.fillna(1.0) + 0.1
    biases = FlowDurationDisplay.from_predictions(flow, {"a": predicted}).biases
    assert biases.loc["a", "fhv"] == pytest.approx(fhv(flow.iloc[0], predicted.iloc[0]))
    expected = flv(flow.iloc[0], predicted.iloc[0], space="linear")
    assert biases.loc["a", "flv"] == pytest.approx(expected, nan_ok=True)


def test_the_legend_counts_dry_days_on_a_logarithmic_axis_only(flow):
    display = FlowDurationDisplay.from_predictions(flow, flow.fillna(1.0))
    texts = display.plot().ax_.get_legend().get_texts()
    assert texts[0].get_text() == "observed (no flow on 14 % of the days)"
    assert np.isnan(display.ax_.get_lines()[0].get_ydata()).sum() == 5
    texts = display.plot(yscale="linear").ax_.get_legend().get_texts()
    assert texts[0].get_text() == "observed"


@pytest.mark.parametrize("xscale", ["linear", "log", "logit"])
def test_all_scales_of_exceedance_have_ticks_in_percent(flow, xscale):
    display = FlowDurationDisplay.from_predictions(flow, flow.fillna(1.0)).plot(xscale=xscale)
    display.figure_.canvas.draw()
    low, high = display.ax_.get_xlim()
    inside = [
        text.get_text()
        for place, text in zip(display.ax_.get_xticks(), display.ax_.get_xticklabels(), strict=True)
        if low <= place <= high
    ]
    assert "10" in inside or "20" in inside


def test_from_estimator_shows_the_curve_of_what_is_predicted(flow):
    class Rain:
        warmup = 4

        def predict(self, X):
            return X.variable("prcp")

    rain = np.random.default_rng(1).gamma(1.0, 3.0, (1, 40, 1))
    X = Panel(
        forcing=rain,
        time=TIME,
        forcing_names=["prcp"],
        sites=pd.DataFrame({"region": ["a"]}, index=["01013500"]),
    )
    display = FlowDurationDisplay.from_estimator(Rain(), X, flow, label="runoff [mm/d]")
    counted = flow.notna().to_numpy()[0] & (np.arange(40) >= 4)
    expected = np.sort(X.variable("prcp")[0][counted])[::-1]
    np.testing.assert_allclose(display.frame()["Rain"], expected)
    assert display.plot().ax_.get_ylabel() == "runoff [mm/d]"


def test_what_is_not_there_is_named(flow):
    with pytest.raises(ValueError, match="'01013500' has no observation among the 3 steps"):
        FlowDurationDisplay.from_predictions(
            flow, flow.fillna(1.0), period=("2000-10-11", "2000-10-13")
        )
    with pytest.raises(ValueError, match=r"`curves` .* it lacks \['exceedance'\]"):
        FlowDurationDisplay(pd.DataFrame({"observed": [1.0]}), site="a")
    with pytest.raises(ValueError, match="must have one column per model"):
        FlowDurationDisplay(pd.DataFrame({"exceedance": [0.5], "observed": [1.0]}), site="a")
    display = FlowDurationDisplay.from_predictions(flow, flow.fillna(1.0))
    with pytest.raises(ValueError, match="`yscale` must be one of"):
        display.plot(yscale="symlog")
    with pytest.raises(ValueError, match="`xscale` must be one of"):
        display.plot(xscale="sqrt")
