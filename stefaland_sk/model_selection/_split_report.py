"""How honest a split is: sizes, distances and leaks, fold by fold."""

import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance

from stefaland_sk._core import check_option
from stefaland_sk.data import find_places
from stefaland_sk.model_selection._base import (
    check_splitter,
    named_folds,
    samples_of,
    short_repr,
    sites_among,
)
from stefaland_sk.model_selection._knndm import DistancesToPredict
from stefaland_sk.model_selection._likeness import Likeness
from stefaland_sk.model_selection._spaces import one_row_per_site
from stefaland_sk.model_selection._split_samples import SplitSamples

_INTERLEAVED = 0.02  # share of a site's test days next to a training day that counts as a leak
_LEAKS = ["fold", "test_site", "train_site", "kind", "km", "attribute_distance", "forcing_r"]
_LEAKS += ["target_r"]
_MOST_LISTED = 8
_WHY = {
    "days": "days of the same site on both sides, next to each other",
    "name": "the same gauge under two names",
    "place": "less than 1 km apart",
    "attributes": "attributes nearly identical",
    "forcing": "forcing nearly identical",
    "target": "targets nearly identical",
    "nested": "probably on one river: flows alike, and near enough for the size of the basins",
}


def split_report(cv, X, y=None, groups=None, *, prediction_sites=None):
    """Tell how honest a split is: sizes, distances from training to test, and leaks.

    Parameters
    ----------
    cv : splitter
        Any splitter, of this package or of scikit-learn.
    X : Panel, long DataFrame or table
        The samples.
    y : array-like of shape (n_samples, ...), default=None
        Target. With it unlabelled sites are told from others, observed days counted, and series
        compared.
    groups : array-like of shape (n_samples,), default=None
        Groups, for `cv`.
    prediction_sites : DataFrame or Panel, default=None
        Where predictions are wanted, with ``lat`` and ``lon``; the report then says how
        unlike the distances of the folds are to those (see `KNNDMSplit`).

    Returns
    -------
    SplitReport
        Prints as text; ``frame()`` has the folds, ``leaks`` the pairs of sites.

    Raises
    ------
    ValueError
        If the splitter cannot split X, or makes no fold.
    TypeError
        If `cv` is no splitter.

    See Also
    --------
    site_folds : Places and folds of the sites, for a map.
    KNNDMSplit : Folds as far from training as the places to be predicted are.

    Notes
    -----
    Leaks are looked for among the nearest neighbours of each test site in training: by identifier
    (the same number under another prefix, or without its zeros), by place (less than 1 km), by
    attributes (five or more, standardised, less than 0.02 standard deviations apart), by forcing
    (correlation of all variables above 0.9995) and by target (correlation above 0.995). Two
    basins are taken for nested if their targets correlate above 0.95 and their gauges lie
    no farther apart than the larger basin would reach if it were round. Days of a
    site that are on both sides count as a leak where they are dealt between each other, not
    where a period is held out. The limits lie beyond what different basins of CAMELS-US reach.

    Time and memory grow with the sites times a few neighbours, not with all pairs; of
    forcing a projection is kept, so that a lazy panel is read once.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.model_selection import SiteKFold, split_report
    >>> X = pd.DataFrame(
    ...     {"area": [3.0, 8.0, 2.0, 3.0], "lat": [46.0, 47.0, 48.0, 46.001], "lon": 8.0},
    ...     index=["01013500", "01022500", "01030500", "USGS1013500"])
    >>> report = split_report(SiteKFold(2, shuffle=False), X)
    >>> report.frame()[["n_train", "n_test", "km_min"]].round(1).values.tolist()
    [[2.0, 2.0, 0.1], [2.0, 2.0, 0.1]]
    >>> report.leaks[["test_site", "train_site", "kind"]].iloc[0].tolist()
    ['01013500', 'USGS1013500', 'name, place']
    """
    check_splitter(cv, "cv", "split_report")
    data = SplitSamples(X, y, cv)
    likeness = Likeness(X if data.panel is None else data.panel, data)
    rows, leaks, roles = [], [], {}
    nearest = np.full(len(data.samples.ids), np.nan)
    for label, train, test in named_folds(cv, X, y, groups):
        train_sites, test_sites = (sites_among(data.samples, part) for part in (train, test))
        teaching = train_sites[data.labelled[train_sites]]
        row, near = _measure(likeness, teaching, test_sites)
        nearest[test_sites] = near
        rows.append(data.sizes(train, test, train_sites, test_sites) | row)
        leaks.append(_find_leaks(likeness, data, label, train, test, train_sites, test_sites))
        roles[label] = _roles(len(data.samples.ids), train_sites, test_sites)
    if not rows:
        raise ValueError(f"{cv!r} makes no fold of these samples: there is nothing to report.")
    frame = pd.DataFrame(rows, index=pd.Index(list(roles), name="fold"))
    sites = _site_table(data.samples.ids, likeness.places, roles)
    summary = _summary(data, likeness, nearest)
    if prediction_sites is not None:
        wanted = DistancesToPredict(
            X, data.samples, prediction_sites, "geographic", None, "split_report"
        )
        to_predict = wanted.to(wanted.points[data.labelled])
        tested = nearest[np.isfinite(nearest)]
        summary["km_to_predict"] = float(np.median(to_predict))
        summary["w"] = wasserstein_distance(tested, to_predict) if len(tested) else np.nan
    table = pd.concat(leaks, ignore_index=True)
    return SplitReport(
        short_repr(cv), frame, table, sites, pd.DataFrame(roles, index=sites.index), summary
    )


