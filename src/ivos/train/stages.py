"""What a stage of training is: networks of which a part is trained, and the loss of a batch of samples."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ivos.core.geometry import upsample_logits
from ivos.model.atnet import ATNet
from ivos.model.networks import FeaturePyramid
from ivos.train.config import Recipe
from ivos.train.losses import map_error, mask_loss, mean_jaccard

Batch = dict[str, Tensor]  # samples of `ivos.train.samples`, stacked
Figures = dict[str, float]
Group = dict[str, list[nn.Parameter] | float]  # "params" and "lr" of an optimiser


class Stage(nn.Module, ABC):
    """One of the two stages for one kind of networks; calling it with a batch gives the loss and figures to log.

    Attributes:
        net: The networks; what the stage does not train does not require gradients.
        recipe: How the stage is trained.
    """

    sequences: bool
    """Whether it is trained on mini-sequences (T-Net) or single frames (A-Net)."""

    def __init__(self, net: ATNet, recipe: Recipe) -> None:
        """Freeze everything; a stage then thaws what it trains."""
        super().__init__()
        self.net, self.recipe = net, recipe
        net.requires_grad_(requires_grad=False)

    @abstractmethod
    def parameter_groups(self) -> list[Group]:
        """The trained parameters with their learning rates."""

    @abstractmethod
    def train_mode(self) -> None:
        """Put the batch norms and dropouts of the trained parts into training mode, all others into eval mode."""

    @abstractmethod
    def forward(self, batch: Batch) -> tuple[Tensor, Figures]:
        """The loss of a batch, a scalar mean over its samples, and figures to log."""

    @abstractmethod
    def answers(self, batch: Batch) -> Tensor:
        """Probabilities (B, T, S, S) in eval mode: of the frame, or of the first annotated frame and the targets."""

    def full_size(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Logits (B, 1, h, w) at the size of the truth (B, S, S), float32."""
        size = (truth.shape[-2], truth.shape[-1])
        return upsample_logits(logits.float(), size, align_corners=self.net.config.align_corners)

    def answer_loss(self, logits: Tensor, truth: Tensor) -> tuple[Tensor, float]:
        """The loss of logits (B, 1, h, w) against the truth (B, S, S), and their mean J."""
        full = self.full_size(logits, truth)
        recipe = self.recipe
        loss = mask_loss(full, truth, balance=recipe.balance, overlap=recipe.overlap, edges=recipe.edges)
        return loss, mean_jaccard(full, truth)

    def transfer_loss(self, transferred: Tensor, truth: Tensor) -> tuple[Tensor, float]:
        """Lambda times the error of a transferred map (B, 1, h, w), and the error."""
        error = map_error(transferred, truth)
        return self.recipe.auxiliary * error, float(error.detach())


def encoded_frames(net: ATNet, images: Tensor) -> list[FeaturePyramid]:
    """The features of mini-sequences (B, T, 3, S, S) uint8: one pyramid of batch B for each of the T frames."""
    flat = unit(images.flatten(0, 1)).contiguous(memory_format=torch.channels_last)  # faster on CPUs
    pyramid = net.encode_image(flat)
    levels = [level.reshape(*images.shape[:2], *level.shape[1:]) for level in (pyramid.s4, pyramid.s8, pyramid.s16)]
    return [FeaturePyramid(*(level[:, t] for level in levels)) for t in range(images.shape[1])]


def unit(images: Tensor) -> Tensor:
    """Images of uint8 as float in [0, 1]."""
    return images.float() / 255


def cell_share(truth: Tensor) -> Tensor:
    """The object's share of every 4 x 4 cell: truth (B, S, S) -> (B, 1, S/4, S/4)."""
    return F.avg_pool2d((truth == 1).float()[:, None], 4)
