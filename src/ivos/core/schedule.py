"""Which frames a round visits, in which order, and how much of the old result stays (eq. 6)."""

from __future__ import annotations

from collections.abc import Collection

from ivos.errors import InputError


def neighbours(frame: int, annotated: Collection[int]) -> tuple[int | None, int | None]:
    """The nearest annotated frames before and after `frame` (itself not counted); None where there is none."""
    before = max((t for t in annotated if t < frame), default=None)
    after = min((t for t in annotated if t > frame), default=None)
    return before, after


def span(frame: int, annotated: Collection[int], num_frames: int, *, reach: float = 1.0) -> range:
    """The frames that a round on `frame` may change: up to but excluding the neighbouring annotated frames.

    Args:
        frame: The annotated frame of the round, 0-based.
        annotated: All annotated frames of the session; may include `frame`.
        num_frames: Length of the clip.
        reach: Share of the frames between it and a neighbouring annotated frame that the round visits, in [0, 1],
            rounded to the nearest number (the released evaluation: 0.99). The ends of the clip are always reached.

    Returns:
        A range of frames that contains `frame`.

    Raises:
        InputError: A frame lies outside the clip, or `reach` outside [0, 1].
    """
    for t in (frame, *annotated):
        if not 0 <= t < num_frames:
            raise InputError(f"Frame {t} does not exist; the clip has {num_frames} frames, 0 to {num_frames - 1}.")
    if not 0 <= reach <= 1:
        raise InputError(f"The reach of a round is {reach}; expected a share of the way in [0, 1].")
    before, after = neighbours(frame, annotated)
    start = 0 if before is None else frame - _steps(frame - before, reach)
    last = num_frames - 1 if after is None else frame + _steps(after - frame, reach)
    return range(start, last + 1)


def passes(frame: int, span: range) -> tuple[list[int], list[int]]:
    """The frames after and those before `frame` within the span, each list in visiting order: outwards.

    Raises:
        InputError: `frame` is not in the span.
    """
    if frame not in span:
        raise InputError(f"The annotated frame {frame} is not in its own span {span.start}..{span.stop - 1}.")
    return list(range(frame + 1, span.stop)), list(range(frame - 1, span.start - 1, -1))


def blend_weight(t: int, round_frame: int, neighbour: int | None) -> float:
    """The share of the new round at frame t, the old result keeps the rest (eq. 6).

    It falls linearly from 1 at the annotated frame of the round to 1/2 at the neighbouring annotated frame.

    Args:
        t: A frame between the two, both included.
        round_frame: The frame annotated in this round (t_r).
        neighbour: The next annotated frame on t's side (t_b), or None if there is none: nothing older is to be kept.

    Returns:
        A number in [0.5, 1].

    Raises:
        InputError: t does not lie between the two frames, or they are the same.
    """
    if neighbour is None:
        return 1.0
    if neighbour == round_frame or not min(round_frame, neighbour) <= t <= max(round_frame, neighbour):
        raise InputError(f"Frame {t} does not lie between the annotated frames {round_frame} and {neighbour}.")
    return 1 - 0.5 * abs(t - round_frame) / abs(neighbour - round_frame)


def _steps(distance: int, reach: float) -> int:
    return int(reach * (distance - 1) + 0.5)
