"""The projects that are open in this server; idle ones are let go."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ivos.server.brain import Brain
from ivos.server.journal import is_held, open_elsewhere
from ivos.server.library import Library
from ivos.server.manifest import JOURNAL
from ivos.server.problems import busy
from ivos.server.workspace import Workspace

IDLE_SECONDS = 600.0


class Sessions:
    """Opens projects when they are asked for and keeps each one once.

    Args:
        library: Where the projects are.
        brain: The networks that they share.
    """

    def __init__(self, library: Library, brain: Brain) -> None:
        """Nothing is open yet."""
        self.library, self.brain = library, brain
        self._lock = threading.Lock()
        self._opening: dict[str, threading.Lock] = {}  # of each project: reading one keeps nobody from another
        self._open: dict[str, Workspace] = {}
        self._users: dict[str, int] = {}

    @contextmanager
    def use(self, project_id: str) -> Iterator[Workspace]:
        """A project, opened if it is not; it is not unloaded while the block runs.

        Raises:
            Problem: There is no such project.
            InputError: It is damaged, or open in another server.
        """
        with self._gate(project_id):
            with self._lock:
                workspace = self._open.get(project_id)
                self._users[project_id] = self._users.get(project_id, 0) + (workspace is not None)
            if workspace is None:
                workspace = Workspace(project_id, self.library.folder(project_id), self.brain)
                with self._lock:
                    self._open[project_id] = workspace
                    self._users[project_id] += 1
        try:
            yield workspace
        finally:
            with self._lock:
                self._users[project_id] -= 1
                workspace.used = time.monotonic()

    def remove(self, project_id: str) -> None:
        """Close a project and delete it; tabs that have it open find it gone.

        Raises:
            Problem: There is no such project, it is not ours to delete, or a round or an export is at work in it.
            InputError: Another server has it open.
        """
        with self._gate(project_id), self._lock:
            workspace = self._open.get(project_id)
            if workspace is not None:
                if not workspace.at_rest:
                    raise busy("a round or an export is at work in this project; wait for it or stop it")
                workspace.close()
                del self._open[project_id]
            elif is_held((folder := self.library.folder(project_id)) / JOURNAL):
                raise open_elsewhere(folder)
            self.library.remove(project_id)

    def can_open(self, project_id: str) -> bool:
        """Whether no other server has a project open."""
        with self._gate(project_id), self._lock:
            return project_id in self._open or not is_held(self.library.folder(project_id) / JOURNAL)

    def _gate(self, project_id: str) -> threading.Lock:
        with self._lock:
            return self._opening.setdefault(project_id, threading.Lock())

    def unload_idle(self, idle_seconds: float = IDLE_SECONDS) -> list[str]:
        """Let go of the projects that nobody used for so long; their ids."""
        with self._lock:
            now = time.monotonic()
            idle = [
                project_id
                for project_id, workspace in self._open.items()
                if not self._users.get(project_id) and workspace.at_rest and now - workspace.used >= idle_seconds
            ]
            for project_id in idle:
                self._open.pop(project_id).close()
        return idle

    def close(self) -> None:
        """Let go of all projects; rounds at work stop, what they finished is on the disk."""
        with self._lock:
            for workspace in self._open.values():
                workspace.stop()
            for workspace in self._open.values():
                workspace.close()
            self._open.clear()
