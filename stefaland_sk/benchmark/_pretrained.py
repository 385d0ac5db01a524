"""Pretraining that is done once for all models of a fold."""

import os
import time
from pathlib import Path

from stefaland_sk._core import CheckpointError
from stefaland_sk.data import Panel
from stefaland_sk.encoders import StefaLandEncoder
from stefaland_sk.estimators import StefaLandTransformer

from ._fingerprint import code_digest, describe, digest, panel_digest


class CachedTransformer(StefaLandTransformer):
    """A `StefaLandTransformer` that keeps what it has pretrained in a folder.

    Two models that pretrain with the same parameters and the same seed on the same
    panel get the same encoder; the second one reads it. The key is made from the panel's own
    values, so that no encoder can come from other sites: a fold's encoder has seen that
    fold's training sites only.

    Parameters
    ----------
    folder : str or Path, default=None
        Folder of the encoders; None pretrains always.
    **params
        Parameters of `StefaLandTransformer`.
    """

    def __init__(self, folder=None, **params):
        super().__init__(**params)
        self.folder = folder

    @classmethod
    def _get_param_names(cls):
        """List the parameters of the base as well, which `__init__` takes as keywords."""
        return sorted([*StefaLandTransformer._get_param_names(), "folder"])

    def fit(self, X, y=None):
        """Pretrain on the sites of X, or read what was pretrained on them."""
        if self.folder is None or not isinstance(X, Panel) or self.random_state is None:
            return self._fit_and_time(X)
        key = digest([code_digest(), describe(self), panel_digest(X)])
        path = Path(self.folder) / f"{key}.safetensors"
        try:
            self.encoder_ = StefaLandEncoder.load(path)
            self.encoder_.about["from_cache"] = True
            return self
        except FileNotFoundError:
            pass
        except CheckpointError:  # a disk that was full, say: make it anew
            path.unlink(missing_ok=True)
        self._fit_and_time(X)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and renamed: another process never reads half a file.
        unfinished = path.with_name(f"{key}-{os.getpid()}.part.safetensors")
        self.save(unfinished)
        os.replace(unfinished, path)
        return self

    def _fit_and_time(self, X):
        """Pretrain, and note the seconds in the encoder's header."""
        begin, begin_cpu = time.perf_counter(), time.process_time()
        super().fit(X)
        self.encoder_.about["pretrain_seconds"] = time.perf_counter() - begin
        self.encoder_.about["pretrain_cpu_seconds"] = time.process_time() - begin_cpu
        return self
