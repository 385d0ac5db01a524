"""The head for targets of sites, which have no time: a network without memory."""

import torch
from torch import nn

from stefaland_sk._core._checks import check_number

from ._dropout import Dropout


class SiteHead(nn.Module):
    """Features of a site and its attributes to one value, or to several.

    Linear layers with GELU and dropout between them, on ``[features; attributes]``. Features of
    an encoder are, for instance, the mean of the days and the static token.

    Parameters
    ----------
    d_features : int
        Width of the features; 0 for none.
    n_attributes : int
        Number of raw inputs of a site, may be 0.
    d_hidden : tuple of int, default=(256, 128)
        Widths of the hidden layers; ``()`` is a linear model.
    n_outputs : int, default=1
        Number of outputs.
    dropout : float, default=0.1
        Dropout rate behind each hidden layer.

    Raises
    ------
    ValueError
        If a parameter is not legal, there is nothing to read, or (in the call) shapes do not fit.

    Notes
    -----
    Missing attributes count as 0, the mean after scaling.

    Examples
    --------
    >>> import torch
    >>> head = SiteHead(d_features=16, n_attributes=5, n_outputs=3)
    >>> head(torch.zeros(4, 16), torch.zeros(4, 5)).shape
    torch.Size([4, 3])
    """

    def __init__(self, d_features, n_attributes, d_hidden=(256, 128), n_outputs=1, dropout=0.1):
        super().__init__()
        check_number("d_features", d_features, low=0, integer=True)
        check_number("n_attributes", n_attributes, low=0, integer=True)
        check_number("n_outputs", n_outputs, low=1, integer=True)
        check_number("dropout", dropout, low=0, high=1)
        if d_features + n_attributes == 0:
            raise ValueError(
                "A SiteHead needs features or attributes: `d_features` and `n_attributes` are 0."
            )
        self.d_features, self.n_attributes = d_features, n_attributes
        layers, width = [], d_features + n_attributes
        for size in d_hidden:
            check_number("d_hidden", size, low=1, integer=True)
            layers += [nn.Linear(width, size), nn.GELU(), Dropout(dropout)]
            width = size
        self.layers = nn.Sequential(*layers, nn.Linear(width, n_outputs))

    def forward(self, features=None, attributes=None):
        """Return the outputs.

        Parameters
        ----------
        features : Tensor of shape (n_sites, d_features), default=None
            Standardised features; None only if there are none.
        attributes : Tensor of shape (n_sites, n_attributes), default=None
            Scaled attributes, NaN = missing; None only if there are none.

        Returns
        -------
        Tensor of shape (n_sites, n_outputs)
            Outputs.
        """
        given = []
        for name, values, width in (
            ("features", features, self.d_features),
            ("attributes", attributes, self.n_attributes),
        ):
            shape = None if values is None else tuple(values.shape)
            if shape is None and width == 0:
                continue
            if shape is None or len(shape) != 2 or shape[1] != width:
                raise ValueError(f"`{name}` must have shape (n_sites, {width}); got {shape}.")
            given.append(values.nan_to_num())
        return self.layers(torch.cat(given, dim=1))
