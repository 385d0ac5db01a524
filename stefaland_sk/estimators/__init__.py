"""The estimators: where panels, networks and scikit-learn meet."""

from stefaland_sk.estimators._comparators import (
    BoostingComparator,
    ClimatologyComparator,
    LinearComparator,
    RandomForestComparator,
)
from stefaland_sk.estimators._hbv import HBVRegressor
from stefaland_sk.estimators._lstm import LSTMRegressor
from stefaland_sk.estimators._regressor import StefaLandRegressor, StefaLandStreamflow
from stefaland_sk.estimators._rows import RowRegressor
from stefaland_sk.estimators._transformer import StefaLandTransformer

__all__ = [
    "BoostingComparator",
    "ClimatologyComparator",
    "HBVRegressor",
    "LSTMRegressor",
    "LinearComparator",
    "RandomForestComparator",
    "RowRegressor",
    "StefaLandRegressor",
    "StefaLandStreamflow",
    "StefaLandTransformer",
]
