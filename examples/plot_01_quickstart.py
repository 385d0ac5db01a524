"""
Quick start
===========

Pretrain StefaLand, finetune it, and compare it with an LSTM and a linear model in regions that none
of them has seen. The data are synthetic, and sites, records and networks so small that the page
builds in seconds: the scores show how to compare models, not which is best. On real data nothing
changes but the first line and the sizes.
"""

# %%
# Data
# ----
# A ``Panel`` holds sites: attributes once per site, forcing as a series, and a site table with the
# region of each. One sample is one site, and the target is a table of sites by days.

from stefaland_sk.datasets import make_catchments

X, y = make_catchments(n_sites=18, n_years=3, n_regions=3, random_state=0)
X

# %%
# ``check`` reports in words what is odd about the data.

print(X.check(y))

# %%
# Models
# ------
# ``encoder=`` is an unfitted transformer, so that pretraining happens inside ``fit``, on the sites
# that ``fit`` is given: no fold can leak into another.

from stefaland_sk import LinearComparator, LSTMRegressor, StefaLandStreamflow, StefaLandTransformer

encoder = StefaLandTransformer(d_model=16, n_layers=1, d_feedforward=32, max_epochs=10)
models = {
    "StefaLand": StefaLandStreamflow(encoder, d_hidden=32, lr=1e-2, max_epochs=30, random_state=0),
    "LSTM": LSTMRegressor(d_hidden=32, lr=1e-2, max_epochs=30, random_state=0),
    "linear": LinearComparator(),
}

# %%
# One call per model
# ------------------
# ``LeaveRegionOut`` holds out one region after the other. The scorers take the metric at each site,
# leave out the first year as warm-up, and give the median over sites.

import pandas as pd
from sklearn.model_selection import cross_validate

from stefaland_sk.metrics import site_scorers
from stefaland_sk.model_selection import LeaveRegionOut

folds = {
    name: cross_validate(
        model,
        X,
        y,
        cv=LeaveRegionOut(),
        scoring=site_scorers("nse", "kge", "rmse", warmup=365),
        return_estimator=True,
        return_indices=True,
    )
    for name, model in models.items()
}
pd.DataFrame({name: scores["test_nse"] for name, scores in folds.items()}).round(2)

# %%
# A look at one basin
# -------------------
# Each fold returns its fitted estimator. The first one has not seen the first region, of which this
# is a basin.

from stefaland_sk.plotting import HydrographDisplay, SiteScoreDisplay

fitted = {name: scores["estimator"][0] for name, scores in folds.items()}
held_out = folds["LSTM"]["indices"]["test"][0]
HydrographDisplay.from_estimator(
    fitted,
    X[held_out],
    y.iloc[held_out],
    period=("2001-10-01", "2002-09-30"),
    warmup=365,
    label="runoff [mm/d]",
    precipitation="prcp",
).plot()

# %%
# All basins
# ----------
# A median hides the sites at which a model fails; the distribution shows them.
# ``cross_val_predict`` would fit again, so the predictions are gathered from the folds.

predictions = {name: y * float("nan") for name in models}
for name, scores in folds.items():
    for estimator, test in zip(scores["estimator"], scores["indices"]["test"], strict=True):
        predictions[name].iloc[test] = estimator.predict(X[test])
display = SiteScoreDisplay.from_predictions(y, predictions, warmup=365).plot()

# %%
# Every figure hands over its numbers.

display.frame().head()
