"""Puts the figures of the stored DAVIS interactive reports into the README.

    python benchmarks/davis.py    # renew the README's table from all results/davis-*/summary.json

A report comes there by `ivos bench DAVIS --out benchmarks/results/davis-YEAR-METHOD`; all but its samples, its pictures
of the worst cases and run.json is kept in the repository.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ivos.bench.report import TITLES, paper_table

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- davis: made by `python benchmarks/davis.py` -->", "<!-- davis: end -->"


def main() -> None:
    """Renew the README."""
    readme = ROOT / "README.md"
    readme.write_text(with_tables(readme.read_text(), tables(ROOT / "benchmarks" / "results")))


def tables(results: Path) -> str:
    """A table of the methods for each data set."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for file in sorted(results.glob("davis-*/summary.json")):
        summary = json.loads(file.read_text())
        run = summary["run"]
        rules = run["rules"]
        title = (
            f"{run['dataset']}, {summary['samples']} samples, {rules['rounds']} rounds, "
            f"next frame = worst {TITLES[rules['metric']]}"
        )
        found.setdefault(title, {})[run["method"]] = summary
    blocks = [f"{title}:\n\n{paper_table(summaries)}" for title, summaries in found.items()]
    return "\n\n".join(blocks) or "No figures are stored yet."


def with_tables(readme: str, text: str) -> str:
    """The README with the marked block replaced.

    Raises:
        ValueError: The README has no such block.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The README has no block between {BEGIN!r} and {END!r} for the tables.")
    return f"{before}{begin}\n{text}\n{end}{after}"


if __name__ == "__main__":
    main()
