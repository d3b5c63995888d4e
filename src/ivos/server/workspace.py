"""An open project: every change goes through here, is checked, written to the journal and then applied."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ivos.engine.rounds import plan
from ivos.errors import InputError, OutputError, SessionOrderError
from ivos.io.video import read_video
from ivos.server import checks
from ivos.server import manifest as folder_files
from ivos.server.brain import Brain
from ivos.server.document import STEPS_OF_USER, Document
from ivos.server.export_jobs import ExportJob, ExportJobs
from ivos.server.exporting import Source
from ivos.server.journal import Event, Journal
from ivos.server.painting import Painting
from ivos.server.problems import Problem, busy, missing, stale
from ivos.server.round_files import RoundWriter
from ivos.server.running import RunningRound
from ivos.server.schemas import ExportRequest, LookRequest, RoundRequest, StrokeRequest, View
from ivos.server.steps import Step
from ivos.server.timeline import Timeline
from ivos.server.viewer import Viewer
from ivos.types import MAX_OBJECTS


class Workspace:
    """One project in memory.

    Attributes:
        id: The project's name in addresses.
        folder: Where it is.
        manifest: What never changes about it.
        document: Its history.
        viewer: Its masks.
        timeline: Its strips.
        running: The round at work.
        lock: Held while something changes; who holds it sees one state.
        view: Where the user looks.
        export_choice: What was exported last.
        closed: Whether it was let go; nothing can be changed any more.
        whole_rounds: Whether a broken-off round never counts, as in a study, which measures whole ones.
        used: When it was last asked for, seconds of the monotonic clock.
    """

    def __init__(self, project_id: str, folder: Path, brain: Brain) -> None:
        """Read the project and take its lock.

        Raises:
            InputError: The project or its clip is missing or damaged, or another server has it open.
        """
        self.id, self.folder, self.used = project_id, folder, time.monotonic()
        self.manifest = folder_files.read_manifest(folder)
        self._brain = brain
        self.lock = threading.RLock()
        frames = read_video(folder_files.clip_path(folder, self.manifest))
        if (len(frames), tuple(frames.size)) != (self.manifest.num_frames, self.manifest.size):
            raise InputError(f"The clip of the project '{folder}' has changed; put the original back.")
        self.viewer = Viewer(folder, frames, self.manifest.resolution, brain)
        self.timeline = Timeline(self.viewer)
        self._journal = Journal(folder / folder_files.JOURNAL)
        try:
            self.document = Document(len(frames), self._journal.events, self.viewer.visited)
        except BaseException:
            self._journal.close()
            raise
        self.running: RunningRound | None = None
        self.closed = self.whole_rounds = False
        self.exports = ExportJobs(folder / folder_files.EXPORTS, project_id, brain)
        self.view, self.export_choice = folder_files.read_view(folder)

    @property
    def seq(self) -> int:
        """The number of the newest change."""
        return self.document.seq

    @property
    def at_rest(self) -> bool:
        """Whether neither a round nor an export is at work."""
        return self.running is None and not self.exports.at_work

    def stop(self) -> RunningRound | None:
        """Have round and export stop before their next frames; the round that still has to."""
        self.exports.cancel()
        if (running := self.running) is not None:
            running.cancel()
        return running

    def close(self) -> None:
        """Stop the round that runs, if any, and let go of the project; what is done is on the disk."""
        if (running := self.stop()) is not None:
            running.over.wait()
        with self.lock:
            self.closed = True
            self._journal.close()

    def add_stroke(self, request: StrokeRequest) -> None:
        """One stroke more; A-Net's answer to it is in memory when this returns."""
        with self._changing(request.seq):
            checks.check_frame(self.manifest, request.frame)
            checks.check_objects(self.document, [request.object_id])
            content = request.model_dump(exclude={"seq"})
            self._append({"op": "stroke", **content, "locked": self.document.locked})
            self.viewer.pending(self.document, self.document.present, request.frame)  # the change is safe if that fails

    def paint(self, seq: int, frame: int, painting: Painting) -> None:
        """Take the mask of a frame as the user painted or imported it."""
        with self._changing(seq):
            checks.check_frame(self.manifest, frame)
            for event in painting(self.document, frame, self.viewer.shown(self.document, self._next_step, frame)):
                self._append(event)
            self.viewer.pending(self.document, self.document.present, frame)  # the change is safe if that fails

    def delete_drawn(self, seq: int, ids: Collection[int]) -> None:
        """Some strokes or paint less."""
        with self._changing(seq):
            checks.check_drawn(self.document, ids)
            self._append({"op": "unstroke", "ids": sorted(set(ids)), "locked": self.document.locked})

    def add_object(self, seq: int, name: str | None) -> None:
        """A new object."""
        with self._changing(seq):
            if self.document.num_objects == MAX_OBJECTS:
                raise Problem(422, "input", f"A project cannot have more than {MAX_OBJECTS} objects.")
            self._append({"op": "object", "id": self.document.num_objects + 1, "name": name})

    def change_look(self, object_id: int, request: LookRequest) -> None:
        """Rename, hide, lock or colour an object; a round at work minds only the locking."""
        with self._changing(request.seq, beside_round=request.locked is None):
            checks.check_object(self.document, object_id)
            changes = request.model_dump(exclude={"seq"}, exclude_none=True)
            self._append({"op": "look", "id": object_id, "changes": changes})

    def remove_object(self, object_id: int, seq: int) -> None:
        """An object less, with its strokes and masks."""
        with self._changing(seq):
            checks.check_objects(self.document, [object_id])
            self._append({"op": "unobject", "id": object_id, "locked": self.document.locked})

    def undo(self, seq: int) -> None:
        """One step back; a broken-off round that waits for a decision is that step."""
        with self._changing(seq):
            if self.document.begun is not None:
                undecided = self.document.begun_frames
                self._append({"op": "discard"})
                if undecided:
                    return
            if not self.document.past:
                raise SessionOrderError("There is nothing to undo: the project is as it was in the beginning.")
            self._append({"op": "undo"})

    def redo(self, seq: int) -> None:
        """One step forward again."""
        with self._changing(seq):
            if self.document.begun_frames:
                raise SessionOrderError("A broken-off round waits: keep its frames or throw them away, then redo.")
            if not self.document.future:
                raise SessionOrderError("There is nothing to redo: the last step was not an undo.")
            self._append({"op": "redo"})

    def opened(self) -> None:
        """Remember that a user opened the project now, for the list of projects."""
        with self.lock:
            self._check_open()
            self._note_for_list(opened_at=folder_files.now())

    def rename(self, name: str) -> None:
        """Give the project another name; its folder and address stay. No step of undo."""
        with self.lock:
            self._check_open()
            self._note(name=name)

    def keep_view(self, view: View) -> None:
        """Remember where the user looks."""
        with self.lock:
            self._check_open()
            self.view = view
            folder_files.write_view(self.folder, self.view, self.export_choice)

    def export(self, choice: ExportRequest, check_room: Callable[[int, Path], None]) -> ExportJob:
        """Start an export of the masks as they are shown now, if there is room; remember what was asked for."""
        with self.lock:
            self._check_open()
            if self.running is not None:
                raise busy()
            step = self.document.kept()
            looks = {k: self.document.looks[k] for k in step.objects}
            source = Source(self.manifest.name, self.viewer, self.document, step, looks, choice)
            check_room(source.bytes, self.folder)
            job, self.export_choice = self.exports.start(source), choice
            folder_files.write_view(self.folder, self.view, self.export_choice)
            return job

    def begin_round(self, request: RoundRequest) -> RunningRound:
        """Start a round in the worker.

        Raises:
            SessionOrderError: Nothing was drawn yet.
            InputError: The marks leave out a frame that was drawn on.
        """
        with self._changing(request.seq):
            step, document, segmenter = self._next_step, self.document, self.viewer.segmenter
            state = self.viewer.state(document, step)
            within = checks.marked_range(request.first, request.last, self.manifest.num_frames)
            checks.check_marks(within, state.sources)
            still, reach = {*document.locked, *step.removed}, self._brain.networks.config.reach
            due = step.due.intersection(step.anchors, within).difference(state.pending)
            passes = plan(state, request.direction, within, reach, still, due)
            checks.check_somewhere(state, passes)
            frames = [*state.pending, *(t for run in passes for t in run.targets)]
            self._settle_begun()
            number, total, sources = document.seq + 1, len(set(frames)), list(state.sources)
            writer = RoundWriter(self.folder, number, state.pending, self._brain.fingerprint)
            carried = [t for t in sorted(due) if not set(document.locked).intersection(state.memory[t].objects)]
            begin = {"op": "begin", "total": total, "direction": request.direction, "frames": sources}
            self._append({**begin, "due": carried})
            finish = self.viewer.finish(state, step, document.locked)
            run = RunningRound(document.begun_revision, frames, finish, self._round_ended)
            run.start(self._brain, segmenter, state, passes, writer)
            self.running = run
            return run

    def current_round(self) -> RunningRound:
        """The round at work."""
        if self.running is None:
            raise SessionOrderError("No round is running.")
        return self.running

    def keep_round(self, seq: int) -> None:
        """Take the finished frames of a broken-off round."""
        with self._changing(seq):
            checks.check_undecided(self.document)
            if not self.document.begun_frames:
                raise SessionOrderError("The broken-off round has no finished frame; discard it.")
            self._append({"op": "keep", "seconds": 0.0})

    def discard_round(self, seq: int) -> None:
        """Forget a broken-off round."""
        with self._changing(seq):
            checks.check_undecided(self.document)
            self._append({"op": "discard"})

    @property
    def _next_step(self) -> Step:
        """The step that the next change starts from: the present once a broken-off round is settled."""
        return self.document.present if self.whole_rounds else self.document.kept()

    def _settle_begun(self) -> None:
        """Keep what a broken-off round finished, as a step of undo; where there is nothing to keep it is forgotten."""
        if self.document.begun:
            kept = self.document.begun_frames and not self.whole_rounds
            self._append({"op": "keep", "seconds": 0.0} if kept else {"op": "discard"})

    def _round_ended(self, outcome: str, run: RunningRound) -> None:
        with self.lock:
            self.running = None  # whatever becomes of the journal, the project must not stay busy
            stopped = {"op": "cancel" if run.done else "discard"}
            self._append({"op": "finish", "seconds": round(run.seconds, 3)} if outcome == "done" else stopped)

    def _append(self, event: Event) -> None:
        """Write an event and apply it, upon what a broken-off round finished where it makes a step of its own."""
        if event["op"] in STEPS_OF_USER:
            self._settle_begun()
        event = {"seq": self.document.seq + 1, **event, "at": folder_files.now()}
        self._journal.append(event)
        self.document.apply(event)
        present = self.document.present
        self._note_for_list(num_objects=len(present.objects), num_rounds=len(present.rounds))

    def _check_open(self) -> None:
        if self.closed:
            raise missing(f"project '{self.id}' any more")

    def _note(self, **figures: Any) -> None:
        if (noted := replace(self.manifest, **figures)) != self.manifest:
            folder_files.write_manifest(self.folder, noted)
            self.manifest = noted

    def _note_for_list(self, **figures: Any) -> None:
        with suppress(OutputError):  # a full disk can still be looked at, and the journal has every change
            self._note(**figures)

    @contextmanager
    def _changing(self, seq: int, *, beside_round: bool = False) -> Iterator[None]:
        """The time in which one change is made; refused on an old state and during a round."""
        with self.lock:
            self._check_open()
            if self.running is not None and not beside_round:
                raise busy()
            if seq != self.document.seq:
                raise stale(self.document.seq)
            yield
