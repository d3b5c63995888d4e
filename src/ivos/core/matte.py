"""The alpha channel of exports: soft along the outline, where the probability says so; 0 and 255 elsewhere."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ivos.errors import InputError
from ivos.types import VOID, LabelMask

BAND = 3.0
"""Pixels on both sides of the outline in which alpha may lie between 0 and 255."""
_SURE = 1e-6


def margin(probability: NDArray[np.float32], chosen: NDArray[np.bool_], threshold: float) -> NDArray[np.float32]:
    """How much more the chosen objects speak for a pixel than everything else, in logits, shape (H, W).

    But for rounding and for objects that are equally probable, it is at least 0 exactly where `ivos.core.fusion.fuse`
    gives the pixel to a chosen object.

    Args:
        probability: One map an object, shape (K, H, W), values in [0, 1], K >= 1.
        chosen: Which of the K objects are exported, at least one.
        threshold: The probability that an object needs to win a pixel.

    Raises:
        InputError: Probabilities and choice do not belong together, or nothing is chosen.
    """
    if len(probability) != len(chosen) or not chosen.any():
        raise InputError(f"{len(probability)} probabilities and the choice {chosen} give no alpha; expected one each.")
    limited = np.clip(probability, _SURE, 1 - _SURE)
    logits = np.log(limited) - np.log1p(-limited)
    against = np.full(logits.shape[1:], np.log(threshold) - np.log1p(-threshold), np.float32)
    if not chosen.all():
        against = np.maximum(against, logits[~chosen].max(axis=0))
    difference: NDArray[np.float32] = logits[chosen].max(axis=0) - against
    return difference


def soft_alpha(inside: NDArray[np.bool_], margins: NDArray[np.float32], certain: LabelMask | None) -> NDArray[np.uint8]:
    """The alpha of a frame, shape (H, W): above 127 exactly inside the mask.

    On the outline it is the probability that the pixel belongs to the objects rather than to the rest; within `BAND`
    pixels of it this gives way to 255 inside and 0 outside, so that doubt in an object's middle makes no holes.

    Args:
        inside: The mask, shape (H, W).
        margins: From `margin`, shape (H, W).
        certain: What a hand painted or a stroke holds, 255 where nothing does: its pixels are 0 or 255; None: nothing.
    """
    hard = np.where(inside, np.float32(1), np.float32(0))
    if inside.all() or not inside.any():
        return (255 * hard).astype(np.uint8)
    near = _surroundings(inside, ceil(BAND) + 1)  # beyond them alpha is 0
    mine = inside[near]
    distance = np.where(mine, distance_transform_edt(mine), distance_transform_edt(~mine)) - 0.5
    share = np.clip(1 - distance / BAND, 0, 1).astype(np.float32)
    soft = 1 / (1 + np.exp(-np.clip(margins[near], -30, 30)))
    alpha = np.rint(255 * (hard[near] + share * (soft - hard[near])))
    limited = 255 * hard
    limited[near] = np.where(mine, np.maximum(alpha, 128), np.minimum(alpha, 127))
    if certain is not None:
        limited = np.where(certain != VOID, 255 * hard, limited)
    whole: NDArray[np.uint8] = limited.astype(np.uint8)
    return whole


def _surroundings(inside: NDArray[np.bool_], reach: int) -> tuple[slice, slice]:
    """The box around a mask (H, W) that is not empty, and `reach` pixels more on each side, within the frame."""
    ys, xs = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return (
        slice(max(0, ys[0] - reach), ys[-1] + 1 + reach),
        slice(max(0, xs[0] - reach), xs[-1] + 1 + reach),
    )
