"""`ivos score`: J and F of finished masks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import tyro

from ivos.cli.console import say


def score(
    predictions: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PRED_DIR")],
    truths: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="GT_DIR")],
    *,
    interactive: bool = False,
    sequences: tuple[str, ...] = (),
    out: Path | None = None,
    workers: int | None = None,
) -> None:
    """Score masks against true ones (J, F, J&F) as davis2017-evaluation does in its semi-supervised mode.

    Writes global_results.csv and per-sequence_results.csv.

    Args:
        predictions: A folder of masks (00000.png, ...) for each sequence, or the masks of one sequence.
        truths: The same for the true masks; the first one of a sequence tells its objects.
        interactive: Score the first and the last frame, too.
        sequences: Only these; by default all that have true masks.
        out: Folder for the CSV files; by default PRED_DIR.
        workers: Processes; by default one a core.
    """
    from ivos.bench.semisupervised import score_folders, write_score_files

    scores = score_folders(
        predictions,
        truths,
        interactive=interactive,
        sequences=sequences or None,
        workers=(os.cpu_count() or 1) if workers is None else workers,
    )
    files = write_score_files(predictions if out is None else out, scores)
    for file in files:
        say(file.read_text())
    say(f"Written: {files[0]}, {files[1]}")
