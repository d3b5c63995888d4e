"""Pictures of masks over frames: tint and contour, strokes, and a sheet of several frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ivos.errors import InputError
from ivos.io.masks import check_mask, davis_palette
from ivos.types import BACKGROUND, VOID, LabelMask, Pixels, Scribble

TINT_ALPHA = 0.5
GREEN = (0, 177, 64)
_CONTOUR_RGB = (255, 255, 255)
_STROKE_EDGE_RGB = (255, 255, 255)
_SHEET_RGB = (24, 24, 24)
_LABEL_RGB = (235, 235, 235)
_LABEL_HEIGHT = 18
_GAP = 6


def overlay(
    frame: Pixels, mask: LabelMask, *, alpha: float = TINT_ALPHA, palette: NDArray[np.uint8] | None = None
) -> Pixels:
    """The frame with every object tinted in its palette colour and outlined in white, (H, W, 3) uint8 RGB.

    Args:
        frame: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8; 0 and 255 (void) stay as they are.
        alpha: Share of the colour inside an object, in [0, 1].
        palette: The colour of each label, (256, 3) RGB; None: the DAVIS palette.

    Raises:
        InputError: Frame and mask differ in size, or the mask does not hold whole numbers 0..255.
    """
    mask = check_mask(mask)
    if mask.shape != frame.shape[:2]:
        raise InputError(f"A mask of shape {mask.shape} does not fit a frame of shape {frame.shape[:2]}.")
    inside = (mask != BACKGROUND) & (mask != VOID)
    if not inside.any():
        return frame.copy()
    picture = frame.copy()
    colours = (davis_palette() if palette is None else palette)[mask[inside]].astype(np.float32)
    picture[inside] = np.rint((1 - alpha) * frame[inside] + alpha * colours).astype(np.uint8)
    picture[contour(np.where(mask == VOID, BACKGROUND, mask).astype(np.uint8))] = _CONTOUR_RGB
    return picture


def on_green(frame: Pixels, alpha: NDArray[np.uint8]) -> Pixels:
    """The frame (H, W, 3) on a green screen where its alpha channel (H, W) lets it through, uint8 RGB."""
    share = alpha[..., None].astype(np.float32) / 255
    mixed: Pixels = np.rint(share * frame + (1 - share) * np.array(GREEN, np.float32)).astype(np.uint8)
    return mixed


def contour(mask: LabelMask) -> NDArray[np.bool_]:
    """Where an object's pixel touches another label to its left, right, top or bottom, (H, W) bool."""
    edge = np.zeros(mask.shape, dtype=bool)
    across = mask[:, 1:] != mask[:, :-1]
    down = mask[1:] != mask[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    edge &= mask != BACKGROUND
    return edge


def draw_scribbles(picture: Pixels, scribbles: Sequence[Scribble]) -> Pixels:
    """The picture with strokes in their object's palette colour (background: black), edged in white, (H, W, 3)."""
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    palette = davis_palette()
    thickness = max(3, round(min(height, width) / 70))
    for scribble in scribbles:
        points = [(x * (width - 1), y * (height - 1)) for x, y in scribble.path]
        colour = tuple(int(value) for value in palette[scribble.object_id])
        for reach, rgb in ((thickness + 4, _STROKE_EDGE_RGB), (thickness, colour)):
            draw.line(points, fill=rgb, width=reach, joint="curve")
            for x, y in (points[0], points[-1]):
                draw.ellipse((x - reach / 2, y - reach / 2, x + reach / 2, y + reach / 2), fill=rgb)
    return np.array(image)


@dataclass(frozen=True)
class SheetCell:
    """One picture of a contact sheet.

    Attributes:
        label: What stands under it.
        picture: (H, W, 3) uint8 RGB.
    """

    label: str
    picture: Pixels


def contact_sheet(cells: Sequence[SheetCell], *, columns: int = 5, width: int = 384) -> Pixels:
    """One picture of all cells in rows, each shrunk or grown to a width, with its label below, (H, W, 3) uint8 RGB.

    Args:
        cells: At least one, all pictures of one size.
        columns: Cells in a row, at least 1.
        width: Of one cell in pixels.

    Raises:
        InputError: There is no cell.
    """
    if not cells:
        raise InputError("A contact sheet needs at least one frame; got none.")
    height = max(1, round(width * cells[0].picture.shape[0] / cells[0].picture.shape[1]))
    columns = min(columns, len(cells))
    rows = math.ceil(len(cells) / columns)
    step_x, step_y = width + _GAP, height + _LABEL_HEIGHT + _GAP
    sheet = Image.new("RGB", (columns * step_x + _GAP, rows * step_y + _GAP), _SHEET_RGB)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_LABEL_HEIGHT - 5)
    for number, cell in enumerate(cells):
        x, y = _GAP + number % columns * step_x, _GAP + number // columns * step_y
        sheet.paste(Image.fromarray(cell.picture).resize((width, height), Image.Resampling.LANCZOS), (x, y))
        draw.text((x + 2, y + height + 1), cell.label, fill=_LABEL_RGB, font=font)
    return np.array(sheet)
