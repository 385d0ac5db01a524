"""Construction, indexing, sharing and pickling of panels."""

import copy
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.preprocessing import StandardScaler

from stefaland_sk.data import Panel


def frozen(parts):
    """Deep copy of the caller's objects, to compare with afterwards."""
    return copy.deepcopy(parts)


# ---------------------------------------------------------------------- construction
def test_a_panel_gives_back_what_it_was_made_from(parts, panel):
    assert panel.shape == (4, 6, 2)
    assert (len(panel), panel.ndim) == (4, 3)
    assert (panel.n_sites, panel.n_times, panel.n_forcings, panel.n_attributes) == (4, 6, 2, 2)
    np.testing.assert_array_equal(panel.forcing, parts["forcing"])
    np.testing.assert_array_equal(panel.attributes.to_numpy(), parts["attributes"].to_numpy())
    assert panel.time.equals(parts["time"])
    assert panel.step == pd.Timedelta("1D")
    assert panel.forcing_names == ["prcp", "pet"]
    assert panel.attribute_names == ["clay", "area"]
    assert panel.units == parts["units"]
    assert panel.groups == parts["groups"]
    assert panel.site_ids.name == "site"
    assert list(panel.site_ids) == list(parts["attributes"].index)
    assert panel.nbytes >= parts["forcing"].nbytes


def test_names_are_plain_str(parts):
    """numpy.str_ and integers would break scikit-learn's feature names."""
    parts["forcing_names"] = np.array(["prcp", "pet"])
    parts["attributes"].columns = [0, np.str_("area")]
    del parts["groups"]
    panel = Panel(**parts)
    names = panel.forcing_names + panel.attribute_names + list(panel.site_ids)
    assert {type(name) for name in names} == {str}
    assert panel.attribute_names == ["0", "area"]


def test_the_callers_objects_are_not_changed(parts):
    before = frozen(parts)
    panel = Panel(**parts)
    attributes, sites = panel.attributes, panel.sites
    attributes["clay"], sites["region"] = 0.0, "z"
    panel.units["prcp"] = "m"
    panel.groups["soil"].append("x")
    panel.forcing_names.append("x")
    _ = panel[[2, 0]].sel_time("2000-10-02"), panel.to_long(), panel.to_xarray(), panel.check()
    for name, value in before.items():
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(parts[name], value)
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(parts[name], value)
        else:
            assert list(parts[name]) == list(value)
    assert panel.attributes["clay"].iloc[0] == 0.1
    assert (panel.units["prcp"], panel.groups["soil"]) == ("mm/d", ["clay"])


def test_float32_forcing_is_not_copied_and_cannot_be_written(parts, panel):
    assert np.shares_memory(panel.forcing, parts["forcing"])
    with pytest.raises(ValueError, match="read-only"):
        panel.forcing[0, 0, 0] = 1.0


def test_float64_forcing_becomes_float32(parts):
    parts["forcing"] = parts["forcing"].astype(np.float64)
    assert Panel(**parts).forcing.dtype == np.float32


def test_a_read_only_memmap_stays_on_disk(parts, tmp_path):
    np.save(tmp_path / "forcing.npy", parts["forcing"])
    on_disk = np.load(tmp_path / "forcing.npy", mmap_mode="r")
    panel = Panel(**{**parts, "forcing": on_disk})
    assert np.shares_memory(panel.forcing, on_disk)
    np.testing.assert_array_equal(panel[[3, 1]].forcing, parts["forcing"][[3, 1]])
    assert panel.present().all()
    assert panel.check().ok


def test_attributes_or_forcing_suffice(parts):
    table = Panel(parts["attributes"])
    assert table.shape == (4, 0, 0)
    assert table.time is None
    assert table.step is None
    series = Panel(forcing=parts["forcing"], time=parts["time"])
    assert list(series.site_ids) == ["0", "1", "2", "3"]
    assert series.forcing_names == ["forcing0", "forcing1"]
    assert series.attributes.shape == (4, 0)


def test_time_without_forcing_is_kept(parts):
    panel = Panel(parts["attributes"], time=parts["time"])
    assert panel.shape == (4, 6, 0)
    assert panel.present().all()


