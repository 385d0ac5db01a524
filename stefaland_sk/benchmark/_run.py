"""Run models under a protocol: resumable fold by fold, one row per site and metric."""

import platform
import warnings
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import cross_validate

from stefaland_sk._core import (
    DataWarning,
    LeakageWarning,
    SplitWarning,
    check_instance,
    check_option,
)

from ._fingerprint import code_digest, describe, digest, library_version, panel_digest
from ._measure import Given, MeasuredRegressor
from ._parts import FoldRecorder, PartStore
from ._protocol import Protocol

SCORE_COLUMNS = ["protocol", "model", "seed", "fold", "site", "metric", "value"]
_SECONDS = (
    *("pretrain_seconds", "pretrain_cpu_seconds", "fit_seconds", "fit_cpu_seconds"),
    "predict_seconds",
)
RUN_COLUMNS = [
    *("protocol", "model", "seed", "fold", "n_train", "n_labelled", "n_sites", "n_left_out"),
    *_SECONDS,
    *("n_epochs", "n_parameters", "peak_memory_mib"),
    *("threads", "n_jobs", "date", "versions", "code", "command"),
]
MEAN_OF = ", mean of "  # in the names of mean predictions of several seeds
_RULES = ("metrics", "warmup", "period", "fit_period", "score_period", "min_obs")
_CATEGORIES = {kind.__name__: kind for kind in (DataWarning, LeakageWarning, SplitWarning)}


class BenchmarkResults(NamedTuple):
    """What a run gives.

    Parameters
    ----------
    scores : DataFrame
        One row per protocol, model, seed, fold, site and metric.
    runs : DataFrame
        One row per protocol, model, seed and fold: seconds, sizes, versions.

    See Also
    --------
    run : Makes them.

    Examples
    --------
    >>> import pandas as pd
    >>> BenchmarkResults(pd.DataFrame(), pd.DataFrame()).scores.empty
    True
    """

    scores: pd.DataFrame
    runs: pd.DataFrame


