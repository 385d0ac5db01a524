"""Distributions instead of single values: what the raw outputs of a day mean, and their loss.

A head gives ``n_outputs`` raw numbers per day; a distribution turns them into a
loss, a point prediction and quantiles. Distributions have no parameters to
be trained.
"""

import abc
import itertools
from dataclasses import dataclass, field

import torch
from torch.nn import functional as F

from stefaland_sk._core._checks import check_number, check_option

from ._losses import bce_loss

# Halvings of the bracket of a quantile: in single precision more change nothing.
_BISECTIONS, _BISECTIONS_DOUBLE = 26, 44


class Distribution(abc.ABC):
    """Abstract base: what all distributions can do.

    Attributes
    ----------
    n_outputs : int
        Raw outputs per day.

    Examples
    --------
    >>> isinstance(make_distribution("quantiles"), Distribution)
    True
    """

    @abc.abstractmethod
    def loss(self, raw, y_true, target_std=None):
        """Return the mean loss over observed entries.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, n_outputs)
            Raw outputs.
        y_true : Tensor of shape (n_sites, n_times)
            Observations, NaN = not observed.
        target_std : object, default=None
            Ignored; for the signature of the other losses.

        Returns
        -------
        Tensor of shape ()
            The loss; 0 without any observation.
        """

    @abc.abstractmethod
    def point(self, raw):
        """Return one value per day.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, n_outputs)
            Raw outputs.

        Returns
        -------
        Tensor of shape (n_sites, n_times)
            Point predictions.
        """

    @abc.abstractmethod
    def quantile(self, raw, levels):
        """Return quantiles of each day.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, n_outputs)
            Raw outputs.
        levels : sequence of float
            Probabilities between 0 and 1.

        Returns
        -------
        Tensor of shape (n_sites, n_times, n_levels)
            Quantiles.
        """

    def _check_raw(self, raw):
        """Raise a ValueError unless raw outputs have a last axis of the right length."""
        if raw.ndim == 0 or raw.shape[-1] != self.n_outputs:
            raise ValueError(
                f"`raw` must have a last axis of length {self.n_outputs} (n_outputs); got shape "
                f"{tuple(raw.shape)}."
            )

    def _observed(self, raw, y_true):
        """Return raw outputs and targets with 0 where unobserved, the mask and the count."""
        self._check_raw(raw)
        if raw.shape[:-1] != y_true.shape:
            raise ValueError(
                f"`raw` must have the shape of `y_true` and one axis more; got {tuple(raw.shape)} "
                f"and {tuple(y_true.shape)}."
            )
        missing = torch.isnan(y_true)
        count = (~missing).sum().clamp(min=1)
        raw = raw.masked_fill(missing.unsqueeze(-1), 0.0)
        return raw, y_true.masked_fill(missing, 0.0), missing, count


def _check_levels(levels, low=0.0, high=1.0, reason="which are probabilities"):
    """Return the levels as a tuple of floats; raise unless they lie in [low, high]."""
    levels = tuple(float(level) for level in levels)
    wrong = [level for level in levels if not low <= level <= high]
    if wrong or not levels:
        raise ValueError(
            f"`levels` must be numbers in [{low}, {high}], {reason}; got {wrong or levels}."
        )
    return levels


