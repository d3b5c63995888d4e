"""Renews what is generated in docs: cli.md from the help of the commands, images/demo.jpg from the demo.

python scripts/docs.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 100  # columns of the help texts
HEAD = """# Command line

<!-- Made by scripts/docs.py from the commands' own help; do not edit. -->

Errors are one sentence on standard error and exit code 2; Ctrl-C leaves finished files whole and exits 130.
"""


def main() -> None:
    """Write both."""
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


def draw_demo(path: Path) -> None:
    """Run the demo and keep its contact sheet as a JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "ivos", "demo", "--out", folder], check=True)
        Image.open(Path(folder) / "contact_sheet.png").convert("RGB").save(path, quality=85, optimize=True)


if __name__ == "__main__":
    main()
