"""Results as files: palette PNGs, an overlay video, a contact sheet."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
from PIL import Image

from ivos.errors import InputError
from ivos.io.atomic import atomic_write, make_folder
from ivos.io.masks import write_mask
from ivos.io.overlay import SheetCell, contact_sheet, draw_scribbles, overlay
from ivos.io.video_writer import write_video
from ivos.types import Annotation, Frames, LabelMask

ExportFormat = Literal["png", "overlay"]
OVERLAY_NAME = "overlay.mp4"
_MASK_NAME = re.compile(r"[0-9]{5,}\.png")


class Result(Protocol):
    """What can be exported: a session, or anything else that has frames and their masks."""

    @property
    def frames(self) -> Frames:
        """The clip."""

    @property
    def masks(self) -> Sequence[LabelMask]:
        """One label mask a frame, (H, W) uint8, as large as the frames."""


def export(result: Result, out_dir: str | Path, *, format: ExportFormat = "png") -> list[Path]:
    """The files written to a folder, in order.

    Args:
        result: A session, or anything with `frames` and `masks`.
        out_dir: Folder for the files; made if it is missing.
        format: `png`: one palette PNG a frame, `00000.png` on; `overlay`: `overlay.mp4`, objects tinted and outlined.

    Raises:
        InputError: There is no such format, the files would replace the clip or mix with the masks of a longer one, or
            masks and frames do not fit each other.
        OutputError: The folder cannot be written to, or the disk is full; files written before stay, whole.
    """
    writers: dict[str, Callable[[], list[Path]]] = {
        "png": lambda: write_masks(out_dir, _fitting(result)),
        "overlay": lambda: [write_overlay(Path(out_dir) / OVERLAY_NAME, result.frames, result.masks)],
    }
    if format not in writers:
        raise InputError(f"There is no export format {format!r}; expected one of {', '.join(get_args(ExportFormat))}.")
    check_target(out_dir, result.frames, formats=[format])
    if len(result.masks) != len(result.frames):
        raise InputError(f"There are {len(result.masks)} masks for the {len(result.frames)} frames of the clip.")
    return writers[format]()


def _fitting(result: Result) -> Iterator[LabelMask]:
    """The masks, each as large as the frames and as many."""
    for t, mask in enumerate(result.masks):
        if mask.shape != tuple(result.frames.size):
            raise InputError(f"The mask of frame {t} has shape {mask.shape}; the frames are {result.frames.size}.")
        yield mask


def check_target(
    out_dir: str | Path, frames: Frames, *, formats: Collection[ExportFormat] = get_args(ExportFormat)
) -> None:
    """Refuse a folder in which the results of a clip would do harm; to be called before the work.

    Raises:
        InputError: The files would replace the clip itself, or masks of a longer clip would stay among the new ones.
    """
    folder, source = Path(out_dir), getattr(frames, "path", None)
    for target in (folder if format == "png" else folder / OVERLAY_NAME for format in formats):
        if source is not None and target.resolve() == Path(source).resolve():
            raise InputError(f"Results in '{folder}' would replace the clip '{source}' itself; give another folder.")
    if "png" not in formats:
        return
    try:
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    except OSError as error:
        raise InputError(f"The folder '{folder}' cannot be read ({error.strerror}); give another one.") from error
    left = sorted(name for name in names if _MASK_NAME.fullmatch(name) and int(Path(name).stem) >= len(frames))
    if left:
        raise InputError(
            f"'{folder}' holds {left[0]} of a longer clip, which would stay among the {len(frames)} masks of this one; "
            "empty the folder, or give another."
        )


def write_masks(out_dir: str | Path, masks: Iterable[LabelMask]) -> list[Path]:
    """The palette PNGs `00000.png`, `00001.png`, ... written to a folder, one a mask; masks are consumed one by one.

    Raises:
        InputError: A mask is not (H, W) of whole numbers 0..255.
        OutputError: The folder cannot be written to, or the disk is full.
    """
    folder = make_folder(out_dir)
    paths = []
    for t, mask in enumerate(masks):
        paths.append(folder / f"{t:05d}.png")
        write_mask(paths[-1], mask)
    return paths


def write_overlay(path: str | Path, frames: Frames, masks: Iterable[LabelMask]) -> Path:
    """The mp4 written: every frame with its objects tinted (alpha 0.5) and outlined; masks are consumed one by one.

    Raises:
        InputError: There are more or fewer masks than frames, or they differ in size.
        OutputError: The file cannot be written.
    """
    make_folder(Path(path).parent)
    pairs = zip(range(len(frames)), masks, strict=True)
    try:
        write_video(path, (overlay(frames[t], mask) for t, mask in pairs), fps=frames.fps)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"The number of masks differs from the {len(frames)} frames of the clip.") from error
    return Path(path)


def write_contact_sheet(
    path: str | Path, result: Result, annotations: Sequence[Annotation] = (), *, count: int = 10
) -> Path:
    """The PNG written: `count` frames spread over the clip, with contours, tint and the strokes drawn on them.

    Annotated frames are always shown, in place of their nearest neighbours, as long as there is room.

    Args:
        path: The PNG file.
        result: A session, or anything with `frames` and `masks`.
        annotations: The strokes of all rounds, in order.
        count: Frames on the sheet, at least 1; all of them if the clip has fewer.

    Raises:
        InputError: Masks and frames do not fit each other.
        OutputError: The file cannot be written.
    """
    cells = []
    for t in sheet_frames(len(result.frames), [annotation.frame for annotation in annotations], count):
        strokes = [stroke for annotation in annotations if annotation.frame == t for stroke in annotation.scribbles]
        rounds = [str(number) for number, annotation in enumerate(annotations, start=1) if annotation.frame == t]
        label = f"frame {t}" + (f"   strokes of round {', '.join(rounds)}" if rounds else "")
        cells.append(SheetCell(label, draw_scribbles(overlay(result.frames[t], result.masks[t]), strokes)))
    make_folder(Path(path).parent)
    with atomic_write(path) as file:
        Image.fromarray(contact_sheet(cells)).save(file, format="PNG")
    return Path(path)


def sheet_frames(num_frames: int, annotated: Iterable[int], count: int) -> list[int]:
    """Ascending frames for a contact sheet: evenly spread, the nearest of them replaced by the annotated ones.

    >>> sheet_frames(100, [40, 99], 5)
    [0, 25, 40, 74, 99]
    """
    chosen = sorted({int(t) for t in np.linspace(0, num_frames - 1, min(count, num_frames)).round()})
    kept: set[int] = set()
    for t in dict.fromkeys(annotated):
        free = [other for other in chosen if other not in kept]
        if t not in chosen and free:
            chosen[chosen.index(min(free, key=lambda other: abs(other - t)))] = t
        kept.add(t)
    return sorted(chosen)
