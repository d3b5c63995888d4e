"""Logits at cells of several pixels, brought to pixels along the edges of the frame.

Bilinear resizing draws an outline as coarse as the cells. Here the frame guides it: in a window of 3 x 3 cells the
logits are taken for a linear function of the colours, as in the guided filter (He, Sun, Tang, TPAMI 2013, for colours
eq. 19 and 20), and a pixel's logit gets what that function makes of the difference between its own colour and the
colour that resizing the cells' colours gives it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LIMIT = 3.0
"""Logits further from the decision count as just so far: how sure a cell is has little to do with its colour."""
EPSILON = 1e-3
"""Variance of the colours, which are in [0, 1], below which little is read from them."""


def at_outline(logits: Tensor) -> Tensor:
    """Whether a cell has cells of both sides among itself and its eight neighbours, shape (h, w).

    Elsewhere the frame is not asked: it would make holes in an object where doubt meets texture.

    Args:
        logits: One object's, less the logit of the decision, shape (h, w).
    """
    inside = (logits >= 0).float()[None]
    found: Tensor = F.max_pool2d(inside, 3, 1, 1) + F.max_pool2d(1 - inside, 3, 1, 1) > 1
    return found[0]


def guided_correction(logits: Tensor, colours: Tensor, positions: Tensor, pixels: Tensor) -> Tensor:
    """What the frame's colours add to the bilinearly resized logits of some pixels.

    Args:
        logits: One object's, less the logit of the decision, shape (h, w).
        colours: The mean colour of each cell, shape (h, w, 3), in [0, 1].
        positions: Row and column of N pixels in cells, shape (N, 2); the middle of the first cell is (0, 0).
        pixels: Their colours, shape (N, 3), in [0, 1].

    Returns:
        Shape (N,).
    """
    height, width = logits.shape
    first = positions.floor()
    share, (y, x) = positions - first, first.long().unbind(dim=1)
    rows = torch.stack((y, y, y + 1, y + 1)).clamp(0, height - 1)
    columns = torch.stack((x, x + 1, x, x + 1)).clamp(0, width - 1)
    cells = rows * width + columns  # (4, N): the cells that a pixel is resized from
    below, right = share.unbind(dim=1)
    weights = torch.stack(((1 - below) * (1 - right), (1 - below) * right, below * (1 - right), below * right))
    needed = torch.zeros(height * width, dtype=torch.bool, device=logits.device)
    needed[cells.flatten()] = True
    slopes = colours.new_zeros(height * width, 3)
    slopes[needed] = _slopes(logits, colours, needed.nonzero()[:, 0])
    both = torch.cat((colours.flatten(0, 1), slopes), dim=1)[cells]  # (4, N, 6)
    resized = (weights[..., None] * both).sum(dim=0)  # (N, 6)
    return ((pixels - resized[:, :3]) * resized[:, 3:]).sum(dim=1)


def _slopes(logits: Tensor, colours: Tensor, cells: Tensor) -> Tensor:
    """How the logits of the 3 x 3 window around each of M cells change with the colours, shape (M, 3)."""
    height, width = logits.shape
    step = torch.arange(-1, 2, device=logits.device)
    rows = (cells[:, None] // width + step).clamp(0, height - 1)  # (M, 3)
    columns = (cells[:, None] % width + step).clamp(0, width - 1)
    window = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)  # (M, 9)
    colour = colours.flatten(0, 1)[window]  # (M, 9, 3)
    colour = colour - colour.mean(dim=1, keepdim=True)
    logit = logits.flatten()[window].clamp(-LIMIT, LIMIT)[..., None]  # (M, 9, 1)
    spread = colour.mT @ colour / 9 + EPSILON * torch.eye(3, device=logits.device)
    together = colour.mT @ (logit - logit.mean(dim=1, keepdim=True)) / 9
    slopes: Tensor = torch.linalg.solve(spread, together)
    return slopes[..., 0]
