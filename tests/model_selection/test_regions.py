"""LeaveRegionOut: regions are never shared, and found wherever they stand."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import BaseCrossValidator, cross_val_predict

from stefaland_sk._core import SplitWarning
from stefaland_sk.data import Panel
from stefaland_sk.model_selection import LeaveRegionOut

from .conftest import N_DAYS, REGION


def folds(cv, *args, **kwargs):
    """All folds as lists, to compare."""
    return [(train.tolist(), test.tolist()) for train, test in cv.split(*args, **kwargs)]


def test_regions_are_disjoint_and_every_site_is_tested_once(panel):
    tested = []
    for train, test in LeaveRegionOut().split(panel):
        regions = panel.sites["region"]
        assert regions.iloc[test].nunique() == 1
        assert set(regions.iloc[test]).isdisjoint(regions.iloc[train])
        assert len(train) + len(test) == len(panel)
        tested.append(test)
    np.testing.assert_array_equal(np.sort(np.concatenate(tested)), np.arange(len(panel)))


def test_regions_are_held_out_in_order(panel):
    held_out = [panel.sites["region"].iloc[test[0]] for _, test in LeaveRegionOut().split(panel)]
    assert held_out == ["alps", "sahel", "taiga"]


@pytest.mark.parametrize(
    "regions", ["region", REGION, pd.Series(REGION), {**REGION, "99": "atlantis"}]
)
def test_all_ways_to_name_the_regions_agree(panel, regions):
    assert folds(LeaveRegionOut(regions), panel) == folds(LeaveRegionOut(), panel)


def test_another_column_of_the_site_table(panel):
    cv = LeaveRegionOut("river")
    assert cv.get_n_splits(panel) == 6
    assert folds(cv, panel)[0][1] == [0, 1, 2]


def test_a_mapping_serves_any_kind_of_x(panel):
    expected = folds(LeaveRegionOut(), panel)
    assert folds(LeaveRegionOut(REGION), panel.attributes) == expected
    by_number = dict(enumerate(REGION.values()))
    assert folds(LeaveRegionOut(by_number), panel.attributes.to_numpy()) == expected


def test_a_plain_table_may_hold_its_regions_as_a_column(panel):
    table = panel.attributes.assign(region=pd.Series(REGION))
    assert folds(LeaveRegionOut(), table) == folds(LeaveRegionOut(), panel)


def test_long_frames_give_positions_of_rows(panel):
    rows = panel.to_long()
    for (train, test), (train_rows, test_rows) in zip(
        LeaveRegionOut().split(panel), LeaveRegionOut().split(rows), strict=True
    ):
        np.testing.assert_array_equal(train_rows // N_DAYS, np.repeat(train, N_DAYS))
        np.testing.assert_array_equal(test_rows // N_DAYS, np.repeat(test, N_DAYS))


def test_the_order_of_rows_does_not_matter(panel):
    rows = panel.to_long()
    shuffled = rows.iloc[np.random.default_rng(0).permutation(len(rows))]
    for (_, test), (_, shuffled_test) in zip(
        LeaveRegionOut().split(rows), LeaveRegionOut().split(shuffled), strict=True
    ):
        assert set(rows.index[test]) == set(shuffled.index[shuffled_test])


def test_only_holds_out_the_regions_asked_for_in_their_order(panel):
    every = dict(zip(["alps", "sahel", "taiga"], folds(LeaveRegionOut(), panel), strict=True))
    cv = LeaveRegionOut(only=["taiga", "alps"])
    assert folds(cv, panel) == [every["taiga"], every["alps"]]
    assert cv.get_n_splits(panel) == 2
    assert folds(LeaveRegionOut(only="sahel"), panel) == [every["sahel"]]


def test_only_an_unknown_region_lists_the_known(panel):
    with pytest.raises(ValueError, match=r"does not have: \['andes'\].*'alps', 'sahel', 'taiga'"):
        LeaveRegionOut(only=["alps", "andes"]).get_n_splits(panel)
    with pytest.raises(ValueError, match=r"does not have: \[\]"):
        LeaveRegionOut(only=[]).get_n_splits(panel)


def test_regions_of_mixed_types_have_an_order(panel):
    labels = dict(zip(REGION, [2, "b", 1, "a", 2, 1, "b", "a", 10], strict=True))
    held_out = [labels[panel.site_ids[test[0]]] for _, test in LeaveRegionOut(labels).split(panel)]
    assert held_out == [1, 10, 2, "a", "b"]


def test_small_regions_are_not_held_out_and_stay_in_training(panel, names):
    every = folds(LeaveRegionOut(), panel)  # alps 3, sahel 2, taiga 4 sites
    cv = LeaveRegionOut(min_sites=3)
    assert folds(cv, panel) == [every[0], every[2]]
    assert cv.get_n_splits(panel) == 2
    assert all({"04", "06"} <= set(names(train).split()) for train, _ in cv.split(panel))
    assert folds(LeaveRegionOut(only=["sahel", "taiga"], min_sites=3), panel) == [every[2]]


def test_only_sites_that_are_tested_make_a_region_large(panel, target, recwarn):
    # Of the alps three sites are observed, of the sahel one, of the taiga three of four.
    assert LeaveRegionOut(min_sites=4, unlabelled="test").get_n_splits(panel, target) == 1
    assert LeaveRegionOut(min_sites=3).get_n_splits(panel, target) == 2
    with pytest.raises(ValueError, match=r"No region has 4 sites to test.*'alps', has 3"):
        next(LeaveRegionOut(min_sites=4).split(panel, target))
    assert not recwarn.list
    with pytest.raises(ValueError, match="min_sites"):
        LeaveRegionOut(min_sites=0)


# ---------------------------------------------------------------------- unlabelled sites
def test_unlabelled_sites_train_outside_and_are_nowhere_inside(panel, target, names):
    parts = [(names(train), names(test)) for train, test in LeaveRegionOut().split(panel, target)]
    assert parts == [
        ("02 04 05 06 08 09", "01 03 07"),
        ("01 02 03 05 07 08 09", "06"),
        ("01 03 04 06 07", "02 08 09"),
    ]


def test_unlabelled_rows_of_a_labelled_site_are_kept(panel, target):
    rows, y = panel.to_long(target)
    _, test = next(LeaveRegionOut().split(rows, y))
    assert len(test) == 3 * N_DAYS
    assert y.iloc[test].isna().sum() == 1


def test_unlabelled_rule_is_the_same_for_rows_and_for_values_per_site(panel, target):
    rows, y = panel.to_long(target)
    by_site = folds(LeaveRegionOut(), panel, target)
    for (train, test), (train_rows, test_rows) in zip(
        by_site, folds(LeaveRegionOut(), rows, y), strict=True
    ):
        assert train_rows[::N_DAYS] == [N_DAYS * site for site in train]
        assert test_rows[::N_DAYS] == [N_DAYS * site for site in test]
    table = panel.attributes
    assert folds(LeaveRegionOut(REGION), table, target.mean(axis=1)) == by_site
    assert folds(LeaveRegionOut(), panel, target.to_numpy()) == by_site


def test_a_region_without_labels_makes_no_fold(panel, target):
    target.loc["06"] = np.nan
    cv = LeaveRegionOut()
    with pytest.warns(SplitWarning, match="No site of region 'sahel' has an observed target"):
        parts = folds(cv, panel, target)
    assert len(parts) == cv.get_n_splits(panel, target) == 2
    assert all({3, 5} <= set(train) for train, _ in parts)
    with pytest.raises(ValueError, match=r"`only` names 'sahel', where no site has an observed"):
        next(LeaveRegionOut(only=["sahel"]).split(panel, target))


def test_no_warning_for_regions_that_were_not_asked_for(panel, target, recwarn):
    target.loc["06"] = np.nan
    assert len(folds(LeaveRegionOut(only="alps"), panel, target)) == 1
    assert not recwarn.list


def test_unlabelled_sites_can_be_tested_for_a_partition(panel, target, recwarn):
    target.loc["06"] = np.nan
    tested = [test for _, test in LeaveRegionOut(unlabelled="test").split(panel, target)]
    np.testing.assert_array_equal(np.sort(np.concatenate(tested)), np.arange(len(panel)))
    assert not recwarn.list


def test_cross_val_predict_needs_the_option_where_sites_are_unlabelled(panel, target):
    y = target.mean(axis=1).fillna(0.0).to_numpy()  # DummyRegressor takes no NaN
    dummy = DummyRegressor()
    predicted = cross_val_predict(dummy, panel.attributes, y, cv=LeaveRegionOut(REGION))
    assert predicted.shape == (9,)
    with pytest.raises(ValueError, match="partitions"):
        cross_val_predict(
            dummy, panel.attributes, target.mean(axis=1).to_numpy(), cv=LeaveRegionOut(REGION)
        )


# ---------------------------------------------------------------------- groups
def test_groups_stand_in_for_the_regions_of_x(panel):
    groups = panel.sites["river"]
    assert folds(LeaveRegionOut(), panel, groups=groups) == folds(LeaveRegionOut("river"), panel)
    rows = panel.to_long()
    by_row = groups.to_numpy()[np.repeat(np.arange(9), N_DAYS)]
    assert folds(LeaveRegionOut(), rows, groups=by_row) == folds(
        LeaveRegionOut(groups.to_dict()), rows
    )


def test_groups_and_regions_together_are_an_error(panel):
    with pytest.raises(ValueError, match="regions are given twice"):
        next(LeaveRegionOut("river").split(panel, groups=panel.sites["region"]))


def test_groups_that_cut_a_site_are_an_error(panel):
    rows = panel.to_long()
    groups = np.repeat(list(REGION.values()), N_DAYS)
    groups[5] = "alps"
    with pytest.raises(ValueError, match=r"'02' has two values of 'groups': 'taiga' and 'alps'"):
        next(LeaveRegionOut().split(rows, groups=groups))


@pytest.mark.parametrize("groups", [["alps"] * 8 + [None], [1.0] * 8 + [np.nan]])
def test_groups_with_a_hole_are_an_error(panel, groups):
    with pytest.raises(ValueError, match=r"'groups' is missing \(NaN\) for 1 of 9 sites.*'09'"):
        next(LeaveRegionOut().split(panel, groups=groups))


@pytest.mark.parametrize("name", ["y", "groups"])
def test_lengths_are_compared(panel, name):
    with pytest.raises(ValueError, match=f"`{name}` has 3 entries, but X has 9 samples"):
        next(LeaveRegionOut().split(panel, **{name: np.array([1.0, 2.0, 3.0])}))


# ---------------------------------------------------------------------- errors
def test_a_site_without_entry_is_named(panel):
    regions = {site: region for site, region in REGION.items() if site != "03"}
    with pytest.raises(ValueError, match=r"no entry for 1 of 9 sites.*\['03'\].*as they are"):
        next(LeaveRegionOut(regions).split(panel))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (1013500, r"1013500 \(int\) though, and X has '01013500' \(str\).*lost in `regions`"),
        ("1013500", r"'1013500' \(str\) though, and X has '01013500' \(str\).*zfill\(8\)"),
        ("001013500", r"lost in X.*zfill\(9\)"),
    ],
)
def test_lost_leading_zeros_are_recognised(key, message):
    X = pd.DataFrame({"area": [1.0, 2.0]}, index=["01013500", "01022500"])
    with pytest.raises(ValueError, match=message):
        next(LeaveRegionOut({key: "a", "01022500": "b"}).split(X))


def test_integer_keys_match_the_same_digits():
    X = pd.DataFrame({"area": [1.0, 2.0]}, index=["11013500", "11022500"])
    assert folds(LeaveRegionOut({11013500: "b", 11022500: "a"}), X) == [([0], [1]), ([1], [0])]


def test_two_entries_for_a_site_are_an_error(panel):
    with pytest.raises(ValueError, match="two entries for site '01': 'alps' and 'andes'"):
        next(LeaveRegionOut(pd.Series(["alps", "andes"], index=["01", "01"])).split(panel))


def test_a_series_by_row_is_an_error(panel):
    regions = pd.Series("alps", index=panel.to_long().index)
    with pytest.raises(TypeError, match=r"indexed by site alone.*'site', 'time'"):
        next(LeaveRegionOut(regions).split(panel))


def test_a_panel_without_regions_says_where_they_may_stand(panel):
    with pytest.raises(ValueError, match=r"looks for 'zone'.*`X.sites`\) has only \['region', 'fo"):
        next(LeaveRegionOut("zone").split(panel))
    with pytest.raises(ValueError, match=r"looks for 'region'.*is empty.*mapping from site"):
        next(LeaveRegionOut().split(Panel(panel.attributes)))


def test_a_long_frame_without_regions_says_where_they_may_stand(panel):
    rows = panel.to_long().droplevel("region")
    with pytest.raises(ValueError, match=r"index of X has only \['site', 'time'\]"):
        next(LeaveRegionOut().split(rows))
    with pytest.raises(ValueError, match=r"set_index\('region', append=True\)"):
        next(LeaveRegionOut().split(rows.assign(region="alps")))


@pytest.mark.parametrize("form", ["DataFrame", "ndarray"])
def test_a_plain_table_without_regions_says_what_to_do(panel, form):
    X = panel.attributes if form == "DataFrame" else panel.attributes.to_numpy()
    with pytest.raises(ValueError, match=rf"plain {form} does not tell.*as `regions=`.*Panel\("):
        next(LeaveRegionOut().split(X))


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_missing_region_is_named(panel, missing):
    sites = panel.sites
    sites["region"] = sites["region"].astype(object)
    sites.loc["08", "region"] = missing
    with pytest.raises(ValueError, match=r"'region' is missing \(NaN\) for 1 of 9 sites.*'08'"):
        next(LeaveRegionOut().split(Panel(panel.attributes, sites=sites)))
    with pytest.raises(ValueError, match=r"'regions' is missing.*'08'"):
        next(LeaveRegionOut(sites["region"]).split(panel))


def test_a_single_region_cannot_be_held_out(panel):
    with pytest.raises(ValueError, match=r"all 3 sites are in region 'alps'. Use SiteKFold"):
        next(LeaveRegionOut().split(panel[[0, 2, 6]]))


def test_one_labelled_region_leaves_nothing_to_train_on(panel, target):
    target.loc[target.index.map(REGION) != "alps"] = np.nan
    with pytest.raises(ValueError, match=r"only region 'alps' has a site.*3 of 9 sites"):
        next(LeaveRegionOut().split(panel, target))
    with pytest.raises(ValueError, match=r"no region has a site.*0 of 9"):
        next(LeaveRegionOut(unlabelled="test").split(panel, target * np.nan))


@pytest.mark.parametrize("convert", [lambda ds: ds, lambda ds: ds["prcp"]])
def test_xarray_is_sent_to_the_panel(panel, target, convert):
    dims = ["site", "time"]
    coords = {"site": panel.site_ids, "time": panel.time}
    X = convert(xr.Dataset({"prcp": (dims, panel.forcing[:, :, 0])}, coords=coords))
    with pytest.raises(TypeError, match=rf"xarray {type(X).__name__}.*Panel.from_xarray"):
        next(LeaveRegionOut().split(X, target))


def test_parameters_are_checked(panel):
    with pytest.raises(TypeError, match=r"`regions` must be None.*Got list.*groups="):
        LeaveRegionOut(["alps", "taiga"])
    with pytest.raises(ValueError, match=r"`unlabelled` must be one of.*Got 'train'"):
        LeaveRegionOut(unlabelled="train")
    with pytest.raises(ValueError, match=r"depends on the sites: pass X"):
        LeaveRegionOut().get_n_splits()


# ---------------------------------------------------------------------- as an object
def test_it_is_a_cross_validator_of_scikit_learn():
    cv = LeaveRegionOut("huc02", only=[3])
    assert isinstance(cv, BaseCrossValidator)
    assert (
        repr(cv) == "LeaveRegionOut(min_sites=1, only=[3], regions='huc02', unlabelled='leave out')"
    )


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda cv: pickle.loads(pickle.dumps(cv))])
def test_copies_split_alike(panel, duplicate):
    cv = LeaveRegionOut(pd.Series(REGION), only=["taiga"])
    assert folds(duplicate(cv), panel) == folds(cv, panel)


def test_repeated_calls_split_alike_and_leave_the_mapping_alone(panel):
    regions = dict(REGION)
    cv = LeaveRegionOut(regions)
    assert folds(cv, panel) == folds(cv, panel)
    assert regions == REGION


def test_site_folds_tells_the_region_of_each_site(panel):
    table = LeaveRegionOut().site_folds(panel)
    assert table.to_dict() == REGION
    assert (table.name, table.index.name) == ("region", "site")
    assert LeaveRegionOut().site_folds(panel.to_long()).equals(table)


def test_a_site_drawn_twice_stays_on_one_side(panel):
    for train, test in LeaveRegionOut().split(panel[[0, 0, 1, 3, 3, 3]]):
        assert {0, 1} <= set(train) or {0, 1} <= set(test)
