"""The strips of the timeline: how far each frame can be trusted, and what the last round changed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ivos.core.confidence import Trust, trust, worst_frame
from ivos.core.metrics import region_similarity
from ivos.server.results import living
from ivos.server.steps import Step
from ivos.server.viewer import Viewer
from ivos.types import LabelMask

Key = tuple[int, int | None]
"""Frame and round."""


@dataclass(frozen=True, slots=True)
class Strips:
    """Of one step, one entry a frame.

    Attributes:
        trust: In [0, 1]; None where no round has arrived.
        changed: 1 - IoU against the mask before the last round; None before the first round.
        worst: The frame most worth correcting, its trust, and the trust that tells why; None if there is none.
    """

    trust: tuple[float | None, ...]
    changed: tuple[float, ...] | None
    worst: tuple[int, float, Trust] | None


class Timeline:
    """Computes the strips; remembers what it learnt about single frames, so that a round costs only its own frames.

    Args:
        viewer: The project's masks.
    """

    def __init__(self, viewer: Viewer) -> None:
        """Nothing is known yet."""
        self._viewer = viewer
        self._confidence: dict[tuple[Key, int], float] = {}
        self._area: dict[tuple[Key, int, int], int] = {}
        self._overlap: dict[tuple[Key, Key, int, int], float] = {}
        self._iou: dict[tuple[Key, Key, int], float] = {}
        self._last: tuple[object, Strips] | None = None

    def strips(self, step: Step) -> Strips:
        """The strips of a step."""
        key = (step.results, step.before, step.epoch, step.objects, step.annotated, tuple(step.waiting))
        if self._last is None or self._last[0] != key:
            self._last = (key, self._compute(step))
        return self._last[1]

    def _compute(self, step: Step) -> Strips:
        if all(number is None for number in step.results):
            return Strips((None,) * len(step.results), None, None)
        doubts = self._trust(step)
        values = doubts.values
        shown = tuple(None if np.isnan(value) else round(float(value), 4) for value in values)
        changed = None
        if step.before is not None:
            pairs = enumerate(zip(step.before, step.results, strict=True))
            changed = tuple(round(1 - self._likeness((t, a), (t, b), step), 4) for t, (a, b) in pairs)
        worst = worst_frame(values, exclude=step.annotated, waiting=step.waiting) if step.objects else None
        return Strips(shown, changed, None if worst is None else (worst, float(values[worst]), doubts))

    def _trust(self, step: Step) -> Trust:
        keys: list[Key] = list(enumerate(step.results))
        columns = range(max(step.objects, default=0))  # of object k + 1; zero for a removed one
        areas = np.zeros((len(keys), len(columns)))
        overlaps = np.ones((max(0, len(keys) - 1), len(columns)))
        cells = _Cells(self._viewer, step.removed)
        for t, key in enumerate(keys):
            for k in columns:
                place = (key, k + 1, step.epoch)
                if place not in self._area:
                    self._area[place] = int((cells[key] == k + 1).sum())
                areas[t, k] = self._area[place]
                if t:
                    pair = (keys[t - 1], *place)
                    if pair not in self._overlap:
                        self._overlap[pair] = region_similarity(cells[keys[t - 1]] == k + 1, cells[key] == k + 1)
                    overlaps[t - 1, k] = self._overlap[pair]
        return trust(np.array([self._sure(key, step) for key in keys]), areas, overlaps)

    def _sure(self, key: Key, step: Step) -> float:
        t, number = key
        place = (key, step.epoch)
        if place not in self._confidence:
            result = living(self._viewer.result(number, t), step.removed)
            self._confidence[place] = float("nan") if result is None else result.confidence
        return self._confidence[place]

    def _likeness(self, before: Key, after: Key, step: Step) -> float:
        """The worst region similarity of all objects between two results of one frame."""
        if before == after:
            return 1.0
        pair = (before, after, step.epoch)
        if pair not in self._iou:
            cells = _Cells(self._viewer, step.removed)
            one, other = cells[before], cells[after]
            ids = [k for k in step.objects if ((one == k) | (other == k)).any()]
            both = [region_similarity(one == k, other == k) for k in ids]
            self._iou[pair] = min(both, default=1.0)
        return self._iou[pair]


class _Cells:
    """Label masks at stride 4, the last few kept."""

    def __init__(self, viewer: Viewer, removed: Collection[int]) -> None:
        self._viewer, self._removed = viewer, removed
        self._kept: dict[Key, LabelMask] = {}

    def __getitem__(self, key: Key) -> LabelMask:
        if key not in self._kept:
            while len(self._kept) > 2:
                self._kept.pop(next(iter(self._kept)))
            result = living(self._viewer.result(key[1], key[0]), self._removed)
            self._kept[key] = self._viewer.canvas.cell_mask(result)
        return self._kept[key]
