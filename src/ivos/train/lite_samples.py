"""Samples of the `lite` recipe: strokes of many kinds, spoiled previous masks, distant and several annotated frames."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ivos.train import strokes
from ivos.train.samples import Sample, levels
from ivos.train.scenery import TRIES, Scene, Scenery, Times, no_object_error, reflected
from ivos.types import VOID, LabelMask

LEARNED = 3  # targets that the loss sees
DRIFTS = (0, 0, 3)  # targets before them, which only bring the roll-out's own errors
GAPS = (1, 1, 1, 2, 3, 5)  # frames between neighbours of a mini-sequence
LOST, EXACT = 0.25, 0.45  # shares of previous masks that are empty, and that are the truth
TORN = 0.8  # share of annotated frames without a part of the object, where the previous mask is the truth
FIRST, MOSTLY_FIRST = 0.55, 0.75  # shares of an object's first strokes, the second where A-Net alone is trained
ASKED = 2  # other frames of a mini-sequence on which A-Net answers first strokes
ALONE = 0.25  # share of steps in which T-Net has the newest annotated frame alone
REACH = 45  # how far annotated frames may lie, in frames

Fate = Literal["lost", "exact", "spoiled"]


class LiteSampling:
    """Implements `Sampling`."""

    def __init__(self, scenery: Scenery, annotated: tuple[int, ...], *, first: float = FIRST) -> None:
        """Draw from `scenery`; `annotated` lists the numbers of annotated frames to choose from.

        `first` is the share of prompts that are an object's first strokes.
        """
        self._scenery, self._annotated, self._first = scenery, annotated, first

    def annotation_sample(self, rng: np.random.Generator) -> Sample:
        """See `Sampling`."""
        scene = self._scene(np.zeros(1), rng)
        return {
            "image": scene.images[0],
            "mask": scene.masks[0],
            "maps": prompts(scene.masks[0].numpy(), rng, self._first),
            "draw": _draw(rng),
        }

    def sequence_sample(self, rng: np.random.Generator, of_step: np.random.Generator) -> Sample:
        """The annotated frames, then the previous frame, then the targets, the last `LEARNED` of which count.

        See `Sampling`.

        Returns:
            Beside the common entries: previous (S, S), the probability of the previous frame as of `levels`, and
            starts_annotated: 1 if that is the first annotated one and takes A-Net's answer, lost: 1 if the second round
            starts without it, and alone: 1 in all samples of a step if T-Net has the newest annotated frame alone;
            asked (A,), frames on which A-Net also answers first strokes, the same in all samples of a step, and
            asked_maps (A, 3, S, S).
            The first of the masks, of an annotated frame, may lack a part where the previous mask is the truth.
        """
        annotated, targets = int(of_step.choice(self._annotated)), LEARNED + int(of_step.choice(DRIFTS))
        alone, gap = of_step.random() < ALONE, float(rng.choice(GAPS))
        asked = annotated + of_step.choice(1 + targets, ASKED, replace=False)
        side = 1 if rng.random() < 0.5 else -1
        starts_annotated = rng.random() < 0.5
        first = 0.0 if starts_annotated else -side * float(rng.integers(1, 40))
        others = rng.uniform(-REACH, REACH, annotated - 1)
        times = np.concatenate(([first], others, [0.0], side * gap * np.arange(1, targets + 1)))
        scene = self._scene(times, rng)
        truth, masks = scene.masks.numpy() == 1, scene.masks.clone()
        maps = [prompts(scene.masks[i].numpy(), rng, self._first) for i in range(annotated)]
        previous, fate = previous_mask(truth[annotated], rng)
        if fate == "exact" and not starts_annotated and rng.random() < TORN and truth[0].any():
            part = strokes.random_part(truth[0], rng)
            masks[0][torch.from_numpy(part)] = 0
            maps[0] = torn_prompts(truth[0] & ~part, part, rng)
        return {
            "images": scene.images,
            "masks": masks,
            "maps": torch.stack(maps),
            "previous": levels(previous),
            "starts_annotated": torch.tensor(int(starts_annotated)),
            "lost": torch.tensor(int(rng.random() < LOST)),
            "alone": torch.tensor(int(alone)),
            "asked": torch.from_numpy(asked),
            "asked_maps": torch.stack([first_prompts(scene.masks[i].numpy(), rng) for i in asked]),
            "draw": _draw(rng),
        }

    def _scene(self, times: Times, rng: np.random.Generator) -> Scene:
        """Frames of a random take at `times`, in frames relative to a random one of its frames."""
        for _ in range(TRIES):
            take = self._scenery.pick(rng)
            start = int(rng.integers(len(take)))
            indices = [reflected(start + round(t), len(take)) for t in times]
            scene = self._scenery.film(take, indices, times, rng)
            if scene is not None:
                return scene
        raise no_object_error()


def prompts(mask: LabelMask, rng: np.random.Generator, first: float = FIRST) -> Tensor:
    """A-Net's three maps for one frame, uint8 (3, S, S) as of `levels`.

    With probability `first` they are a first round's, else later ones. The mask (S, S) is 1 on the object and 255 where
    nothing is known, where nobody draws. Without an object there are no later rounds.
    """
    truth, known = mask == 1, mask != VOID
    if rng.random() < first or not truth.any():
        return first_prompts(mask, rng)
    previous = strokes.spoiled(truth, rng)
    positive, negative = strokes.correction_maps((previous > 0.5) & known, truth, rng)
    if rng.random() < 0.5:
        positive = positive | strokes.stroke_map(truth, rng)
    return levels(np.stack((previous, positive, negative)))


def first_prompts(mask: LabelMask, rng: np.random.Generator) -> Tensor:
    """A-Net's three maps of an object's first round, uint8 (3, S, S) as of `levels`; the mask as of `prompts`."""
    truth, known = mask == 1, mask != VOID
    positive = strokes.stroke_map(truth, rng)
    negative = strokes.background_map(truth, rng) * known if rng.random() < 0.3 else np.zeros_like(positive)
    previous = np.full(truth.shape, 0.5, np.float32)
    return levels(np.stack((previous, positive, negative)))


def torn_prompts(rest: NDArray[np.bool_], part: NDArray[np.bool_], rng: np.random.Generator) -> Tensor:
    """A-Net's three maps for a frame whose annotation lacks a part, uint8 (3, S, S) as of `levels`.

    T-Net learns from them to trust a previous mask that is right where an annotated frame is wrong.
    """
    positive, negative = strokes.stroke_map(rest, rng), np.zeros(rest.shape, np.uint8)
    if rng.random() < 0.5:
        negative = strokes.stroke_map(part, rng)
    return levels(np.stack((rest, positive, negative * (positive == 0))))


def previous_mask(truth: NDArray[np.bool_], rng: np.random.Generator) -> tuple[NDArray[np.float32], Fate]:
    """A previous frame's probability (S, S), and what it is."""
    drawn = rng.random()
    if drawn < LOST:
        return np.zeros(truth.shape, np.float32), "lost"
    if drawn < LOST + EXACT:
        return truth.astype(np.float32), "exact"
    return strokes.spoiled(truth, rng), "spoiled"


def _draw(rng: np.random.Generator) -> Tensor:
    return torch.tensor(int(rng.integers(2**62)))
