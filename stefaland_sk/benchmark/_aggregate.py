"""From what is kept of each site to the numbers of a table, for both kinds of target."""

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from stefaland_sk._core import check_option
from stefaland_sk.metrics import METRICS, bootstrap_median

from ._site_values import OVER_SITES, VALUES, score_over_sites

CONFIDENCE = 0.9
_RESAMPLES = 1000
_MOST_DRAWN = 2_000_000


class MediansOfSites:
    """Scores of a target with time: a metric at each site, then the median over sites."""

    heading = "median over the sites held out"
    summary = "Median"
    of_seeds = "Scores of a site are means over {n} seeds; medians are over sites."
    labels = {"pearson_r": "r"}  # noqa: RUF012

    def metrics(self, results, metrics=None):
        """Give the metrics asked for; all, in their order, if none are."""
        there = list(results["metric"].unique())
        return there if metrics is None else [check_option("metric", m, there) for m in metrics]

    def per_site(self, results, metric):
        """Give the score of each (model, fold, site): the mean over the seeds."""
        part = results[results["metric"] == metric]
        return part.groupby(["model", "fold", "site"], sort=False)["value"].mean()

    def overall(self, results, metric):
        """Give the number that a table shows of some results of one model."""
        return float(self.per_site(results, metric).median())

    def interval(self, results, metric):
        """Give the ends of the bootstrap interval over sites of one model's number."""
        found = bootstrap_median(self.per_site(results, metric), confidence=CONFIDENCE)
        return found.low, found.high

    def goodness(self, results, metric):
        """Give a score of each (model, fold, site) of which the greater is the better."""
        values = self.per_site(results, metric)
        return METRICS[metric].to_score(values) if metric in METRICS else values

    def compared(self, metric):
        """Name what is compared at each site."""
        return metric

    def n_scored(self, results, metric):
        """Count the sites with a score, of some results of one model."""
        values = self.per_site(results, metric)
        return int(values.notna().sum()), len(values)


class OverSites(MediansOfSites):
    """Scores of a target with one value per site: a metric over all sites at once."""

    heading = "over the sites held out"
    summary = "Pooled"
    of_seeds = "Scores are means over {n} seeds."
    labels = {"pearson_r": "r", "nse": "R2"}  # noqa: RUF012

    def metrics(self, results, metrics=None):
        """Give the metrics asked for; the usual ones if none are."""
        there = list(OVER_SITES)
        return there if metrics is None else [check_option("metric", m, there) for m in metrics]

    def per_site(self, results, metric):
        """Give the absolute error at each (model, fold, site): the mean over the seeds."""
        observed, predicted = _values(results, ["model", "fold", "site"])
        return (predicted - observed).abs().mean(axis=1)

    def overall(self, results, metric):
        """Give the metric over the sites of one model's results: the mean over the seeds."""
        return float(np.mean(score_over_sites(metric, *self._sets(results))))

    def interval(self, results, metric):
        """Give the ends of the bootstrap interval over sites of one model's number."""
        observed, predicted = self._sets(results)
        n_sites = observed.shape[1]
        if n_sites == 0:
            return np.nan, np.nan
        random = check_random_state(0)
        size = max(1, _MOST_DRAWN // n_sites)  # in parts, for many draws of many sites fill memory
        scores = []
        for begin in range(0, _RESAMPLES, size):
            drawn = random.randint(n_sites, size=(min(size, _RESAMPLES - begin), n_sites))
            of_seeds = [
                score_over_sites(metric, o[drawn], p[drawn])
                for o, p in zip(observed, predicted, strict=True)
            ]
            scores.append(np.mean(of_seeds, axis=0))
        scores = np.concatenate(scores)
        tail = (1 - CONFIDENCE) / 2
        low, high = np.nanquantile(scores, [tail, 1 - tail])
        return float(low), float(high)

    def goodness(self, results, metric):
        """Give minus the absolute error at each (model, fold, site)."""
        return -self.per_site(results, metric)

    def compared(self, metric):
        """Name what is compared at each site."""
        return "the absolute error"

    def _sets(self, results):
        """Give observed and predicted values of one model, of shape (n_seeds, n_sites)."""
        observed, predicted = _values(results, ["fold", "site"])
        seen = observed.notna().any(axis=1)
        return observed[seen].to_numpy().T, predicted[seen].to_numpy().T


def aggregation_of(results):
    """Give the way in which the numbers of a table are made from these results.

    Parameters
    ----------
    results : DataFrame
        Scores of one protocol.

    Returns
    -------
    MediansOfSites or OverSites
        By what is kept of each site.
    """
    return OverSites() if set(results["metric"]) == set(VALUES) else MediansOfSites()


def _values(results, index):
    """Give two tables of observed and predicted values, one column per seed."""
    wide = results.pivot(index=index, columns=["metric", "seed"], values="value")
    return tuple(wide[name] for name in VALUES)


def paired_interval(differences):
    """Give the bootstrap interval over sites of the median of paired differences."""
    found = bootstrap_median(differences, confidence=CONFIDENCE)
    return found.low, found.high


def win_rate(differences):
    """Give the share of the sites at which a difference is positive; a tie counts half."""
    known = pd.Series(differences).dropna()
    if known.empty:
        return np.nan
    return float((known > 0).mean() + (known == 0).mean() / 2)