def run(
    protocol,
    X,
    y,
    models,
    *,
    out,
    seeds=None,
    only=None,
    n_jobs=1,
    threads=None,
    resume=True,
    verbose=0,
    command="",
    keep_predictions=False,
):
    """Cross-validate models under a protocol and keep the scores of every site.

    One `sklearn.model_selection.cross_validate` per model and seed. Each finished fold
    is on disk before the next begins; a run that was stopped goes on where it was when
    it is called again with the same arguments.

    Parameters
    ----------
    protocol : Protocol
        Split, periods, metrics and seeds.
    X : Panel, or DataFrame
        Sites with attributes and forcing. Unlabelled sites outside the held-out part stay
        in training, where pretraining reads them. A plain table, one row per site, will do where
        the target has one value per site.
    y : DataFrame, DataArray, Series or array-like
        Target of shape (n_sites, n_times), or (n_sites,) where the protocol's target has one
        value per site; NaN = not observed.
    models : dict of str to estimator
        Unfitted regressors on panels, by the name that they have in the results; your own
        or those of `make_models`. Their ``random_state`` is set to the seed.
    out : str or Path
        Folder for ``results.csv``, ``runs.csv`` and the parts of unfinished runs.
    seeds : sequence of int, default=None
        Seeds; None takes the protocol's.
    only : sequence of str, default=None
        Labels of the folds to run; None runs all. Another call runs the others.
    n_jobs : int, default=1
        Folds that run at the same time. Another joblib backend is chosen with
        ``joblib.parallel_config``; of a Dask cluster all workers are taken, whatever the number.
    threads : int, default=None
        Threads of each job; None means 1 if folds run at the same time, and leaves them alone
        otherwise.
    resume : bool, default=True
        Whether to take finished folds from `out`. Only those made with the same
        protocol, data, parameters and version of the library are taken.
    verbose : int, default=0
        1 prints a line per fold.
    command : str, default=""
        How the run was called; kept in ``runs.csv``.
    keep_predictions : bool, default=False
        Whether to keep what is predicted at the sites held out, in `out`. Of a model with
        several seeds the mean of their predictions is then scored as well, as a model of
        its own: "lstm, mean of 3" beside "lstm".

    Returns
    -------
    BenchmarkResults
        The tables, as in ``results.csv`` and ``runs.csv``.

    Raises
    ------
    TypeError
        If X is not a Panel, `protocol` no Protocol, or a model no estimator.
    ValueError
        If there are no models, X does not fit the protocol, or there is no such fold.
    FileNotFoundError
        If workers on other machines do not see `out`.
    Exception
        Whatever a model raises, with a note that names model, seed and fold.

    Warns
    -----
    DataWarning, LeakageWarning
        Those of the models, each once for all folds.
    DataWarning
        If a fold that was taken from `out` was made by other code of the same version.

    See Also
    --------
    Protocol : The rules.
    overall_table : Medians over sites.

    Examples
    --------
    >>> import tempfile
    >>> from dataclasses import replace
    >>> from stefaland_sk.benchmark import PROTOCOLS, make_models, run
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=6, n_years=2, n_regions=2, random_state=0)
    >>> with tempfile.TemporaryDirectory() as out:
    ...     results = run(PROTOCOLS["synthetic-pur"], X, y, make_models(["linear"]), out=out)
    >>> results.scores.shape  # 6 sites and 4 metrics
    (24, 7)
    """
    _check_models(models)
    if not isinstance(protocol, Protocol):
        raise TypeError(
            f"`protocol` must be a Protocol, such as PROTOCOLS['camels-us-pur']. Got {protocol!r}."
        )
    out = Path(out).absolute()  # workers may be in other folders
    X, y = protocol.take(X, y)
    folds = choose_folds(protocol.folds(X, y), only)
    n_workers = joblib.effective_n_jobs(n_jobs)
    threads = 1 if threads is None and n_workers > 1 else threads
    store = PartStore(out / "parts")
    data_key = panel_digest(X, y)
    head = {
        "protocol": protocol.name,
        "threads": threads,
        "n_jobs": n_workers,
        "versions": _versions(),
        "code": code_digest(),
        "command": command,
    }
    taken, of_seeds = [], {}
    for seed in protocol.seeds if seeds is None else seeds:
        for name, model in models.items():
            model = _with_seed(model, seed)
            rules = _rules(protocol, X, model, data_key)
            paths = {
                fold.label: str(store.path(name, seed, fold.label, _key(rules, X, fold)))
                for fold in folds
            }
            todo = [
                fold
                for fold in folds
                if not resume
                or store.read(paths[fold.label]) is None
                or (keep_predictions and store.read_predictions(paths[fold.label]) is None)
            ]
            if todo:
                fold_of = {X.site_ids[i]: fold.label for fold in todo for i in fold.test}
                described = {**head, "model": name, "seed": int(seed)}
                recorder = FoldRecorder(
                    protocol, store, paths, fold_of, described, verbose, keep_predictions
                )
                try:
                    cross_validate(
                        MeasuredRegressor(model, protocol, threads),
                        X,
                        y,
                        cv=[(fold.train, fold.test) for fold in todo],
                        scoring=recorder,
                        n_jobs=n_jobs,
                        error_score="raise",
                    )
                except Exception as error:  # of a model, or that of a worker that was killed
                    error.add_note(_what_is_left(name, seed, todo, paths, store))
                    raise
            parts = [store.read(paths[fold.label]) for fold in folds]
            if None in parts:
                raise FileNotFoundError(
                    f"The fold {folds[parts.index(None)].label!r} of {name!r} is finished, but its "
                    f"file is not in {str(store.folder)!r}. Workers on other machines must see the "
                    "folder `out` under the same name."
                )
            # A part may be taken from a run under another name.
            parts = [{**part, "protocol": protocol.name} for part in parts]
            taken += parts
            for fold, part in zip(folds, parts, strict=True):
                path = paths[fold.label]
                of_seeds.setdefault((name, fold.label), (fold, []))[1].append((part, path))
            _show_warnings(name, parts)
            _warn_of_other_code(name, parts)
            results = _join(taken)
            _write(results, out)
    if keep_predictions:
        means = [
            _mean_over_seeds(protocol, X, y, fold, parts, store)
            for fold, parts in of_seeds.values()
            if len(parts) > 1
        ]
        results = _join(taken + means)
        _write(results, out)
    return results


def _check_models(models):
    """Raise unless models are estimators by name."""
    if not isinstance(models, Mapping):
        raise TypeError(
            "`models` must be a dict from a name to an estimator, such as make_models(['linear']). "
            f"Got {type(models).__name__}."
        )
    if not models:
        raise ValueError("`models` is empty; there is nothing to compare.")
    for name, model in models.items():
        check_instance(name, model)


