"""Leave the surroundings of the test sites out of training."""

import numpy as np
from sklearn.model_selection import BaseCrossValidator

from stefaland_sk._core import check_number
from stefaland_sk.data import is_labelled
from stefaland_sk.data._globe import Globe
from stefaland_sk.model_selection._base import (
    check_splitter,
    named_folds,
    samples_of,
    short_repr,
    sites_among,
)
from stefaland_sk.model_selection._spaces import places_of


class BufferedSplit(BaseCrossValidator):
    """Any split over sites, without the training sites that lie near a test site.

    Sites a few kilometres off share weather, and often water, with the site that is tested. A
    buffer takes them out of training, so that the score tells how a model does at least that far
    from the nearest site it has learned from.

    Parameters
    ----------
    cv : splitter
        Which sites are tested: a splitter of this package or of scikit-learn.
    buffer_km : float
        Great-circle distance [km]. Training sites nearer than this to any test site of the fold
        are in neither part.

    See Also
    --------
    LeaveRegionOut : Whole regions at once; a buffer then keeps off their borders.
    split_report : How far test sites are from training sites, fold by fold.

    Notes
    -----
    X must tell where its sites lie: columns ``lat`` and ``lon`` of the site table or among the
    attributes. The buffer costs training sites, so compare its score with that of a split that
    loses as many sites at random before blaming the distance alone.

    The range over which the errors of a model are alike is a reasoned choice of the distance [1]_.

    References
    ----------
    .. [1] Roberts, D. R. et al. (2017). Cross-validation strategies for data with temporal,
       spatial, hierarchical, or phylogenetic structure. Ecography, 40, 913-929.
       doi:10.1111/ecog.02881

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.model_selection import BufferedSplit, SiteKFold
    >>> places = pd.DataFrame({"lat": 0.0, "lon": [0.0, 0.1, 5.0, 5.1]}, index=list("abcd"))
    >>> cv = SiteKFold(folds={"a": 0, "b": 1, "c": 1, "d": 1})
    >>> next(cv.split(places))
    (array([1, 2, 3]), array([0]))
    >>> next(BufferedSplit(cv, buffer_km=20).split(places))  # site b is 11 km away
    (array([2, 3]), array([0]))
    """

    # Routed only if the caller passes groups, as for the splitters over sites.
    __metadata_request__split = {"groups": True}  # noqa: RUF012 - scikit-learn reads this name

    def __init__(self, cv, buffer_km):
        self.cv = check_splitter(cv, "cv", type(self).__name__)
        self.buffer_km = check_number("buffer_km", buffer_km, low=0)

    def split(self, X, y=None, groups=None):
        """Generate the positions of the samples to train on and to test.

        Parameters
        ----------
        X : Panel, long DataFrame or table
            The samples, of sites whose places are known.
        y : array-like of shape (n_samples, ...), default=None
            Target, for `cv`.
        groups : array-like of shape (n_samples,), default=None
            Groups, for `cv`.

        Yields
        ------
        train, test : ndarray of int
            Positions of samples, increasing.

        Raises
        ------
        ValueError
            If a place is unknown, or a fold keeps no labelled site to train on.
        """
        for _, train, test in self.named_folds(X, y, groups):
            yield train, test

    def named_folds(self, X, y=None, groups=None):
        """Generate the folds as `split` does, each with its label.

        Parameters
        ----------
        X, y, groups
            As for `split`.

        Yields
        ------
        label : object
            What `cv` calls the part that is held out, or the number of the fold.
        train, test : ndarray of int
            Positions of samples.
        """
        samples = samples_of(X, type(self).__name__)
        globe = Globe()
        points = globe.points(places_of(X, samples, type(self).__name__))
        labelled = None if y is None else _labelled_samples(X, y, samples)
        codes = samples.codes
        for label, train, test in named_folds(self.cv, X, y, groups):
            tested = sites_among(samples, test)
            near = globe.within(points, points[tested], self.buffer_km)
            near[tested] |= self.buffer_km > 0
            kept = train[~near[codes[train]]]
            if not len(kept) or (labelled is not None and not labelled[kept].any()):
                there = np.setdiff1d(sites_among(samples, train), tested)
                off = globe.nearest(points[there], points[tested])[0].max() if len(there) else 0.0
                raise ValueError(
                    f"The buffer of {self.buffer_km:g} km leaves no "
                    f"{'' if labelled is None else 'labelled '}site to train on in fold "
                    f"{label!r}, whose farthest training site lies {off:.0f} km from a test "
                    "site. Use a smaller `buffer_km`, or test fewer sites at once."
                )
            yield label, kept, test

    def __repr__(self):
        return short_repr(self)

    def get_n_splits(self, X=None, y=None, groups=None):
        """Give the number of folds: that of `cv`.

        Parameters
        ----------
        X, y, groups
            As for `split`.

        Returns
        -------
        int
            Number of folds.
        """
        return self.cv.get_n_splits(X, y, groups)


def _labelled_samples(X, y, samples):
    """Tell for each sample whether its site has any observed target."""
    labelled = is_labelled(X, y)
    if len(labelled) != len(samples.ids):  # copies of a site count one by one on a panel
        return labelled
    return labelled[samples.codes]
