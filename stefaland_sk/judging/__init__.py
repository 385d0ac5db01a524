"""How far to trust a prediction where nobody has measured.

Intervals calibrated on sites left out, how unlike a site is of all that were trained on,
donors, ensembles, and what a model's skill hangs on: for any estimator that takes a panel,
a long table or a plain table. Nothing here needs torch.
"""

from stefaland_sk.judging._applicability import AreaOfApplicability
from stefaland_sk.judging._conformal import ConformalBySite
from stefaland_sk.judging._coverage import CoverageReport, coverage_report
from stefaland_sk.judging._donor_curve import donor_scaling_curve
from stefaland_sk.judging._donor_regressor import DonorRegressor
from stefaland_sk.judging._donors import DonorSelection, DonorSelector
from stefaland_sk.judging._ensemble import SiteEnsemble
from stefaland_sk.judging._importance import (
    PermutationImportance,
    panel_permutation_importance,
)

__all__ = [
    "AreaOfApplicability",
    "ConformalBySite",
    "CoverageReport",
    "DonorRegressor",
    "DonorSelection",
    "DonorSelector",
    "PermutationImportance",
    "SiteEnsemble",
    "coverage_report",
    "donor_scaling_curve",
    "panel_permutation_importance",
]
