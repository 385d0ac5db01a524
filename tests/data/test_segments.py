"""Unbroken runs of steps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from stefaland_sk.data import dealt_at_random, find_segments, steps_into_segment

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


@given(masks)
@settings(max_examples=50, deadline=None)
def test_segments_cover_what_is_present_and_nothing_else(present):
    runs = find_segments(present)
    covered = np.zeros_like(present, dtype=int)
    for site, start, stop in zip(runs.site, runs.start, runs.stop, strict=True):
        covered[site, start:stop] += 1
    np.testing.assert_array_equal(covered, present)
    same_site = runs.site[1:] == runs.site[:-1]
    assert (runs.start[1:] > runs.stop[:-1])[same_site].all()  # maximal, in time order
    assert (np.diff(runs.site) >= 0).all()
    assert runs.length.sum() == present.sum()
    assert len(runs) == len(runs.site)


@given(masks)
@settings(max_examples=50, deadline=None)
def test_steps_into_segment_counts_from_each_start(present):
    expected = np.full(present.shape, -1)
    for site, row in enumerate(present):
        so_far = -1
        for step, there in enumerate(row):
            so_far = so_far + 1 if there else -1
            expected[site, step] = so_far
    np.testing.assert_array_equal(steps_into_segment(present), expected)


@pytest.mark.parametrize("shape", [(3, 0), (0, 5), (2, 4)])
def test_nothing_present(shape):
    present = np.zeros(shape, dtype=bool)
    assert len(find_segments(present)) == 0
    assert dealt_at_random(present).tolist() == [False] * shape[0]


@given(st.integers(0, 5))
@settings(max_examples=6, deadline=None)
def test_both_sides_of_a_dealing_are_seen(seed):
    fold = np.random.default_rng(seed).integers(0, 5, size=(3, 1000))
    assert dealt_at_random(fold != 0).all()
    assert dealt_at_random(fold == 0).all()


def test_a_whole_network_is_dealt_with_at_once():
    """Two million rows, as many as the usual benchmark of 531 sites has."""
    days = np.arange(3652)
    present = np.tile(days % 500 > 20, (531, 1))  # seven gaps of three weeks
    present[::2] &= np.random.default_rng(0).random((266, 3652)) < 0.8
    np.testing.assert_array_equal(dealt_at_random(present), np.arange(531) % 2 == 0)
