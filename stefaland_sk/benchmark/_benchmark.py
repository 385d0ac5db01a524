"""The command that reruns the tables of the papers."""

import argparse
from dataclasses import replace
from pathlib import Path

from stefaland_sk.data import is_labelled

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
    parser.add_argument(
        "--targets", type=int, metavar="N",
        help="sites that a protocol of donors tests, each by a model of its own (default: 150)",
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
        lines.append(f"  {protocol.name:<28}{protocol.data or '-':<18}{' '.join(protocol.models)}")
    lines.append("groups")
    for name, members in GROUPS.items():
        shown = members if len(members) < 8 else [members[0], "...", members[-1]]
        lines.append(f"  {name:<28}{' '.join(shown)}")
    lines.append(f"  {ALL_SYNTHETIC:<28}every protocol on synthetic data")
    return "\n".join(lines)


def _work(protocols, options, encoders, synthetic):
    """Load the data of one protocol after the other; of a group, those that can be run."""
    nothing = True
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
            X, y = protocol.take(X, y)
            protocol = _with_donors(protocol, X, y, given, options.targets)
            choose_folds(protocol.folds(X, y), options.only)
        except _NotHere as error:
            if len(protocols) == 1:
                raise UsageError(f"{protocol.name}: {error}") from error
            print(f"skipped   {protocol.name}: {error}")
            continue
        except USER_MISTAKES as error:
            raise UsageError(f"{protocol.name}: {one_line(error)}") from error
        nothing = False
        yield protocol, X, y, given
    if nothing:
        raise UsageError("no protocol of the group can be run with what there is.")


class _NotHere(Exception):
    """Some protocols of a group cannot be run with what there is; the others can."""


def _with_donors(protocol, X, y, encoders, n_targets):
    """Complete a split by donors: the encoder that it names, and how many sites it tests."""
    cv = protocol.cv
    if not isinstance(cv, DonorSplit):
        if n_targets is not None:
            raise UsageError(f"--targets is for protocols of donors; {protocol.name} is none.")
        return protocol
    n_others = int(is_labelled(X, y).sum()) - 1
    if cv.n_donors is not None and cv.n_donors > n_others:
        raise _NotHere(f"there are {n_others} other sites, fewer than {cv.n_donors}.")
    features, name = cv.features, protocol.name
    if features in ("alphaearth", "stefaland"):
        features = encoders.get(features, encoders.get("donors"))
        if features is None:
            option = {"alphaearth": "--embeddings", "stefaland": "--encoder"}[cv.features]
            raise _NotHere(f"donors are compared by an encoder: give it by {option} FILE.")
    if n_targets is None:
        n_targets = cv.n_targets
    else:
        name = f"{name}-{n_targets}targets"
    return replace(
        protocol, name=name, cv=DonorSplit(cv.n_donors, features=features, n_targets=n_targets)
    )


def _encoders(options):
    """Read the encoders that were given."""
    from stefaland_sk.encoders import SiteEmbeddingEncoder, load_encoder

    given = {}
    if options.embeddings is not None:
        given["alphaearth"] = SiteEmbeddingEncoder(Path(options.embeddings).expanduser())
    if options.encoder is not None:
        given["stefaland"] = load_encoder(Path(options.encoder).expanduser())
    return given
