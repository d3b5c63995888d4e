"""Small made-up clips with true masks: discs and boxes that move over a textured ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivos.errors import InputError
from ivos.io.images import ArrayFrames
from ivos.types import MAX_OBJECTS


@dataclass(frozen=True, eq=False)
class SyntheticClip:
    """Frames and their true masks.

    Attributes:
        frames: The clip, T frames of (H, W, 3).
        masks: Its label masks, shape (T, H, W) uint8; ids 1..K, a higher id covers a lower one.
    """

    frames: ArrayFrames
    masks: NDArray[np.uint8]


def moving_shapes(
    num_frames: int = 12, size: tuple[int, int] = (96, 128), *, num_objects: int = 2, seed: int = 0
) -> SyntheticClip:
    """A clip in which every object is a shape of its own colour and texture that drifts and bounces off the border.

    The same arguments give the same clip, bit for bit.

    Args:
        num_frames: T, at least 1.
        size: (height, width) in pixels, each at least 1.
        num_objects: K, 0..254; odd ids are discs, even ids boxes.
        seed: Chooses colours, textures, places and ways.

    Raises:
        InputError: An argument is out of its range.
    """
    if num_frames < 1 or min(size) < 1 or num_objects not in range(MAX_OBJECTS + 1):
        raise InputError(
            f"Cannot make {num_frames} frames of {size} with {num_objects} objects; "
            f"expected at least 1 frame and 1 pixel, and 0..{MAX_OBJECTS} objects."
        )
    rng = np.random.default_rng(seed)
    height, width = size
    extent = np.array([height, width], dtype=np.float64)
    ground = _texture(rng, size, rng.uniform(60, 120, 3))
    frames = np.repeat(ground[None], num_frames, axis=0)
    masks = np.zeros((num_frames, height, width), dtype=np.uint8)
    rows, columns = np.mgrid[:height, :width]
    for object_id in range(1, num_objects + 1):
        coat = _texture(rng, size, rng.uniform(0, 255, 3))
        radius = max(0.5, min(size) * rng.uniform(0.15, 0.25))
        start = rng.uniform(0, 1, 2) * extent
        step = rng.uniform(-0.03, 0.03, 2) * extent
        for t in range(num_frames):
            y, x = _bounce(start + t * step, extent - 1)
            if object_id % 2:
                inside = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
            else:
                inside = np.maximum(np.abs(rows - y), np.abs(columns - x)) <= 0.85 * radius
            frames[t][inside] = coat[inside]
            masks[t][inside] = object_id
    return SyntheticClip(ArrayFrames(frames), masks)


def _texture(rng: np.random.Generator, size: tuple[int, int], colour: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A colour with grain, (H, W, 3) uint8."""
    grain = rng.normal(0, 12, (*size, 1)) + rng.normal(0, 4, (*size, 3))
    texture: NDArray[np.uint8] = np.clip(colour + grain, 0, 255).astype(np.uint8)
    return texture


def _bounce(position: NDArray[np.float64], limit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions folded back into [0, limit]."""
    span = np.maximum(limit, 1e-9)
    folded: NDArray[np.float64] = span - np.abs(position % (2 * span) - span)
    return folded
