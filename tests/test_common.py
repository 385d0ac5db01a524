"""Every public estimator keeps scikit-learn's contract for tables and ours for panels."""

import inspect

import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import Ridge
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

import stefaland_sk.estimators as public
from stefaland_sk.estimators import (
    BoostingComparator,
    ClimatologyComparator,
    HBVRegressor,
    HBVStreamflow,
    HybridRegressor,
    HybridSoilMoisture,
    LinearComparator,
    LSTMRegressor,
    RandomForestComparator,
    RowRegressor,
    StefaLandLandslide,
    StefaLandRegressor,
    StefaLandSoilComposition,
    StefaLandSoilMoisture,
    StefaLandStreamflow,
    StefaLandTransformer,
)
from stefaland_sk.estimators.checks import panel_checks, parametrize_with_panel_checks

# A pretraining that takes a tenth of a second.
SMALL = StefaLandTransformer(
    d_model=8, n_layers=1, n_heads=2, d_feedforward=8, d_embedding=4, window=60, max_epochs=1
)

# scikit-learn's checks, all of them, nothing expected to fail. The networks' sizes that matter
# for them are the defaults, but for the pretraining inside StefaLandRegressor and -Streamflow.
ON_TABLES = [
    LSTMRegressor(),
    StefaLandTransformer(d_model=16, n_layers=1, max_epochs=3),
    StefaLandRegressor(clone(SMALL), max_epochs=10),
    StefaLandRegressor(clone(SMALL), trainable={0: "head", 1: "all"}, d_hidden=8, max_epochs=15),
    StefaLandStreamflow(clone(SMALL), d_hidden=32, max_epochs=15),
    StefaLandSoilMoisture(clone(SMALL), d_hidden=32, max_epochs=15),
    StefaLandSoilComposition(encoder=clone(SMALL), d_hidden=32, max_epochs=12, n_seeds=1),
    StefaLandLandslide(encoder=clone(SMALL), d_hidden=32, max_epochs=12, n_seeds=1),
    RowRegressor(),
    LinearComparator(),
    RandomForestComparator(n_estimators=30),
    BoostingComparator(n_estimators=50),
    ClimatologyComparator(),
]
# With all defaults: the checks that depend on what is learned, and those of odd input.
DEFAULTS = [StefaLandTransformer(), StefaLandStreamflow()]
CHECKS_OF_DEFAULTS = {
    "check_estimators_nan_inf",
    "check_fit_idempotent",
    "check_fit2d_1sample",
    "check_methods_subset_invariance",
    "check_regressors_train",
}

SHORT = {"window": 60, "warmup": 20, "d_hidden": 8, "max_epochs": 1}
OF_SITES = {"encoder": clone(SMALL), "d_hidden": 8, "max_epochs": 2, "n_seeds": 2}
ON_PANELS = [
    LSTMRegressor(**SHORT),
    StefaLandTransformer(**SMALL.get_params()),
    StefaLandTransformer(
        **{**SMALL.get_params(), "pool": "attention", "n_components": 2, "patch": 4}
    ),
    StefaLandRegressor(clone(SMALL), residual="cnn", **SHORT),
    StefaLandRegressor(encoder_init="none", target_transform="log1p", n_seeds=2, **SHORT),
    StefaLandRegressor(clone(SMALL), trainable="all", distribution="quantiles", **SHORT),
    StefaLandStreamflow(clone(SMALL), **SHORT),
    StefaLandSoilMoisture(clone(SMALL), **SHORT),
    StefaLandSoilComposition(**OF_SITES),
    StefaLandLandslide(**OF_SITES),
    RowRegressor(Ridge(), lags=(0, 1), rolling=(7,)),
    LinearComparator(),
    RandomForestComparator(n_estimators=5),
    BoostingComparator(n_estimators=5),
    ClimatologyComparator(),
    HBVRegressor(warmup=30, n_starts=1, max_iter=3, n_donors=2),
    HBVStreamflow(clone(SMALL), n_members=2, **SHORT),
    HybridRegressor(parameterization="lstm", n_members=2, physics="hbv_1.0", **SHORT),
    HybridSoilMoisture(clone(SMALL), n_members=1, **SHORT),
]
# What cannot be driven by attributes alone says so in its tags, and takes no plain table.
ONLY_PANELS = {
    type(estimator).__name__
    for estimator in ON_PANELS
    if not get_tags(estimator).input_tags.two_d_array
}
# One regressor of each kind is enough for what takes seconds: starting two processes.
PARALLEL = "check_cross_validate_in_parallel"
IN_PARALLEL = [LinearComparator(), StefaLandStreamflow(clone(SMALL), **SHORT)]


def public_estimators():
    """Names of the concrete estimators that the library offers."""
    for name in public.__all__:
        thing = getattr(public, name)
        if inspect.isclass(thing) and issubclass(thing, BaseEstimator):
            yield name


@pytest.mark.parametrize("name", list(public_estimators()))
def test_each_public_estimator_is_checked(name):
    for instances in (ON_TABLES, ON_PANELS)[name in ONLY_PANELS :]:
        assert name in {type(estimator).__name__ for estimator in instances}


@parametrize_with_checks(ON_TABLES)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def default_cases():
    """Pairs of a default instance and one of scikit-learn's checks, each check once."""
    for estimator in DEFAULTS:
        wanted = set(CHECKS_OF_DEFAULTS)
        for instance, check in estimator_checks_generator(estimator):
            name = getattr(check, "func", check).__name__
            if name in wanted:
                wanted.remove(name)
                yield pytest.param(instance, check, id=f"{type(estimator).__name__}-{name}")


@pytest.mark.parametrize(("estimator", "check"), list(default_cases()))
def test_scikit_learn_checks_of_defaults(estimator, check):
    check(estimator)


@parametrize_with_panel_checks(ON_PANELS, skip=[PARALLEL])
def test_panel_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", IN_PARALLEL, ids=lambda model: type(model).__name__)
def test_cross_validate_in_parallel(estimator):
    (check,) = [check for check in panel_checks(estimator) if check.__name__ == PARALLEL]
    check(estimator)
