"""Checks of what an estimator makes of panels: sites, forms of X, missing values, time."""

import warnings

import numpy as np
import pandas as pd
import xarray as xr

from stefaland_sk._core import DataWarning
from stefaland_sk.data import Panel
from stefaland_sk.estimators._check_data import change, make_data_for, to_rows
from stefaland_sk.estimators._checks_common import finite, fresh, outputs, same


def fitted_on_check_data(estimator):
    """Give a fitted copy, its panel and its target."""
    X, y = make_data_for(estimator)
    return fresh(estimator).fit(X, y), X, y


def expect_error(call, kinds, words, message):
    """Raise AssertionError unless the call fails with one of the kinds, naming the words."""
    try:
        call()
    except kinds as error:
        lacking = [word for word in words if word not in str(error)]
        if lacking:
            raise AssertionError(f"{message} It should name {lacking}: {error}") from error
        return
    raise AssertionError(f"{message} Nothing was raised.")


# ---------------------------------------------------------------------- sites
def check_output_shape(estimator):
    """A panel gives one finite value per site and time (features: one vector at least)."""
    model, X, _ = fitted_on_check_data(estimator)
    result = outputs(model, X)
    of_days = hasattr(model, "predict") and not getattr(model, "target_per_site", False)
    wanted = X.shape[:2] if of_days else X.shape[:1]
    assert result.shape[: len(wanted)] == wanted, (
        f"The result must have the axes of X, {wanted}; got the shape {result.shape}."
    )
    finite(result, "Every day must get a finite value, those of the warm-up too.")


def check_site_independence(estimator):
    """The result for a site does not depend on the other sites in the call."""
    model, X, _ = fitted_on_check_data(estimator)
    together = outputs(model, X)
    for site in (0, 3):
        same(
            outputs(model, X[[site]])[0],
            together[site],
            "A site must get the same result alone as with others.",
        )


def check_site_order(estimator):
    """The result for a site does not depend on the order of the sites."""
    model, X, _ = fitted_on_check_data(estimator)
    order = [4, 0, 5, 2, 1, 3]
    same(
        outputs(model, X[order]),
        outputs(model, X)[order],
        "Sites in another order must get the same results, in that order.",
    )


# ---------------------------------------------------------------------- forms of X and y
def check_long_rows(estimator):
    """The rows of a long table, in any order, get the panel's results in that order."""
    model, X, _ = fitted_on_check_data(estimator)
    frame = X.to_long()
    frame = frame.iloc[np.random.default_rng(0).permutation(len(frame))]
    site = X.site_ids.get_indexer(frame.index.get_level_values("site"))
    time = X.time.get_indexer(frame.index.get_level_values("time"))
    panel = outputs(model, X)
    per_day = panel.shape[:2] == X.shape[:2]
    same(
        outputs(model, frame),
        panel[site, time] if per_day else panel[site],
        "Shuffled rows of a long table must get the panel's results, in the rows' order.",
    )


def check_long_fit(estimator):
    """Fitting on a long table is fitting on its panel."""
    model, X, y = fitted_on_check_data(estimator)
    frame, target = to_rows(X, y)
    same(
        outputs(fresh(estimator).fit(frame, target), X),
        outputs(model, X),
        "Fitting on `X.to_long(y)` must give the model that fitting on `X, y` gives.",
    )


def check_region_is_ignored(estimator):
    """The site table and further index levels are not inputs of the model."""
    model, X, y = fitted_on_check_data(estimator)
    other = X.assign(sites=pd.DataFrame({"region": list("uvwxyz")}, index=X.site_ids))
    expected = outputs(model, X)
    message = "The site table (region, lat, lon) must not change a result."
    same(outputs(model, other), expected, message, exact=True)
    same(outputs(fresh(estimator).fit(other, y), X), expected, message, exact=True)
    frame = X.to_long()
    same(
        outputs(model, frame.droplevel("region")),
        outputs(model, frame),
        "The index level 'region' of a long table must not change a result.",
        exact=True,
    )


