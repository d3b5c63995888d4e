"""The worst cases of a run as pictures: what was predicted beside what is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ivos.bench.rules import Metric
from ivos.bench.sample import SampleResult, frame_values
from ivos.bench.summary import final_value
from ivos.errors import OutputError
from ivos.io.atomic import atomic_write
from ivos.io.clips import Clip
from ivos.io.overlay import SheetCell, contact_sheet, overlay

WORST_SAMPLES = 5


def write_sheets(folder: Path, results: Sequence[SampleResult], clips: Mapping[str, Clip], metric: Metric) -> None:
    """Write a contact sheet of each of the five worst samples: its worst frames at the end, predicted and true.

    Sheets that an earlier run left of the other samples are deleted.

    Args:
        folder: Where the PNG files go.
        results: The samples; those without a finished round are left out.
        clips: The sequences by name.
        metric: What counts as worst.

    Raises:
        InputError: A frame cannot be read.
        OutputError: The folder cannot be written to.
    """
    played = [result for result in results if result.worst]
    worst = sorted(played, key=lambda each: final_value(each, metric))[:WORST_SAMPLES]
    for result in worst:
        cells = _cells(result, clips[result.sequence], metric)
        sheet = contact_sheet(cells, columns=2, width=480)
        with atomic_write(_file(folder, result)) as file:
            Image.fromarray(sheet).save(file, format="PNG")
    for stale in {_file(folder, result) for result in results} - {_file(folder, result) for result in worst}:
        try:
            stale.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"'{stale}' of an earlier run cannot be deleted ({error}); delete it.") from error


def _file(folder: Path, result: SampleResult) -> Path:
    return folder / f"{result.sequence}.{result.scribble_idx:03d}.png"


def _cells(result: SampleResult, clip: Clip, metric: Metric) -> list[SheetCell]:
    values = dict(zip(result.masked_frames, frame_values(result.rounds[-1].scores, metric), strict=True))
    cells = []
    for t, prediction in result.worst:
        frame = np.asarray(clip.frames[t])
        cells.append(SheetCell(f"{result.sequence} frame {t}: {values[t]:.3f}", overlay(frame, prediction)))
        cells.append(SheetCell("truth", overlay(frame, clip.mask(t))))
    return cells
