"""The command that reruns the tables of the papers."""

import argparse
from dataclasses import replace
from pathlib import Path

from ._data import load_data
from ._demo import read_sites
from ._messages import USER_MISTAKES, UsageError, one_line
from ._models import SETTINGS
from ._options import adapt, add_model_options, compare_models
from ._protocols import GROUPS, PROTOCOLS, get_protocols
from ._run import choose_folds
from ._splitters import DonorSplit
from ._synthetic import make_synthetic

ALL_SYNTHETIC = "all-synthetic"


def add_benchmark(commands):
    """Describe the benchmark."""
    parser = commands.add_parser(
        "benchmark",
        help="rerun a table of the papers",
        description="Run the rows of a table through cross_validate, write the scores of every "
        "site, and print the table beside the published one. Finished folds are kept: a run that "
        "was stopped goes on when it is called again.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "protocol", nargs="?", metavar="PROTOCOL",
        help=f"protocol or group (--list shows them), or {ALL_SYNTHETIC!r}: every protocol on "
        "synthetic data",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="list the protocols, run nothing")
    parser.add_argument(
        "--data", nargs="+", metavar="PATH",
        help="folder or file of the data; two for a transfer; or 'synthetic'",
    )  # fmt: skip
    parser.add_argument(
        "--kind", metavar="NAME", help="kind of the data, where it is not seen from the files"
    )
    parser.add_argument("--models", nargs="+", metavar="NAME", help="rows (default: the table's)")
    parser.add_argument(
        "--only", nargs="+", metavar="FOLD", help="folds to run (default: all); others later"
    )
    parser.add_argument(
        "--out", default="benchmark-out", metavar="DIR", help="results (default: benchmark-out)"
    )
    parser.add_argument(
        "--settings", default="ours", choices=SETTINGS,
        help="how networks are trained: as we do, or as the paper says (default: ours)",
    )  # fmt: skip
    parser.add_argument(
        "--embeddings", metavar="FILE",
        help="table with one vector per site (.csv or .parquet), for the rows alphaearth_*",
    )  # fmt: skip
    parser.add_argument(
        "--encoder", metavar="FILE",
        help="pretrained encoder (.safetensors) in place of pretraining in each fold; it must not "
        "have seen the sites held out",
    )  # fmt: skip
    parser.add_argument(
        "--sites", metavar="WHICH",
        help="'531' (the usual list of CAMELS-US), 'all', or a text file with one site per line",
    )  # fmt: skip
    add_model_options(parser, budget="full")
    parser.set_defaults(function=run_benchmark, kept="finished folds stay in {out}")


def run_benchmark(options):
    """Run the protocols, or list them."""
    if options.list:
        print(list_protocols())
        return 0
    if options.protocol is None:
        raise UsageError("name a protocol; --list shows them.")
    synthetic = options.protocol == ALL_SYNTHETIC or options.data == ["synthetic"]
    try:
        name = "all" if options.protocol == ALL_SYNTHETIC else options.protocol
        protocols = get_protocols(name)
        encoders = _encoders(options)
    except USER_MISTAKES as error:
        raise UsageError(one_line(error)) from error
    if options.data is None and not synthetic:
        raise UsageError(
            "--data says where the data are; --data synthetic runs the protocol on synthetic ones."
        )
    if synthetic and options.sites is not None:
        raise UsageError("--sites chooses sites of real data.")
    work = _work(protocols, options, encoders, synthetic)
    return compare_models(work, options, models=options.models, beside=True)


def list_protocols():
    """Give a line for each protocol and group."""
    lines = ["protocols"]
    in_groups = {name for key, names in GROUPS.items() if key == "donors" for name in names}
    for name, protocol in PROTOCOLS.items():
        if name in in_groups:  # many, which differ by a number
            continue
        lines.append(f"  {protocol.name:<26}{protocol.data or '-':<18}{' '.join(protocol.models)}")
    lines.append("groups")
    for name, members in GROUPS.items():
        shown = members if len(members) < 8 else [members[0], "...", members[-1]]
        lines.append(f"  {name:<26}{' '.join(shown)}")
    lines.append(f"  {ALL_SYNTHETIC:<26}every protocol on synthetic data")
    return "\n".join(lines)


def _work(protocols, options, encoders, synthetic):
    """Load the data of one protocol after the other."""
    for protocol in protocols:
        words = [options.budget if options.settings == "ours" else "paper"]
        try:
            if synthetic:
                protocol, X, y, stand_ins = make_synthetic(protocol)
                given = stand_ins | encoders
                protocol = adapt(protocol, options, words)
            else:
                listed = options.sites not in (None, "531", "all")
                protocol, X, y = load_data(
                    adapt(protocol, options, words),
                    options.data,
                    kind=options.kind,
                    sites=read_sites(options.sites) if listed else None,
                    which=options.sites,
                )
                given = encoders
            protocol = _with_features(protocol, given)
            X, y = protocol.take(X, y)
            choose_folds(protocol.folds(X, y), options.only)
        except USER_MISTAKES as error:
            raise UsageError(f"{protocol.name}: {one_line(error)}") from error
        yield protocol, X, y, given


def _with_features(protocol, encoders):
    """Put the encoder by which donors are compared into the split that names it."""
    cv = protocol.cv
    if not isinstance(cv, DonorSplit) or cv.features not in ("alphaearth", "stefaland"):
        return protocol
    encoder = encoders.get(cv.features, encoders.get("donors"))
    if encoder is None:
        option = {"alphaearth": "--embeddings", "stefaland": "--encoder"}[cv.features]
        raise ValueError(f"donors are compared by an encoder: give it by {option} FILE.")
    found = DonorSplit(cv.n_donors, features=encoder, n_targets=cv.n_targets)
    return replace(protocol, cv=found)


def _encoders(options):
    """Read the encoders that were given."""
    from stefaland_sk.encoders import SiteEmbeddingEncoder, load_encoder

    given = {}
    if options.embeddings is not None:
        given["alphaearth"] = SiteEmbeddingEncoder(Path(options.embeddings).expanduser())
    if options.encoder is not None:
        given["stefaland"] = load_encoder(Path(options.encoder).expanduser())
    return given
