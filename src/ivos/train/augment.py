"""Views, motion and colour: affine warps with a little bending, colour jitter, objects with a part dyed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from ivos.types import LabelMask, Pixels

TUMBLED = 0.15  # share of views that are turned far, as acrobats are
CLOSE = 0.3  # share of views that show only a part of the object, as large as it is at 480p
Matrix = NDArray[np.float64]  # (3, 3), maps homogeneous output pixels (x, y, 1) to source pixels


def similarity(scale: float, angle: float, shear: float = 0.0, aspect: float = 1.0) -> Matrix:
    """A linear map about the origin as (3, 3): scale, rotation in radians, shear and aspect."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.eye(3)
    matrix[:2, :2] = scale * turn @ np.array([[aspect, shear], [0, 1 / aspect]])
    return matrix


def shifted(x: float, y: float) -> Matrix:
    """A translation as (3, 3)."""
    matrix = np.eye(3)
    matrix[:2, 2] = x, y
    return matrix


def view(mask: NDArray[np.bool_], crop: int, rng: np.random.Generator) -> Matrix:
    """A random crop round the object: zoom, turn, flip.

    Args:
        mask: The object in the source picture (H, W).
        crop: Side of the output in pixels.
        rng: Source of randomness.

    Returns:
        The map from output pixels to source pixels.
    """
    h, w = mask.shape
    ys, xs = np.nonzero(mask)
    if len(ys) == 0:
        ys, xs = np.array([0, h - 1]), np.array([0, w - 1])
    extent = max(np.ptp(ys), np.ptp(xs)) + 1
    share = rng.uniform(1.0, 2.0) if rng.random() < CLOSE else rng.uniform(0.15, 1.05)  # of the crop, or beyond it
    side = np.clip(extent / share, 0.28 * min(h, w), 1.15 * min(h, w))  # source pixels shown
    centre = np.array([xs.mean(), ys.mean()]) + rng.uniform(-0.5, 0.5, 2) * (max(side - extent, 0) + 0.3 * extent)
    keep = np.minimum(side / 2, np.array([w, h]) / 2)
    centre = np.clip(centre, keep, np.array([w, h]) - keep)
    turn = rng.normal(0, 1.0 if rng.random() < TUMBLED else 0.12)
    linear = similarity(side / crop, turn, rng.normal(0, 0.06), np.exp(rng.normal(0, 0.08)))
    flip = np.diag([-1.0 if rng.random() < 0.5 else 1.0, 1.0, 1.0])
    return shifted(*centre) @ linear @ flip @ shifted(-crop / 2, -crop / 2)


def drift(steps: NDArray[np.float64], crop: int, strength: float, rng: np.random.Generator) -> list[Matrix]:
    """Smooth motion about the crop's centre, one matrix per time in `steps` (0 = at rest), in output pixels."""
    speed, turn = rng.normal(0, 0.03 * crop * strength, 2), rng.normal(0, 0.035 * strength)
    grow, shear = rng.normal(0, 0.02 * strength), rng.normal(0, 0.015 * strength)
    jolt = rng.normal(0, 0.008 * crop * strength, (len(steps), 2))
    matrices = []
    for t, (jx, jy) in zip(steps, jolt, strict=True):
        moved = shifted(speed[0] * t + jx, speed[1] * t + jy)
        about_centre = similarity(np.exp(grow * t), turn * t, shear * t) @ shifted(-crop / 2, -crop / 2)
        matrices.append(shifted(crop / 2, crop / 2) @ moved @ about_centre)
    return matrices


@dataclass(frozen=True, slots=True)
class Bend:
    """A smooth displacement field, for objects that do not move rigidly."""

    field: Tensor  # (2, crop, crop), pixels of the output

    @classmethod
    def random(cls, crop: int, strength: float, rng: np.random.Generator) -> Bend:
        """A field whose displacements have a spread of `strength` percent of the crop."""
        coarse = torch.from_numpy(rng.normal(0, 0.01 * strength * crop, (1, 2, 5, 5)).astype(np.float32))
        return cls(F.interpolate(coarse, (crop, crop), mode="bicubic", align_corners=True)[0])


def grid(matrix: Matrix, crop: int, source: tuple[int, int], bend: Bend | None = None, amount: float = 0.0) -> Tensor:
    """Sampling positions (crop, crop, 2) in [-1, 1] of `source` (H, W) for `warp`."""
    axis = torch.arange(crop, dtype=torch.float32)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    if bend is not None:
        x, y = x + amount * bend.field[0], y + amount * bend.field[1]
    (a, b, c), (d, e, f) = matrix[:2].tolist()
    h, w = source
    return torch.stack(((a * x + b * y + c + 0.5) * 2 / w - 1, (d * x + e * y + f + 0.5) * 2 / h - 1), dim=-1)


def warp(picture: NDArray[np.uint8], where: Tensor, *, outside: str = "reflection", mode: str = "bilinear") -> Tensor:
    """A picture (H, W, C) sampled at `where`: float (C, crop, crop) in 0..255."""
    source = torch.tensor(picture).permute(2, 0, 1)[None].float()
    return F.grid_sample(source, where[None], mode=mode, padding_mode=outside, align_corners=False)[0]


