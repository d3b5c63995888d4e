"""Renews what is generated in docs: cli.md from the help of the commands, images/demo.jpg from the demo, the tables of
model-card.md from the card in the bundled weights and the stored reports.

python scripts/docs.py
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from itertools import groupby
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from PIL import Image

from ivos.model.weights import read_card

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 100  # columns of the help texts
HEAD = """# Command line

<!-- Made by scripts/docs.py from the commands' own help; do not edit. -->

Errors are one sentence on standard error, in a frame where a flag is wrong, and exit code 2; Ctrl-C leaves finished
files whole and exits 130.
"""


def main() -> None:
    """Write all of them."""
    renew_model_card(ROOT / "docs" / "model-card.md")
    renew_hint(ROOT / "docs" / "interactive-benchmark.md")
    (ROOT / "docs" / "cli.md").write_text(command_line_page())
    draw_demo(ROOT / "docs" / "images" / "demo.jpg")


def command_line_page() -> str:
    """The help of every command and its sub-commands, as Markdown."""
    sections = [f"## ivos {' '.join(command)}\n\n```text\n{help_text(command)}\n```\n" for command in commands(())]
    return "\n".join([HEAD, *sections])


def commands(group: tuple[str, ...]) -> list[tuple[str, ...]]:
    """All commands under a group that have no sub-commands themselves, in the order of the help."""
    listed = re.search(r"usage: [^\n]*\{([a-z0-9,-]+)\}$", help_text(group).splitlines()[0])
    if listed is None:
        return [group]
    return [leaf for name in listed[1].split(",") for leaf in commands((*group, name))]


def help_text(command: tuple[str, ...]) -> str:
    """What `ivos COMMAND --help` prints, without colours."""
    environment = {**os.environ, "COLUMNS": str(WIDTH), "NO_COLOR": "1"}
    arguments = [sys.executable, "-m", "ivos", *command, "--help"]
    output = subprocess.run(arguments, env=environment, check=True, capture_output=True, text=True).stdout
    return "\n".join(line.rstrip() for line in output.strip().splitlines())


def renew_model_card(page: Path) -> None:
    """Replace the page's marked blocks: how the bundled weights were trained, and their figures by sequence."""
    card = read_card(ROOT / "src" / "ivos" / "weights" / "lite.safetensors")
    text = _with_block(page.read_text(), "training", training_table(card))
    results = ROOT / "benchmarks" / "results"
    for report in ("davis-2016-lite", "davis-2017-lite"):
        summary = json.loads((results / report / "summary.json").read_text())
        text = _with_block(text, report, sequence_table(summary))
    summaries = [json.loads(file.read_text()) for file in sorted((results / "seeds-lite").glob("seed-*.json"))]
    text = _with_block(text, "seeds-lite", seeds_table(summaries))
    single_step = json.loads((results / "single-step-lite" / "single-step.json").read_text())
    page.write_text(_with_block(text, "single-step", single_step_table(single_step)))


def training_table(card: dict[str, Any]) -> str:
    """The two stages' numbers side by side, and the sources."""
    stages = {name: card[name] for name in ("a-net", "t-net")}
    facts = {name: _with_predecessors(stage) for name, stage in stages.items()}
    shown = (
        "steps_done",
        "batch",
        "crop",
        "learning_rate",
        "schedule",
        "weight_decay",
        "encoder_rate",
        "frozen_stages",
    )
    shown += ("ema", "balance", "overlap", "edges", "auxiliary", "annotated", "seed", "precision", "hardware", "hours")
    rows = [f"| {key} | {facts['a-net'][key]} | {facts['t-net'][key]} |" for key in shown]
    first = _runs(stages["a-net"])[0]["data"]
    sources = [f"- `{source}`" for source in first]
    lines = ["| | A-Net | T-Net |", "|---|---|---|", *rows, "", "Sources, as `ivos train` takes them:", "", *sources]
    others = [f"- `{source}`" for source in stages["t-net"]["data"] if source not in first]
    return "\n".join(lines + (["", "In the last runs these instead:", "", *others] if others else []))


