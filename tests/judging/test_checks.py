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
