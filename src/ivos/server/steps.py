"""What a project looks like between two changes: frozen values without pixels, one for every step of undo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ivos.types import VOID

EPOCH = 1 << 26
"""A mask's revision is `epoch * EPOCH + number`; both are numbers of events in the journal."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One stroke as it was drawn; `round` is None until a round has carried it."""

    id: int
    frame: int
    object_id: int
    kind: str
    path: tuple[tuple[float, float], ...]
    start_ms: float
    end_ms: float
    round: int | None = None


@dataclass(frozen=True, slots=True)
class Paint:
    """One drag of the brush or the eraser: the labels it changed as runs, 255 where it changed nothing."""

    id: int
    frame: int
    objects: tuple[int, ...]
    runs: tuple[int, ...]
    round: int | None = None

    def is_only_of(self, object_id: int) -> bool:
        """Whether it changed no other object, or gave pixels to no other label."""
        return self.objects == (object_id,) or set(self.runs[::2]) - {VOID} == {object_id}


@dataclass(frozen=True, slots=True)
class Waiting:
    """An annotated frame that no round has carried yet.

    Attributes:
        change: The event that changed it last.
        locked: Objects that keep their mask here.
        keeping: The step whose mask they keep; None if nothing is locked.
        drawn: Objects that strokes since the last round may change.
        anew: Objects that start from what rounds had brought there before the frame was first annotated for them: a
            stroke that had led to their result was deleted. If there are any, what is neither here nor in `drawn` keeps
            its earlier result.
    """

    change: int
    locked: tuple[int, ...] = ()
    keeping: Step | None = None
    drawn: frozenset[int] = frozenset()
    anew: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Round:
    """A finished round; `id` is the event that began it."""

    id: int
    frames: tuple[int, ...]
    direction: str
    seconds: float
    num_frames: int
    partial: bool