def site_folds(cv, X, y=None, groups=None):
    """Give place and fold of each site, as a table to draw a map from, or to save.

    Parameters
    ----------
    cv : splitter
        Any splitter, of this package or of scikit-learn.
    X : Panel, long DataFrame or table
        The samples.
    y : array-like of shape (n_samples, ...), default=None
        Target, for `cv`.
    groups : array-like of shape (n_samples,), default=None
        Groups, for `cv`.

    Returns
    -------
    DataFrame of shape (n_sites, 3)
        Indexed by site: ``lat`` and ``lon`` [degrees], NaN where unknown, and ``fold``, the label
        (of our splitters) or number of the fold in which the site is tested; the first one if
        there are several, None if it is never tested.

    Raises
    ------
    TypeError
        If `cv` is no splitter.

    See Also
    --------
    split_report : The same and more, with distances and leaks.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.model_selection import SiteKFold, site_folds
    >>> X = pd.DataFrame({"lat": [46.0, 47.0, 48.0], "lon": 8.0}, index=list("abc"))
    >>> site_folds(SiteKFold(3, shuffle=False), X)["fold"].to_dict()
    {'a': 0, 'b': 1, 'c': 2}
    """
    check_splitter(cv, "cv", "site_folds")
    samples = samples_of(X, "site_folds")
    roles = {
        label: _roles(len(samples.ids), *(sites_among(samples, part) for part in fold))
        for label, *fold in named_folds(cv, X, y, groups)
    }
    return _site_table(samples.ids, one_row_per_site(find_places(X), samples), roles)


