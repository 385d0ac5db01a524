"""Training: a skorch net, built and held by the estimators."""

import math
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping, LRScheduler, ProgressBar
from skorch.helper import predefined_split
from skorch.utils import to_tensor

from stefaland_sk._core import check_number, check_option
from stefaland_sk.encoders._checkpoint import tensors_digest
from stefaland_sk.estimators._distributed import Processes
from stefaland_sk.estimators._inputs import validation_regions
from stefaland_sk.estimators._resume import Resume, has_finished

_MIN_UPDATES = 20  # per epoch, as far as batches of 8 allow
_UPDATES = 1_600  # of a whole training, for `max_epochs="auto"`: see `choose_defaults.py`
_EPOCHS = (4, 20)  # the least and the most that it takes
_RISE = 0.2  # share of the training in which the learning rate rises
# What of a plan the weights depend on; a training that goes on must have the same.
_DECISIVE = (
    *("max_epochs", "lr", "weight_decay", "patience", "clip", "seed", "precision"),
    *("optimizer", "lr_schedule", "encoder_lr"),
)
OPTIMIZERS = {"adamw": torch.optim.AdamW, "adadelta": torch.optim.Adadelta}
LR_SCHEDULES = ("one_cycle", "cosine", "constant")


@dataclass(frozen=True)
class TrainingPlan:
    """How long, how fast and by what means to train; filled from an estimator's parameters.

    Parameters
    ----------
    max_epochs, batch_size, lr, weight_decay, max_minutes, patience, verbose
        Parameters of the estimators.
    clip : float, default=1.0
        Largest norm of the gradient; 0 does not clip.
    device : str, default="cpu"
        From `resolve_device`.
    seed : int, default=0
        Source of order, masks and dropout.
    precision : {"float32", "bf16"}, default="float32"
        From `resolve_precision`. In "bf16" the network computes in mixed precision; weights,
        their optimiser and the loss stay in float32.
    compile : bool, default=False
        Whether the training steps run through ``torch.compile``.
    checkpoint : str or Path, default=None
        File of the unfinished training, which goes on from it if it exists. Who calls
        deletes it when the model is safe. None writes nothing.
    checkpoint_minutes : float, default=10.0
        How often the file is written within an epoch; it is after each.
    fingerprint : dict
        What is trained on what, in values that JSON can hold. `train_network` adds the
        numbers of this plan that the weights depend on.
    distributed : bool, default=False
        Whether the processes that `Processes` finds train together.
    optimizer : {"adamw", "adadelta"}, default="adamw"
        What turns gradients into steps.
    lr_schedule : {"one_cycle", "cosine", "constant"}, default="one_cycle"
        How the learning rate goes: up to `lr` and down; down from `lr`; or `lr` throughout.
    encoder_lr : float, default=1.0
        Learning rate of weights below "encoder.", as a multiple of `lr`.
    stages : list of (int, set of str), default=None
        Epochs, ascending from 0, and the names of the weights trained from each on; None
        trains all.
    """

    max_epochs: int | str
    batch_size: int
    lr: float
    weight_decay: float = 0.0
    max_minutes: float | None = None
    patience: int | None = None
    clip: float = 1.0
    device: str = "cpu"
    verbose: int = 0
    seed: int = 0
    precision: str = "float32"
    compile: bool = False
    checkpoint: object = None
    checkpoint_minutes: float = 10.0
    fingerprint: dict = field(default_factory=dict)
    distributed: bool = False
    optimizer: str = "adamw"
    lr_schedule: str = "one_cycle"
    encoder_lr: float = 1.0
    stages: list | None = None

    def __post_init__(self):
        if self.max_epochs != "auto":
            check_number("max_epochs", self.max_epochs, low=0, integer=True)
        check_number("batch_size", self.batch_size, low=1, integer=True)
        check_number("lr", self.lr, low=0, open_low=True)
        check_number("weight_decay", self.weight_decay, low=0)
        check_number("max_minutes", self.max_minutes, low=0, none=True, open_low=True)
        check_number("patience", self.patience, low=1, integer=True, none=True)
        check_option("precision", self.precision, ["float32", "bf16"])
        check_option("compile", self.compile, [True, False])
        check_number("checkpoint_minutes", self.checkpoint_minutes, low=0)
        check_option("distributed", self.distributed, [True, False])
        check_option("optimizer", self.optimizer, list(OPTIMIZERS))
        check_option("lr_schedule", self.lr_schedule, list(LR_SCHEDULES))
        check_number("encoder_lr", self.encoder_lr, low=0, open_low=True)

    @classmethod
    def of(cls, estimator, device, seed, **means):
        """Take the plan from the parameters of an estimator, `means` as they are given."""
        names = ("max_epochs", "batch_size", "lr", "weight_decay", "max_minutes", "patience")
        given = {name: getattr(estimator, name) for name in (*names, "verbose")}
        return cls(**given, device=device, seed=seed, **means)


