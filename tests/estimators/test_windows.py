"""Windows: where they lie, what they supervise, how they are dealt."""

import numpy as np
import pytest
import torch

from stefaland_sk.data import Segments, find_segments
from stefaland_sk.estimators._windows import WindowDataset, WindowLoader, as_tensor


def make_dataset(present, window=10, warmup=4, target=None, **options):
    """Windows on a grid whose single input is the number of the step."""
    present = np.asarray(present, dtype=bool)
    steps = torch.arange(present.shape[1], dtype=torch.float32).expand(present.shape).clone()
    target = steps.clone() if target is None else torch.as_tensor(target, dtype=torch.float32)
    return WindowDataset(
        {"x": steps[:, :, None]},
        {"c": torch.arange(len(present), dtype=torch.float32)[:, None]},
        find_segments(present),
        window,
        warmup,
        target=target,
        **options,
    )


def everything(dataset, seed=0):
    """All windows of one pass, as one batch."""
    (batch,) = list(WindowLoader(dataset, batch_size=10_000, seed=seed))
    return batch


@pytest.fixture
def broken_records():
    """Two sites of 57 steps; the second has a gap and a piece too short to be supervised."""
    present = np.ones((2, 57), dtype=bool)
    present[1, 30:33] = False
    present[1, 36:40] = False
    return present


@pytest.mark.parametrize("random", [True, False])
def test_windows_lie_inside_segments(broken_records, random):
    dataset = make_dataset(broken_records, random=random)
    runs = find_segments(broken_records)
    for seed in range(5):
        segment, start = dataset.place(torch.Generator().manual_seed(seed))
        stop = torch.minimum(start + dataset.window, dataset.stop[segment])
        for site, first, last in zip(dataset.site[segment], start, stop, strict=True):
            assert any(
                site == s and a <= first and last <= b
                for s, a, b in zip(runs.site, runs.start, runs.stop, strict=True)
            )


def test_regular_windows_supervise_every_step_behind_the_warmup(broken_records):
    dataset = make_dataset(broken_records, random=False)
    _, truth = everything(dataset)
    seen = np.zeros(broken_records.shape, dtype=bool)
    rows, columns = torch.nonzero(torch.isfinite(truth["target"]), as_tuple=True)
    steps = truth["target"][rows, columns].long()  # the target is the number of the step
    seen[truth["site"][rows], steps] = True
    wanted = broken_records.copy()
    for site, start, stop in ((0, 0, 57), (1, 0, 30), (1, 33, 36), (1, 40, 57)):
        wanted[site, start : min(start + 4, stop)] = False
    np.testing.assert_array_equal(seen, wanted)


def test_random_windows_supervise_each_step_in_the_long_run(broken_records):
    dataset = make_dataset(broken_records)
    counts = np.zeros(broken_records.shape, dtype=int)
    for seed in range(50):
        _, truth = everything(dataset, seed)
        rows, columns = torch.nonzero(torch.isfinite(truth["target"]), as_tuple=True)
        np.add.at(counts, (truth["site"][rows], truth["target"][rows, columns].long()), 1)
    assert (counts[0, 4:] > 0).all()
    assert (counts[0, :4] == 0).all()
    assert (counts[1, 30:40] == 0).all()  # the gaps, and the piece shorter than the warm-up


def test_inputs_and_target_come_from_the_same_steps(broken_records):
    inputs, truth = everything(make_dataset(broken_records))
    seen = torch.isfinite(truth["target"])
    torch.testing.assert_close(inputs["x"][:, :, 0][seen], truth["target"][seen])
    torch.testing.assert_close(inputs["c"][:, 0].long(), truth["site"])


def test_the_warmup_of_a_window_is_not_supervised(broken_records):
    _, truth = everything(make_dataset(broken_records))
    assert torch.isnan(truth["target"][:, :4]).all()


