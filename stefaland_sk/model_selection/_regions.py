"""Hold out whole regions."""

from stefaland_sk._core import check_number, check_option
from stefaland_sk.model_selection._base import LeavePartOut
from stefaland_sk.model_selection._labels import is_mapping, labels_of_groups, labels_per_site


class LeaveRegionOut(LeavePartOut):
    """Hold out one region after the other: the test of unseen regions (PUR).

    All sites of a region, with all their days, are tested together by a model
    that was trained on the other regions. Prefer it to `SiteKFold` where the
    question is how a model does far from its training sites: sites dealt at random have
    neighbours in training, which flatters any model that can look them up.

    Parameters
    ----------
    regions : str, mapping or Series, default=None
        Where the region of a site stands. None means ``"region"``. A str names a
        column of the site table of a Panel, a level of the index of a long
        frame, or a column of a plain table. A mapping or Series from site
        identifier to region serves any X; further sites in it do no harm.
    only : list of regions, default=None
        Hold out only these, in this order; all other sites always train. None holds
        out every region, in increasing order.
    min_sites : int, default=1
        Hold out only regions with at least so many sites to test; sites of smaller ones always
        train. Scores of a few sites tell little, and each fold costs a fit.
    unlabelled : {"leave out", "test"}, default="leave out"
        What to do with the sites of the held-out region whose target is all NaN.
        By default they are in neither part, and a region without any labelled site makes
        no fold (with a `SplitWarning`). With ``"test"`` they are tested, so that the
        test parts together cover all samples, as ``cross_val_predict`` demands;
        scores skip them all the same, and are NaN for a region of such sites alone.

    See Also
    --------
    SiteKFold : Deal sites at random, or into published folds.
    camels_pur : The seven published regions of CAMELS-US.
    sklearn.model_selection.LeaveOneGroupOut : The same for samples without sites.

    Notes
    -----
    Unlabelled sites outside the held-out region stay in training, where only
    pretraining reads them. A site whose region is not known is an error: it might lie in the one
    held out.

    ``groups=`` (one region per sample, in the order of X) stands in for
    ``regions=None``; together with `regions` it is an error. Neither is needed in nested
    searches, since the inner splitter reads the regions from the X that it is given.
    Leave `only` off the inner splitter: the region that is held out outside is unknown inside.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.data import Panel
    >>> from stefaland_sk.model_selection import LeaveRegionOut
    >>> area = pd.DataFrame({"area": [3.0, 8.0, 2.0, 5.0, 9.0]}, index=list("abcde"))
    >>> region = ["alps", "taiga", "alps", "sahel", "taiga"]
    >>> panel = Panel(area, sites=pd.DataFrame({"region": region}, index=area.index))
    >>> for train, test in LeaveRegionOut().split(panel):
    ...     print("train", *panel.site_ids[train], "| test", *panel.site_ids[test])
    train b d e | test a c
    train a b c e | test d
    train a c d | test b e

    A site without any observation is trained on as long as its region is not held out:

    >>> y = [1.0, 2.0, float("nan"), 4.0, 5.0]  # nothing is known of site c
    >>> for train, test in LeaveRegionOut().split(panel, y):
    ...     print("train", *panel.site_ids[train], "| test", *panel.site_ids[test])
    train b d e | test a
    train a b c e | test d
    train a c d | test b e

    A region of few sites need not be held out:

    >>> [list(panel.site_ids[test]) for _, test in LeaveRegionOut(min_sites=2).split(panel)]
    [['a', 'c'], ['b', 'e']]

    In a long frame the folds are positions of rows:

    >>> days = pd.date_range("2000-10-01", periods=2)
    >>> index = pd.MultiIndex.from_product([list("abc"), days], names=["site", "time"])
    >>> rows = pd.DataFrame({"prcp": 1.0}, index=index)
    >>> cv = LeaveRegionOut({"a": "alps", "b": "taiga", "c": "alps"}, only=["taiga"])
    >>> next(cv.split(rows))
    (array([0, 1, 4, 5]), array([2, 3]))
    """

    _noun = "region"

    def __init__(self, regions=None, *, only=None, min_sites=1, unlabelled="leave out"):
        if not (regions is None or isinstance(regions, str) or is_mapping(regions)):
            raise TypeError(
                "`regions` must be None, the name of a column, or a mapping from site to region. "
                f"Got {type(regions).__name__}. One region per sample goes to "
                "`split(X, y, groups=...)`."
            )
        self.regions = regions
        self.only = only
        self.min_sites = int(check_number("min_sites", min_sites, low=1, integer=True))
        self.unlabelled = check_option("unlabelled", unlabelled, ["leave out", "test"])

    def _labels(self, X, samples, labelled, groups):
        """Give the region of each site."""
        if groups is None:
            source = "region" if self.regions is None else self.regions
            return labels_per_site(X, samples, source, (type(self).__name__, "regions"))
        if self.regions is not None:
            raise ValueError(
                "The regions are given twice, by `regions` of LeaveRegionOut and by `groups`. "
                "Leave one of them out."
            )
        return labels_of_groups(groups, samples)

    def _chosen(self, labels, n_tested):
        """Give the regions asked for that are large enough."""
        chosen = super()._chosen(labels, n_tested)
        large = [label for label in chosen if n_tested[label] >= self.min_sites]
        if not large:
            most = max(chosen, key=n_tested.get)
            raise ValueError(
                f"No region has {self.min_sites} sites to test, as `min_sites` asks; the largest, "
                f"{most!r}, has {n_tested[most]}."
            )
        return large
