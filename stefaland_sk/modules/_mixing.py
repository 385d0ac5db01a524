"""What lets days read other days in an adapter: convolution and attention, causal if wanted."""

from torch import nn
from torch.nn import functional as F


class DayConvolution(nn.Module):
    """Convolution over three days, which keeps the number of days.

    Parameters
    ----------
    d_in, d_out : int
        Widths.
    causal : bool, default=False
        Whether a day reads itself and two days before it, instead of one on
        either side.

    Examples
    --------
    >>> import torch
    >>> DayConvolution(4, 6)(torch.zeros(2, 10, 4)).shape
    torch.Size([2, 10, 6])
    """

    def __init__(self, d_in, d_out, causal=False):
        super().__init__()
        self.causal = causal
        layer = nn.Conv1d(d_in, d_out, kernel_size=3)
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, values):
        """Return the convolved values; days outside the series count as 0.

        Parameters
        ----------
        values : Tensor of shape (n_sites, n_times, d_in)
            Values of each day.

        Returns
        -------
        Tensor of shape (n_sites, n_times, d_out)
            Convolved values.
        """
        values = values.transpose(1, 2)
        if self.causal:
            values = F.pad(values, (2, 0))
        padding = 0 if self.causal else 1
        return F.conv1d(values, self.weight, self.bias, padding=padding).transpose(1, 2)

    def extra_repr(self):
        """Return the widths, for the module's representation."""
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}, causal={self.causal}"


class Attention(nn.Module):
    """Attention of days to days, with several heads.

    Parameters
    ----------
    d_model : int
        Width; must be divisible by `n_heads`.
    n_heads : int
        Number of heads.
    dropout : float
        Dropout rate of the attention weights.
    causal : bool, default=False
        Whether a day attends to itself and earlier days only.

    Examples
    --------
    >>> import torch
    >>> Attention(8, 4, dropout=0.1)(torch.zeros(2, 3, 8), torch.zeros(2, 10, 8)).shape
    torch.Size([2, 3, 8])
    """

    def __init__(self, d_model, n_heads, dropout, causal=False):
        super().__init__()
        self.n_heads, self.dropout, self.causal = n_heads, dropout, causal
        self.query, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.key_value = nn.Linear(d_model, 2 * d_model)

    def forward(self, asking, answering):
        """Return what each day gathers from the days that answer.

        Parameters
        ----------
        asking : Tensor of shape (n_sites, n_times, d_model)
            The days that attend.
        answering : Tensor of shape (n_sites, n_answers, d_model)
            The days attended to, the same ones if causal.

        Returns
        -------
        Tensor of shape (n_sites, n_times, d_model)
            Weighted means of the days.
        """
        heads = (self.n_heads, -1)
        query = self.query(asking).unflatten(-1, heads).transpose(1, 2)
        keys = self.key_value(answering).unflatten(-1, (2, *heads)).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(
            query,
            *keys,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=self.causal,
        )
        return self.output(found.transpose(1, 2).flatten(-2))
