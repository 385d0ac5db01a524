"""The trainer: whose batches it takes, precision, compilation, what it records."""

import pickle
import warnings
from typing import NamedTuple

import pytest
import torch

from stefaland_sk.estimators import _training
from stefaland_sk.estimators._training import (
    TrainingPlan,
    _tensor_cores,
    choose_epochs,
    resolve_precision,
    train_network,
    training_summary,
)


class Line(NamedTuple):
    """What the network gives: values, and a tuple of more."""

    values: torch.Tensor
    more: tuple


class Network(torch.nn.Module):
    """A line; notes in what precision it computes, and in which mode."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(3, 1)
        self.seen = []

    def forward(self, x):
        product = self.linear(x)
        self.seen.append((product.dtype, self.training))
        return Line(product[:, 0], (product, x.new_zeros(1, dtype=torch.int64)))


class Criterion(torch.nn.Module):
    """A squared error; notes the types that it is given."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def forward(self, predicted, truth):
        self.seen |= {predicted.values.dtype, *(values.dtype for values in predicted.more)}
        return (predicted.values - truth["y"]).square().mean()


class Batches:
    """What `batches` of a dataset must give: an iterable with two numbers to set."""

    def __init__(self, dataset, batch_size):
        self.dataset, self.batch_size = dataset, batch_size
        self.epoch = self.first_batch = 0

    def __len__(self):
        return len(self.dataset) // self.batch_size

    def __iter__(self):
        self.dataset.passes.append((self.epoch, self.first_batch))
        self.epoch, self.first_batch = self.epoch + 1, 0
        for rows in torch.arange(len(self.dataset)).split(self.batch_size):
            yield {"x": self.dataset.x[rows]}, {"y": self.dataset.y[rows]}


class Dataset(torch.utils.data.Dataset):
    """40 points on a plane."""

    def __init__(self):
        self.x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
        self.y = self.x.sum(1)
        self.asked, self.passes = [], []

    def __len__(self):
        return len(self.x)

    def batches(self, batch_size, seed=0, rank=0, world=1):
        self.asked.append((batch_size, seed, rank, world))
        return Batches(self, batch_size)


def train(network=None, dataset=None, valid=None, criterion=None, **params):
    plan = TrainingPlan(**{"max_epochs": 3, "batch_size": 8, "lr": 0.1, "seed": 5, **params})
    parts = (network or Network(), dataset or Dataset(), valid, criterion or Criterion())
    return train_network(*parts, plan)


# ---------------------------------------------------------------------- batches
def test_batches_are_dealt_by_the_dataset():
    dataset, valid = Dataset(), Dataset()
    net = train(dataset=dataset, valid=valid)
    assert set(dataset.asked) == {(8, 5, 0, 1)}
    assert set(valid.asked) == {(8, 0, 0, 1)}  # the masks of validation are always the same
    assert dataset.passes == [(0, 0), (1, 0), (2, 0)]
    assert [len(row["batches"]) for row in net.history] == [10, 10, 10]


def test_the_summary_tells_losses_rates_and_pace():
    summary = training_summary(train(valid=Dataset()))
    keys = {"epoch", "train_loss", "valid_loss", "lr", "samples_per_second", "dur"}
    assert [row.keys() for row in summary] == [keys] * 3
    assert [row["epoch"] for row in summary] == [1, 2, 3]
    assert summary[2]["train_loss"] < summary[0]["train_loss"]
    assert 0.1 > summary[0]["lr"] > summary[1]["lr"] > summary[2]["lr"] > 0
    for row in summary:
        assert row["samples_per_second"] == pytest.approx(40 / row["dur"])


def test_a_small_training_takes_the_most_epochs():
    assert len(train(max_epochs="auto").history) == 20


def test_epochs_follow_from_the_number_of_updates_between_bounds():
    chosen = [choose_epochs(n_batches) for n_batches in (1, 80, 160, 400, 4000)]
    assert chosen == [20, 20, 10, 4, 4]