def test_a_segment_shorter_than_a_window_is_padded_and_not_supervised_there():
    present = np.zeros((1, 20), dtype=bool)
    present[0, 5:13] = True
    inputs, truth = everything(make_dataset(present, padding=-1.0))
    assert inputs["x"][0, :, 0].tolist() == [5, 6, 7, 8, 9, 10, 11, 12, -1, -1]
    assert truth["target"][0, 4:8].tolist() == [9, 10, 11, 12]
    assert torch.isnan(truth["target"][0, 8:]).all()


def test_windows_without_any_observed_target_are_left_out():
    target = np.full((2, 57), np.nan)
    target[0, 40] = 1.0
    target[1, 2] = 1.0  # in the warm-up of the record: it can never be supervised
    dataset = make_dataset(np.ones((2, 57)), target=target)
    for seed in range(20):
        _, truth = everything(dataset, seed)
        assert set(truth["site"].tolist()) == {0}
        assert torch.isfinite(truth["target"]).any(dim=1).all()


def test_a_single_observed_step_is_in_every_epoch():
    target = np.full((1, 57), np.nan)
    target[0, 4] = 1.0  # only a window at the very beginning supervises it
    dataset = make_dataset(np.ones((1, 57)), target=target)
    assert all(len(everything(dataset, seed)[1]["site"]) == 1 for seed in range(20))


def test_nothing_to_supervise_gives_no_windows():
    target = np.full((1, 57), np.nan)
    target[0, 2] = 1.0
    assert len(make_dataset(np.ones((1, 57)), target=target)) == 0


def test_each_epoch_has_new_places_and_a_seed_repeats_them():
    dataset = make_dataset(np.ones((3, 100)))
    one, other = (WindowLoader(dataset, 8, seed=3) for _ in range(2))
    first, second = ([b[0]["x"] for b in one] for _ in range(2))
    again = [b[0]["x"] for b in other]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def noisy(inputs, truth, generator):
    """Add noise that is drawn batch by batch."""
    return {**inputs, "x": inputs["x"] + torch.rand(1, generator=generator)}, truth


def test_a_pass_that_begins_later_gives_the_rest_of_the_unbroken_one():
    dataset = make_dataset(np.ones((3, 100)), finish=noisy)
    unbroken, resumed = (dataset.batches(8, seed=3) for _ in range(2))
    whole = [[inputs["x"] for inputs, _ in unbroken] for _ in range(3)]
    resumed.epoch, resumed.first_batch = 1, 4
    rest, after = ([inputs["x"] for inputs, _ in resumed] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(whole[1][4:], rest, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(whole[2], after, strict=True))


def test_the_parts_of_two_processes_make_up_the_batches_of_one():
    dataset = make_dataset(np.ones((3, 100)), finish=noisy)
    parts = zip(*(dataset.batches(8, rank=rank, world=2) for rank in range(2)), strict=True)
    for (inputs, truth), pair in zip(dataset.batches(8), parts, strict=True):
        assert torch.equal(inputs["x"], torch.cat([part[0]["x"] for part in pair]))
        assert torch.equal(truth["site"], torch.cat([part[1]["site"] for part in pair]))


def test_validation_repeats_the_same_pass():
    loader = WindowLoader(make_dataset(np.ones((3, 100)), random=False), 8)
    first, second = ([b[0]["x"] for b in loader] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_batches_are_nearly_equal_in_size():
    loader = WindowLoader(make_dataset(np.ones((7, 100)), random=False), 16)
    sizes = [len(truth["site"]) for _, truth in loader]
    assert len(sizes) == len(loader)
    assert max(sizes) <= 16
    assert max(sizes) - min(sizes) <= 1


def test_static_inputs_alone_make_one_window_per_site():
    runs = Segments(np.arange(3), np.zeros(3, dtype=int), np.ones(3, dtype=int))
    dataset = WindowDataset({}, {"c": torch.eye(3)}, runs, 1, 0, random=False)
    inputs, truth = everything(dataset)
    assert inputs["c"].tolist() == torch.eye(3).tolist()
    assert truth["site"].tolist() == [0, 1, 2]


def test_as_tensor_never_shares_memory():
    values = np.zeros((2, 3), dtype=np.float32)
    tensor = as_tensor(values, "cpu")
    tensor += 1
    assert (values == 0).all()
