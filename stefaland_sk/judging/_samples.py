"""Samples of any form of X: the site of each, their targets and predictions, and parts of them."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_array, validate_data

from stefaland_sk._core import check_number, refuse_path
from stefaland_sk.data import (
    Panel,
    align_target,
    convert_units,
    is_long,
    period_mask,
    read_long,
    site_of_samples,
    steps_into_segment,
)
from stefaland_sk.data._texts import refuse_texts
from stefaland_sk.metrics import median_per_site
from stefaland_sk.model_selection._labels import labels_per_site


class Samples(NamedTuple):
    """The samples of X, whatever its form: a row of values each, of the site `codes`."""

    kind: str  # "panel": a row is a site, a column a time; "long" and "table": one column
    codes: np.ndarray  # (n_samples,) position in `ids`
    ids: pd.Index
    shape: tuple  # of the rows of values: (n_samples, n_times) or (n_samples, 1)

    @property
    def n_sites(self):
        """Number of sites."""
        return len(self.ids)

    @property
    def has_series(self):
        """Whether a site has more than one value."""
        return self.shape[0] * self.shape[1] > self.n_sites

    def rows(self, values, name, n_more=0):
        """Check values that are aligned with the samples; give them as (n_samples, k, ...)."""
        values = np.asarray(values, dtype=np.float64)
        flat = self.shape[:1] if self.kind != "panel" else self.shape
        wanted = values.shape[: len(flat)] == flat and values.ndim == len(flat) + n_more
        if not wanted and self.kind != "panel" and values.shape == (*flat, 1) and not n_more:
            return values
        if not wanted:
            raise ValueError(
                f"`{name}` must be aligned with the samples of X, of shape "
                f"{(*flat, *['n_levels'] * n_more)}; got an array of shape {values.shape}."
            )
        return values if self.kind == "panel" else values[:, None]

    def restore(self, rows):
        """Give rows of values back in the form of the caller's target."""
        return rows if self.kind == "panel" else rows[:, 0]

    def site_mean(self, rows, weights=None):
        """Average over the finite values of each site; NaN where there is none."""
        good = np.isfinite(rows)
        weights = good if weights is None else np.where(good, weights, 0.0)
        total = np.where(good, rows, 0.0) * weights
        n = np.bincount(self.codes, weights.sum(axis=1), self.n_sites)
        sums = np.bincount(self.codes, total.sum(axis=1), self.n_sites)
        return np.divide(sums, n, out=np.full(self.n_sites, np.nan), where=n > 0)

    def site_count(self, marks):
        """Count the marked values of each site."""
        return np.bincount(self.codes, marks.sum(axis=1), self.n_sites).astype(int)


def read_samples(X):
    """Tell what the samples of X are.

    Parameters
    ----------
    X : Panel, DataFrame or array-like
        A panel, a long table or a plain table.

    Returns
    -------
    Samples
        Without any value yet.
    """
    found = site_of_samples(as_indexable(X))
    if isinstance(X, Panel) and X.time is not None:
        return Samples("panel", found.codes, found.ids, (X.n_sites, X.n_times))
    kind = "long" if is_long(X) else "table"
    return Samples(kind, found.codes, found.ids, (len(found.codes), 1))


def checked_table(estimator, X, *, reset):
    """Check a plain table as scikit-learn does, keeping its labels; give any other X as it is.

    Parameters
    ----------
    estimator : estimator
        Gets ``feature_names_in_`` and ``n_features_in_`` if `reset`, is compared otherwise.
    X : Panel, DataFrame or array-like
        The samples.
    reset : bool
        True in ``fit``.

    Returns
    -------
    Panel, DataFrame or ndarray
        A panel in the units of ``fit``, a plain table with numbers alone.
    """
    if isinstance(X, Panel):
        if reset:
            estimator.units_ = X.units
        return convert_units(X, getattr(estimator, "units_", {}))
    if is_long(X):
        return X
    refuse_path(X)
    refuse_texts(X)
    settings = {"dtype": np.float64, "ensure_all_finite": "allow-nan"}
    if reset or hasattr(estimator, "n_features_in_"):
        values = validate_data(estimator, X, reset=reset, **settings)
    else:  # fitted on sites of another form; what of X is asked for, is found by name
        values = check_array(X, **settings)
    if isinstance(X, pd.DataFrame):
        return pd.DataFrame(values, index=X.index, columns=X.columns.map(str))
    return values


