"""The ablations of Tables 3 and 4 as values of the config: each variant depends on what it says, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ivos.errors import InputError
from ivos.model.atnet import build, build_empty
from ivos.model.config import PRESETS, ModelConfig
from ivos.model.lite_net import LiteATNet
from ivos.model.networks import FeaturePyramid
from ivos.model.weights import load_weights, save_weights

LITE = PRESETS["lite"]
VARIANTS = {
    "without-local": replace(LITE, local=replace(LITE.local, features="none")),
    "rear": replace(LITE, local=replace(LITE.local, features="rear")),
    "prediction": replace(LITE, matching="nearest-to-prediction"),
    "scribbles": replace(LITE, matching="nearest-to-scribbles"),
    "scribbles-without-local": replace(
        LITE, matching="nearest-to-scribbles", local=replace(LITE.local, features="none")
    ),
}


@pytest.fixture(scope="module", params=VARIANTS)
def net(request: pytest.FixtureRequest) -> LiteATNet:
    built = build(VARIANTS[request.param], seed=0).eval()
    assert isinstance(built, LiteATNet)
    return built


@pytest.fixture(scope="module")
def frames() -> list[Tensor]:
    """Two frames (1, 3, 48, 64) and maps (2, 3, 48, 64) of two objects."""
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(1, 3, 48, 64, generator=generator) for _ in range(2)] + [
        F.interpolate(torch.rand(2, 3, 6, 8, generator=generator).round(), scale_factor=8)
    ]


def encoded(net: LiteATNet, frames: list[Tensor]) -> tuple[FeaturePyramid, FeaturePyramid, Tensor, Tensor]:
    """Features of both frames, A-Net's object features and probability on the first."""
    first, second = (net.encode_image(image) for image in frames[:2])
    answer = net.annotate(frames[0], first, *frames[2].split(1, dim=1))
    return first, second, answer.object_features, answer.logits.sigmoid()


def test_a_variant_answers_for_objects_at_once_as_one_by_one(net, frames):
    with torch.inference_mode():
        first, second, described, probability = encoded(net, frames)
        memory = [(first, described), (second, described.flip(0))]
        whole = net.transfer(second, memory, first, probability)
        assert whole.shape == (2, 1, 12, 16)
        for k in range(2):
            alone = net.transfer(second, [(f, o[k : k + 1]) for f, o in memory], first, probability[k : k + 1])
            torch.testing.assert_close(alone, whole[k : k + 1], rtol=1e-3, atol=1e-4)


def test_a_variant_learns_from_a_batch_what_single_samples_tell_it(net, frames):
    with torch.inference_mode():
        images = torch.cat(frames[:2])
        features, shifted = net.encode_image(images), net.encode_image(images.roll(4, dims=3))
        answer = net.annotate(images, features, *frames[2].split(1, dim=1))
        parts = net.transfer_parts(shifted, [(features, answer.object_features)], features, answer.logits.sigmoid())
        for i in range(2):
            one, two = features[slice(i, i + 1)], shifted[slice(i, i + 1)]
            memory = [(one, answer.object_features[i : i + 1])]
            single = net.transfer_parts(two, memory, one, answer.logits[i : i + 1].sigmoid())
            torch.testing.assert_close(single.logits, parts.logits[i : i + 1], rtol=1e-3, atol=1e-4)


def test_the_maps_of_a_variant_are_those_it_has(net, frames):
    with torch.inference_mode():
        first, second, described, probability = encoded(net, frames)
        parts = net.transfer_parts(second, [(first, described)], first, probability)
    assert (parts.local_map is None) == (net.config.matching != "transfer" or net.config.local.features == "none")
    assert (parts.global_map is None) == (net.config.matching != "transfer")


def test_only_without_local_transfer_the_previous_frame_does_not_matter(net, frames):
    with torch.inference_mode():
        first, second, described, probability = encoded(net, frames)
        memory = [(first, described)]
        usual = net.transfer(second, memory, first, probability)
        other = net.transfer(second, memory, second, 1 - probability)
    assert torch.equal(usual, other) == (net.config.local.features == "none")


def test_what_is_matched_with_is_the_prediction_or_the_strokes(frames):
    frames = [*frames[:2], frames[2].clone()]
    frames[2][:, 0] = 0.5  # a first round: one answer, whose features and probability belong together
    strokes = F.max_pool2d(frames[2][:, 1:2], 16)
    for name in ("prediction", "scribbles"):
        net = build(VARIANTS[name], seed=0).eval()
        with torch.inference_mode():
            _, _, described, probability = encoded(net, frames)
        torch.testing.assert_close(described, F.avg_pool2d(probability, 4) if name == "prediction" else strokes)


def test_rear_keys_see_only_the_deepest_level(frames):
    for name, sees in (("rear", False), (None, True)):
        net = build(LITE if name is None else VARIANTS[name], seed=0).eval()
        with torch.inference_mode():
            features = net.encode_image(frames[0])
            blind = FeaturePyramid(torch.zeros_like(features.s4), torch.zeros_like(features.s8), features.s16)
            keys = [net.transfer_net.local_key(each) for each in (features, blind)]
        assert torch.equal(*keys) != sees


def test_a_variants_weights_file_says_which_it_is(net, tmp_path):
    save_weights(net, tmp_path / "variant.safetensors", card={})
    assert load_weights(tmp_path / "variant.safetensors").config == net.config


@pytest.mark.parametrize("change", [{"score": "mean"}, {"normalised_over": "rows"}])
def test_lite_refuses_a_local_transfer_that_the_paper_alone_has(change):
    lite: ModelConfig = PRESETS["lite"]
    with pytest.raises(InputError, match="'paper' only"):
        build_empty(replace(lite, local=replace(lite.local, **change)))


@pytest.mark.parametrize("change", [{"matching": "nearest-to-scribbles"}, {"features": "rear"}, {"features": "none"}])
def test_the_papers_architecture_refuses_an_ablation(change):
    paper: ModelConfig = PRESETS["paper"]
    features = change.pop("features", "front")
    config = replace(paper, local=replace(paper.local, features=features), **change)
    with pytest.raises(InputError, match="'lite' only"):
        build_empty(config)
