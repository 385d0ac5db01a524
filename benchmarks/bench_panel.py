"""Memory and time of a 5-fold `cross_validate` of a trivial estimator: Panel beside long table.

531 sites x 10 years, the size of the CAMELS-US benchmark. Each form runs in a process of its own;
memory is what `tracemalloc` sees in a second run. Writes docs/results/panel_cross_validate.csv.

Usage: python benchmarks/bench_panel.py [--sites 531] [--years 10] [--out FILE]
"""

import argparse
import json
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "panel_cross_validate.csv"
FORCINGS = ["prcp", "srad", "tmax", "tmin", "vp", "dayl"]
N_ATTRIBUTES = 26


def make_data(form, n_sites, n_years):
    """Random numbers in the shape of CAMELS-US, as a Panel or as a long table."""
    from stefaland_sk.data import Panel

    rng = np.random.default_rng(0)
    time_axis = pd.date_range("1999-10-01", periods=round(365.25 * n_years))
    ids = [f"{i:08d}" for i in range(n_sites)]
    attributes = pd.DataFrame(rng.normal(size=(n_sites, N_ATTRIBUTES)), index=ids).add_prefix("a")
    sites = pd.DataFrame({"region": [str(i % 7) for i in range(n_sites)]}, index=ids)
    forcing = rng.random((n_sites, len(time_axis), len(FORCINGS)), dtype=np.float32)
    X = Panel(attributes, forcing, time=time_axis, forcing_names=FORCINGS, sites=sites)
    y = X.label(rng.random((n_sites, len(time_axis)), dtype=np.float32))
    if form == "panel":
        return X, y
    return X.to_long(), pd.Series(np.ravel(y.to_numpy()), name="runoff")


def make_estimator():
    """Predict the mean of the training target: all the time goes into slicing and scoring."""
    from sklearn.base import BaseEstimator, RegressorMixin

    class Mean(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            self.mean_ = float(np.nanmean(np.asarray(y)))
            return self

        def predict(self, X):
            shape = X.shape[:2] if type(X).__name__ == "Panel" else len(X)
            return np.full(shape, self.mean_, dtype=np.float32)

    return Mean()


def measure(form, n_sites, n_years):
    """Run one form in this process; give sizes [MiB] and times [s]."""
    from sklearn.model_selection import cross_validate

    from stefaland_sk.metrics import median_per_site
    from stefaland_sk.model_selection import SiteKFold

    X, y = make_data(form, n_sites, n_years)
    held = X.nbytes if form == "panel" else X.memory_usage().sum()
    cv = SiteKFold(5, random_state=0)

    def validate():
        cross_validate(make_estimator(), X, y, cv=cv, scoring=median_per_site("rmse"))

    start = time.perf_counter()
    validate()  # first, while nothing is cached: what a user sees
    seconds = time.perf_counter() - start
    tracemalloc.start()
    validate()
    return {
        "form": form,
        "n_sites": n_sites,
        "n_years": n_years,
        "held_mib": held / 2**20,
        "peak_above_held_mib": tracemalloc.get_traced_memory()[1] / 2**20,
        "cross_validate_s": seconds,
    }


def main():
    """Run both forms in processes of their own, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sites", type=int, default=531)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--form", choices=["panel", "long"], help="run one form, print JSON")
    options = parser.parse_args()
    if options.form:
        print(json.dumps(measure(options.form, options.sites, options.years)))
        return
    size = ["--sites", str(options.sites), "--years", str(options.years)]
    rows = []
    for form in ("panel", "long"):
        command = [sys.executable, __file__, "--form", form, *size]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    table = pd.DataFrame(rows).round(3)
    print(table.to_string(index=False))
    table.to_csv(options.out, index=False)


if __name__ == "__main__":
    main()
