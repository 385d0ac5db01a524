"""A head with the encoder that is trained together with it."""

import torch
from torch import nn


class FinetunedNetwork(nn.Module):
    """A head on features that are given, or made by an encoder on the way.

    Names of weights begin with ``head.`` and ``encoder.``, so that patterns can tell what is
    trained.

    Parameters
    ----------
    head : nn.Module
        ``head(features, forcing, attributes) -> output``, such as a `FinetuneHead`.
    encoder : MaskedAutoencoder, default=None
        The encoder, to be trained with the head; None where features are given.

    Raises
    ------
    ValueError
        In the call, if there are neither features nor an encoder for them.

    Examples
    --------
    >>> import torch
    >>> from stefaland_sk.modules import BackboneConfig, FinetuneHead, MaskedAutoencoder
    >>> encoder = MaskedAutoencoder(BackboneConfig(3, 5, d_model=16, n_layers=1))
    >>> network = FinetunedNetwork(FinetuneHead(16, 3, 5, d_hidden=8), encoder)
    >>> forcing, attributes = torch.zeros(2, 30, 3), torch.zeros(2, 5)
    >>> network(
    ...     forcing, attributes, encoder_forcing=forcing, encoder_attributes=attributes
    ... ).shape
    torch.Size([2, 30])
    """

    def __init__(self, head, encoder=None):
        super().__init__()
        self.head, self.encoder = head, encoder
        width = encoder.config.d_model if encoder is not None else 0
        self.register_buffer("feature_mean", torch.zeros(width))
        self.register_buffer("feature_std", torch.ones(width))

    def set_feature_scale(self, mean, std):
        """Set the scale of what the encoder gives, which stays as it is in training.

        Parameters
        ----------
        mean, std : Tensor of shape (d_model,)
            Of the features before the training.
        """
        self.feature_mean.copy_(mean)
        self.feature_std.copy_(std)

    def train(self, mode=True):
        """Set the mode; an encoder of which nothing is trained stays free of dropout.

        Parameters
        ----------
        mode : bool, default=True
            True for training, False for evaluation.

        Returns
        -------
        FinetunedNetwork
            This network.
        """
        super().train(mode)
        if self.encoder is not None:
            trained = any(weight.requires_grad for weight in self.encoder.parameters())
            self.encoder.train(mode and trained)
        return self

    def forward(
        self,
        forcing=None,
        attributes=None,
        features=None,
        encoder_forcing=None,
        encoder_attributes=None,
        physical=None,
    ):
        """Return the output of the head.

        Parameters
        ----------
        forcing : Tensor of shape (n_sites, n_times, n_forcings), default=None
            Forcing as scaled for the head, NaN = missing.
        attributes : Tensor of shape (n_sites, n_attributes), default=None
            Attributes as scaled for the head, NaN = missing.
        features : Tensor of shape (n_sites, n_times or 1, d_encoder), default=None
            Features, standardised. None asks the encoder, if there is one.
        encoder_forcing, encoder_attributes : Tensor, default=None
            What the encoder reads, scaled for it, NaN = missing.
        physical : Tensor of shape (n_sites, n_times, n_variables), default=None
            Forcing in natural units, for a `HybridHead`.

        Returns
        -------
        Tensor of shape (n_sites, n_times[, n_outputs])
            Output of the head.
        """
        if features is None and self.encoder is not None:
            days, site = self.encoder.encode(encoder_forcing, encoder_attributes)
            days = site.unsqueeze(1) if days.shape[1] == 0 else days
            features = (days - self.feature_mean) / self.feature_std
        if physical is None:
            return self.head(features, forcing, attributes)
        return self.head(features, forcing, attributes, physical)
