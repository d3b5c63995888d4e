"""Measures how fast ivos is on this machine and puts the stored figures into the README.

    python benchmarks/run.py             # measure; writes benchmarks/results/speed-<machine>.json
    python benchmarks/run.py --readme    # renew the README's table from all speed-*.json

Kinds of sessions that are compared take turns within one run, so that a busy moment of the machine meets all of them.
"""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch
import tyro
from app import app_figures
from machine import ROOT, facts, matmul_gflops
from measure import OBJECTS, Part, Sample, loading_milliseconds, parts, session_times
from report import Result, table, with_table

import ivos
from ivos.io.synthetic import moving_shapes
from ivos.model.atnet import ATNet


@dataclass(frozen=True)
class Options:
    """What to do.

    Attributes:
        readme: Only renew the README's table from the stored results.
        size: Height and width of the clip in pixels.
        frames: Length of the clip; the `paper` preset, much slower, gets a sixth of it, at least 3.
        repeats: Sessions of each kind; the medians are reported.
        matmul_side: Side of the matrices that measure the machine's peak.
        results: Where the JSON goes.
    """

    readme: bool = False
    size: tuple[int, int] = (480, 854)
    frames: int = 24
    repeats: int = 5
    matmul_side: int = 2048
    results: Path = ROOT / "benchmarks" / "results"


def main(options: Options) -> None:
    """Measure and store, or renew the README."""
    if options.readme:
        readme = ROOT / "README.md"
        stored = [json.loads(path.read_text()) for path in sorted(options.results.glob("speed-*.json"))]
        readme.write_text(with_table(readme.read_text(), table(stored)))
        return
    result = measure(options)
    machine = result["machine"]
    name = re.sub(r"[^a-z0-9]+", "-", f"{machine['cpu']} {machine['cores']} cores".lower()).strip("-")
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / f"speed-{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(table([result]))
    print(f"Stored in {path}.")


def measure(options: Options) -> Result:
    """All figures of this machine, as they are stored."""
    machine = facts()
    print(", ".join(f"{key} {value}" for key, value in machine.items()), flush=True)
    lite = ivos.load_model("lite")
    with warnings.catch_warnings(action="ignore"):
        paper = ivos.load_model("paper")  # untrained, which takes as long
    peaks = {
        name: matmul_gflops(dtype, side=options.matmul_side, repeats=options.repeats)
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
    }
    print("matmul", {name: f"{rate:.0f} GFLOP/s" for name, rate in peaks.items()}, flush=True)
    samples = _sessions(lite, paper, options)
    return {
        "machine": machine,
        "clip": {"size": options.size, "frames": options.frames, "repeats": options.repeats},
        "matmul_gflops": peaks,
        "figures": figures(samples, [loading_milliseconds() for _ in range(options.repeats)]),
        "parts": {model.config.name: _parts(model, options, peaks) for model in (lite, paper)},
        "samples": samples,
        "app": app_figures(lite, options.size, options.frames, options.repeats),
    }


def _sessions(lite: ATNet, paper: ATNet, options: Options) -> dict[str, list[Sample]]:
    """Timings of the three kinds of sessions, taking turns; one short turn warms up."""
    clip, short = (
        moving_shapes(length, options.size, num_objects=OBJECTS)
        for length in (options.frames, max(3, options.frames // 6))
    )
    kinds = {"lite": (lite, clip, 1), "paper": (paper, short, 1), f"lite_{OBJECTS}": (lite, clip, OBJECTS)}
    for model, _, num_objects in kinds.values():
        session_times(model, short, num_objects)
    samples: dict[str, list[Sample]] = {name: [] for name in kinds}
    for turn in range(options.repeats):
        for name, kind in kinds.items():
            samples[name].append(session_times(*kind))
            timings = ", ".join(f"{what} {value:.0f} ms" for what, value in samples[name][-1].items())
            print(f"{turn + 1}/{options.repeats} {name}: {timings}", flush=True)
    return samples


def figures(samples: dict[str, list[Sample]], loading: list[float]) -> dict[str, float]:
    """The published figures: medians over the sessions, ratios turn by turn."""
    lite, paper, many = samples["lite"], samples["paper"], samples[f"lite_{OBJECTS}"]
    return {
        "first_round_ms": median(sample["first"] for sample in lite),
        "later_rounds_ms": median(sample["later"] for sample in lite),
        "annotate_new_ms": median(sample["annotate_new"] for sample in lite),
        "annotate_seen_ms": median(sample["annotate_seen"] for sample in lite),
        "paper_first_round_ms": median(sample["first"] for sample in paper),
        "lite_times_faster_than_paper": median(b["first"] / a["first"] for a, b in zip(lite, paper, strict=True)),
        "five_objects_to_one": median(b["first"] / a["first"] for a, b in zip(lite, many, strict=True)),
        "five_objects_to_one_later": median(b["later"] / a["later"] for a, b in zip(lite, many, strict=True)),
        "load_model_ms": median(loading),
    }


def _parts(model: ATNet, options: Options, peaks: dict[str, float]) -> dict[str, object]:
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    return {
        "dtype": dtype,
        **{name: _described(part, peaks[dtype]) for name, part in parts(model, options.size, options.repeats).items()},
    }


def _described(part: Part, peak_gflops: float) -> dict[str, float]:
    return {**asdict(part), "share_of_peak": 1000 * part.gflop / part.milliseconds / peak_gflops}


if __name__ == "__main__":
    main(tyro.cli(Options))
