"""SpaceTimeSplit: what is new is never trained on, and what is tested is always the same."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, check_cv, cross_validate

from stefaland_sk.benchmark import Protocol
from stefaland_sk.data import Panel, align_target
from stefaland_sk.metrics import site_scorers
from stefaland_sk.model_selection import LeaveRegionOut, SiteKFold, SpaceTimeSplit

TEST = ("2001-03-01", "2001-03-20")
FIT = ("2001-01-01", "2001-02-20")
KINDS = ["both", "sites", "years"]


class Recorder(RegressorMixin, BaseEstimator):
    """Predict zeros, and remember which targets were seen in fit."""

    def fit(self, X, y):
        seen = np.isfinite(align_target(y, X))
        self.seen_ = [(X.site_ids[i], X.time[t]) for i, t in np.argwhere(seen)]
        return self

    def predict(self, X):
        return np.zeros((X.n_sites, X.n_times))


def cells(X, y, positions):
    """Pairs of site and day with an observed target."""
    y = align_target(y, X)
    return {(X.site_ids[i], X.time[t]) for i in positions for t in np.flatnonzero(~np.isnan(y[i]))}


def folds(cv, *args):
    return [(train.tolist(), test.tolist()) for train, test in cv.split(*args)]


# ---------------------------------------------------------------------- panels
@pytest.mark.parametrize("new", KINDS)
def test_what_is_new_is_never_trained_on(years, new):
    X, y = years
    cv = SpaceTimeSplit(LeaveRegionOut(), test_period=TEST, fit_period=FIT, new=new)
    X2, y2 = cv.separate_periods(X, y)
    for train, test in cv.split(X2, y2):
        learned, tested = cells(X2, y2, train), cells(X2, y2, test)
        assert learned
        assert not learned & tested
        assert all(pd.Timestamp(TEST[0]) <= day <= pd.Timestamp(TEST[1]) for _, day in tested)
        sites, days = ({cell[i] for cell in learned} for i in (0, 1))
        if new != "years":
            assert sites.isdisjoint({site for site, _ in tested})
        if new != "sites":
            assert days.isdisjoint({day for _, day in tested})


def test_the_same_days_are_tested_whatever_is_new(years):
    X, y = years
    tested = []
    for new in KINDS:
        cv = SpaceTimeSplit(LeaveRegionOut(), test_period=TEST, fit_period=FIT, new=new)
        X2, y2 = cv.separate_periods(X, y)
        tested.append(set().union(*(cells(X2, y2, test) for _, test in cv.split(X2, y2))))
    assert tested[0] == tested[1] == tested[2]
    assert len(tested[0]) == 6 * 20


def test_new_sites_train_on_the_days_of_both_periods_and_new_years_at_all_sites(years):
    X, y = years
    cv = SpaceTimeSplit(LeaveRegionOut(), test_period=TEST, fit_period=FIT, new="sites")
    X2, y2 = cv.separate_periods(X, y)
    train, _ = next(cv.split(X2, y2))
    assert y2.iloc[train[0]].notna().sum() == 51 + 20
    cv = SpaceTimeSplit(test_period=TEST, fit_period=FIT, new="years")
    X2, y2 = cv.separate_periods(X, y)
    [(train, test)] = cv.split(X2, y2)
    assert list(X2.site_ids[train]) == list(X2.site_ids[test]) == list("abcdef")


def test_any_estimator_and_scorer_keep_the_periods_in_cross_validate(years):
    X, y = years
    cv = SpaceTimeSplit(LeaveRegionOut(), test_period=TEST, fit_period=FIT, warmup=5)
    scoring = site_scorers("rmse", warmup=5, min_obs=1)
    result = cross_validate(
        Recorder(), *cv.separate_periods(X, y), cv=cv, scoring=scoring, return_estimator=True
    )
    inside = y.loc[:, TEST[0] : TEST[1]]
    expected = np.sqrt((inside**2).mean(axis=1)).groupby(X.sites["region"]).median()
    np.testing.assert_allclose(-result["test_neg_rmse"], expected, rtol=1e-5)
    for fitted in result["estimator"]:
        days = {day for _, day in fitted.seen_}
        assert max(days) <= pd.Timestamp(FIT[1])


def test_a_site_without_target_on_the_tested_days_is_not_tested(years):
    X, y = years
    cv = SpaceTimeSplit(LeaveRegionOut(), test_period=("2001-01-01", "2001-01-31"))
    X2, y2 = cv.separate_periods(X, y)
    train, test = list(cv.split(X2, y2))[2]
    assert list(X2.site_ids[test]) == ["f"]
    assert list(X2.site_ids[train]) == list("abcd")


def test_the_record_is_cut_to_what_is_used_and_its_warmup(years):
    X, y = years
    period = ("2001-02-01", "2001-02-10")
    cv = SpaceTimeSplit(
        new="years", test_period=period, fit_period=("2001-02-11", "2001-02-20"), warmup=7
    )
    X2, y2 = cv.separate_periods(X, y)
    assert X2.time[0] == pd.Timestamp("2001-01-25")
    assert X2.time[-1] == pd.Timestamp("2001-02-20")
    assert y2.columns.equals(X2.time)
    assert y2.loc[:, :"2001-01-31"].isna().all(axis=None)
    assert X2._store is X._store  # the forcing is shared, not copied


def test_targets_of_any_form_are_separated(years):
    X, y = years
    cv = SpaceTimeSplit(LeaveRegionOut(), test_period=TEST)
    _, expected = cv.separate_periods(X, y)
    dataarray = y.rename_axis(index="site", columns="time").stack(future_stack=True).to_xarray()
    for form in (y.to_numpy(), dataarray):
        pd.testing.assert_frame_equal(cv.separate_periods(X, form)[1], expected)


def test_the_gap_is_kept_free_on_both_sides(years):
    X, y = years
    cv = SpaceTimeSplit(test_period=TEST, new="years", gap=3)
    _, y2 = cv.separate_periods(X, y)
    learned = y2.columns[y2.iloc[0].notna()]
    assert learned[learned < TEST[0]].max() == pd.Timestamp("2001-02-25")
    assert learned[learned > TEST[1]].min() == pd.Timestamp("2001-03-24")


def test_the_order_of_sites_does_not_matter(years):
    X, y = years
    order = [3, 5, 0, 1, 4, 2]
    found = []
    for inputs in ((X, y), (X[order], y.iloc[order])):
        cv = SpaceTimeSplit(SiteKFold(3, random_state=0), test_period=TEST)
        X2, y2 = cv.separate_periods(*inputs)
        found.append([[set(X2.site_ids[part]) for part in fold] for fold in cv.split(X2, y2)])
    assert found[0] == found[1]


def test_splitters_of_scikit_learn_choose_the_sites_of_a_panel(years):
    X, y = years
    cv = SpaceTimeSplit(KFold(3), test_period=TEST)
    assert folds(cv, *cv.separate_periods(X, y))[0] == ([2, 3, 4, 5], [6, 7])


def test_groups_reach_the_inner_splitter(years):
    X, y = years
    cv = SpaceTimeSplit(LeaveRegionOut(), test_period=TEST)
    plain = Panel(None, X.forcing, time=X.time, forcing_names=["prcp"],
                  sites=pd.DataFrame(index=X.site_ids))  # fmt: skip
    groups = np.tile(X.sites["region"].to_numpy(), 2)
    with sklearn.config_context(enable_metadata_routing=True):
        result = cross_validate(
            Recorder(), *cv.separate_periods(plain, y), cv=cv, params={"groups": groups},
            scoring=site_scorers("rmse"),
        )  # fmt: skip
    assert len(result["test_neg_rmse"]) == 3


# ---------------------------------------------------------------------- long tables
@pytest.mark.parametrize("new", KINDS)
def test_rows_and_panels_train_and_test_on_the_same_days(years, new):
    X, y = years
    cv = SpaceTimeSplit(LeaveRegionOut(), test_period=TEST, fit_period=FIT, new=new)
    X2, y2 = cv.separate_periods(X, y)
    rows, target = X.to_long(y)
    same = cv.separate_periods(rows, target)
    assert same[0] is rows
    assert same[1] is target
    seen = target.notna().to_numpy()
    index = [(site, time) for site, time, _ in rows.index]
    for by_panel, by_rows in zip(cv.split(X2, y2), cv.split(rows, target), strict=True):
        for part, rows_of_part in zip(by_panel, by_rows, strict=True):
            assert cells(X2, y2, part) == {index[row] for row in rows_of_part if seen[row]}


def test_test_rows_get_their_history(years):
    X, y = years
    rows, target = X.to_long(y)
    cv = SpaceTimeSplit(LeaveRegionOut(), test_period=TEST, warmup=10)
    shuffled = np.random.default_rng(0).permutation(len(rows))
    for form in (rows, rows.iloc[shuffled]):
        train, test = next(cv.split(form, target.loc[form.index]))
        days = form.index.get_level_values("time")
        assert days[test].min() == pd.Timestamp("2001-02-19")
        assert days[test].max() == pd.Timestamp(TEST[1])
        assert cv.tested_rows(form)[test].sum() == 2 * 20
        assert not set(days[train]) & set(pd.date_range(*TEST))


def test_long_tables_serve_cross_validate_and_searches(years):
    rows, target = years[0].to_long(years[1])
    rows, target = rows[target.notna().to_numpy()], target.dropna()
    cv = SpaceTimeSplit(LeaveRegionOut(), test_period=TEST, fit_period=FIT)
    assert check_cv(cv) is cv
    assert len(cross_validate(Ridge(), rows, target, cv=cv)["test_score"]) == 3
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1e6]}, cv=cv).fit(rows, target)
    assert search.best_params_ == {"alpha": 0.1}


def test_a_splitter_of_rows_is_refused(years):
    rows, target = years[0].to_long(years[1])
    with pytest.raises(ValueError, match=r"deals the rows of 6 sites to both sides.*SiteKFold"):
        next(SpaceTimeSplit(KFold(2, shuffle=True), test_period=TEST).split(rows, target))


# ---------------------------------------------------------------------- errors
def test_a_panel_that_was_not_separated_is_refused(years):
    X, y = years
    cv = SpaceTimeSplit(LeaveRegionOut(), test_period=TEST)
    with pytest.raises(
        ValueError, match=r"separate_periods\(X, y\).*'\w' occurs 1 times.*Protocol"
    ):
        next(cv.split(X, y))
    with pytest.raises(ValueError, match="cannot part years"):
        Protocol(name="mine", cv=cv).folds(X, y)
    X2, y2 = cv.separate_periods(X, y)
    with pytest.raises(ValueError, match=r"'a' is in X twice.*once only"):
        cv.separate_periods(X2, y2)


def test_targets_that_show_other_days_are_refused(years):
    X, y = years
    cv = SpaceTimeSplit(LeaveRegionOut(), test_period=TEST)
    X2, _ = cv.separate_periods(X, y)
    with pytest.raises(ValueError, match=r"'a' is observed on 2001-03-01, .* no day trained on"):
        next(cv.split(X2, pd.concat([y, y])))
    _, other = SpaceTimeSplit(LeaveRegionOut(), test_period=("2001-03-05", None)).separate_periods(
        X, y
    )
    with pytest.raises(
        ValueError, match="Make X and y by `separate_periods` of this very splitter"
    ):
        next(cv.split(X2, other))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"fit_period": ("2001-01-01", "2001-03-02")}, r"share 2 steps, from 2001-03-01"),
        ({"fit_period": ("1999-01-01", "1999-03-02")}, r"`fit_period`=.* holds no step of X"),
        ({"test_period": "2001"}, r"`test_period` must be a pair of dates"),
        (
            {"test_period": (None, None)},
            r"leave no step of X to train on.*2001-01-01 to 2001-03-31",
        ),
    ],
)
def test_periods_are_checked(years, parameters, message):
    cv = SpaceTimeSplit(LeaveRegionOut(), **({"test_period": TEST} | parameters))
    with pytest.raises(ValueError, match=message):
        cv.separate_periods(*years)
    with pytest.raises(ValueError, match=message):
        next(cv.split(*years[0].to_long(years[1])))


def test_what_has_no_time_cannot_be_parted(years):
    table = pd.DataFrame({"area": [1.0, 2.0]}, index=["a", "b"])
    cv = SpaceTimeSplit(SiteKFold(2), test_period=TEST)
    with pytest.raises(TypeError, match="DataFrame, has none.*SiteKFold"):
        next(cv.split(table))
    with pytest.raises(TypeError, match="Panel without time axis, has none"):
        cv.separate_periods(Panel(table), None)


def test_a_fold_with_nothing_to_train_on_is_named(years):
    X, y = years
    rows, target = X.to_long(y)
    keep = (rows.index.get_level_values("time") >= TEST[0]) | (
        rows.index.get_level_values("site") == "a"
    )
    with pytest.raises(ValueError, match=r"Fold 'x' has nothing to train on"):
        next(
            SpaceTimeSplit(LeaveRegionOut(), test_period=(TEST[0], None)).split(
                rows[keep], target[keep]
            )
        )


@pytest.mark.parametrize(
    ("args", "parameters", "error", "message"),
    [
        ((), {}, ValueError, r"needs a splitter over sites.*new=\"years\""),
        ((LeaveRegionOut,), {}, TypeError, r"`cv` of SpaceTimeSplit must be a splitter"),
        ((5,), {}, TypeError, r"`cv` of SpaceTimeSplit must be a splitter.*Got 5"),
        ((LeaveRegionOut(),), {"new": "days"}, ValueError, "`new` must be one of"),
        ((LeaveRegionOut(),), {"warmup": -1}, ValueError, "`warmup` must lie in"),
        ((LeaveRegionOut(),), {"gap": 1.5}, TypeError, "`gap` must be a whole number"),
    ],
)
def test_parameters_are_checked(args, parameters, error, message):
    with pytest.raises(error, match=message):
        SpaceTimeSplit(*args, test_period=TEST, **parameters)


def test_lengths_are_compared(years):
    rows, target = years[0].to_long(years[1])
    with pytest.raises(ValueError, match=r"`y` has 3 entries, but X has 540 rows"):
        next(SpaceTimeSplit(LeaveRegionOut(), test_period=TEST).split(rows, target[:3]))


# ---------------------------------------------------------------------- as an object
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda cv: pickle.loads(pickle.dumps(cv))])
def test_copies_split_alike(years, duplicate):
    cv = SpaceTimeSplit(LeaveRegionOut(), test_period=TEST, gap=2)
    parts = cv.separate_periods(*years)
    assert folds(duplicate(cv), *parts) == folds(cv, *parts)
    assert cv.get_n_splits(*parts) == 3
    assert SpaceTimeSplit(SiteKFold(4), test_period=TEST).get_n_splits() == 4
    assert SpaceTimeSplit(test_period=TEST, new="years").get_n_splits() == 1


def test_repr_shows_what_was_chosen():
    assert repr(SpaceTimeSplit(LeaveRegionOut(), test_period=TEST, gap=2)) == (
        f"SpaceTimeSplit(cv=LeaveRegionOut(), test_period={TEST!r}, gap=2)"
    )
