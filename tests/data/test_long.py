"""Long tables to panels and back."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.data import Panel, is_long, read_long, site_of_samples


@pytest.fixture
def frame(panel):
    """The panel as a long table."""
    return panel.to_long()


def test_the_round_trip_is_exact(panel, frame, same_panel):
    back = Panel.from_long(frame, units=panel.units, groups=panel.groups)
    same_panel(back, panel.assign(sites=panel.sites[["region"]]))


def test_the_long_table_is_laid_out_as_promised(panel, frame):
    assert frame.index.names == ["site", "time", "region"]
    assert list(frame.columns) == ["prcp", "pet", "clay", "area"]
    assert len(frame) == 24
    at = frame.xs(("01022500", pd.Timestamp("2000-10-03")), level=("site", "time"))
    assert at["prcp"].item() == panel.forcing[1, 2, 0]
    assert at["area"].item() == 20.0
    assert "region" not in panel.assign(sites=panel.sites[["lat"]]).to_long().index.names


def test_the_target_goes_along(panel):
    y = panel.label(np.arange(24.0).reshape(4, 6))
    frame, target = panel[[2, 0]].to_long(y.iloc[[2, 0]])
    assert target.index.equals(frame.index)
    assert target.name == "target"
    np.testing.assert_array_equal(target, np.r_[12:18, 0:6])


def test_rows_in_any_order(panel, frame, same_panel):
    order = np.random.default_rng(0).permutation(len(frame))
    back = read_long(frame.iloc[order])
    same = Panel.from_long(frame).select(back.panel.site_ids)
    same_panel(back.panel, same)
    prcp = back.to_rows(back.panel.variable("prcp"))
    np.testing.assert_array_equal(prcp, frame["prcp"].iloc[order])
    np.testing.assert_array_equal(back.from_rows(prcp), same.variable("prcp"))


def test_sites_come_in_their_order_of_appearance(frame):
    late = frame.loc[["03050000", "01013500"]]
    assert list(Panel.from_long(late).site_ids) == ["03050000", "01013500"]


def test_absent_rows_are_missing(frame):
    table = read_long(frame.drop(index=frame.index[[2, 3, 20]]))
    absent = np.zeros((4, 6), dtype=bool)
    absent[0, 2:4] = absent[3, 2] = True
    np.testing.assert_array_equal(~table.panel.present(), absent)
    np.testing.assert_array_equal(np.isnan(table.from_rows(np.ones(21))), absent)
    again = table.panel.to_long()
    assert len(again) == 21


def test_a_step_absent_everywhere_is_still_on_the_axis(frame):
    days = frame.index.get_level_values("time")
    panel = Panel.from_long(frame[days != pd.Timestamp("2000-10-03")])
    assert panel.n_times == 6
    assert not panel.present()[:, 2].any()


def test_records_of_different_length_share_one_axis(frame):
    days = frame.index.get_level_values("time")
    sites = frame.index.get_level_values("site")
    keep = (sites == "01013500") | (days > pd.Timestamp("2000-10-04"))
    assert Panel.from_long(frame[keep]).present().sum(axis=1).tolist() == [6, 2, 2, 2]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("step", ["1D", "1h"])
def test_time_of_any_resolution(panel, unit, step):
    time = pd.date_range("2000-10-01", periods=6, freq=step).as_unit(unit)
    whole = Panel(forcing=panel.forcing, time=time, forcing_names=["prcp", "pet"])
    frame = whole.to_long()
    back = read_long(frame.iloc[[*range(3, 24), 0]])
    assert back.panel.time.equals(time)
    assert back.panel.step == pd.Timedelta(step)
    assert len(back.panel.to_long()) == 22


def test_a_single_day(frame):
    day = frame.xs(pd.Timestamp("2000-10-03"), level="time", drop_level=False)
    panel = Panel.from_long(day, forcings=["prcp", "pet"])
    assert panel.shape == (4, 1, 2)


def test_constant_columns_are_attributes_unless_said_otherwise(frame):
    assert Panel.from_long(frame).attribute_names == ["clay", "area"]
    assert Panel.from_long(frame.assign(pet=1.0)).attribute_names == ["pet", "clay", "area"]
    forced = Panel.from_long(frame.assign(pet=1.0), forcings=["prcp", "pet"])
    assert forced.forcing_names == ["prcp", "pet"]
    assert forced.attribute_names == ["clay", "area"]
    some = Panel.from_long(frame, attributes=["area"])
    assert some.forcing_names == ["prcp", "pet", "clay"]
    both = Panel.from_long(frame, forcings=["prcp"], attributes=["area"])
    assert (both.forcing_names, both.attribute_names) == (["prcp"], ["area"])


def test_an_attribute_missing_on_some_rows_is_still_constant(frame):
    frame["area"] = frame["area"].where(np.arange(24) % 6 > 2)
    assert Panel.from_long(frame).attributes["area"].tolist() == [10.0, 20.0, 30.0, 40.0]


def test_column_names_become_str(frame):
    panel = Panel.from_long(frame.set_axis([0, 1, 2, 3], axis=1))
    assert panel.forcing_names == ["0", "1"]
    assert {type(name) for name in panel.attribute_names} == {str}


def test_integer_identifiers_become_text(frame):
    flat = frame.reset_index()
    flat["site"] = flat["site"].astype(int)
    ids = Panel.from_long(flat.set_index(["site", "time", "region"])).site_ids
    assert list(ids) == ["1013500", "1022500", "2011400", "3050000"]


def test_categorical_identifiers_without_rows_are_no_sites(frame):
    flat = frame.reset_index()
    flat["site"] = flat["site"].astype(pd.CategoricalDtype(["x", *sorted(set(flat["site"]))]))
    panel = Panel.from_long(flat.set_index(["site", "time", "region"]))
    assert "x" not in panel.site_ids
    assert panel.n_sites == 4


def test_further_levels_go_to_the_site_table(frame):
    extra = frame.set_index(np.repeat([7, 8, 9, 9], 6), append=True)
    extra.index = extra.index.set_names("huc", level=-1)
    sites = Panel.from_long(extra).sites
    assert sites["huc"].tolist() == [7, 8, 9, 9]
    assert sites["region"].tolist() == ["a", "a", "b", "b"]


def test_a_site_without_region_survives_the_round_trip(panel):
    lost = panel.assign(sites=panel.sites.assign(region=["a", None, "b", "b"]))
    back = Panel.from_long(lost.to_long())
    assert back.sites["region"].isna().tolist() == [False, True, False, False]


def test_levels_known_at_no_site_or_some(frame):
    for huc, expected in (([np.nan] * 4, [1, 1, 1, 1]), ([7, np.nan, 7, 8], [0, 1, 0, 0])):
        extra = frame.set_index(np.repeat(huc, 6), append=True)
        extra.index = extra.index.set_names("huc", level=-1)
        assert Panel.from_long(extra).sites["huc"].isna().tolist() == list(map(bool, expected))


def test_booleans_and_nullable_numbers_are_numbers(frame):
    frame["wet"] = frame["prcp"] > 1
    frame["dams"] = pd.array(np.repeat([1, None, 3, 4], 6), dtype="Int64")
    panel = Panel.from_long(frame)
    assert panel.forcing_names == ["prcp", "pet", "wet"]
    np.testing.assert_array_equal(panel.variable("dams"), [1, np.nan, 3, 4])


def test_the_callers_table_is_not_changed(frame):
    before = frame.copy(deep=True)
    attributes = read_long(frame[::-1]).panel.attributes
    attributes.iloc[:] = 0
    _ = read_long(frame).panel.to_long()
    pd.testing.assert_frame_equal(frame, before)


def test_is_long(frame):
    assert is_long(frame)
    assert not is_long(frame["prcp"])
    assert not is_long(frame.droplevel("time"))
    assert not is_long(frame.to_numpy())


def test_a_long_table_with_another_index_is_not_taken_for_a_plain_table(frame):
    with pytest.raises(TypeError, match=r"set_index\(\['site', 'time', 'region'\]\)"):
        is_long(frame.reset_index())
    frame = frame.droplevel("region")
    half = frame.reset_index("time")
    with pytest.raises(TypeError, match=r"not both in its index.*\(\['time'\], append=True\)"):
        is_long(half)
    assert is_long(half.set_index(["time"], append=True))
    renamed = frame.rename_axis(index=["gauge", "date"])
    with pytest.raises(TypeError, match=r"called \['gauge', 'date'\]: .*index=\['site', 'time'\]"):
        site_of_samples(renamed)
    with pytest.raises(TypeError, match=r"called \[None, None\]: .*index=\['time', 'site'\]"):
        is_long(frame.swaplevel().rename_axis(index=[None, None]))


def test_a_plain_table_may_tell_a_time_of_each_site():
    slides = pd.DataFrame({"slope": [1.0, 2.0], "time": pd.date_range("2000", periods=2)})
    slides.index = pd.Index(["a", "b"], name="site")
    for table in (slides, slides.reset_index(), slides.set_index("time", append=True)):
        assert not is_long(table.rename_axis(index={"time": "date"}))


# ---------------------------------------------------------------------- errors
def test_index_levels_must_be_there(frame):
    with pytest.raises(TypeError, match=r"got DataFrame with the levels \['site'\].*set_index"):
        read_long(frame.droplevel(["time", "region"]))
    with pytest.raises(TypeError, match="got ndarray"):
        read_long(frame.to_numpy())


def test_no_rows(frame):
    with pytest.raises(ValueError, match="has no rows"):
        read_long(frame[:0])


def test_duplicate_rows(frame):
    twice = pd.concat([frame, frame.iloc[[7, 9]]])
    message = r"2 pairs of site and time.*'01022500' at 2000-10-02.*duplicated\(\)"
    with pytest.raises(ValueError, match=message):
        read_long(twice)


def test_identifiers_of_two_types(frame):
    flat = frame.reset_index()
    flat["site"] = flat["site"].astype(object).where(flat["site"] != "02011400", 2011400)
    with pytest.raises(TypeError, match="'site'` mixes site identifiers.*2011400 and '01013500'"):
        read_long(flat.set_index(["site", "time"]).drop(columns="region"))


def test_times_that_are_none(frame):
    flat = frame.reset_index()
    index = ["site", "time", "region"]
    with pytest.raises(TypeError, match=r"must hold time stamps; got dtype.*to_datetime"):
        read_long(flat.assign(time=flat["time"].astype(str)).set_index(index))
    with pytest.raises(ValueError, match="must have no zone.*tz_localize"):
        read_long(flat.assign(time=flat["time"].dt.tz_localize("UTC")).set_index(index))
    with pytest.raises(ValueError, match="level 'time' has missing values"):
        read_long(flat.assign(time=flat["time"].where(flat.index > 0)).set_index(index))
    with pytest.raises(ValueError, match="level 'site' has missing values"):
        read_long(flat.assign(site=flat["site"].where(flat.index > 0)).set_index(index))


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_irregular_times(panel, unit):
    time = pd.to_datetime(["2000-01-01", "2000-01-03", "2000-01-06"]).as_unit(unit)
    index = pd.MultiIndex.from_product([["a"], time], names=["site", "time"])
    message = "shortest step is 2 days 00:00:00, and 2000-01-06 00:00:00 does not fit.*Resample"
    with pytest.raises(ValueError, match=message):
        read_long(pd.DataFrame({"prcp": [1.0, 2.0, 3.0]}, index=index))


def test_columns_that_are_no_numbers(frame):
    spoilt = frame.assign(rock="granite", prcp=frame["prcp"].astype(str))
    with pytest.raises(TypeError, match=r"not numeric: \['prcp', 'rock'\].*`pd.to_numeric`"):
        read_long(spoilt)
    with_rock = frame.assign(rock="granite")
    assert read_long(with_rock, forcings=["prcp"], attributes=["clay"]).panel.shape[2] == 1
    in_index = Panel.from_long(with_rock.set_index(["rock"], append=True))
    assert in_index.sites["rock"].eq("granite").all()


def test_columns_that_repeat(frame):
    with pytest.raises(ValueError, match=r"Each variable stands once .*\['prcp'\]"):
        read_long(frame.set_axis(["prcp", "prcp", "clay", "area"], axis=1))


def test_columns_that_are_not_there(frame):
    with pytest.raises(ValueError, match=r"`forcings` names the unknown columns \['snow'\]"):
        read_long(frame, forcings=["prcp", "snow"])
    with pytest.raises(ValueError, match=r"`attributes` names the unknown columns \['snow'\]"):
        read_long(frame, attributes=["snow"])
    with pytest.raises(ValueError, match=r"in `forcings` and in `attributes`: \['prcp'\]"):
        read_long(frame, forcings=["prcp"], attributes=["prcp"])


def test_attributes_that_vary(frame):
    with pytest.raises(ValueError, match="attribute 'prcp' varies in time at site '01013500'"):
        read_long(frame, attributes=["prcp", "clay"])


def test_levels_that_vary(frame):
    index = frame.index.to_frame(index=False)
    index.loc[8, "region"] = "z"
    frame.index = pd.MultiIndex.from_frame(index)
    with pytest.raises(ValueError, match="'region' must be constant at each site.*'01022500'"):
        read_long(frame)


def test_a_panel_without_time_has_no_long_form(panel):
    with pytest.raises(ValueError, match=r"no time axis; take `panel.attributes`"):
        Panel(panel.attributes).to_long()
