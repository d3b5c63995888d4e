"""Nearest-distance maps, which the paper's Table 4 sets in place of the two transfers.

A target pixel is told how far the most similar pixel of the object is: in the annotated frames (global matching) or in
a window of the previous frame (local matching). Source: Voigtlaender et al., *FEELVOS: Fast End-to-End Embedding
Learning for Video Object Segmentation*, CVPR 2019, eq. 1-6; the window is sampled as that of the local transfer.

Where the transfers carry what is known there, features and probabilities, a match only says how alike the pixels are.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ivos.core.transfer import local_affinity

ROWS = 405  # targets that `nearest_distance` works on at once, to bound memory


def matching_distance(squared: Tensor) -> Tensor:
    """Squared Euclidean distances of embeddings brought into [0, 1]: 1 - 2 / (1 + e^x) (FEELVOS, eq. 1).

    Args:
        squared: Any shape, >= 0; inf gives 1.
    """
    return torch.tanh(squared / 2)


def nearest_distance(annotated: Tensor, target: Tensor, belongs: Tensor) -> Tensor:
    """How far each target cell is from the most similar annotated cell of the object (FEELVOS, eq. 3: global).

    Args:
        annotated: Embeddings of the N annotated frames, shape (B, N, C, h, w).
        target: Embeddings of the target frame, shape (B, C, h, w).
        belongs: Which annotated cells are the object's, bool, shape (K, N, 1, h, w); K = B, or any K if B = 1.

    Returns:
        Distances in [0, 1], shape (K, 1, h, w); 1 everywhere for an object without a cell.
    """
    h, w = target.shape[-2:]
    source = annotated.transpose(1, 2).flatten(2)  # (B, C, N*h*w)
    query = target.flatten(2).transpose(1, 2)  # (B, h*w, C)
    own = belongs.flatten(1)[:, None]  # (K, 1, N*h*w)
    lengths = source.square().sum(dim=1, keepdim=True)  # (B, 1, N*h*w)
    nearest = []
    for rows in torch.split(query, ROWS, dim=1):
        squared = (rows.square().sum(dim=2, keepdim=True) + lengths - 2 * rows @ source).clamp(min=0)
        nearest.append(torch.where(own, squared, torch.inf).amin(dim=2))  # (K, rows)
    return matching_distance(torch.cat(nearest, dim=1)).reshape(-1, 1, h, w)


def window_nearest_distance(target: Tensor, previous: Tensor, belongs: Tensor, radius: int, stride: int) -> Tensor:
    """How far each target cell is from the most similar cell of the object in its window (FEELVOS, eq. 5 and 6: local).

    Args:
        target: Embeddings of the target frame, shape (B, C, h, w).
        previous: Embeddings of the previous frame, shape (B, C, h, w).
        belongs: Which previous cells are the object's, bool, shape (K, 1, h, w); K = B, or any K if B = 1.
        radius: Reach of the window in cells.
        stride: Distance between the cells that are compared.

    Returns:
        Distances in [0, 1], shape (K, 1, h, w); 1 where no cell of the object lies in the window.
    """
    products = local_affinity(target, previous, radius, stride)  # (B, D*D, h, w), -inf outside the image
    lengths = _windows(previous.square().sum(dim=1, keepdim=True), radius, stride)
    own = _windows(belongs.to(target.dtype), radius, stride) > 0.5
    squared = (target.square().sum(dim=1, keepdim=True) + lengths - 2 * products).clamp(min=0)
    return matching_distance(torch.where(own, squared, torch.inf).amin(dim=1, keepdim=True))


def _windows(values: Tensor, radius: int, stride: int) -> Tensor:
    """The window of every cell, zero outside the image: (K, 1, h, w) -> (K, D*D, h, w), in the order of `offsets`."""
    reach = radius // stride
    cut = F.unfold(values, 2 * reach + 1, dilation=stride, padding=reach * stride)  # (K, D*D, h*w)
    return cut.reshape(*cut.shape[:2], *values.shape[-2:])