def check_variables_by_name(estimator):
    """Variables are found by name: neither their order nor unknown ones matter."""
    model, X, _ = fitted_on_check_data(estimator)
    noise = np.full((*X.shape[:2], 1), 7.0, dtype=np.float32)
    other = Panel(
        X.attributes[X.attribute_names[::-1]].assign(unknown=3.0),
        np.concatenate([noise, X.forcing[:, :, ::-1]], axis=2),
        time=X.time,
        sites=X.sites,
        forcing_names=["unheard", *X.forcing_names[::-1]],
        units=X.units,
    )
    same(
        outputs(model, other),
        outputs(model, X),
        "Variables in another order, beside unknown ones, must give the same result.",
    )


def check_lacking_variable(estimator):
    """A variable of `fit` that X lacks: an error naming it, or finite with such a warning."""
    model, X, _ = fitted_on_check_data(estimator)
    without = X.assign(attributes=X.attributes.drop(columns="slope"))
    for other, name in ((without, "slope"), (X.to_long().drop(columns="tmean"), "tmean")):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                finite(outputs(model, other), "Where X lacks a variable, results must be finite.")
                told = [str(w.message) for w in caught if issubclass(w.category, DataWarning)]
            except ValueError as error:
                told = [str(error)]
        assert any(name in text for text in told), (
            "A variable that X lacks must raise a ValueError, or a DataWarning at least, that "
            f"names {name!r}. Nothing was raised, or: {told}"
        )


def check_duplicate_rows(estimator):
    """A pair of site and time that occurs twice in a long table is an error."""
    X, y = make_data_for(estimator)
    frame, target = to_rows(X, y)
    rows = [*range(len(frame)), 7]
    expect_error(
        lambda: fresh(estimator).fit(frame.iloc[rows], target.iloc[rows]),
        ValueError,
        [X.site_ids[0]],
        "A duplicate pair of site and time must raise a ValueError.",
    )


def check_target_forms(estimator):
    """A DataFrame, an array and a DataArray are the same target; lacking days are NaN."""
    model, X, y = fitted_on_check_data(estimator)
    expected = outputs(model, X)
    forms = {
        "an array": y.to_numpy(),
        "a float64 array": y.to_numpy(dtype=np.float64),
        "a DataArray": xr.DataArray(y, dims=("site", "time")[: y.ndim]),
    }
    for form, target in forms.items():
        same(
            outputs(fresh(estimator).fit(X, target), X),
            expected,
            f"A target given as {form} must give the model of the DataFrame.",
            exact=True,
        )
    if y.ndim == 1:
        return
    days = slice(0, 200)
    same(
        outputs(fresh(estimator).fit(X, y.iloc[:, days]), X),
        outputs(fresh(estimator).fit(X, y.iloc[:, days].reindex(columns=X.time)), X),
        "Days that a labelled target lacks must count as not observed.",
        exact=True,
    )


def check_target_of_other_sites(estimator):
    """A labelled target of other sites, or in another order, is an error."""
    X, y = make_data_for(estimator)
    for wrong in (y.rename(index={X.site_ids[2]: "elsewhere"}), y.iloc[::-1]):
        expect_error(
            lambda wrong=wrong: fresh(estimator).fit(X, wrong),
            ValueError,
            ["site"],
            "A target whose sites are not those of X, in their order, must raise a ValueError.",
        )


# ---------------------------------------------------------------------- missing values
def check_missing_targets(estimator):
    """NaN in the target is no value: neither zero nor an error, also at a whole site."""
    X, y = make_data_for(estimator)
    hidden = np.zeros(y.shape, dtype=bool)
    if y.ndim == 2:
        hidden = np.random.default_rng(1).random(y.shape) < 0.3
    hidden[2] = True
    result = outputs(fresh(estimator).fit(X, y.mask(hidden)), X)
    finite(result, "Missing targets (at one site all of them) must not spoil the predictions.")
    zeros = outputs(fresh(estimator).fit(X, y.mask(hidden, 0.0)), X)
    assert not np.allclose(result, zeros), "A missing target must not be trained on as zero."


