"""A tiny deterministic pair of networks with the contract of the real one, and clips of random pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ivos.model.config import PRESETS, ModelConfig
from ivos.model.networks import AnnotationResult, FeaturePyramid
from ivos.types import Scribble


@dataclass
class FakeNetworks:
    """Brightness is the only feature; every object is treated for itself."""

    config: ModelConfig
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    encoded: int = 0
    annotate_inputs: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)

    def encode_image(self, image: Tensor) -> FeaturePyramid:
        assert image.shape[0] == 1
        assert image.shape[1] == 3
        assert all(side % self.config.pad_multiple == 0 for side in image.shape[-2:])
        self.encoded += 1
        grey = image.mean(dim=1, keepdim=True)
        return FeaturePyramid(F.avg_pool2d(grey, 4), F.avg_pool2d(grey, 8), F.avg_pool2d(grey, 16))

    def annotate(
        self, image: Tensor, features: FeaturePyramid, previous_mask: Tensor, positive_map: Tensor, negative_map: Tensor
    ) -> AnnotationResult:
        self.annotate_inputs.append((previous_mask, positive_map, negative_map))
        evidence = 3 * (previous_mask - 0.5) + 40 * (positive_map - negative_map)
        logits = F.avg_pool2d(evidence, 4) + features.s4 - 0.5
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
        seen = [(1 - (features.s16 - target.s16).abs()) * object_features for features, object_features in annotated]
        from_memory = F.interpolate(sum(seen, torch.zeros(())) / len(seen), scale_factor=4)
        likeness = 1 - (previous.s4 - target.s4).abs()
        return from_memory + 4 * (previous_probability - 0.4) * likeness + target.s4 - 0.5


@dataclass
class ArrayFrames:
    """A clip in memory that counts how often a frame is read."""

    array: np.ndarray
    fps: float = 24.0
    reads: int = 0

    @property
    def size(self) -> tuple[int, int]:
        return self.array.shape[1], self.array.shape[2]

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, t: int, /) -> np.ndarray:
        self.reads += 1
        return self.array[t]


@pytest.fixture(scope="session")
def make_networks() -> Callable[..., FakeNetworks]:
    """Fake networks with some fields of the config changed."""
    return lambda **changes: FakeNetworks(replace(PRESETS["lite"], **{"name": "fake", **changes}))


@pytest.fixture(scope="session")
def make_clip() -> Callable[..., ArrayFrames]:
    """A drifting pattern of grey blocks."""

    def clip(num_frames: int = 6, size: tuple[int, int] = (37, 50), seed: int = 0) -> ArrayFrames:
        blocks = (size[0] // 8 + 1, (size[1] + 3 * num_frames) // 8 + 1, 3)
        pattern = np.kron(np.random.default_rng(seed).integers(0, 256, blocks, np.uint8), np.ones((8, 8, 1), np.uint8))
        return ArrayFrames(np.stack([pattern[: size[0], 3 * t : 3 * t + size[1]] for t in range(num_frames)]))

    return clip


@pytest.fixture(scope="session")
def stroke() -> Callable[..., Scribble]:
    """A short horizontal stroke around (x, y)."""

    def make(object_id: int = 1, x: float = 0.4, y: float = 0.5) -> Scribble:
        return Scribble(object_id, [(max(0.0, x - 0.1), y), (min(1.0, x + 0.1), y)])

    return make
