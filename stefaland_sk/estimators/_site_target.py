"""Targets of sites, which have no time: one value or several for each, read from any form of y."""

import numpy as np
import pandas as pd

from stefaland_sk.data import align_site_target
from stefaland_sk.estimators._inputs import warn_of_other_order


def read_site_target(estimator, y, inputs):
    """Give the target of each site of a panel.

    Parameters
    ----------
    estimator : estimator
        For messages.
    y : array-like
        One value, or one row of values, per site; of a long table per row, the same on all rows
        of a site (or missing).
    inputs : Inputs
        What `read_inputs` gave for X.

    Returns
    -------
    ndarray of shape (n_sites,) or (n_sites, n_outputs)
        Numbers or classes, in the type that they came in.

    Raises
    ------
    ValueError
        If y is None, is not aligned with X, or differs between the rows of a site.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None. Pass y "
            "as the target."
        )
    if inputs.kind == "panel":
        return align_site_target(y, inputs.panel)
    values = np.asarray(y)
    n_samples = len(inputs.rows.site) if inputs.kind == "long" else inputs.panel.n_sites
    if values.ndim not in (1, 2) or len(values) != n_samples:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: `y` must have one value, "
            f"or one row of values, for each of the {n_samples} samples of X; got the shape "
            f"{values.shape}."
        )
    if inputs.kind == "long":
        return _first_of_sites(values, inputs)
    warn_of_other_order(y, inputs)
    return values


def as_numbers(estimator, values):
    """Turn the target of sites into floats, and check them.

    Parameters
    ----------
    estimator : estimator
        For messages.
    values : ndarray of shape (n_sites,) or (n_sites, n_outputs)
        From `read_site_target`.

    Returns
    -------
    ndarray of float64 of shape (n_sites, n_outputs)
        NaN where not observed; each column is observed somewhere.

    Raises
    ------
    ValueError
        If there are words or infinite values, or a column is missing throughout.
    """
    numbers = values.astype(np.float64).reshape(len(values), -1)
    if np.isinf(numbers).any():
        raise ValueError("Input y contains infinity or a value too large for dtype('float64').")
    empty = ~np.isfinite(numbers).any(axis=0)
    if empty.all():
        raise ValueError(
            f"{type(estimator).__name__} needs at least one observed target; all of `y` is missing."
        )
    if empty.any():
        raise ValueError(
            f"Column {int(np.argmax(empty))} of `y` is missing (NaN) at every site. Leave it out."
        )
    return numbers


def _first_of_sites(values, inputs):
    """Give the one value that the rows of each site have."""
    table = pd.DataFrame(values).groupby(inputs.rows.site)
    several = (table.nunique() > 1).any(axis=1)
    if several.any():
        site = inputs.panel.site_ids[several.index[several.argmax()]]
        raise ValueError(
            f"`y` must be the same on all rows of a site, since the target is one of sites and not "
            f"of days; at site {site!r} it varies. Reduce it, such as by "
            "`y.groupby(level='site').transform('mean')`."
        )
    found = table.first().reindex(range(inputs.panel.n_sites)).to_numpy()
    return found[:, 0] if values.ndim == 1 else found
