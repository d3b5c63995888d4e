"""What the benchmark can score: anything that turns frames and strokes into masks, and ATNet through a session."""

from __future__ import annotations

import hashlib
import inspect
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ivos.core.robot import ROBOT_PRESETS, RobotConfig
from ivos.engine.session import Session
from ivos.errors import InputError
from ivos.model.networks import Networks
from ivos.types import Annotation, Frames, Pixels

BASELINES = ("copy", "grabcut-flow")
"""Names of the methods without networks."""
UNKNOWN = "unknown"
"""The digest of a method that nothing tells apart from others of its name."""
ClipMasks = NDArray[np.uint8]
"""Label masks of a whole clip: (T, H, W) uint8."""


class Segmenter(Protocol):
    """A method under test; a plain function will do. It may keep state between the rounds of a sample."""

    def __call__(self, frames: Frames, annotations: Sequence[Annotation], num_objects: int, /) -> ClipMasks:
        """The label masks of all frames after a round, shape (T, H, W), values 0..num_objects.

        Args:
            frames: The clip; the same object in every round of a sample.
            annotations: All strokes so far, oldest first; each call brings new ones at the end.
            num_objects: K.
        """


@runtime_checkable
class ReportsSeconds(Protocol):
    """A segmenter that says what its latest call spent its time on."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """Some of `annotate` (A-Net), `transfer` (T-Net), `read` (decoding frames), in seconds."""


class MeteredFrames:
    """A clip that adds up the seconds it takes to read its frames."""

    def __init__(self, frames: Frames) -> None:
        """Wrap a clip."""
        self.frames = frames
        self.seconds = 0.0

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.frames.size

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.frames.fps

    def __len__(self) -> int:
        """The number of frames."""
        return len(self.frames)

    def __getitem__(self, t: int, /) -> Pixels:
        """Frame `t`, (H, W, 3) uint8 RGB."""
        started = time.perf_counter()
        pixels = self.frames[t]
        self.seconds += time.perf_counter() - started
        return pixels


class SessionSegmenter:
    """A-Net and T-Net in a session: every call is one round."""

    def __init__(self, model: Networks, *, resolution: int | None = 480) -> None:
        """Keep the networks; sessions start with the first round of each sample.

        Args:
            model: The networks.
            resolution: See `Session`.
        """
        self.model = model
        self.resolution = resolution
        self.seconds: Mapping[str, float] = {}
        self._clip: _PlayedClip | None = None

    def __call__(self, frames: Frames, annotations: Sequence[Annotation], num_objects: int, /) -> ClipMasks:
        """Annotate what is new and propagate once."""
        if self._clip is None or not self._clip.is_continued_by(frames, annotations, num_objects):
            self._clip = _PlayedClip(self.model, frames, num_objects, self.resolution)
        clip = self._clip
        start, read_before = time.perf_counter(), clip.frames.seconds
        for annotation in annotations[len(clip.annotations) :]:
            clip.session.annotate(annotation.frame, annotation.scribbles)
        middle, read_between = time.perf_counter(), clip.frames.seconds
        for t, mask in clip.session.propagate():
            clip.masks[t] = mask
        end, read_after = time.perf_counter(), clip.frames.seconds
        clip.annotations = tuple(annotations)
        self.seconds = {
            "annotate": middle - start - (read_between - read_before),
            "transfer": end - middle - (read_after - read_between),
            "read": read_after - read_before,
        }
        return clip.masks.copy()


class _PlayedClip:
    """A sample in the middle of its rounds."""

    def __init__(self, model: Networks, frames: Frames, num_objects: int, resolution: int | None) -> None:
        self.frames = MeteredFrames(frames)
        self.session = Session(model, self.frames, num_objects, resolution=resolution)
        self.masks = np.zeros((len(frames), *frames.size), np.uint8)
        self.annotations: tuple[Annotation, ...] = ()

    def is_continued_by(self, frames: Frames, annotations: Sequence[Annotation], num_objects: int) -> bool:
        played = len(self.annotations)
        same_clip = self.frames.frames is frames and self.session.num_objects == num_objects
        return same_clip and len(annotations) > played and tuple(annotations[:played]) == self.annotations


class Source(Protocol):
    """Where a worker process gets its segmenter from; hashable, and can be sent to it."""

    def __hash__(self) -> int: ...

    @property
    def name(self) -> str:
        """The method's name in reports."""

    @property
    def digest(self) -> str:
        """Tells two methods of the same name apart, as far as that is possible."""

    def load(self) -> Segmenter:
        """The segmenter, ready to use."""


