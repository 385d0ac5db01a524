"""Pretrained models: a panel in, features per site and day out."""

from stefaland_sk.encoders._base import Encoder
from stefaland_sk.encoders._cache import FeatureCache
from stefaland_sk.encoders._contract import check_encoder
from stefaland_sk.encoders._image_encoder import ImageEncoder
from stefaland_sk.encoders._load import load_encoder
from stefaland_sk.encoders._pooling import pool_days
from stefaland_sk.encoders._prithvi_wxc import PrithviWxCEncoder
from stefaland_sk.encoders._registry import WeightsEntry, get_weights_entry
from stefaland_sk.encoders._site_embeddings import SiteEmbeddingEncoder
from stefaland_sk.encoders._stefaland import StefaLandEncoder
from stefaland_sk.encoders._terramind import TerraMindEncoder

__all__ = [
    "Encoder",
    "FeatureCache",
    "ImageEncoder",
    "PrithviWxCEncoder",
    "SiteEmbeddingEncoder",
    "StefaLandEncoder",
    "TerraMindEncoder",
    "WeightsEntry",
    "check_encoder",
    "get_weights_entry",
    "load_encoder",
    "pool_days",
]
