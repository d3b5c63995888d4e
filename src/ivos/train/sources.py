"""What samples are drawn from: takes of frames with masks, read on demand and kept within a budget of memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from PIL import Image

from ivos.errors import InputError
from ivos.io.clips import Clip, Stills
from ivos.types import VOID, LabelMask, Pixels

CUT_OUT_SIDE = 960  # larger cut-outs are shrunk to it when they are read
SMALLEST_OBJECT, LARGEST_OBJECT = 0.003, 0.8  # shares of the picture
Arrays = tuple[NDArray[np.uint8], ...]


@dataclass(frozen=True, slots=True)
class Take:
    """Frames with masks in time order; a photograph is a take of one frame.

    Attributes:
        pictures: Where frames and masks are read from.
        indices: Its frames in `pictures`, in time order.
        merge_objects: Probability that all ids together are taken as one object.
    """

    pictures: Stills
    indices: tuple[int, ...]
    merge_objects: float = 0.0

    def __len__(self) -> int:
        """The number of frames."""
        return len(self.indices)


@dataclass(frozen=True, slots=True)
class Library:
    """Everything samples are drawn from.

    Attributes:
        groups: Groups of takes, each with its share of the samples (any positive scale); at least one take a group.
        cut_outs: RGBA files with exact mattes, composited as extra or main objects.

    Raises:
        InputError: There is no group, a group is empty, or a share is not positive.
    """

    groups: tuple[tuple[float, tuple[Take, ...]], ...]
    cut_outs: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Check the groups."""
        if not self.groups:
            raise InputError("There is nothing to train on: give at least one source of frames with masks.")
        for share, takes in self.groups:
            if not takes or not 0 < share < float("inf"):
                raise InputError(
                    f"A group of {len(takes)} takes has the share {share}; expected takes and a share > 0."
                )


class MaskedFrames:
    """The frames of a clip that have a mask, as (image, mask) by index."""

    def __init__(self, clip: Clip) -> None:
        """Look up which frames have a mask."""
        self._clip, self._times = clip, clip.masked_frames

    def __len__(self) -> int:
        """How many frames have a mask."""
        return len(self._times)

    def __getitem__(self, index: int, /) -> tuple[Pixels, LabelMask]:
        """(H, W, 3) uint8 RGB and (H, W) uint8 of the same size."""
        t = self._times[index]
        return self._clip.frames[t], self._clip.mask(t)


def take_of_clip(clip: Clip, merge_objects: float = 0.0) -> Take:
    """The masked frames of a clip as one take.

    Raises:
        InputError: No frame has a mask.
    """
    frames = MaskedFrames(clip)
    if not len(frames):
        raise InputError(f"The sequence '{clip.name}' has no frame with a mask; leave it out of the training data.")
    return Take(frames, tuple(range(len(frames))), merge_objects)


class PictureCache:
    """Decoded pictures, least recently used thrown out beyond a budget of bytes."""

    def __init__(self, budget_bytes: int) -> None:
        """Start empty."""
        self._pictures: LRUCache[tuple[object, ...], Arrays] = LRUCache(budget_bytes, getsizeof=_nbytes)

    def frame(self, take: Take, t: int) -> tuple[Pixels, LabelMask]:
        """Frame `t` of a take: (H, W, 3) uint8 RGB and (H, W) uint8 object ids."""
        key = (id(take.pictures), take.indices[t])  # the library keeps `pictures` alive
        image, mask = self._read(key, lambda: take.pictures[take.indices[t]])
        return image, mask

    def cut_out(self, path: Path) -> NDArray[np.uint8]:
        """A cut-out (H, W, 4) uint8 RGBA, no side longer than `CUT_OUT_SIDE`."""
        return self._read((path,), lambda: (read_cut_out(path),))[0]

    def _read(self, key: tuple[object, ...], read: Callable[[], Arrays]) -> Arrays:
        arrays = self._pictures.get(key)
        if arrays is None:
            arrays = read()
            if _nbytes(arrays) <= self._pictures.maxsize:
                self._pictures[key] = arrays
        return arrays


def _nbytes(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays)


def read_cut_out(path: Path) -> NDArray[np.uint8]:
    """A picture with transparency (H, W, 4) uint8 RGBA, shrunk to `CUT_OUT_SIDE` on its longer side.

    Raises:
        InputError: The file is missing or not a readable image.
    """
    try:
        with Image.open(path) as picture:
            picture.thumbnail((CUT_OUT_SIDE, CUT_OUT_SIDE))
            return np.asarray(picture.convert("RGBA"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"The cut-out '{path}' cannot be read ({error}).") from error


def object_ids(mask: LabelMask) -> list[int]:
    """The ids whose share of the picture lies between the limits; background and void never count."""
    counts = np.bincount(mask.ravel(), minlength=256) / mask.size
    return [i for i in range(1, VOID) if SMALLEST_OBJECT <= counts[i] <= LARGEST_OBJECT]
