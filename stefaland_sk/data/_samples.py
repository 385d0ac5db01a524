"""Which site each sample belongs to, whatever the form of X."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stefaland_sk._core import refuse_path
from stefaland_sk.data._ids import site_strings
from stefaland_sk.data._long import _level, _site_codes, _site_table, is_long
from stefaland_sk.data._panel import Panel


@dataclass(frozen=True)
class SampleSites:
    """The sites behind the samples of X.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,)
        Position of each sample's site in `ids`.
    ids : Index of str
        The sites in their order of appearance.
    table : DataFrame indexed by `ids`
        Site table: what is known of each site.

    Examples
    --------
    >>> import numpy as np
    >>> samples = site_of_samples(np.zeros((2, 5)))
    >>> samples.codes.tolist(), list(samples.ids)
    ([0, 1], ['0', '1'])
    """

    codes: np.ndarray
    ids: pd.Index
    table: pd.DataFrame


def site_of_samples(X):
    """Tell which site each sample of X belongs to.

    Parameters
    ----------
    X : Panel, DataFrame or array-like
        A panel (one site per sample), a long table (one row per site and time), or a
        plain table (each row its own site, named by its index label).

    Returns
    -------
    SampleSites
        ``codes`` per sample, ``ids`` of the sites, ``table`` with what is known of each.

    Raises
    ------
    TypeError
        If site identifiers mix strings and numbers, or X has no samples to speak of.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> site_of_samples(X).codes.tolist(), len(site_of_samples(X.to_long()).codes)
    ([0, 1, 2, 3], 1460)
    """
    if isinstance(X, Panel):
        return SampleSites(np.arange(X.n_sites), X.site_ids, X.sites)
    if is_long(X):
        ids, codes = _site_codes(X.index)
        return SampleSites(codes, ids, _site_table(X.index, codes, ids))
    if isinstance(X, pd.DataFrame):
        if "site" in X.index.names:
            values, codes = _level(X.index, "site")
            ids = pd.Index(site_strings(values, "the index"), dtype="str", name="site")
            table = _site_table(X.index, codes, ids)
            if len(ids) == len(X):  # each row its own site: the columns describe it
                columns = X.set_axis(ids, axis=0)
                table = table.join(columns.drop(columns=table.columns, errors="ignore"))
            return SampleSites(codes, ids, table)
        labels = X.index if X.index.is_unique else range(len(X))
        ids = pd.Index(list(map(str, labels)), dtype="str", name="site")
        return SampleSites(np.arange(len(X)), ids, X.set_axis(ids, axis=0))
    if type(X).__module__.partition(".")[0] == "xarray":
        raise TypeError(
            f"An xarray {type(X).__name__} does not say which of its axes are samples. Use "
            "`Panel.from_xarray(dataset)`."
        )
    refuse_path(X)
    n_samples = np.shape(X)[0] if np.ndim(X) else None
    if n_samples is None:
        raise TypeError(f"X must be a Panel, a DataFrame or an array; got {type(X).__name__}.")
    ids = pd.Index(list(map(str, range(n_samples))), dtype="str", name="site")
    return SampleSites(np.arange(n_samples), ids, pd.DataFrame(index=ids))


def is_labelled(X, y):
    """Tell which sites have any observed target.

    Parameters
    ----------
    X : Panel, DataFrame or array-like
        Inputs.
    y : array-like or None
        Target, aligned with the samples; None labels every site.

    Returns
    -------
    ndarray of bool of shape (n_sites,)
        One value per site, in the order of ``site_of_samples(X).ids``.

    Raises
    ------
    ValueError
        If `y` does not have one entry per sample.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> is_labelled(X, y).tolist()
    [True, True, True, True]
    """
    samples = site_of_samples(X)
    if y is None:
        return np.ones(len(samples.ids), dtype=bool)
    if {"site", "time"} == set(getattr(y, "dims", ())):
        y = y.transpose("site", "time")
    values = np.asarray(y)
    if values.ndim == 0 or len(values) != len(samples.codes):
        raise ValueError(
            f"`y` must have one entry for each of the {len(samples.codes)} samples of X; got an "
            f"array of shape {values.shape}."
        )
    if values.dtype.kind in "fc":
        observed = np.isfinite(values).reshape(len(values), -1).any(axis=1)
    else:
        observed = ~pd.isna(values).reshape(len(values), -1).all(axis=1)
    return np.bincount(samples.codes, weights=observed, minlength=len(samples.ids)) > 0
