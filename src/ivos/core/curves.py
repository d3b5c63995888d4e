"""Quality over rounds and time: the curve, its area (AUC) and its value at 60 seconds (DAVIS interactive track).

Source: the summary of the DAVIS interactive evaluation. In a round every object of every sample weighs the same in
the metric, and every sample weighs the same in the time.

>>> curve = time_curve([0.5, 0.75], [10.0, 10.0], timeout_seconds=40.0)
>>> curve.seconds, curve.values
((0.0, 10.0, 20.0, 40.0), (0.0, 0.5, 0.75, 0.75))
>>> auc(curve), value_at(curve, 15.0)
(0.59375, 0.625)
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

import numpy as np

from ivos.errors import InputError

THRESHOLD_SECONDS = 60.0

ObjectKey = tuple[str, int, int]
"""(sequence, scribble_idx, object_id): one object of one sample."""


@dataclass(frozen=True, slots=True)
class RoundScore:
    """What one object of one sample reached in one round.

    Attributes:
        sequence: Name of the sequence.
        scribble_idx: 1-based number of the sequence's first annotation; with `sequence` it names the sample.
        object_id: 1..K.
        interaction: 1-based round.
        value: The metric, mean over the frames, in [0, 1].
        seconds: Time the round took; the same for all objects of a sample.

    Raises:
        InputError: A number is out of range.
    """

    sequence: str
    scribble_idx: int
    object_id: int
    interaction: int
    value: float
    seconds: float

    def __post_init__(self) -> None:
        """Refuse values that would spoil the means."""
        if not (0 <= self.value <= 1 and 0 <= self.seconds < math.inf):
            raise InputError(f"A score must have a value in [0, 1] and finite seconds >= 0; got {self}.")
        if self.interaction < 1:
            raise InputError(f"A score's interaction counts from 1; got {self}.")

    @property
    def key(self) -> ObjectKey:
        """Names the object over all rounds."""
        return self.sequence, self.scribble_idx, self.object_id


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric over time: points in order of time, from (0, 0) to the timeout.

    Attributes:
        seconds: Summed time after 0, 1, 2, ... rounds, and the timeout.
        values: The metric at these times.
        clamped: The rounds took longer than the timeout, so their times were cut off at it.
    """

    seconds: tuple[float, ...]
    values: tuple[float, ...]
    clamped: bool


def round_means(
    scores: Iterable[RoundScore], num_rounds: int, *, expected: Collection[ObjectKey] = ()
) -> tuple[list[float], list[float]]:
    """The mean metric and the mean seconds of each round, two lists of `num_rounds` numbers.

    A round that an object did not get repeats the value of the round before it, in no time; before the first round
    the value is 0.

    Args:
        scores: Any order; at most one for each object and round.
        num_rounds: How many rounds the protocol allows, >= 1.
        expected: Objects that count even if they have no score at all (with 0).

    Raises:
        InputError: There is nothing to average, a score comes twice, or its round is beyond `num_rounds`.
    """
    table: dict[ObjectKey, dict[int, RoundScore]] = {key: {} for key in expected}
    for score in scores:
        rounds = table.setdefault(score.key, {})
        if score.interaction in rounds:
            raise InputError(f"Round {score.interaction} of {score.key} was scored twice.")
        if score.interaction > num_rounds:
            raise InputError(f"Round {score.interaction} of {score.key} is beyond the {num_rounds} rounds allowed.")
        rounds[score.interaction] = score
    if not table or num_rounds < 1:
        raise InputError(f"There are {len(table)} objects in {num_rounds} rounds; expected at least one of each.")
    values = dict.fromkeys(table, 0.0)
    mean_values, mean_seconds = [], []
    for number in range(1, num_rounds + 1):
        seconds = {key[:2]: 0.0 for key in table}  # by sample
        for key, rounds in table.items():
            if number in rounds:
                values[key], seconds[key[:2]] = rounds[number].value, rounds[number].seconds
        mean_values.append(fmean(values.values()))
        mean_seconds.append(fmean(seconds.values()))
    return mean_values, mean_seconds


def timeout(
    max_seconds_per_object: float | None, mean_objects: float, round_seconds: Iterable[float], num_rounds: int
) -> float:
    """The length of the time axis in seconds.

    Args:
        max_seconds_per_object: The protocol's budget (240 for 8 rounds), or None for a protocol without one.
        mean_objects: Mean number of objects a sequence (DAVIS-2017 val: 61 / 30).
        round_seconds: Every time measured; only used without a budget.
        num_rounds: How many rounds the protocol allows; only used without a budget.

    >>> timeout(240.0, 61 / 30, [], 8)
    488.0
    >>> timeout(None, 61 / 30, [3.0, 9.5], 8)
    76.0
    """
    if max_seconds_per_object is not None:
        return max_seconds_per_object * mean_objects
    return num_rounds * max(round_seconds, default=0.0)


def time_curve(values: Sequence[float], seconds: Sequence[float], timeout_seconds: float) -> Curve:
    """The curve of the metric over the summed time, held at its last value until the timeout.

    If the sum exceeds the timeout, times are cut off at it and the curve says so: the axis never runs backwards.

    Args:
        values: The metric after each round, at least one.
        seconds: The time of each round, not summed.
        timeout_seconds: End of the time axis, > 0.

    Raises:
        InputError: The lists are empty or differ in length, a number is negative or not finite, or the timeout is 0.
    """
    if not values or len(values) != len(seconds):
        raise InputError(f"A curve needs a value and a time a round; got {len(values)} values, {len(seconds)} times.")
    if not all(0 <= number < math.inf for number in (*values, *seconds)) or not 0 < timeout_seconds < math.inf:
        raise InputError("A curve needs finite values and times >= 0 and a timeout > 0.")
    summed = np.cumsum(seconds, dtype=np.float64).tolist()
    return Curve(
        seconds=(0.0, *(min(t, timeout_seconds) for t in summed), float(timeout_seconds)),
        values=(0.0, *(float(value) for value in values), float(values[-1])),
        clamped=summed[-1] > timeout_seconds,
    )


def auc(curve: Curve) -> float:
    """The area under the curve (trapezoids) over the length of its time axis, in [0, 1]."""
    points = pairwise(zip(curve.seconds, curve.values, strict=True))
    return sum((t1 - t0) * (v0 + v1) / 2 for (t0, v0), (t1, v1) in points) / max(curve.seconds)


def value_at(curve: Curve, seconds: float = THRESHOLD_SECONDS) -> float:
    """The metric at a time, interpolated linearly between rounds; after the end its last value."""
    return float(np.interp(seconds, curve.seconds, curve.values))
