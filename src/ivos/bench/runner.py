"""The DAVIS interactive benchmark of a method on a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

from ivos.bench.execution import Execution, Task, execute
from ivos.bench.figures import check_figures
from ivos.bench.report import Report
from ivos.bench.rules import Rules
from ivos.bench.sample import Sample, SampleResult
from ivos.bench.segmenters import GivenSource, NamedSource, Segmenter, SessionSegmenter, Source, usual_robot
from ivos.bench.store import Store
from ivos.errors import InputError
from ivos.io.clips import Clip
from ivos.io.davis import Davis
from ivos.io.youtube_vos import YoutubeVos
from ivos.model.networks import Networks


class Dataset(Protocol):
    """Sequences with masks, such as `ivos.Davis`."""

    @property
    def sequences(self) -> tuple[str, ...]:
        """Their names."""

    def __getitem__(self, name: str, /) -> Clip:
        """One of them."""


@dataclass(frozen=True)
class Subset:
    """Some sequences of a data set.

    Attributes:
        dataset: The whole.
        sequences: The names, in the order to run them; one that comes twice counts once.
    """

    dataset: Dataset
    sequences: tuple[str, ...]

    def __post_init__(self) -> None:
        """Leave out what comes again."""
        object.__setattr__(self, "sequences", tuple(dict.fromkeys(self.sequences)))

    def __getitem__(self, name: str, /) -> Clip:
        """One of them."""
        return self.dataset[name]


def benchmark(
    method: Networks | Segmenter | str | Path,
    dataset: Dataset,
    *,
    rounds: int = 8,
    seed: int = 0,
    workers: int = 1,
    out: str | Path | None = None,
) -> Report:
    """The report of a method under the DAVIS interactive protocol; networks of preset `authors` meet the paper's robot.

    Args:
        method: Networks from `ivos.load_model`, any `Segmenter` (a function will do), or a name: `copy`,
            `grabcut-flow`, a preset, the path of a weights file.
        dataset: Such as `ivos.Davis("DAVIS", split="val", year=2016)`.
        rounds: Rounds of a sample, 1..16.
        seed: Decides first frames and the robot's ties.
        workers: Processes that play samples side by side; a script that asks for more than one must be importable
            (`if __name__ == "__main__":`).
        out: Folder in which finished samples are kept, to go on after an interruption, and the report is written.

    Raises:
        InputError: An argument is out of range, the data set is incomplete, `out` holds another run, or it is given
            and Matplotlib is not installed.
        OutputError: `out` cannot be written to.
    """
    if isinstance(dataset, str | Path):
        raise InputError(f"The data set is given as '{dataset}'; expected one that is read, such as `ivos.Davis`.")
    method = str(method) if isinstance(method, Path) else method
    rules = Rules(rounds=rounds, seed=seed, robot=usual_robot(method))
    return run(as_source(method), dataset, rules, Execution(workers=workers), out)


def run(
    source: Source,
    dataset: Dataset,
    rules: Rules,
    execution: Execution,
    out: str | Path | None = None,
    on_result: Callable[[SampleResult], None] = lambda _: None,
) -> Report:
    """The report of a run; see `benchmark`.

    Args:
        source: The method.
        dataset: The sequences.
        rules: Of the protocol.
        execution: Where samples are played.
        out: See `benchmark`.
        on_result: Called with every result as it is there, stored ones first.

    Raises:
        InputError: See `benchmark`.
        OutputError: See `benchmark`.
    """
    if out is not None:
        check_figures()
    samples = list_samples(dataset)
    by_key = {(sample.clip.name, sample.scribble_idx): sample for sample in samples}
    label = dataset_name(dataset)
    store = None if out is None else Store(out, source, rules, label)
    results: dict[tuple[str, int], SampleResult] = {}
    for sample in samples if store is not None else ():
        stored = store.load(sample) if store is not None else None
        if stored is not None:
            results[stored.sequence, stored.scribble_idx] = stored
            on_result(stored)
    tasks = [Task(sample, rules, execution.torch_threads) for key, sample in by_key.items() if key not in results]
    for played in execute(source, tasks, execution):
        result = replace(played, machine=execution.machine)
        if store is not None:
            store.save(by_key[result.sequence, result.scribble_idx], result)
        results[result.sequence, result.scribble_idx] = result
        on_result(result)
    ordered = tuple(results[key] for key in by_key)
    report = Report(source.name, label, rules, ordered)
    if store is not None:
        report.write(store.folder, {sample.clip.name: sample.clip for sample in samples})
    return report


def list_samples(dataset: Dataset) -> list[Sample]:
    """The samples of a data set: every human scribble file of a sequence, or one with the robot's first strokes.

    Raises:
        InputError: There is no sequence, or images are missing or unreadable.
    """
    clips = (dataset[name] for name in dataset.sequences)
    samples = [Sample(clip, index) for clip in clips for index in range(1, max(1, len(clip.scribble_files)) + 1)]
    if not samples:
        raise InputError("There is no sequence to run the benchmark on.")
    return samples


def as_source(method: Networks | Segmenter | str) -> Source:
    """The method in the form that processes share; see `benchmark` for what it may be."""
    if isinstance(method, str):
        return NamedSource(method)
    if hasattr(method, "encode_image"):  # networks, which are callable, too
        networks = cast(Networks, method)
        return GivenSource(SessionSegmenter(networks), networks.config.name)
    if not callable(method):
        raise InputError(f"The method is {method!r}; expected networks, a function or a name.")
    return GivenSource(method, getattr(method, "__name__", type(method).__name__))


def dataset_name(dataset: Dataset) -> str:
    """What reports call the data set."""
    if isinstance(dataset, Davis):
        return f"DAVIS-{dataset.year} {dataset.split}"
    if isinstance(dataset, YoutubeVos):
        return f"YouTube-VOS {dataset.split}"
    if isinstance(dataset, Subset):
        return f"{dataset_name(dataset.dataset)}: {', '.join(dataset.sequences)}"
    return type(dataset).__name__
