"""`ivos bench`: the DAVIS interactive benchmark of a method."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ivos.cli.console import say, table
from ivos.errors import InputError

if TYPE_CHECKING:
    from ivos.bench.execution import Execution
    from ivos.bench.report import Report
    from ivos.bench.rules import Rules
    from ivos.bench.runner import Dataset
    from ivos.bench.sample import SampleResult
    from ivos.bench.segmenters import NamedSource


@dataclass(frozen=True)
class BenchFlags:
    """What is run, on what and where."""

    method: Annotated[str, tyro.conf.arg(aliases=["--model"])] = "lite"
    """copy, grabcut-flow, lite, or a weights file (presets paper and authors come untrained)."""
    split: str = "val"
    """Part of the data set."""
    year: Literal[2016, 2017] = 2017
    """DAVIS-2016 (one object) or DAVIS-2017."""
    layout: Literal["davis", "youtube-vos"] = "davis"
    """How the data set's folders are laid out."""
    sequences: tuple[str, ...] = ()
    """Only these sequences."""
    rounds: int = 8
    """Rounds of a sample, 1 to 16."""
    seconds_per_object: float | None = 240.0
    """Wall-clock budget of a sample for each of its objects; None: no limit."""
    metric: Literal["J", "F", "J_AND_F"] = "J_AND_F"
    """What the robot improves: the next frame is the worst by this."""
    robot: Literal["davis", "authors"] | None = None
    """The robot's parameters: those of the DAVIS service, or of the paper's evaluation (strokes from 2 nodes on);
    None: the paper's for networks of preset authors, else the service's."""
    seed: int = 0
    """Decides first frames (without human scribbles) and the robot's ties."""
    workers: int = 1
    """Processes that play samples side by side; times are only comparable with 1."""
    ray: str | None = None
    """Play samples on a Ray cluster: its address, or auto."""
    threads: int | None = None
    """PyTorch's threads in every process; None: as many as without workers. Equal threads give equal figures bit for
    bit; 1 is faster with many workers."""
    device: str = "cpu"
    """cpu, cuda or mps."""
    resolution: int | None = 480
    """The networks see frames whose short side is at most this many pixels; None: full size."""
    out: Path | None = None
    """Folder of the run, which goes on there after an interruption; None: out/bench/DATASET-METHOD."""
    single_step: bool = False
    """Instead of whole videos, measure A-Net and T-Net in single steps, which shows what to mend; with --out the
    figures are also written to single-step.json there."""
    every: int = 10
    """Frames from one single step to the next."""


def bench(
    root: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="ROOT")], flags: BenchFlags = BenchFlags()
) -> None:
    """Run the DAVIS interactive benchmark: a method and the scribble robot take turns on every sequence.

    Writes report.md, summary.json, report.csv, figure5.png and figure5.svg, and pictures of the worst cases.

    Args:
        root: The data set's folder.
        flags: The rest.
    """
    from ivos.bench.runner import dataset_name, list_samples, run

    dataset, source = _dataset(root, flags), _source(flags)
    if flags.single_step:
        _single_step(dataset, flags)
        return
    count = len(list_samples(dataset))
    out = flags.out or Path("out/bench") / f"{_slug(dataset_name(dataset))}-{source.name}"
    done = 0

    def show(result: SampleResult) -> None:
        nonlocal done
        done += 1
        say(f"[{done}/{count}] {_line(result)}")

    report = run(source, dataset, _rules(flags), _execution(flags), out, show)
    say(_result(report))
    say(f"The report is {out / 'report.md'}")


def _dataset(root: Path, flags: BenchFlags) -> Dataset:
    from ivos.bench.runner import Subset
    from ivos.io.davis import Davis
    from ivos.io.youtube_vos import YoutubeVos

    whole: Dataset
    if flags.layout == "davis":
        whole = Davis(root, split=flags.split, year=flags.year)
    else:
        whole = YoutubeVos(root, split=flags.split)
    return Subset(whole, flags.sequences) if flags.sequences else whole


def _source(flags: BenchFlags) -> NamedSource:
    from ivos.bench.segmenters import NamedSource

    return NamedSource(flags.method, flags.device, flags.resolution)


def _rules(flags: BenchFlags) -> Rules:
    from ivos.bench.rules import Rules
    from ivos.bench.segmenters import usual_robot
    from ivos.core.robot import ROBOT_PRESETS

    robot = ROBOT_PRESETS[flags.robot] if flags.robot else usual_robot(flags.method)
    return Rules(flags.rounds, flags.seconds_per_object, flags.metric, robot, flags.seed)


def _execution(flags: BenchFlags) -> Execution:
    from ivos.bench.execution import Execution

    return Execution(flags.workers, flags.ray, flags.threads, metric_workers=os.cpu_count() or 1)


def _single_step(dataset: Dataset, flags: BenchFlags) -> None:
    import torch

    from ivos.bench.segmenters import BASELINES
    from ivos.bench.single_step import single_step
    from ivos.io.atomic import atomic_write, make_folder
    from ivos.model.weights import load_model

    if flags.method in BASELINES:
        raise InputError(f"'{flags.method}' has no A-Net and T-Net to measure in single steps; name networks.")
    if flags.workers > 1 or flags.ray is not None:
        raise InputError("Single steps are measured in this process; leave out --workers and --ray.")
    torch.set_num_threads(_execution(flags).torch_threads)
    clips = (dataset[name] for name in dataset.sequences)
    networks = load_model(flags.method, device=flags.device)
    figures = single_step(
        networks,
        clips,
        every=flags.every,
        seed=flags.seed,
        resolution=flags.resolution,
        robot_config=_rules(flags).robot,
    )
    names = list(figures)
    rows = [[measure, *(_cell(figures[name].get(measure)) for name in names)] for measure in figures["mean"]]
    say(table(["mean J", *names], rows))
    if flags.out is not None:
        make_folder(flags.out)
        with atomic_write(flags.out / "single-step.json") as file:
            file.write(json.dumps(figures, indent=1).encode())


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _line(result: SampleResult) -> str:
    from ivos.bench.summary import final_value

    name = f"{result.sequence} {result.scribble_idx}"
    if result.error is not None:
        return f"{name}: FAILED. {result.error}"
    seconds = sum(each.seconds for each in result.rounds)
    scored = f" of {len(result.masked_frames)} of {result.num_frames} frames" if result.is_partly_masked else ""
    ending = ", out of time" if result.over_budget else ""
    value = final_value(result, "J_AND_F")
    return f"{name}: J&F {value:.3f}{scored} in {len(result.rounds)} rounds, {seconds:.1f} s{ending}"


def _result(report: Report) -> str:
    metrics = report.summary["metrics"]
    header, row = ["method"], [report.method]
    for metric, title in (("J", "J"), ("J_AND_F", "J&F")):
        header += [f"AUC-{title}", f"{title}@60s"]
        row += [f"{metrics[metric]['auc']:.4f}", f"{metrics[metric]['metric_at_threshold'][metric]:.4f}"]
    failed = f"\n{len(report.failed)} of {len(report.results)} samples failed." if report.failed else ""
    return table(header, [row]) + failed


def _slug(text: str) -> str:
    slug = "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
    return slug if len(slug) <= 100 else f"{slug[:90]}-{sha256(slug.encode()).hexdigest()[:8]}"  # a folder's name
