"""Building blocks of the `lite` networks: context, atrous pyramid, refine path and head (Figure 4, slimmed)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def resize(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear resize of (B, C, h, w) to the height and width of `like`."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


def conv_bn(inside: int, outside: int, kernel: int = 3, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution and batch norm, size kept (or divided by `stride`)."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, padding, dilation, bias=False), nn.BatchNorm2d(outside)
    )


class Residual(nn.Module):
    """Two 3 x 3 convolutions added to their input."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        """Build for `channels` in and out."""
        super().__init__()
        self.first = conv_bn(channels, channels, dilation=dilation)
        self.second = conv_bn(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, C, h, w) -> the same."""
        return F.relu_(x + self.second(F.relu_(self.first(x))))


class AtrousPyramid(nn.Module):
    """ASPP at stride 16: a 1 x 1, three dilated 3 x 3 and the image mean, joined by a 1 x 1."""

    def __init__(self, inside: int, outside: int, rates: tuple[int, ...] = (4, 8, 16)) -> None:
        """Build branches of half the output width."""
        super().__init__()
        half = outside // 2
        self.point = conv_bn(inside, half, 1)
        self.atrous = nn.ModuleList(conv_bn(inside, half, dilation=rate) for rate in rates)
        self.mean = nn.Conv2d(inside, half, 1)  # no batch norm: its input is a single cell
        self.join = conv_bn(half * (2 + len(rates)), outside, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, C, h, w) -> (B, C', h, w)."""
        mean = F.relu_(self.mean(x.mean((2, 3), keepdim=True))).expand(-1, -1, *x.shape[-2:])
        branches = [F.relu_(self.point(x)), *(F.relu_(branch(x)) for branch in self.atrous), mean]
        return F.relu_(self.join(torch.cat(branches, dim=1)))


class Refine(nn.Module):
    """One refine module: the skip features joined to the doubled features from below."""

    def __init__(self, skip: int, channels: int) -> None:
        """Build for `skip` channels of skip features and `channels` from below."""
        super().__init__()
        self.skip = conv_bn(skip, channels)
        self.residual = Residual(channels)

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:
        """Skip (B, S, h, w), below (B, C, h/2, w/2) -> (B, C, h, w)."""
        joined: Tensor = self.residual(F.relu_(self.skip(skip) + resize(below, skip)))
        return joined


class Decoder(nn.Module):
    """From conditioned features at stride 16, 8 and 4 to logits at stride 4."""

    def __init__(self, x16: int, skip8: int, skip4: int, refine: int, aspp: int) -> None:
        """Build context blocks, ASPP, two refine modules and three convolution sets."""
        super().__init__()
        self.context = nn.Sequential(Residual(x16), Residual(x16, dilation=2))
        self.aspp = AtrousPyramid(x16, aspp)
        self.lateral = conv_bn(x16 + aspp, refine, 1)
        self.refine8 = Refine(skip8, refine)
        self.refine4 = Refine(skip4, refine)
        self.aspp_to_head = nn.Conv2d(aspp, refine, 1)  # a 1 x 1 of the concatenation, done before the up-sampling
        self.set1, self.set2 = conv_bn(refine, refine), conv_bn(refine, refine // 2)
        self.set3 = nn.Conv2d(refine // 2, 1, 1)

    def forward(self, x16: Tensor, skip8: Tensor, skip4: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, 1, h4, w4) and the mid-layer features (B, refine, h4, w4)."""
        x16 = self.context(x16)
        aspp = self.aspp(x16)
        refined = self.refine8(skip8, F.relu_(self.lateral(torch.cat((x16, aspp), dim=1))))
        refined = self.refine4(skip4, refined)
        middle = F.relu_(refined + resize(self.aspp_to_head(aspp), refined))
        return self.set3(F.relu_(self.set2(F.relu_(self.set1(middle))))), middle
