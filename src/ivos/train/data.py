"""Sources of training data by name: `KIND[,option=value...]:PATH` -> takes of frames with masks, cut-outs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

from ivos.errors import InputError
from ivos.io.clips import Clip, Stills
from ivos.io.davis import Davis
from ivos.io.folders import ImageMaskFolder
from ivos.io.sbd import Sbd
from ivos.io.youtube_vos import YoutubeVos
from ivos.train.sources import Library, Take, take_of_clip

CUT_OUTS = "cut-outs"
OPTIONS = ("weight", "merge", "split", "without")
OPTIONS_OF = MappingProxyType({CUT_OUTS: ("without",), "folder": ("weight", "merge", "without")})
"""What the kinds that have no use for all options take."""


@dataclass(frozen=True, slots=True)
class DataSpec:
    """One source of training data.

    Attributes:
        kind: A name of `KINDS`, or "cut-outs".
        path: Its folder.
        weight: Share of the samples, on any positive scale.
        merge: Probability that all objects of a picture count as one, in [0, 1].
        split: Name of the list that is used, where the data set has lists.
        without: Names of sequences and cut-outs that are left out, or patterns of them (* and ?).
    """

    kind: str
    path: Path
    weight: float = 1.0
    merge: float = 0.0
    split: str = "train"
    without: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> DataSpec:
        """The source described by a text such as `folder,weight=2,merge=0.8:photos`.

        Raises:
            InputError: The kind or an option is unknown, a value is out of range, or there is no path.
        """
        head, colon, path = text.partition(":")
        kind, *options = head.split(",")
        kinds = (*KINDS, CUT_OUTS)
        if not colon or not path or kind not in kinds:
            raise InputError(
                f"{text!r} is no source of training data; expected KIND:PATH with one of {', '.join(kinds)}."
            )
        values: dict[str, str] = {}
        for option in options:
            name, equals, value = option.partition("=")
            allowed = OPTIONS_OF.get(kind, OPTIONS)
            if name not in allowed or not equals or not value:
                raise InputError(
                    f"{text!r} has the option {option!r}; a source of kind {kind} takes {', '.join(allowed)}, "
                    f"as in {allowed[0]}={'name' if allowed[0] == 'without' else 2}."
                )
            values[name] = value
        return cls(
            kind,
            Path(path).expanduser(),  # no shell does that behind a colon
            weight=_number(values.get("weight", "1"), text, 1e-9, math.inf),
            merge=_number(values.get("merge", "0"), text, 0, 1),
            split=values.get("split", "train"),
            without=tuple(values["without"].split("+")) if "without" in values else (),
        )

    def kept(self, names: Sequence[str]) -> list[str]:
        """The names that `without` does not leave out, in their order.

        Raises:
            InputError: `without` has a name or a pattern that is none of them.
        """
        for name in self.without:
            if not any(fnmatchcase(each, name) for each in names):
                raise InputError(
                    f"The source '{self.path}' ({self.kind}) is to be used without '{name}', which it does not have;"
                    f" it has {', '.join(sorted(names)[:4])}{', ...' if len(names) > 4 else ''}."
                )
        return [name for name in names if not any(fnmatchcase(name, pattern) for pattern in self.without)]


def _number(text: str, spec: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(f"{spec!r} has the value {text!r} where a number is expected.") from error
    if not (least <= value <= most and math.isfinite(value)):
        raise InputError(f"{spec!r} has the value {text}; a weight is more than 0, and merge lies in [0, 1].")
    return value


def library_from_specs(texts: Sequence[str]) -> Library:
    """The library that sources described by `DataSpec.parse` make up, one group a source.

    Raises:
        InputError: A source is not understood, missing, or empty; or there is none with frames and masks.
    """
    specs = [DataSpec.parse(text) for text in texts]
    groups = tuple((spec.weight, takes(spec)) for spec in specs if spec.kind != CUT_OUTS)
    if not groups:
        raise InputError("There is no source with frames and masks; give one, such as davis-2017:PATH or folder:PATH.")
    return Library(groups, tuple(path for spec in specs if spec.kind == CUT_OUTS for path in cut_outs(spec)))


def takes(spec: DataSpec) -> tuple[Take, ...]:
    """The takes of a source.

    Raises:
        InputError: The source is missing or empty.
    """
    found = KINDS[spec.kind](spec)
    if not found:
        raise InputError(f"The source '{spec.path}' ({spec.kind}) holds nothing to train on.")
    return found


def cut_outs(spec: DataSpec) -> tuple[Path, ...]:
    """The png and webp files of a folder and its sub-folders that are neither hidden nor named by `without`, by their
    path below it.

    Raises:
        InputError: There is none.
    """
    pictures = (path for path in spec.path.rglob("*") if path.suffix.lower() in {".png", ".webp"})
    below = (path.relative_to(spec.path) for path in sorted(pictures))
    names = [path.as_posix() for path in below if not any(part.startswith(".") for part in path.parts)]
    kept = tuple(spec.path / name for name in spec.kept(names))
    if not kept:
        raise InputError(f"The folder '{spec.path}' holds no cut-outs; expected png or webp files with transparency.")
    return kept


def _davis(spec: DataSpec, year: int) -> tuple[Take, ...]:
    data = Davis(spec.path, split=spec.split, year=year)
    return _clips(spec, (data[name] for name in spec.kept(data.sequences)))


def _youtube_vos(spec: DataSpec) -> tuple[Take, ...]:
    data = YoutubeVos(spec.path, split=spec.split)
    return _clips(spec, (data[name] for name in spec.kept(data.sequences)))


def _sbd(spec: DataSpec) -> tuple[Take, ...]:
    data = Sbd(spec.path, split=spec.split)
    return _stills(spec, data, data.names)


def _folder(spec: DataSpec) -> tuple[Take, ...]:
    data = ImageMaskFolder(spec.path)
    return _stills(spec, data, [image.stem for image, _ in data.pairs])


def _clips(spec: DataSpec, clips: Iterable[Clip]) -> tuple[Take, ...]:
    return tuple(take_of_clip(clip, spec.merge) for clip in clips)


def _stills(spec: DataSpec, stills: Stills, names: Sequence[str]) -> tuple[Take, ...]:
    kept = set(spec.kept(names))
    return tuple(Take(stills, (i,), spec.merge) for i, name in enumerate(names) if name in kept)


KINDS: Mapping[str, Callable[[DataSpec], tuple[Take, ...]]] = MappingProxyType(
    {
        "davis-2016": lambda spec: _davis(spec, 2016),
        "davis-2017": lambda spec: _davis(spec, 2017),
        "youtube-vos": _youtube_vos,
        "sbd": _sbd,
        "folder": _folder,
    }
)
"""Readers of the kinds of source with frames and masks."""
