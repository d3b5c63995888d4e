"""The frames of one round on the disk: appended as they are done, read through the page cache when looked at."""

from __future__ import annotations

import json
import mmap
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ivos.engine.state import FrameResult, ObjectFeatures, PendingFrame
from ivos.errors import InputError
from ivos.io.atomic import output_error
from ivos.types import LabelMask

ROUNDS = "rounds"


class RoundWriter:
    """Appends results and object features; what was written before a kill can be read afterwards.

    Args:
        project: The project's folder.
        number: The round's number, its event in the journal.
        pending: The frames that it starts from, whose object features are kept.
        networks: The fingerprint of the networks that made them.
    """

    def __init__(self, project: Path, number: int, pending: Mapping[int, PendingFrame], networks: str) -> None:
        """Make the two files: `N.bin` with the arrays, `N.index` with one line an array.

        Raises:
            OutputError: They cannot be written.
        """
        self.path = project / ROUNDS / f"{number}.bin"
        try:
            self.path.parent.mkdir(exist_ok=True)
            self._arrays: IO[bytes] = self.path.open("wb", buffering=0)
            self._index: IO[bytes] = self.path.with_suffix(".index").open("wb", buffering=0)
        except OSError as error:
            raise output_error(self.path, error) from error
        try:
            for t, each in pending.items():
                entry = {"kind": "features", "t": t, "objects": each.result.objects, "networks": networks}
                self._add(entry, each.object_features)
        except BaseException:
            self.close()
            raise

    def add_result(self, t: int, result: FrameResult) -> None:
        """Append a frame's result.

        Raises:
            OutputError: The disk is full.
        """
        entry = {"kind": "result", "t": t, "objects": result.objects, "confidence": result.confidence}
        layers = {"brushwork": result.brushwork, "held": result.held}
        self._add(entry, result.logits, {name: layer for name, layer in layers.items() if layer is not None})

    def close(self) -> None:
        """Bring both files to the disk and close them."""
        with self._arrays, self._index:
            for file in (self._arrays, self._index):
                os.fsync(file.fileno())

    def _add(self, entry: dict[str, Any], array: NDArray[Any], layers: Mapping[str, LabelMask] | None = None) -> None:
        try:
            entry |= {"shape": array.shape, "offset": self._append(np.ascontiguousarray(array).tobytes())}
            for name, layer in (layers or {}).items():
                packed = zlib.compress(layer.tobytes(), 1)
                entry |= {"size": layer.shape, name: [self._append(packed), len(packed)]}
            self._index.write(json.dumps(entry).encode() + b"\n")
        except OSError as error:
            raise output_error(self.path, error) from error

    def _append(self, content: bytes) -> int:
        offset = self._arrays.tell()
        if content and self._arrays.write(content) != len(content):
            raise OSError(28, "the disk is full")
        return offset


class RoundFile:
    """A round as it was written; frames are read when they are asked for and take no memory of their own."""

    def __init__(self, project: Path, number: int) -> None:
        """Read the index.

        Raises:
            InputError: The files are missing or damaged.
        """
        self._path = project / ROUNDS / f"{number}.bin"
        self._results: dict[int, dict[str, Any]] = {}
        self._features: dict[int, dict[str, Any]] = {}
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                self._content: mmap.mmap | bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) if size else b""
            for entry in _entries(self._path.with_suffix(".index")):
                (self._results if entry["kind"] == "result" else self._features)[int(entry["t"])] = entry
        except OSError as error:
            raise InputError(f"A round of the project is missing: '{self._path}' ({error.strerror}).") from error
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"A round of the project is damaged: '{self._path}' ({error}).") from error

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames that have a result, in the order in which they were first done."""
        return tuple(self._results)

    def result(self, t: int) -> FrameResult:
        """The newest result of frame t.

        Raises:
            InputError: It is not there.
        """
        entry = self._entry(self._results, t)
        layers: dict[str, LabelMask] = {}
        try:
            for name in ("brushwork", "held"):
                if name in entry:
                    offset, length = entry[name]
                    layer = zlib.decompress(self._content[offset : offset + length])
                    layers[name] = np.frombuffer(layer, np.uint8).reshape(entry["size"])
        except (zlib.error, ValueError) as error:
            raise InputError(f"A round of the project is damaged: '{self._path}' ({error}).") from error
        logits = self._array(entry, np.float16)
        return FrameResult(logits, float(entry["confidence"]), tuple(entry["objects"]), **layers)

    def started_with(self, t: int) -> tuple[int, ...]:
        """The objects that frame t was annotated for in this round; none where the round did not start there."""
        return tuple(self._features[t]["objects"]) if t in self._features else ()

    def networks(self, t: int) -> str:
        """The fingerprint of the networks behind the object features of frame t; empty if it was not kept."""
        return str(self._entry(self._features, t).get("networks", ""))

    def features(self, t: int) -> ObjectFeatures:
        """The object features of the annotated frame t, which only the networks that made them can read."""
        entry = self._entry(self._features, t)
        return ObjectFeatures(self._array(entry, np.float32), tuple(entry["objects"]))

    def _entry(self, entries: dict[int, dict[str, Any]], t: int) -> dict[str, Any]:
        if t not in entries:
            raise InputError(f"Frame {t} is missing in the round '{self._path}'; the project is incomplete.")
        return entries[t]

    def _array(self, entry: dict[str, Any], kind: type[Any]) -> NDArray[Any]:
        shape = tuple(entry["shape"])
        try:
            count = int(np.prod(shape))
            if not count:
                return np.zeros(shape, kind)
            return np.frombuffer(self._content, kind, count, entry["offset"]).reshape(shape)
        except ValueError as error:
            raise InputError(f"A round of the project is damaged: '{self._path}' ({error}).") from error


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of an index; one torn by a kill ends it."""
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            return
        yield json.loads(line)
