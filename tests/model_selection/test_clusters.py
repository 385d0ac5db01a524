"""LeaveClusterOut: sites that are alike are held out together."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_validate

from stefaland_sk.data import Panel
from stefaland_sk.model_selection import LeaveClusterOut, compare_groupings


def test_the_kinds_of_land_are_found_and_counted(landscape):
    cv = LeaveClusterOut(auto_range=(2, 6))
    tested = [set(test) for _, test in cv.split(landscape)]
    assert sorted(map(min, tested)) == [0, 10, 20]
    assert cv.silhouette_.index.tolist() == [2, 3, 4, 5, 6]
    assert cv.silhouette_.idxmax() == 3
    agreement = compare_groupings(cv.labels_, landscape.sites["kind"])
    assert agreement[["ari", "nmi"]].tolist() == pytest.approx([1, 1])


def test_clusters_depend_neither_on_order_nor_on_the_form_of_x(landscape):
    cv = LeaveClusterOut(5)
    expected = cv.site_folds(landscape)
    order = np.random.default_rng(1).permutation(30)
    for X in (landscape[order], landscape.attributes.iloc[order], landscape[order].to_long()):
        pd.testing.assert_series_equal(cv.site_folds(X).loc[expected.index], expected)


def test_neither_units_nor_coordinates_matter(landscape):
    table = landscape.attributes
    expected = LeaveClusterOut(3).site_folds(table)
    scaled = table.assign(wet=1000 * table["wet"], lat=np.arange(30.0), lon=0.0)
    assert LeaveClusterOut(3).site_folds(scaled).equals(expected)


def test_embeddings_stand_in_for_attributes(landscape):
    vectors = pd.DataFrame(np.repeat(np.eye(3), 10, axis=0), index=landscape.site_ids)
    more = pd.concat([vectors, vectors.iloc[:3].set_axis(["x", "y", "z"])])[::-1]
    labels = LeaveClusterOut(3, embeddings=more).site_folds(landscape)
    assert compare_groupings(labels, landscape.sites["kind"])["ari"] == pytest.approx(1)


def test_chosen_attributes_only(landscape):
    cv = LeaveClusterOut(2, attributes=["warm"])
    labels = cv.site_folds(landscape)
    warm = landscape.attributes["warm"].groupby(labels).mean()
    assert abs(warm[0] - warm[1]) > 3


def test_clusters_are_numbered_by_size(landscape):
    sizes = LeaveClusterOut(4).site_folds(landscape[:27]).value_counts().sort_index()
    assert sizes.is_monotonic_decreasing
    assert sizes.index.tolist() == [0, 1, 2, 3]


def test_only_and_unlabelled_mean_what_they_mean_for_regions(landscape):
    y = np.where(np.arange(30) % 2 == 0, 1.0, np.nan)
    [(train, test)] = LeaveClusterOut(3, only=[1]).split(landscape, y)
    assert len(test) == 5
    assert len(train) == 20
    [(_, test)] = LeaveClusterOut(3, only=1, unlabelled="test").split(landscape, y)
    assert len(test) == 10
    with pytest.raises(ValueError, match=r"names clusters that X does not have: \[7\]"):
        next(LeaveClusterOut(3, only=7).split(landscape))


def test_it_serves_cross_validate_and_searches(landscape):
    X = landscape.attributes.fillna(0)
    cv = LeaveClusterOut(3)
    assert cv.get_n_splits(X) == 3
    assert len(cross_validate(Ridge(), X, X["wet"], cv=cv)["fit_time"]) == 3
    assert (
        GridSearchCV(Ridge(), {"alpha": [1, 9]}, cv=copy.deepcopy(cv)).fit(X, X["wet"]).n_splits_
        == 3
    )


@pytest.mark.parametrize("seed", [np.random.RandomState, np.random.default_rng])
def test_generators_are_drawn_from(landscape, seed):
    one, other = (LeaveClusterOut(4, random_state=seed(3)).site_folds(landscape) for _ in range(2))
    assert one.equals(other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"attributes": ["wet", "cold"]},
            r"`attributes` of LeaveClusterOut names \['cold'\].*has \['wet",
        ),
        ({"attributes": ["dull"]}, r"cannot make two or more clusters of 1 distinct sites"),
        ({"n_clusters": 31}, r"cannot make 31 clusters of 30 distinct sites"),
    ],
)
def test_what_cannot_be_clustered(landscape, change, message):
    with pytest.raises(ValueError, match=message):
        next(LeaveClusterOut(**change).split(landscape))


def test_a_site_without_embedding_is_named(landscape):
    vectors = pd.DataFrame(np.eye(30), index=landscape.site_ids)
    with pytest.raises(ValueError, match=r"no row for 1 of 30 sites, for example \['004'\]"):
        next(LeaveClusterOut(embeddings=vectors.drop("004")).split(landscape))
    with pytest.raises(TypeError, match="`embeddings` must hold numbers only"):
        next(LeaveClusterOut(embeddings=vectors.astype(str) + "x").split(landscape))


def test_sites_without_attributes_say_what_is_missing(landscape):
    with pytest.raises(ValueError, match=r"needs numeric attributes of the sites, and X has none"):
        next(LeaveClusterOut().split(Panel(None, sites=landscape.sites)))
    with pytest.raises(ValueError, match="takes no `groups`"):
        next(LeaveClusterOut().split(landscape, groups=landscape.sites["kind"]))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_clusters": 1}, ValueError, r"`n_clusters` must lie in \[2, inf\)"),
        ({"n_clusters": "many"}, ValueError, r"`n_clusters` must be one of \['auto'\]"),
        ({"auto_range": 8}, ValueError, r"`auto_range` must be a pair of whole numbers"),
        ({"auto_range": (8, 4)}, ValueError, r"`auto_range` must lie in \[8, inf\)"),
        ({"embeddings": [[1.0]]}, TypeError, r"`embeddings` must be a DataFrame.*Got list"),
        ({"embeddings": pd.DataFrame(), "attributes": ["a"]}, ValueError, "are both given"),
        ({"unlabelled": "drop"}, ValueError, "`unlabelled` must be one of"),
    ],
)
def test_parameters_are_checked(parameters, error, message):
    with pytest.raises(error, match=message):
        LeaveClusterOut(**parameters)


def test_groupings_are_compared_over_the_sites_of_both():
    one = {"a": 0, "b": 0, "c": 1, "d": 1, "x": 5}
    other = pd.Series({"d": "q", "c": "p", "b": "q", "a": "p", "y": "r", "x": None})
    found = compare_groupings(one, other)
    assert found["n_sites"] == 4
    assert found["ari"] == pytest.approx(-0.5)
    assert found["nmi"] == pytest.approx(0)
    with pytest.raises(ValueError, match="share no site"):
        compare_groupings({"a": 1}, {"b": 1})
    with pytest.raises(TypeError, match="`other` must be a Series or a mapping.*Got list"):
        compare_groupings({"a": 1}, [1])


def test_repr_leaves_tables_out():
    cv = LeaveClusterOut(embeddings=pd.DataFrame(np.eye(30)), only=[2])
    assert repr(cv) == "LeaveClusterOut(embeddings=<DataFrame of 30>, only=[2])"
