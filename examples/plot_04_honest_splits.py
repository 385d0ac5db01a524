"""
How honest is a split?
======================

A score is as honest as the split behind it. Here one set of gauges is split in several ways, and
`split_report` says how far each of them keeps test sites from training sites, and what leaks.
"""

# %%
# Gauges, one of them twice
# -------------------------
# Synthetic basins with places in three regions. As happens where data sets are joined, two gauges
# are there a second time, under the name that another source gives them.

import numpy as np
import pandas as pd

from stefaland_sk.data import Panel
from stefaland_sk.datasets import make_catchments

X, y = make_catchments(n_sites=60, n_years=2, n_regions=3, random_state=0)
rng = np.random.default_rng(0)
centres = pd.DataFrame({"lat": [62.0, 51.0, 41.0], "lon": [15.0, 8.0, -4.0]})
region = pd.factorize(X.sites["region"], sort=True)[0]
places = centres.iloc[region].to_numpy() + rng.normal(0, [1.5, 2.0], (60, 2))
names = [f"{10_000_000 + 500 * i:08d}" for i in range(60)]
sites = X.sites.assign(lat=places[:, 0], lon=places[:, 1])
rows = [*range(60), 3, 7]
ids = [*names, f"usgs_{names[3]}", f"usgs_{names[7]}"]
X = Panel(
    X.attributes.iloc[rows].set_axis(ids),
    X.forcing[rows],
    time=X.time,
    forcing_names=X.forcing_names,
    sites=sites.iloc[rows].set_axis(ids),
    units=X.units,
)
y = y.iloc[rows].set_axis(ids)

# %%
# Random folds
# ------------
# Test sites have a training site close by, and each of the doubled gauges is on both sides.

from stefaland_sk.model_selection import SiteKFold, split_report

report = split_report(SiteKFold(5, random_state=0), X, y)
print(report)

# %%
# Four questions, four distances
# ------------------------------
# A buffer takes the neighbours out of training, clusters keep landscapes apart, regions keep
# places apart.

from stefaland_sk.model_selection import BufferedSplit, LeaveClusterOut, LeaveRegionOut

splits = {
    "random": SiteKFold(5, random_state=0),
    "random, 100 km off": BufferedSplit(SiteKFold(5, random_state=0), 100),
    "clusters": LeaveClusterOut(),
    "regions": LeaveRegionOut(),
}
reports = {name: split_report(cv, X, y) for name, cv in splits.items()}
pd.DataFrame(
    {
        name: report.frame()[["n_train", "km_median", "sd_median", "n_leaks"]].mean()
        for name, report in reports.items()
    }
).T.round(2)

# %%
# How far should test sites be?
# -----------------------------
# As far as the places that predictions are wanted for. ``KNNDMSplit`` takes these places, here a
# grid, and matches the distances. The report tells by W how far other splits are off.

from stefaland_sk.model_selection import KNNDMSplit

lat, lon = np.meshgrid(np.arange(36, 67, 1.5), np.arange(-9, 21, 1.5))
grid = pd.DataFrame({"lat": lat.ravel(), "lon": lon.ravel()})
splits["matched"] = KNNDMSplit(grid, n_splits=5)
pd.Series(
    {
        name: split_report(cv, X, y, prediction_sites=grid).summary["w"]
        for name, cv in splits.items()
    },
    name="W [km]",
).round()

# %%
# New sites, new years, or both
# -----------------------------
# The same test days three times: what does each kind of novelty cost?

from sklearn.model_selection import cross_validate

from stefaland_sk import LinearComparator
from stefaland_sk.metrics import site_scorers
from stefaland_sk.model_selection import SpaceTimeSplit

model = LinearComparator()
scoring = site_scorers("nse", warmup=90)
costs = {}
for new in ("years", "sites", "both"):
    cv = SpaceTimeSplit(LeaveRegionOut(), new=new, test_period=("2001-10-01", None), warmup=90)
    parts = cv.separate_periods(X[:24], y[:24])
    scores = cross_validate(model, *parts, cv=cv, scoring=scoring)
    costs[new] = scores["test_nse"].mean()
pd.Series(costs, name="median NSE").round(2)

# %%
# A map
# -----
# ``report.sites`` has what a map needs.

import matplotlib.pyplot as plt

table = reports["clusters"].sites
fig, ax = plt.subplots()
dots = ax.scatter(table["lon"], table["lat"], c=table["fold"].astype(int), cmap="tab10")
ax.set(xlabel="longitude", ylabel="latitude", title="Cluster of each site")
fig.colorbar(dots, label="fold")
