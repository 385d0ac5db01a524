"""Folds as far from their training sites as the places that predictions are wanted for."""

import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance
from sklearn.cluster import KMeans

from stefaland_sk._core import check_number, check_option
from stefaland_sk.data import find_places
from stefaland_sk.data._globe import Globe
from stefaland_sk.data._places import check_places
from stefaland_sk.model_selection._base import SiteSplitter, listed, samples_of, short_repr
from stefaland_sk.model_selection._sites import as_generator, deal, seed_of
from stefaland_sk.model_selection._spaces import (
    AttributeSpace,
    attributes_of,
    find_attributes,
    one_row_per_site,
    places_of,
)

_MOST_CLUSTERS = 1000  # k-means with more takes longer than it is worth: sites one by one come next
_N_CANDIDATES = 16


class KNNDMSplit(SiteSplitter):
    """Folds whose test sites lie as far from training as the places to be predicted do.

    A model is made to predict certain places: all basins of a country, every cell of a map.
    How far these lie from the observed sites says how far test sites should lie from
    training sites. Random folds are too easy where sites are clustered, whole regions
    too hard where the places lie between the sites. This splitter deals clusters of sites
    into folds, with clusters of several sizes, and takes the dealing under which the
    distances from test to training sites are distributed most like those from the
    places to the sites (k-fold nearest neighbour distance matching [1]_ [2]_).

    Parameters
    ----------
    prediction_sites : DataFrame or Panel
        Where predictions are wanted: one row or site each, with ``lat`` and ``lon``
        [degrees], or with the attributes of X if ``space="attributes"``.
    n_splits : int, default=5
        Number of folds, at least 2. They have about as many labelled sites each, as far as whole
        clusters allow.
    space : {"geographic", "attributes"}, default="geographic"
        Where distances are taken: along the globe [km], or between standardised attributes
        (root mean square over attributes, in standard deviations of the sites of X).
    attributes : list of str, default=None
        Attributes that span the space, with ``space="attributes"``. None takes all numeric
        ones that X and `prediction_sites` share, but coordinates.
    max_share : float, default=0.5
        Largest share of the labelled sites that a fold may hold (``maxp`` of [1]_), above
        ``1 / n_splits``. A dealing with a larger fold is not chosen, however well it matches:
        there would be little left to train on, and one fold would make the score. 1 sets no
        limit.
    unlabelled : {"leave out", "test"}, default="leave out"
        As for `SiteKFold`.
    random_state : int, RandomState instance or None, default=0
        Seed of clusters and dealing. With an int the folds depend neither on the order nor on
        the form of X.

    Attributes
    ----------
    w_ : float
        Wasserstein distance (area between the two distribution functions, in km or standard
        deviations) of the folds chosen, of the last call of `split` or `site_folds`. 0 is a
        perfect match.
    candidates_ : DataFrame indexed by n_clusters
        ``w`` of every number of clusters that was tried, ``test_median``, the median distance
        from test to training sites, and ``largest``, the share of the labelled sites in the
        largest fold; as many clusters as sites is a random k-fold.
    prediction_median_ : float
        Median distance from the prediction sites to the sites of X.

    See Also
    --------
    SiteKFold : Random folds: the answer where the sites are a random sample of the places.
    split_report : Tells W of any splitter, with ``prediction_sites=``.

    Notes
    -----
    Clusters are those of k-means, dealt largest first to the fold with the fewest labelled sites.
    Distances are those of labelled sites; with `y` given, sites without target do not count.
    Random folds are as even as can be, so there is always a dealing to choose.

    If even the largest clusters are too near, W stays large: then the places are unlike any
    site, and no split of these sites can test them. If random folds are too far already, they
    are what is chosen.

    References
    ----------
    .. [1] Linnenbrink, J., Milà, C., Ludwig, M. and Meyer, H. (2024). kNNDM CV: k-fold
       nearest-neighbour distance matching cross-validation for map accuracy estimation.
       Geosci. Model Dev., 17, 5897-5912. doi:10.5194/gmd-17-5897-2024
    .. [2] Milà, C., Mateu, J., Pebesma, E. and Meyer, H. (2022). Nearest neighbour distance
       matching leave-one-out cross-validation for map validation. Methods Ecol. Evol., 13,
       1304-1316. doi:10.1111/2041-210X.13851

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from stefaland_sk.model_selection import KNNDMSplit
    >>> rng = np.random.default_rng(0)
    >>> towns = rng.uniform([40, 0], [50, 10], (10, 2))  # samples crowd round ten towns
    >>> sites = pd.DataFrame(
    ...     np.repeat(towns, 10, axis=0) + rng.normal(0, 0.05, (100, 2)), columns=["lat", "lon"])
    >>> country = pd.DataFrame(rng.uniform([40, 0], [50, 10], (500, 2)), columns=["lat", "lon"])
    >>> cv = KNNDMSplit(country, n_splits=5)
    >>> folds = cv.site_folds(sites)
    >>> table = cv.candidates_
    >>> bool(table.loc[100, "test_median"] < 5)  # 100 clusters of a site each: random folds
    True
    >>> bool(cv.prediction_median_ > 100), bool(cv.w_ < 0.5 * table.loc[100, "w"])
    (True, True)
    """

    def __init__(
        self,
        prediction_sites,
        n_splits=5,
        *,
        space="geographic",
        attributes=None,
        max_share=0.5,
        unlabelled="leave out",
        random_state=0,
    ):
        self.prediction_sites = prediction_sites
        self.n_splits = int(check_number("n_splits", n_splits, low=2, integer=True))
        self.space = check_option("space", space, ["geographic", "attributes"])
        if attributes is not None and space == "geographic":
            raise ValueError(
                '`attributes` are not read with space="geographic". Leave them out, or set '
                'space="attributes".'
            )
        self.attributes = attributes
        self.max_share = check_number("max_share", max_share, low=0, high=1)
        if max_share * self.n_splits <= 1:
            raise ValueError(
                f"`max_share` must be above 1 / n_splits = {1 / self.n_splits:.3g}, the share of "
                f"even folds. Got {max_share} instead; give more, such as max_share=0.75."
            )
        self.unlabelled = check_option("unlabelled", unlabelled, ["leave out", "test"])
        self.random_state = random_state

    def __repr__(self):
        return short_repr(self)

    def get_n_splits(self, X=None, y=None, groups=None):
        """Give the number of folds.

        Parameters
        ----------
        X, y, groups
            Not read.

        Returns
        -------
        int
            `n_splits`.
        """
        return self.n_splits

    def _labels(self, X, samples, labelled, groups):
        """Give the fold of each site under the best of some dealings."""
        if groups is not None:
            raise ValueError(
                "KNNDMSplit chooses by distance which sites stay together; it takes no `groups`. "
                "Use SiteKFold(n_splits=...) for groups that exist."
            )
        gap = DistancesToPredict(
            X, samples, self.prediction_sites, self.space, self.attributes, type(self).__name__
        )
        order = np.argsort(samples.ids.to_numpy(dtype=object), kind="stable")
        points, known = gap.points[order], labelled[order]
        wanted = gap.to(points[known])
        self.prediction_median_ = float(np.median(wanted))
        generator = as_generator(self.random_state)
        best, rows = None, {}
        for n_clusters, clusters in _dealings(points, self.n_splits, known, generator):
            folds = deal(clusters, known, self.n_splits, generator).astype(int)
            test = distances_between_folds(gap.space, points[known], folds[known])
            w = wasserstein_distance(test, wanted)
            largest = np.bincount(folds[known]).max() / known.sum()
            rows[n_clusters] = {"w": w, "test_median": np.median(test), "largest": largest}
            allowed = largest <= self.max_share or n_clusters == len(points)
            if allowed and (best is None or w < best[0]):
                best = w, folds
        self.candidates_ = pd.DataFrame.from_dict(rows, orient="index").rename_axis("n_clusters")
        self.w_ = float(best[0])
        labels = np.empty(len(order), dtype=int)
        labels[order] = best[1]
        return labels.astype(object)


