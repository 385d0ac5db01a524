"""Pretraining from the command line: a corpus on disk in, a pretrained model out, resumable."""

import os
import time
import warnings
from glob import escape
from pathlib import Path

from stefaland_sk._core import CheckpointError, DataWarning
from stefaland_sk.datasets._corpus_file import read_corpus, read_site_list
from stefaland_sk.datasets._corpus_panel import lies_in

from ._messages import USER_MISTAKES, UsageError, one_line

# "small" is what the transformer's defaults are; "reference" is the model of the paper.
_SIZES = {
    "small": {},
    "reference": {
        "d_model": 256,
        "n_layers": 4,
        "d_feedforward": 512,
        "d_embedding": 64,
        "dropout": 0.1,
    },
}
# Options that are parameters of the transformer; one that is not given takes its default there.
_PARAMETERS = {
    "epochs": "max_epochs",
    "batch_size": "batch_size",
    "lr": "lr",
    "window": "window",
    "patch": "patch",
    "decoder": "decoder",
    "sampler": "sampler",
    "groups": "groups",
    "seed": "random_state",
    "memory": "memory",
    "device": "device",
    "precision": "precision",
    "compile": "compile",
    "checkpoint_minutes": "checkpoint_minutes",
}


def add_pretrain(commands):
    """Describe the command.

    Parameters
    ----------
    commands : object
        What ``ArgumentParser.add_subparsers`` gives.
    """
    parser = commands.add_parser(
        "pretrain",
        help="pretrain StefaLand on a corpus of data sets",
        description="Learn to fill in hidden forcing and attributes, and write the model to a "
        "file. What is unfinished lies beside it, with the ending .unfinished; the same command "
        "goes on from there, whatever has stopped it. Several processes or GPUs: "
        "`accelerate launch -m stefaland_sk pretrain ...`.",
    )
    parser.add_argument(
        "corpus", nargs="+", metavar="CORPUS",
        help="folder of a data set (see `check`), .nc file, .zarr store, .parquet or .csv table of "
        "attributes, or .toml file that describes any of these",
    )  # fmt: skip
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="where the model goes (.safetensors)"
    )
    parser.add_argument(
        "--fresh", action="store_true",
        help="begin anew, whatever is finished or unfinished at FILE",
    )  # fmt: skip
    model = parser.add_argument_group("model")
    model.add_argument(
        "--size", default="small", choices=_SIZES,
        help="small trains on a CPU, reference is the model of the paper (default: small)",
    )  # fmt: skip
    model.add_argument("--window", type=int, metavar="DAYS", help="window (default: 365)")
    model.add_argument("--patch", type=int, metavar="DAYS", help="days per token (default: 1)")
    model.add_argument("--decoder", choices=("lstm", "transformer"), help="default: lstm")
    model.add_argument("--sampler", choices=("exact", "code", "paper"), help="default: exact")
    model.add_argument(
        "--groups", metavar="SET",
        help="variable set (camels, caravan, ...) whose groups, classes and attributes that are "
        "always shown apply (default: the groups of the data)",
    )  # fmt: skip
    training = parser.add_argument_group("training")
    training.add_argument("--epochs", type=int, metavar="N", help="passes (default: 20)")
    training.add_argument("--batch-size", type=int, metavar="N", help="windows (default: 64)")
    training.add_argument("--lr", type=float, metavar="RATE", help="peak rate (default: 0.002)")
    training.add_argument(
        "--valid", type=float, default=0.0, metavar="SHARE",
        help="share of the sites to set apart; training stops when they are no longer "
        "reconstructed better, and keeps the best epoch (default: 0)",
    )  # fmt: skip
    training.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    training.add_argument(
        "--memory", type=float, metavar="GIB", help="most that forcing may take (default: 2)"
    )
    training.add_argument(
        "--precision", choices=("auto", "float32", "bf16"),
        help="auto is bf16 on a GPU that has it (default: auto)",
    )  # fmt: skip
    training.add_argument("--compile", action="store_true", default=None, help="torch.compile")
    training.add_argument("--device", metavar="NAME", help="cpu, cuda, ... (default: auto)")
    training.add_argument(
        "--checkpoint-minutes", type=float, metavar="N",
        help="how often unfinished work is written within an epoch (default: 10)",
    )  # fmt: skip
    held_out = parser.add_argument_group("sites that the model must not see")
    held_out.add_argument("--exclude", metavar="LIST", help="text file with one site per line")
    held_out.add_argument(
        "--exclude-region", nargs="+", default=[], metavar="REGION", help="regions"
    )
    about = parser.add_argument_group("remarks in the header of the file")
    about.add_argument("--licence", metavar="TEXT", help="terms for users of the model")
    about.add_argument("--citation", metavar="TEXT", help="what they are to cite")
    parser.set_defaults(function=pretrain, kept="the same command goes on from {out}.unfinished")


def pretrain(options):
    """Pretrain, print what happens, write the model.

    Parameters
    ----------
    options : argparse.Namespace
        Options of the command.

    Returns
    -------
    int
        0.

    Raises
    ------
    UsageError
        If the call, the corpus or unfinished work at the place is not what it should be.
    """
    begin = time.perf_counter()
    out = Path(options.out).expanduser()
    unfinished = out.with_name(f"{out.name}.unfinished")
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {str(out.parent)!r} for --out.")
    if not 0 <= options.valid < 1:
        raise UsageError(
            f"--valid must be a share of the sites, from 0 to below 1; got {options.valid}."
        )
    distributed = int(os.environ.get("WORLD_SIZE", "1")) > 1
    is_main = int(os.environ.get("RANK", "0")) == 0 or not distributed
    if not is_main:
        warnings.simplefilter("ignore")
    if out.exists() and not unfinished.exists() and not options.fresh:
        return _answer_finished(out, options, is_main)
    try:
        panels = _exclude(read_corpus(options.corpus), options, is_main)
        model = _make_model(options, unfinished, distributed, verbose=int(is_main))
        _prepare(out, unfinished, options, distributed, is_main)
        model.fit(panels)
    except CheckpointError as error:
        raise UsageError(f"{one_line(error)} The option --fresh does that.") from error
    except USER_MISTAKES as error:
        raise UsageError(one_line(error)) from error
    if is_main:
        _finish(model, panels, out, options)
        print(f"{time.perf_counter() - begin:.0f} seconds")
    return 0


