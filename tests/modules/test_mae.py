"""The masked autoencoder: sizes, no leak, independence, order of variables, learning."""

import math

import pytest
import torch

from stefaland_sk.modules import (
    BackboneConfig,
    MaskConfig,
    MaskedAutoencoder,
    ReconstructionLoss,
    VariableGroup,
    make_keys,
    sample_masks,
)

VARIANTS = {
    "reference": {},
    "scalar": {"attribute_mask_style": "scalar"},
    "two LSTMs": {"n_decoder_layers": 2},
    "transformer": {"decoder": "transformer", "n_decoder_layers": 2},
    "patch": {"patch": 8},
    "patch, transformer": {"patch": 7, "decoder": "transformer"},
    "classes": {"n_classes": (0, 3, 0, 2)},
    "all": {
        "patch": 3,
        "decoder": "transformer",
        "n_classes": (0, 3, 0, 2),
        "attribute_mask_style": "scalar",
    },
}
every_variant = pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)


def build(n_forcings=3, n_attributes=4, seed=0, **values):
    sizes = {"d_model": 16, "n_layers": 2, "d_feedforward": 32, "d_embedding": 8}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MaskedAutoencoder(
            BackboneConfig(n_forcings, n_attributes, **{**sizes, "max_length": 60, **values})
        )
    return model.eval()


def batch(n_sites=6, n_times=40, dtype=torch.float32):
    """Inputs of three forcing variables and four attributes; two of these may be classes."""
    generator = torch.Generator().manual_seed(1)
    forcing = torch.randn(n_sites, n_times, 3, generator=generator, dtype=dtype)
    attributes = torch.randn(n_sites, 4, generator=generator, dtype=dtype)
    attributes[:, 1] = torch.arange(n_sites) % 3
    attributes[:, 3] = torch.arange(n_sites) % 2
    keys = make_keys(1, 0, torch.arange(n_sites))
    masks = sample_masks(MaskConfig(span=(5, 10)), [], keys, n_times, 3, 4)
    return forcing, attributes, *masks


def loss_of(model, inputs, truth=None):
    """Reconstruction loss of a batch."""
    names = ("forcing", "attributes", "forcing_hidden", "attributes_hidden")
    config = model.config
    loss = ReconstructionLoss(config.n_forcings, config.n_attributes, n_classes=config.n_classes)
    truth = dict(zip(names, inputs if truth is None else truth, strict=True))
    return loss(model(*inputs), truth)


def outputs(model, *inputs):
    """All outputs of `forward` and `encode` in one list."""
    forcing, attributes, logits = model(*inputs)
    return [forcing, attributes, *logits, *model.encode(*inputs)]


def n_parameters(model):
    return sum(weight.numel() for weight in model.parameters())


def test_number_of_parameters_equals_the_reference():
    """4.05 M and 4.77 M with a table of 1000 numbers per attribute, which we replace."""
    vector = n_parameters(MaskedAutoencoder(BackboneConfig(6, 26)))
    assert vector == 4_030_752
    assert vector + 26 * (1000 - 256) == 4_050_096
    scalar = MaskedAutoencoder(BackboneConfig(5, 48, attribute_mask_style="scalar"))
    assert n_parameters(scalar) + 48 * (1000 - 1) == 4_770_741


def test_parameters_of_the_parts_equal_the_reference():
    """Position, encoder, bridge, LSTM and norms of the distributed model."""
    model = MaskedAutoencoder(BackboneConfig(5, 48, attribute_mask_style="scalar"))
    assert model.backbone.position.numel() == 256_000
    assert n_parameters(model.backbone.layers) == 2_108_416
    assert n_parameters(model.encoder_to_decoder) == 65_792
    assert n_parameters(model.decoder) == 526_336
    assert n_parameters(model.backbone.norm) + n_parameters(model.decoder_norm) == 1_024
    assert n_parameters(model.embed_forcing) == 85_120
    assert n_parameters(model.forcing_heads) == 82_565
    assert n_parameters(model.attribute_heads) == 792_624


