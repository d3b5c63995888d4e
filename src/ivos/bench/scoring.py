"""J and F of many frames, spread over processes where that is asked for; the figures do not depend on it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ivos.core.metrics import label_scores
from ivos.errors import InputError

CHUNKS_PER_WORKER = 4
WORTH_PROCESSES = 5_000_000
"""Clips of fewer pixels, over all frames, are scored in this process at once."""

Scores = NDArray[np.float64]
"""J and F of every frame and object: (T, K, 2)."""


class Scorer:
    """Scores label masks; a context manager that ends its processes.

    Args:
        workers: Processes; 1 works in this one. They are started with the first clip that is worth it.
    """

    def __init__(self, workers: int = 1) -> None:
        """Nothing is started yet."""
        if workers < 1:
            raise InputError(f"Scoring with {workers} workers is impossible; expected an integer >= 1.")
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Scorer:
        """The scorer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def __call__(self, predictions: NDArray[np.uint8], truths: NDArray[np.uint8], object_ids: Sequence[int]) -> Scores:
        """J and F, shape (T, K, 2), of K ids in label masks (T, H, W) against the truth of the same shape.

        Raises:
            InputError: The shapes differ.
        """
        if predictions.shape != truths.shape or truths.ndim != 3:
            raise InputError(
                f"Predictions of shape {predictions.shape} cannot be scored against truth of shape {truths.shape}; "
                "expected equal (T, H, W)."
            )
        if self._workers == 1 or truths.size < WORTH_PROCESSES:
            return score_frames(predictions, truths, object_ids)
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._workers, mp_context=multiprocessing.get_context("spawn"))
        parts = min(len(truths), self._workers * CHUNKS_PER_WORKER)
        chunks = (np.array_split(masks, parts) for masks in (predictions, truths))
        return np.concatenate(list(self._pool.map(score_frames, *chunks, repeat(object_ids))))


def score_frames(predictions: NDArray[np.uint8], truths: NDArray[np.uint8], object_ids: Sequence[int]) -> Scores:
    """J and F of every frame and object, shape (T, K, 2), computed in this process."""
    scores = np.empty((len(truths), len(object_ids), 2))
    for t, (prediction, truth) in enumerate(zip(predictions, truths, strict=True)):
        scores[t] = label_scores(prediction, truth, object_ids)
    return scores
