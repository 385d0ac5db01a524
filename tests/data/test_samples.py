"""Which site each sample belongs to, and which sites are labelled."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stefaland_sk.data import Panel, is_labelled, site_of_samples


def test_a_panel_has_one_sample_per_site(panel):
    samples = site_of_samples(panel[[2, 0]])
    assert samples.codes.tolist() == [0, 1]
    assert list(samples.ids) == ["02011400", "01013500"]
    assert samples.table["region"].tolist() == ["b", "a"]


def test_a_long_table_has_one_sample_per_row(panel):
    frame = panel.to_long().iloc[[13, 0, 12, 1]]
    samples = site_of_samples(frame)
    assert samples.codes.tolist() == [0, 1, 0, 1]
    assert list(samples.ids) == ["02011400", "01013500"]
    assert samples.table["region"].tolist() == ["b", "a"]


@pytest.mark.parametrize("name", [None, "site", "gauge"])
def test_a_plain_table_has_its_own_site_per_row(panel, name):
    table = panel.attributes.rename_axis(name).assign(region=list("aabb"))
    samples = site_of_samples(table)
    assert samples.codes.tolist() == [0, 1, 2, 3]
    assert list(samples.ids) == list(panel.site_ids)
    assert samples.table["region"].tolist() == ["a", "a", "b", "b"]


def test_a_table_with_a_level_and_a_column_of_one_name(panel):
    table = panel.attributes.assign(region=list("wxyz"))
    table = table.set_index(pd.Index(list("aabb"), name="region"), append=True)
    assert site_of_samples(table).table["region"].tolist() == ["a", "a", "b", "b"]


def test_labels_that_repeat_do_not_name_sites():
    samples = site_of_samples(pd.DataFrame({"clay": [1.0, 2.0]}, index=[5, 5]))
    assert list(samples.ids) == ["0", "1"]


def test_a_table_with_several_rows_per_site():
    table = pd.DataFrame({"clay": [1.0, 2.0, 3.0]}, index=pd.Index(["b", "a", "b"], name="site"))
    samples = site_of_samples(table)
    assert samples.codes.tolist() == [0, 1, 0]
    assert list(samples.ids) == ["b", "a"]


def test_a_plain_array_counts_its_rows():
    for X in (np.zeros((3, 2)), [[0, 1], [2, 3], [4, 5]]):
        samples = site_of_samples(X)
        assert samples.codes.tolist() == [0, 1, 2]
        assert list(samples.ids) == ["0", "1", "2"]
        assert len(samples.table) == 3


def test_what_has_no_samples(panel):
    with pytest.raises(TypeError, match="xarray Dataset does not say.*Panel.from_xarray"):
        site_of_samples(panel.to_xarray())
    with pytest.raises(TypeError, match="must be a Panel, a DataFrame or an array; got float"):
        site_of_samples(3.0)
    lost = pd.DataFrame({"clay": [1.0, 2.0]}, index=pd.Index(["a", None], name="site"))
    with pytest.raises(ValueError, match="level 'site' has missing values"):
        site_of_samples(lost)


# ---------------------------------------------------------------------- labelled
def test_labelled_sites_in_every_form(panel):
    y = panel.label(np.ones((4, 6)))
    y.iloc[1] = np.nan
    y.iloc[2, :5] = np.nan
    expected = [True, False, True, True]
    array = xr.DataArray(y.to_numpy(), dims=["site", "time"])
    for target in (y, y.to_numpy(), array, array.transpose("time", "site")):
        assert is_labelled(panel, target).tolist() == expected
    frame, rows = panel.to_long(y)
    order = np.random.default_rng(0).permutation(len(frame))
    shuffled = is_labelled(frame.iloc[order], rows.iloc[order])
    assert dict(zip(frame.index[order].unique("site"), shuffled, strict=True)) == dict(
        zip(panel.site_ids, expected, strict=True)
    )
    assert is_labelled(panel.attributes, y.mean(axis=1)).tolist() == expected
    assert is_labelled(panel, None).all()


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([1, 2, 3, 4], [True] * 4),
        (["sand", None, "clay", "silt"], [True, False, True, True]),
        ([np.inf, 1.0, np.nan, 0.0], [False, True, False, True]),
        (pd.array([1, None, 3, 4], dtype="Int64"), [True, False, True, True]),
    ],
)
def test_labelled_sites_with_one_value_each(panel, y, expected):
    target = y if not isinstance(y, list) else np.array(y, dtype=object if None in y else None)
    assert is_labelled(Panel(panel.attributes), target).tolist() == expected


def test_targets_of_another_length(panel):
    with pytest.raises(ValueError, match=r"each of the 4 samples of X; got .* \(3, 6\)"):
        is_labelled(panel, np.ones((3, 6)))