def test_large_model_with_transformer_decoder_has_about_12_million_weights():
    model = MaskedAutoencoder(
        BackboneConfig(6, 26, d_model=512, decoder="transformer", n_decoder_layers=2)
    )
    assert round(n_parameters(model) / 1e6, 1) == 12.4


@every_variant
@pytest.mark.parametrize("junk", [1e6, -1.0, float("nan")])
def test_values_under_the_mask_change_nothing(values, junk):
    model = build(**values)
    forcing, attributes, *masks = batch()
    expected = outputs(model, forcing, attributes, *masks)
    hidden = forcing.masked_fill(masks[0], junk), attributes.masked_fill(masks[1], junk)
    for got, want in zip(outputs(model, *hidden, *masks), expected, strict=True):
        assert torch.equal(got, want)


@every_variant
def test_no_gradient_reaches_values_under_the_mask(values):
    model = build(**values).train()
    forcing, attributes, *masks = batch()
    inputs = forcing.clone().requires_grad_(), attributes.clone().requires_grad_()
    loss = loss_of(model, (*inputs, *masks), truth=(forcing, attributes, *masks))
    gradients = torch.autograd.grad(loss, inputs)
    for gradient, mask in zip(gradients, masks, strict=True):
        assert (gradient[mask] == 0).all()
        assert (gradient[~mask] != 0).any()


@every_variant
def test_missing_values_give_finite_outputs_and_gradients(values):
    model = build(**values).train()
    forcing, attributes, *masks = batch()
    forcing[0], forcing[1, :, 1], attributes[2], attributes[:, 3] = [torch.nan] * 4
    loss = loss_of(model, (forcing, attributes, *masks))
    loss.backward()
    assert loss.isfinite()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name


@every_variant
def test_gradient_reaches_every_used_weight(values):
    model = build(**values).train()
    loss_of(model, batch()).backward()
    unused = [name for name, w in model.named_parameters() if not w.grad.any()]
    assert unused == []
    n_used = (model.backbone.position.grad.abs().sum(1) > 0).sum()
    assert n_used == math.ceil(40 / model.config.patch) + 1  # patches of 40 days, one site


@every_variant
def test_a_site_alone_equals_the_site_in_a_batch(values):
    model = build(**values)
    inputs = batch()
    together = outputs(model, *inputs)
    for i in range(6):
        alone = outputs(model, *(part[i : i + 1] for part in inputs))
        for one, all_sites in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], all_sites[i], atol=1e-5, rtol=1e-5)


