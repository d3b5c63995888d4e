"""Annotated clips and photographs as the data-set readers yield them: frames and masks, read on demand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ivos.errors import InputError
from ivos.io.images import ImageFolder
from ivos.io.masks import read_mask
from ivos.types import VOID, LabelMask, Pixels


@dataclass(frozen=True)
class Clip:
    """One sequence of a data set.

    Attributes:
        name: The sequence's name.
        frames: Its images; `frames[t]` -> (H, W, 3) uint8 RGB.
        mask_files: One mask file a frame; None where the frame has none.
        merged: Whether every non-zero value of a mask is the one object 1 (DAVIS-2016).
        scribble_files: Scribble files of the sequence in order of their names; empty if it has none.
    """

    name: str
    frames: ImageFolder
    mask_files: tuple[Path | None, ...]
    merged: bool = False
    scribble_files: tuple[Path, ...] = ()

    def __len__(self) -> int:
        """The number of frames."""
        return len(self.frames)

    @property
    def masked_frames(self) -> tuple[int, ...]:
        """The indices of the frames that have a mask, ascending."""
        return tuple(t for t, file in enumerate(self.mask_files) if file is not None)

    def mask(self, t: int) -> LabelMask:
        """The label mask of frame `t`, (H, W) uint8: 0 background, 1..K objects, 255 void.

        Raises:
            InputError: The frame has no mask, or one that is unreadable or of another size than the frames.
        """
        file = self.mask_files[t]
        if file is None:
            raise InputError(f"Frame {t} of the sequence '{self.name}' has no mask; see its masked frames.")
        mask = read_mask(file)
        if mask.shape != self.frames.size:
            raise InputError(
                f"The mask '{file}' is {mask.shape[1]} x {mask.shape[0]} pixels but the frames of '{self.name}' are "
                f"{self.frames.size[1]} x {self.frames.size[0]}; expected the same size."
            )
        return (mask > 0).astype(np.uint8) if self.merged else mask

    def masks(self) -> Iterator[LabelMask]:
        """The label masks of the masked frames, in order, read one by one."""
        return (self.mask(t) for t in self.masked_frames)

    def num_objects(self) -> int:
        """The largest object id in any mask, void left out; reads every mask, but for merged ones, which are 1."""
        if self.merged:
            return 1
        return max((int(mask[mask != VOID].max(initial=0)) for mask in self.masks()), default=0)


class Stills(Protocol):
    """Photographs with masks, read on demand."""

    def __len__(self) -> int:
        """The number of photographs."""

    def __getitem__(self, index: int, /) -> tuple[Pixels, LabelMask]:
        """(image, label mask): (H, W, 3) uint8 RGB and (H, W) uint8, 255 void."""


def read_clip(
    name: str, image_folder: Path, mask_folder: Path | None, *, merged: bool = False, scribbles: tuple[Path, ...] = ()
) -> Clip:
    """A clip out of a folder of images and one of masks; a mask belongs to the image with the same stem.

    Args:
        name: The sequence's name.
        image_folder: Its images.
        mask_folder: Its masks, as png; None or missing if the sequence has none.
        merged: See `Clip.merged`.
        scribbles: See `Clip.scribble_files`.

    Raises:
        InputError: There is no image folder, or images in it are missing, unreadable or of different sizes.
    """
    if not image_folder.is_dir():
        raise InputError(f"The sequence '{name}' is missing: there is no folder '{image_folder}'.")
    frames = ImageFolder(image_folder)
    known = {file.stem: file for file in mask_folder.glob("*.png")} if mask_folder is not None else {}
    masks = tuple(known.get(file.stem) for file in frames.files)
    return Clip(name, frames, masks, merged=merged, scribble_files=scribbles)


def check_pair(image: Pixels, mask: LabelMask, image_file: Path, mask_file: Path) -> None:
    """Nothing, if an image and its mask have the same size.

    Raises:
        InputError: They differ; names both files.
    """
    if mask.shape != image.shape[:2]:
        raise InputError(
            f"'{mask_file}' is {mask.shape[1]} x {mask.shape[0]} pixels but '{image_file}' is "
            f"{image.shape[1]} x {image.shape[0]}; expected the same size."
        )