def variable_names(X):
    """List the variables of a panel or a long table."""
    if isinstance(X, Panel):
        return X.forcing_names + X.attribute_names
    return list(map(str, X.columns))


def as_indexable(values):
    """Turn what is neither a frame nor a panel nor labelled into an array."""
    refuse_path(values)
    labelled = isinstance(values, pd.DataFrame | pd.Series | Panel) or hasattr(values, "isel")
    return values if labelled or values is None else np.asarray(values)


def read_target(X, y, samples):
    """Bring a target to rows of floats, NaN where not observed."""
    if y is None:
        raise ValueError("This needs the target `y`; got None.")
    if isinstance(X, Panel):
        values = align_target(y, X).astype(np.float64)
        return values if values.ndim == 2 else values[:, None]
    index = getattr(y, "index", None)
    if isinstance(index, pd.MultiIndex) and is_long(X) and not index.equals(X.index):
        raise ValueError("The rows of `y` are not those of X. Use `y.loc[X.index]`.")
    return samples.rows(y, "y")


def scored_steps(X, samples, *, warmup=0, period=None):
    """Mark the steps that are neither warm-up nor outside a period, of the shape of the rows."""
    check_number("warmup", warmup, low=0, integer=True)
    marks = np.ones(samples.shape, dtype=bool)
    if samples.kind == "table" or (not warmup and period is None):
        if period is not None:
            period_mask(None, period, "period")
        return marks
    if samples.kind == "panel":
        table, panel = None, X
    else:
        table = read_long(X, forcings=list(X.columns), attributes=[])
        panel = table.panel
    if warmup:
        marks = steps_into_segment(panel.present()) >= warmup
    if period is not None:
        inside = period_mask(panel.time, period, "period")
        marks = inside & (marks if warmup else np.ones((panel.n_sites, 1), dtype=bool))
    return marks if table is None else table.to_rows(marks)[:, None]


def take(values, rows):
    """Give some samples of X or y, whatever their form."""
    if values is None:
        return None
    if isinstance(values, pd.DataFrame | pd.Series):
        return values.iloc[rows]
    if isinstance(values, Panel):
        return values[rows]
    if hasattr(values, "isel"):  # xarray
        return values.isel({"site" if "site" in values.dims else values.dims[0]: rows})
    return np.asarray(values)[rows]


def default_score(estimator, X, y):
    """Score as regressors do here: median NSE over sites, or R2 of a plain table."""
    samples = read_samples(X)
    if samples.kind != "table":
        return median_per_site("nse", warmup=getattr(estimator, "warmup", 0) or 0)(estimator, X, y)
    target = read_target(X, y, samples)[:, 0]
    observed = np.isfinite(target)
    return r2_score(target[observed], np.asarray(estimator.predict(X)).ravel()[observed])


def read_regions(X, regions, asker, *, needed=True):
    """Give the region of each site.

    Parameters
    ----------
    X : Panel, DataFrame or array-like
        The samples.
    regions : str, mapping, Series or None
        As for `LeaveRegionOut`; None is the name "region".
    asker : str
        Class or function that asks, for messages.
    needed : bool, default=True
        Whether it is an error if X tells none and `regions` is None.

    Returns
    -------
    ndarray of object of shape (n_sites,), or None
        Labels in the order of the sites.
    """
    samples = site_of_samples(X)
    if regions is None and not needed and "region" not in samples.table.columns:
        return None
    source = "region" if regions is None else regions
    return labels_per_site(X, samples, source, (asker, "regions"))
