"""Each half of the networks on its own: what to mend can be seen here long before whole videos show it.

A-Net answers strokes on single frames; T-Net takes one step from the *true* mask of the frame before. No error builds
up over a pass, so a weak figure names its cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import fmean
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ivos.bench.segmenters import usual_robot
from ivos.core.fusion import fuse
from ivos.core.metrics import region_similarity
from ivos.core.robot import RobotConfig, robot
from ivos.engine.canvas import STRIDE, Canvas
from ivos.engine.segmenter import ClipSegmenter
from ivos.engine.state import LOGIT_LIMIT, PendingFrame, State
from ivos.errors import InputError
from ivos.io.clips import Clip
from ivos.model.networks import FeaturePyramid, Networks, TransferResult
from ivos.types import VOID, LabelMask

CORRECTIONS = 2
ANNOTATE_MEASURES = ("annotate", "annotate_corrected_once", "annotate_corrected_twice")
MAP_THRESHOLD = 0.5
"""From this probability on the map of a transfer counts as object."""
CACHE_BYTES = 256 << 20

Measures = dict[str, float]


@runtime_checkable
class ShowsParts(Protocol):
    """Networks that can show what each of the two transfers brought."""

    def transfer_parts(
        self,
        target: FeaturePyramid,
        annotated: list[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> TransferResult:
        """As `Networks.transfer`, with the maps of both transfers."""


def single_step(
    networks: Networks,
    clips: Iterable[Clip],
    *,
    every: int = 10,
    seed: int = 0,
    resolution: int | None = 480,
    robot_config: RobotConfig | None = None,
) -> dict[str, Measures]:
    """Mean J of each measure by sequence, and under the key `mean` its mean over the sequences.

    The strokes are the robot's, first from an empty prediction. T-Net remembers one annotated frame, the middle one
    of the masked frames. The measures:

    - `annotate`, `annotate_corrected_once`, `annotate_corrected_twice`: A-Net on its own frame;
    - `transfer`: one step of T-Net from the true previous mask, the annotated frame as its first strokes left it;
    - `local_map`, `global_map`: what either transfer brought of it (of networks that show them);
    - `copy`: the true previous mask unchanged;
    - `global_only`: the step with an empty previous mask, `global_only_corrected` the same with the annotated frame
      corrected twice.

    Args:
        networks: The pair, in eval mode.
        clips: Sequences with masks, such as a `Davis` split.
        every: Measure on every so many masked frames.
        seed: The robot's.
        resolution: See `Session`.
        robot_config: How the robot draws; None: as `ivos.benchmark` has it draw for these networks.

    Raises:
        InputError: There is no sequence, or one has no frame with an object.
    """
    if every < 1:
        raise InputError(f"Measuring on every {every} frames is impossible; expected an integer >= 1.")
    config = usual_robot(networks) if robot_config is None else robot_config
    sequences = {clip.name: _measure(_Bench(networks, clip, seed, resolution, config), every) for clip in clips}
    if not sequences:
        raise InputError("There is no sequence to measure on.")
    names = list(dict.fromkeys(name for measures in sequences.values() for name in measures))
    mean = {name: fmean(each[name] for each in sequences.values() if name in each) for name in names}
    return {"mean": mean, **sequences}


def _measure(bench: _Bench, every: int) -> Measures:
    clip = bench.clip
    middle = clip.masked_frames[len(clip.masked_frames) // 2] if clip.masked_frames else 0
    frames = [t for t in clip.masked_frames[::every] if bench.has_objects(t)]
    values: dict[str, list[float]] = {}
    for t in frames:
        scores = [bench.score(bench.label(answer, t), t) for answer in bench.annotations(t)]
        _collect(values, zip(ANNOTATE_MEASURES, scores, strict=False))  # none where the robot cannot draw
    if not values:
        raise InputError(f"The sequence '{clip.name}' has no frame with an object to measure on.")
    remembered = bench.annotations(middle) if bench.has_objects(middle) else []
    for t in frames if remembered else []:
        if t != middle and t - 1 in clip.masked_frames and bench.has_objects(t - 1):
            _collect(values, bench.steps(t, middle, remembered))
    return {name: fmean(each) for name, each in values.items()}


def _collect(values: dict[str, list[float]], measured: Iterable[tuple[str, float]]) -> None:
    for name, value in measured:
        values.setdefault(name, []).append(value)


def _stored(logits: Tensor) -> NDArray[np.float16]:
    """Logits (K, 1, h, w) as a session keeps them."""
    return logits[:, 0].float().clamp(-LOGIT_LIMIT, LOGIT_LIMIT).cpu().numpy().astype(np.float16)


class _Bench:
    """The networks on one clip, beside the truth."""

    def __init__(self, networks: Networks, clip: Clip, seed: int, resolution: int | None, config: RobotConfig) -> None:
        self.networks, self.clip, self.seed, self.config = networks, clip, seed, config
        self.num_objects = max(1, clip.num_objects())
        self.canvas = Canvas(clip.frames, resolution, networks.config, networks.device)
        self.segmenter = ClipSegmenter(networks, self.num_objects, self.canvas, CACHE_BYTES)

    def has_objects(self, t: int) -> bool:
        truth = self.clip.mask(t)
        return bool(((truth > 0) & (truth != VOID)).any())

    def score(self, prediction: LabelMask, t: int) -> float:
        """Mean J over the objects that are in the frame."""
        truth = self.clip.mask(t)
        present = [k for k in range(1, self.num_objects + 1) if (truth == k).any()]
        return fmean(region_similarity(prediction == k, truth == k) for k in present)

    def annotations(self, t: int) -> list[PendingFrame]:
        """A-Net's answers on frame t: to the first strokes and after each correction; [] if its objects are too small
        for the robot to draw.
        """
        truth = self.clip.mask(t)
        state = State(results=(None,) * len(self.clip))
        prediction = np.zeros_like(truth)
        answers: list[PendingFrame] = []
        for _ in range(1 + CORRECTIONS):
            strokes = robot(prediction, truth, range(1, self.num_objects + 1), config=self.config, seed=self.seed)
            if strokes:
                answers.append(self.segmenter.annotate(state, t, strokes))
                results = list(state.results)
                results[t] = answers[-1].result
                state = state.annotated(t, answers[-1]).propagated(results)
                prediction = self.label(answers[-1], t)
            else:  # nothing left that the robot would correct
                answers += answers[-1:]
        return answers

    def label(self, answer: PendingFrame, t: int) -> LabelMask:
        return self.canvas.shown(t, answer.result)

    def steps(self, t: int, middle: int, remembered: list[PendingFrame]) -> Iterator[tuple[str, float]]:
        """The measures of one step of T-Net from frame t - 1 to frame t."""
        yield "copy", self.score(self.clip.mask(t - 1), t)
        features = self.segmenter.features
        true_mask = self.true_probability(t - 1)
        empty = torch.zeros_like(true_mask)
        with torch.inference_mode():
            memories = [
                [(features[middle], torch.from_numpy(answer.object_features).to(self.networks.device))]
                for answer in (remembered[0], remembered[-1])
            ]
            for name, memory, probability in (
                ("transfer", memories[0], true_mask),
                ("global_only", memories[0], empty),
                ("global_only_corrected", memories[1], empty),
            ):
                logits = self.networks.transfer(features[t], memory, features[t - 1], probability)
                yield name, self.score(self.canvas.label_mask(t, _stored(logits)), t)
            if isinstance(self.networks, ShowsParts):
                parts = self.networks.transfer_parts(features[t], memories[0], features[t - 1], true_mask)
                for name, carried in (("local_map", parts.local_map), ("global_map", parts.global_map)):
                    if carried is not None:
                        yield name, self.score(self.map_label(carried), t)

    def true_probability(self, t: int) -> Tensor:
        """The true mask of frame t as a pass would carry it: (K, 1, *cells)."""
        ids = np.arange(1, self.num_objects + 1, dtype=np.uint8)[:, None, None]
        masks = (self.clip.mask(t) == ids).astype(np.float32)  # (K, H, W)
        if self.canvas.working != self.canvas.size:
            shrunk = F.interpolate(torch.from_numpy(masks)[None], self.canvas.working, mode="bilinear", antialias=True)
            masks = shrunk[0].numpy()
        return F.avg_pool2d(self.canvas.maps(masks), STRIDE)

    def map_label(self, probability: Tensor) -> LabelMask:
        """The label mask of a transfer's map (K, 1, h, w) of any stride."""
        at_cells = F.interpolate(probability.float(), self.canvas.cells, mode="bilinear")
        logits = _stored(at_cells.clamp(0, 1).logit())
        return fuse(self.canvas.full_logits(logits).sigmoid(), MAP_THRESHOLD).cpu().numpy()
