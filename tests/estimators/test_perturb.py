"""Noise on what identifies a site: where it goes, how large it is, what it leaves alone."""

import pytest
import torch

from stefaland_sk.estimators._perturb import SitePerturbation


@pytest.fixture
def inputs():
    """Inputs of 400 windows, all 0."""
    return {
        "forcing": torch.zeros(400, 5, 3),
        "attributes": torch.zeros(400, 4),
        "features": torch.zeros(400, 5, 6),
        "encoder_forcing": torch.zeros(400, 5, 3),
        "encoder_attributes": torch.zeros(400, 4),
    }


def perturbed(inputs, seed=0, **options):
    """What comes of the inputs."""
    generator = torch.Generator().manual_seed(seed)
    return SitePerturbation(**options)(inputs, {}, generator)[0]


def test_nothing_is_changed_by_default(inputs):
    assert all(torch.equal(values, inputs[name]) for name, values in perturbed(inputs).items())


def test_noise_on_attributes_has_the_spread_asked_for(inputs):
    changed = perturbed(inputs, attribute_noise=0.5)
    for name in ("attributes", "encoder_attributes"):
        assert changed[name].std() == pytest.approx(0.5, rel=0.1)
    for name in ("forcing", "features", "encoder_forcing"):
        assert torch.equal(changed[name], inputs[name])
    assert (inputs["attributes"] == 0).all()  # what is shared by all windows stays as it is


def test_noise_on_features_is_the_same_on_all_days_of_a_window(inputs):
    features = perturbed(inputs, feature_noise=0.3)["features"]
    assert features.std() == pytest.approx(0.3, rel=0.1)
    assert torch.equal(features, features[:, :1].expand_as(features))
    assert not torch.equal(features[0], features[1])


def test_a_share_of_the_attributes_is_hidden(inputs):
    changed = perturbed(inputs, attribute_dropout=0.25)
    for name in ("attributes", "encoder_attributes"):
        assert changed[name].isnan().float().mean() == pytest.approx(0.25, abs=0.05)
    assert perturbed(inputs, attribute_dropout=1.0)["attributes"].isnan().all()


def test_codes_of_classes_are_hidden_but_never_moved(inputs):
    changed = perturbed(inputs, attribute_noise=0.5, attribute_dropout=0.5, encoder_classes=[1, 3])
    codes = changed["encoder_attributes"][:, [1, 3]]
    assert codes.isnan().any()
    assert (codes[~codes.isnan()] == 0).all()
    assert changed["encoder_attributes"][:, 0].nan_to_num().std() > 0.1


def test_the_same_seed_gives_the_same_noise(inputs):
    options = {"attribute_noise": 1.0, "feature_noise": 1.0}
    one, two, other = (perturbed(inputs, seed, **options) for seed in (0, 0, 1))
    for name in ("attributes", "features"):
        assert torch.equal(one[name], two[name])
        assert not torch.equal(one[name], other[name])


def test_inputs_that_are_not_there_are_no_error():
    assert perturbed({}, attribute_noise=1.0, attribute_dropout=0.5, feature_noise=1.0) == {}
