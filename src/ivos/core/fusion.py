"""From one probability an object to one label mask."""

from __future__ import annotations

import torch
from torch import Tensor

from ivos.errors import InputError
from ivos.types import MAX_OBJECTS


def fuse(probability: Tensor, threshold: float = 0.8) -> Tensor:
    """The label mask: at every pixel the most probable object that reaches the threshold, else background.

    Source: section 4.1 of the paper: probabilities below 0.8 are set to zero, then arg max. The lower id wins a tie;
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
    if probability.shape[0] == 0:
        return torch.zeros(probability.shape[1:], dtype=torch.uint8, device=probability.device)
    kept = torch.where(probability >= threshold, probability, 0)
    best, winner = kept.max(dim=0)
    return torch.where(best > 0, winner + 1, 0).to(torch.uint8)
