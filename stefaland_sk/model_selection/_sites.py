"""Deal whole sites into folds."""

import numpy as np
from sklearn.utils import check_random_state

from stefaland_sk._core import check_number, check_option
from stefaland_sk.model_selection._base import SiteSplitter
from stefaland_sk.model_selection._labels import is_mapping, labels_of_groups, labels_per_site


class SiteKFold(SiteSplitter):
    """Deal the sites into folds: the test of unseen sites (PUB).

    All days of a site are on one side. Prefer it to
    `sklearn.model_selection.KFold` on a long frame, which deals the days of
    one site to both sides and so tests interpolation in time; on a Panel, where a
    sample is a site, it adds the rules for unlabelled sites, folds that do not depend on
    the order of the sites, and published folds.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2. Not read if `folds` is given.
    shuffle : bool, default=True
        Whether to shuffle the sites first. Otherwise they are dealt in turn, in the
        order in which they stand in X.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling. With an int the same sites fall into the same folds in
        every call, whatever their order and whether X is a Panel or a long frame. None
        shuffles anew in each call and leaves numpy's global generator alone.
    folds : str, mapping or Series, default=None
        Folds that exist already: a column of the site table (a level of the index
        of a long frame), or a mapping from site identifier to fold. One fold is held
        out after the other, in increasing order.
    unlabelled : {"leave out", "test"}, default="leave out"
        What to do with the sites of the held-out fold whose target is all NaN: in
        neither part, or tested, so that the test parts together cover all samples as
        ``cross_val_predict`` demands.

    See Also
    --------
    LeaveRegionOut : Hold out regions, not single sites among their neighbours.
    camels_pub : The ten published folds of CAMELS-US.
    sklearn.model_selection.GroupKFold : The same for samples without sites.

    Notes
    -----
    Folds differ by at most one site. With `y`, the labelled sites are dealt first, then the
    unlabelled ones, so that folds differ by at most one labelled site as well.
    Unlabelled sites outside the held-out fold stay in training.

    ``groups=`` (one label per sample) keeps sites with the same label together,
    such as gauges on one river; folds are then as even as whole groups allow. Together with
    `folds` it is an error.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.data import Panel
    >>> from stefaland_sk.model_selection import SiteKFold
    >>> panel = Panel(pd.DataFrame({"area": [3.0, 8.0, 2.0, 5.0, 9.0]}, index=list("abcde")))
    >>> cv = SiteKFold(n_splits=2, random_state=0)
    >>> for train, test in cv.split(panel):
    ...     print("train", *panel.site_ids[train], "| test", *panel.site_ids[test])
    train a d | test b c e
    train b c e | test a d

    The folds can be looked at, saved, and given back:

    >>> folds = cv.site_folds(panel)
    >>> folds.to_dict()
    {'a': 1, 'b': 0, 'c': 0, 'd': 1, 'e': 0}
    >>> [test.tolist() for _, test in SiteKFold(folds=folds).split(panel)]
    [[1, 2, 4], [0, 3]]
    """

    def __init__(
        self, n_splits=5, *, shuffle=True, random_state=None, folds=None, unlabelled="leave out"
    ):
        if not (folds is None or isinstance(folds, str) or is_mapping(folds)):
            raise TypeError(
                "`folds` must be None, the name of a column, or a mapping from site to fold. "
                f"Got {type(folds).__name__}."
            )
        self.n_splits = int(check_number("n_splits", n_splits, low=2, integer=True))
        self.shuffle = check_option("shuffle", shuffle, [True, False])
        if random_state is not None and not shuffle:
            raise ValueError(
                "`random_state` has no effect with shuffle=False. Leave it out, or set "
                "shuffle=True."
            )
        self.random_state = random_state
        self.folds = folds
        self.unlabelled = check_option("unlabelled", unlabelled, ["leave out", "test"])

    def get_n_splits(self, X=None, y=None, groups=None):
        """Give the number of folds.

        Parameters
        ----------
        X : Panel, long DataFrame or table, default=None
            The samples; needed only with `folds`.
        y : array-like of shape (n_samples, ...), default=None
            Target; a published fold without labelled sites is not held out.
        groups : array-like of shape (n_samples,), default=None
            Not read here.

        Returns
        -------
        int
            `n_splits`, or the number of folds of which X has labelled sites.
        """
        return self.n_splits if self.folds is None else super().get_n_splits(X, y, groups)

    def _labels(self, X, samples, labelled, groups):
        """Give the fold of each site."""
        if self.folds is not None:
            if groups is not None:
                raise ValueError(
                    "`folds` says where each site is held out, so `groups` cannot keep sites "
                    "together. Leave one of them out."
                )
            return labels_per_site(X, samples, self.folds, (type(self).__name__, "folds"))
        units = np.array(samples.ids, dtype=object)
        if groups is not None:
            units = labels_of_groups(groups, samples)
        return deal(units, labelled, self.n_splits, as_generator(self.random_state), self.shuffle)


