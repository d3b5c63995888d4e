"""Parts of frames around an object's outline, kept from round to round within a byte budget."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from ivos.types import Pixels

MARGIN = 1 / 16
"""How far beyond what was asked a part reaches, as a share of the frame's longer side."""

Part = tuple[NDArray[np.intp], Pixels]  # row and column of its upper left pixel, and the pixels


class FrameRegions:
    """Colours of some pixels of a frame; a frame is read again only for pixels beyond the part that is kept of it.

    Of a large frame little lies around the outlines, so many more parts than frames fit into a budget.

    Args:
        read: Gives frame t, shape (H, W, 3).
        budget_bytes: Memory, at least 1, that the kept parts may take together; beyond it the least recently used are
            dropped. A part that is larger is kept alone.
    """

    def __init__(self, read: Callable[[int], Pixels], budget_bytes: int) -> None:
        """Start empty."""
        self._read = read
        self._parts: LRUCache[int, Part] = LRUCache(budget_bytes, lambda part: min(part[1].nbytes, budget_bytes))
        self._lock = threading.Lock()

    def colours(self, t: int, y: NDArray[np.intp], x: NDArray[np.intp]) -> Pixels:
        """The colours of N pixels of frame t by row and column, shape (N, 3), N > 0."""
        first, last = np.array((y.min(), x.min())), np.array((y.max(), x.max()))
        with self._lock:
            kept = self._parts.get(t)
            if kept is None or (first < kept[0]).any() or (last >= kept[0] + kept[1].shape[:2]).any():
                kept = self._widened(t, kept, first, last)
        (top, left), pixels = kept
        found: Pixels = pixels[y - top, x - left]
        return found

    def _widened(self, t: int, kept: Part | None, first: NDArray[np.intp], last: NDArray[np.intp]) -> Part:
        """Keep, of frame t, what was kept of it and the pixels from `first` to `last` with a margin."""
        frame = self._read(t)
        margin = round(MARGIN * max(frame.shape))
        first, after = np.maximum(first - margin, 0), np.minimum(last + 1 + margin, frame.shape[:2])
        if kept is not None:
            old, pixels = kept
            first, after = np.minimum(first, old), np.maximum(after, old + pixels.shape[:2])
        (top, left), (bottom, right) = first, after
        widened = self._parts[t] = first, frame[top:bottom, left:right].copy()
        return widened
