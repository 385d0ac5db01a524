"""What pretraining is worth at basins and in regions that were never measured.

    python benchmarks/value_of_pretraining.py pur --seeds 0 1 2
    python benchmarks/value_of_pretraining.py pub --seeds 0

Every row gets the same basins, years, epochs and width, and the same noise on what identifies a
basin. What differs is the encoder:

    lstm               no encoder: linear layer, LSTM, linear layer
    lstm_matched       no encoder, but the head of resconn: raw inputs before and after the LSTM
    resconn            features of an encoder pretrained inside the fold, raw inputs rejoin
    noresconn          features, forcing by the gated adapter, no raw inputs around the LSTM
    ablation_frozen    resconn on an encoder that was never trained (frozen at random)
    ablation_scratch   resconn whose encoder is trained with the head, from random weights
    probe              one linear layer on the pretrained features
    probe_random       one linear layer on the features of the encoder that was never trained

Finished folds are kept in --out; a call that was stopped goes on. Settings were chosen by
benchmarks/choose_defaults.py inside training regions.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from _results import RESULTS

from stefaland_sk import LSTMRegressor, StefaLandStreamflow
from stefaland_sk.benchmark import PROTOCOLS, format_tables, run
from stefaland_sk.benchmark._pretrained import CachedTransformer
from stefaland_sk.datasets import load_camels_us

FORCINGS = ["prcp", "srad", "tmax", "tmin", "vp"]
ROWS = (
    *("lstm", "lstm_matched", "resconn", "noresconn", "ablation_frozen", "probe"),
    *("probe_random", "ablation_scratch"),
)
HEAD = {
    "max_epochs": 8,
    "d_hidden": 64,
    "attribute_noise": 0.5,
    "early_stopping": False,
    "precision": "bf16",
}
FEATURES = {"feature_noise": 0.5}
ENCODER = {"max_epochs": 5, "precision": "bf16"}


def make_models(names, folder):
    """Make the rows, by name."""

    def stefaland(**params):
        encoder = CachedTransformer(str(folder), **ENCODER)
        return StefaLandStreamflow(encoder, **{**HEAD, **FEATURES, **params})

    linear = {"head": "linear", "adapter": "none", "residual": False, "raw_inputs": "none"}
    models = {
        "lstm": LSTMRegressor(**HEAD),
        "lstm_matched": stefaland(encoder_init="none"),
        "resconn": stefaland(),
        "noresconn": stefaland(residual=False),
        "ablation_frozen": stefaland(encoder_init="random"),
        "ablation_scratch": stefaland(encoder_init="random", trainable="all", encoder_lr=1.0),
        "probe": stefaland(**linear),
        "probe_random": stefaland(**linear, encoder_init="random"),
    }
    return {name: models[name] for name in names}


def main():
    """Parse the command line, run the folds, write the CSV files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("split", choices=["pur", "pub"])
    parser.add_argument("--data", default="../shared/data/camels_us", help="folder with CAMELS-US")
    parser.add_argument("--models", nargs="+", default=list(ROWS), choices=ROWS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "value")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the CSV files")
    options = parser.parse_args()
    torch.set_num_threads(1)
    protocol = PROTOCOLS[f"camels-us-{options.split}"]
    protocol = replace(protocol, name=f"{protocol.name}-value")
    X, y = load_camels_us(options.data, forcings=FORCINGS, period=protocol.period)
    seeds = " ".join(map(str, options.seeds))
    results = run(
        protocol,
        X,
        y,
        make_models(options.models, options.out / "encoders"),
        out=options.out / options.split,
        seeds=options.seeds,
        n_jobs=options.jobs,
        threads=1,
        verbose=1,
        command=f"python benchmarks/value_of_pretraining.py {options.split} --seeds {seeds}",
    )
    name = f"value_of_pretraining_{options.split}"
    for table, suffix, digits in ((results.scores, "", "%.4g"), (results.runs, "_runs", "%.3f")):
        table.to_csv(
            options.results / f"{name}{suffix}.csv",
            index=False,
            float_format=digits,
            lineterminator="\n",
        )
    print(format_tables(results.scores))


if __name__ == "__main__":
    main()
