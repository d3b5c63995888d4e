"""Label masks as runs: `[label, length, label, length, ...]`, row by row, as they travel to the page and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ivos.errors import InputError
from ivos.types import LabelMask


def to_runs(mask: LabelMask) -> list[int]:
    """The runs of a label mask (H, W); neighbouring runs have different labels.

    >>> to_runs(np.array([[0, 0, 1], [1, 0, 0]], np.uint8))
    [0, 2, 1, 2, 0, 2]
    """
    flat = mask.ravel()
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    runs = np.empty((len(starts), 2), np.int64)
    runs[:, 0] = flat[starts]
    runs[:, 1] = np.diff(starts, append=flat.size)
    return list(runs.ravel().tolist())


def from_runs(runs: Sequence[int], size: tuple[int, int]) -> LabelMask:
    """The label mask (H, W) uint8 of runs.

    Raises:
        InputError: They are no pairs, have labels beyond 255 or lengths below 1, or do not fill the mask.
    """
    if len(runs) % 2:
        raise InputError(f"A mask has {len(runs)} numbers; expected pairs of label and length.")
    pairs = np.array(runs, np.int64).reshape(-1, 2)
    labels, lengths = pairs[:, 0], pairs[:, 1]
    if len(pairs) and (labels.min() < 0 or labels.max() > 255 or lengths.min() < 1):
        raise InputError("A mask has a label outside 0..255 or a run shorter than 1.")
    total = sum(lengths.tolist())
    if total != size[0] * size[1]:
        raise InputError(f"A mask has {total} pixels; expected {size[0]} x {size[1]} = {size[0] * size[1]}.")
    return np.repeat(labels.astype(np.uint8), lengths).reshape(size)
