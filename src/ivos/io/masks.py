"""Label masks as image files: the DAVIS palette, reading of palette and grey files, writing of palette PNGs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ivos.errors import InputError
from ivos.io.atomic import atomic_write
from ivos.io.images import list_images
from ivos.types import VOID, Frames, LabelMask

SOFT = 64
"""From here on grey values are taken for those of a soft edge, not for ids."""


def davis_palette() -> NDArray[np.uint8]:
    """The colours of object ids, shape (256, 3) uint8 RGB: black, dark red, dark green, olive, ...

    The palette of PASCAL VOC that DAVIS uses: bits 0, 1, 2 of the id become the highest bits of red, green and blue,
    bits 3, 4, 5 the next lower ones, and so on.

    >>> davis_palette()[[0, 1, 2, 3, 255]].tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [224, 224, 192]]
    """
    ids = np.arange(256)
    colours = np.zeros((256, 3), dtype=np.uint8)
    for level in range(3):
        for channel in range(3):
            bit = ids >> (3 * level + channel) & 1
            colours[:, channel] |= (bit << (7 - level)).astype(np.uint8)
    return colours


def read_mask(path: str | Path) -> LabelMask:
    """The label mask in an image file, (H, W) uint8.

    Palette files give their indices. Grey files, with or without an alpha channel, give their values; those that
    hold nothing but 0 and 255 are binary masks and give 0 and 1. Pictures in colours of the DAVIS palette give the ids
    of their colours.

    Raises:
        InputError: The file is missing, unreadable, in other colours, or deeper than 8 bits.
    """
    mask, is_grey = _decode(Path(path), f"The mask '{path}'")
    return binary_to_object(mask) if is_grey else mask


def read_prompt_mask(source: Path | BinaryIO, name: str) -> tuple[LabelMask, bool]:
    """A mask made elsewhere, to go on from, (H, W) uint8, and whether it only says where one object is, as 1.

    As `read_mask`, but grey files with values of 64 to 254, where ids hardly are, are mattes with soft edges: what is
    above 127 is inside.

    Args:
        source: The file.
        name: What messages call it.

    Raises:
        InputError: As of `read_mask`.
    """
    mask, is_grey = _decode(source, name)
    is_matte = is_grey and bool(((mask >= SOFT) & (mask != VOID)).any() or np.isin(mask, (0, VOID)).all())
    return ((mask > VOID // 2).astype(np.uint8) if is_matte else mask), is_matte


def _decode(source: Path | BinaryIO, name: str) -> tuple[LabelMask, bool]:
    """The values in an image file, (H, W) uint8, and whether they are grey, not indices of a palette."""
    try:
        with Image.open(source) as image:
            if image.mode == "P":
                return np.array(image), False
            if image.mode not in {"1", "L", "LA", "RGB", "RGBA"}:
                raise InputError(f"{name} has pixels of kind '{image.mode}'; expected a palette or 8-bit grey.")
            pixels = np.array(image.convert("L") if image.mode == "1" else image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} cannot be read ({error}).") from error
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    if pixels.ndim == 3 and pixels.shape[2] >= 3 and (pixels[..., :3] != grey[..., None]).any():
        return _ids_of_colours(pixels[..., :3], name), False
    return np.ascontiguousarray(grey), True


def mask_files(path: str | Path, frames: Frames) -> dict[int, Path]:
    """Mask files of some frames of a clip, by frame, ascending.

    Of a clip that is a folder of images a mask belongs to the image of its stem, if each has one. Elsewhere the last
    number in its name is its frame (`00012.png`: 12); a single file without a number is of frame 0.

    Args:
        path: A mask file, or a folder of them.
        frames: The clip.

    Raises:
        InputError: There is no mask file, or one belongs to no frame, or to that of another one.
    """
    path = Path(path)
    files = list_images(path) if path.is_dir() else [path]
    if not files:
        raise InputError(f"The folder '{path}' holds no mask; expected image files such as 00000.png.")
    images = {file.stem: t for t, file in enumerate(getattr(frames, "files", ()))}
    if not all(file.stem in images for file in files):
        numbers = {file: re.findall(r"\d+", file.stem) for file in files}
        images = {file.stem: int(found[-1]) for file, found in numbers.items() if found}
        if len(files) == 1:
            images.setdefault(path.stem, 0)
    masks: dict[int, Path] = {}
    for file in files:
        t = images.get(file.stem)
        if t is None:
            raise InputError(f"The mask '{file}' has no number in its name; expected its frame, as in 00012.png.")
        if t >= len(frames):
            raise InputError(f"The mask '{file}' would belong to frame {t}; the clip has frames 0..{len(frames) - 1}.")
        if t in masks:
            raise InputError(f"The masks '{masks[t]}' and '{file}' would both belong to frame {t}; leave one out.")
        masks[t] = file
    return dict(sorted(masks.items()))


def _ids_of_colours(pixels: NDArray[np.uint8], name: str) -> LabelMask:
    """The object ids of a picture (H, W, 3) that has colours of the DAVIS palette alone."""
    keys = davis_palette().astype(np.int32) @ (1 << 16, 1 << 8, 1)
    ids = keys.argsort().astype(np.uint8)
    wanted = pixels.astype(np.int32) @ (1 << 16, 1 << 8, 1)
    places = np.searchsorted(keys[ids], wanted).clip(max=255)
    other = keys[ids][places] != wanted
    if other.any():
        y, x = np.argwhere(other)[0]
        raise InputError(
            f"{name} is a picture in colour, with {tuple(pixels[y, x].tolist())} at pixel x {x}, y {y}; expected a "
            "palette PNG, a grey one, or colours of the DAVIS palette without smoothed edges."
        )
    found: LabelMask = ids[places]
    return found


def binary_to_object(mask: LabelMask) -> LabelMask:
    """The mask itself, or with 255 turned into object 1 if it holds nothing but 0 and 255, (H, W) uint8."""
    return (mask > 0).astype(np.uint8) if bool(np.isin(mask, (0, 255)).all()) else mask


def write_mask(path: str | Path, mask: LabelMask) -> None:
    """Write a label mask, (H, W) of whole numbers 0..255, as a palette PNG with the DAVIS colours, whole or not at all.

    Raises:
        InputError: The mask has another shape, type or range.
        OutputError: The file cannot be written.
    """
    labels = check_mask(mask)
    image = Image.fromarray(labels)
    image.putpalette(davis_palette().tobytes())
    with atomic_write(path) as file:
        image.save(file, format="PNG")


def write_binary(path: str | Path, inside: NDArray[np.bool_]) -> None:
    """Write where one object is, (H, W) bool, as a grey PNG of 0 and 255, whole or not at all.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_write(path) as file:
        Image.fromarray(np.where(inside, np.uint8(255), np.uint8(0))).save(file, format="PNG")


def check_mask(mask: NDArray[np.generic]) -> LabelMask:
    """The mask as (H, W) uint8, if that loses nothing.

    Raises:
        InputError: It has another number of axes, no pixel, or values that are no whole numbers in 0..255.
    """
    labels = np.asarray(mask)
    if labels.ndim != 2 or not labels.size:
        raise InputError(f"A label mask has shape {labels.shape}; expected (H, W) with at least one pixel.")
    if labels.dtype.kind not in "bui" or labels.min() < 0 or labels.max() > 255:
        raise InputError(f"A label mask holds values of type {labels.dtype}; expected whole numbers in 0..255.")
    return np.ascontiguousarray(labels, dtype=np.uint8)
