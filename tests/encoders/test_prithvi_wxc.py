"""Prithvi WxC's own network, small and with random weights, as an encoder."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from stefaland_sk import CheckpointError, Panel
from stefaland_sk.encoders import FeatureCache, PrithviWxCEncoder, check_encoder

SITES = ["a", "b", "c"]
DAYS = pd.date_range("2020-01-01", periods=6)
GRID = (8, 12)


@pytest.fixture(scope="module")
def published():
    return pytest.importorskip(
        "PrithviWxC.model", reason="needs prithviwxc: pip install 'stefaland-sk[prithvi]'"
    )


@pytest.fixture
def build(published):
    """Build small networks of the published kind, with four variables."""

    def build(**options):
        torch.manual_seed(0)
        sizes = {
            "in_channels": 4,
            "input_size_time": 2,
            "in_channels_static": 3,
            "n_lats_px": GRID[0],
            "n_lons_px": GRID[1],
            "patch_size_px": [2, 2],
            "mask_unit_size_px": [4, 6],
            "embed_dim": 16,
            "n_blocks_encoder": 1,
            "n_blocks_decoder": 1,
            "mlp_multiplier": 2,
            "n_heads": 2,
            "residual": "climate",
            "masking_mode": "both",
            "positional_encoding": "fourier",
            "decoder_shifting": True,
            **options,
        }
        n_static = sizes["in_channels_static"] + 3 * (sizes["positional_encoding"] == "fourier")
        network = published.PrithviWxC(
            **sizes,
            input_scalers_mu=torch.rand(4),
            input_scalers_sigma=torch.rand(4) + 1,
            input_scalers_epsilon=0.0,
            static_input_scalers_mu=torch.rand(n_static),
            static_input_scalers_sigma=torch.rand(n_static) + 1,
            static_input_scalers_epsilon=0.0,
            output_scalers=torch.ones(4),
            mask_ratio_inputs=0.0,
            mask_ratio_targets=0.0,
            dropout=0.0,
            drop_path=0.0,
            parameter_dropout=0.0,
        )
        return network.eval()

    return build


@pytest.fixture
def panel():
    return Panel(pd.DataFrame(index=SITES), np.zeros((3, 6, 1)), time=DAYS, forcing_names=["prcp"])


def fields(n=1, n_static=5, climate=True, **more):
    """What the package's own preparation gives, of made-up weather."""
    rng = np.random.default_rng(0)
    made = {}
    for site in SITES:
        made[site] = {
            "x": rng.normal(size=(n, 2, 4, *GRID)),
            "static": rng.normal(size=(n, n_static, *GRID)),
            "climate": rng.normal(size=(n, 4, *GRID)),
            "input_time": np.full(n, 3.0),
            "lead_time": np.full(n, 6.0),
            **more,
        }
        if not climate:
            del made[site]["climate"]
    return made


@pytest.mark.parametrize("pool", ["mean", "centre"])
def test_it_keeps_the_contract(build, panel, pool):
    check_encoder(PrithviWxCEncoder(build(), fields(), pool=pool), panel)


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({"residual": "none"}, {"climate": False}),
        ({"residual": "temporal"}, {"climate": False}),
        ({"positional_encoding": "absolute"}, {"n_static": 3}),
    ],
)
def test_variants_keep_the_contract(build, panel, options, given):
    check_encoder(PrithviWxCEncoder(build(**options), fields(**given)), panel)


def test_features_are_those_of_the_whole_network_without_masking(build, published, panel):
    network, given = build(), fields()
    tensors = {name: torch.tensor(array, dtype=torch.float32) for name, array in given["b"].items()}
    found = []
    network.encoder.register_forward_hook(lambda _, __, output: found.append(output))
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of the published code's attention
        published.masked_inference(network, {**tensors, "y": tensors["x"][:, 0]})
    expected = found[0][0].mean(dim=(0, 1))
    _, site = PrithviWxCEncoder(network, given).encode(panel)
    np.testing.assert_allclose(site[1], expected, atol=1e-5)
    # The middle of the grid: the four patches around its centre.
    middle = network.from_patching(found[0])[0, :, 1:3, 2:4].mean(dim=(1, 2))
    _, site = PrithviWxCEncoder(network, given, pool="centre").encode(panel)
    np.testing.assert_allclose(site[1], middle, atol=1e-5)


def test_a_sample_holds_until_the_next(build, panel):
    dates = np.array(["2020-01-04", "2020-01-01"], dtype="datetime64[ns]")
    given = fields(2, time=dates)
    encoder = PrithviWxCEncoder(build(), given)
    check_encoder(encoder, panel)
    days, site = encoder.encode(panel)
    np.testing.assert_array_equal(days[:, 0], days[:, 2])
    first = {
        site: {name: array[[1]] for name, array in value.items()} for site, value in given.items()
    }
    early = PrithviWxCEncoder(build(), first).encode(panel)[1]
    np.testing.assert_allclose(days[:, 0], early, atol=1e-6)
    np.testing.assert_allclose(site, (days[:, 0] + days[:, -1]) / 2, atol=1e-6)


