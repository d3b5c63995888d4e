"""What the engine needs of a pair of networks: encode a frame, annotate one, transfer to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ivos.errors import InputError
from ivos.model.config import ModelConfig


@dataclass(frozen=True, slots=True)
class FeaturePyramid:
    """Features of B frames by stride; they depend on nothing but the frames.

    Attributes:
        s4: Shape (B, C4, H/4, W/4).
        s8: Shape (B, C8, H/8, W/8).
        s16: Shape (B, C16, H/16, W/16).
    """

    s4: Tensor
    s8: Tensor
    s16: Tensor

    @property
    def nbytes(self) -> int:
        """Memory that the three tensors take, in bytes."""
        return sum(level.nbytes for level in (self.s4, self.s8, self.s16))

    def __getitem__(self, index: slice) -> FeaturePyramid:
        """The pyramid of some of the B frames."""
        return FeaturePyramid(self.s4[index], self.s8[index], self.s16[index])


@dataclass(frozen=True, slots=True)
class AnnotationResult:
    """A-Net's answer for K objects on one frame.

    Attributes:
        logits: Shape (K, 1, H/4, W/4).
        object_features: F_o, what T-Net carries to other frames, shape (K, C, H/16, W/16).
    """

    logits: Tensor
    object_features: Tensor


@dataclass(frozen=True, slots=True)
class TransferResult:
    """T-Net's answer with what the two transfers brought on their own.

    Attributes:
        logits: Shape (K, 1, H/4, W/4).
        local_map: The previous probability after the local transfer, shape (K, 1, H/4, W/4); None where an ablation
            has no local transfer.
        global_map: The annotated probability after the global transfer, shape (K, 1, H/16, W/16); None where the
            network does not carry it.
    """

    logits: Tensor
    local_map: Tensor | None
    global_map: Tensor | None


class Networks(Protocol):
    """A-Net and T-Net behind five calls.

    The batch of a feature pyramid is 1, shared by all K objects, or (in training) equal to the batch of objects.
    """

    config: ModelConfig

    @property
    def device(self) -> torch.device:
        """Where inputs must live."""

    def encode_image(self, image: Tensor) -> FeaturePyramid:
        """T-Net's features of images (B, 3, H, W) in [0, 1], H and W multiples of `config.pad_multiple`."""

    def annotate(
        self,
        image: Tensor,
        features: FeaturePyramid,
        previous_mask: Tensor,
        positive_map: Tensor,
        negative_map: Tensor,
    ) -> AnnotationResult:
        """A-Net: image (1, 3, H, W) in [0, 1], its features, and three maps (K, 1, H, W) in [0, 1]."""

    def previous_probability(self, logits: Tensor) -> Tensor:
        """What `transfer` takes as the previous frame's probability, (K, 1, H/4, W/4), from that frame's logits."""

    def describe(
        self, image: Tensor, features: FeaturePyramid, mask: Tensor, positive_map: Tensor, negative_map: Tensor
    ) -> Tensor:
        """Object features (K, C, H/16, W/16) of a mask (K, 1, H, W) in [0, 1] that the user has settled, say with a
        brush; the maps (K, 1, H, W) hold the strokes and what was painted.
        """

    def transfer(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> Tensor:
        """T-Net: logits (K, 1, H/4, W/4) of the target from N (features, object features) and the previous frame's
        probability (K, 1, H/4, W/4) in [0, 1]."""


def check_networks(model: object) -> None:
    """Refuse what is no pair of networks.

    Raises:
        InputError: It cannot encode images, such as the name of a model.
    """
    if not hasattr(model, "encode_image"):
        given = f"'{model}'" if isinstance(model, str | Path) else type(model).__name__
        raise InputError(f"The model is given as {given}; expected the networks that `ivos.load_model` gives.")


def weights_digest(networks: Networks) -> str:
    """The digest of the weights file that `load_model` took the networks from; empty if there is none."""
    return str(getattr(networks, "digest", ""))
