"""Configurations are plain, frozen values that refuse what makes no sense."""

import dataclasses
import json

import pytest

from stefaland_sk._core._config import BackboneConfig, MaskConfig, VariableGroup

CONFIGS = [
    BackboneConfig(5, 26, d_model=64, static_position=365),
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
