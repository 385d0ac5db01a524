"""HBV: seconds and memory of the compiled kernel, and how both grow.

    python benchmarks/hbv.py [--rounds 3] [--parts speed memory scaling hybrid start]
        [--reference PYTHON] [--long-rounds 1]

speed, memory
    `simulate_hbv` with three dynamic parameters against the package hydrodl2, which is run by the
    interpreter given as `--reference` in an environment of its own (its licence is for
    non-commercial use). Each is given what it takes: hydrodl2 raw numbers of all
    parameters on all days, ours parameters in their units, static ones once. "from raw" adds our
    way from raw numbers. Flow of both for the same parameters is compared.
scaling
    Ours, with more days, sites and members.
hybrid
    A training step of an LSTM of 64 and of 256 units, and of the same LSTM driving HBV, by turns.
start
    The first call ever, which compiles, and the first call of a later process.

Every measurement is a fresh process with one thread; the variants take turns. Seconds are of CPU
time, which other work on the machine disturbs less than the clock.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _hydrodl2 import make_inputs
from _results import ONE_THREAD, RESULTS, peak_mib, write_results

from stefaland_sk.modules import PhysicsHead, RecurrentRegressor
from stefaland_sk.physics import HBV_1_1P, simulate_hbv

SEED = 0
PARTS = ["speed", "memory", "scaling", "hybrid", "start"]
BASE = {"days": 730, "sites": 64, "members": 16}
NAMES = ("beta", "fc", "k0", "k1", "k2", "lp", "perc", "uzl")
NAMES += ("tt", "cfmax", "cfr", "cwh", "betaet", "c")  # their order in the reference
SCALING = {
    "base": {},
    "2 x the days": {"days": 1460},
    "8 x the days": {"days": 5840},
    "4 x the sites": {"sites": 256},
    "8 x the sites": {"sites": 512},
    "1 member": {"members": 1},
    "4 x the members": {"members": 64},
}


def parameters_of(raw, spec):
    """Split the reference's raw numbers into ours: static of the last day, and daily."""
    n = spec.n_members
    parts = dict(zip(NAMES, raw[..., : len(NAMES) * n].split(n, dim=-1), strict=True))
    static = [parts[name][-1] for name in spec.static]
    static = torch.cat([*static, raw[-1, :, len(NAMES) * n :]], dim=-1)
    return static, torch.cat([parts[name] for name in spec.dynamic], dim=-1)


def measure(case):
    """Run ours in this process; print seconds and memory."""
    torch.set_num_threads(1)
    spec = replace(HBV_1_1P, n_members=case["members"])
    forcing, raw = make_inputs(case["days"], case["sites"], case["members"])
    static, dynamic = (part.clone() for part in parameters_of(raw, spec))
    del raw
    weather = [part.contiguous() for part in forcing.unbind(2)]
    gradient, from_raw = case["gradient"], case["name"] == "from raw"
    leaves = {"static": static, "dynamic": dynamic}
    if not from_raw:
        leaves = {k: v.contiguous() for k, v in spec.from_raw(static, dynamic).items()}
        del static, dynamic
    leaves = {name: leaf.requires_grad_(gradient) for name, leaf in leaves.items()}

    def run(weather=weather, leaves=leaves):
        with torch.set_grad_enabled(gradient):
            values = spec.from_raw(**leaves) if from_raw else leaves
            flow = simulate_hbv(*weather, values, spec=spec, backend="fused").runoff
            if gradient:
                flow.sum().backward()
        for leaf in leaves.values():
            leaf.grad = None
        return flow.detach()

    if case["part"] == "memory":  # a small call first: the compiler is no part of it
        one = {name: leaf[:, :1] if leaf.ndim > 2 else leaf[:1] for name, leaf in leaves.items()}
        one = {name: leaf.detach().requires_grad_() for name, leaf in one.items()}
        run([part[:, :1] for part in weather], one)
        start = peak_mib()
        run()
        print(json.dumps({"peak": peak_mib() - start}))
        return
    if case["part"] == "hybrid":
        print(json.dumps(measure_hybrid(weather, spec, int(case["name"].split()[-2]))))
        return
    began = time.process_time()
    flow = run()
    if case["part"] == "start":
        print(json.dumps({"seconds": time.process_time() - began}))
        return
    if case.get("flow"):
        other = torch.load(case["flow"])
        print(json.dumps({"difference": float((flow - other).abs().max())}))
        return
    seconds = []
    for _ in range(case.get("calls", 7)):
        began = time.process_time()
        run()
        seconds.append(time.process_time() - began)
    print(json.dumps({"seconds": float(np.median(seconds))}))


