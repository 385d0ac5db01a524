"""The distribution of site scores holds every site once and says what it left out."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from stefaland_sk.metrics import kge
from stefaland_sk.plotting import SiteScoreDisplay


@pytest.fixture
def results():
    """Two models, two seeds, three sites, two metrics; the forest has no score at one site."""
    rows = [
        (model, seed, site, metric, value + 0.1 * seed)
        for model, values in {"lstm": [0.1, 0.5, 0.9], "forest": [np.nan, 0.4, -3.0]}.items()
        for metric in ("nse", "rmse")
        for seed in (0, 1)
        for site, value in zip(["01", "02", "03"], values, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["model", "seed", "site", "metric", "value"])
    return frame.assign(protocol="regions", fold=0)


def test_seeds_are_averaged_per_site(results):
    frame = SiteScoreDisplay.from_results(results, metric="nse").frame()
    lstm = frame[frame["model"] == "lstm"].set_index("site")["value"]
    np.testing.assert_allclose(lstm[["01", "02", "03"]], [0.15, 0.55, 0.95])


def test_fraction_is_the_share_of_sites_with_this_score_or_a_lower_one(results):
    frame = SiteScoreDisplay.from_results(results).frame()
    assert list(frame["model"].unique()) == ["lstm", "forest"], "in the order of the table"
    np.testing.assert_allclose(frame["fraction"], [1 / 3, 2 / 3, 1, 1 / 2, 1, np.nan])


def test_models_may_be_chosen_and_ordered(results):
    display = SiteScoreDisplay.from_results(results, models=["forest", "lstm"])
    assert list(display.medians.index) == ["forest", "lstm"]
    assert list(display.frame()["model"].unique()) == ["forest", "lstm"]


def test_from_predictions_gives_the_metric_of_each_site():
    time = pd.date_range("2000-10-01", periods=50)
    rng = np.random.default_rng(0)
    flow = pd.DataFrame(rng.gamma(2.0, 1.0, (3, 50)), ["01", "02", "03"], time)
    flow.iloc[2] = np.nan
    predicted = flow.fillna(0.0).to_numpy() + rng.normal(0, 0.3, (3, 50))
    display = SiteScoreDisplay.from_predictions(flow, {"a": predicted}, metric="kge", warmup=5)
    frame = display.frame().set_index("site")["value"]
    np.testing.assert_allclose(frame[["01", "02"]], kge(flow.to_numpy()[:2, 5:], predicted[:2, 5:]))
    assert np.isnan(frame["03"]), "a site that was not observed has no score"


def test_plot_draws_one_curve_per_model_and_counts_its_sites(results):
    display = SiteScoreDisplay.from_results(results)
    assert display.plot() is display
    assert display.figure_ is display.ax_.figure
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["lstm: 0.55 (n=3)", "forest: -1.25 (n=2)"]
    assert display.ax_.get_xlim() == (0.0, 1.0)
    assert display.ax_.get_xlabel().startswith("Nash-Sutcliffe efficiency")


def test_the_curve_steps_up_at_each_score(results):
    display = SiteScoreDisplay.from_results(results, models=["lstm"]).plot()
    x, y = display.ax_.get_lines()[0].get_data()
    np.testing.assert_allclose(x, [0.15, 0.15, 0.55, 0.95, 1.0])
    np.testing.assert_allclose(y, [0, 1 / 3, 2 / 3, 1, 1])


def test_plot_uses_the_axes_given_and_any_metric(results):
    _, ax = plt.subplots()
    results = results.replace({"metric": {"rmse": "my_metric"}})
    display = SiteScoreDisplay.from_results(results, metric="my_metric").plot(ax)
    assert display.ax_ is ax
    assert ax.get_xlabel() == "my_metric"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "kge"}, r"`metric` must be one of \['nse', 'rmse'\]. Got 'kge'"),
        ({"protocol": "pub"}, r"`protocol` must be one of \['regions'\]. Got 'pub'"),
        ({"models": ["gru"]}, r"`models` must be one of \['lstm', 'forest'\]. Got 'gru'"),
    ],
)
def test_what_is_not_in_the_table_is_named(results, arguments, message):
    with pytest.raises(ValueError, match=message):
        SiteScoreDisplay.from_results(results, **arguments)


def test_protocols_are_not_mixed(results):
    both = pd.concat([results, results.assign(protocol="pub")])
    with pytest.raises(ValueError, match=r"several protocols: \['regions', 'pub'\]"):
        SiteScoreDisplay.from_results(both)
    one = SiteScoreDisplay.from_results(both, protocol="pub")
    pd.testing.assert_frame_equal(one.frame(), SiteScoreDisplay.from_results(results).frame())


def test_a_results_table_needs_its_columns(results):
    with pytest.raises(ValueError, match=r"`results` must have .* it lacks \['site'\]"):
        SiteScoreDisplay.from_results(results.drop(columns="site"))


def test_a_table_of_scores_needs_its_columns():
    with pytest.raises(ValueError, match=r"lacks \['site', 'value'\]"):
        SiteScoreDisplay(pd.DataFrame({"model": ["a"]}), metric="nse")


def test_a_site_stands_once_per_model():
    twice = pd.DataFrame({"model": "a", "site": ["01", "01"], "value": [0.1, 0.2]})
    with pytest.raises(ValueError, match="several rows for model 'a', site '01'"):
        SiteScoreDisplay(twice, metric="nse")


def test_scores_that_are_all_missing_are_an_error():
    empty = pd.DataFrame({"model": ["a"], "site": ["01"], "value": [np.nan]})
    with pytest.raises(ValueError, match="No site has a score"):
        SiteScoreDisplay(empty, metric="nse")