class TimeLimit(Callback):
    """Stop after the epoch in which a number of minutes is exceeded in any process."""

    def __init__(self, max_minutes, processes):
        self.max_minutes, self.processes = max_minutes, processes

    def initialize(self):
        self.stopped_ = False
        return self

    def on_train_begin(self, net, **kwargs):
        self.begin_ = time.monotonic()

    def on_epoch_end(self, net, **kwargs):
        if self.processes.any(time.monotonic() - self.begin_ > 60 * self.max_minutes):
            self.stopped_ = True
            raise KeyboardInterrupt  # skorch's way to end training and keep the net


class Pace(Callback):
    """Record the learning rate and the samples per second of each epoch."""

    def on_epoch_end(self, net, **kwargs):
        n_samples = sum(net.history[-1, "batches", :, "train_batch_size"])
        # The last group: what is left beside groups with rates of their own.
        net.history.record("lr", net.optimizer_.param_groups[-1]["lr"])
        # A clock may stand still for an epoch of no length.
        net.history.record("samples_per_second", n_samples / max(net.history[-1, "dur"], 1e-6))


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


class Unfreeze(Callback):
    """Let weights be trained from certain epochs on.

    Parameters
    ----------
    stages : list of (int, set of str)
        As of a `TrainingPlan`.
    """

    def __init__(self, stages):
        self.stages = stages

    def on_epoch_begin(self, net, **kwargs):
        epoch = net.history[-1, "epoch"] - 1
        trained = [names for first, names in self.stages if first <= epoch][-1]
        for name, parameter in net.module_.named_parameters():
            parameter.requires_grad_(name in trained)


class TrainingNet(NeuralNet):
    """A skorch net that can train in mixed precision, compiled, and in several processes.

    Parameters
    ----------
    precision : {"float32", "bf16"}
        What the module computes in.
    compiled : bool
        Whether training steps run through ``torch.compile``; the module itself stays plain.
    processes : Processes
        Who else trains.
    """

    def __init__(self, *args, precision, compiled, processes, **kwargs):
        super().__init__(*args, **kwargs)
        self.precision, self.compiled, self.processes = precision, compiled, processes
        self.forward_ = None

    def infer(self, x, **fit_params):
        inputs = to_tensor(x, device=self.device)
        forward = self.forward_ if self.module_.training and self.compiled else self.module_
        if self.precision == "float32":
            return forward(**inputs)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16):
            return _to_float32(forward(**inputs))

    def on_train_begin(self, net, **kwargs):
        super().on_train_begin(net, **kwargs)
        # The method, not the module: skorch would take that for a second one to train.
        self.forward_ = torch.compile(self.module_.forward) if self.compiled else None

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.processes.average_gradients(parameter for _, parameter in named_parameters)

    def on_batch_end(self, net, training=False, **kwargs):
        self._join_losses(training)
        if training and not math.isfinite(self.history[-1, "batches", -1, "train_loss"]):
            self._refuse_divergence()

    def on_train_end(self, net, **kwargs):
        super().on_train_end(net, **kwargs)
        # The last update of all is in no loss.
        if not all(torch.isfinite(weight).all() for weight in self.module_.parameters()):
            self._refuse_divergence()

    def _refuse_divergence(self):
        """Raise: to go on with weights that are no numbers would be to hide it."""
        raise FloatingPointError(
            f"The training has diverged: in epoch {len(self.history)} the loss or a weight is no "
            f"finite number. Lower `lr` (now {self.lr:.3g}), or look for extreme values in the "
            "data with `X.check(y)`."
        )

    def _join_losses(self, training):
        """Give all processes the loss of the whole batch."""
        if self.processes.world == 1:
            return
        # The loss of the whole batch, and its size, are the same in all processes: so are
        # the decisions that follow from them.
        keys = [f"{'train' if training else 'valid'}_{what}" for what in ("loss", "batch_size")]
        loss, n_samples = (self.history[-1, "batches", -1, key] for key in keys)
        mine = torch.tensor([loss / self.processes.world, n_samples], dtype=torch.float64)
        loss, n_samples = self.processes.sum(mine.to(self.device)).tolist()
        self.history.record_batch(keys[0], loss)
        self.history.record_batch(keys[1], int(n_samples))


