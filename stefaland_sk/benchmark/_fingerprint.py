"""Fingerprints: what a stored result belongs to, so that a stale one is never taken."""

import hashlib
import json
from functools import cache
from importlib.resources import files

import joblib
import numpy as np
from sklearn.base import BaseEstimator

# Parameters that change how fast or how loudly a model works, but not what it gives.
_NO_MATTER = {
    "cache",
    "checkpoint",
    "checkpoint_minutes",
    "device",
    "folder",
    "n_jobs",
    "verbose",
}


# Packages whose code can change a score, and the modules of this one that can. The sites of the
# folds and the parameters of the models stand in the key, whoever chose them.
_WORKING_PARTS = (
    *("_core", "data", "metrics", "model_selection", "judging", "physics", "modules"),
    *("encoders", "estimators"),
    *("benchmark/_pretrained.py", "benchmark/_protocol.py", "benchmark/_site_values.py"),
)


def library_version():
    """Give the version of this library."""
    from stefaland_sk import __version__  # the root is above this layer

    return __version__


@cache
def code_digest():
    """Give a short text that differs if the code that makes scores differs."""
    return digest_of_code(files("stefaland_sk"))


def digest_of_code(root):
    """Give the `code_digest` of the package in a folder."""
    state = hashlib.sha256()
    for part in map(root.joinpath, _WORKING_PARTS):
        found = [part] if part.is_file() else sorted(part.iterdir(), key=lambda file: file.name)
        for file in found:
            if file.name.endswith(".py"):
                state.update(file.read_bytes())
    return state.hexdigest()[:12]


def digest(value):
    """Give a short text that differs if a plain value differs."""
    text = json.dumps(plain(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plain(value):
    """Turn a value into what JSON can write, always in the same way."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, BaseEstimator):
        return describe(value)
    if isinstance(getattr(value, "digest", None), str):  # an encoder
        return value.digest
    return joblib.hash(value)


def describe(estimator):
    """Give the class and the parameters of an estimator that matter for its results."""
    params = estimator.get_params(deep=False)
    kept = {name: plain(value) for name, value in params.items() if name not in _NO_MATTER}
    return {"class": f"{type(estimator).__module__}.{type(estimator).__qualname__}", **kept}


def panel_digest(panel, target=None):
    """Give a short text that differs if any value or name of a panel (and target) differs."""
    state = hashlib.sha256()
    axis = [] if panel.time is None else [str(t) for t in panel.time[[0, -1]]] + [panel.n_times]
    names = [list(panel.site_ids), axis, panel.forcing_names, panel.attribute_names]
    state.update(digest([*names, panel.units, panel.groups]).encode())
    state.update(np.ascontiguousarray(panel.attributes.to_numpy(np.float64)).tobytes())
    if panel.n_forcings:
        for block in panel.blocks():  # a few sites at a time: no copy of the whole
            for forcing in block.forcing:
                state.update(np.ascontiguousarray(forcing).tobytes())
    if target is not None:
        state.update(np.ascontiguousarray(np.asarray(target, dtype=np.float32)).tobytes())
    return state.hexdigest()[:16]
