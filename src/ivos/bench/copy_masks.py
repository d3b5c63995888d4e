"""The simplest method worth beating: the mask of the nearest annotated frame, unchanged.

Masks of annotated frames are a watershed of the brightness gradient from the strokes; the frame's border counts as
background. In round 1 every frame shows the first mask.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.color import rgb2gray
from skimage.filters import sobel
from skimage.segmentation import watershed

from ivos.bench.segmenters import ClipMasks
from ivos.core.scribbles import scribble_maps
from ivos.types import Annotation, Frames, LabelMask, Pixels, Scribble

NEAR_STROKE = 0.05
"""A correction may change the mask up to this share of the short side away from its strokes."""


class CopyMasks:
    """Copies the nearest annotated frame's mask to every frame."""

    def __init__(self) -> None:
        """Nothing is annotated yet."""
        self._frames: Frames | None = None
        self._done: tuple[Annotation, ...] = ()
        self._annotated: dict[int, LabelMask] = {}

    def __call__(self, frames: Frames, annotations: Sequence[Annotation], num_objects: int, /) -> ClipMasks:
        """The masks after all annotations, see `Segmenter`."""
        if self._frames is not frames or tuple(annotations[: len(self._done)]) != self._done:
            self._frames, self._done, self._annotated = frames, (), {}
        annotated = self._annotated
        for annotation in annotations[len(self._done) :]:
            t = annotation.frame
            shown = annotated[nearest(t, annotated)] if annotated else None
            annotated[t] = grow(frames[t], stroke_labels(annotation.scribbles, num_objects, frames.size), shown)
        self._done = tuple(annotations)
        return np.stack([annotated[nearest(t, annotated)] for t in range(len(frames))])


def nearest(t: int, frames: dict[int, LabelMask]) -> int:
    """The frame nearest to `t`, the earlier one of two."""
    return min(frames, key=lambda frame: (abs(frame - t), frame))


def stroke_labels(scribbles: Sequence[Scribble], num_objects: int, size: tuple[int, int]) -> NDArray[np.int32]:
    """Strokes as labels (H, W): -1 where none is, 0 on background, 1..K on objects."""
    labels = np.full(size, -1, np.int32)
    positive, negative = scribble_maps(scribbles, num_objects, size)
    labels[negative.any(axis=0)] = 0
    for k, drawn in enumerate(positive, start=1):
        labels[drawn > 0] = k
    return labels


def grow(image: Pixels, strokes: NDArray[np.int32], previous: LabelMask | None) -> LabelMask:
    """The label mask that grows from the strokes along the image's edges, (H, W) uint8.

    Args:
        image: The frame, (H, W, 3) uint8.
        strokes: See `stroke_labels`.
        previous: The mask that the strokes correct: it stays as it is away from them.
    """
    if previous is None:
        seeds = np.zeros(strokes.shape, bool)
        seeds[[0, -1]] = seeds[:, [0, -1]] = True
        markers = np.where(seeds, 1, 0)
    else:
        reach = NEAR_STROKE * min(strokes.shape)
        markers = np.where(ndimage.distance_transform_edt(strokes < 0) > reach, previous.astype(np.int32) + 1, 0)
    markers = np.where(strokes >= 0, strokes + 1, markers)  # 0 unknown, 1 background, k + 1 object k
    edges = sobel(rgb2gray(image))  # type: ignore[no-untyped-call]
    grown: NDArray[np.int32] = watershed(edges, markers)  # type: ignore[no-untyped-call]
    return (grown - 1).clip(0).astype(np.uint8)
