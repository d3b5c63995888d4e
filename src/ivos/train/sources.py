"""Where training pictures come from: clips and stills with masks, and cut-outs with exact mattes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ivos.errors import InputError
from ivos.types import VOID, LabelMask, Pixels

PICTURES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames with masks in time order; a still picture is a clip of one frame.

    Attributes:
        name: For messages and pictures of samples.
        frames: Image files.
        masks: Mask files, one per frame; palette or grey, the value is the object id, 255 is void.
        merge_objects: Probability that all ids together are taken as one object.
    """

    name: str
    frames: tuple[Path, ...]
    masks: tuple[Path, ...]
    merge_objects: float = 0.0


class PictureCache:
    """Decoded pictures by path, least recently used thrown out beyond a budget of bytes."""

    def __init__(self, budget_bytes: int = 4 << 30) -> None:
        """Start empty."""
        self._budget, self._held = budget_bytes, 0
        self._pictures: OrderedDict[tuple[Path, str], NDArray[np.uint8]] = OrderedDict()

    def frame(self, path: Path) -> Pixels:
        """The picture as (H, W, 3) uint8 RGB."""
        return self._read(path, "RGB")

    def cut_out(self, path: Path) -> NDArray[np.uint8]:
        """The picture as (H, W, 4) uint8 RGBA."""
        return self._read(path, "RGBA")

    def mask(self, path: Path) -> LabelMask:
        """The object ids as (H, W) uint8."""
        return self._read(path, "ids")

    def _read(self, path: Path, kind: str) -> NDArray[np.uint8]:
        key = (path, kind)
        if key in self._pictures:
            self._pictures.move_to_end(key)
            return self._pictures[key]
        with Image.open(path) as picture:
            if kind == "ids":
                ids = np.asarray(picture)
                pixels = np.ascontiguousarray(ids if ids.ndim == 2 else ids[..., 0]).astype(np.uint8)
            else:
                picture.thumbnail((960, 960)) if kind == "RGBA" else None
                pixels = np.asarray(picture.convert(kind))
        self._pictures[key] = pixels
        self._held += pixels.nbytes
        while self._held > self._budget:
            self._held -= self._pictures.popitem(last=False)[1].nbytes
        return pixels


def object_ids(mask: LabelMask, smallest: float = 0.003, largest: float = 0.8) -> list[int]:
    """The ids whose share of the picture lies between the limits; background and void never count."""
    counts = np.bincount(mask.ravel(), minlength=256) / mask.size
    return [i for i in range(1, VOID) if smallest <= counts[i] <= largest]


def davis_clips(root: Path, names: Sequence[str], merge_objects: float = 1.0) -> list[Clip]:
    """Sequences of a DAVIS folder, at whichever resolution holds them.

    Raises:
        InputError: A sequence is missing or its frames and masks do not pair up.
    """
    clips = []
    for name in names:
        folders = sorted(path for path in root.glob(f"JPEGImages/*/{name}") if path.is_dir())
        if not folders:
            raise InputError(f"The sequence {name!r} is not under {root / 'JPEGImages'}; check the list and the folder.")
        resolution = folders[0].parent.name
        clips.append(_paired(name, folders[0], root / "Annotations" / resolution / name, merge_objects))
    return clips


def folder_stills(root: Path, merge_objects: float = 0.0) -> list[Clip]:
    """Every pair of a folder with `images/` and `masks/`, as clips of one frame.

    Raises:
        InputError: The folder holds no pair.
    """
    masks = {path.stem: path for path in sorted((root / "masks").glob("*.png"))}
    images = [path for path in sorted((root / "images").glob("*")) if path.suffix.lower() in PICTURES]
    stills = [
        Clip(f"{root.name}/{path.stem}", (path,), (masks[path.stem],), merge_objects)
        for path in images
        if path.stem in masks
    ]
    if not stills:
        raise InputError(f"{root} holds no pair of images/NAME.* and masks/NAME.png.")
    return stills


def _paired(name: str, frames: Path, masks: Path, merge_objects: float) -> Clip:
    pictures = {path.stem: path for path in sorted(frames.iterdir()) if path.suffix.lower() in PICTURES}
    truths = {path.stem: path for path in sorted(masks.glob("*.png"))}
    shared = [stem for stem in pictures if stem in truths]
    if not shared:
        raise InputError(f"The sequence {name!r} has no frame in {frames} with a mask in {masks}.")
    return Clip(name, tuple(pictures[s] for s in shared), tuple(truths[s] for s in shared), merge_objects)
