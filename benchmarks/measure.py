"""The timings: whole sessions over a synthetic clip, and the parts of the networks on their own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

import ivos
from ivos.core.geometry import pad_to_multiple
from ivos.io.synthetic import SyntheticClip
from ivos.model.networks import Networks

Sample = dict[str, float]
"""Milliseconds of one session by what was done."""

OBJECTS = 5


def strokes(clip: SyntheticClip, t: int, num_objects: int) -> list[ivos.Scribble]:
    """A short stroke for each of the first objects, through the middle of what is seen of it in frame t.

    An object that is covered gets a stroke in the middle of the picture: only its cost matters here.
    """
    height, width = clip.frames.size
    drawn = []
    for object_id in range(1, num_objects + 1):
        y, x = np.nonzero(clip.masks[t] == object_id)
        cx, cy = (x.mean() / width, y.mean() / height) if len(x) else (0.5, 0.5)
        path = [(max(cx - 0.02, 0.0), cy), (min(cx + 0.02, 1.0), cy)]
        drawn.append(ivos.Scribble(object_id=object_id, path=path))
    return drawn


def timed(action: Callable[[], object]) -> float:
    """Milliseconds that `action` takes."""
    start = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - start)


def session_times(model: Networks, clip: SyntheticClip, num_objects: int) -> Sample:
    """Two rounds of one session: the first frame annotated and propagated, then the last frame.

    Returns:
        Milliseconds: `annotate_new` and `annotate_seen` (A-Net's answer on a frame whose features are not, or are
        cached), `first` and `later` (a frame of the first round, encoded and transferred; of the second, transferred).
    """
    session = ivos.Session(model, clip.frames, num_objects)
    last = len(clip.frames) - 1
    new = timed(lambda: session.annotate(0, strokes(clip, 0, num_objects)))
    first = _frame_milliseconds(session.propagate())
    seen = timed(lambda: session.annotate(last, strokes(clip, last, num_objects)))
    later = _frame_milliseconds(session.propagate())
    return {"annotate_new": new, "first": first, "annotate_seen": seen, "later": later}


def _frame_milliseconds(steps: Iterator[object]) -> float:
    """The median frame of a round; the annotated frame, which comes first and costs nothing, is not counted."""
    next(steps)
    marks = [time.perf_counter()]
    for _ in steps:
        marks.append(time.perf_counter())
    return 1000 * median(np.diff(marks).tolist())


def loading_milliseconds() -> float:
    """`ivos.load_model()` in a new process that has imported torch."""
    program = "import time, torch, ivos; t = time.perf_counter(); ivos.load_model(); print(time.perf_counter() - t)"
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    return 1000 * float(output)


@dataclass(frozen=True)
class Part:
    """One call of `Networks` on one frame with one object.

    Attributes:
        gflop: Floating-point operations in 10^9 (a multiplication and an addition are two).
        milliseconds: Median over the repeats.
    """

    gflop: float
    milliseconds: float


def parts(model: Networks, size: tuple[int, int], repeats: int) -> dict[str, Part]:
    """Encode, annotate and transfer on their own, one object and one annotated frame."""
    config = model.config
    with torch.inference_mode():
        blank = torch.rand(1, 3, *size, device=model.device)
        image, _ = pad_to_multiple(blank, config.pad_multiple, mode=config.pad_mode, always=config.always_pad)
        maps = image[:, :1]
        features = model.encode_image(image)
        answer = model.annotate(image, features, maps, maps, maps)
        memory, probability = [(features, answer.object_features)], answer.logits.float().sigmoid()
        calls = {
            "encode": lambda: model.encode_image(image),
            "annotate": lambda: model.annotate(image, features, maps, maps, maps),
            "transfer": lambda: model.transfer(features, memory, features, probability),
        }
        return {name: _part(call, repeats) for name, call in calls.items()}


def _fused_convolution(x: Sequence[int], weight: Sequence[int], *_: object, out_shape: Sequence[int]) -> int:
    return conv_flop_count(list(x), list(weight), list(out_shape))


def _part(call: Callable[[], object], repeats: int) -> Part:
    fused = {torch.ops.mkldnn._convolution_pointwise: _fused_convolution}
    with FlopCounterMode(display=False, custom_mapping=fused) as counter:
        call()
    return Part(counter.get_total_flops() / 1e9, median(timed(call) for _ in range(repeats)))
