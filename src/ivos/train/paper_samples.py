"""Samples as the paper describes them: points, deformed truth, four of the next seven frames."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ivos.core.scribbles import imitate_correction, points_map, sample_points
from ivos.train.augment import shifted, similarity
from ivos.train.samples import Sample, levels
from ivos.train.scenery import TRIES, Scene, Scenery, no_object_error, reflected
from ivos.types import VOID, LabelMask

TARGETS, WINDOW = 4, 7  # a mini-sequence has 4 of the 7 frames next to the annotated one
FIRST_ROUND = 0.5  # share of samples that stand for round 1; not printed in the paper


class PaperSampling:
    """Implements `Sampling`."""

    def __init__(self, scenery: Scenery) -> None:
        """Draw from `scenery`."""
        self._scenery = scenery

    def annotation_sample(self, rng: np.random.Generator) -> Sample:
        """See `Sampling`."""
        scene = self._scene(rng, sequence=False)
        maps = prompts(scene.masks[0].numpy(), rng)
        return {"image": scene.images[0], "mask": scene.masks[0], "maps": maps, "draw": torch.tensor(0)}

    def sequence_sample(self, rng: np.random.Generator, of_step: np.random.Generator) -> Sample:  # noqa: ARG002
        """One annotated frame, then four of the seven next ones in either direction; see `Sampling`."""
        scene = self._scene(rng, sequence=True)
        maps = prompts(scene.masks[0].numpy(), rng)
        return {"images": scene.images, "masks": scene.masks, "maps": maps[None], "draw": torch.tensor(0)}

    def _scene(self, rng: np.random.Generator, *, sequence: bool) -> Scene:
        for _ in range(TRIES):
            take = self._scenery.pick(rng)
            indices, times = mini_sequence(len(take), rng) if sequence else ([int(rng.integers(len(take)))], [0])
            scene = self._scenery.film(take, indices, np.array(times, np.float64), rng, plain=True)
            if scene is not None:
                return scene
        raise no_object_error()


def mini_sequence(length: int, rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Frames of a take of `length` frames and their times: an annotated one, then four of the seven next ones.

    Near the end of a clip fewer than seven frames follow; a clip of less than five frames is run to and fro, and a
    photograph (which is set in motion) gives its one frame five times.

    Returns:
        Indices into the take, and times relative to the annotated frame, in frames: ascending, or all negative and
        descending.
    """
    side = 1 if rng.random() < 0.5 else -1
    first = int(rng.integers(max(1, length - TARGETS)))
    window = min(WINDOW, length - 1 - first) if length > TARGETS else WINDOW
    steps = np.sort(rng.choice(np.arange(1, window + 1), TARGETS, replace=False)).tolist()
    forward = [reflected(first + step, length) for step in (0, *steps)]
    indices = forward if side > 0 else [length - 1 - index for index in forward]
    return indices, [side * step for step in (0, *steps)]


def prompts(mask: LabelMask, rng: np.random.Generator) -> Tensor:
    """A-Net's three maps for one frame, uint8 (3, S, S) as of `levels`.

    The mask (S, S) is 1 on the object, 255 where unknown. In round 1 the previous mask is 0.5 everywhere, the positive
    map shows one point per 100 to 3000 object pixels and the negative map is empty. Later the previous mask is the
    truth, deformed, and strokes lie on the differences, but for those that nobody can know.
    """
    truth, known = mask == 1, mask != VOID
    if rng.random() < FIRST_ROUND:
        previous = np.full(truth.shape, 0.5, np.float32)
        positive = points_map(sample_points(truth, rng), truth.shape)
        negative = np.zeros_like(positive)
    else:
        wrong = deformed(truth, rng)
        previous = wrong.astype(np.float32)
        positive, negative = imitate_correction(wrong & known, truth, rng)
    return levels(np.stack((previous, positive, negative)))


def deformed(truth: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """The truth under a random affine map about its centre, a previous round's mask; same shape (H, W).

    The paper prints no ranges: up to 10 % of the object's extent along, 10 % in scale, 15 degrees, 10 % of shear.
    """
    if not truth.any():
        return truth
    ys, xs = np.nonzero(truth)
    centre = xs.mean(), ys.mean()
    extent = max(np.ptp(xs), np.ptp(ys)) + 1
    shift = rng.uniform(-0.1, 0.1, 2) * extent
    scale, angle, shear = 1 + rng.uniform(-0.1, 0.1), np.radians(rng.uniform(-15, 15)), rng.uniform(-0.1, 0.1)
    to_source = shifted(*centre) @ similarity(scale, angle, shear) @ shifted(-centre[0], -centre[1]) @ shifted(*shift)
    flip = to_source[[1, 0, 2]][:, [1, 0, 2]]  # (x, y) -> (row, column)
    moved = ndimage.affine_transform(truth.astype(np.float32), flip[:2, :2], flip[:2, 2], order=1, mode="constant")
    return np.asarray(moved > 0.5)
