"""Adapters: how forcing (and attributes) join the features of a frozen encoder.

All share one interface: ``adapter(features, forcing, attributes)`` with shapes
(n_sites, n_times, d), (n_sites, n_times, n_forcings) and
(n_sites, n_attributes), and give (n_sites, n_times, d). Only the residual one
reads the attributes. In the formulas h = features, x = forcing,
c = attributes, [;] = concatenation.
"""

import torch
from torch import nn
from torch.nn import functional as F

from stefaland_sk._core._checks import check_option

from ._dropout import Dropout
from ._recurrent import ConcatLinear


class NoAdapter(nn.Module):
    """Pass the features through: h.

    Parameters
    ----------
    d_model, n_forcings, n_attributes : int
        Ignored.
    dropout : float, default=0.1
        Ignored.

    Examples
    --------
    >>> import torch
    >>> NoAdapter(4, 2, 3)(torch.ones(1, 2, 4), None, None).sum()
    tensor(8.)
    """

    def __init__(self, d_model, n_forcings, n_attributes, dropout=0.1):
        super().__init__()

    def forward(self, features, forcing, attributes):
        """Return `features`."""
        return features


class GatedAdapter(nn.Module):
    """Add a gated mixture: h + sigmoid(W_g [h; x]) * (W_v [h; x]).

    Parameters
    ----------
    d_model, n_forcings, n_attributes : int
        Widths of features, forcing and attributes (these are not used).
    dropout : float, default=0.1
        Ignored.

    Examples
    --------
    >>> import torch
    >>> GatedAdapter(4, 2, 3)(torch.ones(1, 5, 4), torch.ones(1, 5, 2), None).shape
    torch.Size([1, 5, 4])
    """

    def __init__(self, d_model, n_forcings, n_attributes, dropout=0.1):
        super().__init__()
        self.mix = ConcatLinear([d_model, n_forcings], 2 * d_model)

    def forward(self, features, forcing, attributes):
        """Return the adapted features."""
        gate, value = self.mix(features, forcing).chunk(2, dim=-1)
        return features + torch.sigmoid(gate) * value


class FeedforwardAdapter(nn.Module):
    """Replace by a two-layer network of width 2d: W_2 drop(relu(W_1 [h; x])).

    Parameters
    ----------
    d_model, n_forcings, n_attributes : int
        Widths of features, forcing and attributes (these are not used).
    dropout : float, default=0.1
        Dropout rate inside the network.

    Examples
    --------
    >>> import torch
    >>> FeedforwardAdapter(4, 2, 3)(torch.ones(1, 5, 4), torch.ones(1, 5, 2), None).shape
    torch.Size([1, 5, 4])
    """

    def __init__(self, d_model, n_forcings, n_attributes, dropout=0.1):
        super().__init__()
        self.expand = ConcatLinear([d_model, n_forcings], 2 * d_model)
        self.contract = nn.Linear(2 * d_model, d_model)
        self.dropout = Dropout(dropout)

    def forward(self, features, forcing, attributes):
        """Return the adapted features."""
        return self.contract(self.dropout(F.relu(self.expand(features, forcing))))


class BottleneckAdapter(nn.Module):
    """Add through a narrow layer: LN(h + drop(W_u drop(relu(W_d [h; x])))).

    Parameters
    ----------
    d_model, n_forcings, n_attributes : int
        Widths of features, forcing and attributes (these are not used).
    dropout : float, default=0.1
        Dropout rate behind both layers.
    d_bottleneck : int, default=64
        Width of the narrow layer.

    Examples
    --------
    >>> import torch
    >>> BottleneckAdapter(4, 2, 3)(torch.ones(1, 5, 4), torch.ones(1, 5, 2), None).shape
    torch.Size([1, 5, 4])
    """

    def __init__(self, d_model, n_forcings, n_attributes, dropout=0.1, d_bottleneck=64):
        super().__init__()
        self.down = ConcatLinear([d_model, n_forcings], d_bottleneck)
        self.up = nn.Linear(d_bottleneck, d_model)
        self.norm = nn.LayerNorm(d_model)
        self.dropout = Dropout(dropout)

    def forward(self, features, forcing, attributes):
        """Return the adapted features."""
        inner = self.dropout(F.relu(self.down(features, forcing)))
        return self.norm(features + self.dropout(self.up(inner)))


