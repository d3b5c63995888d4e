"""A look inside T-Net: the weights by which its global transfer carries annotated pixels to a target frame."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ivos.core.transfer import carry, reading_matrix, transition_matrix
from ivos.errors import InputError
from ivos.model.atnet import ATNet
from ivos.model.lite_net import LiteATNet
from ivos.model.networks import FeaturePyramid


def global_weights(net: ATNet, annotated: Sequence[FeaturePyramid], target: FeaturePyramid) -> Tensor:
    """Where the mass of each annotated pixel goes in the target frame (eq. 1 and 2), as this network has it.

    Args:
        net: Networks with a global transfer.
        annotated: Features of the N annotated frames, of batch 1.
        target: Features of the target frame, of batch 1.

    Returns:
        Shape (N*h*w, h*w), float32: every row sums to 1 in the paper's networks; in `lite` every column does.

    Raises:
        InputError: The networks match instead of transferring (the ablation of Table 4).
    """
    if net.config.matching != "transfer":
        raise InputError(
            f"These networks have the matching {net.config.matching!r} in place of the transfers; there is no mass that"
            " goes anywhere. Give networks with the two transfers."
        )
    if not isinstance(net, LiteATNet):
        keys = torch.stack([features.s16.float() for features in annotated], dim=1)  # (1, N, C, h, w)
        return transition_matrix(keys, target.s16.float())[0]
    key, scale = net.transfer_net.key, net.transfer_net.log_scale[0].exp()
    keys = torch.stack([F.normalize(key(features.s16), dim=1) for features in annotated], dim=1)
    return reading_matrix(keys.float(), (F.normalize(key(target.s16), dim=1) * scale).float())[0]


def carried_probability(net: ATNet, weights: Tensor, probability: Tensor) -> Tensor:
    """What the global transfer makes of the annotated frames' probabilities (eq. 3 for a map instead of features).

    Args:
        net: The networks that `weights` are of.
        weights: From `global_weights`.
        probability: Of the N annotated frames at stride 4, shape (N, K, 1, h4, w4).

    Returns:
        Shape (K, 1, h16, w16): in [0, 1] for `lite`, a mass >= 0 for the paper's networks (whose T-Net carries
        features only and never sees this map).
    """
    cells = F.avg_pool2d(probability.flatten(0, 1), 4)  # (N*K, 1, h, w)
    cells = cells.reshape(*probability.shape[:2], *cells.shape[1:]).transpose(0, 1)  # (K, N, 1, h, w)
    carried = carry(weights, cells.to(weights))
    return carried if isinstance(net, LiteATNet) else carried / len(probability)
