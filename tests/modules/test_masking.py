"""Masks hide the promised share, where promised, and follow from the key of their sample."""

import pytest
import torch

from stefaland_sk.modules import MaskConfig, VariableGroup, make_keys, sample_masks

SAMPLERS = ["exact", "code", "paper"]
# Three groups and one attribute alone, of different sizes.
GROUPS = [VariableGroup(attributes=columns) for columns in [(0, 1, 2), (5, 3), (4,)]]
SIZES = 365, 3, 7  # times, forcings, attributes


def keys_of(n_samples, epoch=0):
    return make_keys(0, epoch, torch.arange(n_samples))


def draw(sampler="exact", n=2000, sizes=SIZES, groups=GROUPS, never_hidden=(), keys=None, **values):
    config, keys = MaskConfig(sampler=sampler, **values), keys_of(n) if keys is None else keys
    return sample_masks(config, groups, keys, *sizes, never_hidden=never_hidden)


def assert_equal(masks, others):
    for mask, other in zip(masks, others, strict=True):
        assert torch.equal(mask, other)


# ------------------------------------------------------------------ where the randomness comes from
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_masks_of_a_sample_are_the_same_in_any_batch(sampler):
    keys = keys_of(40)
    every = draw(sampler, keys=keys)
    for chosen in ([17], [3, 39, 0, 3], list(range(39, -1, -1))):
        some = draw(sampler, keys=keys[chosen])
        assert_equal(some, [mask[chosen] for mask in every])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_masks_repeat_and_are_new_ones_in_each_epoch(sampler):
    before = torch.get_rng_state()
    first = draw(sampler, keys=keys_of(200))
    assert_equal(draw(sampler, keys=keys_of(200)), first)
    other = draw(sampler, keys=keys_of(200, epoch=1))
    for mask, new in zip(first, other, strict=True):
        # Hidden and hidden again no more often than chance has it.
        share = mask.float().mean() * new.float().mean()
        assert (mask & new).float().mean() == pytest.approx(float(share), abs=0.03)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_masks_of_attributes_do_not_depend_on_the_window(sampler):
    keys = keys_of(30)
    _, expected = draw(sampler, keys=keys)
    for n_times in (60, 0):
        assert torch.equal(draw(sampler, keys=keys, sizes=(n_times, 3, 7))[1], expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_gpu_draws_the_same_masks(sampler):
    here, there = (draw(sampler, keys=keys_of(500).to(device)) for device in ("cpu", "cuda"))
    assert_equal(here, [mask.cpu() for mask in there])


# ------------------------------------------------------------------ exact
def test_exact_hides_the_ratio_in_every_sample():
    """Half of an odd number of days cannot be hidden: half the samples have one day more."""
    forcing, _ = draw()
    assert set(forcing.sum(dim=1).unique().tolist()) == {182, 183}
    assert forcing.float().mean() == pytest.approx(0.5, abs=0.003)
    even, _ = draw(sizes=(100, 3, 7), forcing_ratio=0.3)
    assert (even.sum(dim=1) == 30).all()


def test_exact_hides_every_day_equally_often():
    """Each of 365 days is within five standard errors of one half, the edges included."""
    forcing, _ = draw(n=10_000)
    by_day = forcing.float().mean(dim=(0, 2))
    bound = 5 * 0.5 / 30_000**0.5
    torch.testing.assert_close(by_day, torch.full_like(by_day, 0.5), atol=bound, rtol=0)


@pytest.mark.parametrize("n_times", [1, 5, 20, 61])
def test_exact_keeps_the_ratio_in_short_windows(n_times):
    forcing, _ = draw(sizes=(n_times, 3, 7), n=4000)
    assert forcing.float().mean() == pytest.approx(0.5, abs=0.02)
    assert (forcing.sum(dim=1) - n_times / 2).abs().max() <= 0.5


def test_exact_hides_spans_of_the_lengths_asked_for():
    """On the circle all runs but one (cut to fit) are at least the shortest span."""
    forcing, _ = draw(n=200, sizes=(120, 3, 7), span=(10, 20))
    for column in forcing.transpose(1, 2).reshape(-1, 120):
        first = int((~column).nonzero()[0, 0])
        runs = "".join("x" if day else " " for day in column.roll(-first)).split()
        assert sum(len(run) < 10 for run in runs) <= 1


def test_exact_forcing_variables_are_hidden_independently():
    forcing, _ = draw()
    both = (forcing[..., 0] & forcing[..., 1]).float().mean()
    assert both == pytest.approx(0.25, abs=0.02)


def test_exact_forcing_group_shares_its_spans():
    forcing, _ = draw(groups=[VariableGroup(forcings=[0, 2])], n=20)
    assert (forcing[..., 0] == forcing[..., 2]).all()
    assert (forcing[..., 0] != forcing[..., 1]).any()


def test_exact_hides_forcing_and_attributes_of_a_group_independently():
    forcing, attributes = draw(groups=[VariableGroup(forcings=[0, 1], attributes=[0, 1])])
    assert (forcing[..., 0] == forcing[..., 1]).all()
    assert (attributes[:, 0] == attributes[:, 1]).all()
    shared = forcing[attributes[:, 0]][..., 0].float().mean()
    assert shared == pytest.approx(0.5, abs=0.003)


def test_exact_hides_whole_groups_equally_often():
    _, attributes = draw(n=20_000, sizes=(0, 0, 7))
    for group in GROUPS:
        columns = attributes[:, list(group.attributes)]
        assert (columns == columns[:, :1]).all()
    rate = attributes.float().mean(0)
    torch.testing.assert_close(rate, torch.full_like(rate, 0.5), atol=0.015, rtol=0)


@pytest.mark.parametrize("ratio", [0.01, 0.5, 0.99])
def test_exact_always_hides_and_always_shows_a_group(ratio):
    _, attributes = draw(attribute_ratio=ratio, sizes=(0, 0, 7))
    assert attributes.any(dim=1).all()
    assert not attributes.all(dim=1).any()


@pytest.mark.parametrize("ratio", [0, 1])
def test_exact_hides_nothing_or_all_when_told(ratio):
    forcing, attributes = draw(forcing_ratio=ratio, attribute_ratio=ratio, n=20)
    assert (forcing == bool(ratio)).all()
    assert (attributes == bool(ratio)).all()


def test_exact_hides_a_single_attribute_at_the_ratio():
    _, attributes = draw(sizes=(0, 0, 1), groups=[], attribute_ratio=0.3, n=20_000)
    assert attributes.float().mean() == pytest.approx(0.3, abs=0.015)


def test_exact_leaves_what_is_never_hidden_out_of_the_ratio():
    """A group of which one member is never hidden still counts, one of only such does not."""
    _, attributes = draw(never_hidden=[4, 0], n=20_000, sizes=(0, 0, 7))
    rate = attributes.float().mean(0)
    assert rate[[0, 4]].tolist() == [0, 0]
    torch.testing.assert_close(rate[[1, 2, 3, 5, 6]], torch.full((5,), 0.5), atol=0.015, rtol=0)
    assert attributes.any(dim=1).all()


# ------------------------------------------------------------------ code
def test_code_keeps_the_bias_of_the_original():
    forcing, _ = draw("code", n=10_000)
    by_day = forcing.float().mean(dim=(0, 2))
    assert by_day.mean() == pytest.approx(0.376, abs=0.005)
    assert by_day[[0, 364]].max() < 0.02
    assert by_day[182] == pytest.approx(0.45, abs=0.02)
    assert forcing.float().mean(1).std() == pytest.approx(0.084, abs=0.005)


def test_code_hides_hardly_more_with_short_spans():
    forcing, _ = draw("code", n=10_000, span=(12, 36))
    assert forcing.float().mean() == pytest.approx(0.386, abs=0.005)


def plain_code_spans(n_times, shortest, longest, generator):
    """The published loop, for one variable."""
    hidden, count = torch.zeros(n_times, dtype=torch.bool), 0
    while count < n_times // 2:
        room = min(longest, n_times - count)
        length = int(torch.randint(min(shortest, room), room + 1, (), generator=generator))
        start = int(torch.randint(0, n_times - length + 1, (), generator=generator))
        hidden[start : start + length] = True
        count += length
        surplus = max(count - n_times // 2, 0)
        hidden[start + length - surplus : start + length] = False
    return hidden


def test_code_agrees_with_the_published_loop():
    generator = torch.Generator().manual_seed(0)
    plain = torch.stack([plain_code_spans(60, 5, 15, generator) for _ in range(1500)])
    ours, _ = draw("code", n=10_000, sizes=(60, 1, 0), groups=[], span=(5, 15))
    ours = ours[..., 0]
    plain, ours = plain.float(), ours.float()
    torch.testing.assert_close(ours.mean(0), plain.mean(0), atol=0.065, rtol=0)  # 5 s.e.
    assert ours.mean() == pytest.approx(float(plain.mean()), abs=0.015)
    assert ours.sum(1).std() == pytest.approx(float(plain.sum(1).std()), abs=0.4)


def test_code_hides_late_groups_less_often():
    """The rates and the share of empty masks that a simulation of the original gave."""
    groups = [VariableGroup(attributes=(column,)) for column in range(6)]
    _, attributes = draw("code", n=20_000, sizes=(0, 0, 6), groups=groups)
    expected = torch.tensor([0.5, 0.5, 0.5, 0.44, 0.34, 0.25])
    torch.testing.assert_close(attributes.float().mean(0), expected, atol=0.015, rtol=0)
    assert (~attributes.any(dim=1)).float().mean() == pytest.approx(0.016, abs=0.004)


def test_code_without_groups_hides_a_fixed_number():
    _, attributes = draw("code", groups=[])
    assert (attributes.sum(dim=1) == 3).all()


def test_code_shows_what_is_never_hidden_at_the_cost_of_the_ratio():
    _, attributes = draw("code", groups=[], never_hidden=[0, 1])
    assert not attributes[:, :2].any()
    assert attributes.sum(dim=1).float().mean() == pytest.approx(3 * 5 / 7, abs=0.1)


def test_code_ignores_groups_of_forcing():
    keys = keys_of(20)
    alone, _ = draw("code", keys=keys, groups=[])
    grouped, _ = draw("code", keys=keys, groups=[VariableGroup(forcings=[0, 1])])
    assert torch.equal(alone, grouped)


# ------------------------------------------------------------------ paper
def test_paper_hides_one_shared_window():
    groups = [VariableGroup(forcings=[0, 1], attributes=[0]), VariableGroup(attributes=[1, 2])]
    forcing, attributes = draw("paper", groups=groups, n=4000)
    assert (forcing[..., 0] == forcing[..., 1]).all()
    together = forcing[..., 0].any(1) & forcing[..., 2].any(1)
    assert (forcing[together][..., 0] == forcing[together][..., 2]).all()
    assert (forcing[..., 0].any(1) == attributes[:, 0]).all()
    assert (attributes[:, 1] == attributes[:, 2]).all()
    lengths = forcing[..., 0].sum(1)[forcing[..., 0].any(1)]
    assert lengths.min() == 30
    assert lengths.max() == 90
    assert forcing[..., 2].any(1).float().mean() == pytest.approx(0.5, abs=0.03)


def test_paper_takes_the_ratio_of_forcing_for_groups_that_hold_any():
    groups = [VariableGroup(forcings=[0], attributes=[0]), VariableGroup(attributes=[1, 2])]
    forcing, attributes = draw("paper", groups=groups, forcing_ratio=0.2, attribute_ratio=0.8)
    assert forcing[..., :2].any(1).float().mean() == pytest.approx(0.2, abs=0.03)
    rate = attributes.float().mean(0)
    expected = torch.tensor([0.2, *[0.8] * 6])
    torch.testing.assert_close(rate, expected, atol=0.05, rtol=0)


def test_paper_shows_what_is_never_hidden():
    _, attributes = draw("paper", never_hidden=[2, 6], attribute_ratio=1)
    assert attributes.any(0).tolist() == [True, True, False, True, True, True, False]


# ------------------------------------------------------------------ any size, and mistakes
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("n_times", [0, 1, 2, 31])
@pytest.mark.parametrize("n_forcings", [0, 1, 2])
@pytest.mark.parametrize("n_attributes", [0, 1, 4])
@pytest.mark.parametrize("ratio", [0, 0.5, 1])
def test_masks_of_any_size(sampler, n_times, n_forcings, n_attributes, ratio):
    sizes = n_times, n_forcings, n_attributes
    forcing, attributes = draw(
        sampler, 5, sizes, groups=[], forcing_ratio=ratio, attribute_ratio=ratio
    )
    assert forcing.shape == (5, n_times, n_forcings)
    assert attributes.shape == (5, n_attributes)
    assert forcing.dtype == attributes.dtype == torch.bool
    if ratio == 0:
        assert not forcing.any()
        assert not attributes.any()


def test_masks_of_no_sample_are_empty():
    forcing, attributes = draw(n=0)
    assert forcing.shape == (0, 365, 3)
    assert attributes.shape == (0, 7)


@pytest.mark.parametrize(
    ("groups", "never_hidden", "message"),
    [
        ([VariableGroup(attributes=[7])], (), "names column 7 of the attributes, which are 7"),
        ([VariableGroup(forcings=[3])], (), "names column 3 of the forcings, which are 3"),
        ([VariableGroup(attributes=[1, 1])], (), "holds column 1 of the attributes twice"),
        ([VariableGroup(forcings=[0])] * 2, (), "holds column 0 of the forcings twice"),
        ([], [9], r"`never_hidden` must hold columns of the 7 attributes. Got \[9\]"),
    ],
)
def test_sample_masks_names_the_wrong_column(groups, never_hidden, message):
    with pytest.raises(ValueError, match=message):
        draw(groups=groups, never_hidden=never_hidden)


def test_sample_masks_refuses_keys_that_are_none():
    with pytest.raises(TypeError, match="`keys` must be a one-dimensional tensor of int64"):
        draw(keys=torch.rand(4))
