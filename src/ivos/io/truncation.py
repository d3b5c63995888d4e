"""Whether a video file ends before its last frame, by what its format writes down about its length."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.container
import av.video.stream
import numpy as np

if TYPE_CHECKING:
    from ivos.io.video_index import VideoIndex

_FRAMES_OF_TOLERANCE = 4
_DURATION_IN_HEADER_FORMATS = {"matroska", "mxf", "webm"}
"""Containers whose duration is written down, not guessed from what there is of the file; those of FLV and RealMedia may
be longer than a healthy file.
"""
_NOT_COUNTED = 1 << 30
"""The number of frames in an AVI file that was written to a pipe."""
_GIF_END, _STRAY_BYTES = b"\0;", 64
"""The end of a picture or remark, and of the file; so many bytes may follow."""
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_BROADCAST = 1


def ends_early(container: av.container.InputContainer, stream: av.video.stream.VideoStream, index: VideoIndex) -> bool:
    """Whether a file ends clearly before the length that it says it has; False where it says none.

    Args:
        container: The file, opened and not read from yet.
        stream: Its video stream.
        index: Its frames, at least one.
    """
    formats = set(container.format.name.split(","))
    if "avi" in formats:
        return _lacks_frames(container, stream, index)
    if "gif" in formats:
        return _GIF_END not in _bytes_at(container, max(0, container.size - _STRAY_BYTES), _STRAY_BYTES)
    if "yuv4mpegpipe" in formats:
        return _ends_within_a_frame(container, stream)
    if "asf" in formats:
        return _lacks_bytes(container)
    return bool(_DURATION_IN_HEADER_FORMATS & formats) and _falls_short(container, stream, index)


def counted_frames(stream: av.video.stream.VideoStream) -> int:
    """The number of frames that the header of a file gives, 0 where it gives none."""
    return stream.frames if stream.frames < _NOT_COUNTED else 0


def _falls_short(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, index: VideoIndex
) -> bool:
    """Whether a file ends before its duration.

    The sound may be longer than the video: what counts is the last packet of all. The last frame may stay as long as
    any other.
    """
    if container.duration is None or stream.time_base is None or not index.seekable:
        return False
    gap = int(np.diff(index.times).max(initial=0)) * stream.time_base
    rate = stream.average_rate or stream.guessed_rate or 1
    least = container.duration / av.time_base - max(gap, _FRAMES_OF_TOLERANCE / rate)
    if index.times[-1] * stream.time_base >= least:
        return False
    return all(
        (packet.pts + (packet.duration or 0)) * packet.time_base < least
        for packet in container.demux()
        if packet.pts is not None
    )


def _lacks_frames(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, index: VideoIndex
) -> bool:
    """Whether an AVI has fewer frames than its header says; its duration is guessed from what there is of the file.

    Time stamps count frames, also those that only repeat the one before and have no packet; the last ones may be such.
    """
    declared = counted_frames(stream)
    if len(index.times) >= declared - _FRAMES_OF_TOLERANCE:
        return False
    places = [packet.dts for packet in container.demux(stream) if packet.dts is not None]
    gap = int(np.diff(places).max(initial=0))
    return max(places, default=declared) + 1 < declared - max(gap, _FRAMES_OF_TOLERANCE)


def _ends_within_a_frame(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> bool:
    """Whether what follows the header of a Y4M file is no whole number of frames, which are all of one length."""
    first = next(container.demux(stream))
    if first.pos is None:
        return False
    start = _bytes_at(container, 0, first.pos).index(b"\n") + 1  # of the first frame's own line
    return (container.size - start) % (first.pos - start + first.size) != 0


def _lacks_bytes(container: av.container.InputContainer) -> bool:
    """Whether an ASF file (WMV) is shorter than its header says; a broadcast's header does not say it."""
    head = _bytes_at(container, 0, 1 << 16)
    at = head.find(_ASF_FILE_PROPERTIES)
    if not 0 <= at <= len(head) - 92:
        return False
    (size,), (flags,) = struct.unpack_from("<Q", head, at + 40), struct.unpack_from("<I", head, at + 88)
    return not flags & _ASF_BROADCAST and container.size < size


def _bytes_at(container: av.container.InputContainer, start: int, count: int) -> bytes:
    with Path(container.name).open("rb") as file:
        file.seek(start)
        return file.read(count)
