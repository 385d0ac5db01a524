"""Settings for places that were never measured, compared inside training regions.

    python benchmarks/choose_defaults.py [SETTING ...] [--seeds 0]

Regions of CAMELS-US are left out in pairs. A model trained without both is judged at each of them:
what is learned at one serves a test in which the other is held out, so that no setting is ever
chosen at the region where it is reported. Every setting has five epochs. Finished runs are kept in
--out, encoders too; --output collects the median NSE and KGE of each region.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import pandas as pd
import torch
from _results import RESULTS, write_results

from stefaland_sk import DataWarning, LSTMRegressor, StefaLandStreamflow, StefaLandTransformer
from stefaland_sk.datasets import load_camels_us
from stefaland_sk.metrics import site_scores

PAIRS = (("1", "4"), ("2", "7"), ("5", "1"))
PERIOD = ("1988-10-01", "2008-09-30")
FIT_PERIOD = ("1999-10-01", "2008-09-30")
SCORE_PERIOD = ("1989-10-01", "1999-09-30")
COMMON = {
    "fit_period": FIT_PERIOD,
    "precision": "bf16",
    "max_epochs": 5,
    "attribute_noise": 0.5,
    "early_stopping": False,
}
# Name -> what is unlike the common settings; "lstm" rows have no encoder.
SETTINGS = {
    "lstm": {},
    "lstm, windows of half a year": {"window": 180, "warmup": 90, "batch_size": 32, "lr": 1e-2},
    "lstm, no noise": {"attribute_noise": 0.0},
    "lstm, noise .2": {"attribute_noise": 0.2},
    "lstm, noise 1": {"attribute_noise": 1.0},
    "lstm, attribute dropout .3": {"attribute_dropout": 0.3},
    "lstm, early stopping on sites": {"early_stopping": True},
    "lstm, early stopping on regions": {"early_stopping": True, "validation_split": "regions"},
    "lstm, divided by precipitation": {"target_scale": "prcp"},
    "lstm, square root": {"target_transform": "sqrt"},
    "lstm, 3 seeds": {"n_seeds": 3},
    "resconn": {},
    "resconn, no noise": {"attribute_noise": 0.0},
    "resconn, noise 1": {"attribute_noise": 1.0},
    "resconn, feature noise .5": {"feature_noise": 0.5},
    "resconn, feature noise .2": {"feature_noise": 0.2},
    "resconn, no raw attributes": {"raw_inputs": "forcing"},
    "resconn, bottleneck": {"adapter": "bottleneck"},
    "resconn, dropout .2": {"dropout": 0.2},
    "resconn, random encoder": {"encoder_init": "random"},
    "resconn, square root": {"target_transform": "sqrt"},
    "resconn, 3 seeds": {"n_seeds": 3},
    "no encoder, same head": {"encoder_init": "none"},
    "noresconn": {"residual": False},
    "noresconn, random encoder": {"residual": False, "encoder_init": "random"},
}


def outside(panel, pair):
    """Tell which sites lie in none of the regions."""
    return ~panel.sites["region"].astype(str).isin(pair).to_numpy()


def pretrained(X, pair, seed, folder):
    """Give the file of an encoder that has seen neither region; made once."""
    path = folder / f"without_{'_'.join(pair)}_seed_{seed}.safetensors"
    if not path.exists():
        model = StefaLandTransformer(max_epochs=5, precision="bf16", random_state=seed)
        model.fit(X[outside(X, pair)].sel_time(*FIT_PERIOD)).save(path)
    return str(path)


def judge(name, pair, seed, X, y, folder):
    """Train one setting without a pair of regions; give the scores at both."""
    changes = {**COMMON, **SETTINGS[name], "random_state": seed}
    if name.startswith("lstm"):
        model = LSTMRegressor(**changes)
    else:
        model = StefaLandStreamflow(pretrained(X, pair, seed, folder), **changes)
    train = outside(X, pair)
    model.fit(X[train], y[train])
    X = X.sel_time(PERIOD[0], SCORE_PERIOD[1])
    y = y.loc[:, X.time]
    rows = []
    for region in pair:
        there = (X.sites["region"].astype(str) == region).to_numpy()
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
        rows[-1] |= medians.to_dict()
    return rows


def main():
    """Parse the command line, run what is not there yet, write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="*", default=list(SETTINGS), metavar="SETTING")
    parser.add_argument("--data", default="../shared/data/camels_us", help="folder with CAMELS-US")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "defaults")
    parser.add_argument("--output", type=Path, default=RESULTS / "choose_defaults.csv")
    options = parser.parse_args()
    unknown = sorted(set(options.settings) - set(SETTINGS))
    if unknown:
        parser.error(f"no such settings: {unknown}; there are {list(SETTINGS)}")
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=DataWarning)
    options.out.mkdir(parents=True, exist_ok=True)
    forcings = ["prcp", "srad", "tmax", "tmin", "vp"]
    X, y = load_camels_us(options.data, forcings=forcings, period=PERIOD)
    usual = X.sites["in_531"].to_numpy(dtype=bool)
    X, y = X[usual], y[usual]
    done = options.out / "runs.csv"
    for name in options.settings:
        for seed in options.seeds:
            for pair in PAIRS:
                table = pd.read_csv(done, dtype={"region": str}) if done.exists() else None
                key = {"setting": name, "left_out": "+".join(pair), "seed": seed}
                if table is not None and (table[list(key)] == pd.Series(key)).all(axis=1).any():
                    continue
                rows = pd.DataFrame(judge(name, pair, seed, X, y, options.out))
                rows.to_csv(done, mode="a", header=table is None, index=False)
                print(rows.to_string(index=False, header=False), flush=True)
    table = pd.read_csv(done, dtype={"region": str})
    order = {name: place for place, name in enumerate(SETTINGS)}
    table = table.sort_values(["setting", "seed", "left_out"], key=lambda c: c.map(order).fillna(c))
    write_results(
        options.output,
        table,
        "Median NSE and KGE of regions that a model has not seen, by setting",
        command="benchmarks/choose_defaults.py",
        packages=["torch", "scikit-learn"],
        seed=options.seeds[0],
        machine="1 thread",
        notes=["five epochs, 64 units; encoders pretrained for five without both regions"],
    )
    print(table.groupby("setting", sort=False)[["nse", "kge"]].mean().round(3).to_string())


if __name__ == "__main__":
    main()
