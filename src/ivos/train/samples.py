"""Training samples: one frame with prompts for A-Net, a mini-sequence for T-Net."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ivos.train import strokes
from ivos.train.augment import Bend, ColourJitter, Matrix, drift, grid, shifted, shrunk, similarity, view, warp
from ivos.train.sources import Clip, PictureCache, object_ids

TARGETS = 4


@dataclass(frozen=True, slots=True)
class Pool:
    """Everything samples are drawn from.

    Attributes:
        clips: Groups of clips and stills, each with its share of the samples.
        cut_outs: RGBA files with exact mattes, composited as extra or main objects.
        crop: Side of a sample in pixels, a multiple of 16.
    """

    clips: tuple[tuple[float, tuple[Clip, ...]], ...]
    cut_outs: tuple[Path, ...]
    crop: int


@dataclass(frozen=True, slots=True)
class Scene:
    """Some frames of one object: images (T, 3, S, S) uint8, masks (T, S, S) uint8 of 0 and 1, 255 where unknown."""

    images: Tensor
    masks: Tensor


class Sampler:
    """Draws samples from a pool; every draw is determined by its random generator."""

    def __init__(self, pool: Pool, cache: PictureCache) -> None:
        """Remember where to draw from."""
        self.pool, self.cache = pool, cache

    def annotation_sample(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """A-Net: image (3, S, S), mask (S, S) and the maps previous, positive, negative (3, S, S), all uint8."""
        scene = self.scene(np.zeros(1), rng)
        truth = scene.masks[0].numpy() == 1
        return {"image": scene.images[0], "mask": scene.masks[0], "maps": prompts(truth, rng)}

    def sequence_sample(self, annotated: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """T-Net: `annotated` frames, then the previous frame, then the targets.

        Returns:
            images (N + 1 + targets, 3, S, S), masks (N + 1 + targets, S, S), maps (N, 3, S, S) of the annotated
            frames, previous (S, S) probability x 255 of the previous frame, and starts_annotated: 1 if the previous
            frame is the first annotated one and takes A-Net's answer.
        """
        gap = float(rng.choice([1, 1, 1, 2, 3]))
        side = 1 if rng.random() < 0.5 else -1
        starts_annotated = rng.random() < 0.5
        first = 0.0 if starts_annotated else -side * float(rng.integers(1, 40))
        others = rng.uniform(-45, 45, annotated - 1)
        times = np.concatenate(([first], others, [0.0], side * gap * np.arange(1, TARGETS + 1)))
        scene = self.scene(times, rng)
        truth = scene.masks.numpy() == 1
        maps = torch.stack([prompts(truth[i], rng) for i in range(annotated)])
        before = truth[annotated]
        previous = np.zeros(before.shape, np.float32) if rng.random() < 0.12 else strokes.spoiled(before, rng)
        if rng.random() < 0.35:
            previous = before.astype(np.float32)
        return {
            "images": scene.images,
            "masks": scene.masks,
            "maps": maps,
            "previous": torch.from_numpy((255 * previous).astype(np.uint8)),
            "starts_annotated": torch.tensor(int(starts_annotated)),
        }

    def scene(self, times: NDArray[np.float64], rng: np.random.Generator) -> Scene:
        """Frames of one random clip or still at `times` (in frames, relative to a random one)."""
        while True:
            shares = np.array([share for share, _ in self.pool.clips])
            group = self.pool.clips[rng.choice(len(shares), p=shares / shares.sum())][1]
            clip = group[int(rng.integers(len(group)))]
            scene = self._from_clip(clip, times, rng)
            if scene is not None:
                return scene

    def _from_clip(self, clip: Clip, times: NDArray[np.float64], rng: np.random.Generator) -> Scene | None:
        start = int(rng.integers(len(clip.frames)))
        indices = [_inside(start + round(t), len(clip.frames)) for t in times]
        chosen = self._choose(self.cache.mask(clip.masks[indices[0]]), clip.merge_objects, rng)
        if chosen is None:
            return None
        crop, still = self.pool.crop, len(clip.frames) == 1
        first = np.isin(self.cache.mask(clip.masks[indices[0]]), chosen)
        base = view(first, crop, rng)
        pace = times / 1.5 if still else times / 12
        moves = drift(np.clip(pace, -3, 3), crop, rng.uniform(0.3, 1.6) if still else 0.3, rng)
        bend = Bend.random(crop, rng.uniform(0, 1.2), rng) if still else None
        images, masks = [], []
        for index, move, t in zip(indices, moves, np.clip(pace, -3, 3), strict=True):
            image, mask = self._frame(clip, index, chosen, base @ move, (bend, float(t)))
            images.append(image)
            masks.append(mask)
        stacked, truth = torch.stack(images), torch.stack(masks)
        if self.pool.cut_outs and rng.random() < (0.45 if still else 0.2):
            stacked, truth = self._composite(stacked, truth, np.clip(times / 1.5, -4, 4), rng)
        if (truth[0] == 1).sum() < 80:
            return None
        jitter = ColourJitter.random(crop, rng)
        return Scene(torch.stack([jitter(image, float(rng.normal(0, 0.02))) for image in stacked]), truth)

    def _choose(self, mask: NDArray[np.uint8], merge: float, rng: np.random.Generator) -> list[int] | None:
        found = object_ids(mask)
        if not found:
            return None
        if rng.random() < merge:
            return list(range(1, 255))
        return [int(rng.choice(found))]

    def _frame(
        self, clip: Clip, index: int, chosen: Sequence[int], matrix: Matrix, bending: tuple[Bend | None, float]
    ) -> tuple[Tensor, Tensor]:
        crop = self.pool.crop
        picture, small = shrunk(self.cache.frame(clip.frames[index]), matrix)
        image = warp(picture, grid(small, crop, (picture.shape[0], picture.shape[1]), *bending))
        ids = self.cache.mask(clip.masks[index])
        planes = np.stack((np.isin(ids, chosen), ids == 255), axis=-1).astype(np.uint8)
        where = grid(matrix, crop, (ids.shape[0], ids.shape[1]), *bending)
        inside, void = warp(planes, where, outside="zeros")
        mask = (inside > 0.5).to(torch.uint8)
        mask[void > 0.5] = 255
        return image, mask

    def _composite(
        self, images: Tensor, masks: Tensor, pace: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """A cut-out moving over the scene: an occluder or distractor, or itself the object."""
        crop = self.pool.crop
        picture = self.cache.cut_out(self.pool.cut_outs[int(rng.integers(len(self.pool.cut_outs)))])
        h, w = picture.shape[:2]
        is_object = rng.random() < 0.5
        side = max(h, w) / (crop * rng.uniform(0.25, 0.9 if is_object else 0.5))
        place = shifted(w / 2, h / 2) @ similarity(side, rng.normal(0, 0.25)) @ np.diag([rng.choice([-1.0, 1.0]), 1, 1])
        place = place @ shifted(*(-crop * rng.uniform(0.2, 0.8, 2)))
        moves = drift(pace, crop, rng.uniform(0.3, 2.0), rng)
        bend = Bend.random(crop, rng.uniform(0, 1.0), rng)
        pasted, truths = [], []
        for image, mask, move, t in zip(images, masks, moves, pace, strict=True):
            small, matrix = shrunk(picture, place @ move)
            layer = warp(small, grid(matrix, crop, (small.shape[0], small.shape[1]), bend, float(t)), outside="zeros")
            alpha = layer[3:] / 255
            pasted.append(image * (1 - alpha) + layer[:3] * alpha)
            covered = alpha[0] > 0.5
            truths.append(covered.to(torch.uint8) if is_object else torch.where(covered, 0, mask))
        return torch.stack(pasted), torch.stack(truths)


def prompts(truth: NDArray[np.bool_], rng: np.random.Generator) -> Tensor:
    """A-Net's three maps for one frame, x 255 uint8 (3, S, S): a first round's or a later round's."""
    if rng.random() < 0.55 or not truth.any():
        previous = np.full(truth.shape, 0.5, np.float32)
        positive = strokes.stroke_map(truth, rng)
        negative = np.zeros_like(positive)
        if rng.random() < 0.3:
            negative = strokes.background_map(truth, rng)
    else:
        previous = strokes.spoiled(truth, rng)
        positive, negative = strokes.correction_maps(previous > 0.5, truth, rng)
        if rng.random() < 0.5:
            positive = positive | strokes.stroke_map(truth, rng)
    return torch.from_numpy((255 * np.stack((previous, positive, negative))).astype(np.uint8))


def _inside(index: int, length: int) -> int:
    """The index reflected at both ends of the clip."""
    if length == 1:
        return 0
    index %= 2 * (length - 1)
    return min(index, 2 * (length - 1) - index)
