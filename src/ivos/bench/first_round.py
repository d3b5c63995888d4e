"""The strokes a sample starts with: a human scribble file, or the robot's on a frame that the seed chooses."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivos.bench.rules import Rules
from ivos.core.robot import robot
from ivos.errors import InputError
from ivos.io.clips import Clip
from ivos.io.scribble_files import read_scribbles
from ivos.types import BACKGROUND, VOID, Annotation, Scribble


@dataclass(frozen=True, eq=False)
class Truth:
    """The true masks of a clip.

    Attributes:
        frames: The frames that have a mask, ascending.
        masks: Their label masks, shape (len(frames), H, W), 255 void.
        num_objects: K, the largest id.
        object_ids: The ids that occur, ascending; only they are scored.
    """

    frames: tuple[int, ...]
    masks: NDArray[np.uint8]
    num_objects: int
    object_ids: tuple[int, ...]


def read_truth(clip: Clip) -> Truth:
    """All true masks of a clip.

    Raises:
        InputError: It has no mask, one of several frames only, or no object, or a mask is unreadable or of the wrong
            size.
    """
    if not clip.masked_frames:
        raise InputError(f"The sequence '{clip.name}' has no mask to score against.")
    if len(clip.masked_frames) == 1 < len(clip):
        raise InputError(
            f"The sequence '{clip.name}' has {len(clip)} frames but a true mask of frame {clip.masked_frames[0]} only; "
            "interactive scores need masks of all frames, or of many. Use a split that has them, such as val of DAVIS."
        )
    masks = np.stack(list(clip.masks()))
    object_ids = tuple(int(k) for k in np.flatnonzero(np.bincount(masks.ravel())) if k not in (BACKGROUND, VOID))
    if not object_ids:
        raise InputError(f"The masks of the sequence '{clip.name}' show no object.")
    return Truth(clip.masked_frames, masks, object_ids[-1], object_ids)


def human_annotations(file: Path, clip: Clip, num_objects: int) -> tuple[Annotation, ...]:
    """The annotations in a human scribble file; in merged clips (DAVIS-2016) every object's strokes are object 1's.

    Raises:
        InputError: The file is unreadable, empty, of another sequence, or has an object that does not exist.
    """
    content = read_scribbles(file)
    if content.sequence not in ("", clip.name):
        raise InputError(f"The scribble file '{file}' is for '{content.sequence}'; expected '{clip.name}'.")
    if content.num_frames != len(clip):
        raise InputError(f"The scribble file '{file}' has {content.num_frames} frames; '{clip.name}' has {len(clip)}.")
    if not content.annotations:
        raise InputError(f"The scribble file '{file}' holds no stroke.")
    if not clip.merged and content.num_objects > num_objects:
        raise InputError(
            f"The scribble file '{file}' has strokes of object {content.num_objects}; "
            f"'{clip.name}' has objects 1..{num_objects}."
        )
    if not clip.merged:
        return content.annotations
    return tuple(Annotation(each.frame, [_merged(stroke) for stroke in each.scribbles]) for each in content.annotations)


def seeded_annotation(name: str, truth: Truth, rules: Rules) -> Annotation:
    """The robot's strokes from an empty prediction on a frame that the seed chooses.

    Only frames that show the most objects are eligible; of them comes the first, in the order of the SHA-256 of
    "seed/sequence/frame", on which the robot can draw every object, or else the most objects. So the choice depends
    on nothing but seed, sequence and masks.

    Raises:
        InputError: The objects are too small to be drawn in any frame.
    """
    counts = [len(np.setdiff1d(np.unique(mask), (BACKGROUND, VOID))) for mask in truth.masks]
    eligible = [i for i, count in enumerate(counts) if count == max(counts)]
    eligible.sort(key=lambda i: hashlib.sha256(f"{rules.seed}/{name}/{truth.frames[i]}".encode()).digest())
    best: tuple[int, int, Sequence[Scribble]] = (0, 0, ())
    for i in eligible:
        ids = range(1, truth.num_objects + 1)
        strokes = robot(np.zeros_like(truth.masks[i]), truth.masks[i], ids, rules.robot, rules.seed)
        drawn = len({stroke.object_id for stroke in strokes})
        if drawn > best[0]:
            best = (drawn, truth.frames[i], strokes)
        if drawn == max(counts):
            break
    if not best[0]:
        raise InputError(f"The objects of '{name}' are too small for the robot to draw in any frame.")
    return Annotation(best[1], best[2])


def _merged(stroke: Scribble) -> Scribble:
    return Scribble(min(stroke.object_id, 1), stroke.path, stroke.start_time, stroke.end_time)
