"""Hold out clusters of sites that are alike."""

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import (
    adjusted_rand_score,
    normalized_mutual_info_score,
    silhouette_score,
)

from stefaland_sk._core import check_number, check_option
from stefaland_sk.model_selection._base import LeavePartOut, short_repr
from stefaland_sk.model_selection._labels import as_lookup, is_mapping
from stefaland_sk.model_selection._sites import seed_of
from stefaland_sk.model_selection._spaces import AttributeSpace, attributes_of

_MOST_FOR_SILHOUETTE = 3000  # sites; the coefficient needs all pairs of them


class LeaveClusterOut(LeavePartOut):
    """Hold out one cluster of similar sites after the other: the test of unseen kinds of land.

    Sites are clustered by their standardised attributes, or by embeddings, with k-means. A
    cluster is tested by a model that has learned from all others, so that it meets climates, soils
    or rocks that it has not seen, wherever they lie. Prefer it to `LeaveRegionOut` where
    the question is transfer to another kind of landscape rather than to another place.

    Parameters
    ----------
    n_clusters : int or "auto", default="auto"
        Number of clusters. "auto" takes the one with the largest mean silhouette coefficient out
        of `auto_range`.
    attributes : list of str, default=None
        Attributes to cluster by. None takes all numeric attributes of X but coordinates.
    embeddings : DataFrame of shape (n_sites, n_dimensions), default=None
        Vectors to cluster by in place of attributes, indexed by site; further sites in it do no
        harm.
    auto_range : tuple of two int, default=(4, 12)
        Fewest and most clusters that "auto" tries [1]_; never more than there are distinct sites,
        less one.
    n_init : int, default=10
        Number of starts of k-means, of which the best is kept.
    only : list of int, default=None
        Hold out only these clusters; all other sites always train.
    unlabelled : {"leave out", "test"}, default="leave out"
        As for `LeaveRegionOut`.
    random_state : int, RandomState instance or None, default=0
        Seed of k-means. With an int the clusters depend neither on the order nor on the form of X.

    Attributes
    ----------
    labels_ : Series of int of length n_sites
        Cluster of each site, from the largest (0) to the smallest, of the last call of `split`,
        `get_n_splits` or `site_folds`.
    silhouette_ : Series indexed by number of clusters
        Mean silhouette coefficient of each number that was tried; one entry if it was given.

    See Also
    --------
    compare_groupings : How far the clusters agree with climate classes, regions or folds.
    LeaveRegionOut : Hold out places.
    split_report : How far the clusters are from each other, in km and by attributes.

    Notes
    -----
    Only inputs are read, of all sites, never the target. A missing attribute stands at the mean.
    With more than 3,000 sites the silhouette coefficient is that of 3,000 drawn ones.

    In a nested search the inner splitter clusters the sites of its own training part anew.

    References
    ----------
    .. [1] Rousseeuw, P. J. (1987). Silhouettes: a graphical aid to the interpretation and
       validation of cluster analysis. J. Comput. Appl. Math., 20, 53-65.
       doi:10.1016/0377-0427(87)90125-7

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.model_selection import LeaveClusterOut
    >>> X = pd.DataFrame(
    ...     {"aridity": [0.4, 2.1, 0.5, 2.0, 2.2], "snow": [0.6, 0.0, 0.5, 0.1, 0.0]},
    ...     index=list("abcde"))
    >>> cv = LeaveClusterOut(n_clusters=2)
    >>> [test.tolist() for train, test in cv.split(X)]
    [[1, 3, 4], [0, 2]]
    >>> cv.labels_.to_dict()
    {'a': 1, 'b': 0, 'c': 1, 'd': 0, 'e': 0}
    """

    _noun = "cluster"

    def __init__(
        self,
        n_clusters="auto",
        *,
        attributes=None,
        embeddings=None,
        auto_range=(4, 12),
        n_init=10,
        only=None,
        unlabelled="leave out",
        random_state=0,
    ):
        if isinstance(n_clusters, str):
            check_option("n_clusters", n_clusters, ["auto"])
        else:
            check_number("n_clusters", n_clusters, low=2, integer=True)
        if attributes is not None and embeddings is not None:
            raise ValueError(
                "`attributes` and `embeddings` are both given, and sites are clustered by one of "
                "them. Leave the other out."
            )
        if embeddings is not None and not isinstance(embeddings, pd.DataFrame):
            raise TypeError(
                "`embeddings` must be a DataFrame with one row per site, indexed by site. Got "
                f"{type(embeddings).__name__}."
            )
        self.n_clusters = n_clusters
        self.attributes = attributes
        self.embeddings = embeddings
        self.auto_range = _check_range(auto_range)
        self.n_init = int(check_number("n_init", n_init, low=1, integer=True))
        self.only = only
        self.unlabelled = check_option("unlabelled", unlabelled, ["leave out", "test"])
        self.random_state = random_state

    def __repr__(self):
        return short_repr(self)

    def _labels(self, X, samples, labelled, groups):
        """Cluster the sites."""
        if groups is not None:
            raise ValueError(
                "LeaveClusterOut makes its own groups, of sites that are alike; it takes no "
                "`groups`. Use LeaveRegionOut() for groups that exist."
            )
        table = self._table(X, samples)
        points = AttributeSpace(table).points(table)
        order = np.argsort(samples.ids.to_numpy(dtype=object), kind="stable")
        found, self.silhouette_ = self._cluster(points[order])
        labels = np.empty(len(order), dtype=int)
        labels[order] = _by_size(found)
        ids = pd.Index(samples.ids, name="site")
        self.labels_ = pd.Series(labels, index=ids, name=self._noun)
        return labels.astype(object)

    def _table(self, X, samples):
        """Give the vectors to cluster by, one per site."""
        asker = (type(self).__name__, "attributes")
        if self.embeddings is None:
            return attributes_of(X, samples, asker, self.attributes)
        rows = as_lookup(
            pd.Series(range(len(self.embeddings)), index=self.embeddings.index), "embeddings"
        )
        missing = [site for site in samples.ids if site not in rows]
        if missing:
            raise ValueError(
                f"`embeddings` has no row for {len(missing)} of {len(samples.ids)} sites, for "
                f"example {missing[:3]}. Sites are compared as strings: '01013500' and '1013500' "
                "differ."
            )
        table = self.embeddings.iloc[[rows[site] for site in samples.ids]]
        try:
            return table.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"`embeddings` must hold numbers only: {error}.") from error

    def _cluster(self, points):
        """Give the cluster of each point, and the silhouette of what was tried."""
        n_distinct = len(np.unique(points, axis=0))
        seed = seed_of(self.random_state)
        if self.n_clusters != "auto":
            tried = [self.n_clusters]
        else:
            low, high = self.auto_range
            high = min(high, n_distinct - 1)
            tried = list(range(min(low, max(high, 2)), high + 1))
        if not tried or max(tried) > n_distinct:
            wanted = self.n_clusters if self.n_clusters != "auto" else "two or more"
            raise ValueError(
                f"LeaveClusterOut cannot make {wanted} clusters of {n_distinct} distinct sites. "
                "Use fewer clusters, or other attributes."
            )
        labels, scores = {}, {}
        for k in tried:
            means = KMeans(k, n_init=self.n_init, random_state=seed)
            labels[k] = means.fit_predict(points)
            scores[k] = _silhouette(points, labels[k], seed)
        scores = pd.Series(scores, name="silhouette").rename_axis("n_clusters")
        return labels[scores.fillna(-np.inf).idxmax()], scores


