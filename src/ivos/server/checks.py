"""What a change must fit: objects that exist and are not locked, marks inside the clip."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ivos.engine.rounds import Pass
from ivos.engine.state import State
from ivos.errors import InputError, SessionOrderError
from ivos.server.document import Document
from ivos.server.manifest import Manifest
from ivos.server.problems import Problem, missing


def check_objects(document: Document, objects: Iterable[int]) -> None:
    """Refuse objects that do not exist or are locked.

    Raises:
        Problem: 404 or 409.
    """
    for object_id in objects:
        check_object(document, object_id)
        check_unlocked(document, [object_id])


def check_object(document: Document, object_id: int) -> None:
    """Refuse an object that does not exist."""
    if object_id not in document.present.objects:
        raise missing(f"object {object_id}")


def check_unlocked(document: Document, objects: Iterable[int]) -> None:
    """Refuse locked objects."""
    for object_id in objects:
        look = document.looks.get(object_id)
        if look is not None and look.locked:
            raise Problem(409, "locked", f"'{look.name}' is locked; unlock it to change it.")


def check_drawn(document: Document, ids: Collection[int]) -> None:
    """Refuse strokes and paint that do not exist or are of locked objects."""
    strokes = {stroke.id: (stroke.object_id,) for stroke in document.present.strokes}
    objects = strokes | {paint.id: paint.objects for paint in document.present.paints}
    unknown = sorted(set(ids) - objects.keys())
    if unknown:
        raise missing(f"stroke {unknown[0]}")
    check_unlocked(document, {k for each in ids for k in objects[each]}.intersection(document.present.objects))


def check_undecided(document: Document) -> None:
    """Refuse where no broken-off round waits for a decision.

    Raises:
        SessionOrderError: None does.
    """
    if document.begun is None:
        raise SessionOrderError("No broken-off round waits for a decision.")


def check_somewhere(state: State, passes: Iterable[Pass]) -> None:
    """Refuse a round that comes to no frame.

    Raises:
        SessionOrderError: It does not.
    """
    if not state.pending and not any(run.targets for run in passes):
        raise SessionOrderError(
            "No frame lies in that direction, within the marks, before the next annotated one; the masks there are as"
            " they are. Propagate the other way, or scribble on another frame."
        )


def check_frame(manifest: Manifest, t: int) -> None:
    """Refuse a frame that the clip does not have.

    Raises:
        Problem: It does not.
    """
    if not 0 <= t < manifest.num_frames:
        raise missing(f"frame {t}; the clip has frames 0..{manifest.num_frames - 1}")


def check_marks(within: range, drawn: Iterable[int]) -> None:
    """Refuse marks that leave out a frame that a round starts from.

    Raises:
        InputError: They do.
    """
    for t in drawn:
        if t not in within:
            raise InputError(
                f"The in and out marks leave out frame {t}, which was drawn on: they hold frames {within[0]} to "
                f"{within[-1]}. Widen them, or take the marks away."
            )


def marked_range(first: int | None, last: int | None, num_frames: int) -> range:
    """The frames from the in mark to the out mark, both included; the whole clip without marks.

    Raises:
        InputError: They are outside the clip or the wrong way round.
    """
    start, stop = first or 0, num_frames if last is None else last + 1
    if not 0 <= start < stop <= num_frames:
        raise InputError(f"The marks {start}..{stop - 1} do not fit the clip's frames 0..{num_frames - 1}.")
    return range(start, stop)
