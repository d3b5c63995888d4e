"""The two stages: what is trained, and the loss of a batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ivos.model.lite_net import LiteATNet
from ivos.model.networks import FeaturePyramid
from ivos.train.config import Recipe
from ivos.train.losses import map_error, mask_loss
from ivos.train.strokes import correction_maps

Batch = dict[str, Tensor]
Logs = dict[str, float]


def _freeze(module: nn.Module) -> None:
    module.requires_grad_(False)


class AnnotationStage(nn.Module):
    """A-Net: the loss of the first answer, and of a second one after strokes on its own errors."""

    def __init__(self, net: LiteATNet, recipe: Recipe) -> None:
        """Freeze what the recipe does not train."""
        super().__init__()
        self.net, self.recipe = net, recipe
        _freeze(net.transfer_net)
        _freeze(net.encoder.backbone.stem)
        _freeze(net.encoder.backbone.stages[: recipe.frozen_stages])
        for module in net.encoder.backbone.modules():
            if isinstance(module, nn.Conv2d) and module.groups > 1:
                _freeze(module)

    def parameter_groups(self) -> list[dict[str, object]]:
        """The encoder at a lower rate, everything else at the recipe's."""
        net, rate = self.net, self.recipe.learning_rate
        slow = [p for p in net.encoder.backbone.parameters() if p.requires_grad]
        fast = [*net.annotation_net.parameters(), *net.encoder.neck_middle.parameters(), *net.encoder.neck_deep.parameters()]
        return [{"params": fast, "lr": rate}, {"params": slow, "lr": rate * self.recipe.encoder_rate}]

    def train_mode(self) -> None:
        """Batch norms learn in A-Net and the neck; the backbone keeps ImageNet's."""
        self.net.eval()
        self.net.annotation_net.train()
        self.net.encoder.neck_middle.train()
        self.net.encoder.neck_deep.train()

    def forward(self, batch: Batch, rng: np.random.Generator) -> tuple[Tensor, Logs]:
        """The loss of a batch of `Sampler.annotation_sample`, and figures to log."""
        truth, maps = batch["mask"], batch["maps"].float() / 255
        features = self.net.encode_image(batch["image"].float() / 255)
        first, _ = self.net.annotation_net(features, maps)
        second, _ = self.net.annotation_net(features, corrected(first, maps, truth, rng))
        weights = {"balance": self.recipe.balance, "overlap": self.recipe.overlap}
        losses = [mask_loss(logits, truth, **weights) for logits in (first, second)]
        logs = {"first_j": jaccard(first, truth), "second_j": jaccard(second, truth)}
        return losses[0] + losses[1], logs


def corrected(logits: Tensor, maps: Tensor, truth: Tensor, rng: np.random.Generator) -> Tensor:
    """The next round's maps: the network's own answer as previous mask, strokes added on its errors.

    The strokes are found at half size, which a person's are not sharper than.
    """
    probability = F.interpolate(logits.detach().float(), truth.shape[-2:], mode="bilinear").sigmoid()
    wrong = [array[:, ::2, ::2].numpy() for array in ((probability[:, 0] > 0.5).cpu(), (truth == 1).cpu(), (truth != 255).cpu())]
    drawn = [correction_maps(guess & known, real & known, rng) for guess, real, known in zip(*wrong, strict=True)]
    strokes = torch.from_numpy(np.stack([np.stack(pair) for pair in drawn])).to(maps)  # (B, 2, H/2, W/2)
    strokes = F.interpolate(strokes, truth.shape[-2:])
    keep = strokes.flip(1) < 0.5  # a newer stroke of the other sign overwrites
    return torch.cat((probability, torch.maximum(maps[:, 1:] * keep, strokes)), dim=1)


