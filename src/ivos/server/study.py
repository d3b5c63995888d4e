"""The study mode: a person cuts out every sequence of DAVIS while the meter notes what takes how long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from copy import deepcopy
from datetime import datetime
from pathlib import Path

import numpy as np

from ivos.bench.first_round import read_truth
from ivos.bench.meter import Doing, Meter, StudyTimes
from ivos.bench.scoring import Scorer
from ivos.bench.study_files import StudyRow, broken_off_study, note_dataset, read_rows, study_file, write_rows
from ivos.errors import InputError
from ivos.io.davis import Davis
from ivos.io.images import ImageFolder
from ivos.server.answer_schemas import StudyAnswer
from ivos.server.checks import marked_range
from ivos.server.library import Library
from ivos.server.problems import Problem, missing
from ivos.server.running import RunningRound
from ivos.server.schemas import RoundRequest, StrokeRequest
from ivos.server.workspace import Workspace
from ivos.types import LabelMask

NOT_ON_SHOW = "This sequence is not the one on show in the study."
Clock = Callable[[], float]


class Study:
    """One person's way through the sequences, in the order of their names.

    Args:
        davis: The data set.
        user: Names the result file.
        library: Each sequence becomes a project here.
        method: Names the result's folder.
        weights: The networks' `weights_digest`, noted beside the results; None: unknown.
        clock: Seconds from any start.
    """

    def __init__(
        self,
        davis: Davis,
        user: str,
        library: Library,
        method: str,
        weights: str | None,
        clock: Clock = time.perf_counter,
    ) -> None:
        """Show the first sequence that the user has no result for: a study that was broken off goes on.

        Raises:
            InputError: The user's name cannot be part of a file name, the sequence has no true masks, or the earlier
                results are damaged or about other sequences.
        """
        self.user = user
        self._davis, self._library, self._clock = davis, library, clock
        self._sequences = sorted(davis.sequences)
        results = library.root / "study"
        fresh = study_file(results, method, user, datetime.now())
        earlier = broken_off_study(results, method, user, davis, weights)
        self.file = earlier or fresh
        note_dataset(self.file, davis, weights)
        self._rows: list[StudyRow] = read_rows(earlier) if earlier else []
        self._lock = threading.RLock()
        self._meter = Meter()
        self._number, self._num_frames, self._frame = -1, 0, -1
        self._run: RunningRound | None = None
        self.project_id: str | None = None
        self._next()

    def answer(self) -> StudyAnswer:
        """Where the study is."""
        with self._lock:
            self._catch_up()
            over = self.project_id is None
            locked = self._meter.doing in (Doing.SCRIBBLE, Doing.OPERATE)
            phases = {Doing.SCRIBBLE: "scribble", Doing.OPERATE: "operate"}
            return StudyAnswer(
                user=self.user,
                sequence="" if over else self._sequences[self._number],
                number=min(self._number + 1, len(self._sequences)),
                total=len(self._sequences),
                project_id=self.project_id,
                phase="finished" if over else phases.get(self._meter.doing, "find"),  # type: ignore[arg-type]
                slider_locked=locked,
                frame=self._frame if locked else None,
                round=self._meter.times.rounds,
                jf=float(np.mean([(row.j + row.f) / 2 for row in self._rows])) if over and self._rows else None,
            )

    def prepare(self, workspace: Workspace) -> None:
        """Give a fresh project as many objects as the sequence has, and have it count whole rounds only."""
        workspace.whole_rounds = True
        while workspace.id == self.project_id and workspace.document.num_objects < self._truth.num_objects:
            workspace.add_object(workspace.seq, None)

    def truth(self, project_id: str, t: int) -> LabelMask:
        """The true mask of a frame.

        Raises:
            Problem: The project is not on show, or the frame has none.
        """
        if project_id != self.project_id or t not in self._truth.frames:
            raise missing(f"true mask of frame {t}")
        mask: LabelMask = self._truth.masks[self._truth.frames.index(t)]
        return mask

    def check_on_show(self, project_id: str | None) -> None:
        """Refuse what a page asks for that shows another project.

        Raises:
            Problem: It does.
        """
        if project_id is not None and project_id != self.project_id:
            raise Problem(409, "order", NOT_ON_SHOW)

    def select(self, t: int) -> None:
        """The frame to correct; the first stroke does it in round 1.

        Raises:
            Problem: There is no such frame, or no round yet.
        """
        with self._lock:
            self._catch_up()
            if self._meter.doing is Doing.READY:
                raise Problem(409, "order", "Go to any frame and draw there: the first stroke chooses the frame.")
            if not 0 <= t < self._num_frames:
                raise missing(f"frame {t}")
            self._meter.scribble(self._clock())
            self._frame = t

    def pressed(self, project_id: str, request: StrokeRequest) -> None:
        """A stroke is about to be added: only the selected frame may be drawn on.

        Raises:
            Problem: Another frame is selected, or none.
        """
        with self._lock:
            self._catch_up()
            self.check_on_show(project_id)
            if self._meter.doing is Doing.READY:
                self._meter.scribble(self._clock() - max(0.0, request.end_ms - request.start_ms) / 1000)
                self._frame = request.frame
            if self._meter.doing is not Doing.SCRIBBLE:
                raise Problem(409, "order", "Choose the frame to correct first (A).")
            if request.frame != self._frame:
                raise Problem(409, "order", f"This round is on frame {self._frame}; draw there, then run.")

    def operate(self, workspace: Workspace, request: RoundRequest) -> RunningRound:
        """Start a round with the clock.

        Raises:
            Problem: Nothing is drawn on the chosen frame, or the round would not go through the whole clip.
        """
        with self._lock:
            drawn = self._meter.doing is Doing.SCRIBBLE and workspace.document.present.waiting
            if workspace.id != self.project_id or not drawn:
                raise Problem(409, "order", "Draw on the frame first.")
            within = marked_range(request.first, request.last, self._num_frames)
            if request.direction != "both" or len(within) < self._num_frames:
                sentence = "The study measures whole rounds: take the marks away and propagate both ways."
                raise Problem(409, "order", sentence)
            now = self._clock()
            self._run = run = workspace.begin_round(request)
            self._meter.operate(now)
            return run

    def check_undo(self, workspace: Workspace) -> None:
        """Only strokes of the running round may be undone: what was measured before stands.

        Raises:
            Problem: There are none.
        """
        with self._lock:
            self._catch_up()
            if self._meter.doing is not Doing.SCRIBBLE or not workspace.document.present.waiting:
                raise Problem(409, "order", "In a study only the strokes of the running round can be undone.")

    def check_delete(self, workspace: Workspace, ids: Collection[int]) -> None:
        """Only strokes of the running round may be deleted: what was measured before stands.

        Raises:
            Problem: One of them is of an earlier round, or no round is being drawn.
        """
        with self._lock:
            self._catch_up()
            earlier = {stroke.id for stroke in workspace.document.present.strokes if stroke.round is not None}
            if self._meter.doing is not Doing.SCRIBBLE or earlier.intersection(ids):
                raise Problem(409, "order", "In a study only the strokes of the running round can be deleted.")

    def satisfied(self, workspace: Workspace) -> None:
        """End the sequence on show, write its rows, show the next.

        Raises:
            Problem: The project is not on show, or not any more.
            SessionOrderError: The masks of a round are not on show.
            OutputError: The rows or the next project cannot be written; once they can, the same call goes on.
        """
        with self._lock:
            self._catch_up()
            self.check_on_show(workspace.id)
            name = self._sequences[self._number]
            if all(row.sequence != name for row in self._rows):  # else its rows are written, and the next had no room
                meter = deepcopy(self._meter)
                meter.satisfied(self._clock())
                rows = [*self._rows, *self._measured(workspace, name, meter.times)]
                write_rows(self.file, rows)
                self._meter, self._rows = meter, rows
            self._next()

    def _measured(self, workspace: Workspace, name: str, times: StudyTimes) -> list[StudyRow]:
        step, document = workspace.document.present, workspace.document
        masks = np.stack([workspace.viewer.shown(document, step, t) for t in self._truth.frames])
        ids = self._truth.object_ids
        scores = Scorer()(masks, self._truth.masks, ids).mean(axis=0)  # (K, 2)
        spent = (times.scribble_seconds, times.operation_seconds, times.finding_seconds, times.total_seconds)
        measured = zip(ids, scores, strict=True)
        return [StudyRow(name, k, times.rounds, float(j), float(f), *spent) for k, (j, f) in measured]

    def _next(self) -> None:
        done = {row.sequence for row in self._rows}
        number = next((i for i, each in enumerate(self._sequences) if each not in done), len(self._sequences))
        shown = None
        if number < len(self._sequences):
            name = self._sequences[number]
            clip = self._davis[name]
            truth = read_truth(clip)
            shown = self._library.create(_folder(clip.frames), name, move=False, title=f"{name} ({self.user})")
            self._truth, self._num_frames = truth, len(clip)
        self._number, self.project_id = number, shown
        self._meter = Meter()
        self._frame, self._run = -1, None

    def _catch_up(self) -> None:
        """Notice that a round is over; one that broke off leaves the user at the strokes."""
        if self._run is not None and self._run.over.is_set() and self._meter.doing is Doing.OPERATE:
            ended = max(self._clock() - (time.perf_counter() - self._run.ended), 0.0)
            if self._run.outcome == "done":
                self._meter.find(ended)
            else:
                self._meter.broken_off(ended)
            self._run = None


def open_study(root: Path, user: str, library: Library, method: str, weights: str | None) -> Study:
    """The study on the val sequences of a DAVIS folder: those of 2017, or of 2016 where there is no other list.

    Arguments are as of `Study`.

    Raises:
        InputError: It is no DAVIS folder.
    """
    try:
        davis = Davis(root, split="val", year=2017)
    except InputError:
        davis = Davis(root, split="val", year=2016)
    return Study(davis, user, library, method, weights)


def _folder(frames: ImageFolder) -> Path:
    return frames.path
