"""Adapters: how forcing (and attributes) join the features of a frozen encoder.

All share one interface: ``adapter(features, forcing, attributes)`` with shapes
(n_sites, n_times or 1, d), (n_sites, n_times, n_forcings) and
(n_sites, n_attributes), and give (n_sites, n_times, d), or one step where that
is the same on all days. Features of one step stand for every day; their share
is computed once. Only the residual one reads the attributes. In the formulas
h = features, x = forcing, c = attributes, LN = layer norm, [;] = concatenation.

Convolution and attention look ahead in time unless ``causal=True``: today's
output then changes with the weather of later days, which suits hindcasts only.
"""

import torch
from torch import nn
from torch.nn import functional as F

from stefaland_sk._core._checks import check_option

from ._dropout import Dropout
from ._mixing import Attention, DayConvolution
from ._recurrent import ConcatLinear
from ._residual import residual_adapter


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
        on_cpu = features.device.type == "cpu" and not torch.compiler.is_compiling()
        daily = self.from_forcing is not None and features.shape[1] == forcing.shape[1]
        if on_cpu and daily and len(features):
            return self._by_pieces(features, forcing, attributes)
        return self._plain(features, forcing, attributes)

    def _site(self, attributes):
        """Return q, of shape (n_sites, d)."""
        return self.dropout(F.relu(self.from_attributes(attributes)))

    def _by_pieces(self, features, forcing, attributes):
        """Return the same as `_plain`, faster on a CPU."""
        d = features.shape[-1]
        weight = self.expand.weight
        inner = self.expand.bias.expand(len(features), -1)
        site = features.new_zeros(len(features), d, dtype=weight.dtype)
        if self.from_attributes is not None:
            site = self._site(attributes).to(weight.dtype)
            inner = inner + F.linear(site, weight[:, 2 * d :]).to(weight.dtype)
        gain = shift = None
        if self.scale is not None:
            gain, shift = (self.scale * part for part in self.norm_features.parameters())
        weights = (
            *(gain, shift, *self.from_forcing.parameters()),
            *(weight[:, :d], weight[:, d : 2 * d], *self.contract.parameters()),
            *(*self.norm_first.parameters(), *self.norm_second.parameters()),
        )
        rates = (self.dropout.rate, self.dropout_inner.rate)
        return residual_adapter(features, forcing, site, inner, weights, rates, self.training)

    def _plain(self, features, forcing, attributes):
        """Return the adapted features, layer by layer."""
        if self.scale is not None:
            features = self.scale * self.norm_features(features)
        days = site = None
        if self.from_forcing is not None:
            days = self.dropout(F.relu(self.from_forcing(forcing)))
        if self.from_attributes is not None:
            site = self._site(attributes).unsqueeze(1)
        inner = self.dropout_inner(F.relu(self.expand(features, days, site)))
        adapted = self.norm_first(features + self.contract(inner))
        for part in (days, site):
            if part is not None:
                adapted = adapted + part
        return self.norm_second(adapted)


class ConvolutionAdapter(nn.Module):
    """Add two convolutions over three days: LN(h + conv(drop(relu(conv(W [h; x]))))).

    Their widths are d -> 2d -> d; days outside the series count as 0.

    Parameters
    ----------
    d_model, n_forcings, n_attributes : int
        Widths of features, forcing and attributes (these are not used).
    dropout : float, default=0.1
        Dropout rate between the convolutions.
    causal : bool, default=False
        Whether a day reads itself and four days before it, instead of two on
        either side.

    Examples
    --------
    >>> import torch
    >>> ConvolutionAdapter(4, 2, 3)(torch.ones(1, 5, 4), torch.ones(1, 5, 2), None).shape
    torch.Size([1, 5, 4])
    """

    def __init__(self, d_model, n_forcings, n_attributes, dropout=0.1, causal=False):
        super().__init__()
        self.mix = ConcatLinear([d_model, n_forcings], d_model)
        self.widen = DayConvolution(d_model, 2 * d_model, causal)
        self.narrow = DayConvolution(2 * d_model, d_model, causal)
        self.norm = nn.LayerNorm(d_model)
        self.dropout = Dropout(dropout)

    def forward(self, features, forcing, attributes):
        """Return the adapted features."""
        inner = self.dropout(F.relu(self.widen(self.mix(features, forcing))))
        return self.norm(features + self.narrow(inner))


