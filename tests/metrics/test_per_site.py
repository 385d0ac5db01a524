"""Tables of scores per site, and medians over them."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stefaland_sk.metrics import METRICS, Metric, bootstrap_median, nse, site_scores

SITES = ["01013500", "01022500", "02064000"]


@pytest.fixture
def wide():
    """Three sites, 60 days from 2000-10-01."""
    rng = np.random.default_rng(0)
    time = pd.date_range("2000-10-01", periods=60, name="time")
    y_true = pd.DataFrame(rng.gamma(1.0, 2.0, (3, 60)), pd.Index(SITES, name="site"), time)
    y_pred = y_true + rng.normal(0, 0.5, y_true.shape)
    return y_true.mask(rng.random(y_true.shape) < 0.1), y_pred


def to_long(frame):
    """Turn a wide frame into rows in random order, unobserved days included."""
    index = pd.MultiIndex.from_product(frame.axes, names=["site", "time"])
    rows = pd.Series(frame.to_numpy().ravel(), index=index)
    return rows.iloc[np.random.default_rng(2).permutation(len(rows))]


def test_columns_hold_the_metrics_and_the_count(wide):
    table = site_scores(*wide, metrics=list(METRICS))
    assert table.columns.tolist() == [*METRICS, "n_obs"]
    assert table.index.tolist() == SITES
    assert table.index.name == "site"
    for name, metric in METRICS.items():
        np.testing.assert_allclose(table[name], metric(*wide), rtol=1e-12)
    assert table["n_obs"].tolist() == wide[0].notna().sum(axis=1).tolist()


@pytest.mark.parametrize("rule", [{}, {"warmup": 20, "period": ("2000-10-15", "2000-11-15")}])
def test_every_form_gives_the_same_table(wide, rule):
    y_true, y_pred = wide
    expected = site_scores(y_true, y_pred, **rule)
    rows_true, rows_pred = to_long(y_true), to_long(y_pred)
    sites, times = (rows_true.index.get_level_values(name) for name in ("site", "time"))
    forms = [
        site_scores(
            y_true.to_numpy(), y_pred.to_numpy(), times=y_true.columns, sites=SITES, **rule
        ),
        site_scores(*(xr.DataArray(frame).transpose("time", "site") for frame in wide), **rule),
        site_scores(y_true, y_pred.iloc[::-1], **rule),
        site_scores(rows_true, rows_pred, **rule),
        site_scores(rows_true, rows_pred.to_numpy(), **rule),
        site_scores(rows_true, rows_pred.sort_index(), **rule),  # matched by labels
        site_scores(rows_true.to_frame(), rows_pred.to_numpy()[:, None], **rule),
        site_scores(rows_true.to_numpy(), rows_pred.to_numpy(), sites=sites, times=times, **rule),
    ]
    for table in forms:
        pd.testing.assert_frame_equal(table.loc[SITES], expected, check_index_type=False)


def test_one_series_is_one_site(wide):
    table = site_scores(wide[0].iloc[0], wide[1].iloc[0], period=("2000-11", None))
    assert table["n_obs"].tolist() == [int(wide[0].iloc[0].loc["2000-11":].notna().sum())]
    named = site_scores(wide[0].iloc[0], wide[1].iloc[0], sites="01013500")
    assert named.index.tolist() == ["01013500"]


def test_warmup_leaves_out_the_first_steps(wide):
    y_true, y_pred = wide
    expected = site_scores(y_true.iloc[:, 15:], y_pred.iloc[:, 15:])
    pd.testing.assert_frame_equal(site_scores(y_true, y_pred, warmup=15), expected)


def test_warmup_counts_from_the_record_not_from_the_period(wide):
    table = site_scores(*wide, warmup=15, period=("2000-10-31", None))
    assert table["n_obs"].tolist() == wide[0].iloc[:, 30:].notna().sum(axis=1).tolist()


@pytest.mark.parametrize("long", [False, True])
def test_warmup_starts_anew_after_a_gap_in_time(long):
    time = pd.date_range("2000-10-01", periods=40)
    time = time[[*range(20), *range(25, 40)]]
    y = pd.DataFrame(np.arange(70.0).reshape(2, 35), ["a", "b"], time)
    y = to_long(y) if long else y
    # Of runs of 20 and 15 days, the first 12 days go.
    assert site_scores(y, y, warmup=12)["n_obs"].tolist() == [8 + 3, 8 + 3]


def test_the_unobserved_days_of_a_record_count_as_warmup(wide):
    y_true, y_pred = wide
    y_true = y_true.copy()
    y_true.iloc[:, :20] = np.nan
    assert (site_scores(y_true, y_pred, warmup=20)["n_obs"] > 30).all()


def test_months_are_one_unbroken_run():
    time = pd.date_range("2000-01-01", periods=30, freq="MS")
    y = pd.Series(np.arange(30.0), index=time)
    assert site_scores(y, y, warmup=12)["n_obs"].tolist() == [18]
    assert site_scores(y.drop(time[20]), y.drop(time[20]), warmup=7)["n_obs"].tolist() == [13 + 2]


def test_periods_include_their_whole_last_day():
    time = pd.date_range("2000-01-01", periods=72, freq="h")
    y = pd.Series(np.arange(72.0), index=time)
    assert site_scores(y, y, period=("2000-01-02", "2000-01-02"))["n_obs"].tolist() == [24]


def test_long_records_may_differ_in_length():
    y = pd.concat(
        {
            "a": pd.Series(np.arange(40.0), pd.date_range("2000-10-01", periods=40)),
            "b": pd.Series(np.arange(15.0), pd.date_range("1990-10-01", periods=15)),
        },
        names=["site", "time"],
    )
    table = site_scores(y, y + 1, ["rmse"], warmup=5)
    assert table["n_obs"].tolist() == [35, 10]
    np.testing.assert_allclose(table["rmse"], 1.0)


def test_sites_with_few_observations_are_nan(wide):
    y_true, y_pred = wide
    y_true = y_true.copy()
    y_true.iloc[1, 9:] = np.nan
    table = site_scores(y_true, y_pred, ["nse"])
    assert table["nse"].isna().tolist() == [False, True, False]
    assert site_scores(y_true, y_pred, ["nse"], min_obs=2)["nse"].notna().all()


def test_a_metric_of_ones_own(wide):
    worst = Metric("worst", lambda o, p: np.nanmax(np.abs(o - p), axis=1), False, 0.0, "target")
    table = site_scores(*wide, [worst, "nse"])
    np.testing.assert_allclose(table["worst"], (wide[0] - wide[1]).abs().max(axis=1))


def test_predictions_outside_the_score_may_be_missing(wide):
    y_true, y_pred = wide
    y_pred = y_pred.copy()
    y_pred.iloc[:, :10] = np.nan
    assert site_scores(y_true, y_pred, warmup=10)["nse"].notna().all()


def test_no_site_scored_is_all_nan(wide):
    table = site_scores(*wide, period=("1990-01-01", "1990-12-31"))
    assert table["nse"].isna().all()
    assert table["n_obs"].tolist() == [0, 0, 0]


# ---------------------------------------------------------------------- messages
def test_missing_predictions_are_named_by_site_and_date(wide):
    y_true, y_pred = wide
    y_true, y_pred = y_true.fillna(1.0), y_pred.copy()
    y_pred.iloc[1, 30] = np.nan
    message = r"on 1 of 180 observed days, first at site '01022500' at 2000-10-31"
    with pytest.raises(ValueError, match=message):
        site_scores(y_true, y_pred)
    with pytest.raises(ValueError, match=message):
        site_scores(to_long(y_true), to_long(y_pred))
    with pytest.raises(ValueError, match=r"first at site 1, step 30"):
        site_scores(y_true.to_numpy(), y_pred.to_numpy())


def test_period_needs_dates(wide):
    arrays = [frame.to_numpy() for frame in wide]
    with pytest.raises(ValueError, match=r"`period` needs dates, and these targets have none"):
        site_scores(*arrays, period=("2000-10-01", "2000-10-31"))


@pytest.mark.parametrize("period", ["2000", ("2000",), ("soon", "later"), (1, 2), 5])
def test_period_must_be_a_pair_of_dates(wide, period):
    with pytest.raises(ValueError, match=r"`period` must be a pair of dates such as"):
        site_scores(*wide, period=period)


def test_numbers_are_checked(wide):
    with pytest.raises(ValueError, match=r"`warmup` must lie in \[0, inf\)"):
        site_scores(*wide, warmup=-1)
    with pytest.raises(TypeError, match=r"`warmup` must be a whole number"):
        site_scores(*wide, warmup=0.5)
    with pytest.raises(ValueError, match=r"`min_obs` must lie in \[1, inf\)"):
        site_scores(*wide, min_obs=0)


def test_metrics_are_checked(wide):
    with pytest.raises(ValueError, match=r"`metric` must be one of"):
        site_scores(*wide, ["nse", "r3"])
    with pytest.raises(ValueError, match=r"these repeat: \['rmse'\]"):
        site_scores(*wide, ["rmse", "neg_rmse"])
    with pytest.raises(ValueError, match=r"at least one metric; got none"):
        site_scores(*wide, [])
    assert site_scores(*wide, "nse").columns.tolist() == ["nse", "n_obs"]


def test_rows_must_be_unique(wide):
    y = to_long(wide[1])
    twice = pd.concat([y, y.iloc[:2]])
    site, time = min(y.index[:2])
    with pytest.raises(ValueError, match=rf"2 rows repeat .*site '{site}' at {time:%Y-%m-%d}"):
        site_scores(twice, twice.to_numpy())


def test_long_predictions_must_hold_every_row(wide):
    y = to_long(wide[1])
    with pytest.raises(ValueError, match=r"hold each row .* once; 3 are missing or double"):
        site_scores(y, y.iloc[3:])
    with pytest.raises(ValueError, match=r"index levels 'site' and 'time'; got \['a', 'b'\]"):
        site_scores(y, y.rename_axis(["a", "b"]))


def test_shapes_and_labels_must_fit(wide):
    y_true, y_pred = (frame.to_numpy() for frame in wide)
    with pytest.raises(ValueError, match=r"same shape; got \(3, 60\) and \(3, 59\)"):
        site_scores(y_true, y_pred[:, 1:])
    with pytest.raises(ValueError, match=r"`times` must have 60 entries; got 2"):
        site_scores(y_true, y_pred, times=["2000", "2001"])
    with pytest.raises(ValueError, match=r"`sites` must have 3 entries; got 2"):
        site_scores(y_true, y_pred, sites=["a", "b"])
    with pytest.raises(ValueError, match=r"got 3 dimensions"):
        site_scores(y_true[None], y_pred[None])
    with pytest.raises(ValueError, match=r"time labels must hold dates .*; got 'x'"):
        site_scores(y_true[:, :2], y_pred[:, :2], times=["x", "y"])
    with pytest.raises(ValueError, match=r"rise from one column to the next.*sort_index"):
        site_scores(wide[0].iloc[:, ::-1], wide[1].iloc[:, ::-1])
    with pytest.raises(ValueError, match=r"times in its rows"):
        site_scores(wide[0].T, wide[1].T)


# ---------------------------------------------------------------------- bootstrap
def test_the_interval_holds_the_median_and_narrows_with_more_sites():
    rng = np.random.default_rng(0)
    few, many = (bootstrap_median(rng.normal(0.7, 0.2, n)) for n in (20, 2000))
    for result in (few, many):
        assert result.low <= result.median <= result.high
    assert many.high - many.low < few.high - few.low


def test_the_interval_is_reproducible_and_leaves_the_global_state_alone():
    scores = np.random.default_rng(0).normal(size=50)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    assert bootstrap_median(scores) == bootstrap_median(scores, random_state=0)
    assert bootstrap_median(scores) != bootstrap_median(scores, random_state=1)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_coverage_is_near_the_confidence():
    rng = np.random.default_rng(5)
    intervals = [bootstrap_median(rng.normal(size=41), 200, random_state=i) for i in range(500)]
    covered = np.mean([low <= 0 <= high for _, low, high in intervals])
    assert 0.86 < covered < 0.94


def test_sites_without_score_are_left_out():
    assert bootstrap_median([0.5, np.nan, 0.5]) == (0.5, 0.5, 0.5)
    assert np.isnan(bootstrap_median([np.nan, np.nan])).all()


def test_a_table_has_one_interval_per_metric(wide):
    scores = site_scores(*wide)
    scores.loc[SITES[0], "kge"] = np.nan
    table = bootstrap_median(scores)
    assert table.index.tolist() == ["nse", "kge", "rmse"]
    assert table["n_sites"].tolist() == [3, 2, 3]
    np.testing.assert_allclose(table["median"], scores[["nse", "kge", "rmse"]].median())
    alone = bootstrap_median(scores[["nse"]])
    pd.testing.assert_frame_equal(alone, table.loc[["nse"]])


def test_bootstrap_checks_its_parameters():
    with pytest.raises(ValueError, match=r"`n_resamples` must lie in \[1, inf\)"):
        bootstrap_median([1.0], n_resamples=0)
    with pytest.raises(ValueError, match=r"`confidence` must lie in \(0, 1\]"):
        bootstrap_median([1.0], confidence=0)
    with pytest.raises(ValueError, match=r"`confidence` must be below 1"):
        bootstrap_median([1.0], confidence=1)
    with pytest.raises(ValueError, match=r"one value per site; got 2 dimensions"):
        bootstrap_median(np.ones((2, 2)))


def test_a_nan_safe_pair_of_real_looking_sites(wide):
    # The table and the bare function are one and the same computation.
    np.testing.assert_array_equal(site_scores(*wide)["nse"], nse(*wide))
