"""The Semantic Boundaries Dataset: photographs `img/NAME.jpg` with instances `inst/NAME.mat`, lists `SPLIT.txt`."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from ivos.errors import InputError
from ivos.io.clips import check_pair
from ivos.io.images import read_image
from ivos.types import LabelMask, Pixels

DAMAGED = (
    OSError,
    EOFError,
    MatReadError,
    KeyError,
    ValueError,
    IndexError,
    TypeError,
    NotImplementedError,
    struct.error,
    zlib.error,
)
"""What SciPy's reader raises on damaged files."""

_RELEASE_FOLDER = Path("benchmark_RELEASE") / "dataset"


class Sbd:
    """A split of SBD: `len(data)`, `data[i]` -> (image, instance mask), read on demand.

    Attributes:
        root: The folder with `img` and `inst`.
        names: The photographs of the split, in the order of its list.
    """

    def __init__(self, root: str | Path, *, split: str = "train") -> None:
        """Read the list of the split.

        Args:
            root: The folder with `img`, `inst` and the lists, or the one with `benchmark_RELEASE/dataset` in it.
            split: Name of a list, `train` or `val`.

        Raises:
            InputError: It is no SBD folder, or the list is missing or empty.
        """
        root = Path(root)
        self.root = root / _RELEASE_FOLDER if (root / _RELEASE_FOLDER).is_dir() else root
        for name in ("img", "inst"):
            if not (self.root / name).is_dir():
                raise InputError(f"'{self.root}' is not an SBD data set: it has no folder '{name}'.")
        file = self.root / f"{split}.txt"
        try:
            self.names = tuple(file.read_text(encoding="utf-8").split())
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"SBD in '{self.root}' has no readable list '{file.name}'.") from error
        if not self.names:
            raise InputError(f"The list '{file}' names no photograph.")

    def __len__(self) -> int:
        """The number of photographs."""
        return len(self.names)

    def __getitem__(self, index: int, /) -> tuple[Pixels, LabelMask]:
        """(image (H, W, 3) uint8 RGB, instance mask (H, W) uint8: 0 background, 1..K instances).

        Raises:
            InputError: A file is missing or unreadable, or the two differ in size.
        """
        name = self.names[index]
        image_file, mask_file = self.root / "img" / f"{name}.jpg", self.root / "inst" / f"{name}.mat"
        image, mask = read_image(image_file), _read_instances(mask_file)
        check_pair(image, mask, image_file, mask_file)
        return image, mask


def _read_instances(file: Path) -> LabelMask:
    """`GTinst.Segmentation` of an SBD file, (H, W) uint8."""
    try:
        instances = np.asarray(loadmat(file)["GTinst"]["Segmentation"][0, 0])
        if instances.ndim != 2:
            raise ValueError(f"its segmentation has {instances.ndim} axes")
        return instances.astype(np.uint8)
    except DAMAGED as error:
        raise InputError(f"The SBD file '{file}' cannot be read ({error}).") from error
