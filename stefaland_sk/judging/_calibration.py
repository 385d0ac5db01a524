"""Quantiles of conformity scores, in which sites (or regions) count alike."""

import numpy as np

_MOST_PER_SITE = 1000  # scores kept of a site: evenly spaced ones of the sorted


def n_units_needed(confidence_level, symmetric):
    """Give the least number of units that a level can be calibrated with."""
    tail = (1 - confidence_level) / (1 if symmetric else 2)
    return int(np.ceil(round(1 / tail - 1, 6)))


def thin(scores, codes, n_sites):
    """Keep a bounded number of scores per site, spread evenly over its distribution.

    Parameters
    ----------
    scores : ndarray of shape (n_scores,)
        All finite.
    codes : ndarray of int of shape (n_scores,)
        Site of each.
    n_sites : int
        Number of sites.

    Returns
    -------
    scores, codes : ndarray
        Sorted within each site.
    """
    order = np.lexsort((scores, codes))
    scores, codes = scores[order], codes[order]
    counts = np.bincount(codes, minlength=n_sites)
    ends = np.cumsum(counts)
    kept = []
    for start, n in zip(ends - counts, counts, strict=True):
        m = min(n, _MOST_PER_SITE)
        # The middles of m equal parts; all of them where n == m.
        kept.append(start + ((np.arange(m) + 0.5) * n / max(m, 1)).astype(int))
    kept = np.concatenate(kept) if kept else np.zeros(0, dtype=int)
    return scores[kept], codes[kept]


class ScoreDistribution:
    """The scores of units that count alike, plus one unit of which nothing is known.

    The unknown unit is the site to come: it may lie anywhere, which is what lifts the levels
    above those of the sample.

    Parameters
    ----------
    scores : ndarray of shape (n_scores,)
        Scores.
    codes : ndarray of int of shape (n_scores,)
        Site of each score.
    units : ndarray of int of shape (n_sites,)
        Unit of each site; sites of a unit share its weight evenly.
    """

    def __init__(self, scores, codes, units):
        per_site = np.bincount(codes, minlength=len(units))
        seen = per_site > 0
        sites_of_unit = np.bincount(units[seen], minlength=units.max() + 1)
        self.n_units = int((sites_of_unit > 0).sum())
        weights = 1.0 / (per_site[codes] * sites_of_unit[units[codes]])
        order = np.argsort(scores, kind="stable")
        self.scores = scores[order]
        self.below = np.cumsum(weights[order]) / (self.n_units + 1)
        self.weights = weights[order] / (self.n_units + 1)

    def upper(self, level):
        """Give the score that a new unit stays below with this probability, or more."""
        at = np.searchsorted(self.below, level * (1 - 1e-12))
        return self.scores[at] if at < len(self.scores) else np.inf

    def lower(self, level):
        """Give the score that a new unit stays above with probability ``1 - level``, or more."""
        from_above = self.below[-1] - self.below + self.weights
        at = np.searchsorted(-from_above, -(1 - level) * (1 - 1e-12), side="right") - 1
        return self.scores[at] if at >= 0 else -np.inf

    def quantile(self, level):
        """Give the quantile of the scores themselves."""
        at = np.searchsorted(self.below, level * self.below[-1] * (1 - 1e-12))
        return self.scores[min(at, len(self.scores) - 1)]
