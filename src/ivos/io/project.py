"""Project files: one `.ivos` file holds a whole session, undo and redo included.

The file is a zip archive with `project.json` and one `arrays/N.npy` for each array. States share the arrays and
annotations that they have in common, in memory as well as in the file, so that a long history costs little.
Arrays are stored as they are: half-precision logits shrink by a tenth at twenty times the writing time.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivos.errors import InputError
from ivos.io.atomic import atomic_write
from ivos.io.clip_reference import ClipReference
from ivos.io.scribble_files import stroke_from_json, stroke_to_json
from ivos.types import Annotation

FORMAT = "ivos project"
VERSION = 1
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,  # and those of its kind: a compression or an encryption that is not known, too deep a nesting
    LookupError,
    ArithmeticError,
    AttributeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, eq=False)
class StateData:
    """What a session knew at one point of its history.

    Attributes:
        rounds: The annotations of each finished round, oldest first; usually one, several if several frames were
            annotated for one propagation.
        pending: Annotations that wait for the next propagation, in the order of their first stroke.
        arrays: Named arrays, such as `logits/12` (frame 12, (K, h, w) float16); the names are the engine's. Give the
            *same* array object to every state in which it is unchanged: it is then stored once.
    """

    rounds: tuple[tuple[Annotation, ...], ...]
    pending: tuple[Annotation, ...]
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class ProjectData:
    """Everything that a project file holds; the engine fills it on saving and reads it on opening.

    Attributes:
        clip: Where the clip is and how to recognise it.
        model: What made the masks, in words for the reader and for comparison: a preset's name or a weights file.
        num_objects: K.
        resolution: Short side in pixels that the networks see at most; None: full size.
        states: The history, oldest first: undo goes towards the first, redo towards the last; at least one.
        current: Index of the present in `states`.
        weights: The digest of the model's weights, empty if it has none of a file; None: a project of earlier times.
    """

    clip: ClipReference
    model: str
    num_objects: int
    resolution: int | None
    states: tuple[StateData, ...]
    current: int
    weights: str | None = None


def save_project(path: str | Path, project: ProjectData) -> None:
    """Write a project file, whole or not at all; it is on the disk when this returns.

    Raises:
        OutputError: The file cannot be written; a former one stays as it was.
    """
    arrays, annotations = _Table(), _Table()
    content = _to_json(project, arrays, annotations)
    with atomic_write(path, durable=True) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("project.json", json.dumps(content), zipfile.ZIP_DEFLATED)
        for number, array in enumerate(arrays.things):
            with archive.open(f"arrays/{number}.npy", "w") as entry:
                np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)


def open_project(path: str | Path) -> ProjectData:
    """The content of a project file; arrays that states share are the same object again.

    Raises:
        InputError: The file is missing, damaged, no project, or of a newer version.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            content = json.loads(archive.read("project.json"))
            if content["format"] != FORMAT:
                raise InputError(f"'{path}' is not an ivos project.")
            if content["version"] != VERSION:
                raise InputError(
                    f"'{path}' is a project of version {content['version']}; this ivos reads version {VERSION}. "
                    "Update ivos to open it."
                )
            arrays = [_read_array(archive, number) for number in range(_count_arrays(content))]
            return _parse(content, arrays)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"The project '{path}' cannot be read ({error.strerror or error}).") from error
    except _DAMAGES as error:
        raise InputError(f"'{path}' is damaged or not an ivos project ({error}).") from error


class _Table:
    """Objects in the order in which they were first met; the same object has one place."""

    def __init__(self) -> None:
        self.things: list[Any] = []
        self._places: dict[int, int] = {}

    def place(self, thing: object) -> int:
        if id(thing) not in self._places:
            self._places[id(thing)] = len(self.things)
            self.things.append(thing)
        return self._places[id(thing)]


def _to_json(project: ProjectData, arrays: _Table, annotations: _Table) -> dict[str, Any]:
    states = [
        {
            "rounds": [[annotations.place(each) for each in together] for together in state.rounds],
            "pending": [annotations.place(each) for each in state.pending],
            "arrays": {name: arrays.place(array) for name, array in state.arrays.items()},
        }
        for state in project.states
    ]
    return {
        "format": FORMAT,
        "version": VERSION,
        "clip": asdict(project.clip),
        "model": project.model,
        "weights": project.weights,
        "num_objects": project.num_objects,
        "resolution": project.resolution,
        "annotations": [_annotation_to_json(each) for each in annotations.things],
        "states": states,
        "current": project.current,
    }


def _parse(content: dict[str, Any], arrays: list[NDArray[Any]]) -> ProjectData:
    annotations = [_annotation_from_json(each) for each in content["annotations"]]
    states = tuple(
        StateData(
            rounds=tuple(tuple(annotations[i] for i in together) for together in state["rounds"]),
            pending=tuple(annotations[i] for i in state["pending"]),
            arrays={str(name): arrays[i] for name, i in state["arrays"].items()},
        )
        for state in content["states"]
    )
    clip = content["clip"]
    if not all(isinstance(clip[name], str) for name in ("path", "relative", "fingerprint")):
        raise ValueError("its clip's path and fingerprint are no texts")
    project = ProjectData(
        clip=ClipReference(**{**clip, "size": (int(clip["size"][0]), int(clip["size"][1]))}),
        model=str(content["model"]),
        num_objects=int(content["num_objects"]),
        resolution=None if content["resolution"] is None else int(content["resolution"]),
        states=states,
        current=int(content["current"]),
        weights=None if content.get("weights") is None else str(content["weights"]),
    )
    if project.current not in range(len(states)):
        raise ValueError(f"its present is state {project.current} of {len(states)}")
    return project


def _count_arrays(content: dict[str, Any]) -> int:
    return 1 + max((int(i) for state in content["states"] for i in state["arrays"].values()), default=-1)


def _read_array(archive: zipfile.ZipFile, number: int) -> NDArray[Any]:
    with archive.open(f"arrays/{number}.npy") as entry:
        array: NDArray[Any] = np.lib.format.read_array(entry, allow_pickle=False)
        entry.read()  # to the end, so that the checksum is compared
        return array


def _annotation_to_json(annotation: Annotation) -> dict[str, Any]:
    strokes = [stroke_to_json(each) for each in annotation.scribbles]
    return {"frame": annotation.frame, "strokes": strokes, "painted": annotation.painted}


def _annotation_from_json(content: dict[str, Any]) -> Annotation:
    strokes = [stroke_from_json(each, "A stroke") for each in content["strokes"]]
    return Annotation(content["frame"], strokes, painted=bool(content.get("painted", False)))