def measure_hybrid(weather, spec, units):
    """Time training steps of an LSTM, alone and driving the model, by turns."""
    forcing = torch.stack([part.T for part in weather], dim=2)
    attributes = torch.zeros(len(forcing), 26)
    networks = {name: RecurrentRegressor(3, 26, d_hidden=units) for name in ("LSTM", "LSTM-HBV")}
    head = PhysicsHead(spec, units)
    seconds = {name: [] for name in networks}
    for i in range(1 + 2048 // units):
        for name, network in networks.items():
            began = time.process_time()
            hidden, _ = network.hidden_states(forcing / 10, attributes)
            output = network.output(hidden) if name == "LSTM" else head(hidden, forcing)
            output.square().mean().backward()
            if i:  # the first brings the compiler
                seconds[name].append(time.process_time() - began)
    ratios = np.array(seconds["LSTM-HBV"]) / np.array(seconds["LSTM"])
    medians = {f"seconds, {name}": float(np.median(values)) for name, values in seconds.items()}
    return {**medians, "LSTM-HBV / LSTM": float(np.median(ratios))}


def cases_of(parts, has_reference, long):
    """List what is measured in one round; `long` adds the long runs of the reference."""
    cases = []
    for part in ("speed", "memory"):
        if part not in parts:
            continue
        for days in (730, 1460) if long and part == "speed" else (730,):
            for gradient in (True, False) if part == "speed" and days == 730 else (True,):
                case = {**BASE, "part": part, "days": days, "gradient": gradient}
                names = ["hydrodl2"] * has_reference + ["ours", "from raw"]
                cases += [{**case, "name": name} for name in names]
    if "scaling" in parts:
        for name, change in SCALING.items():
            for gradient in (True, False):
                case = {**BASE, **change, "part": "scaling", "gradient": gradient, "calls": 5}
                cases.append({**case, "name": name})
    if "hybrid" in parts:
        for units in (64, 256):
            name = f"training step, {units} units"
            cases.append({**BASE, "part": "hybrid", "gradient": True, "name": name})
    if "start" in parts:
        for name in ("first call, compiling", "first call of a later process"):
            cases.append({**BASE, "part": "start", "days": 32, "gradient": True, "name": name})
    return cases


def collect(parts, rounds, long_rounds, reference):
    """Run all processes, the cases by turns; give one row per process and value."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        flow = str(Path(folder) / "flow.pt")
        for i in range(rounds):
            for case in cases_of(parts, reference is not None, i < long_rounds):
                is_reference = case["name"] == "hydrodl2"
                if is_reference:
                    case["save"] = flow if case["days"] == BASE["days"] else None
                run = [reference, str(Path(__file__).parent / "_hydrodl2.py")]
                values = run_case(run if is_reference else None, case, folder)
                rows += [{"round": i, **case, "measure": k, "value": v} for k, v in values.items()]
            if reference is not None and "speed" in parts:
                case = {**BASE, "part": "speed", "gradient": False, "name": "ours", "flow": flow}
                values = run_case(None, case, folder)
                rows += [{"round": i, **case, "measure": k, "value": v} for k, v in values.items()]
    return pd.DataFrame(rows)


def run_case(run, case, folder):
    """Run one process and give what it measured."""
    run = run or [sys.executable, __file__, "--measure"]
    environment = {**os.environ, **ONE_THREAD}
    if case["part"] == "start":
        environment["NUMBA_CACHE_DIR"] = str(Path(folder) / "cache")
    done = subprocess.run([*run, json.dumps(case)], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{case} failed:\n{done.stderr}")
    values = json.loads(done.stdout.splitlines()[-1])
    print(case, {k: round(v, 4) for k, v in values.items()}, flush=True)
    return values


def summarise(table):
    """Give medians over rounds, and ratios of the reference to ours of the same round."""
    keys = ["part", "name", "days", "sites", "members", "gradient", "measure"]
    table = table[["round", *keys, "value"]]
    pair = ["round", "part", "days", "gradient", "measure"]
    theirs = table[table["name"] == "hydrodl2"].set_index(pair)["value"]
    ours = table[(table["name"] != "hydrodl2") & table["part"].isin(["speed", "memory"])]
    ours = ours[ours["measure"].isin(["seconds", "peak"])]
    index = pd.MultiIndex.from_frame(ours[pair])
    known = index.isin(theirs.index)
    ratios = ours[known].copy()
    ratios["value"] = theirs.loc[index[known]].to_numpy() / ratios["value"].to_numpy()
    ratios["measure"] = "hydrodl2 / this, " + ratios["measure"]
    found = pd.concat([table, ratios]).groupby(keys, sort=False)["value"]
    result = found.agg(["median", "min", "max"]).round(5).reset_index()
    return result.rename(columns={"median": "value", "min": "lowest", "max": "highest"})


def main():
    """Parse the command line, measure, write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long-rounds", type=int, default=1)
    parser.add_argument("--parts", nargs="+", default=PARTS)
    parser.add_argument("--reference", help="interpreter of an environment with hydrodl2")
    parser.add_argument("--output", type=Path, default=RESULTS / "hbv.csv")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(json.loads(options.measure))
        return
    table = collect(options.parts, options.rounds, options.long_rounds, options.reference)
    write_results(
        options.output,
        summarise(table),
        f"HBV 1.1p with 3 dynamic parameters in float32, {BASE['days']} days x {BASE['sites']} "
        f"sites x {BASE['members']} members unless said otherwise; medians of rounds",
        command=f"benchmarks/hbv.py --rounds {options.rounds} --long-rounds "
        f"{options.long_rounds} --parts {' '.join(options.parts)}"
        + " --reference PYTHON"
        * (options.reference is not None),
        packages=["torch", "numba"],
        seed=SEED,
        machine="1 thread",
        notes=[
            "seconds: CPU time of flow, and of its gradients in all parameters if `gradient`; "
            "start: with the import of the compiler, which the first call brings; "
            "peak: resident memory [MiB] above that of the process with its inputs; "
            "difference: largest between the flows of both [mm/d]; hydrodl2 1.4.0",
        ],
    )


if __name__ == "__main__":
    main()
