"""The journal of a project: one line an event, appended and on the disk before the answer goes out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO, Any

from ivos.errors import InputError
from ivos.io.atomic import output_error, take_lock

Event = dict[str, Any]


class Journal:
    """All events of a project, oldest first; only one process at a time may hold it.

    A kill in the middle of a line loses that line and nothing else: the torn end is cut off on opening.

    Attributes:
        events: What was read and appended.
    """

    def __init__(self, path: Path) -> None:
        """Read the journal, make it if it is missing, and lock it.

        Raises:
            InputError: Another process has the project open, or the journal is damaged before its end.
            OutputError: It cannot be written.
        """
        self._path = path
        try:
            self._file: IO[bytes] = path.open("a+b", buffering=0)
        except OSError as error:
            raise output_error(path, error) from error
        if not take_lock(self._file, seconds=0.2):  # somebody may just look whether it is taken
            self._file.close()
            raise open_elsewhere(path.parent)
        try:
            self.events: list[Event] = self._read()
        except BaseException:
            self._file.close()
            raise

    def append(self, event: Event) -> None:
        """Add an event; it has reached the disk when this returns.

        Raises:
            OutputError: The disk is full or the folder is not writable; the journal is as before.
        """
        end = self._file.seek(0, os.SEEK_END)
        line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        try:
            if self._file.write(line) != len(line):
                raise OSError(28, "the disk is full")
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(end)
            raise output_error(self._path, error) from error
        self.events.append(event)

    def close(self) -> None:
        """Let go of the file and its lock."""
        self._file.close()

    def _read(self) -> list[Event]:
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        events: list[Event] = []
        lines = content[:whole].splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                events.append(json.loads(line))
            except ValueError as error:
                if number == len(lines):
                    whole -= len(line) + 1
                    break
                raise InputError(f"The journal '{self._path}' is damaged in line {number}.") from error
        if whole < len(content):
            self._file.truncate(whole)
        return events


def is_held(path: Path) -> bool:
    """Whether somebody has the journal open, in this process or another."""
    try:
        file = path.open("r+b")
    except OSError:
        return False  # there is none, or it may not be written, which whoever opens it is told
    with file:
        return not take_lock(file)


def open_elsewhere(folder: Path) -> InputError:
    """The sentence for a project that another server has open."""
    return InputError(
        f"The project '{folder}' is open in another ivos; close that one first. "
        "Two tabs of one server may share a project, two servers may not."
    )