@dataclass(frozen=True)
class QuantileDistribution(Distribution):
    """Some quantiles of the target, trained by the pinball loss [1]_.

    The first raw output is the lowest quantile, the others are steps upwards
    (by a softplus), so that quantiles never cross.

    Parameters
    ----------
    levels : tuple of float, default=(0.05, 0.25, 0.5, 0.75, 0.95)
        Probabilities, increasing; 0.5, the point prediction, must lie between them.

    Raises
    ------
    TypeError, ValueError
        If `levels` are not increasing, or do not enclose 0.5.

    References
    ----------
    .. [1] Koenker, R. and Bassett, G. (1978). Regression quantiles.
       Econometrica, 46, 33-50. doi:10.2307/1913643

    Examples
    --------
    >>> import torch
    >>> distribution = QuantileDistribution(levels=(0.1, 0.5, 0.9))
    >>> raw = torch.zeros(1, 1, distribution.n_outputs)
    >>> distribution.quantile(raw, [0.1, 0.3, 0.5])
    tensor([[[0.0000, 0.3466, 0.6931]]])
    """

    levels: tuple = (0.05, 0.25, 0.5, 0.75, 0.95)

    def __post_init__(self):
        """Check the levels."""
        levels = _check_levels(self.levels)
        rising = all(a < b for a, b in itertools.pairwise(levels))
        if not rising or not 0 < levels[0] <= 0.5 <= levels[-1] < 1:
            raise ValueError(
                "`levels` must increase, lie between 0 and 1 and enclose 0.5, the point "
                f"prediction; got {levels}."
            )
        object.__setattr__(self, "levels", levels)

    @property
    def n_outputs(self):
        """Raw outputs per day: one for each level."""
        return len(self.levels)

    def _quantiles(self, raw):
        """Return the quantiles at the trained levels."""
        return torch.cat([raw[..., :1], F.softplus(raw[..., 1:])], dim=-1).cumsum(dim=-1)

    def loss(self, raw, y_true, target_std=None):
        """Return the mean pinball loss over observed entries and levels.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, n_outputs)
            Raw outputs.
        y_true : Tensor of shape (n_sites, n_times)
            Observations, NaN = not observed.
        target_std : object, default=None
            Ignored; for the signature of the other losses.

        Returns
        -------
        Tensor of shape ()
            The loss, in the units of `y_true`; 0 without any observation.
        """
        raw, y_true, missing, count = self._observed(raw, y_true)
        error = y_true.unsqueeze(-1) - self._quantiles(raw)
        levels = error.new_tensor(self.levels)
        pinball = torch.maximum(levels * error, (levels - 1) * error).mean(dim=-1)
        return pinball.masked_fill(missing, 0.0).sum() / count

    def point(self, raw):
        """Return the median; between two levels where 0.5 is not trained itself.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, n_outputs)
            Raw outputs.

        Returns
        -------
        Tensor of shape (n_sites, n_times)
            Medians.
        """
        return self.quantile(raw, [0.5])[..., 0]

    def quantile(self, raw, levels):
        """Return quantiles of each day, linear between those that are trained.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, n_outputs)
            Raw outputs.
        levels : sequence of float
            Probabilities, none outside of those that are trained.

        Returns
        -------
        Tensor of shape (n_sites, n_times, n_levels)
            Quantiles.
        """
        self._check_raw(raw)
        low, high = self.levels[0], self.levels[-1]
        levels = _check_levels(levels, low, high, "the range that was trained")
        quantiles = self._quantiles(raw)
        if len(self.levels) == 1:
            return quantiles.expand(*quantiles.shape[:-1], len(levels))
        own = torch.tensor(self.levels, dtype=torch.float64)
        wanted = torch.tensor(levels, dtype=torch.float64)
        right = torch.searchsorted(own, wanted).clamp(min=1)
        share = (wanted - own[right - 1]) / (own[right] - own[right - 1])
        right, share = right.to(raw.device), share.to(raw)
        return torch.lerp(quantiles[..., right - 1], quantiles[..., right], share)


