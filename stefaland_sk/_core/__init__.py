"""What every layer may use: warnings, parameter checks, optional imports, configurations."""

from stefaland_sk._core._checks import check_instance, check_number, check_option, refuse_path
from stefaland_sk._core._exceptions import (
    CheckpointError,
    DataWarning,
    LeakageWarning,
    SplitWarning,
)
from stefaland_sk._core._optional import import_optional

__all__ = [
    "CheckpointError",
    "DataWarning",
    "LeakageWarning",
    "SplitWarning",
    "check_instance",
    "check_number",
    "check_option",
    "import_optional",
    "refuse_path",
]
