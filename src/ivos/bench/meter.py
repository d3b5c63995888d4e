"""The stopwatch of the user study: what a person spends on drawing, on waiting and on looking for errors.

The time of every event is passed in, so the meter reads no clock.

>>> meter = Meter()
>>> meter.scribble(10.0); meter.operate(14.0); meter.find(16.5)  # strokes from 10 s on, run, masks there
>>> meter.scribble(20.5); meter.operate(22.5); meter.find(23.0)  # a frame selected, strokes, run, masks there
>>> meter.satisfied(24.0)
>>> meter.times
StudyTimes(rounds=2, scribble_seconds=6.0, operation_seconds=3.0, finding_seconds=5.0)
>>> meter.times.total_seconds
14.0
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

from ivos.errors import InputError, SessionOrderError


class Doing(Enum):
    """What the user is doing."""

    READY = "ready"
    SCRIBBLE = "scribble"
    OPERATE = "operate"
    FIND = "find"
    SATISFIED = "satisfied"


MAY_FOLLOW = {
    Doing.SCRIBBLE: (Doing.READY, Doing.FIND),
    Doing.OPERATE: (Doing.SCRIBBLE,),
    Doing.FIND: (Doing.OPERATE,),
    Doing.SATISFIED: (Doing.FIND,),
}


@dataclass(frozen=True, slots=True)
class StudyTimes:
    """What a video took.

    Attributes:
        rounds: Times that masks were computed.
        scribble_seconds: From the first press (later: the frame selected) to Run; A-Net's answers included.
        operation_seconds: From Run to the masks.
        finding_seconds: From the masks to the next frame selected, or to Satisfied.
    """

    rounds: int = 0
    scribble_seconds: float = 0.0
    operation_seconds: float = 0.0
    finding_seconds: float = 0.0

    @property
    def total_seconds(self) -> float:
        """From the first press to Satisfied."""
        return self.scribble_seconds + self.operation_seconds + self.finding_seconds


class Meter:
    """Sums up the times of one video."""

    def __init__(self) -> None:
        """The video is shown; the clock runs from the first press."""
        self.doing = Doing.READY
        self.times = StudyTimes()
        self._since = -math.inf

    def scribble(self, now: float) -> None:
        """The first press in round 1; later the selection of a frame.

        Args:
            now: Seconds from any start.

        Raises:
            SessionOrderError: The user has not seen the masks of the round before.
            InputError: Time runs backwards or is not finite.
        """
        self._enter(Doing.SCRIBBLE, now)

    def operate(self, now: float) -> None:
        """Run is pressed; errors as `scribble`."""
        self._enter(Doing.OPERATE, now)

    def find(self, now: float) -> None:
        """The masks are shown; errors as `scribble`."""
        self._enter(Doing.FIND, now)

    def broken_off(self, now: float) -> None:
        """The masks did not come: the user is at the strokes again. The time counts, the round does not.

        Raises:
            SessionOrderError: No masks are being computed.
            InputError: Time runs backwards or is not finite.
        """
        if self.doing is not Doing.OPERATE:
            raise SessionOrderError(f"Nothing can break off in the state '{self.doing.value}', only in 'operate'.")
        self._enter(Doing.FIND, now)
        self._enter(Doing.SCRIBBLE, now)
        self.times = replace(self.times, rounds=self.times.rounds - 1)

    def satisfied(self, now: float) -> None:
        """The user has enough; errors as `scribble`."""
        self._enter(Doing.SATISFIED, now)

    def _enter(self, doing: Doing, now: float) -> None:
        if self.doing not in MAY_FOLLOW[doing]:
            allowed = " or ".join(f"'{each.value}'" for each in MAY_FOLLOW[doing])
            raise SessionOrderError(f"The state '{doing.value}' cannot follow '{self.doing.value}', only {allowed}.")
        if not math.isfinite(now) or now < self._since:
            raise InputError(f"The study's clock shows {now} after {self._since}; expected finite seconds, no less.")
        spent, times = now - self._since, self.times
        if self.doing is Doing.SCRIBBLE:
            times = replace(times, scribble_seconds=times.scribble_seconds + spent, rounds=times.rounds + 1)
        elif self.doing is Doing.OPERATE:
            times = replace(times, operation_seconds=times.operation_seconds + spent)
        elif self.doing is Doing.FIND:
            times = replace(times, finding_seconds=times.finding_seconds + spent)
        self.times, self.doing, self._since = times, doing, now