def usual_robot(method: Networks | Segmenter | str) -> RobotConfig:
    """The robot that a method is measured with unless told otherwise: for preset `authors` the paper's evaluation's.

    Args:
        method: Networks, a segmenter, or a name as `NamedSource` takes it.

    Raises:
        WeightsError: The name is that of a damaged weights file.
    """
    if isinstance(method, str):
        from ivos.model.config import PRESETS
        from ivos.model.weights import read_config

        known = method in {*BASELINES, *PRESETS}
        preset = read_config(method).name if not known and Path(method).is_file() else method
    else:
        networks = method.model if isinstance(method, SessionSegmenter) else method
        preset = getattr(getattr(networks, "config", None), "name", "")
    return ROBOT_PRESETS["authors" if preset == "authors" else "davis"]


@dataclass(frozen=True)
class NamedSource:
    """A built-in baseline, or ATNet by preset or weights file.

    Attributes:
        method: `copy`, `grabcut-flow`, a preset or the path of a weights file.
        device: Where networks run.
        resolution: See `Session`.
    """

    method: str = "lite"
    device: str = "cpu"
    resolution: int | None = 480

    def __post_init__(self) -> None:
        """Refuse a resolution at which no sample could be played."""
        if self.resolution is not None and self.resolution < 1:
            raise InputError(
                f"The resolution is {self.resolution}; expected the short side in pixels, or None for full size."
            )

    @property
    def name(self) -> str:
        """The method's name; of a weights file its stem."""
        return Path(self.method).stem

    @property
    def digest(self) -> str:
        """The SHA-256 of the weights file, if there is one, and the resolution.

        Raises:
            InputError: There is no such method or file.
        """
        from ivos.model.config import PRESETS
        from ivos.model.weights import BUNDLED

        known = self.method in {*BASELINES, *PRESETS}
        file = BUNDLED / f"{self.method}.safetensors" if known else Path(self.method)
        if not known and not file.is_file():
            self.load()  # says so
        weights = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "no weights file"
        return f"{weights}, resolution {self.resolution}"

    def load(self) -> Segmenter:
        """Import what the method needs and build it.

        Raises:
            InputError: There is no such method or file, or its extra is not installed.
            WeightsError: The weights file is damaged or does not fit.
        """
        if self.method == "copy":
            from ivos.bench.copy_masks import CopyMasks

            return CopyMasks()
        if self.method == "grabcut-flow":
            from ivos.bench.grabcut_flow import GrabCutFlow

            return GrabCutFlow()
        from ivos.model.weights import load_model

        return SessionSegmenter(load_model(self.method, device=self.device), resolution=self.resolution)


@dataclass(frozen=True, eq=False)
class GivenSource:
    """A segmenter that exists already.

    Attributes:
        segmenter: The object or function; sent to worker processes by pickling.
        name: The method's name in reports.
    """

    segmenter: Segmenter
    name: str

    @property
    def digest(self) -> str:
        """The SHA-256 of config and weights of a `SessionSegmenter`; of any other method that of its pickle and source.

        The source is that of the function, or of the object's class and its bases; what they call is not looked at.
        `UNKNOWN` if there is no pickle or no source.
        """
        if type(self.segmenter) is not SessionSegmenter:
            return _pickle_and_source(self.segmenter)
        import torch

        from ivos.model.config_json import config_to_json

        sha = hashlib.sha256(config_to_json(self.segmenter.model.config).encode())
        state: dict[str, Any] = getattr(self.segmenter.model, "state_dict", dict)()
        for name in sorted(state):
            sha.update(name.encode() + state[name].detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
        return f"{sha.hexdigest()}, resolution {self.segmenter.resolution}"

    def load(self) -> Segmenter:
        """The object itself."""
        return self.segmenter


def _pickle_and_source(method: Segmenter) -> str:
    import torch

    called: Any = method
    while isinstance(called, partial):
        called = called.func
    called = getattr(called, "__self__", called)  # a bound method is its object, and its name is in the pickle
    written = [called] if inspect.isfunction(called) or inspect.isclass(called) else type(called).__mro__
    try:
        content = io.BytesIO()
        torch.save(method, content)  # a pickle in which tensors have no addresses
        sha = hashlib.sha256(content.getvalue())
        for each in written:
            if each.__module__ != "builtins":
                sha.update(inspect.getsource(each).encode())
    except Exception:  # pickling runs code of the method's own
        return UNKNOWN
    return sha.hexdigest()
