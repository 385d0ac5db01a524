"""The masked autoencoder: hide parts of forcing and attributes, reconstruct them."""

import copy

import torch
from torch import nn

from stefaland_sk._core._config import BackboneConfig

from ._backbone import Backbone
from ._dropout import Dropout
from ._embedding import VariableEmbedding, VariableHeads


class MaskedAutoencoder(nn.Module):
    """Encode a site's forcing and attributes; reconstruct what was hidden [1]_.

    Each day is one token (the sum of its variables' embeddings), the attributes
    are one static token. A transformer mixes them; a one-layer LSTM over all
    tokens and small heads per variable reconstruct the inputs. Downstream tasks
    use `encode` only.

    Parameters
    ----------
    config : BackboneConfig
        Number of variables, sizes, dropout rates.

    Attributes
    ----------
    config : BackboneConfig
        As given.

    Notes
    -----
    A missing value (NaN) is treated like a hidden one: its mask token stands
    in. In a batch, sites do not influence each other.

    Windows of different length differ in more than their end: the encoder
    attends to the whole window, future days included.

    References
    ----------
    .. [1] StefaLand: An Efficient Geoscience Foundation Model That Improves
       Dynamic Land-Surface Predictions. arXiv:2509.17942.

    Examples
    --------
    >>> import torch
    >>> from stefaland_sk._core._config import BackboneConfig
    >>> model = MaskedAutoencoder(BackboneConfig(3, 5, d_model=16, n_layers=1))
    >>> days, site = model.encode(torch.zeros(2, 30, 3), torch.zeros(2, 5))
    >>> days.shape, site.shape
    (torch.Size([2, 30, 16]), torch.Size([2, 16]))
    """

    def __init__(self, config):
        super().__init__()
        if not isinstance(config, BackboneConfig):
            raise TypeError(f"`config` must be a BackboneConfig. Got {type(config).__name__}.")
        self.config = config
        sizes = (config.d_model, config.d_embedding, config.dropout)
        self.embed_forcing = VariableEmbedding(config.n_forcings, *sizes)
        self.embed_attributes = VariableEmbedding(
            config.n_attributes, *sizes, mask_style=config.attribute_mask_style
        )
        self.backbone = Backbone(config)
        self.encoder_to_decoder = nn.Linear(config.d_model, config.d_model)
        self.decoder = nn.LSTM(config.d_model, config.d_model, batch_first=True)
        self.decoder_norm = nn.LayerNorm(config.d_model)
        self.decoder_dropout = Dropout(config.dropout)
        self.forcing_heads = VariableHeads(config.n_forcings, *sizes)
        self.attribute_heads = VariableHeads(config.n_attributes, *sizes)

    def _check(self, forcing, attributes):
        """Fill in an absent part, and compare shapes with the configuration."""
        config = self.config
        given = forcing if forcing is not None else attributes
        if given is None:
            raise ValueError("`forcing` and `attributes` are both None; give at least one.")
        if forcing is None:
            forcing = given.new_zeros(len(given), 0, config.n_forcings)
        if attributes is None:
            attributes = given.new_full((len(given), config.n_attributes), torch.nan)
        if forcing.ndim != 3 or forcing.shape[2] != config.n_forcings:
            raise ValueError(
                f"`forcing` must have shape (n_sites, n_times, {config.n_forcings}); "
                f"got {tuple(forcing.shape)}."
            )
        if attributes.shape != (len(forcing), config.n_attributes):
            raise ValueError(
                f"`attributes` must have shape ({len(forcing)}, {config.n_attributes}), one row "
                f"per site of `forcing`; got {tuple(attributes.shape)}."
            )
        return forcing, attributes

    def _encode(self, forcing, attributes, forcing_hidden, attributes_hidden):
        """Return all tokens, the static one last."""
        forcing, attributes = self._check(forcing, attributes)
        days = self.embed_forcing(forcing, forcing_hidden)
        site = self.embed_attributes(attributes, attributes_hidden)
        tokens = self.backbone(torch.cat([days, site.unsqueeze(1)], dim=1))
        return self.encoder_to_decoder(tokens)

    def encode(self, forcing, attributes, forcing_hidden=None, attributes_hidden=None):
        """Return the features of every day and of the site.

        Parameters
        ----------
        forcing : Tensor of shape (n_sites, n_times, n_forcings) or None
            Scaled forcing, NaN = missing; None where there is no time.
        attributes : Tensor of shape (n_sites, n_attributes) or None
            Scaled attributes, NaN = missing; None = all missing.
        forcing_hidden, attributes_hidden : bool Tensors, default=None
            True = hidden; shapes of `forcing` and `attributes`.

        Returns
        -------
        days : Tensor of shape (n_sites, n_times, d_model)
            Features of every day.
        site : Tensor of shape (n_sites, d_model)
            Feature of the static token.

        Raises
        ------
        ValueError
            If shapes do not fit the configuration or each other.
        """
        tokens = self._encode(forcing, attributes, forcing_hidden, attributes_hidden)
        return tokens[:, :-1], tokens[:, -1]

    def forward(self, forcing, attributes, forcing_hidden=None, attributes_hidden=None):
        """Return reconstructions of all variables, hidden or not.

        Parameters
        ----------
        forcing : Tensor of shape (n_sites, n_times, n_forcings) or None
            Scaled forcing, NaN = missing; None where there is no time.
        attributes : Tensor of shape (n_sites, n_attributes) or None
            Scaled attributes, NaN = missing; None = all missing.
        forcing_hidden, attributes_hidden : bool Tensors, default=None
            True = hidden; shapes of `forcing` and `attributes`.

        Returns
        -------
        forcing : Tensor of shape (n_sites, n_times, n_forcings)
            Reconstructed forcing, scaled.
        attributes : Tensor of shape (n_sites, n_attributes)
            Reconstructed attributes, scaled.
        """
        tokens = self._encode(forcing, attributes, forcing_hidden, attributes_hidden)
        decoded, _ = self.decoder(tokens)
        decoded = self.decoder_dropout(self.decoder_norm(decoded))
        return self.forcing_heads(decoded[:, :-1]), self.attribute_heads(decoded[:, -1])

    def select_variables(self, forcings, attributes):
        """Return a copy with variables in another order, or fewer of them.

        The way to load weights by name: look up the column of each wanted name
        in the checkpoint's list and pass the columns.

        Parameters
        ----------
        forcings, attributes : sequence of int
            Columns of this model, in the order wanted.

        Returns
        -------
        MaskedAutoencoder
            A new model; its weights are copies.

        Raises
        ------
        ValueError
            If a column does not exist.

        Notes
        -----
        A variable that is left out is not the same as a missing one, which
        contributes its mask token. Where data lack a variable of a pretrained
        model, keep the model and pass NaN.
        """
        columns = {
            "forcing": _column_index("forcings", forcings, self.config.n_forcings),
            "attribute": _column_index("attributes", attributes, self.config.n_attributes),
        }
        sizes = {"n_forcings": len(forcings), "n_attributes": len(attributes)}
        config = BackboneConfig.from_dict({**self.config.to_dict(), **sizes})
        model = copy.deepcopy(self)
        model.config = model.backbone.config = config
        parts = [("embed_forcing", "forcing"), ("forcing_heads", "forcing")]
        parts += [("embed_attributes", "attribute"), ("attribute_heads", "attribute")]
        for part, kind in parts:
            module = getattr(model, part)
            module.n_variables = len(columns[kind])
            for name, weight in list(module.named_parameters()):
                chosen = weight.detach()[columns[kind].to(weight.device)].clone()
                setattr(module, name, nn.Parameter(chosen, requires_grad=weight.requires_grad))
        return model


def _column_index(name, columns, n_columns):
    """Return the columns as an index tensor after checking their range."""
    wrong = [column for column in columns if not 0 <= column < n_columns]
    if wrong:
        raise ValueError(
            f"`{name}` must hold columns from 0 to {n_columns - 1}. Got {wrong} instead."
        )
    return torch.tensor(list(columns), dtype=torch.long)
