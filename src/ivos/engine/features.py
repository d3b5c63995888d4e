"""Features of frames, encoded once for all objects and rounds as far as a byte budget allows."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from ivos.model.allocator import in_own_memory
from ivos.model.networks import FeaturePyramid


class FeatureCache:
    """Feature pyramids by frame; beyond the budget the least recently used is dropped and encoded again when needed.

    Args:
        encode: Gives the features of frame t.
        budget_bytes: Memory that the kept pyramids may take together.
    """

    def __init__(self, encode: Callable[[int], FeaturePyramid], budget_bytes: int) -> None:
        """Start empty."""
        self._encode = encode
        self._budget_bytes = budget_bytes
        self._entries: OrderedDict[int, FeaturePyramid] = OrderedDict()
        self._kept: Counter[int] = Counter()  # frame -> rounds that need it
        self.nbytes = 0

    def __getitem__(self, t: int) -> FeaturePyramid:
        """The features of frame t, from memory or freshly encoded."""
        if t in self._entries:
            self._entries.move_to_end(t)
            return self._entries[t]
        features = self._encode(t)
        self._make_room(features.nbytes)
        if self._kept[t] or self.nbytes + features.nbytes <= self._budget_bytes:
            levels = (features.s4, features.s8, features.s16)
            self._entries[t] = features = FeaturePyramid(*(in_own_memory(level) for level in levels))
            self.nbytes += features.nbytes
        return features

    @contextmanager
    def keeping(self, frames: Collection[int]) -> Iterator[None]:
        """While the context is open, `frames` are not dropped: every step of a round reads its annotated frames.

        They count towards the budget; only if they alone exceed it does the cache grow beyond it.
        """
        self._kept.update(frames)
        try:
            yield
        finally:
            self._kept.subtract(frames)
            self._make_room(0)

    def _make_room(self, nbytes: int) -> None:
        droppable = [t for t in self._entries if not self._kept[t]]  # least recently used first
        for t in droppable:
            if self.nbytes + nbytes <= self._budget_bytes:
                break
            self.nbytes -= self._entries.pop(t).nbytes
