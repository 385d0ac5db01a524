"""The command line: arguments in, functions of the library called, text out."""

import argparse
import shlex
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import joblib
import pandas as pd

from stefaland_sk.datasets import load_camels_us, make_catchments
from stefaland_sk.datasets._corpus_file import read_site_list

from ._fingerprint import library_version
from ._format import format_tables
from ._messages import USER_MISTAKES, UsageError, one_line, show_warning
from ._models import BUDGETS, DEMO_MODELS, MODELS, make_models
from ._pretrain import add_pretrain
from ._protocols import PROTOCOLS, choose_protocol
from ._run import run
from ._tables import read_results

# What the demonstration is made of where no data are given: four regions, so that two cores
# have the same work, and some sites that only pretraining can use.
_SYNTHETIC = {"n_sites": 60, "n_years": 5, "n_regions": 4, "unlabelled": 0.1, "random_state": 0}
_MOST_JOBS = 4  # each holds its own fold in memory


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        Words after the program's name; None takes those of the process.

    Returns
    -------
    int
        0 if all went well, 1 if a check found errors in the data, 2 for a mistake in the
        call, 130 if the user stopped it.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = make_parser().parse_args(arguments)
    options.command_line = shlex.join(["python", "-m", "stefaland_sk", *arguments])
    warnings.showwarning = show_warning
    try:
        return options.function(options)
    except UsageError as error:
        print(f"stefaland_sk {options.command}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = f"; {options.kept.format(out=options.out)}" if "kept" in options else ""
        print(f"stopped{kept}", file=sys.stderr)
        return 130


def make_parser():
    """Describe the commands."""
    parser = argparse.ArgumentParser(
        prog="python -m stefaland_sk",
        description="StefaLand and its comparators at places that the models have not seen.",
    )
    parser.add_argument("--version", action="version", version=f"stefaland-sk {library_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands)
    add_pretrain(commands)
    check = commands.add_parser(
        "check",
        help="look for what usually goes wrong with data",
        description="Read CAMELS-US (as distributed, or compact) and report gaps, impossible "
        "values, wrong units and the like. Exits with 1 if it finds errors.",
    )
    check.add_argument("path", help="folder with the data")
    check.set_defaults(function=_check)
    table = commands.add_parser(
        "table",
        help="make the tables of a run from its results.csv",
        description="Print medians over sites, per fold and overall, from the scores per site.",
    )
    table.add_argument("csv", nargs="+", help="results.csv of one or more runs")
    table.add_argument("--markdown", action="store_true", help="write Markdown")
    table.add_argument("--baseline", default="lstm", help="model to beat (default: lstm)")
    table.set_defaults(function=_table)
    return parser


def _add_demo(commands):
    """Describe the demonstration."""
    demo = commands.add_parser(
        "demo",
        help="compare StefaLand, LSTM, random forest and linear regression",
        description="Hold out one region after the other, pretrain StefaLand on the others, "
        "finetune it, and compare it with an LSTM, a random forest and linear regression: "
        "median NSE, KGE and RMSE over the sites of each region. Without --data on "
        "synthetic catchments, in a few minutes. A run that was stopped goes on where it was "
        "when it is called again.",
    )
    demo.add_argument("--data", metavar="PATH", help="folder with CAMELS-US; default: synthetic")
    demo.add_argument(
        "--out", default="demo-out", metavar="DIR", help="results (default: demo-out)"
    )
    demo.add_argument(
        "--models", nargs="+", default=list(DEMO_MODELS), choices=MODELS, metavar="NAME",
        help=f"rows of the comparison, out of {', '.join(MODELS)} (default: "
        f"{', '.join(DEMO_MODELS)})",
    )  # fmt: skip
    demo.add_argument(
        "--sites", metavar="WHICH",
        help="with --data: '531' (the usual list), 'all', or a text file with one site per line "
        "(default: 531 for long records, all for short ones)",
    )  # fmt: skip
    demo.add_argument(
        "--seeds", nargs="+", type=int, default=[0], metavar="N", help="seeds (default: 0)"
    )
    demo.add_argument(
        "--jobs", type=int, metavar="N",
        help="folds at the same time, one thread each (default: one per core, at most "
        f"{_MOST_JOBS}); 1 uses all cores for one fold",
    )  # fmt: skip
    demo.add_argument(
        "--budget", default="quick", choices=BUDGETS,
        help="sizes and epochs of the models (default: quick)",
    )  # fmt: skip
    demo.add_argument(
        "--epochs", type=int, metavar="N", help="epochs of networks and of pretraining"
    )
    for name, what in (("fit", "trained on"), ("score", "scored, at the region held out")):
        demo.add_argument(
            f"--{name}-period", nargs=2, metavar=("FIRST", "LAST"),
            help=f"first and last day {what} (default: those of the protocol)",
        )  # fmt: skip
    again = demo.add_mutually_exclusive_group()
    again.add_argument(
        "--resume", action="store_true", default=True,
        help="take finished folds of an earlier call with the same settings (the default)",
    )  # fmt: skip
    again.add_argument(
        "--fresh", dest="resume", action="store_false", help="compute everything anew"
    )
    demo.set_defaults(function=_demo, kept="finished folds stay in {out}")


# ---------------------------------------------------------------------- commands
def _demo(options):
    """Compare the models, print and write the tables."""
    begin = time.perf_counter()
    protocol, X, y = _protocol_and_data(options)
    out = _out_folder(options.out)
    jobs = _choose_jobs(options.jobs)
    if options.epochs is not None and options.epochs < 1:
        raise UsageError(f"--epochs must be at least 1; got {options.epochs}.")
    cache = out / "encoders"
    if not options.resume:
        for file in cache.glob("*.safetensors"):
            file.unlink()
    models = make_models(options.models, budget=options.budget, epochs=options.epochs, cache=cache)
    print(f"data      {X!r}")
    print(f"protocol  {protocol.name}: {_in_words(protocol)}")
    print(f"models    {', '.join(models)}; budget {options.budget!r}")
    print(f"work      {jobs} job{'s' if jobs > 1 else ''}, results in {out}", flush=True)
    run(
        protocol,
        X,
        y,
        models,
        out=out,
        n_jobs=jobs,
        threads=1 if jobs > 1 else joblib.cpu_count(),
        resume=options.resume,
        verbose=1,
        command=options.command_line,
    )
    results = read_results(out / "results.csv")
    (out / "tables.md").write_text(format_tables(results, markdown=True), encoding="utf-8")
    print(f"\n{format_tables(results)}")
    print(f"scores of every site: {out / 'results.csv'}; seconds and sizes: {out / 'runs.csv'}")
    print(f"{time.perf_counter() - begin:.0f} seconds")
    return 0


def _check(options):
    """Report on data."""
    X, y = _load(options.path)
    report = X.check(y)
    print(report)
    return 0 if report.ok else 1


def _table(options):
    """Print tables of results."""
    for name in options.csv:
        if not Path(name).expanduser().is_file():
            raise UsageError(f"there is no file {name!r}.")
    try:
        results = read_results(list(options.csv))
        text = format_tables(results, baseline=options.baseline, markdown=options.markdown)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UsageError(f"{' '.join(options.csv)} cannot be read as CSV.") from error
    except USER_MISTAKES as error:
        raise UsageError(one_line(error)) from error
    print(text, end="")
    return 0


# ---------------------------------------------------------------------- parts of the demo
def _protocol_and_data(options):
    """Load or make the data, and choose the rules for them."""
    if options.data is None:
        if options.sites is not None:
            raise UsageError("--sites chooses sites of real data; give --data as well.")
        X, y = make_catchments(**_SYNTHETIC)
        protocol = PROTOCOLS["synthetic-pur"]
    else:
        listed = options.sites not in (None, "531", "all")
        X, y = _load(options.data, sites=_read_sites(options.sites) if listed else None)
        protocol = choose_protocol(X)
        if options.sites is not None:
            protocol = replace(protocol, sites="in_531" if options.sites == "531" else None)
    try:
        protocol = _adapt(protocol, options)
        X, y = protocol.take(X, y)
        protocol.folds(X, y)
    except (ValueError, TypeError) as error:
        raise UsageError(one_line(error)) from error
    return protocol, X, y


def _adapt(protocol, options):
    """Put the user's wishes into a protocol, and into its name, so that results do not mix."""
    words = [protocol.name, options.budget]
    if options.epochs is not None:
        words.append(f"{options.epochs}epochs")
    if options.sites is not None:
        words.append(options.sites if options.sites in ("531", "all") else "listed")
    changes = {"seeds": tuple(options.seeds)}
    for name in ("fit_period", "score_period"):
        period = getattr(options, name)
        if period is not None:
            changes[name] = tuple(period)
            words.append(f"{name.partition('_')[0]}{'to'.join(period)}")
    protocol = replace(protocol, name="-".join(words), **changes)
    if protocol.period is None or len(changes) == 1:
        return protocol
    # Other years than the protocol's own: read as much as they need, with the warm-up.
    days = [pd.Timestamp(day) for day in (*protocol.fit_period, *protocol.score_period)]
    period = (min(days) - pd.Timedelta(days=protocol.warmup), max(days))
    return replace(protocol, period=tuple(f"{day:%Y-%m-%d}" for day in period))


def _load(path, **choices):
    """Read real data; a mistake becomes one line."""
    if not Path(path).expanduser().is_dir():
        raise UsageError(f"there is no folder {path!r}.")
    try:
        return load_camels_us(path, **choices)
    except USER_MISTAKES as error:
        raise UsageError(one_line(error)) from error


def _read_sites(name):
    """Read a list of sites; a mistake becomes one line."""
    try:
        return read_site_list(name)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--sites must be '531', 'all' or a text file with one site per line: {one_line(error)}"
        ) from error


def _out_folder(name):
    """Make the folder of the results."""
    out = Path(name).expanduser()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {name!r} cannot be made a folder: {error.strerror}.") from error
    return out


def _choose_jobs(jobs):
    """Choose the number of folds at the same time."""
    if jobs is None:
        return 1 if _has_gpu() else min(joblib.cpu_count(), _MOST_JOBS)
    if jobs < 1:
        raise UsageError(f"--jobs must be at least 1; got {jobs}.")
    return jobs


def _has_gpu():
    """Tell whether networks will run on an accelerator, which folds would have to share."""
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _in_words(protocol):
    """Say what a protocol does."""
    fit = " to ".join(protocol.fit_period) if protocol.fit_period else "all days"
    score = " to ".join(protocol.score_period) if protocol.score_period else "all days"
    return (
        f"each region held out in turn; trained on {fit} elsewhere, scored on {score} there "
        f"after {protocol.warmup} days of warm-up"
    )
