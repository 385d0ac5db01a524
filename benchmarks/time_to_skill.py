"""Time to skill: the LSTM here against that of NeuralHydrology, on the same real data.

    python benchmarks/time_to_skill.py --other ENV/bin/python [--tune] [--seeds 3] [--kept FILE]

ENV is an environment in which ``pip install torch==2.13.0`` and ``pip install neuralhydrology``
were run. Both get the same training basins, days, forcing, attributes, hidden size, dropout and
forget bias, and are scored at the same basins held out, in other years, by one run over the whole
record. Every training is complete: its schedule of the learning rate ends where it ends, so the
curve of skill against CPU time is made of trainings of several lengths. A system's trainings share
a process with one thread. Counted is the CPU time of training; the start (imports, reading,
indexing) is reported apart, and scoring is not counted.

NeuralHydrology comes in three rows: with the best settings found, for each seed; and once each,
the same with the NSE loss, and with that loss on the last day of each window only, as its examples
have it (these two were not tuned further). Windows that are supervised on many days are
`predict_last_n` there, and few updates an "epoch" are `max_updates_per_epoch`, with which a
schedule gets its stages.

``--tune`` tries settings for both systems: one short training each on a part of the training
basins, scored at the others of them. Basins held out play no part. `TUNED` holds the best.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import ONE_THREAD, RESULTS, peak_mib, write_results

from stefaland_sk import LSTMRegressor
from stefaland_sk.datasets import load_camels_us
from stefaland_sk.metrics import nse

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "camels_us"
FORCINGS = ["prcp", "srad", "tmax", "tmin", "vp"]
D_HIDDEN, DROPOUT = 64, 0.4
FOLD, N_TRAIN, N_VALID, N_TEST = 0, 150, 30, 60
PERIOD, TEST_PERIOD = ("1999-10-01", "2008-09-30"), ("1989-10-01", "1999-09-30")
N_DAYS = 3288  # of the training period
LEVELS = (0.45, 0.48, 0.50, 0.52)  # about what both reach

OURS, MANY = "stefaland-sk", "neuralhydrology"
MANY_NSE, ONE = "neuralhydrology, NSE loss", "neuralhydrology, NSE loss, one target a window"
SETTING = ("seed", "window", "supervised", "batch_size", "lr")
SETTING += ("schedule", "loss", "clip", "embedding")
BASE = {"window": 180, "supervised": 90, "batch_size": 16, "lr": 1e-2, "schedule": "cycle"}
BASE |= {"loss": "NSE", "clip": 1, "embedding": True}
OTHER = BASE | {"schedule": "steps", "embedding": False}
TUNED = {
    OURS: BASE,
    MANY: OTHER | {"loss": "MSE"},
    MANY_NSE: OTHER,
    ONE: OTHER | {"supervised": 1},
}
LENGTHS = (1e6, 2e6, 4e6)  # days that pass through the LSTM in a training
# Settings tried: such days, then changes of BASE or OTHER.
LONG, SHORT = 2.92e6, 1.46e6
YEAR = {"window": 365, "supervised": 185, "batch_size": 32, "lr": 5e-3, "schedule": "cycle"}
CANDIDATES = {
    OURS: [
        (LONG, YEAR),
        (LONG, YEAR | {"lr": 1e-2}),
        (LONG, YEAR | {"batch_size": 16}),
        (LONG, YEAR | {"batch_size": 64, "lr": 1e-2}),
        (LONG, YEAR | {"supervised": 275}),
        (LONG, YEAR | {"window": 270, "supervised": 180}),
        (LONG, YEAR | {"window": 180, "supervised": 90}),
        (SHORT, {"lr": 5e-3}),
        (SHORT, {}),
        (SHORT, {"batch_size": 8}),
        (SHORT, {"lr": 2e-2}),
        (SHORT, {"loss": "MSE"}),
    ],
    MANY: [
        (LONG, YEAR),
        (LONG, YEAR | {"lr": 1e-2}),
        (LONG, YEAR | {"batch_size": 16}),
        (LONG, YEAR | {"batch_size": 64, "lr": 1e-2}),
        (LONG, YEAR | {"schedule": "steps"}),
        (LONG, YEAR | {"schedule": "constant"}),
        (LONG, YEAR | {"supervised": 275}),
        (LONG, YEAR | {"window": 270, "supervised": 180}),
        (LONG, YEAR | {"window": 180, "supervised": 90}),
        (SHORT, {"schedule": "constant"}),
        (SHORT, {}),
        (SHORT, {"embedding": True}),
        (SHORT, {"batch_size": 8, "embedding": True}),
        (SHORT, {"lr": 2e-2}),
        (SHORT, {"batch_size": 8}),
        (SHORT, {"clip": 0.1}),
        (SHORT, {"loss": "MSE"}),
        (SHORT, {"clip": 0.1, "lr": 2e-2}),
        (SHORT, {"clip": 0.1, "schedule": "cycle"}),
        (SHORT, {"loss": "MSE", "schedule": "cycle"}),
        (SHORT, {"loss": "MSE", "lr": 2e-2}),
        (SHORT, {"loss": "MSE", "batch_size": 8}),
    ],
}
CHECK_PERIOD = ("1998-10-01", "1999-09-30")  # scored by the tester of the other as well
TOLD = [
    "seconds: CPU time of training; start: that of imports, reading and indexing before it; peak: "
    "memory of the process after its first training [MiB]; supervised: days of a window with loss",
    f"by_its_own: median NSE from {CHECK_PERIOD[0]} to {CHECK_PERIOD[1]} by NeuralHydrology's own "
    "tester, a window for each day; by_ours: the same by one run over the record, as median_nse is",
    "schedule, clip and embedding (a layer before the LSTM) of stefaland-sk are fixed in it",
]


def choose_basins():
    """Choose basins of the usual 531: identifiers to train on, and of one fold to test on."""
    folds = pd.read_csv(DATA / "splits" / "folds.csv", dtype={"gauge_id": str})
    folds = folds[folds["in_531"]]
    rng = np.random.default_rng(0)
    inside = folds["pub_fold5"] == FOLD
    test = rng.choice(folds.loc[inside, "gauge_id"], N_TEST, replace=False)
    train = rng.choice(folds.loc[~inside, "gauge_id"], N_TRAIN, replace=False)
    return tuple(train), tuple(test)


@cache
def load(sites, period):
    """Load basins with a year before the period, which warms up the memory."""
    first = str((pd.Timestamp(period[0]) - pd.DateOffset(years=1)).date())
    return load_camels_us(DATA, sites=list(sites), forcings=FORCINGS, period=(first, period[1]))


def make_run(system, setting, n_days, n_sites):
    """Give one training: its setting, and how long it takes for the given days."""
    n_windows = n_days / setting["window"]
    if system == OURS:  # whole epochs, which supervise each day about once
        n_epochs = n_windows * setting["supervised"] / (n_sites * N_DAYS)
        return setting | {"epochs": max(1, round(n_epochs))}
    return setting | {"updates": round(n_windows / setting["batch_size"])}


# ---------------------------------------------------------------------- measuring
def train_ours(job):
    """Train all runs of a job in turn, in this process; write predictions and records."""
    X, y = load(tuple(job["sites"]), PERIOD)
    held_out, _ = load(tuple(job["held_out_sites"]), TEST_PERIOD)
    # A training of no epoch comes first: it imports what training needs.
    for i, run in enumerate([{**job["runs"][0], "epochs": 0}, *job["runs"]], start=-1):
        model = LSTMRegressor(
            d_hidden=D_HIDDEN,
            dropout=DROPOUT,
            window=run["window"],
            warmup=run["window"] - run["supervised"],
            batch_size=run["batch_size"],
            loss=run["loss"].lower(),
            lr=run["lr"],
            max_epochs=run["epochs"],
            early_stopping=False,  # the other does not set basins apart either
            fit_period=PERIOD,
            device="cpu",
            random_state=run["seed"],
        )
        ready = time.process_time()
        model.fit(X, y)
        seconds = time.process_time() - ready
        if i >= 0:
            updates = sum(len(epoch["batches"]) for epoch in model.net_.history)
            record = {"start": ready, "seconds": seconds, "peak": peak_mib(), "updates": updates}
            np.save(Path(job["output"]) / f"{i}.npy", model.predict(held_out))
            print("RECORD", json.dumps(record), flush=True)


def export(folder, X, y):
    """Write a panel as part of a generic data set of NeuralHydrology: one file per basin."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, site in enumerate(X.site_ids):
        columns = {name: X.forcing[i, :, v] for v, name in enumerate(X.forcing_names)}
        columns["runoff"] = y.loc[site].to_numpy()
        table = pd.DataFrame(columns, index=pd.DatetimeIndex(X.time, name="date"))
        table.to_xarray().to_netcdf(folder / f"{site}.nc")


