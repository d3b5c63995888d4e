"""The two stages of the paper's networks as the paper describes them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ivos.model.networks import AnnotationResult, TransferResult
from ivos.model.paper_net import PaperATNet
from ivos.model.se_resnet import normalise
from ivos.train.config import Recipe
from ivos.train.samples import shares
from ivos.train.stages import Batch, Figures, Group, Stage, encoded_frames, unit


class PaperAnnotationStage(Stage):
    """A-Net: class-balanced cross-entropy of its answer; the converter, whose output T-Net reads, waits for stage 2."""

    sequences = False
    net: PaperATNet

    def __init__(self, net: PaperATNet, recipe: Recipe) -> None:
        """Thaw A-Net's encoder and decoder."""
        super().__init__(net, recipe)
        for part in self._learning():
            part.requires_grad_()

    def _learning(self) -> tuple[torch.nn.Module, ...]:
        return self.net.annotation_net.encoder, self.net.annotation_net.decoder

    def parameter_groups(self) -> list[Group]:
        """All of it at one rate."""
        parameters = [p for part in self._learning() for p in part.parameters()]
        return [{"params": parameters, "lr": self.recipe.learning_rate}]

    def train_mode(self) -> None:
        """Batch norms and dropouts train in encoder and decoder."""
        self.net.eval()
        for part in self._learning():
            part.train()

    def forward(self, batch: Batch) -> tuple[Tensor, Figures]:
        """The loss of the answer, with its mean J."""
        loss, j = self.answer_loss(annotate(self.net, batch["image"], batch["maps"]).logits, batch["mask"])
        return loss, {"j": j}

    @torch.no_grad()
    def answers(self, batch: Batch) -> Tensor:
        """The answer."""
        self.net.eval()
        return self.full_size(annotate(self.net, batch["image"], batch["maps"]).logits, batch["mask"]).sigmoid()


class PaperTransferStage(Stage):
    """T-Net with the converter: L = Lc + lambda Laux over a mini-sequence that starts at the annotated frame.

    A-Net's encoder and decoder are frozen. The previous frame of the first target is the annotated one with A-Net's
    probability; from then on it is T-Net's own answer, through which no gradient flows back to earlier frames.
    """

    sequences = True
    net: PaperATNet

    def __init__(self, net: PaperATNet, recipe: Recipe) -> None:
        """Thaw T-Net and the converter."""
        super().__init__(net, recipe)
        for part in self._learning():
            part.requires_grad_()

    def _learning(self) -> tuple[torch.nn.Module, ...]:
        return self.net.transfer_net, self.net.annotation_net.converter

    def parameter_groups(self) -> list[Group]:
        """All of it at one rate."""
        parameters = [p for part in self._learning() for p in part.parameters()]
        return [{"params": parameters, "lr": self.recipe.learning_rate}]

    def train_mode(self) -> None:
        """Batch norms and dropouts train in T-Net and the converter."""
        self.net.eval()
        for part in self._learning():
            part.train()

    def forward(self, batch: Batch) -> tuple[Tensor, Figures]:
        """The mean loss of the targets, with their mean J and the error of the local transfer's map."""
        answer = annotate(self.net, batch["images"][:, 0], batch["maps"][:, 0])
        losses, j, local = [], 0.0, 0.0
        for t, parts in self._roll_out(batch, answer):
            answer_loss, target_j = self.answer_loss(parts.logits, batch["masks"][:, t])
            assert parts.local_map is not None, "the paper's networks carry it"
            local_loss, local_error = self.transfer_loss(parts.local_map, batch["masks"][:, t])
            losses.append(answer_loss + local_loss)
            j, local = j + target_j, local + local_error
        return torch.stack(losses).mean(), {"j": j / len(losses), "local": local / len(losses)}

    @torch.no_grad()
    def answers(self, batch: Batch) -> Tensor:
        """A-Net's answer for the annotated frame, then the targets'."""
        self.net.eval()
        answer = annotate(self.net, batch["images"][:, 0], batch["maps"][:, 0])
        logits = [answer.logits, *(parts.logits for _, parts in self._roll_out(batch, answer))]
        return torch.cat([self.full_size(x, batch["masks"][:, 0]).sigmoid() for x in logits], dim=1)

    def _roll_out(self, batch: Batch, answer: AnnotationResult) -> Iterator[tuple[int, TransferResult]]:
        frames = encoded_frames(self.net, batch["images"])
        logits = answer.logits
        for t in range(1, len(frames)):
            probability = self.net.previous_probability(logits.detach().float())
            parts = self.net.transfer_parts(
                frames[t], [(frames[0], answer.object_features)], frames[t - 1], probability
            )
            yield t, parts
            logits = parts.logits


def annotate(net: PaperATNet, images: Tensor, maps: Tensor) -> AnnotationResult:
    """A-Net's answer for a batch of images (B, 3, S, S) and maps (B, 3, S, S), both uint8."""
    result: AnnotationResult = net.annotation_net(normalise(unit(images)), shares(maps))
    return result
