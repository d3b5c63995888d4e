"""What work on a clip takes on this machine, before it begins: sizes from the clip, seconds by a short trial."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ivos.engine.annotating import scribbled
from ivos.engine.canvas import COLOURS_BYTES, PIXELS_BYTES, Canvas
from ivos.engine.rounds import plan, propagation
from ivos.engine.segmenter import ClipSegmenter
from ivos.engine.state import State
from ivos.server.answer_schemas import Needs
from ivos.server.brain import CACHE_BYTES, Brain
from ivos.server.workspace import Workspace
from ivos.types import Annotation, Pixels, Scribble

FRAMES_BYTES = 2 * ((128 << 20) + PIXELS_BYTES + COLOURS_BYTES)
"""Decoded frames that are held at most, of the page and of the round: by the reader and by the canvas."""
TRIAL_FRAMES = 4
FEW_BYTES = 2 << 30
LONG_SECONDS = 600
GIVE_WAY_SECONDS = 0.02
"""How long the trial leaves the networks alone after each of its steps, so that a stroke that waits gets them."""


class Trial:
    """How long one frame takes; measured once for each working size.

    Args:
        brain: The networks.
    """

    def __init__(self, brain: Brain) -> None:
        """Nothing is measured yet."""
        self._brain = brain
        self._lock = threading.Lock()
        self._seconds: dict[tuple[int, int], tuple[float, int]] = {}

    def measure(self, size: tuple[int, int]) -> tuple[float, int]:
        """Seconds a frame of a round, and the bytes of a frame's features, at a working size."""
        with self._lock:
            if size not in self._seconds:
                self._seconds[size] = self._measure(size)
            return self._seconds[size]

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The networks for one step of the trial."""
        with self._brain.lock:
            yield
        time.sleep(GIVE_WAY_SECONDS)

    def _measure(self, size: tuple[int, int]) -> tuple[float, int]:
        noise = np.random.default_rng(0).integers(0, 256, (TRIAL_FRAMES, *size, 3), np.uint8)
        networks = self._brain.networks
        frames = _Noise(noise)
        canvas = Canvas(frames, None, networks.config, networks.device)
        segmenter = ClipSegmenter(networks, 1, canvas, CACHE_BYTES)
        with self._turn():
            nbytes = segmenter.features[0].nbytes
        with self._turn():
            annotation = Annotation(0, [Scribble(1, [(0.5, 0.5)])])
            state = scribbled(segmenter, State((None,) * TRIAL_FRAMES), annotation)
        steps = propagation(segmenter, state, plan(state, "forward", range(TRIAL_FRAMES), 1.0))
        times = []
        for _ in range(TRIAL_FRAMES):
            with self._turn():
                started = time.perf_counter()
                canvas.shown(*next(steps))
                times.append(time.perf_counter() - started)
        return min(times[1:]), nbytes


class _Noise:
    """Frames of noise."""

    fps = 24.0

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels

    @property
    def size(self) -> tuple[int, int]:
        return self._pixels.shape[1], self._pixels.shape[2]

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, t: int, /) -> Pixels:
        frame: Pixels = self._pixels[t]
        return frame


def needs(workspace: Workspace, trial: Trial, free_bytes: int) -> Needs:
    """What the page says before work starts."""
    manifest = workspace.manifest
    height, width = manifest.size
    working_height, working_width = workspace.viewer.working
    seconds, feature_bytes = trial.measure(workspace.viewer.working)
    round_bytes = bytes_of_round(workspace)
    decoded = min(FRAMES_BYTES, manifest.num_frames * height * width * 3)
    memory = min(CACHE_BYTES, manifest.num_frames * feature_bytes) + decoded + round_bytes
    per_round = seconds * manifest.num_frames
    return Needs(
        num_frames=manifest.num_frames,
        height=height,
        width=width,
        fps=manifest.fps,
        duration_seconds=manifest.num_frames / manifest.fps,
        working_height=working_height,
        working_width=working_width,
        memory_bytes=memory,
        disk_bytes_per_round=round_bytes,
        free_disk_bytes=max(0, free_bytes),
        seconds_per_frame=seconds,
        seconds_per_round=per_round,
        warnings=[*manifest.warnings, *_warnings(round_bytes, free_bytes, per_round)],
    )


def bytes_of_round(workspace: Workspace) -> int:
    """What a round over the whole clip takes on the disk."""
    height, width = workspace.viewer.canvas.cells
    return workspace.manifest.num_frames * max(1, len(workspace.document.present.objects)) * height * width * 2


def _warnings(round_bytes: int, free_bytes: int, per_round: float) -> list[str]:
    notes = []
    if free_bytes < max(FEW_BYTES, 10 * round_bytes):
        room = max(0, free_bytes) / 2**20
        notes.append(
            f"Only {room:.0f} MiB are free for projects; a round of this clip takes {round_bytes / 2**20:.0f}."
        )
    if per_round > LONG_SECONDS:
        notes.append(
            f"A round over the whole clip takes about {per_round / 60:.0f} minutes here; set in and out marks (I, O) "
            "to work on a part."
        )
    return notes
