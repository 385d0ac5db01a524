"""What commands that compare models share: their options, and the work itself."""

import os
import time
from dataclasses import replace
from pathlib import Path

import joblib
import pandas as pd

from ._beside import format_beside
from ._costs import format_costs
from ._format import format_protocols, format_tables
from ._messages import USER_MISTAKES, UsageError, one_line
from ._models import BUDGETS, make_models
from ._run import run
from ._tables import read_results

_MOST_JOBS = 4  # each holds its own fold in memory


def add_model_options(parser, *, budget):
    """Describe which models run, how long, and where the results go."""
    parser.add_argument("--seeds", nargs="+", type=int, metavar="N", help="seeds of the models")
    parser.add_argument(
        "--jobs", type=int, metavar="N",
        help="folds at the same time, one thread each (default: one per core, at most "
        f"{_MOST_JOBS}); 1 uses all cores for one fold",
    )  # fmt: skip
    parser.add_argument(
        "--budget", default=budget, choices=BUDGETS,
        help=f"sizes and epochs of the models (default: {budget})",
    )  # fmt: skip
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="epochs of networks and of pretraining"
    )
    for name, what in (("fit", "trained on"), ("score", "scored, at the sites held out")):
        parser.add_argument(
            f"--{name}-period", nargs=2, metavar=("FIRST", "LAST"),
            help=f"first and last day {what} (default: those of the protocol)",
        )  # fmt: skip
    again = parser.add_mutually_exclusive_group()
    again.add_argument(
        "--resume", action="store_true", default=True,
        help="take finished folds of an earlier call with the same settings (the default)",
    )  # fmt: skip
    again.add_argument(
        "--fresh", dest="resume", action="store_false", help="compute everything anew"
    )


def make_folder(name):
    """Make the folder of the results."""
    out = Path(name).expanduser()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {name!r} cannot be made a folder: {error.strerror}.") from error
    return out


def choose_jobs(jobs):
    """Choose the number of folds at the same time."""
    if jobs is None:
        return 1 if _has_gpu() else min(joblib.cpu_count(), _MOST_JOBS)
    if jobs < 1:
        raise UsageError(f"--jobs must be at least 1; got {jobs}.")
    return jobs


def check_epochs(epochs):
    """Raise unless a number of epochs is positive."""
    if epochs is not None and epochs < 1:
        raise UsageError(f"--epochs must be at least 1; got {epochs}.")


def adapt(protocol, options, words=()):
    """Put the user's wishes into a protocol, and into its name, so that results do not mix."""
    words = [protocol.name, *words]
    if options.epochs is not None:
        words.append(f"{options.epochs}epochs")
    if options.sites is not None:
        words.append(options.sites if options.sites in ("531", "all") else "listed")
    changes = {"seeds": tuple(options.seeds)} if options.seeds is not None else {}
    periods = {}
    for name in ("fit_period", "score_period"):
        period = getattr(options, name)
        if period is not None:
            periods[name] = tuple(period)
            words.append(f"{name.partition('_')[0]}{'to'.join(period)}")
    protocol = replace(protocol, name="-".join(words), **changes, **periods)
    if protocol.period is None or not periods:
        return protocol
    # Other years than the protocol's own: read as much as they need, with the warm-up.
    days = [pd.Timestamp(day) for day in (*protocol.fit_period, *protocol.score_period)]
    period = (min(days) - pd.Timedelta(days=protocol.warmup), max(days))
    return replace(protocol, period=tuple(f"{day:%Y-%m-%d}" for day in period))


def compare_models(work, options, *, models=None, beside=False):
    """Run the models of one or more protocols, print and write the tables.

    Parameters
    ----------
    work : iterable of (Protocol, Panel, target, dict of encoders)
        What is to be run, one after the other.
    options : argparse.Namespace
        Options of the command.
    models : sequence of str, default=None
        Names of the rows; None takes those of each protocol.
    beside : bool, default=False
        Whether to show what the papers print, and what the models cost, as well.

    Returns
    -------
    int
        0.
    """
    begin = time.perf_counter()
    out = make_folder(options.out)
    jobs = choose_jobs(options.jobs)
    check_epochs(options.epochs)
    cache = out / "encoders"
    if not options.resume:
        for file in cache.glob("*.safetensors"):
            file.unlink()
    scores, runs, texts = [], [], []
    for protocol, X, y, encoders in work:
        rows = _rows(protocol, options, models, cache, encoders)
        print(f"data      {X!r}")
        print(f"protocol  {protocol.name}: {in_words(protocol)}")
        print(f"models    {', '.join(rows)}; budget {options.budget!r}")
        print(f"work      {jobs} job{'s' if jobs > 1 else ''}, results in {out}", flush=True)
        run(
            protocol,
            X,
            y,
            rows,
            out=out,
            only=getattr(options, "only", None),
            n_jobs=jobs,
            threads=1 if jobs > 1 else _n_threads(),
            resume=options.resume,
            verbose=1,
            command=options.command_line,
        )
        # From the files, so that the tables are those that `table` makes.
        scores.append(read_results(out / "results.csv"))
        runs.append(pd.read_csv(out / "runs.csv"))
        plain, markdown = (
            _tables(protocol, scores[-1], runs[-1], beside, markdown) for markdown in (False, True)
        )
        texts.append(markdown)
        print(f"\n{plain}", flush=True)
    if len(scores) > 1:
        scores, runs = (pd.concat(tables, ignore_index=True) for tables in (scores, runs))
        for name, table in (("results", scores), ("runs", runs)):
            table.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")
        for markdown in (False, True):
            texts.append(format_protocols(scores, markdown=markdown))
        print(texts.pop(-2))
    (out / "tables.md").write_text("\n".join(texts), encoding="utf-8")
    print(f"scores of every site: {out / 'results.csv'}; seconds and sizes: {out / 'runs.csv'}")
    print(f"{time.perf_counter() - begin:.0f} seconds")
    return 0


def _rows(protocol, options, models, cache, encoders):
    """Make the models; a mistake becomes one line."""
    try:
        return make_models(
            models or protocol.models,
            task=protocol.task,
            budget=options.budget,
            settings=getattr(options, "settings", "ours"),
            epochs=options.epochs,
            cache=cache,
            encoders=encoders,
        )
    except USER_MISTAKES as error:
        raise UsageError(one_line(error)) from error


def _tables(protocol, results, runs, beside, markdown):
    """Write all tables of one protocol."""
    text = format_tables(results, baseline=protocol.baseline, markdown=markdown)
    if not beside:
        return text
    more = [
        format_beside(results, markdown=markdown),
        format_costs(runs, baseline=protocol.baseline, markdown=markdown),
    ]
    return "\n".join([text, *(f"{block}\n" for block in more if block)])


def in_words(protocol):
    """Say what a protocol does."""
    split = " ".join(repr(protocol.cv).split())
    if protocol.target_per_site:
        return f"{split}; one value per site, of {protocol.target or 'the target'}"
    fit = " to ".join(map(_day, protocol.fit_period)) if protocol.fit_period else "all days"
    score = " to ".join(map(_day, protocol.score_period)) if protocol.score_period else "all days"
    return f"{split}; trained on {fit}, scored on {score} after {protocol.warmup} days of warm-up"


def _day(day):
    return "the end of the record" if day is None else str(day)


def _n_threads():
    """Give the threads of a fold that runs alone: what the user has set, or one per core."""
    found = os.environ.get("OMP_NUM_THREADS", "")
    return int(found) if found.isdigit() and int(found) > 0 else joblib.cpu_count()


def _has_gpu():
    """Tell whether networks will run on an accelerator, which folds would have to share."""
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()