@every_variant
def test_order_of_variables_does_not_matter_if_weights_follow(values):
    model = build(**values)
    forcing, attributes, *masks = batch()
    order, attribute_order = [2, 0, 1], [3, 1, 0, 2]
    turned = model.select_variables(order, attribute_order)
    inputs = (forcing[..., order], attributes[:, attribute_order])
    inputs += (masks[0][..., order], masks[1][:, attribute_order])
    expected = model(forcing, attributes, *masks)
    got = turned(*inputs)
    pairs = [(got.forcing, expected.forcing[..., order])]
    pairs += [(got.attributes, expected.attributes[:, attribute_order])]
    pairs += zip(got.logits, reversed(expected.logits), strict=True)
    pairs += zip(turned.encode(*inputs), model.encode(forcing, attributes, *masks), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@every_variant
def test_select_variables_gives_a_smaller_model_of_its_own(values):
    model = build(**values)
    small = model.select_variables([1], [3, 2])
    assert (small.config.n_forcings, small.config.n_attributes) == (1, 2)
    classes = values.get("n_classes")
    assert small.config.n_classes == ((2, 0) if classes else ())
    fresh = build(1, 2, **{**values, "n_classes": small.config.n_classes})
    fresh.load_state_dict(small.state_dict())
    small.embed_forcing.weight_in.data.zero_()
    assert model.embed_forcing.weight_in.any()


def test_select_variables_names_the_wrong_column():
    with pytest.raises(ValueError, match=r"`forcings` must hold columns from 0 to 2. Got \[3\]"):
        build().select_variables([3], [])
    with pytest.raises(ValueError, match=r"`attributes` must hold columns from 0 to 3. Got \[-1\]"):
        build().select_variables([0], [-1])


@every_variant
def test_windows_of_any_length_keep_their_shape(values):
    model = build(**values)
    forcing, attributes, *_ = batch(2, 59)
    for n_times in (0, 1, 7, 8, 9, 58, 59):
        days, site = model.encode(forcing[:, :n_times], attributes)
        assert days.shape == (2, n_times, 16)
        assert site.shape == (2, 16)
        reconstruction = model(forcing[:, :n_times], attributes)
        assert reconstruction.forcing.shape == (2, n_times, 3)
        assert reconstruction.attributes.shape == (2, 4)
        assert all(part.isfinite().all() for part in (days, site, reconstruction.attributes))
    with pytest.raises(ValueError, match=r"at most 59 steps.*got 60. Encode longer series"):
        model.encode(torch.zeros(2, 60, 3), attributes)


@every_variant
def test_attributes_only(values):
    model = build(n_forcings=0, **values)
    _, attributes, _, mask = batch()
    days, site = model.encode(None, attributes)
    assert days.shape == (6, 0, 16)
    assert site.shape == (6, 16)
    reconstruction = model(None, attributes, None, mask)
    assert reconstruction.forcing.shape == (6, 0, 0)
    none = reconstruction.forcing
    loss = loss_of(model, (none, attributes, none.bool(), mask))
    loss.backward()
    assert loss > 0


@pytest.mark.parametrize("patch", [1, 8])
def test_forcing_only(patch):
    model = build(n_attributes=0, patch=patch)
    forcing, _, hidden, _ = batch()
    days, site = model.encode(forcing, None)
    assert days.shape == (6, 40, 16)
    assert site.isfinite().all()
    assert model(forcing, None).attributes.shape == (6, 0)
    none = forcing.new_zeros(6, 0)
    loss_of(model, (forcing, none, hidden, none.bool())).backward()


@every_variant
def test_model_with_forcing_reads_attributes_alone_when_there_is_no_time(values):
    model = build(**values)
    _, attributes, *_ = batch()
    assert model.encode(None, attributes)[1].isfinite().all()


@every_variant
def test_absent_attributes_are_missing_ones(values):
    model = build(**values)
    forcing, attributes, *_ = batch()
    missing = torch.full_like(attributes, torch.nan)
    assert torch.equal(model.encode(forcing, None)[0], model.encode(forcing, missing)[0])


@every_variant
def test_bfloat16_is_near_float32(values):
    model = build(**values)
    inputs = batch()
    expected = outputs(model, *inputs)
    loss_of(model, inputs).backward()
    gradient = torch.cat([weight.grad.flatten() for weight in model.parameters()])
    model.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = outputs(model, *inputs)
        loss = loss_of(model, inputs)
    loss.backward()
    assert loss.dtype == torch.float32
    columns = model.config.numeric_columns
    got[1], expected[1] = got[1][:, columns], expected[1][:, columns]  # not the codes
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one.float(), other, atol=0.05, rtol=0.05)
    reduced = torch.cat([weight.grad.flatten() for weight in model.parameters()])
    assert (reduced - gradient).norm() < 0.05 * gradient.norm()


def test_everything_is_one_graph_to_the_compiler():
    model = build(**VARIANTS["all"], n_layers=1, dropout=0.1).train()
    inputs = batch()
    compiled = torch.compile(loss_of, backend="eager", fullgraph=True)
    with torch.random.fork_rng(devices=[]):  # dropout
        torch.testing.assert_close(
            compiled(model, inputs), loss_of(model, inputs), rtol=0.01, atol=0
        )


def test_padding_of_a_window_is_missing_days():
    model = build(patch=8)
    forcing, attributes, *_ = batch(n_times=48)
    forcing[:, 43:] = torch.nan
    expected = model(forcing, attributes)
    got = model(forcing[:, :43], attributes)
    assert torch.equal(got.forcing, expected.forcing[:, :43])
    assert torch.equal(got.attributes, expected.attributes)


