"""Networks without weights, good enough to be seen: colour under the strokes, carried on where pixels are alike."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ivos.model.config import PRESETS, ModelConfig
from ivos.model.networks import AnnotationResult, FeaturePyramid

REACH = 1 / 7  # of the frame's width: how far from a stroke its object can be


@dataclass
class ColourNetworks:
    """A-Net: pixels near a stroke and of its colour. T-Net: the previous mask where the picture stayed the same."""

    pace: Path | None = None
    config: ModelConfig = PRESETS["lite"]
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def encode_image(self, image: Tensor) -> FeaturePyramid:
        return FeaturePyramid(F.avg_pool2d(image, 4), F.avg_pool2d(image, 8), F.avg_pool2d(image, 16))

    def annotate(
        self, image: Tensor, features: FeaturePyramid, previous_mask: Tensor, positive_map: Tensor, negative_map: Tensor
    ) -> AnnotationResult:
        colour, strokes, wrong = features.s4, F.max_pool2d(positive_map, 4), F.max_pool2d(negative_map, 4)
        weight = strokes.flatten(2).sum(2).clamp_min(1)
        mean = (colour * strokes).flatten(2).sum(2) / weight
        alike = (-8 * (colour - mean[..., None, None]).square().sum(1, keepdim=True)).exp()
        near, away = _spread(strokes), _spread(wrong)
        evidence = 10 * alike * near - 2 - 12 * (away - 0.6 * near).clamp_min(0) + 20 * (strokes - wrong)
        logits = evidence + 4 * (F.avg_pool2d(previous_mask, 4) - 0.5)
        return AnnotationResult(logits, F.avg_pool2d(logits, 4))

    def previous_probability(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def describe(
        self, image: Tensor, features: FeaturePyramid, mask: Tensor, positive_map: Tensor, negative_map: Tensor
    ) -> Tensor:
        return F.avg_pool2d(8 * (mask - 0.5), 16)

    def transfer(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> Tensor:
        if self.pace is not None and self.pace.exists():
            time.sleep(float(self.pace.read_text()))
        change = (previous.s4 - target.s4).abs().sum(1, keepdim=True)
        grown = F.avg_pool2d(previous_probability, 3, stride=1, padding=1)
        return 9 * (grown - 0.5) - 2 * change


def _spread(strokes: Tensor) -> Tensor:
    """1 on the strokes, falling to 0 at REACH."""
    size = round(REACH * strokes.shape[-1] / 2) | 1
    for _ in range(2):
        wide = F.max_pool2d(F.max_pool2d(strokes, (size, 1), 1, (size // 2, 0)), (1, size), 1, (0, size // 2))
        strokes = wide * 0.5 + strokes * 0.5
    return F.avg_pool2d(strokes, 7, stride=1, padding=3)
