"""Where the frames of a video file are: their time stamps in presentation order and where decoding may start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av
import av.container
import av.video.stream
import numpy as np
from numpy.typing import NDArray

_PACKET_IS_FRAME_FORMATS = {"mov", "mp4", "matroska", "webm"}
"""Containers whose packets carry a time stamp and exactly one frame each, but for codecs with hidden frames."""
_HIDDEN_FRAME_CODECS = {"vp8"}


class CutOffError(Exception):
    """The file ends inside a packet; `time` is that packet's decoding time stamp, None if unknown."""

    def __init__(self, time: int | None) -> None:
        """Remember where the usable part ends."""
        super().__init__("the file ends inside a packet")
        self.time = time


@dataclass(frozen=True)
class VideoIndex:
    """The frames of a video that can be used.

    Attributes:
        times: Presentation time stamps, shape (T,) int64, strictly ascending; in the stream's time base.
        starts: Ascending indices of the frames from which decoding may start; the first is 0.
        seekable: Whether frames can be told apart by their time stamps; if not, `times` merely counts.
        damaged: Whether the file ends or breaks before its last frame.
        declared: The number of frames that the file says it has, 0 where it does not say.
    """

    times: NDArray[np.int64]
    starts: NDArray[np.int64]
    seekable: bool
    damaged: bool
    declared: int

    def position(self, time: int | None) -> int | None:
        """The index of the frame shown at a time stamp, or None if no usable frame has it."""
        if time is None:
            return None
        index = int(np.searchsorted(self.times, time))
        return index if index < len(self.times) and self.times[index] == time else None

    def start_before(self, t: int) -> int:
        """The last frame at or before `t` from which decoding may start."""
        return int(self.starts[np.searchsorted(self.starts, t, side="right") - 1])


def index_video(path: str) -> VideoIndex:
    """The index of the first video stream of a file; made without decoding where the container allows it.

    Raises:
        av.error.FFmpegError: The file cannot be opened.
        IndexError: The file has no video stream.
    """
    with av.open(path) as container:
        index = _index_by_packets(container, container.streams.video[0])
    if index is not None:
        return index
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return _index_by_decoding(container, stream)


def decode(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> Iterator[av.VideoFrame]:
    """Decoded frames from the container's present position to its end, in presentation order.

    Raises:
        CutOffError: After the last frame, if the file ends inside a packet.
        av.error.FFmpegError: A frame cannot be decoded.
    """
    cut_off = None
    try:
        for packet in _packets(container, stream):
            yield from stream.codec_context.decode(packet)
    except CutOffError as error:
        cut_off = error
    yield from stream.codec_context.decode(None)
    if cut_off is not None:
        raise cut_off


def _packets(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> Iterator[av.Packet[av.video.stream.VideoStream]]:
    # A transport stream marks packets as corrupt at every splice, so there the mark does not mean the end.
    trusts_mark = container.format.name != "mpegts"
    for packet in container.demux(stream):
        if packet.is_corrupt and trusts_mark:
            raise CutOffError(packet.dts)
        if packet.size:
            yield packet


def _index_by_packets(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> VideoIndex | None:
    """The index made without decoding, or None where packets do not tell the frames for certain.

    Of a file that breaks off, frames from the decoding time of the first missing packet on are left out: a frame that
    comes before them on the screen may be among the missing ones.
    """
    if not _PACKET_IS_FRAME_FORMATS & set(container.format.name.split(",")):
        return None
    if stream.codec_context.name in _HIDDEN_FRAME_CODECS:
        return None
    times: list[int | None] = []
    keys: list[int] = []
    count, end, damaged = 0, None, False
    try:
        for packet in _packets(container, stream):
            count += 1
            end = None if packet.dts is None else packet.dts + 1
            if packet.is_keyframe and packet.pts is not None:
                keys.append(packet.pts)
            if not packet.is_discard:
                times.append(packet.pts)
        damaged = count < stream.frames
    except CutOffError as error:
        damaged, end = True, error.time
    except av.error.FFmpegError:
        damaged = True
    known = np.sort(np.asarray([time for time in times if time is not None], dtype=np.int64))
    unsure = len(known) < len(times) or bool(np.any(np.diff(known) <= 0))
    if unsure or not len(known) or not keys or min(keys) > known[0]:
        return None
    shown = known[known < end] if damaged and end is not None else known
    starts = np.unique(np.searchsorted(shown, np.asarray(keys, dtype=np.int64)))
    return VideoIndex(shown, starts[starts < len(shown)], seekable=True, damaged=damaged, declared=stream.frames)


def _index_by_decoding(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> VideoIndex:
    """The index made by decoding the whole file once, frame by frame, keeping none."""
    times: list[int | None] = []
    keys: list[int] = []
    damaged = False
    try:
        for frame in decode(container, stream):
            if frame.key_frame:
                keys.append(len(times))
            times.append(frame.pts)
    except (CutOffError, av.error.FFmpegError):
        damaged = True
    known = np.asarray([time for time in times if time is not None], dtype=np.int64)
    seekable = len(known) == len(times) and bool(np.all(np.diff(known) > 0))
    return VideoIndex(
        times=known if seekable else np.arange(len(times), dtype=np.int64),
        starts=np.unique(np.asarray([0, *keys] if seekable else [0], dtype=np.int64)),
        seekable=seekable,
        damaged=damaged,
        declared=stream.frames,
    )
