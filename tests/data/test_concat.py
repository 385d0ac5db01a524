"""Several panels as one: names, units, times, what cannot be joined."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk import Panel
from stefaland_sk.data import concat_panels


def make_panel(ids, *, start="2000-01-01", n_times=4, names=("prcp", "tmax"), **options):
    """A panel whose values are numbered."""
    forcing = np.arange(len(ids) * n_times * len(names), dtype=np.float32)
    return Panel(
        pd.DataFrame({"area": np.arange(1.0, len(ids) + 1)}, index=list(ids)),
        forcing.reshape(len(ids), n_times, len(names)),
        time=pd.date_range(start, periods=n_times, **options.pop("axis", {})),
        forcing_names=list(names),
        **options,
    )


def test_variables_are_joined_by_name_and_what_is_lacking_is_missing():
    one, two = make_panel("ab"), make_panel("cd", names=("tmax", "srad"))
    both = concat_panels([one, two])
    assert both.forcing_names == ["prcp", "tmax", "srad"]
    assert list(both.site_ids) == list("abcd")
    np.testing.assert_array_equal(both.forcing[:2, :, :2], one.forcing)
    np.testing.assert_array_equal(both.forcing[2:, :, 1:], two.forcing)
    assert np.isnan(both.forcing[:2, :, 2]).all()
    assert np.isnan(both.forcing[2:, :, 0]).all()


def test_records_of_other_years_are_laid_on_one_axis_with_their_targets():
    early, late = make_panel("a"), make_panel("b", start="2000-01-03")
    targets = [np.ones((1, 4)), np.full((1, 4), 2.0)]
    both, target = concat_panels([early, late], targets)
    assert both.n_times == 6
    np.testing.assert_array_equal(both.present(), [[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1]])
    expected = [[1, 1, 1, 1, np.nan, np.nan], [np.nan, np.nan, 2, 2, 2, 2]]
    np.testing.assert_array_equal(target, expected)
    assert list(target.columns) == list(both.time)


def test_years_of_the_same_sites_follow_each_other():
    old, new = make_panel("abc"), make_panel("cab", start="2000-01-06", names=("tmax", "prcp"))
    new = new.assign(attributes=old.attributes.assign(slope=[7.0, 8.0, 9.0]))
    y = np.arange(12.0).reshape(3, 4)
    joined, target = concat_panels([old, new], [y, None])
    assert list(joined.site_ids) == list("abc")
    assert joined.n_times == 9
    assert not joined.present()[:, 4].any()  # the day between them
    np.testing.assert_array_equal(joined.forcing[:, :4], old.forcing)
    np.testing.assert_array_equal(joined[[2, 0, 1]].variable("prcp")[:, 5:], new.variable("prcp"))
    np.testing.assert_array_equal(target.iloc[:, :4], y)
    assert target.iloc[:, 4:].isna().all(axis=None)
    assert joined.variable("slope").tolist() == [7.0, 8.0, 9.0]


def test_units_are_those_in_which_a_variable_first_comes():
    metric = make_panel("a", units={"tmax": "degC", "area": "km2"})
    other = make_panel("b", units={"tmax": "K", "area": "ha"})
    both = concat_panels([metric, other])
    assert both.units == {"tmax": "degC", "area": "km2"}
    np.testing.assert_allclose(both.forcing[1, :, 1], other.forcing[0, :, 1] - 273.15, rtol=1e-6)
    assert both.attributes["area"].tolist() == [1.0, 0.01]


def test_regions_and_groups_are_kept():
    sites = {name: pd.DataFrame({"region": [name]}, index=[name]) for name in "ab"}
    one = make_panel("a", sites=sites["a"], groups={"size": ["area"]})
    both = concat_panels([one, make_panel("b", sites=sites["b"])])
    assert both.sites["region"].tolist() == ["a", "b"]
    assert both.groups == {"size": ["area"]}


def test_attributes_without_series():
    table = Panel.from_table(pd.DataFrame({"area": [1.0]}, index=["a"]))
    other = Panel.from_table(pd.DataFrame({"slope": [2.0]}, index=["b"]))
    both, target = concat_panels([table, other], [[1.0], [2.0]])
    assert both.time is None
    np.testing.assert_array_equal(both.attributes, [[1, np.nan], [np.nan, 2]])
    assert target.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: [], ValueError, "`panels` is empty"),
        (lambda: [pd.DataFrame()], TypeError, "`panels` must hold Panels. Got DataFrame"),
        (
            lambda: [make_panel("ab"), make_panel("bc")],
            ValueError,
            "1 sites stand in more than one panel, for example 'b'",
        ),
        (
            lambda: [make_panel("ab"), make_panel("ba", start="2000-01-04")],
            ValueError,
            r"same sites, such as 'b'.*both hold 2000-01-04.*Cut one of them with `sel_time`",
        ),
        (
            lambda: [make_panel("ab"), make_panel("ba", start="2000-01-05")],
            ValueError,
            "'area' of the site 'a' is not the same in all panels",
        ),
        (
            lambda: [
                make_panel("a", units={"prcp": "mm/d"}),
                make_panel("b", units={"prcp": "W/m2"}),
            ],
            ValueError,
            "'prcp' is in mm/d in one panel and in W/m2 in another .*'b'.*Convert it",
        ),
        (
            lambda: [make_panel("a"), make_panel("b", axis={"freq": "2D"})],
            ValueError,
            "The panels have different steps",
        ),
        (
            lambda: [make_panel("a"), make_panel("b", start="2000-01-01 06:00")],
            ValueError,
            "site 'b' begin at 2000-01-01 06:00:00, between those of another",
        ),
        (
            lambda: [make_panel("a"), Panel.from_table(pd.DataFrame({"x": [1.0]}, index=["b"]))],
            ValueError,
            r"others attributes only.*StefaLandTransformer\(extra=",
        ),
    ],
)
def test_what_cannot_be_joined_is_said(make, error, message):
    with pytest.raises(error, match=message):
        concat_panels(make())


def test_as_many_targets_as_panels():
    with pytest.raises(ValueError, match="`targets` holds 1 targets for 2 panels"):
        concat_panels([make_panel("a"), make_panel("b")], [np.ones((1, 4))])
