"""TerraMind's own network, small and with random weights, as an encoder."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from stefaland_sk import CheckpointError, Panel
from stefaland_sk.encoders import (
    FeatureCache,
    TerraMindEncoder,
    check_encoder,
    get_weights_entry,
)

SITES = ["a", "b", "c"]
DAYS = pd.date_range("2020-01-01", periods=6)


@pytest.fixture(scope="module")
def terratorch():
    return pytest.importorskip(
        "terratorch", reason="needs terratorch: pip install 'stefaland-sk[terramind]'"
    )


@pytest.fixture
def build(terratorch):
    """Build small networks of the published kind."""
    from terratorch.models.backbones.terramind.model.terramind_vit import TerraMindViT

    def build(*modalities, **options):
        torch.manual_seed(0)
        sizes = {"img_size": 32, "dim": 24, "encoder_depth": 2, "num_heads": 2, **options}
        return TerraMindViT(modalities=list(modalities), **sizes)

    return build


@pytest.fixture
def panel():
    return Panel(pd.DataFrame(index=SITES), np.zeros((3, 6, 1)), time=DAYS, forcing_names=["prcp"])


def chips(n_bands, seed=0, size=32):
    rng = np.random.default_rng(seed)
    return {site: rng.uniform(0, 4000, size=(n_bands, size, size)) for site in SITES}


def test_it_keeps_the_contract(build, panel):
    check_encoder(TerraMindEncoder(build("S2L2A"), chips(12)), panel)


def test_features_are_those_of_the_network_itself(build, panel):
    from terratorch.models.backbones.terramind.model import terramind_register as register

    network, images = build("S2L2A"), chips(12)
    key = "untok_sen2l2a@224"
    mean, std = (
        np.reshape(table[key], (12, 1, 1))
        for table in (register.v1_pretraining_mean, register.v1_pretraining_std)
    )
    scaled = torch.tensor(((images["b"] - mean) / std)[None], dtype=torch.float32)
    with torch.inference_mode():
        expected = network.eval()(scaled)[-1].mean(dim=1)[0]
    _, site = TerraMindEncoder(network, images).encode(panel)
    np.testing.assert_allclose(site[1], expected, atol=1e-5)
    assert list(register.PRETRAINED_BANDS[key]) == list(
        get_weights_entry("terramind_v1_base").bands
    )


def test_several_kinds_of_images_go_together(build, panel):
    names = {"S2L2A": 12, "S1GRD": 2, "DEM": 1}
    images = {name: chips(n, seed=n) for name, n in names.items()}
    encoder = TerraMindEncoder(build(*names), images)
    check_encoder(encoder, panel)
    text = encoder.describe()
    assert "S1GRD" in text
    assert "VV, VH" in text
    assert repr(encoder) == "TerraMindEncoder(d_model=24, S2L2A, S1GRD, DEM, images of 3 sites)"
    del images["DEM"]["b"]
    with pytest.raises(CheckpointError, match=r"lack 1 of the 3 sites of X, for example \['b'\]"):
        TerraMindEncoder(build(*names), images).encode(panel)


def test_what_has_no_dates_serves_for_all(build, panel):
    dates = pd.DatetimeIndex(["2020-01-01", "2020-01-04"])
    elevation = chips(1)
    radar = {
        site: xr.DataArray(
            np.random.default_rng(1).normal(-15, 3, size=(2, 2, 32, 32)),
            {"time": dates, "band": ["VV", "VH"]},
            dims=("time", "band", "y", "x"),
        )
        for site in SITES
    }
    encoder = TerraMindEncoder(build("S1GRD", "DEM"), {"S1GRD": radar, "DEM": elevation})
    check_encoder(encoder, panel)
    days, _ = encoder.encode(panel)
    np.testing.assert_array_equal(days[:, 0], days[:, 2])
    assert not np.array_equal(days[:, 2], days[:, 3])
    optical = {s: image.isel(time=[0]) for s, image in radar.items()}
    with pytest.raises(ValueError, match="kinds of images have different dates"):
        TerraMindEncoder(build("S1GRD", "S1RTC"), {"S1GRD": radar, "S1RTC": optical})
    pairs = {site: np.stack([image] * 3) for site, image in elevation.items()}
    with pytest.raises(ValueError, match="S1GRD has 2 images where 3 are expected"):
        TerraMindEncoder(build("S1GRD", "DEM"), {"S1GRD": radar, "DEM": pairs})


def test_what_is_cached_is_not_computed_again(build, panel):
    network = build("S2L2A")
    calls = []
    network.register_forward_hook(lambda *_: calls.append(1))
    cache = FeatureCache()
    encoder = TerraMindEncoder(network, chips(12))
    for _ in range(2):
        encoder.encode(panel, cache=cache)
    assert len(calls) == 3


# ---------------------------------------------------------------------- published weights
@pytest.fixture
def weights(terratorch, tmp_path):
    """A file such as the published one of the smallest network, with random weights."""
    torch.manual_seed(0)
    network = terratorch.BACKBONE_REGISTRY.build(
        "terramind_v1_tiny", pretrained=False, modalities=["S2L2A", "DEM"], merge_method="mean"
    )
    torch.save(
        {**network.state_dict(), "decoder.part": torch.zeros(2)}, tmp_path / "TerraMind_v1_tiny.pt"
    )
    return network, tmp_path


def test_weights_come_from_a_file_or_its_folder(weights):
    network, folder = weights
    encoder = TerraMindEncoder.from_pretrained(chips(12), "terramind_v1_tiny", path=folder)
    theirs = network.state_dict()
    assert all(
        torch.equal(value, theirs[name]) for name, value in encoder.module.state_dict().items()
    )
    assert encoder.d_model == 192
    assert encoder.about["licence"] == "Apache-2.0"


def test_weights_of_another_network_are_refused(weights):
    _, folder = weights
    with pytest.raises(CheckpointError, match="are not those of TerraMindViT"):
        TerraMindEncoder.from_pretrained(
            chips(12), "terramind_v1_tiny", path=folder, modalities=["S1GRD"]
        )
    with pytest.raises(CheckpointError, match=r"cannot build 'terramind_v1_tiny' for \['X'\]"):
        TerraMindEncoder.from_pretrained(
            chips(12), "terramind_v1_tiny", path=folder, modalities=["X"]
        )
    with pytest.raises(ValueError, match="must be that of a TerraMind. Got 'alphaearth'"):
        TerraMindEncoder.from_pretrained(chips(12), "alphaearth", path=folder)


# ---------------------------------------------------------------------- mistakes
def test_images_of_another_form_are_refused(build, panel):
    with pytest.raises(ValueError, match=r"modalities \['S2L2A', 'DEM'\]; .*keys \['S2L2A'\]"):
        TerraMindEncoder(build("S2L2A", "DEM"), {"S2L2A": chips(12)})
    with pytest.raises(TypeError, match="`images` must be a mapping. Got list"):
        TerraMindEncoder(build("S2L2A"), [])
    with pytest.raises(TypeError, match="images of 'DEM' must be a mapping .* Got dict"):
        TerraMindEncoder(build("S2L2A", "DEM"), {"S2L2A": chips(12), "DEM": {}})
    with pytest.raises(ValueError, match="cannot read the input of site 'a'"):
        TerraMindEncoder(build("S2L2A"), chips(12, size=40)).encode(panel)


def test_networks_of_another_kind_are_refused(build):
    with pytest.raises(TypeError, match="must be a TerraMind backbone of TerraTorch. Got Linear"):
        TerraMindEncoder(torch.nn.Linear(1, 1), chips(12))
    with pytest.raises(ValueError, match="merge_method=\"mean\".*Got 'concat'"):
        TerraMindEncoder(build("S2L2A", "DEM", merge_method="concat"), chips(12))
    with pytest.raises(ValueError, match=r"kinds \['mine'\] have no published bands.*'S2L2A'"):
        TerraMindEncoder(build({"mine": 3}), chips(3))


def test_an_installation_that_is_broken(monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.partition(".")[0] == "terratorch"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "terratorch.py").write_text("raise RuntimeError('operator nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="cannot be imported: operator nms .* from one index"):
        TerraMindEncoder.from_pretrained(chips(12))


def test_it_needs_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "terratorch", None)
    with pytest.raises(ImportError, match=r"pip install 'stefaland-sk\[terramind\]'"):
        TerraMindEncoder.from_pretrained(chips(12))