class AttentionAdapter(nn.Module):
    """Let each day attend to the features, then to the forcing, of other days.

    With p = W x: h <- LN(h + MHA(h, h)), h <- LN(h + MHA(h, p)), then
    LN(h + W_2 drop(relu(W_1 h))) of width 2d. The second step is left out
    without forcing. Days are told apart by their features only, so that features
    of a site that are the same on all days stay so.

    Parameters
    ----------
    d_model, n_forcings, n_attributes : int
        Widths of features, forcing and attributes (these are not used).
    dropout : float, default=0.1
        Dropout rate of attention weights and inside the network.
    n_heads : int, default=4
        Number of heads; must divide `d_model`.
    causal : bool, default=False
        Whether a day attends to itself and earlier days only.

    Raises
    ------
    ValueError
        If `n_heads` does not divide `d_model`.

    Examples
    --------
    >>> import torch
    >>> AttentionAdapter(4, 2, 3)(torch.ones(1, 5, 4), torch.ones(1, 5, 2), None).shape
    torch.Size([1, 5, 4])
    """

    def __init__(self, d_model, n_forcings, n_attributes, dropout=0.1, n_heads=4, causal=False):
        super().__init__()
        if d_model % n_heads:
            raise ValueError(
                f"The adapter 'attention' has {n_heads} heads, and its width {d_model} is not "
                f"divisible by that. Use a width (`d_hidden`) that is, such as "
                f"{d_model + -d_model % n_heads}."
            )
        self.causal = causal
        self.attend_features = Attention(d_model, n_heads, dropout, causal)
        self.norm_features = nn.LayerNorm(d_model)
        self.from_forcing = nn.Linear(n_forcings, d_model) if n_forcings else None
        if n_forcings:
            self.attend_forcing = Attention(d_model, n_heads, dropout, causal)
            self.norm_forcing = nn.LayerNorm(d_model)
        self.expand, self.contract = (
            nn.Linear(d_model, 2 * d_model),
            nn.Linear(2 * d_model, d_model),
        )
        self.norm = nn.LayerNorm(d_model)
        self.dropout = Dropout(dropout)

    def forward(self, features, forcing, attributes):
        """Return the adapted features."""
        features = self.norm_features(features + self.attend_features(features, features))
        if self.from_forcing is not None:
            if self.causal:  # days of the same feature have seen different weather
                features = features.expand(-1, forcing.shape[1], -1)
            attended = self.attend_forcing(features, self.from_forcing(forcing))
            features = self.norm_forcing(features + attended)
        inner = self.dropout(F.relu(self.expand(features)))
        return self.norm(features + self.contract(inner))


class ExpertsAdapter(nn.Module):
    """Add a mixture of networks: LN(h + sum_k g_k W_k2 drop(relu(W_k1 [h; x]))).

    The weights g = softmax(W_g [h; x]) belong to each day; all networks are
    evaluated, and nothing balances their use.

    Parameters
    ----------
    d_model, n_forcings, n_attributes : int
        Widths of features, forcing and attributes (these are not used).
    dropout : float, default=0.1
        Dropout rate inside the networks.
    n_experts : int, default=4
        Number of networks, each of width `d_model`.

    Examples
    --------
    >>> import torch
    >>> ExpertsAdapter(4, 2, 3)(torch.ones(1, 5, 4), torch.ones(1, 5, 2), None).shape
    torch.Size([1, 5, 4])
    """

    def __init__(self, d_model, n_forcings, n_attributes, dropout=0.1, n_experts=4):
        super().__init__()
        self.n_experts = n_experts
        self.gate = ConcatLinear([d_model, n_forcings], n_experts)
        self.expand = ConcatLinear([d_model, n_forcings], n_experts * d_model)
        bound = d_model**-0.5  # each network starts as a linear layer of its own
        self.weight = nn.Parameter(
            torch.empty(n_experts * d_model, d_model).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.empty(n_experts, d_model).uniform_(-bound, bound))
        self.norm = nn.LayerNorm(d_model)
        self.dropout = Dropout(dropout)

    def forward(self, features, forcing, attributes):
        """Return the adapted features."""
        share = torch.softmax(self.gate(features, forcing), dim=-1)
        inner = self.dropout(F.relu(self.expand(features, forcing)))
        inner = inner.unflatten(-1, (self.n_experts, -1)) * share.unsqueeze(-1)
        return self.norm(features + inner.flatten(-2) @ self.weight + share @ self.bias)


ADAPTERS = {
    "none": NoAdapter,
    "gated": GatedAdapter,
    "residual": ResidualAdapter,
    "bottleneck": BottleneckAdapter,
    "feedforward": FeedforwardAdapter,
    "conv": ConvolutionAdapter,
    "attention": AttentionAdapter,
    "moe": ExpertsAdapter,
}
LOOKS_AHEAD = ("conv", "attention")  # these take `causal`
READS_ATTRIBUTES = ("residual",)


def make_adapter(name, d_model, n_forcings, n_attributes, **options):
    """Build the adapter of a name.

    Parameters
    ----------
    name : {"none", "gated", "residual", "bottleneck", "feedforward", "conv", "attention", "moe"} \
            or None
        Which adapter; None is "none".
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
    >>> make_adapter("conv", 8, 5, 26, causal=True).widen
    DayConvolution(8, 16, causal=True)
    """
    name = check_option("adapter", "none" if name is None else name, list(ADAPTERS))
    return ADAPTERS[name](d_model, n_forcings, n_attributes, **options)
