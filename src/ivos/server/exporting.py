"""Writing a project's masks in the formats of the export dialog, frame by frame, with progress and cancel."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from colorsys import hls_to_rgb
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ivos.errors import InputError
from ivos.io.alpha_video import AlphaFormat, write_alpha_video
from ivos.io.atomic import atomic_write
from ivos.io.coco import write_coco
from ivos.io.exports import object_folder
from ivos.io.images import ImageFolder
from ivos.io.masks import davis_palette
from ivos.io.overlay import on_green, overlay
from ivos.io.scribble_files import ScribbleFile, write_scribbles
from ivos.io.video import own_reader
from ivos.io.video_writer import write_video
from ivos.server.document import Document, Look, default_look
from ivos.server.schemas import ExportRequest
from ivos.server.steps import Step
from ivos.server.viewer import Viewer, scribble
from ivos.types import Annotation, LabelMask, Scribble

SUFFIXES = MappingProxyType(
    {
        "palette": "-masks.zip",
        "binary": "-binary.zip",
        "overlay": "-overlay.mp4",
        "prores": "-alpha.mov",
        "webm": "-alpha.webm",
        "green": "-green.mp4",
        "coco": "-coco.json",
        "scribbles": "-scribbles.json",
    }
)
BYTES_PER_PIXEL = MappingProxyType(
    {
        "palette": 0.05,
        "binary": 0.05,
        "overlay": 0.25,
        "prores": 1.0,
        "webm": 0.25,
        "green": 0.25,
        "coco": 0.05,
        "scribbles": 0.0,
    }
)
"""What a pixel of a frame takes in each format at most, of usual clips; of PNGs and JSON for every object."""
SHOWN = (
    (255, 98, 89),
    (74, 205, 119),
    (232, 200, 62),
    (108, 153, 255),
    (206, 132, 246),
    (52, 205, 212),
    (201, 208, 219),
    (255, 159, 92),
    (255, 134, 186),
)
"""The page's colours of objects 1 to 9, whose colour nobody chose: those of `palette.js`."""


@dataclass(frozen=True)
class Source:
    """What is exported: the masks as they were shown when the export began.

    Attributes:
        name: The project's name, for file names and the scribble file.
        viewer: Its masks.
        document: Its history; only names of masks are looked up in it.
        step: The state that is exported.
        looks: The objects' names and colours.
        request: What the user asked for.
    """

    name: str
    viewer: Viewer
    document: Document
    step: Step
    looks: dict[int, Look]
    request: ExportRequest

    def __post_init__(self) -> None:
        """Check objects and range."""
        unknown = sorted(set(self.request.object_ids or ()) - set(self.step.objects))
        if unknown:
            raise InputError(f"There is no object {unknown[0]} to export; there are {list(self.step.objects)}.")
        if not self.frames:
            last = len(self.viewer.frames) - 1
            raise InputError(f"The range to export is empty or outside the clip; expected frames of 0..{last}.")

    @property
    def frames(self) -> range:
        """The frames to export."""
        count = len(self.viewer.frames)
        first, last = self.request.first or 0, self.request.last
        last = count - 1 if last is None else last
        return range(first, last + 1) if first <= last < count else range(0)

    @property
    def objects(self) -> tuple[int, ...]:
        """The objects to export."""
        chosen = self.request.object_ids
        return self.step.objects if chosen is None else tuple(sorted(set(chosen)))

    @property
    def file_name(self) -> str:
        """Of the file that is written."""
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", self.name).strip("-")[:60] or "clip"
        return stem + SUFFIXES[self.request.format]

    @property
    def bytes(self) -> int:
        """What the file takes on the disk, about, at most."""
        height, width = self.viewer.frames.size
        share = BYTES_PER_PIXEL[self.request.format]
        if self.request.format in ("palette", "binary", "coco"):
            share *= max(1, len(self.objects))
        return round(share * len(self.frames) * height * width)

    @property
    def palette(self) -> NDArray[np.uint8]:
        """The colour of each label as the page shows it, (256, 3)."""
        colours = davis_palette().copy()
        for k in self.objects:
            chosen = self.looks[k].colour
            if chosen == default_look(k).colour:
                colours[k] = shown_colour(k)
            else:
                colours[k] = list(bytes.fromhex(chosen[1:]))
        return colours

    def mask(self, t: int) -> LabelMask:
        """The label mask of frame t, other objects left out."""
        mask = self.viewer.shown(self.document, self.step, t)
        return mask if self.objects == self.step.objects else np.where(np.isin(mask, self.objects), mask, 0)

    def alpha(self, t: int) -> NDArray[np.uint8]:
        """The alpha channel of frame t, other objects left out."""
        return self.viewer.alpha(self.document, self.step, t, self.objects)


