"""Strokes as maps: what A-Net reads beside the image, and how training imitates a user's strokes (section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import line

from ivos.core.geometry import path_to_pixels
from ivos.errors import InputError
from ivos.types import VOID, LabelMask, Scribble

PIXELS_PER_POINT = (100, 3000)
"""The paper generates one point per this many object pixels, drawn anew for every mask."""
STROKES_PER_REGION = 3
STROKE_KNOTS = (2, 5)

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]


def scribble_maps(
    scribbles: Iterable[Scribble], num_objects: int, size: tuple[int, int], *, radius: int = 2
) -> tuple[Map, Map]:
    """The positive and the negative map of every object.

    Consecutive points are joined by Bresenham lines and widened by an ellipse of `radius` (5 x 5 pixels at 2). Where
    strokes meet, the later one counts, so no pixel is positive and negative for the same object.

    Args:
        scribbles: Strokes of one frame in drawing order.
        num_objects: K; the objects have ids 1..K.
        size: (height, width) of the maps in pixels.
        radius: Half the pen's width in pixels, >= 0.

    Returns:
        Two arrays of zeros and ones, each (K, H, W): positive where the object's own strokes are, negative where
        those of the background and of other objects are. Entry k belongs to object k + 1.

    Raises:
        InputError: A stroke belongs to an object that does not exist, or the radius is negative.
    """
    strokes = tuple(scribbles)
    for scribble in strokes:
        if scribble.object_id > num_objects:
            raise InputError(
                f"A scribble has object_id {scribble.object_id}; there are {num_objects} objects "
                f"(1..{num_objects}, or 0 for background)."
            )
    drawn = scribble_labels(strokes, size, radius=radius)
    positive = drawn == np.arange(1, num_objects + 1, dtype=np.uint8)[:, None, None]
    negative = (drawn != VOID) & ~positive
    return positive.astype(np.float32), negative.astype(np.float32)


def scribble_labels(scribbles: Iterable[Scribble], size: tuple[int, int], *, radius: int = 2) -> LabelMask:
    """The strokes of a frame as one map (H, W) of labels, drawn as by `scribble_maps`: 0 for background, 255 elsewhere.

    Raises:
        InputError: The radius is negative.
    """
    labels = np.full(size, VOID, np.uint8)
    pen = _pen(radius)
    for scribble in scribbles:
        labels[_widen(_trace(path_to_pixels(scribble.points, *size)), pen, size)] = scribble.object_id
    return labels


def blur_maps(maps: Map, *, radius: int = 2, sigma: float = 6.0) -> Map:
    """Maps (..., H, W) smoothed by a normalised Gaussian window of 2 * radius + 1 pixels, mirrored at the border.

    The released evaluation does so from round 2 on, with a window of 5 x 5 and sigma 6.
    """
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    smooth = ndimage.correlate1d(maps, weights, axis=-1, mode="mirror")
    return np.asarray(ndimage.correlate1d(smooth, weights, axis=-2, mode="mirror"), dtype=np.float32)


def sample_points(mask: Mask, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Random pixels (x, y) of an object, without repetition: one per 100 to 3000 pixels, at least one.

    Source: point generation for the first round of A-Net's training, section 3.2.

    Args:
        mask: Where the object is, shape (H, W), bool.
        rng: Source of the density and of the points.

    Returns:
        Pixels inside the mask; an empty list if the mask is empty.
    """
    ys, xs = np.nonzero(mask)
    if not len(xs):
        return []
    count = max(1, round(len(xs) / rng.uniform(*PIXELS_PER_POINT)))
    chosen = rng.choice(len(xs), size=count, replace=False)
    return [(int(xs[i]), int(ys[i])) for i in chosen]


def points_map(points: Sequence[tuple[int, int]], size: tuple[int, int], *, radius: int = 2) -> Map:
    """A map (H, W) of zeros with ones at the given pixels (x, y), widened like `scribble_maps` widens strokes.

    Raises:
        InputError: A point lies outside the map, or the radius is negative.
    """
    canvas = np.zeros(size, dtype=np.float32)
    pixels = np.array(points, dtype=np.int64).reshape(-1, 2)
    if len(pixels) and not ((pixels >= 0) & (pixels < (size[1], size[0]))).all():
        raise InputError(f"A point lies outside the map of {size[0]} x {size[1]} pixels (height x width).")
    canvas[_widen(pixels, _pen(radius), size)] = 1
    return canvas


