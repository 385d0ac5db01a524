"""
Pretraining, and what it is good for
====================================

Pretrain an encoder on two data sets with different variables, look at what it has learned at sites
that it has not seen, keep it in a file, read it for data with other names and units, and use its
features like any others. The network is small and the data are synthetic, so the numbers show how
things are done, not how good they get. The page :doc:`../pretraining` has the background.
"""

# %%
# Two data sets, and sites that stay out
# --------------------------------------
# The east knows less of its sites than the west: two forcing variables and the soils are missing.
# The last 24 sites are from both, and stay out.

from stefaland_sk.datasets import make_catchments

X, y = make_catchments(n_sites=60, n_years=3, n_regions=4, random_state=0)
new, known = X[36:], X[:36]

in_west = known.sites["region"].isin(["1", "2"]).to_numpy()
no_soil = [name for name in X.attribute_names if name not in X.groups["soil"]]
west = known[in_west].keep_variables(forcings=["prcp", "srad", "tmax", "tmin", "vp"])
east = known[~in_west].keep_variables(forcings=["prcp", "tmax", "tmin"], attributes=no_soil)
west, east

# %%
# One model
# ---------
# ``fit`` takes a list: variables are joined by name, and what a part lacks is missing there. There
# is no target. Each pass hides other spans of days and other groups of attributes, and the network
# learns to fill them in.

import pandas as pd

from stefaland_sk import StefaLandTransformer

model = StefaLandTransformer(
    d_model=32, n_layers=1, d_feedforward=64, batch_size=16, lr=5e-3, random_state=0
).fit([west, east])
print(model.encoder_.describe())

# %%
# The loss is the error of what was hidden, in scaled units: to fill in the mean costs about 1.5.

pd.DataFrame(model.history_)[["epoch", "train_loss"]].iloc[[0, -1]].round(2)

# %%
# What has it learned?
# --------------------
# Hide one variable at a time at the sites that stayed out, an attribute with its group, and compare
# what is made of the rest with the truth. A skill of 0 is as good as the mean of the training
# sites, 1 is perfect. Temperature and humidity follow from one another, and rain from neither.

skill = model.score_variables(new).set_index("variable")
skill[["role", "n", "rmse", "unit", "skill"]].round(2).head(8)

# %%
# 36 sites are too few to learn how attributes go together. The medians of their groups:

skill[skill["role"] == "attribute"].groupby("group")["skill"].median().round(2)

# %%
# Fill in a variable
# ------------------
# ``reconstruct`` fills what is missing, and what it is told to hide. Here is vapour pressure at a
# site in the east: a variable that no site there had in pretraining.

import matplotlib.pyplot as plt

filled = model.reconstruct(new, hide=["vp"])
site = new.site_ids[(new.sites["region"] == "3").to_numpy()][0]
truth, made = (panel.label(panel.variable("vp")).loc[site] for panel in (new, filled))
year = slice("2001-10-01", "2002-09-30")
fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(truth[year], color="0.2", lw=1.0, label="observed")
ax.plot(made[year], color="tab:red", lw=1.0, label="reconstructed from the rest")
ax.set(ylabel="vapour pressure [Pa]", title=f"site {site}, not seen in pretraining")
_ = ax.legend(frameon=False)

# %%
# A file
# ------
# The file holds weights, variables with units, scales, and the sites seen; no pickle.

import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())
file = model.save(folder / "model.safetensors", licence="CC BY 4.0", citation="a made-up example")

# %%
# Other names, other units, fewer variables
# -----------------------------------------
# Somebody else's data: rain has another name, its mean is per year, there is no radiation, and
# humidity comes as a percentage. A map says where the encoder finds its variables; a function makes
# what is not there. Units are converted.

import numpy as np

from stefaland_sk import Panel
from stefaland_sk.data import relative_humidity

humid = relative_humidity(*(new.variable(name) for name in ("vp", "tmin", "tmax")))
long = new.to_long().assign(humidity=humid.ravel()).drop(columns=["srad", "vp", "dayl"])
long = long.rename(columns={"prcp": "rain", "p_mean": "rain_mean"})
long["rain_mean"] *= 365.25


def vapour_pressure(humidity, tmin, tmax):
    """Vapour pressure [Pa] from relative humidity [%] and temperatures [degC]."""
    saturated = [610.8 * np.exp(17.27 * t / (t + 237.3)) for t in (tmin, tmax)]
    return humidity / 100 * sum(saturated) / 2


units = {**new.units, "rain": "mm/d", "rain_mean": "mm/yr", "humidity": "%"}
theirs = Panel.from_long(long, units={name: units[name] for name in long})
variable_map = {
    "prcp": "rain",
    "p_mean": "rain_mean",
    "vp": (vapour_pressure, ["humidity", "tmin", "tmax"]),
}
loaded = StefaLandTransformer.load(file, pool="static", variable_map=variable_map)
coverage = loaded.mapped_encoder().coverage(theirs).set_index("variable")
coverage.loc[["prcp", "srad", "tmax", "vp", "p_mean", "sand_frac"]].drop(columns="role")

# %%
# Radiation is the one that is missing: a mask token stands in for it, as it did in pretraining, and
# ``transform`` warns of it. Fewer variables than ``min_coverage`` would be refused.

import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    features = loaded.set_output(transform="pandas").transform(theirs)
print(caught[0].message)
features.iloc[:3, :4]

# %%
# Features in a pipeline
# ----------------------
# Mean runoff from features of sites. With an unfitted transformer as its first step, a pipeline
# pretrains within each fold, on the training sites of that fold: nothing of the others is known to
# it. ``cv=LeaveRegionOut()`` would hold out regions in the same way.

from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from stefaland_sk.model_selection import SiteKFold

forest = RandomForestRegressor(100, random_state=0)
runoff = y.mean(axis=1)
small = StefaLandTransformer(
    d_model=16,
    n_layers=1,
    d_feedforward=32,
    batch_size=16,
    lr=1e-2,
    max_epochs=5,
    pool="static",
    random_state=0,
)
cross_val_score(make_pipeline(small, forest), X, runoff, cv=SiteKFold(3, random_state=0)).round(2)

# %%
# A pretrained encoder goes into ``FrozenEstimator``, for otherwise the pipeline would train a copy
# of it anew. It has seen the first 36 sites, so it may be judged at the others only.

from sklearn.frozen import FrozenEstimator

pretrained = FrozenEstimator(loaded.set_params(variable_map=None))
inputs = {"features": make_pipeline(pretrained, forest), "attributes": forest}
pd.DataFrame(
    {
        name: cross_val_score(
            estimator,
            new if name == "features" else new.attributes,
            runoff[36:],
            cv=SiteKFold(3, random_state=0),
        )
        for name, estimator in inputs.items()
    }
).round(2)

# %%
# The attributes alone do better here: the runoff was made from them, and the encoder has seen
# little. They are worth asking first. Whether a site is new to an encoder can be asked, too;
# predictions of a finetuned model at sites that its encoder has seen warn by themselves.

loaded.encoder_.seen(X)["by_id"].value_counts()