def test_what_is_cached_is_not_computed_again(build, panel):
    encoder = PrithviWxCEncoder(build(), fields())
    calls = []
    encoder.module.encoder.register_forward_hook(lambda *_: calls.append(1))
    cache = FeatureCache()
    for _ in range(2):
        encoder.encode(panel, cache=cache)
    assert len(calls) == 3


def test_the_random_state_is_untouched(build, panel):
    encoder = PrithviWxCEncoder(build(), fields())
    before = torch.get_rng_state()
    encoder.encode(panel)
    assert torch.equal(torch.get_rng_state(), before)


# ---------------------------------------------------------------------- published weights
@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({}, {}),
        ({"residual": "none"}, {"climate": False}),
        ({"positional_encoding": "absolute", "n_blocks_encoder": 2}, {"n_static": 3}),
    ],
)
def test_sizes_follow_from_the_weights(build, panel, tmp_path, options, given):
    network = build(**options)
    torch.save({"model_state": network.state_dict()}, tmp_path / "prithvi.pt")
    loaded = PrithviWxCEncoder.from_pretrained(
        fields(**given), path=tmp_path, n_heads=2, mask_unit=(4, 6)
    )
    expected = PrithviWxCEncoder(network, fields(**given))
    assert loaded.digest == expected.digest
    np.testing.assert_array_equal(loaded.encode(panel)[1], expected.encode(panel)[1])
    assert loaded.about["licence"] == "CDLA-Permissive-2.0"
    assert repr(loaded) == "PrithviWxCEncoder(d_model=16, 8 x 12 cells, fields of 3 sites)"


def test_weights_serve_on_a_grid_of_another_size(build, tmp_path):
    torch.save(build(n_lats_px=16, n_lons_px=24).state_dict(), tmp_path / "globe.pt")
    options = {"path": tmp_path / "globe.pt", "n_heads": 2, "mask_unit": (4, 6)}
    assert "8 x 12 cells" in repr(PrithviWxCEncoder.from_pretrained(fields(), **options))
    with pytest.raises(ValueError, match=r"'x' must have the shape \(n_samples, 2, 4, 16, 24\)"):
        PrithviWxCEncoder.from_pretrained(fields(), grid=(16, 24), **options)


def test_weights_of_something_else_are_refused(published, tmp_path):
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="not hold the weights of a Prithvi WxC: 'input_scal"):
        PrithviWxCEncoder.from_pretrained(fields(), path=tmp_path)


# ---------------------------------------------------------------------- mistakes
def test_fields_that_do_not_fit_name_their_site(build):
    def give(name, value):
        given = fields()
        if value is None:
            del given["a"][name]
        else:
            given["a"][name] = value
        return PrithviWxCEncoder(build(), given)

    with pytest.raises(ValueError, match=r"site 'a' does not fit: there is no 'climate'; it has"):
        give("climate", None)
    with pytest.raises(
        ValueError, match=r"'static' must have the shape \(n_samples, 5, 8, 12\); go"
    ):
        give("static", np.zeros((1, 4, *GRID)))
    with pytest.raises(ValueError, match="'x' has values that are not finite; the network takes n"):
        give("x", np.full((1, 2, 4, *GRID), np.nan))
    with pytest.raises(ValueError, match="'time' must hold 1 dates, each once"):
        give("time", pd.DatetimeIndex(["2020-01-01", "2020-01-02"]))
    with pytest.raises(
        TypeError, match="site 'a' does not fit: the fields of a site are a mapping"
    ):
        PrithviWxCEncoder(build(), {"a": np.zeros(3)})
    with pytest.raises(TypeError, match="`fields` must be a mapping from site to arrays. Got list"):
        PrithviWxCEncoder.from_pretrained([])


def test_networks_of_another_kind_are_refused(build):
    with pytest.raises(
        TypeError, match="must be a PrithviWxC of the package prithviwxc. Got Linea"
    ):
        PrithviWxCEncoder(torch.nn.Linear(1, 1), fields())
    with pytest.raises(ValueError, match="whose encoder shifts its windows is not known here"):
        PrithviWxCEncoder(build(encoder_shifting=True), fields())
    with pytest.raises(ValueError, match=r"`pool` must be one of \['mean', 'centre'\]"):
        PrithviWxCEncoder(build(), fields(), pool="max")


def test_it_needs_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "PrithviWxC", None)
    monkeypatch.setitem(sys.modules, "PrithviWxC.model", None)
    with pytest.raises(ImportError, match=r"pip install 'stefaland-sk\[prithvi\]'"):
        PrithviWxCEncoder.from_pretrained(fields())
