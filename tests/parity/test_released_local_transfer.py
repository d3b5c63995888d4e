"""The released local transfer, written out displacement by displacement, against `core.transfer` at many sizes."""

import pytest
import torch
from torch.nn import functional as F

from ivos.core.transfer import local_affinity, local_transfer, normalise_over_rows
from ivos.model.config import PRESETS

LOCAL = PRESETS["authors"].local


def shifted(x, dy, dx):
    """Value at (y, x) is the input's at (y + dy, x + dx), zero outside."""
    h, w = x.shape[-2:]
    return F.pad(x, (8, 8, 8, 8))[..., 8 + dy : 8 + dy + h, 8 + dx : 8 + dx + w]


def released(target, previous, probability):
    steps = [(dy, dx) for dy in range(-8, 9, 2) for dx in range(-8, 9, 2)]
    correlation = torch.stack([(target * shifted(previous, dy, dx)).mean(1) for dy, dx in steps], dim=1)
    weights = correlation.softmax(dim=2)  # (B, 81, H, W): over the image's rows
    samples = torch.cat([shifted(probability, dy, dx) for dy, dx in steps], dim=1)
    return (weights * samples).sum(1, keepdim=True)


def test_the_preset_names_the_quirk():
    assert (LOCAL.radius, LOCAL.stride, LOCAL.score, LOCAL.normalised_over) == (8, 2, "mean", "rows")


@pytest.mark.parametrize("size", [(8, 8), (8, 24), (16, 56), (24, 16), (40, 48), (1, 1), (5, 19)])
@pytest.mark.parametrize("objects", [1, 3])
def test_same_as_written_out(size, objects):
    random = torch.Generator().manual_seed(size[0] * 100 + size[1])
    target, previous = (torch.randn(1, 64, *size, generator=random) * 3 for _ in range(2))
    probability = torch.rand(objects, 1, *size, generator=random)
    weights = normalise_over_rows(local_affinity(target / 64, previous, LOCAL.radius, LOCAL.stride))
    actual = local_transfer(weights, probability, LOCAL.radius, LOCAL.stride)
    torch.testing.assert_close(actual, released(target, previous, probability), rtol=1e-4, atol=1e-5)
