"""One round of propagation: passes outwards from the annotated frames over their spans."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from ivos.core.schedule import blend_weight, neighbours, passes, span
from ivos.engine.segmenter import ClipSegmenter
from ivos.engine.state import FrameResult, State

Direction = Literal["both", "forward", "backward"]


@dataclass(frozen=True, slots=True)
class Pass:
    """One run outwards.

    Attributes:
        source: The annotated frame it starts from (t_r).
        neighbour: The annotated frame it runs towards (t_b), None towards an end of the clip.
        targets: The frames it visits, in order.
    """

    source: int
    neighbour: int | None
    targets: tuple[int, ...]


def plan(state: State, direction: Direction, within: range, reach: float) -> list[Pass]:
    """The passes of the next round in the order in which they run.

    Args:
        state: The state before the round; all its source frames lie within `within`.
        direction: Which passes to run.
        within: The frames that may change.
        reach: Share of the way to a neighbouring annotated frame that a pass runs over.
    """
    annotated = {*state.object_features, *state.pending}
    runs = []
    for source in state.sources:
        before, after = neighbours(source, annotated)
        forward, backward = passes(source, span(source, annotated, len(state.results), reach=reach))
        if direction != "backward":
            runs.append(Pass(source, after, tuple(t for t in forward if t in within)))
        if direction != "forward":
            runs.append(Pass(source, before, tuple(t for t in backward if t in within)))
    return runs


def propagation(
    segmenter: ClipSegmenter, state: State, runs: list[Pass]
) -> Generator[tuple[int, FrameResult], None, None]:
    """The frames of one round as they are done (section 3.3); `state` itself stays as it is.

    In each step T-Net sees all annotated frames of all rounds and the neighbouring frame just done, as this round
    gave it (before superposition). Frames between two source frames are visited from both sides, the second visit
    superposed on the first.

    Args:
        segmenter: The networks on this clip.
        state: The state before the round.
        runs: From `plan`.

    Yields:
        (t, result): the pending frames first, then those of each pass.
    """
    results = list(state.results)
    pending_features = {frame: pending.object_features for frame, pending in state.pending.items()}
    memory = segmenter.memory({**state.object_features, **pending_features})
    with segmenter.features.keeping([frame for frame, _ in memory]):
        for frame, pending in state.pending.items():
            results[frame] = pending.result
            yield frame, pending.result
        for run in runs:
            source = results[run.source]
            assert source is not None, "a source frame is pending or was propagated before"
            carried = segmenter.start(run.source, source)
            for t in run.targets:
                carried = segmenter.transfer(t, memory, carried)
                weight = blend_weight(t, run.source, run.neighbour)
                results[t] = result = segmenter.superpose(carried, results[t], weight)
                yield t, result
