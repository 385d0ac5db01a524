"""Networks: torch modules on tensors and frozen configurations.

They know no site names, dates or frames. Axes are (site, time, variable);
inputs are scaled; NaN means missing; in a mask True means hidden.
"""

from stefaland_sk._core._config import BackboneConfig, MaskConfig, VariableGroup

from ._adapters import make_adapter
from ._distributions import (
    BernoulliDistribution,
    Distribution,
    LaplaceMixture,
    QuantileDistribution,
    make_distribution,
)
from ._finetuned import FinetunedNetwork
from ._heads import FinetuneHead, RecurrentRegressor
from ._hybrid import HybridHead, PhysicsHead
from ._keyed import KeyedRandom, keyed_permutation, make_keys
from ._losses import (
    LossSpec,
    bce_loss,
    get_loss,
    kge_loss,
    loss_info,
    mse_loss,
    nse_loss,
    rmse_comb_loss,
    rmse_loss,
    sqrt_nse_loss,
)
from ._mae import MaskedAutoencoder
from ._masking import sample_masks
from ._reconstruction import Reconstruction, ReconstructionLoss
from ._site_head import SiteHead

__all__ = [
    "BackboneConfig",
    "BernoulliDistribution",
    "Distribution",
    "FinetuneHead",
    "FinetunedNetwork",
    "HybridHead",
    "KeyedRandom",
    "LaplaceMixture",
    "LossSpec",
    "MaskConfig",
    "MaskedAutoencoder",
    "PhysicsHead",
    "QuantileDistribution",
    "Reconstruction",
    "ReconstructionLoss",
    "RecurrentRegressor",
    "SiteHead",
    "VariableGroup",
    "bce_loss",
    "get_loss",
    "keyed_permutation",
    "kge_loss",
    "loss_info",
    "make_adapter",
    "make_distribution",
    "make_keys",
    "mse_loss",
    "nse_loss",
    "rmse_comb_loss",
    "rmse_loss",
    "sample_masks",
    "sqrt_nse_loss",
]
