"""Conformance checks for estimators that take panels, ours and others'.

They stand beside scikit-learn's ``check_estimator``, which knows plain tables only.
"""

import warnings
from functools import partial, update_wrapper

from sklearn.base import clone, is_classifier, is_regressor

from stefaland_sk._core import DataWarning, LeakageWarning, check_option
from stefaland_sk.estimators._checks_common import COMMON_CHECKS
from stefaland_sk.estimators._checks_panels import PANEL_CHECKS, TARGET_CHECKS

__all__ = ["check_panel_estimator", "panel_checks", "parametrize_with_panel_checks"]


def panel_checks(estimator):
    """List the checks that apply to an estimator.

    Parameters
    ----------
    estimator : estimator
        A regressor, a classifier, or a transformer.

    Returns
    -------
    list of callable
        Functions of the estimator that raise AssertionError; their docstrings say what
        is checked.

    Examples
    --------
    >>> from stefaland_sk import LSTMRegressor
    >>> from stefaland_sk.estimators.checks import panel_checks
    >>> panel_checks(LSTMRegressor())[0].__name__
    'check_clone'
    """
    checks = [*COMMON_CHECKS, *PANEL_CHECKS]
    has_target = is_regressor(estimator) or is_classifier(estimator)
    return [*checks, *TARGET_CHECKS] if has_target else checks


def check_panel_estimator(estimator, *, skip=()):
    """Check that an estimator keeps the contract of panels.

    What is checked: parameters, cloning and pickling; that a seed repeats a fit to the
    bit (on the CPU); that the caller's data, parameters and random states stay as they
    were; that the result for a site depends neither on other sites nor on their order;
    that long tables in any row order agree with the panel; missing values in forcing,
    attributes and target; read-only memory-mapped input; `cross_validate` with two
    processes; `GridSearchCV`. An estimator with the class attribute ``causal = True``
    promises that forcing of later days never changes a prediction, which is checked too. One
    with ``target_per_site = True`` gets a target without time: one value, or class, per site.

    Parameters
    ----------
    estimator : estimator
        A regressor (``fit(X, y)``, ``predict(X)``), a classifier (``predict_proba(X)`` too) or a
        transformer (``fit(X, y=None)``, ``transform(X)``), unfitted, small enough to be fitted
        some sixty times on 6 sites and 260 days. A `warmup` must leave some of these days.
        Parameters named ``random_state`` are seeded and ``device="auto"`` is the CPU.
    skip : sequence of str, default=()
        Names of checks to leave out.

    Returns
    -------
    list of str
        Names of the checks passed.

    Raises
    ------
    AssertionError
        At the first check that fails; it says what was expected.
    ValueError
        If `skip` names an unknown check.

    See Also
    --------
    parametrize_with_panel_checks : One pytest test per check.
    sklearn.utils.estimator_checks.check_estimator : The same idea for plain tables.

    Notes
    -----
    "The same" means: no value differs by more than 1e-4 of the largest.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from stefaland_sk import RowRegressor
    >>> from stefaland_sk.estimators.checks import check_panel_estimator
    >>> slow = ["check_cross_validate_in_parallel"]
    >>> passed = check_panel_estimator(RowRegressor(Ridge(), rolling=(7,)), skip=slow)
    >>> "check_site_independence" in passed
    True
    """
    passed = []
    for check in _chosen(estimator, skip):
        _run(check, estimator)
        passed.append(check.__name__)
    return passed


def parametrize_with_panel_checks(estimators, *, skip=()):
    """Make a pytest decorator that runs each check on each estimator as a test of its own.

    Parameters
    ----------
    estimators : list of estimators
        As for `check_panel_estimator`.
    skip : sequence of str, default=()
        Names of checks to leave out.

    Returns
    -------
    pytest.MarkDecorator
        For a test function with the arguments ``estimator`` and ``check``.

    Raises
    ------
    TypeError
        If a class is given in place of an instance.
    ValueError
        If `skip` names an unknown check.

    Examples
    --------
    >>> from stefaland_sk import LSTMRegressor
    >>> from stefaland_sk.estimators.checks import parametrize_with_panel_checks
    >>> @parametrize_with_panel_checks([LSTMRegressor(d_hidden=4, max_epochs=1)])
    ... def test_panel_checks(estimator, check):
    ...     check(estimator)
    """
    import pytest

    cases = []
    for position, estimator in enumerate(estimators):
        if isinstance(estimator, type):
            raise TypeError(
                f"`estimators` must hold instances; got the class {estimator.__name__}. Give "
                f"{estimator.__name__}()."
            )
        for check in _chosen(estimator, skip):
            case = f"{type(estimator).__name__}{position}-{check.__name__}"
            run = update_wrapper(partial(_run, check), check)
            cases.append(pytest.param(clone(estimator), run, id=case))
    return pytest.mark.parametrize(("estimator", "check"), cases)


def _chosen(estimator, skip):
    """Give the checks that are not to be skipped."""
    checks = panel_checks(estimator)
    # All names are legal for any estimator, so that one list serves a regressor and a transformer.
    names = [check.__name__ for check in (*COMMON_CHECKS, *PANEL_CHECKS, *TARGET_CHECKS)]
    for name in skip:
        check_option("skip", name, names)
    return [check for check in checks if check.__name__ not in skip]


def _run(check, estimator):
    """Run a check without the warnings that its odd data are bound to raise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        warnings.simplefilter("ignore", LeakageWarning)  # of the attribute "clay"
        check(estimator)
