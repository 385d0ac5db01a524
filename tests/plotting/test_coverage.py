"""Coverage by region: sites count alike, and nominal stands against observed."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.datasets import make_catchments
from stefaland_sk.judging import coverage_report
from stefaland_sk.plotting import CoverageDisplay


@pytest.fixture
def table():
    """Two regions at two levels; one site was never observed."""
    return pd.DataFrame(
        {
            "site": ["a", "b", "c", "d"] * 2,
            "region": ["alps", "alps", "taiga", "taiga"] * 2,
            "level": [0.5] * 4 + [0.9] * 4,
            "coverage": [0.4, 0.6, 0.3, np.nan, 0.8, 1.0, 0.7, np.nan],
            "width": [1.0, 2.0, 3.0, np.nan, 2.0, 4.0, 6.0, np.nan],
        }
    )


class Report:
    def __init__(self, table):
        self.table = table

    def frame(self):
        return self.table


def test_sites_count_alike_within_a_region_and_overall(table):
    frame = CoverageDisplay(table).frame().set_index(["region", "level"])
    assert frame.loc[("alps", 0.9), "coverage"] == pytest.approx(0.9)
    assert frame.loc[("all sites", 0.9), "coverage"] == pytest.approx(2.5 / 3)
    assert frame.loc[("alps", 0.5), "gap"] == pytest.approx(0.0)
    assert frame.loc[("alps", 0.9), "width"] == 3.0


def test_sites_that_were_never_observed_are_not_counted(table):
    frame = CoverageDisplay(table).frame()
    assert frame.groupby("region", sort=False)["n_sites"].max().to_dict() == {
        "alps": 2,
        "taiga": 1,
        "all sites": 3,
    }


def test_a_report_and_its_table_are_the_same(table):
    expected = CoverageDisplay(table).frame()
    pd.testing.assert_frame_equal(CoverageDisplay.from_report(Report(table)).frame(), expected)
    regions = {"a": "alps", "b": "alps", "c": "taiga", "d": "taiga"}
    display = CoverageDisplay.from_report(table.drop(columns="region"), regions=regions)
    pd.testing.assert_frame_equal(display.frame(), expected)


def test_without_regions_all_sites_are_one(table):
    frame = CoverageDisplay.from_report(table.drop(columns="region")).frame()
    assert frame["region"].tolist() == ["all sites"] * 2


def test_several_levels_are_curves_beside_the_diagonal(table):
    display = CoverageDisplay(table).plot()
    lines = display.ax_.get_lines()
    assert [line.get_label() for line in lines[:3]] == [
        "alps (n=2)",
        "taiga (n=1)",
        "all sites (n=3)",
    ]
    np.testing.assert_allclose(lines[0].get_data(), [[50, 90], [50, 90]])
    np.testing.assert_allclose(lines[3].get_data(), [[0, 100], [0, 100]])


def test_one_level_is_a_row_per_region(table):
    display = CoverageDisplay(table[table["level"] == 0.9]).plot()
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels == ["alps (n=2)", "taiga (n=1)", "all sites (n=3)"]
    assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1], "the first at the top"
    assert display.ax_.get_title(loc="left") == "intervals of 90 %"


@pytest.mark.parametrize("n_levels", [1, 2])
def test_widths_have_the_unit_of_the_target(table, n_levels):
    table = table[table["level"].isin([0.9, 0.5][:n_levels])]
    ax = CoverageDisplay(table, unit="mm/d").plot(quantity="width").ax_
    assert "mean width of intervals [mm/d]" in (ax.get_xlabel(), ax.get_ylabel())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coverage": 80.0}, "`coverage` of site 'a' is 80; shares lie between 0 and 1"),
        ({"level": 90.0}, "several rows for site 'a'|`level` of site 'a' is 90"),
        ({"coverage": np.nan}, "No site has a coverage"),
        ({"site": "a"}, "several rows for site 'a', level 0.5"),
    ],
)
def test_a_table_that_cannot_be_is_refused(table, change, message):
    with pytest.raises(ValueError, match=message):
        CoverageDisplay(table.assign(**change))


def test_what_is_not_there_is_named(table):
    with pytest.raises(ValueError, match=r"`coverage` must have .* it lacks \['region'\]"):
        CoverageDisplay(table.drop(columns="region"))
    with pytest.raises(ValueError, match=r"`report` must have .* it lacks \['level'\]"):
        CoverageDisplay.from_report(table.drop(columns="level"))
    with pytest.raises(ValueError, match="Site 'b' has no region"):
        CoverageDisplay.from_report(table, regions={"a": "alps"})
    with pytest.raises(ValueError, match="no column 'width'"):
        CoverageDisplay(table.drop(columns="width")).plot(quantity="width")
    with pytest.raises(ValueError, match="`quantity` must be one of"):
        CoverageDisplay(table).plot(quantity="gap")


@pytest.mark.parametrize("levels", [0.9, [0.5, 0.9]])
def test_what_coverage_report_gives_is_shown_region_by_region(levels):
    X, y = make_catchments(n_sites=6, n_years=1, n_regions=2, random_state=0)
    lower = 0.5 * y.to_numpy()
    if np.ndim(levels):
        lower = np.stack([lower] * len(levels), axis=-1)
    report = coverage_report(X, y, lower, 1.0 + 2.0 * lower, confidence_level=levels)
    display = CoverageDisplay.from_report(report, unit="mm/d").plot(quantity="width")
    frame = display.frame().set_index(["region", "level"])
    expected = report.regions().set_index(["region", "level"])
    for column in ("n_sites", "coverage", "gap", "width"):
        shown = frame.loc[expected.index, column]
        np.testing.assert_allclose(shown.astype(float), expected[column].astype(float))
    overall = frame.loc["all sites"]
    np.testing.assert_allclose(overall["width"], report.overall()["width"])
