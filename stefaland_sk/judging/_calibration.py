"""Quantiles of conformity scores, in which sites (or regions) count alike."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stefaland_sk.judging._conformity import Conformity
from stefaland_sk.judging._samples import Samples

_N_PARTS = 5  # of the units, where a scale is learned from the others
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


def _scores(conformity, prediction, data):
    """Give the scores of sites left out, against the lower and the upper base.

    A scale that is learned would follow the very errors that it is compared with. So the scores
    of a fifth of the units come from a scale that the others have taught.
    """
    samples, low, high = data.samples, None, None
    unit = data.units[samples.codes][:, None]
    for part in range(_N_PARTS if conformity.learns else 1):
        inside, taught = np.True_, conformity
        if conformity.learns:
            inside = unit % _N_PARTS == part
            others = data.counted & ~inside
            if not inside.any() or not others.any():
                continue
            taught = Conformity(conformity.name).fit(prediction, data.observed, others, samples)
        basis = taught.basis(prediction, samples)
        ends = [basis.scores(data.observed, "low")]
        ends.append(ends[0] if basis.low is basis.high else basis.scores(data.observed, "high"))
        if low is None:
            low, high = ends
            continue
        shared = high is low
        low = np.where(inside, ends[0], low)
        high = low if shared else np.where(inside, ends[1], high)
    return low, high


@dataclass(frozen=True)
class Calibration:
    """A fitted score, and how it is distributed below and above the base."""

    conformity: Conformity
    low: ScoreDistribution
    high: ScoreDistribution
    symmetric: bool

    @classmethod
    def fit(cls, name, prediction, data, symmetric):
        """Learn from predictions of sites left out; `data` is a `LeftOut`."""
        samples, observed, counted = data.samples, data.observed, data.counted
        conformity = Conformity(name).fit(prediction, observed, counted, samples)
        low, high = _scores(conformity, prediction, data)
        code = np.broadcast_to(samples.codes[:, None], counted.shape)[counted]

        def distribute(scores):
            kept = thin(scores[counted], code, samples.n_sites)
            return ScoreDistribution(*kept, data.units)

        if symmetric:
            both = distribute(np.maximum(-low, high))
            return cls(conformity, both, both, True)
        below = distribute(low)
        return cls(conformity, below, below if high is low else distribute(high), False)

    def interval(self, prediction, samples, level):
        """Give lower and upper bounds around predictions."""
        basis = self.conformity.basis(prediction, samples)
        if self.symmetric:
            q = self.high.upper(level)
            return basis.bound(-q, "low"), basis.bound(q, "high")
        tail = (1 - level) / 2
        lower = basis.bound(self.low.lower(tail), "low")
        upper = basis.bound(self.high.upper(1 - tail), "high")
        return np.minimum(lower, upper), np.maximum(lower, upper)

    def median(self, prediction, samples):
        """Give the median: the base, moved by the median score."""
        basis = self.conformity.basis(prediction, samples)
        return basis.bound(0.0 if self.symmetric else self.high.quantile(0.5), "high")


class LeftOut(NamedTuple):
    """What is known of sites left out, with which intervals are calibrated."""

    samples: Samples
    observed: np.ndarray  # as rows of the samples
    counted: np.ndarray  # which observations count
    units: np.ndarray  # (n_sites,) unit of each site
    part: np.ndarray  # (n_samples,) fold that left it out, -1 for none
