"""The released network, run with weights made by a formula, against recorded inputs and outputs (K = 2, N = 2)."""

import hashlib
import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ivos.core.geometry import upsample_logits
from ivos.model.authors import convert
from ivos.model.config import PRESETS
from ivos.model.networks import FeaturePyramid
from ivos.model.paper_net import PaperATNet
from ivos.model.se_resnet import MEAN, STD

HERE = Path(__file__).parent
SIZE = (96, 128)
TOLERANCE = 1e-4  # of the largest recorded value; 1e-6 is measured


def formula(name, shape):
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
    random = np.random.RandomState(seed)  # the generator of the recorded run
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if name.endswith("running_var"):
        values = random.uniform(0.5, 1.5, shape)
    elif name.endswith("running_mean"):
        values = 0.1 * random.standard_normal(shape)
    elif name.endswith(".bias"):
        values = 0.05 * random.standard_normal(shape)
    elif len(shape) == 1:
        values = random.uniform(0.5, 1.0, shape)
    else:
        values = random.standard_normal(shape) * math.sqrt(2 / math.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32))


@pytest.fixture(scope="module")
def keys():
    return json.loads((HERE / "authors_keys.json").read_text())


@pytest.fixture(scope="module")
def net(keys):
    with ThreadPoolExecutor(2) as pool:
        state = dict(zip(keys, pool.map(formula, keys, keys.values()), strict=True))
    with torch.device("meta"):
        net = PaperATNet(PRESETS["authors"])
    net.load_state_dict(convert(state), assign=True)
    return net.eval()


@pytest.fixture(scope="module")
def golden():
    with np.load(HERE / "authors_golden.npz") as recorded:
        return {name: torch.from_numpy(recorded[name]) for name in recorded.files}


def image(golden, name):
    """The recorded inputs are normalised already; the network normalises images in [0, 1] itself."""
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    return golden[name] * std + mean


@pytest.fixture(scope="module")
def annotated(net, golden):
    results = []
    with torch.inference_mode():
        for n in range(2):
            pixels = image(golden, f"anet_rgb_{n}")
            features = net.encode_image(pixels)
            results.append((features, net.annotate(pixels, features, *golden[f"anet_maps_{n}"].split(1, dim=1))))
    return results


@pytest.fixture(scope="module")
def target(net, golden):
    with torch.inference_mode():
        return net.encode_image(image(golden, "target_rgb"))


def memory(annotated):
    return [(features, result.object_features) for features, result in annotated]


def assert_close(actual, recorded):
    assert actual.shape == recorded.shape
    assert (actual - recorded).abs().max() <= TOLERANCE * recorded.abs().max()


def full_size(logits):
    return upsample_logits(logits, SIZE, align_corners=True)


def test_every_released_tensor_has_its_place(keys):
    state = {name: torch.empty(shape, device="meta") for name, shape in keys.items()}
    with torch.device("meta"):
        expected = PaperATNet(PRESETS["authors"]).state_dict()
    ours = convert(state)
    assert len(keys) == 912
    assert {name: tensor.shape for name, tensor in ours.items()} == {n: t.shape for n, t in expected.items()}


@pytest.mark.parametrize("n", [0, 1])
def test_annotation_net(annotated, golden, n):
    _, result = annotated[n]
    assert_close(full_size(result.logits), golden[f"anet_logits_{n}"])
    features = result.object_features
    statistics = torch.stack([features.mean(), features.std(), features.abs().max()])
    torch.testing.assert_close(statistics, golden[f"anet_object_features_{n}_mean_std"], rtol=TOLERANCE, atol=0)


def test_target_features(target, golden):
    assert_close(target.s16[:, ::64], golden["r5_sub"])


def test_global_transfer(net, target, annotated, golden):
    with torch.inference_mode():
        transferred = net.transfer_net.global_transfer(target, memory(annotated))
    assert_close(transferred[:, ::64], golden["global_transfer_sub"])


def test_local_transfer_and_logits(net, target, annotated, golden):
    previous, result = annotated[1]
    with torch.inference_mode():
        probability = net.previous_probability(result.logits)
        assert_close(net.transfer_net.local_transfer(target, previous, probability), golden["local_transfer"])
        logits = net.transfer(target, memory(annotated), previous, probability)
    assert_close(full_size(logits), golden["tnet_logits"])


def test_previous_probability_is_the_released_one_brought_to_a_quarter(net, annotated, golden):
    released = F.interpolate(golden["anet_logits_1"].sigmoid(), (24, 32), mode="bilinear", align_corners=True)
    assert_close(net.previous_probability(annotated[1][1].logits), released)


def test_each_object_and_annotated_frame_counts_for_itself(net, target, annotated):
    """What is recorded for K = 2 and N = 2 holds for others: objects one by one, N frames as a mean over frames."""
    previous, result = annotated[1]
    with torch.inference_mode():
        probability = net.previous_probability(result.logits)
        both = net.transfer(target, memory(annotated), previous, probability)
        for k in range(2):
            own = [(features, object_features[k : k + 1]) for features, object_features in memory(annotated)]
            assert_close(net.transfer(target, own, previous, probability[k : k + 1]), both[k : k + 1])
        three = [memory(annotated)[n] for n in (0, 1, 1)]
        singles = [net.transfer_net.global_transfer(target, [frame]) for frame in three]
        assert_close(net.transfer_net.global_transfer(target, three), torch.stack(singles).mean(0))


def test_features_given_for_each_object_equal_shared_ones(net, target, annotated):
    """Training gives every object a frame of its own; the engine shares one."""
    previous, result = annotated[0]
    with torch.inference_mode():
        probability = result.logits.sigmoid()
        shared = net.transfer(target, memory(annotated), previous, probability)
        own = [(twice(features), object_features) for features, object_features in memory(annotated)]
        assert_close(net.transfer(twice(target), own, twice(previous), probability), shared)


def twice(features):
    return FeaturePyramid(*(level.expand(2, -1, -1, -1) for level in (features.s4, features.s8, features.s16)))


def test_features_depend_on_nothing_but_the_frame(net, golden):
    images = torch.cat([image(golden, "anet_rgb_0"), image(golden, "target_rgb")])
    with torch.inference_mode():
        assert_close(net.encode_image(images).s16[1:, ::64], golden["r5_sub"])


def test_bf16_takes_and_gives_float32(net, golden):
    exact = net
    with torch.device("meta"):
        net = PaperATNet(PRESETS["authors"]).eval()
    state = {name: t.bfloat16() if t.is_floating_point() else t for name, t in exact.state_dict().items()}
    net.load_state_dict(state, assign=True)
    # A part of the frame: many CPUs have no instructions for bf16 and take a minute for all of it.
    pixels, maps = (tensor[..., 16:64, 32:80] for tensor in (image(golden, "anet_rgb_0"), golden["anet_maps_0"]))
    with torch.inference_mode():
        features = net.encode_image(pixels)
        result = net.annotate(pixels, features, *maps.split(1, dim=1))
        again = [(features, result.object_features.float())]
        logits = net.transfer(features, again, features, result.logits.sigmoid())
        expected = exact.annotate(pixels, exact.encode_image(pixels), *maps.split(1, dim=1)).logits
    assert features.s16.dtype == torch.bfloat16
    assert result.logits.dtype == logits.dtype == torch.float32
    assert (result.logits - expected).abs().max() < 0.05 * expected.abs().max()
    assert logits.isfinite().all()
