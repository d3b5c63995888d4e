"""The one mutable object: a session over a clip, whose history is a list of immutable states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivos.core.confidence import Trust, motion, trust, worst_frame
from ivos.engine.annotating import painted, scribbled
from ivos.engine.archive import pack
from ivos.engine.canvas import Canvas
from ivos.engine.history import History
from ivos.engine.masks import Masks
from ivos.engine.rounds import Direction, Pass, plan, propagation
from ivos.engine.segmenter import ClipSegmenter
from ivos.engine.state import State
from ivos.errors import InputError, SessionOrderError
from ivos.io.clip_reference import refer_to_clip
from ivos.io.masks import check_mask
from ivos.io.project import ProjectData, save_project
from ivos.model.networks import Networks, check_networks, weights_digest
from ivos.types import MAX_OBJECTS, Annotation, Frames, LabelMask, Scribble

CACHE_BYTES = 320 << 20


class Session:
    """Cuts K objects out of one clip: annotate a frame, propagate, correct the worst frame, propagate again.

    Not thread-safe. Memory: `cache_bytes`, up to some 220 MiB of decoded frames and their colours, and what rounds
    bring, which `undo` needs: 2 bytes a cell of 4 x 4 pixels for each object and each frame that a round visits.

    Args:
        model: The networks, from `ivos.load_model`.
        frames: The clip, from `ivos.read_video`.
        num_objects: K, 1..254.
        resolution: The networks see frames whose short side is at most this many pixels; None: full size.
        cache_bytes: Memory for the features of frames; beyond it they are encoded again when needed.

    Raises:
        InputError: The clip has no frames, or an argument is out of its range.
    """

    def __init__(
        self,
        model: Networks,
        frames: Frames,
        num_objects: int = 1,
        *,
        resolution: int | None = 480,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """Check the arguments; nothing is decoded yet."""
        check_networks(model)
        if not isinstance(num_objects, int | np.integer) or num_objects not in range(1, MAX_OBJECTS + 1):
            raise InputError(f"A session cannot have {num_objects} objects; expected an integer in 1..{MAX_OBJECTS}.")
        if not isinstance(cache_bytes, int | float | np.integer) or not cache_bytes >= 0:
            raise InputError(f"The feature cache has {cache_bytes!r} bytes; expected a number of 0 or more.")
        self._canvas = Canvas(frames, resolution, model.config, model.device)
        self.model, self.frames = model, frames
        self.num_objects, self.num_frames = int(num_objects), len(frames)
        self.resolution = None if resolution is None else int(resolution)
        self._segmenter = ClipSegmenter(model, self.num_objects, self._canvas, cache_bytes)
        self.history = History(State(results=(None,) * self.num_frames))

    def annotate(self, frame: int, scribbles: Iterable[Scribble]) -> LabelMask:
        """A-Net's mask of one frame, at once; call again to refine it: the strokes of a round add up.

        Several frames may be annotated before one `propagate`, by which alone the session's masks change. Background
        strokes where nothing is shown say that no object drawn so far is on the frame.

        Args:
            frame: 0-based index.
            scribbles: New strokes on that frame, at least one.

        Returns:
            The frame's label mask as it will be, shape (H, W), uint8.

        Raises:
            InputError: There is no such frame or object, or no stroke.
        """
        annotation = Annotation(frame, scribbles)
        self._check_frame(annotation.frame)
        for scribble in annotation.scribbles:
            if scribble.object_id > self.num_objects:
                raise InputError(
                    f"A scribble is for object {scribble.object_id}; this session has objects 1..{self.num_objects} "
                    "(0 is background)."
                )
        return self._advance(scribbled(self._segmenter, self.history.state, annotation), annotation.frame)

    def paint(self, frame: int, mask: LabelMask) -> LabelMask:
        """Take a mask that the user has repaired with a brush, for the last pixels; it counts as an annotation.

        The pixels that differ from `preview(frame)` stay exactly as painted, whatever later rounds bring; only a later
        stroke over them or `undo` frees them again. `propagate` carries the repaired mask to other frames.

        Args:
            frame: 0-based index.
            mask: The whole label mask, shape (H, W), values 0..K.

        Returns:
            The frame's label mask as it will be, shape (H, W), uint8.

        Raises:
            InputError: There is no such frame or object, or the mask has another size.
        """
        self._check_frame(frame)
        labels = check_mask(mask)
        if labels.shape != tuple(self.frames.size) or labels.max() > self.num_objects:
            raise InputError(
                f"A painted mask of shape {labels.shape} with labels up to {labels.max()} does not fit; expected "
                f"{self.frames.size} and labels 0..{self.num_objects}."
            )
        return self._advance(painted(self._segmenter, self.history.state, int(frame), labels), frame)

    def add_object(self) -> int:
        """The id of a new object, K + 1 <= 254: it has no mask anywhere until it is drawn; `undo` keeps it.

        Raises:
            InputError: There are 254 objects already.
        """
        if self.num_objects == MAX_OBJECTS:
            raise InputError(f"A session cannot have more than {MAX_OBJECTS} objects.")
        self.num_objects = self._segmenter.num_objects = self.num_objects + 1
        return self.num_objects

    def propagate(
        self, *, direction: Direction = "both", within: range | None = None
    ) -> Iterator[tuple[int, LabelMask]]:
        """The masks of one round, frame by frame, as T-Net carries the annotations to the other frames.

        The round counts when the iterator is exhausted; one that came to no frame is no step. Broken off before, it
        leaves the session as it was, the annotations still pending. Without a new annotation the newest round's frames
        are propagated again; frames that earlier rounds left without a result of an annotated object (going one way,
        say) are filled in any round. An object never changes on other frames that it was annotated on.

        Args:
            direction: "both", "forward" or "backward" in time.
            within: Only frames in this range may change; it must contain the frames annotated for this round.

        Yields:
            (t, label mask (H, W) uint8): annotated frames first, then outwards; a frame that several passes visit, from
            both sides or for objects annotated on different frames, comes again, and its last mask counts.

        Raises:
            SessionOrderError: Nothing was annotated yet; or, on a later step, the session was changed meanwhile.
            InputError: The direction is unknown, or the range does not fit.
        """
        state = self.history.state
        return self._round(state, self._plan(state, direction, within))

    def itinerary(self, *, direction: Direction = "both", within: range | None = None) -> list[int]:
        """The frames that `propagate` with the same arguments would yield, in that order; same errors."""
        runs = self._plan(self.history.state, direction, within)
        return [*self.history.state.pending, *(t for run in runs for t in run.targets)]

    def undo(self) -> None:
        """Go back one step: the newest `annotate` if it is pending, else the whole newest round.

        Raises:
            SessionOrderError: There is nothing to undo.
        """
        self.history.undo()

    def redo(self) -> None:
        """Take the newest `undo` back.

        Raises:
            SessionOrderError: There is nothing to redo.
        """
        self.history.redo()

    @property
    def can_undo(self) -> bool:
        """Whether `undo` has a step to go back to."""
        return self.history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether `redo` has a step to take again."""
        return self.history.can_redo

    @property
    def masks(self) -> Masks:
        """The label masks of all frames after the newest round, made when they are looked at."""
        return Masks(self.mask, self.num_frames)

    @property
    def result_shape(self) -> tuple[int, int, int, int]:
        """(T, K, h, w): frames, objects and logit cells (stride 4 of the padded working frame)."""
        return self.num_frames, self.num_objects, *self._canvas.cells

    def mask(self, t: int) -> LabelMask:
        """The label mask of frame t after the newest round, shape (H, W) uint8; 0 where no round has arrived.

        Raises:
            InputError: There is no such frame.
        """
        self._check_frame(t)
        return self._canvas.shown(t, self.history.state.results[t])

    def probability(self, t: int) -> NDArray[np.float32]:
        """The probability of every object in frame t, shape (K, H, W) in [0, 1]; 0 where no round has arrived.

        Raises:
            InputError: There is no such frame.
        """
        self._check_frame(t)
        return self._canvas.exact_probability(t, self.history.state.results[t], range(1, self.num_objects + 1))

    def alpha(self, t: int) -> NDArray[np.uint8]:
        """The alpha channel of all objects in frame t, shape (H, W): above 127 in the mask, soft along its outline.

        Raises:
            InputError: There is no such frame.
        """
        self._check_frame(t)
        return self._canvas.alpha(t, self.history.state.results[t], range(1, self.num_objects + 1))

    def preview(self, t: int) -> LabelMask:
        """The label mask of frame t as its pending annotation will make it, else as in `mask`."""
        self._check_frame(t)
        return self._canvas.shown(t, self.history.state.shown(t))

    @property
    def rounds(self) -> tuple[tuple[Annotation, ...], ...]:
        """The annotations of each finished round, oldest first."""
        return self.history.state.rounds

    @property
    def pending(self) -> tuple[Annotation, ...]:
        """The annotations that wait for `propagate`, in the order of their first stroke."""
        return tuple(waiting.annotation(t) for t, waiting in self.history.state.pending.items())

    def confidence(self) -> NDArray[np.float64]:
        """How sure the networks are of each frame, shape (T,), in [0, 1]; NaN where no round has arrived."""
        return np.array([np.nan if each is None else each.confidence for each in self.history.state.results])

    def trust(self) -> Trust:
        """How far each frame can be trusted, and why not: confidence, jumps of area and of place."""
        state = self.history.state
        masks = map(self._canvas.cell_mask, state.results)
        return trust(self.confidence(), *motion(masks, self.num_objects))

    def worst_frame(self) -> int:
        """The frame most worth correcting, see `ivos.core.confidence`; an annotated one only if there is no other.

        Raises:
            SessionOrderError: No round has arrived anywhere yet.
        """
        state = self.history.state
        if all(result is None for result in state.results):
            raise SessionOrderError("No frame has a result yet; annotate a frame and propagate before `worst_frame`.")
        return worst_frame(self.trust().values, exclude=state.memory.keys(), waiting=state.pending.keys())

    def save(self, path: str | Path) -> None:
        """Write the session to a file that `ivos.open_session` reads: strokes, rounds, masks, undo and redo.

        Raises:
            OutputError: The file cannot be written; an older file of that name is left as it was.
            InputError: The clip is not where it was read from any more, or the file would take its place.
        """
        path = Path(path)
        states, current = pack(self.history)
        clip = refer_to_clip(self.frames, path)
        name, weights = self.model.config.name, weights_digest(self.model)
        save_project(path, ProjectData(clip, name, self.num_objects, self.resolution, states, current, weights))

    def _advance(self, state: State, frame: int) -> LabelMask:
        shown = self._canvas.shown(frame, state.shown(frame))  # first: a call that is stopped changes nothing
        self.history.advance(state)
        return shown

    def _plan(self, state: State, direction: Direction, within: range | None) -> list[Pass]:
        return plan(state, direction, range(self.num_frames) if within is None else within, self.model.config.reach)

    def _round(self, state: State, runs: list[Pass]) -> Iterator[tuple[int, LabelMask]]:
        results = list(state.results)
        self._check_unchanged(state)
        with closing(propagation(self._segmenter, state, runs)) as steps:
            for t, result in steps:
                results[t] = result
                yield t, self._canvas.shown(t, result)
                self._check_unchanged(state)
        if state.pending or any(run.targets for run in runs):
            self.history.advance(state.propagated(results))

    def _check_unchanged(self, state: State) -> None:
        if self.history.state is not state:
            raise SessionOrderError("The session was changed while a round was running; call `propagate` again.")

    def _check_frame(self, t: int) -> None:
        if isinstance(t, bool) or not isinstance(t, int | np.integer) or not 0 <= t < self.num_frames:
            raise InputError(f"There is no frame {t}; the clip has frames 0..{self.num_frames - 1}.")
