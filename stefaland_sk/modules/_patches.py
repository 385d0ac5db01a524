"""Several days in one token: join them before the encoder, tell them apart behind it."""

import math

from torch import nn


class Patches(nn.Module):
    """Linear maps between the days of a patch and its token.

    Days come in as embeddings in which mask tokens already stand for what is
    hidden. So a day may pass its embedding on to its own feature, around the
    encoder, and nothing hidden can be copied.

    Parameters
    ----------
    patch : int
        Days per token.
    d_model : int
        Width of days and tokens.

    Examples
    --------
    >>> import torch
    >>> patches, days = Patches(7, 8), torch.zeros(2, 28, 8)
    >>> tokens = patches.join(days)
    >>> tokens.shape, patches.features(tokens, days).shape
    (torch.Size([2, 4, 8]), torch.Size([2, 28, 8]))
    """

    def __init__(self, patch, d_model):
        super().__init__()
        self.patch = patch
        self.combine = nn.Linear(patch * d_model, d_model)
        self.expand = nn.Linear(d_model, patch * d_model)
        self.bypass = nn.Linear(d_model, d_model, bias=False)

    def join(self, days):
        """Return the token of each patch.

        Parameters
        ----------
        days : Tensor of shape (n_sites, n_times, d_model)
            Embeddings of days; the patch divides their number.

        Returns
        -------
        Tensor of shape (n_sites, n_times / patch, d_model)
            Tokens.
        """
        n_sites, n_times, d_model = days.shape
        return self.combine(days.reshape(n_sites, n_times // self.patch, self.patch * d_model))

    def features(self, tokens, days):
        """Return the features of the days of encoded patches.

        Parameters
        ----------
        tokens : Tensor of shape (n_sites, n_times / patch, d_model)
            Encoded tokens.
        days : Tensor of shape (n_sites, n_times, d_model)
            The embeddings that were joined.

        Returns
        -------
        Tensor of shape (n_sites, n_times, d_model)
            Features.
        """
        scale = math.sqrt(days.shape[-1])  # embeddings start small; the encoder scales alike
        return self.expand(tokens).reshape(days.shape) + self.bypass(days * scale)

    def repeat(self, tokens):
        """Return each token once for each of its days."""
        return tokens.repeat_interleave(self.patch, dim=1)
