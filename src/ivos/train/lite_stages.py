"""The two stages of the `lite` networks: A-Net with encoder first, then T-Net on frozen features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ivos.model.efficientnet import CHANNELS
from ivos.model.lite_net import LiteATNet
from ivos.model.networks import FeaturePyramid, TransferResult
from ivos.train.config import Recipe
from ivos.train.stages import Batch, Figures, Group, Stage, cell_share, encoded_frames, unit
from ivos.train.strokes import correction_maps
from ivos.types import VOID

EXACT = 0.5  # share of annotated frames whose object features are those of the truth, as after many corrections
Annotated = list[tuple[FeaturePyramid, Tensor]]


class LiteAnnotationStage(Stage):
    """A-Net: the loss of the first answer, and of a second one after strokes on its own errors.

    The encoder's stem, first stages and depthwise convolutions keep ImageNet's weights: their backward pass costs
    more than it brings. Batch norms of the backbone keep ImageNet's statistics.
    """

    sequences = False
    net: LiteATNet

    def __init__(self, net: LiteATNet, recipe: Recipe) -> None:
        """Thaw A-Net, the neck, and the backbone but for the recipe's first stages and all depthwise convolutions."""
        super().__init__(net, recipe)
        backbone = net.encoder.backbone
        for part in (*self._learning(), backbone.stages[recipe.frozen_stages :]):
            part.requires_grad_()
        for module in backbone.modules():
            if isinstance(module, nn.Conv2d) and module.groups > 1:
                module.requires_grad_(requires_grad=False)

    def _learning(self) -> tuple[nn.Module, ...]:
        """What is trained at the full rate, statistics of batch norms included."""
        return self.net.annotation_net, self.net.encoder.neck_middle, self.net.encoder.neck_deep

    def parameter_groups(self) -> list[Group]:
        """The encoder at a lower rate, everything else at the recipe's."""
        rate = self.recipe.learning_rate
        slow = [p for p in self.net.encoder.backbone.parameters() if p.requires_grad]
        fast = [p for part in self._learning() for p in part.parameters()]
        return [{"params": fast, "lr": rate}, {"params": slow, "lr": rate * self.recipe.encoder_rate}]

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


@torch.no_grad()
def start_from_annotation_net(net: LiteATNet) -> None:
    """Copy A-Net's decoder and keys into T-Net: equal layers whole, of others the frame's features.

    Both decoders read the frame's features first and what else they are given behind them.
    """
    pairs = ((net.annotation_net.decoder, net.transfer_net.decoder), (net.annotation_net.mix, net.transfer_net.mix))
    shared = (net.config.widths.neck, *CHANNELS[:2])
    for given, taken in pairs:
        source = given.state_dict()
        for name, value in taken.state_dict().items():
            if source[name].shape == value.shape:
                value.copy_(source[name])
            else:
                common = max(n for n in shared if n <= value.shape[1])
                value[:, :common] = source[name][:, :common]
    net.transfer_net.key.load_state_dict(net.annotation_net.key.state_dict())


class LiteTransferStage(Stage):
    """T-Net: a roll-out over the targets on its own predictions; encoder and A-Net are frozen."""

    sequences = True
    net: LiteATNet

    def __init__(self, net: LiteATNet, recipe: Recipe) -> None:
        """Thaw T-Net."""
        super().__init__(net, recipe)
        net.transfer_net.requires_grad_()

    def parameter_groups(self) -> list[Group]:
        """T-Net alone."""
        return [{"params": list(self.net.transfer_net.parameters()), "lr": self.recipe.learning_rate}]

    def train_mode(self) -> None:
        """Batch norms learn in T-Net only."""
        self.net.eval()
        self.net.transfer_net.train()

    def forward(self, batch: Batch) -> tuple[Tensor, Figures]:
        """The mean loss of the targets, with their mean J and the errors of the two transfers' maps."""
        frames = self._encoded(batch["images"])
        annotated, first = self._annotated(batch, frames)
        losses, figures = [], []
        for t, parts in self._roll_out(batch, frames, annotated, first):
            truth = batch["masks"][:, t]
            answer, j = self.answer_loss(parts.logits, truth)
            local, local_error = self.transfer_loss(parts.local_map, truth)
            losses += [answer, local]
            figures.append({"j": j, "local": local_error})
            if parts.global_map is not None:
                carried, figures[-1]["global"] = self.transfer_loss(parts.global_map, truth)
                losses.append(carried)
        mean = {name: sum(figure[name] for figure in figures) / len(figures) for name in figures[0]}
        return torch.stack(losses).sum() / len(figures), mean

    @torch.no_grad()
    def answers(self, batch: Batch) -> Tensor:
        """What is taken for the first annotated frame, then the targets."""
        self.net.eval()
        frames = self._encoded(batch["images"])
        annotated, first = self._annotated(batch, frames)
        answers = [parts.logits.sigmoid() for _, parts in self._roll_out(batch, frames, annotated, first)]
        full = [F.interpolate(p.float(), batch["masks"].shape[-2:], mode="bilinear") for p in (first, *answers)]
        return torch.cat(full, dim=1)

    def _roll_out(
        self, batch: Batch, frames: list[FeaturePyramid], annotated: Annotated, first: Tensor
    ) -> Iterator[tuple[int, TransferResult]]:
        starts_annotated = batch["starts_annotated"].bool()[:, None, None, None]
        given = F.avg_pool2d(unit(batch["previous"])[:, None], 4)
        probability = torch.where(starts_annotated, first, given)
        for t in range(len(annotated) + 1, len(frames)):
            parts = self.net.transfer_parts(frames[t], annotated, frames[t - 1], probability)
            yield t, parts
            probability = parts.logits.detach().float().sigmoid()

    @torch.no_grad()
    def _encoded(self, images: Tensor) -> list[FeaturePyramid]:
        return encoded_frames(self.net, images)

    def _annotated(self, batch: Batch, frames: list[FeaturePyramid]) -> tuple[Annotated, Tensor]:
        """The annotated frames with their object features, and the first one's probability (B, 1, h4, w4)."""
        draws = generators(batch)
        annotated, probabilities = [], []
        for n in range(batch["maps"].shape[1]):
            with torch.no_grad():
                logits, middle = self.net.annotation_net(frames[n], unit(batch["maps"][:, n]))
            exact = torch.tensor([rng.random() < EXACT for rng in draws], device=logits.device)[:, None, None, None]
            probability = torch.where(exact, cell_share(batch["masks"][:, n]), logits.float().sigmoid())
            annotated.append((frames[n], self.net.transfer_net.describe(frames[n], middle, probability)))
            probabilities.append(probability)
        return annotated, probabilities[0]


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
