"""What pretraining is worth at basins and in regions that were never measured.

    python benchmarks/value_of_pretraining.py pur --seeds 0 1 2
    python benchmarks/value_of_pretraining.py pub --only 1 2 3 4

Every row gets the same basins, years, epochs and width, and the same noise on what identifies a
basin. What differs is the encoder:

    linear             ridge regression on lagged forcing and attributes
    random_forest      forest on the same
    lstm               no encoder: linear layer, LSTM, linear layer
    lstm_matched       no encoder, but the head of resconn: raw inputs before and after the LSTM
    resconn            features of an encoder pretrained inside the fold, raw inputs rejoin
    noresconn          features, forcing by the gated adapter, no attributes, no raw inputs later
    noresconn_random   noresconn on an encoder that was never trained (frozen at random)
    ablation_frozen    resconn on an encoder that was never trained (frozen at random)
    ablation_scratch   resconn whose encoder is trained with the head, from random weights
    probe              one linear layer on the pretrained features
    probe_random       one linear layer on the features of the encoder that was never trained
    lstm_hbv, resconn_hbv, noresconn_hbv, ablation_hbv
                       the same networks, but they give HBV 1.1p its parameters

Settings are the estimators' defaults but for those below. Finished folds are kept in --out; a call
that was stopped goes on.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from _results import RESULTS

from stefaland_sk import HBVStreamflow, LSTMRegressor, StefaLandStreamflow
from stefaland_sk.benchmark import PROTOCOLS, format_tables, run
from stefaland_sk.benchmark import make_models as make_rows
from stefaland_sk.benchmark._models import COMPARATORS
from stefaland_sk.benchmark._pretrained import CachedTransformer
from stefaland_sk.datasets import load_camels_us
from stefaland_sk.estimators import paper_row
from stefaland_sk.model_selection import LeaveRegionOut, camels_pur, load_camels_splits

FORCINGS = ["prcp", "srad", "tmax", "tmin", "vp"]
ROWS = (
    *COMPARATORS,
    *("lstm", "resconn", "ablation_frozen", "lstm_matched", "noresconn", "noresconn_random"),
    *("probe", "probe_random", "ablation_scratch"),
    *("lstm_hbv", "resconn_hbv", "noresconn_hbv", "ablation_hbv"),
)
# The estimators' defaults but for these, which were chosen inside training folds. Regions unlike
# those of the training ask for fewer updates and more noise than gauged neighbours.
HEAD = {
    "pur": {"max_epochs": 4, "attribute_noise": 0.5},
    "pub": {"max_epochs": 6, "attribute_noise": 0.2},
}
COMMON = {"early_stopping": False}
ENCODER = {"patch": 4, "max_epochs": 10}


def make_models(names, folder, split, precision, target_scale=None):
    """Make the rows, by name."""
    trained = {**COMMON, "precision": precision}
    common = {**HEAD[split], **trained, "target_scale": target_scale}

    # Encoders are shared by the rows of a fold and seed, and so are their features.
    encoder = CachedTransformer(
        str(folder), cache=str(folder / "features"), precision=precision, **ENCODER
    )

    def stefaland(**params):
        return StefaLandStreamflow(encoder, **{**common, **params})

    def make(name):
        if name in COMPARATORS:
            return make_rows([name])[name]
        if name == "lstm":
            return LSTMRegressor(**common)
        if name.endswith("_hbv"):
            # With windows and epochs of its own, those of `HBVStreamflow`, and the same noise.
            noise = HEAD[split]["attribute_noise"]
            return HBVStreamflow(encoder, **paper_row(name), attribute_noise=noise, **trained)
        row, untrained, _ = name.partition("_random")
        return stefaland(**paper_row(row), **({"encoder_init": "random"} if untrained else {}))

    return {name: make(name) for name in names}


def make_split(options):
    """Give the published split, all of it or a part."""
    if options.split == "pur":
        return camels_pur(only=options.only)
    return LeaveRegionOut(load_camels_splits()["pub_group_10"].to_dict(), only=options.only)


def join(path, table, digits):
    """Write a table, beside the rows of other models and seeds that its file holds."""
    if path.exists():
        before = pd.read_csv(path, dtype={"fold": str, "site": str})
        new = pd.MultiIndex.from_frame(table[["model", "seed"]])
        others = ~pd.MultiIndex.from_frame(before[["model", "seed"]]).isin(new)
        table = pd.concat([before[others], table], ignore_index=True)
    order = table["model"].str.partition(",")[0].map(ROWS.index)
    table = table.iloc[order.argsort(kind="stable")]
    table.to_csv(path, index=False, float_format=digits, lineterminator="\n")


def main():
    """Parse the command line, run the folds, write the CSV files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("split", choices=["pur", "pub"])
    parser.add_argument("--data", default="../shared/data/camels_us", help="folder with CAMELS-US")
    parser.add_argument("--models", nargs="+", default=list(ROWS), choices=ROWS)
    parser.add_argument(
        "--precision", default="bf16", help="float32 where the processor has no bf16"
    )
    parser.add_argument("--target-scale", help="forcing by whose mean runoff is divided")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--only", nargs="+", type=int, help="regions or groups held out; else all")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "value")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the CSV files")
    options = parser.parse_args()
    torch.set_num_threads(1)
    protocol = PROTOCOLS[f"camels-us-{options.split}"]
    scale = f"-per-{options.target_scale}" if options.target_scale else ""
    protocol = replace(protocol, name=f"{protocol.name}{scale}", cv=make_split(options))
    X, y = load_camels_us(options.data, forcings=FORCINGS, period=protocol.period)
    command = f"python benchmarks/value_of_pretraining.py {options.split}"
    for flag in ("models", "seeds", "only", "target_scale", "precision"):
        value = getattr(options, flag)
        if value is not None and value != parser.get_default(flag):
            words = " ".join(map(str, value)) if isinstance(value, list) else value
            command += f" --{flag.replace('_', '-')} {words}"
    folder = options.out / "encoders"
    models = make_models(
        options.models, folder, options.split, options.precision, options.target_scale
    )
    results = run(
        protocol,
        X,
        y,
        models,
        out=options.out / options.split,
        seeds=options.seeds,
        n_jobs=options.jobs,
        threads=1,
        verbose=1,
        command=command,
        keep_predictions=True,
    )
    name = f"camels_us_{options.split}{scale.replace('-', '_')}"
    for table, suffix, digits in ((results.scores, "", "%.4g"), (results.runs, "_runs", "%.3f")):
        join(options.results / f"{name}{suffix}.csv", table, digits)
    print(format_tables(results.scores))


if __name__ == "__main__":
    main()
