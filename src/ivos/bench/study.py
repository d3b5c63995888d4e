"""The paper's user study: a person cuts out every sequence until satisfied, and time and quality are noted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ivos.bench.first_round import Truth, read_truth
from ivos.bench.meter import Doing, Meter
from ivos.bench.runner import Dataset
from ivos.bench.scoring import Scorer
from ivos.bench.study_files import COLUMNS, StudyRow, note_dataset, read_rows, study_file, write_rows
from ivos.engine.session import Session
from ivos.errors import InputError, SessionOrderError
from ivos.io.clips import Clip
from ivos.model.networks import Networks, weights_digest
from ivos.types import LabelMask, Scribble

__all__ = ["COLUMNS", "StudyRow", "StudyUser", "StudyVideo", "read_rows", "run_study", "study_file", "write_rows"]

Clock = Callable[[], float]


class StudyVideo:
    """One video in front of a user: draw, run, look, select the next frame, ... until satisfied.

    In the first round any frame may be drawn on, and the clock runs from the first press. Later the frame is
    selected first, and only it may be drawn on.
    """

    def __init__(self, model: Networks, clip: Clip, clock: Clock = time.perf_counter) -> None:
        """Show a video.

        Args:
            model: The networks.
            clip: The sequence, with true masks.
            clock: Seconds from any start.

        Raises:
            InputError: The sequence has no true masks, or they are unusable.
        """
        self.clip = clip
        self.meter = Meter()
        self._truth: Truth = read_truth(clip)
        self._session = Session(model, clip.frames, self._truth.num_objects)
        self._clock = clock
        self._frame: int | None = None

    @property
    def num_objects(self) -> int:
        """K; the user sees the true masks beside the frames."""
        return self._truth.num_objects

    @property
    def frame(self) -> int | None:
        """The frame that is being drawn on, None while none is."""
        return self._frame

    def mask(self, t: int) -> LabelMask:
        """The mask of frame t after the newest round, (H, W) uint8."""
        return self._session.mask(t)

    def select_frame(self, t: int) -> None:
        """Begin to draw on frame t: the first press in round 1, the button of that name later.

        Raises:
            InputError: There is no such frame.
            SessionOrderError: A frame is being drawn on already, or masks are being computed.
        """
        if not 0 <= t < len(self.clip):
            raise InputError(f"There is no frame {t}; '{self.clip.name}' has frames 0..{len(self.clip) - 1}.")
        self.meter.scribble(self._clock())
        self._frame = t

    def draw(self, scribbles: Iterable[Scribble]) -> LabelMask:
        """A-Net's mask of the frame being drawn on, with these strokes added, (H, W) uint8.

        Raises:
            SessionOrderError: No frame is selected.
            InputError: There is no stroke, or one for an object that does not exist.
        """
        if self._frame is None:
            raise SessionOrderError("No frame is selected; call `select_frame` before drawing.")
        return self._session.annotate(self._frame, scribbles)

    def run(self, show: Callable[[], None] = lambda: None) -> None:
        """Compute the masks of all frames; from then on the user looks at them, or draws on if it failed.

        Args:
            show: Puts the masks before the user, who waits for that, too. What it raises is raised after the round.

        Raises:
            SessionOrderError: Nothing was drawn in this round.
        """
        if not self._session.pending:
            raise SessionOrderError("Nothing was drawn in this round; draw on a frame before running.")
        self.meter.operate(self._clock())
        try:
            for _ in self._session.propagate():
                pass
        except BaseException:
            self.meter.broken_off(self._clock())
            raise
        self._frame = None
        try:
            show()
        finally:
            self.meter.find(self._clock())

    def satisfied(self) -> list[StudyRow]:
        """End the video; one row for each object.

        Raises:
            SessionOrderError: The masks of a round are not on show.
        """
        self.meter.satisfied(self._clock())
        scores = Scorer()(self._masks(), self._truth.masks, self._truth.object_ids).mean(axis=0)  # (K, 2)
        times = self.meter.times
        return [
            StudyRow(
                self.clip.name,
                object_id,
                times.rounds,
                float(j),
                float(f),
                times.scribble_seconds,
                times.operation_seconds,
                times.finding_seconds,
                times.total_seconds,
            )
            for object_id, (j, f) in zip(self._truth.object_ids, scores, strict=True)
        ]

    def _masks(self) -> NDArray[np.uint8]:
        return np.stack([self._session.mask(t) for t in self._truth.frames])


class StudyUser(Protocol):
    """A person in front of a study, or a script that takes the place."""

    def __call__(self, video: StudyVideo, /) -> None:
        """Draw, run and select frames; return when satisfied, after at least one round."""


def run_study(
    model: Networks,
    dataset: Dataset,
    user: StudyUser,
    file: Path,
    clock: Clock = time.perf_counter,
) -> list[StudyRow]:
    """The rows of all sequences, in the order of their names; the file is written anew after every video.

    Sequences that the file has already, from a study that was broken off, are not played again.

    Args:
        model: The networks.
        dataset: The sequences.
        user: Who draws.
        file: The CSV file, from `study_file`.
        clock: Seconds from any start.

    Raises:
        SessionOrderError: The user left a video in the middle of a round.
        InputError: The file is there, and damaged, or its folder is about another data set or other weights.
        OutputError: The file cannot be written.
    """
    rows = read_rows(file) if file.exists() else []
    note_dataset(file, dataset, weights_digest(model))
    for name in sorted(set(dataset.sequences) - {row.sequence for row in rows}):
        video = StudyVideo(model, dataset[name], clock)
        user(video)
        if video.meter.doing is not Doing.FIND:
            raise SessionOrderError(
                f"The user left '{name}' while the state was '{video.meter.doing.value}'; expected 'find'."
            )
        rows += video.satisfied()
        write_rows(file, rows)
    return rows
