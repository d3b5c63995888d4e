"""Reading videos: frames of a file or folder, decoded on demand, exact at random access, in bounded memory."""

from __future__ import annotations

import copy
import gc
import operator
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, SupportsIndex

import av
import av.container
import numpy as np
from cachetools import LRUCache

from ivos.errors import InputError
from ivos.io.images import ImageFolder
from ivos.io.video_index import CutOffError, PlaylistError, Progress, VideoIndex, decode, index_video, open_decoder
from ivos.types import Frames, Pixels

_DEFAULT_FPS = 24.0
_OWN = frozenset({"_lock", "_cache", "_process", "_container", "_stream", "_run", "_next"})
"""What each reader of a file has for itself, in memory and in process."""


class _Forked:
    """What a forked process must not free, and the lock that its threads take turns by."""

    lock = threading.Lock()
    left_behind: ClassVar[list[object]] = []


def _in_child() -> None:
    gc.freeze()  # decoders that the parent has not collected yet must not be freed here either
    _Forked.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def read_video(path: str | Path, *, progress: Progress = iter) -> Frames:
    """The frames of a video file, or of a folder of images, decoded on demand.

    Args:
        path: A file in any format FFmpeg decodes, or a folder of jpg, png or webp images (sorted naturally:
            2 before 10).
        progress: Put round the frames of a file while they are looked for, which takes time where they must be decoded
            for it (MPEG-TS, AVI, VP8, ...); `tqdm.tqdm` will do.

    Returns:
        A `VideoFile` or an `ImageFolder`: `len(frames)`; `frames[t]` -> (H, W, 3) uint8 RGB.

    Raises:
        InputError: The path does not exist, is not a readable video, or holds no frame; or images differ in size.

    Warns:
        UserWarning: The file is damaged; the text says how many frames, from the start, can be used.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"A video is to be read from {path!r}; expected the path of a file or folder.")
    path = Path(path)
    try:
        there = path.exists()
    except OSError as error:  # a folder above that may not be entered, a name that is too long
        raise InputError(f"'{path}' cannot be read ({error.strerror}); check the path of the video.") from error
    if not there:
        raise InputError(f"There is no file or folder '{path}'; check the path of the video.")
    return ImageFolder(path) if path.is_dir() else VideoFile(path, progress=progress)


def own_reader(frames: Frames) -> Frames:
    """The same frames for somebody who reads at another place at the same time: a video is decoded apart for each."""
    return frames.own_reader() if isinstance(frames, VideoFile) else frames


class VideoFile:
    """The frames of one video file: `len(frames)`, `frames[t]` -> (H, W, 3) uint8 RGB, turned upright.

    Access is exact in any order, also with variable frame rates and open groups of pictures. Going forward decodes
    each frame once; going backward decodes a group of pictures and keeps its last frames. Safe to use from threads.

    Attributes:
        path: The file.
    """

    def __init__(self, path: str | Path, *, cache_bytes: int = 128 << 20, progress: Progress = iter) -> None:
        """Index the file and decode its first frame.

        Args:
            path: The video file.
            cache_bytes: Memory for decoded frames; at least one frame is kept.
            progress: See `read_video`.
        """
        self.path = Path(path).absolute()  # wherever the working directory goes
        self._index = self._make_index(progress)
        self._size, self._room = (0, 0), 1
        self._cache: LRUCache[int, Pixels]
        self._begin()
        self._fps = self._rate()
        first = self[0]
        self._size = first.shape[0], first.shape[1]
        self._room = max(1, cache_bytes // first.nbytes)
        self._cache = LRUCache(self._room)
        self._cache[0] = first
        self._warn_of_damage()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels after turning upright, the same for every frame."""
        return self._size

    @property
    def fps(self) -> float:
        """Frames per second; the mean where the rate varies."""
        return self._fps

    def __len__(self) -> int:
        """The number of frames that can be used."""
        return len(self._index.times)

    def __getitem__(self, t: SupportsIndex, /) -> Pixels:
        """Frame `t` as a new array, (H, W, 3) uint8 RGB; negative indices count from the end.

        Raises:
            IndexError: There is no such frame.
            InputError: The file is damaged at this frame.
        """
        index = operator.index(t)
        if not -len(self) <= index < len(self):
            raise IndexError(f"Frame {index} was asked for; '{self.path}' has the frames 0 to {len(self) - 1}.")
        index %= len(self)
        if self._process != os.getpid():  # forked
            self._settle()
        with self._lock:
            if index not in self._cache:
                self._fetch(index)
            return self._cache[index].copy()

    @property
    def rate_varies(self) -> bool:
        """Whether some frames are shown much longer than others."""
        steps = np.diff(self._index.times)
        return bool(self._index.seekable and len(steps) and steps.max() > 1.5 * steps.min())

    def own_reader(self) -> VideoFile:
        """The same file with a decoder and a cache of its own; the index is shared."""
        return copy.copy(self)

    def __getstate__(self) -> dict[str, object]:
        """What a copy, or another process, starts from: everything but decoder and cache."""
        with self._lock:
            return {name: value for name, value in self.__dict__.items() if name not in _OWN}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Go on with a decoder and a cache of its own."""
        self.__dict__.update(state)
        self._begin()

    def _begin(self) -> None:
        self._lock, self._cache = threading.RLock(), LRUCache(self._room)
        self._open()
        self._process = os.getpid()

    def _settle(self) -> None:
        """Begin anew in a forked process: the decoder's threads stayed behind, and to free it is to wait for them."""
        with _Forked.lock:
            if self._process != os.getpid():
                _Forked.left_behind.append((self._container, self._stream, self._run))
                self._begin()

    def _make_index(self, progress: Progress) -> VideoIndex:
        try:
            index = index_video(str(self.path.resolve()), progress=progress)
        except IndexError:
            raise InputError(f"'{self.path}' has no video stream; expected a video or a folder of images.") from None
        except PlaylistError:
            raise InputError(
                f"'{self.path}' is a playlist, which only names other files; give the video itself."
            ) from None
        except av.error.EOFError as error:
            raise InputError(f"'{self.path}' holds no frame, or breaks off before its first one.") from error
        except (av.error.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"'{self.path}' cannot be read as a video ({reason}); "
                "the file is damaged, incomplete or of another kind."
            ) from error
        if not len(index.times):
            why = "it is damaged from the first frame on" if index.damaged else "its video stream is empty"
            if self._moves_as_webp():
                why = "animated WebP is not read; make a GIF, a video or a folder of images of it"
            raise InputError(f"'{self.path}' holds no frame that can be shown: {why}.")
        return index

    def _moves_as_webp(self) -> bool:
        with self.path.open("rb") as file:
            head = file.read(21)
        return head[8:16] == b"WEBPVP8X" and len(head) == 21 and bool(head[20] & 2)  # the flag of an animation

    def _warn_of_damage(self) -> None:
        if not self._index.damaged:
            return
        declared = f" of {self._index.declared}" if self._index.declared > len(self) else ""
        warnings.warn(
            f"'{self.path}' is damaged or incomplete: only its first {len(self)}{declared} frames can be used.",
            UserWarning,
            stacklevel=4,
        )

    def _rate(self) -> float:
        """Frames per second: what the header says, unless it is no mean of the times at which frames are shown."""
        rate = float(self._stream.average_rate or self._stream.guessed_rate or _DEFAULT_FPS)
        times, base = self._index.times, self._stream.time_base
        if not self._index.seekable or len(times) < 2 or base is None:
            return rate
        span, longest = float((times[-1] - times[0]) * base), float(np.diff(times).max() * base)
        least, most = len(times) / (span + longest), len(times) / span  # the last frame's own time is not known
        return rate if 0.95 * least <= rate <= 1.05 * most else (len(times) - 1) / span

    def _open(self) -> None:
        self._container, self._stream = open_decoder(str(self.path.resolve()))
        self._run: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._next = len(self)  # the index that the present run yields next; past the end where there is no run

    def _fetch(self, t: int) -> None:
        """Decode frame `t` into the cache, going on from where the last call stopped if that is nearest."""
        start = self._index.start_before(t)
        if start <= self._next <= t and self._read_until(t):
            return
        while True:
            self._start_run(start)
            if self._read_until(t):
                return
            if start == 0:
                raise InputError(
                    f"Frame {t} of '{self.path}' cannot be decoded: the file is damaged there. "
                    f"Cut the clip before that frame or encode it anew."
                )
            start = self._index.start_before(start - 1)

    def _start_run(self, start: int) -> None:
        """Set the decoder to the key frame at index `start`."""
        if start == 0 or not self._index.seekable:
            self._open()
        else:
            self._container.seek(int(self._index.times[start]), stream=self._stream, backward=True)
        self._run = self._frames_from(start)
        self._next = start

    def _frames_from(self, start: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """(index, frame) from `start` on; frames before it, which may lack their references, are left out."""
        for count, frame in enumerate(decode(self._container, self._stream, end=self._index.end)):
            index = self._index.position(frame.pts) if self._index.seekable else count
            if index is not None and start <= index < len(self):
                yield index, frame

    def _read_until(self, t: int) -> bool:
        """Decode up to frame `t`, caching the frames close before it; False if the decoder leaves `t` out."""
        try:
            for index, frame in self._run:
                self._next = index + 1
                if t - self._cache.maxsize < index <= t:
                    self._keep(index, frame)
                if index >= t:
                    return index == t
        except (CutOffError, av.error.FFmpegError):
            pass
        self._next = len(self)
        return False

    def _keep(self, index: int, frame: av.VideoFrame) -> None:
        pixels = _upright(frame)
        if self._size != (0, 0) and pixels.shape[:2] != self._size:
            raise InputError(
                f"Frame {index} of '{self.path}' is {pixels.shape[1]} x {pixels.shape[0]} pixels but the first is "
                f"{self._size[1]} x {self._size[0]}; expected one size. Encode the clip anew."
            )
        self._cache[index] = pixels


def _upright(frame: av.VideoFrame) -> Pixels:
    """RGB pixels turned and mirrored as the display matrix says, which is taken for the nearest quarter turn."""
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return pixels
    a, b, _, c, d, *_ = np.frombuffer(matrix, np.int32)  # shown at (a x + c y, b x + d y)
    if abs(int(a)) + abs(int(d)) < abs(int(b)) + abs(int(c)):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
