"""Photographs with masks in two plain folders: `ROOT/images/NAME.jpg`, `ROOT/masks/NAME.png`."""

from __future__ import annotations

from pathlib import Path

from ivos.errors import InputError
from ivos.io.clips import check_pair
from ivos.io.images import list_images, read_image
from ivos.io.masks import binary_to_object, read_mask
from ivos.types import LabelMask, Pixels


class ImageMaskFolder:
    """Pairs of an image and a mask with the same stem: `len(data)`, `data[i]` -> (image, label mask), read on demand.

    Masks that hold nothing but 0 and 255, palette files among them, are binary: 255 becomes object 1. In any other
    mask 255 is void.

    Attributes:
        root: The folder with `images` and `masks`.
        pairs: The files, naturally sorted by the image's name.
    """

    def __init__(self, root: str | Path) -> None:
        """List both folders.

        Raises:
            InputError: A folder is missing, `images` is empty, or an image has no mask.
        """
        self.root = Path(root)
        for name in ("images", "masks"):
            if not (self.root / name).is_dir():
                raise InputError(f"'{self.root}' has no folder '{name}'; expected 'images' and 'masks'.")
        masks = {file.stem: file for file in list_images(self.root / "masks")}
        images = list_images(self.root / "images")
        if not images:
            raise InputError(f"The folder '{self.root / 'images'}' holds no image.")
        for image in images:
            if image.stem not in masks:
                raise InputError(f"The image '{image}' has no mask '{self.root / 'masks' / image.stem}.png'.")
        self.pairs = tuple((image, masks[image.stem]) for image in images)

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self.pairs)

    def __getitem__(self, index: int, /) -> tuple[Pixels, LabelMask]:
        """(image (H, W, 3) uint8 RGB, label mask (H, W) uint8, 255 void).

        Raises:
            InputError: A file is unreadable, or the two differ in size.
        """
        image_file, mask_file = self.pairs[index]
        image, mask = read_image(image_file), binary_to_object(read_mask(mask_file))
        check_pair(image, mask, image_file, mask_file)
        return image, mask
