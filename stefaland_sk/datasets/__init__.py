"""Data to start from: synthetic catchments, and readers of published collections."""

from stefaland_sk.datasets._camels_gb import load_camels_gb
from stefaland_sk.datasets._camels_us import load_camels_us
from stefaland_sk.datasets._caravan import load_caravan
from stefaland_sk.datasets._corpus_file import load_corpus
from stefaland_sk.datasets._fetch import fetch_dataset
from stefaland_sk.datasets._gridded import load_gridded
from stefaland_sk.datasets._ismn import load_ismn
from stefaland_sk.datasets._mopex import load_mopex
from stefaland_sk.datasets._registry import PANEL_KINDS, find_kind, load_panel
from stefaland_sk.datasets._site_files import load_site_files
from stefaland_sk.datasets._smap import load_smap
from stefaland_sk.datasets._soil_profiles import load_soil_profiles
from stefaland_sk.datasets._synthetic import CatchmentTruth, make_catchments

__all__ = [
    "PANEL_KINDS",
    "CatchmentTruth",
    "fetch_dataset",
    "find_kind",
    "load_camels_gb",
    "load_camels_us",
    "load_caravan",
    "load_corpus",
    "load_gridded",
    "load_ismn",
    "load_mopex",
    "load_panel",
    "load_site_files",
    "load_smap",
    "load_soil_profiles",
    "make_catchments",
]
