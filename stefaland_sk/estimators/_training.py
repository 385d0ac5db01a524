"""Training: a skorch net, built and held by the estimators."""

import time
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping, LRScheduler, ProgressBar
from skorch.helper import predefined_split

from stefaland_sk._core import check_number, check_option
from stefaland_sk.estimators._windows import WindowLoader

_MIN_UPDATES = 20  # per epoch, as far as batches of 8 allow
_RISE = 0.2  # share of the training in which the learning rate rises


@dataclass(frozen=True)
class TrainingPlan:
    """How long and how fast to train; filled from an estimator's parameters."""

    max_epochs: int
    batch_size: int
    lr: float
    weight_decay: float = 0.0
    max_minutes: float | None = None
    patience: int | None = None
    clip: float = 1.0
    device: str = "cpu"
    verbose: int = 0
    seed: int = 0

    def __post_init__(self):
        check_number("max_epochs", self.max_epochs, low=0, integer=True)
        check_number("batch_size", self.batch_size, low=1, integer=True)
        check_number("lr", self.lr, low=0, open_low=True)
        check_number("weight_decay", self.weight_decay, low=0)
        check_number("max_minutes", self.max_minutes, low=0, none=True, open_low=True)
        check_number("patience", self.patience, low=1, integer=True, none=True)

    @classmethod
    def of(cls, estimator, device, seed):
        """Take the plan from the parameters of an estimator."""
        names = ("max_epochs", "batch_size", "lr", "weight_decay", "max_minutes", "patience")
        given = {name: getattr(estimator, name) for name in (*names, "verbose")}
        return cls(**given, device=device, seed=seed)


class TimeLimit(Callback):
    """Stop after the epoch in which a number of minutes is exceeded."""

    def __init__(self, max_minutes):
        self.max_minutes = max_minutes

    def initialize(self):
        self.stopped_ = False
        return self

    def on_train_begin(self, net, **kwargs):
        self.begin_ = time.monotonic()

    def on_epoch_end(self, net, **kwargs):
        if time.monotonic() - self.begin_ > 60 * self.max_minutes:
            self.stopped_ = True
            raise KeyboardInterrupt  # skorch's way to end training and keep the net


class StopEarly(EarlyStopping):
    """Stop when the validation loss no longer falls, and keep the best epoch.

    Epochs in which the learning rate still rises neither count as misses nor as best.
    """

    def __init__(self, first_epoch, patience):
        super().__init__(monitor="valid_loss", patience=patience, load_best=True, sink=_silent)
        self.first_epoch = first_epoch

    def initialize(self):
        self.stopped_ = False
        return self

    def on_epoch_end(self, net, **kwargs):
        if net.history[-1, "epoch"] < self.first_epoch:
            return
        try:
            super().on_epoch_end(net, **kwargs)
        except KeyboardInterrupt:
            self.stopped_ = True
            raise


@contextmanager
def seeded(seed, device="cpu"):
    """Make what torch draws inside the block follow from `seed`; leave its state as it was."""
    devices = [torch.device(device)] if str(device).startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def resolve_device(device):
    """Turn "auto" into the device at hand, and check any other name."""
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(
            f"`device`={device!r} is not at hand here ({str(error).splitlines()[0]}). Use "
            "device='auto' or 'cpu'."
        ) from error
    return device


