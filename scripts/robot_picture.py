"""Draws docs/images/robot.jpg: the robot's strokes on a photograph, a rough prediction and the truth.

python scripts/robot_picture.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from skimage.draw import polygon2mask

from ivos.core.robot import robot
from ivos.io.overlay import SheetCell, contact_sheet, draw_scribbles, overlay

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "robot.jpg"
HEAD = (
    (0, 75), (0, 345), (15, 378), (60, 368), (115, 350), (165, 340), (215, 320), (262, 285), (290, 235),
    (295, 180), (275, 130), (235, 85), (175, 52), (105, 42), (45, 45),
)  # fmt: skip
"""The cat's head by hand, (row, column)."""


def main() -> None:
    """Draw and write."""
    photograph = data.chelsea()
    size = photograph.shape[:2]
    truth = polygon2mask(size, HEAD).astype(np.uint8)
    ys, xs = np.mgrid[: size[0], : size[1]]
    prediction = (((ys - 150) / 105) ** 2 + ((xs - 130) / 115) ** 2 < 1).astype(np.uint8)
    strokes = robot(prediction, truth, [1])
    cells = [
        SheetCell("truth", overlay(photograph, truth)),
        SheetCell("prediction", overlay(photograph, prediction)),
        SheetCell("strokes", draw_scribbles(overlay(photograph, prediction, alpha=0.25), strokes)),
    ]
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(contact_sheet(cells, columns=3)).save(PICTURE, quality=85, optimize=True)


if __name__ == "__main__":
    main()
