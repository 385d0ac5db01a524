"""Small networks per variable, evaluated for all variables at once.

Every variable has its own weights, but no loop runs over variables: their
first layers are one broadcast product, their second layers one matrix product.
The first axis of every weight is the variable, so that variables can be
reordered, dropped or mapped by name.
"""

import torch
from torch import nn
from torch.nn import functional as F

from stefaland_sk._core._checks import check_option

from ._dropout import dropout

# Half-width of the uniform initialisation of tokens, positions and small networks.
_INIT = 0.02


def uniform_parameter(*shape, half_width=_INIT):
    """Return a parameter drawn from U(-half_width, half_width)."""
    return nn.Parameter(torch.empty(*shape).uniform_(-half_width, half_width))


class VariableEmbedding(nn.Module):
    """Embed every variable by its own two-layer network and sum over variables.

    A visible value ``x`` of variable ``v`` becomes
    ``W2[v] @ dropout(gelu(W1[v] * x + b1[v])) + b2[v]``; a hidden or missing
    one becomes the learned mask token of ``v``. The sum over variables is the
    token of the day (forcing) or of the site (attributes) [1]_.

    Parameters
    ----------
    n_variables : int
        Number of variables, may be 0.
    d_model : int
        Width of the token.
    d_embedding : int, default=64
        Width inside each variable's network.
    dropout : float, default=0.1
        Dropout rate inside each variable's network.
    mask_style : {"vector", "scalar"}, default="vector"
        Replace the embedding of a hidden value by a learned vector, or the
        hidden value by a learned number that is then embedded.

    Raises
    ------
    ValueError
        If `mask_style` is unknown, or (in the call) shapes do not fit.

    Notes
    -----
    What stands under the mask, NaN included, is replaced before anything is
    computed from it: it changes neither outputs nor gradients.

    References
    ----------
    .. [1] StefaLand: An Efficient Geoscience Foundation Model That Improves
       Dynamic Land-Surface Predictions. arXiv:2509.17942.

    Examples
    --------
    >>> import torch
    >>> embed = VariableEmbedding(3, d_model=8)
    >>> embed(torch.zeros(2, 10, 3)).shape
    torch.Size([2, 10, 8])
    """

    def __init__(self, n_variables, d_model, d_embedding=64, dropout=0.1, mask_style="vector"):
        super().__init__()
        check_option("mask_style", mask_style, ["vector", "scalar"])
        self.n_variables, self.d_model, self.mask_style = n_variables, d_model, mask_style
        self.dropout = dropout
        self.weight_in = uniform_parameter(n_variables, d_embedding)
        self.bias_in = uniform_parameter(n_variables, d_embedding)
        self.weight_out = uniform_parameter(n_variables, d_embedding, d_model)
        self.bias_out = uniform_parameter(n_variables, d_model)
        shape = (n_variables, d_model) if mask_style == "vector" else (n_variables,)
        self.mask_token = uniform_parameter(*shape)

    def forward(self, values, hidden=None):
        """Return the summed embedding of all variables.

        Parameters
        ----------
        values : Tensor of shape (..., n_variables)
            Scaled values; NaN = missing.
        hidden : bool Tensor of the same shape, default=None
            True = hidden from the encoder. Missing values are added to it.

        Returns
        -------
        Tensor of shape (..., d_model)
            The sum of the embeddings.
        """
        if values.shape[-1] != self.n_variables:
            raise ValueError(
                f"The last axis must hold the {self.n_variables} variables of the model; "
                f"got shape {tuple(values.shape)}."
            )
        absent = torch.isnan(values) if hidden is None else torch.isnan(values) | hidden
        values = values.masked_fill(absent, 0.0)  # before the network: NaN must not enter it
        if self.mask_style == "scalar":
            values = torch.where(absent, self.mask_token, values)
        inner = F.gelu(values.unsqueeze(-1) * self.weight_in + self.bias_in)
        inner = dropout(inner, self.dropout, self.training)
        total = self.bias_out.sum(0)
        if self.mask_style == "vector":
            inner = inner.masked_fill(absent.unsqueeze(-1), 0.0)
            # The second layer's bias is inside the sum: swap it for the token.
            total = total + absent.to(values.dtype) @ (self.mask_token - self.bias_out)
        return inner.flatten(-2) @ self.weight_out.flatten(0, 1) + total


class VariableHeads(nn.Module):
    """Reconstruct every variable from a token by its own two-layer network.

    Parameters
    ----------
    n_variables : int
        Number of variables, may be 0.
    d_model : int
        Width of the token.
    d_embedding : int, default=64
        Width inside each variable's network.
    dropout : float, default=0.1
        Dropout rate inside each variable's network.

    Examples
    --------
    >>> import torch
    >>> heads = VariableHeads(3, d_model=8)
    >>> heads(torch.zeros(2, 10, 8)).shape
    torch.Size([2, 10, 3])
    """

    def __init__(self, n_variables, d_model, d_embedding=64, dropout=0.1):
        super().__init__()
        self.n_variables, self.d_embedding, self.dropout = n_variables, d_embedding, dropout
        self.weight_in = uniform_parameter(n_variables, d_embedding, d_model)
        self.bias_in = uniform_parameter(n_variables, d_embedding)
        self.weight_out = uniform_parameter(n_variables, d_embedding)
        self.bias_out = uniform_parameter(n_variables)

    def forward(self, tokens):
        """Return one value per variable.

        Parameters
        ----------
        tokens : Tensor of shape (..., d_model)
            Decoded tokens.

        Returns
        -------
        Tensor of shape (..., n_variables)
            Reconstructions, in scaled units.
        """
        inner = F.linear(tokens, self.weight_in.flatten(0, 1), self.bias_in.flatten())
        inner = inner.unflatten(-1, (self.n_variables, self.d_embedding))
        inner = dropout(F.gelu(inner), self.dropout, self.training)
        return (inner * self.weight_out).sum(-1) + self.bias_out
