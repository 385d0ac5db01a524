"""Pretrained models: a panel in, features per site and day out."""

from stefaland_sk.encoders._stefaland import StefaLandEncoder

__all__ = ["StefaLandEncoder"]
