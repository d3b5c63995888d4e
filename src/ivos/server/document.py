"""A project's history, folded out of its journal: the present, what can be undone and redone, looks of the objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from ivos.errors import InputError
from ivos.io.masks import davis_palette
from ivos.server.journal import Event
from ivos.server.steps import EPOCH, Paint, Round, Step, Stroke

STEPS_OF_USER = frozenset({"stroke", "unstroke", "paint", "object", "unobject"})
STEPS = STEPS_OF_USER | {"finish", "keep"}


@dataclass(frozen=True, slots=True)
class Look:
    """How an object is shown; no step of undo."""

    name: str
    colour: str
    visible: bool = True
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """A round that was begun: it runs, or it was broken off and waits for keep or discard."""

    id: int
    total: int
    direction: str
    frames: tuple[int, ...]
    due: tuple[int, ...] | None
    cancelled: bool = False


class Document:
    """The fold of a journal; `apply` takes the next event.

    Attributes:
        present: The step that is shown.
        past: Steps to go back to, oldest first.
        future: Steps that were undone, the next one last.
        looks: By object id, also of removed ones.
        begun: The round that neither arrived nor was given up.
        seq: The number of the newest event.
        num_objects: The highest object id ever used.
    """

    def __init__(self, num_frames: int, events: Iterable[Event], visited: Callable[[int], tuple[int, ...]]) -> None:
        """Fold the events.

        Args:
            num_frames: Of the clip.
            events: The journal.
            visited: The frames that a round's files hold.

        Raises:
            InputError: The journal is damaged.
        """
        self._visited = visited
        self.present = Step(results=(None,) * num_frames)
        self.past: list[Step] = []
        self.future: list[Step] = []
        self.looks = {1: default_look(1)}
        self.begun: Open | None = None
        self.seq = 0
        self.num_objects = 1
        for event in events:
            try:
                self.apply(event)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
                raise InputError(f"The project's journal is damaged at event {self.seq + 1} ({error}).") from error

    def apply(self, event: Event) -> None:
        """Take the next event; it was checked before."""
        operation = str(event["op"])
        getattr(self, f"_{operation}")(event)
        if operation in STEPS:
            self.begun = None
        self.seq = int(event["seq"])

    def steps(self) -> Iterator[Step]:
        """All steps that undo and redo can reach, the present first."""
        return iter((self.present, *reversed(self.past), *self.future))

    def step_of_revision(self, t: int, revision: int) -> Step | None:
        """A step that shows this mask of frame t, has it as the one before its last round, or began its round."""
        for step in self.steps():
            if step.revision(t) == revision:
                return step
            if step.before is not None and revision == (before_revision(step, t) or -1):
                return step
        return self.present if self.begun is not None and revision == self.begun_revision else None

    @property
    def begun_revision(self) -> int:
        """The name of the masks of a round that has begun; 0 if there is none."""
        return self.present.epoch * EPOCH + self.begun.id if self.begun else 0

    def kept(self) -> Step:
        """The present step with what the round that has begun finished, as if that were kept."""
        if self.begun is None or not self.begun_frames:
            return self.present
        return self._after(self.begun, 0.0, partial=True)

    @property
    def begun_frames(self) -> tuple[int, ...]:
        """The frames that the round that has begun finished."""
        return self._visited(self.begun.id) if self.begun else ()

    @property
    def locked(self) -> tuple[int, ...]:
        """Ids of the objects that are locked."""
        return tuple(k for k in self.present.objects if self.looks[k].locked)

    def _advance(self, step: Step) -> None:
        self.past.append(self.present)
        self.present = step
        self.future.clear()

    def _stroke(self, event: Event) -> None:
        path = tuple((float(x), float(y)) for x, y in event["path"])
        times = float(event["start_ms"]), float(event["end_ms"])
        if event["kind"] not in ("add", "remove"):
            raise ValueError(f"a stroke of kind {event['kind']!r}")
        stroke = Stroke(int(event["seq"]), int(event["frame"]), int(event["object_id"]), event["kind"], path, *times)
        self._advance(self.present.with_stroke(stroke, tuple(event["locked"])))

    def _unstroke(self, event: Event) -> None:
        self._advance(self.present.without_drawn(event["ids"], event["seq"], event.get("locked")))

    def _paint(self, event: Event) -> None:
        paint = Paint(event["seq"], event["frame"], tuple(event["objects"]), tuple(event["runs"]))
        self._advance(self.present.with_paint(paint, tuple(event["locked"])))

    def _object(self, event: Event) -> None:
        object_id = int(event["id"])
        look = default_look(object_id)
        self.looks[object_id] = look if event["name"] is None else _looking(look, {"name": event["name"]})
        self.num_objects = max(self.num_objects, object_id)
        self._advance(self.present.with_object(object_id))

    def _unobject(self, event: Event) -> None:
        self._advance(self.present.without_object(event["id"], event["seq"], event.get("locked")))

    def _look(self, event: Event) -> None:
        self.looks[event["id"]] = _looking(self.looks[event["id"]], event["changes"])

    def _begin(self, event: Event) -> None:
        due = tuple(event["due"]) if "due" in event else None
        self.begun = Open(event["seq"], event["total"], event["direction"], tuple(event["frames"]), due)

    def _cancel(self, event: Event) -> None:  # noqa: ARG002  what it says is in its kind
        if self.begun is not None:
            self.begun = replace(self.begun, cancelled=True)

    def _finish(self, event: Event) -> None:
        self._arrive(event, partial=False)

    def _keep(self, event: Event) -> None:
        self._arrive(event, partial=True)

    def _discard(self, event: Event) -> None:  # noqa: ARG002
        self.begun = None

    def _undo(self, event: Event) -> None:  # noqa: ARG002
        self.future.append(self.present)
        self.present = self.past.pop()

    def _redo(self, event: Event) -> None:  # noqa: ARG002
        self.past.append(self.present)
        self.present = self.future.pop()

    def _arrive(self, event: Event, *, partial: bool) -> None:
        if self.begun is None:
            raise ValueError("a round arrives that was not begun")
        self._advance(self._after(self.begun, float(event["seconds"]), partial=partial))

    def _after(self, begun: Open, seconds: float, *, partial: bool) -> Step:
        visited = self._visited(begun.id)
        sources = tuple(t for t in begun.frames if t in set(visited))
        done = Round(begun.id, sources, begun.direction, seconds, len(visited), partial)
        return self.present.after_round(done, visited, begun.due)


_KINDS = TypeAdapter(Look)


def _looking(look: Look, changes: dict[str, Any]) -> Look:
    """A look with some of it changed, of the right kinds."""
    return _KINDS.validate_python(asdict(look) | changes)


def before_revision(step: Step, t: int) -> int | None:
    """The name of frame t's mask before the step's last round."""
    if step.before is None or step.before[t] is None:
        return None
    return step.epoch * EPOCH + int(step.before[t] or 0)


def default_look(object_id: int) -> Look:
    """Name and colour of a new object: its number, and its place in the DAVIS palette."""
    red, green, blue = (int(value) for value in davis_palette()[object_id])
    return Look(f"Object {object_id}", f"#{red:02x}{green:02x}{blue:02x}")


def looks_to_json(look: Look) -> dict[str, Any]:
    """The look as the page reads it."""
    return {"name": look.name, "colour": look.colour, "visible": look.visible, "locked": look.locked}
