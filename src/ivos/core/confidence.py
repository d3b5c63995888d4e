"""How far each frame can be trusted, without ground truth: the hint which frame to correct next, and why.

The trust of a frame is a product of three numbers in [0, 1], each 1 where nothing is suspicious:

    confidence * (1 - area jump) * (1 - overlap drop)

* confidence: how far from 1/2 the probabilities near the objects are;
* area jump: how much an object's area differs from the mean area in the frames just before and after;
* overlap drop: by how much an object overlaps its masks in those frames less than it does in the clip's median frame,
  so that an object that always moves fast is not suspected for it.

Of several objects the most suspicious one counts for the jump and the drop; the confidence is their mean.

A correction is carried to the frames around it, so the frame most worth correcting is not the least trusted one but the
one with the most doubt, 1 - trust, around it: the sum over all frames, each weighed by how near it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ivos.core.metrics import region_similarity
from ivos.errors import InputError
from ivos.types import LabelMask

NEAR_OBJECT = 0.1
"""Cells with at least this probability count as near the object."""

REACH = 40
"""Frames to which a correction is thought to carry: its weight falls linearly to nothing there."""

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

    def reason(self, frame: int, names: Mapping[int, str] = MappingProxyType({})) -> str:
        """One sentence: what is most suspicious about a frame and those around it, for the user to read.

        Args:
            frame: 0-based index.
            names: What objects are called, by id; others are "object 3".
        """
        if np.isnan(self.confidence[frame]):
            return "No round has arrived at this frame yet."
        near = _nearness(frame, len(self.confidence)) * ~np.isnan(self.confidence)
        near /= near.sum()
        jumps, drops = near @ self.area_jump, near @ self.overlap_drop
        unsure = float(near @ np.nan_to_num(1 - self.confidence))
        jump, drop = jumps.max(initial=0.0), drops.max(initial=0.0)
        if jump > max(unsure, drop):
            who = int(jumps.argmax()) + 1
            return (
                f"The area of {names.get(who, f'object {who}')} changes by {jump:.0%} from frame to frame around here."
            )
        if drop > unsure:
            leaping = names.get(int(drops.argmax()) + 1, f"Object {drops.argmax() + 1}")
            return f"{leaping} leaps around here: from frame to frame it overlaps {drop:.2f} less than usual."
        return f"The outline is unsure around here: confidence {1 - unsure:.0%}."


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
    doubt = (1 - (2 * probability.float() - 1).abs()) * near
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

    Frames without a result say nothing about their neighbours.

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
    known = ~np.isnan(confidence)
    areas = np.where(known[:, None], areas, np.nan)
    overlaps = np.where((known[1:] & known[:-1])[:, None], overlaps, np.nan)
    return Trust(confidence, _area_jump(areas), _overlap_drop(overlaps))


def worth_correcting(values: ArrayLike, waiting: Collection[int] = ()) -> Series:
    """What a correction on each frame t is worth, shape (T,): the sum of (1 - |s - t| / 40) (1 - trust_s) around it.

    Args:
        values: Confidence or trust of each frame, shape (T,), in [0, 1]; NaN, where no round has arrived yet, adds 0.
        waiting: Frames that the next round will carry from. Of the weights only what exceeds theirs counts.
    """
    doubt = np.nan_to_num(1 - np.asarray(values, dtype=np.float64))
    count = len(doubt)
    covered = np.max([np.zeros(count), *(_nearness(t, count) for t in waiting)], axis=0)
    worth = np.zeros(count + 2 * REACH)
    for offset, weight in enumerate(_nearness(REACH, 2 * REACH + 1)):
        worth[offset : offset + count] += doubt * np.maximum(weight - covered, 0)
    return worth[REACH : REACH + count]


def worst_frame(values: ArrayLike, *, exclude: Collection[int] = (), waiting: Collection[int] = ()) -> int:
    """The frame most worth correcting: the one with the most doubt around it, the first of equals.

    Args:
        values: Confidence or trust of each frame, shape (T,); NaN where no round has arrived yet.
        exclude: Frames that the user has dealt with already. If they are all there is, the worst of them is returned.
        waiting: Those of them that no round has carried yet; see `worth_correcting`.

    Raises:
        InputError: No frame has a confidence.
    """
    given = np.asarray(values, dtype=np.float64)
    known = [t for t in range(len(given)) if not np.isnan(given[t])]
    if not known:
        raise InputError("No frame has a result yet, so none is the worst; annotate a frame and propagate first.")
    worth = worth_correcting(given, waiting)
    return max([t for t in known if t not in exclude] or known, key=lambda t: worth[t])


def _nearness(frame: int, count: int) -> Series:
    """How far a correction on a frame is thought to carry to each of `count` frames: 1 there, 0 from `REACH` on."""
    return np.maximum(1 - np.abs(np.arange(count) - frame) / REACH, 0)


def _area_jump(areas: Series) -> Series:
    beside = _beside((areas[:-1], areas[1:]), areas)
    larger = np.maximum(areas, beside)
    return 1 - np.divide(np.minimum(areas, beside), larger, out=np.ones_like(areas), where=larger > 0)


def _overlap_drop(overlaps: Series) -> Series:
    overlap = _beside((overlaps, overlaps), np.full((len(overlaps) + 1, overlaps.shape[1]), np.nan))
    beside_others = ~np.isnan(overlap).any(axis=1)
    drop = np.zeros_like(overlap)
    if beside_others.any():
        drop[beside_others] = np.maximum(np.median(overlap[beside_others], axis=0) - overlap[beside_others], 0)
    return drop


def _beside(steps: tuple[Series, Series], alone: Series) -> Series:
    """The mean over the known neighbours of each frame, (T, K); where it has none, `alone`.

    `steps` holds, for each pair of neighbouring frames, what the later frame sees in the earlier one and vice versa;
    NaN is unknown.
    """
    missing = np.full((1, alone.shape[1]), np.nan)
    seen = np.stack((np.concatenate((missing, steps[0])), np.concatenate((steps[1], missing))))
    known = ~np.isnan(seen)
    count = known.sum(axis=0)
    return np.where(count, np.where(known, seen, 0).sum(axis=0) / np.maximum(count, 1), alone)
