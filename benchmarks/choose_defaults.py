"""Settings for places that were never measured, compared inside training regions.

    python benchmarks/choose_defaults.py [SETTING ...] [--seeds 0] [--pairs 0 4 7 9 3]

Regions of CAMELS-US, or with ``--split pub`` the groups of the published random folds, are left out
in pairs. A model trained without both is judged at each of them:
what is learned at one serves a test in which the other is held out, so that no setting is ever
chosen at the region where it is reported. Finished runs are kept in --out, encoders too; --output
collects the median NSE and KGE of each region, and the CPU-seconds of the head's training.
"""

import argparse
import tempfile
import time
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import RESULTS, write_results

from stefaland_sk import DataWarning, LSTMRegressor, StefaLandStreamflow, StefaLandTransformer
from stefaland_sk.datasets import load_camels_us
from stefaland_sk.metrics import site_scores
from stefaland_sk.model_selection import load_camels_splits

PAIRS = {
    "pur": tuple(combinations(("1", "2", "4", "5", "7"), 2)),
    "pub": tuple((str(i), str(i + 1)) for i in range(1, 10, 2)),
}
PERIOD = ("1988-10-01", "2008-09-30")
FIT_PERIOD = ("1999-10-01", "2008-09-30")
SCORE_PERIOD = ("1989-10-01", "1999-09-30")
# What all settings have, written out so that a changed default does not change the comparison.
COMMON = {
    "fit_period": FIT_PERIOD,
    "precision": "bf16",
    "window": 180,
    "warmup": 90,
    "batch_size": 32,
    "lr": 1e-2,
    "max_epochs": 4,
    "attribute_noise": 0.5,
    "dropout": 0.4,
    "early_stopping": False,
}
LONG = {"window": 365, "warmup": 180}
STOPPING = {"early_stopping": True, "max_epochs": 20}
RANDOM, NO_RESIDUAL = {"encoder_init": "random"}, {"residual": False}
SLOW = {"lr": 5e-3, "dropout": 0.1}  # for heads on features
NOISY = {**SLOW, "feature_noise": 1.0}
SURE = {"max_epochs": 6, "attribute_noise": 0.2}  # more updates, less noise: among neighbours
# Name -> what is unlike the common settings; "lstm" rows have no encoder.
SETTINGS = {
    "lstm": {},
    "lstm, windows of a year": {**LONG, "batch_size": 64, "lr": 3e-3, "max_epochs": 6},
    "lstm, windows of a year, small batches": {**LONG, "lr": 5e-3, "max_epochs": 3},
    "lstm, lr .005": {"lr": 5e-3},
    "lstm, lr .003, 3 epochs": {"lr": 3e-3, "max_epochs": 3},
    "lstm, noise .2, 8 epochs": {"attribute_noise": 0.2, "max_epochs": 8},
    "lstm, noise .2, 12 epochs": {"attribute_noise": 0.2, "max_epochs": 12},
    "lstm, noise .2, 8 epochs, 128 units, lr .005": {
        **{"attribute_noise": 0.2, "max_epochs": 8, "d_hidden": 128, "lr": 5e-3}
    },
    "lstm, 2 epochs": {"max_epochs": 2},
    "lstm, 8 epochs": {"max_epochs": 8},
    "lstm, noise .2": {"attribute_noise": 0.2},
    "lstm, noise 1": {"attribute_noise": 1.0},
    "lstm, noise 1, 2 epochs": {"attribute_noise": 1.0, "max_epochs": 2},
    "lstm, noise 1, 6 epochs": {"attribute_noise": 1.0, "max_epochs": 6},
    "lstm, attribute dropout .3": {"attribute_dropout": 0.3},
    "lstm, early stopping on sites": STOPPING,
    "lstm, early stopping on regions": {
        **STOPPING,
        "validation_split": "regions",
        "patience": 3,
    },
    "lstm, divided by precipitation, 2 epochs": {"target_scale": "prcp", "max_epochs": 2},
    "lstm, square root": {"target_transform": "sqrt"},
    "lstm, errors relative to the root of the spread": {"loss": "sqrt_nse"},
    "lstm, 96 units, 2 epochs": {"d_hidden": 96, "max_epochs": 2},
    "lstm, 3 seeds": {"n_seeds": 3},
    "lstm, noise 1, 3 seeds": {"attribute_noise": 1.0, "n_seeds": 3},
    "resconn": {},
    "resconn, random encoder": RANDOM,
    "resconn, feature noise 1, lr .005, dropout .1": NOISY,
    "resconn, feature noise 1, lr .005, dropout .1, random encoder": {**NOISY, **RANDOM},
    "resconn_cnn, feature noise 1, lr .005, dropout .1": {**NOISY, "residual": "cnn"},
    "resconn, lr .005, dropout .1, noise .2, 6 epochs": {**SLOW, **SURE},
    "resconn, feature noise 1, lr .005, dropout .1, noise .2, 6 epochs": {**NOISY, **SURE},
    "resconn, feature noise 2, lr .005, dropout .1, noise .2, 6 epochs": {
        **{**NOISY, **SURE, "feature_noise": 2.0}
    },
    "resconn, feature noise 1, lr .005, dropout .1, noise .2, 6 epochs, random encoder": {
        **{**NOISY, **SURE, **RANDOM}
    },
    "resconn, no raw attributes": {"raw_inputs": "forcing"},
    "noresconn": NO_RESIDUAL,
    "noresconn, random encoder": {**NO_RESIDUAL, **RANDOM},
    "noresconn, feature noise .5": {**NO_RESIDUAL, "feature_noise": 0.5},
    "resconn, longer pretraining": {},
    "noresconn, longer pretraining": NO_RESIDUAL,
    "resconn, three quarters hidden": {},
    "noresconn, three quarters hidden": NO_RESIDUAL,
    "resconn, patches of 8": {},
    "noresconn, patches of 8": NO_RESIDUAL,
    "resconn, no patches": {},
    "resconn, no patches, random encoder": RANDOM,
    "resconn, no patches, noise 1": {"attribute_noise": 1.0},
    "resconn, no patches, feature noise .5": {"feature_noise": 0.5},
    "resconn, no patches, no raw attributes": {"raw_inputs": "forcing"},
    "noresconn, no patches": NO_RESIDUAL,
}
# The pretraining, and what is unlike it where the name says so; all that goes without patches
# and for 5 epochs costs about twice as much as the first.
PRETRAINING = {"patch": 4, "max_epochs": 10, "precision": "bf16"}
PRETRAININGS = {
    "longer pretraining": {"max_epochs": 25},
    "three quarters hidden": {"forcing_ratio": 0.75, "attribute_ratio": 0.75},
    "patches of 8": {"patch": 8, "max_epochs": 15},
    "no patches": {"patch": 1, "max_epochs": 5},
}


