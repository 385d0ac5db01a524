"""Data to start from: synthetic catchments, and readers of published collections."""

from stefaland_sk.datasets._camels_us import load_camels_us
from stefaland_sk.datasets._corpus_file import load_corpus
from stefaland_sk.datasets._synthetic import CatchmentTruth, make_catchments

__all__ = ["CatchmentTruth", "load_camels_us", "load_corpus", "make_catchments"]
