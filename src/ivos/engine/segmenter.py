"""The two networks at work on one clip: numpy in, numpy out, features encoded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ivos.core.confidence import frame_confidence
from ivos.core.scribbles import blur_maps, scribble_maps
from ivos.engine.canvas import Canvas
from ivos.engine.features import FeatureCache
from ivos.engine.state import FrameResult, PendingFrame, State
from ivos.errors import WeightsError
from ivos.model.networks import FeaturePyramid, Networks
from ivos.types import Frames, Scribble

LOGIT_LIMIT = 12.0
"""Logits are kept within +-12: a probability of 6e-6, far beyond any decision."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What a pass hands from one frame to the next: features (shared by all objects) and logits (K, 1, h, w)."""

    features: FeaturePyramid
    logits: Tensor


class ClipSegmenter:
    """A-Net and T-Net applied to the frames of one clip.

    Args:
        networks: The pair of networks.
        frames: The clip.
        num_objects: K.
        canvas: The working geometry of the clip.
        cache_bytes: Budget of the feature cache.
    """

    def __init__(self, networks: Networks, frames: Frames, num_objects: int, canvas: Canvas, cache_bytes: int) -> None:
        """Nothing is decoded or encoded yet."""
        self.canvas = canvas
        self.features = FeatureCache(self._encode, cache_bytes)
        self._networks = networks
        self._frames = frames
        self._num_objects = num_objects

    def annotate(self, state: State, frame: int, scribbles: tuple[Scribble, ...]) -> PendingFrame:
        """A-Net's answer to the strokes of the running round on one frame (section 3.2).

        Args:
            state: Its result on the frame is the previous mask; 0.5 everywhere where there is none.
            frame: The annotated frame.
            scribbles: All strokes of this round on it.

        Returns:
            The pending annotation.
        """
        previous = state.results[frame]
        earlier = state.earlier_scribbles(frame) if self._networks.config.accumulate_scribbles else ()
        positive, negative = self._maps((*earlier, *scribbles), previous)
        with torch.inference_mode():
            blank = torch.full((self._num_objects, 1, *self.canvas.padded), 0.5, device=self._networks.device)
            answer = self._networks.annotate(
                self.canvas.image(self._frames[frame], frame),
                self.features[frame],
                blank if previous is None else self.canvas.padded_probability(previous.logits),
                self.canvas.maps(positive),
                self.canvas.maps(negative),
            )
            features = answer.object_features.float().cpu().numpy()
            return PendingFrame(scribbles, self._result(answer.logits.float()), features)

    def start(self, frame: int, result: FrameResult) -> Carried:
        """What the first step of a pass carries away from the annotated frame."""
        logits = torch.from_numpy(result.logits)[:, None].to(self._networks.device).float()
        with torch.inference_mode():
            return Carried(self.features[frame], logits)

    def memory(self, object_features: Mapping[int, NDArray[np.float32]]) -> tuple[tuple[int, Tensor], ...]:
        """The object features of all annotated frames on the networks' device, in order of the frames."""
        device = self._networks.device
        return tuple((t, torch.from_numpy(object_features[t]).to(device)) for t in sorted(object_features))

    def transfer(self, t: int, memory: Sequence[tuple[int, Tensor]], previous: Carried) -> Carried:
        """T-Net's answer on frame t, before superposition (section 3.3)."""
        with torch.inference_mode():
            annotated = [(self.features[frame], object_features) for frame, object_features in memory]
            target = self.features[t]
            before = self._networks.previous_probability(previous.logits)
            return Carried(target, self._networks.transfer(target, annotated, previous.features, before))

    def superpose(self, new: Carried, old: FrameResult | None, weight: float) -> FrameResult:
        """The new round's probability and the earlier result, mixed (eq. 6).

        Args:
            new: T-Net's answer of this round.
            old: The frame's result so far; without one the new answer stands alone.
            weight: Share of the new answer, in [0.5, 1].

        Returns:
            The frame's result after this round.
        """
        with torch.inference_mode():
            if old is None or weight == 1.0:
                return self._result(new.logits)
            before = torch.from_numpy(old.logits)[:, None].to(new.logits.device).float()
            return self._result((weight * new.logits.sigmoid() + (1.0 - weight) * before.sigmoid()).logit())

    def _encode(self, t: int) -> FeaturePyramid:
        return self._networks.encode_image(self.canvas.image(self._frames[t], t))

    def _maps(
        self, scribbles: tuple[Scribble, ...], previous: FrameResult | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        config = self._networks.config
        positive, negative = scribble_maps(
            scribbles, self._num_objects, self.canvas.working, radius=config.scribble_radius
        )
        if previous is None:
            return positive, negative if config.negatives_in_first_round else np.zeros_like(negative)
        if config.blur_corrections:
            positive, negative = blur_maps(positive), blur_maps(negative)
        if config.negatives_inside_previous_only:
            inside = self.canvas.working_probability(previous.logits) >= 0.5
            negative = negative * inside
        return positive, negative

    def _result(self, logits: Tensor) -> FrameResult:
        if logits.isnan().any():
            raise WeightsError("The networks gave values that are not numbers; the weights are damaged. Load others.")
        limited = logits[:, 0].clamp(-LOGIT_LIMIT, LOGIT_LIMIT)  # (K, h, w)
        confidence = float(frame_confidence(limited.sigmoid()))
        return FrameResult(limited.cpu().numpy().astype(np.float16), confidence)