class DistancesToPredict:
    """How far places to be predicted lie from sites, in one of the two spaces.

    Parameters
    ----------
    X, samples
        Sites with a target, as splitters see them.
    prediction_sites : DataFrame, Panel or array
        Places to be predicted.
    space : {"geographic", "attributes"}
        Where distances are taken.
    attributes : list of str or None
        Attributes that span the space.
    asker : str
        Who asks, for messages.
    """

    def __init__(self, X, samples, prediction_sites, space, attributes, asker):
        others = samples_of(prediction_sites, f"{asker}: `prediction_sites`")
        if not len(others.ids):
            raise ValueError(f"`prediction_sites` of {asker} holds no site.")
        of = "`prediction_sites`"
        if space == "geographic":
            self.space = Globe()
            self.points = self.space.points(places_of(X, samples, asker))
            places = one_row_per_site(find_places(prediction_sites), others)
            self.wanted = self.space.points(check_places(places, asker, of))
            return
        table = attributes_of(X, samples, (asker, "attributes"), attributes)
        there = find_attributes(prediction_sites, others)
        missing = [name for name in table if name not in there]
        shared = [name for name in table if name in there]
        if not shared or (attributes is not None and missing):
            raise ValueError(
                f"`prediction_sites` of {asker} lacks the attributes {listed(missing)}; it has "
                f"{list(there.columns)[:20]}. Give the same variables as X."
            )
        self.space = AttributeSpace(table[shared])
        self.points = self.space.points(table[shared])
        self.wanted = self.space.points(there[shared])

    def to(self, points):
        """Give the distance from each place to be predicted to the nearest of these points."""
        return self.space.nearest(self.wanted, points)[0]


def distances_between_folds(space, points, folds):
    """Give the distance of each point to the nearest one of another fold."""
    found = np.empty(len(points))
    for fold in np.unique(folds):
        inside = folds == fold
        found[inside] = space.nearest(points[inside], points[~inside])[0]
    return found


def _dealings(points, n_splits, labelled, generator):
    """Cluster the sites more and more finely; at last each is a cluster of its own."""
    n_sites = len(points)
    most = min(n_sites // 2, _MOST_CLUSTERS)
    seed = seed_of(generator)
    n_distinct = len(np.unique(points, axis=0))
    if most > n_splits:
        counts = np.unique(np.geomspace(n_splits, most, _N_CANDIDATES).round().astype(int))
        for n_clusters in counts[counts < n_distinct]:
            means = KMeans(int(n_clusters), n_init=1, max_iter=30, random_state=seed)
            clusters = means.fit_predict(points)
            if len(np.unique(clusters[labelled])) >= n_splits:
                yield int(n_clusters), clusters.astype(object)
    yield n_sites, np.arange(n_sites).astype(object)
