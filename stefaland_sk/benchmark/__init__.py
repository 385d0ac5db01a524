"""Comparisons of models: protocols as values, resumable runs, tables made from results."""

from ._format import format_tables
from ._models import BUDGETS, DEMO_MODELS, MODELS, make_models
from ._protocol import Fold, Protocol
from ._protocols import PROTOCOLS, choose_protocol
from ._run import BenchmarkResults, run
from ._tables import find_problems, fold_table, overall_table, read_results, win_rates

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
