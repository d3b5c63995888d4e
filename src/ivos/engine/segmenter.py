"""The two networks at work on one clip: numpy in, numpy out, features encoded once."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ivos.core.confidence import frame_confidence
from ivos.core.fusion import held_to_strokes
from ivos.core.scribbles import blur_maps, scribble_labels, scribble_maps
from ivos.engine.canvas import Canvas, object_rows
from ivos.engine.features import FeatureCache
from ivos.engine.state import LOGIT_LIMIT, FrameResult, ObjectFeatures, PendingFrame, Slabs, State
from ivos.errors import WeightsError
from ivos.model.networks import FeaturePyramid, Networks
from ivos.types import BACKGROUND, VOID, LabelMask, Scribble

Maps = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Carried:
    """What a pass hands from one frame to the next: features (shared by all objects) and logits (K, 1, h, w)."""

    features: FeaturePyramid
    logits: Tensor


class ClipSegmenter:
    """A-Net and T-Net applied to the frames of one clip.

    Args:
        networks: The pair of networks.
        num_objects: K; may grow later by assignment.
        canvas: The clip and its working geometry.
        cache_bytes: Budget of the feature cache.
    """

    def __init__(self, networks: Networks, num_objects: int, canvas: Canvas, cache_bytes: int) -> None:
        """Nothing is decoded or encoded yet."""
        self.canvas = canvas
        me = weakref.proxy(self)  # a cycle would keep the features of a segmenter that nobody uses any more
        self.features = FeatureCache(lambda t: me._encode(t), cache_bytes)  # noqa: PLW0108  `me._encode` is bound to itself
        self._networks = networks
        self._slabs = Slabs()
        self.num_objects = num_objects

    def annotate(
        self,
        state: State,
        frame: int,
        scribbles: tuple[Scribble, ...],
        *,
        objects: Sequence[int] | None = None,
        brushwork: LabelMask | None = None,
    ) -> PendingFrame:
        """A-Net's answer to the strokes of the running round on one frame, the brushwork on top of it.

        Args:
            state: Its result on the frame is the previous mask; 0.5 everywhere for objects that have none there.
            frame: The annotated frame.
            scribbles: All strokes of this round on it; may be empty if there is brushwork, which then works on the
                result so far.
            objects: Ids of the objects to answer for, ascending; None: 1..K.
            brushwork: Labels that the user painted, shape (H, W), 255 where nothing was.

        Returns:
            The pending annotation.
        """
        ids = self._ids(objects)
        if not ids:
            nothing = FrameResult(np.zeros((0, *self.canvas.cells), np.float16), 1.0, (), brushwork)
            return PendingFrame(scribbles, nothing, np.zeros((0, 1, 1, 1), np.float32))
        previous = state.results[frame]
        earlier = state.earlier_scribbles(frame) if self._networks.config.accumulate_scribbles else ()
        with torch.inference_mode():
            before = self._before(previous, ids)
            maps = self._maps((*earlier, *scribbles), previous, ids, before)
            if scribbles:
                known = {each.object_id for each in (*earlier, *scribbles)} | set(previous.objects if previous else ())
                absent = [row for row, k in enumerate(ids) if k not in known]
                result, features = self._answer(frame, ids, before, maps, absent)
            else:
                absent = []
                held = None if previous is None else previous.held
                result = replace(self._result(self._rows(previous, ids), ids), held=held)
            result = self.holding(frame, result, (*earlier, *scribbles))
            if brushwork is not None or absent:
                unpainted = np.full(self.canvas.size, VOID, np.uint8)
                features = self._described(frame, result, unpainted if brushwork is None else brushwork, maps)
                result = replace(result, brushwork=brushwork)
            return PendingFrame(scribbles, result, features)

    def start(self, frame: int, result: FrameResult, objects: Sequence[int] | None = None) -> Carried:
        """What the first step of a pass carries away from the annotated frame for some objects, 1..K if None."""
        with torch.inference_mode():
            return Carried(self.features[frame], self.canvas.cell_logits(result, self._ids(objects)))

    def memory(
        self, object_features: Mapping[int, ObjectFeatures], objects: Sequence[int] | None = None
    ) -> tuple[tuple[int, Tensor], ...]:
        """The features of some objects (1..K if None) in the frames annotated for all of them, in order of frames."""
        ids = self._ids(objects)
        device = self._networks.device
        chosen = []
        for t in sorted(object_features):
            described = object_features[t]
            if set(ids) <= set(described.objects):
                rows = described.values[[described.objects.index(k) for k in ids]]
                chosen.append((t, torch.from_numpy(rows).to(device)))
        return tuple(chosen)

    def transfer(self, t: int, memory: Sequence[tuple[int, Tensor]], previous: Carried) -> Carried:
        """T-Net's answer on frame t, before superposition (eq. 6)."""
        with torch.inference_mode():
            annotated = [(self.features[frame], object_features) for frame, object_features in memory]
            target = self.features[t]
            before = self._networks.previous_probability(previous.logits)
            return Carried(target, self._networks.transfer(target, annotated, previous.features, before))

    def superpose(
        self, new: Carried, old: FrameResult | None, weight: float, objects: Sequence[int] | None = None
    ) -> FrameResult:
        """The new round's probability and the earlier result, mixed (eq. 6).

        Args:
            new: T-Net's answer of this round, one row an object.
            old: The frame's result so far; for objects without one the new answer stands alone.
            weight: Share of the new answer, in [0.5, 1].
            objects: The ids of the rows, ascending; None: 1..K. Other objects keep what they have in `old`.

        Returns:
            The frame's result after this round.
        """
        ids = self._ids(objects)
        with torch.inference_mode():
            logits = new.logits
            if old is not None and weight < 1.0:
                mixed = (weight * logits.sigmoid() + (1.0 - weight) * self._rows(old, ids).sigmoid()).logit()
                known = torch.tensor([k in old.objects for k in ids], device=logits.device)[:, None, None, None]
                logits = torch.where(known, mixed, logits)
            if old is None:
                return self._result(logits, ids)
            together = tuple(sorted({*old.objects, *ids}))
            if together != ids:
                every = self._rows(old, together)
                every[[together.index(k) for k in ids]] = logits
                logits = every
            result = self._result(logits, together)
            return replace(result, brushwork=old.brushwork, held=self._still_held(old, result, ids))

    def holding(self, t: int, result: FrameResult, scribbles: tuple[Scribble, ...]) -> FrameResult:
        """The result of frame t with what the strokes there say where an object's probability says otherwise, if the
        preset's strokes hold; what it held already stays.
        """
        config = self._networks.config
        if not config.strokes_hold or not scribbles:
            return result
        drawn = scribble_labels(scribbles, self.canvas.size, radius=config.scribble_radius)
        inside = self.canvas.probability(t, result.logits) >= config.fusion_threshold
        contradicted = (drawn != VOID) & (inside != object_rows(drawn, result.objects)).any(axis=0)
        held = np.full(self.canvas.size, VOID, np.uint8) if result.held is None else result.held
        held = np.where((held == VOID) & contradicted, drawn, held)
        return replace(result, held=held if (held != VOID).any() else None)

    def _still_held(self, old: FrameResult, new: FrameResult, carried: Sequence[int]) -> LabelMask | None:
        """What a frame's old result holds for objects that a pass does not carry."""
        if old.held is None:
            return None
        claimed = self.canvas.full_logits(new.rows(carried)).sigmoid() >= self._networks.config.fusion_threshold
        free = ~claimed.any(dim=0).cpu().numpy()
        theirs = np.isin(old.held, [VOID, BACKGROUND, *carried], invert=True)
        held = np.where(theirs | ((old.held == BACKGROUND) & free), old.held, np.uint8(VOID))
        return held if (held != VOID).any() else None

    def _ids(self, objects: Sequence[int] | None) -> tuple[int, ...]:
        return tuple(range(1, self.num_objects + 1) if objects is None else objects)

    def _rows(self, result: FrameResult | None, ids: Sequence[int]) -> Tensor:
        """The logits (len(ids), 1, h, w) of some objects on the networks' device, float32; absent without a result."""
        absent = np.full((len(ids), *self.canvas.cells), -LOGIT_LIMIT, np.float16)
        rows = absent if result is None else result.rows(ids)
        return torch.tensor(rows, dtype=torch.float32, device=self._networks.device)[:, None]

    def _before(self, previous: FrameResult | None, ids: tuple[int, ...]) -> Tensor:
        """The previous masks (K', 1, *padded); 0.5 for objects that the frame has no result of."""
        before = torch.full((len(ids), 1, *self.canvas.padded), 0.5, device=self._networks.device, dtype=torch.float32)
        if previous is not None and previous.objects:
            known = [row for row, k in enumerate(ids) if k in previous.objects]
            before[known] = self.canvas.previous_mask(previous, [ids[row] for row in known])
        return before

    def _answer(
        self, frame: int, ids: tuple[int, ...], before: Tensor, maps: Maps, absent: Sequence[int]
    ) -> tuple[FrameResult, NDArray[np.float32]]:
        """A-Net's own answer: the result, where objects that nobody has drawn are absent, and the features."""
        positive, negative = maps
        answer = self._networks.annotate(self.canvas.image(frame), self.features[frame], before, positive, negative)
        logits, config = answer.logits.float(), self._networks.config
        if config.strokes_hold:
            logits = held_to_strokes(logits, positive, negative, config.fusion_threshold)
        if absent:
            logits[list(absent)] = -LOGIT_LIMIT
        return self._result(logits, ids), answer.object_features.float().cpu().numpy()

    def _described(self, frame: int, result: FrameResult, brushwork: LabelMask, maps: Maps) -> NDArray[np.float32]:
        """The object features of a result with brushwork on it."""
        positive, negative = maps
        inside, outside = self.canvas.brush_maps(brushwork, result.objects)
        features = self._networks.describe(
            self.canvas.image(frame),
            self.features[frame],
            self.canvas.previous_mask(replace(result, brushwork=brushwork), result.objects),
            torch.maximum(positive, inside),
            torch.maximum(negative, outside),
        )
        return features.float().cpu().numpy()

    def _encode(self, t: int) -> FeaturePyramid:
        return self._networks.encode_image(self.canvas.image(t))

    def _maps(
        self, scribbles: tuple[Scribble, ...], previous: FrameResult | None, ids: tuple[int, ...], before: Tensor
    ) -> Maps:
        """Positive and negative map of each object, (K', 1, *padded); from its second round on as corrections."""
        config = self._networks.config
        highest = max(self.num_objects, *ids)
        maps = scribble_maps(scribbles, highest, self.canvas.working, radius=config.scribble_radius)
        positive, negative = (each[np.array(ids) - 1] for each in maps)
        for row, k in enumerate(ids):
            if previous is None or k not in previous.objects:
                if not config.negatives_in_first_round:
                    negative[row] = 0
                continue
            if config.blur_corrections:
                positive[row], negative[row] = blur_maps(positive[row]), blur_maps(negative[row])
        positive_map, negative_map = self.canvas.maps(positive), self.canvas.maps(negative)
        if config.negatives_inside_previous_only:
            negative_map = negative_map * (before >= 0.5)
        return positive_map, negative_map

    def _result(self, logits: Tensor, ids: tuple[int, ...]) -> FrameResult:
        if logits.isnan().any():
            raise WeightsError("The networks gave values that are not numbers; the weights are damaged. Load others.")
        limited = logits[:, 0].clamp(-LOGIT_LIMIT, LOGIT_LIMIT)  # (K', h, w)
        confidence = float(frame_confidence(limited.sigmoid()))
        kept = self._slabs.kept(limited.cpu().numpy().astype(np.float16))
        return FrameResult(kept, confidence, ids)
