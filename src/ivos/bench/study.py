"""The paper's user study: a person cuts out every sequence until satisfied, and time and quality are noted."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ivos.bench.first_round import Truth, read_truth
from ivos.bench.meter import Doing, Meter
from ivos.bench.runner import Dataset
from ivos.bench.scoring import Scorer
from ivos.engine.session import Session
from ivos.errors import InputError, SessionOrderError
from ivos.io.atomic import atomic_write
from ivos.io.clips import Clip
from ivos.model.networks import Networks
from ivos.types import LabelMask, Scribble

COLUMNS = (
    "sequence",
    "obj_id",
    "N_rounds",
    "final_J",
    "final_F",
    "scribble_time",
    "operation_time",
    "finding_time",
    "total_time",
)
"""Of a result file: one row an object, times in seconds."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class StudyRow:
    """What one object of one video took and reached; the times are the video's.

    Attributes:
        sequence: Its name.
        object_id: 1..K.
        rounds: Until the user was satisfied.
        j: Final region similarity, mean over the frames.
        f: Final contour accuracy, mean over the frames.
        scribble_seconds: Spent on drawing.
        operation_seconds: Spent on waiting for masks.
        finding_seconds: Spent on looking for errors.
        total_seconds: All of it.
    """

    sequence: str
    object_id: int
    rounds: int
    j: float
    f: float
    scribble_seconds: float
    operation_seconds: float
    finding_seconds: float
    total_seconds: float


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

    def run(self) -> None:
        """Compute the masks of all frames; from then on the user looks at them.

        Raises:
            SessionOrderError: Nothing was drawn in this round.
        """
        if not self._session.pending:
            raise SessionOrderError("Nothing was drawn in this round; draw on a frame before running.")
        self.meter.operate(self._clock())
        self._frame = None
        for _ in self._session.propagate():
            pass
        self.meter.find(self._clock())

    def satisfied(self) -> list[StudyRow]:
        """End the video; one row for each object.

        Raises:
            SessionOrderError: The masks of a round are not on show.
        """
        self.meter.satisfied(self._clock())
        scores = Scorer()(self._masks(), self._truth.masks, self.num_objects).mean(axis=0)  # (K, 2)
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
            for object_id, (j, f) in enumerate(scores, start=1)
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
        InputError: The file is there, and damaged.
        OutputError: The file cannot be written.
    """
    rows = read_rows(file) if file.exists() else []
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


def study_file(folder: Path, method: str, user: str, started: datetime) -> Path:
    """Where a user's results go: `FOLDER/Alg[METHOD]_YYYYmmdd_HHMMSS/result_USER.csv`.

    Raises:
        InputError: The user's name is empty or cannot be part of a file name.
    """
    if not user or any(sign in user for sign in '/\\:\0"') or user.startswith("."):
        raise InputError(f"The user's name is {user!r}; expected a name that can be part of a file name.")
    return folder / f"Alg[{method}]_{started:%Y%m%d_%H%M%S}" / f"result_{user}.csv"


def broken_off_study(folder: Path, method: str, user: str, sequences: Iterable[str]) -> Path | None:
    """The user's newest result file, named as by `study_file`, if sequences are missing in it; else None.

    Raises:
        InputError: The file is damaged, or about other sequences.
    """
    files = list(folder.glob(f"Alg{escape(f'[{method}]')}_*/result_{escape(user)}.csv"))
    if not files:
        return None
    newest = max(files, key=lambda path: path.parent.name)
    done, every = {row.sequence for row in read_rows(newest)}, set(sequences)
    if not done <= every:
        other = ", ".join(sorted(done - every))
        raise InputError(f"'{newest}' is about other sequences ({other}); move it away, or take another user's name.")
    return None if done == every else newest


def write_rows(file: Path, rows: Iterable[StudyRow]) -> None:
    """Write a result file, whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        times = (row.scribble_seconds, row.operation_seconds, row.finding_seconds, row.total_seconds)
        writer.writerow([row.sequence, row.object_id, row.rounds, row.j, row.f, *times])
    with atomic_write(file) as out:
        out.write(text.getvalue().encode())


def read_rows(file: Path) -> list[StudyRow]:
    """The rows of a result file.

    Raises:
        InputError: It is missing or not such a file.
    """
    try:
        lines = list(csv.reader(file.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The study result '{file}' cannot be read ({error}).") from error
    if not lines or tuple(lines[0]) != COLUMNS:
        raise InputError(f"'{file}' is no study result: its first line is not {','.join(COLUMNS)}.")
    try:
        return [StudyRow(line[0], int(line[1]), int(line[2]), *_numbers(line[3:])) for line in lines[1:]]
    except (ValueError, IndexError, TypeError) as error:
        raise InputError(f"'{file}' is no study result: a row is damaged ({error}).") from error


def _numbers(cells: list[str]) -> tuple[float, float, float, float, float, float]:
    j, f, scribble, operation, finding, total = map(float, cells)
    return j, f, scribble, operation, finding, total
