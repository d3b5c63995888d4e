"""The figures of every step of a run in a CSV file that neither doubles nor misses a step after a kill."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path

from ivos.errors import InputError
from ivos.io.atomic import atomic_write, output_error


class Log:
    """Appends a row a step; every row is with the operating system before the step is over."""

    def __init__(self, path: Path, done: int) -> None:
        """Go on after `done` steps: rows of later steps, which the checkpoint does not know, are taken out.

        Raises:
            InputError: The file is not a log.
            OutputError: It cannot be written.
        """
        self._path = path
        self._names = _trim(path, done) if path.exists() else None

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Write the figures of a step, which is counted from 1.

        Raises:
            OutputError: The file cannot be written.
        """
        row = {"step": str(step)} | {name: f"{value:.6g}" for name, value in figures.items()}
        text = io.StringIO()
        writer = csv.DictWriter(text, list(row), lineterminator="\n")
        if self._names is None:
            writer.writeheader()
            self._names = list(row)
        writer.writerow(row)
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(text.getvalue())
        except OSError as error:
            raise output_error(self._path, error) from error

    def secure(self) -> None:
        """Wait until all rows are on the disk."""
        with self._path.open("rb") as file:
            os.fsync(file.fileno())


def read_log(path: Path) -> dict[str, list[float]]:
    """The columns of a log by name, `step` among them.

    Raises:
        InputError: There is no such file, or it is not a log.
    """
    names, rows = _rows(path)
    return {name: [float(row[i]) for row in rows] for i, name in enumerate(names)}


def _trim(path: Path, done: int) -> list[str] | None:
    names, rows = _rows(path)
    kept = [row for row in rows if int(row[0]) <= done]
    if not kept:
        path.unlink()
        return None
    text = "".join(",".join(row) + "\n" for row in [names, *kept])
    with atomic_write(path) as file:
        file.write(text.encode())
    return names


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and complete rows; a last line that was cut short is left out."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The training log {path} cannot be read.") from error
    names, *rows = [line.split(",") for line in lines[:-1]] or [[]]
    if lines[:-1] and (names[:1] != ["step"] or not all(len(row) == len(names) and _numbers(row) for row in rows)):
        raise InputError(f"{path} is not a training log; move it away, or give another folder.")
    return names, rows


def _numbers(row: list[str]) -> bool:
    try:
        int(row[0]), [float(cell) for cell in row]
    except ValueError:
        return False
    return True