def imitate_correction(prediction: Mask, truth: Mask, rng: np.random.Generator, *, radius: int = 2) -> tuple[Map, Map]:
    """The maps of a user who corrects a prediction: strokes on what is missing and on what is too much.

    Source: scribble imitation for the later rounds of A-Net's training, section 3.2. In the largest connected regions
    of either error (at most three), one chain of straight lines joins random pixels in order along the region's main
    axis, deep inside more often than near the rim; what would leave the error region is not drawn.

    Args:
        prediction: Where the object was segmented, shape (H, W), bool.
        truth: Where it is, shape (H, W), bool.
        rng: Source of the strokes.
        radius: Half the pen's width in pixels, >= 0.

    Returns:
        Positive and negative map, each (H, W), zeros and ones, disjoint; all zero for an error that does not occur.

    Raises:
        InputError: The two masks differ in size.
    """
    if prediction.shape != truth.shape:
        raise InputError(f"A prediction of shape {prediction.shape} cannot be compared to truth {truth.shape}.")
    missing, surplus = truth & ~prediction, prediction & ~truth
    return _correction_map(missing, rng, radius), _correction_map(surplus, rng, radius)


def _correction_map(error: Mask, rng: np.random.Generator, radius: int) -> Map:
    canvas = np.zeros(error.shape, dtype=np.float32)
    regions, count = ndimage.label(error)
    sizes = np.bincount(regions.ravel(), minlength=count + 1)[1:]
    pen = _pen(radius)
    for region in np.argsort(-sizes, kind="stable")[:STROKES_PER_REGION]:
        pixels = _trace(_knots(regions == region + 1, rng))
        inside = pixels[error[pixels[:, 1], pixels[:, 0]]]
        canvas[_widen(inside, pen, canvas.shape)] = 1
    return canvas * error


def _knots(region: Mask, rng: np.random.Generator) -> NDArray[np.int64]:
    top, left = (int(np.flatnonzero(region.any(axis=axis))[0]) for axis in (1, 0))
    inner = region[region.any(axis=1)][:, region.any(axis=0)]  # connected: no gaps in its rows or columns
    depth = ndimage.distance_transform_edt(np.pad(inner, 1))[1:-1, 1:-1]
    ys, xs = np.nonzero(inner)
    weights = depth[ys, xs] ** 2
    count = min(len(xs), int(rng.integers(STROKE_KNOTS[0], STROKE_KNOTS[1] + 1)))
    chosen = rng.choice(len(xs), size=count, replace=False, p=weights / weights.sum())
    axis = xs if np.ptp(xs) >= np.ptp(ys) else ys
    chosen = chosen[np.argsort(axis[chosen], kind="stable")]
    return np.stack([xs[chosen] + left, ys[chosen] + top], axis=1).astype(np.int64)


def _trace(pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """All pixels (x, y) of the Bresenham lines through the given pixels, in any order, shape (P, 2)."""
    parts = [pixels]
    apart = np.abs(np.diff(pixels, axis=0)).max(axis=1, initial=0) > 1  # most points of a drawn stroke are neighbours
    for (x0, y0), (x1, y1) in zip(pixels[:-1][apart], pixels[1:][apart], strict=True):
        ys, xs = line(y0, x0, y1, x1)  # type: ignore[no-untyped-call]
        parts.append(np.stack([xs, ys], axis=1))
    return np.concatenate(parts)


def _pen(radius: int) -> NDArray[np.int64]:
    """Offsets (dx, dy) of an ellipse: in row dy as far as sqrt(radius^2 - dy^2), rounded; 17 pixels at radius 2."""
    if radius < 0:
        raise InputError(f"The scribble radius is {radius}; expected an integer >= 0.")
    rows = [(dy, round(math.sqrt(radius**2 - dy**2))) for dy in range(-radius, radius + 1)]
    return np.array([(dx, dy) for dy, reach in rows for dx in range(-reach, reach + 1)], dtype=np.int64)


def _widen(
    pixels: NDArray[np.int64], pen: NDArray[np.int64], size: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index (rows, columns) of all pixels that the pen covers, those outside the map left out."""
    x, y = (pixels[:, None] + pen).reshape(-1, 2).T
    inside = (x >= 0) & (x < size[1]) & (y >= 0) & (y < size[0])
    return y[inside], x[inside]
