"""Where the samples of a benchmark run: in this process, in worker processes, or on a Ray cluster.

Samples are independent of each other, so their figures are the same everywhere; only the measured times differ.
"""

from __future__ import annotations

import os
import pickle
import platform
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from ivos.bench.rules import Rules
from ivos.bench.sample import Sample, SampleResult, failed_sample, run_sample
from ivos.bench.scoring import Scorer, process_pool
from ivos.bench.segmenters import NamedSource, Segmenter, Source
from ivos.errors import InputError

ATTEMPTS = 3
"""A sample whose process dies is done again; so often in all."""


@dataclass(frozen=True)
class Execution:
    """How the samples are spread.

    Attributes:
        workers: Processes that play samples side by side; 1 plays them one after the other in this process.
        ray: Address of a Ray cluster, or `auto` for the running one (a local one is started if none runs).
        threads: PyTorch's threads in every process; None: as many as in this one. Floating-point sums depend on it in
            the last digit: only equal threads give equal figures bit for bit. With many workers 1 is faster.
        metric_workers: Processes that compute J and F when samples are played one after the other.

    Raises:
        InputError: A number is no integer or smaller than 1, or both kinds of workers are asked for.
    """

    workers: int = 1
    ray: str | None = None
    threads: int | None = None
    metric_workers: int = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        for number in (self.workers, self.metric_workers, 1 if self.threads is None else self.threads):
            if not isinstance(number, int) or number < 1:
                raise InputError(f"The numbers of workers and threads must be integers of at least 1; got {number!r}.")
        if self.ray is not None and self.workers > 1:
            raise InputError("Give either workers on this machine or a Ray cluster, not both.")

    @property
    def torch_threads(self) -> int:
        """PyTorch's threads in every process."""
        return torch.get_num_threads() if self.threads is None else self.threads

    @property
    def machine(self) -> dict[str, object]:
        """Facts of this machine and of how it plays, by name."""
        return {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count() or 1,
            "workers": self.workers if self.ray is None else f"Ray at {self.ray}",
            "threads": self.torch_threads,
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
            "torch": torch.__version__,
            "python": platform.python_version(),
        }


@dataclass(frozen=True)
class Task:
    """What a process plays.

    Attributes:
        sample: The sequence.
        rules: Of the protocol.
        threads: PyTorch's threads.
    """

    sample: Sample
    rules: Rules
    threads: int


def execute(source: Source, tasks: Sequence[Task], execution: Execution) -> Iterator[SampleResult]:
    """The results of all tasks as they are done, in any order.

    Raises:
        InputError: The method cannot be loaded or sent to other processes, or the cluster is not to be reached.
        ScoringError: The processes that compute J and F died again and again.
    """
    if not tasks:
        return iter(())
    if execution.ray is None and execution.workers == 1:
        return _in_this_process(source, tasks, execution.metric_workers)
    try:
        pickled = pickle.dumps(source)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise _cannot_be_sent(source, str(error)) from error
    if execution.ray is not None:
        return _on_ray(source, tasks, execution.ray)
    main = sys.modules["__main__"]
    if b"__main__" in pickled and main.__spec__ is None and not Path(getattr(main, "__file__", "")).is_file():
        raise _cannot_be_sent(source, "what was entered here can be imported from no file")
    return _in_processes(source, tasks, execution.workers)


def _cannot_be_sent(source: Source, reason: str) -> InputError:
    return InputError(
        f"The method '{source.name}' cannot be sent to worker processes ({reason}); define it at the top "
        "level of a module, or run with one worker and without Ray."
    )


def play(source: Source, task: Task) -> SampleResult:
    """Play one sample in this process, which keeps the method for the next sample."""
    before = torch.get_num_threads()
    torch.set_num_threads(task.threads)
    try:
        with Scorer() as score:
            return run_sample(_loaded(source), task.sample, task.rules, score)
    finally:
        torch.set_num_threads(before)


@lru_cache(maxsize=1)
def _loaded(source: Source) -> Segmenter:
    return source.load()


def _in_this_process(source: Source, tasks: Sequence[Task], metric_workers: int) -> Iterator[SampleResult]:
    segmenter = source.load()
    before = torch.get_num_threads()
    torch.set_num_threads(tasks[0].threads)
    try:
        with Scorer(metric_workers) as score:
            for task in tasks:
                yield run_sample(segmenter, task.sample, task.rules, score)
    finally:
        torch.set_num_threads(before)


def _in_processes(source: Source, tasks: Sequence[Task], workers: int) -> Iterator[SampleResult]:
    """Results from a pool; when one of its processes dies, what is left is done again, in the end one by one."""
    left = list(tasks)
    for _ in range(ATTEMPTS - 1):
        for task, result in _pooled(source, list(left), workers):
            left.remove(task)
            yield result
    for task in left:  # the one that kills its process must not take others along
        yield next((result for _, result in _pooled(source, [task], 1)), _died(task))


def _pooled(source: Source, tasks: list[Task], workers: int) -> Iterator[tuple[Task, SampleResult]]:
    if not tasks:
        return
    with process_pool(min(workers, len(tasks))) as pool:
        futures = {pool.submit(play, source, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except BrokenProcessPool:
                    continue
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _died(task: Task) -> SampleResult:
    error = (
        f"The process that played it died {ATTEMPTS} times; it may have run out of memory, or its script cannot be "
        'imported for lack of `if __name__ == "__main__":`.'
    )
    return failed_sample(task.sample, error)


def _on_ray(source: Source, tasks: Sequence[Task], address: str) -> Iterator[SampleResult]:
    """Results from a cluster; Ray itself does the samples of a dead worker again."""
    ray = _ray()
    started_here = not ray.is_initialized()
    try:
        if started_here:
            ray.init(address=None if address == "auto" else address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(f"There is no Ray cluster at '{address}' ({error}); check the address.") from error
    try:
        gpus = int(isinstance(source, NamedSource) and source.device.startswith("cuda"))
        remote, shared = ray.remote(max_retries=ATTEMPTS - 1, num_gpus=gpus)(play), ray.put(source)
        running = {remote.remote(shared, task): task for task in tasks}
        while running:
            done = ray.wait(list(running), num_returns=1)[0][0]
            task = running.pop(done)
            try:
                yield ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise error.as_instanceof_cause() from error
            except ray.exceptions.RayError:
                yield _died(task)
    finally:
        if started_here:
            ray.shutdown()


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise InputError(
            "A Ray cluster was asked for, but Ray is not installed; run: pip install 'ivos[ray]'"
        ) from error
    return ray
