"""The DAVIS data set: sequences of the 2016 and 2017 splits with images, masks and scribble files.

Layout: `JPEGImages/RESOLUTION/SEQ/`, `Annotations/RESOLUTION/SEQ/`, `ImageSets/YEAR/SPLIT.txt`, `Scribbles/SEQ/`.
The release of 2016 keeps its lists in `ImageSets/480p/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ivos.errors import InputError
from ivos.io.clips import Clip, read_clip
from ivos.io.images import natural_key
from ivos.io.scribble_files import ScribbleFile, read_scribbles, write_scribbles

__all__ = ["Davis", "ScribbleFile", "read_scribbles", "write_scribbles"]

YEARS = (2016, 2017)
_FIRST_RESOLUTION = "480p"


class Davis:
    """A split of DAVIS: `davis.sequences` are names, `davis[name]` is a `Clip`; iterating yields every clip lazily.

    Of 2016 every non-zero value of a mask is the one object 1, be the file grey (0 and 255, with or without alpha) or
    palette; of 2017 the values are the object ids, 255 void.

    Attributes:
        root: The data set's folder.
        split: Such as `train` or `val`.
        year: 2016 or 2017.
        sequences: The names of the split's sequences, in the order of its list.
    """

    def __init__(
        self, root: str | Path, *, split: str = "val", year: int = 2017, resolution: str | None = None
    ) -> None:
        """Read the list of the split.

        Args:
            root: The data set's folder.
            split: Name of a list in `ImageSets/YEAR`.
            year: 2016 or 2017.
            resolution: Folder below `JPEGImages`, such as `480p`; by default, for each sequence, 480p if it is there,
                else the first that has it.

        Raises:
            InputError: The folder is no DAVIS data set, has no such year, split or resolution, or its list is empty.
        """
        self.root = Path(root)
        self.split = split
        self.year = year
        if year not in YEARS:
            raise InputError(f"DAVIS has the years 2016 and 2017; got {year!r}.")
        self._resolutions = self._find_resolutions(resolution)
        self.sequences = self._read_list()

    def __len__(self) -> int:
        """The number of sequences."""
        return len(self.sequences)

    def __iter__(self) -> Iterator[Clip]:
        """Every sequence as a `Clip`."""
        return (self[name] for name in self.sequences)

    def __getitem__(self, name: str) -> Clip:
        """The sequence with a name.

        Raises:
            InputError: The split has no such sequence, or its images are missing, unreadable or of different sizes.
        """
        if name not in self.sequences:
            raise InputError(f"DAVIS-{self.year} {self.split} in '{self.root}' has no sequence {name!r}.")
        has_images = [r for r in self._resolutions if (self.root / "JPEGImages" / r / name).is_dir()]
        resolution = (has_images or self._resolutions)[0]
        return read_clip(
            name,
            self.root / "JPEGImages" / resolution / name,
            self.root / "Annotations" / resolution / name,
            merged=self.year == 2016,
            scribbles=tuple(
                sorted(
                    (file for file in (self.root / "Scribbles" / name).glob("*.json") if not file.name.startswith(".")),
                    key=lambda file: natural_key(file.name),
                )
            ),
        )

    def _find_resolutions(self, wanted: str | None) -> tuple[str, ...]:
        images = self.root / "JPEGImages"
        if not images.is_dir():
            raise InputError(f"'{self.root}' is not a DAVIS data set: it has no folder 'JPEGImages'.")
        found = [folder.name for folder in images.iterdir() if folder.is_dir()]
        if wanted is not None:
            found = [name for name in found if name == wanted]
        if not found:
            raise InputError(f"There is no folder '{images / (wanted or _FIRST_RESOLUTION)}'; check the resolution.")
        return tuple(sorted(found, key=lambda name: (name != _FIRST_RESOLUTION, natural_key(name))))

    def _read_list(self) -> tuple[str, ...]:
        file = self.root / "ImageSets" / str(self.year) / f"{self.split}.txt"
        if self.year == 2016 and not file.parent.is_dir():
            file = self.root / "ImageSets" / _FIRST_RESOLUTION / file.name
        try:
            lines = file.read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            there = ", ".join(sorted(other.stem for other in file.parent.glob("*.txt"))) or "none"
            raise InputError(
                f"DAVIS-{self.year} in '{self.root}' has no readable list '{file}'; lists there: {there}."
            ) from error
        names = tuple(dict.fromkeys(_sequence_name(line) for line in lines if line.strip()))
        if not names:
            raise InputError(f"The list '{file}' names no sequence.")
        return names


def _sequence_name(line: str) -> str:
    """The sequence that a list's line names, itself or as `/JPEGImages/480p/SEQ/00000.jpg /Annotations/...`."""
    first = PurePosixPath(line.split(maxsplit=1)[0])
    return first.parent.name if len(first.parts) > 1 else first.name
