"""What a panel is: sites with attributes and forcing, their targets, units and gaps."""

from stefaland_sk.data._camels_gauges import camels_gauges
from stefaland_sk.data._concat import concat_panels
from stefaland_sk.data._conversions import daily_mean_radiation, relative_humidity
from stefaland_sk.data._convert import convert_units
from stefaland_sk.data._discharge import discharge_from_runoff, runoff_from_discharge, site_areas
from stefaland_sk.data._finding import Finding
from stefaland_sk.data._long import LongTable, is_long, read_long
from stefaland_sk.data._panel import Panel
from stefaland_sk.data._pet import (
    day_length,
    extraterrestrial_radiation,
    hargreaves_pet,
    oudin_pet,
)
from stefaland_sk.data._places import find_places
from stefaland_sk.data._report import PanelReport
from stefaland_sk.data._samples import SampleSites, is_labelled, site_of_samples
from stefaland_sk.data._scaling import PanelScaler, ScalerBuilder
from stefaland_sk.data._schema import Variable, known_variable, target_derived
from stefaland_sk.data._segments import (
    Segments,
    dealt_at_random,
    find_segments,
    steps_into_segment,
)
from stefaland_sk.data._target import align_site_target, align_target, keep_period, period_mask
from stefaland_sk.data._units import normalise_unit
from stefaland_sk.data._variable_sets import VARIABLE_MAPS, VariableSet, get_variable_set

__all__ = [
    "VARIABLE_MAPS",
    "Finding",
    "LongTable",
    "Panel",
    "PanelReport",
    "PanelScaler",
    "SampleSites",
    "ScalerBuilder",
    "Segments",
    "Variable",
    "VariableSet",
    "align_site_target",
    "align_target",
    "camels_gauges",
    "concat_panels",
    "convert_units",
    "daily_mean_radiation",
    "day_length",
    "dealt_at_random",
    "discharge_from_runoff",
    "extraterrestrial_radiation",
    "find_places",
    "find_segments",
    "get_variable_set",
    "hargreaves_pet",
    "is_labelled",
    "is_long",
    "keep_period",
    "known_variable",
    "normalise_unit",
    "oudin_pet",
    "period_mask",
    "read_long",
    "relative_humidity",
    "runoff_from_discharge",
    "site_areas",
    "site_of_samples",
    "steps_into_segment",
    "target_derived",
]
