"""The `lite` pair: one EfficientNet-Lite0 shared by A-Net and T-Net, prompts joined after the encoder.

A frame is encoded once for everything: A-Net's answer to a stroke and T-Net's transfer only run a decoder.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ivos.core.transfer import (
    carry,
    local_affinity,
    local_transfer,
    normalise_over_source,
    normalise_over_window,
    reading_matrix,
)
from ivos.model.config import ModelConfig
from ivos.model.efficientnet import CHANNELS, EfficientNetLite0
from ivos.model.lite_blocks import Decoder, conv_bn, resize
from ivos.model.networks import AnnotationResult, FeaturePyramid, TransferResult

PROMPT4, PROMPT8, PROMPT16 = 24, 32, 64  # channels of the embedded scribble maps and previous mask


def _objects(features: Tensor, like: Tensor) -> Tensor:
    """The frame's features once per object: batch 1 or K -> K."""
    return features.expand(like.shape[0], -1, -1, -1)


class SharedEncoder(nn.Module):
    """EfficientNet-Lite0 with a neck that makes R5 of its two levels at stride 16."""

    def __init__(self, neck: int) -> None:
        """Build with PyTorch's initialisation."""
        super().__init__()
        self.backbone = EfficientNetLite0()
        self.neck_middle = conv_bn(CHANNELS[2], neck, 1)
        self.neck_deep = conv_bn(CHANNELS[3], neck, 1)

    def forward(self, image: Tensor) -> FeaturePyramid:
        """Features of images (B, 3, H, W) in [0, 1]."""
        s4, s8, middle, deep = self.backbone(image)
        return FeaturePyramid(s4, s8, F.relu_(self.neck_middle(middle) + self.neck_deep(deep)))


