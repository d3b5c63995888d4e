"""The results of a user study: Table 2 and Figure 7 of the paper from the users' CSV files."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from ivos.bench.figures import new_figure, save_figure
from ivos.bench.report import markdown_table, write_text
from ivos.bench.study_files import StudyRow, noted, read_rows
from ivos.errors import InputError

FOLDER_NAME = re.compile(r"Alg\[(?P<method>.+)\]_\d{8}_\d{6}")
Played = tuple[str, str, str]
"""Method, data set and weights."""
ACTIVITIES = {"scribble": "scribble_seconds", "operate": "operation_seconds", "find": "finding_seconds"}


@dataclass(frozen=True)
class StudyFigures:
    """Means over the videos and users of one method, data set and weights.

    Attributes:
        users: Who took part.
        videos: Videos played, all users together.
        seconds: Per video (SPV).
        rounds: Per video (RPV).
        j: Final region similarity; every object of a video weighs the same, then every video.
        f: Final contour accuracy, likewise.
        activities: Seconds per video by `scribble`, `operate`, `find`.
    """

    users: tuple[str, ...]
    videos: int
    seconds: float
    rounds: float
    j: float
    f: float
    activities: Mapping[str, float]


def read_study(places: Sequence[str | Path]) -> dict[str, StudyFigures]:
    """The figures by method; what was played on several data sets, or with several weights, is named with them.

    Args:
        places: Result files, or folders that hold some at any depth. The method is read from the name of the folder
            a file lies in (`Alg[METHOD]_...`), else it is the folder's name; data set and weights from `study.json`.

    Raises:
        InputError: A place does not exist, holds no result, or a result is damaged.
    """
    found: dict[Played, dict[str, list[list[StudyRow]]]] = {}  # by user, session
    for file in dict.fromkeys(file.resolve() for place in places for file in _files(Path(place))):
        match = FOLDER_NAME.fullmatch(file.parent.name)
        method = match["method"] if match else file.parent.name
        user = file.stem.removeprefix("result_")
        note = noted(file)
        played = (method, note.get("dataset", "data set not noted"), _weights(note.get("weights")))
        found.setdefault(played, {}).setdefault(user, []).append(read_rows(file))
    labels = {played: _label(played, found) for played in sorted(found)}
    figures = {label: _figures(label, found[played]) for played, label in labels.items()}
    if not figures:
        raise InputError("There is no study result to report; give result_*.csv files or folders with some.")
    return figures


def study_table(figures: Mapping[str, StudyFigures]) -> str:
    """Table 2: seconds and rounds per video, J and F when satisfied, and where the time went."""
    header = ["method", "users", "videos", "SPV (s)", "RPV", "J", "F", *(f"{name} (s)" for name in ACTIVITIES)]
    rows = [
        [
            method,
            str(len(each.users)),
            str(each.videos),
            f"{each.seconds:.1f}",
            f"{each.rounds:.2f}",
            f"{each.j:.3f}",
            f"{each.f:.3f}",
            *(f"{each.activities[name]:.1f}" for name in ACTIVITIES),
        ]
        for method, each in figures.items()
    ]
    return markdown_table(header, rows)


def write_study_report(folder: str | Path, figures: Mapping[str, StudyFigures]) -> None:
    """Write `study.md` (Table 2), `figure7.png` and `figure7.svg` (time per video by activity).

    Raises:
        InputError: Matplotlib is not installed.
        OutputError: The folder cannot be written to.
    """
    folder = Path(folder)
    page = f"# User study\n\n{study_table(figures)}\n\n![Time per video by activity](figure7.png)\n"
    write_text(folder / "study.md", page)
    figure = new_figure(7, 1.4 + 0.5 * len(figures))
    axis = figure.subplots()
    left = [0.0] * len(figures)
    for name in ACTIVITIES:
        widths = [each.activities[name] for each in figures.values()]
        axis.barh(list(figures), widths, left=left, label=name)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axis.set(xlabel="seconds per video")
    axis.invert_yaxis()
    figure.legend(loc="outside upper center", ncols=len(ACTIVITIES))
    save_figure(figure, folder / "figure7")


def _weights(digest: str | None) -> str:
    return "weights not noted" if digest is None else f"weights {digest[:12]}" if digest else "untrained"


def _label(played: Played, every: Collection[Played]) -> str:
    """The method, with data set and weights where without them it would not be clear which are meant."""
    method, dataset, weights = played
    several_datasets = len({each[1] for each in every}) > 1
    several_weights = len({each[2] for each in every if each[0] == method}) > 1
    return ", ".join([method, *([dataset] if several_datasets else []), *([weights] if several_weights else [])])


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(place.rglob("result_*.csv"))
    if not place.exists():
        raise InputError(f"There is no study result '{place}'.")
    return [place]


def _figures(method: str, users: Mapping[str, Sequence[Sequence[StudyRow]]]) -> StudyFigures:
    videos = [
        [row for row in rows if row.sequence == name]
        for sessions in users.values()
        for rows in sessions
        for name in dict.fromkeys(row.sequence for row in rows)
    ]
    if not videos:
        raise InputError(f"The study results of '{method}' hold no row.")
    first = [rows[0] for rows in videos]  # the times are the same for all objects of a video
    return StudyFigures(
        tuple(users),
        len(videos),
        fmean(row.total_seconds for row in first),
        fmean(row.rounds for row in first),
        fmean(fmean(row.j for row in rows) for rows in videos),
        fmean(fmean(row.f for row in rows) for rows in videos),
        {name: fmean(getattr(row, attribute) for row in first) for name, attribute in ACTIVITIES.items()},
    )
