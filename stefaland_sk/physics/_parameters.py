"""Parameters of physics: a name, a unit, bounds, and the way from a raw number into the bounds."""

import math
from dataclasses import dataclass

import torch

from stefaland_sk._core import check_number, check_option


@dataclass(frozen=True)
class Parameter:
    """One parameter of a physical model.

    Networks and optimisers work on a *raw* number without bounds; a sigmoid takes it into
    the bounds, which are reached at plus and minus infinity.

    Parameters
    ----------
    name : str
        Name, as in the arguments of the routine that reads it.
    unit : str
        Unit; "1" if it has none.
    low, high : float
        Bounds.
    transform : {"linear", "log"}, default="linear"
        Whether equal steps between the bounds are equal differences or equal ratios.
    meaning : str, default=""
        What it is, in a few words, for tables.

    Raises
    ------
    TypeError, ValueError
        If a bound is no number, the bounds are not in order, or the transform is unknown.

    Examples
    --------
    >>> import torch
    >>> capacity = Parameter("fc", "mm", 50.0, 1000.0)
    >>> capacity.from_raw(torch.tensor([-torch.inf, 0.0, torch.inf]))
    tensor([  50.,  525., 1000.])
    """

    name: str
    unit: str
    low: float
    high: float
    transform: str = "linear"
    meaning: str = ""

    def __post_init__(self):
        check_number(f"low of {self.name}", self.low)
        check_number(f"high of {self.name}", self.high, low=self.low, open_low=True)
        check_option("transform", self.transform, ("linear", "log"))
        if self.transform == "log" and self.low <= 0:
            raise ValueError(
                f"`low` of {self.name} must be positive for the transform 'log'. "
                f"Got {self.low!r}; use transform='linear'."
            )

    def from_raw(self, raw):
        """Take raw numbers into the bounds.

        Parameters
        ----------
        raw : Tensor
            Numbers without bounds, of any shape.

        Returns
        -------
        Tensor
            Values between `low` and `high`, of the same shape.
        """
        return self.from_share(torch.sigmoid(raw))

    def from_share(self, share):
        """Take shares of the way from the lower to the upper bound to values.

        Parameters
        ----------
        share : Tensor
            Numbers from 0 to 1, of any shape.

        Returns
        -------
        Tensor
            Values between `low` and `high`, of the same shape.
        """
        if self.transform == "linear":
            low, high = share.new_tensor(self.low), share.new_tensor(self.high)
            return torch.lerp(low, high, share)  # exact at both ends
        span = math.log(self.high / self.low)
        # Each half starts from its own bound, so that rounding cannot miss it.
        lower, upper = self.low * torch.exp(share * span), self.high * torch.exp((share - 1) * span)
        return torch.where(share < 0.5, lower, upper)

    def to_raw(self, value):
        """Give the raw numbers that lead to values.

        Parameters
        ----------
        value : Tensor
            Values between `low` and `high`.

        Returns
        -------
        Tensor
            Raw numbers; a value at or beyond a bound gives the large number of a value just inside.
        """
        low, high = self.low, self.high
        if self.transform == "log":
            value = value.clamp(low, high).log()
            low, high = math.log(low), math.log(high)
        return torch.logit((value - low) / (high - low), eps=1e-6)