def test_whole_numbers_that_name_all_sites_become_text(parts):
    parts["attributes"].index = [7, 8, 9, 10]
    parts["sites"].index = ["7", "8", "9", "10"]
    assert list(Panel(**parts).site_ids) == ["7", "8", "9", "10"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_time_of_any_resolution(parts, unit):
    panel = Panel(**{**parts, "time": parts["time"].as_unit(unit)})
    assert panel.time.unit == unit
    assert panel.sel_time("2000-10-02", "2000-10-03").n_times == 2
    assert panel.step == pd.Timedelta("1D")


def test_repr_says_what_it_holds(panel):
    expected = "Panel(4 sites, 6 times from 2000-10-01 to 2000-10-06, 2 forcings, 2 attributes)"
    assert repr(panel) == expected
    assert repr(Panel(panel.attributes)[[0]]) == "Panel(1 site, 0 forcings, 2 attributes)"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"attributes": None, "sites": None, "forcing": None}, ValueError, "got neither"),
        ({"attributes": np.ones((4, 2))}, TypeError, "`attributes` must be a DataFrame indexed"),
        ({"sites": [1, 2]}, TypeError, "`sites` must be a DataFrame.*got list"),
        ({"forcing": np.ones((3, 6, 2))}, ValueError, "`forcing` has 3 sites.*has 4 rows"),
        ({"forcing": np.ones((4, 6))}, ValueError, r"axes \(site, time, variable\).*\(4, 6\)"),
        ({"forcing": None}, ValueError, "`forcing_names` were given without `forcing`"),
        ({"time": None}, ValueError, "`forcing` needs `time`"),
        ({"time": pd.date_range("2000", periods=5)}, ValueError, "5 steps, but `forcing` has 6"),
        ({"time": np.arange(6)}, TypeError, "`time` must hold time stamps; got numbers"),
        (
            {"time": pd.date_range("2000", periods=6, tz="UTC")},
            ValueError,
            "must have no zone.*tz_localize",
        ),
        (
            {"time": pd.to_datetime(["2000-01-01", *pd.date_range("2000-01-03", periods=5)])},
            ValueError,
            "equal steps; the step after 2000-01-03.*leads to 2000-01-04|2000-01-01.*2000-01-03",
        ),
        (
            {"time": pd.date_range("2000", periods=6)[::-1]},
            ValueError,
            "must increase in equal steps",
        ),
        ({"forcing_names": ["prcp"]}, ValueError, "1 names, but `forcing` has 2 variables"),
        ({"forcing_names": ["prcp", "prcp"]}, ValueError, r"these repeat: \['prcp'\]"),
        ({"forcing_names": ["prcp", "clay"]}, ValueError, r"at once: \['clay'\]"),
        ({"groups": {"soil": ["sand"]}}, ValueError, "unknown attribute 'sand'"),
        (
            {"groups": {"soil": ["clay"], "rock": ["clay"]}},
            ValueError,
            "'clay' is in two groups: 'soil' and 'rock'",
        ),
    ],
)
def test_parts_that_do_not_fit_are_named(parts, change, error, message):
    with pytest.raises(error, match=message):
        Panel(**{**parts, **change})


def test_tables_of_different_sites(parts):
    parts["sites"] = parts["sites"].rename(index={"01013500": "1013500"})
    with pytest.raises(ValueError, match=r"different sites: for example \['01013500', '1013500'\]"):
        Panel(**parts)


def test_tables_in_different_orders(parts):
    parts["sites"] = parts["sites"][::-1]
    with pytest.raises(ValueError, match="their order is different.*sites.loc"):
        Panel(**parts)


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (["a", "b", "c", "a"], ValueError, r"these occur more than once: \['a'\]"),
        (["a", "b", "c", 4], TypeError, "mixes site identifiers of two types.*4 and 'a'.*zfill"),
        (["a", "b", "c", None], ValueError, "A site identifier in `attributes` is missing"),
        ([1.0, 2.0, 3.0, 4.5], TypeError, "must be strings; got 1.0"),
        ([True, False, "c", "d"], TypeError, "must be strings; got True"),
    ],
)
def test_identifiers_that_are_none(parts, index, error, message):
    table = parts["attributes"].set_axis(pd.Index(index, dtype=object), axis=0)
    with pytest.raises(error, match=message):
        Panel(table)


def test_attributes_must_be_finite_numbers(parts):
    table = parts["attributes"]
    with pytest.raises(TypeError, match="attribute 'rock' is not numeric.*OneHotEncoder"):
        Panel(table.assign(rock="granite"))
    table.iloc[1, 1] = np.inf
    with pytest.raises(ValueError, match="attribute 'area' of site '01022500' is infinite"):
        Panel(table)


def test_nullable_and_boolean_attributes_become_float64(parts):
    table = pd.DataFrame(
        {"dammed": [True, False], "dams": pd.array([3, None], dtype="Int64")}, index=["a", "b"]
    )
    np.testing.assert_array_equal(Panel(table).attributes, [[1.0, 3.0], [0.0, np.nan]])


