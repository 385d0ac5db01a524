"""Two processes train as one does; run as a script, this file is one of the two."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stefaland_sk.data import find_segments
from stefaland_sk.estimators._distributed import Processes
from stefaland_sk.estimators._training import (
    TrainingPlan,
    resolve_device,
    train_network,
    training_summary,
)
from stefaland_sk.estimators._windows import WindowDataset


class Criterion(torch.nn.Module):
    """A squared error over what is observed in all processes, with a learned weight."""

    def __init__(self, break_off=None):
        super().__init__()
        self.log_weight = torch.nn.Parameter(torch.zeros(()))
        self.total, self.break_off, self.calls = None, break_off, 0

    def forward(self, predicted, truth):
        self.calls += 1
        if self.calls == self.break_off:
            raise ZeroDivisionError
        seen = torch.isfinite(truth["target"])
        error = (predicted - truth["target"].nan_to_num())[seen].square().sum()
        count, world = seen.sum(), 1
        if self.total is not None:
            count, world = self.total(count), self.total(torch.ones(()))
        return torch.exp(-self.log_weight) * world * error / count + self.log_weight


class Network(torch.nn.Module):
    """Read the target off two series; one weight is never used."""

    def __init__(self):
        super().__init__()
        self.first, self.last = torch.nn.Linear(2, 8), torch.nn.Linear(8, 1)
        self.idle = torch.nn.Parameter(torch.ones(3))

    def forward(self, series):
        return self.last(torch.tanh(self.first(series)))[..., 0]


def windows(n_sites, seed, random=True):
    """Windows of which most targets are missing, unequally."""
    torch.manual_seed(seed)
    series = torch.randn(n_sites, 50, 2)
    target = series[..., 0] - series[..., 1] ** 2
    target[torch.rand(n_sites, 50) < torch.rand(n_sites, 1)] = torch.nan
    present = np.ones((n_sites, 50), dtype=bool)
    options = {"target": target, "random": random}
    return WindowDataset({"series": series}, {}, find_segments(present), 10, 0, **options)


def train(break_off=None, **params):
    """Train for four epochs, with early stopping."""
    with torch.random.fork_rng():
        dataset, valid = windows(8, 0), windows(3, 1, random=False)
        torch.manual_seed(0)
        network = Network()
    options = {"max_epochs": 4, "batch_size": 9, "lr": 0.05, "patience": 3, "seed": 1}
    plan = TrainingPlan(**{**options, **params})
    return train_network(network, dataset, valid, Criterion(break_off), plan)


def describe(net):
    """Give losses and weights in a form that JSON holds to the last bit."""
    losses = [[row["train_loss"], row["valid_loss"]] for row in training_summary(net)]
    weights = [p.tolist() for _, p in net.get_all_learnable_params()]
    return {"losses": losses, "weights": weights}


def work(folder):
    """Do what one of two processes does; write down what came of it."""
    assert resolve_device("cpu", distributed=True) == "cpu"
    results = {"whole": describe(train(distributed=True, verbose=1))}
    file = folder / "training.safetensors"
    options = {"distributed": True, "checkpoint": file, "checkpoint_minutes": 0.0}
    try:
        train(break_off=20, **options)
    except ZeroDivisionError:
        results["went on from"] = file.exists()
    results["resumed"] = describe(train(**options))
    results["stopped"] = len(train(distributed=True, max_minutes=1e-9).history)
    try:
        train(distributed=True, seed=Processes(True).rank)
    except ValueError as error:
        results["error"] = str(error)
    name = f"{os.environ['RANK']}.json"
    (folder / name).write_text(json.dumps(results), encoding="utf-8")
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What each of two processes has written down, and what they have printed."""
    pytest.importorskip("accelerate")
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    common |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    started = [
        subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    printed = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    read = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]
    return read, printed


def test_two_processes_have_the_losses_of_one(two):
    """At the same global batch; unequal numbers of observations included."""
    (first, second), _ = two
    assert first["whole"] == second["whole"]  # weights, to the bit
    alone = describe(train())
    np.testing.assert_allclose(first["whole"]["losses"], alone["losses"], rtol=1e-5)
    for mine, expected in zip(first["whole"]["weights"], alone["weights"], strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-5)


def test_two_processes_go_on_where_they_were_broken_off(two):
    (first, second), _ = two
    assert first["went on from"]
    assert first["resumed"] == second["resumed"] == first["whole"]


def test_two_processes_stop_after_the_same_epoch(two):
    (first, second), _ = two
    assert first["stopped"] == second["stopped"] == 1


def test_only_the_main_process_prints(two):
    _, (first, second) = two
    assert "train_loss" in first
    assert "train_loss" not in second


def test_two_processes_that_are_given_different_things_are_told(two):
    for results in two[0]:
        assert "The 2 processes of this training were given different data" in results["error"]
        assert "an integer as `random_state`" in results["error"]


def test_one_process_needs_nobody():
    processes = Processes()
    values = torch.ones(2)
    assert processes.is_main
    assert processes.sum(values) is values
    assert [processes.any(flag) for flag in (True, False)] == [True, False]
    processes.check_same("anything")


def test_the_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError, match=r"`distributed=True` needs the package 'accelerate'"):
        train(distributed=True)


if __name__ == "__main__":
    work(Path(sys.argv[1]))
