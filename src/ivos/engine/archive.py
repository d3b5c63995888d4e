"""A session's history as the plain data of a project file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivos.engine.history import History
from ivos.engine.state import FrameResult, ObjectFeatures, PendingFrame, State
from ivos.errors import InputError
from ivos.io.project import StateData

Arrays = Mapping[str, NDArray[Any]]


def pack(history: History) -> tuple[tuple[StateData, ...], int]:
    """All states from the first to the last redo, and the index of the present among them."""
    states = (*history.past, history.state, *reversed(history.future))
    return tuple(_pack_state(state) for state in states), len(history.past)


def unpack(
    states: tuple[StateData, ...], current: int, shape: tuple[int, int, int, int], size: tuple[int, int]
) -> History:
    """The history that `pack` took apart.

    Args:
        states: As packed.
        current: Index of the present.
        shape: (T, K, h, w): frames, objects and logit cells of the session that takes it up.
        size: (H, W) of its frames.

    Raises:
        InputError: The arrays are incomplete, or do not fit the shape.
    """
    try:
        present = [_unpack_state(state, shape, size) for state in states]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"The project does not fit this clip and model, or is damaged: {error}.") from error
    return History(present[current], present[:current], reversed(present[current + 1 :]))


def _pack_state(state: State) -> StateData:
    arrays: dict[str, NDArray[Any]] = {
        "confidence": _confidences(state.results),
        "pending/confidence": _confidences([pending.result for pending in state.pending.values()]),
    }
    for t, result in enumerate(state.results):
        if result is not None:
            arrays |= _pack_result(f"logits/{t}", result)
    for t, features in state.object_features.items():
        arrays[f"features/{t}"] = features.values
        arrays[f"features/{t}/objects"] = _ids(features.objects)
    for t, pending in state.pending.items():
        arrays |= _pack_result(f"pending/logits/{t}", pending.result)
        arrays[f"pending/features/{t}"] = pending.object_features
    annotations = tuple(pending.annotation(t) for t, pending in state.pending.items())
    return StateData(state.rounds, annotations, arrays)


def _pack_result(name: str, result: FrameResult) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {name: result.logits, f"{name}/objects": _ids(result.objects)}
    layers = {f"{name}/brushwork": result.brushwork, f"{name}/held": result.held}
    return arrays | {layer: labels for layer, labels in layers.items() if labels is not None}


@lru_cache
def _ids(objects: tuple[int, ...]) -> NDArray[np.uint8]:
    """Object ids as an array, the same one every time, which a project file then stores once."""
    return np.array(objects, np.uint8)


def _confidences(results: Any) -> NDArray[np.float64]:
    return np.array([np.nan if result is None else result.confidence for result in results], dtype=np.float64)


def _unpack_state(data: StateData, shape: tuple[int, int, int, int], size: tuple[int, int]) -> State:
    num_frames, num_objects, *cells = shape
    arrays, confidence = data.arrays, data.arrays["confidence"]
    if confidence.shape != (num_frames,):
        raise ValueError(f"it has {len(confidence)} frames instead of {num_frames}")
    strokes = (*data.pending, *(each for together in data.rounds for each in together))
    if any(each.frame >= num_frames for each in strokes):
        raise ValueError(f"it has strokes beyond its {num_frames} frames")

    def objects(name: str) -> tuple[int, ...]:
        ids = tuple(arrays[f"{name}/objects"].tolist()) if f"{name}/objects" in arrays else None
        ids = tuple(range(1, num_objects + 1)) if ids is None else ids
        if list(ids) != sorted(set(ids) & set(range(1, num_objects + 1))):
            raise ValueError(f"{name} is about the objects {ids} of {num_objects}")
        return ids

    def result(name: str, sure: float) -> FrameResult:
        ids = objects(name)
        logits = _checked(arrays, name, np.dtype(np.float16), (len(ids), *cells))
        painted, held = (
            _checked(arrays, layer, np.dtype(np.uint8), size) if layer in arrays else None
            for layer in (f"{name}/brushwork", f"{name}/held")
        )
        return FrameResult(logits, float(sure), ids, painted, held)

    def rows(name: str, ids: tuple[int, ...]) -> NDArray[np.float32]:
        return _checked(arrays, name, np.dtype(np.float32), (len(ids), *arrays[name].shape[1:]))

    annotated = {annotation.frame for together in data.rounds for annotation in together}
    return State(
        results=tuple(
            result(f"logits/{t}", confidence[t]) if f"logits/{t}" in arrays else None for t in range(num_frames)
        ),
        object_features={
            t: ObjectFeatures(rows(f"features/{t}", objects(f"features/{t}")), objects(f"features/{t}"))
            for t in annotated
        },
        rounds=data.rounds,
        pending={
            each.frame: PendingFrame(
                each.scribbles,
                result(f"pending/logits/{each.frame}", sure),
                rows(f"pending/features/{each.frame}", objects(f"pending/logits/{each.frame}")),
            )
            for each, sure in zip(data.pending, arrays["pending/confidence"], strict=True)
        },
    )


def _checked(arrays: Arrays, name: str, kind: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    array = arrays[name]
    if array.dtype != kind or array.shape != shape:
        raise ValueError(f"{name} is {array.dtype} of shape {array.shape}; expected {kind} of {shape}")
    return array
