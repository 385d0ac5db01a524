"""An encoder of CAMELS-US in Great Britain: what it finds there, and what its features are worth.

    python benchmarks/transfer_to_camels_gb.py [--data ../shared/data] [--epochs 1]

The encoder is pretrained on basins of CAMELS-US. CAMELS-GB has fewer forcing variables, and its
attributes are those of HydroATLAS, under other names and in other units: a map says where the
encoder finds its own. Mean runoff of the British basins is then predicted by a random forest, ten
folds of basins held out, from features of the encoder, from the attributes that the encoder finds
(as they are), from mean and spread of the weather, and from both of the latter.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import RESULTS, write_results
from sklearn.ensemble import RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from stefaland_sk import DataWarning, Panel, StefaLandTransformer
from stefaland_sk.data import get_variable_set
from stefaland_sk.datasets import load_camels_us
from stefaland_sk.model_selection import SiteKFold

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
PERIOD = ("1995-10-01", "2005-09-30")


def pretrain(data, path, epochs):
    """Pretrain on CAMELS-US and keep the encoder."""
    X, _ = load_camels_us(
        data / "camels_us", forcings=["prcp", "tmean", "srad", "vp"], period=PERIOD
    )
    X = X[X.sites["in_531"].to_numpy()]
    model = StefaLandTransformer(
        patch=1, max_epochs=epochs, batch_size=32, random_state=0, verbose=1
    )
    model.fit(X).save(path, licence="CC BY 4.0", citation="doi:10.5194/hess-21-5293-2017")


def read_camels_gb(data):
    """Give the British basins with runoff in the period, and their mean runoff [mm/d]."""
    folder = data / "camels_gb"
    file, table = folder / "camels_gb.nc", folder / "attributes_caravan_hydroatlas.parquet"
    X = Panel.from_netcdf(file, site_dim="basin", forcings=["prcp", "tmean"], attributes=table)
    # The table has no units; those of Caravan and HydroATLAS are known.
    X = X.assign(units=get_variable_set("caravan").units).sel_time(*PERIOD)
    flow = Panel.from_netcdf(file, site_dim="basin", forcings=["q_obs"], attributes=[])
    flow = flow.sel_time(*PERIOD)
    runoff = flow.label(flow.variable("q_obs")).mean(axis=1)
    return X[runoff.notna().to_numpy()], runoff.dropna()


def per_year(share):
    """Days per year of a share of the days."""
    return 365.25 * share


def gradient(slope):
    """Slope [m/km] from tenths of a degree."""
    return 1000 * np.tan(np.deg2rad(slope / 10))


VARIABLE_MAP = {
    "elev_mean": "ele_mt_sav",
    "slope_mean": (gradient, ["slp_dg_sav"]),
    "area_gages2": "area",
    "frac_forest": "for_pc_sse",
    "sand_frac": "snd_pc_sav",
    "silt_frac": "slt_pc_sav",
    "clay_frac": "cly_pc_sav",
    "carbonate_rocks_frac": "kar_pc_sse",
    "high_prec_freq": (per_year, ["high_prec_freq"]),
    "low_prec_freq": (per_year, ["low_prec_freq"]),
}


def make_features(path, pool, cache):
    """Give the encoder as a step of pipelines, which would train a copy if it were not frozen."""
    return FrozenEstimator(
        StefaLandTransformer.load(path, pool=pool, variable_map=VARIABLE_MAP, cache=cache)
    )


def compare(X, runoff, path, cache):
    """Give R2 of each kind of inputs: its mean and its range over the folds."""
    forest = RandomForestRegressor(200, random_state=0)
    scores, n_inputs = {}, {}

    def judge(name, inputs, model, n):
        cv = SiteKFold(10, random_state=0)
        scores[name] = cross_val_score(model, inputs, runoff, cv=cv, scoring="r2")
        n_inputs[name] = n

    for pool in ("mean", "static"):
        features = make_features(path, pool, cache)
        d_model = features.estimator.encoder_.d_model
        judge(f"features, pool={pool!r}", X, make_pipeline(features, forest), d_model)
    X = X.load()
    attributes = features.estimator.mapped_encoder().rename(X).attributes
    weather = pd.DataFrame(
        np.concatenate([np.nanmean(X.forcing, axis=1), np.nanstd(X.forcing, axis=1)], axis=1),
        index=X.site_ids,
        columns=[f"{name}_{part}" for part in ("mean", "std") for name in X.forcing_names],
    )
    for name, table in (
        ("attributes", attributes),
        ("weather", weather),
        ("attributes and weather", attributes.join(weather)),
    ):
        judge(name, table, forest, table.shape[1])
    table = pd.DataFrame(scores).agg(["mean", "min", "max"]).T.round(2)
    table.insert(0, "n_inputs", pd.Series(n_inputs))
    return table.rename_axis("inputs").reset_index()


def main():
    """Parse the command line, pretrain, transfer, write both CSV files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    # What is missing stands in the table of coverage; folds need not repeat it.
    warnings.filterwarnings("ignore", "X lacks", DataWarning)
    told = {
        "command": f"benchmarks/transfer_to_camels_gb.py --epochs {options.epochs}",
        "packages": ["torch", "scikit-learn"],
        "seed": 0,
        "machine": f"{torch.get_num_threads()} thread",
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "camels_us.safetensors"
        pretrain(options.data, path, options.epochs)
        X, runoff = read_camels_gb(options.data)
        encoder = StefaLandTransformer.load(path, variable_map=VARIABLE_MAP).mapped_encoder()
        write_results(
            options.output / "camels_gb_coverage.csv",
            encoder.coverage(X),
            "Variables of an encoder pretrained on CAMELS-US, and where CAMELS-GB has them",
            **told,
        )
        write_results(
            options.output / "camels_gb_runoff.csv",
            compare(X, runoff, path, Path(folder) / "cache"),
            "R2 of mean runoff by a random forest; mean, lowest and highest of ten folds of basins",
            **told,
        )


if __name__ == "__main__":
    main()
