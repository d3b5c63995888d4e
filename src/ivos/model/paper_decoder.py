"""The decoder of Figure 4, used by A-Net and T-Net alike: atrous pyramid, refine blocks, prediction head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ivos.model.se_resnet import CHANNELS

WIDTH = 256
RATES = (1, 6, 12, 18)
LOCAL_SHARE = 0.5  # of the local transfer's map where it is added to the decoder's features


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear with aligned corners, as everywhere in the released networks: (B, C, h, w) -> (B, C, *size)."""
    return F.interpolate(x, list(size), mode="bilinear", align_corners=True)


def _conv(inside: int, outside: int, kernel: int, *, dilation: int = 1) -> list[nn.Module]:
    padding = kernel // 2 * dilation
    convolution = nn.Conv2d(inside, outside, kernel, padding=padding, dilation=dilation, bias=False)
    return [convolution, nn.BatchNorm2d(outside), nn.ReLU()]


def _conv3(inside: int) -> nn.Conv2d:
    return nn.Conv2d(inside, WIDTH, 3, padding=1)


class AtrousPyramid(nn.Module):
    """Context at four rates and of the whole image, side by side, then mixed (ASPP; Chen et al. 2017)."""

    def __init__(self) -> None:
        """Build five branches of 256 channels and their mixture."""
        super().__init__()
        inside = CHANNELS[2]
        self.branches = nn.ModuleList(
            nn.Sequential(*_conv(inside, WIDTH, 1 if rate == 1 else 3, dilation=rate)) for rate in RATES
        )
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), *_conv(inside, WIDTH, 1))
        self.mix = nn.Sequential(*_conv((len(RATES) + 1) * WIDTH, WIDTH, 1))

    def forward(self, s16: Tensor) -> Tensor:
        """Shape (B, 2048, h, w) -> (B, 256, h, w)."""
        pooled = self.pooled(s16).expand(-1, -1, *s16.shape[-2:])
        mixed: Tensor = self.mix(torch.cat([*(branch(s16) for branch in self.branches), pooled], dim=1))
        return mixed


class RefineBlock(nn.Module):
    """Adds finer features to coarser ones of half the size (Figure 4, "refine")."""

    def __init__(self, inside: int) -> None:
        """Build the convolutions for fine features of `inside` channels."""
        super().__init__()
        self.fine = nn.ModuleList([_conv3(inside), _conv3(WIDTH), _conv3(WIDTH)])
        self.merge = nn.ModuleList([_conv3(WIDTH), _conv3(WIDTH)])

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Fine features (B, C, h, w), B = 1 or K, and coarse ones (K, 256, h/2, w/2) -> (K, 256, h, w)."""
        s = self.fine[0](fine)
        s = s + self.fine[2](F.relu(self.fine[1](F.relu(s))))
        m = s + resize(coarse, fine.shape[-2:])
        refined: Tensor = m + self.merge[1](F.relu(self.merge[0](F.relu(m))))
        return refined


class Decoder(nn.Module):
    """From encoder features to logits; `forward` stops at the features that the converter reads."""

    def __init__(self) -> None:
        """Build the pyramid, the three 1/16 convolutions, two refine blocks and the head."""
        super().__init__()
        self.pyramid = AtrousPyramid()
        self.bridge = nn.ModuleList([_conv3(CHANNELS[2]), _conv3(WIDTH), _conv3(WIDTH)])
        self.refine8 = RefineBlock(CHANNELS[1])
        self.refine4 = RefineBlock(CHANNELS[0])
        self.head = nn.Sequential(  # dropouts as in DeepLab v3+
            *_conv(2 * WIDTH, WIDTH, 3),
            nn.Dropout(0.5),
            *_conv(WIDTH, WIDTH, 3),
            nn.Dropout(0.1),
            nn.Conv2d(WIDTH, 1, 1),
        )

    def forward(self, s4: Tensor, s8: Tensor, s16: Tensor, local_map: Tensor | None = None) -> Tensor:
        """Decoded features of K objects, shape (K, 512, H/4, W/4).

        Args:
            s4: R2, shape (B, 256, H/4, W/4), B = 1 (shared by all objects) or K.
            s8: R3, shape (B, 512, H/8, W/8).
            s16: R5, of the object, shape (K, 2048, H/16, W/16).
            local_map: T-Net only: the local transfer's map, shape (K, 1, H/4, W/4).
        """
        m = s16
        for convolution in self.bridge:
            m = convolution(F.relu(m))
        m = self.refine8(s8, m)
        if local_map is not None:
            m = m + LOCAL_SHARE * resize(local_map, s8.shape[-2:])
        m = self.refine4(s4, m)
        if local_map is not None:
            m = m + LOCAL_SHARE * local_map
        return torch.cat([m, resize(self.pyramid(s16), s4.shape[-2:])], dim=1)

    def logits(self, decoded: Tensor) -> Tensor:
        """Decoded features (K, 512, H/4, W/4) -> logits (K, 1, H/4, W/4), float32 in any precision."""
        logits: Tensor = self.head(decoded)
        return logits.float()
