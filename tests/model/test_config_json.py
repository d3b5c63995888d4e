"""Configs survive JSON; damaged ones get a sentence."""

import json
from dataclasses import replace

import pytest

from ivos.errors import InputError, WeightsError
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
        ({"local": {"stride": 0}}, r"config\.local cannot be used: stride is 0; expected a number from 1 to 64"),
        ({"local": {"radius": 10**9}}, "radius is 1000000000"),
        ({"pad_multiple": 0}, "pad_multiple is 0; expected a multiple of 16"),
        ({"pad_multiple": 24}, "pad_multiple is 24"),
        ({"fusion_threshold": 5}, "fusion_threshold is 5; expected a number between 0 and 1"),
        ({"fusion_threshold": 0}, "fusion_threshold is 0"),
        ({"fusion_threshold": float("nan")}, "fusion_threshold is nan"),
        ({"scribble_radius": 10**6}, "scribble_radius is 1000000"),
        ({"reach": 1.5}, "reach is 1.5; expected a number from 0 to 1"),
        ({"colour": "red"}, "unknown field 'colour'"),
    ],
)
def test_wrong_values(change, sentence):
    values = json.loads(config_to_json(PRESETS["lite"])) | change
    with pytest.raises(WeightsError, match=sentence):
        config_from_json(json.dumps(values))


def test_a_config_out_of_range_is_no_config():
    with pytest.raises(InputError, match="fusion_threshold is 1"):
        replace(PRESETS["lite"], fusion_threshold=1.0)


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "{}", '{"name": "lite"}'])
def test_not_a_config(text):
    with pytest.raises(WeightsError):
        config_from_json(text)
