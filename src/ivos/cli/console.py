"""What the commands show: lines of text and progress bars."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

DELAY_SECONDS = 1.0
"""Work that is done sooner shows no bar."""
BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_noinv_fmt}]"
COUNT = "{desc}: {n_fmt} frames [{elapsed}, {rate_noinv_fmt}]"


def say(text: str = "") -> None:
    """Write a line to standard output at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def frames_bar(items: Iterable[T], total: int | None, title: str) -> Iterator[T]:
    """The items, one a frame, with a bar and frames/s on standard error once they take longer than a second.

    Where their number is not known (`total` None) they are counted.
    """
    form = COUNT if total is None else BAR
    with tqdm(
        items, desc=title, total=total, unit=" frames", bar_format=form, delay=DELAY_SECONDS, dynamic_ncols=True
    ) as bar:
        yield from bar


def reading_bar(items: Iterable[T]) -> Iterator[T]:
    """The frames of a clip while they are looked for, with a bar."""
    return frames_bar(items, None, "Reading the clip")


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """The rows under their header as text, columns aligned to the right.

    >>> print(table(["round", "ms"], [["1", "90"], ["2", "45"]]))
    round  ms
        1  90
        2  45
    """
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
