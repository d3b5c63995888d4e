"""Region similarity J, contour accuracy F and their statistics, as the DAVIS benchmarks define them.

Source: Perazzi et al., "A benchmark dataset and evaluation methodology for video object segmentation", CVPR 2016;
constants and edge cases of the DAVIS interactive track. All values are fractions in [0, 1].

>>> truth = np.zeros((480, 854), dtype=bool)
>>> truth[100:200, 100:200] = True
>>> prediction = np.roll(truth, 20, axis=1)
>>> round(region_similarity(prediction, truth), 4)
0.6667
>>> round(contour_accuracy(prediction, truth), 4)
0.485
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ivos.core.morphology import Mask, dilate_bits, disk, pack
from ivos.errors import InputError

BOUND_TH = 0.008
"""Default contour tolerance as a share of the frame's diagonal: 8 pixels at 854 x 480."""
GOOD = 0.5
"""A frame counts for the recall when its value is above this."""
QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Statistics:
    """Summary of one object's values over the frames of a sequence.

    Attributes:
        mean: Mean over the frames.
        recall: Share of frames with a value above 0.5.
        decay: Mean of the first quarter of the frames minus mean of the last quarter.
    """

    mean: float
    recall: float
    decay: float


def region_similarity(prediction: Mask, truth: Mask) -> float:
    """J, the intersection over the union of two masks; 1 if both are empty.

    Args:
        prediction: Mask of one object, shape (H, W), bool.
        truth: The true mask, same shape.

    Raises:
        InputError: The masks differ in shape or are not (H, W).

    >>> region_similarity(np.array([[True, True, False]]), np.array([[False, True, True]]))
    0.3333333333333333
    """
    prediction, truth = _pair(prediction, truth)
    return _region_similarity(prediction, truth)


def contour_accuracy(prediction: Mask, truth: Mask, bound_th: float = BOUND_TH) -> float:
    """F, the harmonic mean of the precision and recall of contour pixels, matched within a tolerance.

    A contour pixel is matched when the other mask's contour, dilated by a disk of the tolerance, covers it.

    Args:
        prediction: Mask of one object, shape (H, W), bool.
        truth: The true mask, same shape.
        bound_th: Tolerance: below 1 a share of the frame's diagonal (rounded up to pixels), else in pixels.

    Returns:
        1 if neither mask has a contour, 0 if only one has.

    Raises:
        InputError: The masks differ in shape or are not (H, W), or the tolerance is negative or not finite.

    >>> contour_accuracy(np.eye(3, dtype=bool), np.eye(3, dtype=bool))
    1.0
    """
    prediction, truth = _pair(prediction, truth)
    radius = tolerance(truth.shape, bound_th)
    return _contour_accuracy(*_crop(prediction, truth), radius)


def label_scores(
    prediction: NDArray[np.integer], truth: NDArray[np.integer], object_ids: Sequence[int], bound_th: float = BOUND_TH
) -> NDArray[np.float64]:
    """J and F of every object of a frame, shape (K, 2): a row for each of `object_ids`, columns J and F.

    Args:
        prediction: Label mask, shape (H, W).
        truth: True label mask, same shape; pixels of any other value (255: void) belong to no object.
        object_ids: The K ids to score.
        bound_th: See `contour_accuracy`.

    Raises:
        InputError: As `contour_accuracy`.

    >>> label_scores(np.array([[0, 1, 2]]), np.array([[0, 1, 2]]), [1, 2])
    array([[1., 1.],
           [1., 1.]])
    """
    if np.shape(prediction) != np.shape(truth) or np.ndim(truth) != 2:
        raise InputError(_shapes_message(np.shape(prediction), np.shape(truth)))
    radius = tolerance(truth.shape, bound_th)
    scores = np.empty((len(object_ids), 2))
    for row, object_id in enumerate(object_ids):
        masks = _crop(prediction == object_id, truth == object_id)
        scores[row] = _region_similarity(*masks), _contour_accuracy(*masks, radius)
    return scores


