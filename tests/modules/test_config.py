"""Configurations are plain, frozen values that refuse what makes no sense."""

import dataclasses
import json

import pytest

from stefaland_sk._core._config import BackboneConfig, MaskConfig, VariableGroup

CONFIGS = [
    BackboneConfig(5, 26, d_model=64, static_position=365),
    BackboneConfig(5, 2, decoder="transformer", patch=8, n_classes=(0, 3)),
    MaskConfig(sampler="paper", span=(12, 36)),
    VariableGroup(forcings=(1,), attributes=(0, 3)),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
def test_config_survives_json(config):
    assert type(config).from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
def test_config_is_frozen_and_hashable(config):
    hash(config)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, dataclasses.fields(config)[0].name, 0)


def test_config_refuses_unknown_keys():
    with pytest.raises(ValueError, match=r"MaskConfig has no field \['ratio'\].*newer version"):
        MaskConfig.from_dict({"ratio": 0.5})


def test_static_row_is_the_last_one_by_default():
    assert BackboneConfig(1, 0, max_length=50).static_row == 49
    assert BackboneConfig(1, 0, static_position=0).static_row == 0


def test_patches_share_the_rows_of_the_position_table():
    config = BackboneConfig(1, 0, max_length=366, patch=7)
    assert config.n_positions == 53 + 1
    assert config.static_row == 53


def test_columns_are_numeric_or_categorical():
    config = BackboneConfig(1, 3, n_classes=[0, 3, 0])
    assert config.n_classes == (0, 3, 0)
    assert (config.numeric_columns, config.class_columns) == ((0, 2), (1,))


def test_no_classes_can_be_said_in_two_ways():
    assert BackboneConfig(1, 3, n_classes=(0, 0, 0)) == BackboneConfig(1, 3)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"n_forcings": -1}, ValueError, r"`n_forcings` must lie in \[0, inf\). Got -1"),
        ({"d_model": 2.5}, TypeError, "`d_model` must be a whole number. Got 2.5"),
        ({"dropout": 1.5}, ValueError, r"`dropout` must lie in \[0, 1\]. Got 1.5"),
        ({"attention_dropout": -1}, ValueError, "`attention_dropout` must lie in"),
        ({"max_length": 0}, ValueError, "`max_length` must lie in"),
        ({"static_position": 1000}, ValueError, r"`static_position` must lie in \[0, 999\]"),
        ({"d_model": 30}, ValueError, "`d_model` must be divisible by `n_heads`=4. Got 30"),
        ({"attribute_mask_style": "table"}, ValueError, r"must be one of \['vector', 'scalar'\]"),
        ({"decoder": "rnn"}, ValueError, "`decoder` must be one of .*Got 'rnn'"),
        ({"n_decoder_layers": 0}, ValueError, "`n_decoder_layers` must lie in"),
        ({"patch": 0}, ValueError, "`patch` must lie in"),
        ({"patch": 7, "static_position": 144}, ValueError, r"must lie in \[0, 143\]"),
        ({"n_classes": (0, 3)}, ValueError, "each of the 26 attributes, or none. Got 2"),
        ({"n_classes": (1,) * 26}, ValueError, "at least 2 for a categorical one. Got 1"),
        ({"n_classes": (-2,) * 26}, ValueError, "`n_classes` must lie in"),
        ({"n_forcings": 0, "n_attributes": 0}, ValueError, "must be at least 1.*Got 0 and 0"),
    ],
)
def test_backbone_config_names_the_wrong_parameter(values, error, message):
    with pytest.raises(error, match=message):
        BackboneConfig(**{"n_forcings": 5, "n_attributes": 26, **values})


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"sampler": "random"}, ValueError, "`sampler` must be one of .*Got 'random'"),
        ({"forcing_ratio": 1.1}, ValueError, r"`forcing_ratio` must lie in \[0, 1\]"),
        ({"attribute_ratio": "half"}, TypeError, "`attribute_ratio` must be a number"),
        ({"span": 30}, ValueError, r"`span` must be a pair \(shortest, longest\).*Got 30"),
        ({"span": (0, 5)}, ValueError, r"`span` must lie in \[1, inf\)"),
        ({"span": (90, 30)}, ValueError, r"given as \(shortest, longest\). Got \(90, 30\)"),
    ],
)
def test_mask_config_names_the_wrong_parameter(values, error, message):
    with pytest.raises(error, match=message):
        MaskConfig(**values)


def test_variable_group_refuses_what_is_no_column():
    with pytest.raises(ValueError, match="at least one column"):
        VariableGroup()
    with pytest.raises(ValueError, match="`attributes` must lie in"):
        VariableGroup(attributes=[-1])
    with pytest.raises(TypeError, match="`forcings` must be a whole number"):
        VariableGroup(forcings=["prcp"])