def groups(panel, split):
    """Give the region, or the random group, of each site."""
    if split == "pur":
        return panel.sites["region"].astype(str).to_numpy()
    group = load_camels_splits()["pub_group_10"]
    return group.reindex(panel.site_ids).astype("Int64").astype(str).to_numpy()


def pretrained(X, outside, pair, seed, name, folder):
    """Give the file of an encoder that has seen neither region; made once."""
    kind = next((kind for kind in PRETRAININGS if kind in name), "usual")
    file = f"{kind}_without_{'_'.join(pair)}_seed_{seed}.safetensors".replace(" ", "_")
    path = folder / file
    if not path.exists():
        changes = PRETRAINING | PRETRAININGS.get(kind, {})
        model = StefaLandTransformer(random_state=seed, **changes)
        model.fit(X[outside].sel_time(*FIT_PERIOD)).save(path)
    return str(path)


def judge(name, pair, seed, X, y, group, folder):
    """Train one setting without a pair of regions; give the scores at both."""
    changes = {**COMMON, **SETTINGS[name], "random_state": seed}
    outside = ~np.isin(group, pair)
    if name.startswith("lstm"):
        model = LSTMRegressor(**changes)
    else:
        changes = {"feature_noise": 0.0, **changes}
        model = StefaLandStreamflow(pretrained(X, outside, pair, seed, name, folder), **changes)
    began = time.process_time()
    model.fit(X[outside], y[outside])
    cpu_seconds = round(time.process_time() - began, 1)
    X = X.sel_time(PERIOD[0], SCORE_PERIOD[1])
    y = y.loc[:, X.time]
    rows = []
    for region in pair:
        there = group == region
        scores = site_scores(
            y[there],
            X[there].label(model.predict(X[there])),
            ("nse", "kge"),
            warmup=365,
            period=SCORE_PERIOD,
            min_obs=365,
        )
        medians = scores[["nse", "kge"]].median().round(4)
        rows.append({"setting": name, "left_out": "+".join(pair), "seed": seed, "region": region})
        rows[-1] |= {**medians.to_dict(), "cpu_seconds": cpu_seconds}
    return rows


