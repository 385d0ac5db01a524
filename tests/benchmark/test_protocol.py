"""Protocols are values, and their rules hold for any model."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, ShuffleSplit

from stefaland_sk.benchmark import (
    GROUPS,
    PROTOCOLS,
    DonorSplit,
    OtherYears,
    Protocol,
    choose_protocol,
    get_protocols,
)
from stefaland_sk.benchmark._models import models_of
from stefaland_sk.datasets import load_camels_us, make_catchments
from stefaland_sk.model_selection import LeaveRegionOut


def test_a_protocol_is_a_value(protocol):
    assert protocol == replace(protocol)
    assert protocol != replace(protocol, warmup=0)
    with pytest.raises(FrozenInstanceError):
        protocol.warmup = 0


def test_the_periods_of_camels_pur_are_those_of_the_literature():
    protocol = PROTOCOLS["camels-us-pur"]
    assert protocol.fit_period == ("1999-10-01", "2008-09-30")
    assert protocol.score_period == ("1989-10-01", "1999-09-30")
    # One year of forcing before the first scored day.
    first = pd.Timestamp(protocol.period[0]) + pd.Timedelta(days=protocol.warmup)
    assert first == pd.Timestamp(protocol.score_period[0])


def test_every_protocol_of_streamflow_can_tell_whether_a_table_is_possible():
    for protocol in PROTOCOLS.values():
        if protocol.task.startswith("streamflow"):
            assert {"nse", "pearson_r"} <= set(protocol.metrics)


def test_every_protocol_names_rows_that_can_be_made_and_where_it_comes_from():
    for protocol in PROTOCOLS.values():
        assert set(protocol.models) <= set(models_of(protocol.task))
        assert protocol.baseline in protocol.models or protocol.name.startswith("short")
        assert protocol.source
        assert protocol.data


def test_groups_hold_protocols():
    for name, members in GROUPS.items():
        assert [protocol.name for protocol in get_protocols(name)] == list(members)
    assert len(get_protocols("all")) == len(PROTOCOLS)
    assert get_protocols("camels-us-pub") == [PROTOCOLS["camels-us-pub"]]
    with pytest.raises(ValueError, match="`protocol` must be one of"):
        get_protocols("camels")


def test_a_site_may_be_trained_on_and_tested_in_other_years_only(catchments):
    X, y = catchments
    years = {"fit_period": ("2001-10-01", None), "score_period": (None, "2001-09-30")}
    (fold,) = Protocol(name="p", cv=OtherYears(), **years).folds(X, y)
    assert (len(fold.train), len(fold.test)) == (9, 8)
    overlapping = years | {"score_period": (None, "2001-10-01")}
    for periods in ({}, overlapping, {"fit_period": years["fit_period"]}):
        with pytest.raises(ValueError, match=r"trains on '\d+' and tests it in the same days"):
            Protocol(name="p", cv=OtherYears(), **periods).folds(X, y)


def test_each_target_is_predicted_from_the_sites_most_like_it(catchments):
    X, y = catchments
    folds = Protocol(name="p", cv=DonorSplit(3, n_targets=4)).folds(X, y)
    unlabelled = np.flatnonzero(y.isna().all(axis=1))
    assert len(folds) == 4
    for fold in folds:
        assert fold.label == X.site_ids[fold.test[0]]
        assert len(fold.train) == 3
        assert not set(fold.train) & {*fold.test, *unlabelled}
    everyone = Protocol(name="p", cv=DonorSplit(None)).folds(X, y)
    assert len(everyone) == 8
    assert {len(fold.train) for fold in everyone} == {7}
    drawn = Protocol(name="p", cv=DonorSplit(3, features="random")).folds(X, y)
    assert any(list(a.train) != list(b.train) for a, b in zip(folds, drawn, strict=False))
    with pytest.raises(ValueError, match="n_donors"):
        DonorSplit(0)


def test_fit_target_hides_the_other_days(catchments):
    X, y = catchments
    protocol = Protocol(name="p", cv=LeaveRegionOut(), fit_period=("2001-10-01", "2002-03-31"))
    hidden = protocol.fit_target(X, y)
    inside = (X.time >= "2001-10-01") & (X.time <= "2002-03-31")
    assert hidden.loc[:, ~inside].isna().all(axis=None)
    pd.testing.assert_frame_equal(hidden.loc[:, inside], y.loc[:, inside], check_names=False)


def test_take_keeps_sites_and_days_in_step(catchments):
    X, y = catchments
    marked = X.assign(sites=X.sites.assign(chosen=np.arange(9) % 2 == 0))
    protocol = Protocol(
        name="p", cv=LeaveRegionOut(), sites="chosen", period=("2001-01-01", "2001-12-31")
    )
    taken, target = protocol.take(marked, y.to_numpy())
    assert list(taken.site_ids) == list(X.site_ids[::2])
    assert (taken.n_times, target.shape) == (365, (5, 365))
    pd.testing.assert_frame_equal(target, y.loc[taken.site_ids, taken.time], check_names=False)


def test_folds_are_named_by_the_region_held_out(catchments):
    X, y = catchments
    protocol = Protocol(name="p", cv=LeaveRegionOut())
    for fold in protocol.folds(*protocol.take(X, y)):
        assert set(X.sites["region"].iloc[fold.test]) == {fold.label}
        assert fold.label not in set(X.sites["region"].iloc[fold.train])


def test_unlabelled_sites_train_but_are_not_tested(catchments):
    X, y = catchments
    unlabelled = np.flatnonzero(y.isna().all(axis=1))
    folds = Protocol(name="p", cv=LeaveRegionOut()).folds(X, y)
    assert len(unlabelled) == 1
    assert sum(unlabelled[0] in fold.train for fold in folds) == 2
    assert not any(unlabelled[0] in fold.test for fold in folds)


def test_any_splitter_may_be_used(catchments):
    X, y = catchments
    folds = Protocol(name="p", cv=KFold(3)).folds(X, y)
    assert [fold.label for fold in folds] == ["0", "1", "2"]


def test_the_protocol_follows_the_length_of_the_record():
    short, _ = make_catchments(n_sites=2, n_years=2, n_regions=2, random_state=0)
    long, _ = make_catchments(
        n_sites=2, n_years=20, n_regions=2, start="1988-10-01", random_state=0
    )
    assert choose_protocol(short).name == "short-pur"
    assert choose_protocol(long) == replace(PROTOCOLS["camels-us-pur"], sites=None)


def test_the_long_protocol_takes_the_usual_sites(shared_data):
    X, y = load_camels_us(shared_data / "camels_us")
    protocol = choose_protocol(X)
    X, y = protocol.take(X, y)
    assert len(X) == 358
    assert [fold.label for fold in protocol.folds(X, y)] == ["1", "2", "4", "5", "7"]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"metrics": ["nsee"]}, ValueError, "`metric` must be one of"),
        ({"metrics": [np.mean]}, TypeError, "`metrics` of a Protocol holds names"),
        ({"seeds": (1, 1)}, ValueError, "`seeds` must hold distinct numbers"),
        ({"seeds": ()}, ValueError, "`seeds` must hold distinct numbers"),
        ({"seeds": (-1,)}, ValueError, "`seeds` must lie in"),
        ({"fit_period": "1999"}, ValueError, "`fit_period` must be a pair of dates"),
        ({"period": ("2001-01-01", "2000-01-01")}, ValueError, "ends before it begins"),
        ({"warmup": -1}, ValueError, "`warmup` must lie in"),
        ({"min_obs": 0}, ValueError, "`min_obs` must lie in"),
    ],
)
def test_a_malformed_protocol_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        Protocol(name="p", cv=LeaveRegionOut(), **changes)


def test_data_that_do_not_fit_are_refused(catchments):
    X, y = catchments
    protocol = Protocol(name="p", cv=LeaveRegionOut())
    with pytest.raises(TypeError, match=r"needs a Panel.*Panel.from_long"):
        protocol.take(*X.to_long(y))
    with pytest.raises(ValueError, match="holds attributes only"):
        protocol.take(type(X)(X.attributes), y.iloc[:, 0])
    with pytest.raises(ValueError, match="'00000001' is in X twice"):
        protocol.take(X[[0, 0]], y.iloc[[0, 0]])
    with pytest.raises(ValueError, match="'p' takes the sites marked in .* 'chosen', but"):
        replace(protocol, sites="chosen").take(X, y)
    with pytest.raises(ValueError, match="No site of X has a true value in 'chosen'"):
        replace(protocol, sites="chosen").take(X.assign(sites=X.sites.assign(chosen=False)), y)
    with pytest.raises(ValueError, match=r"`score_period`=.* holds no step"):
        replace(protocol, score_period=("1990-01-01", "1991-01-01")).take(X, y)


def test_a_site_is_held_out_once(catchments):
    X, y = catchments
    with pytest.raises(ValueError, match=r"holds out '\d+' more than once"):
        Protocol(name="p", cv=ShuffleSplit(5, random_state=0)).folds(X, y)
