"""
Choosing a split
================

One model, one data set, three splits, three verdicts. Which of them is right depends on the
question; one of them answers no question that a hydrologist asks.
"""

# %%
# A long table
# ------------
# One row per site and day: the form in which most data come, and in which any scikit-learn
# regressor can be used. Rain of the last days stands in for the memory of the basin.

from stefaland_sk.datasets import make_catchments

X, y = make_catchments(
    n_sites=24, n_years=2, n_regions=3, concept_drift=0.5, random_state=0, as_frame=True
)
rain = X["prcp"].groupby(level="site")
for days in (3, 10, 30, 90):
    X[f"prcp_{days}"] = rain.transform(lambda s, n=days: s.rolling(n, min_periods=1).mean())

# %%
# Three splits
# ------------
# Shuffled ``KFold`` deals rows: the days before and after a test day, at the same site, are in
# training. ``SiteKFold`` deals sites: the test sites are new, but have neighbours in training.
# ``LeaveRegionOut`` deals regions: nothing nearby has been seen.

from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold, cross_val_predict

from stefaland_sk.model_selection import LeaveRegionOut, SiteKFold

splits = {
    "KFold of rows": KFold(3, shuffle=True, random_state=0),
    "SiteKFold": SiteKFold(3, random_state=0),
    "LeaveRegionOut": LeaveRegionOut(),
}
model = ExtraTreesRegressor(15, min_samples_leaf=2, random_state=0)
predictions = {name: cross_val_predict(model, X, y, cv=cv) for name, cv in splits.items()}

# %%
# The same model, judged three times
# ----------------------------------
# Each curve is the share of sites with a lower efficiency.

from stefaland_sk.plotting import SiteScoreDisplay

display = SiteScoreDisplay.from_predictions(y, predictions, metric="nse")
display.plot()

# %%
# The medians fall from row to row. The first is not a measure of skill at new sites, nor in new
# years: the model has read the flow of yesterday and of tomorrow. The drop from the second to the
# third is the price of leaving the gauged regions, where the relation between attributes and
# runoff is another (``concept_drift``).

display.medians.round(2)

# %%
# On a Panel the mistake is hard to make
# --------------------------------------
# There a sample is a site, so that even a shuffled ``KFold`` deals whole sites.

panel, target = make_catchments(n_sites=24, n_years=2, n_regions=3, random_state=0)
train, test = next(KFold(3, shuffle=True, random_state=0).split(panel))
sorted(set(panel.site_ids[train]) & set(panel.site_ids[test]))

# %%
# Neighbours can be looked at: which regions do the folds of ``SiteKFold`` mix?

import pandas as pd

folds = SiteKFold(3, random_state=0).site_folds(panel).rename("fold")
pd.crosstab(folds, panel.sites["region"])
