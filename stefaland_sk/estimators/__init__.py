"""The estimators: where panels, networks and scikit-learn meet."""

from stefaland_sk.estimators._comparators import (
    BoostingComparator,
    ClimatologyComparator,
    LinearComparator,
    RandomForestComparator,
)
from stefaland_sk.estimators._hbv import HBVRegressor
from stefaland_sk.estimators._hybrid import HybridRegressor
from stefaland_sk.estimators._hybrid_tasks import HBVStreamflow, HybridSoilMoisture
from stefaland_sk.estimators._landslide import StefaLandLandslide
from stefaland_sk.estimators._lstm import LSTMRegressor
from stefaland_sk.estimators._paper_rows import PAPER_ROWS, PaperRow, paper_row
from stefaland_sk.estimators._regressor import StefaLandRegressor, StefaLandStreamflow
from stefaland_sk.estimators._rows import RowRegressor
from stefaland_sk.estimators._soil_composition import StefaLandSoilComposition
from stefaland_sk.estimators._soil_moisture import StefaLandSoilMoisture
from stefaland_sk.estimators._transformer import StefaLandTransformer

__all__ = [
    "PAPER_ROWS",
    "BoostingComparator",
    "ClimatologyComparator",
    "HBVRegressor",
    "HBVStreamflow",
    "HybridRegressor",
    "HybridSoilMoisture",
    "LSTMRegressor",
    "LinearComparator",
    "PaperRow",
    "RandomForestComparator",
    "RowRegressor",
    "StefaLandLandslide",
    "StefaLandRegressor",
    "StefaLandSoilComposition",
    "StefaLandSoilMoisture",
    "StefaLandStreamflow",
    "StefaLandTransformer",
    "paper_row",
]
