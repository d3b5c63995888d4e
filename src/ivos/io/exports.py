"""Results as files: PNGs, videos with an overlay, an alpha channel or a green screen, COCO, a contact sheet."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ivos.errors import InputError
from ivos.io.alpha_video import write_alpha_video
from ivos.io.atomic import atomic_write, make_folder
from ivos.io.coco import write_coco
from ivos.io.images import ImageFolder
from ivos.io.masks import check_mask, write_binary, write_mask
from ivos.io.overlay import SheetCell, contact_sheet, draw_scribbles, on_green, overlay
from ivos.io.video_writer import write_video
from ivos.types import BACKGROUND, VOID, Annotation, ExportFormat, Frames, LabelMask, check_frames

FILE_NAMES: Mapping[ExportFormat, str] = MappingProxyType(
    {
        "overlay": "overlay.mp4",
        "prores": "alpha.mov",
        "webm": "alpha.webm",
        "green": "green.mp4",
        "coco": "coco.json",
    }
)
"""What the formats that are one file are called."""
_MASK_NAME = re.compile(r"[0-9]{5,}\.png")
_OBJECT_NAME = re.compile(r"[0-9]{3}")


class Result(Protocol):
    """What can be exported: a session, or anything else that has frames and their masks."""

    @property
    def frames(self) -> Frames:
        """The clip."""

    @property
    def masks(self) -> Sequence[LabelMask]:
        """One label mask a frame, (H, W) uint8, as large as the frames."""


@runtime_checkable
class SoftResult(Result, Protocol):
    """A result that knows how its outlines run between the pixels, as a session does."""

    def alpha(self, t: int) -> NDArray[np.uint8]:
        """The alpha channel of all objects in frame t, (H, W)."""


@runtime_checkable
class CountedResult(Result, Protocol):
    """A result that knows its objects, as a session does."""

    @property
    def num_objects(self) -> int:
        """K; the objects have ids 1..K."""


def export(result: Result, out_dir: str | Path, *, format: ExportFormat = "png") -> list[Path]:
    """The files written to a folder, in order.

    Args:
        result: A session, or anything with `frames` and `masks`.
        out_dir: Folder for the files; made if it is missing.
        format: `png`: one palette PNG a frame, `00000.png` on. `binary`: a folder an object, `001` on, of one grey PNG
            a frame, 255 inside and 0 outside; of all objects of a session, of those in the masks of anything else.
            `overlay`: `overlay.mp4`, objects tinted and outlined.
            `prores`: `alpha.mov`, ProRes 4444 with an alpha channel. `webm`: `alpha.webm`, VP9 with one. `green`:
            `green.mp4`, the objects on a green screen. `coco`: `coco.json`, run-length encoded. Alpha and green screen
            are soft along a session's outlines; of anything else they have the masks' edges.

    Raises:
        InputError: There is no such format, the files would replace the clip or mix with the masks of a longer one, or
            masks and frames do not fit each other.
        OutputError: The folder cannot be written to, or the disk is full; files written before stay, whole.
    """
    check_frames(result.frames)
    check_target(out_dir, result.frames, [format], _object_ids(result) if format == "binary" else ())
    return write_files(result, out_dir, format, range(len(result.frames)))


def write_files(result: Result, out_dir: str | Path, format: ExportFormat, order: Iterable[int]) -> list[Path]:
    """What `export` writes, without looking at what is in the folder.

    Args:
        result: As of `export`.
        out_dir: As of `export`.
        format: As of `export`.
        order: All frames, ascending; consumed one by one, to show progress.

    Raises:
        InputError: Masks and frames do not fit each other.
        OutputError: As of `export`.
    """
    frames = result.frames
    if len(result.masks) != len(frames):
        raise InputError(f"There are {len(result.masks)} masks for the {len(frames)} frames of the clip.")
    masks = ((t, _fitting(result, t)) for t in order)
    if format == "png":
        return write_masks(out_dir, (mask for _, mask in masks))
    if format == "binary":
        return _write_binary_masks(out_dir, masks, _object_ids(result))
    path = make_folder(out_dir) / FILE_NAMES[format]
    match format:
        case "overlay":
            write_video(path, (overlay(frames[t], mask) for t, mask in masks), fps=frames.fps)
        case "green":
            write_video(path, (on_green(frames[t], _alpha(result, t)) for t in order), fps=frames.fps)
        case "prores" | "webm":
            cut_out = (np.dstack((frames[t], _alpha(result, t))) for t in order)
            write_alpha_video(path, cut_out, fps=frames.fps, format=format)
        case "coco":
            files = [file.name for file in frames.files] if isinstance(frames, ImageFolder) else None
            write_coco(path, masks, files=files)
    return [path]


def _fitting(result: Result, t: int) -> LabelMask:
    """The mask of frame t, as large as the frames."""
    mask = check_mask(result.masks[t])
    if mask.shape != tuple(result.frames.size):
        raise InputError(f"The mask of frame {t} has shape {mask.shape}; the frames are {result.frames.size}.")
    return mask


def _alpha(result: Result, t: int) -> NDArray[np.uint8]:
    """The alpha channel of frame t, as large as the frames."""
    if not isinstance(result, SoftResult):
        mask = _fitting(result, t)
        return np.where((mask != BACKGROUND) & (mask != VOID), np.uint8(255), np.uint8(0))
    alpha = result.alpha(t)
    if alpha.shape != tuple(result.frames.size) or alpha.dtype != np.uint8:
        raise InputError(
            f"The alpha of frame {t} is {alpha.shape} {alpha.dtype}; expected {result.frames.size} and uint8."
        )
    return alpha


def _object_ids(result: Result) -> Collection[int]:
    """The objects of a session, also those that are in no mask; of anything else those that are in its masks."""
    if isinstance(result, CountedResult):
        return range(1, result.num_objects + 1)
    present = (np.unique(_fitting(result, t)).tolist() for t in range(len(result.masks)))
    return sorted({k for ids in present for k in ids} - {BACKGROUND, VOID})


def check_target(
    out_dir: str | Path,
    frames: Frames,
    formats: Collection[ExportFormat],
    objects: Collection[int] = (),
    *,
    sources: Mapping[str, Collection[Path]] = MappingProxyType({}),
) -> None:
    """Refuse a folder in which the results of a clip would do harm; to be called before the work.

    Args:
        out_dir: The folder.
        frames: The clip.
        formats: What will be written.
        objects: Ids of the objects that `binary` will write.
        sources: Other files that the work is done from, by what they are called.

    Raises:
        InputError: There is no such format, the files would replace the clip or a source, or masks of a longer
            clip or of other objects would stay among the new ones.
    """
    for format in formats:
        if format not in get_args(ExportFormat):
            expected = ", ".join(get_args(ExportFormat))
            raise InputError(f"There is no export format {format!r}; expected one of {expected}.")
    folder, source = Path(out_dir), getattr(frames, "path", None)
    folders = [folder] if "png" in formats else []
    if "binary" in formats:
        folders += [folder / object_folder(k) for k in objects]
        others = [path for path in _listed(folder) if _OBJECT_NAME.fullmatch(path.name) and path not in folders]
        stale = [path for path in others if any(_MASK_NAME.fullmatch(each.name) for each in _listed(path))]
        if stale:
            raise InputError(
                f"'{min(stale)}' holds masks of an object that is not among those written now ({len(objects)}), and "
                "would stay beside them; give another folder, or move it away."
            )
    targets = [*folders, *(folder / FILE_NAMES[format] for format in formats if format in FILE_NAMES)]
    written = {f"{t:05d}.png" for t in range(len(frames))}
    clip = [] if source is None else [("clip", source)]
    for kind, given in (*clip, *((kind, file) for kind, files in sources.items() for file in files)):
        file = Path(given).resolve()
        among_masks = file.name in written and file.parent in [each.resolve() for each in folders]
        if among_masks or file in [target.resolve() for target in targets]:
            raise InputError(f"Results in '{folder}' would replace the {kind} '{given}' itself; give another folder.")
    for each in folders:
        names = [path.name for path in _listed(each)]
        left = sorted(name for name in names if _MASK_NAME.fullmatch(name) and int(Path(name).stem) >= len(frames))
        if left:
            raise InputError(
                f"'{each}' holds {left[0]} of a longer clip, which would stay among the {len(frames)} masks of this "
                "one; empty the folder, or give another."
            )


def _listed(folder: Path) -> list[Path]:
    """What is in a folder; nothing if there is none."""
    try:
        return list(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise InputError(f"The folder '{folder}' cannot be read ({error.strerror}); give another one.") from error


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


def _write_binary_masks(
    out_dir: str | Path, masks: Iterable[tuple[int, LabelMask]], objects: Collection[int]
) -> list[Path]:
    """The grey PNGs written, `001/00000.png` and so on: one a frame for every object."""
    folder = make_folder(out_dir)
    paths = []
    for t, mask in masks:
        for k in objects:
            paths.append(folder / object_folder(k) / f"{t:05d}.png")
            write_binary(paths[-1], mask == k)
    return sorted(paths)


def object_folder(k: int) -> str:
    """What the folder of an object's binary masks is called, `001` for object 1."""
    return f"{k:03d}"


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
