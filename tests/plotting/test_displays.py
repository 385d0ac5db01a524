"""Every Display has numbers before it draws, draws where it is told, and changes nothing."""

import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import stefaland_sk.plotting as plotting
from stefaland_sk.plotting import _base


def sites_of(n, seed=0):
    """Places of some sites; one has no place."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"lat": random.uniform(30, 48, n), "lon": random.uniform(-120, -70, n)},
        index=[f"{i:08d}" for i in range(n)],
    )
    table.iloc[1, 0] = np.nan
    return table


def results_of(n, models=("lstm", "forest"), seed=0):
    """Scores of some sites in three folds, of two models; a third of the way one is missing."""
    random = np.random.default_rng(seed)
    parts = [
        pd.DataFrame(
            {
                "model": model,
                "fold": np.arange(n) % 3,
                "n_donors": 1 + 4 * (np.arange(n) % 2),
                "site": [f"{i:08d}" for i in range(n)],
                "metric": "nse",
                "value": random.normal(0.4, 0.5, n),
            }
        )
        for model in models
    ]
    results = pd.concat(parts, ignore_index=True)
    results.loc[n // 3, "value"] = np.nan
    return results


def series_of(n):
    """Observed flow of some sites with a gap, and a prediction."""
    time = pd.date_range("2000-10-01", periods=50, name="time")
    flow = np.random.default_rng(0).gamma(1.0, 2.0, (n, 50))
    y_true = pd.DataFrame(flow, [f"{i:08d}" for i in range(n)], time)
    y_true.iloc[0, 7] = np.nan
    return y_true, flow * 0.8 + 0.1


def coverage_of(n):
    """Coverage of some sites in two regions at two levels; one site was never observed."""
    table = pd.DataFrame(
        {
            "site": np.repeat([f"{i:08d}" for i in range(n)], 2),
            "region": np.repeat(np.where(np.arange(n) % 2, "alps", "taiga"), 2),
            "level": [0.5, 0.9] * n,
            "coverage": np.random.default_rng(0).uniform(0.3, 1.0, 2 * n),
            "width": 1.0,
        }
    )
    table.loc[:1, "coverage"] = np.nan
    return table


def values_of(n):
    """Hidden and filled-in values of an attribute and of a forcing variable."""
    random = np.random.default_rng(0)
    sites = [f"{i:08d}" for i in range(n)]
    time = pd.date_range("2000-10-01", periods=5)
    attribute = pd.DataFrame({"variable": "aridity", "site": sites, "time": pd.NaT})
    forcing = pd.DataFrame(
        {"variable": "vp", "site": np.repeat(sites, 5), "time": np.tile(time, n)}
    )
    values = pd.concat([attribute, forcing], ignore_index=True)
    values["true"] = random.normal(size=len(values))
    values["filled"] = values["true"] + random.normal(0, 0.3, len(values))
    values.loc[0, "true"] = np.nan
    return values


def splits_of(n):
    sites = sites_of(n)
    return sites.assign(fold=np.where(np.arange(n) % 2, "b", "a"))


def features_of(n):
    features = np.random.default_rng(0).normal(size=(n + 1, 4))
    features[-1, 0] = np.nan
    return pd.DataFrame(features, [f"{i:08d}" for i in range(n + 1)])


MAKE = {
    "CoverageDisplay": lambda n: plotting.CoverageDisplay.from_report(coverage_of(n)),
    "DonorCurveDisplay": lambda n: plotting.DonorCurveDisplay.from_results(results_of(n)),
    "EmbeddingMapDisplay": lambda n: plotting.EmbeddingMapDisplay.from_features(
        features_of(n), np.arange(n + 1) * 0.1
    ),
    "FlowDurationDisplay": lambda n: plotting.FlowDurationDisplay.from_predictions(*series_of(n)),
    "HydrographDisplay": lambda n: plotting.HydrographDisplay.from_predictions(
        *series_of(n), intervals=(series_of(n)[1] * 0.5, series_of(n)[1] * 2.0), level=0.9
    ),
    "ReconstructionDisplay": lambda n: plotting.ReconstructionDisplay(
        values_of(n), units={"vp": "Pa"}
    ),
    "SiteScoreDisplay": lambda n: plotting.SiteScoreDisplay.from_results(results_of(n)),
    "SkillDistanceDisplay": lambda n: plotting.SkillDistanceDisplay.from_results(
        results_of(n), sites_of(n)
    ),
    "SkillMapDisplay": lambda n: plotting.SkillMapDisplay.from_results(
        results_of(n), sites_of(n), model="lstm"
    ),
    "SplitMapDisplay": lambda n: plotting.SplitMapDisplay.from_folds(splits_of(n)),
}
every_display = pytest.mark.parametrize("name", list(MAKE))


def test_every_public_display_is_checked_here():
    assert sorted(MAKE) == sorted(plotting.__all__)


@every_display
@pytest.mark.parametrize("n_sites", [3, 671])
def test_few_and_many_sites_are_drawn_with_labels(name, n_sites):
    display = MAKE[name](n_sites)
    assert display.plot() is display
    assert display.figure_ is display.ax_.figure
    assert display.ax_.get_xlabel() or name == "HydrographDisplay", "time needs no label"
    assert display.ax_.get_ylabel()
    display.figure_.canvas.draw()  # ticks and layout are made here


@every_display
def test_axes_of_the_caller_are_drawn_on(name):
    figure, (left, right) = plt.subplots(1, 2)
    display = MAKE[name](6).plot(right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not left.has_data(), "nothing else is touched"


@every_display
def test_drawing_changes_no_number_and_no_setting(name):
    display = MAKE[name](6)
    before, settings = display.frame(), dict(plt.rcParams)
    display.plot()
    pd.testing.assert_frame_equal(display.frame(), before)
    assert dict(plt.rcParams) == settings


@every_display
def test_changing_the_frame_does_not_change_the_display(name):
    display = MAKE[name](6)
    frame = display.frame()
    column = frame.select_dtypes("number").columns[-1]
    frame[column] = -1.0
    assert not display.frame()[column].eq(-1.0).all()


@every_display
def test_a_display_can_be_pickled_before_it_is_drawn(name):
    display = MAKE[name](6)
    copy = pickle.loads(pickle.dumps(display))
    pd.testing.assert_frame_equal(copy.frame(), display.frame())


@every_display
def test_without_matplotlib_numbers_are_there_and_plot_says_what_to_install(name, monkeypatch):
    def refuse(module, extra, purpose):
        raise ImportError(f"{purpose} needs the extra {extra}")

    display = MAKE[name](6)
    monkeypatch.setattr(_base, "import_optional", refuse)
    assert len(display.frame())
    with pytest.raises(ImportError, match=f"{name}.plot needs the extra plots"):
        display.plot()


@pytest.mark.parametrize(
    "name", ["SiteScoreDisplay", "DonorCurveDisplay", "SkillDistanceDisplay", "SplitMapDisplay"]
)
def test_colours_of_what_is_not_shown_are_an_error(name):
    with pytest.raises(ValueError, match=r"`colors` names \['gru'\], which the Display does not"):
        MAKE[name](6).plot(colors={"gru": "red"})


@pytest.mark.parametrize("limits", [(1.0, 0.0), (0.0, np.nan), 3.0, (0.0, 1.0, 2.0), "ab"])
def test_limits_must_be_a_range(limits):
    with pytest.raises(ValueError, match="`limits` must be two numbers, the lower one first"):
        MAKE["SkillMapDisplay"](6).plot(limits=limits)


def test_the_seventh_model_has_a_colour_of_the_first_and_a_dash_of_its_own():
    models = [f"model {i}" for i in range(8)]
    results = pd.concat([results_of(6, models=[model]) for model in models])
    lines = plotting.SiteScoreDisplay.from_results(results).plot().ax_.get_lines()
    looks = {(line.get_color(), line.get_linestyle()) for line in lines[:8]}
    assert len(looks) == 8
    assert lines[0].get_color() == lines[6].get_color()


def test_a_metric_in_the_unit_of_the_target_says_so():
    assert _base.metric_label("rmse").startswith("Root mean squared error [unit of the target]")
    assert _base.metric_label("pbias") == "Percent bias [%]"
    assert _base.with_unit("aridity", "1") == "aridity [-]"
