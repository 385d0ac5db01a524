"""Comparisons of models: protocols as values, resumable runs, tables made from results."""

from ._beside import beside_published, format_beside, published_values
from ._compare import Comparison, compare, format_comparison
from ._costs import cost_table, format_costs
from ._format import format_protocols, format_tables
from ._models import BUDGETS, DEMO_MODELS, MODELS, SITE_MODELS, make_models
from ._protocol import Fold, Protocol
from ._protocols import GROUPS, PROTOCOLS, choose_protocol, get_protocols
from ._run import BenchmarkResults, run
from ._site_scores import add_site_scores
from ._splitters import DonorSplit, OtherYears
from ._tables import (
    find_problems,
    fold_scores,
    fold_table,
    overall_table,
    protocol_table,
    read_results,
    win_rates,
)

__all__ = [
    "BUDGETS",
    "DEMO_MODELS",
    "GROUPS",
    "MODELS",
    "PROTOCOLS",
    "SITE_MODELS",
    "BenchmarkResults",
    "Comparison",
    "DonorSplit",
    "Fold",
    "OtherYears",
    "Protocol",
    "add_site_scores",
    "beside_published",
    "choose_protocol",
    "compare",
    "cost_table",
    "find_problems",
    "fold_scores",
    "fold_table",
    "format_beside",
    "format_comparison",
    "format_costs",
    "format_protocols",
    "format_tables",
    "get_protocols",
    "make_models",
    "overall_table",
    "protocol_table",
    "published_values",
    "read_results",
    "run",
    "win_rates",
]