def _runs(stage: dict[str, Any]) -> list[dict[str, Any]]:
    """A stage's runs, the earliest first."""
    runs = [stage]
    while "continues" in runs[0]:
        runs.insert(0, runs[0]["continues"])
    return runs


def _with_predecessors(stage: dict[str, Any]) -> dict[str, str]:
    """The facts of a stage's runs, the earliest first: steps and hours of each, of the rest what changed."""
    facts = [{**run["recipe"], **run} for run in _runs(stage)]
    columns = {key: [str(fact.get(key, "-")) for fact in facts] for key in facts[-1]}
    return {
        key: ", then ".join(column if key in ("steps_done", "hours") else (value for value, _ in groupby(column)))
        for key, column in columns.items()
    }


def sequence_table(summary: dict[str, Any]) -> str:
    """J and J&F of every sequence after the first, third and last round, and their means."""
    each = {name: sequence["rounds"] for name, sequence in summary["sequences"].items()}
    return rounds_table("sequence", each | {"**mean**": summary["rounds"]})


def seeds_table(summaries: list[dict[str, Any]]) -> str:
    """Mean J and J&F by the seed of the first frames and of the robot."""
    return rounds_table("seed", {str(summary["run"]["rules"]["seed"]): summary["rounds"] for summary in summaries})


def rounds_table(what: str, rounds_of: dict[str, dict[str, list[float]]]) -> str:
    """J and J&F after the first, third and last round, one row for each of `what`."""
    columns = (what, "J, round 1", "J, 3", "J, last", "J&F, round 1", "J&F, 3", "J&F, last")
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"
    rows = []
    for name, rounds in rounds_of.items():
        values = [rounds[metric][i] for metric in ("J", "J_AND_F") for i in (0, min(2, len(rounds[metric]) - 1), -1)]
        rows.append(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    return "\n".join([head, *rows])


def single_step_table(figures: dict[str, dict[str, float]]) -> str:
    """Mean J of every measure over the sequences."""
    rows = [f"| {name.replace('_', ' ')} | {value:.3f} |" for name, value in figures["mean"].items()]
    return "\n".join(["| measure | J |", "|---|---|", *rows])


def renew_hint(page: Path) -> None:
    """Replace the page's table of what following the hint brings, by `benchmarks/hint.py`."""
    stored = ROOT / "benchmarks" / "results" / "hint-lite.json"
    if not stored.is_file():
        page.write_text(_with_block(page.read_text(), "hint", "Not measured yet."))
        return
    content = json.loads(stored.read_text())
    mean = content["mean"]
    counts = f"{content['starts']} first frames a sequence, {content['draws']} random ones after each"
    rows = [f"| {way} | {mean[way]:+.3f} |" for way in ("hint", "middle", "random", "oracle")]
    head = [f"J after round 1: {mean['round_1']:.3f}; {counts}.", "", "| frame of the correction | gain of J |"]
    over = [each["hint"] - each["random"] for each in content.values() if isinstance(each, dict) and each is not mean]
    error = stdev(over) / len(over) ** 0.5
    rows += ["", f"Hint over random: {fmean(over):+.3f}, standard error over the sequences {error:.3f}."]
    page.write_text(_with_block(page.read_text(), "hint", "\n".join([*head, "|---|---|", *rows])))


def _with_block(text: str, name: str, block: str) -> str:
    begin, end = f"<!-- {name}: made by `python scripts/docs.py` -->", f"<!-- {name}: end -->"
    head, rest = text.split(begin)
    return f"{head}{begin}\n{block}\n{end}{rest.split(end)[1]}"


def draw_demo(path: Path) -> None:
    """Run the demo and keep its contact sheet as a JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "ivos", "demo", "--out", folder], check=True)
        Image.open(Path(folder) / "contact_sheet.png").convert("RGB").save(path, quality=85, optimize=True)


if __name__ == "__main__":
    main()