def _to_float32(values):
    """Turn tensors, also those in (named) tuples, into float32."""
    if isinstance(values, torch.Tensor):
        return values.float() if values.is_floating_point() else values
    if hasattr(values, "_fields"):
        return type(values)(*map(_to_float32, values))
    return tuple(map(_to_float32, values)) if isinstance(values, tuple) else values


@contextmanager
def seeded(seed, device="cpu"):
    """Make what torch draws inside the block follow from `seed`; leave its state as it was."""
    devices = [torch.device(device)] if str(device).startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


@contextmanager
def _tensor_cores(device):
    """Let a GPU multiply float32 matrices by its fast units (TF32) inside the block."""
    before = torch.get_float32_matmul_precision()
    if str(device).startswith("cuda"):
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def resolve_device(device, distributed=False):
    """Turn "auto" into the device at hand, and check any other name.

    Of several processes each gets its own.
    """
    if distributed:
        return Processes(True, device).device
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


def resolve_precision(precision, device):
    """Turn "auto" into the precision to train in, and check that the device knows it.

    Parameters
    ----------
    precision : {"auto", "float32", "bf16"}
        "auto" is bf16 on a CUDA device that has it, float32 elsewhere.
    device : str
        From `resolve_device`.

    Returns
    -------
    {"float32", "bf16"}
        What to train in.

    Raises
    ------
    ValueError
        If the device has no bf16.

    Warns
    -----
    UserWarning
        If the processor has to imitate bf16, at many times the cost of float32.

    Examples
    --------
    >>> resolve_precision("auto", "cpu")
    'float32'
    """
    check_option("precision", precision, ["auto", "float32", "bf16"])
    kind = torch.device(device).type
    # CPUs without instructions for it compute it nonetheless, slowly.
    able = kind == "cpu" or (kind == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8)
    if precision == "bf16" and not able:
        raise ValueError(
            f"`precision`='bf16' is not to be had on `device`={device!r}. Use precision='auto' or "
            "'float32'."
        )
    if precision == "auto":
        return "bf16" if able and kind == "cuda" else "float32"
    if precision == "bf16" and kind == "cpu" and not _cpu_has_bf16():
        warnings.warn(
            "This processor has no instructions for `precision`='bf16' and imitates them, at many "
            "times the cost of 'float32'.",
            UserWarning,
            stacklevel=2,
        )
    return precision


def _cpu_has_bf16():
    """Tell whether the processor has instructions for bf16."""
    # torch has no public question for all kinds of processors.
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _check_compiler(device):
    """Raise unless ``torch.compile`` works here."""
    try:
        torch.compile(torch.exp)(torch.zeros(2, device=device))
    except Exception as error:  # whatever fails inside: a compiler, its headers, triton
        raise RuntimeError(
            f"`compile=True` does not work here: torch.compile fails with "
            f"{type(error).__name__}. It needs a C++ compiler (and triton on a GPU); install "
            "them, or use compile=False."
        ) from error


def _deal(dataset, batch_size, *, epoch=0, first_batch=0, **options):
    """Give the batches of a dataset, beginning in the middle of a training if need be."""
    batches = dataset.batches(batch_size, **options)
    batches.epoch, batches.first_batch = epoch, first_batch
    return batches


def choose_epochs(n_batches):
    """Choose the number of epochs by the number of updates that they make.

    Examples
    --------
    >>> choose_epochs(20), choose_epochs(400)
    (20, 4)
    """
    return int(min(max(round(_UPDATES / n_batches), _EPOCHS[0]), _EPOCHS[1]))