def compare_groupings(one, other):
    """Tell how far two groupings of the same sites agree.

    Parameters
    ----------
    one, other : Series or mapping from site to label
        Such as `labels_` of a `LeaveClusterOut`, what ``cv.site_folds(X)`` gives, or a column of
        the site table. Sites that one of them lacks are left out.

    Returns
    -------
    Series
        ``ari``: adjusted Rand index [1]_, 1 for the same groups, about 0 for groups at random;
        ``nmi``: normalised mutual information, from 0 to 1; ``n_sites``: number of sites that
        have both.

    Raises
    ------
    ValueError
        If the groupings share no site.
    TypeError
        If one of them is no mapping.

    See Also
    --------
    LeaveClusterOut : Clusters to compare.

    References
    ----------
    .. [1] Hubert, L. and Arabie, P. (1985). Comparing partitions. J. Classif., 2, 193-218.
       doi:10.1007/BF01908075

    Examples
    --------
    >>> from stefaland_sk.model_selection import compare_groupings
    >>> compare_groupings({"a": 0, "b": 0, "c": 1}, {"c": "wet", "a": "dry", "b": "dry"}).tolist()
    [1.0, 1.0, 3.0]
    """
    lookups = []
    for name, grouping in (("one", one), ("other", other)):
        if not is_mapping(grouping):
            raise TypeError(
                f"`{name}` must be a Series or a mapping from site to label. Got "
                f"{type(grouping).__name__}."
            )
        lookup = as_lookup(grouping, name)
        lookups.append({site: label for site, label in lookup.items() if not pd.isna(label)})
    shared = [site for site in lookups[0] if site in lookups[1]]
    if not shared:
        raise ValueError(
            f"The two groupings share no site: `one` has {list(lookups[0])[:3]}, `other` "
            f"{list(lookups[1])[:3]}. Sites are compared as strings."
        )
    labels = [pd.factorize(pd.Series([lookup[site] for site in shared]))[0] for lookup in lookups]
    values = {
        "ari": adjusted_rand_score(*labels),
        "nmi": normalized_mutual_info_score(*labels),
        "n_sites": len(shared),
    }
    return pd.Series(values, name="agreement")


def _check_range(auto_range):
    """Raise unless the range holds two whole numbers in order."""
    try:
        low, high = auto_range
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`auto_range` must be a pair of whole numbers such as (4, 12). Got {auto_range!r}."
        ) from error
    check_number("auto_range", low, low=2, integer=True)
    check_number("auto_range", high, low=low, integer=True)
    return auto_range


def _silhouette(points, labels, seed):
    """Give the mean silhouette coefficient, of some of many points."""
    if not 1 < len(np.unique(labels)) < len(labels):
        return np.nan
    size = _MOST_FOR_SILHOUETTE if len(points) > _MOST_FOR_SILHOUETTE else None
    return silhouette_score(points, labels, sample_size=size, random_state=seed)


def _by_size(labels):
    """Number clusters from the largest to the smallest, equal ones in order of appearance."""
    values, first, counts = np.unique(labels, return_index=True, return_counts=True)
    rank = np.empty(values.max() + 1, dtype=int)
    rank[values[np.lexsort((first, -counts))]] = np.arange(len(values))
    return rank[labels]
