"""How far each frame can be trusted, without ground truth: the hint which frame to correct next, and why.

The trust of a frame is a product of three numbers in [0, 1], each 1 where nothing is suspicious:

    confidence * (1 - area jump) * (1 - overlap drop)

* confidence: how far from 1/2 the probabilities near the objects are;
* area jump: how much an object's area differs from the mean area in the frames just before and after;
* overlap drop: by how much an object overlaps its masks in those frames less than it does in the clip's median frame,
  so that an object that always moves fast is not suspected for it.

Of several objects the most suspicious one counts for the jump and the drop; the confidence is their mean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ivos.core.metrics import region_similarity
from ivos.errors import InputError
from ivos.types import LabelMask

NEAR_OBJECT = 0.1
"""Cells with at least this probability count as near the object."""

Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Trust:
    """The three parts of every frame's trust.

    Attributes:
        confidence: Of each frame, shape (T,); NaN where no round has arrived yet.
        area_jump: Of each frame and object, shape (T, K).
        overlap_drop: Of each frame and object, shape (T, K).
    """

    confidence: Series
    area_jump: Series
    overlap_drop: Series

    @property
    def values(self) -> Series:
        """The trust of each frame, shape (T,), in [0, 1]; NaN where no round has arrived yet."""
        jump, drop = (part.max(axis=1, initial=0.0) for part in (self.area_jump, self.overlap_drop))
        return np.asarray(self.confidence * (1 - jump) * (1 - drop), dtype=np.float64)

    def reason(self, frame: int) -> str:
        """One sentence: what is most suspicious about a frame, for the user to read."""
        if np.isnan(self.confidence[frame]):
            return "No round has arrived at this frame yet."
        doubts = {
            "confidence": 1 - self.confidence[frame],
            "jump": self.area_jump[frame].max(initial=0.0),
            "drop": self.overlap_drop[frame].max(initial=0.0),
        }
        main = max(doubts, key=lambda name: doubts[name])
        if main == "jump":
            who = int(self.area_jump[frame].argmax()) + 1
            return f"The area of object {who} differs by {doubts[main]:.0%} from the frames beside it."
        if main == "drop":
            who = int(self.overlap_drop[frame].argmax()) + 1
            return f"Object {who} leaps: its overlap with the frames beside it is {doubts[main]:.2f} below the usual."
        return f"The outline is unsure: confidence {self.confidence[frame]:.0%}."


def frame_confidence(probability: Tensor) -> float:
    """How sure one frame is, in [0, 1]: the mean of |2p - 1| over the cells near an object, mean over the objects.

    Near an object is where p >= 0.1. An object that is nowhere near any cell is surely absent and counts as 1.

    Args:
        probability: One map an object, shape (K, h, w), values in [0, 1].

    Returns:
        1 if every cell is decided, 0 if all are at 1/2; 1 for K = 0.

    Raises:
        InputError: The shape is not (K, h, w).
    """
    if probability.ndim != 3:
        raise InputError(f"Probabilities of shape {tuple(probability.shape)} have no confidence; expected (K, h, w).")
    if not probability.shape[0]:
        return 1.0
    near = probability >= NEAR_OBJECT
    doubt = (1 - (2 * probability.double() - 1).abs()) * near
    mean_doubt = doubt.sum(dim=(1, 2)) / near.sum(dim=(1, 2)).clamp(min=1)
    return float(1 - mean_doubt.mean())


def motion(masks: Iterable[LabelMask], num_objects: int) -> tuple[Series, Series]:
    """The area of every object in every frame (T, K) and its overlap from frame to frame (T - 1, K).

    The overlap is the region similarity J of consecutive masks: 1 if they are equal, also if both are empty.

    Args:
        masks: Label masks (H, W) in order, T >= 1; only two are held at a time.
        num_objects: K.
    """
    areas: list[list[int]] = []
    overlaps: list[list[float]] = []
    previous: LabelMask | None = None
    for mask in masks:
        ids = range(1, num_objects + 1)
        areas.append([int(np.count_nonzero(mask == k)) for k in ids])
        if previous is not None:
            overlaps.append([region_similarity(mask == k, previous == k) for k in ids])
        previous = mask
    steps = max(len(areas) - 1, 0)
    return (
        np.array(areas, dtype=np.float64).reshape(len(areas), num_objects),
        np.array(overlaps, dtype=np.float64).reshape(steps, num_objects),
    )


def trust(confidences: ArrayLike, areas: Series, overlaps: Series) -> Trust:
    """What the confidence of each frame and the objects' motion say together.

    Args:
        confidences: From `frame_confidence`, shape (T,); NaN where no round has arrived yet.
        areas: From `motion`, shape (T, K).
        overlaps: From `motion`, shape (T - 1, K).

    Raises:
        InputError: The shapes do not belong together.
    """
    confidence = np.asarray(confidences, dtype=np.float64)
    if not len(confidence) == len(areas) == len(overlaps) + 1 or areas.shape[1] != overlaps.shape[1]:
        raise InputError(
            f"Confidences {confidence.shape}, areas {areas.shape} and overlaps {overlaps.shape} do not belong "
            "together; expected (T,), (T, K) and (T - 1, K)."
        )
    return Trust(confidence, _area_jump(areas), _overlap_drop(overlaps))


def worst_frame(confidences: ArrayLike, *, exclude: Collection[int] = ()) -> int:
    """The frame most worth correcting: the least confident one, the first of equals.

    Args:
        confidences: Confidence or trust of each frame, shape (T,); NaN where no round has arrived yet.
        exclude: Frames that the user has dealt with already. If they are all there is, the worst of them is returned.

    Raises:
        InputError: No frame has a confidence.
    """
    values = np.asarray(confidences, dtype=np.float64)
    known = [t for t in range(len(values)) if not np.isnan(values[t])]
    if not known:
        raise InputError("No frame has a result yet, so none is the worst; annotate a frame and propagate first.")
    return min([t for t in known if t not in exclude] or known, key=lambda t: values[t])


def _area_jump(areas: Series) -> Series:
    beside = _beside((areas[:-1], areas[1:]), areas)
    larger = np.maximum(areas, beside)
    return 1 - np.divide(np.minimum(areas, beside), larger, out=np.ones_like(areas), where=larger > 0)


def _overlap_drop(overlaps: Series) -> Series:
    usual = np.ones((len(overlaps) + 1, overlaps.shape[1]))
    overlap = _beside((overlaps, overlaps), usual)
    return np.maximum(np.median(overlap, axis=0) - overlap, 0)


def _beside(steps: tuple[Series, Series], alone: Series) -> Series:
    """The mean over the existing neighbours of each frame, (T, K); `alone` for a clip of one frame.

    `steps` holds, for each pair of neighbouring frames, what the later frame sees in the earlier one and vice versa.
    """
    if len(alone) <= 1:
        return alone
    missing = np.full((1, alone.shape[1]), np.nan)
    before, after = np.concatenate([missing, steps[0]]), np.concatenate([steps[1], missing])
    return np.asarray(np.nanmean([before, after], axis=0), dtype=np.float64)
