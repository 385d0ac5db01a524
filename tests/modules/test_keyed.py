"""Numbers follow from their key alone, are spread evenly, and tell nothing of each other."""

import pytest
import torch

from stefaland_sk.modules import KeyedRandom, keyed_permutation, make_keys

WORD = 2**64


def splitmix(state):
    """Next number of the published generator, in Python's whole numbers."""
    state = (state + 0x9E3779B97F4A7C15) % WORD
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % WORD
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) % WORD
    return state ^ (state >> 31)


def keys_of(n, seed=0, epoch=0):
    return make_keys(seed, epoch, torch.arange(n))


def correlation(a, b):
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


@pytest.mark.parametrize("seed", [0, 12345, -7, 2**63 - 1, 2**64 + 3])
def test_numbers_are_the_hash_that_is_documented(seed):
    """Computed again without torch: nothing overflows, no sign is dragged along."""
    samples, epoch = [0, 1, 10**12], 4
    start = splitmix(splitmix(seed % WORD) + epoch)
    keys = [splitmix(start + splitmix(sample)) for sample in samples]
    got = make_keys(seed, epoch, torch.tensor(samples))
    assert [key % WORD for key in got.tolist()] == keys

    random = KeyedRandom(got)
    random.uniform(5)
    bits = [[splitmix(key + splitmix((1 << 32) + place)) for place in range(4)] for key in keys]
    numbers = random.integers(-3, 1000, 4)
    assert numbers.tolist() == [[-3 + (b * 1004 >> 64) for b in row] for row in bits]
    random = KeyedRandom(got)
    random.uniform(5)
    assert random.uniform(4).tolist() == [[(b >> 40) / 2**24 for b in row] for row in bits]


def test_hash_gives_the_published_numbers_of_splitmix64():
    step = 0x9E3779B97F4A7C15
    numbers = [splitmix(1234567 + i * step) for i in range(3)]
    assert numbers == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_rows_follow_from_their_key_alone():
    keys, chosen = keys_of(50), torch.tensor([31, 4, 4, 49])
    every, some = KeyedRandom(keys), KeyedRandom(keys[chosen])
    high = torch.arange(50)[:, None]
    assert torch.equal(every.uniform(7)[chosen], some.uniform(7))
    assert torch.equal(every.integers(0, high, 3)[chosen], some.integers(0, high[chosen], 3))
    assert torch.equal(every.order(9)[chosen], some.order(9))
    assert torch.equal(every.uniform()[chosen], some.uniform())


def test_draws_do_not_depend_on_the_shapes_of_earlier_ones():
    one, other = KeyedRandom(keys_of(3)), KeyedRandom(keys_of(3))
    one.uniform(2)
    other.order(100)
    assert torch.equal(one.uniform(4), other.uniform(4))


def test_uniform_numbers_fill_the_interval_evenly():
    numbers = KeyedRandom(keys_of(1000)).uniform(20, 50).flatten()
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = torch.histc(numbers, bins=100, min=0, max=1)
    expected = len(numbers) / 100
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert 99 - 5 * 14.1 < chi_square < 99 + 5 * 14.1  # 99 degrees of freedom, sd = sqrt(198)


@pytest.mark.parametrize("bit", [0, 1, 15, 30])
def test_bits_are_set_half_of_the_time(bit):
    numbers = KeyedRandom(keys_of(1000)).integers(0, 2**31 - 1, 200)
    share = (numbers >> bit & 1).float().mean()
    assert share == pytest.approx(0.5, abs=5 * 0.5 / 200_000**0.5)


