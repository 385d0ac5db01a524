"""The demonstration: the benchmark on synthetic catchments, or on CAMELS-US, in minutes."""

from dataclasses import replace

from stefaland_sk.datasets import find_kind, load_panel, make_catchments
from stefaland_sk.datasets._corpus_file import read_site_list

from ._messages import USER_MISTAKES, UsageError, one_line
from ._models import DEMO_MODELS, MODELS, OTHER_ENCODERS
from ._options import adapt, add_model_options, check_epochs, choose_jobs, compare_models
from ._protocols import PROTOCOLS, choose_protocol

# What the demonstration is made of where no data are given: four regions, so that two cores
# have the same work, and some sites that only pretraining can use.
SYNTHETIC = {"n_sites": 60, "n_years": 5, "n_regions": 4, "unlabelled": 0.1, "random_state": 0}
_ROWS = tuple(name for name in MODELS if name not in OTHER_ENCODERS)


def add_demo(commands):
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
    demo.add_argument(
        "--data",
        metavar="PATH",
        help="data set, such as the folder of CAMELS-US; default: synthetic",
    )
    demo.add_argument(
        "--out", default="demo-out", metavar="DIR", help="results (default: demo-out)"
    )
    demo.add_argument(
        "--models", nargs="+", default=list(DEMO_MODELS), choices=_ROWS, metavar="NAME",
        help=f"rows of the comparison, out of {', '.join(_ROWS)} (default: "
        f"{', '.join(DEMO_MODELS)})",
    )  # fmt: skip
    demo.add_argument(
        "--sites", metavar="WHICH",
        help="with --data: '531' (the usual list), 'all', or a text file with one site per line "
        "(default: 531 for long records, all for short ones)",
    )  # fmt: skip
    add_model_options(demo, budget="quick")
    demo.set_defaults(function=run_demo, seeds=[0], kept="finished folds stay in {out}")


def run_demo(options):
    """Compare the models, print and write the tables."""
    check_epochs(options.epochs)
    choose_jobs(options.jobs)
    protocol, X, y = _protocol_and_data(options)
    return compare_models([(protocol, X, y, {})], options, models=options.models)


def read_any(path, kind=None, **choices):
    """Read real data and say of which kind they are; a mistake becomes one line."""
    try:
        kind = find_kind(path) if kind is None else kind
        return kind, *load_panel(path, kind, **choices)
    except USER_MISTAKES as error:
        raise UsageError(one_line(error)) from error


def read_sites(name):
    """Read a list of sites; a mistake becomes one line."""
    try:
        return read_site_list(name)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--sites must be '531', 'all' or a text file with one site per line: {one_line(error)}"
        ) from error


def _protocol_and_data(options):
    """Load or make the data, and choose the rules for them."""
    if options.data is None:
        if options.sites is not None:
            raise UsageError("--sites chooses sites of real data; give --data as well.")
        X, y = make_catchments(**SYNTHETIC)
        protocol = PROTOCOLS["synthetic-pur"]
    else:
        listed = options.sites not in (None, "531", "all")
        sites = {"sites": read_sites(options.sites)} if listed else {}
        kind, X, y = read_any(options.data, **sites)
        lacks = [
            what
            for what, is_absent in (
                ("daily series", X.time is None),
                ("a target", y is None),
                ("a column 'region' in the table of the sites", "region" not in X.sites),
            )
            if is_absent
        ]
        if lacks:
            raise UsageError(
                f"--data needs daily series with a target, at sites in regions; {options.data!r}, "
                f"of the kind {kind!r}, lacks {' and '.join(lacks)}. Own data are best written by "
                "`X.to_netcdf('own.nc', target=y)`."
            )
        protocol = choose_protocol(X)
        if options.sites is not None:
            protocol = replace(protocol, sites="in_531" if options.sites == "531" else None)
    try:
        protocol = adapt(protocol, options, [options.budget])
        X, y = protocol.take(X, y)
        protocol.folds(X, y)
    except (ValueError, TypeError) as error:
        raise UsageError(one_line(error)) from error
    return protocol, X, y
