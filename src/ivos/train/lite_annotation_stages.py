"""The first stage of the `lite` networks: A-Net with the encoder, or its decoder alone beside a trained T-Net."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ivos.model.lite_net import LiteATNet
from ivos.train.config import Recipe
from ivos.train.samples import shares
from ivos.train.stages import Batch, Figures, Group, Stage, cell_share, unit
from ivos.train.strokes import correction_maps
from ivos.types import VOID

FLAT = 1e-6  # the least variance of a sample's object features
SECOND, HELD = 0.6, 0.5  # where A-Net alone is trained: weights of corrected answers and of kept object features


class LiteAnnotationStage(Stage):
    """A-Net: the loss of the first answer, and of a second one after strokes on its own errors.

    The encoder's stem and first stages are not trained here: their backward pass costs more than it brings. Batch norms
    of the backbone keep ImageNet's statistics.
    """

    sequences = False
    net: LiteATNet

    def __init__(self, net: LiteATNet, recipe: Recipe) -> None:
        """Thaw A-Net, the neck, and the backbone but for the recipe's first stages."""
        super().__init__(net, recipe)
        for part in self._learning():
            part.requires_grad_()
        thaw_backbone(net, recipe.frozen_stages)

    def _learning(self) -> tuple[nn.Module, ...]:
        """What is trained at the full rate, statistics of batch norms included."""
        return self.net.annotation_net, *necks(self.net)

    def parameter_groups(self) -> list[Group]:
        """The encoder at a lower rate, everything else at the recipe's."""
        rate = self.recipe.learning_rate
        slow = [p for p in self.net.encoder.backbone.parameters() if p.requires_grad]
        fast = [p for part in self._learning() for p in part.parameters()]
        groups: list[Group] = [{"params": fast, "lr": rate}, {"params": slow, "lr": rate * self.recipe.encoder_rate}]
        return [group for group in groups if group["params"]]

    def train_mode(self) -> None:
        """Batch norms learn in A-Net and the neck; the backbone keeps ImageNet's."""
        self.net.eval()
        for part in self._learning():
            part.train()

    def forward(self, batch: Batch) -> tuple[Tensor, Figures]:
        """The sum of the losses of both answers, with their mean J."""
        truth, maps = batch["mask"], shares(batch["maps"])
        features = self.net.encode_image(unit(batch["image"]))
        first, _ = self.net.annotation_net(features, maps)
        second, _ = self.net.annotation_net(features, self._corrected(first, maps, batch))
        first_loss, first_j = self.answer_loss(first, truth)
        second_loss, second_j = self.answer_loss(second, truth)
        return first_loss + second_loss, {"first_j": first_j, "second_j": second_j}

    @torch.no_grad()
    def answers(self, batch: Batch) -> Tensor:
        """The first answer."""
        self.net.eval()
        logits, _ = self.net.annotation_net(self.net.encode_image(unit(batch["image"])), shares(batch["maps"]))
        return self.full_size(logits, batch["mask"]).sigmoid()

    def _corrected(self, logits: Tensor, maps: Tensor, batch: Batch) -> Tensor:
        probability = self.full_size(logits.detach(), batch["mask"]).sigmoid()
        return corrected(probability, maps, batch["mask"], generators(batch))


class LiteAnnotationBesideStage(LiteAnnotationStage):
    """A-Net's decoder alone, beside a trained T-Net that must go on fitting it.

    The encoder stays whole as it is, and the object features that T-Net is given are held to what they were before the
    run. All batch norms keep their statistics.
    """

    def __init__(self, net: LiteATNet, recipe: Recipe) -> None:
        """Thaw A-Net, and remember it as it was."""
        super().__init__(net, recipe)
        self.before = copy.deepcopy(net.annotation_net).requires_grad_(requires_grad=False)

    def _learning(self) -> tuple[nn.Module, ...]:
        return (self.net.annotation_net,)

    def train_mode(self) -> None:
        """Everything keeps its statistics."""
        self.eval()

    def forward(self, batch: Batch) -> tuple[Tensor, Figures]:
        """The losses of both answers and of what the object features have moved, with the answers' mean J."""
        truth, maps, describe = batch["mask"], shares(batch["maps"]), self.net.transfer_net.describe
        share = cell_share(truth)
        with torch.no_grad():
            features = self.net.encode_image(unit(batch["image"]))
            wanted = describe(features, self.before(features, maps)[1], share, maps[:, 1:2])
        first, middle = self.net.annotation_net(features, maps)
        now = describe(features, middle, share, maps[:, 1:2])
        moved = ((now - wanted).square().mean((1, 2, 3)) / wanted.var((1, 2, 3)).clamp(min=FLAT)).mean()
        second, _ = self.net.annotation_net(features, self._corrected(first, maps, batch))
        first_loss, first_j = self.answer_loss(first, truth)
        second_loss, second_j = self.answer_loss(second, truth)
        figures = {"first_j": first_j, "second_j": second_j, "moved": float(moved.detach())}
        return first_loss + SECOND * second_loss + HELD * moved, figures


def necks(net: LiteATNet) -> tuple[nn.Module, ...]:
    """What the encoder has behind the backbone."""
    return net.encoder.fine, net.encoder.neck_middle, net.encoder.neck_deep


def thaw_backbone(net: LiteATNet, frozen_stages: int) -> None:
    """Let the encoder's stages behind the first `frozen_stages` be trained, but for their depthwise convolutions.

    Those keep ImageNet's weights: most of a step would be their backward pass.
    """
    backbone = net.encoder.backbone
    backbone.stages[frozen_stages:].requires_grad_()
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.requires_grad_(requires_grad=False)


def generators(batch: Batch) -> list[np.random.Generator]:
    """One random generator a sample, the same whichever process computes it."""
    return [np.random.default_rng(draw) for draw in batch["draw"].tolist()]


def corrected(probability: Tensor, maps: Tensor, truth: Tensor, draws: list[np.random.Generator]) -> Tensor:
    """The next round's maps: the network's own answer as previous mask, strokes added on its errors.

    The strokes are found at half size, which a person's are not sharper than.

    Args:
        probability: The answer, shape (B, 1, S, S).
        maps: This round's previous mask, positive and negative map, shape (B, 3, S, S), in [0, 1].
        truth: Shape (B, S, S) uint8.
        draws: One random generator a sample.

    Returns:
        Shape (B, 3, S, S); where a new stroke lies on an older one of the other sign, the new one counts.
    """
    planes = (probability[:, 0] > 0.5, truth == 1, truth != VOID)
    halves = [plane[:, ::2, ::2].cpu().numpy() for plane in planes]
    strokes = [
        np.stack(correction_maps(guess & known, real & known, rng))
        for guess, real, known, rng in zip(*halves, draws, strict=True)
    ]
    drawn = F.interpolate(torch.from_numpy(np.stack(strokes)).to(maps), truth.shape[-2:])  # (B, 2, S, S)
    keep = drawn.flip(1) < 0.5
    return torch.cat((probability, torch.maximum(maps[:, 1:] * keep, drawn)), dim=1)
