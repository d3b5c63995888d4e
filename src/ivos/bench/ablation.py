"""The tables of ablations: what `ivos ablate` keeps as JSON, and the Markdown that is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ivos.bench.report import markdown_table

MISSING = "-"


def ablation_table(content: Mapping[str, Any]) -> str:
    """The rows with their mean J by round, rows that were not run yet as "-".

    Args:
        content: As `ivos ablate` writes it: `rounds`, and `rows` with `row`, `title` and `rounds` (a mapping by metric,
            or None where the row was not run).

    >>> done = {"row": "I", "title": "no local transfer", "rounds": {"J": [0.5, 0.625]}}
    >>> print(ablation_table({"rounds": 2, "rows": [done, {"row": "II", "title": "rear features", "rounds": None}]}))
    | variant | | J, round 1 | J, round 2 | mean |
    |---|---|---|---|---|
    | I | no local transfer | 0.500 | 0.625 | 0.562 |
    | II | rear features | - | - | - |
    """
    numbers = range(1, content["rounds"] + 1)
    header = ["variant", "", *(f"J, round {number}" for number in numbers), "mean"]
    return markdown_table(header, [_cells(row, len(numbers)) for row in content["rows"]]).replace("|  |", "| |")


def ablation_page(content: Mapping[str, Any]) -> str:
    """The table with what it was made from, as a page."""
    return "\n\n".join([f"# {content['title']}", ablation_table(content), *ablation_facts(content)]) + "\n"


def ablation_facts(content: Mapping[str, Any]) -> list[str]:
    """What the rows were trained and scored on, and where, in sentences."""
    machines = {", ".join(f"{key} {value}" for key, value in row["machine"].items()): None for row in _run(content)}
    return [
        f"Every variant: {content['steps']} steps of T-Net's training on {', '.join(content['data'])}, seed "
        f"{content['seed']}, from the A-Net of {content['init']} with the SHA-256 {content['init_digest'][:12]}.",
        f"Scored by the robot on {content['dataset']}: {content['rounds']} rounds, next frame = worst J.",
        *(f"Machine: {machine}." for machine in machines),
    ]


def _run(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in content["rows"] if row["rounds"] is not None]


def _cells(row: Mapping[str, Any], count: int) -> Sequence[str]:
    if row["rounds"] is None:
        return [row["row"], row["title"], *[MISSING] * (count + 1)]
    values = row["rounds"]["J"]
    return [row["row"], row["title"], *(f"{value:.3f}" for value in values), f"{sum(values) / len(values):.3f}"]
