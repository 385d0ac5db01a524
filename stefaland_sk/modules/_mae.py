"""The masked autoencoder: hide parts of forcing and attributes, reconstruct them."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from stefaland_sk._core._config import BackboneConfig

from ._backbone import Backbone
from ._classes import ClassEmbedding, ClassHead
from ._decoder import DECODERS
from ._dropout import Dropout
from ._embedding import VariableEmbedding, VariableHeads
from ._patches import Patches
from ._reconstruction import Reconstruction


class MaskedAutoencoder(nn.Module):
    """Encode a site's forcing and attributes; reconstruct what was hidden [1]_.

    Each day is one token (the sum of its variables' embeddings), the attributes
    are one static token. A transformer mixes them; a decoder over all tokens and
    small heads per variable reconstruct the inputs. Downstream tasks use `encode`
    only.

    With ``config.patch > 1``, a token stands for several days. The series is
    padded with missing days at its end, the tokens of a patch's days are joined
    by a linear map, and behind the encoder another gives each day its feature,
    to which the day's own embedding is added. Since hidden values have become
    mask tokens before all this, there is nothing to copy.

    Parameters
    ----------
    config : BackboneConfig
        Number of variables, sizes, dropout rates, decoder, patch.

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
        n_numeric = len(config.numeric_columns)
        n_classes = [n for n in config.n_classes if n]
        self.embed_forcing = VariableEmbedding(config.n_forcings, *sizes)
        self.embed_attributes = VariableEmbedding(
            n_numeric, *sizes, mask_style=config.attribute_mask_style
        )
        self.embed_classes = nn.ModuleList(
            ClassEmbedding(n, config.d_model, config.d_embedding) for n in n_classes
        )
        self.patches = Patches(config.patch, config.d_model) if config.patch > 1 else None
        self.backbone = Backbone(config)
        self.encoder_to_decoder = nn.Linear(config.d_model, config.d_model)
        self.decoder = DECODERS[config.decoder](config)
        self.decoder_norm = nn.LayerNorm(config.d_model)
        self.decoder_dropout = Dropout(config.dropout)
        self.forcing_heads = VariableHeads(config.n_forcings, *sizes)
        self.attribute_heads = VariableHeads(n_numeric, *sizes)
        self.class_heads = nn.ModuleList(ClassHead(n, *sizes) for n in n_classes)

    @property
    def encoding_parameters(self):
        """Names of the weights that `encode` uses; the others serve the reconstruction only."""
        parts = ("embed_", "patches.", "backbone.", "encoder_to_decoder.")
        return [name for name, _ in self.named_parameters() if name.startswith(parts)]

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
        if forcing.shape[1] >= config.max_length:
            raise ValueError(
                f"A window may hold at most {config.max_length - 1} steps "
                f"(`max_length` - 1); got {forcing.shape[1]}. Encode longer series in windows."
            )
        return forcing, attributes

    def _embed_site(self, attributes):
        """Return the static token before the encoder."""
        if not self.embed_classes:
            return self.embed_attributes(attributes)
        token = self.embed_attributes(attributes[:, list(self.config.numeric_columns)])
        for column, embed in zip(self.config.class_columns, self.embed_classes, strict=True):
            token = token + embed(attributes[:, column])
        return token

    def _encode(self, forcing, attributes, forcing_hidden, attributes_hidden):
        """Return the features of the days, and all tokens, the static one last."""
        forcing, attributes = self._check(forcing, attributes)
        forcing = _hide(forcing, forcing_hidden)
        n_times = forcing.shape[1]
        if self.patches is not None:
            forcing = F.pad(forcing, (0, 0, 0, -n_times % self.patches.patch), value=torch.nan)
        days = self.embed_forcing(forcing)
        site = self._embed_site(_hide(attributes, attributes_hidden))
        tokens = days if self.patches is None else self.patches.join(days)
        tokens = self.backbone(torch.cat([tokens, site.unsqueeze(1)], dim=1))
        tokens = self.encoder_to_decoder(tokens)
        if self.patches is None:
            return tokens[:, :-1], tokens
        return self.patches.features(tokens[:, :-1], days)[:, :n_times], tokens

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
        days, tokens = self._encode(forcing, attributes, forcing_hidden, attributes_hidden)
        return days, tokens[:, -1]

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
        Reconstruction
            Forcing, attributes and, of categorical attributes, the logits.

        Raises
        ------
        ValueError
            If shapes do not fit the configuration or each other.
        """
        days, tokens = self._encode(forcing, attributes, forcing_hidden, attributes_hidden)
        decoded = self.decoder(tokens)
        if self.patches is not None:
            context = self.patches.repeat(decoded[:, :-1])[:, : days.shape[1]]
            decoded = torch.cat([days + context, decoded[:, -1:]], dim=1)
        decoded = self.decoder_dropout(self.decoder_norm(decoded))
        given = forcing if forcing is not None else attributes
        return self._reconstruct(decoded[:, :-1], decoded[:, -1], given.dtype)

    def _reconstruct(self, days, site, dtype):
        """Return what the heads make of decoded tokens, in the type of the inputs."""
        forcing = self.forcing_heads(days).to(dtype)
        attributes = self.attribute_heads(site).to(dtype)
        if not self.class_heads:
            return Reconstruction(forcing, attributes)
        logits = tuple(head(site).to(dtype) for head in self.class_heads)
        codes = [scores.detach().argmax(-1, keepdim=True).to(dtype) for scores in logits]
        order = [*self.config.numeric_columns, *self.config.class_columns]
        place = [order.index(column) for column in range(len(order))]
        return Reconstruction(forcing, torch.cat([attributes, *codes], 1)[:, place], logits)

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
        old = self.config
        _check_columns("forcings", forcings, old.n_forcings)
        _check_columns("attributes", attributes, old.n_attributes)
        sizes = {"n_forcings": len(forcings), "n_attributes": len(attributes)}
        if old.n_classes:
            sizes["n_classes"] = [old.n_classes[column] for column in attributes]
        model = copy.deepcopy(self)
        model.config = BackboneConfig.from_dict({**old.to_dict(), **sizes})
        model.backbone.config = model.config
        numeric = [old.numeric_columns.index(c) for c in attributes if c in old.numeric_columns]
        classes = [old.class_columns.index(c) for c in attributes if c in old.class_columns]
        for module, rows in (
            (model.embed_forcing, forcings),
            (model.forcing_heads, forcings),
            (model.embed_attributes, numeric),
            (model.attribute_heads, numeric),
        ):
            _keep_rows(module, rows)
        for name in ("embed_classes", "class_heads"):
            kept = getattr(model, name)
            setattr(model, name, nn.ModuleList(kept[row] for row in classes))
        return model


def _hide(values, hidden):
    """Make what is hidden missing, so that there is one way to be absent."""
    return values if hidden is None else values.masked_fill(hidden, torch.nan)


def _check_columns(name, columns, n_columns):
    """Raise if a column does not exist."""
    wrong = [column for column in columns if not 0 <= column < n_columns]
    if wrong:
        raise ValueError(
            f"`{name}` must hold columns from 0 to {n_columns - 1}. Got {wrong} instead."
        )


def _keep_rows(module, rows):
    """Keep the weights of some variables of a module, in the order given."""
    module.n_variables = len(rows)
    for name, weight in list(module.named_parameters()):
        index = torch.tensor(list(rows), dtype=torch.long, device=weight.device)
        kept = weight.detach()[index].clone()
        setattr(module, name, nn.Parameter(kept, requires_grad=weight.requires_grad))
