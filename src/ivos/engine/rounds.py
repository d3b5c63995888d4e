"""One round of propagation: passes outwards from the annotated frames over their spans."""

from __future__ import annotations

from collections.abc import Collection, Generator
from dataclasses import dataclass
from typing import Literal, get_args

from ivos.core.schedule import blend_weight, neighbours, passes, span
from ivos.engine.segmenter import ClipSegmenter
from ivos.engine.state import FrameResult, State
from ivos.errors import InputError, SessionOrderError

Direction = Literal["both", "forward", "backward"]


@dataclass(frozen=True, slots=True)
class Pass:
    """One run outwards.

    Attributes:
        source: The annotated frame it starts from (t_r).
        neighbour: The annotated frame it runs towards (t_b), None towards an end of the clip.
        targets: The frames it visits, in order.
        objects: The ids of the objects it carries, ascending.
    """

    source: int
    neighbour: int | None
    targets: tuple[int, ...]
    objects: tuple[int, ...]


def plan(
    state: State,
    direction: Direction,
    within: range,
    reach: float,
    locked: Collection[int] = (),
    due: Collection[int] = (),
) -> list[Pass]:
    """The passes of the next round in the order in which they run.

    Objects annotated on the same frames run together; an object that was not known yet when a frame was annotated
    passes through that frame. Beside the passes from the source frames there are those from frames annotated earlier
    that lead to frames without a result of their objects: marks, a direction, a lock or a broken-off round left them
    out.

    Args:
        state: The state before the round; all its source frames lie within `within`.
        direction: Which passes to run.
        within: The frames that may change.
        reach: Share of the way to a neighbouring annotated frame that a pass runs over.
        locked: Ids of objects that stay as they are.
        due: Frames annotated earlier whose passes a broken-off round did not end: they run like those of the sources.

    Raises:
        SessionOrderError: Nothing was annotated yet.
        InputError: The direction is unknown, or the range does not fit.
    """
    _check(state, direction, within)
    runs, begun = [], {*state.sources, *due}
    for objects, annotated in companies(state, locked):
        for source in (*(t for t in state.sources if t in annotated), *sorted(annotated - set(state.sources))):
            before, after = neighbours(source, annotated)
            forward, backward = passes(source, span(source, annotated, len(state.results), reach=reach))
            if source not in within:
                continue
            for neighbour, targets, other in ((after, forward, "backward"), (before, backward, "forward")):
                run = Pass(source, neighbour, tuple(t for t in targets if t in within), objects)
                if direction != other and (source in begun or _is_new(run, state)):
                    runs.append(run)
    return runs


def _is_new(run: Pass, state: State) -> bool:
    """Whether a pass leads to frames that have no result of its objects."""
    results = (state.results[t] for t in run.targets)
    return any(result is None or not set(run.objects) <= set(result.objects) for result in results)


def _check(state: State, direction: Direction, within: range) -> None:
    clip = range(len(state.results))
    if direction not in get_args(Direction):
        raise InputError(f"The direction is {direction!r}; expected one of {', '.join(get_args(Direction))}.")
    if not state.sources:
        raise SessionOrderError("Nothing was annotated yet; call `annotate` with scribbles before `propagate`.")
    if not isinstance(within, range):
        raise InputError(f"Cannot propagate within {within!r}; expected a range of frames, such as range(30, 90).")
    if within.step != 1 or not within or within[0] not in clip or within[-1] not in clip:
        raise InputError(f"Cannot propagate within {within}; expected frames of {clip} without gaps.")
    for t in state.sources:
        if t not in within:
            raise InputError(f"Cannot propagate within {within}: frame {t} was annotated outside. Widen the range.")


def companies(state: State, locked: Collection[int] = ()) -> list[tuple[tuple[int, ...], frozenset[int]]]:
    """The objects that share their annotated frames, and these frames; in order of the lowest id."""
    frames: dict[int, set[int]] = {}
    for t, features in state.memory.items():
        for k in features.objects:
            frames.setdefault(k, set()).add(t)
    shared: dict[frozenset[int], list[int]] = {}
    for k in sorted(frames.keys() - set(locked)):
        shared.setdefault(frozenset(frames[k]), []).append(k)
    return [(tuple(objects), annotated) for annotated, objects in shared.items()]


def propagation(
    segmenter: ClipSegmenter, state: State, runs: list[Pass]
) -> Generator[tuple[int, FrameResult], None, None]:
    """The frames of one round as they are done; `state` itself stays as it is.

    In each step T-Net sees all frames annotated for the pass's objects in all rounds and the neighbouring frame just
    done, as this round gave it (before superposition). Frames between two source frames are visited from both sides,
    the second visit superposed on the first.

    Args:
        segmenter: The networks on this clip.
        state: The state before the round.
        runs: From `plan`.

    Yields:
        (t, result): the pending frames first, then those of each pass.
    """
    results = list(state.results)
    with segmenter.features.keeping(list(state.memory)):
        for frame, pending in state.pending.items():
            results[frame] = pending.result
            yield frame, pending.result
        for run in runs:
            memory = segmenter.memory(state.memory, run.objects)
            source = results[run.source]
            assert source is not None, "a source frame is pending or was propagated before"
            carried = segmenter.start(run.source, source, run.objects)
            for t in run.targets:
                carried = segmenter.transfer(t, memory, carried)
                weight = blend_weight(t, run.source, run.neighbour)
                result = segmenter.superpose(carried, results[t], weight, run.objects)
                results[t] = result = segmenter.holding(t, result, state.scribbles(t))
                yield t, result
