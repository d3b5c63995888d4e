"""The masks of a project: from a step of its history to engine states, results and label masks."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from ivos.core.geometry import working_size
from ivos.engine.brushwork import scratched
from ivos.engine.canvas import Canvas
from ivos.engine.segmenter import ClipSegmenter
from ivos.engine.state import FrameResult, ObjectFeatures, PendingFrame, State
from ivos.errors import InputError
from ivos.io.video import own_reader
from ivos.server.brain import CACHE_BYTES, Brain
from ivos.server.document import Document
from ivos.server.problems import missing
from ivos.server.results import also_holding, erased, living
from ivos.server.round_files import RoundFile
from ivos.server.running import Finish
from ivos.server.runs import from_runs
from ivos.server.steps import EPOCH, Paint, Step, Stroke
from ivos.types import BACKGROUND, VOID, Annotation, Frames, LabelMask, Scribble

PENDING_KEPT = 16
"""A-Net's answers held in memory; others are computed again from their strokes."""


class Viewer:
    """Everything about one project's masks; reads the document, never changes it.

    Args:
        folder: The project.
        frames: Its clip.
        resolution: Short side in pixels that the networks see at most.
        brain: The networks.
    """

    def __init__(self, folder: Path, frames: Frames, resolution: int | None, brain: Brain) -> None:
        """Nothing is computed yet."""
        self.frames = frames
        self.tag = uuid.uuid4().hex
        """Names the clip's frames in a browser's cache; new at every opening, so no two projects share one."""
        self._folder, self._resolution, self._brain = folder, resolution, brain
        self._segmenter: ClipSegmenter | None = None
        self._canvas: Canvas | None = None
        self._rounds: dict[int, RoundFile] = {}
        self._pending: LRUCache[tuple[int, int, int], PendingFrame] = LRUCache(PENDING_KEPT)  # frame, change, epoch
        self._described: dict[tuple[int, int], ObjectFeatures] = {}

    @property
    def segmenter(self) -> ClipSegmenter:
        """The networks on this clip, with a reader of their own."""
        if self._segmenter is None:
            with self._brain.lock:
                canvas = self._canvas_of(own_reader(self.frames))
                self._segmenter = self._segmenter or ClipSegmenter(self._brain.networks, 1, canvas, CACHE_BYTES)
        return self._segmenter

    @property
    def working(self) -> tuple[int, int]:
        """(height, width) that the networks see; needs no model."""
        size = self.frames.size
        return size if self._resolution is None else working_size(size, self._resolution)

    @property
    def canvas(self) -> Canvas:
        """The geometry between the clip and the networks, for whoever looks at masks while a round runs: once it is
        there, no lock is needed.
        """
        if self._canvas is None:
            with self._brain.lock:
                self._canvas = self._canvas or self._canvas_of(self.frames)
        return self._canvas

    def _canvas_of(self, frames: Frames) -> Canvas:
        networks = self._brain.networks
        return Canvas(frames, self._resolution, networks.config, networks.device)

    def round_file(self, number: int) -> RoundFile:
        """The files of a finished round."""
        if number not in self._rounds:
            self._rounds[number] = RoundFile(self._folder, number)
        return self._rounds[number]

    def visited(self, number: int) -> tuple[int, ...]:
        """The frames that a round's files hold, read anew."""
        self._rounds.pop(number, None)
        return self.round_file(number).frames

    def result(self, number: int | None, t: int) -> FrameResult | None:
        """What a round brought to frame t.

        Raises:
            InputError: It is missing, or made by networks that divide the frame in another way.
        """
        if number is None:
            return None
        result = self.round_file(number).result(t)
        if result.logits.shape[1:] != self.canvas.cells:
            raise InputError(
                "The masks of this project were made by networks that divide the frame in another way; "
                "start ivos app with --model and the model that its project.json names."
            )
        return result

    def state(self, document: Document, step: Step) -> State:
        """A step as the engine knows it, A-Net's answers for waiting frames included."""
        pending = {t: self.pending(document, step, t) for t in step.waiting}
        return replace(self._settled(step), pending=pending)

    def pending(self, document: Document, step: Step, t: int) -> PendingFrame:
        """A-Net's answer for a waiting frame; computed again from the strokes where it is not in memory."""
        waiting = step.waiting[t]
        key = (t, waiting.change, step.epoch)
        with self._brain.lock:
            if key not in self._pending:
                self.segmenter.num_objects = document.num_objects
                self._pending[key] = self._annotate(document, step, t)
            return self._pending[key]

    def look_ahead(self, t: int) -> None:
        """Have the features of frame t in memory, so that A-Net's answer to a stroke need not wait for them."""
        with self._brain.lock:
            self.segmenter.features[t]

    def mask(self, document: Document, t: int, revision: int) -> LabelMask:
        """The label mask of that name, whole.

        Raises:
            Problem: There is none of that name.
        """
        step = document.step_of_revision(t, revision)
        if step is None:
            raise missing(f"mask {revision} of frame {t}")
        if step.revision(t) == revision:
            return self.shown(document, step, t)
        return self.canvas.shown(t, self.result(revision % EPOCH, t), step.removed)

    def shown(self, document: Document, step: Step, t: int) -> LabelMask:
        """The label mask of frame t as a step shows it; empty where there is none."""
        result = self.shown_result(document, step, t)
        return np.zeros(self.frames.size, np.uint8) if result is None else self.canvas.shown(t, result, step.removed)

    def shown_result(self, document: Document, step: Step, t: int) -> FrameResult | None:
        """The result behind the mask of frame t: A-Net's answer where the frame waits, else its last round's."""
        return self.pending(document, step, t).result if t in step.waiting else self.result(step.results[t], t)

    def finish(self, state: State, step: Step, locked: Collection[int]) -> Finish:
        """What a round from a step does with the networks' result of a frame: locked objects keep their pixels."""
        canvas, removed = self.segmenter.canvas, step.removed

        def finished(t: int, result: FrameResult) -> tuple[FrameResult, LabelMask]:
            if locked:
                before = state.shown(t) if t in step.waiting else self.result(step.results[t], t)
                return canvas.locking(t, result, before, locked, removed)
            return result, canvas.shown(t, result, removed)

        return finished

    def alpha(self, document: Document, step: Step, t: int, objects: Sequence[int]) -> NDArray[np.uint8]:
        """The alpha channel of some objects in frame t, shape of the frame: 128 to 255 inside their masks, soft at
        the outline."""
        return self.canvas.alpha(t, living(self.shown_result(document, step, t), step.removed), objects)

    def brushwork(self, step: Step, t: int) -> LabelMask | None:
        """What was painted on frame t and not scratched off by later strokes; None if nothing was."""
        layer: LabelMask | None = None
        for each in step.drawn(t):
            if isinstance(each, Paint):
                runs = from_runs(each.runs, self.frames.size)
                layer = runs if layer is None else np.where(runs != VOID, runs, layer)
            elif layer is not None:
                layer = scratched(layer, [scribble(each)])
        return layer if layer is None else erased(layer, step.removed)

    def _settled(self, step: Step) -> State:
        rounds = []
        for done in step.rounds:
            together = [self._annotation(step, done.id, t) for t in done.frames]
            rounds.append(tuple(each for each in together if each is not None))
        return State(
            results=tuple(
                living(self.result(number, t), step.removed | step.spoiled.get(t, frozenset()))
                for t, number in enumerate(step.results)
            ),
            object_features={t: self._features(step, number, t) for t, number in step.anchors.items()},
            rounds=tuple(together for together in rounds if together),
        )

    def _features(self, step: Step, number: int, t: int) -> ObjectFeatures:
        """What T-Net carries from an annotated frame; described anew from mask and strokes if other networks did it."""
        stored, key = self.round_file(number).features(t), (number, t)
        if self.round_file(number).networks(t) == self._brain.fingerprint:
            return stored
        with self._brain.lock:
            if key not in self._described:
                result = self.result(number, t)
                unpainted = np.full(self.frames.size, VOID, np.uint8)
                layer = unpainted if result is None or result.brushwork is None else result.brushwork
                state = self._alone(step, t, result)
                again = self.segmenter.annotate(state, t, (), objects=stored.objects, brushwork=layer)
                self._described[key] = ObjectFeatures(again.object_features, stored.objects)
            return self._described[key]

    def _alone(self, step: Step, t: int, previous: FrameResult | None) -> State:
        """What A-Net needs to know of frame t: its result so far and the strokes of finished rounds."""
        rounds = [self._annotation(step, done.id, t) for done in step.rounds]
        results: list[FrameResult | None] = [None] * len(step.results)
        results[t] = previous
        return State(tuple(results), rounds=tuple((each,) for each in rounds if each is not None))

    def _annotation(self, step: Step, number: int, t: int) -> Annotation | None:
        mine = [each for each in step.drawn(t) if each.round == number]
        strokes = [scribble(each) for each in mine if isinstance(each, Stroke)]
        return Annotation(t, strokes, painted=len(strokes) < len(mine)) if mine else None

    def _annotate(self, document: Document, step: Step, t: int) -> PendingFrame:
        waiting = step.waiting[t]
        strokes = [each for each in step.drawn(t) if isinstance(each, Stroke)]
        new = tuple(scribble(each) for each in strokes if each.round is None)
        layer, locked = self.brushwork(step, t), sorted(set(waiting.locked) - step.removed)
        previous = self._started(step, t, waiting.anew)
        kept = None if waiting.keeping is None else self.shown_result(document, waiting.keeping, t)
        own = {stroke.object_id for stroke in strokes if stroke.kind == "add"}
        ids = {stroke.object_id for stroke in strokes} | set(previous.objects if previous else ())
        ids |= set(locked).intersection(kept.objects if kept else ())
        ids |= set() if layer is None else set(np.unique(layer).tolist())
        objects = sorted(ids - {BACKGROUND, VOID} - step.removed)
        state = self._alone(step, t, previous)
        pending = self.segmenter.annotate(state, t, new, objects=objects, brushwork=layer)
        drawn = (*state.scribbles(t), *new)
        if waiting.anew and previous is not None:
            removes = any(stroke.kind == "remove" for stroke in strokes)
            drawn_again = waiting.anew.intersection(k for k in objects if removes or k in own)
            steady = [k for k in previous.objects if k in objects and k not in waiting.drawn | drawn_again]
            steady_result = self._with_rows(t, pending.result, previous, steady, drawn)
            so_far = self.result(step.results[t], t)
            held = also_holding(steady_result, so_far, steady, over_strokes=not waiting.drawn)
            pending = replace(pending, result=held)
        if waiting.keeping is None:
            return pending
        result, features = pending.result, pending.object_features
        if kept is not None:
            stays = [k for k in locked if k in kept.objects and k in objects]
            result = self._with_rows(t, result, kept, stays, drawn)
            if t in waiting.keeping.waiting:
                earlier = self.pending(document, waiting.keeping, t)
                features = features.copy()
                for k in stays:
                    features[objects.index(k)] = earlier.object_features[earlier.result.objects.index(k)]
        result, _ = self.canvas.locking(t, result, kept, locked, step.removed)
        return replace(pending, result=result, object_features=features)

    def _started(self, step: Step, t: int, anew: Collection[int]) -> FrameResult | None:
        """What A-Net starts from on frame t: its result so far; of objects that are answered anew, what rounds had
        brought there before it was first annotated for them."""
        so_far = living(self.result(step.results[t], t), step.removed)
        if so_far is None or not anew:
            return so_far
        before = {k: living(self.result(self._last_before(step, t, k), t), step.removed) for k in anew}
        sources = {k: before.get(k, so_far) for k in {*so_far.objects, *anew}}
        rows = {k: each.rows((k,)) for k, each in sorted(sources.items()) if each is not None and k in each.objects}
        if not rows:
            return None
        return replace(so_far, logits=np.concatenate(list(rows.values())), objects=tuple(rows), held=None)

    def _last_before(self, step: Step, t: int, object_id: int) -> int | None:
        """The last round that came to frame t before its present annotation started there with an object."""
        last = None
        for done in step.rounds:
            file = self.round_file(done.id)
            if done.id >= step.since.get(t, done.id + 1) and object_id in file.started_with(t):
                break
            last = done.id if t in file.frames else last
        return last

    def _with_rows(
        self, t: int, result: FrameResult, other: FrameResult, objects: Sequence[int], drawn: tuple[Scribble, ...]
    ) -> FrameResult:
        """A result with the logits that some of its objects have in another one, held to the strokes drawn there."""
        if not objects:
            return result
        logits = result.logits.copy()
        logits[[result.objects.index(k) for k in objects]] = other.rows(objects)
        return self.segmenter.holding(t, replace(result, logits=logits), drawn)


def scribble(stroke: Stroke) -> Scribble:
    """A stroke as the engine reads it: one that takes away is background."""
    object_id = stroke.object_id if stroke.kind == "add" else BACKGROUND
    return Scribble(object_id, stroke.path, stroke.start_ms, stroke.end_ms)