class ResidualAdapter(nn.Module):
    """Let forcing and attributes in twice: through a network, and added behind it.

    With e = s LN(h) and a learned scalar s, p = drop(relu(W_t x)) and
    q = drop(relu(W_s c)) broadcast over days, the output is
    LN(LN(e + y) + p + q) where y = W_2 drop(relu(W_1 [e; p; q])), of widths
    3d -> 2d -> d. Inside the network dropout is twice `dropout`.

    Parameters
    ----------
    d_model, n_forcings, n_attributes : int
        Widths of features, forcing and attributes; p or q is left out where
        there are none.
    dropout : float, default=0.1
        Dropout rate of p and q.
    feature_scale : float or None, default=0.1
        Initial value of s. None takes the features as they come (e = h), as an
        earlier version of the authors' programs did.

    Examples
    --------
    >>> import torch
    >>> adapter = ResidualAdapter(4, 2, 3)
    >>> adapter(torch.ones(1, 5, 4), torch.ones(1, 5, 2), torch.ones(1, 3)).shape
    torch.Size([1, 5, 4])
    """

    def __init__(self, d_model, n_forcings, n_attributes, dropout=0.1, feature_scale=0.1):
        super().__init__()
        self.norm_features, self.scale = None, None
        if feature_scale is not None:
            self.norm_features = nn.LayerNorm(d_model)
            self.scale = nn.Parameter(torch.tensor(float(feature_scale)))
        self.from_forcing = nn.Linear(n_forcings, d_model) if n_forcings else None
        self.from_attributes = nn.Linear(n_attributes, d_model) if n_attributes else None
        sizes = [d_model, d_model * bool(n_forcings), d_model * bool(n_attributes)]
        self.expand = ConcatLinear(sizes, 2 * d_model)
        self.contract = nn.Linear(2 * d_model, d_model)
        self.norm_first, self.norm_second = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = Dropout(dropout)
        self.dropout_inner = Dropout(min(2 * dropout, 1.0))

    def forward(self, features, forcing, attributes):
        """Return the adapted features."""
        if self.scale is not None:
            features = self.scale * self.norm_features(features)
        days = site = None
        if self.from_forcing is not None:
            days = self.dropout(F.relu(self.from_forcing(forcing)))
        if self.from_attributes is not None:
            site = self.dropout(F.relu(self.from_attributes(attributes))).unsqueeze(1)
        inner = self.dropout_inner(F.relu(self.expand(features, days, site)))
        adapted = self.norm_first(features + self.contract(inner))
        for part in (days, site):
            if part is not None:
                adapted = adapted + part
        return self.norm_second(adapted)


ADAPTERS = {
    "none": NoAdapter,
    "gated": GatedAdapter,
    "residual": ResidualAdapter,
    "bottleneck": BottleneckAdapter,
    "feedforward": FeedforwardAdapter,
}


def make_adapter(name, d_model, n_forcings, n_attributes, **options):
    """Build the adapter of a name.

    Parameters
    ----------
    name : {"none", "gated", "residual", "bottleneck", "feedforward"}
        Which adapter.
    d_model, n_forcings, n_attributes : int
        Widths of features, forcing and attributes.
    **options
        Passed to the adapter, such as `dropout`.

    Returns
    -------
    torch.nn.Module
        The adapter.

    Raises
    ------
    ValueError
        If there is no adapter of this name.

    Examples
    --------
    >>> make_adapter("none", 8, 5, 26)
    NoAdapter()
    """
    check_option("adapter", name, list(ADAPTERS))
    return ADAPTERS[name](d_model, n_forcings, n_attributes, **options)
