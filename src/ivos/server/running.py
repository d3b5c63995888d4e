"""A round at work: frames arrive, are kept on the disk and become lines of a stream that any number of tabs read."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from typing import Any

from ivos.engine.rounds import Pass, propagation
from ivos.engine.segmenter import ClipSegmenter
from ivos.engine.state import FrameResult, State
from ivos.errors import IvosError
from ivos.io.atomic import output_error
from ivos.server.brain import Brain
from ivos.server.round_files import RoundWriter
from ivos.server.runs import to_runs
from ivos.types import LabelMask

HEARTBEAT_SECONDS = 5.0
POLL_SECONDS = 0.01
Finish = Callable[[int, FrameResult], tuple[FrameResult, LabelMask]]
"""Turns the networks' result of a frame into the one to keep and the mask to show."""
_log = logging.getLogger("ivos.server")


class RunningRound:
    """One round between its start and its last frame.

    Args:
        revision: The name of its masks.
        frames: The order of visit.
        finish: Applied to every frame.
        ended: Called once, with `done`, `cancelled` or `error`.
    """

    def __init__(
        self,
        revision: int,
        frames: Sequence[int],
        finish: Finish,
        ended: Callable[[str, RunningRound], None],
    ) -> None:
        """It does not run yet."""
        self.revision, self.frames = revision, list(frames)
        self.done = 0
        self.seconds = 0.0
        self.ended = 0.0
        self.outcome, self.message = "", ""
        self.visited: list[int] = []
        self.lines: list[bytes] = [_line({"event": "started", "total": len(self.frames), "frames": self.frames})]
        self.over = threading.Event()
        self._cancel = threading.Event()
        self._turn = threading.Lock()
        self._job: Future[None] | None = None
        self._finish_frame, self._ended = finish, ended
        self._pace = 0.0  # seconds a frame, the networks' own frames only

    @property
    def total(self) -> int:
        """Frames to visit."""
        return len(self.frames)

    @property
    def frames_per_second(self) -> float | None:
        """The pace so far."""
        return round(1 / self._pace, 2) if self._pace else None

    @property
    def seconds_left(self) -> float | None:
        """An estimate."""
        return round((self.total - self.done) * self._pace, 1) if self._pace else None

    def start(
        self, brain: Brain, segmenter: ClipSegmenter, state: State, passes: list[Pass], writer: RoundWriter
    ) -> None:
        """Have the worker do the round when its turn comes."""
        self._writer = writer
        self._job = brain.rounds.submit(self._run, brain, segmenter, state, passes)

    def cancel(self) -> None:
        """Stop before the next frame; at once if the round still waits for its turn."""
        with self._turn:
            self._cancel.set()
            if self._job is not None and self._job.cancel() and not self.over.is_set():
                self._finish("cancelled")

    def _run(self, brain: Brain, segmenter: ClipSegmenter, state: State, passes: list[Pass]) -> None:
        outcome = "error"
        try:
            with closing(propagation(segmenter, state, passes)) as steps:
                outcome = "done" if self._frames_of(steps, brain) else "cancelled"
        except IvosError as error:
            self.message = str(error)
        except Exception as error:
            _log.exception("A round failed")
            self.message = f"The round failed unexpectedly ({type(error).__name__}). The log of the server says more."
        self._finish(outcome)

    def _finish(self, outcome: str) -> None:
        try:
            self._writer.close()
        except OSError as error:
            outcome, self.message = "error", str(output_error(self._writer.path, error))
        try:
            self._ended(outcome, self)  # whatever became of the files, the project must not stay busy
        except (IvosError, OSError) as error:
            outcome, self.message = "error", str(error)
        finally:
            self.outcome, self.ended = outcome, time.perf_counter()
            self.over.set()

    def last_line(self, project: dict[str, Any]) -> bytes:
        """The line that ends the stream, with the project as it is then."""
        line: dict[str, Any] = {"event": self.outcome, "done": self.done, "total": self.total, "project": project}
        return _line({**line, "message": self.message} if self.outcome == "error" else line)

    async def stream(self, stopping: threading.Event) -> AsyncIterator[bytes]:
        """All lines but the last, as they come, with heartbeats in between; ends when the round is over, or when
        the server is stopping."""
        sent, quiet_since = 0, time.monotonic()
        while True:
            over = self.over.is_set()
            if sent < len(self.lines):
                fresh = self.lines[sent:]
                sent += len(fresh)
                quiet_since = time.monotonic()
                yield b"".join(fresh)
            elif over or stopping.is_set():
                return
            elif time.monotonic() - quiet_since > HEARTBEAT_SECONDS:
                quiet_since = time.monotonic()
                yield _line({"event": "heartbeat"})
            else:
                await asyncio.sleep(POLL_SECONDS)

    def _frames_of(self, steps: Iterator[tuple[int, FrameResult]], brain: Brain) -> bool:
        """Take every frame; False if it was cancelled before the last one."""
        begun = time.perf_counter()
        while not self._cancel.is_set():
            started = time.perf_counter()
            with brain.lock:
                step = next(steps, None)
                if step is None:
                    return True
                result, mask = self._finish_frame(*step)
            self._take(step[0], result, mask)
            now = time.perf_counter()
            self.seconds = now - begun
            self._pace = now - started if not self._pace else 0.8 * self._pace + 0.2 * (now - started)
        return self.done == self.total

    def _take(self, t: int, result: FrameResult, mask: LabelMask) -> None:
        self._writer.add_result(t, result)
        self.done += 1
        self.visited.append(t)
        line = {
            "event": "frame",
            "frame": t,
            "revision": self.revision,
            "runs": to_runs(mask),
            "confidence": round(result.confidence, 4),
            "done": self.done,
            "total": self.total,
            "frames_per_second": self.frames_per_second,
            "seconds_left": self.seconds_left,
        }
        self.lines.append(_line(line))


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"
