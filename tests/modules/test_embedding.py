"""Vectorised per-variable networks do what a loop over variables would."""

import pytest
import torch
from torch.nn import functional as F

from stefaland_sk.modules._embedding import VariableEmbedding, VariableHeads

STYLES = pytest.mark.parametrize("style", ["vector", "scalar"])
# Few variables go through block-diagonal matrices, many through broadcast products.
SIZES = pytest.mark.parametrize("n_variables", [3, 40])


def inputs(n_variables=3, dtype=torch.float32):
    """Values, and the same with NaN where some are absent."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(2, 5, n_variables, generator=generator, dtype=dtype)
    absent = torch.rand(2, 5, n_variables, generator=generator) < 0.4
    return values, values.masked_fill(absent, torch.nan)


@STYLES
@SIZES
def test_embedding_equals_a_loop_over_variables(style, n_variables):
    values, given = inputs(n_variables)
    absent = given.isnan()
    embed = VariableEmbedding(n_variables, 8, 4, mask_style=style).eval()
    expected = torch.zeros(2, 5, 8)
    for v in range(n_variables):
        x = values[..., v]
        if style == "scalar":
            x = torch.where(absent[..., v], embed.mask_token[v], x)
        inner = F.gelu(x.unsqueeze(-1) * embed.weight_in[v] + embed.bias_in[v])
        token = inner @ embed.weight_out[v] + embed.bias_out[v]
        if style == "vector":
            token = torch.where(absent[..., v, None], embed.mask_token[v], token)
        expected += token
    torch.testing.assert_close(embed(given), expected)


@SIZES
def test_absent_values_are_their_tokens_whatever_is_dropped(n_variables):
    embed = VariableEmbedding(n_variables, 8, 4, dropout=0.5).train()
    tokens = embed(torch.full((2, 5, n_variables), torch.nan))
    torch.testing.assert_close(tokens, embed.mask_token.sum(0).expand(2, 5, 8))


@STYLES
@SIZES
def test_embedding_gradients(style, n_variables):
    _, given = inputs(n_variables, torch.float64)
    embed = VariableEmbedding(n_variables, 4, 4, mask_style=style).double().eval()
    visible = given.nan_to_num(0.0).requires_grad_()
    torch.autograd.gradcheck(
        lambda x: embed(x.masked_fill(given.isnan(), torch.nan)), visible, fast_mode=True
    )


@SIZES
def test_heads_equal_a_loop_over_variables(n_variables):
    tokens = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    heads = VariableHeads(n_variables, 8, 4).eval()
    columns = []
    for v in range(n_variables):
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
