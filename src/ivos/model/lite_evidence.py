"""What the decoder of the `lite` T-Net goes by: the two transfers, or what an ablation of the paper has instead.

Table 3 leaves the local transfer out or takes its keys from the rear of the encoder; Table 4 puts nearest-distance maps
in place of both transfers. Which of them a network has are values of its config: `ModelConfig.matching` and
`LocalTransfer.features`. Whatever it is, the decoder gets maps of an object at stride 16 and, from the previous frame,
one at stride 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ivos.core.matching import nearest_distance, window_nearest_distance
from ivos.model.config import LocalTransfer, ModelConfig
from ivos.model.lite_blocks import resize

OWN = 0.5  # a cell counts as the object's from this share or probability on


def brought_channels(config: ModelConfig) -> tuple[int, int, int]:
    """Channels that `brought` gives at strides 16, 8 and 4."""
    carried = config.widths.carried if config.matching == "transfer" else 1
    return (carried, 1, 1) if config.local.features == "none" else (carried + 1, 2, 3)


def brought(carried: Tensor, arrived: Tensor | None, probability: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What the decoder is given of each object at strides 16, 8 and 4.

    Args:
        carried: From the annotated frames, shape (K, C, h16, w16); its first channel also goes to the finer strides.
        arrived: From the previous frame, shape (K, 1, h4, w4); None: nothing of that frame is used.
        probability: Of the previous frame, shape (K, 1, h4, w4), given as it is beside what arrived.
    """
    seen, like8 = carried[:, :1], F.avg_pool2d(probability, 2)
    if arrived is None:
        return carried, resize(seen, like8), resize(seen, probability)
    arrived8, arrived16 = F.avg_pool2d(arrived, 2), F.avg_pool2d(arrived, 4)
    return (
        torch.cat((carried, arrived16), dim=1),
        torch.cat((resize(seen, arrived8), arrived8), dim=1),
        torch.cat((resize(seen, arrived), arrived, probability), dim=1),
    )


def matched_cells(config: ModelConfig, probability: Tensor, positive_map: Tensor) -> Tensor:
    """Which cells of an annotated frame are matched with, as shares in [0, 1]: shape (K, 1, h16, w16).

    Args:
        config: With the matching "nearest-to-prediction" or "nearest-to-scribbles".
        probability: A-Net's, shape (K, 1, h4, w4).
        positive_map: The object's strokes, shape (K, 1, H, W).
    """
    if config.matching == "nearest-to-scribbles":
        return F.max_pool2d(positive_map, 16)
    return F.avg_pool2d(probability, 4)


def matches(
    annotated: Sequence[tuple[Tensor, Tensor]],
    target: tuple[Tensor, Tensor],
    previous: tuple[Tensor, Tensor],
    local: LocalTransfer,
) -> tuple[Tensor, Tensor | None]:
    """The distance maps of Table 4, in float32: (K, 1, h16, w16) and (K, 1, h4, w4), None without a local one.

    Args:
        annotated: Of each of the N annotated frames the embedding (B, C, h16, w16) and `matched_cells`.
        target: Embeddings of the target frame at strides 16 and 4.
        previous: Embedding of the previous frame at stride 4 and its probability (K, 1, h4, w4).
        local: The window, and whether there is a local map.
    """
    with torch.autocast(target[0].device.type, enabled=False):  # differences of near squares want every bit
        keys = torch.stack([embedding.float() for embedding, _ in annotated], dim=1)
        belongs = torch.stack([cells > OWN for _, cells in annotated], dim=1)
        everywhere = nearest_distance(keys, target[0].float(), belongs)
        if local.features == "none":
            return everywhere, None
        before, probability = previous
        near = window_nearest_distance(target[1].float(), before.float(), probability > OWN, local.radius, local.stride)
    return everywhere, near
