"""Where the frames of a video file are: their time stamps in presentation order and where decoding may start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import av.container
import av.video.stream
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

from ivos.io.truncation import counted_frames, ends_early

Progress = Callable[[Iterable[Any]], Iterable[Any]]
"""Put round what is read one frame at a time, to show how it gets on."""

_PACKET_IS_FRAME_FORMATS = {"mov", "mp4", "matroska", "webm"}
"""Containers whose packets carry a time stamp and exactly one frame each, but for codecs with hidden frames."""
_HIDDEN_FRAME_CODECS = {"vp8"}
_PLAYLIST_FORMATS = {"applehttp", "concat", "dash", "hls", "imf", "rtsp", "sdp"}
"""Formats of files that only name others, anywhere on the disk or in the network."""
_PLAYLIST_HEADS = b"#EXTM3U", b"ffconcat version"
_OPTIONS = {
    "format_whitelist": ",".join(sorted(av.formats_available - _PLAYLIST_FORMATS)),
    "protocol_whitelist": "file",
    "pattern_type": "none",  # a name with %d in it is the name of one image
}


class PlaylistError(Exception):
    """The file names other files instead of holding a video."""


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
        end: The decoding time stamp of the first packet that cannot be used, None if all can.
    """

    times: NDArray[np.int64]
    starts: NDArray[np.int64]
    seekable: bool
    damaged: bool
    declared: int
    end: int | None = None

    def position(self, time: int | None) -> int | None:
        """The index of the frame shown at a time stamp, or None if no usable frame has it."""
        if time is None:
            return None
        index = int(np.searchsorted(self.times, time))
        return index if index < len(self.times) and self.times[index] == time else None

    def start_before(self, t: int) -> int:
        """The last frame at or before `t` from which decoding may start."""
        return int(self.starts[np.searchsorted(self.starts, t, side="right") - 1])


def open_video(path: str) -> av.container.InputContainer:
    """The file opened for reading; no other file is opened, and nothing is fetched from the network.

    Raises:
        PlaylistError: It only names other files.
        OSError: It cannot be read.
        av.error.FFmpegError: It cannot be opened as a video.
    """
    with Path(path).open("rb") as file:
        if file.read(max(map(len, _PLAYLIST_HEADS))).startswith(_PLAYLIST_HEADS):
            raise PlaylistError
    container = av.open(path, options=_OPTIONS, metadata_errors="replace")
    if any(stream.codec_context is None for stream in _moving(container)[:1]):
        container.close()
        raise av.error.DecoderNotFoundError(0, "its codec is not known, or it is encrypted", path)
    return container


def video_stream(container: av.container.InputContainer) -> av.video.stream.VideoStream:
    """The first video stream of a file that is no cover picture.

    Raises:
        IndexError: It has none.
    """
    return _moving(container)[0]


def open_decoder(path: str) -> tuple[av.container.InputContainer, av.video.stream.VideoStream]:
    """The file and its video stream, opened as by `open_video`, to be decoded by several threads."""
    container = open_video(path)
    stream = video_stream(container)
    stream.thread_type = "AUTO"
    return container, stream


def _moving(container: av.container.InputContainer) -> list[av.video.stream.VideoStream]:
    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def index_video(path: str, *, progress: Progress = iter) -> VideoIndex:
    """The index of the first video stream of a file; made without decoding where the container allows it.

    Args:
        path: The file.
        progress: Put round its packets or frames while they are read.

    Raises:
        PlaylistError: The file only names other files.
        av.error.FFmpegError: The file cannot be opened.
        IndexError: The file has no video stream.
    """
    with open_video(path) as container:
        index = _index_by_packets(container, video_stream(container), progress)
    if index is None:
        container, stream = open_decoder(path)
        with container:
            index = _index_by_decoding(container, stream, progress)
    if index.damaged or not len(index.times):
        return index
    with open_video(path) as container:
        return replace(index, damaged=ends_early(container, video_stream(container), index))


def decode(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, *, end: int | None = None
) -> Iterator[av.VideoFrame]:
    """Decoded frames from the container's present position to its end, in presentation order.

    Args:
        container: The open file.
        stream: Its video stream.
        end: Stop before the packet with this decoding time stamp, as if the file ended there.

    Raises:
        CutOffError: After the last frame, if the file ends inside a packet.
        av.error.FFmpegError: A frame cannot be decoded.
    """
    cut_off = None
    try:
        for packet in _packets(container, stream):
            if end is not None and packet.dts is not None and packet.dts >= end:
                break
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


def _promised(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> int:
    """How many packets a whole file has; to be asked when all is read. An MP4 that was trimmed without encoding still
    counts frames that are never read; its index does not.
    """
    return len(stream.index_entries) if "mov" in container.format.name.split(",") else stream.frames


def _index_by_packets(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, progress: Progress
) -> VideoIndex | None:
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
    count, end, damaged, tail = 0, None, False, _Tail(stream)
    try:
        for packet in progress(_packets(container, stream)):
            count += 1
            tail.see(packet)
            end = None if packet.dts is None else packet.dts + 1
            if packet.is_keyframe and packet.pts is not None:
                keys.append(packet.pts)
            if not packet.is_discard:
                times.append(packet.pts)
        damaged = count < _promised(container, stream)
    except CutOffError as error:
        damaged, end = True, error.time
    except av.error.FFmpegError:
        damaged = True
    if tail.start is not None:
        damaged, end = True, tail.start
    known = np.sort(np.asarray([time for time in times if time is not None], dtype=np.int64))
    unsure = len(known) < len(times) or bool(np.any(np.diff(known) <= 0))
    if unsure or not len(known) or not keys or min(keys) > known[0]:
        return None
    shown = known[known < end] if damaged and end is not None else known
    starts = np.unique(np.searchsorted(shown, np.asarray(keys, dtype=np.int64)))
    usable = starts[starts < len(shown)]
    declared = min(counted_frames(stream), _promised(container, stream))
    return VideoIndex(shown, usable, seekable=True, damaged=damaged, declared=declared, end=tail.start)


class _Tail:
    """Watches packets for an end of the file that was never filled in, as of a download that was broken off.

    Attributes:
        start: The decoding time stamp of the first packet from which on there are nothing but zeros; None: no such.
    """

    def __init__(self, stream: av.video.stream.VideoStream) -> None:
        self.start: int | None = None
        self._could_be_cut: int | None = None
        self._watches = stream.codec_context.codec.lossy  # without loss, the zeros may be a black frame

    def see(self, packet: av.Packet[av.video.stream.VideoStream]) -> None:
        if not self._watches:
            return
        data = bytes(packet)
        if any(data[:16]):
            self.start = None
        elif self.start is None:
            self.start = packet.dts if self._could_be_cut is None else self._could_be_cut
        self._could_be_cut = None if data[-1] else packet.dts


def _index_by_decoding(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, progress: Progress
) -> VideoIndex:
    """The index made by decoding the whole file once, frame by frame, keeping none."""
    times: list[int | None] = []
    keys: list[int] = []
    damaged = False
    try:
        for frame in progress(decode(container, stream)):
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
        declared=counted_frames(stream),
    )
