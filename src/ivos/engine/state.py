"""What a session knows between two calls: frozen values that share every unchanged frame with their predecessor."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ivos.types import BACKGROUND, VOID, Annotation, LabelMask, Scribble

LOGIT_LIMIT = 12.0
"""Logits are kept within +-12: a probability of 6e-6, far beyond any decision."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """The result of one frame: a row for every object that some round has brought there.

    Attributes:
        logits: One map an object at stride 4 of the padded frame, shape (K', h, w).
        confidence: How sure the networks are of this frame, in [0, 1].
        objects: The ids of the K' objects, ascending.
        brushwork: What the user painted, shape (H, W): the label that a pixel has whatever the logits say, 255 where
            nothing was painted; None: nothing at all.
        held: What strokes or a locked object's mask say where the logits of an object say otherwise, in the same form;
            below the brushwork.
    """

    logits: NDArray[np.float16]
    confidence: float
    objects: tuple[int, ...]
    brushwork: LabelMask | None = None
    held: LabelMask | None = None

    @property
    def certain(self) -> LabelMask | None:
        """The labels that hold whatever the logits say, shape (H, W), 255 elsewhere; None: there are none."""
        if self.brushwork is None or self.held is None:
            return self.held if self.brushwork is None else self.brushwork
        return np.where(self.brushwork == VOID, self.held, self.brushwork)

    def rows(self, objects: Sequence[int]) -> NDArray[np.float16]:
        """The logits of the given objects, shape (len(objects), h, w); surely absent where they have none here."""
        if tuple(objects) == self.objects or not objects:
            return self.logits[: len(objects)]
        absent = np.full(self.logits.shape[1:], -LOGIT_LIMIT, np.float16)
        return np.stack([self.logits[self.objects.index(k)] if k in self.objects else absent for k in objects])


class Slabs:
    """Memory for what a session keeps for good, in blocks of its own.

    Among the short-lived feature maps, small arrays that stay would leave gaps into which no new feature map fits, and
    the process would grow with every round by several times what the round keeps.
    """

    def __init__(self, size: int = 8 * 2**20) -> None:
        """Take blocks of `size` bytes from the operating system, one after another."""
        self._size, self._used = size, size
        self._slab = np.empty(0, np.uint8)

    def kept(self, array: NDArray[np.float16]) -> NDArray[np.float16]:
        """A copy of the array; its block is given back once nothing in it is used any more."""
        if self._used + array.nbytes > self._size:
            self._slab = np.frombuffer(mmap.mmap(-1, max(self._size, array.nbytes)), np.uint8)
            self._used = 0
        copy = self._slab[self._used : self._used + array.nbytes].view(np.float16).reshape(array.shape)
        copy[...] = array
        self._used += array.nbytes
        return copy


@dataclass(frozen=True, slots=True, eq=False)
class ObjectFeatures:
    """What T-Net carries from one annotated frame.

    Attributes:
        values: One row an object, shape (K', C, h/4, w/4).
        objects: The ids of the K' objects that the frame was annotated for.
    """

    values: NDArray[np.float32]
    objects: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PendingFrame:
    """An annotated frame that waits for the next propagation.

    Attributes:
        scribbles: All strokes drawn on the frame in this round, in drawing order; none if it was only painted on.
        result: A-Net's answer, with the brushwork on it.
        object_features: What T-Net carries from this frame, shape (K', C, h/4, w/4), rows as in the result.
    """

    scribbles: tuple[Scribble, ...]
    result: FrameResult
    object_features: NDArray[np.float32]

    def annotation(self, frame: int) -> Annotation:
        """The strokes as the history keeps them."""
        return Annotation(frame, self.scribbles, painted=self.result.brushwork is not None)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything between two calls of a session.

    Attributes:
        results: One entry a frame; None where no round has arrived yet.
        object_features: The newest object features of every frame annotated in a finished round, by frame.
        rounds: The annotations of each finished round; usually one, several if several frames were annotated.
        pending: Frames annotated since the last round, by frame, in the order of their first stroke.
    """

    results: tuple[FrameResult | None, ...]
    object_features: Mapping[int, ObjectFeatures] = field(default_factory=dict)
    rounds: tuple[tuple[Annotation, ...], ...] = ()
    pending: Mapping[int, PendingFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze the two mappings."""
        object.__setattr__(self, "object_features", MappingProxyType(dict(self.object_features)))
        object.__setattr__(self, "pending", MappingProxyType(dict(self.pending)))

    @property
    def sources(self) -> tuple[int, ...]:
        """Frames from which the next propagation starts: the pending ones, else those of the newest round."""
        if self.pending:
            return tuple(self.pending)
        return tuple(annotation.frame for annotation in self.rounds[-1]) if self.rounds else ()

    @property
    def memory(self) -> Mapping[int, ObjectFeatures]:
        """The object features of all annotated frames, the pending ones included, by frame."""
        waiting = {t: ObjectFeatures(each.object_features, each.result.objects) for t, each in self.pending.items()}
        return {**self.object_features, **waiting}

    def shown(self, frame: int) -> FrameResult | None:
        """The frame's pending result, else that of the newest round."""
        return self.pending[frame].result if frame in self.pending else self.results[frame]

    def drawn_objects(self, frame: int, scribbles: Iterable[Scribble]) -> tuple[int, ...]:
        """The objects an annotation of `frame` is about: those drawn there now or earlier, and those it shows.

        Background strokes alone, where nothing is shown, say of all objects annotated so far that they are not there.
        """
        strokes = (*self.earlier_scribbles(frame), *scribbles)
        shown = self.shown(frame)
        ids = {stroke.object_id for stroke in strokes} | set(shown.objects if shown else ())
        everywhere = {k for each in self.memory.values() for k in each.objects} if strokes else set()
        return tuple(sorted(ids - {BACKGROUND} or everywhere))

    def earlier_scribbles(self, frame: int) -> tuple[Scribble, ...]:
        """Strokes drawn on `frame` in all finished rounds, oldest first."""
        return tuple(
            scribble
            for annotations in self.rounds
            for annotation in annotations
            if annotation.frame == frame
            for scribble in annotation.scribbles
        )

    def scribbles(self, frame: int) -> tuple[Scribble, ...]:
        """All strokes on `frame`, oldest first: those of finished rounds and those that wait."""
        waiting = self.pending[frame].scribbles if frame in self.pending else ()
        return (*self.earlier_scribbles(frame), *waiting)

    def annotated(self, frame: int, pending: PendingFrame) -> State:
        """The state in which `frame` waits for propagation with the given answer of A-Net."""
        return replace(self, pending={**self.pending, frame: pending})

    def propagated(self, results: Sequence[FrameResult | None]) -> State:
        """The state after a round: pending annotations are part of the history, the frames show `results`."""
        finished = tuple(pending.annotation(frame) for frame, pending in self.pending.items())
        return State(
            results=tuple(results),
            object_features=self.memory,
            rounds=(*self.rounds, finished) if finished else self.rounds,
        )
