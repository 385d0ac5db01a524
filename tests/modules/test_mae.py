"""The masked autoencoder: sizes, no leak, independence, order of variables, learning."""

import math

import pytest
import torch

from stefaland_sk.modules import (
    BackboneConfig,
    MaskConfig,
    MaskedAutoencoder,
    VariableGroup,
    make_keys,
    reconstruction_errors,
    reconstruction_loss,
    sample_masks,
)


def build(n_forcings=3, n_attributes=4, seed=0, **values):
    sizes = {"d_model": 16, "n_layers": 2, "d_feedforward": 32, "d_embedding": 8}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MaskedAutoencoder(
            BackboneConfig(n_forcings, n_attributes, **{**sizes, "max_length": 60, **values})
        )
    return model.eval()


def batch(n_sites=6, n_times=40, n_forcings=3, n_attributes=4, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    forcing = torch.randn(n_sites, n_times, n_forcings, generator=generator, dtype=dtype)
    attributes = torch.randn(n_sites, n_attributes, generator=generator, dtype=dtype)
    keys = make_keys(1, 0, torch.arange(n_sites))
    masks = sample_masks(MaskConfig(span=(5, 10)), [], keys, *forcing.shape[1:], n_attributes)
    return forcing, attributes, *masks


def n_parameters(model):
    return sum(weight.numel() for weight in model.parameters())


def test_number_of_parameters_equals_the_reference():
    """4.05 M and 4.77 M with a table of 1000 numbers per attribute, which we replace."""
    vector = n_parameters(MaskedAutoencoder(BackboneConfig(6, 26)))
    assert vector == 4_030_752
    assert vector + 26 * (1000 - 256) == 4_050_096
    scalar = MaskedAutoencoder(BackboneConfig(5, 48, attribute_mask_style="scalar"))
    assert n_parameters(scalar) + 48 * (1000 - 1) == 4_770_741


@pytest.mark.parametrize("style", ["vector", "scalar"])
@pytest.mark.parametrize("junk", [1e6, float("nan")])
def test_values_under_the_mask_change_nothing(style, junk):
    model = build(attribute_mask_style=style)
    forcing, attributes, *masks = batch()
    expected = model(forcing, attributes, *masks)
    hidden = forcing.masked_fill(masks[0], junk), attributes.masked_fill(masks[1], junk)
    for got, want in zip(model(*hidden, *masks), expected, strict=True):
        assert torch.equal(got, want)


@pytest.mark.parametrize("style", ["vector", "scalar"])
def test_no_gradient_reaches_values_under_the_mask(style):
    model = build(attribute_mask_style=style)
    forcing, attributes, *masks = batch()
    inputs = forcing.clone().requires_grad_(), attributes.clone().requires_grad_()
    outputs = model(*inputs, *masks)
    loss = reconstruction_loss(outputs[0], forcing, masks[0], outputs[1], attributes, masks[1])
    gradients = torch.autograd.grad(loss, inputs)
    for gradient, mask in zip(gradients, masks, strict=True):
        assert (gradient[mask] == 0).all()
        assert (gradient[~mask] != 0).any()


def test_missing_values_give_finite_outputs_and_gradients():
    model = build().train()
    forcing, attributes, *masks = batch()
    forcing[0], forcing[1, :, 1], attributes[2], attributes[:, 3] = [torch.nan] * 4
    outputs = model(forcing, attributes, *masks)
    loss = reconstruction_loss(outputs[0], forcing, masks[0], outputs[1], attributes, masks[1])
    loss.backward()
    assert loss.isfinite()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name


def test_gradient_reaches_every_used_weight():
    model = build().train()
    forcing, attributes, *masks = batch()
    outputs = model(forcing, attributes, *masks)
    reconstruction_loss(outputs[0], forcing, masks[0], outputs[1], attributes, masks[1]).backward()
    unused = [name for name, w in model.named_parameters() if not w.grad.any()]
    assert unused == []
    assert (model.backbone.position.grad.abs().sum(1) > 0).sum() == 41  # 40 days, one site


def test_a_site_alone_equals_the_site_in_a_batch():
    model = build()
    forcing, attributes, *masks = batch()
    together = [*model.encode(forcing, attributes, *masks), *model(forcing, attributes, *masks)]
    for i in range(len(forcing)):
        inputs = [part[i : i + 1] for part in (forcing, attributes, *masks)]
        alone = [*model.encode(*inputs), *model(*inputs)]
        for one, all_sites in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], all_sites[i], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("style", ["vector", "scalar"])
