"""Pretraining: samples per second, memory, and how both grow.

    python benchmarks/pretraining.py [--rounds 3] [--parts speed memory scaling]

speed
    `StefaLandTransformer.fit` against the original's algorithm written plainly (class `Plain`
    below): the same sites, windows, batch size, sizes of the network, optimiser and clipping.
    Plain is one small network per variable in a loop, masks drawn by numpy sample by sample, a
    token table indexed by the row of the batch, torch's own encoder layers with dropout 0.1 (of
    the attention weights too, as in the original). Ours runs as the library trains: once with the
    same dropout elsewhere, once with its defaults, in float32 and in bfloat16.
memory
    Peak of the process above that after its imports, for both, in the same runs; and for corpora
    on disk that are larger than their bound, above a fit of four sites.
scaling
    Samples per second of the defaults with more sites, more variables, longer windows and patches.

Every measurement is a fresh process with one thread; the variants take turns. Rates are samples per
second of CPU time, which other work on the machine disturbs less than the clock. A fit without any
epoch is measured beside each, and taken off: what is compared is training.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import ONE_THREAD, RESULTS, peak_mib, write_results
from torch import nn

from stefaland_sk import Panel, StefaLandTransformer

SEED, WINDOW, BATCH, N_FORCINGS, N_ATTRIBUTES = 0, 365, 32, 5, 26
N_SITES, N_YEARS = 64, 10  # 640 windows, 20 batches: one epoch of ours
SIZES = {
    "default": {},
    "reference": {"d_model": 256, "n_layers": 4, "d_feedforward": 512, "d_embedding": 64},
}
OURS = {
    "float32, dropout 0.1": {"dropout": 0.1, "precision": "float32"},
    "float32": {"precision": "float32"},
    "bfloat16": {"precision": "bf16"},
}
SCALING = {  # sites, forcings, attributes, window, patch
    "base": (64, 5, 26, 365, 1),
    "4 x the sites": (256, 5, 26, 365, 1),
    "4 x the forcings": (64, 20, 26, 365, 1),
    "8 x the attributes": (64, 5, 208, 365, 1),
    "2 x the window": (64, 5, 26, 730, 1),
    "4 x the window": (64, 5, 26, 1460, 1),
    "patches of 8 days": (64, 5, 26, 365, 8),
    "4 x the window, patches of 8 days": (64, 5, 26, 1460, 8),
}
STREAM_GIB = 0.05  # the bound
STREAMS = {  # size of the corpus on disk in bounds, and `memory` [GiB]
    "as large as the bound": (1, STREAM_GIB),
    "4 x the bound": (4, STREAM_GIB),
    "8 x the bound": (8, STREAM_GIB),
    "8 x the bound, held in memory": (8, 2.0),
}


# ---------------------------------------------------------------------- the plain algorithm
class Plain(nn.Module):
    """The masked autoencoder with one small network per variable, as one writes it first."""

    def __init__(self, n_forcings, n_attributes, d_model, n_layers, d_feedforward, d_embedding):
        super().__init__()

        def embedding():
            return nn.Sequential(
                nn.Linear(1, d_embedding),
                nn.GELU(),
                nn.Dropout(0.1),
                nn.Linear(d_embedding, d_model),
            )

        def head():
            return nn.Sequential(
                nn.Linear(d_model, d_embedding),
                nn.GELU(),
                nn.Dropout(0.1),
                nn.Linear(d_embedding, 1),
            )

        self.embed_forcing = nn.ModuleList(embedding() for _ in range(n_forcings))
        self.embed_attribute = nn.ModuleList(embedding() for _ in range(n_attributes))
        self.forcing_token = nn.Parameter(torch.empty(n_forcings, d_model).uniform_(-0.02, 0.02))
        self.attribute_value = nn.Parameter(torch.empty(1000, n_attributes).uniform_(-0.02, 0.02))
        self.position = nn.Parameter(torch.empty(1000, d_model).uniform_(-0.02, 0.02))
        layer = nn.TransformerEncoderLayer(d_model, 4, d_feedforward, 0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, n_layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d_model)
        self.between = nn.Linear(d_model, d_model)
        self.decoder = nn.LSTM(d_model, d_model, batch_first=True)
        self.decoder_norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(0.1)
        self.forcing_heads = nn.ModuleList(head() for _ in range(n_forcings))
        self.attribute_heads = nn.ModuleList(head() for _ in range(n_attributes))

    def forward(self, forcing, attributes, forcing_hidden, attributes_hidden):
        days = 0
        for v, embed in enumerate(self.embed_forcing):
            one = embed(forcing[:, :, v : v + 1])
            days = days + torch.where(forcing_hidden[:, :, v : v + 1], self.forcing_token[v], one)
        substitute = self.attribute_value[: len(attributes)]
        attributes = torch.where(attributes_hidden, substitute, attributes)
        site = 0
        for v, embed in enumerate(self.embed_attribute):
            site = site + embed(attributes[:, v : v + 1])
        tokens = torch.cat([days, site.unsqueeze(1)], dim=1)
        tokens = self.dropout(tokens + self.position[: tokens.shape[1]])
        tokens = self.norm(self.encoder(tokens * tokens.shape[2] ** 0.5))
        decoded, _ = self.decoder(self.between(self.dropout(tokens)))
        decoded = self.dropout(self.decoder_norm(decoded))
        forcing = torch.cat([head(decoded[:, :-1]) for head in self.forcing_heads], dim=2)
        attributes = torch.cat([head(decoded[:, -1]) for head in self.attribute_heads], dim=1)
        return forcing, attributes


def plain_spans(n_times, n_variables, rng, ratio=0.5, shortest=30, longest=90):
    """Hide spans of each variable of one sample, until their lengths fill the ratio."""
    hidden = np.zeros((n_times, n_variables), dtype=bool)
    wanted = int(n_times * ratio)
    for v in range(n_variables):
        count = 0
        while count < wanted:
            length = rng.integers(shortest, min(longest, n_times - count) + 1)
            start = rng.integers(0, n_times - length + 1)
            hidden[start : start + length, v] = True
            count += length
            if count > wanted:
                hidden[start + length - (count - wanted) : start + length, v] = False
    return hidden


def fit_plain(panel, sizes, n_epochs):
    """Train `Plain`: index, masks of all samples, batches by numpy, one optimiser step each."""
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    forcing, attributes = panel.forcing, panel.attributes.to_numpy(dtype=np.float32)
    forcing = (forcing - forcing.mean((0, 1))) / (forcing.std((0, 1)) + 1e-5)
    attributes = (attributes - attributes.mean(0)) / (attributes.std(0, ddof=1) + 1e-5)
    defaults = {"d_model": 64, "n_layers": 2, "d_feedforward": 128, "d_embedding": 32}
    model = Plain(N_FORCINGS, N_ATTRIBUTES, **{**defaults, **sizes})
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    starts = np.arange(0, panel.n_times - WINDOW + 1)
    index = np.array([(site, start) for site in range(panel.n_sites) for start in starts])
    index = index[rng.permutation(len(index))[: N_SITES * N_YEARS]]
    batches = np.array_split(index, len(index) // BATCH)
    n_units = N_ATTRIBUTES
    masks = []
    for batch in batches if n_epochs else []:
        days = np.stack([plain_spans(WINDOW, N_FORCINGS, rng) for _ in batch])
        site = np.zeros((len(batch), n_units), dtype=bool)
        for row in site:
            row[rng.choice(n_units, n_units // 2, replace=False)] = True
        masks.append((days, site))
    model.train()
    for _ in range(n_epochs):
        for batch, (days, site) in zip(batches, masks, strict=True):
            x = torch.from_numpy(np.stack([forcing[s, t : t + WINDOW] for s, t in batch]))
            c = torch.from_numpy(np.stack([attributes[s] for s, _ in batch]))
            x_hidden, c_hidden = torch.from_numpy(days), torch.from_numpy(site)
            x_hat, c_hat = model(x, c, x_hidden, c_hidden)
            loss = 0
            for v in range(N_FORCINGS):
                loss = loss + ((x_hat - x)[:, :, v][x_hidden[:, :, v]] ** 2).mean() / N_FORCINGS
            loss = loss + 0.5 * ((c_hat - c)[c_hidden] ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()


# ---------------------------------------------------------------------- measuring
def make_panel(n_sites=N_SITES, n_years=N_YEARS, n_forcings=N_FORCINGS, n_attributes=N_ATTRIBUTES):
    """Make a panel of noise: only its size matters."""
    rng = np.random.default_rng(SEED)
    n_times = n_years * 365
    return Panel(
        pd.DataFrame(
            rng.normal(size=(n_sites, n_attributes)),
            index=[f"{i:08d}" for i in range(n_sites)],
            columns=[f"attribute{i}" for i in range(n_attributes)],
        ),
        rng.normal(size=(n_sites, n_times, n_forcings)).astype(np.float32),
        time=pd.date_range("1980-01-01", periods=n_times),
        forcing_names=[f"forcing{i}" for i in range(n_forcings)],
    )


def transformer(n_epochs, **parameters):
    """Make a transformer with the batch size and the device of all measurements."""
    fixed = {"batch_size": BATCH, "max_epochs": n_epochs, "device": "cpu", "random_state": SEED}
    fixed["patch"] = 1  # day by day, as the algorithm that is compared
    return StefaLandTransformer(**{**fixed, **parameters})


def measure(case):
    """Run in a fresh process: fit without and with one epoch; print rate and memory."""
    torch.set_num_threads(1)
    kind, name, extra = case["kind"], case["name"], {}
    n_samples = N_SITES * N_YEARS
    if kind == "stream":
        print(json.dumps(measure_stream(*STREAMS[name])))
        return
    if kind == "scaling":
        n_sites, n_forcings, n_attributes, window, patch = SCALING[name]
        X = make_panel(n_sites, N_YEARS, n_forcings, n_attributes)
        n_samples = n_sites * -(-N_YEARS * 365 // window)
        extra = {"window": window, "patch": patch, "batch_size": min(BATCH, n_samples // 20)}
    else:
        X = make_panel()

    def run(n_epochs):
        began = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kind == "speed" and name == "plain":
                fit_plain(X, SIZES[case["size"]], n_epochs)
            else:
                sizes, variant = SIZES[case.get("size", "default")], OURS.get(name, {})
                transformer(n_epochs, **sizes, **variant, **extra).fit(X)
        return time.process_time() - began

    start = peak_mib()
    run(0)
    idle = run(0)
    seconds = run(1) - idle
    values = {"samples/s": n_samples / seconds, "days/s": n_samples * WINDOW / seconds}
    if kind == "scaling":
        values["days/s"] = n_samples * window / seconds
    print(json.dumps({**values, "peak": peak_mib() - start}))


def measure_stream(times_bound, memory):
    """Fit from a store on disk; give the memory that this takes above a fit of hardly anything."""
    small = {"d_model": 16, "n_layers": 1, "d_feedforward": 16, "d_embedding": 4, "patch": 73}
    n_sites = int(times_bound * STREAM_GIB * 2**30 / (4 * 365 * N_YEARS * N_FORCINGS))
    with tempfile.TemporaryDirectory() as folder:
        paths = {n: str(Path(folder) / f"{n}.zarr") for n in (4, n_sites)}
        script = f"from {Path(__file__).stem} import make_panel\n"
        script += "\n".join(f"make_panel({n}).to_zarr({path!r})" for n, path in paths.items())
        here = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent}:{os.getcwd()}"}
        subprocess.run([sys.executable, "-c", script], check=True, env=here)
        transformer(1, **small).fit(Panel.from_zarr(paths[4]))
        start = peak_mib()
        transformer(1, memory=memory, **small).fit(Panel.from_zarr(paths[n_sites]))
        return {"peak": peak_mib() - start, "corpus": times_bound * STREAM_GIB * 1024}


def cases_of(parts):
    """List what is measured in one round."""
    cases = []
    if "speed" in parts:
        names = ["plain", *OURS]
        cases += [{"kind": "speed", "size": s, "name": n} for s in SIZES for n in names]
    if "memory" in parts:
        cases += [{"kind": "stream", "name": name} for name in STREAMS]
    if "scaling" in parts:
        cases += [{"kind": "scaling", "name": name} for name in SCALING]
    return cases


def collect(parts, rounds):
    """Run all processes, the cases by turns; give one row per process and value."""
    rows = []
    for i in range(rounds):
        for case in cases_of(parts):
            done = subprocess.run(
                [sys.executable, __file__, "--measure", json.dumps(case)],
                capture_output=True,
                text=True,
                env={**os.environ, **ONE_THREAD},
            )
            if done.returncode:
                raise SystemExit(f"{case} failed:\n{done.stderr}")
            values = json.loads(done.stdout.splitlines()[-1])
            print(case, {k: round(v, 1) for k, v in values.items()}, flush=True)
            rows += [{"round": i, **case, "measure": k, "value": v} for k, v in values.items()]
    return pd.DataFrame(rows)


def summarise(table):
    """Give medians over rounds, and ratios to plain of the same round."""
    table = table.assign(size=table.get("size", pd.Series(dtype=str))).fillna({"size": ""})
    keys = ["kind", "size", "name", "measure"]
    rate = table[(table["kind"] == "speed") & (table["measure"] != "days/s")]
    plain = rate[rate["name"] == "plain"].set_index(["round", "size", "measure"])["value"]
    ratios = rate[rate["name"] != "plain"].copy()
    if len(ratios):
        own = pd.MultiIndex.from_frame(ratios[["round", "size", "measure"]])
        ratios["value"] = ratios["value"].to_numpy() / plain.loc[own].to_numpy()
        ratios["measure"] += ", ratio to plain"
    found = pd.concat([table, ratios]).groupby(keys, sort=False)["value"]
    result = found.agg(["median", "min", "max"]).round(3).reset_index()
    return result.rename(
        columns={"kind": "part", "median": "value", "min": "lowest", "max": "highest"}
    )


def main():
    """Parse the command line, measure, write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", nargs="+", default=["speed", "memory", "scaling"])
    parser.add_argument("--output", type=Path, default=RESULTS / "pretraining.csv")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(json.loads(options.measure))
        return
    results = summarise(collect(options.parts, options.rounds))
    write_results(
        options.output,
        results,
        f"Pretraining on {N_SITES} sites x {N_YEARS} years, {N_FORCINGS} forcings, {N_ATTRIBUTES} "
        f"attributes, windows of {WINDOW} days in batches of {BATCH}; medians of rounds",
        command=f"benchmarks/pretraining.py --rounds {options.rounds} "
        f"--parts {' '.join(options.parts)}",
        packages=["torch"],
        seed=SEED,
        machine="1 thread",
        notes=[
            "samples/s, days/s: windows, and days in them, per second of CPU time of training; "
            "peak: resident memory [MiB] above that of the process after its imports (stream: "
            "after a fit of four sites); corpus: size on disk, uncompressed [MiB]; the bound is "
            f"{STREAM_GIB * 1024:.0f} MiB"
        ],
    )


if __name__ == "__main__":
    main()
