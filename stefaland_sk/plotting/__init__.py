"""Displays: figures that also hand over their numbers.

Each Display is made by a class method (``from_predictions``, ``from_estimator``,
``from_results``), gives its numbers by ``frame()`` and draws them by ``plot()``, after
which ``ax_`` and ``figure_`` hold the drawing. Matplotlib is loaded by ``plot()`` only.
"""

from ._coverage import CoverageDisplay
from ._donor_curve import DonorCurveDisplay
from ._embedding_map import EmbeddingMapDisplay
from ._flow_duration import FlowDurationDisplay
from ._hydrograph import HydrographDisplay
from ._reconstruction import ReconstructionDisplay
from ._site_scores import SiteScoreDisplay
from ._skill_distance import SkillDistanceDisplay
from ._skill_map import SkillMapDisplay
from ._split_map import SplitMapDisplay

__all__ = [
    "CoverageDisplay",
    "DonorCurveDisplay",
    "EmbeddingMapDisplay",
    "FlowDurationDisplay",
    "HydrographDisplay",
    "ReconstructionDisplay",
    "SiteScoreDisplay",
    "SkillDistanceDisplay",
    "SkillMapDisplay",
    "SplitMapDisplay",
]
