"""SiteKFold: sites stay whole, folds are even, and seeds mean what they say."""

import copy

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.data import Panel
from stefaland_sk.model_selection import SiteKFold

from .conftest import N_DAYS


def folds(cv, *args, **kwargs):
    """All folds as lists, to compare."""
    return [(train.tolist(), test.tolist()) for train, test in cv.split(*args, **kwargs)]


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("n_splits", [2, 3, 4, 9])
def test_folds_are_disjoint_complete_and_even(panel, n_splits, shuffle):
    cv = SiteKFold(n_splits, shuffle=shuffle)
    tested = []
    for train, test in cv.split(panel):
        assert set(train).isdisjoint(test)
        assert len(train) + len(test) == 9
        tested.append(test)
    assert len(tested) == cv.get_n_splits() == n_splits
    np.testing.assert_array_equal(np.sort(np.concatenate(tested)), np.arange(9))
    sizes = [len(test) for test in tested]
    assert max(sizes) - min(sizes) <= 1


def test_days_of_a_site_stay_together(panel):
    rows = panel.to_long()
    sites = rows.index.get_level_values("site")
    for train, test in SiteKFold(4, random_state=1).split(rows):
        assert set(sites[train]).isdisjoint(sites[test])
        assert len(test) % N_DAYS == 0


def test_a_seed_gives_the_same_folds_again(panel):
    cv = SiteKFold(3, random_state=7)
    assert folds(cv, panel) == folds(cv, panel) == folds(SiteKFold(3, random_state=7), panel)
    assert folds(copy.deepcopy(cv), panel) == folds(cv, panel)


def test_seeds_differ(panel):
    tables = {tuple(SiteKFold(3, random_state=seed).site_folds(panel)) for seed in range(5)}
    assert len(tables) > 1


def test_no_seed_shuffles_anew_and_leaves_the_global_generator_alone(panel):
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the legacy state is the point
    tables = {tuple(SiteKFold(3).site_folds(panel)) for _ in range(12)}
    assert len(tables) > 1
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_generators_are_drawn_from(panel, kind):
    assert folds(SiteKFold(3, random_state=kind(0)), panel) == folds(
        SiteKFold(3, random_state=kind(0)), panel
    )


def test_folds_depend_neither_on_the_order_nor_on_the_form_of_x(panel):
    cv = SiteKFold(4, random_state=0)
    expected = cv.site_folds(panel)
    order = [8, 3, 0, 1, 7, 2, 6, 4, 5]
    assert cv.site_folds(panel[order]).loc[panel.site_ids].equals(expected)
    assert cv.site_folds(panel.to_long()).equals(expected)
    assert cv.site_folds(panel.attributes).equals(expected)


def test_without_shuffling_sites_are_dealt_in_turn(panel):
    expected = [0, 1, 2, 0, 1, 2, 0, 1, 2]
    assert SiteKFold(3, shuffle=False).site_folds(panel).tolist() == expected


# ---------------------------------------------------------------------- published folds
def test_published_folds_come_from_the_site_table_or_a_mapping(panel, names):
    expected = ["02 05 08", "03 06 09", "01 04 07"]
    by_column = SiteKFold(folds="fold")
    assert [names(test) for _, test in by_column.split(panel)] == expected
    assert by_column.get_n_splits(panel) == 3
    for mapping in (panel.sites["fold"], panel.sites["fold"].to_dict()):
        assert folds(SiteKFold(folds=mapping), panel) == folds(by_column, panel)


def test_published_folds_serve_a_subset(panel):
    assert folds(SiteKFold(folds=panel.sites["fold"]), panel[[0, 3, 1]]) == [
        ([0, 1], [2]),
        ([2], [0, 1]),
    ]


def test_saved_folds_can_be_given_back(panel, tmp_path):
    cv = SiteKFold(4, random_state=3)
    cv.site_folds(panel).to_csv(tmp_path / "folds.csv")
    saved = pd.read_csv(tmp_path / "folds.csv", dtype={"site": "str"}, index_col="site")["fold"]
    assert folds(SiteKFold(folds=saved), panel) == folds(cv, panel)