class SplitReport:
    """How honest a split is; made by `split_report`, prints as text.

    Parameters
    ----------
    title : str
        The splitter.
    folds : DataFrame
        Sizes and distances of each fold.
    leaks : DataFrame
        Pairs of a test and a training site that are too much alike.
    sites : DataFrame
        Place and fold of each site.
    roles : DataFrame
        What each site is in each fold.
    summary : dict
        Numbers of the whole split.

    Attributes
    ----------
    leaks : DataFrame
        One row per fold and pair of sites: ``fold``, ``test_site``, ``train_site``, ``kind`` (one
        or more of days, name, place, attributes, forcing, target, nested), ``km``,
        ``attribute_distance`` [sd], ``forcing_r``, ``target_r``.
    sites : DataFrame indexed by site
        ``lat``, ``lon`` [degrees] and ``fold``, as from `site_folds`.
    roles : DataFrame of shape (n_sites, n_folds)
        "train", "test", "both" or "out" for each site and fold.
    summary : dict
        ``n_sites``, ``n_labelled``, ``km_between_sites`` (median distance of a site to the nearest
        other one), ``km_to_training`` (the same from test to training sites), ``n_leaks``; with
        prediction sites ``km_to_predict`` and the Wasserstein distance ``w`` [km].

    See Also
    --------
    split_report : Makes it.

    Examples
    --------
    >>> import pandas as pd
    >>> from stefaland_sk.model_selection import SiteKFold, split_report
    >>> X = pd.DataFrame({"area": [3.0, 8.0, 2.0, 5.0]}, index=list("abcd"))
    >>> print(split_report(SiteKFold(2, shuffle=False), X).summary["n_leaks"])
    0
    """

    def __init__(self, title, folds, leaks, sites, roles, summary):
        self.title = title
        self.leaks = leaks
        self.sites = sites
        self.roles = roles
        self.summary = summary | {"n_leaks": len(leaks)}
        self._folds = folds

    @property
    def ok(self):
        """Whether no leak was found."""
        return self.leaks.empty

    def frame(self):
        """Give the folds as a table.

        Returns
        -------
        DataFrame indexed by fold
            ``n_train``, ``n_test`` and ``n_out``, numbers of sites; with a target
            ``n_train_labelled``, ``n_test_labelled``, ``train_days``, ``test_days`` (observed
            days; of a long table without target its rows); ``km_min`` and ``km_median``, the
            distance from test sites to the nearest labelled training site; ``sd_min`` and
            ``sd_median``, the same by attributes; ``n_leaks``, test sites with a leak.
        """
        counts = self.leaks.groupby("fold", sort=False)["test_site"].nunique()
        table = self._folds.copy()
        table["n_leaks"] = [int(counts.get(label, 0)) for label in table.index]
        return table.dropna(axis=1, how="all")

    def frame_of_sites(self, by="fold"):
        """Give the sites as a table, for a map.

        Parameters
        ----------
        by : {"fold", "roles"}, default="fold"
            One column with the fold in which a site is tested, or one column per fold with what
            the site is in it.

        Returns
        -------
        DataFrame indexed by site
            ``lat``, ``lon``, and the folds.
        """
        check_option("by", by, ["fold", "roles"])
        if by == "fold":
            return self.sites.copy()
        return self.sites[["lat", "lon"]].join(self.roles)

    def __str__(self):
        s = self.summary
        lines = [self.title, f"{len(self._folds)} folds, {s['n_sites']} sites"]
        if s["n_labelled"] < s["n_sites"]:
            lines[-1] += f", {s['n_labelled']} of them labelled"
        if np.isfinite(s["km_between_sites"]):
            lines.append(
                f"Nearest training site: {_round(s['km_to_training'])} km off in the median; "
                f"nearest site of all: {_round(s['km_between_sites'])} km."
            )
        else:
            lines.append("Distances in km are unknown: X has no latitude and longitude.")
        if "w" in s:
            lines.append(
                f"Nearest site to the places to be predicted: {_round(s['km_to_predict'])} km; "
                f"distances of the folds are {_round(s['w'])} km off these (Wasserstein)."
            )
        lines += ["", self.frame().map(_round).to_string(), ""]
        return "\n".join(lines + self._leaks_in_words())

    __repr__ = __str__

    def _leaks_in_words(self):
        """Say what leaks, kind by kind, with examples."""
        if self.leaks.empty:
            return ["No leak found."]
        n_sites = self.leaks["test_site"].nunique()
        lines = [f"Leaks: {len(self.leaks)} pairs, of {n_sites} test sites."]
        for kind, why in _WHY.items():
            has = self.leaks["kind"].str.split(", ").map(lambda kinds, k=kind: k in kinds)
            if has.any():
                found = self.leaks[has]
                both = zip(found["test_site"], found["train_site"], strict=True)
                # Each pair once, whichever of the two is tested first.
                some = list(dict.fromkeys(" = ".join(sorted(set(pair))) for pair in both))
                more = "" if len(some) <= _MOST_LISTED else f" and {len(some) - _MOST_LISTED} more"
                lines.append(f"  - {kind} ({why}): {', '.join(some[:_MOST_LISTED])}{more}")
        return lines


