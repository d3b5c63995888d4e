"""Exports at work: one at a time in a project, in their own worker."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ivos.errors import IvosError
from ivos.server.answer_schemas import ExportAnswer
from ivos.server.brain import Brain
from ivos.server.exporting import SUFFIXES, Counted, Source, Stopped, write_export
from ivos.server.problems import busy, missing
from ivos.server.schemas import ExportFormat

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


@dataclass(frozen=True)
class KeptExport:
    """An export that was finished before the project was opened.

    Attributes:
        number: Its number in the project.
        project_id: The project.
        path: The file.
        format: Its format.
    """

    number: int
    project_id: str
    path: Path
    format: ExportFormat
    status: Status = "done"

    def cancel(self) -> None:
        """It is over."""

    def answer(self) -> ExportAnswer:
        """As of a finished export."""
        return ExportAnswer(
            number=self.number,
            format=self.format,
            status=self.status,
            done=0,
            total=0,
            name=self.path.name,
            bytes=self.path.stat().st_size if self.path.exists() else None,
            message=None,
            url=f"/api/projects/{self.project_id}/exports/{self.number}/file",
            path=str(self.path),
        )


def kept_exports(folder: Path, project_id: str) -> Iterator[KeptExport]:
    """The exports whose files are in a project's export folder."""
    for place in folder.glob("[0-9][0-9][0-9]*"):
        files: list[Path] = []
        with suppress(OSError):  # no folder of ours
            files = [path for path in place.iterdir() if not path.name.startswith(".") and place.name.isdigit()]
        for kind in get_args(ExportFormat):
            if len(files) == 1 and files[0].name.endswith(SUFFIXES[kind]):
                yield KeptExport(int(place.name), project_id, files[0], kind)


class ExportJobs:
    """The exports of one project.

    Args:
        folder: The project's export folder.
        project_id: The project.
        brain: Its worker runs them.
    """

    def __init__(self, folder: Path, project_id: str, brain: Brain) -> None:
        """Go on with the numbers and files that the folder has."""
        self._folder, self._project_id, self._brain = folder, project_id, brain
        self._jobs: dict[int, ExportJob | KeptExport] = {each.number: each for each in kept_exports(folder, project_id)}

    @property
    def at_work(self) -> bool:
        """Whether an export runs."""
        return any(job.status == "running" for job in self._jobs.values())

    @property
    def newest(self) -> ExportJob | KeptExport | None:
        """The export that was started last."""
        return self._jobs[max(self._jobs)] if self._jobs else None

    def start(self, source: Source) -> ExportJob:
        """A new export.

        Raises:
            Problem: One is at work.
        """
        if self.at_work:
            raise busy("an export is at work; wait for it or cancel it")
        known = [int(p.name) for p in self._folder.glob("[0-9][0-9][0-9]*") if p.name.isdigit()]
        number = 1 + max([*known, *self._jobs], default=0)
        job = self._jobs[number] = ExportJob(number, self._project_id, self._folder, source)
        job.turn = self._brain.exports.submit(job.run)
        return job

    def job(self, number: int) -> ExportJob | KeptExport:
        """An export by its number.

        Raises:
            Problem: There is none.
        """
        if number not in self._jobs:
            raise missing(f"export {number} of the project")
        return self._jobs[number]

    def cancel(self) -> None:
        """Stop what is at work."""
        for job in self._jobs.values():
            job.cancel()