# ---------------------------------------------------------------------- unlabelled sites
def test_labelled_sites_are_even_too():
    panel = Panel(pd.DataFrame({"area": np.arange(40.0)}, index=[f"{i:02d}" for i in range(40)]))
    y = np.where(np.arange(40) % 4 == 0, 1.0, np.nan)  # ten labelled sites
    cv = SiteKFold(3, random_state=0)
    for train, test in cv.split(panel, y):
        assert len(test) in (3, 4)
        assert np.isfinite(y[test]).all()
        assert np.isfinite(y[train]).sum() == 10 - len(test)
    assert cv.site_folds(panel, y).value_counts().max() <= 14


def test_unlabelled_sites_train_outside_and_are_nowhere_inside(panel, target, names):
    parts = [
        (names(train), names(test)) for train, test in SiteKFold(folds="fold").split(panel, target)
    ]
    assert parts == [
        ("01 03 04 06 07 09", "02 08"),
        ("01 02 04 05 07 08", "03 06 09"),
        ("02 03 05 06 08 09", "01 07"),
    ]


def test_unlabelled_sites_can_be_tested_for_a_partition(panel, target):
    tested = [test for _, test in SiteKFold(3, unlabelled="test").split(panel, target)]
    np.testing.assert_array_equal(np.sort(np.concatenate(tested)), np.arange(9))


# ---------------------------------------------------------------------- groups
@pytest.mark.parametrize("shuffle", [True, False])
def test_groups_stay_together_and_folds_stay_even(panel, shuffle):
    river = panel.sites["river"]
    sizes = []
    for train, test in SiteKFold(3, shuffle=shuffle).split(panel, groups=river):
        assert set(river.iloc[train]).isdisjoint(river.iloc[test])
        sizes.append(len(test))
    assert sorted(sizes) == [3, 3, 3]


def test_groups_balance_the_labelled_sites(panel, target):
    river = panel.sites["river"]
    sizes = [len(test) for _, test in SiteKFold(2).split(panel, target, groups=river)]
    assert sorted(sizes) == [3, 4]


# ---------------------------------------------------------------------- errors
def test_more_folds_than_sites(panel, target):
    with pytest.raises(ValueError, match=r"`n_splits`=10 is greater.* of sites .*: 9 of 9"):
        next(SiteKFold(10).split(panel))
    with pytest.raises(ValueError, match=r"`n_splits`=8 is greater.*observed target: 7 of 9"):
        next(SiteKFold(8).split(panel, target))
    with pytest.raises(ValueError, match=r"groups of sites with an observed target: 6 of 6"):
        next(SiteKFold(7).split(panel, groups=panel.sites["river"]))


def test_folds_and_groups_together_are_an_error(panel):
    with pytest.raises(ValueError, match="`groups` cannot keep sites together"):
        next(SiteKFold(folds="fold").split(panel, groups=panel.sites["river"]))


def test_a_site_without_fold_is_named(panel):
    with pytest.raises(ValueError, match=r"`folds` has no entry for 8 of 9 sites.*'02'"):
        next(SiteKFold(folds={"01": 1}).split(panel))
    with pytest.raises(ValueError, match=r"SiteKFold looks for 'pub'.*from site to fold"):
        next(SiteKFold(folds="pub").split(panel))


def test_a_single_published_fold(panel):
    with pytest.raises(ValueError, match=r"at least two folds.*all 3 sites are in fold 3"):
        next(SiteKFold(folds="fold").split(panel[[0, 3, 6]]))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_splits": 1}, ValueError, r"`n_splits` must lie in \[2, inf\)"),
        ({"n_splits": 2.5}, TypeError, "`n_splits` must be a whole number"),
        ({"shuffle": "yes"}, ValueError, "`shuffle` must be one of"),
        ({"shuffle": False, "random_state": 0}, ValueError, "`random_state` has no effect"),
        ({"folds": [1, 2]}, TypeError, "`folds` must be None, the name of a column"),
        ({"unlabelled": "drop"}, ValueError, "`unlabelled` must be one of"),
    ],
)
def test_parameters_are_checked(parameters, error, message):
    with pytest.raises(error, match=message):
        SiteKFold(**parameters)


def test_repr_shows_the_parameters():
    assert repr(SiteKFold(3, random_state=0)) == (
        "SiteKFold(folds=None, n_splits=3, random_state=0, shuffle=True,\n"
        "     unlabelled='leave out')"
    )
