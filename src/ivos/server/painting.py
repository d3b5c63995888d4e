"""What a drag of the brush changed, as an event of the journal."""

from __future__ import annotations

from ivos.engine.brushwork import painted_difference
from ivos.server.checks import check_objects
from ivos.server.document import Document
from ivos.server.journal import Event
from ivos.server.problems import Problem
from ivos.server.runs import from_runs, to_runs
from ivos.server.steps import Step
from ivos.server.viewer import Viewer
from ivos.types import VOID


def painted(document: Document, viewer: Viewer, step: Step, frame: int, runs: list[int]) -> Event:
    """The event of a mask painted over a step's: the labels it changed, and the objects it gave pixels to or took some
    from.

    Raises:
        InputError: The runs are no mask of the clip's size.
        Problem: Nothing is painted, or an object that is locked or does not exist would change.
    """
    mask = from_runs(runs, viewer.frames.size)
    shown = viewer.shown(document, step, frame)
    difference = painted_difference(shown, mask)
    changed = difference != VOID
    if not changed.any():
        raise Problem(422, "input", "The painted mask is the one that is there already; paint something.")
    objects = sorted({*mask[changed].tolist(), *shown[changed].tolist()} - {0})
    check_objects(document, objects)
    event = {"op": "paint", "frame": frame, "objects": objects, "runs": to_runs(difference)}
    return {**event, "locked": document.locked}
