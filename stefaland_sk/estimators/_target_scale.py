"""What a network learns of a target: divided by site, transformed, standardised; and back."""

import math
from dataclasses import dataclass

import numpy as np

from stefaland_sk._core import check_option

TRANSFORMS = (None, "sqrt", "log1p", "log_sqrt")
_SMALL = 0.1  # what "log_sqrt" adds before the logarithm [root of the target's unit]


@dataclass(frozen=True)
class TargetScale:
    """How the target is scaled; fitted on the training sites.

    Parameters
    ----------
    transform : {None, "sqrt", "log1p", "log_sqrt"}
        Function of the target: none, square root, log(1 + y), or log10(sqrt(y) + 0.1).
    divisor : str or None
        Forcing or attribute by whose mean at each site the target is divided first.
    mean, std : float
        Of the divided, transformed target over all sites and days.
    """

    transform: str | None
    divisor: str | None
    mean: float
    std: float

    @classmethod
    def fit(cls, target, panel, transform=None, divisor=None):
        """Fit the scale on observed targets of the sites of a panel.

        Parameters
        ----------
        target : ndarray of shape (n_sites, n_times)
            NaN = not observed.
        panel : Panel
            The sites.
        transform, divisor
            As of the class.

        Returns
        -------
        TargetScale
            The scale.

        Raises
        ------
        ValueError
            If the transform is unknown or meets negative targets, or the divisor is no variable
            of the panel or not positive at a site.
        """
        check_option("target_transform", transform, TRANSFORMS)
        values = cls(transform, divisor, 0.0, 1.0).scale(target, panel)
        values = values[np.isfinite(values)]
        std = float(values.std(dtype=np.float64))
        return cls(
            transform, divisor, float(values.mean(dtype=np.float64)), std if std > 0 else 1.0
        )

    def scale(self, target, panel):
        """Turn targets into what the network learns.

        Parameters
        ----------
        target : ndarray of shape (n_sites, n_times)
            In its unit.
        panel : Panel
            The sites.

        Returns
        -------
        ndarray of float32 of shape (n_sites, n_times)
            Scaled targets.

        Raises
        ------
        ValueError
            If the transform meets negative targets, or the divisor is not positive at a site.
        """
        if self.transform is not None:
            self._refuse_negative(target, panel)
        values = target if self.divisor is None else target / self.divisors(panel)[:, None]
        if self.transform == "sqrt":
            values = np.sqrt(values)
        elif self.transform == "log1p":
            values = np.log1p(values)
        elif self.transform == "log_sqrt":
            values = np.log10(np.sqrt(values) + _SMALL)
        return ((values - self.mean) / self.std).astype(np.float32)

    def _refuse_negative(self, target, panel):
        """Raise if a target is negative: its root or logarithm would pass for not observed."""
        negative = target < 0  # False for NaN
        if not negative.any():
            return
        site, time = np.argwhere(negative)[0]
        when = "" if panel.time is None else f" on {panel.time[time]:%Y-%m-%d}"
        raise ValueError(
            f"`target_transform`={self.transform!r} takes no negative target, but that of site "
            f"{panel.site_ids[site]!r}{when} is {target[site, time]:.4g}. Use "
            "target_transform=None."
        )

    def restore(self, values, divisors=None):
        """Turn what the network gives into targets; of arrays and of tensors, differentiable.

        Parameters
        ----------
        values : ndarray or Tensor of shape (n_sites, n_times[, n_values])
            Scaled targets.
        divisors : ndarray or Tensor of shape (n_sites,), default=None
            From `divisors`; None where there is no divisor.

        Returns
        -------
        ndarray or Tensor
            Of the same shape, in the unit of the target.
        """
        values = values * self.std + self.mean
        if self.transform == "sqrt":
            values = values.clip(min=0.0) ** 2
        elif self.transform == "log1p":
            values = math.e**values - 1.0
        elif self.transform == "log_sqrt":
            values = (10.0**values - _SMALL).clip(min=0.0) ** 2
        if divisors is None:
            return values
        return values * divisors.reshape(-1, *[1] * (values.ndim - 1))

    def divisors(self, panel):
        """Give what the target of each site is divided by.

        Parameters
        ----------
        panel : Panel
            Any sites.

        Returns
        -------
        ndarray of float32 of shape (n_sites,), or None
            Mean of the divisor at each site; None without divisor.

        Raises
        ------
        ValueError
            If it is no variable of the panel, or not positive at a site.
        """
        if self.divisor is None:
            return None
        check_option("target_scale", self.divisor, panel.forcing_names + panel.attribute_names)
        if self.divisor in panel.attribute_names:
            values = panel.attributes[self.divisor].to_numpy(dtype=np.float32)
        else:
            values = mean_over_time(panel.variable(self.divisor))
        wrong = ~(values > 0)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f"`target_scale`={self.divisor!r} must be positive at every site, but its mean at "
                f"site {panel.site_ids[row]!r} is {values[row]:.4g}. Leave the site out, or use "
                "target_scale=None."
            )
        return values


def mean_over_time(values):
    """Mean of each row over the steps that are there; NaN where there is none."""
    values = np.asarray(values)
    seen = np.isfinite(values)
    total = np.where(seen, values, 0.0).sum(axis=1, dtype=np.float64)
    n_seen = seen.sum(axis=1)
    return np.where(n_seen, total / np.maximum(n_seen, 1), np.nan).astype(np.float32)
