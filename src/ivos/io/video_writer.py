"""Writing mp4 videos, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import av.container
import numpy as np

from ivos.errors import InputError, OutputError
from ivos.io.atomic import atomic_write
from ivos.types import Pixels

MIN_FPS, MAX_FPS = 1 / 3600, 30000.0
"""Rates that every format which `ivos.export` writes gives back: WebM none above, MP4 not all below."""
_CRF = "18"
_OPTIONS = (("movflags", "faststart"), ("movie_timescale", "90000"))
"""Of the file: in the usual timescale, milliseconds, a clip that is shorter than half of one has no frame to show."""
_BT709 = 1
_LIMITED_RANGE = 1


def write_video(path: str | Path, frames: Iterable[Pixels], *, fps: float) -> None:
    """Write frames as an mp4 (H.264, yuv420p, BT.709) that any player shows, whole or not at all.

    The codec wants even sizes: an odd width or height grows by one repeated column or row.

    Args:
        path: The file to write.
        frames: At least one frame, (H, W, 3) uint8 RGB, all of one size; consumed one by one.
        fps: Frames per second, see `usable_rate`.

    Raises:
        InputError: There is no frame, or one of another shape or type; or the rate is not usable.
        OutputError: The file cannot be written.
    """
    rate = usable_rate(fps)
    with atomic_write(path) as file:
        try:
            # By its path: FFmpeg then reports a full disk itself, without Python tracebacks on the error stream.
            name = str(Path(file.name).resolve())
            with av.open(name, "w", format="mp4", options=dict(_OPTIONS)) as container:
                _encode(container, frames, rate)
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise OutputError(f"'{path}' was not written: the video encoder failed ({error}).") from error


def usable_rate(fps: float) -> Fraction:
    """A frame rate as video files hold it: no part of the fraction is beyond 31 bits.

    Raises:
        InputError: It is not within `MIN_FPS` and `MAX_FPS`.
    """
    if not MIN_FPS <= fps <= MAX_FPS:
        raise InputError(
            f"A video cannot have {fps} frames per second; expected one in 3600 seconds at least and {MAX_FPS:.0f} a "
            "second at most."
        )
    return Fraction(float(fps)).limit_denominator(1_000_000 if fps < 1000 else 50_000)


def _encode(container: av.container.OutputContainer, frames: Iterable[Pixels], rate: Fraction) -> None:
    stream = container.add_stream("libx264", rate=rate)
    stream.pix_fmt = "yuv420p"
    stream.options = {"crf": _CRF, "preset": "veryfast"}
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED_RANGE
    shape: tuple[int, ...] | None = None
    for number, pixels in enumerate(frames):
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
            raise InputError(f"Frame {number} is {pixels.shape} {pixels.dtype}; expected (H, W, 3) uint8 RGB.")
        if shape is None:
            shape = pixels.shape
            stream.height, stream.width = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
        if pixels.shape != shape:
            raise InputError(f"Frame {number} has shape {pixels.shape}, the first has {shape}; expected one size.")
        even = np.pad(pixels, ((0, shape[0] % 2), (0, shape[1] % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(even, format="rgb24")
        container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709", threads=1)))
    if shape is None:
        raise InputError("There is no frame to write; expected at least one.")
    container.mux(stream.encode(None))
