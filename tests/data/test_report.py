"""What `Panel.check` finds, and what it leaves alone."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stefaland_sk.data import Panel, PanelReport, discharge_from_runoff, runoff_from_discharge
from stefaland_sk.datasets import make_catchments

N_SITES, N_TIMES = 12, 400
TIME = pd.date_range("2000-10-01", periods=N_TIMES)
IDS = [f"{i:08d}" for i in range(N_SITES)]
NAMES = ["prcp", "tmin", "tmax", "vp"]


@pytest.fixture
def forcing():
    """Plausible weather, as an array that a test may spoil."""
    rng = np.random.default_rng(0)
    tmin = rng.normal(5, 6, (N_SITES, N_TIMES))
    planes = [
        rng.gamma(0.5, 6, tmin.shape),
        tmin,
        tmin + rng.uniform(2, 12, tmin.shape),
        rng.uniform(300, 1500, tmin.shape),
    ]
    return np.stack(planes, axis=2, dtype=np.float32)


def make_panel(forcing, attributes=None, names=NAMES, **kwargs):
    """Put spoilt parts into a panel."""
    table = pd.DataFrame(attributes or {"clay": np.linspace(0.1, 0.4, N_SITES)}, index=IDS)
    return Panel(table, forcing, time=TIME, forcing_names=names, **kwargs)


@pytest.fixture
def runoff(forcing):
    """A plausible target."""
    rng = np.random.default_rng(1)
    return (0.3 * forcing[:, :, 0] + rng.gamma(1, 1, forcing.shape[:2])).astype(np.float32)


def only(report, kind, variable=None):
    """Give the one finding of a kind."""
    found = report.frame().query("kind == @kind")
    if variable is not None:
        found = found[found["variable"] == variable]
    assert len(found) == 1, str(report)
    return found.iloc[0]


def kinds(report):
    """Give the kinds of the findings, without the one that is always there."""
    return set(report.frame()["kind"]) - {"size"}


# ---------------------------------------------------------------------- good data
def test_good_data_give_a_note_about_their_size(forcing, runoff):
    report = make_panel(forcing).check(runoff)
    assert isinstance(report, PanelReport)
    assert report.ok
    assert kinds(report) == set()
    assert only(report, "size")["n"] == N_SITES
    assert "12 sites, 1 attribute, 400 steps; the forcing takes 0.0768 MB" in str(report)
    assert "100 % of the pairs" in str(report)


def test_synthetic_catchments_are_good():
    X, y = make_catchments(n_sites=30, n_years=2, random_state=0)
    report = X.check(y)
    assert kinds(report) == set(), str(report)


def test_real_records_are_good(shared_data):
    with xr.open_dataset(shared_data / "demo" / "camels_us_demo.nc") as dataset:
        names = ["prcp", "srad", "tmax", "tmin", "vp", "dayl"]
        panel = Panel.from_xarray(dataset, site_dim="basin", forcings=names)
        report = panel.check(dataset["q_obs"].rename(basin="site"))
    assert report.ok, str(report)
    assert "unit" not in kinds(report)


def test_the_callers_data_are_not_changed(forcing, runoff):
    before = forcing.copy(), runoff.copy()
    make_panel(forcing).check(runoff)
    np.testing.assert_array_equal(forcing, before[0])
    np.testing.assert_array_equal(runoff, before[1])


@pytest.mark.parametrize(
    "panel",
    [
        Panel(pd.DataFrame({"clay": [0.1, 0.2]}, index=["a", "b"])),
        Panel(pd.DataFrame({"clay": [0.1, 0.2]}, index=["a", "b"]), time=TIME),
        Panel(forcing=np.ones((2, 1, 1)), time=TIME[:1], forcing_names=["prcp"]),
    ],
    ids=["table", "no forcing", "one day"],
)
def test_thin_panels_can_be_checked(panel):
    assert panel.check().ok


def test_an_empty_panel(forcing):
    report = make_panel(forcing)[[]].check()
    assert not report.ok
    assert only(report, "empty")["message"] == "The panel has no sites."


def test_subsets_are_checked_by_themselves(forcing):
    forcing[3, 7, 0] = np.inf
    panel = make_panel(forcing)
    assert panel[[0, 1]].check().ok
    assert panel.sel_time("2001").check().ok
    assert only(panel[[5, 3]].check(), "infinite")["site"] == "00000003"


def test_blocks_of_sites_give_what_one_block_gives(forcing, runoff, monkeypatch):
    forcing[2, 5:9] = np.nan
    forcing[7, 3, 1] = 70.0
    forcing[9] = forcing[1]
    whole = make_panel(forcing).check(runoff)
    monkeypatch.setattr("stefaland_sk.data._panel.sites_per_block", lambda *sizes: 2)
    pd.testing.assert_frame_equal(make_panel(forcing).check(runoff).frame(), whole.frame())
    expected = {"gap", "impossible value", "tmin > tmax", "duplicate site", "no overlap"}
    assert kinds(whole) == expected


# ---------------------------------------------------------------------- the report itself
def test_the_report_reads_as_text_worst_first(forcing, runoff):
    forcing[3, 7, 0] = np.inf
    forcing[4, 10:12] = np.nan
    report = make_panel(forcing).check(runoff)
    lines = str(report).splitlines()
    assert lines[0].startswith("Panel(12 sites, 400 times")
    assert lines[1] == "1 error, 0 warnings, 3 notes"
    assert lines[3:5] == ["Error:", f"  - {only(report, 'infinite')['message']}"]
    assert lines[6] == "Notes:"
    assert repr(report) == str(report)


def test_the_frame_has_one_row_per_finding(forcing):
    frame = make_panel(forcing).check().frame()
    assert list(frame.columns) == ["severity", "kind", "variable", "site", "n", "message"]
    assert set(frame["severity"]) <= {"error", "warning", "note"}
    report = PanelReport([], "nothing", None)
    assert report.frame().shape == (0, 6)
    assert report.ok


def test_long_lists_are_cut(forcing):
    forcing[:, 5, 0] = -1.0
    forcing[:, 6] = np.nan
    message = only(make_panel(forcing).check(), "gap")["message"]
    assert "at 12 sites ('00000000', '00000001', '00000002' and 9 more)" in message


def test_records_describe_each_site(forcing, runoff):
    forcing[1, :10] = np.nan
    forcing[1, 20:25] = np.nan
    forcing[1, 30] = np.nan
    forcing[2] = np.nan
    runoff[1, 15:] = np.nan
    records = make_panel(forcing).check(runoff).records
    at = records.loc["00000001"]
    assert (at["first"], at["last"]) == (TIME[10], TIME[-1])
    expected = {"n_steps": 384, "n_absent": 6, "n_gaps": 2, "longest_gap": 5}
    assert at[list(expected)].to_dict() == expected
    assert at[["n_target", "n_usable"]].tolist() == [15, 5]
    assert pd.isna(records.loc["00000002", "first"])
    assert records.loc["00000000", ["n_absent", "n_gaps", "longest_gap"]].tolist() == [0, 0, 0]


# ---------------------------------------------------------------------- records
def test_gaps(forcing):
    forcing[1, 20:25] = np.nan
    forcing[4, 30:32] = np.nan
    forcing[4, 50:60] = np.nan
    found = only(make_panel(forcing).check(), "gap")
    assert (found["severity"], found["site"], found["n"]) == ("note", "00000004", 17)
    assert "at '00000004': 12 steps in 2 runs, the longest of 10" in found["message"]


def test_short_records(forcing):
    forcing[5, :100] = np.nan
    forcing[5, 300:] = np.nan
    found = only(make_panel(forcing).check(), "short record")
    assert (found["severity"], found["site"]) == ("note", "00000005")
    assert "runs from 2001-01-09 to 2001-07-27" in found["message"]


def test_sites_without_forcing(forcing):
    forcing[5] = np.nan
    found = only(make_panel(forcing).check(), "empty site")
    assert (found["severity"], found["site"]) == ("warning", "00000005")
    assert "No forcing at all at 1 site ('00000005')" in found["message"]


def test_rows_dealt_at_random(forcing):
    forcing[5, np.random.default_rng(0).random(N_TIMES) < 0.25] = np.nan
    found = only(make_panel(forcing).check(), "dealt")
    assert (found["severity"], found["site"]) == ("warning", "00000005")
    assert "SiteKFold" in found["message"]


def test_missing_forcing(forcing):
    forcing[:, :, 1] = np.nan
    forcing[3, :, 2] = np.nan
    forcing[7, 10:30, 3] = np.nan
    report = make_panel(forcing).check()
    found = only(report, "missing", "tmin")
    assert (found["severity"], found["message"]) == (
        "warning",
        "tmin is missing everywhere. Leave it out.",
    )
    assert only(report, "missing", "tmax")["message"] == (
        "tmax is missing throughout at 1 site ('00000003')."
    )
    partly = only(report, "missing", "vp")
    assert (partly["severity"], partly["site"], partly["n"]) == ("note", "00000007", 20)
    assert "vp is missing at 0.42 % of the steps" in partly["message"]


def test_constant_forcing(forcing):
    forcing[3, :, 3] = 611.0
    forcing[:, :, 0] = 0.0
    report = make_panel(forcing).check()
    assert (
        "vp never changes at 1 site ('00000003'); it is 611 at"
        in (only(report, "constant", "vp")["message"])
    )
    assert "prcp is 0 at every site and step" in only(report, "constant", "prcp")["message"]


def test_infinite_forcing_names_site_and_date(forcing):
    forcing[3, 7, 2] = np.inf
    forcing[6, 1, 2] = -np.inf
    found = only(make_panel(forcing).check(), "infinite")
    assert (found["severity"], found["n"]) == ("error", 2)
    assert "tmax is infinite 2 times" in found["message"]
    assert "first at '00000003' on 2000-10-08" in found["message"]


def test_crossed_temperatures(forcing):
    forcing[3, 7, 1] = 45.0
    found = only(make_panel(forcing).check(), "tmin > tmax")
    assert (found["severity"], found["n"]) == ("warning", 1)
    assert "at '00000003' on 2000-10-08" in found["message"]
    swapped = only(make_panel(forcing[:, :, [0, 2, 1, 3]]).check(), "tmin > tmax")
    assert swapped["severity"] == "error"
    assert "seem to be swapped" in swapped["message"]


def test_sites_at_one_place(forcing):
    place = pd.DataFrame({"lat": np.arange(12.0), "lon": np.arange(12.0)}, index=IDS)
    place.loc[IDS[4]] = place.loc[IDS[9]]
    place.loc[IDS[:2]] = np.nan  # unknown places are not one place
    found = only(make_panel(forcing, sites=place).check(), "duplicate site")
    assert found["n"] == 2
    assert (
        "2 sites share their coordinates with another ('00000004', '00000009')"
        in (found["message"])
    )


def test_sites_with_equal_series(forcing, runoff):
    forcing[4] = forcing[9]
    runoff[2] = runoff[3]
    runoff[5:8] = np.nan  # without target is not with equal target
    found = make_panel(forcing).check(runoff).frame().query("kind == 'duplicate site'")
    assert found["message"].str.contains("exactly the forcing of another").tolist() == [1, 0]
    assert found["message"].str.contains("exactly the target of another").tolist() == [0, 1]
    assert found["site"].tolist() == ["00000004", "00000002"]


# ---------------------------------------------------------------------- values and units
@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        (
            0,
            -0.5,
            "1 value of prcp lies below 0 mm/d, for example -0.5 at '00000003' on 2000-10-08",
        ),
        (0, 2500, "above 2000 mm/d, for example 2500"),
        (2, 71.5, "above 65 degC, for example 71.5"),
        (3, 9000, "above 8000 Pa, for example 9000"),
    ],
)
def test_impossible_values_name_site_date_and_value(forcing, variable, value, words):
    forcing[3, 7, variable] = value
    report = make_panel(forcing).check()
    found = only(report, "impossible value")
    assert not report.ok
    assert (found["variable"], found["site"], found["n"]) == (NAMES[variable], "00000003", 1)
    assert words in found["message"]


@pytest.mark.parametrize("value", [-9999, -999, -99.9, -32768, 1e20, 9.96921e36])
def test_fill_values(forcing, value):
    forcing[3, 7:9, 0] = value
    forcing[5, 1, 0] = -2.0
    report = make_panel(forcing).check()
    found = only(report, "fill value")
    assert (found["severity"], found["variable"], found["n"]) == ("error", "prcp", 2)
    assert "at '00000003' on 2000-10-08. Turn them into NaN" in found["message"]
    assert only(report, "impossible value")["n"] == 1
    assert "unit" not in kinds(report)


def test_fill_values_of_unknown_variables(forcing):
    names = ["x0", "x1", "x2", "x3"]
    forcing[3, 7, 1] = -99.0  # may be a value
    forcing[3, 7, 2] = -9999.0
    report = make_panel(forcing, {"soil": [-9999.0, *range(11)]}, names=names).check()
    assert report.frame().query("kind == 'fill value'")["variable"].tolist() == ["x2", "soil"]


def test_limits_follow_the_declared_unit(forcing):
    forcing[:, :, [1, 2]] += 273.15
    units = {"tmin": "K", "tmax": "Kelvin", "vp": "hPa", "prcp": "mm day-1"}
    forcing[:, :, 3] /= 100
    report = make_panel(forcing, units=units).check()
    assert report.ok, str(report)
    assert (
        "declared in 'K'; the library's unit is 'degC': subtract 273.15"
        in (only(report, "unit", "tmin")["message"])
    )
    assert "multiply vp by 100." in only(report, "unit", "vp")["message"]
    assert set(report.frame().query("kind == 'unit'")["variable"]) == {"tmin", "tmax", "vp"}
    forcing[3, 7, 2] = 400.0
    found = only(make_panel(forcing, units=units).check(), "impossible value")
    assert "above 338.2 Kelvin, for example 400" in found["message"]


@pytest.mark.parametrize(
    ("variable", "scale", "shift", "unit", "looks", "severity"),
    [
        (1, 1, 273.15, None, "Kelvin ('K')", "error"),
        (1, 1, 273.15, "degC", "Kelvin ('K')", "error"),
        (3, 1e-3, 0, "Pa", "'kPa'", "warning"),
        (3, 1e-2, 0, None, "'hPa'", "warning"),
        (0, 1 / 86400, 0, "mm/d", "'kg/m2/s'", "warning"),
        (0, 1e-3, 0, None, "'m/d'", "warning"),
        (1, 1, 0, "K", "'degC'", "error"),
    ],
)
def test_magnitudes_of_another_unit(forcing, variable, scale, shift, unit, looks, severity):
    forcing[:, :, variable] = scale * forcing[:, :, variable] + shift
    name = NAMES[variable]
    report = make_panel(forcing, units={} if unit is None else {name: unit}).check()
    found = only(report, "unit", name)
    assert found["severity"] == severity
    assert f"look like {looks}" in found["message"]
    assert "impossible value" not in kinds(report)


def test_a_unit_of_something_else(forcing):
    found = only(make_panel(forcing, units={"prcp": "degC"}).check(), "unit")
    assert found["severity"] == "warning"
    assert "prcp is declared in 'degC', but precipitation is measured in 'mm/d'" in found["message"]


@pytest.mark.parametrize(
    ("name", "values", "unit", "severity", "words"),
    [
        ("frac_snow", np.linspace(0, 80, 12), None, "error", "look like percentages ('%')"),
        ("soil_porosity", np.linspace(30, 50, 12), "-", "error", "look like percentages"),
        ("sand_frac", np.linspace(0.1, 0.8, 12), "%", "warning", "look like fractions ('-')"),
        ("sand_frac", np.linspace(0.1, 0.8, 12), None, "note", "look like fractions ('-')"),
        ("area", np.linspace(1e6, 1e7, 12), "m2", "note", "multiply area by 1e-06"),
        ("elev_mean", np.linspace(1, 2, 12), "mm/d", "note", "mean elevation is measured in 'm'"),
    ],
)
def test_units_of_attributes(forcing, name, values, unit, severity, words):
    units = {} if unit is None else {name: unit}
    found = only(make_panel(forcing, {name: values}, units=units).check(), "unit")
    assert (found["severity"], found["variable"]) == (severity, name)
    assert words in found["message"]


def test_attributes_that_cannot_be(forcing):
    area = [-5.0, *range(1, 12)]
    found = only(make_panel(forcing, {"area": area}).check(), "impossible value")
    assert (found["severity"], found["site"]) == ("error", "00000000")
    assert "1 value of area lies below 0 km2, for example -5 at '00000000'." in found["message"]


def test_attributes_that_say_nothing(forcing):
    table = {"a": [1.0] * 12, "b": [np.nan] * 12, "c": [np.nan, *range(11)]}
    report = make_panel(forcing, table).check()
    assert "a is 1 at every site" in only(report, "constant")["message"]
    assert only(report, "missing", "b")["severity"] == "warning"
    assert only(report, "missing", "c")["message"] == (
        "The attribute c is missing at 1 site ('00000000')."
    )


# ---------------------------------------------------------------------- target and leaks
def test_a_target_that_does_not_fit_is_reported_not_raised(forcing, runoff):
    found = only(make_panel(forcing).check(runoff[:3]), "target")
    assert found["severity"] == "error"
    assert "The target does not fit: `y` must have the shape" in found["message"]
    runoff[4, 9] = np.inf
    found = only(make_panel(forcing).check(runoff), "target")
    assert "infinite at site '00000004' on 2000-10-10" in found["message"]


def test_no_target_at_all(forcing, runoff):
    found = only(make_panel(forcing).check(np.full_like(runoff, np.nan)), "target")
    assert found["severity"] == "error"
    assert "nothing to learn from" in found["message"]


def test_unlabelled_sites_and_records_that_never_meet(forcing, runoff):
    runoff[2] = np.nan
    forcing[5, :200] = np.nan
    runoff[5, 200:] = np.nan
    forcing[6, :10] = np.nan
    report = make_panel(forcing).check(runoff)
    found = only(report, "unlabelled")
    assert (found["severity"], found["site"], found["n"]) == ("note", "00000002", 1)
    apart = report.frame().query("kind == 'no overlap'")
    assert apart["severity"].tolist() == ["warning", "note"]
    assert apart["n"].tolist() == [1, 10]
    assert "never meet at 1 site ('00000005')" in apart["message"].iloc[0]


def test_targets_below_zero(forcing, runoff):
    runoff[3, 7] = -0.5
    panel = make_panel(forcing)
    found = only(panel.check(runoff), "negative target")
    assert found["severity"] == "warning"
    assert "for example -0.5 at '00000003' on 2000-10-08" in found["message"]
    named = xr.DataArray(runoff, dims=["site", "time"], name="q_obs")
    found = only(panel.check(named), "impossible value")
    assert (found["severity"], found["variable"]) == ("error", "q_obs")
    runoff[3, 7] = -999
    assert kinds(panel.check(runoff)) == {"fill value"}


def test_a_target_that_never_changes(forcing, runoff):
    runoff[3] = 0.0
    runoff[4] = 0.0
    found = only(make_panel(forcing).check(runoff), "constant")
    assert "never changes at 2 sites ('00000003', '00000004')" in found["message"]


def test_more_water_leaves_than_falls(forcing, runoff):
    found = only(make_panel(forcing).check(20 * runoff), "unit")
    assert found["severity"] == "warning"
    assert "use `runoff_from_discharge(y, area)`" in found["message"]
    named = xr.DataArray(20 * runoff, dims=["site", "time"], name="discharge")
    assert kinds(make_panel(forcing).check(named.assign_attrs(units="m3/s"))) == set()


@pytest.fixture
def basins():
    """Synthetic basins of all sizes, of which a test may spoil the flow."""
    X, y = make_catchments(n_sites=12, n_years=2, n_regions=3, random_state=0)
    area = np.geomspace(5, 2000, 12)
    return X.assign(sites=X.sites.assign(area=area)), y, pd.Series(area, X.site_ids)


def test_discharge_that_passes_for_runoff(basins):
    """Of basins of some 50 km2 the numbers are alike; their growth with the area is not."""
    X, y, area = basins
    assert X.check(y).ok
    small = X.assign(sites=X.sites.assign(area=area / 40))
    discharge = discharge_from_runoff(y, area / 40)
    assert kinds(small.check(discharge)) == set()  # it says what it is
    discharge.attrs.clear()
    found = only(small.check(discharge), "unit")
    assert found["message"].startswith("The target grows with the drainage area")
    back = runoff_from_discharge(discharge, small)
    assert (back.attrs["name"], back.attrs["units"]) == ("runoff", "mm/d")
    assert kinds(small.check(back)) == set()


def test_one_site_with_a_wrong_area(basins):
    X, y, _ = basins
    y = y.copy()
    y.iloc[3] *= 100
    found = only(X.check(y), "unit")
    assert (found["site"], found["n"]) == (X.site_ids[3], 1)
    assert "Is its drainage area right [km2]?" in found["message"]


@pytest.mark.parametrize("scale", [1 / 24, 1e-3, 1e-6], ids=["mm/h", "m/d", "area in m2"])
def test_hardly_any_water_leaves(basins, scale):
    X, y, _ = basins
    found = only(X.check(y * scale), "unit")
    assert found["message"].startswith("Hardly any water leaves")


@pytest.mark.parametrize("days", [-2, -1, 1])
def test_flow_that_rises_before_it_rains(basins, days):
    X, y, _ = basins
    report = X.check(y.shift(days, axis=1))
    if days > 0:  # is normal where days begin in the morning
        assert "shifted days" not in kinds(report)
    else:
        assert f"rises {-days} day" in only(report, "shifted days")["message"]


def test_a_calendar_without_leap_days(forcing):
    time = pd.date_range("2000-01-01", periods=N_TIMES)
    forcing[:, time == "2000-02-29"] = np.nan
    panel = Panel(None, forcing, time=time, forcing_names=NAMES)
    found = only(panel.check(), "gap")
    assert found["severity"] == "warning"
    assert "29 February is absent at 12 sites" in found["message"]


def test_places_that_are_no_degrees(forcing):
    sites = pd.DataFrame({"lat": -100.0, "lon": np.arange(12.0)}, index=IDS)
    found = only(make_panel(forcing, sites=sites).check(), "place")
    assert found["severity"] == "error"
    assert "lat=-100 and lon=0, which are no degrees" in found["message"]
    found = only(make_panel(forcing, {"lat": np.linspace(40, 50, 12)}).check(), "place")
    assert (found["severity"], found["variable"]) == ("note", "lat")


def test_means_of_months_on_days(forcing, runoff):
    runoff[:, np.arange(N_TIMES) % 30 != 0] = np.nan
    assert (
        "means over weeks or months are not"
        in only(make_panel(forcing).check(runoff), "sparse")["message"]
    )


def test_soil_moisture_in_percent(forcing):
    values = np.random.default_rng(0).uniform(5, 45, (N_SITES, N_TIMES))
    y = xr.DataArray(values, dims=["site", "time"], name="soil_moisture")
    found = only(make_panel(forcing).check(y), "unit")
    assert (found["severity"], found["variable"]) == ("error", "soil_moisture")
    assert "look like percentages" in found["message"]


def test_attributes_named_like_signatures(forcing):
    found = only(make_panel(forcing, {"baseflow_index": np.linspace(0, 1, 12)}).check(), "leak")
    assert found["severity"] == "warning"
    assert "['baseflow_index'] are named like signatures" in found["message"]


@pytest.mark.parametrize("sign", [1, -1])
def test_attributes_made_from_the_target(forcing, runoff, sign):
    scale = np.linspace(0.5, 2, N_SITES)[:, None]
    y = runoff * scale
    panel = make_panel(forcing, {"x": sign * 3 * y.mean(axis=1) + 1, "z": np.arange(12.0) % 5})
    found = only(panel.check(y), "leak")
    assert (found["severity"], found["variable"]) == ("error", "x")
    assert f"(r = {sign:.4f})" in found["message"]


def test_few_sites_are_not_accused(forcing, runoff):
    panel = make_panel(forcing, {"x": runoff.mean(axis=1)})[range(5)]
    assert "leak" not in kinds(panel.check(runoff[:5]))


def test_forcing_that_is_the_target(forcing, runoff):
    both = np.concatenate([forcing, 2 * runoff[:, :, None]], axis=2)
    panel = make_panel(both, names=[*NAMES, "streamflow"])
    assert only(panel.check(), "leak")["severity"] == "warning"
    found = panel.check(runoff).frame().query("kind == 'leak'")
    assert found["severity"].tolist() == ["error", "warning"]
    assert "The forcing streamflow is the target, or nearly so" in found["message"].iloc[0]
    scale = np.geomspace(1, 500, N_SITES)[:, None, None]  # discharge beside runoff
    both = np.concatenate([forcing, scale * runoff[:, :, None]], axis=2)
    report = make_panel(both, names=[*NAMES, "Abfluss"]).check(runoff)
    assert "The forcing Abfluss is the target" in only(report, "leak")["message"]


def test_one_value_per_site_is_a_target_too():
    rng = np.random.default_rng(0)
    clay = rng.random(12)
    panel = Panel.from_table(pd.DataFrame({"x": rng.random(12), "z": clay * 2}, index=IDS))
    report = panel.check(np.where(np.arange(12) == 3, np.nan, clay))
    assert only(report, "unlabelled")["site"] == IDS[3]
    assert only(report, "leak")["variable"] == "z"
    assert kinds(panel.check(rng.normal(size=12))) == set()


def test_findings_that_differ_by_the_variable_alone_share_a_line(forcing):
    names = ["dams", "a", "b", "c", "d", "e"]
    varied = {"clay": np.linspace(0.1, 0.4, N_SITES)}
    few = make_panel(forcing, varied | dict.fromkeys(names[:3], np.ones(N_SITES))).check()
    assert str(few).count("at every site") == 3
    many = make_panel(forcing, varied | dict.fromkeys(names, np.ones(N_SITES))).check()
    assert "The attribute dams is 1 at every site" in str(many)
    assert "So it is with a, b, c and 2 more, which frame() names." in str(many)
    assert str(many).count("at every site") == 1
    assert "0 errors, 0 warnings, 7 notes" in str(many)
    assert (many.frame()["kind"] == "constant").sum() == 6