def test_patches_give_the_encoder_fewer_tokens():
    model = build(patch=8)
    seen = []
    model.backbone.register_forward_pre_hook(lambda _, tokens: seen.append(tokens[0].shape[1]))
    forcing, attributes, *_ = batch()
    model.encode(forcing, attributes)
    assert seen == [40 // 8 + 1]
    assert len(model.backbone.position) == 8 + 1  # for windows of up to 59 days


def test_feature_of_a_day_follows_its_own_weather_most():
    model = build(patch=8)
    forcing, attributes, *_ = batch()
    changed = forcing.clone()
    changed[:, 20] += 1
    difference = model.encode(changed, attributes)[0] - model.encode(forcing, attributes)[0]
    assert (difference.norm(dim=2).argmax(1) == 20).all()


def test_a_code_out_of_range_is_missing():
    model = build(**VARIANTS["classes"])
    forcing, attributes, *_ = batch()
    outside, missing = attributes.clone(), attributes.clone()
    outside[:3, 1], outside[3:, 1], missing[:, 1] = 3, -1, torch.nan
    assert torch.equal(model.encode(forcing, outside)[1], model.encode(forcing, missing)[1])
    assert not torch.equal(model.encode(forcing, attributes)[1], model.encode(forcing, missing)[1])


def test_reconstructed_classes_are_the_likeliest_ones():
    forcing, attributes, logits = build(**VARIANTS["classes"])(*batch())
    assert [scores.shape for scores in logits] == [(6, 3), (6, 2)]
    assert torch.equal(attributes[:, 1], logits[0].argmax(1).float())
    assert torch.equal(attributes[:, 3], logits[1].argmax(1).float())
    assert forcing.requires_grad


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


@pytest.mark.parametrize("name", ["reference", "transformer", "patch"])
def test_gradients_in_double_precision(name):
    model = build(**VARIANTS[name], n_layers=1, d_model=8).double()
    forcing, attributes, *masks = batch(2, 4, dtype=torch.float64)
    torch.autograd.gradcheck(
        lambda x, c: model(x, c, *masks)[:2],
        (forcing.requires_grad_(), attributes.requires_grad_()),
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
    attributes[:, 1] = (shared[:, 0] > 0).float()  # a class that the others tell
    return forcing, attributes


def draw(n_sites, epoch, generator):
    """A batch with new masks, as the truth of the loss."""
    forcing, attributes = correlated(n_sites, 60, generator)
    groups = [VariableGroup(attributes=(0, 1)), VariableGroup(attributes=(2, 3))]
    keys = make_keys(0, epoch, torch.arange(n_sites))
    hidden = sample_masks(MaskConfig(span=(5, 15)), groups, keys, 60, 3, 4)
    names = ("forcing", "attributes", "forcing_hidden", "attributes_hidden")
    return dict(zip(names, (forcing, attributes, *hidden), strict=True))


@pytest.mark.parametrize("values", [{}, {"patch": 4, "n_classes": (0, 2, 0, 0)}])
def test_pretraining_beats_the_mean(values):
    """After 100 steps hidden values are far closer than their variance (1)."""
    generator = torch.Generator().manual_seed(0)
    sizes = {"d_model": 32, "n_layers": 1, "d_feedforward": 64, "d_embedding": 16}
    loss = ReconstructionLoss(3, 4, n_classes=values.get("n_classes", ()))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = MaskedAutoencoder(BackboneConfig(3, 4, **sizes, **values))
        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0)
        for step in range(100):
            truth = draw(16, step, generator)
            optimizer.zero_grad()
            loss(model(**truth), truth).backward()
            optimizer.step()
    model.eval()
    truth = draw(100, 100, generator)
    with torch.no_grad():
        sums, counts = loss.errors(model(**truth), truth)
    assert (sums / counts < 0.5).all()
