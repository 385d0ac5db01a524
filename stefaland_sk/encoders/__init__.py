"""Pretrained models: a panel in, features per site and day out."""

from stefaland_sk.encoders._cache import FeatureCache
from stefaland_sk.encoders._pooling import pool_days
from stefaland_sk.encoders._stefaland import StefaLandEncoder

__all__ = ["FeatureCache", "StefaLandEncoder", "pool_days"]
