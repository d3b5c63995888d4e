"""One sample of the DAVIS interactive protocol: a method and the robot take turns on one sequence."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ivos.bench.first_round import Truth, human_annotations, read_truth, seeded_annotation
from ivos.bench.rules import Metric, Rules
from ivos.bench.scoring import Scorer, Scores, ScoringError
from ivos.bench.segmenters import ClipMasks, ReportsSeconds, Segmenter
from ivos.core.robot import next_frame, robot
from ivos.errors import InputError, IvosError
from ivos.io.clips import Clip
from ivos.types import Annotation, LabelMask

WORST_FRAMES = 4
"""So many frames of a sample are kept as pictures."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class Sample:
    """A sequence with the strokes it starts from.

    Attributes:
        clip: The sequence.
        scribble_idx: 1-based number of its human scribble file; 1 also stands for the robot's strokes.
    """

    clip: Clip
    scribble_idx: int = 1

    @property
    def is_human(self) -> bool:
        """Whether the first strokes are a person's."""
        return bool(self.clip.scribble_files)

    def digest(self) -> str:
        """The SHA-256 of the files that it is played on: images, masks, and the first strokes if a person's.

        Raises:
            InputError: One of them cannot be read.
        """
        clip, sha = self.clip, hashlib.sha256()
        strokes = clip.scribble_files[self.scribble_idx - 1] if self.is_human else None
        for file in (*clip.frames.files, *clip.mask_files, strokes):
            try:
                content = b"" if file is None else file.read_bytes()
            except OSError as error:
                raise InputError(f"'{file}' of the sequence '{clip.name}' cannot be read ({error}).") from error
            sha.update(len(content).to_bytes(8, "big") + content)
        return sha.hexdigest()


@dataclass(frozen=True, eq=False)
class RoundResult:
    """What one round brought.

    Attributes:
        frames: The frames annotated in this round; none where the robot found nothing big enough to draw, in which case
            the method was not called and its masks of the round before count again, in no time.
        scores: J and F of every masked frame and object that occurs, shape (T, K, 2).
        seconds: What the method took, from the strokes to the masks.
        split: Seconds by kind: of the method `annotate`, `transfer`, `read` where it says so; `metrics` and `robot`.
    """

    frames: tuple[int, ...]
    scores: Scores
    seconds: float
    split: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class SampleResult:
    """What a sample brought.

    Attributes:
        sequence: Its name.
        scribble_idx: See `Sample`.
        object_ids: The ids that are scored, ascending: those that occur in a true mask; 1 if they could not be read.
        num_frames: Of the sequence, with and without a true mask.
        masked_frames: The frames that the scores are of.
        rounds: The finished rounds.
        error: Why it failed; None if it did not.
        over_budget: Whether the time ran out before the last round.
        worst: Frame and predicted mask of the worst frames after the last finished round.
        is_human: Whether the first strokes were a person's.
        machine: Facts of the machine that played it and how; empty if they were not kept.
    """

    sequence: str
    scribble_idx: int
    object_ids: tuple[int, ...]
    num_frames: int
    masked_frames: tuple[int, ...]
    rounds: tuple[RoundResult, ...]
    error: str | None = None
    over_budget: bool = False
    worst: tuple[tuple[int, LabelMask], ...] = ()
    is_human: bool = False
    machine: Mapping[str, object] = field(default_factory=dict)

    @property
    def num_objects(self) -> int:
        """How many objects are scored."""
        return len(self.object_ids)

    @property
    def is_partly_masked(self) -> bool:
        """Whether some frames only could be scored."""
        return 0 < len(self.masked_frames) < self.num_frames


def frame_values(scores: Scores, metric: Metric) -> NDArray[np.float64]:
    """The metric of each frame, mean over the objects, shape (T,), from scores (T, K, 2)."""
    j, f = scores[..., 0], scores[..., 1]
    values: NDArray[np.float64] = {"J": j, "F": f, "J_AND_F": (j + f) / 2}[metric].mean(axis=1)
    return values


def run_sample(
    segmenter: Segmenter, sample: Sample, rules: Rules, score: Scorer, clock: Clock = time.perf_counter
) -> SampleResult:
    """Play all rounds of a sample; whatever a method does wrong is part of the result.

    Args:
        segmenter: The method.
        sample: The sequence.
        rules: Of the protocol.
        score: Computes J and F.
        clock: Seconds from any start.

    Raises:
        ScoringError: The processes that compute J and F died again and again.
    """
    name = sample.clip.name
    try:
        truth = read_truth(sample.clip)
        first = _first_annotations(sample, truth, rules)
    except IvosError as error:
        return failed_sample(sample, str(error))
    match = _Match(segmenter, sample.clip, truth, rules, score)
    error_text = None
    try:
        match.play(first, clock)
    except ScoringError:  # not the method's
        raise
    except (Exception, SystemExit) as error:  # whatever a method under test raises is its result
        kind = "" if isinstance(error, IvosError) else f"{type(error).__name__}: "
        error_text = f"Round {len(match.rounds) + 1} of '{name}' failed. {kind}{error}"
    return SampleResult(
        name,
        sample.scribble_idx,
        truth.object_ids,
        len(sample.clip),
        truth.frames,
        tuple(match.rounds),
        error_text,
        match.over_budget,
        match.worst_frames(),
        sample.is_human,
    )


