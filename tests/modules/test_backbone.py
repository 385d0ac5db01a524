"""The encoder is torch's encoder, with fixed places for days and the static token."""

import math

import pytest
import torch
from torch import nn

from stefaland_sk.modules import BackboneConfig
from stefaland_sk.modules._backbone import Backbone, EncoderLayer


def test_layer_equals_the_layer_of_torch():
    theirs = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    ours = EncoderLayer(16, 4, 32)
    pairs = {
        "qkv.weight": "self_attn.in_proj_weight",
        "qkv.bias": "self_attn.in_proj_bias",
        "project": "self_attn.out_proj",
        "expand": "linear1",
        "contract": "linear2",
        "norm_attention": "norm1",
        "norm_feedforward": "norm2",
    }
    weights = theirs.state_dict()
    for own, other in pairs.items():
        for part in [""] if "." in own else [".weight", ".bias"]:
            ours.get_parameter(own + part).data.copy_(weights[other + part])
    tokens = torch.randn(3, 7, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours.eval()(tokens), theirs.eval()(tokens), atol=1e-5, rtol=1e-5)


def test_positions_are_added_before_the_scaling():
    backbone = Backbone(BackboneConfig(1, 0, d_model=16, n_layers=1)).eval()
    tokens = torch.zeros(1, 4, 16)
    rows = torch.cat([backbone.position[:3], backbone.position[-1:]])
    expected = backbone.norm(backbone.layers[0](rows[None] * math.sqrt(16)))
    torch.testing.assert_close(backbone(tokens), expected)


@pytest.mark.parametrize("row", [None, 0, 3])
def test_static_token_keeps_its_row_in_windows_of_any_length(row):
    backbone = Backbone(BackboneConfig(1, 0, d_model=4, max_length=8, static_position=row))
    static = 7 if row is None else row
    days = [day for day in range(8) if day != static]
    for n_times in range(8):
        expected = backbone.position[[*days[:n_times], static]]
        assert torch.equal(backbone._positions(n_times), expected)


@pytest.mark.parametrize("patch", [3, 7])
def test_position_table_has_one_row_per_patch(patch):
    backbone = Backbone(BackboneConfig(1, 0, d_model=4, max_length=8, patch=patch))
    n_patches = -(-7 // patch)
    assert len(backbone.position) == n_patches + 1
    assert torch.equal(backbone._positions(n_patches), backbone.position)


def test_attention_in_bfloat16_is_near_float32():
    layer = EncoderLayer(16, 4, 32).eval()
    tokens = torch.randn(3, 7, 16, generator=torch.Generator().manual_seed(0))
    expected = layer(tokens)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(layer(tokens), expected, atol=0.05, rtol=0.05)
    got = layer.bfloat16()(tokens.bfloat16())
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.float(), expected, atol=0.05, rtol=0.05)
