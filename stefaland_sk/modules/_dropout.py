"""Dropout that does not wait for the random numbers."""

import torch
from torch import nn
from torch.nn import functional as F


def dropout(values, rate, training):
    """Drop entries at random in training, and scale the others up.

    On a CPU torch draws one float per entry, which takes a fifth of a training
    step. 16 random bits per entry do as well (the rate is met to 1 / 65536)
    and four entries share one draw. The compiler makes its own of torch's dropout.

    Parameters
    ----------
    values : Tensor
        Any shape.
    rate : float
        Probability of being dropped.
    training : bool
        Without it, values pass through.

    Returns
    -------
    Tensor of the same shape
        Values, dropped or divided by ``1 - rate``.

    Examples
    --------
    >>> import torch
    >>> dropout(torch.ones(3), 0.5, training=False)
    tensor([1., 1., 1.])
    """
    if not training or rate == 0:
        return values
    if values.device.type != "cpu" or rate == 1 or torch.compiler.is_compiling():
        return F.dropout(values, rate)
    return values * keep_mask(values, rate)


def keep_mask(values, rate):
    """Draw which entries are kept by dropout, on a CPU.

    Parameters
    ----------
    values : Tensor
        Of the shape and type wanted.
    rate : float
        Probability of being dropped, below 1.

    Returns
    -------
    Tensor of the same shape and type
        0 where dropped, else ``1 / (1 - rate)``.
    """
    n_draws = -(-values.numel() // 4)
    bits = torch.empty(n_draws, dtype=torch.int64).random_(torch.iinfo(torch.int64).min, None)
    bits = bits.view(torch.int16)[: values.numel()].view(values.shape)
    kept = bits >= min(round(rate * 2**16), 2**16 - 1) - 2**15
    return kept.to(values.dtype).mul_(1 / (1 - rate))


class Dropout(nn.Module):
    """`dropout` as a module.

    Parameters
    ----------
    rate : float
        Probability of being dropped.

    Examples
    --------
    >>> import torch
    >>> Dropout(0.5).eval()(torch.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, values):
        """Return the values, in training with entries dropped."""
        return dropout(values, self.rate, self.training)

    def extra_repr(self):
        """Return the rate, for the module's representation."""
        return f"rate={self.rate}"
