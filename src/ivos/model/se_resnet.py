"""SE-ResNet-50 features at strides 4, 8 and 16: the encoder of Figures 3 and 4 (He et al. 2016; Hu et al. 2018).

The last stage is dilated instead of strided (multi-grid 1, 2, 4 times 2), so that the deepest features stay at
stride 16.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = (256, 512, 2048)  # of s4, s8 and s16
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet, RGB
EXPANSION, REDUCTION = 4, 16


def normalise(image: Tensor) -> Tensor:
    """RGB images (B, 3, H, W) in [0, 1] with ImageNet's mean and deviation taken out, same shape."""
    mean, std = (image.new_tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return (image - mean) / std


class SEGate(nn.Module):
    """Squeeze and excitation: one factor in (0, 1) a channel, from the mean over all positions."""

    def __init__(self, channels: int) -> None:
        """Build the two 1x1 convolutions without bias."""
        super().__init__()
        self.down = nn.Conv2d(channels, channels // REDUCTION, 1, bias=False)
        self.up = nn.Conv2d(channels // REDUCTION, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, C, h, w) -> gated, same shape."""
        squeezed = x.mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
        gated: Tensor = x * self.up(F.relu(self.down(squeezed))).sigmoid()
        return gated


class SEBottleneck(nn.Module):
    """1x1, 3x3 (with the stride), 1x1 to four times the width, gate, residual."""

    def __init__(self, inside: int, width: int, *, stride: int = 1, dilation: int = 1, project: bool = False) -> None:
        """Build one block from `inside` to 4 * `width` channels; `project` puts a 1x1 on the residual."""
        super().__init__()
        outside = width * EXPANSION
        self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outside, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(outside)
        self.gate = SEGate(outside)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
            if project
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, C, h, w) -> (B, 4 * width, h / stride, w / stride)."""
        y = F.relu(self.norm1(self.conv1(x)))
        y = F.relu(self.norm2(self.conv2(y)))
        y = self.gate(self.norm3(self.conv3(y)))
        return F.relu(y + self.shortcut(x))


def _stage(inside: int, width: int, dilations: tuple[int, ...], stride: int) -> nn.Sequential:
    first = SEBottleneck(inside, width, stride=stride, dilation=dilations[0], project=True)
    rest = [SEBottleneck(width * EXPANSION, width, dilation=dilation) for dilation in dilations[1:]]
    return nn.Sequential(first, *rest)


class SEResNet50(nn.Module):
    """The encoder of the `paper` and `authors` presets; A-Net's takes 6 channels, T-Net's 3."""

    def __init__(self, inputs: int) -> None:
        """Build the stem for `inputs` channels and the stages res2 to res5, with PyTorch's initialisation."""
        super().__init__()
        self.stem = nn.Conv2d(inputs, 64, 7, 2, padding=3)
        self.norm = nn.BatchNorm2d(64)
        self.res2 = _stage(64, 64, (1,) * 3, stride=1)
        self.res3 = _stage(256, 128, (1,) * 4, stride=2)
        self.res4 = _stage(512, 256, (1,) * 6, stride=2)
        self.res5 = _stage(1024, 512, (2, 4, 8), stride=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of normalised inputs (B, C, H, W), H and W multiples of 16.

        Returns:
            The paper's R2, R3 and R5: (B, 256, H/4, W/4), (B, 512, H/8, W/8) and (B, 2048, H/16, W/16).
        """
        x = F.max_pool2d(F.relu(self.norm(self.stem(x))), 3, 2, padding=1)  # (B, 64, H/4, W/4)
        s4 = self.res2(x)
        s8 = self.res3(s4)
        return s4, s8, self.res5(self.res4(s8))
