"""The files of a user study: one CSV file a user, one row an object, and what data set and weights it is about."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from glob import escape
from pathlib import Path

from ivos.bench.runner import Dataset, dataset_name
from ivos.bench.store import write_json
from ivos.errors import InputError
from ivos.io.atomic import atomic_write

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

NOTE = "study.json"


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


def study_file(folder: Path, method: str, user: str, started: datetime) -> Path:
    """Where a user's results go: `FOLDER/Alg[METHOD]_YYYYmmdd_HHMMSS/result_USER.csv`.

    Raises:
        InputError: The user's name is empty, longer than 100 bytes, or cannot be part of a file name.
    """
    if not user or any(sign in user for sign in '/\\:\0"') or user.startswith(".") or len(os.fsencode(user)) > 100:
        raise InputError(
            f"The user's name is {user!r}; expected a name of at most 100 bytes that can be part of a file name."
        )
    return folder / f"Alg[{method}]_{started:%Y%m%d_%H%M%S}" / f"result_{user}.csv"


def note_dataset(file: Path, dataset: Dataset, weights: str | None = None) -> None:
    """Say beside a result file what it is about, in `study.json`; a note that is there stays.

    Args:
        file: The result file. If it has rows and no note, only the data set is noted: nobody knows their weights.
        dataset: The sequences.
        weights: The networks' `weights_digest`; None: unknown.

    Raises:
        InputError: The note is there, and about another data set or other weights.
        OutputError: It cannot be written.
    """
    there, about = noted(file), _about(dataset, weights)
    other = _other(there, about)
    if other is not None:
        raise InputError(
            f"'{file.parent / NOTE}' says that the study's {other} is {there[other]}, now it is {about[other]}; "
            "give another folder for the results."
        )
    if not there:
        write_json(file.parent / NOTE, _about(dataset, None) if file.exists() else about)


def noted(file: Path) -> dict[str, str]:
    """What `study.json` beside a result file says of it: `dataset` and `weights`, each only where it is said."""
    try:
        content = json.loads((file.parent / NOTE).read_bytes())
        return {name: str(content[name]) for name in ("dataset", "weights") if name in content}
    except (OSError, ValueError, TypeError):
        return {}


def broken_off_study(folder: Path, method: str, user: str, dataset: Dataset, weights: str | None = None) -> Path | None:
    """The user's newest result file about a data set and weights, if sequences are missing in it.

    Args:
        folder: Holds files named as by `study_file`; one whose note does not say what it is about counts as well.
        method: As of `study_file`.
        user: As of `study_file`.
        dataset: The sequences.
        weights: As of `note_dataset`.

    Raises:
        InputError: The file is damaged, or about other sequences.
    """
    found = folder.glob(f"Alg{escape(f'[{method}]')}_*/result_{escape(user)}.csv")
    about = _about(dataset, weights)
    files = [file for file in found if _other(noted(file), about) is None]
    if not files:
        return None
    newest = max(files, key=lambda path: path.parent.name)
    done, every = {row.sequence for row in read_rows(newest)}, set(dataset.sequences)
    if not done <= every:
        other = ", ".join(sorted(done - every))
        raise InputError(f"'{newest}' is about other sequences ({other}); move it away, or take another user's name.")
    return None if done == every else newest


def _about(dataset: Dataset, weights: str | None) -> dict[str, str]:
    known = {} if weights is None else {"weights": weights}
    return {"dataset": dataset_name(dataset), **known}


def _other(there: Mapping[str, str], about: Mapping[str, str]) -> str | None:
    return next((name for name, value in about.items() if there.get(name, value) != value), None)


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