def train_network(module, dataset, valid, criterion, plan):
    """Train a module and give the skorch net that holds it.

    Parameters
    ----------
    module : torch.nn.Module
        The network, built; trained in place.
    dataset, valid : WindowDataset or CorpusDataset
        Samples to train on, and to stop early by (None: no early stopping).
    criterion : torch.nn.Module
        ``criterion(predicted, truth) -> scalar Tensor``; its parameters are trained too.
        In several processes it must sum its counts by its attribute ``total``.
    plan : TrainingPlan
        Epochs, batch size, rates, precision, checkpoints.

    Returns
    -------
    NeuralNet
        The trained net, on the best epoch's weights where there is a validation part.

    Raises
    ------
    CheckpointError
        If the file of an unfinished training is damaged, or of another training.
    FileNotFoundError
        If its folder does not exist.
    ImportError
        If several processes are asked for without the package accelerate.
    RuntimeError
        If ``torch.compile`` is asked for and fails.
    ValueError
        If several processes are not given the same training.
    """
    if plan.compile:
        _check_compiler(plan.device)
    processes = Processes(plan.distributed, plan.device)
    # Few data get smaller batches, so that an epoch is never just one or two updates.
    batch_size = max(min(plan.batch_size, len(dataset) // _MIN_UPDATES), min(plan.batch_size, 8))
    share = {"rank": processes.rank, "world": processes.world}
    n_batches = len(dataset.batches(batch_size, seed=plan.seed, **share))
    if plan.max_epochs == "auto":
        plan = replace(plan, max_epochs=choose_epochs(n_batches))
    fingerprint = {
        **plan.fingerprint,
        **{name: getattr(plan, name) for name in _DECISIVE},
        "batch_size": batch_size,
        "n_samples": len(dataset),
        "n_validation_samples": 0 if valid is None else len(valid),
    }
    resume = None
    if plan.checkpoint is not None:
        resume = Resume(plan.checkpoint, plan.checkpoint_minutes, fingerprint, processes)
        resume.read()
    n_done, first_batch = (resume.n_epochs, resume.n_batches) if resume else (0, 0)
    n_epochs = 0 if resume and resume.finished else plan.max_epochs - n_done
    if processes.world > 1:
        weights = tensors_digest({k: v.cpu() for k, v in module.state_dict().items()})
        processes.check_same(repr([fingerprint, weights, n_done, first_batch]))
        criterion.total = processes.sum
    verbose = plan.verbose if processes.is_main else 0

    callbacks = [("clip", GradientNormClipping(plan.clip))] if plan.clip else []
    callbacks.append(("pace", Pace()))
    if plan.stages is not None:
        callbacks.append(("unfreeze", Unfreeze(plan.stages)))
    # A list of learning rates: one for each group of weights.
    groups = [("encoder.*", {"lr": plan.lr * plan.encoder_lr})] if plan.encoder_lr != 1 else []
    if plan.max_epochs and plan.lr_schedule != "constant":
        rates = [*(options["lr"] for _, options in groups), plan.lr]
        schedule = _make_schedule(plan, plan.max_epochs * n_batches + 1, rates)
        callbacks.append(("schedule", schedule))
    if valid is not None and plan.patience and plan.max_epochs:
        rise = _RISE if plan.lr_schedule == "one_cycle" else 0
        first_epoch = 1 + int(rise * plan.max_epochs)
        callbacks.append(("early_stopping", StopEarly(first_epoch, plan.patience)))
    if plan.max_minutes is not None:
        callbacks.append(("time_limit", TimeLimit(plan.max_minutes, processes)))
    if verbose > 1:
        callbacks.append(("progress", ProgressBar()))
    if resume is not None:
        callbacks.append(("resume", resume))  # the last: it writes what the others have done
    on_gpu = str(plan.device).startswith("cuda")
    net = TrainingNet(
        module,
        criterion=criterion,
        optimizer=OPTIMIZERS[plan.optimizer],
        optimizer__weight_decay=plan.weight_decay,
        optimizer__param_groups=groups,
        # One kernel for all weights; on a CPU that would round otherwise than the plain loop.
        optimizer__foreach=not (on_gpu and plan.optimizer == "adamw"),
        **({"optimizer__fused": True} if on_gpu and plan.optimizer == "adamw" else {}),
        lr=plan.lr,
        max_epochs=plan.max_epochs,
        batch_size=batch_size,
        iterator_train=_deal,
        iterator_train__seed=plan.seed,
        iterator_train__epoch=n_done,
        iterator_train__first_batch=first_batch,
        iterator_valid=_deal,
        train_split=predefined_split(valid) if valid is not None else None,
        callbacks=callbacks,
        device=plan.device,
        verbose=int(verbose > 0),
        precision=plan.precision,
        compiled=plan.compile,
        processes=processes,
        **{f"iterator_{part}__{k}": v for part in ("train", "valid") for k, v in share.items()},
    )
    # Each process drops its own activations.
    with seeded(plan.seed + processes.rank, plan.device), _tensor_cores(plan.device):
        net.fit(dataset, y=None, epochs=n_epochs)
    if not has_finished(net):  # skorch swallows what ends the whole work: raise it again
        raise KeyboardInterrupt
    # The net is kept and pickled; the data it was trained on is not.
    net.train_split = net.forward_ = None
    net.module_.zero_grad(set_to_none=True)
    net.optimizer_.state.clear()
    net.module_.eval()
    return net


def _make_schedule(plan, total_steps, rates):
    """Give the callback that sets the learning rate after each batch."""
    policies = torch.optim.lr_scheduler
    if plan.lr_schedule == "cosine":
        return LRScheduler(policy=policies.CosineAnnealingLR, step_every="batch", T_max=total_steps)
    return LRScheduler(
        policy=policies.OneCycleLR,
        step_every="batch",
        max_lr=rates,
        total_steps=total_steps,
        pct_start=max(_RISE, 2 / total_steps),  # a rise of no step would divide by zero
        cycle_momentum=plan.optimizer == "adamw",
    )


def training_summary(net):
    """Give the history of a net as a list of plain dictionaries."""
    keys = ("epoch", "train_loss", "valid_loss", "lr", "samples_per_second", "dur")
    return [{key: row[key] for key in keys if key in row} for row in net.history]


def joint_summary(nets):
    """Give the histories of all networks of an estimator; rows name theirs if there are several."""
    return [
        {**row, "net": number} if len(nets) > 1 else row
        for number, net in enumerate(nets)
        for row in training_summary(net)
    ]


def set_apart(estimator, panel, labelled, generator):
    """Choose the sites to stop early by, as the parameters of an estimator want it.

    Parameters
    ----------
    estimator : estimator
        With ``early_stopping``, ``validation_split`` and ``validation_fraction``.
    panel : Panel
        The sites.
    labelled : ndarray of bool of shape (n_sites,)
        Which sites have a target.
    generator : numpy.random.RandomState
        Source of the choice.

    Returns
    -------
    ndarray of bool of shape (n_sites,)
        True for the sites set apart; none where nothing is stopped early.
    """
    if not use_early_stopping(estimator.early_stopping, int(labelled.sum())):
        return np.zeros(len(labelled), dtype=bool)
    regions = validation_regions(estimator, panel, labelled)
    fraction = estimator.validation_fraction
    return split_sites(len(labelled), labelled, fraction, generator, regions)


def split_sites(n_sites, labelled, fraction, generator, regions=None):
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
    regions : ndarray of shape (n_sites,), default=None
        Region of each site: whole regions are set apart, as few as reach the share.

    Returns
    -------
    ndarray of bool of shape (n_sites,)
        True for the sites set apart; at least one labelled site stays.
    """
    chosen = labelled.copy()
    chosen[:] = False
    candidates = labelled.nonzero()[0]
    n_valid = min(max(1, round(fraction * len(candidates))), len(candidates) - 1)
    if regions is None:
        chosen[generator.permutation(candidates)[:n_valid]] = True
        return chosen
    names = np.unique(regions[candidates])
    for name in generator.permutation(names)[:-1]:  # one region at least is trained on
        if chosen.sum() >= n_valid:
            break
        chosen |= labelled & (regions == name)
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
