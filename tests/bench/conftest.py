"""Tiny DAVIS folders: squares that drift over noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ivos.io.masks import write_mask


def square_masks(frames: int, objects: int, size: tuple[int, int]) -> np.ndarray:
    """(T, H, W): object k is a square in the k-th strip, moving one pixel to the right a frame."""
    masks = np.zeros((frames, *size), np.uint8)
    side = size[0] // (objects + 1)
    for t in range(frames):
        for k in range(objects):
            top, left = 1 + k * (side + 1), 3 + t
            masks[t, top : top + side, left : left + side] = k + 1
    return masks


@pytest.fixture(scope="session")
def make_davis(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A DAVIS root with the given sequences: name -> number of objects."""

    def make(
        sequences: dict[str, int] | None = None,
        *,
        frames: int = 6,
        size: tuple[int, int] = (32, 48),
        year: int = 2017,
    ) -> Path:
        root = tmp_path_factory.mktemp("davis")
        sequences = sequences or {"one": 1, "two": 2}
        for name, objects in sequences.items():
            masks = square_masks(frames, objects, size)
            images = root / "JPEGImages/480p" / name
            annotations = root / "Annotations/480p" / name
            for folder in (images, annotations):
                folder.mkdir(parents=True)
            for t, mask in enumerate(masks):
                pixels = np.stack([40 + mask * 60, 90 - mask * 20, np.full_like(mask, 60)], axis=2)
                Image.fromarray(pixels.astype(np.uint8)).save(images / f"{t:05d}.jpg")
                write_mask(annotations / f"{t:05d}.png", mask)
        lists = root / "ImageSets" / str(year)
        lists.mkdir(parents=True)
        (lists / "val.txt").write_text("\n".join(sequences) + "\n")
        return root

    return make