@dataclass(frozen=True)
class LaplaceMixture(Distribution):
    """Countable mixture of asymmetric Laplace distributions (CMAL) [1]_.

    Each component has a place m, a scale b > 0, an asymmetry 0 < t < 1 and a weight; its
    density is ``t (1 - t) / b exp(-u (t - [u < 0]))`` with ``u = (y - m) / b``.

    Parameters
    ----------
    n_components : int, default=3
        Number of components; each needs four raw outputs.
    least_scale : float, default=1e-3
        Added to each scale, in the units of the target that is trained on, so that a
        run of equal values (days without flow) has no infinite likelihood.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not legal.

    References
    ----------
    .. [1] Klotz, D. et al. (2022). Uncertainty estimation with deep learning for
       rainfall-runoff modeling. Hydrol. Earth Syst. Sci., 26, 1673-1693.
       doi:10.5194/hess-26-1673-2022

    Examples
    --------
    >>> import torch
    >>> distribution = LaplaceMixture(n_components=2)
    >>> raw = torch.zeros(1, 1, distribution.n_outputs)
    >>> distribution.quantile(raw, [0.1, 0.5, 0.9]).round(decimals=3)
    tensor([[[-2.2340,  0.0000,  2.2340]]])
    """

    n_components: int = 3
    least_scale: float = 1e-3
    # Asymmetries at 0 or 1 would have means at infinity.
    _least_asymmetry: float = field(default=1e-2, init=False, repr=False)

    def __post_init__(self):
        """Check the parameters."""
        check_number("n_components", self.n_components, low=1, integer=True)
        check_number("least_scale", self.least_scale, low=0, open_low=True)

    @property
    def n_outputs(self):
        """Raw outputs per day: four for each component."""
        return 4 * self.n_components

    def _parts(self, raw):
        """Return places, scales, asymmetries and logarithms of the weights."""
        place, scale, asymmetry, weight = raw.unflatten(-1, (4, -1)).unbind(-2)
        least = self._least_asymmetry
        asymmetry = least + (1 - 2 * least) * torch.sigmoid(asymmetry)
        return place, F.softplus(scale) + self.least_scale, asymmetry, F.log_softmax(weight, dim=-1)

    def log_density(self, raw, y):
        """Return the logarithm of the density at some values.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, n_outputs)
            Raw outputs.
        y : Tensor of shape (n_sites, n_times)
            Values.

        Returns
        -------
        Tensor of shape (n_sites, n_times)
            Logarithms of the density.
        """
        self._check_raw(raw)
        place, scale, asymmetry, log_weight = self._parts(raw)
        u = (y.unsqueeze(-1) - place) / scale
        height = torch.log(asymmetry * (1 - asymmetry) / scale)
        return torch.logsumexp(
            log_weight + height - torch.maximum(asymmetry * u, (asymmetry - 1) * u), dim=-1
        )

    def loss(self, raw, y_true, target_std=None):
        """Return the mean negative log-likelihood of observed entries.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, n_outputs)
            Raw outputs.
        y_true : Tensor of shape (n_sites, n_times)
            Observations, NaN = not observed.
        target_std : object, default=None
            Ignored; for the signature of the other losses.

        Returns
        -------
        Tensor of shape ()
            The loss, which may be negative; 0 without any observation.
        """
        raw, y_true, missing, count = self._observed(raw, y_true)
        return -self.log_density(raw, y_true).masked_fill(missing, 0.0).sum() / count

    def point(self, raw):
        """Return the mean.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, n_outputs)
            Raw outputs.

        Returns
        -------
        Tensor of shape (n_sites, n_times)
            Means.
        """
        self._check_raw(raw)
        place, scale, asymmetry, log_weight = self._parts(raw)
        means = place + scale * (1 - 2 * asymmetry) / (asymmetry * (1 - asymmetry))
        return (log_weight.exp() * means).sum(dim=-1)

    def cumulative(self, raw, y):
        """Return the probability of values not above some.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, n_outputs)
            Raw outputs.
        y : Tensor of shape (n_sites, n_times, n_values)
            Values, several for each day.

        Returns
        -------
        Tensor of shape (n_sites, n_times, n_values)
            Probabilities.
        """
        self._check_raw(raw)
        return self._cumulative([part.unsqueeze(-2) for part in self._parts(raw)], y)

    @staticmethod
    def _cumulative(parts, y):
        """Return probabilities, with parts of shape (..., 1, n_components)."""
        place, scale, asymmetry, log_weight = parts
        u = (y.unsqueeze(-1) - place) / scale
        below = asymmetry * torch.exp((1 - asymmetry) * u.clamp(max=0))
        above = 1 - (1 - asymmetry) * torch.exp(-asymmetry * u.clamp(min=0))
        return (log_weight.exp() * torch.where(u < 0, below, above)).sum(dim=-1)

    @torch.no_grad()
    def quantile(self, raw, levels):
        """Return quantiles of each day, by bisection of the cumulative distribution.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, n_outputs)
            Raw outputs.
        levels : sequence of float
            Probabilities between 0 and 1; at 0 and 1 themselves quantiles are infinite.

        Returns
        -------
        Tensor of shape (n_sites, n_times, n_levels)
            Quantiles, without gradient.
        """
        self._check_raw(raw)
        parts = [part.unsqueeze(-2) for part in self._parts(raw)]
        place, scale, asymmetry, _ = parts
        level = raw.new_tensor(_check_levels(levels)).unsqueeze(-1)
        # The quantile of a mixture lies between those of its components.
        below = torch.log(level / asymmetry) / (1 - asymmetry)
        above = -torch.log((1 - level) / (1 - asymmetry)) / asymmetry
        own = place + scale * torch.where(level < asymmetry, below, above)
        low, high, level = own.amin(dim=-1), own.amax(dim=-1), level.squeeze(-1)
        n_halvings = _BISECTIONS_DOUBLE if raw.dtype == torch.float64 else _BISECTIONS
        for _ in range(n_halvings if self.n_components > 1 else 0):
            middle = (low + high) / 2
            too_low = self._cumulative(parts, middle) < level
            low, high = torch.where(too_low, middle, low), torch.where(too_low, high, middle)
        return (low + high) / 2


