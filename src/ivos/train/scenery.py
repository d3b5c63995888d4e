"""Frames in motion: a crop of a clip, or of a photograph set in motion, with cut-outs passing over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ivos.errors import InputError
from ivos.train.augment import Bend, ColourJitter, Dye, Matrix, drift, grid, shifted, shrunk, similarity, view, warp
from ivos.train.sources import Library, PictureCache, Take, object_ids
from ivos.types import BACKGROUND, VOID, LabelMask, Pixels

SMALLEST_AREA = 80  # object pixels that the first frame of a scene must show
TRIES = 1000  # takes looked at before the library is said to show no usable object

DYED = 0.3  # share of scenes in which a part of the object has another colour, if it is to be a patchwork
TOGETHER = 0.3  # share of objects that then come with those that they touch, as riders with what they ride
TOUCHING = 3  # pixels between objects that count as touching
THIN = 0.3  # share of photographs with cords and rings
CROWDED = 0.25  # share of scenes with bystanders: others of the object's kind, behind it
SHARES = (0.45, 0.5, 0.05)  # of what passes over a scene: cut-outs, objects of other takes, the scene's own once more

Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scene:
    """Some frames of one object: images (T, 3, S, S) uint8, masks (T, S, S) uint8 of 0 and 1, 255 where unknown."""

    images: Tensor
    masks: Tensor


class Scenery:
    """Makes scenes out of a library; every draw is determined by the random generator it is given."""

    def __init__(self, library: Library, crop: int, cache: PictureCache, *, patchwork: bool = False) -> None:
        """Remember where to draw from.

        Args:
            library: Takes and cut-outs.
            crop: The side of a scene in pixels, a multiple of 16.
            cache: Of the library's pictures.
            patchwork: Whether some objects get parts that look unlike: of another colour, or things that they touch.
        """
        if crop % 16 or crop <= 0:
            raise InputError(f"The crop is {crop} pixels; expected a positive multiple of 16.")
        self._library, self._crop, self._cache, self._patchwork = library, crop, cache, patchwork
        shares = np.array([share for share, _ in library.groups])
        self._shares = shares / shares.sum()

    def pick(self, rng: np.random.Generator) -> Take:
        """A random take: a group by its share, then any of the group."""
        group = self._library.groups[rng.choice(len(self._shares), p=self._shares)][1]
        return group[int(rng.integers(len(group)))]

    def film(
        self, take: Take, indices: Sequence[int], times: Times, rng: np.random.Generator, *, plain: bool = False
    ) -> Scene | None:
        """A scene of one object of a take, or None if it shows none that is neither tiny nor nearly everything.

        Args:
            take: Where the frames come from.
            indices: Frames of the take, by place in the scene.
            times: When each is seen, in frames: a photograph moves by it, a clip's view drifts by it.
            rng: Source of randomness.
            plain: Whether the scene gets neither cords and rings nor bystanders.
        """
        first_mask = self._cache.frame(take, indices[0])[1]
        chosen = self._choose(first_mask, take, rng)
        if chosen is None:
            return None
        crop, still = self._crop, len(take) == 1
        base = view(np.isin(first_mask, chosen), crop, rng)
        pace = np.clip(times / (1.5 if still else 12), -3, 3)
        moves = drift(pace, crop, rng.uniform(0.3, 2.0), rng)
        bend = Bend.random(crop, rng.uniform(0, 1.2), rng) if still else None
        pictures = [self._cache.frame(take, index) for index in indices]
        if self._patchwork and rng.random() < DYED:
            dye = Dye.random(*pictures[0], chosen, rng)
            pictures = [(dye(*picture), picture[1]) for picture in pictures]
        if still and not plain and rng.random() < THIN:
            scale = float(np.sqrt(abs(np.linalg.det(base[:2, :2]))))
            pictures = [with_thin_parts(*pictures[0], chosen, scale, rng)] * len(pictures)
        frames = [
            self._frame(picture, chosen, base @ move, (bend, float(t)))
            for picture, move, t in zip(pictures, moves, pace, strict=True)
        ]
        images, masks = (torch.stack(column) for column in zip(*frames, strict=True))
        if not plain and rng.random() < CROWDED:
            images = self._bystanders(images, masks, pace, take, rng)
        if self._library.cut_outs and rng.random() < (0.5 if still else 0.25):
            images, masks = self._composite(images, masks, np.clip(times / 1.5, -4, 4), rng)
        if (masks[0] == 1).sum() < SMALLEST_AREA:
            return None
        jitter = ColourJitter.random(crop, rng)
        return Scene(torch.stack([jitter(image, float(rng.normal(0, 0.02))) for image in images]), masks)

    def _choose(self, mask: LabelMask, take: Take, rng: np.random.Generator) -> list[int] | None:
        return choose_object(mask, take.merge_objects, rng, together=TOGETHER if self._patchwork else 0.0)

    def _frame(
        self,
        masked: tuple[Pixels, LabelMask],
        chosen: Sequence[int],
        matrix: Matrix,
        bending: tuple[Bend | None, float],
    ) -> tuple[Tensor, Tensor]:
        pixels, ids = masked
        picture, small = shrunk(pixels, matrix)
        image = warp(picture, grid(small, self._crop, (picture.shape[0], picture.shape[1]), *bending))
        planes = np.stack((np.isin(ids, chosen), ids == VOID), axis=-1).astype(np.uint8)
        where = grid(matrix, self._crop, (ids.shape[0], ids.shape[1]), *bending)
        inside, void = warp(planes, where, outside="zeros")
        mask = (inside > 0.5).to(torch.uint8)
        mask[void > 0.5] = VOID
        return image, mask

    def _stranger(self, take: Take, rng: np.random.Generator) -> NDArray[np.uint8] | None:
        """An object of a take, cut out."""
        pixels, ids = self._cache.frame(take, int(rng.integers(len(take))))
        chosen = self._choose(ids, take, rng)
        return None if chosen is None else cut_out(pixels, np.isin(ids, chosen) & (ids != VOID))

    def _composite(self, images: Tensor, masks: Tensor, pace: Times, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """A cut-out moving over the scene: an occluder or distractor, or itself the object.

        The scene's own object, cut out once more, is a distractor that nothing but its place tells from the object.
        """
        crop, paths, kind = self._crop, self._library.cut_outs, rng.choice(len(SHARES), p=SHARES)
        picture: NDArray[np.uint8] | None = None
        if kind == 0:
            picture = self._cache.cut_out(paths[int(rng.integers(len(paths)))])
        elif kind == 1:
            picture = self._stranger(self.pick(rng), rng)
        if picture is None:
            picture = cut_out(images[0].permute(1, 2, 0).clamp(0, 255).to(torch.uint8).numpy(), masks[0].numpy() == 1)
        if picture is None:
            return images, masks
        h, w = picture.shape[:2]
        is_object = kind != 2 and rng.random() < 0.5
        side = max(h, w) / (crop * rng.uniform(0.25, 0.9 if is_object else 0.5))
        place = shifted(w / 2, h / 2) @ similarity(side, rng.normal(0, 0.25)) @ np.diag([rng.choice([-1.0, 1.0]), 1, 1])
        place = place @ shifted(*(-crop * rng.uniform(0.2, 0.8, 2)))
        colours, alphas = self._moving(picture, place, pace, rng)
        covered = alphas[:, 0] > 0.5
        truths = covered.to(torch.uint8) if is_object else torch.where(covered, 0, masks)
        return images * (1 - alphas) + colours * alphas, truths

    def _bystanders(self, images: Tensor, masks: Tensor, pace: Times, take: Take, rng: np.random.Generator) -> Tensor:
        """The images with one to three objects of the take's own group around the object, about as large, behind it."""
        ys, xs = np.nonzero(masks[0].numpy() == 1)
        kin = next(group for _, group in self._library.groups if any(each is take for each in group))
        for _ in range(int(rng.integers(1, 4)) if len(ys) else 0):
            picture = self._stranger(kin[int(rng.integers(len(kin)))], rng)
            if picture is None:
                continue
            (h, w), height, width = picture.shape[:2], np.ptp(ys) + 1, np.ptp(xs) + 1
            scale = max(h, w) / (max(height, width) * np.exp(rng.normal(0, 0.35)))
            beside = np.array([xs.mean(), ys.mean()]) + rng.uniform(-1, 1, 2) * (width, 0.5 * height)
            place = shifted(w / 2, h / 2) @ similarity(scale, rng.normal(0, 0.1)) @ shifted(*-beside)
            colours, alphas = self._moving(picture, place, pace, rng)
            alphas = alphas * (masks != 1)[:, None]
            images = images * (1 - alphas) + colours * alphas
        return images

    def _moving(
        self, picture: NDArray[np.uint8], place: Matrix, pace: Times, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """A cut-out in motion: its colours (T, 3, S, S) in [0, 255] and its opacity (T, 1, S, S) in [0, 1]."""
        crop, layers = self._crop, []
        bend = Bend.random(crop, rng.uniform(0, 1.0), rng)
        for move, t in zip(drift(pace, crop, rng.uniform(0.3, 2.0), rng), pace, strict=True):
            small, matrix = shrunk(picture, place @ move)
            where = grid(matrix, crop, (small.shape[0], small.shape[1]), bend, float(t))
            layers.append(warp(small, where, outside="zeros"))
        moving = torch.stack(layers)
        return moving[:, :3], moving[:, 3:] / 255


def cut_out(pixels: Pixels, inside: NDArray[np.bool_]) -> NDArray[np.uint8] | None:
    """What a mask (H, W) shows of a picture (H, W, 3), as RGBA (h, w, 4) with a soft edge; None if that is nothing."""
    ys, xs = np.nonzero(inside)
    if len(ys) < SMALLEST_AREA:
        return None
    box = np.s_[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    alpha = ndimage.uniform_filter(255 * inside.astype(np.uint8), 3)
    return np.concatenate((pixels, alpha[..., None]), axis=-1)[box]


def with_thin_parts(
    pixels: Pixels, ids: LabelMask, chosen: Sequence[int], scale: float, rng: np.random.Generator
) -> tuple[Pixels, LabelMask]:
    """A picture with cords or rings a few pixels wide: two times in three they hang on the object and belong to it,
    else they cross the scene and change no mask.

    Args:
        pixels: Shape (H, W, 3).
        ids: Shape (H, W).
        chosen: The ids that make up the object.
        scale: Pixels of the picture in one pixel of the scene.
        rng: Source of randomness.
    """
    inside = np.isin(ids, chosen)
    ys, xs = np.nonzero(inside)
    if len(ys) == 0:
        return pixels, ids
    attached, (h, w) = rng.random() < 2 / 3, inside.shape
    starts = np.stack((xs, ys), axis=1)[rng.integers(0, len(ys), 4)].astype(np.float64)
    if not attached:
        starts = rng.uniform(0, 1, (4, 2)) * (w, h)
    extent, angle = float(np.sqrt(np.ptp(ys) * np.ptp(xs)) + 10), rng.uniform(0, 2 * np.pi)
    painted, marked, ring = pixels.astype(np.float64), ids.copy(), rng.random() < 0.3
    colour, opacity = np.asarray(rng.choice([0, 60, 200, 255]) + rng.normal(0, 25, 3)), rng.uniform(0.4, 1)
    if rng.random() < 0.3:
        colour = pixels[int(starts[0, 1]) % h, int(starts[0, 0]) % w].astype(np.float64)
    for start in starts[: int(rng.integers(1, 5))]:
        width = max(scale * rng.uniform(1.5, 5) if ring else scale * rng.uniform(1, 3.5), 1.0)
        towards = angle + rng.normal(0, 0.25)
        if ring:
            distance = distance_to_ring((h, w), start, extent * rng.uniform(0.1, 0.35), towards)
        else:
            distance = distance_to_cord((h, w), start, extent * np.exp(rng.uniform(-1, 1.2)), towards, rng)
        share = opacity * np.clip(width / 2 + 0.5 - distance, 0, 1)[..., None]
        painted = painted * (1 - share) + colour * share
        if attached:
            marked[distance <= width / 2] = ids[inside][0]
    return painted.clip(0, 255).astype(np.uint8), marked


def distance_to_cord(
    size: tuple[int, int], start: NDArray[np.float64], length: float, angle: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """How far each pixel of `size` (H, W) is from a slightly sagging cord."""
    ys, xs = np.ogrid[: size[0], : size[1]]
    x, y = xs - start[0], ys - start[1]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    part = np.clip(along / length, 0, 1)
    sag = length * rng.normal(0, 0.06)
    return np.asarray(np.hypot(along - part * length, across - 4 * sag * part * (1 - part)))


def distance_to_ring(
    size: tuple[int, int], touched: NDArray[np.float64], radius: float, angle: float
) -> NDArray[np.float64]:
    """How far each pixel of `size` (H, W) is from a circle through the point `touched`."""
    ys, xs = np.ogrid[: size[0], : size[1]]
    centre = touched + radius * np.array([np.cos(angle), np.sin(angle)])
    return np.asarray(abs(np.hypot(xs - centre[0], ys - centre[1]) - radius))


def choose_object(
    mask: LabelMask, merge: float, rng: np.random.Generator, *, together: float = 0.0
) -> list[int] | None:
    """The ids that make up the object of a sample: with probability `merge` all, else one; None if there is none.

    With probability `together` that one comes with those that it touches. Of masks that leave no background each id
    stays alone.
    """
    found = object_ids(mask)
    if not found:
        return None
    if rng.random() < merge:
        return list(range(1, VOID))
    one = int(rng.choice(found))
    if together > 0 and rng.random() < together and (mask == BACKGROUND).any():
        around = ndimage.binary_dilation(mask == one, iterations=TOUCHING)
        return sorted({*np.unique(mask[around]).tolist()} - {BACKGROUND, VOID})
    return [one]


def reflected(index: int, length: int) -> int:
    """The index folded back at both ends of a clip: 0 <= result < length."""
    if length == 1:
        return 0
    index %= 2 * (length - 1)
    return min(index, 2 * (length - 1) - index)


def no_object_error() -> InputError:
    """The sentence for a library in which no scene could be found."""
    return InputError(
        f"None of {TRIES} frames drawn from the training data showed an object of 0.3 % to 80 % of the picture;"
        " check that the masks hold object ids."
    )
