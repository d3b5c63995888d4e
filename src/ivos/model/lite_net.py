"""The `lite` pair: one EfficientNet-Lite0 shared by A-Net and T-Net, prompts joined after the encoder.

A frame is encoded once for everything, and once more at half size for the first strokes on an object: A-Net's answer
to a stroke and T-Net's transfer only run a decoder.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ivos.core.fusion import without_strays, without_struck
from ivos.model.config import ModelConfig, Widths
from ivos.model.efficientnet import CHANNELS, S2_CHANNELS, EfficientNetLite0
from ivos.model.lite_blocks import Decoder, conv_bn, conv_bn_relu, resize
from ivos.model.lite_transfer import TransferNet
from ivos.model.networks import AnnotationResult, FeaturePyramid, TransferResult

PROMPT4, PROMPT8, PROMPT16 = 24, 32, 64  # channels of the embedded scribble maps and previous mask
SMALL_SHARE = 0.4  # of the answer at half size in A-Net's logits in an object's first round
REACH = 6  # stride-4 cells over which a stroke or the previous mask leads to a piece of an object


def _objects(features: Tensor, like: Tensor) -> Tensor:
    """The frame's features once per object: batch 1 or K -> K."""
    return features.expand(like.shape[0], -1, -1, -1)


class SharedEncoder(nn.Module):
    """EfficientNet-Lite0; its two levels at stride 16 become R5, those at strides 4 and 2 R2."""

    def __init__(self, widths: Widths) -> None:
        """Build with PyTorch's initialisation."""
        super().__init__()
        self.backbone = EfficientNetLite0()
        self.fine = conv_bn_relu(S2_CHANNELS, widths.fine, 3, stride=2)
        self.neck_middle = conv_bn(CHANNELS[2], widths.neck, 1)
        self.neck_deep = conv_bn(CHANNELS[3], widths.neck, 1)

    def forward(self, image: Tensor) -> FeaturePyramid:
        """Features of images (B, 3, H, W) in [0, 1]."""
        s2, s4, s8, middle, deep = self.backbone(image)
        s4 = torch.cat((s4, self.fine(s2)), dim=1)
        return FeaturePyramid(s4, s8, F.relu_(self.neck_middle(middle) + self.neck_deep(deep)))