# ---------------------------------------------------------------------- other constructors
def test_from_arrays_labels_plain_arrays(parts):
    ids = list(parts["attributes"].index)
    kwargs = {"attributes": parts["attributes"].to_numpy(), "sites": parts["sites"]}
    panel = Panel.from_arrays(
        parts["forcing"], parts["time"], ["prcp", "pet"], site_ids=ids, **kwargs
    )
    assert list(panel.site_ids) == ids
    assert list(panel.sites["region"]) == ["a", "a", "b", "b"]
    assert Panel.from_arrays(parts["forcing"], parts["time"], ["p", "e"]).shape == (4, 6, 2)
    bare = Panel.from_arrays(parts["forcing"], parts["time"], ["p", "e"], site_ids=ids)
    assert list(bare.site_ids) == ids


def test_from_table_takes_frames_and_arrays(parts):
    assert Panel.from_table(parts["attributes"], units={"area": "km2"}).units == {"area": "km2"}
    panel = Panel.from_table([[1.0, 2.0], [3.0, 4.0]])
    assert panel.attribute_names == ["x0", "x1"]
    assert list(panel.site_ids) == ["0", "1"]
    with pytest.raises(ValueError, match=r"has 2 axes; got an array of \(3,\)"):
        Panel.from_table(np.ones(3))


# ---------------------------------------------------------------------- indexing
@pytest.mark.parametrize(
    "key",
    [
        [2, 0],
        np.array([3], dtype=np.int32),
        np.array([1, 1, 0], dtype=np.uint8),
        [-1, -4],
        slice(1, 3),
        slice(None, None, -2),
        [True, False, True, False],
        np.zeros(4, dtype=bool),
        [],
        slice(0, 0),
    ],
)
def test_indexing_takes_sites_like_numpy(panel, key):
    part, expected = panel[key], np.arange(4)[key if isinstance(key, slice) else as_index(key)]
    np.testing.assert_array_equal(part.forcing, panel.forcing[expected])
    pd.testing.assert_frame_equal(part.attributes, panel.attributes.take(expected))
    pd.testing.assert_frame_equal(part.sites, panel.sites.take(expected))
    assert list(part.site_ids) == [panel.site_ids[i] for i in expected]
    assert part.shape == (len(expected), 6, 2)


def as_index(key):
    """Give an array that numpy indexes with; it reads an empty list as float."""
    return np.asarray(key) if len(key) else np.asarray(key, dtype=int)


def test_one_site_keeps_its_axis(panel):
    assert panel[2].shape == panel[-2].shape == (1, 6, 2)
    assert list(panel["02011400"].site_ids) == ["02011400"]


def test_scikit_learns_ellipsis_is_understood(panel):
    rows = np.array([3, 0])
    np.testing.assert_array_equal(panel[rows, ...].forcing, panel.forcing[rows])


def test_pandas_masks_are_understood(panel):
    mask = pd.Series([True, pd.NA, False, True], dtype="boolean")
    assert list(panel[mask].site_ids) == ["01013500", "03050000"]
    assert len(panel[panel.sites["region"] == "b"]) == 2


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        ((0, 1), IndexError, "indexed along its sites only.*sel_time"),
        ((0, slice(None), 1), IndexError, "indexed along its sites only"),
        ([0, 9], IndexError, "index 9 is out of bounds"),
        ([-5], IndexError, "index -5 is out of bounds"),
        ([0.5], IndexError, "whole numbers or a mask; got float64"),
        ([[0, 1], [2, 3]], IndexError, r"must have one axis; got an array of \(2, 2\)"),
        ([True, False], IndexError, r"mask has shape \(2,\), but the panel has 4 sites"),
        (["01013500"], TypeError, r"use `select\(\['01013500', ...\]\)`"),
        (None, IndexError, "whole numbers or a mask; got object"),
    ],
)
def test_keys_that_mean_nothing(panel, key, error, message):
    with pytest.raises(error, match=message):
        panel[key]


def test_nested_subsets_share_the_store_and_equal_copies(panel, parts, same_panel):
    part = panel[[3, 1, 0]].sel_time("2000-10-02", "2000-10-05")[[True, False, True]][::-1]
    rows = [0, 3]
    eager = Panel(
        parts["attributes"].iloc[rows],
        parts["forcing"][rows][:, 1:5].copy(),
        time=parts["time"][1:5],
        sites=parts["sites"].iloc[rows],
        **{name: parts[name] for name in ("forcing_names", "units", "groups")},
    )
    same_panel(part, eager)
    assert part._store is panel._store
    assert np.shares_memory(part._store.forcing, parts["forcing"])
    assert part.nbytes == panel.nbytes