@dataclass(frozen=True, slots=True)
class Step:
    """The project at one point of its history.

    Attributes:
        label: What brought it about, in words, for the undo button.
        objects: Ids of the objects that there are, ascending.
        removed: Ids of objects that there were.
        epoch: The newest event that changed `removed`.
        strokes: In drawing order.
        paints: In drawing order.
        waiting: Frames annotated since the last round, in the order of their first stroke.
        anchors: The round that carries the object features of each frame annotated in a finished round.
        results: The round that brought each frame's result, None where none has arrived.
        due: Annotated frames whose round broke off and was kept: the next one carries from them once more.
        since: The round that first carried the present annotation of each frame.
        spoiled: Objects whose results on a frame come from strokes that are gone; until a round comes there again.
        before: `results` before the last round.
        rounds: Finished rounds, oldest first.
        stale: Whether something was drawn or removed since the last round.
    """

    results: tuple[int | None, ...]
    label: str = ""
    objects: tuple[int, ...] = (1,)
    removed: frozenset[int] = frozenset()
    epoch: int = 0
    strokes: tuple[Stroke, ...] = ()
    paints: tuple[Paint, ...] = ()
    waiting: Mapping[int, Waiting] = field(default_factory=dict)
    anchors: Mapping[int, int] = field(default_factory=dict)
    due: frozenset[int] = frozenset()
    since: Mapping[int, int] = field(default_factory=dict)
    spoiled: Mapping[int, frozenset[int]] = field(default_factory=dict)
    before: tuple[int | None, ...] | None = None
    rounds: tuple[Round, ...] = ()
    stale: bool = False

    @property
    def annotated(self) -> tuple[int, ...]:
        """All annotated frames, ascending."""
        return tuple(sorted({*self.anchors, *self.waiting}))

    def revision(self, t: int) -> int | None:
        """The name of frame t's mask as it is shown; None where there is none."""
        number = self.waiting[t].change if t in self.waiting else self.results[t]
        return None if number is None else self.epoch * EPOCH + number

    @property
    def all_drawn(self) -> tuple[Stroke | Paint, ...]:
        """All strokes, then all paint."""
        return (*self.strokes, *self.paints)

    def drawn(self, frame: int) -> tuple[Stroke | Paint, ...]:
        """Strokes and paint on a frame in the order in which they were made."""
        mine = [each for each in self.all_drawn if each.frame == frame]
        return tuple(sorted(mine, key=lambda each: each.id))

    def with_stroke(self, stroke: Stroke, locked: tuple[int, ...]) -> Step:
        """One stroke more."""
        step = replace(self, strokes=(*self.strokes, stroke), label=f"stroke on frame {stroke.frame}", stale=True)
        drawn = [stroke.object_id] if stroke.kind == "add" else self.objects
        return step._changed(stroke.frame, stroke.id, locked, self, drawn)

    def with_paint(self, paint: Paint, locked: tuple[int, ...]) -> Step:
        """One drag of the brush more."""
        step = replace(self, paints=(*self.paints, paint), label=f"brushwork on frame {paint.frame}", stale=True)
        return step._changed(paint.frame, paint.id, locked, self)

    def without_drawn(self, ids: Iterable[int], event: int, locked: Sequence[int] | None) -> Step:
        """Some strokes or paint less; a frame that lost some of an earlier round is drawn anew from what remains.

        Args:
            ids: The strokes and the paint.
            event: That removes them.
            locked: Objects that keep their masks all the same; None: an old journal does not say.
        """
        chosen = set(ids)
        gone = [each for each in self.all_drawn if each.id in chosen]
        strokes = [each for each in gone if isinstance(each, Stroke)]
        paints = [each for each in gone if isinstance(each, Paint)]
        step = replace(
            self,
            strokes=tuple(stroke for stroke in self.strokes if stroke.id not in chosen),
            paints=tuple(paint for paint in self.paints if paint.id not in chosen),
            label=_deleting(len(strokes), len(paints)),
            stale=True,
        )
        for frame in dict.fromkeys(each.frame for each in gone):
            led = self._led([stroke for stroke in strokes if stroke.frame == frame and stroke.round is not None])
            led = led.union(*(paint.objects for paint in paints if paint.frame == frame and paint.round is not None))
            step = step._lost(frame, event, locked, self, anew=led)
        return step

    def with_object(self, object_id: int) -> Step:
        """A new object."""
        ids = tuple(sorted({*self.objects, object_id}))
        return replace(self, objects=ids, label=f"adding object {object_id}")

    def without_object(self, object_id: int, event: int, locked: Sequence[int] | None) -> Step:
        """Without an object, the strokes that add to it, and its masks; `locked` as in `without_drawn`."""
        own = [each.id for each in self.strokes if each.object_id == object_id and each.kind == "add"]
        step = self.without_drawn(own, event, locked) if own else self
        painted = [paint for paint in step.paints if paint.is_only_of(object_id)]
        step = replace(step, paints=tuple(paint for paint in step.paints if paint not in painted))
        for frame in dict.fromkeys(paint.frame for paint in painted):
            carried = any(paint.frame == frame and paint.round is not None for paint in painted)
            step = step._lost(frame, event, locked, self, anew=frozenset({object_id} if carried else ()))
        return replace(
            step,
            objects=tuple(k for k in self.objects if k != object_id),
            removed=self.removed | {object_id},
            epoch=event,
            label=f"removing object {object_id}",
        )

    def after_round(self, done: Round, visited: Iterable[int], carried: Iterable[int] | None) -> Step:
        """After a round: the visited frames show its results, and what waited on them is part of the history.

        A round that broke off may not have come to all frames that waited: those still wait. What it began from is due.

        Args:
            done: The round.
            visited: Its frames.
            carried: Those of `due` that it carried on; None: an old journal does not say.
        """
        fresh = set(visited)
        settled = [t for t in self.waiting if t in fresh]
        passed = fresh.intersection(self.spoiled).difference(settled)  # what was drawn there is over
        if done.partial:
            due = self.due.union(settled)
        else:
            due = self.due.difference(settled, self.due if carried is None else carried)

        def taken(each: Stroke | Paint) -> int | None:
            return done.id if each.round is None and each.frame in settled else each.round

        return replace(
            self,
            strokes=tuple(replace(each, round=taken(each)) for each in self.strokes),
            paints=tuple(replace(each, round=taken(each)) for each in self.paints),
            waiting={t: why for t, why in self.waiting.items() if t not in fresh},
            anchors={**self.anchors, **dict.fromkeys(settled, done.id)},
            since={**dict.fromkeys(settled, done.id), **{t: n for t, n in self.since.items() if t not in passed}},
            spoiled={t: objects for t, objects in self.spoiled.items() if t not in fresh},
            results=tuple(done.id if t in fresh else old for t, old in enumerate(self.results)),
            before=self.results,
            rounds=(*self.rounds, done),
            label=f"round {len(self.rounds) + 1}",
            due=due,
            stale=done.partial or len(settled) < len(self.waiting) or bool(due.intersection(self.anchors)),
        )

    def _changed(self, frame: int, event: int, locked: tuple[int, ...], last: Step, drawn: Iterable[int] = ()) -> Step:
        old, drawn = self.waiting.get(frame, Waiting(event)), set(drawn)
        anew = old.anew | (self.spoiled.get(frame, frozenset()) if drawn else frozenset())
        kept = tuple(sorted({*locked, *(set(old.locked) - drawn)}))  # what an opened lock kept stays until it is drawn
        waiting = Waiting(event, kept, last._keeping(frame, kept), old.drawn | drawn, anew)
        return replace(self, waiting={**self.waiting, frame: waiting})

    def _keeping(self, frame: int, locked: tuple[int, ...]) -> Step | None:
        """The step whose mask of a frame objects keep that are locked now: this one, or one that shows them alike."""
        old = self.waiting.get(frame)
        if old is not None and old.locked == locked:
            return old.keeping
        return self if locked else None

    def _led(self, carried: Sequence[Stroke]) -> frozenset[int]:
        """The objects whose results some strokes of one frame have led to: their own, or all that are drawn there."""
        ids = {stroke.object_id for stroke in carried}
        if any(stroke.kind == "remove" for stroke in carried):
            ids |= {stroke.object_id for stroke in self.strokes if stroke.frame == carried[0].frame}
        return frozenset(ids)

    def _lost(self, frame: int, event: int, locked: Sequence[int] | None, last: Step, *, anew: frozenset[int]) -> Step:
        waiting, anchors, spoiled = dict(self.waiting), dict(self.anchors), dict(self.spoiled)
        strokes, paints = self.strokes, self.paints
        before = waiting.get(frame, Waiting(event))
        anew |= before.anew | spoiled.get(frame, frozenset())
        if anew:
            strokes = tuple(replace(each, round=None) if each.frame == frame else each for each in strokes)
            paints = tuple(replace(each, round=None) if each.frame == frame else each for each in paints)
            anchors.pop(frame, None)
        drawn: tuple[Stroke | Paint, ...] = (*strokes, *paints)
        if any(each.frame == frame and each.round is None for each in drawn):
            kept = before.locked if locked is None else tuple(locked)
            waiting[frame] = Waiting(event, kept, last._keeping(frame, kept), before.drawn, anew)
        else:
            waiting.pop(frame, None)
            if anew:
                spoiled[frame] = anew
        return replace(self, strokes=strokes, paints=paints, waiting=waiting, anchors=anchors, spoiled=spoiled)


def _deleting(strokes: int, paints: int) -> str:
    """What the undo button says of a deletion."""
    parts = ["a stroke" if strokes == 1 else f"{strokes} strokes"] if strokes else []
    return "deleting " + " and ".join([*parts, *(["brushwork"] if paints else [])])
