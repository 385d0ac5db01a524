"""What a panel is: sites with attributes and forcing, their targets, units and gaps."""

from stefaland_sk.data._long import LongTable, is_long, read_long
from stefaland_sk.data._panel import Panel
from stefaland_sk.data._samples import SampleSites, is_labelled, site_of_samples
from stefaland_sk.data._scaling import PanelScaler
from stefaland_sk.data._segments import (
    Segments,
    dealt_at_random,
    find_segments,
    steps_into_segment,
)
from stefaland_sk.data._target import align_target, keep_period, period_mask

__all__ = [
    "LongTable",
    "Panel",
    "PanelScaler",
    "SampleSites",
    "Segments",
    "align_target",
    "dealt_at_random",
    "find_segments",
    "is_labelled",
    "is_long",
    "keep_period",
    "period_mask",
    "read_long",
    "site_of_samples",
    "steps_into_segment",
]
