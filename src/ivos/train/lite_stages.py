"""The second stage of the `lite` networks: T-Net, A-Net and the encoder together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ivos.model.lite_net import LiteATNet
from ivos.model.networks import FeaturePyramid, TransferResult
from ivos.train.config import Recipe
from ivos.train.lite_annotation_stages import corrected, generators, necks, thaw_backbone
from ivos.train.lite_samples import LEARNED
from ivos.train.samples import shares
from ivos.train.stages import Batch, Figures, Group, Stage, cell_share, encoded_frames

EXACT = 0.35  # share of annotated frames whose object features are those of the truth, as after many corrections
MENDED = 0.7  # share of annotated frames, but the first, whose strokes correct what T-Net makes of them from others
Annotated = list[tuple[FeaturePyramid, Tensor]]


@torch.no_grad()
def start_from_annotation_net(net: LiteATNet) -> None:
    """Copy into T-Net what A-Net's decoder has of the same shape, of its skips what they make of the frame alone.

    A-Net reads the frame's features first and what else it is given behind them.
    """
    given, taken = net.annotation_net.decoder, net.transfer_net.decoder
    skips = ((net.annotation_net.mix, taken.target16), (given.refine8.skip, taken.target8))
    for whole, of_frame in skips:
        for name, value in of_frame.state_dict().items():
            source = whole.state_dict()[name]
            value.copy_(source if source.shape == value.shape else source[:, : value.shape[1]])
    taken.context.load_state_dict(given.context[1].state_dict())
    taken.aspp.load_state_dict(given.aspp.state_dict())
    taken.lateral.load_state_dict(given.lateral.state_dict())
    taken.refine8.load_state_dict(given.refine8.residual.state_dict())
    net.transfer_net.key.load_state_dict(net.annotation_net.key.state_dict())


class LiteTransferStage(Stage):
    """T-Net, A-Net's decoder and the encoder on two rounds of a mini-sequence.

    T-Net rolls out over the targets on its own predictions. The last target then gets strokes on what T-Net made of
    it, A-Net answers them, and T-Net carries that back to the targets before. So A-Net learns to correct T-Net's
    errors, and T-Net sees the masks that a round really starts from. Where several frames are annotated, most strokes
    are corrections too: of what T-Net makes of the frame, from afar, without a previous mask. A-Net also learns from
    first strokes on some of the other frames.
    """

    sequences = True
    net: LiteATNet

    def __init__(self, net: LiteATNet, recipe: Recipe) -> None:
        """Thaw T-Net, A-Net, the neck, and the backbone but for the recipe's first stages."""
        super().__init__(net, recipe)
        for part in (net.transfer_net, net.annotation_net, *necks(net)):
            part.requires_grad_()
        thaw_backbone(net, recipe.frozen_stages)

    def parameter_groups(self) -> list[Group]:
        """Both nets at the recipe's rate, the encoder, which is trained already, at a lower one."""
        rate, net = self.recipe.learning_rate, self.net
        fast = [*net.transfer_net.parameters(), *net.annotation_net.parameters()]
        slow = [p for part in necks(net) for p in part.parameters()]
        slow += [p for p in self.net.encoder.backbone.parameters() if p.requires_grad]
        return [{"params": fast, "lr": rate}, {"params": slow, "lr": rate * self.recipe.encoder_rate}]

    def train_mode(self) -> None:
        """Batch norms learn in T-Net only."""
        self.net.eval()
        self.net.transfer_net.train()

    def forward(self, batch: Batch) -> tuple[Tensor, Figures]:
        """The mean loss of T-Net's answers and A-Net's, with their mean J and the errors of the two transfers' maps."""
        frames = encoded_frames(self.net, batch["images"])
        annotated, first, answer = self._annotated(batch, frames)
        transferred: list[Figures] = []
        loss, first_j = self.answer_loss(answer, batch["masks"][:, 0])
        losses, probability = [loss], first
        for t, parts in self._roll_out(batch, frames, annotated, first):
            probability = parts.logits.detach().float().sigmoid()
            if t >= len(frames) - LEARNED:
                losses.append(self._transferred_loss(parts, batch["masks"][:, t], transferred))
        answer, middle, strokes = self._second_answer(batch, frames[-1], probability)
        loss, second_j = self.answer_loss(answer, batch["masks"][:, -1])
        losses.append(loss)
        probability = answer.detach().float().sigmoid()
        described = self.net.transfer_net.describe(frames[-1], middle, probability, strokes)
        annotated = [*(() if batch["alone"].any() else annotated), (frames[-1], described)]
        probability = torch.where(batch["lost"].bool()[:, None, None, None], 0.0, probability)
        for t in range(len(frames) - 2, len(frames) - 1 - LEARNED, -1):
            parts = self.net.transfer_parts(frames[t], annotated, frames[t + 1], probability)
            losses.append(self._transferred_loss(parts, batch["masks"][:, t], transferred))
            probability = parts.logits.detach().float().sigmoid()
        losses += self._asked_losses(batch, frames)
        mean = {name: sum(figure[name] for figure in transferred) / len(transferred) for name in transferred[0]}
        return torch.stack(losses).mean(), {"first_j": first_j, "second_j": second_j, **mean}

    @torch.no_grad()
    def answers(self, batch: Batch) -> Tensor:
        """What is taken for the first annotated frame, then the targets."""
        self.net.eval()
        frames = encoded_frames(self.net, batch["images"])
        annotated, first, _ = self._annotated(batch, frames)
        answers = [parts.logits.sigmoid() for _, parts in self._roll_out(batch, frames, annotated, first)]
        full = [F.interpolate(p.float(), batch["masks"].shape[-2:], mode="bilinear") for p in (first, *answers)]
        return torch.cat(full, dim=1)

    def _transferred_loss(self, parts: TransferResult, truth: Tensor, figures: list[Figures]) -> Tensor:
        """The loss of one of T-Net's answers and of what its transfers brought; its figures join the list."""
        loss, j = self.answer_loss(parts.logits, truth)
        figures.append({"j": j})
        for name, carried in (("local", parts.local_map), ("global", parts.global_map)):
            if carried is not None:
                error, figures[-1][name] = self.transfer_loss(carried, truth)
                loss = loss + error
        return loss

    def _asked_losses(self, batch: Batch, frames: list[FeaturePyramid]) -> list[Tensor]:
        """The losses of A-Net's answers to first strokes on other frames, whose features are there anyway."""
        asked = batch["asked"][0].tolist()  # the same in all samples of a step
        maps = shares(batch["asked_maps"])
        answers = (self.net.annotation_net(frames[t], maps[:, i])[0] for i, t in enumerate(asked))
        return [self.answer_loss(answer, batch["masks"][:, t])[0] for answer, t in zip(answers, asked, strict=True)]

    def _second_answer(
        self, batch: Batch, features: FeaturePyramid, probability: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """A-Net's answer and mid-layer on the last frame, after strokes on what T-Net made of it, and these strokes."""
        truth = batch["masks"][:, -1]
        before = F.interpolate(probability, truth.shape[-2:], mode="bilinear", align_corners=False)
        maps = before.new_zeros(len(before), 3, *truth.shape[-2:])
        maps = corrected(before, maps, truth, generators(batch))
        answer, middle = self.net.annotation_net(features, maps)
        return answer, middle, maps[:, 1:2]

    def _roll_out(
        self, batch: Batch, frames: list[FeaturePyramid], annotated: Annotated, first: Tensor
    ) -> Iterator[tuple[int, TransferResult]]:
        """T-Net's answers on its own predictions; gradients for the last `LEARNED` only."""
        starts_annotated = batch["starts_annotated"].bool()[:, None, None, None]
        given = F.avg_pool2d(shares(batch["previous"])[:, None], 4)
        probability = torch.where(starts_annotated, first, given)
        for t in range(batch["maps"].shape[1] + 1, len(frames)):
            with torch.set_grad_enabled(torch.is_grad_enabled() and t >= len(frames) - LEARNED):
                parts = self.net.transfer_parts(frames[t], annotated, frames[t - 1], probability)
            yield t, parts
            probability = parts.logits.detach().float().sigmoid()

    def _annotated(self, batch: Batch, frames: list[FeaturePyramid]) -> tuple[Annotated, Tensor, Tensor]:
        """The annotated frames with their object features, the one that the pass starts from first; of that one also
        the probability (B, 1, h4, w4) to start from, and A-Net's logits, with gradients.

        It is annotated last, as in a round that follows others. In a step marked "alone" it is then all that T-Net has.
        """
        draws = generators(batch)
        annotated: Annotated = []
        probability = logits = torch.empty(0)
        for n in reversed(range(batch["maps"].shape[1])):
            maps = shares(batch["maps"][:, n])
            if annotated:
                maps = self._mended(batch, frames[n], n, annotated, maps, draws)
            with torch.set_grad_enabled(torch.is_grad_enabled() and n == 0):
                logits, middle = self.net.annotation_net(frames[n], maps)
            exact = torch.tensor([rng.random() < EXACT for rng in draws], device=logits.device)[:, None, None, None]
            probability = torch.where(exact, cell_share(batch["masks"][:, n]), logits.detach().float().sigmoid())
            described = self.net.transfer_net.describe(frames[n], middle, probability, maps[:, 1:2])
            annotated.insert(0, (frames[n], described))
        return annotated[:1] if batch["alone"].any() else annotated, probability, logits

    @torch.no_grad()
    def _mended(
        self,
        batch: Batch,
        features: FeaturePyramid,
        n: int,
        annotated: Annotated,
        maps: Tensor,
        draws: list[np.random.Generator],
    ) -> Tensor:
        """The maps of annotated frame n, most of them corrections to what the global transfer alone makes of it."""
        truth = batch["masks"][:, n]
        nothing = torch.zeros_like(cell_share(truth))
        guess = self.net.transfer(features, annotated, annotated[0][0], nothing)
        before = self.full_size(guess, truth).sigmoid()
        mended = corrected(before, torch.zeros_like(maps), truth, draws)
        chosen = torch.tensor([rng.random() < MENDED for rng in draws], device=maps.device)
        return torch.where(chosen[:, None, None, None], mended, maps)
