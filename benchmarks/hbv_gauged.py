"""HBV driven by an LSTM at basins with a record, beside the published runs of such a model.

    python benchmarks/hbv_gauged.py [--epochs 50] [--members 16] [--hidden 64] [--seeds 1]
        [--every 1] [--data ../shared/data/camels_us]

The years 1999-10 to 2008-09 train, 1989-10 to 1999-09 test, after a year of warm-up: those of the
published run of differentiable HBV 1.1p whose scores of each basin lie with the data. All basins
of the usual 531 that the data hold take part in training and in the test, or each k-th with
``--every k``; the published models were trained on all 531. One thread; the CPU time of the
training is told. Several seeds are averaged to one simulation.

What the model says of snow and evaporation in the test years, on which it was never trained, goes
into a second table, one row per basin, beside what is known of the basin from elsewhere.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import RESULTS, write_results

from stefaland_sk import HBVStreamflow
from stefaland_sk.datasets import load_camels_us
from stefaland_sk.metrics import site_scores

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "camels_us"
PERIOD = ("1988-10-01", "2008-09-30")
FIT_PERIOD, TEST_PERIOD = ("1999-10-01", "2008-09-30"), ("1989-10-01", "1999-09-30")
# Published models of gauged basins -> their rows here. SAC-SMA and the LSTM were trained
# and tested on other years and forcing.
PUBLISHED = {
    "dHBV1.1p": "dHBV 1.1p, published",
    "global_lstm_static": "LSTM, published",
    "benchmark_sacsma_ensemble": "SAC-SMA, published",
}
PROTOCOL, NAME, SEED = "camels-us-gauged", "lstm_hbv", 0


def load(folder, every):
    """Give basins of the usual list, or each k-th of them, with weather that HBV reads."""
    X, y = load_camels_us(
        folder,
        forcings=["prcp", "srad", "tmax", "tmin", "vp"],
        period=PERIOD,
        signatures=["baseflow_index"],  # to compare with; the model does not see it
    )
    usual = X.sites["in_531"].to_numpy(dtype=bool)
    X, y = X[usual], y[usual]
    return X[::every], y.iloc[::every]


def run(X, y, options):
    """Train and test; give the scores of each basin, and CPU seconds."""
    model = HBVStreamflow(
        parameterization="lstm",
        n_members=options.members,
        static_pool=options.static_pool,
        d_hidden=options.hidden,
        dropout=options.dropout,
        window=options.window,
        warmup=options.window // 2,
        batch_size=options.batch,
        lr=options.lr,
        max_epochs=options.epochs,
        n_seeds=options.seeds,
        early_stopping=False,  # all basins train: it is their other years that are tested
        fit_period=FIT_PERIOD,
        precision=options.precision,
        random_state=SEED,
        verbose=1,
    )
    began = time.process_time()
    model.fit(X, y)
    seconds = time.process_time() - began
    early = X.sel_time(PERIOD[0], TEST_PERIOD[1])
    observed = y.loc[:, early.time]
    scores = site_scores(
        observed,
        early.label(model.predict(early)),
        ("nse", "kge"),
        warmup=365,
        period=TEST_PERIOD,
        min_obs=365,
    )
    return scores, water_balance(model.simulate(early), early, observed), seconds


def water_balance(series, X, observed):
    """Tell of each basin where its water went, and what is known of that without the model."""
    tested = series.sel(time=slice(*TEST_PERIOD))
    prcp = X.sel_time(*TEST_PERIOD).variable("prcp")
    flow = observed.loc[:, slice(*map(pd.Timestamp, TEST_PERIOD))].to_numpy()
    known = np.isfinite(flow)  # the observed ratio is that of the days with an observation
    ratio = np.where(known, flow, 0.0).sum(1) / np.where(known, prcp, 0.0).sum(1)
    table = pd.DataFrame(
        {
            "et_over_p": tested["et"].to_numpy().sum(1) / prcp.sum(1),
            "rest_over_p": np.where(known.mean(1) > 0.9, 1 - ratio, np.nan),
            "aridity": X.attributes["aridity"].to_numpy(),
            "snowfall_over_p": tested["snowfall"].to_numpy().sum(1) / prcp.sum(1),
            "frac_snow": X.attributes["frac_snow"].to_numpy(),
            "bfi": tested["baseflow"].to_numpy().sum(1) / tested["runoff"].to_numpy().sum(1),
            "baseflow_index": X.sites["baseflow_index"].to_numpy(),
        },
        index=pd.Index(X.site_ids, name="site"),
    )
    months = tested["swe"].groupby("time.month").mean().transpose("site", "month")
    names = [f"swe_{month:02d}" for month in range(1, 13)]
    return table.join(pd.DataFrame(months.to_numpy(), table.index, names)).round(4).reset_index()


def tidy(scores, published):
    """Put all scores into one table, one row per model, site and metric."""
    ours = scores[["nse", "kge"]].rename_axis("site").reset_index()
    ours = ours.melt("site", var_name="metric").assign(model=NAME, seed=SEED)
    theirs = published[
        published["model"].isin(PUBLISHED) & published["gauge_id"].isin(scores.index)
    ]
    theirs = theirs.rename(columns={"gauge_id": "site", "NSE": "nse", "KGE": "kge"})
    theirs = theirs.assign(model=theirs["model"].map(PUBLISHED), seed="")
    theirs = theirs.melt(["site", "model", "seed"], ["nse", "kge"], "metric").dropna()
    table = pd.concat([ours, theirs]).assign(protocol=PROTOCOL, fold="")
    return table[["protocol", "model", "seed", "fold", "site", "metric", "value"]].round(
        {"value": 4}
    )


def describe(table, seconds):
    """Say in a few lines what the table holds."""
    nse = table[table["metric"] == "nse"].pivot(index="site", columns="model", values="value")
    yield f"training: {seconds:.0f} s of CPU time for {len(nse)} basins"
    for model, column in nse.items():
        better = f"; ours better at {(nse[NAME] > column).mean():.0%}" if model != NAME else ""
        yield f"median NSE, {model}: {column.median():.3f}{better}"


def main():
    """Parse the command line, train, score, write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--window", type=int, default=365)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--static-pool", default="mean")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS / "hbv_gauged.csv")
    parser.add_argument("--water", type=Path, default=RESULTS / "snow_and_evaporation.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    X, y = load(options.data, options.every)
    scores, water, seconds = run(X, y, options)
    path = options.data / "benchmarks" / "published_per_basin_metrics.csv"
    table = tidy(scores, pd.read_csv(path, dtype={"gauge_id": str}))
    notes = list(describe(table, seconds))
    given = {k: v for k, v in vars(options).items() if v != parser.get_default(k)}
    given = {k: v for k, v in given.items() if k not in ("data", "output", "water")}
    made_by = {
        "command": " ".join(
            [
                "benchmarks/hbv_gauged.py",
                *(f"--{k.replace('_', '-')} {v}" for k, v in given.items()),
            ]
        ),
        "packages": ["torch", "numba"],
        "seed": SEED,
        "machine": "1 thread",
    }
    what = (
        "gauged CAMELS-US basins in other years than those of the training, by an LSTM and HBV 1.1p"
    )
    write_results(options.output, table, f"Streamflow of {what}", notes=notes, **made_by)
    write_results(
        options.water,
        water,
        f"Snow and evaporation of {what}",
        notes=[
            "et_over_p, snowfall_over_p, bfi: simulated; rest_over_p: 1 - observed runoff / "
            "precipitation; aridity, frac_snow, baseflow_index: CAMELS; swe_01 to swe_12: mean "
            "simulated snow water equivalent of each month [mm]"
        ],
        **made_by,
    )
    print("\n".join(notes))


if __name__ == "__main__":
    main()
