"""split_report: sizes, distances and leaks are those that can be counted by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, LeaveOneOut

from stefaland_sk.data import Panel
from stefaland_sk.datasets import load_camels_us, make_catchments
from stefaland_sk.model_selection import (
    BufferedSplit,
    LeaveClusterOut,
    LeaveRegionOut,
    SiteKFold,
    SpaceTimeSplit,
    camels_pub,
    site_folds,
    split_report,
)
from stefaland_sk.model_selection._likeness import name_key

from .test_buffered import haversine


@pytest.fixture(scope="module")
def basins():
    """Twelve synthetic basins in three regions, with places, and their runoff."""
    X, y = make_catchments(n_sites=12, n_years=1, n_regions=3, random_state=0)
    sites = X.sites
    rng = np.random.default_rng(0)
    sites["lat"], sites["lon"] = rng.uniform(40, 60, 12), rng.uniform(0, 30, 12)
    return X.assign(sites=sites), y


def twin_of(X, y, site, name, *, noise=0.0, shift=0.0):
    """Add a copy of a site under another name; noise on its series, shift of its place."""
    rng = np.random.default_rng(0)
    table, sites = X.attributes, X.sites
    position = X.site_ids.get_loc(site)
    forcing = np.concatenate([X.forcing, X.forcing[[position]]])
    forcing[-1] += noise * rng.normal(size=forcing[-1].shape) * forcing[-1].std(axis=0)
    both = [pd.concat([part, part.loc[[site]].set_axis([name])]) for part in (table, sites, y)]
    both[0].iloc[-1] *= 1 + shift
    both[1].loc[name, "lat"] += shift
    both[2].iloc[-1] += noise * rng.normal(size=y.shape[1]) * float(y.loc[site].std())
    return Panel(both[0], forcing, time=X.time, forcing_names=X.forcing_names, sites=both[1]), both[
        2
    ]


# ---------------------------------------------------------------------- sizes and distances
def test_sizes_and_distances_are_right(basins):
    X, y = basins
    y = y.copy()
    y.iloc[3, 10:] = np.nan
    y.iloc[5] = np.nan  # it lies next to others, and teaches nothing
    sites = X.sites
    sites.iloc[5, sites.columns.get_indexer(["lat", "lon"])] = sites.iloc[0][["lat", "lon"]]
    X = X.assign(sites=sites)
    cv = SiteKFold(4, random_state=0)
    table = split_report(cv, X, y).frame()
    places = X.sites[["lat", "lon"]].to_numpy()
    seen = y.notna().to_numpy().sum(axis=1)
    for (label, row), (train, test) in zip(table.iterrows(), cv.split(X, y), strict=True):
        labelled = train[seen[train] > 0]
        near = haversine(places[test], places[labelled]).min(axis=1)
        assert row["km_min"] == pytest.approx(near.min())
        assert row["km_median"] == pytest.approx(np.median(near))
        assert (row["n_train"], row["n_test"]) == (len(train), len(test))
        assert row["n_out"] == 12 - len(train) - len(test)
        assert row["n_train_labelled"] == len(labelled)
        assert (row["train_days"], row["test_days"]) == (seen[train].sum(), seen[test].sum())
        assert label in range(4)


def test_attribute_distances_are_in_standard_deviations():
    X = pd.DataFrame({"a": [0.0, 1.0, 5.0], "b": [7.0, 7.0, 7.0]}, index=list("xyz"))
    row = split_report(KFold(3), X).frame().iloc[0]
    assert row["sd_min"] == pytest.approx(1 / X["a"].std(ddof=0))


def test_folds_carry_the_names_of_the_parts(basins):
    X, y = basins
    report = split_report(BufferedSplit(LeaveRegionOut(), 1), X, y)
    assert report.frame().index.tolist() == sorted(set(X.sites["region"]))
    assert report.sites["fold"].to_dict() == X.sites["region"].to_dict()
    assert set(report.roles.iloc[0]) <= {"train", "test", "out"}
    assert list(report.frame_of_sites("roles").columns[:2]) == ["lat", "lon"]
    assert report.frame_of_sites().equals(site_folds(LeaveRegionOut(), X))


def test_site_folds_serves_any_splitter_and_form(basins):
    X, y = basins
    table = site_folds(KFold(3), X)
    assert table["fold"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert table["lat"].equals(X.sites["lat"])
    assert site_folds(SiteKFold(3, shuffle=False), X.to_long())["fold"].tolist() == [0, 1, 2] * 4
    never = site_folds(LeaveRegionOut(only=[X.sites["region"].iloc[0]]), X)["fold"]
    assert 0 < never.isna().sum() < 12
    assert site_folds(KFold(2), np.zeros((4, 2)))["lat"].isna().all()


def test_long_tables_report_as_panels_do(basins):
    X, y = basins
    X = X.assign(attributes=X.attributes.join(X.sites[["lat", "lon"]]), sites=X.sites[["region"]])
    by_panel = split_report(LeaveRegionOut(), X, y).frame()
    rows, target = X.to_long(y)
    pd.testing.assert_frame_equal(split_report(LeaveRegionOut(), rows, target).frame(), by_panel)


# ---------------------------------------------------------------------- leaks
def test_unlike_basins_are_no_leak(basins):
    report = split_report(LeaveRegionOut(), *basins)
    assert report.ok
    assert "No leak found." in str(report)


@pytest.mark.parametrize(
    ("name", "changes", "kinds"),
    [
        ("USGS_{}", {}, {"name", "place", "attributes", "forcing", "target"}),
        ("other", {}, {"place", "attributes", "forcing", "target"}),
        ("other", {"noise": 0.01, "shift": 5.0}, {"forcing", "target"}),
        ("USGS_{}", {"noise": 1.0, "shift": 0.03}, {"name"}),
        ("other", {"noise": 1.0, "shift": 0.001}, {"place", "attributes"}),
        ("other", {"noise": 1.0, "shift": 0.5}, set()),
    ],
)
def test_a_site_under_another_name_is_found(basins, name, changes, kinds):
    X, y = basins
    X, y = X.assign(sites=X.sites), y.copy()
    numbers = [f"0{1013500 + i}" for i in range(12)]
    table, sites = X.attributes.set_axis(numbers), X.sites.set_axis(numbers).drop(columns="region")
    X = Panel(table, X.forcing, time=X.time, forcing_names=X.forcing_names, sites=sites)
    X, y = twin_of(X, y.set_axis(numbers), numbers[2], name.format(numbers[2][1:]), **changes)
    folds = pd.Series([0] * 12 + [1], index=X.site_ids)
    leaks = split_report(SiteKFold(folds=folds), X, y).leaks
    pair = leaks[(leaks["test_site"] == X.site_ids[-1]) & (leaks["train_site"] == numbers[2])]
    found = set(pair["kind"].iloc[0].split(", ")) if len(pair) else set()
    assert found - {"nested"} == kinds
    assert (leaks["train_site"] != leaks["test_site"]).all()


def test_far_gauges_with_one_number_are_not_one(basins):
    sites = pd.DataFrame(
        {"lat": [50.0, 10.0], "lon": 0.0}, index=["camelsgb_39001", "camelsaus_39001"]
    )
    assert split_report(LeaveOneOut(), sites).ok
    assert set(split_report(LeaveOneOut(), sites[[]].assign(a=[1.0, 2.0])).leaks["kind"]) == {
        "name"
    }


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("01013500", "camels_01013500", True),
        ("USGS01013500", "1013500", True),
        ("1013500.0", "01013500", True),
        ("DE-Tha", "de_tha", True),
        ("NG 12069_OG5B68007", "NG 12069_OD7B68007", False),
        ("site_1", "basin_1", False),
        ("0", "00", False),
    ],
)
def test_names_are_reduced_to_what_stays(one, other, same):
    assert (name_key(one) == name_key(other)) is same


def test_basins_on_one_river_are_found():
    rng = np.random.default_rng(0)
    flow = rng.gamma(1.0, 1.0, (3, 400))
    flow[1] = flow[0] + 0.2 * flow[2]
    sites = pd.DataFrame({"lat": [50.0, 50.1, 53.0], "lon": 7.0, "area": [5.0, 1400.0, 500.0]})
    sites.index = ["upper", "lower", "far"]
    time = pd.date_range("2000-01-01", periods=400)
    X = Panel(None, rng.random((3, 400, 1)), time=time, forcing_names=["prcp"], sites=sites)
    report = split_report(KFold(3), X, flow)
    assert report.leaks[["test_site", "train_site", "kind"]].to_numpy().tolist() == [
        ["upper", "lower", "nested"],
        ["lower", "upper", "nested"],
    ]
    assert "on one river" in str(report)
    assert "lower = upper" in str(report)
    small = X.assign(sites=sites.assign(area=1.0))
    assert split_report(KFold(3), small, flow).ok


def test_days_dealt_to_both_sides_are_a_leak_and_periods_are_none(basins):
    X, y = basins
    rows, target = X.to_long(y)
    dealt = split_report(KFold(3, shuffle=True, random_state=0), rows, target)
    assert dealt.frame()["n_leaks"].tolist() == [12, 12, 12]
    assert set(dealt.leaks["kind"]) == {"days"}
    assert "both sides" in str(dealt)
    cv = SpaceTimeSplit(new="years", test_period=("2001-06-01", None), warmup=90)
    held_out = split_report(cv, rows, target)
    assert held_out.ok
    separated = split_report(cv, *cv.separate_periods(X, y))
    assert separated.ok
    assert held_out.frame()["test_days"].tolist() == separated.frame()["test_days"].tolist()
    assert separated.roles["years"].unique().tolist() == ["both"]


def test_whole_records_on_both_sides_are_a_leak(basins):
    X, y = basins

    class Both(KFold):
        def split(self, X, y=None, groups=None):
            yield np.arange(len(X)), np.arange(3)

    assert split_report(Both(), X, y).frame()["n_leaks"].tolist() == [3]
    assert split_report(Both(), X.attributes).frame()["n_leaks"].tolist() == [3]


def test_a_lazy_panel_reports_as_one_in_memory(basins, tmp_path):
    X, y = basins
    X, y = twin_of(X, y, X.site_ids[0], "again")
    X.to_netcdf(tmp_path / "panel.nc")
    lazy = Panel.from_netcdf(tmp_path / "panel.nc")
    cv = SiteKFold(4, random_state=0)
    found, expected = split_report(cv, lazy, y), split_report(cv, X, y)
    pd.testing.assert_frame_equal(found.leaks, expected.leaks)
    assert lazy.is_lazy


def test_a_site_drawn_twice_counts_once(basins):
    X, y = basins
    twice = [0, 1, 2, 3, 4, 5, 5]
    table = split_report(SiteKFold(3, random_state=0), X[twice], y.iloc[twice]).frame()
    assert (table["n_train"] + table["n_test"] == 6).all()


def test_text_tells_sizes_distances_and_the_splitter(basins):
    X, y = basins
    text = str(split_report(LeaveClusterOut(3), X, y))
    assert text.startswith(
        "LeaveClusterOut(n_clusters=3)\n3 folds, 12 sites\nNearest training site: "
    )
    unplaced = X.assign(sites=X.sites[["region"]])
    assert "Distances in km are unknown" in str(split_report(LeaveRegionOut(), unplaced, y))
    y = y.copy()
    y.iloc[0] = np.nan
    assert "12 sites, 11 of them labelled" in repr(split_report(SiteKFold(2), X, y))


def test_errors_name_what_is_wrong(basins):
    X, y = basins
    for function in (split_report, site_folds):
        with pytest.raises(TypeError, match=f"`cv` of {function.__name__} must be a splitter"):
            function(5, X)
    with pytest.raises(ValueError, match="`by` must be one of"):
        split_report(KFold(2), X).frame_of_sites("region")

    class Nothing(KFold):
        def split(self, X, y=None, groups=None):
            return iter(())

    with pytest.raises(ValueError, match="makes no fold of these samples"):
        split_report(Nothing(), X)
    with pytest.raises(ValueError, match=r"split_report needs the latitude and longitude"):
        split_report(KFold(2), X.assign(sites=X.sites[["region"]]), prediction_sites=X)


# ---------------------------------------------------------------------- real data
@pytest.fixture(scope="module")
def camels(shared_data):
    return load_camels_us(shared_data / "camels_us", period=("1998-10-01", "2002-09-30"))


def test_published_folds_of_camels_hold_no_gauge_twice_but_rivers(camels):
    report = split_report(camels_pub(), *camels)
    assert set(report.leaks["kind"]) == {"nested"}
    # Two gauges on the South Fork of the Snoqualmie.
    pairs = {frozenset(pair) for pair in report.leaks[["test_site", "train_site"]].to_numpy()}
    assert frozenset(["12143600", "12144000"]) in pairs
    assert report.summary["km_to_training"] < 50


def test_gauges_of_mopex_are_recognised_in_camels(camels, shared_data):
    table = pd.read_parquet(shared_data / "mopex_us" / "attributes.parquet")
    mopex = table.set_axis("mopex_" + table["usgs_id"])[["lat", "lon"]]
    mopex = mopex[mopex.notna().all(axis=1)]
    ours = camels[0].sites[["lat", "lon"]]
    both = pd.concat([ours, mopex])
    folds = pd.Series(np.where(both.index.isin(ours.index), "camels", "mopex"), index=both.index)
    leaks = split_report(LeaveRegionOut(folds, only="mopex"), both).leaks
    same = set(table.set_axis(mopex.index).query("same_id_as_camels_us").index)
    assert set(leaks.loc[leaks["kind"].str.contains("name"), "test_site"]) >= same
    assert len(same) > 20
