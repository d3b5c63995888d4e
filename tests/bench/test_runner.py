"""Whole runs of fake segmenters on tiny data sets."""

from __future__ import annotations

import csv
import importlib
import json
import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from ivos.bench import scoring, sheets
from ivos.bench.execution import Execution
from ivos.bench.rules import Rules
from ivos.bench.runner import Subset, as_source, benchmark, list_samples, run
from ivos.bench.sample import SampleResult, run_sample
from ivos.bench.scoring import Scorer, ScoringError
from ivos.bench.segmenters import GivenSource, NamedSource
from ivos.bench.sheets import write_sheets
from ivos.bench.store import Store
from ivos.bench.summary import COLUMNS
from ivos.core.scribbles import scribble_maps
from ivos.errors import InputError
from ivos.io.davis import Davis
from ivos.io.masks import read_mask, write_mask
from ivos.io.scribble_files import ScribbleFile, write_scribbles
from ivos.types import Annotation, Frames, Scribble

KILLER = """
import os
import signal
from pathlib import Path

from ivos.bench.copy_masks import CopyMasks


class KillsOnce(CopyMasks):
    def __init__(self, marker):
        super().__init__()
        self.marker = Path(marker)

    def __call__(self, frames, annotations, num_objects):
        if not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(frames, annotations, num_objects)
"""
NO_BUDGET = Rules(rounds=3, seconds_per_object=None)


def empty(frames: Frames, annotations: Sequence[Annotation], num_objects: int) -> np.ndarray:
    return np.zeros((len(frames), *frames.size), np.uint8)


def only_strokes(frames: Frames, annotations: Sequence[Annotation], num_objects: int) -> np.ndarray:
    masks = empty(frames, annotations, num_objects)
    for annotation in annotations:
        positive, _ = scribble_maps(annotation.scribbles, num_objects, frames.size)
        for k, drawn in enumerate(positive, start=1):
            masks[annotation.frame][drawn > 0] = k
    return masks


@dataclass
class FailsInRound:
    number: int
    answer: str = "raises"

    def __call__(self, frames: Frames, annotations: Sequence[Annotation], num_objects: int) -> np.ndarray:
        masks = empty(frames, annotations, num_objects)
        if len(annotations) < self.number:
            return masks
        if self.answer == "raises":
            raise RuntimeError("out of luck")
        if self.answer == "exits":
            sys.exit(3)
        if self.answer == "interrupted":
            raise KeyboardInterrupt
        return {"shape": masks[:, 1:], "ids": masks + num_objects + 3, "type": masks.astype(np.float32)}[self.answer]


@dataclass
class Filled:
    value: int

    def __call__(self, frames: Frames, annotations: Sequence[Annotation], num_objects: int) -> np.ndarray:
        return np.full((len(frames), *frames.size), self.value, np.uint8)


def lucky(frames: Frames, annotations: Sequence[Annotation], num_objects: int) -> np.ndarray:
    if "OUT_OF_LUCK" in os.environ:
        raise RuntimeError("out of luck")
    return empty(frames, annotations, num_objects)


@dataclass
class Pool:
    """Stands for a pool of processes."""

    is_broken: bool

    def map(self, function: Callable, *chunks: Iterable) -> Iterator:
        if self.is_broken:
            raise BrokenProcessPool("killed")
        return map(function, *chunks)

    def shutdown(self, cancel_futures: bool) -> None: ...


