"""Splits that only a comparison needs, which says which days are trained on and which scored."""

import numpy as np
from sklearn.model_selection import BaseCrossValidator

from stefaland_sk.data import is_labelled


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
        """Give the one pair of all sites and all labelled sites."""
        yield np.arange(len(X)), np.flatnonzero(is_labelled(X, y))

    def get_n_splits(self, X=None, y=None, groups=None):
        """Give 1."""
        return 1
