"""Trainings that survive being killed: written while they run, taken up where they stood."""

import glob
import json
import time
from pathlib import Path

import torch
from skorch.callbacks import Callback

from stefaland_sk._core import CheckpointError
from stefaland_sk.encoders._checkpoint import read_checkpoint, write_checkpoint

_KIND = "unfinished training"
_MANY_BATCHES = 1_000_003  # more than an epoch has: keeps the seeds of two epochs apart


class Resume(Callback):
    """Write the unfinished training to a file, and go on from there.

    The file holds all that the rest of the training follows from: weights, optimiser,
    learning rates, losses, the best epoch of early stopping, random state, and the place
    in the epoch. On one CPU, a training that was broken off anywhere and goes on gives the
    weights of the unbroken one to the bit.

    `read` looks for the file before the training; the batches of the first epoch must then
    begin with pass `n_epochs` and batch `n_batches`. This callback must be the last.

    Parameters
    ----------
    path : str or Path
        The file; who has started the training deletes it in the end.
    minutes : float
        A file is written after the batch in which this has passed since the last one,
        and after each epoch.
    fingerprint : dict
        What is trained, on what and how; a training goes on only if it is the same.
    processes : Processes
        The first of them writes; all read.

    Attributes
    ----------
    n_epochs, n_batches : int
        Epochs that the file has done, and batches of the epoch after them.
    finished : bool
        Whether nothing is left to do.
    """

    def __init__(self, path, minutes, fingerprint, processes):
        self.path, self.minutes = path, minutes
        self.fingerprint, self.processes = fingerprint, processes
        self.n_epochs = self.n_batches = 0
        self.finished, self.found = False, None

    def initialize(self):
        self.stopped_ = False
        return self

    def read(self):
        """Read the file, if there is one, and compare what it belongs to.

        Raises
        ------
        FileNotFoundError
            If the folder of the file does not exist.
        CheckpointError
            If the file is damaged, is something else, or belongs to another training.
        """
        path = Path(self.path)
        if not path.parent.is_dir():
            raise FileNotFoundError(f"The folder of `checkpoint`={str(path)!r} does not exist.")
        self.processes.any(False)  # the first may still be busy with the training before
        if self.processes.is_main:
            # What a process that was killed while it wrote has left behind.
            for half in path.parent.glob(f"{glob.escape(path.name)}.*.unfinished"):
                half.unlink(missing_ok=True)
        if not path.exists():
            return
        try:
            tensors, header = read_checkpoint(path, _KIND)
        except CheckpointError as error:
            raise CheckpointError(f"{error} {self._way_out()}") from error
        differing = _differences(header["fingerprint"], self.fingerprint)
        if differing:
            raise CheckpointError(
                f"The file {str(path)!r} holds an unfinished training that is not this one. They "
                f"differ in {'; '.join(differing)}. {self._way_out()}"
            )
        self.found = tensors, header
        self.n_epochs, self.n_batches = header["n_epochs"], header["n_batches"]
        self.finished = header["finished"]

    def _way_out(self):
        return (
            f"To begin anew, delete the file {str(self.path)!r} or give another path as "
            "`checkpoint`."
        )

    # ------------------------------------------------------------------ events of the training
    def on_train_begin(self, net, **kwargs):
        self.begin_ = self.written_ = time.monotonic()
        self.batches_, self.epoch_seconds_ = [], 0.0
        if self.found is None:
            return
        try:
            self._take_up(net, *self.found)
        except (KeyError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise CheckpointError(
                f"The unfinished training in {str(self.path)!r} does not fit this network "
                f"({reason}); it may come from another version. {self._way_out()}"
            ) from error
        self.found = None  # the net is kept, and must not hold the weights twice
        if net.verbose:
            print(f"Training goes on after epoch {self.n_epochs}, batch {self.n_batches}.")

    def on_epoch_begin(self, net, **kwargs):
        # The epoch that was broken off: its losses and its seconds count as well.
        net.history[-1, "batches"].extend(self.batches_)
        dict(net.callbacks_)["epoch_timer"].epoch_start_time_ -= self.epoch_seconds_
        self.batches_, self.epoch_seconds_ = [], 0.0

    def on_batch_end(self, net, training=False, **kwargs):
        if training and time.monotonic() - self.written_ >= 60 * self.minutes:
            self._write(net, len(net.history) - 1, len(net.history[-1, "batches"]))

    def on_epoch_end(self, net, **kwargs):
        self._write(net, len(net.history), 0)

    def on_train_end(self, net, **kwargs):
        if not self.stopped_ and has_finished(net):
            self._write(net, len(net.history), 0, finished=True)
            self.processes.any(False)  # none may delete the file before it is written

    # ------------------------------------------------------------------ state
    def _write(self, net, n_epochs, n_batches, finished=False):
        """Write all that the rest of the training follows from."""
        self.written_ = time.monotonic()
        if not self.processes.is_main:
            return
        callbacks = dict(net.callbacks_)
        optimizer = net.optimizer_.state_dict()
        parts = {
            "module": net.module_.state_dict(),
            "criterion": net.criterion_.state_dict(),
            "optimizer": {
                f"{number}.{name}": value
                for number, state in optimizer["state"].items()
                for name, value in state.items()
            },
            "random": _random_states(net.device),
        }
        header = {
            "kind": _KIND,
            "fingerprint": self.fingerprint,
            "finished": finished,
            "n_epochs": n_epochs,
            "n_batches": n_batches,
            "seconds": self.written_ - self.begin_,
            # Batches of finished epochs are in the epoch's means.
            "history": [{**row, "batches": []} for row in net.history[:n_epochs]],
            "optimizer": optimizer["param_groups"],
        }
        if n_batches:
            header["batches"] = net.history[-1, "batches"]
            header["epoch_seconds"] = time.time() - callbacks["epoch_timer"].epoch_start_time_
        if "schedule" in callbacks:
            header["schedule"] = callbacks["schedule"].lr_scheduler_.state_dict()
        if "early_stopping" in callbacks:
            early = callbacks["early_stopping"]
            parts["best"] = early.best_model_weights_ or {}
            header["early_stopping"] = {
                "misses_": early.misses_,
                "best_epoch_": early.best_epoch_,
                "dynamic_threshold_": float(early.dynamic_threshold_),
            }
        tensors = {f"{part}/{k}": v for part, values in parts.items() for k, v in values.items()}
        write_checkpoint(self.path, tensors, header)

    def _take_up(self, net, tensors, header):
        """Put everything that `_write` has written back in its place."""
        callbacks = dict(net.callbacks_)
        parts = {"module": {}, "criterion": {}, "optimizer": {}, "best": {}, "random": {}}
        for name, value in tensors.items():
            part, _, name = name.partition("/")
            parts[part][name] = value
        net.module_.load_state_dict(parts["module"])
        net.criterion_.load_state_dict(parts["criterion"])
        state = {}
        for name, value in parts["optimizer"].items():
            number, _, name = name.partition(".")
            state.setdefault(int(number), {})[name] = value
        groups = zip(header["optimizer"], net.optimizer_.param_groups, strict=True)
        for group, now in groups:
            # Another device may compute the same step in another way.
            group.update(betas=tuple(group["betas"]), fused=now["fused"], foreach=now["foreach"])
        net.optimizer_.load_state_dict({"state": state, "param_groups": header["optimizer"]})
        if "schedule" in callbacks:
            callbacks["schedule"].lr_scheduler_.load_state_dict(header["schedule"])
        if "early_stopping" in callbacks:
            vars(callbacks["early_stopping"]).update(header["early_stopping"])
            callbacks["early_stopping"].best_model_weights_ = parts["best"] or None
        if "time_limit" in callbacks:
            callbacks["time_limit"].begin_ -= header["seconds"]
        self.begin_ -= header["seconds"]
        net.history.extend(header["history"])
        for name in ("train_loss", "valid_loss"):
            losses = [row[name] for row in net.history if name in row]
            callbacks[name].best_score_ = min(losses, default=float("inf"))
        if self.n_batches:
            self.batches_, self.epoch_seconds_ = header["batches"], header["epoch_seconds"]
        self.stopped_ = self.finished
        self._restore_random(parts["random"], net.device)

    def _restore_random(self, states, device):
        """Put the random states back that dropout draws from."""
        if self.processes.is_main:
            torch.set_rng_state(states["cpu"])
            if "cuda" in states and str(device).startswith("cuda"):
                torch.cuda.set_rng_state(states["cuda"], device)
        else:  # only the first process has written its own
            place = self.n_epochs * _MANY_BATCHES + self.n_batches
            torch.manual_seed(torch.initial_seed() + place)


def has_finished(net):
    """Whether a training came to its end, or was stopped by its own rules."""
    done = sum("train_loss" in row and "dur" in row for row in net.history)
    stopped = any(getattr(callback, "stopped_", False) for _, callback in net.callbacks_)
    return done >= net.max_epochs or stopped


def _random_states(device):
    """Give torch's random states, of the CPU and of the GPU in use."""
    states = {"cpu": torch.get_rng_state()}
    if str(device).startswith("cuda"):
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def _differences(there, here):
    """Word what differs between two nested dictionaries, entry by entry."""
    there, here = _flat(there), _flat(json.loads(json.dumps(here)))
    return [
        f"`{name}` ({_short(there, name)} in the file, {_short(here, name)} now)"
        for name in here | there
        if name not in there or name not in here or there[name] != here[name]
    ]


def _flat(nested, prefix=""):
    """Give the leaves of nested dictionaries by dotted names."""
    leaves = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            leaves |= _flat(value, f"{prefix}{name}.")
        else:
            leaves[prefix + name] = value
    return leaves


def _short(leaves, name):
    """Word a value in at most 60 characters."""
    text = repr(leaves[name]) if name in leaves else "absent"
    return text if len(text) <= 60 else f"{text[:57]}..."
