"""Masks hide the promised share, where promised, and are reproducible."""

import pytest
import torch

from stefaland_sk.modules import MaskConfig, VariableGroup, sample_masks

SAMPLERS = ["exact", "code", "paper"]
# Three groups and one attribute alone, of different sizes.
GROUPS = [VariableGroup(attributes=columns) for columns in [(0, 1, 2), (5, 3), (4,)]]


def draw(sampler="exact", n_samples=2000, n_times=365, groups=GROUPS, skip=(), seed=0, **values):
    generator = torch.Generator().manual_seed(seed)
    config = MaskConfig(sampler=sampler, **values)
    return sample_masks(config, groups, n_samples, n_times, 3, 7, generator=generator, skip=skip)


def test_exact_hides_the_ratio_in_every_sample():
    """Half of an odd number of days cannot be hidden: half the samples have one day more."""
    forcing, _ = draw()
    assert set(forcing.sum(dim=1).unique().tolist()) == {182, 183}
    assert forcing.float().mean() == pytest.approx(0.5, abs=0.003)
    even, _ = draw(n_times=100, forcing_ratio=0.3)
    assert (even.sum(dim=1) == 30).all()


def test_exact_hides_edges_as_often_as_the_centre():
    forcing, _ = draw(n_samples=20_000)
    by_day = forcing.float().mean(dim=(0, 2))
    torch.testing.assert_close(by_day, torch.full_like(by_day, 0.5), atol=0.012, rtol=0)


def test_exact_hides_spans_of_the_lengths_asked_for():
    """On the circle all runs but one (cut to fit) are at least the shortest span."""
    forcing, _ = draw(n_samples=200, n_times=120, span=(10, 20))
    for column in forcing.transpose(1, 2).reshape(-1, 120):
        first = int((~column).nonzero()[0, 0])
        runs = "".join("x" if day else " " for day in column.roll(-first)).split()
        assert sum(len(run) < 10 for run in runs) <= 1


def test_exact_forcing_variables_are_hidden_independently():
    forcing, _ = draw(n_samples=2000)
    both = (forcing[..., 0] & forcing[..., 1]).float().mean()
    assert both == pytest.approx(0.25, abs=0.02)


def test_exact_forcing_group_shares_its_spans():
    forcing, _ = draw(groups=[VariableGroup(forcings=[0, 2])], n_samples=20)
    assert (forcing[..., 0] == forcing[..., 2]).all()
    assert (forcing[..., 0] != forcing[..., 1]).any()


def test_exact_hides_whole_groups_equally_often():
    _, attributes = draw(n_samples=20_000)
    for group in GROUPS:
        columns = attributes[:, list(group.attributes)]
        assert (columns == columns[:, :1]).all()
    rate = attributes.float().mean(0)
    torch.testing.assert_close(rate, torch.full_like(rate, 0.5), atol=0.015, rtol=0)


@pytest.mark.parametrize("ratio", [0.01, 0.5, 0.99])
def test_exact_always_hides_and_always_shows_a_group(ratio):
    _, attributes = draw(attribute_ratio=ratio)
    assert attributes.any(dim=1).all()
    assert not attributes.all(dim=1).any()


@pytest.mark.parametrize("ratio", [0, 1])
def test_exact_hides_nothing_or_all_when_told(ratio):
    forcing, attributes = draw(forcing_ratio=ratio, attribute_ratio=ratio, n_samples=20)
    assert (forcing == bool(ratio)).all()
    assert (attributes == bool(ratio)).all()


def test_skipped_attributes_stay_visible_without_changing_the_rest():
    """A group of which one member is skipped still counts, one of only such members does not."""
    _, attributes = draw(skip=[4, 0], n_samples=20_000)
    rate = attributes.float().mean(0)
    assert rate[[0, 4]].tolist() == [0, 0]
    torch.testing.assert_close(rate[[1, 2, 3, 5, 6]], torch.full((5,), 0.5), atol=0.015, rtol=0)
    assert attributes.any(dim=1).all()


