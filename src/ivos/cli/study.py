"""`ivos study` and `ivos study report`: a person, or a script in the place of one, cuts out every sequence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ivos.cli.console import say
from ivos.errors import InputError, IvosError

if TYPE_CHECKING:
    from ivos.bench.study import StudyVideo
    from ivos.types import Scribble

HELP = "frame T | draw SCRIBBLES.json | run | satisfied"


def study(
    root: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DAVIS_ROOT")],
    *,
    user: str,
    model: str = "lite",
    device: str = "cpu",
    split: str = "val",
    year: Literal[2016, 2017] = 2016,
    out: Path = Path("results"),
) -> None:
    """Meter a person who cuts out every sequence; `ivos study report RESULTS...` makes the tables.

    Reads one command a line from standard input: `frame T` (the first press, later the frame selected),
    `draw SCRIBBLES.json` (the strokes on that frame of a DAVIS scribble file), `run`, `satisfied`. The masks of each
    round are written to OUT/Alg[MODEL]_TIME/masks/SEQUENCE, times and scores to OUT/Alg[MODEL]_TIME/result_USER.csv.
    A study of the same user, data set and weights that was broken off goes on with its next sequence.

    Args:
        root: The DAVIS data set's folder.
        user: Whose results these are.
        model: lite, or a weights file (presets paper and authors come untrained).
        device: cpu, cuda or mps.
        split: Part of the data set.
        year: DAVIS-2016 (one object) or DAVIS-2017.
        out: Folder for the results.
    """
    from ivos.bench.study import run_study
    from ivos.bench.study_files import broken_off_study, study_file
    from ivos.io.davis import Davis
    from ivos.model.networks import weights_digest
    from ivos.model.weights import load_model

    networks = load_model(model, device=device)
    davis = Davis(root, split=split, year=year)
    method = Path(model).stem
    fresh = study_file(out, method, user, datetime.now())
    file = broken_off_study(out, method, user, davis, weights_digest(networks)) or fresh
    say(f"The study {'goes on' if file.exists() else 'begins'} in {file}")
    run_study(networks, davis, LineUser(file.parent / "masks", iter(sys.stdin)), file)
    say(f"The results are in {file}")


def study_report(
    results: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RESULTS")],
    *,
    out: Path = Path("results"),
) -> None:
    """Make Table 2 and Figure 7 of the paper from the results of a user study.

    Writes study.md, figure7.png and figure7.svg.

    Args:
        results: CSV files of users, or folders that hold some.
        out: Folder for the report.
    """
    from ivos.bench.study_report import read_study, study_table, write_study_report

    figures = read_study(results)
    write_study_report(out, figures)
    say(study_table(figures))
    say(f"The report is {out / 'study.md'}")


@dataclass(frozen=True)
class LineUser:
    """A user who gives commands as lines of text.

    Attributes:
        masks: Folder for the masks of each round.
        lines: The commands.
    """

    masks: Path
    lines: Iterator[str]

    def __call__(self, video: StudyVideo) -> None:
        """Follow the commands until `satisfied`; what cannot be done is said and left out.

        Raises:
            InputError: The commands end before.
        """
        from ivos.bench.meter import Doing

        say(f"{video.clip.name}: {len(video.clip)} frames, {video.num_objects} objects. Commands: {HELP}")
        for line in self.lines:
            command, _, value = line.strip().partition(" ")
            if command == "satisfied" and video.meter.doing is Doing.FIND:
                return
            try:
                self._follow(video, command, value.strip())
            except IvosError as error:
                say(str(error))
        raise InputError(f"The commands ended before '{video.clip.name}' was finished by `satisfied`.")

    def _follow(self, video: StudyVideo, command: str, value: str) -> None:
        if command == "frame" and value.isdecimal():
            video.select_frame(int(value))
        elif command == "draw" and value:
            video.draw(_strokes(Path(value), video))
        elif command == "run":
            video.run(lambda: self._show(video))
        elif command:
            raise InputError(f"'{command} {value}' cannot be done now; the commands are {HELP}.")

    def _show(self, video: StudyVideo) -> None:
        from ivos.io.exports import write_masks

        folder = self.masks / video.clip.name
        write_masks(folder, (video.mask(t) for t in range(len(video.clip))))
        say(f"Round {video.meter.times.rounds}: masks in {folder}")


def _strokes(file: Path, video: StudyVideo) -> list[Scribble]:
    from ivos.bench.first_round import human_annotations

    every = human_annotations(file, video.clip, video.num_objects)
    annotations = [each for each in every if each.frame == video.frame]
    if not annotations:
        raise InputError(f"The scribble file '{file}' has no stroke on the selected frame ({video.frame}).")
    return [scribble for annotation in annotations for scribble in annotation.scribbles]
