"""Renews what the pages for researchers show: the tables of ablations.md from stored JSON, a picture of the transfers.

python scripts/research_docs.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from ivos.bench.ablation import ablation_facts, ablation_table
from ivos.core.geometry import path_to_pixels
from ivos.io.scribble_files import read_scribbles
from ivos.io.video import read_video

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "ablations.md"
RESULTS = ROOT / "benchmarks" / "results" / "ablations"
TABLES = ("table3", "table4")
CLIP, STROKES = (ROOT / "src" / "ivos" / "data" / name for name in ("bunny.mp4", "bunny_scribbles.json"))
AWAY = 12  # frames from the annotated frame to the one that is explained


def main() -> None:
    """Renew the tables and the picture."""
    PAGE.write_text(with_tables(PAGE.read_text()))
    draw_transfers(ROOT / "docs" / "images" / "explain.jpg")


def with_tables(text: str) -> str:
    """The page with its marked blocks replaced by the tables of the stored results."""
    for name in TABLES:
        begin, end = f"<!-- {name}: made by `python scripts/research_docs.py` -->", f"<!-- {name}: end -->"
        head, rest = text.split(begin)
        text = f"{head}{begin}\n{block(RESULTS / f'{name}.json')}\n{end}{rest.split(end)[1]}"
    return text


def block(file: Path) -> str:
    """A table with what it was made from; a sentence where no result is stored."""
    if not file.exists():
        return f"Not run yet: there is no `{file.relative_to(ROOT)}`."
    content = json.loads(file.read_text())
    return "\n\n".join([ablation_table(content), *ablation_facts(content)])


def draw_transfers(path: Path) -> None:
    """Explain a frame of the bundled clip, for the pixel in the middle of its first stroke."""
    annotation = read_scribbles(STROKES).annotations[0]
    height, width = read_video(CLIP).size
    stroke = next(stroke for stroke in annotation.scribbles if stroke.object_id == 1)
    x, y = path_to_pixels(stroke.path, height, width)[len(stroke.path) // 2]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "explain.png"
        flags = ["--scribbles", str(STROKES), "--round", "1", "--frame", str(annotation.frame + AWAY)]
        command = [sys.executable, "-m", "ivos", "explain", str(CLIP), *flags, "--pixel", f"{x},{y}", "--out", str(out)]
        subprocess.run(command, check=True)
        Image.open(out).convert("RGB").save(path, quality=85, optimize=True)


if __name__ == "__main__":
    main()