class AnnotationNet(nn.Module):
    """A-Net: frame features, previous mask and scribbles -> the annotated frame's mask."""

    def __init__(self, config: ModelConfig) -> None:
        """Build prompt embedding, stroke similarity and decoder."""
        super().__init__()
        widths = config.widths
        self.prompt4 = conv_bn(3 * 16, PROMPT4, 3)
        self.prompt8 = conv_bn(PROMPT4, PROMPT8, 3, stride=2)
        self.prompt16 = conv_bn(PROMPT8, PROMPT16, 3, stride=2)
        self.key = nn.Conv2d(widths.neck, widths.key, 1)
        self.mix = conv_bn(widths.neck + PROMPT16 + 2, widths.neck, 1)
        self.decoder = Decoder(widths.neck, CHANNELS[1] + PROMPT8, CHANNELS[0] + PROMPT4, widths.refine, widths.aspp)

    def forward(self, features: FeaturePyramid, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (K, 3, H, W): previous mask, positive, negative -> logits and mid-layer features at stride 4."""
        prompt4 = F.relu_(self.prompt4(F.pixel_unshuffle(maps, 4)))
        prompt8 = F.relu_(self.prompt8(prompt4))
        prompt16 = F.relu_(self.prompt16(prompt8))
        similarity = self.similarity_to_strokes(features.s16, maps[:, 1:])
        x16 = F.relu_(self.mix(torch.cat((_objects(features.s16, maps), prompt16, similarity), dim=1)))
        skip8 = torch.cat((_objects(features.s8, maps), prompt8), dim=1)
        skip4 = torch.cat((_objects(features.s4, maps), prompt4), dim=1)
        logits, middle = self.decoder(x16, skip8, skip4)
        return logits, middle

    def similarity_to_strokes(self, s16: Tensor, strokes: Tensor) -> Tensor:
        """The cosine of each cell to its most similar stroked cell; strokes (K, 2, H, W) -> (K, 2, h, w).

        A map without a stroke gives -1 everywhere.
        """
        keys = F.normalize(self.key(s16).flatten(2), dim=1)  # (1 | K, C, h*w)
        cosine = keys.transpose(1, 2) @ keys  # (1 | K, h*w, h*w)
        stroked = F.max_pool2d(strokes, 16).flatten(2) > 0.5  # (K, 2, h*w)
        found = torch.where(stroked[:, :, :, None], cosine[:, None], -1.0).amax(dim=2)
        return found.reshape(*found.shape[:2], *s16.shape[-2:])


class TransferNet(nn.Module):
    """T-Net: masks of annotated frames and of the previous frame -> the target frame's mask."""

    def __init__(self, config: ModelConfig) -> None:
        """Build converter, keys and decoder."""
        super().__init__()
        widths, self.local = config.widths, config.local
        self.converter = nn.Sequential(
            conv_bn(widths.refine + 1, widths.refine, 3, stride=2),
            nn.ReLU(inplace=True),
            conv_bn(widths.refine, widths.neck, 3, stride=2),
            nn.ReLU(inplace=True),
        )
        self.object_features = nn.Conv2d(2 * widths.neck, widths.neck - 1, 1)
        self.key = nn.Conv2d(widths.neck, widths.key, 1)
        self.local_keys = nn.ModuleList(
            nn.Conv2d(channels, widths.local_key, 1) for channels in (CHANNELS[0], CHANNELS[1], widths.neck)
        )
        self.log_scale = nn.Parameter(torch.tensor([math.log(20.0), math.log(15.0)]))  # cosines' scales: global, local
        self.mix = conv_bn(2 * widths.neck + 1, widths.neck, 1)
        self.decoder = Decoder(widths.neck, CHANNELS[1] + 2, CHANNELS[0] + 3, widths.refine, widths.aspp)

    def describe(self, features: FeaturePyramid, middle: Tensor, probability: Tensor) -> Tensor:
        """Object features F_o (K, C, h, w); channel 0 is the probability itself, averaged over each cell."""
        converted = self.converter(torch.cat((middle, probability), dim=1))
        joined = self.object_features(torch.cat((converted, _objects(features.s16, converted)), dim=1))
        return torch.cat((F.avg_pool2d(probability, 4), F.relu_(joined)), dim=1)

    def forward(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> TransferResult:
        """The target's logits and what the two transfers brought on their own."""
        carried = self.global_transfer(target, annotated)  # (K, C, h16, w16)
        arrived = self.local_transfer(target, previous, previous_probability)  # (K, 1, h4, w4)
        seen16, arrived16 = carried[:, :1], F.avg_pool2d(arrived, 4)
        x16 = F.relu_(self.mix(torch.cat((_objects(target.s16, arrived), carried, arrived16), dim=1)))
        skip8 = torch.cat((_objects(target.s8, arrived), resize(seen16, target.s8), F.avg_pool2d(arrived, 2)), dim=1)
        here = (_objects(target.s4, arrived), resize(seen16, arrived), arrived, previous_probability)
        logits, _ = self.decoder(x16, skip8, torch.cat(here, dim=1))
        return TransferResult(logits, arrived, seen16)

    def global_transfer(self, target: FeaturePyramid, annotated: Sequence[tuple[FeaturePyramid, Tensor]]) -> Tensor:
        """A F_o (eq. 3), each target cell reading from all annotated frames together: (K, C, h16, w16)."""
        source = torch.stack([F.normalize(self.key(features.s16), dim=1) for features, _ in annotated], dim=1)
        query = F.normalize(self.key(target.s16), dim=1) * self.log_scale[0].exp()
        values = torch.stack([object_features for _, object_features in annotated], dim=1)  # (K, N, C, h, w)
        matrix = reading_matrix(source, query)
        return carry(matrix[0] if len(matrix) == 1 else matrix, values)  # one matrix for all K objects of a frame

    def local_transfer(self, target: FeaturePyramid, previous: FeaturePyramid, probability: Tensor) -> Tensor:
        """The previous probability carried through the local window (eq. 4): (K, 1, h4, w4)."""
        radius, stride = self.local.radius, self.local.stride
        query, source = (F.normalize(self.local_key(features), dim=1) for features in (target, previous))
        affinity = local_affinity(query * self.log_scale[1].exp(), source, radius, stride)
        if self.local.normalised_over == "window":
            weights = normalise_over_window(affinity)
        else:
            weights = normalise_over_source(affinity, radius, stride)
        return local_transfer(weights, probability, radius, stride)

    def local_key(self, features: FeaturePyramid) -> Tensor:
        """Keys at stride 4 that also see the coarser levels: (B, C, h4, w4)."""
        levels = (features.s4, features.s8, features.s16)
        s4, s8, s16 = (key(level) for key, level in zip(self.local_keys, levels, strict=True))
        keys: Tensor = s4 + resize(s8 + resize(s16, s8), s4)
        return keys


class LiteATNet(nn.Module):
    """The `lite` A-Net and T-Net; implements `Networks`."""

    def __init__(self, config: ModelConfig) -> None:
        """Build with PyTorch's initialisation."""
        super().__init__()
        self.config = config
        self.encoder = SharedEncoder(config.widths.neck)
        self.annotation_net = AnnotationNet(config)
        self.transfer_net = TransferNet(config)

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return self.transfer_net.log_scale.device

    @property
    def dtype(self) -> torch.dtype:
        """What the networks compute in: inputs are brought to it, answers come in float32."""
        return self.transfer_net.log_scale.dtype

    def encode_image(self, image: Tensor) -> FeaturePyramid:
        """Features of images (B, 3, H, W) in [0, 1]; H and W multiples of 16."""
        pyramid: FeaturePyramid = self.encoder(image.to(self.dtype, memory_format=torch.channels_last))
        return pyramid

    def annotate(
        self,
        image: Tensor,  # noqa: ARG002  the encoder is shared: the features say it all
        features: FeaturePyramid,
        previous_mask: Tensor,
        positive_map: Tensor,
        negative_map: Tensor,
    ) -> AnnotationResult:
        """A-Net for K objects; see `Networks.annotate`."""
        maps = torch.cat((previous_mask, positive_map, negative_map), dim=1).to(self.dtype)
        logits, middle = self.annotation_net(features, maps)
        described = self.transfer_net.describe(features, middle, logits.sigmoid())
        return AnnotationResult(logits.float(), described.float())

    def previous_probability(self, logits: Tensor) -> Tensor:
        """The sigmoid at stride 4."""
        return logits.sigmoid()

    def describe(
        self,
        image: Tensor,  # noqa: ARG002
        features: FeaturePyramid,
        mask: Tensor,
        positive_map: Tensor,
        negative_map: Tensor,
    ) -> Tensor:
        """Object features of a settled mask; see `Networks.describe`."""
        maps = torch.cat((mask, positive_map, negative_map), dim=1).to(self.dtype)
        _, middle = self.annotation_net(features, maps)
        described: Tensor = self.transfer_net.describe(features, middle, F.avg_pool2d(maps[:, :1], 4))
        return described.float()

    def transfer(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> Tensor:
        """T-Net for K objects; see `Networks.transfer`."""
        return self.transfer_parts(target, annotated, previous, previous_probability).logits

    def transfer_parts(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> TransferResult:
        """T-Net's logits beside the maps of the two transfers, for training and for looking inside."""
        memory = [(features, object_features.to(self.dtype)) for features, object_features in annotated]
        parts: TransferResult = self.transfer_net(target, memory, previous, previous_probability.to(self.dtype))
        carried = None if parts.global_map is None else parts.global_map.float()
        return TransferResult(parts.logits.float(), parts.local_map.float(), carried)
