"""Small networks per variable, evaluated for all variables at once.

Every variable has its own weights, but no loop runs over variables: both layers
are matrix products, the narrow ones with a block-diagonal matrix. The first axis
of every weight is the variable, so that variables can be reordered, dropped or
mapped by name.
"""

import torch
from torch import nn
from torch.nn import functional as F

from stefaland_sk._core._checks import check_option

from ._dropout import dropout

# Half-width of the uniform initialisation of tokens, positions and small networks.
_INIT = 0.02

# A product with a block-diagonal matrix reads the wide tensors of all variables once, where a
# broadcast product needs several passes; but it multiplies by the zeros between the blocks, too.
_MOST_BLOCKS = 32


def uniform_parameter(*shape, half_width=_INIT):
    """Return a parameter drawn from U(-half_width, half_width)."""
    return nn.Parameter(torch.empty(*shape).uniform_(-half_width, half_width))


def _block_diagonal(weight):
    """Return the matrix (n_variables, n_variables * width) with the rows of `weight` as blocks."""
    n_variables = len(weight)
    eye = torch.eye(n_variables, dtype=weight.dtype, device=weight.device)
    return (eye.unsqueeze(-1) * weight).flatten(1)


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

    def forward(self, values):
        """Return the summed embedding of all variables.

        Parameters
        ----------
        values : Tensor of shape (..., n_variables)
            Scaled values; NaN = missing or hidden.

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
        absent = torch.isnan(values)
        values = values.masked_fill(absent, 0.0)  # before the network: NaN must not enter it
        if self.mask_style == "scalar":
            values = torch.where(absent, self.mask_token, values)
            visible = torch.ones_like(values)
            total = self.bias_out.sum(0)
        else:
            visible = (~absent).to(values.dtype)
            # The second layer's bias is inside the sum: the token stands where it does not.
            total = self.mask_token.sum(0) + visible @ (self.bias_out - self.mask_token)
        inner = dropout(F.gelu(self._first_layer(values, visible)), self.dropout, self.training)
        return inner @ self.weight_out.flatten(0, 1) + total

    def _first_layer(self, values, visible):
        """Return ``W1[v] * x + b1[v]`` of all variables side by side, 0 for what is absent.

        Where this is 0, so are its GELU and what the second layer makes of it.
        """
        if self.n_variables > _MOST_BLOCKS:
            bias = visible.unsqueeze(-1) * self.bias_in
            return torch.addcmul(bias, values.unsqueeze(-1), self.weight_in).flatten(-2)
        weight = torch.cat([_block_diagonal(self.weight_in), _block_diagonal(self.bias_in)])
        return torch.cat([values, visible], -1) @ weight


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
        inner = dropout(F.gelu(inner), self.dropout, self.training)
        if self.n_variables > _MOST_BLOCKS:
            inner = inner.unflatten(-1, (self.n_variables, self.d_embedding))
            return (inner * self.weight_out).sum(-1) + self.bias_out
        return F.linear(inner, _block_diagonal(self.weight_out), self.bias_out)
