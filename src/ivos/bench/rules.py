"""The rules of a benchmark: how many rounds, how much time, what the robot does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from ivos.core.robot import ROBOT_PRESETS, RobotConfig
from ivos.errors import InputError

Metric = Literal["J", "F", "J_AND_F"]
METRICS: tuple[Metric, ...] = get_args(Metric)
MAX_ROUNDS = 16
MAX_SECONDS_PER_OBJECT = 600.0


@dataclass(frozen=True, slots=True)
class Rules:
    """The DAVIS interactive protocol; the defaults are the challenge's.

    Attributes:
        rounds: Rounds of a sample, 1..16.
        seconds_per_object: A sample's wall-clock budget for each of its objects, at most 600; None: no limit.
        metric: What the robot improves: the next frame is the worst by this, mean over the objects.
        robot: How strokes are drawn.
        seed: Decides the first frame (where there is no human scribble file) and the robot's ties.

    Raises:
        InputError: A value is out of its range.
    """

    rounds: int = 8
    seconds_per_object: float | None = 240.0
    metric: Metric = "J_AND_F"
    robot: RobotConfig = field(default=ROBOT_PRESETS["davis"])
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not isinstance(self.rounds, int) or self.rounds not in range(1, MAX_ROUNDS + 1):
            raise InputError(
                f"The benchmark cannot run {self.rounds!r} rounds; expected an integer in 1..{MAX_ROUNDS}."
            )
        if self.seconds_per_object is not None and not 0 < self.seconds_per_object <= MAX_SECONDS_PER_OBJECT:
            raise InputError(
                f"The budget is {self.seconds_per_object} seconds per object; expected more than 0 and at most "
                f"{MAX_SECONDS_PER_OBJECT:g}, or None for no limit."
            )
        if self.metric not in METRICS:
            raise InputError(f"The metric is {self.metric!r}; expected one of {', '.join(METRICS)}.")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise InputError(f"The seed is {self.seed!r}; expected an integer >= 0.")
