"""The command line: arguments in, functions of the library called, text out."""

import argparse
import shlex
import sys
import warnings
from pathlib import Path

import pandas as pd

from stefaland_sk.datasets import PANEL_KINDS, load_corpus

from ._benchmark import add_benchmark
from ._beside import format_beside
from ._compare import compare, format_comparison
from ._demo import add_demo, read_any
from ._fingerprint import library_version
from ._format import format_tables
from ._messages import USER_MISTAKES, UsageError, one_line, show_warning
from ._pretrain import add_pretrain
from ._site_scores import add_site_scores
from ._tables import fold_scores, read_results


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
    add_demo(commands)
    add_benchmark(commands)
    add_pretrain(commands)
    check = commands.add_parser(
        "check",
        help="look for what usually goes wrong with data",
        description="Read a data set and report gaps, impossible values, wrong units and the "
        f"like. Kinds: {', '.join(PANEL_KINDS)}. Exits with 1 if it finds errors.",
    )
    check.add_argument("path", help="folder or file with the data, or description (.toml)")
    check.add_argument(
        "--kind", choices=PANEL_KINDS, metavar="KIND", help="kind of the data (default: seen)"
    )
    check.add_argument(
        "--target", metavar="NAME", help="what is to be predicted, where there is a choice"
    )
    check.set_defaults(function=_check)
    table = commands.add_parser(
        "table",
        help="make the tables of a run from its results.csv",
        description="Print medians over sites, per fold and overall, from the scores per site.",
    )
    table.add_argument("csv", nargs="+", help="results.csv of one or more runs, or their folders")
    table.add_argument("--markdown", action="store_true", help="write Markdown")
    table.add_argument("--baseline", help="model to beat (default: that of the protocol)")
    table.add_argument("--printed", action="store_true", help="show what the papers print as well")
    table.add_argument(
        "--others", metavar="CSV", help="scores of other studies: a row per model and site"
    )
    table.add_argument(
        "--site", default="site", metavar="COLUMN",
        help="where --others has the sites (default: site)",
    )  # fmt: skip
    table.add_argument(
        "--model", default="model", metavar="COLUMN",
        help="where --others has the models, or the name of its only one (default: model)",
    )  # fmt: skip
    table.add_argument(
        "--by-fold", metavar="FILE", help="write the scores of folds, without sites, as CSV"
    )
    table.set_defaults(function=_table)
    pair = commands.add_parser(
        "compare",
        help="compare two results site by site",
        description="Pair the scores of two results.csv at each site: medians, differences with "
        "their interval, and the sites that lose most. With --models, two models of one file or "
        "of two; otherwise models of the same name.",
    )
    pair.add_argument(
        "csv", nargs="+", metavar="CSV", help="results.csv or folder of one run or of two"
    )
    pair.add_argument(
        "--models", nargs=2, metavar=("A", "B"), help="which model of the first and of the last"
    )
    pair.add_argument("--protocol", metavar="NAME", help="where a file holds several")
    pair.add_argument("--metric", metavar="NAME", help="what is compared (default: the first)")
    pair.add_argument("--worst", type=int, default=5, metavar="N", help="sites shown (default: 5)")
    pair.add_argument("--markdown", action="store_true", help="write Markdown")
    pair.set_defaults(function=_compare)
    return parser


# ---------------------------------------------------------------------- commands
def _check(options):
    """Report on data."""
    if Path(options.path).suffix == ".toml":
        return _check_corpus(options)
    choices = {} if options.target is None else {"target": options.target}
    kind, X, y = read_any(options.path, options.kind, **choices)
    print(f"kind: {kind}")
    report = X.check(y)
    print(report)
    return 0 if report.ok else 1


def _check_corpus(options):
    """Report on each data set that a description names, in the form that pretraining sees."""
    try:
        panels = load_corpus(options.path)
    except USER_MISTAKES as error:
        raise UsageError(one_line(error)) from error
    reports = [panel.check() for panel in panels]
    print(*reports, sep="\n\n")
    return 0 if all(report.ok for report in reports) else 1


def _table(options):
    """Print tables of results."""
    results = _read(options.csv)
    try:
        if options.others is not None:
            results = add_site_scores(
                results, options.others, site=options.site, model=options.model
            )
        text = format_tables(results, baseline=options.baseline, markdown=options.markdown)
        if options.printed:
            parts = (part for _, part in results.groupby("protocol", sort=False))
            found = [format_beside(part, markdown=options.markdown) for part in parts]
            text = "\n".join([text, *(f"{block}\n" for block in found if block)])
        if options.by_fold is not None:
            fold_scores(results).to_csv(
                options.by_fold, index=False, float_format="%.6g", lineterminator="\n"
            )
    except USER_MISTAKES as error:
        raise UsageError(one_line(error)) from error
    print(text, end="")
    return 0


def _compare(options):
    """Print a comparison of two results."""
    if len(options.csv) > 2:
        raise UsageError(f"compare takes one file or two; got {len(options.csv)}.")
    if len(options.csv) == 1 and options.models is None:
        raise UsageError("with one file, --models A B says which two models are compared.")
    parts = [_read([name]) for name in (options.csv[0], options.csv[-1])]
    if options.protocol is not None:
        parts = [part[part["protocol"] == options.protocol] for part in parts]
    try:
        if options.models is not None:
            parts = [
                _of_model(part, model) for part, model in zip(parts, options.models, strict=True)
            ]
        found = compare(*parts, metric=options.metric)
        text = format_comparison(found, n_sites=options.worst, markdown=options.markdown)
    except USER_MISTAKES as error:
        raise UsageError(one_line(error)) from error
    print(text, end="")
    return 0


def _of_model(results, model):
    """Take the scores of a model."""
    models = list(results["model"].unique())
    if model not in models:
        raise UsageError(f"--models names {model!r}, which is not among {models}.")
    return results[results["model"] == model]


def _results_file(name):
    """Give the file of results of a folder that a run wrote; anything else as it is."""
    folder = Path(name).expanduser()
    return str(folder / "results.csv") if folder.is_dir() else name


def _read(names):
    """Read results, files or the folders of runs; a mistake becomes one line."""
    names = [_results_file(name) for name in names]
    for name in names:
        if not Path(name).expanduser().is_file():
            raise UsageError(f"there is no file {name!r}.")
    try:
        return read_results(list(names))
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UsageError(f"{' '.join(names)} cannot be read as CSV.") from error
    except USER_MISTAKES as error:
        raise UsageError(one_line(error)) from error
