"""Vectorised per-variable networks do what a loop over variables would."""

import pytest
import torch
from torch.nn import functional as F

from stefaland_sk.modules._embedding import VariableEmbedding, VariableHeads


def inputs(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(2, 5, 3, generator=generator, dtype=dtype)
    return values, torch.rand(2, 5, 3, generator=generator) < 0.4


@pytest.mark.parametrize("style", ["vector", "scalar"])
def test_embedding_equals_a_loop_over_variables(style):
    values, hidden = inputs()
    embed = VariableEmbedding(3, 8, 4, mask_style=style).eval()
    expected = torch.zeros(2, 5, 8)
    for v in range(3):
        x = values[..., v]
        if style == "scalar":
            x = torch.where(hidden[..., v], embed.mask_token[v], x)
        inner = F.gelu(x.unsqueeze(-1) * embed.weight_in[v] + embed.bias_in[v])
        token = inner @ embed.weight_out[v] + embed.bias_out[v]
        if style == "vector":
            token = torch.where(hidden[..., v, None], embed.mask_token[v], token)
        expected += token
    torch.testing.assert_close(embed(values, hidden), expected)


@pytest.mark.parametrize("style", ["vector", "scalar"])
def test_missing_counts_as_hidden(style):
    values, hidden = inputs()
    embed = VariableEmbedding(3, 8, 4, mask_style=style).eval()
    missing = values.masked_fill(hidden, torch.nan)
    assert torch.equal(embed(missing), embed(values, hidden))
    assert torch.equal(embed(missing, hidden), embed(values, hidden))


@pytest.mark.parametrize("style", ["vector", "scalar"])
def test_embedding_gradients(style):
    values, hidden = inputs(torch.float64)
    embed = VariableEmbedding(3, 4, 4, mask_style=style).double().eval()
    torch.autograd.gradcheck(lambda x: embed(x, hidden), values.requires_grad_())


def test_heads_equal_a_loop_over_variables():
    tokens = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    heads = VariableHeads(3, 8, 4).eval()
    columns = []
    for v in range(3):
        inner = F.gelu(tokens @ heads.weight_in[v].T + heads.bias_in[v])
        columns.append(inner @ heads.weight_out[v] + heads.bias_out[v])
    torch.testing.assert_close(heads(tokens), torch.stack(columns, -1))


def test_embedding_of_no_variables_is_zero():
    assert torch.equal(VariableEmbedding(0, 8)(torch.zeros(2, 0)), torch.zeros(2, 8))
    assert VariableHeads(0, 8)(torch.zeros(2, 8)).shape == (2, 0)


def test_embedding_refuses_other_numbers_of_variables():
    with pytest.raises(ValueError, match=r"hold the 3 variables.*got shape \(2, 4\)"):
        VariableEmbedding(3, 8)(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="`mask_style` must be one of"):
        VariableEmbedding(3, 8, mask_style="table")
