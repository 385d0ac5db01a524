"""
Snow and evaporation from streamflow alone
==========================================

``HBVStreamflow`` is trained on flow and on nothing else. Yet HBV, which stands between network and
flow, has a snow pack, a soil and an evapotranspiration, which can be held against what is known of
the basins otherwise. With CAMELS-US beside the checkout this page runs on a sample of its basins;
without, on synthetic ones. Networks and trainings are small, so that the page builds in seconds;
*Physics* in the guide shows the same for all basins.
"""

# %%
# Data
# ----
# Any panel with daily precipitation and temperature will do. Potential evapotranspiration is
# computed from the temperatures and the latitude.

from pathlib import Path

import numpy as np

from stefaland_sk.datasets import load_camels_us, make_catchments

folder = Path("../shared/data/camels_us")
folder = folder if folder.exists() else Path("..") / folder
if folder.exists():
    X, y = load_camels_us(folder, period=("1995-10-01", "1999-09-30"))
    X, y = X[::12], y.iloc[::12]
else:
    X, y = make_catchments(n_sites=24, n_years=4, n_regions=4, random_state=0)
X

# %%
# Training
# --------
# An LSTM reads forcing and attributes and gives each basin its parameters, three of them anew
# each day. ``static_pool="mean"`` lets the others follow from the mean of the LSTM's states.

from stefaland_sk import HBVStreamflow

model = HBVStreamflow(
    parameterization="lstm",
    static_pool="mean",
    n_members=4,
    d_hidden=32,
    window=365,
    warmup=180,
    batch_size=16,
    lr=1e-2,
    max_epochs=12,
    early_stopping=False,
    random_state=0,
)
model.fit(X, y)
round(model.score(X, y), 2)  # median NSE of the years of the training

# %%
# Parameters are a table with units, one row per basin.

model.parameters_[["fc", "lp", "tt", "cfmax", "k2"]].describe().loc[["min", "50%", "max"]].round(2)

# %%
# Where the water went
# --------------------
# ``simulate`` gives all stores and fluxes. Over years, what does not run off evaporates: simulated
# evapotranspiration should be near one minus the runoff ratio, and grow with aridity, which is
# known from the climate.

series = model.simulate(X).isel(time=slice(365, None))  # after a year of warm-up
prcp = X.variable("prcp")[:, 365:]
flow = y.to_numpy()[:, 365:]
known = np.isfinite(flow)
runoff_ratio = np.where(known, flow, 0).sum(axis=1) / np.where(known, prcp, 0).sum(axis=1)
et_ratio = series["et"].to_numpy().sum(axis=1) / prcp.sum(axis=1)
snow_ratio = series["snowfall"].to_numpy().sum(axis=1) / prcp.sum(axis=1)
attributes = X.attributes

# %%
# Snow
# ----
# The share that falls as snow should follow the attribute, and the pack should grow in winter and
# be gone in summer.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(2, 2, figsize=(8, 6), layout="constrained")
panels = [
    (1 - runoff_ratio, et_ratio, "1 - observed runoff ratio", "simulated ET / P"),
    (attributes["aridity"], et_ratio, "aridity", "simulated ET / P"),
    (attributes["frac_snow"], snow_ratio, "snow fraction (attribute)", "simulated snowfall / P"),
]
for ax, (x, simulated, xlabel, ylabel) in zip(axes.flat, panels, strict=False):
    ax.scatter(x, simulated, s=14)
    ax.set(xlabel=xlabel, ylabel=ylabel)
cycle = series["swe"].groupby("time.month").mean().transpose("site", "month")
for share in (0.1, 0.5, 0.9):  # from hardly any snow to much of it
    site = np.argsort(snow_ratio)[int(share * (len(snow_ratio) - 1))]
    axes[1, 1].plot(
        cycle["month"], cycle[site], "o-", label=f"{snow_ratio[site]:.0%} falls as snow"
    )
axes[1, 1].set(xlabel="month", ylabel="simulated snow water equivalent [mm]")
axes[1, 1].legend()

# %%
# In numbers: rank correlations over basins.

import pandas as pd

pd.Series(
    {
        f"{ylabel}, {xlabel}": pd.Series(np.asarray(x)).corr(
            pd.Series(simulated), method="spearman"
        )
        for x, simulated, xlabel, ylabel in panels
    }
).round(2)
