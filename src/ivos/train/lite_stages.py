"""The two stages of the `lite` networks: A-Net with the encoder first, then T-Net, A-Net and the encoder together."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ivos.model.lite_net import LiteATNet
from ivos.model.networks import FeaturePyramid, TransferResult
from ivos.train.config import Recipe
from ivos.train.lite_samples import LEARNED
from ivos.train.stages import Batch, Figures, Group, Stage, cell_share, encoded_frames, unit
from ivos.train.strokes import correction_maps
from ivos.types import VOID

EXACT = 0.35  # share of annotated frames whose object features are those of the truth, as after many corrections
MENDED = 0.7  # share of annotated frames, but the first, whose strokes correct what T-Net makes of them from others
SECOND, HELD = 0.6, 0.5  # where A-Net alone is trained: weights of corrected answers and of kept object features
Annotated = list[tuple[FeaturePyramid, Tensor]]


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
        truth, maps = batch["mask"], unit(batch["maps"])
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
        logits, _ = self.net.annotation_net(self.net.encode_image(unit(batch["image"])), unit(batch["maps"]))
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
        truth, maps, describe = batch["mask"], unit(batch["maps"]), self.net.transfer_net.describe
        share = cell_share(truth)
        with torch.no_grad():
            features = self.net.encode_image(unit(batch["image"]))
            wanted = describe(features, self.before(features, maps)[1], share, maps[:, 1:2])
        first, middle = self.net.annotation_net(features, maps)
        moved = (describe(features, middle, share, maps[:, 1:2]) - wanted).square().mean() / wanted.var()
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
        maps = unit(batch["asked_maps"])
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
        given = F.avg_pool2d(unit(batch["previous"])[:, None], 4)
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
            maps = unit(batch["maps"][:, n])
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
