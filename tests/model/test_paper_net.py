"""The paper's A-Net and T-Net without their 136 million numbers: shapes, gradients, the local transfer of each preset.

Values are checked in tests/parity, where the weights exist.
"""

import pytest
import torch

from ivos.model.config import PRESETS, LocalTransfer
from ivos.model.networks import FeaturePyramid
from ivos.model.paper_decoder import LOCAL_SHARE
from ivos.model.paper_net import PaperATNet, TransferNet

CELLS = (8, 12)


def run(net, size, objects, annotated, *, shared):
    """Encode, annotate and transfer on tensors without memory; features of batch 1, or one for each object."""
    frames = 1 if shared else objects
    image, maps = torch.empty(frames, 3, *size, device="meta"), torch.empty(3, objects, 1, *size, device="meta")
    features = net.encode_image(image)
    result = net.annotate(image, features, *maps)
    memory = [(features, result.object_features)] * annotated
    logits, local_map = net.transfer_net(features, memory, features, result.logits.sigmoid())
    return features, result, logits, local_map


@pytest.fixture(scope="module")
def empty():
    with torch.device("meta"):
        return PaperATNet(PRESETS["paper"]).eval()


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("size", "objects", "annotated"), [((32, 48), 2, 1), ((480, 864), 1, 4), ((16, 16), 3, 2)])
def test_shapes_are_those_of_the_protocol(empty, size, objects, annotated, shared):
    features, result, logits, local_map = run(empty, size, objects, annotated, shared=shared)
    h, w = size[0] // 4, size[1] // 4
    frames = 1 if shared else objects
    assert features.s4.shape == (frames, 256, h, w)
    assert features.s8.shape == (frames, 512, h // 2, w // 2)
    assert features.s16.shape == (frames, 2048, h // 4, w // 4)
    assert result.object_features.shape == (objects, 2048, h // 4, w // 4)
    assert result.logits.shape == logits.shape == local_map.shape == (objects, 1, h, w)


def test_gradients_reach_every_parameter():
    with torch.device("meta"):
        net = PaperATNet(PRESETS["paper"])
    _, result, logits, local_map = run(net, (32, 48), objects=2, annotated=2, shared=False)
    (logits.mean() + local_map.mean() + result.logits.mean()).backward()
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []


def test_the_numbers_of_figures_3_and_4(empty):
    encoder, decoder = empty.transfer_net.encoder, empty.transfer_net.decoder
    assert [block.conv2.dilation[0] for block in encoder.res5] == [2, 4, 8]
    assert all(block.gate.down.in_channels == 16 * block.gate.down.out_channels for block in encoder.res5)
    assert [branch[0].dilation[0] for branch in decoder.pyramid.branches] == [1, 6, 12, 18]
    assert LOCAL_SHARE == 0.5
    assert (empty.config.local.radius, empty.config.local.stride) == (4, 2)


def test_both_presets_are_one_implementation_with_the_same_tensors():
    with torch.device("meta"):
        paper, authors = (PaperATNet(PRESETS[name]).state_dict() for name in ("paper", "authors"))
    assert {name: tensor.shape for name, tensor in paper.items()} == {n: t.shape for n, t in authors.items()}
    assert len(paper) == 912


def local_only(local):
    """A T-Net of which only the projection of the local transfer exists."""
    with torch.device("meta"):
        net = TransferNet(local)
    torch.manual_seed(3)
    net.local_key = torch.nn.Conv2d(256, 256, 1)
    return net.requires_grad_(False)


@pytest.fixture(scope="module")
def frames():
    random = torch.Generator().manual_seed(4)
    pyramids = []
    for _ in range(2):
        s4 = torch.rand(1, 256, *CELLS, generator=random)
        pyramids.append(FeaturePyramid(s4, s4[:, :1], s4[:, :1]))
    return *pyramids, torch.rand(2, 1, *CELLS, generator=random)


@pytest.mark.parametrize("over", ["source", "window", "rows"])
@pytest.mark.parametrize("score", ["sum", "mean"])
def test_local_transfer_of_every_kind(frames, over, score):
    arrived = local_only(LocalTransfer(normalised_over=over, score=score)).local_transfer(*frames)
    assert arrived.shape == (2, 1, *CELLS)
    assert arrived.isfinite().all()
    assert (arrived >= 0).all()
    if over == "window":
        assert (arrived <= 1 + 1e-6).all()


def test_local_transfer_of_the_paper_conserves_mass(frames):
    arrived = local_only(PRESETS["paper"].local).local_transfer(*frames)
    torch.testing.assert_close(arrived.sum((2, 3)), frames[2].sum((2, 3)))


def test_mean_and_sum_differ_by_the_number_of_channels(frames):
    target, previous, probability = frames
    thinner = FeaturePyramid(target.s4 / 256, target.s8, target.s16)
    summed, averaged = local_only(LocalTransfer()), local_only(LocalTransfer(score="mean"))
    summed.local_key.bias.zero_()
    averaged.local_key.bias.zero_()
    torch.testing.assert_close(
        averaged.local_transfer(target, previous, probability), summed.local_transfer(thinner, previous, probability)
    )


def test_previous_probability_of_certain_logits_is_certain(empty):
    logits = torch.full((2, 1, *CELLS), 30.0)
    logits[1] = -30.0
    probability = empty.previous_probability(logits)
    torch.testing.assert_close(probability.amin((1, 2, 3)), torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(probability.amax((1, 2, 3)), torch.tensor([1.0, 0.0]))
