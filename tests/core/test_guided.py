import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ivos.core.guided import EPSILON, LIMIT, at_outline, guided_correction

SIDE = 48


def cells_of(image):
    return F.avg_pool2d(image.permute(2, 0, 1)[None], 4)[0].permute(1, 2, 0)


def everywhere(side=SIDE):
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return (torch.stack((y, x), dim=-1).flatten(0, 1) + 0.5) / 4 - 0.5


def bilinear(logits):
    return F.interpolate(logits[None, None], scale_factor=4, mode="bilinear")[0, 0]


def guided(logits, image):
    added = guided_correction(logits, cells_of(image), everywhere(), image.flatten(0, 1))
    return bilinear(logits) + added.reshape(SIDE, SIDE)


def slow_correction(logits, colours, position, pixel):
    """He, Sun, Tang's linear model, window by window."""
    first = np.floor(position).astype(int)
    total = 0.0
    weights = {}
    for tap in map(np.array, ((0, 0), (0, 1), (1, 0), (1, 1))):
        share = np.abs(1 - tap - (position - first)).prod()
        cell = tuple(np.clip(first + tap, 0, np.array(logits.shape) - 1))
        weights[cell] = weights.get(cell, 0.0) + share
    resized = sum(share * colours[cell] for cell, share in weights.items())
    for (y, x), share in weights.items():
        rows = np.clip(np.arange(y - 1, y + 2), 0, logits.shape[0] - 1)
        columns = np.clip(np.arange(x - 1, x + 2), 0, logits.shape[1] - 1)
        colour = colours[np.ix_(rows, columns)].reshape(9, 3)
        logit = logits[np.ix_(rows, columns)].reshape(9).clip(-LIMIT, LIMIT)
        slope = np.linalg.solve(
            np.cov(colour.T, bias=True) + EPSILON * np.eye(3),
            ((colour - colour.mean(axis=0)) * (logit - logit.mean())[:, None]).mean(axis=0),
        )
        total += share * slope @ (pixel - resized)
    return total


def test_it_is_the_linear_model_of_the_windows():
    rng = np.random.default_rng(0)
    logits, colours = rng.normal(0, 3, (5, 7)), rng.uniform(0, 1, (5, 7, 3))
    positions, pixels = rng.uniform((-0.5, -0.5), (4.5, 6.5), (40, 2)), rng.uniform(0, 1, (40, 3))
    found = guided_correction(*(torch.from_numpy(each) for each in (logits, colours, positions, pixels)))
    expected = [slow_correction(logits, colours, *each) for each in zip(positions, pixels, strict=True)]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-9)


def test_a_frame_of_one_colour_changes_nothing():
    image = torch.full((SIDE, SIDE, 3), 0.4)
    logits = torch.linspace(-4, 4, (SIDE // 4) ** 2).reshape(SIDE // 4, -1)
    torch.testing.assert_close(guided(logits, image), bilinear(logits))


@pytest.mark.parametrize("contrast", [0.9, 0.3])
def test_outlines_follow_edges_between_the_cells(contrast):
    y, x = np.ogrid[:SIDE, :SIDE]
    disc = torch.from_numpy(np.hypot(y - 22.3, x - 24.8) < 13)
    image = 0.5 + contrast * (disc.float() - 0.5)[..., None] * torch.tensor([1.0, 0.4, -0.8])
    logits = 8 * (F.avg_pool2d(disc.float()[None, None], 4)[0, 0] - 0.5)

    def wrong(answer):
        return int(((answer > 0) != disc).sum())

    assert wrong(guided(logits, image)) < 0.4 * wrong(bilinear(logits))


def test_cells_at_the_outline_have_both_sides_around_them():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1, (9, 11)) + np.linspace(-3, 3, 11)
    found = at_outline(torch.from_numpy(logits)).numpy()
    assert found.any()
    assert not found.all()
    for y, x in np.ndindex(found.shape):
        around = logits[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] >= 0
        assert found[y, x] == (around.any() and not around.all())
