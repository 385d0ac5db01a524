"""Comparisons of models: protocols as values, resumable runs, tables made from results."""

from ._models import BUDGETS, DEMO_MODELS, MODELS, make_models
from ._protocol import PROTOCOLS, Fold, Protocol, choose_protocol
from ._run import BenchmarkResults, run
from ._tables import (
    find_problems,
    fold_table,
    format_tables,
    overall_table,
    read_results,
    win_rates,
)

__all__ = [
    "BUDGETS",
    "DEMO_MODELS",
    "MODELS",
    "PROTOCOLS",
    "BenchmarkResults",
    "Fold",
    "Protocol",
    "choose_protocol",
    "find_problems",
    "fold_table",
    "format_tables",
    "make_models",
    "overall_table",
    "read_results",
    "run",
    "win_rates",
]
