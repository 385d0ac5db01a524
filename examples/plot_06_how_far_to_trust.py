"""
How far to trust a prediction
=============================

A region without gauges: bounds for its hydrographs, whether they hold, and which of its basins are
unlike all that were measured. The data are synthetic; nothing changes with real ones.
"""

# %%
# A region that nobody has measured
# ---------------------------------
# Three regions are known, one is held out and used at the end only, to see what was promised.

from stefaland_sk.datasets import make_catchments
from stefaland_sk.model_selection import LeaveRegionOut

X, y = make_catchments(n_sites=40, n_years=2, n_regions=4, random_state=0)
train, test = next(LeaveRegionOut().split(X))
X_known, y_known, X_new, y_new = X[train], y.iloc[train], X[test], y.iloc[test]

# %%
# Bounds
# ------
# The known regions are left out in turn; what goes wrong there tells how wide bounds must be.
# ``conformity="auto"`` compares several ways of doing so on the same regions.

from stefaland_sk import LinearComparator
from stefaland_sk.judging import ConformalBySite

model = ConformalBySite(
    LinearComparator(max_rows=5_000, random_state=0),
    confidence_level=0.9,
    conformity="auto",
    warmup=90,
).fit(X_known, y_known)
model.conformity_table_.round(2)

# %%
# One of the new basins
# ---------------------

import matplotlib.pyplot as plt

lower, upper = model.predict_interval(X_new)
days = slice(365, 640)
figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
axes.fill_between(X.time[days], lower[0, days], upper[0, days], alpha=0.3, label="90 % bounds")
axes.plot(X.time[days], y_new.iloc[0, days], color="black", lw=0.8, label="observed")
axes.set_ylabel("runoff [mm/d]")
axes.legend()
figure

# %%
# Do they hold?
# -------------
# On average over sites they should; at each site they need not, and the report does not hide it.

report = model.coverage_report(X_new, y_new)
print(report)
report.frame()[["site", "coverage", "relative_width"]].round(2).head()

# %%
# The naive way calibrates on days of sites that were trained on. A model prefers those.

import numpy as np
from sklearn.frozen import FrozenEstimator

from stefaland_sk import RandomForestComparator

forest = RandomForestComparator(n_estimators=5, max_samples=5_000, max_rows=5_000, random_state=0)
naive = ConformalBySite(FrozenEstimator(forest.fit(X_known, y_known)), cv="prefit", warmup=90).fit(
    X_known, y_known
)
honest = ConformalBySite(forest, warmup=90).fit(X_known, y_known)
for name, bounds in {"naive": naive, "sites left out": honest}.items():
    coverage = bounds.coverage_report(X_new, y_new).overall()["coverage"].iloc[0]
    print(f"{name}: {100 * coverage:.0f} % of the observations inside bounds of 90 %")

# %%
# Is the basin like any that was measured?
# ----------------------------------------
# The index is the distance to the nearest known basin; beyond the threshold lies what no fold of
# the cross-validation was like.

from stefaland_sk.judging import AreaOfApplicability

area = AreaOfApplicability().fit(X_known, y_known)
print(f"{np.mean(area.predict(X_new)):.0%} of the new basins are inside")
columns = ["site", "dissimilarity", "inside", "variable", "value", "lowest", "highest"]
area.explain(X_new, n_features=1)[columns].round(2).head()

# %%
# Unlike in the attributes is not wrong in the flow: compare the index with what bounds hold.

figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.scatter(area.dissimilarity(X_new), report.frame()["coverage"])
axes.axvline(area.threshold_, color="grey", ls="--", label="threshold")
axes.axhline(0.9, color="grey", ls=":", label="level")
axes.set_xlabel("dissimilarity index")
axes.set_ylabel("coverage")
axes.legend()
figure

# %%
# Which basins are most like it?
# ------------------------------

from stefaland_sk.judging import DonorSelector

DonorSelector(n_donors=3).fit(X_known).select(X_new[:2]).frame()
