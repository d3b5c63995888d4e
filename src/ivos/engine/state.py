"""What a session knows between two calls: frozen values that share every unchanged frame with their predecessor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ivos.types import Annotation, Scribble


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """The result of one frame.

    Attributes:
        logits: One map an object at stride 4 of the padded frame, shape (K, h, w).
        confidence: How sure the networks are of this frame, in [0, 1].
    """

    logits: NDArray[np.float16]
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class PendingFrame:
    """An annotated frame that waits for the next propagation.

    Attributes:
        scribbles: All strokes drawn on the frame in this round, in drawing order.
        result: A-Net's answer.
        object_features: What T-Net carries from this frame, shape (K, C, h/4, w/4).
    """

    scribbles: tuple[Scribble, ...]
    result: FrameResult
    object_features: NDArray[np.float32]


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
    object_features: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
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

    def earlier_scribbles(self, frame: int) -> tuple[Scribble, ...]:
        """Strokes drawn on `frame` in all finished rounds, oldest first."""
        return tuple(
            scribble
            for annotations in self.rounds
            for annotation in annotations
            if annotation.frame == frame
            for scribble in annotation.scribbles
        )

    def annotated(self, frame: int, pending: PendingFrame) -> State:
        """The state in which `frame` waits for propagation with the given answer of A-Net."""
        return replace(self, pending={**self.pending, frame: pending})

    def propagated(self, results: Sequence[FrameResult | None]) -> State:
        """The state after a round: pending annotations are part of the history, the frames show `results`."""
        finished = tuple(Annotation(frame, pending.scribbles) for frame, pending in self.pending.items())
        features = {frame: pending.object_features for frame, pending in self.pending.items()}
        return State(
            results=tuple(results),
            object_features={**self.object_features, **features},
            rounds=(*self.rounds, finished) if finished else self.rounds,
        )
