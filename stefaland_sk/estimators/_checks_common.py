"""Checks that any estimator on panels should pass: parameters, pickling, side effects."""

import inspect
import pickle
import tempfile
from pathlib import Path

import joblib
import numpy as np
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_validate

from stefaland_sk.estimators._check_data import change, copy_data, make_data_for


def fresh(estimator):
    """Give an unfitted copy with a seed wherever one can be set, on the CPU."""
    copy = clone(estimator)
    for name, value in copy.get_params(deep=True).items():
        last = name.rpartition("__")[2]
        if last == "random_state" and value is None:
            copy.set_params(**{name: 0})
        elif last == "device" and value == "auto":
            copy.set_params(**{name: "cpu"})
    return copy


def outputs(estimator, X):
    """Give predictions, of a classifier probabilities, or features if there is no target."""
    if is_classifier(estimator):
        return np.asarray(estimator.predict_proba(X))
    return np.asarray(estimator.predict(X) if is_regressor(estimator) else estimator.transform(X))


def same(actual, expected, message, exact=False):
    """Raise AssertionError unless two arrays agree (to the bit, or but for rounding)."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, (
        f"{message} Expected the shape {expected.shape}; got {actual.shape}."
    )
    if exact:
        assert np.array_equal(actual, expected, equal_nan=True), message
        return
    size = max(float(np.nanmax(np.abs(expected), initial=0.0)), 1e-6)
    difference = np.nanmax(np.abs(actual - expected), initial=0.0)
    assert (np.isnan(actual) == np.isnan(expected)).all(), f"{message} NaN stand elsewhere."
    assert difference <= 1e-4 * size, (
        f"{message} The largest difference is {difference:.3g}, where values reach {size:.3g}."
    )


def finite(values, message):
    """Raise AssertionError unless all values are finite."""
    n_odd = int((~np.isfinite(values)).sum())
    assert n_odd == 0, f"{message} {n_odd} of {np.size(values)} values are not finite."


# ---------------------------------------------------------------------- parameters
def check_clone(estimator):
    """`clone` gives an unfitted estimator with the same parameters."""
    X, y = make_data_for(estimator)
    fitted = fresh(estimator).fit(X, y)
    copy = clone(fitted)
    left = [name for name in vars(copy) if name.endswith("_") and not name.startswith("_")]
    assert not left, f"A clone must be unfitted; it has {left}."
    assert copy.get_params(deep=False).keys() == fitted.get_params(deep=False).keys(), (
        "A clone must have the parameters of its original."
    )
    same(
        outputs(copy.fit(X, y), X),
        outputs(fitted, X),
        "A clone that is fitted on the same data must give the same result.",
        exact=True,
    )


def check_get_and_set_params(estimator):
    """`set_params(**get_params())` changes nothing, and an unknown name is refused."""
    copy = clone(estimator)
    before = copy.get_params(deep=False)
    assert copy.set_params(**before) is copy, "`set_params` must return the estimator itself."
    changed = [k for k, v in copy.get_params(deep=False).items() if v is not before[k]]
    assert not changed, f"`set_params(**get_params())` must change nothing; it changed {changed}."
    try:
        copy.set_params(no_such_parameter=1)
    except ValueError:
        return
    raise AssertionError("`set_params` with an unknown name must raise a ValueError.")


def check_constructor_only_stores(estimator):
    """The constructor stores what it is given and neither checks nor copies it."""
    given = estimator.get_params(deep=False)
    for name in inspect.signature(type(estimator)).parameters:
        mark = object()
        built = type(estimator)(**{**given, name: mark})
        assert getattr(built, name) is mark, (
            f"The constructor must store `{name}` as it is; checks and copies belong in `fit`."
        )
        left = [key for key in vars(built) if key not in given]
        assert not left, f"The constructor must set nothing but its parameters; it set {left}."


def check_fit_returns_self(estimator):
    """`fit` returns the estimator."""
    copy = fresh(estimator)
    assert copy.fit(*make_data_for(estimator)) is copy, "`fit` must return the estimator itself."


def check_not_fitted(estimator):
    """An unfitted estimator says that it is not fitted."""
    X, _ = make_data_for(estimator)
    try:
        outputs(fresh(estimator), X)
    except NotFittedError:
        return
    raise AssertionError("Before `fit`, a NotFittedError must be raised.")


# ---------------------------------------------------------------------- same again
def check_pickle(estimator):
    """A pickled and restored estimator predicts the same."""
    X, y = make_data_for(estimator)
    fitted = fresh(estimator).fit(X, y)
    restored = pickle.loads(pickle.dumps(fitted))
    same(
        outputs(restored, X),
        outputs(fitted, X),
        "After pickling, predictions must be the same to the bit.",
        exact=True,
    )


def check_fit_twice(estimator):
    """With a seed, two fits give the same result, whatever was fitted before."""
    X, y = make_data_for(estimator)
    first = outputs(fresh(estimator).fit(X, y), X)
    used = fresh(estimator)
    used.fit(X[[0, 1, 2, 3]], y.iloc[:4])
    same(
        outputs(used.fit(X, y), X),
        first,
        "With a seed, fitting again (after a fit on other sites) must give the same to the bit.",
        exact=True,
    )


def check_predict_twice(estimator):
    """Predicting is repeatable and changes no state."""
    X, y = make_data_for(estimator)
    fitted = fresh(estimator).fit(X, y)
    first = outputs(fitted, X)
    outputs(fitted, X[[2]])
    same(outputs(fitted, X), first, "Predicting twice must give the same to the bit.", exact=True)


# ---------------------------------------------------------------------- side effects
def check_params_unchanged(estimator):
    """`fit` and `predict` change no parameter."""
    X, y = make_data_for(estimator)
    copy = fresh(estimator)
    before = {name: joblib.hash(value) for name, value in copy.get_params(deep=True).items()}
    outputs(copy.fit(X, y), X)
    after = {name: joblib.hash(value) for name, value in copy.get_params(deep=True).items()}
    changed = [name for name in before if before[name] != after.get(name)]
    assert not changed, f"`fit` must change no parameter; it changed {changed}."


def check_data_unchanged(estimator):
    """`fit` and `predict` change nothing of what the caller gave."""
    X, y = make_data_for(estimator)
    forcing, attributes, sites, target = copy_data(X, y)
    outputs(fresh(estimator).fit(X, y), X)
    assert np.array_equal(X.forcing, forcing), "The caller's forcing must not be changed."
    assert X.attributes.equals(attributes), "The caller's attributes must not be changed."
    assert X.sites.equals(sites), "The caller's site table must not be changed."
    assert y.equals(target), "The caller's target must not be changed."


def check_global_random_state(estimator):
    """With a seed, the random states of numpy and torch are as before."""
    X, y = make_data_for(estimator)
    copy = fresh(estimator)
    numbers, tensors = np.random.get_state(), torch.random.get_rng_state()  # noqa: NPY002
    outputs(copy.fit(X, y), X)
    now = np.random.get_state()  # noqa: NPY002
    same_numbers = now[2] == numbers[2] and np.array_equal(now[1], numbers[1])
    assert same_numbers, "The caller's numpy random state must not be changed."
    assert torch.equal(torch.random.get_rng_state(), tensors), (
        "The caller's torch random state must not be changed."
    )


def check_read_only_memmap(estimator):
    """Forcing and target may be read-only memory-mapped files."""
    X, y = make_data_for(estimator)
    expected = outputs(fresh(estimator).fit(X, y), X)
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.npy" for name in ("forcing", "target")}
        np.save(paths["forcing"], X.forcing)
        np.save(paths["target"], y.to_numpy())
        mapped = change(X, forcing=np.load(paths["forcing"], mmap_mode="r"))
        target = np.load(paths["target"], mmap_mode="r")
        result = outputs(fresh(estimator).fit(mapped, target), mapped)
        del mapped, target  # some systems cannot delete a file that is mapped
    same(result, expected, "Read-only memory-mapped input must give the same.", exact=True)


# ---------------------------------------------------------------------- scikit-learn's machinery
def check_cross_validate_in_parallel(estimator):
    """`cross_validate(n_jobs=2)` gives the scores of one process."""
    X, y = make_data_for(estimator)
    options = {"cv": KFold(2), "error_score": "raise"}
    alone = cross_validate(fresh(estimator), X, y, **options)
    # Everything that workers get is memory-mapped, read-only.
    with joblib.parallel_config("loky", n_jobs=2, max_nbytes=100, inner_max_num_threads=1):
        together = cross_validate(fresh(estimator), X, y, n_jobs=2, **options)
    np.testing.assert_allclose(
        together["test_score"],
        alone["test_score"],
        rtol=0.01,
        atol=0.01,
        err_msg="`cross_validate(n_jobs=2)` must give the scores of n_jobs=1.",
    )


def check_grid_search(estimator):
    """`GridSearchCV` works, and its best estimator predicts."""
    X, y = make_data_for(estimator)
    copy = fresh(estimator)
    params = copy.get_params(deep=False)
    name = "random_state" if "random_state" in params else next(iter(params))
    values = [0, 1] if name == "random_state" else [params[name]]
    search = GridSearchCV(copy, {name: values}, cv=KFold(2), error_score="raise").fit(X, y)
    finite(outputs(search.best_estimator_, X), "The best estimator of a search must predict.")


COMMON_CHECKS = [
    check_clone,
    check_get_and_set_params,
    check_constructor_only_stores,
    check_fit_returns_self,
    check_not_fitted,
    check_pickle,
    check_fit_twice,
    check_predict_twice,
    check_params_unchanged,
    check_data_unchanged,
    check_global_random_state,
    check_read_only_memmap,
    check_cross_validate_in_parallel,
    check_grid_search,
]
