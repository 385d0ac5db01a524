"""
Displays
========

Figures that also hand over their numbers: in time, as distributions, on maps, and against the
distance from what the models have seen.
"""

# %%
# Predictions at sites of regions held out
# ----------------------------------------
# Two simple models, which are fast: the point here is what can be looked at.

from sklearn.model_selection import cross_val_predict

from stefaland_sk import LinearComparator, RandomForestComparator
from stefaland_sk.datasets import make_catchments
from stefaland_sk.model_selection import LeaveRegionOut

X, y = make_catchments(n_sites=30, n_years=2, n_regions=5, concept_drift=0.2, random_state=1)
models = {
    "linear": LinearComparator(),
    "forest": RandomForestComparator(n_estimators=6, random_state=0),
}
predictions = {
    name: cross_val_predict(model, X, y, cv=LeaveRegionOut()) for name, model in models.items()
}

# %%
# The split itself comes first: what is tested lies apart from what is trained on.

from stefaland_sk.plotting import SplitMapDisplay

SplitMapDisplay.from_splitter(LeaveRegionOut(), X, y).plot()

# %%
# Intervals
# ---------
# How far predictions miss at the other held-out regions says how far they may miss here: the
# interval of a region reaches from the lower to the upper quantile of observed over predicted
# flow at the sites of the others. ``ConformalBySite`` is the better way; this one fits into a few
# lines.

import numpy as np
import pandas as pd

ratio = np.asarray(y) / np.maximum(predictions["linear"], 0.01)
region = X.sites["region"].to_numpy()


def interval(level):
    """Lower and upper bound at all sites, each region judged by the others."""
    bounds = np.empty((2, *ratio.shape))
    for name in np.unique(region):
        here = region == name
        low, high = np.quantile(ratio[~here], [0.5 - level / 2, 0.5 + level / 2])
        bounds[:, here] = np.maximum(predictions["linear"][here], 0.01) * [[[low]], [[high]]]
    return tuple(bounds)


# %%
# In time, at one site; the legend says how many observations the interval does hold.

from stefaland_sk.plotting import HydrographDisplay

display = HydrographDisplay.from_predictions(
    y,
    predictions,
    intervals={"linear": interval(0.9)},
    level=0.9,
    label="runoff [mm/d]",
    period=("2000-10-01", "2001-09-30"),
)
display.plot()

# %%
# At all sites, region by region: what holds on average need not hold anywhere.

from stefaland_sk.judging import coverage_report
from stefaland_sk.plotting import CoverageDisplay

levels = [0.5, 0.7, 0.8, 0.9, 0.95]
lower, upper = (np.stack(ends, axis=-1) for ends in zip(*map(interval, levels), strict=True))
report = coverage_report(X, y, lower, upper, confidence_level=levels)
coverage = CoverageDisplay.from_report(report, unit="mm/d")
coverage.plot()

# %%
# The same as numbers.

coverage.frame().query("level == 0.9")[["region", "n_sites", "coverage", "gap", "width"]].round(2)

# %%
# Flows, sorted
# -------------
# The right flows may be there on the wrong days, and the other way round.

from stefaland_sk.plotting import FlowDurationDisplay

FlowDurationDisplay.from_predictions(y, predictions, label="runoff [mm/d]").plot()

# %%
# Scores of sites
# ---------------
# As a distribution, on a map as the gain of one model over the other, and against the distance to
# the nearest site of another region.

from stefaland_sk.metrics import site_scores
from stefaland_sk.plotting import SiteScoreDisplay, SkillDistanceDisplay, SkillMapDisplay

parts = [
    site_scores(y, predicted, ["kge"])[["kge"]]
    .rename(columns={"kge": "value"})
    .assign(model=name, metric="kge", fold=region)
    for name, predicted in predictions.items()
]
results = pd.concat(parts).rename_axis("site").reset_index()

SiteScoreDisplay.from_results(results, metric="kge").plot()

# %%
SkillMapDisplay.from_results(results, X, metric="kge", model="forest", baseline="linear").plot()

# %%
SkillDistanceDisplay.from_results(results, X, metric="kge").plot()

# %%
# What pretraining has learned
# ----------------------------
# A small masked autoencoder, trained for a moment on four fifths of the sites: what it fills in
# for values hidden at the others, and which sites look alike to it.

from stefaland_sk import StefaLandTransformer
from stefaland_sk.plotting import EmbeddingMapDisplay, ReconstructionDisplay

model = StefaLandTransformer(max_epochs=5, pool="mean", random_state=0).fit(X[:24])
hidden = ReconstructionDisplay.from_estimator(model, X[24:], ["vp", "srad", "climate"])
hidden.plot()

# %%
hidden.plot(variable="vp")

# %%
EmbeddingMapDisplay.from_estimator(model, X, "region").plot()
