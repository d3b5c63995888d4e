"""Scribble files: the DAVIS scribble JSON, with an optional key that tells several rounds in one file apart.

`{"sequence": str, "scribbles": [[{"path": [[x, y], ...], "object_id": int, "start_time": t, "end_time": t}, ...]]}`
holds one list of strokes a frame; x and y are fractions of width and height. Our optional key
`"rounds": [{"frame": int, "strokes": [int, ...]}, ...]` names the strokes of each round by their places in the frame's
list; other readers ignore it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivos.errors import InputError
from ivos.io.atomic import atomic_write
from ivos.types import Annotation, Scribble


@dataclass(frozen=True)
class ScribbleFile:
    """The scribbles of one sequence.

    Attributes:
        sequence: The sequence's name.
        num_frames: The number of its frames.
        annotations: The rounds in the order in which they were drawn; the same frame may occur several times.

    Raises:
        InputError: An annotation is on a frame that does not exist.
    """

    sequence: str
    num_frames: int
    annotations: tuple[Annotation, ...]

    def __post_init__(self) -> None:
        """Check the frames."""
        for number, annotation in enumerate(self.annotations, start=1):
            if annotation.frame >= self.num_frames:
                raise InputError(
                    f"Round {number} of the scribbles of '{self.sequence}' is on frame {annotation.frame}; "
                    f"expected a frame from 0 to {self.num_frames - 1}."
                )

    @property
    def num_objects(self) -> int:
        """The largest object id of any stroke, 0 if there is none."""
        return max((stroke.object_id for each in self.annotations for stroke in each.scribbles), default=0)


def read_scribbles(path: str | Path) -> ScribbleFile:
    """The scribbles in a DAVIS scribble file, one annotation a round.

    Without the key `rounds` every annotated frame is one round; rounds are in the order of their first stroke's start
    time, then of their frames. Strokes without times count as drawn at 0.

    Raises:
        InputError: The file is missing, is no scribble file, or holds a stroke that is not usable; says which one.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"The scribble file '{path}' cannot be read ({error.strerror or error}).") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"The scribble file '{path}' is not valid JSON ({error}).") from error
    try:
        return _parse(content)
    except InputError as error:
        raise InputError(f"The scribble file '{path}' is not usable. {error}") from error


def write_scribbles(path: str | Path, scribbles: ScribbleFile) -> None:
    """Write a scribble file, whole or not at all; `read_scribbles` reads the same strokes back.

    The format knows no brushwork: an annotation that was only painted is left out, of others only the strokes are kept.

    Raises:
        InputError: What is to be written is no `ScribbleFile`.
        OutputError: The file cannot be written.
    """
    if not isinstance(scribbles, ScribbleFile):
        raise InputError(
            f"Scribbles are given as {type(scribbles).__name__}; expected "
            "`ivos.ScribbleFile(sequence, num_frames, annotations)`."
        )
    frames: list[list[dict[str, Any]]] = [[] for _ in range(scribbles.num_frames)]
    rounds = []
    for annotation in (each for each in scribbles.annotations if each.scribbles):
        strokes = frames[annotation.frame]
        first = len(strokes)
        strokes += [stroke_to_json(scribble) for scribble in annotation.scribbles]
        rounds.append({"frame": annotation.frame, "strokes": list(range(first, len(strokes)))})
    content = {"sequence": scribbles.sequence, "scribbles": frames, "rounds": rounds}
    with atomic_write(path) as file:
        file.write(json.dumps(content, allow_nan=False).encode())


def stroke_to_json(scribble: Scribble) -> dict[str, Any]:
    """A stroke as the JSON object that scribble files hold."""
    return {
        "path": [list(point) for point in scribble.path],
        "object_id": scribble.object_id,
        "start_time": scribble.start_time,
        "end_time": scribble.end_time,
    }


def stroke_from_json(stroke: object, where: str) -> Scribble:
    """The stroke in a JSON object.

    Args:
        stroke: Parsed JSON.
        where: Begins the error's sentence, such as `Stroke 2 of frame 7`.

    Raises:
        InputError: It is not usable.
    """
    if not isinstance(stroke, dict) or not {"path", "object_id"} <= stroke.keys():
        raise InputError(f"{where} is no object with the keys 'path' and 'object_id'.")
    path, times = stroke["path"], [stroke.get("start_time", 0), stroke.get("end_time", 0)]
    numbers = [value for point in path if isinstance(point, list) for value in point] if isinstance(path, list) else []
    if not isinstance(path, list) or not all(isinstance(point, list) for point in path):
        raise InputError(f"{where} has a path that is no list of [x, y] pairs.")
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in [*numbers, *times]):
        raise InputError(f"{where} has a coordinate or a time that is no number.")
    try:
        return Scribble(stroke["object_id"], path, float(times[0]), float(times[1]))
    except (InputError, OverflowError) as error:
        raise InputError(f"{where}: {error}") from error


def _parse(content: object) -> ScribbleFile:
    if not isinstance(content, dict) or not isinstance(content.get("scribbles"), list):
        raise InputError("Expected an object with the key 'scribbles', a list with one list of strokes a frame.")
    sequence = content.get("sequence", "")
    if not isinstance(sequence, str):
        raise InputError(f"Its 'sequence' is {sequence!r}; expected a name.")
    frames = []
    for t, strokes in enumerate(content["scribbles"]):
        if not isinstance(strokes, list):
            raise InputError(f"Its entry for frame {t} is {strokes!r}; expected a list of strokes.")
        frames.append([stroke_from_json(stroke, f"Stroke {i} of frame {t}") for i, stroke in enumerate(strokes)])
    rounds = _rounds_by_time(frames) if "rounds" not in content else _rounds_by_key(content["rounds"], frames)
    return ScribbleFile(sequence, len(frames), tuple(rounds))


def _rounds_by_time(frames: list[list[Scribble]]) -> list[Annotation]:
    drawn = [(min(stroke.start_time for stroke in strokes), t) for t, strokes in enumerate(frames) if strokes]
    return [Annotation(t, frames[t]) for _, t in sorted(drawn)]


def _rounds_by_key(rounds: object, frames: list[list[Scribble]]) -> list[Annotation]:
    if not isinstance(rounds, list):
        raise InputError("Its 'rounds' is no list.")
    left = {(t, i) for t, strokes in enumerate(frames) for i in range(len(strokes))}
    annotations = []
    for number, entry in enumerate(rounds, start=1):
        if not isinstance(entry, dict) or not isinstance(entry.get("strokes"), list):
            raise InputError(f"Round {number} is no object with the keys 'frame' and 'strokes'.")
        t = entry.get("frame")
        if not isinstance(t, int) or not all(isinstance(i, int) for i in entry["strokes"]):
            raise InputError(f"Round {number} has a 'frame' or 'strokes' that are no whole numbers.")
        for i in entry["strokes"]:
            if (t, i) not in left:
                raise InputError(f"Round {number} names stroke {i} of frame {t}, which is missing or used before.")
            left.remove((t, i))
        if not entry["strokes"]:
            raise InputError(f"Round {number} names no stroke.")
        annotations.append(Annotation(t, [frames[t][i] for i in entry["strokes"]]))
    if left:
        t, i = min(left)
        raise InputError(f"Stroke {i} of frame {t} belongs to no round.")
    return annotations
