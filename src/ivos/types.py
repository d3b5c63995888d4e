"""Value objects shared by every layer: frozen, validated on construction, free of torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ivos.errors import InputError

Item = TypeVar("Item")

Pixels = NDArray[np.uint8]
"""One frame: (H, W, 3) uint8 RGB."""
LabelMask = NDArray[np.uint8]
"""One label mask: (H, W) uint8; 0 background, 1..K objects, 255 void."""
ExportFormat = Literal["png", "binary", "overlay", "prores", "webm", "green", "coco"]
"""What `ivos.export` writes."""

BACKGROUND = 0
VOID = 255
MAX_OBJECTS = 254


@runtime_checkable
class Frames(Protocol):
    """A clip whose frames are decoded on demand: `len(frames)`, `frames[t]` -> (H, W, 3) uint8 RGB."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels, the same for every frame."""

    @property
    def fps(self) -> float:
        """Frames per second; image folders say 24."""

    def __len__(self) -> int: ...

    def __getitem__(self, t: int, /) -> Pixels: ...


def check_frames(frames: object) -> None:
    """Refuse what is no clip.

    Raises:
        InputError: It lacks what `Frames` have.
    """
    if not isinstance(frames, Frames):
        raise InputError(
            f"The clip is given as {type(frames).__name__}; expected what `ivos.read_video` gives, or "
            "`ivos.io.images.ArrayFrames(pixels)` for frames in memory."
        )


@dataclass(frozen=True, slots=True)
class Scribble:
    """One polyline drawn for one object.

    Attributes:
        object_id: 1..254 for an object, 0 for background (takes away from every object).
        path: At least one (x, y) point; fractions of width and height in [0, 1], x first.
        start_time: When the stroke began, in the unit of the scribble file (human files: milliseconds).
        end_time: When the stroke ended, same unit.

    Raises:
        InputError: The path is empty, not made of pairs, not finite or outside [0, 1]; the id is out of range; or a
            time is not finite.
    """

    object_id: int
    path: tuple[tuple[float, float], ...]
    start_time: float = 0.0
    end_time: float = 0.0

    def __init__(
        self, object_id: int, path: Iterable[Sequence[float]], start_time: float = 0.0, end_time: float = 0.0
    ) -> None:
        """Validate the stroke and freeze its path."""
        if isinstance(object_id, bool) or not isinstance(object_id, int | np.integer):
            raise InputError(f"A scribble's object_id must be an integer; got {object_id!r}.")
        if not BACKGROUND <= object_id <= MAX_OBJECTS:
            raise InputError(
                f"A scribble has object_id {object_id}; expected 1..{MAX_OBJECTS} for an object or 0 for background."
            )
        object.__setattr__(self, "object_id", int(object_id))
        object.__setattr__(self, "path", _valid_path(path))
        object.__setattr__(self, "start_time", _time(start_time, "start_time"))
        object.__setattr__(self, "end_time", _time(end_time, "end_time"))

    @property
    def points(self) -> NDArray[np.float64]:
        """The path as an array, shape (P, 2), columns x and y in [0, 1]."""
        return np.asarray(self.path, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Annotation:
    """All scribbles of one round on one frame.

    Attributes:
        frame: 0-based index of the annotated frame.
        scribbles: At least one stroke, in drawing order; may be empty if the mask was painted.
        painted: Whether the user also painted on the mask itself.

    Raises:
        InputError: The frame index is negative, the scribbles are none, or there is neither scribble nor paint.
    """

    frame: int
    scribbles: tuple[Scribble, ...]
    painted: bool = False

    def __init__(self, frame: int, scribbles: Iterable[Scribble], *, painted: bool = False) -> None:
        """Validate and freeze."""
        if isinstance(frame, bool) or not isinstance(frame, int | np.integer) or frame < 0:
            raise InputError(f"An annotation's frame must be an integer >= 0; got {frame!r}.")
        frozen = _items(scribbles, f"The scribbles of frame {frame}", "a list of ivos.Scribble")
        strange = [each for each in frozen if not isinstance(each, Scribble)]
        if strange:
            raise InputError(
                f"The scribbles of frame {frame} hold {strange[0]!r}; expected ivos.Scribble objects only."
            )
        if not frozen and not painted:
            raise InputError(f"The annotation of frame {frame} has no scribble; draw at least one stroke.")
        object.__setattr__(self, "frame", int(frame))
        object.__setattr__(self, "scribbles", frozen)
        object.__setattr__(self, "painted", painted)


def _valid_path(path: Iterable[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    points: list[tuple[float, float]] = []
    for point in _items(path, "A scribble's path", "a list of (x, y) points"):
        pair = _items(point, "A scribble's point", "a pair (x, y)")
        if len(pair) != 2:
            raise InputError(f"A scribble's point must be a pair (x, y); got {point!r}.")
        x, y = (_number(value, "point") for value in pair)
        if not (math.isfinite(x) and math.isfinite(y)):
            raise InputError(f"A scribble has the point ({x}, {y}); coordinates must be finite numbers.")
        if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
            raise InputError(
                f"A scribble has the point ({x:g}, {y:g}); expected fractions of width and height in [0, 1]. "
                "Divide pixel positions by the frame's width and height."
            )
        points.append((x, y))
    if not points:
        raise InputError("A scribble has an empty path; expected at least one (x, y) point.")
    return tuple(points)


def _items(values: Iterable[Item], what: str, expected: str) -> tuple[Item, ...]:
    try:
        return tuple(values)
    except TypeError as error:
        raise InputError(f"{what} must be {expected}; got {values!r}.") from error


def _time(value: float, what: str) -> float:
    time = _number(value, what)
    if not math.isfinite(time):
        raise InputError(f"A scribble has the {what} {time}; times must be finite numbers.")
    return time


def _number(value: float, what: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"A scribble's {what} must be made of numbers; got {value!r}.") from error
