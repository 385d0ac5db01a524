"""Frozen configurations: what a network is, and how variables are hidden from it.

They hold plain values only, so that they can be written into the header of a
checkpoint and compared. Nothing in this file imports torch.
"""

from dataclasses import asdict, dataclass, fields

from ._checks import check_number, check_option

_MASK_STYLES = ("vector", "scalar")
_DECODERS = ("lstm", "transformer")
_SAMPLERS = ("exact", "code", "paper")


class _Config:
    """Turn a frozen dataclass into a dictionary and back."""

    def to_dict(self):
        """Return the fields as a dictionary of plain values.

        Returns
        -------
        dict
            Field name -> value; tuples stay tuples (JSON makes lists of them,
            which `from_dict` accepts).
        """
        return asdict(self)

    @classmethod
    def from_dict(cls, values):
        """Build a configuration from the dictionary made by `to_dict`.

        Parameters
        ----------
        values : dict
            Field name -> value. Fields left out take their defaults.

        Returns
        -------
        config
            A configuration of this class.

        Raises
        ------
        ValueError
            If a key is unknown or a value is not legal.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"{cls.__name__} has no field {unknown}; its fields are {known}. "
                "The dictionary may come from a newer version of the library."
            )
        return cls(**values)


@dataclass(frozen=True)
class BackboneConfig(_Config):
    """Sizes and switches of the masked autoencoder.

    The defaults are those of the reference model (about 4 million weights).

    Parameters
    ----------
    n_forcings, n_attributes : int
        Number of forcing variables and of attributes; one of them may be 0.
    d_model : int, default=256
        Width of the tokens; must be divisible by `n_heads`.
    n_heads, n_layers : int, default=4
        Attention heads, and layers of the encoder.
    d_feedforward : int, default=512
        Width inside the feed-forward part of a layer.
    d_embedding : int, default=64
        Width inside the small network of each variable.
    dropout : float, default=0.1
        Dropout rate in embeddings, encoder and reconstruction heads.
    attention_dropout : float, default=0.0
        Dropout rate of the attention weights. The reference model has 0.1; on a
        CPU any value but 0 rules out the fused attention kernel in training,
        which makes steps more than twice as long.
    max_length : int, default=1000
        Tokens of the longest window at one step per token, the static token
        included: a window may hold up to ``max_length - 1`` steps.
    static_position : int or None, default=None
        Row of the position table that belongs to the static token, whatever
        the window's length; None takes the last row. Day tokens skip it.
    attribute_mask_style : {"vector", "scalar"}, default="vector"
        Whether a hidden attribute is replaced by a learned token, or its value
        by a learned number before the embedding (for imported checkpoints).
    decoder : {"lstm", "transformer"}, default="lstm"
        Network between the encoder and the reconstruction heads. The reference
        model has an LSTM; the transformer uses layers like the encoder's.
    n_decoder_layers : int, default=1
        Layers of the decoder.
    patch : int, default=1
        Steps per token. Longer patches make long windows cheap: attention costs
        ``patch**2`` times less, the layers ``patch`` times less.
    n_classes : tuple of int, default=()
        For each attribute, the number of its classes if it is categorical (its
        values are the codes 0, 1, ... ``n_classes - 1``), else 0. Empty if all are
        numeric.

    Raises
    ------
    TypeError, ValueError
        If a value is of the wrong kind or out of range.

    Examples
    --------
    >>> config = BackboneConfig(n_forcings=5, n_attributes=26, d_model=64)
    >>> config.n_heads
    4
    >>> BackboneConfig.from_dict(config.to_dict()) == config
    True
    """

    n_forcings: int
    n_attributes: int
    d_model: int = 256
    n_heads: int = 4
    n_layers: int = 4
    d_feedforward: int = 512
    d_embedding: int = 64
    dropout: float = 0.1
    attention_dropout: float = 0.0
    max_length: int = 1000
    static_position: int | None = None
    attribute_mask_style: str = "vector"
    decoder: str = "lstm"
    n_decoder_layers: int = 1
    patch: int = 1
    n_classes: tuple[int, ...] = ()

    def __post_init__(self):
        for name in ("n_forcings", "n_attributes"):
            check_number(name, getattr(self, name), low=0, integer=True)
        sizes = ("d_model", "n_heads", "n_layers", "d_feedforward", "d_embedding")
        for name in (*sizes, "n_decoder_layers", "patch"):
            check_number(name, getattr(self, name), low=1, integer=True)
        check_number("dropout", self.dropout, low=0, high=1)
        check_number("attention_dropout", self.attention_dropout, low=0, high=1)
        check_number("max_length", self.max_length, low=1, integer=True)
        check_number(
            "static_position",
            self.static_position,
            low=0,
            high=self.n_positions - 1,
            integer=True,
            none=True,
        )
        check_option("attribute_mask_style", self.attribute_mask_style, _MASK_STYLES)
        check_option("decoder", self.decoder, _DECODERS)
        self._check_classes()
        if self.n_forcings + self.n_attributes == 0:
            raise ValueError(
                "`n_forcings` + `n_attributes` must be at least 1: a model needs a variable to "
                "read. Got 0 and 0 instead."
            )
        if self.d_model % self.n_heads:
            raise ValueError(
                f"`d_model` must be divisible by `n_heads`={self.n_heads}. "
                f"Got {self.d_model} instead."
            )

    def _check_classes(self):
        """Check the numbers of classes, and give them one form."""
        n_classes = tuple(self.n_classes)
        if n_classes and len(n_classes) != self.n_attributes:
            raise ValueError(
                f"`n_classes` must hold one number for each of the {self.n_attributes} "
                f"attributes, or none. Got {len(n_classes)} instead."
            )
        for n in n_classes:
            check_number("n_classes", n, low=0, integer=True)
            if n == 1:
                raise ValueError(
                    "`n_classes` must be 0 for a numeric attribute and at least 2 for a "
                    "categorical one. Got 1 instead."
                )
        # JSON gives a list, and numbers that are all 0 say the same as none.
        object.__setattr__(self, "n_classes", n_classes if any(n_classes) else ())

    @property
    def n_positions(self):
        """Rows of the position table: one for each patch, one for the static token."""
        return -(-(self.max_length - 1) // self.patch) + 1

    @property
    def static_row(self):
        """Row of the position table that the static token uses."""
        return self.n_positions - 1 if self.static_position is None else self.static_position

    @property
    def class_columns(self):
        """Columns of the categorical attributes."""
        return tuple(column for column, n in enumerate(self.n_classes) if n)

    @property
    def numeric_columns(self):
        """Columns of the numeric attributes."""
        categorical = self.class_columns
        return tuple(c for c in range(self.n_attributes) if c not in categorical)


@dataclass(frozen=True)
class MaskConfig(_Config):
    """How much is hidden from the encoder in pretraining, and in what shape.

    Parameters
    ----------
    sampler : {"exact", "code", "paper"}, default="exact"
        Which sampler draws the masks; see `stefaland_sk.modules.sample_masks`.
    forcing_ratio : float, default=0.5
        Share of the days hidden per forcing variable.
    attribute_ratio : float, default=0.5
        Share of the attribute groups hidden.
    span : tuple of two int, default=(30, 90)
        Shortest and longest hidden span [steps].

    Raises
    ------
    TypeError, ValueError
        If a value is of the wrong kind or out of range.

    Examples
    --------
    >>> MaskConfig(span=(12, 36)).to_dict()["span"]
    (12, 36)
    """

    sampler: str = "exact"
    forcing_ratio: float = 0.5
    attribute_ratio: float = 0.5
    span: tuple[int, int] = (30, 90)

    def __post_init__(self):
        check_option("sampler", self.sampler, _SAMPLERS)
        for name in ("forcing_ratio", "attribute_ratio"):
            check_number(name, getattr(self, name), low=0, high=1)
        if not isinstance(self.span, tuple | list) or len(self.span) != 2:
            raise ValueError(
                "`span` must be a pair (shortest, longest) of whole numbers. "
                f"Got {self.span!r} instead."
            )
        for value in self.span:
            check_number("span", value, low=1, integer=True)
        if self.span[0] > self.span[1]:
            raise ValueError(
                f"`span` must be given as (shortest, longest). Got {tuple(self.span)} instead."
            )
        object.__setattr__(self, "span", tuple(self.span))  # JSON gives a list


@dataclass(frozen=True)
class VariableGroup(_Config):
    """Variables that are hidden together, by their column numbers.

    Parameters
    ----------
    forcings, attributes : tuple of int, default=()
        Columns of the forcing, and of the attributes.

    Raises
    ------
    TypeError, ValueError
        If a column is not a whole number from 0 on, or the group is empty.

    Examples
    --------
    >>> VariableGroup(attributes=[0, 3])
    VariableGroup(forcings=(), attributes=(0, 3))
    """

    forcings: tuple[int, ...] = ()
    attributes: tuple[int, ...] = ()

    def __post_init__(self):
        for name in ("forcings", "attributes"):
            columns = tuple(getattr(self, name))
            for column in columns:
                check_number(name, column, low=0, integer=True)
            object.__setattr__(self, name, columns)
        if not self.forcings and not self.attributes:
            raise ValueError("A VariableGroup must name at least one column. Got none.")