def job_of_the_other(folder, train, held_out):
    """Export all basins, and give what the other program's job says beside its runs."""
    data = folder / "data"
    tables = []
    for name, (X, y) in {"basins": load(train, PERIOD), "held_out": held_out}.items():
        export(data / "time_series", X, y)
        tables.append(X.attributes)
        (folder / f"{name}.txt").write_text("\n".join(X.site_ids) + "\n")
    (data / "attributes").mkdir()
    pd.concat(tables).rename_axis("gauge_id").to_csv(data / "attributes" / "attributes.csv")
    np.savez(
        folder / "held_out.npz",
        forcing=X.forcing,
        attributes=X.attributes.to_numpy(),
        attribute_names=X.attributes.columns.to_numpy(dtype=str),
    )
    return {
        "data": str(data),
        "basins": str(folder / "basins.txt"),
        "held_out_basins": str(folder / "held_out.txt"),
        "held_out": str(folder / "held_out.npz"),
        "period": [f"{pd.Timestamp(day):%d/%m/%Y}" for day in PERIOD],
        "check_period": [f"{pd.Timestamp(day):%d/%m/%Y}" for day in CHECK_PERIOD],
        "forcings": list(X.forcing_names),
        "attributes": list(X.attributes.columns),
        "d_hidden": D_HIDDEN,
        "dropout": DROPOUT,
    }