def test_order_of_variables_does_not_matter_if_weights_follow(style):
    model = build(attribute_mask_style=style)
    forcing, attributes, *masks = batch()
    order, attribute_order = [2, 0, 1], [3, 1, 0, 2]
    turned = model.select_variables(order, attribute_order)
    expected = model(forcing, attributes, *masks)
    got = turned(
        forcing[..., order],
        attributes[:, attribute_order],
        masks[0][..., order],
        masks[1][:, attribute_order],
    )
    torch.testing.assert_close(got[0], expected[0][..., order], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(got[1], expected[1][:, attribute_order], atol=1e-5, rtol=1e-5)


def test_select_variables_gives_a_smaller_model_of_its_own():
    model = build()
    small = model.select_variables([1], [])
    assert (small.config.n_forcings, small.config.n_attributes) == (1, 0)
    fresh = build(1, 0)
    fresh.load_state_dict(small.state_dict())
    small.embed_forcing.weight_in.data.zero_()
    assert model.embed_forcing.weight_in.any()
    with pytest.raises(ValueError, match=r"`forcings` must hold columns from 0 to 2. Got \[3\]"):
        model.select_variables([3], [])


def test_attributes_only():
    model = build(n_forcings=0)
    _, attributes, _, mask = batch()
    days, site = model.encode(None, attributes)
    assert days.shape == (6, 0, 16)
    assert site.shape == (6, 16)
    none, attributes_pred = model(None, attributes, None, mask)
    assert none.shape == (6, 0, 0)
    loss = reconstruction_loss(none, none, none.bool(), attributes_pred, attributes, mask)
    loss.backward()
    assert loss > 0


def test_forcing_only():
    model = build(n_attributes=0)
    forcing, *_ = batch()
    days, site = model.encode(forcing, None)
    assert days.shape == (6, 40, 16)
    assert site.isfinite().all()
    assert model(forcing, None)[1].shape == (6, 0)


def test_model_with_forcing_reads_attributes_alone_when_there_is_no_time():
    model = build()
    _, attributes, *_ = batch()
    assert model.encode(None, attributes)[1].isfinite().all()


def test_absent_attributes_are_missing_ones():
    model = build()
    forcing, attributes, *_ = batch()
    missing = torch.full_like(attributes, torch.nan)
    assert torch.equal(model.encode(forcing, None)[0], model.encode(forcing, missing)[0])


@pytest.mark.parametrize(
    ("forcing", "attributes", "message"),
    [
        (None, None, "both None; give at least one"),
        ((2, 5), (2, 4), r"`forcing` must have shape \(n_sites, n_times, 3\); got \(2, 5\)"),
        ((2, 5, 4), (2, 4), r"`forcing` must have shape .*got \(2, 5, 4\)"),
        ((2, 5, 3), (5, 4), r"`attributes` must have shape \(2, 4\), one row per.*got \(5, 4\)"),
    ],
)
def test_encode_names_the_wrong_shape(forcing, attributes, message):
    tensors = [None if shape is None else torch.zeros(shape) for shape in (forcing, attributes)]
    with pytest.raises(ValueError, match=message):
        build().encode(*tensors)


def test_config_must_be_one():
    with pytest.raises(TypeError, match=r"`config` must be a BackboneConfig\. Got dict"):
        MaskedAutoencoder({"n_forcings": 1})


def test_gradients_in_double_precision():
    model = build(n_layers=1, d_model=8).double()
    forcing, attributes, *masks = batch(2, 4, dtype=torch.float64)
    torch.autograd.gradcheck(
        lambda x, c: model(x, c, *masks), (forcing.requires_grad_(), attributes.requires_grad_())
    )


def correlated(n_sites, n_times, generator):
    """Forcing and attributes of unit variance that tell about one another."""
    days = torch.arange(n_times)
    phase = 2 * math.pi * torch.rand(n_sites, 1, generator=generator)
    season = math.sqrt(2) * torch.sin(2 * math.pi * days / 40 + phase)
    noise = torch.randn(n_sites, n_times, 3, generator=generator)
    forcing = 0.95 * season.unsqueeze(-1) * torch.tensor([1.0, -1.0, 1.0]) + 0.3 * noise
    shared = torch.randn(n_sites, 1, generator=generator)
    attributes = shared + 0.3 * torch.randn(n_sites, 4, generator=generator)
    return forcing, attributes


def test_pretraining_beats_the_mean():
    """After 150 steps hidden values are far closer than their variance (1)."""
    generator = torch.Generator().manual_seed(0)
    groups = [VariableGroup(attributes=(0, 1)), VariableGroup(attributes=(2, 3))]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = MaskedAutoencoder(
            BackboneConfig(3, 4, d_model=32, n_layers=1, d_feedforward=64, d_embedding=16)
        )
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0)
        for step in range(150):
            forcing, attributes = correlated(32, 60, generator)
            keys = make_keys(0, step, torch.arange(32))
            masks = sample_masks(MaskConfig(span=(5, 15)), groups, keys, 60, 3, 4)
            outputs = model(forcing, attributes, *masks)
            loss = reconstruction_loss(
                outputs[0], forcing, masks[0], outputs[1], attributes, masks[1]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    forcing, attributes = correlated(200, 60, generator)
    keys = make_keys(1, 0, torch.arange(200))
    masks = sample_masks(MaskConfig(span=(5, 15)), groups, keys, 60, 3, 4)
    with torch.no_grad():
        outputs = model(forcing, attributes, *masks)
    assert (reconstruction_errors(outputs[0], forcing, masks[0])[0] < 0.5).all()
    assert (reconstruction_errors(outputs[1], attributes, masks[1])[0] < 0.5).all()
