"""Displays: figures that also hand over their numbers.

Each Display is made by a class method (``from_predictions``, ``from_estimator``,
``from_results``), gives its numbers by ``frame()`` and draws them by ``plot()``, after
which ``ax_`` and ``figure_`` hold the drawing. Matplotlib is loaded by ``plot()`` only.
"""

from ._flow_duration import FlowDurationDisplay
from ._hydrograph import HydrographDisplay
from ._site_scores import SiteScoreDisplay

__all__ = ["FlowDurationDisplay", "HydrographDisplay", "SiteScoreDisplay"]
