"""Sites that lend to another: which ones, how alike they are, and by what."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from stefaland_sk._core import check_number, check_option
from stefaland_sk.data import site_of_samples
from stefaland_sk.judging._features import kilometres, places, site_features, site_scaling
from stefaland_sk.judging._samples import checked_table, read_regions

_WORDS = ("place", "random")


@dataclass(frozen=True, eq=False)
class DonorSelection:
    """The donors of each site, the most alike first; made by `DonorSelector.select`.

    Attributes
    ----------
    sites : Index of str
        The sites that look for donors.
    positions : ndarray of int of shape (n_sites, n_donors)
        Positions of their donors among the sites that the selector was fitted on.
    distances : ndarray of float of shape (n_sites, n_donors)
        How unlike they are: distance of scaled features, 1 - cosine, or kilometres; NaN for
        donors drawn at random.
    donors : ndarray of str of shape (n_sites, n_donors)
        Identifiers of the donors.

    See Also
    --------
    DonorSelector : Makes it.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=6, n_years=1, n_regions=2, random_state=0)
    >>> DonorSelector(n_donors=2).fit(X[:4]).select(X[4:]).donors.shape
    (2, 2)
    """

    sites: pd.Index
    positions: np.ndarray
    distances: np.ndarray
    donors: np.ndarray
    _explain: object = None

    def frame(self, n_features=3):
        """List donors, how far they are, and by what they are unlike.

        Parameters
        ----------
        n_features : int, default=3
            Features named of each pair: those that differ most, with the difference in
            standard deviations of the donors. 0 names none.

        Returns
        -------
        DataFrame
            One row per site and donor: ``site``, ``rank`` (1 is the most alike), ``donor``,
            ``distance``, and ``differs_by``, such as ``"aridity +1.2, slope_mean -0.8"``.

        Examples
        --------
        >>> from stefaland_sk.datasets import make_catchments
        >>> X, y = make_catchments(n_sites=6, n_years=1, n_regions=2, random_state=0)
        >>> table = DonorSelector(n_donors=2).fit(X[:4]).select(X[4:]).frame()
        >>> table.columns.tolist()
        ['site', 'rank', 'donor', 'distance', 'differs_by']
        """
        check_number("n_features", n_features, low=0, integer=True)
        n_sites, n_donors = self.positions.shape
        table = pd.DataFrame(
            {
                "site": np.repeat(np.asarray(self.sites), n_donors),
                "rank": np.tile(np.arange(1, n_donors + 1), n_sites),
                "donor": self.donors.ravel(),
                "distance": self.distances.ravel(),
            }
        )
        if self._explain is None or not n_features:
            return table
        names, here, there = self._explain
        apart = here[:, None, :] - there[self.positions]  # site minus donor
        apart = apart.reshape(-1, apart.shape[-1])
        most = np.argsort(-np.abs(apart), axis=1, kind="stable")[:, :n_features]
        table["differs_by"] = [
            ", ".join(f"{names[i]} {row[i]:+.1f}" for i in chosen)
            for row, chosen in zip(apart, most, strict=True)
        ]
        return table


class DonorSelector(BaseEstimator):
    """Find for each site the sites that are most alike.

    The way of donors is the oldest of prediction in ungauged basins [1]_: what is not
    known of a site is taken from the sites most like it.

    Parameters
    ----------
    n_donors : int or None, default=5
        Donors per site; None means all, in the order of their likeness.
    features : None, list of str, DataFrame, encoder, transformer, "place" or "random", default=None
        By what sites are compared: None by all attributes, a list by some; a DataFrame indexed
        by site by its columns, such as embeddings; an `Encoder`, or a fitted transformer that
        gives one row per site (``StefaLandTransformer(pool="mean")``), by features; "place" by the
        distance on the ground (``lat`` and ``lon`` of the site table); "random" draws.
    metric : {"euclidean", "cosine"}, default="euclidean"
        Of features, standardised over the donors; a missing one counts as average.
    exclude : {None, "site", "region"}, default=None
        Who may not be a donor: the site itself (by identifier), or all sites of its region,
        which is what a region without gauges is like.
    regions : str, mapping or Series, default=None
        Where the region of a site stands, as for `LeaveRegionOut`.
    random_state : int, RandomState or None, default=None
        Seed of "random". The draw of a site depends on its identifier, not on other sites.

    Attributes
    ----------
    donor_ids_ : Index of str
        The sites that can be donors.
    feature_names_ : list of str
        What they are compared by; empty for "place" and "random".

    Raises
    ------
    ValueError
        If there are fewer donors than asked for, or what they are compared by is missing.

    See Also
    --------
    DonorRegressor : Predicts by donors.
    HBVRegressor : Borrows parameters of HBV from donors.

    References
    ----------
    .. [1] Oudin, L., Andréassian, V., Perrin, C., Michel, C. and Le Moine, N. (2008). Spatial
       proximity, physical similarity, regression and ungaged catchments. Water Resour. Res.,
       44, W03413. doi:10.1029/2007WR006240

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.judging import DonorSelector
    >>> donors = pd.DataFrame({"aridity": [0.5, 1.0, 2.0]}, index=["a", "b", "c"])
    >>> selector = DonorSelector(n_donors=2).fit(donors)
    >>> selector.select(pd.DataFrame({"aridity": [0.9]}, index=["x"])).frame()
      site  rank donor  distance    differs_by
    0    x     1     b  0.160357  aridity -0.2
    1    x     2     a  0.641427  aridity +0.6
    """

    def __init__(
        self,
        n_donors=5,
        *,
        features=None,
        metric="euclidean",
        exclude=None,
        regions=None,
        random_state=None,
    ):
        self.n_donors = n_donors
        self.features = features
        self.metric = metric
        self.exclude = exclude
        self.regions = regions
        self.random_state = random_state

    def fit(self, X, y=None):
        """Take in the sites that can be donors.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            The donors.
        y : object, default=None
            Not used.

        Returns
        -------
        self
            The fitted selector.
        """
        name = type(self).__name__
        check_number("n_donors", self.n_donors, low=1, integer=True, none=True)
        check_option("metric", self.metric, ["euclidean", "cosine"])
        check_option("exclude", self.exclude, [None, "site", "region"])
        if isinstance(self.features, str):
            check_option("features", self.features, _WORDS)
        if self._by_attributes():
            X = checked_table(self, X, reset=True)
        self.donor_ids_ = site_of_samples(X).ids
        n_sites = len(self.donor_ids_)
        if self.n_donors is not None and self.n_donors > n_sites:
            raise ValueError(
                f"`n_donors`={self.n_donors} is more than the {n_sites} sites that there are. Use "
                "fewer, or None for all."
            )
        self._region = None
        if self.exclude == "region":
            self._region = read_regions(X, self.regions, name)
        self.feature_names_ = []
        if isinstance(self.features, str):
            self._rows = places(X, name) if self.features == "place" else np.zeros((n_sites, 0))
            if self.features == "random":
                rng = check_random_state(self.random_state)
                self._seed = int(rng.randint(2**31 - 1))
        else:
            table = site_features(X, self.features, name)
            self.feature_names_ = list(table.columns)
            self._scaling = site_scaling().fit(table.to_numpy())
            self._rows = self._scaling.transform(table.to_numpy())
        if not self._is("random"):
            metric = "haversine" if self._is("place") else self.metric
            self._neighbours = NearestNeighbors(metric=metric).fit(self._rows)
        return self

    def _by_attributes(self):
        """Tell whether sites are compared by what is in X."""
        return self.features is None or isinstance(self.features, list | tuple)

    def _is(self, word):
        """Tell whether sites are compared by this word."""
        return isinstance(self.features, str) and self.features == word

    def select(self, X):
        """Find the donors of each site.

        Parameters
        ----------
        X : Panel, DataFrame or array-like
            The sites that need donors. What a site gets does not depend on the others.

        Returns
        -------
        DonorSelection
            Positions, distances and a table.
        """
        check_is_fitted(self)
        if self._by_attributes():
            X = checked_table(self, X, reset=False)
        ids = site_of_samples(X).ids
        rows = self._read(X, len(ids))
        allowed = self._allowed(X, ids)
        wanted = len(self.donor_ids_) if self.n_donors is None else self.n_donors
        fewest = min((len(self.donor_ids_) if a is None else int(a.sum())) for a in allowed)
        if self.n_donors is None:
            wanted = fewest
        elif fewest < wanted:
            raise ValueError(
                f"`n_donors`={wanted} is more than the {fewest} donors that `exclude`="
                f"{self.exclude!r} leaves for some of the sites. Use fewer, or None for all."
            )
        positions = np.empty((len(ids), wanted), dtype=int)
        distances = np.empty((len(ids), wanted))
        for i, row in enumerate(rows):  # one by one, so that ties do not depend on other sites
            positions[i], distances[i] = self._nearest(row, ids[i], allowed[i], wanted)
        explain = (self.feature_names_, rows, self._rows) if self.feature_names_ else None
        donors = np.asarray(self.donor_ids_, dtype=object)[positions]
        return DonorSelection(ids, positions, distances, donors, explain)

    def _read(self, X, n_sites):
        """Give what the sites are compared by, as rows."""
        name = type(self).__name__
        if self._is("random"):
            return np.zeros((n_sites, 0))
        if self._is("place"):
            return places(X, name)
        table = site_features(X, self.features, name)
        missing = [column for column in self.feature_names_ if column not in table]
        if missing:
            raise ValueError(
                f"X lacks {len(missing)} of the {len(self.feature_names_)} features that donors "
                f"are compared by: {missing[:5]}."
            )
        return self._scaling.transform(table[self.feature_names_].to_numpy())

    def _allowed(self, X, ids):
        """Mark for each site who may be its donor; None for everybody."""
        if self.exclude is None:
            return [None] * len(ids)
        if self.exclude == "site":
            return [self.donor_ids_ != site for site in ids]
        region = read_regions(X, self.regions, type(self).__name__)
        return [self._region != label for label in region]

    def _nearest(self, row, site, allowed, wanted):
        """Give positions and distances of the donors of one site."""
        if self._is("random"):
            key = [self._seed, *site.encode()]
            order = np.random.default_rng(key).permutation(len(self.donor_ids_))
            order = order if allowed is None else order[allowed[order]]
            return order[:wanted], np.full(wanted, np.nan)
        n_banned = 0 if allowed is None else int((~allowed).sum())
        n_asked = min(wanted + n_banned, len(self._rows))
        far, near = self._neighbours.kneighbors(row[None], n_neighbors=n_asked)
        far, near = far[0], near[0]
        if allowed is not None:
            far, near = far[allowed[near]], near[allowed[near]]
        far = kilometres(far) if self._is("place") else far
        return near[:wanted], far[:wanted]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
