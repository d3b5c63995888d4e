"""`ivos segment`: recorded scribbles played on a video, masks and an overlay written."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import tyro

from ivos.cli.console import frames_bar, reading_bar, say
from ivos.errors import InputError
from ivos.types import BACKGROUND, VOID, ExportFormat

if TYPE_CHECKING:
    from ivos.engine.session import Session
    from ivos.io.scribble_files import ScribbleFile
    from ivos.types import Frames, LabelMask


FORMATS: tuple[ExportFormat, ...] = ("png", "overlay")
"""What is written where nothing else is asked for."""


def segment(
    video: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO")],
    *,
    out: Path,
    scribbles: Path | None = None,
    masks: Path | None = None,
    formats: tuple[ExportFormat, ...] = FORMATS,
    model: str = "lite",
    device: str = "cpu",
    resolution: int | None = 480,
) -> None:
    """Cut objects out of a video along recorded scribbles, or from masks of some of its frames.

    Writes one palette PNG a frame (00000.png, ...) and overlay.mp4, or what --formats names.

    Args:
        video: A video file, or a folder of jpg, png or webp images.
        out: Folder for the results; made if it is missing.
        scribbles: DAVIS scribble JSON; several rounds are played in order.
        masks: A mask file, or a folder of them, each named by its frame (00012.png); carried to the other frames before
            any scribbles.
        formats: png: palette PNGs; binary: a folder an object of black and white PNGs; overlay: overlay.mp4; prores:
            alpha.mov; webm: alpha.webm; green: green.mp4; coco: coco.json.
        model: lite, or a weights file (presets paper and authors come untrained).
        device: cpu, cuda or mps.
        resolution: The networks see frames whose short side is at most this many pixels; None: full size.
    """
    from ivos.cli.replay import carry, replay
    from ivos.engine.session import Session
    from ivos.io.atomic import make_folder
    from ivos.io.exports import FILE_NAMES, check_target
    from ivos.io.masks import mask_files
    from ivos.io.scribble_files import read_scribbles
    from ivos.io.video import read_video
    from ivos.model.weights import load_model

    if not formats:
        expected = ", ".join(get_args(ExportFormat))
        raise InputError(f"No format is named after --formats; expected one or more of {expected}.")
    formats = tuple(dict.fromkeys(formats))
    if scribbles is None and masks is None:
        raise InputError("Neither --scribbles nor --masks is given; expected a scribble file, masks, or both.")
    strokes = None if scribbles is None else read_scribbles(scribbles)
    frames = read_video(video, progress=reading_bar)
    if strokes is not None and scribbles is not None:
        check_fit(strokes, scribbles, frames)
    files = {} if masks is None else mask_files(masks, frames)
    drawn = {t: read_drawn_mask(file, frames) for t, file in files.items()}
    num_objects = max([strokes.num_objects if strokes else 0, *(int(mask.max()) for mask in drawn.values())])
    if not num_objects:
        raise InputError(f"The masks in '{masks}' show no object; expected pixels of 1 or more.")
    sources = {"mask": [*files.values()], "scribble file": [] if scribbles is None else [scribbles]}
    check_target(out, frames, formats, range(1, num_objects + 1), sources=sources)
    session = Session(load_model(model, device=device), frames, num_objects, resolution=resolution)
    make_folder(out)
    if drawn:
        carry(session, drawn)
    if strokes is not None:
        replay(session, strokes.annotations)
    write_results(session, out, formats)
    names = {**FILE_NAMES, "png": f"{len(frames)} masks", "binary": f"{len(frames)} masks an object"}
    written = ", ".join(names[each] for each in formats)
    say(f"In {out}: {written}")


def check_fit(strokes: ScribbleFile, path: Path, frames: Frames) -> None:
    """Refuse scribbles that cannot be played on a clip, before any work is done.

    Raises:
        InputError: There are no strokes for an object, or one is on a frame that the clip does not have.
    """
    if not strokes.num_objects:
        raise InputError(f"{path} has no stroke for any object; draw at least one with an object_id of 1 or more.")
    beyond = [annotation.frame for annotation in strokes.annotations if annotation.frame >= len(frames)]
    if beyond:
        raise InputError(f"{path} has strokes on frame {beyond[0]}; the clip has frames 0..{len(frames) - 1}.")
    if strokes.num_frames != len(frames):
        warnings.warn(
            f"{path} was made for {strokes.num_frames} frames, the clip has {len(frames)}; is it the right clip?",
            stacklevel=2,
        )


def read_drawn_mask(file: Path, frames: Frames) -> LabelMask:
    """A mask made elsewhere for a frame of a clip; what it calls void is background.

    Raises:
        InputError: It is no mask, or as large as no frame of the clip.
    """
    from ivos.io.masks import read_prompt_mask

    mask, _ = read_prompt_mask(file, f"The mask '{file}'")
    if mask.shape != tuple(frames.size):
        (height, width), (high, wide) = mask.shape, frames.size
        raise InputError(f"The mask '{file}' has {width} x {height} pixels; expected {wide} x {high}, as the clip.")
    mask[mask == VOID] = BACKGROUND
    return mask


def write_results(session: Session, out: Path, formats: Sequence[ExportFormat]) -> None:
    """Write the masks in some formats, with progress bars."""
    from ivos.io.exports import write_files

    count = session.num_frames
    for format in formats:
        write_files(session, out, format, frames_bar(range(count), count, f"Writing {format}"))
