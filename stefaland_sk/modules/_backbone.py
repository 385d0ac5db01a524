"""The transformer encoder that reads day tokens and the static token of a site."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ._dropout import Dropout
from ._embedding import uniform_parameter


class EncoderLayer(nn.Module):
    """One layer: attention, then feed-forward, each added and then normalised.

    The same arithmetic as ``torch.nn.TransformerEncoderLayer`` with its default
    arguments (normalisation after the addition, ReLU) [1]_, on the fused
    attention kernel in training and evaluation alike.

    Parameters
    ----------
    d_model, n_heads, d_feedforward : int
        Width of the tokens, attention heads, width inside the feed-forward part.
    dropout : float, default=0.1
        Dropout rate behind attention and in the feed-forward part.
    attention_dropout : float, default=0.0
        Dropout rate of the attention weights.

    References
    ----------
    .. [1] Vaswani, A. et al. (2017). Attention is all you need.
       arXiv:1706.03762.

    Examples
    --------
    >>> import torch
    >>> EncoderLayer(8, 2, 16)(torch.zeros(3, 5, 8)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, d_model, n_heads, d_feedforward, dropout=0.1, attention_dropout=0.0):
        super().__init__()
        self.n_heads = n_heads
        self.attention_dropout = attention_dropout
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.project = nn.Linear(d_model, d_model)
        self.expand = nn.Linear(d_model, d_feedforward)
        self.contract = nn.Linear(d_feedforward, d_model)
        self.norm_attention = nn.LayerNorm(d_model)
        self.norm_feedforward = nn.LayerNorm(d_model)
        self.dropout = Dropout(dropout)
        # torch's own attention starts from these, so its layer and ours train alike.
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.project.bias)

    @classmethod
    def of(cls, config):
        """Return a layer of the sizes of a BackboneConfig."""
        return cls(
            config.d_model,
            config.n_heads,
            config.d_feedforward,
            config.dropout,
            config.attention_dropout,
        )

    def _attend(self, tokens):
        """Return the attention output, projected, before dropout."""
        n_sites, n_tokens, d_model = tokens.shape
        qkv = self.qkv(tokens)
        dtype = qkv.dtype
        if dtype == torch.bfloat16 and qkv.device.type == "cpu":
            qkv = qkv.float()  # on a CPU, its kernel for bfloat16 is the slower one
        heads = (
            part.view(n_sites, n_tokens, self.n_heads, -1).transpose(1, 2)
            for part in qkv.split(d_model, dim=-1)  # not unbind: its gradient copies once more
        )
        rate = self.attention_dropout if self.training else 0.0
        with torch.autocast("cpu", enabled=False):
            mixed = F.scaled_dot_product_attention(*heads, dropout_p=rate)
        return self.project(mixed.transpose(1, 2).reshape(n_sites, n_tokens, d_model).to(dtype))

    def forward(self, tokens):
        """Return the tokens after this layer.

        Parameters
        ----------
        tokens : Tensor of shape (n_sites, n_tokens, d_model)
            Tokens of each site.

        Returns
        -------
        Tensor of shape (n_sites, n_tokens, d_model)
            Tokens of each site.
        """
        tokens = self.norm_attention(tokens + self.dropout(self._attend(tokens)))
        inner = self.dropout(F.relu(self.expand(tokens)))
        return self.norm_feedforward(tokens + self.dropout(self.contract(inner)))


class Backbone(nn.Module):
    """Learned positions and a stack of encoder layers.

    Parameters
    ----------
    config : BackboneConfig
        Sizes and dropout rates.

    Notes
    -----
    The static token stands last in the sequence, but always uses the same row
    of the position table (``config.static_row``), so that it means the same in
    windows of different length. The days, or patches of days, use the other rows
    in order. Rows beyond the longest window seen in pretraining are untrained:
    encode longer series in windows of that length.

    Examples
    --------
    >>> import torch
    >>> from stefaland_sk._core._config import BackboneConfig
    >>> backbone = Backbone(BackboneConfig(1, 1, d_model=8, n_layers=1))
    >>> backbone(torch.zeros(2, 11, 8)).shape
    torch.Size([2, 11, 8])
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.position = uniform_parameter(config.n_positions, config.d_model)
        self.layers = nn.ModuleList(EncoderLayer.of(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_model)
        self.dropout = Dropout(config.dropout)

    def _positions(self, n_patches):
        """Return the position rows of the first patches and of the static token."""
        row = self.config.static_row
        static = self.position[row : row + 1]
        if n_patches <= row:
            return torch.cat([self.position[:n_patches], static])
        return torch.cat([self.position[:row], self.position[row + 1 : n_patches + 1], static])

    def forward(self, tokens):
        """Return the encoded tokens.

        Parameters
        ----------
        tokens : Tensor of shape (n_sites, n_patches + 1, d_model)
            Tokens of days or patches, and the static token last.

        Returns
        -------
        Tensor of shape (n_sites, n_patches + 1, d_model)
            Encoded tokens, normalised.
        """
        tokens = self.dropout(tokens + self._positions(tokens.shape[1] - 1))
        tokens = tokens * math.sqrt(self.config.d_model)
        for layer in self.layers:
            tokens = layer(tokens)
        return self.dropout(self.norm(tokens))
