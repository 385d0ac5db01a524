"""One vector per site from its days: what each way gives, and what missing days do."""

import numpy as np
import pytest
from scipy.special import softmax

from stefaland_sk.encoders import pool_days


@pytest.fixture
def features():
    """Days with gaps; the last site has none."""
    rng = np.random.default_rng(0)
    days = rng.normal(size=(4, 30, 6)).astype(np.float32)
    days[0, :3] = days[1, 20:] = days[3] = np.nan
    return days, rng.normal(size=(4, 6)).astype(np.float32)


def test_each_way_gives_what_it_says(features):
    days, site = features
    np.testing.assert_array_equal(pool_days(days, site, "static"), site)
    mean, last = pool_days(days, site, "mean"), pool_days(days, site, "last")
    np.testing.assert_allclose(mean[:3], np.nanmean(days[:3], axis=1), atol=1e-6)
    np.testing.assert_array_equal(last[:3], days[[0, 1, 2], [29, 19, 29]])
    seen = days[1, :20].astype(np.float64)
    weights = softmax(seen @ site[1].astype(np.float64) / np.sqrt(6))
    attended = pool_days(days, site, "attention")
    np.testing.assert_allclose(attended[1], weights @ seen, atol=1e-6)
    assert attended.dtype == np.float32


@pytest.mark.parametrize("how", ["mean", "last", "attention"])
def test_the_static_token_stands_in_for_a_site_without_days(features, how):
    days, site = features
    np.testing.assert_array_equal(pool_days(days, site, how)[3], site[3])
    np.testing.assert_array_equal(pool_days(None, site, how), site)


@pytest.mark.parametrize("how", ["static", "mean", "last", "attention"])
def test_a_site_alone_is_pooled_to_the_same_bits(features, how):
    days, site = features
    whole = pool_days(days, site, how)
    for i in range(4):
        np.testing.assert_array_equal(pool_days(days[[i]], site[[i]], how)[0], whole[i])


def test_attention_bears_large_scores_and_half_precision(features):
    days, site = features
    pooled = pool_days(days.astype(np.float16), site * 1e4, "attention")
    assert np.isfinite(pooled).all()


def test_other_ways_are_refused(features):
    with pytest.raises(ValueError, match=r"`how` must be one of \['static', 'mean', .*Got 'max'"):
        pool_days(*features, "max")