def _answer_finished(out, options, is_main):
    """Say that there is nothing to do, or that the file belongs to another command."""
    from stefaland_sk.encoders import StefaLandEncoder

    try:
        about = StefaLandEncoder.load(out).about
    except (CheckpointError, OSError) as error:
        raise UsageError(f"{one_line(error)} Choose another --out.") from error
    if about.get("command") != options.command_line:
        raise UsageError(
            f"{str(out)!r} exists already and was made in another way "
            f"({about.get('command', 'not by this command')}). Choose another --out, or replace it "
            "by --fresh."
        )
    if is_main:
        print(f"finished already: {out}; --fresh begins anew")
    return 0


def _exclude(corpus, options, is_main):
    """Leave sites and regions out of all panels, and print what is left."""
    ids = [] if options.exclude is None else read_site_list(options.exclude)
    out = {
        "--exclude": [panel.site_ids.isin(ids) for _, panel in corpus],
        "--exclude-region": [lies_in(panel, options.exclude_region) for _, panel in corpus],
    }
    known = [panel.sites["region"].dropna() for _, panel in corpus if "region" in panel.sites]
    regions = {str(region) for column in known for region in column}
    unknown = sorted(set(options.exclude_region) - regions)
    if unknown:
        raise UsageError(
            f"--exclude-region names {unknown}, which no data set has; there are {sorted(regions)}."
        )
    if ids and not any(mask.any() for mask in out["--exclude"]):
        raise UsageError(
            f"--exclude names {len(ids)} sites, such as {ids[:2]}, of which the corpus has none. "
            "Identifiers are compared as they are: '01013500' and '1013500' differ."
        )
    kept = [
        (name, panel[~(listed | in_region)], panel.n_sites)
        for (name, panel), listed, in_region in zip(corpus, *out.values(), strict=True)
    ]
    if is_main:
        _print_corpus(kept)
        for name, panel, _ in kept:
            if options.exclude_region and "region" not in panel.sites:
                print(f"  {name} has no regions: --exclude-region has left out none of its sites")
    panels = [panel for _, panel, _ in kept if panel.n_sites]
    if not panels:
        raise UsageError("no site is left.")
    return panels


def _print_corpus(kept):
    """Print sites, years, variables and coverage of the panels of a corpus."""
    panels = [panel for _, panel, _ in kept]
    union = {
        kind: {name for panel in panels for name in getattr(panel, f"{kind}_names")}
        for kind in ("forcing", "attribute")
    }
    rows = []
    for name, panel, n_before in kept:
        sites = f"{panel.n_sites} sites"
        if panel.n_sites < n_before:
            sites += f" ({n_before - panel.n_sites} left out)"
        years = "-"
        if panel.n_times:
            years = f"{panel.time[0]:%Y-%m-%d} to {panel.time[-1]:%Y-%m-%d}"
        rows.append(
            [
                name,
                sites,
                years,
                f"{panel.n_forcings} of {len(union['forcing'])} forcings",
                f"{panel.n_attributes} of {len(union['attribute'])} attributes",
            ]
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print("corpus")
    for row in rows:
        cells = [f"{text:<{width}}" for text, width in zip(row, widths, strict=True)]
        print(f"  {'  '.join(cells)}".rstrip())


def _make_model(options, unfinished, distributed, verbose):
    """Make the transformer that the options describe."""
    from stefaland_sk.estimators import StefaLandTransformer

    given = {p: getattr(options, name) for name, p in _PARAMETERS.items()}
    given = {name: value for name, value in given.items() if value is not None}
    if options.valid:
        given |= {"early_stopping": True, "validation_fraction": options.valid}
    return StefaLandTransformer(
        **_SIZES[options.size],
        **given,
        checkpoint=unfinished,
        distributed=distributed,
        verbose=verbose,
    )


def _prepare(out, unfinished, options, distributed, is_main):
    """Remove what is not to be taken up; no process goes on before that is done."""
    from stefaland_sk.estimators._distributed import Processes

    if is_main:
        # Halves are what a process that was killed while it wrote has left behind.
        for half in out.parent.glob(f"{escape(out.name)}.*.unfinished"):
            half.unlink(missing_ok=True)
        if options.fresh:
            unfinished.unlink(missing_ok=True)
        found = "taken up from" if unfinished.exists() else "to be found in"
        print(f"unfinished work {found} {unfinished}", flush=True)
    Processes(distributed, options.device or "auto").any(False)


def _finish(model, panels, out, options):
    """Write the model, which removes the unfinished one, and say how good it is."""
    texts = {name: getattr(options, name) for name in ("licence", "citation")}
    texts = {name: text for name, text in texts.items() if text is not None}
    model.save(out, command=options.command_line, **texts)
    print(f"model in {out}", flush=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # the table above says what panels lack
        error = -model.score(panels)
    mean = 1.5 if any(panel.n_forcings for panel in panels) else 0.5
    print(f"masked reconstruction error {error:.4g} (to fill in the mean gives about {mean})")
    losses = [epoch["valid_loss"] for epoch in model.history_ if "valid_loss" in epoch]
    if losses:
        print(f"loss of the sites set apart {min(losses):.4g}")
