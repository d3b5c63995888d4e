"""Measures what following the hint brings: the J that one correction gains, by how its frame was chosen.

    python benchmarks/hint.py --davis DAVIS    # writes benchmarks/results/hint-lite.json

Every sequence starts with the robot's strokes on a seeded frame, as in the benchmark, several times with other seeds.
Then each way of choosing the next frame gets the robot's correction on that frame and one propagation, from the same
state after round 1. A frame on which the robot finds nothing big enough to draw gains nothing. `python scripts/docs.py`
puts the table into docs/interactive-benchmark.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import tyro
from tqdm import tqdm

import ivos
from ivos.bench.first_round import Truth, read_truth, seeded_annotation
from ivos.bench.rules import Rules
from ivos.core.metrics import region_similarity
from ivos.core.robot import robot
from ivos.io.clips import Clip
from ivos.io.davis import Davis
from ivos.model.networks import Networks

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        davis: Folder of DAVIS.
        starts: First rounds a sequence, each on the frame of another seed; their mean counts.
        draws: Random frames after each of them; their mean counts.
        seed: The first seed of the first frames, the robot and the random frames.
        out: The JSON file.
    """

    davis: Path
    starts: int = 3
    draws: int = 3
    seed: int = 0
    out: Path = RESULTS / "hint-lite.json"


def main(options: Options) -> None:
    """Measure all val sequences of DAVIS-2016."""
    model, gains = ivos.load_model(), {}
    for clip in tqdm(Davis(options.davis, split="val", year=2016), unit="sequence"):
        seeds = range(options.seed, options.seed + options.starts)
        gains[clip.name] = mean([measure(model, clip, seed, options.draws) for seed in seeds])
    means = mean(list(gains.values()))
    settings = {name: getattr(options, name) for name in ("seed", "starts", "draws")}
    options.out.write_text(json.dumps({**settings, "mean": means, **gains}, indent=1))
    print(means)


def mean(measured: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each figure."""
    return {name: fmean(each[name] for each in measured) for name in measured[0]}


def measure(model: Networks, clip: Clip, seed: int, draws: int) -> dict[str, float]:
    """J after round 1, and what one more round adds to it by the way of choosing the frame."""
    truth, rules = read_truth(clip), Rules(seed=seed)
    first = seeded_annotation(clip.name, truth, rules)
    session = ivos.Session(model, clip.frames, truth.num_objects)
    session.annotate(first.frame, first.scribbles)
    played(session)
    before = scores(session, truth)
    rng = np.random.default_rng(seed)
    others = [t for t in truth.frames if t != first.frame]
    frames = {
        "hint": [session.worst_frame()],
        "middle": [middle_of_longest_stretch(first.frame, len(clip))],
        "random": rng.choice(others, draws, replace=False).tolist(),
        "oracle": [min(others, key=lambda t: before[t])],
    }
    start = fmean(before.values())
    gained: dict[int, float] = {}
    for t in {t for chosen in frames.values() for t in chosen}:
        strokes = robot(session.mask(t), clip.mask(t), range(1, truth.num_objects + 1), rules.robot, rules.seed)
        gained[t] = 0.0
        if strokes:
            session.annotate(t, strokes)
            played(session)
            gained[t] = fmean(scores(session, truth).values()) - start
            session.undo()
    return {"round_1": start, **{way: fmean(gained[t] for t in chosen) for way, chosen in frames.items()}}


def played(session: ivos.Session) -> None:
    """One round to its end."""
    for _ in session.propagate():
        pass


def scores(session: ivos.Session, truth: Truth) -> dict[int, float]:
    """J of every masked frame, mean over the objects."""
    ids = range(1, truth.num_objects + 1)

    def values() -> Iterator[tuple[int, float]]:
        for t, mask in zip(truth.frames, truth.masks, strict=True):
            shown = session.mask(t)
            yield t, fmean(region_similarity(shown == k, mask == k) for k in ids)

    return dict(values())


def middle_of_longest_stretch(annotated: int, length: int) -> int:
    """The frame a user without a hint would look at: the middle of the longer side of the annotated frame."""
    return annotated // 2 if annotated > length - 1 - annotated else (annotated + length - 1) // 2


if __name__ == "__main__":
    main(tyro.cli(Options))
