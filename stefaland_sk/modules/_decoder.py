"""Decoders: what stands between the encoder's tokens and the reconstruction heads."""

import math

from torch import nn

from ._backbone import EncoderLayer


class LSTMDecoder(nn.LSTM):
    """LSTM over all tokens, forwards in time, the static token last.

    At the static token it has read the whole window: a short way from the
    series to the reconstruction of the attributes.

    Parameters
    ----------
    config : BackboneConfig
        Width and number of layers.

    Examples
    --------
    >>> import torch
    >>> from stefaland_sk._core._config import BackboneConfig
    >>> LSTMDecoder(BackboneConfig(1, 1, d_model=8))(torch.zeros(2, 11, 8)).shape
    torch.Size([2, 11, 8])
    """

    def __init__(self, config):
        super().__init__(config.d_model, config.d_model, config.n_decoder_layers, batch_first=True)

    def forward(self, tokens):
        """Return the decoded tokens, of the same shape."""
        return super().forward(tokens)[0]


class TransformerDecoder(nn.Sequential):
    """Transformer layers over all tokens, as in the encoder.

    The tokens carry their positions from the encoder, so none are added; like the
    encoder's, they are scaled by the root of their width, as in the original.

    Parameters
    ----------
    config : BackboneConfig
        Sizes, dropout rates and number of layers.

    Examples
    --------
    >>> import torch
    >>> from stefaland_sk._core._config import BackboneConfig
    >>> TransformerDecoder(BackboneConfig(1, 1, d_model=8))(torch.zeros(2, 11, 8)).shape
    torch.Size([2, 11, 8])
    """

    def __init__(self, config):
        super().__init__(*(EncoderLayer.of(config) for _ in range(config.n_decoder_layers)))
        self.scale = math.sqrt(config.d_model)

    def forward(self, tokens):
        """Return the decoded tokens, of the same shape."""
        return super().forward(tokens * self.scale)


DECODERS = {"lstm": LSTMDecoder, "transformer": TransformerDecoder}
