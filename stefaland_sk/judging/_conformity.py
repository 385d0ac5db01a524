"""What a residual is measured against before it is compared between sites."""

from typing import NamedTuple

import numpy as np

SCORES = ("absolute", "relative", "site", "magnitude", "cqr")
# Nodes of the scale that is learned along the predicted flow: shares of the days, the sites
# counting alike. More of them at the floods, where errors grow fastest.
_NODES = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995, 1.0])
_SITES_PER_NODE = 10  # or the scale would follow the very errors that it is to be compared with
_FLOOR = 0.05  # of a scale, relative to the typical one


class Basis(NamedTuple):
    """Where intervals start from, and the unit in which they reach out, per sample and step.

    An interval is from ``low + q * scale`` to ``high + q * scale``, with one scale below the
    base and one above it.
    """

    low: np.ndarray
    high: np.ndarray
    down: np.ndarray | float
    up: np.ndarray | float

    def scores(self, observed, side):
        """Measure observations: by how many scales they lie above the base (negative: below)."""
        residual = observed - (self.low if side == "low" else self.high)
        return residual / np.where(residual < 0, self.down, self.up)

    def bound(self, q, side):
        """Give the values that lie `q` scales above the base (negative: below)."""
        base = self.low if side == "low" else self.high
        return base + q * (self.down if q < 0 else self.up)


class Conformity:
    """A score by name: fitted on predictions of sites left out, then applied to any sites.

    Parameters
    ----------
    name : str
        One of `SCORES`.
    """

    def __init__(self, name):
        self.name = name

    @property
    def learns(self):
        """Whether the scale follows from errors."""
        return self.name == "magnitude"

    def fit(self, prediction, observed, counted, samples):
        """Learn what the scale has to learn.

        Parameters
        ----------
        prediction : ndarray of shape (n_samples, k) or (n_samples, k, 2)
            Values, or lower and upper quantiles for "cqr".
        observed, counted : ndarray of shape (n_samples, k)
            Observations, and which of them count.
        samples : Samples
            Whose they are.

        Returns
        -------
        self
            The fitted score.
        """
        width = prediction[..., 1] - prediction[..., 0] if self.name == "cqr" else prediction
        size = np.where(counted, np.abs(width), np.nan)
        self.typical_ = float(np.nanmean(samples.site_mean(size)))
        if not self.typical_ > 0:
            self.typical_ = 1.0
        if self.learns:
            self._learn_scale(prediction, observed, counted, samples)
        return self

    def basis(self, prediction, samples):
        """Give the basis of intervals around predictions of any sites."""
        floor = _FLOOR * self.typical_
        if self.name == "cqr":
            low, high = prediction[..., 0], prediction[..., 1]
            scale = np.maximum(high - low, 0.0) + floor
            return Basis(low, high, scale, scale)
        if self.name == "absolute":
            down = up = np.ones_like(prediction)
        elif self.name == "relative":
            down = up = np.abs(prediction) + floor
        elif self.name == "site":
            mean = samples.site_mean(prediction)[samples.codes, None]
            spread = np.sqrt(samples.site_mean((prediction - mean) ** 2))
            down = up = np.broadcast_to((spread + floor)[samples.codes, None], prediction.shape)
        else:
            unit = self._unit(prediction, samples)
            relative = np.abs(prediction) / unit
            down, up = (self._scale_at(relative, scale) * unit for scale in (self.down_, self.up_))
        return Basis(prediction, prediction, down, up)

    def _unit(self, prediction, samples):
        """Give the mean of what is predicted of each site, in which its flows are told."""
        floor = _FLOOR * self.typical_
        if not samples.has_series:
            return np.full(prediction.shape, self.typical_)  # one value has no mean of its own
        mean = samples.site_mean(np.abs(prediction))
        return (np.where(np.isnan(mean), self.typical_, mean) + floor)[samples.codes, None]

    def _learn_scale(self, prediction, observed, counted, samples):
        """Average the residuals below and above along the predicted flow."""
        unit = self._unit(prediction, samples)
        relative = (np.abs(prediction) / unit)[counted]
        residual = ((observed - prediction) / unit)[counted]
        site = np.broadcast_to(samples.codes[:, None], counted.shape)[counted]
        weight = 1.0 / np.bincount(site, minlength=samples.n_sites)[site]
        order = np.argsort(relative, kind="stable")
        share = np.cumsum(weight[order])
        n_parts = min(len(np.unique(site)) // _SITES_PER_NODE, len(_NODES) - 1)
        places = np.linspace(0, len(_NODES) - 1, max(n_parts, 1) + 1)
        nodes = np.interp(places, np.arange(len(_NODES)), _NODES)
        edges = np.searchsorted(share, nodes[1:-1] * share[-1])
        flows = relative[order]
        edges = np.unique(np.searchsorted(flows, flows[edges]))  # equal flows stay together
        parts = [part for part in np.split(order, edges) if len(part)]

        def average(values):
            return np.array([np.average(values[part], weights=weight[part]) for part in parts])

        self.nodes_ = average(relative)
        typical = np.average(np.abs(residual), weights=weight) or 1.0
        self.down_ = np.maximum(average(np.maximum(-residual, 0.0)), _FLOOR * typical)
        self.up_ = np.maximum(average(np.maximum(residual, 0.0)), _FLOOR * typical)

    def _scale_at(self, relative, scale):
        """Interpolate; beyond the largest flows known the scale grows with the flow."""
        beyond = np.maximum(relative / max(self.nodes_[-1], 1e-12), 1.0)
        return np.interp(relative, self.nodes_, scale) * beyond