def test_no_epochs_with_early_stopping_is_an_untrained_net():
    net = train(valid=Dataset(), max_epochs=0, patience=1)
    assert torch.equal(net.module_.linear.weight, Network().linear.weight)
    assert training_summary(net) == []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"precision": "half"}, r"`precision` must be one of \['float32', 'bf16'\]. Got 'half'"),
        ({"compile": "yes"}, r"`compile` must be one of \[True, False\]. Got 'yes'"),
        ({"distributed": 2}, r"`distributed` must be one of \[True, False\]. Got 2"),
        ({"checkpoint_minutes": -1}, r"`checkpoint_minutes` must lie in \[0, inf\). Got -1"),
    ],
)
def test_wrong_plans_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        train(**params)


# ---------------------------------------------------------------------- precision
@pytest.mark.parametrize(
    ("precision", "within"), [("float32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_the_network_computes_in_the_precision_and_all_else_in_float32(precision, within):
    network, criterion = Network(), Criterion()
    net = train(network, valid=Dataset(), criterion=criterion, precision=precision)
    assert {dtype for dtype, _ in network.seen} == {within}
    assert {training for _, training in network.seen} == {True, False}
    assert criterion.seen == {torch.float32, torch.int64}
    assert {p.dtype for p in net.module_.parameters()} == {torch.float32}


def test_mixed_precision_learns_nearly_the_same():
    losses = [training_summary(train(precision=p))[-1]["train_loss"] for p in ("float32", "bf16")]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_auto_precision_is_bf16_where_a_gpu_has_it(monkeypatch):
    assert resolve_precision("auto", "cpu") == resolve_precision("auto", "mps") == "float32"
    monkeypatch.setattr(_training, "_cpu_has_bf16", lambda: True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve_precision("bf16", "cpu") == "bf16"
    monkeypatch.setattr(_training, "_cpu_has_bf16", lambda: False)
    with pytest.warns(UserWarning, match="no instructions for `precision`='bf16'"):
        assert resolve_precision("bf16", "cpu") == "bf16"
    for capability, expected in (((9, 0), "bf16"), ((7, 5), "float32")):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, c=capability: c)
        assert resolve_precision("auto", "cuda") == expected
        assert resolve_precision("float32", "cuda") == "float32"


def test_a_precision_that_a_device_does_not_have_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    message = "`precision`='bf16' is not to be had on `device`='{}'. Use precision='auto' or"
    for device in ("mps", "cuda"):
        with pytest.raises(ValueError, match=message.format(device)):
            resolve_precision("bf16", device)
    with pytest.raises(ValueError, match=r"`precision` must be one of \['auto', 'float32', 'bf1"):
        resolve_precision("fp16", "cpu")


def test_matrices_are_multiplied_fast_on_a_gpu_in_training_only():
    before = torch.get_float32_matmul_precision()
    with _tensor_cores("cpu"):
        assert torch.get_float32_matmul_precision() == before
    with _tensor_cores("cuda:0"):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before


# ---------------------------------------------------------------------- compilation
@pytest.fixture
def compiled(monkeypatch):
    """Let torch.compile trace but not compile, which takes seconds; give what it was asked for."""
    asked, compile_ = [], torch.compile

    def trace(function):
        asked.append(function)
        return compile_(function, backend="eager")

    monkeypatch.setattr(torch, "compile", trace)
    return asked


def test_training_steps_are_compiled_and_the_module_stays_plain(compiled):
    network = Network()
    net = train(network, valid=Dataset(), compile=True)
    assert compiled[-1] == network.forward
    assert net.module_ is network
    assert list(net.module_.state_dict()) == ["linear.weight", "linear.bias"]
    assert pickle.loads(pickle.dumps(net)).module_.linear.weight.shape == (1, 3)
    plain = train(Network(), valid=Dataset())
    torch.testing.assert_close(net.module_.linear.weight, plain.module_.linear.weight)
    n_traced = len(compiled)
    train(network)
    assert len(compiled) == n_traced


def test_a_missing_compiler_is_named(monkeypatch):
    def fail(function):
        raise OSError("no g++")

    monkeypatch.setattr(torch, "compile", fail)
    message = r"`compile=True` does not work here: torch.compile fails with OSError\. .* compiler"
    with pytest.raises(RuntimeError, match=message):
        train(compile=True)
