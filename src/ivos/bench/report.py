"""The report of a run: CSV, summary.json, report.md, Figure 5 and the worst cases as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ivos.bench.figures import draw_curves
from ivos.bench.rules import METRICS, Rules
from ivos.bench.sample import SampleResult
from ivos.bench.sheets import write_sheets
from ivos.bench.store import write_json
from ivos.bench.summary import KINDS, csv_text, session_name, summarise
from ivos.io.atomic import atomic_write, make_folder
from ivos.io.clips import Clip

TITLES = {"J": "J", "F": "F", "J_AND_F": "J&F"}
SPLIT_TITLES = {
    "total": "method",
    "annotate": "A-Net",
    "transfer": "T-Net",
    "read": "I/O",
    "metrics": "J and F",
    "robot": "robot",
}


@dataclass(frozen=True)
class Report:
    """What a benchmark found.

    Attributes:
        method: The method's name.
        dataset: The data set and its part.
        rules: Of the protocol.
        results: One a sample, in the data set's order.
    """

    method: str
    dataset: str
    rules: Rules
    results: tuple[SampleResult, ...]

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The figures, JSON-ready; see `ivos.bench.summary.summarise`, plus what was run and where."""
        run = {
            "method": self.method,
            "dataset": self.dataset,
            "rules": asdict(self.rules),
            "first_strokes": self._first_strokes(),
            "machine": _machines(self.results),
        }
        return {**summarise(self.results, self.rules), "run": run}

    @property
    def auc(self) -> float:
        """The area under the curve of J&F over time, in [0, 1]."""
        return float(self.summary["metrics"]["J_AND_F"]["auc"])

    @property
    def jf_at_60s(self) -> float:
        """J&F after 60 seconds, in [0, 1]."""
        return float(self.summary["metrics"]["J_AND_F"]["metric_at_threshold"]["J_AND_F"])

    @property
    def failed(self) -> tuple[SampleResult, ...]:
        """The samples that failed."""
        return tuple(result for result in self.results if result.error is not None)

    def csv(self) -> str:
        """The official report: one row a round, object and frame of every sample."""
        return csv_text(self.results, session_name(self.method, self.rules))

    def markdown(self) -> str:
        """The report as a page."""
        blocks = [
            f"# {self.method} on {self.dataset}",
            self._conditions(),
            "## Result\n\n" + paper_table({self.method: self.summary}),
            "## Rounds\n\n" + self._rounds_table(),
            "![J&F over time and rounds](figure5.png)",
            "## Sequences\n\n" + self._sequences_table(),
        ]
        if self.failed:
            errors = "\n".join(f"- {r.sequence}, scribbles {r.scribble_idx}: {r.error}" for r in self.failed)
            blocks.insert(2, f"## {len(self.failed)} of {len(self.results)} samples failed\n\n{errors}")
        return "\n\n".join(blocks) + "\n"

    def write(self, folder: str | Path, clips: Mapping[str, Clip]) -> None:
        """Write `report.csv`, `summary.json`, `report.md`, `figure5.png`, `figure5.svg` and `worst/*.png`.

        Args:
            folder: Where; made if it is missing.
            clips: The sequences by name, for the pictures.

        Raises:
            InputError: Matplotlib is not installed, or frames cannot be read.
            OutputError: The folder cannot be written to.
        """
        folder = make_folder(folder)
        write_text(folder / "report.csv", self.csv())
        write_json(folder / "summary.json", self.summary)
        write_text(folder / "report.md", self.markdown())
        write_sheets(folder / "worst", self.results, clips, self.rules.metric)
        draw_curves({self.method: self.summary}, folder / "figure5")

    def _first_strokes(self) -> str:
        humans = sum(result.is_human for result in self.results)
        return {0: "robot", len(self.results): "human"}.get(humans, "mixed")

    def _conditions(self) -> str:
        rules, summary, machine = self.rules, self.summary, self.summary["run"]["machine"]
        first = {
            "human": "The first strokes are the data set's human scribble files.",
            "robot": "The data set has no human scribbles here: the first strokes are the robot's, drawn from an "
            f"empty prediction on a frame chosen by seed {rules.seed} among those that show the most objects.",
            "mixed": "Some sequences have human scribble files; of the others the first strokes are the robot's, drawn "
            f"from an empty prediction on a frame chosen by seed {rules.seed}.",
        }[self._first_strokes()]
        budget = "no time limit" if rules.seconds_per_object is None else f"{rules.seconds_per_object:g} s an object"
        robot = f"kernel {rules.robot.kernel_size:g}, at least {rules.robot.min_nb_nodes} nodes, seed {rules.seed}"
        lines = [
            f"{summary['samples']} samples, {rules.rounds} rounds, {budget}; "
            f"next frame = worst {TITLES[rules.metric]}; robot: {robot}. {first}",
            "Machine: " + (", ".join(f"{key} {value}" for key, value in machine.items()) or "not kept") + ".",
        ]
        if any(result.is_partly_masked for result in self.results):
            lines.append("**J and F are of the frames that have a true mask, in some sequences not all of them.**")
        if summary["clamped"]:
            lines.append("**The rounds took longer than the time axis; their times were cut off at its end.**")
        if summary["over_budget"]:
            lines.append(f"**{summary['over_budget']} samples ran out of time; their later rounds repeat the last.**")
        return "\n\n".join(lines)

    def _rounds_table(self) -> str:
        rounds, split = self.summary["rounds"], self.summary["seconds"]
        kinds = [kind for kind in ("total", *KINDS) if any(kind in row for row in split)]
        header = ["round", *(TITLES[metric] for metric in METRICS), *(f"{SPLIT_TITLES[kind]} (s)" for kind in kinds)]
        rows = []
        for index in range(self.rules.rounds):
            values = [f"{rounds[metric][index]:.3f}" for metric in METRICS]
            seconds = split[index] if index < len(split) else {}
            rows.append([str(index + 1), *values, *(f"{seconds.get(kind, 0.0):.2f}" for kind in kinds)])
        return markdown_table(header, rows)

    def _sequences_table(self) -> str:
        marks = sorted({1, min(3, self.rules.rounds), self.rules.rounds})
        titles = [f"{TITLES[metric]} round {mark}" for mark in marks for metric in ("J", "J_AND_F")]
        rows, partly = [], any(result.is_partly_masked for result in self.results)
        for name, entry in self.summary["sequences"].items():
            scored = [f"{entry['scored_frames']} of {entry['frames']}"] if partly else []
            first = "; ".join(", ".join(map(str, frames)) for frames in entry["first_frames"])
            values = [f"{_at(entry['rounds'][metric], mark):.3f}" for mark in marks for metric in ("J", "J_AND_F")]
            rows.append([name, str(entry["objects"]), *scored, first, *values])
        columns = ["sequence", "objects", *(["scored frames"] if partly else []), "first frame", *titles]
        return markdown_table(columns, rows)