def measure(system, runs, train, held_out, other, kept, check=False):
    """Train the runs of one system in a fresh process; give one row each, with the skill.

    `kept` is a file of rows: those of an interrupted call are not measured again.
    """
    if kept and kept.exists():
        rows = [json.loads(line) for line in kept.read_text().splitlines()]
        known = {json.dumps([row["system"], row["run"]]): row["row"] for row in rows}
        done = [known.get(json.dumps([system, run])) for run in runs]
        if any(done):
            left = [run for run, row in zip(runs, done, strict=True) if row is None]
            new = measure(system, left, train, held_out, other, kept, check) if left else []
            return [row for row in done if row] + new
    X, y = load(held_out, TEST_PERIOD)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        job = {"runs": runs, "output": str(folder), "check": check}
        if system == OURS:
            command = [sys.executable, __file__, "--measure"]
            job |= {"sites": train, "held_out_sites": held_out}
        else:
            command = [other, str(Path(__file__).parent / "_neuralhydrology.py")]
            job |= job_of_the_other(folder, train, (X, y))
        (folder / "job.json").write_text(json.dumps(job))
        rows = []
        with open(folder / "errors.txt", "w+", encoding="utf-8") as errors:
            process = subprocess.Popen(
                [*command, str(folder / "job.json")],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **ONE_THREAD, "OMP_WAIT_POLICY": "PASSIVE"},
            )
            for line in process.stdout:
                if line.startswith("RECORD "):
                    i = len(rows)
                    record = json.loads(line.removeprefix("RECORD "))
                    if i:  # the process is not fresh any more
                        record["start"] = record["peak"] = np.nan
                    values = np.load(folder / f"{i}.npy")
                    row = {"system": system, **{k: runs[i][k] for k in SETTING}, **record}
                    row["median_nse"] = median_nse(y, values, TEST_PERIOD)
                    if "by_its_own" in record:
                        row["by_ours"] = median_nse(y, values, CHECK_PERIOD)
                    print(row, flush=True)
                    rows.append(row)
                    if kept:
                        with open(kept, "a", encoding="utf-8") as file:
                            entry = {"system": system, "run": runs[i], "row": row}
                            file.write(json.dumps(entry) + "\n")
            if process.wait():
                errors.seek(0)
                raise SystemExit(f"{system} failed after {len(rows)} runs:\n{errors.read()}")
    return rows


def median_nse(y, values, period):
    """Median over basins of the efficiency in a period; runoff is not negative."""
    days = (y.columns >= pd.Timestamp(period[0])) & (y.columns <= pd.Timestamp(period[1]))
    return float(np.nanmedian(nse(y.to_numpy()[:, days], np.maximum(values[:, days], 0))))


# ---------------------------------------------------------------------- telling
def seconds_to(rows, level):
    """CPU-seconds until trainings of one system and seed reach a skill; NaN if they do not.

    Between two lengths the skill is taken to grow with the logarithm of the time. Where the
    shortest training is good enough, its seconds are given: no less was tried.
    """
    rows = rows.sort_values("seconds")
    skill = np.maximum.accumulate(rows["median_nse"].to_numpy())
    if skill[-1] < level:
        return np.nan
    log_seconds = np.log(rows["seconds"].to_numpy())
    return float(np.exp(np.interp(level, *_rising(skill, log_seconds))))


def _rising(skill, log_seconds):
    """Leave out trainings that are no better than a shorter one."""
    better = np.r_[True, np.diff(skill) > 0]
    return skill[better], log_seconds[better]


