"""Memory and time of `cross_validate` on a Panel and on the long frame with the same content.

    python benchmarks/panel_cross_validate.py [--rounds 5] [--output docs/results/...csv]

The estimators are trivial, so that what is measured is the cost of holding and slicing X:
``blind`` looks at the target only, ``reading`` takes the mean of every input of its training
part. The folds are the same sites for both forms (scikit-learn's GroupKFold).

Every measurement runs in a fresh process, which loads X and y from a pickle; the two forms take
turns. A process runs `cross_validate` once for the peak of its memory, then three times for the
time, and gives the median. Memory is counted above that of the process after its imports.
Ratios are long / panel of the same round; the CSV holds the median over rounds.
"""

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _results import ONE_THREAD, RESULTS, peak_mib, write_results
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import GroupKFold, cross_validate

from stefaland_sk.data import Panel, site_of_samples

N_SITES, N_TIMES, N_FORCINGS, N_ATTRIBUTES, SEED = 531, 3652, 5, 27, 0
FORMS, ESTIMATORS = ("panel", "long"), ("blind", "reading")
OUTPUT = RESULTS / "panel_cross_validate.csv"


class Trivial(RegressorMixin, BaseEstimator):
    """Predict the mean of the training target."""

    def __init__(self, reading=False):
        self.reading = reading

    def fit(self, X, y):
        self.mean_ = np.nanmean(np.asarray(y), dtype=np.float64)
        if self.reading:
            self.inputs_ = means_of(X)
        return self

    def predict(self, X):
        shape = X.shape[:2] if isinstance(X, Panel) else X.shape[:1]
        return np.full(shape, self.mean_, dtype=np.float32)


def means_of(X):
    """Compute the mean of every input, a variable at a time in both forms."""
    if isinstance(X, Panel):
        forcing = X.forcing
        dynamic = [forcing[:, :, i].mean(dtype=np.float64) for i in range(X.n_forcings)]
        return np.array([*dynamic, *X.attributes.mean()])
    return np.array([X[name].to_numpy().mean(dtype=np.float64) for name in X.columns])


def rmse(estimator, X, y):
    """Score by the root of the mean squared error."""
    return -float(np.sqrt(np.mean((estimator.predict(X) - np.asarray(y)) ** 2)))


def make_files(folder):
    """Write X and y of both forms; the values are noise, since only their number matters."""
    rng = np.random.default_rng(SEED)
    ids = [f"{i:08d}" for i in range(N_SITES)]
    panel = Panel(
        pd.DataFrame(
            rng.random((N_SITES, N_ATTRIBUTES)).astype(np.float32),
            index=ids,
            columns=[f"attribute{i}" for i in range(N_ATTRIBUTES)],
        ),
        rng.random((N_SITES, N_TIMES, N_FORCINGS), dtype=np.float32),
        time=pd.date_range("1989-10-01", periods=N_TIMES),
        forcing_names=[f"forcing{i}" for i in range(N_FORCINGS)],
    )
    target = rng.random((N_SITES, N_TIMES), dtype=np.float32)
    frame, rows = panel.to_long(target)
    # A long frame that someone cares about holds attributes in single precision, too.
    frame = frame.astype(np.float32)
    for form, pair in (("panel", (panel, target)), ("long", (frame, rows))):
        with open(folder / f"{form}.pkl", "wb") as file:
            pickle.dump(pair, file, protocol=5)


def measure(path, form, estimator):
    """Run in a fresh process: load one form, cross-validate, print what was measured."""
    start = peak_mib()
    with open(path / f"{form}.pkl", "rb") as file:
        X, y = pickle.load(file)
    held = X.nbytes if form == "panel" else int(X.memory_usage(index=True).sum())
    held += y.nbytes
    groups = site_of_samples(X).codes

    def run():
        began = time.perf_counter(), time.process_time()
        result = cross_validate(
            Trivial(estimator == "reading"),
            X,
            y,
            groups=groups,
            cv=GroupKFold(5),
            scoring=rmse,
            error_score="raise",
        )
        took = time.perf_counter() - began[0], time.process_time() - began[1]
        return took, result["test_score"]

    loaded = peak_mib()
    _, scores = run()
    peak = peak_mib()
    seconds, cpu = np.median([run()[0] for _ in range(3)], axis=0)
    values = {
        "held": held / 2**20,
        "loaded": loaded - start,
        "peak": peak - start,
        "time": float(seconds),
        "cpu time": float(cpu),
        "score": float(scores.mean()),
    }
    print(json.dumps(values))


def collect(folder, rounds):
    """Run all processes, the forms by turns; give one row per process."""
    rows = []
    for i in range(rounds):
        for form in FORMS if i % 2 == 0 else FORMS[::-1]:
            for estimator in ESTIMATORS:
                command = [sys.executable, __file__, "--measure", str(folder), form, estimator]
                done = subprocess.run(
                    command,
                    capture_output=True,
                    text=True,
                    check=True,
                    env={**os.environ, **ONE_THREAD},
                )
                rows.append(
                    {"round": i, "form": form, "estimator": estimator, **json.loads(done.stdout)}
                )
    return pd.DataFrame(rows)


def summarise(table):
    """Give the tidy results: form, measure, value, unit."""
    units = {"held": "MiB", "loaded": "MiB", "peak": "MiB", "time": "s", "cpu time": "s"}
    rows = []
    for estimator in ESTIMATORS:
        by_form = {
            form: table[(table["form"] == form) & (table["estimator"] == estimator)]
            .set_index("round")
            .sort_index()
            for form in FORMS
        }
        for measure_, unit in units.items():
            values = {form: by_form[form][measure_] for form in FORMS}
            values["long / panel"] = values["long"] / values["panel"]
            for form, series in values.items():
                rows.append(
                    {
                        "form": form,
                        "estimator": estimator,
                        "measure": measure_,
                        "value": round(float(series.median()), 4),
                        "lowest": round(float(series.min()), 4),
                        "highest": round(float(series.max()), 4),
                        "unit": "-" if "/" in form else unit,
                    }
                )
        scores = {form: by_form[form]["score"].iloc[0] for form in FORMS}
        assert abs(scores["panel"] - scores["long"]) < 1e-6, scores
    return pd.DataFrame(rows)


def main():
    """Parse the command line, measure, write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        folder, form, estimator = options.measure
        measure(Path(folder), form, estimator)
        return
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder))
        results = summarise(collect(Path(folder), options.rounds))
    write_results(
        options.output,
        results,
        f"5-fold cross_validate of a trivial estimator; {N_SITES} sites x {N_TIMES} days, "
        f"{N_FORCINGS} forcings, {N_ATTRIBUTES} attributes, float32; medians of rounds",
        command=f"benchmarks/panel_cross_validate.py --rounds {options.rounds}",
        packages=["numpy", "pandas", "scikit-learn"],
        seed=SEED,
        machine="1 thread",
        notes=[
            "held: arrays and index of X and y; loaded, peak: resident memory above that of the "
            "process after its imports, once X and y are read and at its highest; the wall-clock "
            "time suffers from other work on the machine, the cpu time less"
        ],
    )


if __name__ == "__main__":
    main()
