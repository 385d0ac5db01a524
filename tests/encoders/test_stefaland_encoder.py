"""Features of a pretrained encoder: long records, missing inputs, sites apart, precision."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from stefaland_sk import Panel
from stefaland_sk.encoders import StefaLandEncoder, _encode, _stefaland, _windows
from stefaland_sk.modules import MaskedAutoencoder

WINDOW = 64


def with_forcing(panel, forcing):
    return Panel(
        panel.attributes,
        forcing,
        time=panel.time,
        forcing_names=panel.forcing_names,
        units=panel.units,
    )


@pytest.fixture(scope="module")
def gappy(catchments):
    """One site with a gap, one without any forcing."""
    forcing = catchments.forcing.copy()
    forcing[1, 100:120] = np.nan
    forcing[2] = np.nan
    return with_forcing(catchments, forcing)


# ---------------------------------------------------------------------- long records
def test_features_are_those_of_the_first_window_that_holds_the_day(catchments, encoder):
    days, _ = encoder.encode(catchments)
    first, _ = encoder.encode(catchments.sel_time(catchments.time[0], catchments.time[WINDOW - 1]))
    np.testing.assert_allclose(days[:, :WINDOW], first, atol=1e-5)
    half = WINDOW // 2
    part = catchments.sel_time(catchments.time[half], catchments.time[half + WINDOW - 1])
    second, _ = encoder.encode(part)
    np.testing.assert_allclose(days[:, WINDOW : WINDOW + half], second[:, half:], atol=1e-5)


def test_days_without_forcing_have_no_features(gappy, encoder):
    days, site = encoder.encode(gappy)
    missing = np.isnan(days).all(axis=2)
    assert missing[1, 100:120].all()
    assert missing[2].all()
    assert missing.sum() == 20 + 365
    assert np.isfinite(site).all()  # the attributes alone serve where there is no forcing


def test_days_with_other_variables_only_get_mask_tokens(gappy, encoder):
    extra = np.ones((*gappy.forcing.shape[:2], 1), dtype=np.float32)
    wider = Panel(
        gappy.attributes,
        np.concatenate([gappy.forcing, extra], axis=2),
        time=gappy.time,
        forcing_names=[*gappy.forcing_names, "wind"],
    )
    days, _ = encoder.encode(wider)
    assert np.isfinite(days).all()


def test_the_static_token_is_averaged_over_windows(catchments, encoder):
    short = catchments.sel_time(None, catchments.time[WINDOW + WINDOW // 2 - 1])
    pieces = [
        short.sel_time(None, short.time[WINDOW - 1]),
        short.sel_time(short.time[WINDOW // 2], None),
    ]
    expected = np.mean([encoder.encode(piece)[1] for piece in pieces], axis=0)
    np.testing.assert_allclose(encoder.encode(short)[1], expected, atol=1e-5)


def test_attributes_alone_are_encoded(catchments, encoder):
    days, site = encoder.encode(Panel.from_table(catchments.attributes))
    assert days is None
    assert np.isfinite(site).all()


# ---------------------------------------------------------------------- sites apart
@pytest.mark.parametrize("kind", ["series", "table"])
def test_what_a_site_gets_is_the_same_to_the_bit_in_any_company(gappy, encoder, kind, monkeypatch):
    X = gappy if kind == "series" else Panel.from_table(gappy.attributes)
    days, site = encoder.encode(X)
    order = np.array([3, 0, 4, 2, 1])
    calls = [(rows, X[rows]) for rows in ([0], [1], [2], [1, 3], order)]
    monkeypatch.setattr(_stefaland, "_STEPS_PER_BLOCK", 800)  # blocks of two sites
    for rows, panel in [*calls, (np.arange(5), X)]:
        some_days, some_site = encoder.encode(panel)
        np.testing.assert_array_equal(some_site, site[rows])
        if kind == "series":
            np.testing.assert_array_equal(some_days, days[rows])


@pytest.mark.parametrize("kind", ["series", "table"])
def test_lots_of_many_sites_as_on_other_devices_come_close(gappy, encoder, kind, monkeypatch):
    X = gappy if kind == "series" else Panel.from_table(gappy.attributes)
    days, site = encoder.encode(X)
    monkeypatch.setattr(_encode.FrozenNetwork, "_alone", False)
    mixed, mixed_site = encoder.encode(X)
    np.testing.assert_allclose(mixed_site, site, atol=1e-5)
    if kind == "series":
        np.testing.assert_allclose(mixed, days, atol=1e-5)


def test_a_lazy_panel_gives_the_same(gappy, encoder, tmp_path, monkeypatch):
    gappy.to_netcdf(tmp_path / "panel.nc")
    lazy = Panel.from_netcdf(tmp_path / "panel.nc")
    assert lazy.is_lazy
    monkeypatch.setattr(_stefaland, "_STEPS_PER_BLOCK", 800)
    mapped = encoder.with_variable_map({"tmax": (lambda t: t, ["tmax"])})
    for model in (encoder, mapped):
        for one, two in zip(model.encode(lazy), encoder.encode(gappy), strict=True):
            np.testing.assert_array_equal(one, two)


def test_blocks_make_up_the_whole(gappy, encoder, monkeypatch):
    days, site = encoder.encode(gappy)
    monkeypatch.setattr(_stefaland, "_STEPS_PER_BLOCK", 800)
    blocks = list(encoder.encode_blocks(gappy))
    assert [rows for rows, _, _ in blocks] == [slice(0, 2), slice(2, 4), slice(4, 5)]
    np.testing.assert_array_equal(np.concatenate([b[1] for b in blocks]), days)
    np.testing.assert_array_equal(np.concatenate([b[2] for b in blocks]), site)


def test_a_network_reads_few_steps_at_once(catchments, encoder, monkeypatch):
    days, site = encoder.encode(catchments)
    seen = []
    encode = type(encoder.module).encode

    def watched(self, forcing, attributes):
        seen.append(forcing.shape[:2].numel())
        return encode(self, forcing, attributes)

    monkeypatch.setattr(type(encoder.module), "encode", watched)
    monkeypatch.setattr(_windows, "STEPS_AT_ONCE", 130)
    parts, alone = encoder.encode(catchments)
    assert max(seen) <= 130
    np.testing.assert_allclose(parts, days, atol=1e-5)
    np.testing.assert_allclose(alone, site, atol=1e-5)


# ---------------------------------------------------------------------- variants
@pytest.fixture(params=[{"patch": 8}, {"decoder": "transformer", "n_classes": (3, *[0] * 25)}])
def variant(request, encoder):
    """An untrained encoder of another kind."""
    config = replace(encoder.module.config, max_length=WINDOW + 1, **request.param)
    torch.manual_seed(0)
    return StefaLandEncoder(MaskedAutoencoder(config), encoder.scaler, WINDOW)


def test_variants_are_saved_pickled_and_give_a_site_the_same_bits(gappy, variant, tmp_path):
    days, site = variant.encode(gappy)
    assert np.isfinite(days).all(axis=2).sum() == gappy.present().sum()
    loaded = StefaLandEncoder.load(variant.save(tmp_path / "x.safetensors"))
    for model in (loaded, pickle.loads(pickle.dumps(variant))):
        one_days, one_site = model.encode(gappy[[1]])
        np.testing.assert_array_equal(one_days[0], days[1])
        np.testing.assert_array_equal(one_site[0], site[1])


def test_days_keep_their_place_in_a_patch(catchments, encoder):
    config = replace(encoder.module.config, max_length=WINDOW + 1, patch=12)
    patched = StefaLandEncoder(MaskedAutoencoder(config), encoder.scaler, WINDOW)
    days, _ = patched.encode(catchments)
    start = 24  # the second window moves on by whole patches, not by 32 days
    part = catchments.sel_time(catchments.time[start], catchments.time[start + WINDOW - 1])
    new = slice(WINDOW, start + WINDOW)
    expected = patched.encode(part)[0][:, new.start - start :]
    np.testing.assert_allclose(days[:, new], expected, atol=1e-5)


# ---------------------------------------------------------------------- options
def test_half_precision_and_sites_only(catchments, encoder):
    days, site = encoder.encode(catchments, dtype=np.float16)
    assert days.dtype == np.float16
    none, alone = encoder.encode(catchments, days=False)
    assert none is None
    np.testing.assert_array_equal(alone, site)


def test_bf16_comes_close(catchments, encoder):
    days, site = encoder.encode(catchments, precision="bf16")
    exact, exact_site = encoder.encode(catchments)
    assert days.dtype == site.dtype == np.float32
    assert not np.array_equal(days, exact)
    np.testing.assert_allclose(days, exact, atol=0.05 * exact.std())
    np.testing.assert_allclose(site, exact_site, atol=0.05 * exact_site.std())
    with pytest.raises(ValueError, match=r"`precision` must be one of \['float32', 'bf16'\]"):
        encoder.encode(catchments, precision="half")


# ---------------------------------------------------------------------- the object
def test_the_encoder_has_weights_of_its_own(encoder, catchments):
    copy = StefaLandEncoder(encoder.module, encoder.scaler, encoder.window)
    before, _ = copy.encode(catchments)
    weight = next(iter(encoder.module.parameters()))
    kept = weight.clone()
    weight.zero_()  # a training that goes on changes the network it was made from
    try:
        np.testing.assert_array_equal(copy.encode(catchments)[0], before)
    finally:
        weight.copy_(kept)
    assert not copy.module.training
    assert not any(parameter.requires_grad for parameter in copy.module.parameters())


def test_a_scaler_of_another_size_is_refused(encoder, catchments):
    smaller = type(encoder.scaler).fit(catchments.keep_variables(forcings=["prcp"]))
    with pytest.raises(ValueError, match="forcing_names have 1 values for 6 variables"):
        StefaLandEncoder(encoder.module, smaller, 60)


def test_it_tells_what_it_is(encoder):
    assert repr(encoder).startswith("StefaLandEncoder(d_model=8, 6 forcing variables, 26 attrib")
    placed = StefaLandEncoder(
        encoder.module,
        encoder.scaler,
        60,
        units=encoder.units,
        groups={"climate": ["p_mean", "pet_mean"]},
        sites=["a", "b"],
        places=pd.DataFrame({"lat": [1.0, np.nan], "lon": [2.0, np.nan]}),
        period=("2000-10-01", "2001-09-30"),
        about={"licence": "CC-BY-4.0"},
    )
    text = " ".join(placed.describe().split())
    for part in (
        "8 features, 1 layer, ",
        "windows of 60 steps",
        "forcing prcp [mm/d], ",
        "climate p_mean [mm/d], pet_mean [mm/d]",
        "has seen 2 sites, 1 of them with a rough place, 2000-10-01 to 2001-09-30",
        "licence CC-BY-4.0",
    ):
        assert part in text
