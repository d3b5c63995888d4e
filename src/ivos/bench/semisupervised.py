"""Scores of finished masks against true ones, in the form of davis2017-evaluation's semi-supervised mode."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import numpy as np

from ivos.bench.scoring import Scores, process_pool, score_frames
from ivos.core.metrics import Statistics, statistics
from ivos.errors import InputError
from ivos.io.atomic import atomic_write
from ivos.io.images import natural_key
from ivos.io.masks import read_mask
from ivos.types import VOID

GLOBAL_COLUMNS = ("J&F-Mean", "J-Mean", "J-Recall", "J-Decay", "F-Mean", "F-Recall", "F-Decay")
SEQUENCE_COLUMNS = ("Sequence", "J-Mean", "F-Mean")
GLOBAL_FILE, SEQUENCE_FILE = "global_results.csv", "per-sequence_results.csv"
CHUNK = 16
"""Frames a process scores at a time."""


@dataclass(frozen=True)
class ObjectScore:
    """Statistics of one object over the frames of its sequence.

    Attributes:
        name: Sequence and id, such as `bmx-trees_1`.
        j: Of the region similarity.
        f: Of the contour accuracy.
    """

    name: str
    j: Statistics
    f: Statistics


@dataclass(frozen=True)
class MaskPair:
    """A predicted and a true mask file of the same frame."""

    prediction: Path
    truth: Path


def score_folders(
    predictions: str | Path,
    truths: str | Path,
    *,
    interactive: bool = False,
    sequences: Sequence[str] | None = None,
    workers: int = 1,
) -> list[ObjectScore]:
    """The scores of every object of every sequence, sequences in natural order, then ids.

    The number of objects is the largest id in a sequence's first true mask; void (255) counts as background; objects
    that were not predicted score against empty masks.

    Args:
        predictions: A folder for each sequence with a mask for each frame; or the masks of one sequence.
        truths: The same for the true masks.
        interactive: Score all frames; else the first and the last one are left out.
        sequences: Score these only; by default all that have true masks.
        workers: Processes.

    Raises:
        InputError: A sequence or a mask is missing, unreadable, of the wrong size, or has ids beyond the objects.
    """
    found = _sequences(Path(predictions), Path(truths), sequences)
    jobs: list[tuple[str, int, list[MaskPair]]] = []
    for name, pairs in found.items():
        num_objects = _num_objects(pairs[0].truth)
        if not num_objects:
            raise InputError(f"The first true mask of '{name}', '{pairs[0].truth}', shows no object.")
        scored = pairs if interactive else pairs[1:-1]
        if not scored:
            raise InputError(f"'{name}' has {len(pairs)} frames, none of them between the first and the last one.")
        jobs.append((name, num_objects, scored))
    scores = _score(jobs, workers)
    return [
        ObjectScore(f"{name}_{k + 1}", statistics(each[:, k, 0]), statistics(each[:, k, 1]))
        for (name, num_objects, _), each in zip(jobs, scores, strict=True)
        for k in range(num_objects)
    ]


def global_csv(scores: Sequence[ObjectScore]) -> str:
    """The one row of the global results: means over all objects, three decimals."""
    figures = [
        fmean(getattr(getattr(s, m), kind) for s in scores) for m in "jf" for kind in ("mean", "recall", "decay")
    ]
    both = (figures[0] + figures[3]) / 2
    return _csv(GLOBAL_COLUMNS, [[f"{value:.3f}" for value in (both, *figures)]])


def sequence_csv(scores: Sequence[ObjectScore]) -> str:
    """The rows of the per-sequence results, one an object, three decimals."""
    return _csv(SEQUENCE_COLUMNS, [[s.name, f"{s.j.mean:.3f}", f"{s.f.mean:.3f}"] for s in scores])


def write_score_files(folder: str | Path, scores: Sequence[ObjectScore]) -> tuple[Path, Path]:
    """Write `global_results.csv` and `per-sequence_results.csv`; their paths.

    Raises:
        OutputError: The folder cannot be written to.
    """
    files = Path(folder) / GLOBAL_FILE, Path(folder) / SEQUENCE_FILE
    for file, text in zip(files, (global_csv(scores), sequence_csv(scores)), strict=True):
        with atomic_write(file) as out:
            out.write(text.encode())
    return files


def score_pairs(pairs: Sequence[MaskPair], num_objects: int) -> Scores:
    """J and F of the frames, shape (T, K, 2); files are read in this process.

    Raises:
        InputError: See `score_folders`.
    """
    return np.concatenate([_score_pair(pair, num_objects) for pair in pairs])


def _score_pair(pair: MaskPair, num_objects: int) -> Scores:
    prediction, truth = read_mask(pair.prediction), read_mask(pair.truth)
    if prediction.shape != truth.shape:
        raise InputError(
            f"The mask '{pair.prediction}' is {prediction.shape[1]} x {prediction.shape[0]} pixels; "
            f"expected {truth.shape[1]} x {truth.shape[0]} like '{pair.truth}'."
        )
    if prediction.max() > num_objects:
        raise InputError(
            f"The mask '{pair.prediction}' has the id {prediction.max()}; the sequence has objects 1..{num_objects}."
        )
    return score_frames(prediction[None], truth[None], range(1, num_objects + 1))


def _score(jobs: Sequence[tuple[str, int, list[MaskPair]]], workers: int) -> Iterator[Scores]:
    if workers < 1:
        raise InputError(f"Scoring with {workers} workers is impossible; expected an integer >= 1.")
    if workers == 1:
        yield from (score_pairs(pairs, num_objects) for _, num_objects, pairs in jobs)
        return
    with process_pool(workers) as pool:
        waiting = []
        for _, num_objects, pairs in jobs:
            bounds = pairwise([*range(0, len(pairs), CHUNK), len(pairs)])
            waiting.append([pool.submit(score_pairs, pairs[start:stop], num_objects) for start, stop in bounds])
        try:
            for futures in waiting:
                yield np.concatenate([future.result() for future in futures])
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _sequences(predictions: Path, truths: Path, wanted: Sequence[str] | None) -> dict[str, list[MaskPair]]:
    for folder in (predictions, truths):
        if not folder.is_dir():
            raise InputError(f"There is no folder '{folder}'.")
    if wanted is None and _masks(truths):
        return {truths.resolve().name: _pairs(truths.resolve().name, predictions, truths)}
    names = wanted
    if names is None:
        folders = [each.name for each in truths.iterdir() if each.is_dir() and not each.name.startswith(".")]
        names = sorted(folders, key=natural_key)
    if not names:
        raise InputError(f"The folder '{truths}' has neither masks (*.png) nor a folder for each sequence.")
    return {name: _pairs(name, predictions / name, truths / name) for name in names}


def _pairs(name: str, predictions: Path, truths: Path) -> list[MaskPair]:
    for folder in (predictions, truths):
        if not folder.is_dir():
            raise InputError(f"The sequence '{name}' is missing: there is no folder '{folder}'.")
    files = _masks(truths)
    if not files:
        raise InputError(f"The sequence '{name}' has no true mask: no *.png in '{truths}'.")
    pairs = [MaskPair(predictions / file.name, file) for file in files]
    missing = [pair.prediction for pair in pairs if not pair.prediction.is_file()]
    if missing:
        raise InputError(f"The sequence '{name}' lacks {len(missing)} predicted masks, such as '{missing[0]}'.")
    return pairs


def _masks(folder: Path) -> list[Path]:
    """The PNGs of a folder in natural order; hidden files are left out."""
    found = [file for file in folder.glob("*.png") if not file.name.startswith(".")]
    return sorted(found, key=lambda file: natural_key(file.name))


def _num_objects(file: Path) -> int:
    mask = read_mask(file)
    return int(mask[mask != VOID].max(initial=0))


def _csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()
