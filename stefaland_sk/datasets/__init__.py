"""Data to start from: synthetic catchments, and readers of published collections."""

from stefaland_sk.datasets._camels_us import load_camels_us
from stefaland_sk.datasets._synthetic import CatchmentTruth, make_catchments

__all__ = ["CatchmentTruth", "load_camels_us", "make_catchments"]
