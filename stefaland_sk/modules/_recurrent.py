"""Two building blocks of the heads: a linear layer on several inputs, and the LSTM."""

import torch
from torch import nn
from torch.nn import functional as F


class ConcatLinear(nn.Module):
    """Linear layer on the concatenation of its inputs, which is never built.

    Inputs that are the same on all days (attributes) are passed with a time
    axis of length 1: their share is computed once per site and broadcast. Sites
    or days may come first, in all inputs alike.

    Parameters
    ----------
    sizes : sequence of int
        Width of each input; 0 = the input is absent and may be None.
    d_out : int
        Width of the output.

    Examples
    --------
    >>> import torch
    >>> layer = ConcatLinear([3, 2], 4)
    >>> layer(torch.zeros(5, 7, 3), torch.zeros(5, 1, 2)).shape
    torch.Size([5, 7, 4])
    """

    def __init__(self, sizes, d_out):
        super().__init__()
        self.sizes = tuple(sizes)
        n_inputs = sum(self.sizes)
        bound = max(n_inputs, 1) ** -0.5  # as torch.nn.Linear
        self.weight = nn.Parameter(torch.empty(d_out, n_inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(d_out).uniform_(-bound, bound))

    def forward(self, *inputs):
        """Return the layer's output.

        Parameters
        ----------
        *inputs : Tensors of shape (n_sites, n_times or 1, size)
            One for each of `sizes`.

        Returns
        -------
        Tensor of shape (n_sites, n_times, d_out)
            Time axis as long as the longest of the inputs.
        """
        return concat_linear(inputs, self.weight, self.bias, self.sizes)


def concat_linear(inputs, weight, bias, sizes):
    """Apply a linear layer to the concatenation of inputs; see `ConcatLinear`.

    Parameters
    ----------
    inputs : sequence of Tensors of shape (n_sites, n_times or 1, size)
        Sites or days may come first, in all inputs alike.
    weight : Tensor of shape (d_out, n_inputs)
        Weights, `n_inputs` being the sum of the sizes.
    bias : Tensor of shape (d_out,)
        Bias.
    sizes : sequence of int
        Width of each input; 0 = the input is absent and may be None.

    Returns
    -------
    Tensor of shape (n_sites, n_times, d_out)
        The layer's output.
    """
    parts = [
        (values, columns)
        for values, columns, size in zip(inputs, weight.split(sizes, dim=1), sizes, strict=True)
        if size
    ]
    # The smallest first: where there is one value per site, the bias is added to that.
    parts.sort(key=lambda part: tuple(part[0].shape[:-1]))
    total = bias
    for values, columns in parts:
        if total.ndim == 1:
            total = F.linear(values, columns, total)
        elif total.shape[:-1] == values.shape[:-1]:  # without an array for each of the parts
            rows = values.flatten(0, -2).to(total.dtype)
            total.flatten(0, -2).addmm_(rows, columns.t().to(total.dtype))
        else:
            total = F.linear(values, columns).add_(total)
    return total


class Recurrent(nn.Module):
    """One-layer LSTM with a forget-gate bias and, as an option, weight dropout.

    Parameters
    ----------
    n_inputs, d_hidden : int
        Width of the input and of the state.
    forget_bias : float or None, default=3.0
        Initial bias of the forget gate. A positive value lets the state live
        long from the start, which storages of snow and groundwater need [1]_;
        None keeps torch's initialisation (around 0).
    weight_dropout : float, default=0.0
        Rate at which single weights are dropped in training, with one draw per
        call that all days share, as in the authors' LSTM. Slower than none.

    References
    ----------
    .. [1] Kratzert, F. et al. (2019). Towards learning universal, regional, and
       local hydrological behaviors via machine learning applied to large-sample
       datasets. Hydrol. Earth Syst. Sci., 23, 5089-5110.
       doi:10.5194/hess-23-5089-2019

    Examples
    --------
    >>> import torch
    >>> hidden, state = Recurrent(3, 8)(torch.zeros(2, 10, 3))
    >>> hidden.shape, state[0].shape
    (torch.Size([2, 10, 8]), torch.Size([1, 2, 8]))
    """

    def __init__(self, n_inputs, d_hidden, forget_bias=3.0, weight_dropout=0.0):
        super().__init__()
        self.lstm = nn.LSTM(n_inputs, d_hidden, batch_first=True)
        self.weight_dropout = weight_dropout
        if forget_bias is not None:
            forget = slice(d_hidden, 2 * d_hidden)  # torch's order of gates: i, f, g, o
            with torch.no_grad():
                self.lstm.bias_ih_l0[forget] = forget_bias
                self.lstm.bias_hh_l0[forget] = 0.0

    def forward(self, inputs, state=None):
        """Return hidden states of all days, and the last state.

        Parameters
        ----------
        inputs : Tensor of shape (n_sites, n_times, n_inputs)
            Inputs, without NaN; fastest where the days come first in memory.
        state : tuple of two Tensors of shape (1, n_sites, d_hidden), default=None
            State after the day before; None starts from zero.

        Returns
        -------
        hidden : Tensor of shape (n_sites, n_times, d_hidden)
            Hidden states; in memory the days come first.
        state : tuple of two Tensors of shape (1, n_sites, d_hidden)
            State after the last day.
        """
        if state is None:
            zero = inputs.new_zeros(
                1, len(inputs), self.lstm.hidden_size, dtype=self.lstm.weight_hh_l0.dtype
            )
            state = (zero, zero)
        weights = self.lstm.all_weights[0]
        if self.training and self.weight_dropout:
            dropped = [F.dropout(w, self.weight_dropout) for w in weights[:2]]
            weights = dropped + weights[2:]
        # The days first, as the kernel reads them: inputs that lie so are not copied.
        inputs = inputs.transpose(0, 1)
        if not torch.is_autocast_enabled(inputs.device.type):
            inputs = inputs.to(weights[0].dtype)
        hidden, *state = torch.lstm(
            inputs, state, weights, True, 1, 0.0, self.training, False, False
        )
        return hidden.transpose(0, 1), tuple(state)
