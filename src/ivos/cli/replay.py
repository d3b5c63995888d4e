"""Rounds without a person: recorded ones played again, and one from masks made elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ivos.cli.console import frames_bar
from ivos.engine.session import Session
from ivos.types import Annotation, LabelMask


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What one round took and brought.

    Attributes:
        number: 1-based.
        frame: The annotated frame.
        seconds: From the strokes to the last mask.
        num_frames: Frames that got a mask.
        confidence: Mean over all frames that have a mask, in [0, 1].
    """

    number: int
    frame: int
    seconds: float
    num_frames: int
    confidence: float


def carry(session: Session, masks: Mapping[int, LabelMask]) -> None:
    """One round from masks (H, W) of some frames, by frame, with a progress bar."""
    for t, mask in masks.items():
        session.paint(t, mask)
    count = len(session.itinerary())
    for _ in frames_bar(session.propagate(), count, f"Round from {len(masks)} mask{'s' * (len(masks) > 1)}"):
        pass


def replay(session: Session, annotations: Sequence[Annotation]) -> list[RoundReport]:
    """Play one round for each annotation, with a progress bar; what each round took."""
    reports = []
    for number, annotation in enumerate(annotations, start=1):
        started = time.perf_counter()
        session.annotate(annotation.frame, annotation.scribbles)
        count = len(session.itinerary())
        title = f"Round {number} of {len(annotations)}, frame {annotation.frame}"
        for _ in frames_bar(session.propagate(), count, title):
            pass
        seconds = time.perf_counter() - started
        confidence = float(np.nanmean(session.confidence()))
        reports.append(RoundReport(number, annotation.frame, seconds, count, confidence))
    return reports
