"""What brush, eraser or an imported mask changed on a frame, as events of the journal."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from ivos.engine.brushwork import painted_difference
from ivos.errors import InputError
from ivos.io.masks import read_prompt_mask
from ivos.server.checks import check_object, check_objects
from ivos.server.document import Document
from ivos.server.journal import Event
from ivos.server.problems import Problem
from ivos.server.runs import from_runs, to_runs
from ivos.types import VOID, LabelMask

Painting = Callable[[Document, int, LabelMask], list[Event]]
"""From a project, a frame and its mask as it is shown to the events that paint it."""
MAX_MASK_BYTES = 64 << 20


def drag(document: Document, frame: int, shown: LabelMask, *, runs: list[int]) -> list[Event]:
    """A drag of brush or eraser: the whole mask afterwards, as runs.

    Raises:
        InputError: The runs are no mask of the clip's size.
        Problem: Nothing is painted, or an object that is locked or does not exist would change.
    """
    mask = from_runs(runs, (shown.shape[0], shown.shape[1]))
    return [_painted(document, frame, shown, mask)]


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A mask made elsewhere.

    Attributes:
        labels: Shape (H, W), uint8: ids of objects, 0 background, 255 where it does not say.
        binary: Whether it only says where one object is, as 1.
    """

    labels: LabelMask
    binary: bool

    @classmethod
    def read(cls, file: BinaryIO) -> MaskFile:
        """Read an image file.

        Raises:
            InputError: It is no mask.
        """
        return cls(*read_prompt_mask(file, "The file"))

    def import_to(self, document: Document, frame: int, shown: LabelMask, *, object_id: int) -> list[Event]:
        """The mask taken over on a frame: a binary one for an object, another one for all, new ones included.

        Raises:
            InputError: It has another size than the clip.
            Problem: It changes nothing, or would change an object that is locked or was removed.
        """
        if self.labels.shape != shown.shape:
            (height, width), (high, wide) = self.labels.shape, shown.shape
            raise InputError(
                f"The mask has {width} x {height} pixels; expected {wide} x {high}, as the clip. Scale it without "
                "smoothing and import it again."
            )
        mask = np.where(self.labels == VOID, shown, self.labels)
        if self.binary:
            check_object(document, object_id)
            others = np.where(shown == object_id, np.uint8(0), shown)
            mask = np.where(self.labels == 1, np.uint8(object_id), others)
        known = {0, *document.present.objects, *document.present.removed}
        new = [k for k in np.unique(mask).tolist() if k not in known]
        event = _painted(document, frame, shown, mask, new)
        return [*({"op": "object", "id": k, "name": None} for k in new), event]


def _painted(document: Document, frame: int, shown: LabelMask, mask: LabelMask, new: Collection[int] = ()) -> Event:
    """The labels that a mask changed and the objects it gave pixels to, `new` ones among them, or took some from."""
    difference = painted_difference(shown, mask)
    changed = difference != VOID
    if not changed.any():
        raise Problem(422, "input", "This mask is the one that is there already; paint or import another one.")
    objects = sorted({*mask[changed].tolist(), *shown[changed].tolist()} - {0})
    check_objects(document, [k for k in objects if k not in new])
    event = {"op": "paint", "frame": frame, "objects": objects, "runs": to_runs(difference)}
    return {**event, "locked": document.locked}
