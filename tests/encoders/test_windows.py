"""Windows of long records: every step once, enough past, whole patches; lots of bounded size."""

import numpy as np
import pytest

from stefaland_sk.data import find_segments
from stefaland_sk.encoders import _windows
from stefaland_sk.encoders._windows import cut_windows, make_lots


@pytest.mark.parametrize("n_times", [1, 5, 59, 60, 61, 89, 90, 91, 200, 365])
@pytest.mark.parametrize(("window", "patch"), [(1, 1), (2, 1), (7, 1), (60, 1), (60, 8), (7, 16)])
def test_windows_hold_each_step_once_with_half_a_window_of_past(n_times, window, patch):
    present = np.ones((2, n_times), dtype=bool)
    present[1, n_times // 2] = False
    counts = np.zeros(present.shape, dtype=int)
    runs = find_segments(present)
    begins = {(site, start) for site, start in zip(runs.site, runs.start, strict=True)}
    for site, start, length, fresh in cut_windows(runs, window, patch):
        assert length <= window
        assert present[site, start : start + length].all()  # inside one run
        counts[site, fresh : start + length] += 1
        if (site, start) not in begins:
            assert patch > window or fresh - start >= window // 2
    np.testing.assert_array_equal(counts, present)


def test_windows_start_whole_patches_after_their_run():
    present = np.zeros((1, 400), dtype=bool)
    present[0, 3:390] = True
    start = cut_windows(find_segments(present), 60, patch=8)[:, 1]
    assert set((start - 3) % 8) == {0}


def test_lots_hold_windows_of_one_length_each_once(monkeypatch):
    monkeypatch.setattr(_windows, "STEPS_AT_ONCE", 100)
    present = np.ones((3, 200), dtype=bool)
    present[1, 150:] = False
    windows = cut_windows(find_segments(present), 30)
    for alone in (True, False):
        lots = list(make_lots(windows, alone))
        for lot in lots:
            assert len(set(lot[:, 2])) == 1
            assert lot[:, 2].sum() <= 100
            assert not alone or len(set(lot[:, 0])) == 1
        together = np.concatenate(lots)
        np.testing.assert_array_equal(np.unique(together, axis=0), np.unique(windows, axis=0))
        assert len(together) == len(windows)


def test_no_run_makes_no_window_and_no_lot():
    windows = cut_windows(find_segments(np.zeros((2, 5), dtype=bool)), 3)
    assert windows.shape == (0, 4)
    assert list(make_lots(windows, alone=True)) == []
    assert list(make_lots(windows, alone=False)) == []


@pytest.mark.parametrize("n_times", [5, 60, 61, 200, 365])
def test_windows_without_overlap_follow_one_another(n_times):
    runs = find_segments(np.ones((1, n_times), dtype=bool))
    windows = cut_windows(runs, 60, overlap=False)
    assert len(windows) == -(-n_times // 60)
    new = np.concatenate([np.arange(fresh, start + n) for _, start, n, fresh in windows])
    np.testing.assert_array_equal(new, np.arange(n_times))
