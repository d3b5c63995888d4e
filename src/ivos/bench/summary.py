"""From samples to figures: the rows of the official CSV, the curves over rounds and time, the table of the paper."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from ivos.bench.rules import METRICS, Metric, Rules
from ivos.bench.sample import SampleResult, frame_values
from ivos.core.curves import THRESHOLD_SECONDS, RoundScore, auc, round_means, time_curve, timeout, value_at

COLUMNS = (
    "session_id",
    "sequence",
    "scribble_idx",
    "interaction",
    "object_id",
    "frame",
    "jaccard",
    "contour",
    "j_and_f",
    "timing",
)
"""Of the official report, after an unnamed index column."""
KINDS = ("annotate", "transfer", "read", "metrics", "robot")
"""What time is spent on: A-Net, T-Net, I/O, J and F, the robot."""


def csv_text(results: Sequence[SampleResult], session_id: str) -> str:
    """The official report as CSV: one row a round, object and frame of every sample."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["", *COLUMNS])
    for index, row in enumerate(_rows(results, session_id)):
        writer.writerow([index, *row])
    return out.getvalue()


def session_name(method: str, rules: Rules) -> str:
    """The `session_id`: the same for every run of a method under the same rules."""
    return f"{method}-{hashlib.sha256(repr((method, rules)).encode()).hexdigest()[:12]}"


def summarise(results: Sequence[SampleResult], rules: Rules) -> dict[str, Any]:
    """The figures of a run as JSON-ready values.

    The first three keys are the official summary's: `auc`, `metric_at_threshold`, `curve`, all of the metric that the
    robot improved. `metrics` holds the same of J, F and J&F, `rounds` their means by round.

    Samples that failed or ran out of time count: rounds they did not finish repeat the last one's figures in no time,
    and without any round they are 0.
    """
    scores = {metric: list(_scores(results, metric)) for metric in METRICS}
    expected = [(result.sequence, result.scribble_idx, k) for result in results for k in result.object_ids]
    mean_objects = fmean({result.sequence: result.num_objects for result in results}.values())
    end = timeout(rules.seconds_per_object, mean_objects, (score.seconds for score in scores["J"]), rules.rounds)
    metrics, rounds, clamped = {}, {}, False
    for metric in METRICS:
        values, seconds = round_means(scores[metric], rules.rounds, expected=expected)
        curve = time_curve(values, seconds, end or 1.0)  # nothing took any time: the length does not matter
        rounds[metric], clamped = values, curve.clamped
        metrics[metric] = {
            "auc": auc(curve),
            "metric_at_threshold": {"threshold": int(THRESHOLD_SECONDS), metric: value_at(curve)},
            "curve": {"time": list(curve.seconds), metric: list(curve.values)},
        }
    return {
        **metrics[rules.metric],
        "metrics": metrics,
        "rounds": rounds,
        "clamped": clamped,
        "samples": len(results),
        "failed": sum(result.error is not None for result in results),
        "over_budget": sum(result.over_budget for result in results),
        "seconds": _mean_split(results, rules.rounds),
        "sequences": _by_sequence(results),
        "errors": {f"{r.sequence}/{r.scribble_idx}": r.error for r in results if r.error is not None},
    }


def final_value(result: SampleResult, metric: Metric) -> float:
    """A sample's mean metric after its last finished round; 0 if it finished none."""
    return float(frame_values(result.rounds[-1].scores, metric).mean()) if result.rounds else 0.0


def _rows(results: Sequence[SampleResult], session_id: str) -> Iterator[tuple[object, ...]]:
    for result in results:
        for interaction, each in enumerate(result.rounds, start=1):
            for k, object_id in enumerate(result.object_ids):
                for t, (j, f) in zip(result.masked_frames, each.scores[:, k].tolist(), strict=True):
                    where = (session_id, result.sequence, result.scribble_idx, interaction, object_id, t)
                    yield *where, j, f, (j + f) / 2, each.seconds


def _scores(results: Sequence[SampleResult], metric: Metric) -> Iterator[RoundScore]:
    for result in results:
        for interaction, each in enumerate(result.rounds, start=1):
            for k, object_id in enumerate(result.object_ids):
                value = float(frame_values(each.scores[:, k : k + 1], metric).mean())
                yield RoundScore(result.sequence, result.scribble_idx, object_id, interaction, value, each.seconds)


def _mean_split(results: Sequence[SampleResult], rounds: int) -> list[dict[str, float]]:
    """Mean seconds of each round by kind, over the samples that played it."""
    table = []
    for index in range(rounds):
        played = [result.rounds[index] for result in results if index < len(result.rounds)]
        if played:
            splits: list[Mapping[str, float]] = [{"total": each.seconds, **each.split} for each in played]
            kinds = [kind for kind in ("total", *KINDS) if any(kind in split for split in splits)]
            table.append({kind: fmean(split.get(kind, 0.0) for split in splits) for kind in kinds})
    return table


def _by_sequence(results: Sequence[SampleResult]) -> dict[str, dict[str, Any]]:
    """Objects, frames, first frames and J, F, J&F by round of each sequence, mean over its objects and samples."""
    table: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(result.sequence for result in results):
        mine = [result for result in results if result.sequence == name]
        first = [list(result.rounds[0].frames) for result in mine if result.rounds]
        rounds = max(len(result.rounds) for result in mine)
        by_round = {
            metric: [fmean(_value_in(result, index, metric) for result in mine) for index in range(rounds)]
            for metric in METRICS
        }
        table[name] = {
            "objects": mine[0].num_objects,
            "frames": mine[0].num_frames,
            "scored_frames": max(len(result.masked_frames) for result in mine),
            "first_frames": first,
            "rounds": by_round,
        }
    return table


def _value_in(result: SampleResult, index: int, metric: Metric) -> float:
    if not result.rounds:
        return 0.0
    each = result.rounds[min(index, len(result.rounds) - 1)]
    return float(frame_values(each.scores, metric).mean())