def train_network(module, dataset, valid, criterion, plan):
    """Train a module and give the skorch net that holds it.

    Parameters
    ----------
    module : torch.nn.Module
        The network, built; trained in place.
    dataset, valid : WindowDataset
        Windows to train on, and to stop early by (None: no early stopping).
    criterion : torch.nn.Module
        ``criterion(predicted, truth) -> scalar Tensor``.
    plan : TrainingPlan
        Epochs, batch size, rates.

    Returns
    -------
    NeuralNet
        The trained net, on the best epoch's weights where there is a validation part.
    """
    # Few data get smaller batches, so that an epoch is never just one or two updates.
    batch_size = max(min(plan.batch_size, len(dataset) // _MIN_UPDATES), min(plan.batch_size, 8))
    n_batches = max(1, -(-len(dataset) // batch_size))
    callbacks = [("clip", GradientNormClipping(plan.clip))] if plan.clip else []
    if plan.max_epochs:
        total_steps = plan.max_epochs * n_batches + 1
        schedule = LRScheduler(
            policy=torch.optim.lr_scheduler.OneCycleLR,
            step_every="batch",
            max_lr=plan.lr,
            total_steps=total_steps,
            pct_start=max(_RISE, 2 / total_steps),  # a rise of no step would divide by zero
        )
        callbacks.append(("schedule", schedule))
    if valid is not None and plan.patience:
        first_epoch = 1 + int(_RISE * plan.max_epochs)
        callbacks.append(("early_stopping", StopEarly(first_epoch, plan.patience)))
    if plan.max_minutes is not None:
        callbacks.append(("time_limit", TimeLimit(plan.max_minutes)))
    if plan.verbose > 1:
        callbacks.append(("progress", ProgressBar()))
    net = NeuralNet(
        module,
        criterion=criterion,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=plan.weight_decay,
        lr=plan.lr,
        max_epochs=plan.max_epochs,
        batch_size=batch_size,
        iterator_train=WindowLoader,
        iterator_train__seed=plan.seed,
        iterator_valid=WindowLoader,
        train_split=predefined_split(valid) if valid is not None else None,
        callbacks=callbacks,
        device=plan.device,
        verbose=int(plan.verbose > 0),
    )
    with seeded(plan.seed, plan.device):
        net.fit(dataset, y=None)
    _raise_if_interrupted(net)
    # The net is kept and pickled; the data it was trained on is not.
    net.train_split = None
    net.module_.zero_grad(set_to_none=True)
    net.optimizer_.state.clear()
    net.module_.eval()
    return net


def _raise_if_interrupted(net):
    """Raise again what skorch swallows: an interrupt by the user ends the whole work."""
    finished = sum("train_loss" in row and "dur" in row for row in net.history)
    stopped = any(getattr(callback, "stopped_", False) for _, callback in net.callbacks_)
    if finished < net.max_epochs and not stopped:
        raise KeyboardInterrupt


def training_summary(net):
    """Give the history of a net as a list of plain dictionaries."""
    keys = ("epoch", "train_loss", "valid_loss", "dur")
    return [{key: row[key] for key in keys if key in row} for row in net.history]


def split_sites(n_sites, labelled, fraction, generator):
    """Choose the sites to stop early by, among the labelled ones.

    Parameters
    ----------
    n_sites : int
        Number of sites.
    labelled : ndarray of bool of shape (n_sites,)
        Which sites have a target.
    fraction : float
        Share of the labelled sites to set apart.
    generator : numpy.random.RandomState
        Source of the choice.

    Returns
    -------
    ndarray of bool of shape (n_sites,)
        True for the sites set apart; at least one labelled site stays.
    """
    chosen = labelled.copy()
    chosen[:] = False
    candidates = labelled.nonzero()[0]
    n_valid = min(max(1, round(fraction * len(candidates))), len(candidates) - 1)
    chosen[generator.permutation(candidates)[:n_valid]] = True
    return chosen


def use_early_stopping(early_stopping, n_labelled):
    """Decide whether sites are set apart; "auto" wants 20 labelled ones."""
    check_option("early_stopping", early_stopping, ["auto", True, False])
    if early_stopping is True and n_labelled < 2:
        raise ValueError(
            "`early_stopping=True` sets labelled sites apart, but there is only "
            f"{n_labelled}. Use early_stopping=False."
        )
    return n_labelled >= 20 if early_stopping == "auto" else early_stopping


def _silent(*args, **kwargs):
    """Swallow the messages of early stopping."""