def _mean_over_seeds(protocol, X, y, fold, parts, store):
    """Score the mean of what several seeds of a model predict in a fold: one more part."""
    predicted = np.mean([store.read_predictions(path) for _, path in parts], axis=0)
    table = protocol.scorers().site_scores(Given(predicted), X[fold.test], y.iloc[fold.test])
    parts = [part for part, _ in parts]
    costs = {name: sum(part[name] for part in parts) for name in _SECONDS}
    scores = {metric: table[metric].tolist() for metric in parts[0]["scores"]}
    name = f"{parts[0]['model']}{MEAN_OF}{len(parts)}"
    return {**parts[0], **costs, "model": name, "scores": scores}


def _what_is_left(model, seed, folds, paths, store):
    """Say which folds of a run that broke off are not finished, and how to go on."""
    left = [fold.label for fold in folds if store.read(paths[fold.label]) is None]
    return (
        f"Not finished of {model!r}, seed {seed}: the folds {left}. Finished folds are kept in "
        f"{str(store.folder)!r}; the same call goes on from there."
    )


def choose_folds(folds, only):
    """Give the folds with the labels asked for; all if None."""
    if only is None:
        return folds
    labels = [fold.label for fold in folds]
    wanted = {check_option("only", str(label), labels) for label in only}
    return [fold for fold in folds if fold.label in wanted]


def _with_seed(model, seed):
    """Give a clone in which every ``random_state`` is the seed."""
    model = clone(model)
    names = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
    return model.set_params(**dict.fromkeys(names, int(seed)))


def _rules(protocol, X, model, data_key):
    """Collect what a fold's scores depend on, but for its sites."""
    # All else is in the data and the folds, or does not matter.
    values = {name: getattr(protocol, name) for name in _RULES}
    return [library_version(), values, describe(model), data_key]


def _key(rules, X, fold):
    """Give the key of one fold's part."""
    return digest([rules, list(X.site_ids[fold.train]), list(X.site_ids[fold.test])])


def _versions():
    """Name the versions of what the numbers rest on."""
    found = [f"stefaland-sk {library_version()}", f"python {platform.python_version()}"]
    for package in ("scikit-learn", "torch", "skorch", "numpy", "pandas"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _show_warnings(model, parts):
    """Show each warning of a model's folds once; repetitions are counted."""
    counts = Counter((kind, text) for part in parts for kind, text in part["warnings"])
    by_kind = {}
    for (kind, text), count in counts.items():
        by_kind.setdefault(kind, []).append((text, count))
    for kind, found in by_kind.items():
        text = found[0][0]
        n_more = sum(count for _, count in found) - 1
        more = f" ({n_more} more like this in other folds)" if n_more else ""
        warnings.warn(f"{model}: {text}{more}", _CATEGORIES.get(kind, UserWarning), stacklevel=3)


def _warn_of_other_code(model, parts):
    """Warn if folds that were taken were made by another state of the library."""
    n_other = sum(part["code"] != code_digest() for part in parts)
    if n_other:
        warnings.warn(
            f"{model}: {n_other} of {len(parts)} folds were made before the code of this library "
            "was changed; with resume=False (--fresh) they are computed anew.",
            DataWarning,
            stacklevel=3,
        )


def _join(parts):
    """Make the two tables of the parts."""
    pieces = []
    for part in parts:
        same = {name: part[name] for name in ("protocol", "model", "seed", "fold")}
        wide = pd.DataFrame(part["scores"], index=part["sites"], dtype=float)
        long = wide.rename_axis(index="site", columns="metric").stack(future_stack=True)
        pieces.append(long.rename("value").reset_index().assign(**same)[SCORE_COLUMNS])
    runs = pd.DataFrame([{name: part.get(name) for name in RUN_COLUMNS} for part in parts])
    for name in ("n_epochs", "n_parameters"):
        runs[name] = runs[name].astype("Int64")
    return BenchmarkResults(pd.concat(pieces, ignore_index=True), runs)


def _write(results, out):
    """Write both tables, each as a whole or not at all."""
    for name, table, digits in (
        ("results", results.scores, "%.6g"),
        ("runs", results.runs, "%.3f"),
    ):
        unfinished = out / f"{name}.csv.tmp"
        table.to_csv(unfinished, index=False, float_format=digits, lineterminator="\n")
        unfinished.replace(out / f"{name}.csv")