@dataclass(frozen=True)
class BernoulliDistribution(Distribution):
    """A target of 0 or 1, such as whether a slope has failed.

    The raw output is the logit of the probability of 1.

    Examples
    --------
    >>> import torch
    >>> BernoulliDistribution().point(torch.zeros(1, 2, 1))
    tensor([[0.5000, 0.5000]])
    """

    @property
    def n_outputs(self):
        """Raw outputs per day."""
        return 1

    def loss(self, raw, y_true, target_std=None):
        """Return the mean binary cross-entropy of observed entries.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, 1)
            Logits.
        y_true : Tensor of shape (n_sites, n_times)
            0 or 1, NaN = not observed.
        target_std : object, default=None
            Ignored; for the signature of the other losses.

        Returns
        -------
        Tensor of shape ()
            The loss; 0 without any observation.
        """
        raw, *_ = self._observed(raw, y_true)
        return bce_loss(raw[..., 0], y_true)

    def point(self, raw):
        """Return the probability of 1.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, 1)
            Logits.

        Returns
        -------
        Tensor of shape (n_sites, n_times)
            Probabilities.
        """
        self._check_raw(raw)
        return torch.sigmoid(raw[..., 0])

    def quantile(self, raw, levels):
        """Return quantiles, each of them 0 or 1.

        Parameters
        ----------
        raw : Tensor of shape (n_sites, n_times, 1)
            Logits.
        levels : sequence of float
            Probabilities between 0 and 1.

        Returns
        -------
        Tensor of shape (n_sites, n_times, n_levels)
            1 where the probability of 0 is below the level, else 0.
        """
        levels = raw.new_tensor(_check_levels(levels))
        return (1 - self.point(raw).unsqueeze(-1) < levels).to(raw.dtype)


DISTRIBUTIONS = {
    "quantiles": QuantileDistribution,
    "cmal": LaplaceMixture,
    "bernoulli": BernoulliDistribution,
}


def make_distribution(name, **options):
    """Build the distribution of a name.

    Parameters
    ----------
    name : {"quantiles", "cmal", "bernoulli"}
        Which distribution.
    **options
        Passed to the distribution, such as `levels` or `n_components`.

    Returns
    -------
    Distribution
        The distribution: ``n_outputs``, ``loss``, ``point`` and ``quantile``.

    Raises
    ------
    ValueError
        If there is no distribution of this name.

    Examples
    --------
    >>> make_distribution("cmal").n_outputs
    12
    """
    return DISTRIBUTIONS[check_option("distribution", name, list(DISTRIBUTIONS))](**options)
