"""How many observations intervals hold in regions that nothing was learned from.

    python benchmarks/interval_coverage.py [--data ../shared/data/camels_us] [--model lstm]

Each region of CAMELS-US is held out in turn. The intervals of its basins are calibrated by leaving
out the other regions in turn, so that nothing of the region is known: not to the model, not to
its intervals. Every conformity score is tried on the same models. The interval scores within the
training regions, by which one may be chosen, are in the file as well.
"""

import argparse
import hashlib
import warnings
from pathlib import Path

import pandas as pd
from _results import RESULTS, write_results
from sklearn.base import BaseEstimator, RegressorMixin, clone

from stefaland_sk import BoostingComparator, DataWarning, LinearComparator, LSTMRegressor
from stefaland_sk.datasets import load_camels_us
from stefaland_sk.judging import ConformalBySite
from stefaland_sk.model_selection import LeaveRegionOut

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "camels_us"
LEVELS = (0.8, 0.9)
WARMUP = 365
SCORES = ["absolute", "relative", "site", "magnitude"]
MODELS = {
    "linear": LinearComparator(max_rows=100_000),
    "boosting": BoostingComparator(n_estimators=100, max_rows=100_000),
    "lstm": LSTMRegressor(max_epochs=4, early_stopping=False, precision="bf16"),
}


class Once(RegressorMixin, BaseEstimator):
    """Trains and predicts once for the same sites, however many scores ask."""

    known = {}  # noqa: RUF012 -- shared by all copies, which is its purpose

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        """Train, or take what was trained on these sites."""
        self.key_ = digest(X.site_ids)
        if self.key_ not in self.known:
            self.known[self.key_] = clone(self.estimator).fit(X, y)
        return self

    def predict(self, X):
        """Predict, or take what was predicted of these sites."""
        key = self.key_, digest(X.site_ids)
        if key not in self.known:
            self.known[key] = self.known[self.key_].predict(X)
        return self.known[key]


def digest(site_ids):
    """Give a short name to a list of sites."""
    return hashlib.sha256(" ".join(site_ids).encode()).hexdigest()


def held_out(X, y, model, period, regions):
    """Yield a table of coverage per held-out region, score, level and site."""
    for train, test in LeaveRegionOut(only=regions).split(X, y):
        region = X.sites["region"].iloc[test[0]]
        Once.known.clear()
        settings = {"confidence_level": LEVELS, "warmup": WARMUP, "period": period}
        auto = ConformalBySite(Once(model), conformity="auto", **settings)
        auto.fit(X[train], y.iloc[train])
        print(region, auto.conformity_table_.round(3), sep="\n", flush=True)
        for name in SCORES:
            fitted = clone(auto).set_params(conformity=name).fit(X[train], y.iloc[train])
            report = fitted.coverage_report(X[test], y.iloc[test], period=period)
            print(f"{name}: {report}", flush=True)
            table = report.frame()
            table.insert(0, "conformity", name)
            inside = auto.conformity_table_.loc[name, "interval_score"]
            yield table.assign(interval_score_inside=inside)


def main():
    """Parse the command line, calibrate, write the CSV file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", choices=list(MODELS), default="lstm")
    parser.add_argument("--fit-period", nargs=2, default=["1999-10-01", "2008-09-30"])
    parser.add_argument("--score-period", nargs=2, default=["1989-10-01", "1999-09-30"])
    parser.add_argument("--regions", nargs="*", help="regions held out; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=DataWarning)
    first = pd.Timestamp(options.score_period[0]) - pd.Timedelta(days=WARMUP)
    last = max(options.score_period[1], options.fit_period[1])
    X, y = load_camels_us(options.data, period=(str(first.date()), last))
    kept = X.sites["in_531"].to_numpy()
    model = clone(MODELS[options.model])
    model.set_params(fit_period=tuple(options.fit_period), random_state=options.seed)
    parts = held_out(X[kept], y[kept], model, tuple(options.score_period), options.regions)
    table = pd.concat(list(parts), ignore_index=True)
    table.insert(0, "model", options.model)
    means = table.groupby(["conformity", "level", "region"])[["coverage", "interval_score"]].mean()
    print(means.groupby(["conformity", "level"]).agg(["mean", "min", "max"]).round(3))
    numbers = table.select_dtypes("float").columns.drop("level")
    table[numbers] = table[numbers].round(4)
    fit, score = (" ".join(period) for period in (options.fit_period, options.score_period))
    write_results(
        options.output / "coverage.csv",
        table,
        "Coverage and width of intervals at basins of regions held out, per site",
        command=(
            f"benchmarks/interval_coverage.py --model {options.model} --fit-period {fit} "
            f"--score-period {score}"
        ),
        packages=["torch", "scikit-learn"],
        seed=options.seed,
        machine="1 thread",
        notes=[
            "interval_score_inside: mean over the training regions, each calibrated by the others,",
            "and over sites, in standard deviations of the site; by it a score is chosen",
        ],
    )


if __name__ == "__main__":
    main()
