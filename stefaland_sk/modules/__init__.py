"""Networks: torch modules on tensors and frozen configurations.

They know no site names, dates or frames. Axes are (site, time, variable);
inputs are scaled; NaN means missing; in a mask True means hidden.
"""

from stefaland_sk._core._config import BackboneConfig, MaskConfig, VariableGroup

from ._adapters import make_adapter
from ._heads import FinetuneHead, RecurrentRegressor
from ._hybrid import PhysicsHead
from ._keyed import KeyedRandom, keyed_permutation, make_keys
from ._losses import (
    bce_loss,
    get_loss,
    mse_loss,
    nse_loss,
    rmse_loss,
)
from ._mae import MaskedAutoencoder
from ._masking import sample_masks
from ._reconstruction import Reconstruction, ReconstructionLoss

__all__ = [
    "BackboneConfig",
    "FinetuneHead",
    "KeyedRandom",
    "MaskConfig",
    "MaskedAutoencoder",
    "PhysicsHead",
    "Reconstruction",
    "ReconstructionLoss",
    "RecurrentRegressor",
    "VariableGroup",
    "bce_loss",
    "get_loss",
    "keyed_permutation",
    "make_adapter",
    "make_keys",
    "mse_loss",
    "nse_loss",
    "rmse_loss",
    "sample_masks",
]
