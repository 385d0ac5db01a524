"""Finetuning: the cost of a training step, and what given features save.

    python benchmarks/finetuning.py [--rounds 3] [--parts head encoder]

head
    A step of `FinetuneHead(residual=True)` on given features against one of
    `RecurrentRegressor`, the LSTM comparator, of the same width: in float32, and with the
    adapter's products in bfloat16 (under autocast).
encoder
    A step on given features against one that first encodes the same windows by a frozen
    `MaskedAutoencoder`, of the default and of the reference size; heads as wide as the encoder.

A step is forward, backward and AdamW on 64 windows of 365 days with 5 forcings and 26 attributes.
Every case is a fresh process with one thread, which tells the peak of its memory above that after
its imports, for each of the variants; then a process in which the variants take turns step by step
gives the ratios. Times are those of the CPU, which other work disturbs less than the clock.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import torch
from _results import ONE_THREAD, RESULTS, peak_mib, write_results

from stefaland_sk.modules import (
    BackboneConfig,
    FinetuneHead,
    MaskedAutoencoder,
    RecurrentRegressor,
    nse_loss,
)

SEED, BATCH, WINDOW, N_FORCINGS, N_ATTRIBUTES = 0, 64, 365, 5, 26
ENCODERS = {
    "default": {"d_model": 64, "n_layers": 2, "d_feedforward": 128, "d_embedding": 32},
    "reference": {"d_model": 256, "n_layers": 4, "d_feedforward": 512, "d_embedding": 64},
}
# Per case: width of the head, the variants, and what they are compared with.
CASES = {
    "head": {
        f"d_hidden {d}": (d, None, ["residual head", "residual head, bfloat16"], "LSTM")
        for d in (64, 128, 256)
    },
    "encoder": {
        f"{name} encoder": (sizes["d_model"], sizes, ["encoded in each step"], "given features")
        for name, sizes in ENCODERS.items()
    },
}


def make_step(variant, d, sizes):
    """Make a function that takes one training step."""
    torch.manual_seed(SEED)
    forcing, attributes = torch.randn(BATCH, WINDOW, N_FORCINGS), torch.randn(BATCH, N_ATTRIBUTES)
    target, spread = torch.randn(BATCH, WINDOW), torch.ones(BATCH)
    features, encoder = None, None
    if variant == "LSTM":
        model = RecurrentRegressor(N_FORCINGS, N_ATTRIBUTES, d_hidden=d)
    else:
        model = FinetuneHead(d, N_FORCINGS, N_ATTRIBUTES, d_hidden=d)
    if variant == "encoded in each step":
        config = BackboneConfig(N_FORCINGS, N_ATTRIBUTES, **sizes)
        encoder = MaskedAutoencoder(config).eval().requires_grad_(False)
    elif variant != "LSTM":
        features = torch.randn(BATCH, WINDOW, d)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    in_bfloat16 = variant.endswith("bfloat16")

    def step():
        given = features
        if encoder is not None:
            with torch.no_grad():
                given, _ = encoder.encode(forcing, attributes)
        inputs = (forcing, attributes) if variant == "LSTM" else (given, forcing, attributes)
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16):
            predicted = model(*inputs)
        nse_loss(predicted.float(), target, spread).backward()
        optimiser.step()

    return step


def measure(part, case, variant, n_steps):
    """Run in a fresh process: memory of one variant, or seconds of all by turns; print them."""
    torch.set_num_threads(1)
    d, sizes, variants, base = CASES[part][case]
    if variant:
        start = peak_mib()
        step = make_step(variant, d, sizes)
        for _ in range(2):
            step()
        print(json.dumps({"peak": peak_mib() - start}))
        return
    steps = {name: make_step(name, d, sizes) for name in [base, *variants]}
    seconds = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(n_steps):
        for name, step in steps.items():
            began = time.process_time()
            step()
            seconds[name].append(time.process_time() - began)
    print(json.dumps(seconds))


def run(*arguments):
    """Run this file in a fresh process with one thread; give what it prints."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", json.dumps(arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **ONE_THREAD},
    )
    if done.returncode:
        raise SystemExit(f"{arguments} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def collect(parts, rounds, n_steps):
    """Measure all cases by turns; give one row per step or process and value."""
    rows = []
    for i in range(rounds):
        for part in parts:
            for case, (_, _, variants, base) in CASES[part].items():
                seconds = run(part, case, None, n_steps)
                for name in [base, *variants]:
                    row = {"part": part, "case": case, "variant": name}
                    values = [("seconds a step", value) for value in seconds[name]]
                    if name != base:
                        pairs = zip(seconds[name], seconds[base], strict=True)
                        values += [(f"ratio to {base}", a / b) for a, b in pairs]
                    if i == 0:
                        values.append(("peak [MiB]", run(part, case, name, n_steps)["peak"]))
                    rows += [{**row, "measure": what, "value": value} for what, value in values]
                print(f"round {i + 1}: {case}", flush=True)
    return pd.DataFrame(rows)


def summarise(table):
    """Give medians, and the lowest and highest value."""
    keys = ["part", "case", "variant", "measure"]
    found = table.groupby(keys, sort=False)["value"].agg(["median", "min", "max"]).round(3)
    names = {"median": "value", "min": "lowest", "max": "highest"}
    return found.reset_index().rename(columns=names)


def main():
    """Parse the command line, measure, write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5, help="steps of each variant per round")
    parser.add_argument("--parts", nargs="+", default=list(CASES))
    parser.add_argument("--output", type=Path, default=RESULTS / "finetuning.csv")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(*json.loads(options.measure))
        return
    write_results(
        options.output,
        summarise(collect(options.parts, options.rounds, options.steps)),
        f"Training steps on {BATCH} windows of {WINDOW} days, {N_FORCINGS} forcings, "
        f"{N_ATTRIBUTES} attributes; medians of steps, ratios of steps taken in turn",
        command=f"benchmarks/finetuning.py --rounds {options.rounds} --steps {options.steps} "
        f"--parts {' '.join(options.parts)}",
        packages=["torch"],
        seed=SEED,
        machine="1 thread",
        notes=["peak: resident memory above that of the process after its imports, one process"],
    )


if __name__ == "__main__":
    main()
