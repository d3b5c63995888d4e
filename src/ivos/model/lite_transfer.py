"""T-Net of the `lite` preset: the two transfers and the decoder that reads what they bring."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ivos.core.transfer import (
    local_affinity,
    local_transfer,
    normalise_over_source,
    reading_mean,
    window_mean,
)
from ivos.model.config import ModelConfig
from ivos.model.efficientnet import CHANNELS
from ivos.model.lite_blocks import TransferDecoder, conv_bn_relu, resize
from ivos.model.lite_evidence import brought, brought_channels, matched_cells, matches
from ivos.model.networks import FeaturePyramid, TransferResult


class TransferNet(nn.Module):
    """T-Net: masks of annotated frames and of the previous frame -> the target frame's mask."""

    def __init__(self, config: ModelConfig) -> None:
        """Build converter, keys and decoder."""
        super().__init__()
        self.config, widths, self.local = config, config.widths, config.local
        self.converter = nn.Sequential(
            conv_bn_relu(widths.refine + 1, widths.refine, 3, stride=2),
            conv_bn_relu(widths.refine, widths.neck, 3, stride=2),
        )
        self.object_features = nn.Conv2d(2 * widths.neck, widths.carried - 1, 1)
        self.key = nn.Conv2d(widths.neck, widths.key, 1)
        frame = widths.neck, CHANNELS[1], CHANNELS[0] + widths.fine
        self.local_keys = nn.ModuleList(nn.Conv2d(channels, widths.local_key, 1) for channels in reversed(frame))
        self.log_scale = nn.Parameter(torch.tensor([math.log(20.0), math.log(15.0)]))  # cosines' scales: global, local
        self._newest: tuple[FeaturePyramid, Tensor] | None = None
        self.decoder = TransferDecoder(frame, brought_channels(config), widths.refine, widths.aspp)

    def describe(self, features: FeaturePyramid, middle: Tensor, probability: Tensor, positive_map: Tensor) -> Tensor:
        """Object features F_o (K, C, h, w); channel 0 is the probability itself, averaged over each cell."""
        if self.config.matching != "transfer":
            return matched_cells(self.config, probability, positive_map)
        converted = self.converter(torch.cat((middle, probability), dim=1))
        joined = self.object_features(torch.cat((converted, features.s16.expand(len(converted), -1, -1, -1)), dim=1))
        return torch.cat((F.avg_pool2d(probability, 4), F.relu_(joined)), dim=1)

    def forward(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> TransferResult:
        """The target's logits and what the two transfers brought on their own.

        The decoder answers with a correction and with how far the local transfer's map is to be trusted: the logits
        are the correction plus that share of the map's logits.
        """
        carried, arrived = self.evidence(target, annotated, previous, previous_probability)
        evidence = brought(carried, arrived, previous_probability)
        correction, trust = self.decoder((target.s16, target.s8, target.s4), evidence).split(1, dim=1)
        if self.config.matching != "transfer":
            return TransferResult(correction, None, None)  # a distance is no probability
        if arrived is None:
            return TransferResult(correction, None, carried[:, :1])
        logits = correction + trust.sigmoid() * arrived.clamp(0.01, 0.99).logit()
        return TransferResult(logits, arrived, carried[:, :1])

    def evidence(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        probability: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        """What the annotated frames bring, (K, C, h16, w16), and the previous one, (K, 1, h4, w4): see the config."""
        if self.config.matching == "transfer":
            carried = self.global_transfer(target, annotated)
            without = self.local.features == "none"
            return carried, None if without else self.local_transfer(target, previous, probability)
        scales = (0.5 * self.log_scale).exp()  # squared distances then have the scale that the transfers' cosines have
        embedded = [(F.normalize(self.key(f.s16), dim=1) * scales[0], cells) for f, cells in annotated]
        sought = F.normalize(self.key(target.s16), dim=1) * scales[0], self.local_key(target) * scales[1]
        before = self.local_key(previous) * scales[1], probability
        everywhere, near = matches(embedded, sought, before, self.local)
        return everywhere.to(probability), None if near is None else near.to(probability)

    def global_transfer(self, target: FeaturePyramid, annotated: Sequence[tuple[FeaturePyramid, Tensor]]) -> Tensor:
        """A F_o (eq. 3), each target cell reading from all annotated frames together: (K, C, h16, w16)."""
        source = torch.stack([F.normalize(self.key(features.s16), dim=1) for features, _ in annotated], dim=1)
        query = F.normalize(self.key(target.s16), dim=1) * self.log_scale[0].exp()
        values = torch.stack([object_features for _, object_features in annotated], dim=1)  # (K, N, C, h, w)
        return reading_mean(source, query, values)

    def local_transfer(self, target: FeaturePyramid, previous: FeaturePyramid, probability: Tensor) -> Tensor:
        """The previous probability carried through the local window (eq. 5): (K, 1, h4, w4)."""
        radius, stride = self.local.radius, self.local.stride
        source, key = self.local_key(previous), self.local_key(target)
        query = key * self.log_scale[1].exp().clamp(max=60.0)
        if not torch.is_grad_enabled():
            self._newest = (target, key)  # a pass goes on from here: this target is its next previous frame
        if self.local.normalised_over == "window":
            return window_mean(query, source, probability, radius, stride)
        weights = normalise_over_source(local_affinity(query, source, radius, stride), radius, stride)
        return local_transfer(weights, probability, radius, stride)

    def local_key(self, features: FeaturePyramid) -> Tensor:
        """Keys of length 1 at stride 4 that also see the coarser levels: (B, C, h4, w4)."""
        newest = self._newest  # read once: another thread may be at another frame
        if newest is not None and newest[0] is features and not torch.is_grad_enabled():
            return newest[1]
        if self.local.features == "rear":
            return F.normalize(resize(self.local_keys[2](features.s16), features.s4), dim=1)
        levels = (features.s4, features.s8, features.s16)
        s4, s8, s16 = (key(level) for key, level in zip(self.local_keys, levels, strict=True))
        return F.normalize(s4.add_(resize(s8 + resize(s16, s8), s4)), dim=1)
