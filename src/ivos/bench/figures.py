"""Figures of reports. Matplotlib is imported when one is drawn: extra `[bench]`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ivos.errors import InputError
from ivos.io.atomic import atomic_write

SVG_SALT = "ivos"
"""Names inside an SVG derive from this and not from chance."""


def check_figures() -> None:
    """Say before long work that its figures could not be drawn.

    Raises:
        InputError: Matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise InputError("Figures need Matplotlib, which is not installed; run: pip install 'ivos[bench]'")


def new_figure(width: float, height: float) -> Any:
    """An empty Matplotlib figure in inches, without a window.

    Raises:
        InputError: Matplotlib is not installed.
    """
    check_figures()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, stem: Path) -> None:
    """Write a figure as PNG and SVG beside each other; equal figures give equal SVG files.

    Raises:
        OutputError: The folder cannot be written to.
    """
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": SVG_SALT}):
        for kind, metadata in (("png", {}), ("svg", {"Date": None})):
            with atomic_write(stem.with_suffix(f".{kind}")) as file:
                figure.savefig(file, format=kind, metadata=metadata, dpi=150)


def draw_curves(summaries: Mapping[str, Mapping[str, Any]], stem: Path) -> None:
    """Draw Figure 5 of the paper as `stem`.png and `stem`.svg: J&F against time and against rounds.

    Args:
        summaries: By method, from `ivos.bench.summary.summarise`.
        stem: The files' path without its ending.

    Raises:
        InputError: Matplotlib is not installed.
        OutputError: The folder cannot be written to.
    """
    figure = new_figure(9, 3.6)
    over_time, over_rounds = figure.subplots(1, 2, sharey=True)
    for name, summary in summaries.items():
        curve = summary["metrics"]["J_AND_F"]["curve"]
        over_time.plot(curve["time"], curve["J_AND_F"], marker=".", label=name)
        by_round = summary["rounds"]["J_AND_F"]
        over_rounds.plot(range(1, len(by_round) + 1), by_round, marker="o", label=name)
    over_time.set(xlabel="summed time (s)", ylabel="mean J&F", ylim=(0, 1))
    over_rounds.set(xlabel="round")
    over_rounds.xaxis.get_major_locator().set_params(integer=True)
    for axis in (over_time, over_rounds):
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right")
    save_figure(figure, stem)