def tolerance(size: tuple[int, ...], bound_th: float = BOUND_TH) -> float:
    """The contour tolerance in pixels for frames of `size` (H, W).

    Raises:
        InputError: `bound_th` is negative or not finite.

    >>> tolerance((480, 854)), tolerance((480, 854), 3)
    (8, 3)
    """
    if not (math.isfinite(bound_th) and bound_th >= 0):
        raise InputError(f"The contour tolerance bound_th is {bound_th}; expected a number >= 0.")
    return bound_th if bound_th >= 1 else math.ceil(bound_th * math.sqrt(size[0] ** 2 + size[1] ** 2))


def contour(mask: Mask) -> Mask:
    """The contour pixels of a mask: those that differ from their right, lower or lower right neighbour.

    The last row is compared with the right neighbour only, the last column with the lower one only.

    >>> contour(np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=bool)).astype(int)
    array([[1, 1, 1, 0],
           [1, 0, 1, 0],
           [1, 1, 1, 0],
           [0, 0, 0, 0]])
    """
    edges = np.zeros(mask.shape, dtype=np.bool_)
    edges[:, :-1] = mask[:, :-1] ^ mask[:, 1:]
    edges[:-1] |= mask[:-1] ^ mask[1:]
    edges[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return edges


def statistics(values: ArrayLike) -> Statistics:
    """Mean, recall and decay of one object's values over a sequence.

    The quarters are those of the DAVIS evaluation: five frames evenly spaced from first to last delimit them, and
    both delimiting frames belong to a quarter.

    Args:
        values: J or F of each frame in order, shape (T,), T >= 1.

    Raises:
        InputError: There is no value, or one is not a number.

    >>> statistics([1.0, 0.75, 0.5, 0.25])
    Statistics(mean=0.625, recall=0.5, decay=0.5)
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or not len(series) or np.isnan(series).any():
        raise InputError(f"Values of shape {series.shape} have no statistics; expected one number a frame, no NaN.")
    marks = np.round(np.linspace(1, len(series), QUARTERS + 1) + 1e-10).astype(int) - 1
    first, last = series[: marks[1] + 1], series[marks[-2] :]
    return Statistics(float(series.mean()), float((series > GOOD).mean()), float(first.mean() - last.mean()))


def _pair(prediction: Mask, truth: Mask) -> tuple[Mask, Mask]:
    if np.shape(prediction) != np.shape(truth) or np.ndim(truth) != 2:
        raise InputError(_shapes_message(np.shape(prediction), np.shape(truth)))
    return np.asarray(prediction, dtype=np.bool_), np.asarray(truth, dtype=np.bool_)


def _shapes_message(prediction: tuple[int, ...], truth: tuple[int, ...]) -> str:
    return f"A prediction of shape {prediction} cannot be scored against truth of shape {truth}; expected equal (H, W)."


def _crop(prediction: Mask, truth: Mask) -> tuple[Mask, Mask]:
    """Both masks around what either covers, with one pixel of background (where the image has it) on each side."""
    union = prediction | truth
    rows = np.flatnonzero(union.any(axis=1))
    if not len(rows):
        return prediction[:1, :1], truth[:1, :1]
    top, bottom = max(rows[0] - 1, 0), rows[-1] + 2
    columns = np.flatnonzero(union[top:bottom].any(axis=0))
    left, right = max(columns[0] - 1, 0), columns[-1] + 2
    return prediction[top:bottom, left:right], truth[top:bottom, left:right]


def _region_similarity(prediction: Mask, truth: Mask) -> float:
    union = int(np.count_nonzero(prediction | truth))
    return int(np.count_nonzero(prediction & truth)) / union if union else 1.0


def _contour_accuracy(prediction: Mask, truth: Mask, radius: float) -> float:
    footprint = disk(radius)
    margin = footprint.reach
    stride = truth.shape[1] + margin
    found, true = pack(contour(prediction), margin), pack(contour(truth), margin)
    if not found or not true:
        return 0.0 if found or true else 1.0
    precision = (found & dilate_bits(true, stride, footprint)).bit_count() / found.bit_count()
    recall = (true & dilate_bits(found, stride, footprint)).bit_count() / true.bit_count()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
