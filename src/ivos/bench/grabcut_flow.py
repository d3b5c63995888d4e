"""A classical method: GrabCut from the strokes (Rother et al., 2004), carried on by dense inverse search flow.

OpenCV is needed for this baseline alone: extra `[baselines]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ivos.bench.copy_masks import stroke_labels
from ivos.bench.segmenters import ClipMasks
from ivos.core.schedule import neighbours, passes, span
from ivos.errors import InputError
from ivos.types import Annotation, Frames, LabelMask, Pixels

ITERATIONS = 5
FIRST_REACH = 0.15
"""Without a mask to correct, the object is looked for up to this share of the short side away from its strokes."""
MIN_FLOW_SIDE = 16
"""Frames with a shorter side are too small for the flow; masks are copied."""


class GrabCutFlow:
    """GrabCut on annotated frames, optical flow to the others; from round 2 on half-way to other annotated frames."""

    def __init__(self) -> None:
        """Import OpenCV.

        Raises:
            InputError: It is not installed.
        """
        self._cv2 = _opencv()
        self._masks: ClipMasks | None = None
        self._done: tuple[Annotation, ...] = ()
        self._frames: Frames | None = None

    def __call__(self, frames: Frames, annotations: Sequence[Annotation], num_objects: int, /) -> ClipMasks:
        """The masks after all annotations, see `Segmenter`."""
        done = len(self._done)
        masks = self._masks
        if masks is None or self._frames is not frames or tuple(annotations[:done]) != self._done:
            masks, done = np.zeros((len(frames), *frames.size), np.uint8), 0
        for count in range(done, len(annotations)):
            earlier = {annotation.frame for annotation in annotations[:count]}
            annotation = annotations[count]
            previous = masks[annotation.frame] if earlier else None
            strokes = stroke_labels(annotation.scribbles, num_objects, frames.size)
            masks[annotation.frame] = self._cut(frames[annotation.frame], strokes, previous, num_objects)
            self._carry(frames, masks, annotation.frame, earlier, num_objects)
        self._masks, self._frames, self._done = masks, frames, tuple(annotations)
        return masks.copy()

    def _cut(
        self, image: Pixels, strokes: NDArray[np.int32], previous: LabelMask | None, num_objects: int
    ) -> LabelMask:
        """One GrabCut for each object; where two claim a pixel, the one with the nearer stroke has it."""
        result = np.zeros(strokes.shape, np.uint8)
        nearest = np.full(strokes.shape, np.inf)
        for k in range(1, num_objects + 1):
            distance = _distance(strokes == k)
            labels = self._start(strokes, k, distance, None if previous is None else previous == k)
            if labels is None:
                continue
            if (labels % 2 == 0).any():  # without any background there is nothing to cut
                models = np.zeros((1, 65)), np.zeros((1, 65))
                self._cv2.setRNGSeed(0)  # its clustering draws from a global generator
                self._cv2.grabCut(image, labels, None, *models, ITERATIONS, self._cv2.GC_INIT_WITH_MASK)
            mine = (labels % 2 == 1) & ((distance < nearest) | (result == 0))
            result[mine], nearest[mine] = k, distance[mine]
        return result

    def _start(
        self, strokes: NDArray[np.int32], k: int, distance: NDArray[np.float64], previous: NDArray[np.bool_] | None
    ) -> NDArray[np.uint8] | None:
        """GrabCut's four labels for object k; None if it is nowhere."""
        likely = distance <= FIRST_REACH * min(strokes.shape) if previous is None else previous
        if not likely.any() and not (strokes == k).any():
            return None
        labels: NDArray[np.uint8] = np.where(likely, self._cv2.GC_PR_FGD, self._cv2.GC_PR_BGD).astype(np.uint8)
        labels[(strokes >= 0) & (strokes != k)] = self._cv2.GC_BGD
        labels[strokes == k] = self._cv2.GC_FGD
        return labels

    def _carry(self, frames: Frames, masks: ClipMasks, source: int, earlier: set[int], num_objects: int) -> None:
        """Warp the source frame's mask outwards, half-way to the neighbouring annotated frames."""
        annotated = {*earlier, source}
        before, after = neighbours(source, annotated)
        forward, backward = passes(source, span(source, annotated, len(frames)))
        half = {
            1: np.inf if after is None else (after - source) / 2,
            -1: np.inf if before is None else (source - before) / 2,
        }
        for step, targets in ((1, forward), (-1, backward)):
            self._warp_along(frames, masks, source, [t for t in targets if abs(t - source) <= half[step]], num_objects)

    def _warp_along(
        self, frames: Frames, masks: ClipMasks, source: int, targets: Iterable[int], num_objects: int
    ) -> None:
        cv2 = self._cv2
        flow_method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        height, width = frames.size
        grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.float32)
        previous, previous_grey = source, cv2.cvtColor(frames[source], cv2.COLOR_RGB2GRAY)
        for t in targets:
            grey = cv2.cvtColor(frames[t], cv2.COLOR_RGB2GRAY)
            if min(height, width) < MIN_FLOW_SIDE:
                masks[t] = masks[previous]
            else:
                where = grid + flow_method.calc(grey, previous_grey, None)  # from the target back to the previous frame
                masks[t] = self._warped(masks[previous], where, num_objects)
            previous, previous_grey = t, grey

    def _warped(self, mask: LabelMask, where: NDArray[np.float32], num_objects: int) -> LabelMask:
        layers = [(mask == k).astype(np.float32) for k in range(num_objects + 1)]
        warped = [self._cv2.remap(layer, where, None, self._cv2.INTER_LINEAR) for layer in layers[1:]]
        background = 1 - np.sum(warped, axis=0)
        label_mask: LabelMask = np.argmax([background, *warped], axis=0).astype(np.uint8)
        return label_mask


def _distance(drawn: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Pixels to the nearest drawn one; infinite if nothing is drawn."""
    if not drawn.any():
        return np.full(drawn.shape, np.inf)
    distance: NDArray[np.float64] = ndimage.distance_transform_edt(~drawn)
    return distance


def _opencv() -> ModuleType | Any:
    try:
        import cv2
    except ImportError as error:
        raise InputError(
            "The baseline grabcut-flow needs OpenCV, which is not installed; run: pip install 'ivos[baselines]'"
        ) from error
    return cv2
