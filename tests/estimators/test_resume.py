"""Trainings broken off at any moment go on as if they had not been."""

import signal
import subprocess
import sys

import pytest
import torch

from stefaland_sk._core import CheckpointError
from stefaland_sk.data import find_segments
from stefaland_sk.encoders._checkpoint import read_checkpoint, write_checkpoint
from stefaland_sk.estimators._training import TrainingPlan, train_network, training_summary
from stefaland_sk.estimators._windows import WindowDataset


class BrokenOffError(Exception):
    """What ends a training in the middle of a batch."""


class Network(torch.nn.Module):
    """Read the target off two series."""

    def __init__(self, dropout):
        super().__init__()
        self.first, self.last = torch.nn.Linear(2, 8), torch.nn.Linear(8, 1)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, series):
        return self.last(self.dropout(torch.tanh(self.first(series))))[..., 0]


class Criterion(torch.nn.Module):
    """A squared error with a weight that is learned; may break off at a call."""

    def __init__(self, break_off=None, how=None):
        super().__init__()
        self.log_weight = torch.nn.Parameter(torch.zeros(()))
        self.calls, self.break_off, self.how = 0, break_off, how

    def forward(self, predicted, truth):
        self.calls += 1
        if self.calls == self.break_off:
            self.how()
        seen = torch.isfinite(truth["target"])
        error = (predicted - truth["target"])[seen].square().mean()
        return torch.exp(-self.log_weight) * error + self.log_weight


def break_off():
    raise BrokenOffError


def windows(n_sites, seed, random=True):
    torch.manual_seed(seed)
    series = torch.randn(n_sites, 50, 2)
    target = series[..., 0] - series[..., 1] ** 2 + 0.3 * torch.randn(n_sites, 50)
    present = torch.ones(n_sites, 50, dtype=torch.bool).numpy()
    options = {"target": target, "random": random}
    return WindowDataset({"series": series}, {}, find_segments(present), 10, 2, **options)


def train(checkpoint, *, at=None, how=break_off, dropout=0.3, early=True, **params):
    """Train a small network for four epochs of nine batches and three of validation."""
    with torch.random.fork_rng():
        dataset, valid = windows(12, 0), windows(4, 1, random=False) if early else None
        torch.manual_seed(0)
        network = Network(dropout)
    options = {"max_epochs": 4, "batch_size": 8, "lr": 0.05, "patience": 2, "seed": 3}
    options |= {"checkpoint": checkpoint, "checkpoint_minutes": 0.0 if at else 60.0}
    plan = TrainingPlan(**{**options, **params})
    return train_network(network, dataset, valid, Criterion(at, how), plan)


def results(net, path):
    """All that a finished training leaves, but for seconds."""
    tensors, header = read_checkpoint(path)
    timed = ("dur", "samples_per_second")
    for row in header["history"]:
        for name in (*timed, "train_batch_count"):
            row.pop(name, None)
    for name in ("seconds", "tensors_sha256"):
        header.pop(name)
    losses = [(row["train_loss"], row.get("valid_loss")) for row in training_summary(net)]
    return tensors, header, losses


def assert_same_training(net, path, expected):
    tensors, header, losses = results(net, path)
    assert losses == expected[2]
    assert header == expected[1]
    assert tensors.keys() == expected[0].keys()
    for name, value in expected[0].items():
        assert torch.equal(tensors[name], value), name


@pytest.fixture(scope="module", params=[(0.3, True), (0.3, False), (0.0, True)])
def unbroken(request, tmp_path_factory):
    """How a training is set up, and its results when it is not broken off."""
    path = tmp_path_factory.mktemp("unbroken") / "training.safetensors"
    setup = dict(zip(("dropout", "early"), request.param, strict=True))
    return setup, results(train(path, **setup), path)


# ---------------------------------------------------------------------- going on
@pytest.mark.parametrize("at", [1, 2, 9, 11, 13, 30])
def test_a_training_broken_off_in_a_batch_gives_the_weights_of_the_unbroken_one(
    unbroken, tmp_path, at
):
    """To the bit, with the learned weight of the loss, the optimiser and the random state."""
    setup, expected = unbroken
    path = tmp_path / "training.safetensors"
    with pytest.raises(BrokenOffError):
        train(path, at=at, **setup)
    assert path.exists() == (at > 1)  # before the first batch ends there is nothing to keep
    assert_same_training(train(path, **setup), path, expected)


def test_a_training_may_be_broken_off_again_and_again(unbroken, tmp_path):
    setup, expected = unbroken
    path = tmp_path / "training.safetensors"
    for at in (7, 1, 2, 5, 3):
        with pytest.raises(BrokenOffError):
            train(path, at=at, **setup)
    assert_same_training(train(path, **setup), path, expected)


def test_without_minutes_passed_the_file_is_that_of_the_last_epoch(unbroken, tmp_path):
    setup, expected = unbroken
    path = tmp_path / "training.safetensors"
    with pytest.raises(BrokenOffError):
        train(path, at=17, checkpoint_minutes=60.0, **setup)
    _, header = read_checkpoint(path)
    assert (header["n_epochs"], header["n_batches"]) == (1, 0)
    assert_same_training(train(path, **setup), path, expected)


def test_a_checkpoint_does_not_change_the_training(unbroken):
    setup, expected = unbroken
    net = train(None, **setup)
    for name, value in net.module_.state_dict().items():
        assert torch.equal(expected[0][f"module/{name}"], value)


