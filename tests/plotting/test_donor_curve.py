"""Curves of donors: a median over sites for each number, and how sure it is."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk import LinearComparator
from stefaland_sk.datasets import make_catchments
from stefaland_sk.judging import donor_scaling_curve
from stefaland_sk.metrics import bootstrap_median
from stefaland_sk.plotting import DonorCurveDisplay


@pytest.fixture
def results():
    """Two methods, two numbers of donors, two draws, five sites."""
    random = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [["nearest", "random"], [1, 10], [0, 1], list("abcde")],
        names=["model", "k", "seed", "site"],
    )
    table = pd.DataFrame({"value": random.normal(0.5, 0.1, len(index))}, index=index)
    return table.reset_index().assign(metric="nse")


def test_draws_are_averaged_per_site_before_the_median_over_sites(results):
    frame = DonorCurveDisplay.from_results(results, n_donors="k").frame()
    part = results[(results["model"] == "random") & (results["k"] == 10)]
    expected = bootstrap_median(part.groupby("site")["value"].mean())
    row = frame.set_index(["model", "n_donors"]).loc[("random", 10)]
    np.testing.assert_allclose(row[["median", "low", "high"]].astype(float), expected)
    assert row["n_sites"] == 5


def test_methods_may_be_chosen_and_ordered(results):
    display = DonorCurveDisplay.from_results(results, n_donors="k", models=["random", "nearest"])
    assert display.frame()["model"].unique().tolist() == ["random", "nearest"]


def test_a_greater_confidence_widens_the_band(results):
    widths = []
    for confidence in (0.5, 0.9):
        frame = DonorCurveDisplay.from_results(results, n_donors="k", confidence=confidence).frame()
        widths.append((frame["high"] - frame["low"]).to_numpy())
    assert (widths[1] > widths[0]).all()


def test_sites_without_score_show_in_the_count(results):
    lost = (results["site"] == "a") & (results["k"] == 1) & (results["model"] == "nearest")
    results.loc[lost, "value"] = np.nan
    display = DonorCurveDisplay.from_results(results, n_donors="k").plot()
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["nearest (n=4 to 5)", "random (n=5)"]


def test_no_donor_has_a_place_on_the_logarithmic_axis(results):
    results["k"] = results["k"].replace({1: 0})
    display = DonorCurveDisplay.from_results(results, n_donors="k").plot()
    display.figure_.canvas.draw()
    assert display.ax_.get_xscale() == "symlog"
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["0", "10"]
    assert display.plot(xscale="linear", ylim=(0, 1)).ax_.get_ylim() == (0, 1)


def test_what_does_not_fit_is_named(results):
    with pytest.raises(ValueError, match=r"`results` must have .* it lacks \['n_donors'\]"):
        DonorCurveDisplay.from_results(results)
    with pytest.raises(ValueError, match=r"`n_donors` must be a number of sites .* got -1"):
        DonorCurveDisplay.from_results(results.assign(k=-1), n_donors="k")
    with pytest.raises(ValueError, match="`xscale` must be one of"):
        DonorCurveDisplay.from_results(results, n_donors="k").plot(xscale="sqrt")
    twice = results.rename(columns={"k": "n_donors"})
    with pytest.raises(ValueError, match="several rows for model 'nearest', n_donors 1, site 'a'"):
        DonorCurveDisplay(twice, metric="nse")


def test_a_wide_band_does_not_squeeze_the_medians(results):
    few = (results["k"] == 1) & (results["site"].isin(["a", "b"]))
    results.loc[few, "value"] = -50.0
    display = DonorCurveDisplay.from_results(results, n_donors="k").plot()
    assert display.frame()["low"].min() == -50.0
    assert display.ax_.get_ylim()[0] > -1.0


def test_what_donor_scaling_curve_gives_is_one_curve_per_likeness():
    X, y = make_catchments(n_sites=6, n_years=1, n_regions=2, random_state=0)
    model = LinearComparator(max_rows=500, rolling=30, random_state=0)
    curve = donor_scaling_curve(
        model, X, y, n_donors=(2, None), targets=X.site_ids[:3], random_state=0
    )
    frame = DonorCurveDisplay.from_results(curve).plot().frame()
    assert frame["model"].tolist() == ["attributes"] * 2 + ["random"] * 2
    assert frame["n_donors"].tolist() == [2, 5] * 2
    expected = curve.groupby(["features", "n_donors"])["value"].median()
    np.testing.assert_allclose(frame["median"], expected)
