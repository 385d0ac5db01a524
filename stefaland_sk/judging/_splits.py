"""Folds of sites: which splitter where none is given, and that no site is on both sides."""

import numpy as np
from sklearn.model_selection import check_cv

from stefaland_sk.data import site_of_samples
from stefaland_sk.model_selection import LeaveRegionOut, SiteKFold

_N_SPLITS = 5


def choose_cv(cv, X, min_regions=3):
    """Turn `cv` into a splitter.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        None leaves out region by region where X tells at least `min_regions`, and deals the
        sites into five folds otherwise; a number deals them into so many.
    X : Panel, DataFrame or array-like
        The samples.
    min_regions : int, default=3
        See `cv`.

    Returns
    -------
    splitter
        Something with ``split(X, y)``.
    """
    if cv is None:
        table = site_of_samples(X).table
        n_regions = table["region"].nunique() if "region" in table else 0
        return LeaveRegionOut() if n_regions >= min_regions else SiteKFold(_N_SPLITS, shuffle=False)
    if isinstance(cv, int | np.integer) and not isinstance(cv, bool):
        return SiteKFold(int(cv), shuffle=False)
    return check_cv(cv)


def site_splits(cv, X, y=None, asker="cv", min_regions=3):
    """List the folds of `cv`, none of which may have days of a site on both sides.

    Parameters
    ----------
    cv, X, min_regions
        As for `choose_cv`.
    y : array-like, default=None
        Target; splitters leave out sites without any.
    asker : str, default="cv"
        Who asks, for messages.

    Returns
    -------
    list of tuple of two ndarray of int
        Positions of the samples trained on, and of those left out.

    Raises
    ------
    ValueError
        If a site is on both sides, or a sample is left out twice.
    """
    samples = site_of_samples(X)
    codes, n_left_out = np.asarray(samples.codes), np.zeros(len(samples.codes), dtype=int)
    folds = []
    for train, test in choose_cv(cv, X, min_regions).split(X, y):
        train, test = _positions(train), _positions(test)
        both = np.intersect1d(codes[train], codes[test])
        if len(both):
            raise ValueError(
                f"`cv` has days of {len(both)} sites on both sides of a fold, for example of "
                f"{samples.ids[both[0]]!r}. {asker} needs whole sites left out: use SiteKFold or "
                "LeaveRegionOut of stefaland_sk.model_selection."
            )
        n_left_out[test] += 1
        folds.append((train, test))
    if (n_left_out > 1).any():
        site = samples.ids[codes[int(np.argmax(n_left_out > 1))]]
        raise ValueError(
            f"`cv` leaves out a site more than once, for example {site!r}. Use a splitter whose "
            "test parts do not overlap."
        )
    return folds


def _positions(part):
    """Give positions, also of a mask."""
    part = np.asarray(part)
    return np.flatnonzero(part) if part.dtype == bool else part
