"""Losses on logits: the paper's class-balanced cross-entropy and, for the `lite` recipe, a soft overlap."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ivos.types import VOID

AROUND = 15  # side in pixels of the surroundings that a pixel is compared with
RAREST = 0.02  # a class that is rarer than this share of a sample weighs as if it had it


def pixel_weights(truth: Tensor, edges: float) -> Tensor:
    """How much each pixel counts: 0 where the truth is unknown, 1 amid its like, up to 1 + `edges` where the known
    surroundings are of the other class, as in thin parts; rims lie between.

    Args:
        truth: Shape (B, H, W) uint8: 1 object, 0 background, 255 ignored.
        edges: At least 0; 0 weighs all known pixels the same.
    """
    known = (truth != VOID).float()
    if not edges:
        return known
    target = (truth == 1).float()
    objects, knowns = _surroundings(torch.stack((target, known), dim=1)).unbind(dim=1)
    return known * (1 + edges * (objects / knowns.clamp(min=1e-6) - target).abs())


def _surroundings(x: Tensor) -> Tensor:
    """The mean around each pixel of (B, C, H, W), within the picture; by rows and columns, which is faster."""
    for side in ((1, AROUND), (AROUND, 1)):
        x = F.avg_pool2d(x, side, stride=1, padding=(side[0] // 2, side[1] // 2), count_include_pad=False)
    return x


def balanced_cross_entropy(
    logits: Tensor, truth: Tensor, *, balance: float = 1.0, weights: Tensor | None = None
) -> Tensor:
    """Class-balanced cross-entropy (the paper's Lc): both classes of a sample weigh the same.

    Args:
        logits: Shape (B, 1, H, W).
        truth: Shape (B, H, W) uint8: 1 object, 0 background, 255 ignored.
        balance: 1 weighs by the inverse share of the class (the paper), 0 weighs every pixel the same.
        weights: See `pixel_weights`; None weighs all known pixels the same.

    Returns:
        The mean over samples, a scalar; a sample in which nothing is known counts as 0.
    """
    known = (truth != VOID).float()
    target = (truth == 1).float()
    share = (target * known).mean((1, 2), keepdim=True) / known.mean((1, 2), keepdim=True).clamp(min=1e-6)
    share = share.clamp(RAREST, 1 - RAREST)
    weight = torch.where(target > 0, 0.5 / share, 0.5 / (1 - share)) ** balance * (
        known if weights is None else weights
    )
    losses = F.binary_cross_entropy_with_logits(logits[:, 0].float(), target, weight, reduction="none")
    return (losses.sum((1, 2)) / weight.sum((1, 2)).clamp(min=1.0)).mean()


def soft_overlap(logits: Tensor, truth: Tensor, weights: Tensor | None = None) -> Tensor:
    """One minus the soft Jaccard index, mean over samples; same arguments as `balanced_cross_entropy`."""
    weight = pixel_weights(truth, 0.0) if weights is None else weights
    target, probability = (truth == 1).float(), logits[:, 0].float().sigmoid()
    both = (weight * target * probability).sum((1, 2))
    either = (weight * (target + probability)).sum((1, 2)) - both
    return (1 - (both + 1) / (either + 1)).mean()


def mask_loss(logits: Tensor, truth: Tensor, *, balance: float, overlap: float, edges: float = 0.0) -> Tensor:
    """Cross-entropy plus `overlap` times the soft overlap, both weighted by `pixel_weights`; logits (B, 1, H, W) of the
    truth's size (B, H, W).
    """
    weights = pixel_weights(truth, edges)
    loss = balanced_cross_entropy(logits, truth, balance=balance, weights=weights)
    return loss + overlap * soft_overlap(logits, truth, weights) if overlap else loss


def map_error(carried: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of a carried probability map (B, 1, S/n, S/n) against the truth (B, S, S): L_aux."""
    cell = truth.shape[-1] // carried.shape[-1]
    known = F.avg_pool2d((truth != VOID).float()[:, None], cell)
    target = F.avg_pool2d((truth == 1).float()[:, None], cell)
    return ((carried.float() - target) ** 2 * known).mean()


@torch.no_grad()
def mean_jaccard(logits: Tensor, truth: Tensor) -> float:
    """Mean region similarity of a batch at probability 0.5; logits (B, 1, H, W), truth (B, H, W)."""
    known = truth != VOID
    guess, real = (logits[:, 0] > 0) & known, (truth == 1) & known
    both, either = (guess & real).sum((1, 2)).float(), (guess | real).sum((1, 2)).float()
    return float(torch.where(either > 0, both / either.clamp(min=1), 1.0).mean())