def paper_table(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """The table of the paper from summaries by method: AUC-J, J@60s, AUC-J&F, J&F@60s, and J&F by round.

    Rounds that the rules did not ask for are shown as "-".
    """
    rows = []
    for name, summary in summaries.items():
        figures = []
        for metric in ("J", "J_AND_F"):
            entry = summary["metrics"][metric]
            figures += [f"{entry['auc']:.3f}", f"{entry['metric_at_threshold'][metric]:.3f}"]
        by_round = summary["rounds"]["J_AND_F"]
        figures += [f"{by_round[mark - 1]:.3f}" if mark <= len(by_round) else "-" for mark in (1, 3, 8)]
        rows.append([name, *figures])
    header = ["method", "AUC-J", "J@60s", "AUC-J&F", "J&F@60s", "J&F round 1", "round 3", "round 8"]
    return markdown_table(header, rows)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows under their header.

    >>> print(markdown_table(["method", "J"], [["copy", "0.5"]]))
    | method | J |
    |---|---|
    | copy | 0.5 |
    """
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, *rows)).replace(
        "\n", "\n|" + "---|" * len(header) + "\n", 1
    )


def write_text(file: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        OutputError: The folder cannot be written to.
    """
    with atomic_write(file) as out:
        out.write(text.encode())


def _at(values: Sequence[float], mark: int) -> float:
    return values[min(mark, len(values)) - 1] if values else 0.0


def _machines(results: Sequence[SampleResult]) -> dict[str, object]:
    """The facts of the machines that played the results; of a fact in which they differ all there are."""
    names = dict.fromkeys(name for result in results for name in result.machine)
    found = {name: list(dict.fromkeys(result.machine.get(name, "not kept") for result in results)) for name in names}
    return {name: each[0] if len(each) == 1 else " and ".join(map(str, each)) for name, each in found.items()}
