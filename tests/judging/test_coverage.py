"""What the report of coverage says, per site, region and overall."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.judging import coverage_report


@pytest.fixture
def report(catchments):
    """Bounds that hold all days of region 0, none of region 1, half of the others."""
    X, y = catchments
    upper = y + 1.0
    lower = y - 1.0
    region = X.sites["region"].to_numpy()
    lower[region == "region 1"] += 1.5
    lower.iloc[region > "region 1", ::2] += 1.5
    return coverage_report(X, y, lower, upper, confidence_level=0.9)


def test_coverage_counts_what_lies_inside(report):
    table = report.frame().set_index("site")
    assert table.loc["0000", ["coverage", "n_obs"]].tolist() == [1.0, 120]
    assert table.loc["0001", "coverage"] == 0.0
    assert table.loc["0002", "coverage"] == 0.5
    np.testing.assert_allclose(table.loc["0000", "width"], 2.0, rtol=1e-6)


def test_interval_score_fines_what_lies_outside(report):
    table = report.frame().set_index("site")
    # Half a unit outside at a level of 0.9: 20 times that, and a width of 0.5.
    np.testing.assert_allclose(table.loc["0001", "interval_score"], 0.5 + 20 * 0.5, rtol=1e-5)
    np.testing.assert_allclose(table.loc["0000", "interval_score"], 2.0, rtol=1e-5)


def test_the_worst_region_comes_first_and_is_named(report):
    regions = report.regions()
    assert regions.loc[0, "region"] == "region 1"
    assert regions.loc[0, "gap"] == pytest.approx(-0.9)
    overall = report.overall().iloc[0]
    assert (overall["worst_region"], overall["worst_coverage"]) == ("region 1", 0.0)
    assert overall["coverage_regions"] == pytest.approx(0.5)
    assert "worst in 'region 1' (10 sites)" in str(report)
    assert repr(report) == "CoverageReport(40 sites, levels [0.9])"


def test_sites_count_alike_however_many_observations(catchments):
    X, y = catchments
    y = y[:2].copy()
    y.iloc[0, 1:] = np.nan
    report = coverage_report(X[:2], y, y - 1, y - 0.5, confidence_level=0.5)
    assert report.overall()["coverage"].iloc[0] == 0.0
    lower = np.array(y) - [[1], [-1]]
    one = coverage_report(X[:2], y, lower, y + 2, confidence_level=0.5)
    assert one.overall()["coverage"].iloc[0] == 0.5


def test_without_regions_there_is_no_table_of_them():
    X = pd.DataFrame({"a": [1.0, 2.0]}, index=["x", "y"])
    report = coverage_report(X, [1.0, np.nan], [0.0, 0.0], [2.0, 2.0], confidence_level=0.8)
    assert report.frame()["n_obs"].tolist() == [1, 0]
    with pytest.raises(ValueError, match="knows no regions"):
        report.regions()
    mapped = coverage_report(
        X, [1.0, 5.0], [0, 0], [2, 2], confidence_level=0.8, regions={"x": "a", "y": "b"}
    )
    assert mapped.regions()["region"].tolist() == ["b", "a"]


def test_no_observation_at_all_is_said():
    X = pd.DataFrame({"a": [1.0]}, index=["x"])
    report = coverage_report(X, [np.nan], [0.0], [1.0], confidence_level=0.9)
    assert str(report) == "No site has an observation: there is no coverage to report."


def test_ends_with_labels_are_brought_into_the_order_of_the_samples(catchments):
    X, y = catchments
    right = coverage_report(X, y, 0.5 * y, 2 * y, confidence_level=0.9)
    turned = coverage_report(X, y, 0.5 * y[::-1], 2 * y.iloc[:, ::-1], confidence_level=0.9)
    pd.testing.assert_frame_equal(turned.frame(), right.frame())
    rows, flow = X.to_long(y)
    long = coverage_report(rows, flow, 0.5 * flow[::-1], 2 * flow, confidence_level=0.9)
    np.testing.assert_allclose(long.frame()["width"], right.frame()["width"], rtol=1e-5)
    other = y.rename(index={X.site_ids[2]: "elsewhere"})
    with pytest.raises(ValueError, match=r"`upper` must have the labels of X; it lacks \['0002'\]"):
        coverage_report(X, y, y, other, confidence_level=0.9)
    twice = X[[0, 0, 1]]
    assert len(coverage_report(twice, y.iloc[[0, 0, 1]], y.iloc[[0, 0, 1]], y.iloc[[0, 0, 1]] + 1,
                               confidence_level=0.9).frame()) == 3  # fmt: skip
    with pytest.raises(ValueError, match="it has them more than once"):
        coverage_report(X[:2], y[:2], y[:2], y.iloc[[1, 0, 0]], confidence_level=0.9)


def test_mistakes_are_told(catchments):
    X, y = catchments
    with pytest.raises(ValueError, match=r"`lower` must be aligned .* got an array of shape \(2"):
        coverage_report(X, y, y[:2].to_numpy(), y, confidence_level=0.9)
    both = np.stack([y, y], axis=-1)
    with pytest.raises(ValueError, match="`lower` has 2 levels on its last axis"):
        coverage_report(X, y, both, both, confidence_level=[0.5, 0.8, 0.9])
    with pytest.raises(ValueError, match="`lower` lies above `upper` at 100 % .* changed places"):
        coverage_report(X, y, y + 1, y - 1, confidence_level=0.9)
    gap = y.copy()
    gap.iloc[3, 5] = np.nan
    with pytest.raises(
        ValueError, match="on 1 steps with an observation, the first at site '0003'"
    ):
        coverage_report(X, y, gap, y, confidence_level=0.9)
    with pytest.raises(ValueError, match="needs the target `y`; got None"):
        coverage_report(X, None, y, y, confidence_level=0.9)
    rows, flow = X.to_long(y)
    with pytest.raises(ValueError, match="The rows of `y` are not those of X"):
        coverage_report(rows, flow[::-1], flow, flow, confidence_level=0.9)
    with pytest.raises(ValueError, match="X has no time axis"):
        coverage_report(
            X.attributes, y.mean(axis=1), 0 * y[y.columns[0]], y.max(axis=1),
            confidence_level=0.9, period=("2000", "2001"),
        )  # fmt: skip
