"""Hydrologic metrics per site, their aggregates over sites, and scorers made of them."""

from ._bootstrap import MedianInterval, bootstrap_median
from ._efficiency import kge, log_nse, nse, pearson_r, spearman_r
from ._error import bias, mae, pbias, rmse, ubrmse
from ._flow_duration import fdc_rmse, fhv, flv, fms
from ._per_site import site_scores
from ._registry import METRICS, Metric, get_metric
from ._scorer import SiteScorer, SiteScorers, median_per_site, site_scorers

__all__ = [
    "METRICS",
    "MedianInterval",
    "Metric",
    "SiteScorer",
    "SiteScorers",
    "bias",
    "bootstrap_median",
    "fdc_rmse",
    "fhv",
    "flv",
    "fms",
    "get_metric",
    "kge",
    "log_nse",
    "mae",
    "median_per_site",
    "nse",
    "pbias",
    "pearson_r",
    "rmse",
    "site_scorers",
    "site_scores",
    "spearman_r",
    "ubrmse",
]
