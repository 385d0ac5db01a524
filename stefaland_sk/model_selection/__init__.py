"""Which sites train and which test.

Splitters over sites and over regions that scikit-learn's ``cross_validate``,
``GridSearchCV`` and the like take as ``cv=``, and the published splits of
CAMELS-US. They read sites and regions from X, so no ``groups=`` is needed.
"""

from stefaland_sk.model_selection._camels import (
    PUR_REGIONS,
    camels_pub,
    camels_pur,
    load_camels_splits,
)
from stefaland_sk.model_selection._regions import LeaveRegionOut
from stefaland_sk.model_selection._sites import SiteKFold

__all__ = [
    "PUR_REGIONS",
    "LeaveRegionOut",
    "SiteKFold",
    "camels_pub",
    "camels_pur",
    "load_camels_splits",
]