def shrunk(picture: NDArray[np.uint8], matrix: Matrix) -> tuple[NDArray[np.uint8], Matrix]:
    """The picture halved until one output pixel covers less than two of its pixels, against aliasing."""
    while min(picture.shape[:2]) > 1 and np.sqrt(abs(np.linalg.det(matrix[:2, :2]))) > 1.7:
        tensor = torch.tensor(picture).permute(2, 0, 1)[None].float()
        picture = F.avg_pool2d(tensor, 2)[0].permute(1, 2, 0).to(torch.uint8).numpy()
        matrix = np.diag([0.5, 0.5, 1.0]) @ matrix
    return picture, matrix


@dataclass(frozen=True, slots=True)
class ColourJitter:
    """One change of light and colour for all frames of a sample."""

    gains: Tensor
    contrast: float
    saturation: float
    gamma: float
    noise: Tensor

    @classmethod
    def random(cls, crop: int, rng: np.random.Generator) -> ColourJitter:
        """A moderate change for frames of (crop, crop)."""
        gains = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.05, 3)).astype(np.float32)
        return cls(
            torch.from_numpy(gains)[:, None, None],
            float(np.exp(rng.normal(0, 0.15))),
            float(np.clip(rng.normal(1, 0.25), 0, 2)),
            float(np.exp(rng.normal(0, 0.12))),
            torch.from_numpy(rng.standard_normal((1, crop, crop), np.float32) * np.float32(max(rng.normal(0, 3), 0))),
        )

    def __call__(self, frame: Tensor, flicker: float = 0.0) -> Tensor:
        """Frame (3, H, W) in 0..255 -> uint8 of the same shape; `flicker` brightens this frame alone."""
        frame = 255 * (frame / 255).clamp(0, 1) ** self.gamma * self.gains * (1 + flicker)
        grey = frame.mean(dim=0, keepdim=True)
        frame = grey + (frame - grey) * self.saturation
        frame = (frame - 128) * self.contrast + 128
        return (frame + self.noise).clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True, slots=True)
class Dye:
    """One change of colour for a part of the object, in all frames alike: what belongs together may look unlike.

    Attributes:
        chosen: The ids that make up the object.
        dyed: Those of them that are dyed; empty if it is what lies on one side of a line.
        across: What that line is perpendicular to, (y, x).
        share: Share of the object on the dyed side.
        gain: Contrast of the dyed part, about `mean`.
        mean: Its colour before, RGB in [0, 255].
        shift: What is added, RGB.
    """

    chosen: Sequence[int]
    dyed: tuple[int, ...]
    across: NDArray[np.float64]
    share: float
    gain: float
    mean: NDArray[np.float64]
    shift: NDArray[np.float64]

    @classmethod
    def random(cls, pixels: Pixels, ids: LabelMask, chosen: Sequence[int], rng: np.random.Generator) -> Dye:
        """A dye for the object that `chosen` ids make up in a picture (H, W, 3) with ids (H, W).

        Of several ids it takes some, as garments have colours of their own. It is the colour of a random pixel or any.
        """
        present = np.intersect1d(ids, chosen)
        some = rng.permutation(present)[: int(rng.integers(1, max(len(present), 2)))]
        dyed = tuple(some.tolist()) if len(present) > 1 and rng.random() < 0.7 else ()
        across, share = rng.normal(size=2), rng.uniform(0.2, 0.8)
        inside = pixels[_dyed(ids, chosen, dyed, across, share)]
        mean = inside.mean(axis=0) if len(inside) else np.full(3, 127.5)
        h, w = ids.shape
        colour = pixels[rng.integers(h), rng.integers(w)] if rng.random() < 0.5 else rng.uniform(0, 255, 3)
        strength, gain = rng.uniform(0.5, 1), float(np.exp(rng.normal(-0.2, 0.25)))
        return cls(chosen, dyed, across, share, gain, mean, strength * (colour - mean))

    def __call__(self, pixels: Pixels, ids: LabelMask) -> Pixels:
        """A picture (H, W, 3) with ids (H, W) of the same take, its part of the object dyed, with a soft edge."""
        part = _dyed(ids, self.chosen, self.dyed, self.across, self.share)
        ys, xs = np.nonzero(part)
        if len(ys) == 0:
            return pixels
        box = np.s_[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        amount = ndimage.uniform_filter(part[box].astype(np.float32), 3)[..., None]
        before, after = pixels[box], pixels.copy()
        change = (self.gain - 1) * (before - self.mean) + self.shift
        after[box] = (before + amount * change).clip(0, 255).astype(np.uint8)
        return after


def _dyed(
    ids: LabelMask, chosen: Sequence[int], dyed: tuple[int, ...], across: NDArray[np.float64], share: float
) -> NDArray[np.bool_]:
    """Where the dyed part of the object is (H, W)."""
    if dyed:
        return np.isin(ids, dyed)
    inside = np.isin(ids, chosen)
    along = np.argwhere(inside) @ across
    if len(along):
        inside[inside] = along <= np.quantile(along, share)
    return inside
