"""Which sites train and which test.

Splitters over sites, regions, clusters, distances and years that scikit-learn's
``cross_validate``, ``GridSearchCV`` and the like take as ``cv=``, the published splits of
CAMELS-US, and a report that tells how far test sites are from training sites, and what
leaks. They read sites and regions from X, so no ``groups=`` is needed.
"""

from stefaland_sk.model_selection._buffered import BufferedSplit
from stefaland_sk.model_selection._camels import (
    PUR_REGIONS,
    camels_pub,
    camels_pur,
    load_camels_splits,
)
from stefaland_sk.model_selection._clusters import LeaveClusterOut, compare_groupings
from stefaland_sk.model_selection._knndm import KNNDMSplit
from stefaland_sk.model_selection._regions import LeaveRegionOut
from stefaland_sk.model_selection._sites import SiteKFold
from stefaland_sk.model_selection._space_time import SpaceTimeSplit
from stefaland_sk.model_selection._split_report import SplitReport, site_folds, split_report

__all__ = [
    "PUR_REGIONS",
    "BufferedSplit",
    "KNNDMSplit",
    "LeaveClusterOut",
    "LeaveRegionOut",
    "SiteKFold",
    "SpaceTimeSplit",
    "SplitReport",
    "camels_pub",
    "camels_pur",
    "compare_groupings",
    "load_camels_splits",
    "site_folds",
    "split_report",
]
