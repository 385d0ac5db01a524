"""Splits that only a comparison needs, which says which days are trained on and which scored."""

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator

from stefaland_sk._core import check_number
from stefaland_sk.data import is_labelled
from stefaland_sk.judging import DonorSelector


class OtherYears(BaseCrossValidator):
    """Train and test at all sites: what differs are the days, by the periods of the protocol.

    For a `Protocol` with a `fit_period` and a `score_period` that do not overlap, which refuses
    it otherwise. Anywhere else it would test what was trained on.

    See Also
    --------
    stefaland_sk.model_selection.SiteKFold : Test sites that were not trained on.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> [(train.tolist(), test.tolist()) for train, test in OtherYears().split(X, y)]
    [([0, 1, 2, 3], [0, 1, 2, 3])]
    """

    def split(self, X, y=None, groups=None):
        """Give the one pair of all sites and all labelled sites.

        Parameters
        ----------
        X : Panel
            Sites.
        y : array-like of shape (n_sites, ...), default=None
            Target; sites without any are not tested.
        groups : object, default=None
            Not used.

        Yields
        ------
        train, test : ndarray of int
            Positions of sites.
        """
        yield np.arange(len(X)), np.flatnonzero(is_labelled(X, y))

    def get_n_splits(self, X=None, y=None, groups=None):
        """Give 1.

        Parameters
        ----------
        X : Panel
            Sites.
        y : array-like of shape (n_sites, ...), default=None
            Target; sites without any are not tested.
        groups : object, default=None
            Not used.

        Returns
        -------
        int
            1.
        """
        return 1


class DonorSplit(BaseCrossValidator):
    """Test one site after the other by a model trained on the sites most like it.

    With several numbers of donors this is the experiment of donor scaling; `run` keeps each
    trained model's score, and trains several at the same time.

    Parameters
    ----------
    n_donors : int or None
        Sites to train on; None takes all others.
    features : object, default=None
        By what sites are compared, as for `DonorSelector`: None by attributes, "random",
        "place", a table or an encoder.
    n_targets : int, default=None
        Number of sites tested, evenly spaced in the order of their identifiers; None tests all.
    random_state : int, default=0
        Seed of "random".

    See Also
    --------
    stefaland_sk.judging.donor_scaling_curve : The same for one model, without keeping folds.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=6, n_years=1, n_regions=2, random_state=0)
    >>> for train, test in DonorSplit(2, n_targets=2).split(X, y):
    ...     print(len(train), test.tolist())
    2 [0]
    2 [3]
    """

    def __init__(self, n_donors, *, features=None, n_targets=None, random_state=0):
        self.n_donors = check_number("n_donors", n_donors, low=1, integer=True, none=True)
        self.features = features
        self.n_targets = check_number("n_targets", n_targets, low=1, integer=True, none=True)
        self.random_state = random_state

    def split(self, X, y=None, groups=None):
        """Give the donors and the site of each target.

        Parameters
        ----------
        X : Panel
            Sites.
        y : array-like of shape (n_sites, ...), default=None
            Target; sites without any are not tested.
        groups : object, default=None
            Not used.

        Yields
        ------
        train, test : ndarray of int
            Positions of sites.
        """
        labelled = np.flatnonzero(is_labelled(X, y))
        candidates = X[labelled]
        selector = DonorSelector(
            self.n_donors,
            features=self.features,
            metric="cosine",
            exclude="site",
            random_state=self.random_state,
        ).fit(candidates)
        targets = self._targets(X, y)
        chosen = selector.select(X[targets])
        for target, donors in zip(targets, chosen.positions, strict=True):
            yield np.sort(labelled[donors]), np.array([target])

    def get_n_splits(self, X=None, y=None, groups=None):
        """Give the number of targets.

        Parameters
        ----------
        X : Panel
            Sites.
        y : array-like of shape (n_sites, ...), default=None
            Target; sites without any are not tested.
        groups : object, default=None
            Not used.

        Returns
        -------
        int
            Number of folds.
        """
        return len(self._targets(X, y))

    def site_folds(self, X, y=None, groups=None):
        """Name the fold of each site: by the site.

        Parameters
        ----------
        X : Panel
            Sites.
        y : array-like of shape (n_sites, ...), default=None
            Target; sites without any are not tested.
        groups : object, default=None
            Not used.

        Returns
        -------
        Series of length n_sites
            The identifier of each site.
        """
        return pd.Series(list(X.site_ids), index=X.site_ids)

    def _targets(self, X, y):
        """Give the positions of the sites that are tested."""
        labelled = np.flatnonzero(is_labelled(X, y))
        if self.n_targets is None or self.n_targets >= len(labelled):
            return labelled
        order = labelled[np.argsort(X.site_ids[labelled], kind="stable")]
        places = np.arange(self.n_targets) * len(order) // self.n_targets
        return np.sort(order[places])