class AnnotationNet(nn.Module):
    """A-Net: frame features, previous mask and scribbles -> the annotated frame's mask."""

    def __init__(self, config: ModelConfig) -> None:
        """Build prompt embedding, stroke similarity and decoder."""
        super().__init__()
        widths = config.widths
        self.prompt4 = conv_bn_relu(3 * 16, PROMPT4, 3)
        self.prompt8 = conv_bn_relu(PROMPT4, PROMPT8, 3, stride=2)
        self.prompt16 = conv_bn_relu(PROMPT8, PROMPT16, 3, stride=2)
        self.key = nn.Conv2d(widths.neck, widths.key, 1)
        self.mix = conv_bn_relu(widths.neck + PROMPT16 + 2, widths.neck, 1)
        skip8, skip4 = CHANNELS[1] + PROMPT8, CHANNELS[0] + widths.fine + PROMPT4
        self.decoder = Decoder(widths.neck, skip8, skip4, widths.refine, widths.aspp)

    def forward(self, features: FeaturePyramid, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (K, 3, H, W): previous mask, positive, negative -> logits and mid-layer features at stride 4."""
        prompt4 = self.prompt4(F.pixel_unshuffle(maps, 4))
        prompt8 = self.prompt8(prompt4)
        prompt16 = self.prompt16(prompt8)
        similarity = self.similarity_to_strokes(features.s16, maps[:, 1:])
        x16 = self.mix(torch.cat((_objects(features.s16, maps), prompt16, similarity), dim=1))
        skip8 = torch.cat((_objects(features.s8, maps), prompt8), dim=1)
        skip4 = torch.cat((_objects(features.s4, maps), prompt4), dim=1)
        logits, middle = self.decoder(x16, skip8, skip4)
        return logits, middle

    def similarity_to_strokes(self, s16: Tensor, strokes: Tensor) -> Tensor:
        """The cosine of each cell to its most similar stroked cell; strokes (K, 2, H, W) -> (K, 2, h, w).

        A map without a stroke gives -1 everywhere.
        """
        keys = F.normalize(self.key(s16).flatten(2), dim=1).transpose(1, 2)  # (1 | K, h*w, C)
        keys = keys.contiguous().expand(strokes.shape[0], -1, -1)
        stroked = F.max_pool2d(strokes, 16).flatten(2) > 0.5  # (K, 2, h*w)
        nothing = keys.new_full((1, keys.shape[1]), -1.0)
        found = [
            torch.cat((nothing, of_object[cells] @ of_object.T)).amax(dim=0)
            for of_object, signs in zip(keys, stroked, strict=True)
            for cells in signs
        ]
        return torch.stack(found).reshape(*strokes.shape[:2], *s16.shape[-2:])


def without_struck_pieces(logits: Tensor, maps: Tensor) -> Tensor:
    """A-Net's logits (K, 1, h4, w4) for maps (K, 3, H, W), without the pieces that a negative stroke strikes out."""
    adds, takes = (F.max_pool2d(strokes, 4) > 0.5 for strokes in (maps[:, 1:2], maps[:, 2:]))
    return without_struck(logits, F.avg_pool2d(maps[:, :1], 4) > 0.5, adds, takes)


class LiteATNet(nn.Module):
    """The `lite` A-Net and T-Net; implements `Networks`."""

    def __init__(self, config: ModelConfig) -> None:
        """Build with PyTorch's initialisation."""
        super().__init__()
        self.config = config
        self.digest = ""  # of the weights file that `load_model` took them from
        self.encoder = SharedEncoder(config.widths)
        self.annotation_net = AnnotationNet(config)
        self.transfer_net = TransferNet(config)
        self._halved: tuple[FeaturePyramid, FeaturePyramid] | None = None

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
        image: Tensor,
        features: FeaturePyramid,
        previous_mask: Tensor,
        positive_map: Tensor,
        negative_map: Tensor,
    ) -> AnnotationResult:
        """A-Net for K objects; see `Networks.annotate`.

        In an object's first round the logits are a mean of answers at two sizes of the frame, and only pieces near its
        strokes count. Later a negative stroke strikes out its piece, and the logits are the mean of two answers,
        the second one with the first as previous mask; the object features are the second one's.
        """
        maps = torch.cat((previous_mask, positive_map, negative_map), dim=1).to(self.dtype)
        first_round = (maps[:, :1] == 0.5).flatten(1).all(dim=1)[:, None, None, None]
        answer, middle = self.annotation_net(features, maps)
        logits = answer = answer.float()
        if first_round.any():
            seen_twice = answer.lerp(self._small_answer(image, features, maps, answer), SMALL_SHARE)
            logits = without_strays(seen_twice, F.max_pool2d(maps[:, 1:2], 4) > 0.5, REACH)
        described = logits
        if not first_round.all():
            struck_out = without_struck_pieces(answer, maps)
            seen = F.interpolate(struck_out.sigmoid(), maps.shape[-2:], mode="bilinear", align_corners=False)
            again_maps = torch.cat((seen.to(self.dtype), maps[:, 1:]), dim=1)
            again, middle_again = self.annotation_net(features, again_maps)
            again = without_struck_pieces(again.float(), again_maps)
            described = torch.where(first_round, logits, again)
            logits = torch.where(first_round, logits, (struck_out + again) / 2)
            middle = torch.where(first_round, middle, middle_again)
        object_features = self.transfer_net.describe(features, middle, described.sigmoid().to(self.dtype), maps[:, 1:2])
        return AnnotationResult(logits, object_features.float())

    def _small_answer(self, image: Tensor, features: FeaturePyramid, maps: Tensor, like: Tensor) -> Tensor:
        """A-Net's logits on the mirrored frame at half its size, brought to the cells of `like`.

        More of an object lies in reach of the decoder, and what is found twice is less luck.
        """
        size = [max(16, 16 * round(side / 32)) for side in image.shape[-2:]]
        halved = self._halved  # of the frame that was answered last; read once: another thread may be at another frame
        if halved is None or halved[0] is not features:
            small = F.interpolate(image, size, mode="bilinear", antialias=True).flip(-1)
            halved = self._halved = features, self.encode_image(small)
        previous = F.interpolate(maps[:, :1], size, mode="bilinear")
        strokes = F.adaptive_max_pool2d(maps[:, 1:].float(), size).to(maps.dtype)
        small_maps = torch.cat((previous, strokes), dim=1).flip(-1)
        logits, _ = self.annotation_net(halved[1], small_maps)
        return resize(logits.float().flip(-1), like)

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
        described: Tensor = self.transfer_net.describe(features, middle, F.avg_pool2d(maps[:, :1], 4), maps[:, 1:2])
        return described.float()

    def transfer(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> Tensor:
        """T-Net for K objects; see `Networks.transfer`. Only pieces near the previous mask count, if there is one."""
        logits = self.transfer_parts(target, annotated, previous, previous_probability).logits
        if self.config.local.features == "none":
            return logits  # the ablation: nothing of the previous frame is used
        return without_strays(logits, previous_probability >= 0.5, REACH)

    def transfer_parts(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> TransferResult:
        """T-Net's logits, strays included, beside the maps of the transfers: for training and for looking inside."""
        memory = [(features, object_features.to(self.dtype)) for features, object_features in annotated]
        parts: TransferResult = self.transfer_net(target, memory, previous, previous_probability.to(self.dtype))
        arrived, carried = (None if m is None else m.float() for m in (parts.local_map, parts.global_map))
        return TransferResult(parts.logits.float(), arrived, carried)
