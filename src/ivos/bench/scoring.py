"""J and F of many frames, spread over processes where that is asked for; the figures do not depend on it."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import repeat
from threading import Thread
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ivos.core.metrics import label_scores
from ivos.errors import InputError, IvosError

ATTEMPTS = 2
"""A clip whose processes die is scored again; so often in all."""
CHUNKS_PER_WORKER = 4
WORTH_PROCESSES = 5_000_000
"""Clips of fewer pixels, over all frames, are scored in this process at once."""

Scores = NDArray[np.float64]
"""J and F of every frame and object: (T, K, 2)."""


class ScoringError(IvosError):
    """The processes that compute J and F died, which is no fault of the method under test."""


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
        self._end_pool()

    def __call__(self, predictions: NDArray[np.uint8], truths: NDArray[np.uint8], object_ids: Sequence[int]) -> Scores:
        """J and F, shape (T, K, 2), of K ids in label masks (T, H, W) against the truth of the same shape.

        Where a process dies, new ones score the clip once more.

        Raises:
            InputError: The shapes differ.
            ScoringError: One of the new processes died, too.
        """
        if predictions.shape != truths.shape or truths.ndim != 3:
            raise InputError(
                f"Predictions of shape {predictions.shape} cannot be scored against truth of shape {truths.shape}; "
                "expected equal (T, H, W)."
            )
        if self._workers == 1 or truths.size < WORTH_PROCESSES:
            return score_frames(predictions, truths, object_ids)
        parts = min(len(truths), self._workers * CHUNKS_PER_WORKER)
        chunks = [np.array_split(masks, parts) for masks in (predictions, truths)]
        for _ in range(ATTEMPTS):
            if self._pool is None:
                self._pool = process_pool(self._workers)
            try:
                return np.concatenate(list(self._pool.map(score_frames, *chunks, repeat(object_ids))))
            except BrokenProcessPool:
                self._end_pool()
        raise ScoringError(
            f"The processes that compute J and F died {ATTEMPTS} times; they may have run out of memory. Free some and "
            "run again: samples that are finished in an output folder are not played again."
        )

    def _end_pool(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def process_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of new processes, which end with this one, however it ends."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)


def _end_with_parent() -> None:
    Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def score_frames(predictions: NDArray[np.uint8], truths: NDArray[np.uint8], object_ids: Sequence[int]) -> Scores:
    """J and F of every frame and object, shape (T, K, 2), computed in this process."""
    scores = np.empty((len(truths), len(object_ids), 2))
    for t, (prediction, truth) in enumerate(zip(predictions, truths, strict=True)):
        scores[t] = label_scores(prediction, truth, object_ids)
    return scores
