"""A-Net and T-Net as the paper draws them: Figure 3 (the pair), Figure 4 (encoders, decoders, converter)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ivos.core import transfer
from ivos.model.config import LocalTransfer, ModelConfig
from ivos.model.networks import AnnotationResult, FeaturePyramid, TransferResult
from ivos.model.paper_decoder import Decoder, resize
from ivos.model.se_resnet import CHANNELS, SEBottleneck, SEResNet50, normalise


class Converter(nn.Module):
    """Object features for T-Net from what A-Net decoded and encoded (the paper's feature converter)."""

    def __init__(self) -> None:
        """Build two strided SE bottlenecks and the 1x1 that joins them with A-Net's R5."""
        super().__init__()
        self.to_s8 = SEBottleneck(512, 256, stride=2, project=True)
        self.to_s16 = SEBottleneck(1024, 512, stride=2, project=True)
        self.join = nn.Conv2d(2 * CHANNELS[2], CHANNELS[2], 1)

    def forward(self, decoded: Tensor, s16: Tensor) -> Tensor:
        """Decoded (K, 512, H/4, W/4) and R5 (K, 2048, H/16, W/16) -> F_o, shape (K, 2048, H/16, W/16)."""
        converted = self.to_s16(self.to_s8(decoded))
        joined: Tensor = self.join(torch.cat([converted, s16], dim=1))
        return joined


class AnnotationNet(nn.Module):
    """A-Net: an annotated frame with its scribble maps -> logits and object features."""

    def __init__(self) -> None:
        """Build the 6-channel encoder, the decoder and the converter."""
        super().__init__()
        self.encoder = SEResNet50(inputs=6)
        self.decoder = Decoder()
        self.converter = Converter()

    def forward(self, image: Tensor, maps: Tensor) -> AnnotationResult:
        """Answer for K objects.

        Args:
            image: Normalised, shape (B, 3, H, W), B = 1 or K.
            maps: Previous mask, positive map and negative map, shape (K, 3, H, W), in [0, 1].
        """
        s4, s8, s16 = self.encoder(torch.cat([image.expand(len(maps), -1, -1, -1), maps], dim=1))
        decoded = self.decoder(s4, s8, s16)
        return AnnotationResult(self.decoder.logits(decoded), self.converter(decoded, s16))


class TransferNet(nn.Module):
    """T-Net: annotated frames and the previous frame -> logits of a target frame."""

    def __init__(self, local: LocalTransfer) -> None:
        """Build the 3-channel encoder, the two projections and the decoder."""
        super().__init__()
        self.local = local
        self.encoder = SEResNet50(inputs=3)
        self.local_key = nn.Conv2d(CHANNELS[0], CHANNELS[0], 1)
        self.join = nn.Conv2d(2 * CHANNELS[2], CHANNELS[2], 1)
        self.decoder = Decoder()

    def global_transfer(self, target: FeaturePyramid, annotated: Sequence[tuple[FeaturePyramid, Tensor]]) -> Tensor:
        """The annotated frames' object features carried to the target (eq. 1-3), shape (K, 2048, H/16, W/16).

        Inner products over 2048 channels and their sums are float32 also in a network of lower precision.
        """
        keys = torch.stack([features.s16 for features, _ in annotated], dim=1)  # (B, N, 2048, h, w)
        values = torch.stack([object_features for _, object_features in annotated], dim=1)  # (K, N, 2048, h, w)
        matrix = transfer.transition_matrix(keys.float(), target.s16.float())
        return transfer.global_transfer(matrix, values.float())

    def local_transfer(self, target: FeaturePyramid, previous: FeaturePyramid, probability: Tensor) -> Tensor:
        """The previous probability (K, 1, H/4, W/4) carried to the target (eq. 4 and 5), same shape."""
        radius, stride = self.local.radius, self.local.stride
        target_key, previous_key = (self.local_key(features.s4).float() for features in (target, previous))
        if self.local.score == "mean":
            target_key = target_key / target_key.shape[1]
        affinity = transfer.local_affinity(target_key, previous_key, radius, stride)
        match self.local.normalised_over:
            case "source":
                weights = transfer.normalise_over_source(affinity, radius, stride)
            case "window":
                weights = transfer.normalise_over_window(affinity)
            case "rows":
                weights = transfer.normalise_over_rows(affinity)
        return transfer.local_transfer(weights, probability.float(), radius, stride)

    def forward(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Logits and the local transfer's map (for the auxiliary loss), both (K, 1, H/4, W/4)."""
        transferred = self.global_transfer(target, annotated)
        local_map = self.local_transfer(target, previous, previous_probability)
        return self.decode(target, transferred, local_map), local_map

    def decode(self, target: FeaturePyramid, transferred: Tensor, local_map: Tensor) -> Tensor:
        """Logits (K, 1, H/4, W/4) from the target's features and both transfers."""
        s16 = target.s16.expand(len(transferred), -1, -1, -1)
        s16 = self.join(torch.cat([s16, transferred.to(s16.dtype)], dim=1))  # (K, 2048, h, w)
        return self.decoder.logits(self.decoder(target.s4, target.s8, s16, local_map.to(s16.dtype)))


class PaperATNet(nn.Module):
    """Both networks of the presets `paper` and `authors`; implements `ivos.model.networks.Networks`."""

    def __init__(self, config: ModelConfig) -> None:
        """Build both networks with PyTorch's initialisation."""
        super().__init__()
        self.config = config
        self.digest = ""  # of the weights file that `load_model` took them from
        self.annotation_net = AnnotationNet()
        self.transfer_net = TransferNet(config.local)

    @property
    def device(self) -> torch.device:
        """Where inputs must live."""
        return self.transfer_net.join.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights; inputs are converted to it."""
        return self.transfer_net.join.weight.dtype

    def encode_image(self, image: Tensor) -> FeaturePyramid:
        """T-Net's R2, R3, R5 of images (B, 3, H, W) in [0, 1]; they depend on nothing but the frames."""
        return FeaturePyramid(*self.transfer_net.encoder(normalise(image).to(self.dtype)))

    def annotate(
        self,
        image: Tensor,
        features: FeaturePyramid,  # noqa: ARG002  the paper's A-Net has an encoder of its own
        previous_mask: Tensor,
        positive_map: Tensor,
        negative_map: Tensor,
    ) -> AnnotationResult:
        """A-Net's answer for K objects.

        Args:
            image: Shape (1, 3, H, W), or (K, 3, H, W) in training, in [0, 1].
            features: Not read.
            previous_mask: Probability of the round before, 0.5 in the first round; shape (K, 1, H, W).
            positive_map: Shape (K, 1, H, W), in [0, 1].
            negative_map: Shape (K, 1, H, W), in [0, 1].
        """
        maps = torch.cat([previous_mask, positive_map, negative_map], dim=1)
        result: AnnotationResult = self.annotation_net(normalise(image).to(self.dtype), maps.to(self.dtype))
        return result

    def describe(
        self, image: Tensor, features: FeaturePyramid, mask: Tensor, positive_map: Tensor, negative_map: Tensor
    ) -> Tensor:
        """Object features of a settled mask: the paper's converter reads no mask, so A-Net is given it as previous."""
        return self.annotate(image, features, mask, positive_map, negative_map).object_features

    def transfer(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> Tensor:
        """T-Net's logits (K, 1, H/4, W/4) of the target frame.

        Args:
            target: Features of the target frame.
            annotated: Features and object features (K, 2048, H/16, W/16) of the N annotated frames.
            previous: Features of the frame next to the target on the side the pass comes from.
            previous_probability: Its K probabilities, shape (K, 1, H/4, W/4), in [0, 1].
        """
        logits: Tensor = self.transfer_net(target, annotated, previous, previous_probability)[0]
        return logits

    def transfer_parts(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> TransferResult:
        """T-Net's logits beside the local transfer's map, for the auxiliary loss; arguments as of `transfer`."""
        logits, local_map = self.transfer_net(target, annotated, previous, previous_probability)
        return TransferResult(logits, local_map, None)

    def previous_probability(self, logits: Tensor) -> Tensor:
        """Probability (K, 1, H/4, W/4) of a frame's logits, taken at full size and brought back, as released.

        The released code keeps probabilities at full size; the detour changes them slightly at edges.
        """
        h, w = logits.shape[-2:]
        return resize(resize(logits, (4 * h, 4 * w)).sigmoid(), (h, w))
