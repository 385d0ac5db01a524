"""Maps: every site at its place, scores clipped for the eye only, splits shown as they are."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, ShuffleSplit

from stefaland_sk.data import Panel
from stefaland_sk.datasets import load_camels_us
from stefaland_sk.metrics import nse
from stefaland_sk.model_selection import LeaveRegionOut, SiteKFold, site_folds, split_report
from stefaland_sk.plotting import SkillMapDisplay, SplitMapDisplay

SITES = pd.DataFrame(
    {
        "lat": [47.2, 44.6, 33.1, 45.1],
        "lon": [-68.6, -68.1, -87.0, 237.4],
        "region": ["north", "north", "south", "west"],
    },
    index=pd.Index(["01", "02", "03", "04"], name="site"),
)


@pytest.fixture
def results():
    """Scores of two models; one fails badly at a site and has none at another."""
    values = {"lstm": [0.7, 0.5, -8.0, np.nan], "forest": [0.6, 0.6, 0.1, 0.2]}
    rows = [
        (model, site, "nse", value)
        for model, scores in values.items()
        for site, value in zip(SITES.index, scores, strict=True)
    ]
    return pd.DataFrame(rows, columns=["model", "site", "metric", "value"])


def colour_bar(display):
    """Axes of the colour bar."""
    return next(ax for ax in display.figure_.axes if ax is not display.ax_)


# -------------------------------------------------------------------------- scores on a map
def test_scores_meet_the_places_of_their_sites(results):
    shuffled = SITES.sample(frac=1.0, random_state=0)
    frame = SkillMapDisplay.from_results(results, shuffled, model="lstm").frame()
    frame = frame.set_index("site").loc[SITES.index]
    np.testing.assert_allclose(frame["lat"], SITES["lat"])
    np.testing.assert_allclose(frame["value"], [0.7, 0.5, -8.0, np.nan])


def test_longitudes_from_0_to_360_are_turned_to_the_west(results):
    frame = SkillMapDisplay.from_results(results, SITES, model="lstm").frame()
    assert frame.set_index("site").loc["04", "lon"] == pytest.approx(237.4 - 360)


def test_a_baseline_is_subtracted_site_by_site(results):
    display = SkillMapDisplay.from_results(results, SITES, model="lstm", baseline="forest")
    frame = display.frame().set_index("site")["value"]
    np.testing.assert_allclose(frame[SITES.index], [0.1, -0.1, -8.1, np.nan])
    points = display.plot().ax_.collections[-1]
    assert points.get_clim()[0] == -points.get_clim()[1], "symmetric about zero"
    assert display.ax_.get_title(loc="left") == "lstm \N{MINUS SIGN} forest"


def test_scores_beyond_the_limits_are_clipped_in_colour_and_not_in_the_frame(results):
    display = SkillMapDisplay.from_results(results, SITES, model="lstm").plot()
    points = display.ax_.collections[-1]
    assert points.get_clim() == (0.0, 1.0)
    assert points.get_array().min() == -8.0
    assert points.colorbar.extend == "min", "an arrow at the lower end"
    assert display.frame()["value"].min() == -8.0
    assert display.plot(limits=(-10, 1)).ax_.collections[-1].colorbar.extend == "neither"


def test_the_worst_site_is_drawn_last(results):
    values = SkillMapDisplay.from_results(results, SITES, model="lstm").plot()
    assert values.ax_.collections[-1].get_array()[-1] == -8.0
    errors = results.assign(metric="rmse", value=[1, 5, 2, 3] * 2)
    values = SkillMapDisplay.from_results(errors, SITES, metric="rmse", model="lstm").plot()
    assert values.ax_.collections[-1].get_array()[-1] == 5


def test_a_site_without_score_is_a_cross_and_counted(results):
    display = SkillMapDisplay.from_results(results, SITES, model="lstm").plot()
    assert display.ax_.get_legend().get_texts()[0].get_text() == "no score (n=1)"


def test_a_site_without_place_is_counted(results):
    sites = SITES.assign(lat=SITES["lat"].where(SITES.index != "02"))
    display = SkillMapDisplay.from_results(results, sites, model="forest").plot()
    assert "1 site without place not shown" in display.ax_.get_title(loc="left")


def test_places_may_come_from_a_panel_a_column_or_a_long_table(results):
    panel = Panel(SITES[["lat"]].rename(columns={"lat": "x"}), sites=SITES)
    expected = SkillMapDisplay.from_results(results, SITES, model="lstm").frame()
    for sites in (panel, SITES.reset_index()):
        frame = SkillMapDisplay.from_results(results, sites, model="lstm").frame()
        pd.testing.assert_frame_equal(frame, expected)


def test_from_predictions_gives_the_metric_of_each_site_and_of_its_difference():
    time = pd.date_range("2000-10-01", periods=40)
    flow = np.random.default_rng(0).gamma(2.0, 1.0, (4, 40))
    y_true = pd.DataFrame(flow, SITES.index, time)
    frame = SkillMapDisplay.from_predictions(y_true, 0.9 * flow, SITES).frame()
    np.testing.assert_allclose(frame["value"], nse(flow, 0.9 * flow))
    display = SkillMapDisplay.from_predictions(y_true, 0.9 * flow, SITES, baseline=0.5 * flow)
    expected = nse(flow, 0.9 * flow) - nse(flow, 0.5 * flow)
    np.testing.assert_allclose(display.frame()["value"], expected)
    assert display.baseline == "baseline"


def test_a_bias_is_coloured_about_zero_and_an_error_from_bright_to_dark(results):
    def drawn(metric):
        table = results.replace({"metric": {"nse": metric}})
        display = SkillMapDisplay.from_results(table, SITES, metric=metric, model="forest").plot()
        return display.ax_.collections[-1]

    assert drawn("pbias").cmap.name == "PuOr"
    assert drawn("rmse").cmap.name == "viridis_r", "bright is good"
    assert drawn("nse").cmap.name == "viridis"


def test_ticks_of_a_map_are_degrees(results):
    display = SkillMapDisplay.from_results(results, SITES, model="lstm").plot()
    display.figure_.canvas.draw()
    assert any(text.get_text().endswith("°W") for text in display.ax_.get_xticklabels())
    assert any(text.get_text().endswith("°N") for text in display.ax_.get_yticklabels())


def test_outlines_are_drawn_below_the_sites(results):
    display = SkillMapDisplay.from_results(results, SITES, model="lstm")
    coast = [[-70.0, 40.0], [-71.0, 41.0], [np.nan, np.nan], [-72.0, 42.0]]
    line = display.plot(outline=np.array(coast)).ax_.get_lines()[0]
    assert line.get_zorder() < display.ax_.collections[-1].get_zorder()
    assert len(display.plot(outline=[np.array(coast), np.array(coast)]).ax_.get_lines()) == 2
    with pytest.raises(ValueError, match=r"`outline` must be .* line 0 has the shape \(4,\)"):
        display.plot(outline=np.zeros(4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"several models: \['lstm', 'forest'\]. Choose one with `model=`"),
        ({"model": "gru"}, r"`models` must be one of \['lstm', 'forest'\]"),
        ({"model": "lstm", "metric": "kge"}, r"`metric` must be one of \['nse'\]"),
        ({"model": "lstm", "sites": SITES.iloc[:2]}, "no entry for 2 of 4 sites, .*'03'"),
        ({"model": "lstm", "sites": SITES[["lat"]]}, r"does not tell \['lon'\] of any of its 4"),
        (
            {"model": "lstm", "sites": SITES.assign(lat=np.nan)},
            r"does not tell \['lat'\] of any of its 4",
        ),
        ({"model": "lstm", "sites": SITES.assign(lat=5e6)}, "Site '01' of `sites` has lat=5e.06"),
        ({"model": "lstm", "sites": SITES.assign(lon=-999.0)}, "Site '01' of `sites` .*lon=-999"),
    ],
)
def test_what_does_not_fit_is_named(results, arguments, message):
    sites = arguments.pop("sites", SITES)
    with pytest.raises(ValueError, match=message):
        SkillMapDisplay.from_results(results, sites, **arguments)


def test_a_map_shows_one_model(results):
    table = results.merge(SITES.reset_index(), on="site")
    with pytest.raises(ValueError, match="several rows for site '01'. A map shows one model"):
        SkillMapDisplay(table, metric="nse")


def test_a_table_of_another_kind_is_a_type_error():
    with pytest.raises(TypeError, match="`results` must be a DataFrame; got list"):
        SkillMapDisplay.from_results([1, 2], SITES)


# -------------------------------------------------------------------------- splits on a map
@pytest.fixture
def panel():
    return Panel(pd.DataFrame({"area": 1.0}, index=SITES.index), sites=SITES)


def test_every_site_has_its_role_in_every_fold(panel):
    frame = SplitMapDisplay.from_splitter(LeaveRegionOut(), panel).frame()
    assert len(frame) == 3 * 4
    tested = frame[frame["role"] == "test"].groupby("fold")["site"].agg(list)
    assert tested.tolist() == [["01", "02"], ["03"], ["04"]]
    assert (frame["role"] != "both").all()


def test_rows_of_one_site_on_either_side_are_shown_as_a_leak():
    days = pd.date_range("2000-10-01", periods=6)
    index = pd.MultiIndex.from_product([SITES.index, days], names=["site", "time"])
    rows = pd.DataFrame({"prcp": 1.0}, index=index)
    cv = KFold(3, shuffle=True, random_state=0)
    display = SplitMapDisplay.from_splitter(cv, rows, sites=SITES)
    assert (display.frame()["role"] == "both").all()
    display.plot(fold=0)
    assert "4 sites both trained on and tested" in display.ax_.get_title(loc="left")
    assert display.ax_.get_legend().get_texts()[0].get_text() == "both (n=4)"


def test_sites_in_neither_part_are_crosses(panel):
    y = pd.DataFrame([[1.0], [np.nan], [1.0], [1.0]], index=SITES.index)
    display = SplitMapDisplay.from_splitter(LeaveRegionOut(), panel, y.to_numpy())
    frame = display.frame()
    assert frame[(frame["fold"] == 0) & (frame["site"] == "02")]["role"].isna().all()
    texts = [text.get_text() for text in display.plot(fold=0).ax_.get_legend().get_texts()]
    assert texts == ["in neither part (n=1)", "train (n=2)", "test (n=1)"]


def test_a_site_that_is_tested_twice_has_no_one_fold(panel):
    display = SplitMapDisplay.from_splitter(ShuffleSplit(9, random_state=0), panel)
    with pytest.raises(ValueError, match=r"Site '\d+' is tested in several folds"):
        display.plot()
    assert len(display.plot(fold=1).ax_.collections) == 2


def test_folds_by_site_are_those_of_a_splitter(panel):
    named = SplitMapDisplay.from_folds(panel, "region")
    split = SplitMapDisplay.from_splitter(LeaveRegionOut(), panel)
    assert named.frame()["role"].tolist() == split.frame()["role"].tolist()
    assert named.test_folds.tolist() == ["north", "north", "south", "west"]
    given = SplitMapDisplay.from_folds(panel, SITES["region"].to_dict())
    pd.testing.assert_frame_equal(given.frame(), named.frame())


def test_a_site_without_fold_is_never_tested(panel):
    display = SplitMapDisplay.from_folds(panel, {"01": 1, "02": 2, "03": 1})
    assert display.test_folds.isna().tolist() == [False, False, False, True]
    texts = [text.get_text() for text in display.plot().ax_.get_legend().get_texts()]
    assert texts == ["never tested (n=1)", "1 (n=2)", "2 (n=1)"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda X: SplitMapDisplay.from_folds(X, "fold"), "`folds`='fold' is no column"),
        (lambda X: SplitMapDisplay.from_folds(X, {}), "No site has a fold"),
        (lambda X: SplitMapDisplay.from_splitter([], X), r"gives no split|No "),
        (lambda X: SplitMapDisplay.from_folds(X, "region").plot(fold="east"), "`fold` must be one"),
        (
            lambda X: SplitMapDisplay(
                SITES.assign(fold=0, role="validation").rename_axis("site").reset_index()
            ),
            "site '01' the role 'validation'; roles are",
        ),
        (
            lambda X: SplitMapDisplay(pd.DataFrame(columns=["fold", "site", "lat", "lon", "role"])),
            "There is no fold to show",
        ),
    ],
)
def test_a_split_that_cannot_be_shown_says_why(panel, make, message):
    with pytest.raises(ValueError, match=message):
        make(panel)


def test_more_folds_than_can_be_told_apart_are_refused():
    n = 40
    sites = pd.DataFrame({"lat": 0.0, "lon": 0.0, "fold": range(n)}, index=map(str, range(n)))
    with pytest.raises(ValueError, match="`folds` has 40 classes; at most 36"):
        SplitMapDisplay.from_folds(sites)


def test_published_regions_of_real_gauges_are_apart_on_the_map(shared_data):
    X, _ = load_camels_us(shared_data / "demo")
    display = SplitMapDisplay.from_splitter(LeaveRegionOut(), X)
    frame = display.frame()
    assert frame[["lat", "lon"]].notna().all(axis=None)
    assert (display.test_folds.groupby(X.sites["region"]).nunique() == 1).all()


@pytest.mark.parametrize("cv", [LeaveRegionOut(), SiteKFold(3, random_state=0), KFold(2)])
def test_what_site_folds_gives_is_the_map_of_the_splitter(cv):
    X = Panel(SITES[["lat"]].rename(columns={"lat": "x"}), sites=SITES)
    folds = site_folds(cv, X)
    frame = SplitMapDisplay.from_folds(folds).plot().frame()
    split = SplitMapDisplay.from_splitter(cv, X).frame()
    tested = frame[frame["role"] == "test"].set_index("site")["fold"]
    assert tested.reindex(folds.index).tolist() == folds["fold"].tolist()
    key = ["site", "role"]
    assert sorted(map(tuple, frame[key].to_numpy())) == sorted(map(tuple, split[key].to_numpy()))
    of_report = SplitMapDisplay.from_folds(split_report(cv, X).sites).frame()
    pd.testing.assert_frame_equal(of_report, frame)


def test_places_are_found_under_the_names_that_splitters_know():
    named = SITES.rename(columns={"lat": "gauge_lat", "lon": "gauge_lon"})
    shown = SplitMapDisplay.from_folds(named, "region").frame()
    pd.testing.assert_frame_equal(shown, SplitMapDisplay.from_folds(SITES, "region").frame())
