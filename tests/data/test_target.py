"""Targets aligned with panels, and the periods they are cut to."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stefaland_sk.data import Panel, align_site_target, align_target, keep_period, period_mask


@pytest.fixture
def y(panel):
    """A target with its labels."""
    values = np.arange(24.0).reshape(4, 6)
    values[1, 2] = np.nan
    return panel.label(values)


def as_dataarray(y):
    return xr.DataArray(y.to_numpy(), coords=[("site", list(y.index)), ("time", y.columns)])


@pytest.mark.parametrize(
    "form",
    [
        lambda y: y,
        lambda y: y.to_numpy(),
        lambda y: y.to_numpy().tolist(),
        lambda y: y.astype("float32"),
        lambda y: y.set_axis(list(map(str, y.columns)), axis=1),
        lambda y: y.set_axis(range(6), axis=1),
        lambda y: y.set_axis(y.columns.as_unit("s"), axis=1),
        as_dataarray,
        lambda y: as_dataarray(y).transpose("time", "site"),
        lambda y: xr.DataArray(y.to_numpy().T, dims=["time", "site"]),
    ],
)
def test_every_form_gives_the_same(panel, y, form):
    values = align_target(form(y), panel)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, y.to_numpy())


def test_dates_as_text_are_never_read_with_day_and_month_swapped():
    """Each of these texts is a date in either order, and a record of ten days has no other."""
    time = pd.date_range("2000-10-01", periods=10)
    panel = Panel(forcing=np.ones((1, 10, 1)), time=time)
    y = pd.DataFrame([range(10)], index=panel.site_ids, columns=time, dtype=float)
    for text in ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d"):
        np.testing.assert_array_equal(align_target(y.rename(columns=text_of(text)), panel), y)
    for text in ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y"):
        with pytest.raises(ValueError, match="day and month are not guessed"):
            align_target(y.rename(columns=text_of(text)), panel)
        with pytest.raises(ValueError, match="day and month are not guessed"):
            Panel(forcing=panel.forcing, time=time.strftime(text))
    for ends in (("01/10/2000", None), (None, "05.10.2000")):
        with pytest.raises(ValueError, match="in the order day, month or month, day"):
            panel.sel_time(*ends)
        with pytest.raises(ValueError, match="pair of dates such as"):
            period_mask(time, ends, "fit_period")


def text_of(form):
    return lambda day: day.strftime(form)


def test_labelled_times_are_taken_by_label(panel, y):
    longer = y.reindex(columns=pd.date_range("2000-09-20", periods=30), fill_value=-1.0)
    np.testing.assert_array_equal(align_target(longer, panel), y.to_numpy())
    shorter = align_target(y.iloc[:, 2:4], panel)
    np.testing.assert_array_equal(np.isnan(shorter).all(axis=0), [1, 1, 0, 0, 1, 1])
    part = panel[[1]].sel_time("2000-10-04")
    np.testing.assert_array_equal(align_target(y.iloc[[1]], part), y.iloc[[1], 3:])


def test_integer_labels_name_the_sites_of_a_panel_of_numbers(panel, y):
    numbered = Panel(forcing=panel.forcing, time=panel.time)
    plain = y.set_axis(range(4), axis=0)
    rows = [2, 0]
    np.testing.assert_array_equal(align_target(plain.iloc[rows], numbered[rows]), y.iloc[rows])


def test_the_callers_target_is_not_changed(panel, y):
    before = y.copy(deep=True)
    keep_period(align_target(y, panel), panel.time, ("2000-10-02", None))[:] = 0
    pd.testing.assert_frame_equal(y, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: None, "needs the target `runoff`; got None"),
        (lambda y: y.to_numpy()[:3], r"\(n_sites, n_times\) = \(4, 6\); got \(3, 6\)"),
        (lambda y: y.to_numpy()[0], r"got \(6,\)"),
        (lambda y: y[::-1], r"sites of X in another order. Use `runoff.loc\[X.site_ids\]`"),
        (lambda y: pd.concat([y, y[:1].rename({"01013500": "b"})]), r"Use `runoff.loc\[X.site_ids"),
        (lambda y: y[1:], r"different sites: 1 of X are not .*\['01013500'\]"),
        (
            lambda y: y.rename(index={"01013500": "1013500"}),
            r"1 of X are not in `runoff`.*'01013500'.*1 of `runoff` are not in X.*'1013500'",
        ),
        (lambda y: y.T.unstack(), r"is a long table, but X is a Panel.*unstack\('time'\)"),
        (lambda y: y.set_axis(list("abcdef"), axis=1), "`runoff` must hold dates .*; got 'a'"),
        (
            lambda y: y.rename(columns="{:%d/%m/%Y}".format),
            "year first, such as '2000-10-31'; got '01/10/2000'.*dayfirst=True",
        ),
        (
            lambda y: y.rename(columns=lambda day: day + pd.Timedelta("9h")),
            r"covers 2000-10-01 09:00 to .*, X 2000-10-01 00:00 to .*columns.normalize\(\)",
        ),
        (lambda y: y.tz_localize("UTC", axis=1), r"have a zone \(UTC\).*tz_localize\(None, axis=1"),
        (
            lambda y: pd.concat([y, y.iloc[:, 2:3]], axis=1),
            "has the time 2000-10-03 more than once.*duplicated",
        ),
        (lambda y: y.T, r"rows of `runoff` are times.*Use `runoff.T`"),
        (
            lambda y: y.rename(index=lambda site: site.lstrip("0")),
            r"'01013500' and '1013500' differ.*zfill\(8\)",
        ),
        (
            lambda y: y.set_axis(pd.date_range("1990", periods=6), axis=1),
            "share no time: `runoff` covers 1990-01-01 to 1990-01-06, X 2000-10-01 to 2000-10-06",
        ),
        (
            lambda y: y.where(y != 13, -np.inf),
            "infinite at site '02011400' on 2000-10-02. Use NaN",
        ),
        (
            lambda y: xr.DataArray(y.to_numpy(), dims=["gauge", "day"]),
            r"dimensions \(site, time\); got \('gauge', 'day'\)",
        ),
    ],
)
def test_targets_that_do_not_fit(panel, y, change, message):
    y.columns.name = "time"
    target = change(y)
    with pytest.raises(ValueError, match=message):
        align_target(target, panel, "runoff")


# ---------------------------------------------------------------------- one value per site
@pytest.mark.parametrize(
    "form",
    [
        lambda v, ids: v,
        lambda v, ids: v[:, None],
        lambda v, ids: pd.Series(v),
        lambda v, ids: pd.Series(v, index=ids),
        lambda v, ids: xr.DataArray(v, coords=[("site", list(ids))]),
        lambda v, ids: xr.DataArray(v, dims=["site"]),
    ],
)
def test_one_value_per_site(panel, form):
    table, values = Panel(panel.attributes), np.array([1.0, np.nan, 3.0, 4.0])
    aligned = align_target(form(values, panel.site_ids), table)
    assert aligned.dtype == np.float64
    np.testing.assert_array_equal(aligned, values)


def test_a_fold_of_a_plain_series_fits_a_fold_of_a_plain_array():
    """Both lose their numbers on the way: rows of an array are counted anew in each fold."""
    rows, X, y = [3, 1], np.arange(8.0).reshape(4, 2), pd.Series([1.0, 2.0, 3.0, 4.0])
    assert align_target(y.take(rows), Panel.from_table(X[rows])).tolist() == [4.0, 2.0]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.ones(3), r"one value for each of the 4 sites; got an array of shape \(3,\)"),
        (np.ones((4, 2)), r"got an array of shape \(4, 2\)"),
        ([1.0, 2.0, np.inf, 4.0], "infinite at site '02011400'"),
        (pd.Series(np.ones(4), index=list("abcd")), "different sites"),
    ],
)
def test_one_value_per_site_that_does_not_fit(panel, y, message):
    with pytest.raises(ValueError, match=message):
        align_target(y, Panel(panel.attributes))


# ---------------------------------------------------------------------- periods
@pytest.mark.parametrize(
    ("period", "inside"),
    [
        (("2000-10-02", "2000-10-04"), [0, 1, 1, 1, 0, 0]),
        ((None, "2000-10-02"), [1, 1, 0, 0, 0, 0]),
        (("2000-10-05", None), [0, 0, 0, 0, 1, 1]),
        ([pd.Timestamp("2000-10-06"), "2020"], [0, 0, 0, 0, 0, 1]),
    ],
)
def test_periods_include_both_ends(panel, period, inside):
    assert period_mask(panel.time, period, "period").astype(int).tolist() == inside
    kept = keep_period(np.ones((4, 6), dtype=np.float32), panel.time, period)
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(np.isfinite(kept), np.array([inside] * 4, dtype=bool))


def test_no_period_keeps_all(panel):
    y = np.ones((4, 6))
    assert keep_period(y, panel.time, None) is y


@pytest.mark.parametrize("period", ["2000", ("2000-10-02",), 3, ("x", "y"), (1999, 2000)])
def test_periods_that_are_none(panel, period):
    with pytest.raises(ValueError, match="`fit_period` must be a pair of dates such as"):
        keep_period(np.ones((4, 6)), panel.time, period)


@pytest.mark.parametrize("period", [("1990", "1991")])
def test_periods_without_a_step(panel, period):
    with pytest.raises(ValueError, match="holds no step of X.*2000-10-01 to 2000-10-06"):
        keep_period(np.ones((4, 6)), panel.time, period)


def test_a_period_the_wrong_way_round_is_told(panel):
    with pytest.raises(ValueError, match=r"`fit_period`=.* ends before it begins"):
        period_mask(panel.time, ("2000-01-05", "2000-01-02"), "fit_period")


def test_periods_without_times():
    with pytest.raises(ValueError, match="`fit_period` was given, but X has no time axis"):
        keep_period(np.ones(4), None, ("2000", "2001"))


# ---------------------------------------------------------------------- targets of sites
@pytest.mark.parametrize(
    "form",
    [
        lambda y: y,
        lambda y: y.to_numpy(),
        lambda y: y.set_axis(range(4)),
        lambda y: xr.DataArray(y.to_numpy(), coords=[("site", list(y.index))]),
        lambda y: xr.DataArray(y.to_numpy(), dims=["site"]),
    ],
)
def test_every_form_of_a_target_of_sites_gives_the_same(panel, form):
    y = pd.Series([1.0, np.nan, 3.0, 4.0], index=panel.site_ids)
    np.testing.assert_array_equal(align_site_target(form(y), panel), y.to_numpy())


def test_a_target_of_sites_keeps_its_type_and_columns(panel):
    classes = pd.Series(["slide", "none", "none", "flow"], index=panel.site_ids)
    assert align_site_target(classes, panel).tolist() == ["slide", "none", "none", "flow"]
    several = pd.DataFrame(np.ones((4, 3)), index=panel.site_ids)
    assert align_site_target(several, panel).shape == (4, 3)


def test_a_target_of_other_sites_is_refused(panel):
    y = pd.Series(np.ones(4), index=panel.site_ids)
    with pytest.raises(ValueError, match="in another order"):
        align_site_target(y.iloc[::-1], panel)


def test_a_series_of_days_is_no_target_of_sites(panel, y):
    with pytest.raises(ValueError, match=r"one value.*4 sites; it has one column per day \(6\)"):
        align_site_target(y, panel)
    with pytest.raises(ValueError, match=r"it has the shape \(3,\)"):
        align_site_target(np.ones(3), panel)
