"""Pictures of a training run: the loss curve and a grid of samples with the network's answers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ivos.train.stages import AnnotationStage, TransferStage


def loss_curve(log: Path, picture: Path) -> None:
    """Draw every figure of a CSV log against the step, smoothed, into a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    with log.open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    names = [name for name in rows[0] if name not in ("step", "seconds")]
    figure, axes = plt.subplots(1, len(names), figsize=(4 * len(names), 3), squeeze=False)
    window = max(1, len(rows) // 60)
    kernel = np.ones(window) / window
    for axis, name in zip(axes[0], names, strict=True):
        steps, values = np.array([r["step"] for r in rows]), np.array([r[name] for r in rows])
        axis.plot(steps[window - 1 :], np.convolve(values, kernel, "valid"))
        axis.set_title(name)
        axis.set_xlabel("step")
    figure.tight_layout()
    figure.savefig(picture, dpi=80)
    plt.close(figure)


@torch.no_grad()
def sample_grid(stage: AnnotationStage | TransferStage, batch: dict[str, Tensor], picture: Path) -> None:
    """Save the batch's images, prompts, truth and the network's answer as a PNG, a sample a row."""
    stage.net.eval()
    rows = _annotation_rows(stage, batch) if isinstance(stage, AnnotationStage) else _transfer_rows(stage, batch)
    Image.fromarray(np.vstack([np.hstack(row) for row in rows])[::2, ::2]).save(picture)


def _annotation_rows(stage: AnnotationStage, batch: dict[str, Tensor]) -> list[list[np.ndarray]]:
    maps = batch["maps"].float() / 255
    logits, _ = stage.net.annotation_net(stage.net.encode_image(batch["image"].float() / 255), maps)
    rows = []
    for i in range(len(logits)):
        image = batch["image"][i].permute(1, 2, 0).cpu().numpy().copy()
        image[maps[i, 1].cpu().numpy() > 0.5] = (0, 255, 0)
        image[maps[i, 2].cpu().numpy() > 0.5] = (255, 0, 0)
        rows.append([image, *(_grey(x) for x in (maps[i, 0], (batch["mask"][i] == 1).float(), _full(logits[i], maps)))])
    return rows


def _transfer_rows(stage: TransferStage, batch: dict[str, Tensor]) -> list[list[np.ndarray]]:
    count, total = batch["maps"].shape[1], batch["images"].shape[1]
    frames = list(stage._encoded(batch["images"]))  # noqa: SLF001
    annotated, first = stage._annotated(batch, frames[:count], np.random.default_rng(0))  # noqa: SLF001
    start = batch["starts_annotated"].bool()[:, None, None, None]
    probability = torch.where(start, first, F.avg_pool2d(batch["previous"][:, None].float() / 255, 4))
    rows: list[list[np.ndarray]] = [[_tinted(batch["images"][i, 0], first[i])] for i in range(len(first))]
    for t in range(count, total):
        if t > count:
            probability = stage.net.transfer(frames[t], annotated, frames[t - 1], probability).float().sigmoid()
        for i, row in enumerate(rows):
            row.append(_tinted(batch["images"][i, t], probability[i]))
    return rows


def _full(logits: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(logits[None].float(), like.shape[-2:], mode="bilinear")[0, 0].sigmoid()


def _grey(values: Tensor) -> np.ndarray:
    return np.repeat((255 * values.float().cpu().numpy()).astype(np.uint8)[..., None], 3, axis=-1)


def _tinted(image: Tensor, probability: Tensor) -> np.ndarray:
    full = F.interpolate(probability[None].float(), image.shape[-2:], mode="bilinear")[0, 0].cpu().numpy()[..., None]
    tint = np.array([255, 40, 40]) * full * 0.5
    return (image.permute(1, 2, 0).cpu().numpy() * (1 - 0.5 * full) + tint).astype(np.uint8)
