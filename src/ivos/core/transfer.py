"""The paper's idea: what is known of annotated and previous frames is carried to a target frame.

Global transfer (eq. 1-3): every annotated pixel spreads its object feature over the whole target frame.
Local transfer (eq. 4, 5): every pixel of the previous frame spreads its probability over a window of the target frame.

Both are a matrix of weights times values. How the weights are normalised is the paper's choice in
`transition_matrix` and `normalise_over_source` (a source pixel hands out a mass of 1), and a bounded weighted mean
in `reading_matrix` and `normalise_over_window` (a target pixel collects weights that sum to 1).

Shapes: `...` any batch, N annotated frames, C channels, h w feature cells, D = 2 * (radius // stride) + 1 offsets a
side. Nothing here depends on the object except the values, so one matrix serves all K objects.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

ROWS = 405  # targets that `reading_mean` works on at once: their scores stay in a core's cache
PART = 64  # tiles that `window_mean` works on at once, likewise
TILE = 8  # side of the tiles that `local_affinity` multiplies at once, in cells of one phase of the stride


def _cells(features: Tensor) -> Tensor:
    return features.transpose(-4, -3).flatten(-3).transpose(-1, -2)  # (..., N, C, h, w) -> (..., N*h*w, C)


def transition_matrix(annotated: Tensor, target: Tensor) -> Tensor:
    """Where each annotated pixel goes in the target frame (paper: global transfer module, eq. 1 and 2).

    Args:
        annotated: Stride-16 features of the N annotated frames, shape (..., N, C, h, w).
        target: Stride-16 features of the target frame, shape (..., C, h, w).

    Returns:
        Probabilities, shape (..., N*h*w, h*w); every row sums to 1 (the paper writes the transpose: columns of W).
    """
    return (_cells(annotated) @ target.flatten(-2)).softmax(dim=-1)


def reading_matrix(annotated: Tensor, target: Tensor) -> Tensor:
    """Where each target pixel reads in the annotated frames: eq. 1 and 2 normalised over the source.

    Args:
        annotated: Stride-16 keys of the N annotated frames, shape (..., N, C, h, w).
        target: Stride-16 keys of the target frame, shape (..., C, h, w).

    Returns:
        Probabilities, shape (..., N*h*w, h*w); every column sums to 1 over all annotated frames together.
    """
    scores = target.flatten(-2).transpose(-1, -2) @ _cells(annotated).transpose(-1, -2)  # (..., h*w, N*h*w)
    return scores.softmax(dim=-1).transpose(-1, -2)


def reading_mean(annotated: Tensor, target: Tensor, values: Tensor) -> Tensor:
    """`carry` with `reading_matrix`, some targets at a time, so that the whole matrix is never in memory.

    Args:
        annotated: Stride-16 keys of the N annotated frames, shape (B, N, C, h, w).
        target: Stride-16 keys of the target frame, shape (B, C, h, w).
        values: Object features of the annotated frames, shape (K, N, V, h, w); K = B, or any K if B = 1.

    Returns:
        The mean over all annotated pixels, weighted by the soft-max of the inner products, shape (K, V, h, w).
    """
    (b, _, h, w), (k, _, v) = target.shape, values.shape[:3]
    source, query = _cells(annotated).transpose(-1, -2), target.flatten(2).transpose(1, 2)  # (B, C, M), (B, h*w, C)
    carried = _cells(values)  # (K, M, V)
    carried = carried.transpose(0, 1).reshape(1, -1, k * v) if b == 1 else carried  # (B, M, K/B*V)
    parts = torch.split(query, ROWS, dim=1)
    read = torch.cat([(rows @ source).softmax(dim=-1) @ carried for rows in parts], dim=1)
    return read.reshape(b, h, w, k // b, v).permute(0, 3, 4, 1, 2).reshape(k, v, h, w)


def carry(matrix: Tensor, values: Tensor) -> Tensor:
    """The values of the annotated frames carried to the target by a matrix of weights: A F_o of eq. 3.

    Args:
        matrix: Weights, shape (..., N*h*w, h*w), from `transition_matrix` or `reading_matrix`.
        values: Object features or maps of the annotated frames, shape (..., N, C, h, w); `...` broadcasts.

    Returns:
        The sum over all annotated pixels, shape (..., C, h, w).
    """
    flat = values.transpose(-4, -3).flatten(-3)  # (..., C, N*h*w)
    carried: Tensor = flat @ matrix
    return carried.reshape(*carried.shape[:-1], *values.shape[-2:])


def global_transfer(transition: Tensor, object_features: Tensor) -> Tensor:
    """Object features in the target frame, averaged over the N annotated frames (eq. 3).

    Args:
        transition: From `transition_matrix`, shape (..., N*h*w, h*w).
        object_features: F_o of the annotated frames, shape (..., N, C, h, w); `...` broadcasts (K objects).

    Returns:
        Transferred object features, shape (..., C, h, w).
    """
    return carry(transition, object_features) / object_features.shape[-4]


def offsets(radius: int, stride: int) -> list[tuple[int, int]]:
    """The window's displacements (dy, dx) in cells, rows outer: -radius, -radius + stride, ..., radius (eq. 4)."""
    steps = range(-(radius // stride) * stride, radius + 1, stride)
    return [(dy, dx) for dy in steps for dx in steps]


def local_affinity(target: Tensor, previous: Tensor, radius: int, stride: int) -> Tensor:
    """Inner products of each target cell with a window of the previous frame (eq. 4, before normalising).

    Computed as matrix products of small tiles: with stride s a cell meets only cells of its own phase modulo s, so
    the frame falls into s*s dense problems, and each 8 x 8 tile of targets is multiplied with the window round it.

    Args:
        target: Stride-4 features of the target frame, shape (B, C, h, w).
        previous: Stride-4 features of the previous frame, shape (B, C, h, w).
        radius: Reach of the window in cells.
        stride: Distance between the cells that are compared.

    Returns:
        Shape (B, D*D, h, w), offsets in the order of `offsets`; -inf where the window leaves the image.
    """
    reach, (h, w) = radius // stride, target.shape[-2:]
    side = TILE + 2 * reach
    rows, cols = (-(-n // (stride * TILE)) * TILE for n in (h, w))  # cells of one phase, rounded up to whole tiles
    grow = (0, cols * stride - w, 0, rows * stride - h)
    tiles = _phases(F.pad(target, grow), stride)  # (B*s*s, C, rows, cols)
    windows = F.pad(_phases(F.pad(previous, grow), stride), (reach,) * 4)
    tiles = tiles.unfold(2, TILE, TILE).unfold(3, TILE, TILE).permute(0, 2, 3, 4, 5, 1).flatten(3, 4)
    windows = windows.unfold(2, side, TILE).unfold(3, side, TILE).permute(0, 2, 3, 1, 4, 5).flatten(4)
    scores = tiles @ windows  # (B*s*s, rows/8, cols/8, 64, side*side)
    diameter = 2 * reach + 1
    scores = scores.reshape(*scores.shape[:3], TILE, TILE, side, side)
    n, ty, tx, y, x, wy, wx = scores.stride()
    banded = scores.as_strided(  # window row wy = y + dy, column wx = x + dx
        (*scores.shape[:5], diameter, diameter), (n, ty, tx, y + wy, x + wx, wy, wx)
    )
    banded = banded.permute(0, 5, 6, 1, 3, 2, 4).reshape(-1, diameter * diameter, rows, cols)
    dense = _unphase(banded, stride)[..., :h, :w]
    return dense.masked_fill(_window_outside(h, w, radius, stride, dense.device), -torch.inf)


def _phases(x: Tensor, stride: int) -> Tensor:
    b, c, h, w = x.shape
    x = x.reshape(b, c, h // stride, stride, w // stride, stride)
    return x.permute(0, 3, 5, 1, 2, 4).reshape(-1, c, h // stride, w // stride)


def _unphase(x: Tensor, stride: int) -> Tensor:
    n, c, h, w = x.shape
    x = x.reshape(n // stride**2, stride, stride, c, h, w).permute(0, 3, 4, 1, 5, 2)
    return x.reshape(n // stride**2, c, h * stride, w * stride)


@lru_cache(maxsize=4)
@torch.inference_mode(mode=False)  # so that training may use a mask that was first made for inference
def _window_outside(h: int, w: int, radius: int, stride: int, device: torch.device) -> Tensor:
    """Which window cells lie outside the image: bool, shape (D*D, h, w), offsets in the order of `offsets`."""
    dy, dx = torch.tensor(offsets(radius, stride), device=device).T
    y = torch.arange(h, device=device) + dy[:, None]  # (D*D, h)
    x = torch.arange(w, device=device) + dx[:, None]  # (D*D, w)
    rows, columns = (y < 0) | (y >= h), (x < 0) | (x >= w)
    outside: Tensor = rows[:, :, None] | columns[:, None, :]
    return outside


def normalise_over_window(affinity: Tensor) -> Tensor:
    """Weights by which each target cell averages its window: soft-max over the offsets.

    Args:
        affinity: From `local_affinity`, shape (B, D*D, h, w).

    Returns:
        Same shape; the offsets of every target cell sum to 1, so that a carried probability stays in [0, 1].
    """
    return affinity.softmax(dim=1)


def normalise_over_source(affinity: Tensor, radius: int, stride: int) -> Tensor:
    """Weights by which each previous cell hands out its mass: eq. 4, soft-max over each column.

    Args:
        affinity: From `local_affinity`, shape (B, D*D, h, w).
        radius: Reach of the window in cells.
        stride: Distance between the cells that are compared.

    Returns:
        Same shape; the weights of every previous cell sum to 1 over the targets that see it: mass is conserved.
    """
    by_source = _turn(affinity, radius, stride, fill=-torch.inf).softmax(dim=1)
    return _turn(by_source, radius, stride, fill=0.0)


def normalise_over_rows(affinity: Tensor) -> Tensor:
    """The released code's soft-max over image rows (dimension 2); cells outside the image count as score 0.

    Args:
        affinity: From `local_affinity`, shape (B, D*D, h, w).

    Returns:
        Same shape; every (offset, column) sums to 1 over the h rows.
    """
    return affinity.masked_fill(affinity == -torch.inf, 0.0).softmax(dim=2)


def _turn(affinity: Tensor, radius: int, stride: int, fill: float) -> Tensor:
    """Re-index (offset d, target t) as (offset -d, source t + d), or back: the same window seen from the other end."""
    h, w = affinity.shape[-2:]
    reach = radius // stride * stride
    padded = F.pad(affinity, (reach,) * 4, value=fill)
    steps = offsets(radius, stride)
    return torch.stack(
        [
            padded[:, len(steps) - 1 - i, reach + dy : reach + dy + h, reach + dx : reach + dx + w]
            for i, (dy, dx) in enumerate(steps)
        ],
        dim=1,
    )


def local_transfer(weights: Tensor, probability: Tensor, radius: int, stride: int) -> Tensor:
    """The previous frame's probability carried to the target by the local weights (eq. 5).

    Args:
        weights: Normalised affinity, shape (B, D*D, h, w) with B = 1 (shared by all objects) or B = K.
        probability: Of the K objects in the previous frame, shape (K, 1, h, w), in [0, 1].
        radius: Reach of the window in cells.
        stride: Distance between the cells that are compared.

    Returns:
        Transferred map, shape (K, 1, h, w): in [0, 1] for window-normalised weights, a mass >= 0 for the paper's.
    """
    reach = radius // stride * stride
    diameter = 2 * (radius // stride) + 1
    windows = F.unfold(probability, diameter, dilation=stride, padding=reach)  # (K, D*D, h*w)
    carried: Tensor = (weights.flatten(2) * windows).sum(dim=1)  # (K, h*w)
    return carried.reshape(probability.shape)


def window_mean(target: Tensor, previous: Tensor, values: Tensor, radius: int, stride: int) -> Tensor:
    """`local_transfer` with the weights of `normalise_over_window`, in one go and without the affinity's maps.

    Each tile of targets is multiplied with the window round it, as in `local_affinity`; what lies outside a target's
    own window gets the weight 0, and a last channel of ones, carried along, says what the weights of a target sum to.

    Args:
        target: Stride-4 keys of the target frame, shape (B, C, h, w); no inner product with `previous` may pass 80
            (e^80 is near the end of float32 and bfloat16).
        previous: Stride-4 keys of the previous frame, shape (B, C, h, w).
        values: What the previous frame carries, shape (K, V, h, w); K = B, or any K if B = 1.
        radius: Reach of the window in cells.
        stride: Distance between the cells that are compared.

    Returns:
        Shape (K, V, h, w): for each target cell the mean over its window, weighted by e to the inner product.
    """
    reach, (h, w) = radius // stride, target.shape[-2:]
    (b, c), (k, v), side = target.shape[:2], values.shape[:2], TILE + 2 * reach
    rows, cols = (-(-n // (stride * TILE)) for n in (h, w))  # in tiles
    right, below, margin = cols * stride * TILE - w, rows * stride * TILE - h, reach * stride
    grown = (0, 0, margin, right + margin, margin, below + margin)
    carried = torch.cat((values.reshape(b, -1, h, w), values.new_ones(b, 1, h, w)), dim=1)  # (B, K/B*V + 1, h, w)
    query = _phases_last(F.pad(target.permute(0, 2, 3, 1), (0, 0, 0, right, 0, below)), stride)
    query = query.reshape(-1, rows, TILE, cols, TILE, c).transpose(2, 3).reshape(-1, TILE * TILE, c)
    source, carried = (
        _phases_last(F.pad(x.permute(0, 2, 3, 1), grown), stride)  # (B*s*s, rows*8 + 2*reach, cols*8 + 2*reach, C)
        .unfold(1, side, TILE)
        .unfold(2, side, TILE)
        .permute(0, 1, 2, 4, 5, 3)
        .reshape(-1, side * side, x.shape[1])
        for x in (previous, carried)
    )
    band = _outside_band(reach, query.device).to(query.dtype)  # (64, side*side), -inf outside a target's own window
    parts = zip(*(torch.split(x, PART) for x in (query, source, carried)), strict=True)
    sums = torch.cat([torch.baddbmm(band, q, s.transpose(1, 2)).exp_() @ v for q, s, v in parts])  # (tiles, 64, V')
    sums = sums.reshape(b, stride, stride, rows, cols, TILE, TILE, -1).permute(0, 7, 3, 5, 1, 4, 6, 2)
    sums = sums.reshape(b, -1, rows * TILE * stride, cols * TILE * stride)[..., :h, :w]
    return (sums[:, :-1] / sums[:, -1:]).reshape(k, v, h, w)


def _phases_last(x: Tensor, stride: int) -> Tensor:
    """The cells of one phase of the stride side by side: (B, H, W, C) -> (B*s*s, H/s, W/s, C)."""
    b, h, w, c = x.shape
    x = x.reshape(b, h // stride, stride, w // stride, stride, c).permute(0, 2, 4, 1, 3, 5)
    return x.reshape(-1, h // stride, w // stride, c)


@lru_cache(maxsize=4)
@torch.inference_mode(mode=False)
def _outside_band(reach: int, device: torch.device) -> Tensor:
    """-inf where a cell of a tile's window is not in a target's own window, else 0: shape (64, side*side)."""
    own = torch.arange(TILE, device=device)[:, None]
    seen = torch.arange(TILE + 2 * reach, device=device)
    inside = (seen >= own) & (seen <= own + 2 * reach)  # (8, side)
    both = inside[:, None, :, None] & inside[None, :, None, :]  # (8, 8, side, side)
    return both.float().log().reshape(TILE * TILE, -1)  # of 1 it is 0, of 0 it is -inf
