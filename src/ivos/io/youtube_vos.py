"""The YouTube-VOS data set and others of its layout: `ROOT/SPLIT/JPEGImages/SEQ/`, `ROOT/SPLIT/Annotations/SEQ/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ivos.errors import InputError
from ivos.io.clips import Clip, read_clip
from ivos.io.images import natural_key


class YoutubeVos:
    """A split of YouTube-VOS: `data.sequences` are names, `data[name]` is a `Clip`; iterating yields clips lazily.

    Masks belong to frames of the same stem; frames without one are frames all the same (`Clip.masked_frames` tells).

    Attributes:
        root: The data set's folder.
        split: Such as `train` or `valid`.
        sequences: The names of the folders in `JPEGImages`, naturally sorted.
    """

    def __init__(self, root: str | Path, *, split: str = "train") -> None:
        """List the split.

        Raises:
            InputError: There is no such split, or it has no sequence.
        """
        self.root = Path(root)
        self.split = split
        images = self.root / split / "JPEGImages"
        if not images.is_dir():
            raise InputError(f"'{self.root}' has no split {split!r} in YouTube-VOS layout: no folder '{images}'.")
        names = [folder.name for folder in images.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
        self.sequences = tuple(sorted(names, key=natural_key))
        if not self.sequences:
            raise InputError(f"The folder '{images}' has no sequence; expected one folder of images each.")

    def __len__(self) -> int:
        """The number of sequences."""
        return len(self.sequences)

    def __iter__(self) -> Iterator[Clip]:
        """Every sequence as a `Clip`."""
        return (self[name] for name in self.sequences)

    def __getitem__(self, name: str) -> Clip:
        """The sequence with a name.

        Raises:
            InputError: There is no such sequence, or its images are unreadable or of different sizes.
        """
        if name not in self.sequences:
            raise InputError(f"YouTube-VOS {self.split} in '{self.root}' has no sequence {name!r}.")
        folder = self.root / self.split
        return read_clip(name, folder / "JPEGImages" / name, folder / "Annotations" / name)