class TransferStage(nn.Module):
    """T-Net: a roll-out over the targets on its own predictions; encoder and A-Net are frozen."""

    def __init__(self, net: LiteATNet, recipe: Recipe) -> None:
        """Freeze encoder and A-Net."""
        super().__init__()
        self.net, self.recipe = net, recipe
        _freeze(net.encoder)
        _freeze(net.annotation_net)

    def parameter_groups(self) -> list[dict[str, object]]:
        """T-Net alone."""
        return [{"params": list(self.net.transfer_net.parameters()), "lr": self.recipe.learning_rate}]

    def train_mode(self) -> None:
        """Batch norms learn in T-Net only."""
        self.net.eval()
        self.net.transfer_net.train()

    def forward(self, batch: Batch, rng: np.random.Generator) -> tuple[Tensor, Logs]:
        """The loss of a batch of `Sampler.sequence_sample`, and figures to log."""
        images, masks, recipe = batch["images"], batch["masks"], self.recipe
        count = batch["maps"].shape[1]
        frames = list(self._encoded(images))
        annotated, first = self._annotated(batch, frames[:count], rng)
        start = batch["starts_annotated"].bool()[:, None, None, None]
        given = F.avg_pool2d(batch["previous"][:, None].float() / 255, 4)
        probability = torch.where(start, first, given)
        total, logs = torch.zeros(()), {"j": 0.0, "local": 0.0, "global": 0.0}
        targets = range(count + 1, len(frames))
        for t in targets:
            parts = self.net.transfer_parts(frames[t], annotated, frames[t - 1], probability)
            truth = masks[:, t]
            local_error = map_error(parts.local_map, truth)
            total = total + mask_loss(parts.logits, truth, balance=recipe.balance, overlap=recipe.overlap)
            total = total + recipe.auxiliary * local_error
            if parts.global_map is not None:
                global_error = map_error(parts.global_map, truth)
                total = total + recipe.auxiliary * global_error
                logs["global"] += float(global_error) / len(targets)
            logs["j"] += jaccard(parts.logits, truth) / len(targets)
            logs["local"] += float(local_error) / len(targets)
            probability = parts.logits.detach().float().sigmoid()
        return total / len(targets), logs

    def _encoded(self, images: Tensor) -> Iterator[FeaturePyramid]:
        batch, frames = images.shape[:2]
        with torch.no_grad():
            flat = images.flatten(0, 1).float() / 255
            flat = flat.contiguous(memory_format=torch.channels_last)
            pyramid = self.net.encode_image(flat)
        levels = [level.unflatten(0, (batch, frames)) for level in (pyramid.s4, pyramid.s8, pyramid.s16)]
        for t in range(frames):
            yield FeaturePyramid(*(level[:, t] for level in levels))

    def _annotated(
        self, batch: Batch, frames: list[FeaturePyramid], rng: np.random.Generator
    ) -> tuple[list[tuple[FeaturePyramid, Tensor]], Tensor]:
        """The annotated frames with their object features, and the first one's probability (B, 1, h4, w4).

        A-Net's answer stands for half of the samples; the others have the truth, as after many corrections.
        """
        annotated = []
        first = torch.zeros(())
        for n, features in enumerate(frames):
            truth = batch["masks"][:, n]
            with torch.no_grad():
                logits, middle = self.net.annotation_net(features, batch["maps"][:, n].float() / 255)
            exact = torch.from_numpy(rng.random(len(truth)) < 0.5)[:, None, None, None].to(truth.device)
            probability = torch.where(exact, F.avg_pool2d((truth == 1).float()[:, None], 4), logits.float().sigmoid())
            annotated.append((features, self.net.transfer_net.describe(features, middle, probability)))
            first = probability if n == 0 else first
        return annotated, first


@torch.no_grad()
def jaccard(logits: Tensor, truth: Tensor) -> float:
    """Mean region similarity of a batch at threshold 0.5; logits (B, 1, h, w), truth (B, H, W)."""
    guess = F.interpolate(logits.float(), truth.shape[-2:], mode="bilinear")[:, 0] > 0
    known = truth != 255
    real = (truth == 1) & known
    guess = guess & known
    both, either = (guess & real).sum((1, 2)).float(), (guess | real).sum((1, 2)).float()
    return float(torch.where(either > 0, both / either.clamp(min=1), 1.0).mean())