def failed_sample(sample: Sample, error: str) -> SampleResult:
    """The result of a sample that could not be started, or was not finished by any process."""
    try:
        ids: tuple[int, ...] = read_truth(sample.clip).object_ids
    except IvosError:
        ids = (1,)
    clip = sample.clip
    return SampleResult(clip.name, sample.scribble_idx, ids, len(clip), (), (), error, is_human=sample.is_human)


def _first_annotations(sample: Sample, truth: Truth, rules: Rules) -> tuple[Annotation, ...]:
    if not sample.is_human:
        return (seeded_annotation(sample.clip.name, truth, rules),)
    file = sample.clip.scribble_files[sample.scribble_idx - 1]
    return human_annotations(file, sample.clip, truth.num_objects)


class _Match:
    """The rounds of one sample as they are played."""

    def __init__(self, segmenter: Segmenter, clip: Clip, truth: Truth, rules: Rules, score: Scorer) -> None:
        self.segmenter, self.clip, self.truth, self.rules, self.score = segmenter, clip, truth, rules, score
        self.rounds: list[RoundResult] = []
        self.over_budget = False
        self.masks: ClipMasks = np.zeros((0, 0, 0), np.uint8)  # of the masked frames, after the last finished round

    def play(self, first: tuple[Annotation, ...], clock: Clock) -> None:
        """All rounds within the budget.

        The budget is wall-clock time from here on, metrics and robot included; a round that ends beyond it is dropped.
        """
        annotations, new, used = list(first), first, frozenset[int]()
        frames = tuple(annotation.frame for annotation in first)
        per_object = self.rules.seconds_per_object
        deadline = np.inf if per_object is None else clock() + per_object * len(self.truth.object_ids)
        while len(self.rounds) < self.rules.rounds:
            masks, seconds, split = self.masks, 0.0, dict[str, float]()
            if new and clock() <= deadline:
                started = clock()
                answer = self.segmenter(self.clip.frames, tuple(annotations), self.truth.num_objects)
                seconds = clock() - started
                split = dict(self.segmenter.seconds) if isinstance(self.segmenter, ReportsSeconds) else {}
                masks = self._checked(answer)[list(self.truth.frames)]
            if clock() > deadline:
                self.over_budget = True
                return
            started = clock()
            scores = self.score(masks, self.truth.masks, self.truth.object_ids)
            split["metrics"], started = clock() - started, clock()
            self.masks = masks
            played = frames
            if len(self.rounds) + 1 < self.rules.rounds:
                new, used = self._corrections(scores, used)
                annotations += new
                frames = tuple(annotation.frame for annotation in new)
                split["robot"] = clock() - started
            self.rounds.append(RoundResult(played, scores, seconds, split))

    def _corrections(self, scores: Scores, used: frozenset[int]) -> tuple[tuple[Annotation, ...], frozenset[int]]:
        """The robot's strokes on the worst frame; none if its errors are too small to be drawn."""
        worst, used = next_frame(frame_values(scores, self.rules.metric).tolist(), used)
        ids = range(1, self.truth.num_objects + 1)
        strokes = robot(self.masks[worst], self.truth.masks[worst], ids, self.rules.robot, self.rules.seed)
        return ((Annotation(self.truth.frames[worst], strokes),) if strokes else ()), used

    def _checked(self, masks: ClipMasks) -> ClipMasks:
        expected = (len(self.clip), *self.clip.frames.size)
        masks = np.asarray(masks)
        if masks.shape != expected or masks.dtype.kind not in "bui":
            raise InputError(
                f"The segmenter returned masks of shape {masks.shape} and type {masks.dtype}; "
                f"expected {expected} (T, H, W) and whole numbers."
            )
        highest = self.truth.num_objects
        strange = [int(value) for value in np.unique(masks) if not 0 <= value <= highest]
        if strange:
            raise InputError(
                f"The segmenter returned masks with the ids {', '.join(map(str, strange[:5]))}; "
                f"expected 0 for background and 1..{highest} for objects."
            )
        return masks.astype(np.uint8, copy=False)

    def worst_frames(self) -> tuple[tuple[int, LabelMask], ...]:
        if not self.rounds:
            return ()
        values = frame_values(self.rounds[-1].scores, self.rules.metric)
        order = np.argsort(values, kind="stable")[:WORST_FRAMES].tolist()
        return tuple((self.truth.frames[i], self.masks[i]) for i in order)
