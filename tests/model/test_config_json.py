"""Configs survive JSON; damaged ones get a sentence."""

import json
from dataclasses import replace

import pytest

from ivos.errors import WeightsError
from ivos.model.config import PRESETS, LocalTransfer
from ivos.model.config_json import config_from_json, config_to_json


@pytest.mark.parametrize("name", PRESETS)
def test_round_trip(name):
    assert config_from_json(config_to_json(PRESETS[name])) == PRESETS[name]


def test_values_that_differ_from_the_preset_survive():
    config = replace(PRESETS["lite"], reach=1, local=LocalTransfer(radius=6, stride=3, score="mean"))
    assert config_from_json(config_to_json(config)) == config


def test_a_field_of_a_later_version_has_its_default():
    assert config_from_json('{"name": "lite", "architecture": "lite"}').pad_multiple == 16


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"architecture": "vgg"}, "architecture is 'vgg'"),
        ({"architecture": ["lite"]}, "architecture"),
        ({"pad_multiple": "16"}, "pad_multiple is '16'"),
        ({"pad_multiple": True}, "pad_multiple"),
        ({"pad_multiple": -1}, "pad_multiple"),
        ({"align_corners": 1}, "align_corners is 1"),
        ({"reach": "far"}, "reach is 'far'"),
        ({"reach": None}, "reach is None"),
        ({"local": 3}, r"config\.local is 3"),
        ({"local": {"reach": 3}}, "unknown field 'reach'"),
        ({"local": {"normalised_over": "columns"}}, "normalised_over is 'columns'"),
        ({"colour": "red"}, "unknown field 'colour'"),
    ],
)
def test_wrong_values(change, sentence):
    values = json.loads(config_to_json(PRESETS["lite"])) | change
    with pytest.raises(WeightsError, match=sentence):
        config_from_json(json.dumps(values))


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "{}", '{"name": "lite"}'])
def test_not_a_config(text):
    with pytest.raises(WeightsError):
        config_from_json(text)