class Clock:
    """Each look takes a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def figures(result: SampleResult) -> tuple:
    rounds = [(each.frames, each.scores.tolist()) for each in result.rounds]
    worst = [(t, mask.tolist()) for t, mask in result.worst]
    return result.sequence, result.scribble_idx, result.num_objects, result.masked_frames, rounds, result.error, worst


@pytest.fixture(scope="module")
def davis(make_davis: Callable[..., Path]) -> Davis:
    return Davis(make_davis({"one": 1, "two": 2, "six": 1}), year=2017)


def test_strokes_alone_count_and_rounds_improve(davis: Davis) -> None:
    report = run(as_source(only_strokes), davis, NO_BUDGET, Execution(threads=1))
    assert [result.sequence for result in report.results] == ["one", "two", "six"]
    for result in report.results:
        assert result.error is None
        assert result.masked_frames == tuple(range(6))
        assert [each.scores.shape for each in result.rounds] == [(6, result.num_objects, 2)] * 3
        means = [each.scores.mean() for each in result.rounds]
        assert means[0] < means[1] < means[2]
        frames = [each.frames[0] for each in result.rounds]
        assert len(set(frames)) == 3  # the first frame has a stroke, so others are worse
    assert report.summary["rounds"]["J"][0] < report.summary["rounds"]["J"][2]
    assert report.summary["failed"] == 0
    assert 0 < report.auc < 1


def test_csv_has_the_official_columns_and_rows(davis: Davis) -> None:
    report = run(as_source(only_strokes), davis, NO_BUDGET, Execution())
    rows = list(csv.DictReader(report.csv().splitlines()))
    assert tuple(rows[0]) == ("", *COLUMNS)
    assert len(rows) == 3 * 6 * (1 + 2 + 1)  # rounds, frames, objects
    assert [int(row[""]) for row in rows] == list(range(len(rows)))
    assert {row["interaction"] for row in rows} == {"1", "2", "3"}
    assert {row["scribble_idx"] for row in rows} == {"1"}
    assert {row["object_id"] for row in rows} == {"1", "2"}
    assert {row["frame"] for row in rows} == {str(t) for t in range(6)}
    for row in rows:
        assert float(row["j_and_f"]) == (float(row["jaccard"]) + float(row["contour"])) / 2
    first = [row["timing"] for row in rows if (row["sequence"], row["interaction"]) == ("two", "1")]
    assert len(first) == 12
    assert len(set(first)) == 1


def test_interrupted_runs_go_on(davis: Davis, tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop_after_two(result: SampleResult) -> None:
        if result.sequence == "two":
            raise StopError

    source = as_source(only_strokes)
    with pytest.raises(StopError):
        run(source, davis, NO_BUDGET, Execution(), tmp_path, stop_after_two)
    before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "samples").glob("*.json")}
    assert set(before) == {"one.001.json", "two.001.json"}
    report = run(source, davis, NO_BUDGET, Execution(metric_workers=2, threads=3), tmp_path)
    assert report.summary["run"]["machine"]["threads"] == f"{torch.get_num_threads()} and 3"  # both played some
    assert report.summary["run"]["machine"]["workers"] == 1
    after = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "samples").glob("*.json")}
    assert before.items() <= after.items()
    whole = run(source, davis, NO_BUDGET, Execution())
    assert [figures(result) for result in report.results] == [figures(result) for result in whole.results]
    for name in ("report.csv", "summary.json", "report.md", "figure5.png", "figure5.svg"):
        assert (tmp_path / name).stat().st_size > 100
    assert {file.name for file in (tmp_path / "worst").iterdir()} == {f"{name}.001.png" for name in davis.sequences}
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert list(summary)[:3] == ["auc", "metric_at_threshold", "curve"]
    assert set(summary["metric_at_threshold"]) == {"threshold", "J_AND_F"}
    assert summary["metric_at_threshold"]["threshold"] == 60
    assert set(summary["curve"]) == {"time", "J_AND_F"}
    page = (tmp_path / "report.md").read_text()
    assert "AUC-J&F" in page
    assert "robot's, drawn from an empty prediction" in page


def test_a_missing_matplotlib_is_said_before_the_first_round(
    davis: Davis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # type: ignore[arg-type]
    rounds: list[SampleResult] = []
    with pytest.raises(InputError, match="ivos\\[bench\\]"):
        run(as_source(only_strokes), davis, NO_BUDGET, Execution(), tmp_path / "out", rounds.append)
    assert not rounds
    assert not (tmp_path / "out").exists()
    assert run(as_source(only_strokes), davis, NO_BUDGET, Execution()).results  # without a folder there are no figures


def test_a_folder_of_another_run_is_refused(davis: Davis, make_davis: Callable[..., Path], tmp_path: Path) -> None:
    run(as_source(only_strokes), davis, NO_BUDGET, Execution(), tmp_path)
    with pytest.raises(InputError, match="holds another run: its rules"):
        run(as_source(only_strokes), davis, replace(NO_BUDGET, rounds=2), Execution(), tmp_path)
    with pytest.raises(InputError, match="holds another run: its method"):
        run(as_source(empty), davis, NO_BUDGET, Execution(), tmp_path)
    other = make_davis({"one": 1, "two": 2}, size=(40, 48))  # as many frames and objects, the same names
    with pytest.raises(InputError, match=r"one\.001\.json' is the result of other images, masks or first strokes"):
        run(as_source(only_strokes), Davis(other), NO_BUDGET, Execution(), tmp_path)
    older = json.loads((tmp_path / "samples/one.001.json").read_text())
    del older["files"]
    (tmp_path / "samples/one.001.json").write_text(json.dumps(older))
    with pytest.raises(InputError, match="kept by an older version"):
        run(as_source(only_strokes), davis, NO_BUDGET, Execution(), tmp_path)
    (tmp_path / "samples/one.001.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        run(as_source(only_strokes), davis, NO_BUDGET, Execution(), tmp_path)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("raises", "Round 2 of 'one' failed. RuntimeError: out of luck"),
        ("exits", "Round 2 of 'one' failed. SystemExit: 3"),
        ("shape", r"shape \(6, 31, 48\) and type uint8; expected \(6, 32, 48\)"),
        ("ids", r"ids 4; expected 0 for background and 1..1"),
        ("type", "type float32"),
    ],
)
def test_failing_samples_are_reported_and_the_run_goes_on(davis: Davis, answer: str, sentence: str) -> None:
    report = run(GivenSource(FailsInRound(2, answer), "fails"), davis, NO_BUDGET, Execution())
    assert len(report.failed) == 3
    assert all(len(result.rounds) == 1 for result in report.results)
    assert re.search(sentence, str(report.results[0].error))
    assert report.summary["failed"] == 3
    assert "3 of 3 samples failed" in report.markdown()
    assert report.summary["rounds"]["J"] == [report.summary["rounds"]["J"][0]] * 3  # later rounds repeat the first


def test_an_interrupt_ends_the_run(davis: Davis) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(GivenSource(FailsInRound(2, "interrupted"), "interrupted"), davis, NO_BUDGET, Execution())


def test_failed_samples_are_tried_again(
    make_davis: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    davis = Davis(make_davis({"one": 1}))
    monkeypatch.setenv("OUT_OF_LUCK", "")
    assert len(run(as_source(lucky), davis, NO_BUDGET, Execution(), tmp_path).failed) == 1
    monkeypatch.delenv("OUT_OF_LUCK")
    assert not run(as_source(lucky), davis, NO_BUDGET, Execution(), tmp_path).failed


def test_metric_processes_that_die_are_no_failure_of_the_method(davis: Davis, monkeypatch: pytest.MonkeyPatch) -> None:
    one, rules = Subset(davis, ("one",)), replace(NO_BUDGET, rounds=2)
    serial = run(as_source(only_strokes), one, rules, Execution())
    monkeypatch.setattr(scoring, "WORTH_PROCESSES", 0)
    pools = [Pool(is_broken=True), Pool(is_broken=False)]
    monkeypatch.setattr(scoring, "process_pool", lambda workers: pools.pop(0))
    report = run(as_source(only_strokes), one, rules, Execution(metric_workers=2))
    assert [figures(result) for result in report.results] == [figures(result) for result in serial.results]
    pools = [Pool(is_broken=True), Pool(is_broken=True)]
    with pytest.raises(ScoringError, match="compute J and F died 2 times"):
        run(as_source(only_strokes), one, rules, Execution(metric_workers=2))


def test_a_folder_of_another_method_of_the_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(method: Callable, folder: str) -> None:
        Store(tmp_path / folder, GivenSource(method, "mine"), NO_BUDGET, "DAVIS")

    keep(Filled(0), "object")
    keep(Filled(0), "object")
    keep(partial(Filled(0), num_objects=1), "part")
    keep(Filled(0).__call__, "bound")
    for _ in range(2):
        keep(partial(Filled(0), weights=torch.zeros(2)), "tensor")  # wherever it lies in memory
    for method, folder in (
        (Filled(1), "object"),
        (partial(Filled(0), num_objects=2), "part"),
        (Filled(1).__call__, "bound"),
        (partial(Filled(0), weights=torch.ones(2)), "tensor"),
    ):
        with pytest.raises(InputError, match="holds another run: its digest"):
            keep(method, folder)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "bench_written.py").write_text("def segment(frames, annotations, num_objects): return 0\n")
    module = importlib.import_module("bench_written")
    keep(module.segment, "code")
    keep(module.segment, "code")
    (tmp_path / "bench_written.py").write_text("def segment(frames, annotations, num_objects): return 0 + 1\n")
    with pytest.raises(InputError, match="holds another run: its digest"):
        keep(importlib.reload(module).segment, "code")
    keep(lambda *given: 0, "lambda")
    with pytest.raises(InputError, match="nothing tells whether that was the same method"):
        keep(lambda *given: 0, "lambda")


def test_sheets_of_samples_that_are_no_longer_among_the_worst_go(
    davis: Davis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "WORST_SAMPLES", 1)
    one, two, _ = run(as_source(empty), davis, replace(NO_BUDGET, rounds=1), Execution()).results
    clips = {name: davis[name] for name in davis.sequences}
    write_sheets(tmp_path, [one], clips, "J")
    (tmp_path / "mine.png").touch()
    write_sheets(tmp_path, [replace(one, rounds=(), worst=()), two], clips, "J")
    assert {file.name for file in tmp_path.iterdir()} == {"two.001.png", "mine.png"}


def test_frames_without_a_true_mask_are_told(make_davis: Callable[..., Path]) -> None:
    root = make_davis({"one": 1, "two": 2, "six": 1, "image": 1})
    for name, masked in (("two", (0, 5)), ("six", (0,)), ("image", (0,))):
        for t in set(range(6)) - set(masked):
            (root / f"Annotations/480p/{name}/{t:05d}.png").unlink()
    for t in range(1, 6):
        (root / f"JPEGImages/480p/image/{t:05d}.jpg").unlink()
    rules = replace(NO_BUDGET, rounds=1)
    report = run(as_source(empty), Davis(root), rules, Execution())
    assert [result.sequence for result in report.failed] == ["six"]
    assert "'six' has 6 frames but a true mask of frame 0 only" in str(report.failed[0].error)
    assert report.results[1].rounds[0].scores.shape == (2, 2, 2)
    page = report.markdown()
    assert "J and F are of the frames that have a true mask" in page
    assert "| one | 1 | 6 of 6 |" in page
    assert "| two | 2 | 2 of 6 |" in page
    whole = Subset(Davis(root), ("one", "image"))
    assert "scored frames" not in run(as_source(empty), whole, rules, Execution()).markdown()


def test_ids_that_never_occur_are_not_scored(make_davis: Callable[..., Path], tmp_path: Path) -> None:
    root = make_davis({"two": 2})
    usual = list_samples(Davis(root))[0]
    rules = Rules(rounds=8, seconds_per_object=6.0)
    in_time = run_sample(only_strokes, usual, rules, Scorer(), Clock()).rounds
    for file in (root / "Annotations/480p/two").iterdir():
        mask = read_mask(file)
        write_mask(file, np.where(mask == 2, 4, mask).astype(np.uint8))
    sample = list_samples(Davis(root))[0]
    assert 0 < len(run_sample(only_strokes, sample, rules, Scorer(), Clock()).rounds) == len(in_time) < 8
    report = run(as_source(empty), Davis(root), NO_BUDGET, Execution())
    assert report.summary["rounds"]["J"] == [0, 0, 0]
    assert report.summary["sequences"]["two"]["objects"] == 2
    assert {row["object_id"] for row in csv.DictReader(report.csv().splitlines())} == {"1", "4"}
    store, result = Store(tmp_path, as_source(empty), NO_BUDGET, "DAVIS"), report.results[0]
    store.save(sample, result)
    loaded = store.load(sample)
    assert loaded is not None
    assert (figures(loaded), loaded.object_ids) == (figures(result), (1, 4))
    file = tmp_path / "samples/two.001.json"
    older = {**json.loads(file.read_text()), "num_objects": 2}
    del older["object_ids"]
    file.write_text(json.dumps(older))
    with pytest.raises(InputError, match="also scored ids that are in no true mask"):
        store.load(sample)


def test_the_protocol_has_eight_rounds() -> None:
    assert (Rules().rounds, Rules().seconds_per_object) == (8, 240.0)


def test_budget_drops_a_round_that_ends_too_late(davis: Davis) -> None:
    sample = list_samples(davis)[0]
    rules = Rules(rounds=8, seconds_per_object=12.0)
    result = run_sample(only_strokes, sample, rules, Scorer(), Clock())
    assert result.over_budget
    assert result.error is None
    assert 0 < len(result.rounds) < 8
    assert all(each.seconds == 1 for each in result.rounds)  # metrics and robot are not billed
    unlimited = run_sample(only_strokes, sample, replace(rules, seconds_per_object=None), Scorer(), Clock())
    assert not unlimited.over_budget
    assert len(unlimited.rounds) == 8


def test_a_perfect_method_has_nothing_to_correct(davis: Davis) -> None:
    clip = davis["two"]
    truth = np.stack(list(clip.masks()))
    calls = []

    def perfect(frames: Frames, annotations: Sequence[Annotation], num_objects: int) -> np.ndarray:
        calls.append(len(annotations))
        return truth

    result = run_sample(perfect, list_samples(davis)[1], NO_BUDGET, Scorer())
    assert calls == [1]
    assert [each.frames for each in result.rounds][1:] == [(), ()]
    assert all((each.scores == 1).all() for each in result.rounds)
    assert [each.seconds for each in result.rounds][1:] == [0, 0]


def test_first_frames_depend_on_the_seed_alone(davis: Davis) -> None:
    def first(seed: int) -> list[tuple[int, ...]]:
        report = run(as_source(empty), davis, replace(NO_BUDGET, rounds=1, seed=seed), Execution())
        return [result.rounds[0].frames for result in report.results]

    assert first(0) == first(0)
    assert len({tuple(first(seed)) for seed in range(5)}) > 1


def test_human_scribbles_make_samples(make_davis: Callable[..., Path], tmp_path: Path) -> None:
    root = make_davis({"two": 2})
    folder = root / "Scribbles/two"
    folder.mkdir(parents=True)
    strokes = [Scribble(1, [(0.15, 0.2), (0.2, 0.2)]), Scribble(2, [(0.15, 0.5), (0.2, 0.5)])]
    for index, frame in ((1, 0), (2, 3)):
        write_scribbles(folder / f"00{index}.json", ScribbleFile("two", 6, (Annotation(frame, strokes),)))
    by_robot = make_davis({"two": 2})
    run(as_source(only_strokes), Davis(by_robot), NO_BUDGET, Execution(), tmp_path)
    shutil.copytree(folder, by_robot / "Scribbles/two")
    with pytest.raises(InputError, match="other images, masks or first strokes than those that 'two' has now"):
        run(as_source(only_strokes), Davis(by_robot), NO_BUDGET, Execution(), tmp_path)
    report = run(as_source(only_strokes), Davis(root), NO_BUDGET, Execution())
    assert [(r.scribble_idx, r.rounds[0].frames) for r in report.results] == [(1, (0,)), (2, (3,))]
    assert report.summary["samples"] == 2
    assert "human scribble files" in report.markdown()
    for content, sentence in (
        (ScribbleFile("else", 6, (Annotation(0, strokes),)), "is for 'else'; expected 'two'"),
        (ScribbleFile("two", 7, (Annotation(0, strokes),)), "has 7 frames; 'two' has 6"),
        (ScribbleFile("two", 6, ()), "holds no stroke"),
        (ScribbleFile("two", 6, (Annotation(0, [Scribble(3, [(0, 0)])]),)), "object 3; 'two' has objects 1..2"),
    ):
        write_scribbles(folder / "002.json", content)
        failed = run(as_source(only_strokes), Davis(root), NO_BUDGET, Execution()).failed
        assert len(failed) == 1
        assert sentence in str(failed[0].error)
    (folder / "003.json").write_bytes((folder / "001.json").read_bytes())
    for bad in ("001", "003"):  # a failed sample counts for all objects, whichever it is
        for name in ("001", "002", "003"):
            whole = ScribbleFile("two", 6, (Annotation(0, strokes),))
            write_scribbles(folder / f"{name}.json", whole if name != bad else replace(whole, sequence="else"))
        report = run(as_source(only_strokes), Davis(root), NO_BUDGET, Execution())
        assert {result.num_objects for result in report.results} == {2}
        played = [result for result in report.results if result.rounds]
        each = np.mean([result.rounds[0].scores[..., 0].mean() for result in played])
        assert report.summary["rounds"]["J"][0] == pytest.approx(each * 2 / 3)


def test_a_sequence_that_is_named_twice_is_played_once(davis: Davis) -> None:
    report = run(as_source(only_strokes), Subset(davis, ("one", "one")), NO_BUDGET, Execution())
    assert [result.sequence for result in report.results] == ["one"]


def test_merged_clips_have_one_object(make_davis: Callable[..., Path]) -> None:
    root = make_davis({"two": 2}, year=2016)
    (root / "Scribbles/two").mkdir(parents=True)
    strokes = [Scribble(2, [(0.15, 0.5), (0.2, 0.5)]), Scribble(0, [(0.9, 0.9)])]
    write_scribbles(root / "Scribbles/two/001.json", ScribbleFile("two", 6, (Annotation(1, strokes),)))
    result = run(as_source(only_strokes), Davis(root, year=2016), NO_BUDGET, Execution()).results[0]
    assert (result.error, result.num_objects) == (None, 1)
    assert 0 < result.rounds[0].scores[1, 0, 0] < 0.9


def test_data_sets_that_cannot_be_run(make_davis: Callable[..., Path]) -> None:
    root = make_davis({"one": 1, "none": 0})
    results = run(as_source(empty), Davis(root), NO_BUDGET, Execution()).results
    assert results[0].error is None
    assert "show no object" in str(results[1].error)
    (root / "ImageSets/2017/val.txt").write_text("one\nmissing\n")
    with pytest.raises(InputError, match="'missing' is missing"):
        benchmark(empty, Davis(root))
    with pytest.raises(InputError, match="17 rounds"):
        benchmark(empty, Davis(root), rounds=17)


@pytest.fixture
def killer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], GivenSource]:
    """The baseline `copy` that kills its own process the first time."""
    (tmp_path / "bench_killer.py").write_text(KILLER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    module = importlib.import_module("bench_killer")
    return lambda marker: GivenSource(module.KillsOnce(str(tmp_path / marker)), "copy")


@pytest.mark.timeout(400)
def test_worker_processes_give_the_same_figures(davis: Davis, killer: Callable[[str], GivenSource]) -> None:
    serial = run(NamedSource("copy"), davis, NO_BUDGET, Execution(threads=1))
    parallel = run(killer("pool"), davis, NO_BUDGET, Execution(workers=2, threads=1))
    assert [figures(result) for result in serial.results] == [figures(result) for result in parallel.results]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_ray_cluster_gives_the_same_figures(davis: Davis, killer: Callable[[str], GivenSource]) -> None:
    ray = pytest.importorskip("ray")
    serial = run(NamedSource("copy"), davis, NO_BUDGET, Execution(threads=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        try:
            on_ray = run(killer("ray"), davis, NO_BUDGET, Execution(ray="auto"))
        finally:
            ray.shutdown()
    assert [figures(result) for result in serial.results] == [figures(result) for result in on_ray.results]


def test_methods_that_cannot_be_sent_say_so(davis: Davis, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="cannot be sent to worker processes"):
        benchmark(lambda frames, annotations, num_objects: None, davis, workers=2)
    with pytest.raises(InputError, match="neither a preset"):
        benchmark("nothing-of-the-kind", davis)
    typed, main = lambda *given: None, ModuleType("__main__")  # as in a notebook or by `python -c`
    typed.__module__, typed.__qualname__, main.segment = "__main__", "segment", typed
    monkeypatch.setitem(sys.modules, "__main__", main)
    with pytest.raises(InputError, match="entered here can be imported from no file"):
        benchmark(typed, davis, workers=2)


def test_execution_is_checked(davis: Davis) -> None:
    with pytest.raises(InputError, match="at least 1"):
        Execution(workers=0)
    for wrong in ({"rounds": 2.0}, {"seed": "a"}, {"workers": "2"}):
        with pytest.raises(InputError, match="integer"):
            benchmark("copy", davis, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="not both"):
        Execution(workers=2, ray="auto")
    assert {Execution(workers=4).torch_threads, Execution(ray="auto").torch_threads} == {torch.get_num_threads()}
    assert Execution(threads=3).torch_threads == 3
