"""The published splits are those of the papers, and serve any subset of the gauges."""

import copy
import pickle

import pandas as pd
import pytest

from stefaland_sk.model_selection import (
    PUR_REGIONS,
    camels_pub,
    camels_pur,
    load_camels_splits,
)

PUB_531 = [54, 48, 45, 46, 57, 60, 44, 60, 61, 56]
PUB_671 = [59, 68, 55, 61, 79, 75, 61, 74, 73, 66]
PUR_531 = [92, 95, 93, 51, 68, 60, 72]
PUR_671 = [102, 109, 109, 79, 87, 94, 91]


@pytest.mark.parametrize(
    ("make", "subset", "sizes"),
    [
        (camels_pub, 531, PUB_531),
        (camels_pub, 671, PUB_671),
        (camels_pur, 531, PUR_531),
        (camels_pur, 671, PUR_671),
    ],
)
def test_published_sizes(make, subset, sizes):
    X = load_camels_splits(subset)[["lat", "lon"]]
    parts = list(make().split(X))
    assert [len(test) for _, test in parts] == sizes
    assert all(len(train) + len(test) == subset for train, test in parts)
    assert all(set(train).isdisjoint(test) for train, test in parts)


def test_gauges_are_eight_digit_strings():
    splits = load_camels_splits()
    assert splits.index.is_unique
    assert splits.index.name == "site"
    assert all(isinstance(site, str) and len(site) == 8 for site in splits.index)
    assert list(splits) == ["huc02", "lat", "lon", "pub_group_10", "pur_region_7", "in_531"]


def test_regions_are_unions_of_hydrologic_units():
    splits = load_camels_splits()
    region_of = {huc: region for region, hucs in PUR_REGIONS.items() for huc in hucs}
    assert sorted(region_of) == list(range(1, 19))
    assert (splits["huc02"].map(region_of) == splits["pur_region_7"]).all()


def test_the_table_is_a_copy():
    splits = load_camels_splits()
    splits.loc[:, "huc02"] = 0
    assert load_camels_splits()["huc02"].min() == 1


def test_any_subset_of_the_gauges():
    X = load_camels_splits()[["lat", "lon"]].iloc[[650, 5, 300, 60, 500]]
    region = load_camels_splits()["pur_region_7"][X.index]
    assert camels_pur().get_n_splits(X) == region.nunique()
    assert camels_pur().site_folds(X).tolist() == region.tolist()


def test_parameters_are_passed_on():
    X = load_camels_splits()[["lat", "lon"]]
    assert camels_pur(only=[4], unlabelled="test").get_n_splits(X) == 1
    assert camels_pub(unlabelled="test").unlabelled == "test"


def test_a_foreign_gauge_and_lost_zeros_are_named():
    X = pd.DataFrame({"area": [1.0, 2.0]}, index=["01013500", "99999999"])
    with pytest.raises(
        ValueError, match=r"^camels_pub\(\) is for the gauges of CAMELS-US, and 1 of 2 .*'99999999'"
    ):
        camels_pub().get_n_splits(X)
    with pytest.raises(ValueError, match=r"'01013500' \(str\).*X has '1013500'.*lost in X"):
        camels_pur().get_n_splits(X.set_axis(["1013500", "1022500"]))


def test_other_data_are_shown_the_splitter_for_them():
    X = pd.DataFrame({"area": [1.0, 2.0]}, index=["a", "b"])
    with pytest.raises(ValueError, match=r"2 of 2 sites are none.*take LeaveRegionOut\(\)\.$"):
        next(camels_pur().split(X))
    with pytest.raises(ValueError, match=r"2 of 2 sites are none.*take SiteKFold\(n_splits=10"):
        next(camels_pub().split(X))


def test_copies_keep_the_labels_and_their_words():
    X = load_camels_splits()[["lat", "lon"]]
    for cv in (copy.deepcopy(camels_pur()), pickle.loads(pickle.dumps(camels_pur()))):
        assert repr(cv) == repr(camels_pur())
        assert cv.get_n_splits(X) == 7
        with pytest.raises(ValueError, match=r"camels_pur\(\) is for"):
            next(cv.split(X.set_axis(range(len(X)), axis=0)))


def test_subset_is_checked():
    with pytest.raises(ValueError, match=r"`subset` must be one of \[671, 531\]. Got 448"):
        load_camels_splits(448)


def test_repr_is_short():
    assert repr(camels_pur()) == (
        "LeaveRegionOut(min_sites=1, only=None, regions=<labels of 671 gauges>,\n"
        "        unlabelled='leave out')"
    )


def test_the_real_data_carry_the_same_units(shared_data):
    table = pd.read_csv(shared_data / "camels_us" / "splits" / "folds.csv", dtype={"gauge_id": str})
    table = table.set_index("gauge_id")
    ours = load_camels_splits().loc[table.index]
    assert (ours["huc02"] == table["huc_02"]).all()
    assert (ours["pur_region_7"] == table["pur_region"]).all()
    assert (ours["in_531"] == table["in_531"]).all()