def test_a_period_of_the_whole_panel_is_a_view(panel, parts):
    assert np.shares_memory(panel.sel_time("2000-10-03").forcing, parts["forcing"])


def test_writing_into_a_gathered_subset_leaves_the_parent_alone(panel, parts):
    before = parts["forcing"].copy()
    panel[[0, 1]].forcing[:] = -1.0
    np.testing.assert_array_equal(parts["forcing"], before)


def test_pickling_a_subset_carries_only_the_subset(same_panel):
    rng = np.random.default_rng(0)
    forcing = rng.random((50, 400, 2), dtype=np.float32)
    whole = Panel(forcing=forcing, time=pd.date_range("2000", periods=400))
    part = whole[[4, 2]].sel_time("2000-01-11", "2000-02-19")
    assert len(pickle.dumps(part)) < len(pickle.dumps(whole)) / 50
    again = pickle.loads(pickle.dumps(part))
    same_panel(again, part)
    same_panel(again[[1]], part[[1]])
    same_panel(pickle.loads(pickle.dumps(whole)), whole)


def test_a_subset_is_gathered_once_however_often_it_is_pickled(panel):
    """So that joblib, which knows arrays by identity, writes one for all workers."""
    for part in (panel[[1, 0]], panel.sel_time("2000-10-03")):
        forcings = []
        for _ in range(2):
            buffers = []
            pickle.dumps(part, protocol=5, buffer_callback=buffers.append)
            size = part.forcing.nbytes
            forcings.append(next(b.raw() for b in buffers if b.raw().nbytes == size))
        assert np.shares_memory(*forcings)


