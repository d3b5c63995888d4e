"""Exports at work: one at a time in a project, in their own worker."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from pathlib import Path
from typing import Literal

from ivos.errors import IvosError
from ivos.server.answer_schemas import ExportAnswer
from ivos.server.brain import Brain
from ivos.server.exporting import Counted, Source, Stopped, write_export
from ivos.server.problems import busy, missing

Status = Literal["running", "done", "cancelled", "failed"]
_log = logging.getLogger("ivos.server")


class ExportJob:
    """One export.

    Args:
        number: Its number in the project.
        project_id: The project.
        folder: Where the file goes.
        source: What is written.
    """

    def __init__(self, number: int, project_id: str, folder: Path, source: Source) -> None:
        """It does not run yet."""
        self.number, self.message = number, ""
        self.path = folder / f"{number:03d}" / source.file_name
        self._project_id, self._source = project_id, source
        self._frames = Counted(source.frames)
        self.status: Status = "running"
        self.turn: Future[None] | None = None

    def run(self) -> None:
        """Write the file; called in the worker."""
        try:
            write_export(self.path, self._source, self._frames)
            self.status = "done"
        except Stopped:
            self.status = "cancelled"
        except IvosError as error:
            self.status, self.message = "failed", str(error)
        except Exception as error:
            _log.exception("An export failed")
            self.message = f"The export failed unexpectedly ({type(error).__name__}). The log of the server says more."
            self.status = "failed"

    def cancel(self) -> None:
        """Stop before the next frame, or at once if it still waits for its turn."""
        self._frames.stopped = True
        if self.turn is not None and self.turn.cancel():
            self.status = "cancelled"

    def answer(self) -> ExportAnswer:
        """How far it is."""
        done = self.status == "done"
        return ExportAnswer(
            number=self.number,
            format=self._source.request.format,
            status=self.status,
            done=self._frames.done,
            total=len(self._frames.frames),
            name=self.path.name,
            bytes=self.path.stat().st_size if done and self.path.exists() else None,
            message=self.message or None,
            url=f"/api/projects/{self._project_id}/exports/{self.number}/file" if done else None,
            path=str(self.path),
        )


class ExportJobs:
    """The exports of one project since it was opened.

    Args:
        folder: The project's export folder.
        brain: Its worker runs them.
    """

    def __init__(self, folder: Path, brain: Brain) -> None:
        """Go on with the numbers that the folder has."""
        self._folder, self._brain = folder, brain
        self._jobs: dict[int, ExportJob] = {}

    @property
    def at_work(self) -> bool:
        """Whether an export runs."""
        return any(job.status == "running" for job in self._jobs.values())

    @property
    def newest(self) -> ExportJob | None:
        """The export that was started last."""
        return self._jobs[max(self._jobs)] if self._jobs else None

    def start(self, project_id: str, source: Source) -> ExportJob:
        """A new export.

        Raises:
            Problem: One is at work.
        """
        if self.at_work:
            raise busy("an export is at work; wait for it or cancel it")
        known = [int(p.name) for p in self._folder.glob("[0-9][0-9][0-9]*") if p.name.isdigit()]
        number = 1 + max([*known, *self._jobs], default=0)
        job = self._jobs[number] = ExportJob(number, project_id, self._folder, source)
        job.turn = self._brain.exports.submit(job.run)
        return job

    def job(self, number: int) -> ExportJob:
        """An export by its number.

        Raises:
            Problem: There is none.
        """
        if number not in self._jobs:
            raise missing(f"export {number} in this session of the project")
        return self._jobs[number]

    def cancel(self) -> None:
        """Stop what is at work."""
        for job in self._jobs.values():
            job.cancel()