def summarise(table):
    """Give seconds to each level, ratios to the others per seed, longest trainings, peaks."""
    rows = []

    def add(measure, system, level, n, values):
        numbers = (round(x, 3) for x in (values.median(), values.min(), values.max()))
        rows.append([measure, system, level, n, *numbers])

    systems = dict(list(table.groupby("system", sort=False)))
    for level in LEVELS:
        reached = {}
        for name, own in systems.items():
            found = pd.Series({s: seconds_to(part, level) for s, part in own.groupby("seed")})
            reached[name] = found.fillna(own.groupby("seed")["seconds"].max())
            add("CPU-seconds", name, level, found.count(), reached[name])
            if name != OURS:
                ratio = reached[OURS].reindex(found.index) / reached[name]
                add("CPU-seconds, ours to this", name, level, found.count(), ratio)
    for name, own in systems.items():
        longest = own.loc[own.groupby("seed")["updates"].idxmax()]
        n = len(longest)
        add("longest: CPU-seconds", name, "", n, longest["seconds"])
        add("longest: median NSE", name, "", n, longest["median_nse"])
        add("ms an update", name, "", n, 1e3 * own["seconds"] / own["updates"])
        add("start, CPU-seconds", name, "", own["start"].count(), own["start"])
        add("peak memory, MiB", name, "", own["peak"].count(), own["peak"])
    columns = ["measure", "system", "level", "n", "value", "lowest", "highest"]
    return pd.DataFrame(rows, columns=columns)


def tune(other, kept):
    """Try all candidates once: trained on a part of the training basins, scored at the rest."""
    train, _ = choose_basins()
    fitted, valid = train[N_VALID:], train[:N_VALID]
    rows = []
    for system, candidates in CANDIDATES.items():
        base = {"seed": 0, **(BASE if system == OURS else OTHER)}
        runs = [make_run(system, base | change, n, len(fitted)) for n, change in candidates]
        rows += measure(system, runs, fitted, valid, other, kept)
    return pd.DataFrame(rows)


def compare(other, kept, n_seeds):
    """Train every system at every length; the two compared with each seed, the others once."""
    train, test = choose_basins()
    rows = []
    for system, setting in TUNED.items():
        runs = [
            make_run(system, {"seed": seed, **setting}, n_days, len(train))
            for seed in range(n_seeds if system in (OURS, MANY) else 1)
            for n_days in LENGTHS
        ]
        rows += measure(system, runs, train, test, other, kept, check=system == MANY)
    return pd.DataFrame(rows)


def main():
    """Parse the command line, measure, write the CSV files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", help="python of an environment with neuralhydrology")
    parser.add_argument("--tune", action="store_true", help="try settings, at one length")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kept", type=Path, help="file of rows, to go on after an interruption")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        torch.set_num_threads(1)
        train_ours(json.loads(options.measure.read_text()))
        return
    if not options.other:
        parser.error("--other is missing: the python of an environment with neuralhydrology")
    ask = "from importlib.metadata import version as v; print(v('neuralhydrology'), v('torch'))"
    told = subprocess.run([options.other, "-c", ask], capture_output=True, text=True, check=True)
    notes = [
        "the other environment: neuralhydrology {}, torch {}".format(*told.stdout.split()),
        f"{N_TRAIN} training basins {PERIOD}, {N_TEST} basins of one random fold held out, scored "
        f"{TEST_PERIOD}; CAMELS-US with Daymet, {len(FORCINGS)} forcings, 26 attributes; LSTM of "
        f"{D_HIDDEN} units, dropout {DROPOUT}, forget bias 3",
        *TOLD,
    ]
    facts = {"packages": ["torch", "skorch", "numpy"], "machine": "1 thread"}
    facts["command"] = "benchmarks/time_to_skill.py --other ENV/bin/python"
    if options.tune:
        facts["command"] += " --tune"
        notes.append(f"{N_VALID} of the training basins are scored, the others are trained on")
        tables = {"_tuning": ("settings tried, at one length", tune(options.other, options.kept))}
    else:
        facts["command"] += f" --seeds {options.seeds}"
        runs = compare(options.other, options.kept, options.seeds)
        tables = {"": ("every training", runs), "_summary": ("the comparison", summarise(runs))}
        notes.append(
            "level: a median NSE; n: seeds that reach it, or were run (value: median over them). A "
            "seed that does not reach it counts with its longest training: its seconds are too few"
        )
    if options.kept:
        facts["command"] += " --kept FILE"
        notes.append("the rows were measured in several calls, and kept in between")
    for name, (what, table) in tables.items():
        path = options.output / f"time_to_skill{name}.csv"
        facts["seed"] = "0" if options.tune else f"0 to {options.seeds - 1}"
        write_results(path, table.round(4), f"Time to skill: {what}", notes=notes, **facts)


if __name__ == "__main__":
    main()
