"""Parts of a run on disk: one file per model, seed and fold, whole or not there."""

import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np

from ._site_values import OVER_SITES, VALUES, score_over_sites


class PartStore:
    """Folder of the finished folds of a run.

    Parameters
    ----------
    folder : str or Path
        Where the files are; made when the first is written.
    """

    def __init__(self, folder):
        self.folder = Path(folder)

    def path(self, model, seed, fold, key):
        """Give the file of one fold; its key stands in the name, so that none is mistaken."""
        return self.folder / f"{quote(model, safe='')}-{seed}-{quote(fold, safe='')}-{key}.json"

    def read(self, path):
        """Give a part, or None if it is not there or not whole."""
        try:
            part = json.loads(Path(path).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # not JSON, or not even text
            return None
        return part if isinstance(part, dict) and "scores" in part else None

    def write(self, path, part):
        """Write a part beside its place and rename it: a killed run leaves no half file."""
        _write_whole(path, lambda stream: stream.write(json.dumps(part).encode()))

    def write_predictions(self, path, X, predicted):
        """Write what was predicted in one fold beside its scores."""
        sites = np.asarray(X.site_ids, dtype=str)  # plain text, which needs no pickle
        values = {"sites": sites, "predicted": np.asarray(predicted, dtype=np.float32)}
        _write_whole(self.predictions_path(path), lambda stream: np.savez(stream, **values))

    def read_predictions(self, path):
        """Give what was predicted in one fold, or None if it is not there or not whole."""
        try:
            with np.load(self.predictions_path(path), allow_pickle=False) as file:
                return file["predicted"]
        except (OSError, ValueError, KeyError, BadZipFile):
            return None

    @staticmethod
    def predictions_path(path):
        """Give the file of a part's predictions."""
        return Path(path).with_suffix(".npz")


def _write_whole(path, write):
    """Write a file beside its place and rename it when it is on disk."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.stem}.{uuid4().hex}.tmp")
    with unfinished.open("wb") as stream:
        write(stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(unfinished, path)


class FoldRecorder:
    """Scorer that writes the scores of each site of its fold before it gives the medians.

    Parameters
    ----------
    protocol : Protocol
        What is scored.
    store : PartStore
        Where parts are written.
    paths : dict of str to str
        File of each fold, by its label.
    fold_of : dict of str to str
        Label of the fold in which a site is held out.
    head : dict
        What every part of this run says of itself: protocol, model, seed, versions.
    verbose : int
        1 prints a line per fold.
    keep_predictions : bool
        Whether predictions are written beside the scores.
    """

    def __init__(self, protocol, store, paths, fold_of, head, verbose=0, keep_predictions=False):
        self.protocol = protocol
        self.store = store
        self.paths = paths
        self.fold_of = fold_of
        self.head = head
        self.verbose = verbose
        self.keep_predictions = keep_predictions

    def __call__(self, estimator, X, y):
        """Score a fitted `MeasuredRegressor` on the sites held out."""
        fold = self.fold_of[X.site_ids[0]]
        try:
            return self._record(fold, estimator, X, y)
        except Exception as error:
            error.add_note(f"In fold {fold!r} of {self.head['model']!r}, seed {self.head['seed']}.")
            raise

    def _record(self, fold, estimator, X, y):
        """Score one fold and write its part."""
        table = self.protocol.scorers().site_scores(estimator, X, y)
        left_out = self.protocol.too_few(table)
        scores = table.drop(columns="n_obs")
        part = {
            **self.head,
            "fold": fold,
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "n_sites": len(table),
            "n_left_out": int(left_out.sum()),
            **estimator.report(),
            "warnings": [[kind.__name__, text] for kind, text in estimator.warnings_],
            "sites": list(table.index),
            "scores": {name: _listed(column) for name, column in scores.items()},
        }
        if self.keep_predictions:  # first, so that no part is there without them
            self.store.write_predictions(self.paths[fold], X, estimator.predicted_)
        self.store.write(self.paths[fold], part)
        numbers = self._summary(scores)
        if self.verbose:
            print(progress_line(part, numbers), flush=True)
        return numbers

    def _summary(self, scores):
        """Give what `cross_validate` and the progress line show of a fold."""
        if not self.protocol.target_per_site:
            return {f"median {name}": _median(column) for name, column in scores.items()}
        values = (scores[name].to_numpy() for name in VALUES)
        observed, predicted = values
        return {name: float(score_over_sites(name, observed, predicted)[0]) for name in OVER_SITES}


def progress_line(part, numbers):
    """Write what a finished fold came to."""
    name = next(iter(numbers))
    seconds = f"fit {part['fit_seconds']:.1f} s"
    if part["pretrain_seconds"]:
        seconds += f" after {part['pretrain_seconds']:.1f} s of pretraining"
    scored = part["n_sites"] - part["n_left_out"]
    return (
        f"{part['model']:<17}seed {part['seed']}  fold {part['fold']:<4}{scored:>4} sites  "
        f"{name} {numbers[name]:6.3f}  {seconds}"
    )


def _listed(column):
    """Give a column as numbers, None where there is none."""
    return [None if math.isnan(value) else value for value in column.to_numpy(float).tolist()]


def _median(column):
    """Median over the sites that have a value."""
    values = column.to_numpy(float)
    values = values[~np.isnan(values)]
    return float(np.median(values)) if len(values) else float("nan")
