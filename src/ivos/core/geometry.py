"""Sizes and coordinates: pad to a stride and back, resize, normalised path <-> pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional as F

from ivos.errors import InputError

PadMode = Literal["replicate", "reflect", "constant"]


@dataclass(frozen=True, slots=True)
class Padding:
    """How many pixels were added on each side of an image."""

    top: int
    bottom: int
    left: int
    right: int


def pad_to_multiple(
    image: Tensor, multiple: int, *, mode: PadMode = "replicate", always: bool = False
) -> tuple[Tensor, Padding]:
    """The image grown so that both sides are multiples of a stride, and how it was grown.

    The growth is split as evenly as possible; of an odd number the larger part goes to the bottom and the right.

    Args:
        image: Any tensor of shape (..., H, W) with H, W >= 1.
        multiple: The stride in pixels, >= 1.
        mode: What fills the border: the edge pixel ("replicate"), the mirrored image without its edge pixel
            ("reflect", which repeats where the border is wider than the image), or zero ("constant").
        always: Grow a side that already is a multiple by `multiple` (the authors' released evaluation does).

    Returns:
        The padded image, shape (..., H', W'), and the padding for `unpad`.

    Raises:
        InputError: The image has no pixels, or the stride or the mode is unknown.
    """
    if image.ndim < 2 or 0 in image.shape[-2:]:
        raise InputError(f"An image of shape {tuple(image.shape)} cannot be padded; expected (..., H >= 1, W >= 1).")
    if multiple < 1:
        raise InputError(f"The padding multiple is {multiple}; expected an integer >= 1.")
    if mode not in ("replicate", "reflect", "constant"):
        raise InputError(f"The padding mode is {mode!r}; expected 'replicate', 'reflect' or 'constant'.")
    height, width = image.shape[-2:]
    (top, bottom), (left, right) = _split(height, multiple, always=always), _split(width, multiple, always=always)
    padding = Padding(top, bottom, left, right)
    if mode == "constant":
        return F.pad(image, (left, right, top, bottom)), padding
    if mode == "replicate" and image.ndim == 4 and image.is_floating_point():  # half the time, and channels stay last
        return F.pad(
            image, (left, right, top, bottom), mode="replicate"
        ) if top + bottom + left + right else image, padding
    for dimension, side, before, after in ((-2, height, top, bottom), (-1, width, left, right)):
        if before or after:
            position = torch.arange(-before, side + after, device=image.device)
            source = position.clamp(0, side - 1) if mode == "replicate" else _mirror(position, side)
            image = image.index_select(dimension, source)
    return image, padding


def unpad(x: Tensor, padding: Padding) -> Tensor:
    """The part of `x` (..., H', W') inside the padding: the inverse of `pad_to_multiple`, a view (..., H, W)."""
    height, width = x.shape[-2:]
    return x[..., padding.top : height - padding.bottom, padding.left : width - padding.right]


def upsample_logits(logits: Tensor, size: tuple[int, int], *, align_corners: bool) -> Tensor:
    """Logits (K, 1, h, w) resized bilinearly to `size` = (H, W): shape (K, 1, H, W)."""
    return F.interpolate(logits, size, mode="bilinear", align_corners=align_corners)


def working_size(size: tuple[int, int], limit: int) -> tuple[int, int]:
    """The (height, width) nearest to `size` in aspect whose short side is at most `limit`; never larger than `size`.

    Raises:
        InputError: `limit` or a side is smaller than 1.
    """
    if limit < 1 or min(size) < 1:
        raise InputError(f"A size {size} with the short side limited to {limit} is impossible; all must be >= 1.")
    short = min(size)
    if short <= limit:
        return size
    height, width = (max(1, (2 * side * limit + short) // (2 * short)) for side in size)  # rounded, exact integers
    return height, width


def path_to_pixels(path: ArrayLike, height: int, width: int) -> NDArray[np.int64]:
    """The pixel under every point of a path: (x, y) * (width - 1, height - 1), truncated (DAVIS scribbles).

    Args:
        path: Points (x, y) in [0, 1], shape (P, 2).
        height: Frame height in pixels.
        width: Frame width in pixels.

    Returns:
        Columns x and y, shape (P, 2).

    Raises:
        InputError: The path is not (P, 2), or a point is not finite or outside [0, 1].
    """
    points = np.asarray(path, dtype=np.float64)
    _check_points(points, "path")
    if not ((points >= 0) & (points <= 1)).all():  # also refuses NaN
        raise InputError("A path has points outside [0, 1]; divide pixel positions by the frame's width and height.")
    return (points * _scale(height, width)).astype(np.int64)


def pixels_to_path(pixels: ArrayLike, height: int, width: int) -> NDArray[np.float64]:
    """The path through the given pixels; `path_to_pixels` gives exactly the same pixels back.

    Args:
        pixels: Columns x and y inside the frame, shape (P, 2), integers.
        height: Frame height in pixels.
        width: Frame width in pixels.

    Returns:
        Points (x, y) in [0, 1], shape (P, 2).

    Raises:
        InputError: The pixels are not (P, 2) or one lies outside the frame.
    """
    points = np.asarray(pixels, dtype=np.float64)
    _check_points(points, "list of pixels")
    scale = _scale(height, width)
    if not ((points >= 0) & (points <= scale)).all():
        raise InputError(f"A list of pixels leaves the frame of {height} x {width}; expected x < width and y < height.")
    path = points / np.maximum(scale, 1)
    falls_short = np.floor(path * scale) < points  # the quotient was rounded down: truncation would lose the pixel
    return np.where(falls_short, np.nextafter(path, 1), path)


def _split(side: int, multiple: int, *, always: bool) -> tuple[int, int]:
    growth = multiple - side % multiple if always else -side % multiple
    return growth // 2, growth - growth // 2


def _mirror(position: Tensor, side: int) -> Tensor:
    if side == 1:
        return torch.zeros_like(position)
    period = 2 * (side - 1)
    folded = position.remainder(period)
    return torch.minimum(folded, period - folded)


def _check_points(points: NDArray[np.float64], what: str) -> None:
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"A {what} has shape {points.shape}; expected (P, 2) with columns x and y.")


def _scale(height: int, width: int) -> NDArray[np.float64]:
    if height < 1 or width < 1:
        raise InputError(f"A frame of {height} x {width} pixels is impossible; both must be >= 1.")
    return np.array([width - 1, height - 1], dtype=np.float64)
