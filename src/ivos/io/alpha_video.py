"""Writing videos with an alpha channel: ProRes 4444 for editors, VP9 WebM for browsers; whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import av
import av.container
import numpy as np
from numpy.typing import NDArray

from ivos.errors import InputError, OutputError
from ivos.io.atomic import atomic_write
from ivos.io.video_writer import usable_rate

AlphaFormat = Literal["prores", "webm"]
_BT709 = 1
_LIMITED_RANGE = 1


@dataclass(frozen=True)
class _Recipe:
    container: str
    codec: str
    pixels: str
    options: tuple[tuple[str, str], ...]
    even: bool


_RECIPES = MappingProxyType(
    {
        "prores": _Recipe("mov", "prores_ks", "yuva444p10le", (("profile", "4444"), ("vendor", "apl0")), even=False),
        "webm": _Recipe(
            "webm",
            "libvpx-vp9",
            "yuva420p",
            (("crf", "24"), ("b", "0"), ("deadline", "good"), ("cpu-used", "5"), ("auto-alt-ref", "0")),
            even=True,
        ),
    }
)


def write_alpha_video(
    path: str | Path, frames: Iterable[NDArray[np.uint8]], *, fps: float, format: AlphaFormat
) -> None:
    """Write frames with straight (not premultiplied) alpha, BT.709, whole or not at all.

    VP9 wants even sizes: an odd width or height grows by one repeated column or row.

    Args:
        path: The file to write; `.mov` for ProRes 4444, `.webm` for VP9.
        frames: At least one frame, (H, W, 4) uint8 RGBA, all of one size; consumed one by one.
        fps: Frames per second, see `usable_rate`.
        format: `prores` or `webm`.

    Raises:
        InputError: There is no frame, or one of another shape or type; or the rate or the format is not usable.
        OutputError: The file cannot be written.
    """
    rate = usable_rate(fps)
    if format not in _RECIPES:
        raise InputError(f"There is no alpha format {format!r}; expected one of {', '.join(_RECIPES)}.")
    recipe = _RECIPES[format]
    with atomic_write(path) as file:
        try:
            with av.open(str(Path(file.name).resolve()), "w", format=recipe.container) as container:
                _encode(container, frames, rate, recipe)
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise OutputError(f"'{path}' was not written: the video encoder failed ({error}).") from error


def _encode(
    container: av.container.OutputContainer, frames: Iterable[NDArray[np.uint8]], rate: Fraction, recipe: _Recipe
) -> None:
    stream = container.add_stream(recipe.codec, rate=rate)
    assert isinstance(stream, av.VideoStream), "the recipes name video codecs"
    stream.pix_fmt = recipe.pixels
    stream.options = dict(recipe.options)
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED_RANGE
    shape: tuple[int, ...] | None = None
    for number, pixels in enumerate(frames):
        if pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8 or not pixels.size:
            raise InputError(f"Frame {number} is {pixels.shape} {pixels.dtype}; expected (H, W, 4) uint8 RGBA.")
        grow = [side % 2 if recipe.even else 0 for side in pixels.shape[:2]]
        if shape is None:
            shape = pixels.shape
            stream.height, stream.width = shape[0] + grow[0], shape[1] + grow[1]
        if pixels.shape != shape:
            raise InputError(f"Frame {number} has shape {pixels.shape}, the first has {shape}; expected one size.")
        whole = np.pad(pixels, ((0, grow[0]), (0, grow[1]), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(whole, format="rgba")
        # Several threads write over each other's first pixels where the width is no multiple of 16.
        container.mux(stream.encode(frame.reformat(format=recipe.pixels, dst_colorspace="ITU709", threads=1)))
    if shape is None:
        raise InputError("There is no frame to write; expected at least one.")
    container.mux(stream.encode(None))