def test_the_size_of_a_panel_is_what_travels():
    """Dask asks for it, to tell what is sent once from what is sent with every task."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.random((50, 20)))
    time = pd.date_range("2000", periods=400)
    whole = Panel(table, rng.random((50, 400, 2), dtype=np.float32), time=time)
    for part in (whole, whole[10:], whole.sel_time("2000-03-01")):
        assert sys.getsizeof(part) == pytest.approx(len(pickle.dumps(part)), abs=10_000)


def test_a_copy_of_a_panel_is_the_panel(panel):
    """It cannot be changed, and a copy of its forcing would fill the memory."""
    for part in (panel, panel[[1]]):
        assert copy.copy(part) is copy.deepcopy(part) is clone(part, safe=False) is part


# ---------------------------------------------------------------------- select, time, assign
def test_select_takes_the_order_asked_for(panel):
    ids = ["03050000", "01013500"]
    assert list(panel.select(ids).site_ids) == ids
    assert list(panel[[3, 2, 0]].select(ids).site_ids) == ids


def test_select_unknown_sites(panel):
    with pytest.raises(ValueError, match=r"1 of 2 sites are not in the panel.*\['1013500'\]"):
        panel.select(["01013500", "1013500"])
    with pytest.raises(ValueError, match="occur more than once"):
        panel.select(["01013500", "01013500"])


@pytest.mark.parametrize(
    ("start", "stop", "days"),
    [
        (None, None, 6),
        ("2000-10-03", None, 4),
        (None, "2000-10-03", 3),
        ("2000-10-02", pd.Timestamp("2000-10-02"), 1),
        ("1990", "2000-10-01", 1),
        ("2000-10", "2000-10", 6),
    ],
)
def test_sel_time_includes_both_ends(panel, start, stop, days):
    part = panel.sel_time(start, stop)
    assert part.n_times == days
    assert part.forcing.shape == (4, days, 2)
    assert len(part.time) == days


def test_sizes_are_plain_int(panel):
    assert {type(n) for n in panel[[0]].sel_time("2000-10-02").shape} == {int}


def test_sel_time_twice_counts_from_the_first(panel):
    part = panel.sel_time("2000-10-02").sel_time("2000-10-03", "2000-10-04")
    np.testing.assert_array_equal(part.forcing, panel.forcing[:, 2:4])


def test_sel_time_needs_a_step(panel):
    with pytest.raises(ValueError, match=r"No step .* between 1990 and 1991.*2000-10-01 to 2000-"):
        panel.sel_time("1990", "1991")
    with pytest.raises(ValueError, match="no time axis"):
        Panel(panel.attributes).sel_time("1990")


def test_assign_keeps_the_rest(panel, parts, same_panel):
    scaled = panel.assign(attributes=panel.attributes[["clay"]] * 2)
    assert scaled.attribute_names == ["clay"]
    assert scaled.groups == {"soil": ["clay"]}
    assert scaled.units == panel.units
    assert np.shares_memory(scaled.forcing, parts["forcing"])
    same_panel(panel.assign(), panel)
    named = panel.assign(units={"clay": "%"}, groups={"all": ["clay", "area"]})
    assert named.units == {**panel.units, "clay": "%"}
    assert named.groups == {"all": ["clay", "area"]}
    moved = panel[[1, 3]].assign(sites=pd.DataFrame({"huc": [1, 2]}, index=panel.site_ids[[1, 3]]))
    assert list(moved.sites.columns) == ["huc"]
    np.testing.assert_array_equal(moved.forcing, panel.forcing[[1, 3]])


def test_renamed_variables_keep_values_units_and_groups(panel):
    renamed = panel.rename_variables({"prcp": "P", "clay": "prcp"})
    assert renamed.forcing_names == ["P", "pet"]
    assert renamed.attribute_names == ["prcp", "area"]
    np.testing.assert_array_equal(renamed.variable("P"), panel.variable("prcp"))
    np.testing.assert_array_equal(renamed.variable("prcp"), panel.variable("clay"))
    assert renamed.units == {"P": "mm/d", "pet": "mm/d", "area": "km2", "lat": "deg"}
    assert renamed.groups == {"soil": ["prcp"], "topography": ["area"]}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"rain": "prcp"}, "`names` must be one of .*'prcp'.*Got 'rain'"),
        ({"prcp": "pet"}, "'pet'"),
        ({"clay": "pet"}, "'pet'"),
    ],
)
def test_renaming_needs_known_and_distinct_names(panel, names, message):
    with pytest.raises(ValueError, match=message):
        panel.rename_variables(names)


def test_assign_finds_the_sites_by_identifier(panel, same_panel):
    same_panel(panel.assign(attributes=panel.attributes[::-1], sites=panel.sites[::-1]), panel)
    same_panel(panel[[2, 0]].assign(attributes=panel.attributes), panel[[2, 0]])
    with pytest.raises(ValueError, match=r"`attributes` has no row for 1 of the 4 sites.*01013500"):
        panel.assign(attributes=panel.attributes[1:])
    numbers = panel.sites.set_axis(panel.site_ids.astype(int), axis=0)
    with pytest.raises(ValueError, match=r"'01013500' and '1013500' differ.*zfill"):
        panel.assign(sites=numbers)


def test_forcing_as_a_dict(parts):
    with pytest.raises(TypeError, match=r"got a dict. Use `np.stack"):
        Panel(parts["attributes"], {"prcp": np.ones((4, 6))}, time=parts["time"])


def test_variable_by_name(panel):
    np.testing.assert_array_equal(panel.variable("pet"), panel.forcing[:, :, 1])
    np.testing.assert_array_equal(panel.variable("area"), [10, 20, 30, 40])
    with pytest.raises(ValueError, match=r"must be one of \['prcp', 'pet', 'clay', 'area'\]"):
        panel.variable("snow")


def test_label_puts_names_on_predictions(panel):
    daily = panel.label(np.zeros((4, 6)))
    assert daily.index.equals(panel.site_ids)
    assert daily.columns.equals(panel.time)
    assert panel.label(np.zeros(4), "clay").name == "clay"


def test_present_where_any_forcing_is(parts):
    parts["forcing"][0, 2] = np.nan
    parts["forcing"][1, 3, 0] = np.nan
    expected = np.ones((4, 6), dtype=bool)
    expected[0, 2] = False
    np.testing.assert_array_equal(Panel(**parts).present(), expected)
    np.testing.assert_array_equal(Panel(**parts)[[1, 0]].present(), expected[[1, 0]])


# ---------------------------------------------------------------------- not an array
@pytest.mark.parametrize("estimator", [StandardScaler(), RandomForestRegressor()])
def test_tabular_estimators_say_what_to_do(panel, estimator):
    with pytest.raises(
        TypeError, match=r"not a 2-D array.*panel.attributes.*RowRegressor.*to_long"
    ):
        estimator.fit(panel, np.zeros(4))


def test_a_panel_is_not_iterated(panel):
    with pytest.raises(TypeError, match="not iterable"):
        iter(panel)
    with pytest.raises(TypeError, match="is not a 2-D array"):
        np.asarray(panel)