def test_code_keeps_the_bias_of_the_original():
    forcing, _ = draw("code", n_samples=5000)
    by_day = forcing.float().mean(dim=(0, 2))
    assert by_day.mean() == pytest.approx(0.376, abs=0.01)
    assert by_day[0] < 0.03
    assert by_day[182] == pytest.approx(0.45, abs=0.03)
    short, _ = draw("code", n_samples=5000, span=(12, 36))
    assert short.float().mean() == pytest.approx(0.386, abs=0.01)


def test_code_hides_late_groups_less_often():
    """The rates and the share of empty masks that a simulation of the original gave."""
    groups = [VariableGroup(attributes=(column,)) for column in range(6)]
    generator = torch.Generator().manual_seed(0)
    config = MaskConfig(sampler="code")
    _, attributes = sample_masks(config, groups, 20_000, 0, 0, 6, generator=generator)
    expected = torch.tensor([0.5, 0.5, 0.5, 0.44, 0.34, 0.25])
    torch.testing.assert_close(attributes.float().mean(0), expected, atol=0.015, rtol=0)
    assert (~attributes.any(dim=1)).float().mean() == pytest.approx(0.016, abs=0.004)


def test_code_without_groups_hides_a_fixed_number():
    _, attributes = draw("code", groups=[])
    assert (attributes.sum(dim=1) == 3).all()
    _, attributes = draw("code", groups=[], skip=[0, 1])
    assert not attributes[:, :2].any()
    assert attributes.sum(dim=1).float().mean() == pytest.approx(3 * 5 / 7, abs=0.1)


def test_paper_hides_one_shared_window():
    groups = [VariableGroup(forcings=[0, 1], attributes=[0]), VariableGroup(attributes=[1, 2])]
    forcing, attributes = draw("paper", groups=groups, n_samples=4000)
    assert (forcing[..., 0] == forcing[..., 1]).all()
    together = forcing[..., 0].any(1) & forcing[..., 2].any(1)
    assert (forcing[together][..., 0] == forcing[together][..., 2]).all()
    assert (forcing[..., 0].any(1) == attributes[:, 0]).all()
    assert (attributes[:, 1] == attributes[:, 2]).all()
    lengths = forcing[..., 0].sum(1)[forcing[..., 0].any(1)]
    assert lengths.min() == 30
    assert lengths.max() == 90
    assert forcing[..., 2].any(1).float().mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_masks_repeat_with_the_generator_and_leave_the_global_state_alone(sampler):
    before = torch.get_rng_state()
    one, again, other = (draw(sampler, n_samples=9, seed=seed) for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[0], other[0])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("n_times", [0, 1, 2, 7, 31])
@pytest.mark.parametrize("n_forcings", [0, 2])
@pytest.mark.parametrize("n_attributes", [0, 1, 4])
def test_masks_of_any_size(sampler, n_times, n_forcings, n_attributes):
    generator = torch.Generator().manual_seed(0)
    sizes = (5, n_times, n_forcings, n_attributes)
    forcing, attributes = sample_masks(
        MaskConfig(sampler=sampler), [], *sizes, generator=generator, device="cpu"
    )
    assert forcing.shape == (5, n_times, n_forcings)
    assert attributes.shape == (5, n_attributes)
    assert forcing.dtype == attributes.dtype == torch.bool


def test_exact_keeps_the_ratio_in_windows_shorter_than_a_span():
    for n_times in (1, 5, 20):
        forcing, _ = draw(n_times=n_times, n_samples=4000)
        assert forcing.float().mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("groups", "skip", "message"),
    [
        ([VariableGroup(attributes=[7])], (), "names column 7 of the attributes, which are 7"),
        ([VariableGroup(forcings=[3])], (), "names column 3 of the forcings, which are 3"),
        ([VariableGroup(attributes=[1, 1])], (), "holds column 1 of the attributes twice"),
        ([VariableGroup(forcings=[0])] * 2, (), "holds column 0 of the forcings twice"),
        ([], [9], r"`skip` must hold columns of the 7 attributes. Got \[9\]"),
    ],
)
def test_sample_masks_names_the_wrong_column(groups, skip, message):
    with pytest.raises(ValueError, match=message):
        draw(groups=groups, skip=skip)
