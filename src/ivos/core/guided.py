"""Logits at cells of several pixels, brought to pixels along the edges of the frame.

Bilinear resizing draws an outline as coarse as the cells. Here the frame guides it: in a window of 3 x 3 cells the
logits are taken for a linear function of the colours, as in the guided filter (He, Sun, Tang, TPAMI 2013, for colours
eq. 19 and 20), and a pixel's logit gets what that function makes of the difference between its own colour and the
colour that resizing the cells' colours gives it.
"""

from __future__ import annotations

import torch
from torch import Tensor

LIMIT = 3.0
"""Logits further from the decision count as just so far: how sure a cell is has little to do with its colour."""
EPSILON = 1e-3
"""Variance of the colours, which are in [0, 1], below which little is read from them."""


def at_outline(logits: Tensor) -> Tensor:
    """Which cells have cells of both sides among themselves and their eight neighbours, shape (h, w), bool.

    Elsewhere the frame is not asked: it would make holes in an object where doubt meets texture.

    Args:
        logits: One object's, less the logit of the decision, shape (h, w).
    """
    inside = logits >= 0
    return _grown(inside) & _grown(~inside)


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
    resized, slope = ((weights[..., None] * each[cells]).sum(dim=0) for each in (colours.flatten(0, 1), slopes))
    return ((pixels - resized) * slope).sum(dim=1)


def _slopes(logits: Tensor, colours: Tensor, cells: Tensor) -> Tensor:
    """How the logits of the 3 x 3 window around each of M cells change with the colours, shape (M, 3)."""
    window = _window(cells, logits.shape)
    colour = colours.flatten(0, 1)[window]  # (M, 9, 3)
    colour = colour - colour.mean(dim=1, keepdim=True)
    logit = logits.flatten()[window].clamp(-LIMIT, LIMIT)[..., None]  # (M, 9, 1)
    spread = colour.mT @ colour / 9 + EPSILON * torch.eye(3, device=logits.device, dtype=colour.dtype)
    together = colour.mT @ (logit - logit.mean(dim=1, keepdim=True)) / 9
    slopes: Tensor = torch.linalg.solve(spread, together)
    return slopes[..., 0]


def _grown(cells: Tensor) -> Tensor:
    """Cells (h, w), bool, with their eight neighbours; an eighth of the time of a max-pooling."""
    rows = cells.clone()
    rows[1:] |= cells[:-1]
    rows[:-1] |= cells[1:]
    grown = rows.clone()
    grown[:, 1:] |= rows[:, :-1]
    grown[:, :-1] |= rows[:, 1:]
    return grown


def _window(cells: Tensor, size: tuple[int, ...]) -> Tensor:
    """The numbers of the 3 x 3 cells around each of M cells, shape (M, 9); beyond the border the cell at the border."""
    height, width = size
    step = torch.arange(-1, 2, device=cells.device)
    rows = (cells[:, None] // width + step).clamp(0, height - 1)  # (M, 3)
    columns = (cells[:, None] % width + step).clamp(0, width - 1)
    return (rows[:, :, None] * width + columns[:, None, :]).flatten(1)