# ---------------------------------------------------------------------- one fold
def _measure(likeness, train, test):
    """Measure how far test sites are from training sites that have a target."""
    row = dict.fromkeys(("km_min", "km_median", "sd_min", "sd_median"), np.nan)
    near = np.full(len(test), np.nan)
    here, there = likeness.located[test], train[likeness.located[train]]
    if here.any() and len(there):
        points = likeness.on_globe
        near[here] = likeness.globe.nearest(points[test[here]], points[there])[0]
        row |= {"km_min": near[here].min(), "km_median": np.median(near[here])}
    here, there = test[likeness.described[test]], train[likeness.described[train]]
    if len(here) and len(there):
        points = likeness.by_attributes
        apart = likeness.space.nearest(points[here], points[there])[0]
        row |= {"sd_min": apart.min(), "sd_median": np.median(apart)}
    return row, near


def _find_leaks(likeness, data, label, train, test, train_sites, test_sites):
    """List the pairs of sites that are on different sides and should not be."""
    found = []
    shared = np.intersect1d(train_sites, test_sites)
    if len(shared):
        share = data.interleaved(train, test, shared)
        same = shared[share > _INTERLEAVED]
        found.append(pd.DataFrame({"one": same, "other": same, "kind": "days"}))
    # Of sites that are on both sides anyway, likeness to others is no news.
    pairs = likeness.candidates(*(np.setdiff1d(s, shared) for s in (test_sites, train_sites)))
    if len(pairs):
        table = likeness.compare(pairs)
        table["one"], table["other"] = pairs.T
        found.append(table[table["kind"] != ""])
    if not found:
        return pd.DataFrame(columns=_LEAKS)
    table = pd.concat(found, ignore_index=True)
    table["fold"] = pd.Series([label] * len(table), dtype=object)
    for column, positions in (("test_site", "one"), ("train_site", "other")):
        table[column] = likeness.ids[table[positions].to_numpy(dtype=np.intp)]
    return table.reindex(columns=_LEAKS)


def _roles(n_sites, train, test):
    """Say of each site what it is in a fold."""
    role = np.full(n_sites, "out", dtype=object)
    role[train] = "train"
    role[test] = np.where(role[test] == "train", "both", "test")
    return role


def _site_table(ids, places, roles):
    """Give place and fold of each site."""
    fold = pd.Series([None] * len(ids), dtype=object)
    for label, role in reversed(roles.items()):
        fold[np.isin(role, ["test", "both"])] = label
    index = pd.Index(ids, name="site")
    table = places.set_axis(index, axis=0).copy()
    return table.assign(fold=fold.infer_objects().to_numpy())


def _summary(data, likeness, nearest):
    """Give the numbers of the whole split."""
    known = likeness.located & data.labelled
    between = np.nan
    if known.sum() > 1:
        between = np.median(likeness.globe.nearest_of_themselves(likeness.on_globe[known]))
    tested = nearest[np.isfinite(nearest)]
    return {
        "n_sites": len(data.samples.ids),
        "n_labelled": int(data.labelled.sum()),
        "km_between_sites": float(between),
        "km_to_training": float(np.median(tested)) if len(tested) else np.nan,
    }


def _round(value):
    """Write a number with three digits."""
    if isinstance(value, float) and np.isfinite(value):
        return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return str(value)
