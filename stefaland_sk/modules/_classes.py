"""Small networks of categorical attributes, one for each.

A categorical attribute holds codes 0, 1, ... ``n_classes - 1`` as numbers; a
code out of this range is as good as missing. Such attributes are few and there
is one value per site, so that a loop over them costs nothing.
"""

from torch import nn
from torch.nn import functional as F

from ._dropout import dropout
from ._embedding import uniform_parameter


def read_codes(values, n_classes):
    """Turn numbers into class codes.

    Parameters
    ----------
    values : Tensor
        Codes as floats; NaN = missing.
    n_classes : int
        Number of classes.

    Returns
    -------
    codes : int64 Tensor of the same shape
        Codes; 0 where there is none.
    known : bool Tensor of the same shape
        Whether the value is a code.

    Examples
    --------
    >>> import torch
    >>> read_codes(torch.tensor([2.0, 3.0, float("nan")]), 3)
    (tensor([2, 0, 0]), tensor([ True, False, False]))
    """
    known = (values >= 0) & (values < n_classes)  # False for NaN
    return values.masked_fill(~known, 0.0).long(), known


class ClassEmbedding(nn.Module):
    """Embed a categorical attribute: one vector per class, widened by a linear layer.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    d_model : int
        Width of the token.
    d_embedding : int, default=64
        Width of the vectors of the classes.

    Examples
    --------
    >>> import torch
    >>> ClassEmbedding(3, d_model=8)(torch.tensor([0.0, 2.0])).shape
    torch.Size([2, 8])
    """

    def __init__(self, n_classes, d_model, d_embedding=64):
        super().__init__()
        self.n_classes = n_classes
        self.table = uniform_parameter(n_classes, d_embedding)
        self.weight_out = uniform_parameter(d_embedding, d_model)
        self.bias_out = uniform_parameter(d_model)
        self.mask_token = uniform_parameter(d_model)

    def forward(self, values):
        """Return the embedding of each value.

        Parameters
        ----------
        values : Tensor of shape (n_sites,)
            Codes; NaN = missing or hidden, for which the mask token stands.

        Returns
        -------
        Tensor of shape (n_sites, d_model)
            Embeddings.
        """
        codes, known = read_codes(values, self.n_classes)
        known = known.unsqueeze(-1)
        # Zero vectors in place of unknown classes: no gradient goes to class 0.
        classes = F.embedding(codes, self.table).masked_fill(~known, 0.0)
        return (
            classes @ self.weight_out
            + known.to(values.dtype) * (self.bias_out - self.mask_token)
            + self.mask_token
        )


class ClassHead(nn.Module):
    """Reconstruct a categorical attribute from a token by a two-layer network.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    d_model : int
        Width of the token.
    d_embedding : int, default=64
        Width inside the network.
    dropout : float, default=0.1
        Dropout rate inside the network.

    Examples
    --------
    >>> import torch
    >>> ClassHead(3, d_model=8)(torch.zeros(2, 8)).shape
    torch.Size([2, 3])
    """

    def __init__(self, n_classes, d_model, d_embedding=64, dropout=0.1):
        super().__init__()
        self.dropout = dropout
        self.weight_in = uniform_parameter(d_embedding, d_model)
        self.bias_in = uniform_parameter(d_embedding)
        self.weight_out = uniform_parameter(n_classes, d_embedding)
        self.bias_out = uniform_parameter(n_classes)

    def forward(self, tokens):
        """Return one logit per class.

        Parameters
        ----------
        tokens : Tensor of shape (n_sites, d_model)
            Decoded tokens.

        Returns
        -------
        Tensor of shape (n_sites, n_classes)
            Logits.
        """
        inner = F.gelu(F.linear(tokens, self.weight_in, self.bias_in))
        return F.linear(dropout(inner, self.dropout, self.training), self.weight_out, self.bias_out)
