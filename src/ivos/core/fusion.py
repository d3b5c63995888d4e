"""From one probability an object to one label mask."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from ivos.errors import InputError
from ivos.types import MAX_OBJECTS

PIECE = np.ones((3, 3))  # cells of a piece are neighbours along rows, columns or diagonals


def fuse(probability: Tensor, threshold: float = 0.8) -> Tensor:
    """The label mask: at every pixel the most probable object that reaches the threshold, else background.

    Source: the paper: probabilities below 0.8 are set to zero, then arg max. The lower id wins a tie;
    NaN counts as below the threshold.

    Args:
        probability: One map an object, shape (K, H, W), values in [0, 1]; K may be 0.
        threshold: Smallest probability that counts, in [0, 1].

    Returns:
        Label mask, shape (H, W), uint8: 0 background, k + 1 where map k wins; on the device of `probability`.

    Raises:
        InputError: The shape is not (K, H, W), K is more than 254, or the threshold is outside [0, 1].
    """
    if probability.ndim != 3 or probability.shape[0] > MAX_OBJECTS:
        raise InputError(
            f"Probabilities of shape {tuple(probability.shape)} cannot be fused; "
            f"expected (K, H, W) with K <= {MAX_OBJECTS}."
        )
    if not 0 <= threshold <= 1:
        raise InputError(f"The fusion threshold is {threshold}; expected a number in [0, 1].")
    labels = torch.zeros(probability.shape[1:], dtype=torch.uint8, device=probability.device)
    best = probability.new_zeros(probability.shape[1:])
    for k, own in enumerate(probability, start=1):  # half the time of arg max over all, whose answer is int64
        wins = (own >= threshold) & (own > best)
        labels = torch.maximum(labels, wins.to(torch.uint8).mul_(k))
        best = torch.where(wins, own, best)
    return labels


def held_to_strokes(logits: Tensor, positive: Tensor, negative: Tensor, threshold: float = 0.5) -> Tensor:
    """Logits whose mask agrees with the strokes, where no strokes of both signs lie within a cell of each other.

    Only cells round a stroke's pixels that would come out wrong are changed, to a probability as far beyond the
    threshold as one logit. A cell that wrong pixels of both signs depend on stays as it is; and a cell that is changed
    for one sign may carry along pixels under a stroke of the other sign less than 8 pixels away. What is still wrong
    then is held pixel by pixel in the frame's mask (`FrameResult.held`); the logits are what T-Net carries on.

    Args:
        logits: Shape (K, 1, h, w), with cells of 4 x 4 pixels that are resized without aligned corners.
        positive: Where each object's strokes are, shape (K, 1, 4h, 4w), 0 or 1.
        negative: Where the object is not, by strokes; same shape.
        threshold: Smallest probability of an object, in (0, 1).

    Returns:
        Logits, shape (K, 1, h, w).
    """
    decision = math.log(threshold / (1 - threshold))
    found = F.interpolate(logits, positive.shape[-2:], mode="bilinear", align_corners=False) >= decision
    missing, extra = (  # a pixel is resized from the cells less than 4 pixels away: 8 pixels depend on a cell
        F.max_pool2d(wrong.float(), 8, stride=4, padding=2) > 0
        for wrong in ((positive > 0) & ~found, (negative > 0) & found)
    )
    raised = torch.where(missing & ~extra, logits.clamp(min=decision + 1), logits)
    return torch.where(extra & ~missing, logits.clamp(max=decision - 1), raised)


def without_strays(logits: Tensor, seeds: Tensor, reach: int) -> Tensor:
    """Logits whose mask has no piece that nothing leads to.

    Pieces of a mask at most `reach` cells apart, along rows, columns or diagonals, lead to each other, and seeds lead
    to pieces as near. A mask that no seed leads to stays as it is, as an object that jumped or comes back.

    Args:
        logits: Shape (K, 1, h, w); cells of at least 0 are the mask.
        seeds: Cells that are known to be the object's, shape (K, 1, h, w), bool.
        reach: In cells, an even number.

    Returns:
        Logits, shape (K, 1, h, w): -8 in pieces that are dropped.
    """
    strays = torch.zeros_like(seeds)
    for stray, *planes in zip(strays, logits >= 0, seeds, strict=True):
        mask, seed = (plane[0].cpu().numpy() for plane in planes)
        if ndimage.label(mask, PIECE)[1] < 2:
            continue
        labels, _ = ndimage.label(ndimage.maximum_filter(mask | seed, reach + 1, mode="constant"), PIECE)
        kept = np.isin(labels, np.unique(labels[seed]))
        if (kept & mask).any():
            stray[0] = torch.from_numpy(mask & ~kept)
    return logits.masked_fill(strays, -8.0)


def without_struck(logits: Tensor, previous: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Logits whose mask has no piece that a negative stroke struck out.

    A piece is connected, along rows, columns or diagonals, in the mask or the one before. It is struck out whole if a
    negative stroke goes through its middle, at least half as deep inside as any of its cells, and no positive stroke
    touches it. The largest piece stays.

    Args:
        logits: Shape (K, 1, h, w); cells of at least 0 are the mask.
        previous: The mask that the strokes correct, shape (K, 1, h, w), bool.
        positive: Cells of positive strokes, shape (K, 1, h, w), bool.
        negative: Cells of negative strokes, shape (K, 1, h, w), bool.

    Returns:
        Logits, shape (K, 1, h, w): -8 in pieces that are struck out.
    """
    struck = torch.zeros_like(previous)
    for out, *planes in zip(struck, (logits >= 0) | previous, positive, negative, strict=True):
        mask, adds, takes = (plane[0].cpu().numpy() for plane in planes)
        labels, count = ndimage.label(mask, PIECE)
        if count < 2 or not (mask & takes).any():
            continue
        pieces, depth = np.arange(1, count + 1), ndimage.distance_transform_cdt(np.pad(mask, 1))[1:-1, 1:-1]
        deepest, reached = (ndimage.maximum(each, labels, pieces) for each in (depth, depth * takes))
        gone = (reached > 0) & (2 * reached >= deepest) & (ndimage.maximum(adds, labels, pieces) == 0)
        gone[np.bincount(labels.ravel())[1:].argmax()] = False
        out[0] = torch.from_numpy(np.isin(labels, pieces[gone]))
    return logits.masked_fill(struck, -8.0)
