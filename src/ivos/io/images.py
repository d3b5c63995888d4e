"""Still images: reading one upright in RGB, a folder of them as a clip, frames held in memory as a clip."""

from __future__ import annotations

import operator
import re
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import SupportsIndex

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ivos.errors import InputError
from ivos.types import Pixels

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
FOLDER_FPS = 24.0
_ORIENTATION_TAG = 0x0112
_UPRIGHT = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
"""What turns the pixels upright, by EXIF orientation."""
_TURNED_ORIENTATIONS = {5, 6, 7, 8}
_ORIENTED = frozenset({"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"})
"""Parts of a PNG that may say how it is turned."""


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorting key that puts `2` before `10`: runs of digits compare as numbers, the rest without regard to case."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part.casefold()) for part in parts if part]


def list_images(folder: Path) -> tuple[Path, ...]:
    """The image files of a folder in natural order; hidden files are left out.

    Raises:
        InputError: The folder cannot be read.
    """
    try:
        found = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")]
    except OSError as error:
        raise InputError(f"The folder '{folder}' cannot be read ({error.strerror}).") from error
    return tuple(sorted(found, key=lambda p: natural_key(p.name)))


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) of an image as it is shown upright, from its header alone.

    Raises:
        InputError: The file is not a readable image.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = _orientation(image) in _TURNED_ORIENTATIONS
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"The image '{path}' cannot be read ({error}).") from error
    return (width, height) if turned else (height, width)


def read_image(path: Path) -> Pixels:
    """Pixels of an image file, (H, W, 3) uint8 RGB, turned upright, transparency dropped, 16-bit greys scaled.

    Raises:
        InputError: The file is missing or not a readable image.
    """
    try:
        with Image.open(path) as image:
            orientation = _orientation(image)
            upright = image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image
            if upright.mode.startswith("I;16"):
                grey = (np.asarray(upright) >> 8).astype(np.uint8)
                return np.repeat(grey[..., None], 3, axis=2)
            return np.array(upright.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"The image '{path}' cannot be read ({error}).") from error


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation of an image that was opened and not yet decoded; 1 if it has none that means anything.

    Of a PNG only what stands before its pixels counts: to look behind them Pillow would decode every image of a folder.
    """
    if image.format == "PNG" and not _ORIENTED.intersection(image.info):
        return 1
    found = image.getexif().get(_ORIENTATION_TAG)
    return found if isinstance(found, int) else 1


class ImageFolder:
    """The frames of a clip kept as one image file each: `len(frames)`, `frames[t]` -> (H, W, 3) uint8 RGB.

    Attributes:
        path: The folder.
        files: The image files in frame order.
        size: (height, width) in pixels, the same for every frame.
        fps: 24 frames per second, as a folder does not say.
    """

    def __init__(self, path: str | Path) -> None:
        """List the folder and compare the sizes in the files' headers.

        Raises:
            InputError: The folder has no image, an unreadable one, or images of different sizes.
        """
        self.path = Path(path).absolute()  # wherever the working directory goes
        self.files = list_images(self.path)
        self.fps = FOLDER_FPS
        if not self.files:
            kinds = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
            raise InputError(f"The folder '{self.path}' holds no image; expected frames as {kinds} files.")
        self.size = image_size(self.files[0])
        for file in self.files[1:]:
            self._check_size(file, image_size(file))

    def __len__(self) -> int:
        """The number of images."""
        return len(self.files)

    def __getitem__(self, t: SupportsIndex, /) -> Pixels:
        """Frame `t` as a new array, (H, W, 3) uint8 RGB; negative indices count from the end.

        Raises:
            IndexError: There is no such frame.
            InputError: The image is damaged.
        """
        index = operator.index(t)
        if not -len(self) <= index < len(self):
            raise IndexError(f"Frame {index} was asked for; '{self.path}' has the frames 0 to {len(self) - 1}.")
        pixels = read_image(self.files[index])
        self._check_size(self.files[index], (pixels.shape[0], pixels.shape[1]))
        return pixels

    def _check_size(self, file: Path, size: tuple[int, int]) -> None:
        if size != self.size:
            raise InputError(
                f"Frames change size in '{self.path}': "
                f"'{self.files[0].name}' is {self.size[1]} x {self.size[0]} pixels "
                f"but '{file.name}' is {size[1]} x {size[0]}; bring all images to one size."
            )


class ArrayFrames:
    """Frames held in memory as one array, such as a clip made by a program.

    Attributes:
        pixels: Shape (T, H, W, 3) uint8 RGB.
        size: (height, width) in pixels.
        fps: Frames per second.
    """

    def __init__(self, pixels: NDArray[np.uint8], *, fps: float = FOLDER_FPS) -> None:
        """Check the array.

        Raises:
            InputError: It is not (T, H, W, 3) uint8 with at least one pixel and frame, or the rate no number above 0.
        """
        try:
            pixels = np.asarray(pixels)
        except ValueError as error:
            raise InputError("Frames in memory are of different sizes; expected (T, H, W, 3) uint8 RGB.") from error
        if pixels.ndim != 4 or pixels.shape[3] != 3 or pixels.dtype != np.uint8 or not pixels.size:
            raise InputError(
                f"Frames in memory have shape {pixels.shape} and type {pixels.dtype}; "
                "expected (T, H, W, 3) uint8 RGB with at least one frame."
            )
        if not isinstance(fps, int | float | Fraction | np.integer | np.floating) or not 0 < fps < float("inf"):
            raise InputError(f"Frames in memory have a rate of {fps!r} per second; expected a number above 0.")
        self.pixels = pixels
        self.size: tuple[int, int] = (pixels.shape[1], pixels.shape[2])
        self.fps = float(fps)

    def __len__(self) -> int:
        """The number of frames."""
        return len(self.pixels)

    def __getitem__(self, t: SupportsIndex, /) -> Pixels:
        """Frame `t` as a new array, (H, W, 3) uint8 RGB; negative indices count from the end."""
        frame: Pixels = self.pixels[operator.index(t)]
        return frame.copy()
