"""Maps of numbers over a frame, as colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ivos.errors import InputError
from ivos.types import Pixels

STOPS = np.array([(0, 0, 0), (60, 20, 110), (180, 40, 90), (250, 140, 10), (255, 255, 170)], np.float32)
"""Colours of 0, 1/4, 1/2, 3/4 and 1, each brighter than the one before (also to eyes that see few colours)."""
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_MARK_RGB, _MARK_EDGE_RGB = (0, 255, 255), (0, 0, 0)


def heat(frame: Pixels, values: NDArray[np.float32], *, highest: float = 1.0, share: float = 0.8) -> Pixels:
    """The frame in grey under a map in colours, (H, W, 3) uint8 RGB.

    Args:
        frame: (H, W, 3) uint8 RGB.
        values: The map, (H, W), >= 0.
        highest: The value that gets the brightest colour, > 0; higher ones get it, too.
        share: Of the colours, in [0, 1]; the rest is the frame.

    Raises:
        InputError: Frame and map differ in size.
    """
    if values.shape != frame.shape[:2]:
        raise InputError(f"A map of shape {values.shape} does not fit a frame of shape {frame.shape[:2]}.")
    place = np.clip(values / highest, 0, 1) * (len(STOPS) - 1)
    below = np.minimum(place.astype(np.int64), len(STOPS) - 2)
    above = (place - below)[..., None]
    colours = STOPS[below] * (1 - above) + STOPS[below + 1] * above
    mixed = share * colours + (1 - share) * (frame @ _GREY)[..., None]
    picture: Pixels = np.rint(mixed).astype(np.uint8)
    return picture


def mark_pixel(picture: Pixels, pixel: tuple[int, int]) -> Pixels:
    """The picture with a ring and a cross round the pixel (x, y), (H, W, 3) uint8 RGB."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    (x, y), reach = pixel, max(6, round(min(picture.shape[:2]) / 25))
    for width, rgb in ((5, _MARK_EDGE_RGB), (2, _MARK_RGB)):
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), outline=rgb, width=width)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            draw.line((x + dx * 3, y + dy * 3, x + dx * reach, y + dy * reach), fill=rgb, width=width)
    return np.array(image)
