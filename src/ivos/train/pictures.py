"""Pictures of a training run: the loss curve and a grid of samples with the network's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ivos.io.atomic import atomic_write
from ivos.train.stages import Batch
from ivos.types import Pixels

POSITIVE, NEGATIVE, TINT = (0, 255, 0), (255, 0, 0), (255, 40, 40)
SMOOTHED_TO = 60  # points of a curve, about
ROWS = 8  # samples shown


def loss_curve(columns: Mapping[str, Sequence[float]], picture: Path) -> None:
    """Draw every figure of a log against the step, smoothed, into a PNG.

    Args:
        columns: From `ivos.train.log.read_log`.
        picture: The file to write.

    Raises:
        OutputError: The file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in columns if name not in ("step", "seconds")]
    figure = Figure(figsize=(4 * len(names), 3), layout="constrained")
    steps = np.asarray(columns["step"])
    window = max(1, len(steps) // SMOOTHED_TO)
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        axis.plot(steps[window - 1 :], np.convolve(columns[name], np.ones(window) / window, "valid"))
        axis.set_title(name)
        axis.set_xlabel("step")
    with atomic_write(picture) as file:
        FigureCanvasAgg(figure).print_png(file)  # type: ignore[no-untyped-call]


def sample_grid(batch: Batch, answers: Tensor, picture: Path) -> None:
    """Save samples as a PNG at half size, a sample a row: image with strokes, previous mask, truth, answers.

    Args:
        batch: Samples of either stage.
        answers: From `Stage.answers`, shape (B, T, S, S); of a mini-sequence the last T - 1 frames are the targets.
        picture: The file to write.

    Raises:
        OutputError: The file cannot be written.
    """
    shown = min(ROWS, len(answers))
    row = _sequence_row if "images" in batch else _annotation_row
    grid = np.vstack([np.hstack(row(batch, i, answers[i].float().cpu().numpy())) for i in range(shown)])
    with atomic_write(picture) as file:
        Image.fromarray(np.ascontiguousarray(grid[::2, ::2])).save(file, format="PNG")


def _annotation_row(batch: Batch, i: int, answers: NDArray[np.float32]) -> list[Pixels]:
    image, maps = _pixels(batch["image"][i]), batch["maps"][i].cpu().numpy()
    truth = (batch["mask"][i] == 1).cpu().numpy() * np.uint8(255)
    return [_stroked(image, maps), _grey(maps[0]), _grey(truth), _tinted(image, answers[0])]


def _sequence_row(batch: Batch, i: int, answers: NDArray[np.float32]) -> list[Pixels]:
    images, maps = batch["images"][i], batch["maps"][i, 0].cpu().numpy()
    targets = range(len(images) - len(answers) + 1, len(images))
    first = _tinted(_stroked(_pixels(images[0]), maps), answers[0])
    return [first, *(_tinted(_pixels(images[t]), answer) for t, answer in zip(targets, answers[1:], strict=True))]


def _pixels(image: Tensor) -> Pixels:
    return np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())


def _stroked(image: Pixels, maps: NDArray[np.uint8]) -> Pixels:
    stroked = image.copy()
    stroked[maps[1] > 127] = POSITIVE
    stroked[maps[2] > 127] = NEGATIVE
    return stroked


def _grey(levels: NDArray[np.uint8]) -> Pixels:
    return np.repeat(levels[..., None], 3, axis=-1)


def _tinted(image: Pixels, probability: NDArray[np.float32]) -> Pixels:
    share = np.nan_to_num(probability[..., None]) / 2
    return np.asarray(image * (1 - share) + np.array(TINT) * share, dtype=np.uint8)