def deal(units, labelled, n_splits, generator=None, shuffle=True):
    """Deal units of sites, that stay together, to the emptiest fold each.

    Parameters
    ----------
    units : ndarray of object of shape (n_sites,)
        What each site belongs to.
    labelled : ndarray of bool of shape (n_sites,)
        Which sites have an observed target.
    n_splits : int
        Number of folds.
    generator : Generator or RandomState, default=None
        Shuffles the units; not read without `shuffle`.
    shuffle : bool, default=True
        Whether to shuffle them first.

    Returns
    -------
    ndarray of object of shape (n_sites,)
        Fold of each site, from 0.
    """
    names, unit = _order_of_appearance(units)
    n_sites = np.bincount(unit)
    n_labelled = np.bincount(unit, weights=labelled)
    _check_number_of_units(n_splits, n_labelled, n_sites)
    order = np.arange(len(names))
    if shuffle:
        # From a fixed order, so that the order of X does not matter.
        order = np.array(sorted(order, key=lambda i: str(names[i])))
        order = generator.permutation(order)
    # Large units first, as the last ones even out the folds.
    order = order[np.lexsort((-n_sites[order], -n_labelled[order]))]
    fold_of = np.empty(len(names), dtype=int)
    if (n_sites == 1).all():  # the loop below would deal them in turn, too
        fold_of[order] = np.arange(len(order)) % n_splits
        return fold_of[unit].astype(object)
    load = np.zeros((n_splits, 2))
    for i in order:
        # A labelled unit goes where few are labelled, any other where few sites are.
        by = (load[:, 1], load[:, 0]) if n_labelled[i] else (load[:, 1],)
        fold_of[i] = np.lexsort(by)[0]
        load[fold_of[i]] += n_labelled[i], n_sites[i]
    return fold_of[unit].astype(object)


def _check_number_of_units(n_splits, n_labelled, n_sites):
    """Raise unless each fold can have something to test."""
    n_useful = int((n_labelled > 0).sum())
    if n_splits <= n_useful:
        return
    grouped = len(n_sites) < n_sites.sum()
    what = "groups of sites" if grouped else "sites"
    raise ValueError(
        f"`n_splits`={n_splits} is greater than the number of {what} with an observed "
        f"target: {n_useful} of {len(n_sites)}. Use fewer folds."
    )


def _order_of_appearance(values):
    """Give the distinct values and the position of each value among them."""
    position = {}
    codes = np.array([position.setdefault(value, len(position)) for value in values])
    return list(position), codes


def as_generator(random_state):
    """Give a generator; None is fresh and, unlike scikit-learn's, not the global one."""
    if random_state is None or isinstance(random_state, np.random.Generator):
        return np.random.default_rng(random_state)
    return check_random_state(random_state)


def seed_of(random_state):
    """Draw a whole number from a seed or a generator, for those who take nothing else."""
    generator = as_generator(random_state)
    draw = getattr(generator, "integers", None) or generator.randint
    return int(draw(2**31 - 1))