def check_no_target_at_all(estimator):
    """Without any observed target, `fit` raises."""
    X, y = make_data_for(estimator)
    expect_error(
        lambda: fresh(estimator).fit(X, y * np.nan),
        ValueError,
        [],
        "A target without any observation must raise a ValueError.",
    )


def check_sporadic_missing_forcing(estimator):
    """Single missing values of forcing are legal in `fit` and in `predict`."""
    X, y = make_data_for(estimator)
    forcing = X.forcing.copy()
    gaps = np.random.default_rng(2).random(forcing.shape) < 0.05
    gaps[:, :, 0] &= ~gaps[:, :, 1]  # never all variables of a day
    forcing[gaps] = np.nan
    gappy = change(X, forcing=forcing)
    message = "Single missing values of forcing must give finite results."
    finite(outputs(fresh(estimator).fit(X, y), gappy), message)
    finite(outputs(fresh(estimator).fit(gappy, y), gappy), message)


def check_forcing_missing_at_site(estimator):
    """A variable missing at a whole site: an error naming it, or finite with a warning."""
    model, X, y = fitted_on_check_data(estimator)
    whole = outputs(model, X)
    forcing = X.forcing.copy()
    forcing[3, :, 1] = np.nan
    gappy = change(X, forcing=forcing)
    for call in (
        lambda: outputs(model, gappy),
        lambda: outputs(fresh(estimator).fit(gappy, y), gappy),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = call()
            except ValueError as error:
                if X.site_ids[3] not in str(error) or "tmean" not in str(error):
                    message = f"The error must name the site and the variable: {error}"
                    raise AssertionError(message) from error
                continue
        finite(result, "Where a variable is missing at a site, results must be finite.")
        told = any(issubclass(w.category, DataWarning) for w in caught)
        # Features say what they are made of; a model that reads no forcing need not warn.
        assert told or not hasattr(model, "predict") or np.array_equal(result, whole), (
            "A variable that is missing on every day of a site must raise a DataWarning at least."
        )


def check_missing_attributes(estimator):
    """Missing attributes are legal in `fit` and in `predict`."""
    X, y = make_data_for(estimator)
    table = X.attributes
    table.iloc[1, 0] = np.nan
    table.iloc[4] = np.nan
    gappy = change(X, attributes=table)
    message = "Missing attributes must give finite results."
    finite(outputs(fresh(estimator).fit(X, y), gappy), message)
    finite(outputs(fresh(estimator).fit(gappy, y), gappy), message)


# ---------------------------------------------------------------------- time
def check_shorter_record(estimator):
    """A record of a few days, shorter than any window, can be predicted."""
    model, X, _ = fitted_on_check_data(estimator)
    short = X.sel_time(X.time[100], X.time[104])
    finite(outputs(model, short), "A record of five days must get finite results.")


def check_no_future_leak(estimator):
    """Where promised (``causal``), later forcing does not change earlier predictions."""
    if not getattr(estimator, "causal", False):
        return
    model, X, _ = fitted_on_check_data(estimator)
    day = 180
    forcing = X.forcing.copy()
    forcing[:, day:] = forcing[::-1, day:] + 5.0
    same(
        outputs(model, change(X, forcing=forcing))[:, :day],
        outputs(model, X)[:, :day],
        "The estimator is declared `causal`, but forcing of later days changes predictions.",
    )


PANEL_CHECKS = [
    check_output_shape,
    check_site_independence,
    check_site_order,
    check_long_rows,
    check_long_fit,
    check_region_is_ignored,
    check_variables_by_name,
    check_lacking_variable,
    check_duplicate_rows,
    check_sporadic_missing_forcing,
    check_forcing_missing_at_site,
    check_missing_attributes,
    check_shorter_record,
]
TARGET_CHECKS = [
    check_target_forms,
    check_target_of_other_sites,
    check_missing_targets,
    check_no_target_at_all,
    check_no_future_leak,
]
