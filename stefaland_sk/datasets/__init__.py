"""Data to start from: synthetic catchments, and readers of published collections."""

from stefaland_sk.datasets._synthetic import CatchmentTruth, make_catchments

__all__ = ["CatchmentTruth", "make_catchments"]
