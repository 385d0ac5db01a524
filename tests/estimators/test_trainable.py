"""Which weights a word, patterns and a dictionary of epochs stand for."""

import pytest

from stefaland_sk.estimators._trainable import resolve_stages, trains_encoder

HEAD = ["head.adapter.gate.weight", "head.recurrent.lstm.weight_hh_l0", "head.output.bias"]
ENCODER = ["encoder.embed_forcing.weight_in", "encoder.backbone.layers.1.qkv.weight"]
NAMES = [*HEAD, *ENCODER]


@pytest.mark.parametrize(
    ("trainable", "expected"),
    [
        ("head", HEAD),
        ("adapter", [HEAD[0], HEAD[2]]),
        ("all", NAMES),
        (["head.output.*"], HEAD[2:]),
        (("*.bias", "encoder.backbone.layers.1.*"), [HEAD[2], ENCODER[1]]),
    ],
)
def test_words_and_patterns(trainable, expected):
    assert resolve_stages(trainable, NAMES) == [(0, frozenset(expected))]


def test_stages_come_in_the_order_of_epochs_and_only_add():
    stages = resolve_stages({5: "all", 0: "adapter", 2: ["head.recurrent.*"]}, NAMES)
    assert [epoch for epoch, _ in stages] == [0, 2, 5]
    names = [names for _, names in stages]
    assert names[0] < names[1] == frozenset(HEAD) < names[2] == frozenset(NAMES)
    # What was trained before goes on being trained.
    assert resolve_stages({0: "head", 1: ["encoder.*"]}, NAMES)[1][1] == frozenset(NAMES)


def test_an_encoder_counts_as_trained_from_whatever_epoch():
    assert not trains_encoder(resolve_stages("head", NAMES))
    assert trains_encoder(resolve_stages({0: "head", 9: ["encoder.backbone.*"]}, NAMES))
    assert not trains_encoder(resolve_stages("all", HEAD))  # there is none


@pytest.mark.parametrize(
    ("trainable", "error", "message"),
    [
        ("encoder.*", ValueError, r"must be one of .*patterns go into a list: \['encoder\.\*'\]"),
        (
            ["tail.*"],
            ValueError,
            r"pattern 'tail\.\*' of `trainable` matches no weight.*'head\.out",
        ),
        ([], TypeError, r"a list of name patterns, or a dictionary of epochs. Got \[\]"),
        (3, TypeError, r"a list of name patterns, or a dictionary of epochs. Got 3"),
        ({1: "all"}, ValueError, r"must say what is trained from epoch 0 on. Got \{1: 'all'\}"),
        ({}, ValueError, r"must say what is trained from epoch 0 on"),
        ({0: "head", -1: "all"}, ValueError, r"are epochs, whole numbers from 0. Got -1"),
        ({0: "head", "5": "all"}, ValueError, r"are epochs, whole numbers from 0. Got '5'"),
        ({True: "head"}, ValueError, r"are epochs, whole numbers from 0. Got True"),
    ],
)
def test_odd_choices_are_named(trainable, error, message):
    with pytest.raises(error, match=message):
        resolve_stages(trainable, NAMES)
