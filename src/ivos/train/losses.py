"""Losses on logits: the paper's class-balanced cross-entropy and, for the `lite` recipe, a soft overlap."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def balanced_cross_entropy(logits: Tensor, truth: Tensor, *, balance: float = 1.0) -> Tensor:
    """Class-balanced cross-entropy (section 3.5): both classes of a sample weigh the same.

    Args:
        logits: Shape (B, 1, H, W).
        truth: Shape (B, H, W) uint8: 1 object, 0 background, 255 ignored.
        balance: 1 weighs by the inverse share of the class (the paper), 0 weighs every pixel the same.

    Returns:
        The mean over samples, a scalar.
    """
    known = (truth != 255).float()
    target = (truth == 1).float()
    share = ((target * known).mean((1, 2), keepdim=True) / known.mean((1, 2), keepdim=True).clamp(min=1e-6)).clamp(0.02, 0.98)
    weight = known * torch.where(target > 0, 0.5 / share, 0.5 / (1 - share)) ** balance
    losses = F.binary_cross_entropy_with_logits(logits[:, 0].float(), target, weight, reduction="none")
    return (losses.sum((1, 2)) / weight.sum((1, 2)).clamp(min=1.0)).mean()


def soft_overlap(logits: Tensor, truth: Tensor) -> Tensor:
    """One minus the soft Jaccard index, mean over samples; same arguments as `balanced_cross_entropy`."""
    known = (truth != 255).float()
    target, probability = (truth == 1).float() * known, logits[:, 0].float().sigmoid() * known
    both = (target * probability).sum((1, 2))
    either = (target + probability).sum((1, 2)) - both
    return (1 - (both + 1) / (either + 1)).mean()


def mask_loss(logits: Tensor, truth: Tensor, *, balance: float, overlap: float) -> Tensor:
    """Cross-entropy plus `overlap` times the soft overlap, on logits brought to the truth's size."""
    full = F.interpolate(logits.float(), truth.shape[-2:], mode="bilinear", align_corners=False)
    loss = balanced_cross_entropy(full, truth, balance=balance)
    return loss + overlap * soft_overlap(full, truth) if overlap else loss


def map_error(carried: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of a carried probability map (B, 1, h, w) against the truth (B, H, W): L_aux."""
    known = F.adaptive_avg_pool2d((truth != 255).float()[:, None], carried.shape[-2:])
    target = F.adaptive_avg_pool2d((truth == 1).float()[:, None], carried.shape[-2:])
    return ((carried.float() - target) ** 2 * known).mean()
