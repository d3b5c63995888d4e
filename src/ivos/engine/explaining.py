"""What the two transfers do on one frame of a pass, for pictures: weights, transferred maps, probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ivos.core.geometry import unpad
from ivos.engine.canvas import Canvas
from ivos.engine.rounds import Pass, plan
from ivos.engine.session import Session
from ivos.engine.state import LOGIT_LIMIT
from ivos.errors import InputError
from ivos.model.inspect import carried_probability, global_weights
from ivos.model.lite_net import LiteATNet
from ivos.model.paper_net import PaperATNet

GLOBAL_STRIDE = 16
Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One step of T-Net towards a target frame, every map at the size of the clip's frames, (H, W) float32.

    Attributes:
        annotated_frame: Where the pass starts.
        previous_frame: The frame done just before the target.
        target_frame: The frame that is looked at.
        mass: The global transfer's weights of the pixel's cell over the target frame, >= 0, flat in each cell.
        global_map: The annotated frames' probability after the global transfer, >= 0.
        local_map: The previous frame's probability after the local transfer, >= 0; None in networks without one.
        annotated_probability: A-Net's, in [0, 1].
        target_probability: T-Net's, before superposition, in [0, 1].
    """

    annotated_frame: int
    previous_frame: int
    target_frame: int
    mass: Map
    global_map: Map
    local_map: Map | None
    annotated_probability: Map
    target_probability: Map


def explain(session: Session, frame: int, pixel: tuple[int, int], object_id: int = 1) -> Explanation:
    """What T-Net does on a frame when the pending annotation is propagated; the session stays as it is.

    Args:
        session: With one annotated frame pending; earlier rounds may be done.
        frame: The target frame.
        pixel: (x, y) in the annotated frame.
        object_id: Whose probabilities are shown, 1..K.

    Raises:
        InputError: There is no such frame, pixel or object, the networks have no transfers, or the pass does not reach
            the frame.
    """
    state, model = session.history.state, session.model
    if len(state.pending) != 1:
        raise InputError(f"There are {len(state.pending)} annotated frames pending; expected one to explain.")
    annotated_frame = next(iter(state.pending))
    check_request(session, frame, pixel, object_id)
    if not isinstance(model, LiteATNet | PaperATNet):
        raise InputError("These networks do not show their transfers; give a preset or a weights file.")
    run = _run(session, annotated_frame, frame, object_id)
    segmenter, row = session._segmenter, run.objects.index(object_id)
    canvas, memory = segmenter.canvas, segmenter.memory(state.memory, run.objects)
    results = {t: state.shown(t) for t, _ in memory}
    source = results[annotated_frame]
    assert source is not None, "the annotated frame is pending"
    carried = segmenter.start(annotated_frame, source, run.objects)
    way = (annotated_frame, *run.targets[: run.targets.index(frame)])
    for t in way[1:]:
        carried = segmenter.transfer(t, memory, carried)
    with torch.inference_mode():
        features = {t: segmenter.features[t] for t in (*results, frame)}
        annotated = [(features[t], described) for t, described in memory]
        before = model.previous_probability(carried.logits)
        parts = model.transfer_parts(features[frame], annotated, carried.features, before)
        answer = model.transfer(features[frame], annotated, carried.features, before)
        weights = global_weights(model, [features[t] for t in results], features[frame])
        known = [canvas.cell_logits(result, run.objects).sigmoid() for result in results.values() if result is not None]
        global_map = carried_probability(model, weights, torch.stack(known))
        h, w = features[frame].s16.shape[-2:]
        y, x = _cell(canvas, pixel)
        mass = weights[(list(results).index(annotated_frame) * h + y) * w + x].reshape(1, 1, h, w)
    return Explanation(
        annotated_frame,
        way[-1],
        frame,
        _full(canvas, mass),
        _full(canvas, global_map[row : row + 1]),
        None if parts.local_map is None else _full(canvas, parts.local_map[row : row + 1]),
        canvas.probability(annotated_frame, source.rows((object_id,)))[0],
        canvas.probability(frame, _stored(answer[row]))[0],
    )


def check_request(session: Session, frame: int, pixel: tuple[int, int], object_id: int) -> None:
    """Refuse a frame, pixel (x, y) or object that the session does not have.

    Raises:
        InputError: See `explain`.
    """
    (height, width), (x, y) = session.frames.size, pixel
    if not 0 <= frame < session.num_frames:
        raise InputError(f"There is no frame {frame}; the clip has frames 0..{session.num_frames - 1}.")
    if not (0 <= x < width and 0 <= y < height):
        raise InputError(
            f"The pixel {x},{y} is outside of the frame; expected x in 0..{width - 1} and y in 0..{height - 1}."
        )
    if not 1 <= object_id <= session.num_objects:
        raise InputError(f"There is no object {object_id}; the strokes are for objects 1..{session.num_objects}.")


def _run(session: Session, annotated_frame: int, frame: int, object_id: int) -> Pass:
    """The pass from the annotated frame that visits `frame` with an object."""
    runs = plan(session.history.state, "both", range(session.num_frames), session.model.config.reach)
    mine = [run for run in runs if run.source == annotated_frame and object_id in run.objects]
    if not mine:
        raise InputError(f"Object {object_id} has no stroke on frame {annotated_frame}; ask for another object.")
    for run in mine:
        if frame in run.targets:
            return run
    reached = sorted({t for run in mine for t in run.targets} | {annotated_frame})
    raise not_reached(frame, annotated_frame, range(reached[0], reached[-1] + 1))


def not_reached(frame: int, annotated_frame: int, span: range) -> InputError:
    """The sentence for a frame that the passes from an annotated frame, over `span`, do not visit."""
    return InputError(
        f"Frame {frame} is not visited from frame {annotated_frame}, where the strokes of this round are: its passes"
        f" visit the frames {span[0]}..{span[-1]}, itself left out. Ask for one of those, or for another round."
    )


def _cell(canvas: Canvas, pixel: tuple[int, int]) -> tuple[int, int]:
    """Row and column of the stride-16 cell that a pixel (x, y) of the clip lies in."""
    (height, width), (h, w), padding = canvas.size, canvas.working, canvas.padding
    x, y = (pixel[0] + 0.5) * w / width + padding.left, (pixel[1] + 0.5) * h / height + padding.top
    return int(y) // GLOBAL_STRIDE, int(x) // GLOBAL_STRIDE


def _full(canvas: Canvas, cells: Tensor) -> Map:
    """Values of cells (1, 1, h, w) of any stride at the size of the clip's frames, flat in each cell."""
    padded = F.interpolate(cells.float(), canvas.padded, mode="nearest")
    shown: Map = F.interpolate(unpad(padded, canvas.padding), canvas.size, mode="nearest")[0, 0].cpu().numpy()
    return shown


def _stored(logits: Tensor) -> NDArray[np.float16]:
    """Logits (1, h, w) as a session keeps them."""
    return logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT).cpu().numpy().astype(np.float16)