def test_neighbouring_keys_draws_places_epochs_and_seeds_are_independent():
    """Correlations of 200 000 pairs stay within five standard errors of 0."""
    bound = 5 / 200_000**0.5

    def draw(seed=0, epoch=0):
        return KeyedRandom(keys_of(2000, seed, epoch)).uniform(100)

    numbers = draw()
    random = KeyedRandom(keys_of(2000))
    random.uniform(100)
    assert abs(correlation(numbers, random.uniform(100))) < bound  # draws
    assert abs(correlation(numbers, numbers.roll(1, 0))) < bound  # keys
    assert abs(correlation(numbers, numbers.roll(1, 1))) < bound  # places in a draw
    assert abs(correlation(numbers, draw(epoch=1))) < bound
    assert abs(correlation(numbers, draw(seed=1))) < bound
    assert abs(correlation(draw(seed=1), draw(epoch=1))) < bound


def test_keys_of_unlike_samples_are_unlike():
    keys = torch.cat([keys_of(20_000, seed, epoch) for seed in range(3) for epoch in range(3)])
    assert len(keys.unique()) == len(keys)


def test_integers_reach_both_bounds_equally_often():
    numbers = KeyedRandom(keys_of(500)).integers(-2, 3, 400)
    values, counts = numbers.unique(return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2, 3]
    share = counts / numbers.numel()
    torch.testing.assert_close(share, torch.full((6,), 1 / 6), atol=0.005, rtol=0)


def test_integers_take_bounds_per_key():
    low, high = torch.arange(4)[:, None], 10 * torch.arange(4)[:, None]
    numbers = KeyedRandom(keys_of(4)).integers(low, high, 1000)
    assert torch.equal(numbers.amin(1), low[:, 0])
    assert torch.equal(numbers.amax(1), high[:, 0])
    wide = KeyedRandom(keys_of(4)).integers(0, 2**31 - 1, 5000)
    assert wide.max() > 0.99 * 2**31


def test_orders_are_equally_likely():
    orders = KeyedRandom(keys_of(24_000)).order(4)
    assert torch.equal(orders.sort(1).values, torch.arange(4).expand(24_000, 4))
    _, counts = orders.unique(dim=0, return_counts=True)
    assert len(counts) == 24
    assert counts.min() > 840  # 1000 expected, sd = 31
    assert counts.max() < 1160


def test_permutation_is_a_new_one_each_epoch_and_repeats():
    one, again, other = (keyed_permutation(1000, 5, epoch) for epoch in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(one.sort().values, torch.arange(1000))
    assert abs(correlation(one.double(), torch.arange(1000.0))) < 5 / 1000**0.5
    assert abs(correlation(one.double(), other.double())) < 5 / 1000**0.5
    assert keyed_permutation(0, 0, 0).tolist() == []


def test_nothing_drawn_is_an_empty_tensor():
    assert KeyedRandom(keys_of(0)).uniform(3).shape == (0, 3)
    assert KeyedRandom(keys_of(2)).integers(0, 1, 3, 0).shape == (2, 3, 0)
    assert KeyedRandom(keys_of(2)).order(0).shape == (2, 0)


def test_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    KeyedRandom(keys_of(3)).order(5)
    keyed_permutation(5, 0, 0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_draws_the_same_numbers():
    samples = torch.arange(1000)
    here, there = (make_keys(-3, 7, samples.to(device)) for device in ("cpu", "cuda"))
    assert torch.equal(here, there.cpu())
    here, there = KeyedRandom(here), KeyedRandom(there)
    assert torch.equal(here.uniform(50), there.uniform(50).cpu())
    assert torch.equal(here.integers(-5, 2**30, 50), there.integers(-5, 2**30, 50).cpu())
    assert torch.equal(here.order(50), there.order(50).cpu())


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([1, 2], r"`keys` must be a one-dimensional tensor of int64. Got list instead"),
        (torch.ones(2), r"Got one of torch.float32 of shape \(2,\)"),
        (torch.ones(2, 1, dtype=torch.long), r"Got one of torch.int64 of shape \(2, 1\)"),
    ],
)
def test_keys_of_another_kind_are_refused(keys, message):
    with pytest.raises(TypeError, match=message):
        KeyedRandom(keys)
    with pytest.raises(TypeError, match=message.replace("keys", "samples")):
        make_keys(0, 0, keys)