def test_a_process_killed_by_force_goes_on(tmp_path):
    path = tmp_path / "training.safetensors"
    expected = tmp_path / "unbroken.safetensors"
    code = (
        "import os, runpy, signal, torch; torch.set_num_threads(1); "
        f"train = runpy.run_path({__file__!r})['train']; "
        "kill = lambda: os.kill(os.getpid(), signal.SIGKILL); "
        f"train({str(path)!r}, at=17, how=kill)"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode == -signal.SIGKILL
    unbroken = results(train(expected), expected)
    assert_same_training(train(path), path, unbroken)


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    path = tmp_path / "training.safetensors"
    half = tmp_path / "training.safetensors.0123abcd.unfinished"
    other = tmp_path / "another.safetensors.0123abcd.unfinished"
    for file in (half, other):
        file.write_bytes(b"half")
    train(path, max_epochs=1)
    assert not half.exists()
    assert other.exists()


def test_a_training_in_mixed_precision_goes_on(tmp_path):
    files = [tmp_path / name for name in ("broken", "unbroken")]
    with pytest.raises(BrokenOffError):
        train(files[0], at=20, precision="bf16")
    nets = [train(file, precision="bf16") for file in files]
    assert_same_training(nets[0], files[0], results(nets[1], files[1]))


def test_a_training_that_goes_on_says_so_and_counts_the_time_before(tmp_path, capsys):
    path = tmp_path / "training.safetensors"
    with pytest.raises(BrokenOffError):
        train(path, at=17)
    tensors, header = read_checkpoint(path)
    seconds = {"seconds": 1000.0, "epoch_seconds": 500.0}
    write_checkpoint(path, tensors, header | seconds)
    net = train(path, max_minutes=1000 / 60, verbose=1)
    assert "Training goes on after epoch 1, batch 4" in capsys.readouterr().out
    assert len(net.history) == 2  # the limit was reached in the epoch broken off
    assert 500 < net.history[-1, "dur"] < 600


# ---------------------------------------------------------------------- finished
@pytest.mark.parametrize("how", ["epochs", "early stopping", "time"])
def test_a_finished_training_is_taken_as_it_is(tmp_path, how):
    path = tmp_path / "training.safetensors"
    params = {
        "epochs": {},
        "early stopping": {"lr": 1.0, "max_epochs": 40, "patience": 1},
        "time": {"max_minutes": 1e-9},
    }[how]
    net = train(path, **params)
    before = path.read_bytes()
    again = train(path, at=1, **params)  # one batch would break it off
    assert training_summary(again) == training_summary(net)
    for name, value in net.module_.state_dict().items():
        assert torch.equal(again.module_.state_dict()[name], value)
    assert path.read_bytes() == before
    assert len(net.history) == {"epochs": 4, "time": 1}.get(how, len(net.history))
    assert len(net.history) < 40


def test_an_interrupt_by_the_user_leaves_the_training_unfinished(unbroken, tmp_path):
    setup, expected = unbroken
    path = tmp_path / "training.safetensors"

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(path, at=25, how=interrupt, **setup)
    assert not read_checkpoint(path)[1]["finished"]
    assert_same_training(train(path, **setup), path, expected)


def test_no_epochs_is_a_finished_training(tmp_path):
    path = tmp_path / "training.safetensors"
    assert training_summary(train(path, max_epochs=0)) == []
    assert training_summary(train(path, max_epochs=0)) == []


# ---------------------------------------------------------------------- what is refused
def test_another_training_is_refused_entry_by_entry(tmp_path):
    path = tmp_path / "training.safetensors"
    then = {"corpus": "0f" * 40, "network": {"d_model": 64, "span": (30, 90)}}
    train(path, max_epochs=1, fingerprint=then)
    now = {"corpus": "a0" * 40, "network": {"d_model": 32, "span": (30, 90)}, "groups": None}
    message = (
        r"is not this one\. They differ in `corpus` \('0f0f.*\.\.\. in the file, 'a0a0.*\.\.\. now"
        r"\); `network.d_model` \(64 in the file, 32 now\); `groups` \(absent in the file, None now"
        r"\); `max_epochs` \(1 in the file, 2 now\); `seed` \(3 in the file, 4 now\)\. To begin "
        r"anew, delete the file '.*training\.safetensors' or give another path as `checkpoint`"
    )
    with pytest.raises(CheckpointError, match=message):
        train(path, max_epochs=2, seed=4, fingerprint=now)
    train(path, max_epochs=1, fingerprint=then)


def test_other_data_of_the_same_name_are_refused(tmp_path):
    path = tmp_path / "training.safetensors"
    train(path, max_epochs=1)
    with pytest.raises(CheckpointError, match=r"`n_validation_samples` \(\d+ in the file, 0 now"):
        train(path, max_epochs=1, early=False)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "training.safetensors"
    train(path, max_epochs=1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"cannot be read.*To begin anew, delete the file"):
        train(path, max_epochs=1)


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    write_checkpoint(path, {"weight": torch.zeros(2)}, {"kind": "encoder"})
    with pytest.raises(CheckpointError, match=r"holds a 'encoder', but a 'unfinished training'"):
        train(path, max_epochs=1)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "training.safetensors"
    train(path, max_epochs=1)
    tensors, header = read_checkpoint(path)
    tensors["module/first.weight"] = torch.zeros(3, 3)
    del header["tensors_sha256"]
    write_checkpoint(path, tensors, header)
    with pytest.raises(CheckpointError, match=r"does not fit this network \(.*first\.weight"):
        train(path, max_epochs=1)


def test_a_folder_that_does_not_exist_is_named_before_the_training(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"The folder of `checkpoint`='.*nowhere.*'"):
        train(tmp_path / "nowhere" / "training.safetensors", at=1)
