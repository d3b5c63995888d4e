"""Results of a frame as a project shows them: without removed objects, with what earlier results held."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import torch

from ivos.core.confidence import frame_confidence
from ivos.engine.state import FrameResult
from ivos.types import VOID, LabelMask


def living(result: FrameResult | None, removed: Collection[int]) -> FrameResult | None:
    """A result without removed objects, as if they had never been there."""
    if result is None or not removed:
        return result
    painted, held = (each if each is None else erased(each, removed) for each in (result.brushwork, result.held))
    if not set(removed).intersection(result.objects):
        return replace(result, brushwork=painted, held=held)
    kept = tuple(k for k in result.objects if k not in removed)
    rows = result.rows(kept)
    sure = float(frame_confidence(torch.from_numpy(rows).float().sigmoid())) if kept else 1.0
    return FrameResult(rows, sure, kept, painted, held)


def also_holding(
    result: FrameResult, before: FrameResult | None, objects: Collection[int], *, over_strokes: bool
) -> FrameResult:
    """A result that also holds what an earlier one holds of some objects, over what it holds itself or below that."""
    if before is None or before.held is None:
        return result
    held = np.full_like(before.held, VOID) if result.held is None else result.held
    theirs = np.isin(before.held, list(objects)) & (over_strokes | (held == VOID))
    return replace(result, held=np.where(theirs, before.held, held))


def erased(labels: LabelMask, removed: Collection[int]) -> LabelMask:
    """Labels (H, W) without those of removed objects, 255 in their place."""
    return np.where(np.isin(labels, list(removed)), np.uint8(VOID), labels) if removed else labels
