"""Foundation-model hydrology and land science that behaves like scikit-learn.

The names below arrive on first use, so that ``import stefaland_sk``, the readers, the
splitters and the metrics work without loading torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# The module that each public name is taken from when it is first asked for.
_HOMES = {
    "Panel": "stefaland_sk.data",
    "StefaLandTransformer": "stefaland_sk.estimators",
    "StefaLandRegressor": "stefaland_sk.estimators",
    "StefaLandStreamflow": "stefaland_sk.estimators",
    "StefaLandSoilMoisture": "stefaland_sk.estimators",
    "StefaLandSoilComposition": "stefaland_sk.estimators",
    "StefaLandLandslide": "stefaland_sk.estimators",
    "LSTMRegressor": "stefaland_sk.estimators",
    "HBVRegressor": "stefaland_sk.estimators",
    "HBVStreamflow": "stefaland_sk.estimators",
    "HybridRegressor": "stefaland_sk.estimators",
    "HybridSoilMoisture": "stefaland_sk.estimators",
    "RowRegressor": "stefaland_sk.estimators",
    "RandomForestComparator": "stefaland_sk.estimators",
    "LinearComparator": "stefaland_sk.estimators",
    "BoostingComparator": "stefaland_sk.estimators",
    "ClimatologyComparator": "stefaland_sk.estimators",
    "AreaOfApplicability": "stefaland_sk.judging",
    "ConformalBySite": "stefaland_sk.judging",
    "DonorRegressor": "stefaland_sk.judging",
    "SiteEnsemble": "stefaland_sk.judging",
    "CheckpointError": "stefaland_sk._core",
    "DataWarning": "stefaland_sk._core",
    "LeakageWarning": "stefaland_sk._core",
    "SplitWarning": "stefaland_sk._core",
}

__all__ = [
    "AreaOfApplicability",
    "BoostingComparator",
    "CheckpointError",
    "ClimatologyComparator",
    "ConformalBySite",
    "DataWarning",
    "DonorRegressor",
    "HBVRegressor",
    "HBVStreamflow",
    "HybridRegressor",
    "HybridSoilMoisture",
    "LSTMRegressor",
    "LeakageWarning",
    "LinearComparator",
    "Panel",
    "RandomForestComparator",
    "RowRegressor",
    "SiteEnsemble",
    "SplitWarning",
    "StefaLandLandslide",
    "StefaLandRegressor",
    "StefaLandSoilComposition",
    "StefaLandSoilMoisture",
    "StefaLandStreamflow",
    "StefaLandTransformer",
    "__version__",
]

if TYPE_CHECKING:
    from stefaland_sk._core import CheckpointError, DataWarning, LeakageWarning, SplitWarning
    from stefaland_sk.data import Panel
    from stefaland_sk.estimators import (
        BoostingComparator,
        ClimatologyComparator,
        HBVRegressor,
        HBVStreamflow,
        HybridRegressor,
        HybridSoilMoisture,
        LinearComparator,
        LSTMRegressor,
        RandomForestComparator,
        RowRegressor,
        StefaLandLandslide,
        StefaLandRegressor,
        StefaLandSoilComposition,
        StefaLandSoilMoisture,
        StefaLandStreamflow,
        StefaLandTransformer,
    )
    from stefaland_sk.judging import (
        AreaOfApplicability,
        ConformalBySite,
        DonorRegressor,
        SiteEnsemble,
    )


def __getattr__(name):
    """Import the home of a public name and keep the name for the next time."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__():
    """List the lazy names beside those already there."""
    return sorted({*globals(), *__all__})
