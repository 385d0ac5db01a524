"""Estimators of this package keep scikit-learn's contract for tables and ours for panels."""

import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

import stefaland_sk.judging as public
from stefaland_sk import LinearComparator, RowRegressor
from stefaland_sk.estimators.checks import parametrize_with_panel_checks
from stefaland_sk.judging import (
    AreaOfApplicability,
    ConformalBySite,
    DonorRegressor,
    DonorSelector,
    SiteEnsemble,
    coverage_report,
    donor_scaling_curve,
    panel_permutation_importance,
)

LINEAR = LinearComparator(lags=0, rolling=7, max_rows=300)
ON_TABLES = [
    ConformalBySite(LinearComparator(), cv=2, confidence_level=0.5),
    DonorRegressor(n_donors=1),
    DonorRegressor(LinearComparator(), n_donors=None),
    SiteEnsemble(LinearComparator(), n_members=2),
    AreaOfApplicability(cv=2),
    DonorSelector(n_donors=1),
]
ON_PANELS = [
    ConformalBySite(LINEAR, cv=2, confidence_level=0.5),
    DonorRegressor(n_donors=2),
    DonorRegressor(LINEAR, n_donors=3),
    SiteEnsemble(RowRegressor(Ridge(), lags=0, rolling=7, max_rows=300), n_members=2),
]


def test_each_public_estimator_is_checked():
    names = {
        name
        for name in public.__all__
        if isinstance(getattr(public, name), type)
        and issubclass(getattr(public, name), BaseEstimator)
    }
    assert names == {type(estimator).__name__ for estimator in ON_TABLES}


@parametrize_with_checks(ON_TABLES)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@parametrize_with_panel_checks(ON_PANELS, skip=["check_cross_validate_in_parallel"])
def test_panel_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", ["AreaOfApplicability", "ConformalBySite", "DonorRegressor"])
def test_the_root_has_the_names(name):
    import stefaland_sk

    assert getattr(stefaland_sk, name) is getattr(public, name)


# ---------------------------------------------------------------------- mistakes in the call
def calls(X, y, model):
    """What takes data and a model, as calls; the model may be None where it need not be there."""
    return {
        "importance": lambda: panel_permutation_importance(model, X, y),
        "curve": lambda: donor_scaling_curve(model, X, y, n_donors=(2,)),
        "donors": lambda: DonorRegressor(model, n_donors=2).fit(X, y),
        "conformal": lambda: ConformalBySite(model, cv=2).fit(X, y),
        "ensemble": lambda: SiteEnsemble([("a", model)]).fit(X, y),
        "seeds": lambda: SiteEnsemble(model).fit(X, y),
        "applicability": lambda: AreaOfApplicability(model).fit(X, y),
    }


@pytest.mark.parametrize("name", calls(None, None, None))
def test_a_class_in_place_of_an_estimator_is_told(catchments, name):
    with pytest.raises(TypeError, match=r"must be an estimator. Got the class LinearComparator"):
        calls(*catchments, LinearComparator)[name]()


@pytest.mark.parametrize("name", calls(None, None, None))
def test_a_path_in_place_of_data_is_told(catchments, name):
    _, y = catchments
    with pytest.raises(TypeError, match=r"X must hold samples. Got the path 'data/camels'"):
        calls("data/camels", y, Ridge())[name]()


def test_a_path_is_told_where_no_model_is_needed(catchments):
    X, y = catchments
    for call in (
        lambda: coverage_report("data", y, y, y, confidence_level=0.9),
        lambda: DonorSelector().fit("data"),
        lambda: DonorSelector().fit(X).select("data"),
        lambda: LINEAR.fit("data", y),
    ):
        with pytest.raises(TypeError, match=r"X must hold samples. Got the path 'data'"):
            call()


@pytest.mark.parametrize("scoring", ["nsee", "rmsee"])
def test_a_misspelt_metric_is_answered_with_ours(catchments, scoring):
    X, y = catchments
    model = RowRegressor(Ridge(), lags=0, rolling=7, max_rows=300).fit(X, y)
    message = rf"`metric` must be one of \['nse', .*Got '{scoring}'.*mean '{scoring[:-1]}'"
    with pytest.raises(ValueError, match=message):
        panel_permutation_importance(model, X, y, scoring=scoring)
    with pytest.raises(ValueError, match=message):
        donor_scaling_curve(model, X, y, scoring=scoring)