def shown_colour(object_id: int) -> tuple[int, int, int]:
    """The colour of an object on the page while nobody chose another."""
    if object_id <= len(SHOWN):
        return SHOWN[object_id - 1]
    red, green, blue = (round(255 * v) for v in hls_to_rgb(object_id * 137.508 % 360 / 360, 0.7, 0.75))
    return red, green, blue


class Counted:
    """The frames of an export, counted as they are taken; taking one raises `Stopped` after a cancel.

    Args:
        frames: The frames.
    """

    def __init__(self, frames: range) -> None:
        """Nothing is done."""
        self.frames, self.done, self.stopped = frames, 0, False

    def __iter__(self) -> Iterator[int]:
        """The frames in order."""
        for t in self.frames:
            if self.stopped:
                raise Stopped
            yield t
            self.done += 1


class Stopped(Exception):  # noqa: N818  no error: the user wanted it
    """The export was cancelled."""


def write_export(path: Path, source: Source, frames: Counted) -> None:
    """Write the file that the request asks for, whole or not at all.

    Raises:
        Stopped: It was cancelled.
        InputError: There is nothing to write.
        OutputError: The file cannot be written.
    """
    clip = own_reader(source.viewer.frames)
    fps = clip.fps
    match source.request.format:
        case "palette" | "binary":
            _write_pngs(path, source, frames)
        case "overlay":
            colours = source.palette
            write_video(path, (overlay(clip[t], source.mask(t), palette=colours) for t in frames), fps=fps)
        case "green":
            write_video(path, (on_green(clip[t], source.alpha(t)) for t in frames), fps=fps)
        case "prores" | "webm":
            kind: AlphaFormat = "prores" if source.request.format == "prores" else "webm"
            write_alpha_video(path, (np.dstack([clip[t], source.alpha(t)]) for t in frames), fps=fps, format=kind)
        case "coco":
            names = {k: source.looks[k].name for k in source.objects}
            files = [file.name for file in clip.files] if isinstance(clip, ImageFolder) else None
            write_coco(path, ((t, source.mask(t)) for t in frames), names, files)
        case "scribbles":
            annotations = _annotations(source, set(frames))
            if not any(scribble.object_id for each in annotations for scribble in each.scribbles):
                raise InputError(
                    "There is no stroke on an object to export in this range; brushwork is no part of a scribble file."
                )
            write_scribbles(path, ScribbleFile(source.name, len(clip), annotations))


def _write_pngs(path: Path, source: Source, frames: Counted) -> None:
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for t in frames:
            mask = source.mask(t)
            if source.request.format == "palette":
                archive.writestr(f"{t:05d}.png", _png(mask, palette=True))
                continue
            for k in source.objects:
                inside = np.where(mask == k, np.uint8(255), np.uint8(0))
                archive.writestr(f"{object_folder(k)}/{t:05d}.png", _png(inside))


def _png(pixels: LabelMask, *, palette: bool = False) -> bytes:
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette(davis_palette().tobytes())
    content = io.BytesIO()
    image.save(content, format="PNG")
    return content.getvalue()


def _annotations(source: Source, frames: set[int]) -> tuple[Annotation, ...]:
    """One annotation a round and frame, rounds in order, waiting strokes last."""
    order = {done.id: number for number, done in enumerate(source.step.rounds)}
    together: dict[tuple[int, int], list[Scribble]] = {}
    for each in source.step.strokes:
        if each.frame in frames and (each.kind == "remove" or each.object_id in source.objects):  # that is background
            number = len(order) if each.round is None else order.get(each.round, len(order))
            together.setdefault((number, each.frame), []).append(scribble(each))
    return tuple(Annotation(frame, strokes) for (_, frame), strokes in sorted(together.items(), key=lambda it: it[0]))