def main():
    """Parse the command line, run what is not there yet, write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="*", default=list(SETTINGS), metavar="SETTING")
    parser.add_argument("--data", default="../shared/data/camels_us", help="folder with CAMELS-US")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--split", choices=list(PAIRS), default="pur")
    parser.add_argument("--pairs", nargs="+", type=int, help="numbers of pairs, from 0; else all")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "defaults")
    parser.add_argument(
        "--output", type=Path, help="default: docs/results/choose_defaults_SPLIT.csv"
    )
    options = parser.parse_args()
    unknown = sorted(set(options.settings) - set(SETTINGS))
    if unknown:
        parser.error(f"no such settings: {unknown}; there are {list(SETTINGS)}")
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=DataWarning)
    forcings = ["prcp", "srad", "tmax", "tmin", "vp"]
    X, y = load_camels_us(options.data, forcings=forcings, period=PERIOD)
    usual = X.sites["in_531"].to_numpy(dtype=bool)
    X, y = X[usual], y[usual]
    folder = options.out / options.split
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "runs.csv"
    pairs, group = PAIRS[options.split], groups(X, options.split)
    pairs = pairs if options.pairs is None else [pairs[i] for i in options.pairs]
    for name in options.settings:
        for seed in options.seeds:
            for pair in pairs:
                table = pd.read_csv(done, dtype={"region": str}) if done.exists() else None
                key = {"setting": name, "left_out": "+".join(pair), "seed": seed}
                if table is not None and (table[list(key)] == pd.Series(key)).all(axis=1).any():
                    continue
                rows = pd.DataFrame(judge(name, pair, seed, X, y, group, folder))
                rows.to_csv(done, mode="a", header=table is None, index=False)
                print(rows.to_string(index=False, header=False), flush=True)
    table = pd.read_csv(done, dtype={"region": str})
    table["order"] = table["setting"].map(list(SETTINGS).index)
    table = table.sort_values(["order", "seed", "left_out", "region"]).drop(columns="order")
    write_results(
        options.output or RESULTS / f"choose_defaults_{options.split}.csv",
        table,
        "Median NSE and KGE of regions that a model has not seen, by setting",
        command=f"benchmarks/choose_defaults.py --split {options.split}",
        packages=["torch", "scikit-learn"],
        seed=options.seeds[0],
        machine="1 thread",
        notes=[
            "64 units; encoders pretrained without both regions; not all settings have all pairs"
        ],
    )
    print(beside(table).round(3).to_string())


def beside(table, baseline="lstm"):
    """Give the mean scores of each setting, and by how much it beats one where both were run."""
    key = ["left_out", "seed", "region"]
    base = table[table["setting"] == baseline].set_index(key)["nse"]
    ahead = table.set_index(key)["nse"] - base.reindex(pd.MultiIndex.from_frame(table[key]))
    table = table.assign(ahead=ahead.to_numpy())
    columns = {"n": ("nse", "size"), "nse": ("nse", "mean"), "kge": ("kge", "mean")}
    means = {"ahead": ("ahead", "mean"), "cpu_seconds": ("cpu_seconds", "mean")}
    return table.groupby("setting", sort=False).agg(**columns, **means)


if __name__ == "__main__":
    main()
