"""Building blocks of the `lite` networks: context, atrous pyramid, refine path and head (Figure 4, slimmed)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

REACH = 17  # stride-16 cells: from one side of a training crop to the other


def resize(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear resize of (B, C, h, w) to the height and width of `like`."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


def conv_bn(inside: int, outside: int, kernel: int = 3, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution and batch norm, size kept (or divided by `stride`)."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, padding, dilation, bias=False), nn.BatchNorm2d(outside)
    )


def conv_bn_relu(inside: int, outside: int, kernel: int = 3, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """`conv_bn` and a ReLU, one pass over memory once `fuse_batch_norms` has been there."""
    return conv_bn(inside, outside, kernel, stride=stride, dilation=dilation).append(nn.ReLU(inplace=True))


class Residual(nn.Module):
    """Two 3 x 3 convolutions added to their input."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        """Build for `channels` in and out."""
        super().__init__()
        self.first = conv_bn_relu(channels, channels, dilation=dilation)
        self.second = conv_bn(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, C, h, w) -> the same."""
        return F.relu_(x + self.second(self.first(x)))


def surroundings(x: Tensor) -> Tensor:
    """The mean of the cells up to `REACH` away from each cell by row and column, within the picture: (B, C, h, w)."""
    near = [((places := torch.arange(side, device=x.device))[:, None] - places).abs() <= REACH for side in x.shape[-2:]]
    rows, columns = (each.to(x) for each in near)
    counts = near[0].sum(dim=1)[:, None] * near[1].sum(dim=1)
    mean: Tensor = rows @ x @ columns / counts
    return mean


class AtrousPyramid(nn.Module):
    """ASPP at stride 16: a 1 x 1, three dilated 3 x 3 and the mean, joined by a 1 x 1.

    The mean is that of a cell's surroundings, which are a whole training crop but not a whole frame: there the mean of
    the image would hold more of what is far from the object than it ever did in training.
    """

    def __init__(self, inside: int, outside: int, rates: tuple[int, ...] = (4, 8, 16)) -> None:
        """Build branches of half the output width."""
        super().__init__()
        half = outside // 2
        self.point = conv_bn_relu(inside, half, 1)
        self.atrous = nn.ModuleList(conv_bn_relu(inside, half, dilation=rate) for rate in rates)
        self.mean = nn.Conv2d(inside, half, 1)  # no batch norm: of a whole crop it makes one mean
        self.join = conv_bn_relu(half * (2 + len(rates)), outside, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, C, h, w) -> (B, C', h, w)."""
        mean = F.relu_(surroundings(self.mean(x)))
        joined: Tensor = self.join(torch.cat([self.point(x), *(branch(x) for branch in self.atrous), mean], dim=1))
        return joined


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
        self.lateral = conv_bn_relu(x16 + aspp, refine, 1)
        self.refine8 = Refine(skip8, refine)
        self.refine4 = Refine(skip4, refine)
        self.aspp_to_head = nn.Conv2d(aspp, refine, 1)  # a 1 x 1 of the concatenation, done before the up-sampling
        self.set1, self.set2 = conv_bn_relu(refine, refine), conv_bn_relu(refine, refine // 2)
        self.set3 = nn.Conv2d(refine // 2, 1, 1)

    def forward(self, x16: Tensor, skip8: Tensor, skip4: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, 1, h4, w4) and the mid-layer features (B, refine, h4, w4)."""
        x16 = self.context(x16)
        aspp = self.aspp(x16)
        refined = self.refine8(skip8, self.lateral(torch.cat((x16, aspp), dim=1)))
        refined = self.refine4(skip4, refined)
        middle = F.relu_(refined + resize(self.aspp_to_head(aspp), refined))
        return self.set3(self.set2(self.set1(middle))), middle


class TransferDecoder(nn.Module):
    """T-Net's decoder, made for several objects a frame: what depends on the frame alone is computed once for all.

    A convolution of target and object features side by side is the sum of one over the target, shared, and one over
    the few channels that each object brings. At stride 4 it is half as wide as A-Net's.
    """

    def __init__(self, target: tuple[int, int, int], brought: tuple[int, int, int], refine: int, aspp: int) -> None:
        """Build for `target` channels of the frame and `brought` channels of an object at strides 16, 8 and 4."""
        super().__init__()
        x16, narrow = target[0], refine // 2
        self.target16 = conv_bn(target[0], x16, 1)
        self.target8, self.target4 = conv_bn(target[1], refine), conv_bn(target[2], narrow)
        self.brought16 = nn.Conv2d(brought[0], x16, 1)
        self.brought8 = nn.Conv2d(brought[1], refine, 3, padding=1)
        self.brought4 = nn.Conv2d(brought[2], narrow, 3, padding=1)
        self.context = Residual(x16, dilation=2)
        self.aspp = AtrousPyramid(x16, aspp)
        self.lateral = conv_bn_relu(x16 + aspp, refine, 1)
        self.refine8, self.narrow, self.refine4 = Residual(refine), conv_bn(refine, narrow, 1), Residual(narrow)
        self.aspp_to_head = nn.Conv2d(aspp, narrow, 1)  # a 1 x 1 of the concatenation, done before the up-sampling
        self.set1, self.set2 = conv_bn_relu(narrow, narrow), conv_bn_relu(narrow, narrow)
        self.set3 = nn.Conv2d(narrow, 2, 1)

    def forward(self, target: tuple[Tensor, Tensor, Tensor], brought: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Frame features (1 or K, C, h, w) and an object's (K, C', h, w), strides 16, 8, 4 -> (K, 2, h4, w4)."""
        x16 = self.context(F.relu_(self.brought16(brought[0]) + self.target16(target[0])))
        aspp = self.aspp(x16)
        below = resize(self.lateral(torch.cat((x16, aspp), dim=1)), target[1])
        x8 = self.refine8(F.relu_(self.brought8(brought[1]).add_(below) + self.target8(target[1])))
        below = resize(self.narrow(x8), target[2])
        x4 = self.refine4(F.relu_(self.brought4(brought[2]).add_(below) + self.target4(target[2])))
        middle = F.relu_(x4 + resize(self.aspp_to_head(aspp), x4))
        answer: Tensor = self.set3(self.set2(self.set1(middle)))
        return answer
