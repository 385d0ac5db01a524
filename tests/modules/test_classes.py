"""Networks of categorical attributes: each class has its vector, unknown ones the token."""

import torch

from stefaland_sk.modules._classes import ClassEmbedding, ClassHead, read_codes


def test_codes_out_of_range_are_unknown():
    codes, known = read_codes(torch.tensor([0.0, 2.0, 3.0, -1.0, float("nan")]), 3)
    assert codes.tolist() == [0, 2, 0, 0, 0]
    assert known.tolist() == [True, True, False, False, False]


def test_embedding_is_the_vector_of_the_class_or_the_token():
    embed = ClassEmbedding(3, 8, 4)
    tokens = embed(torch.tensor([2.0, float("nan")]))
    torch.testing.assert_close(tokens[0], embed.table[2] @ embed.weight_out + embed.bias_out)
    torch.testing.assert_close(tokens[1], embed.mask_token)


def test_only_the_classes_in_the_batch_learn():
    embed = ClassEmbedding(3, 8, 4)
    embed(torch.tensor([2.0, 5.0])).sum().backward()
    assert embed.table.grad.any(1).tolist() == [False, False, True]


def test_a_head_gives_one_logit_per_class():
    assert ClassHead(3, 8, 4)(torch.zeros(5, 8)).shape == (5, 3)
