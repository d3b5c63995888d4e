"""The training loop: Lightning Fabric for devices and processes, everything else in sight.

A sample depends on nothing but (seed, step, place in the batch), and so do the random choices of the loss. A run that
was killed therefore goes on exactly where its checkpoint stood, and N processes compute together what one computes
with the whole batch.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ivos.errors import InputError
from ivos.io.atomic import free_lock, make_folder, take_lock
from ivos.model.weights import device_called
from ivos.train.checkpoint import Average, Progression, State, load_checkpoint, save_checkpoint
from ivos.train.config import rate_factor
from ivos.train.log import Log, read_log
from ivos.train.pictures import loss_curve, sample_grid
from ivos.train.samples import Samples, Sampling, Share
from ivos.train.stages import Batch, Stage
from ivos.train.whole_batch import Place, share_batches

CHECKPOINT, LOG, CURVE, LOCK = "checkpoint.pt", "log.csv", "loss.png", ".lock"
PATIENCE_SECONDS = 12.0  # workers of a run that was killed hold its folder for a moment
CHECKPOINTS_A_GRID = 10  # a picture of samples is replaced this often before the next one is begun


@dataclass(frozen=True, slots=True)
class Run:
    """Where and how a stage runs; none of it changes what is computed, beyond rounding.

    Attributes:
        out: Folder of checkpoint, log and pictures.
        workers: Processes that prepare samples; 0 prepares them between the steps.
        devices: Processes that train on this machine (DDP if there is more than one in all); None: as many as torchrun
            starts here, without it 1.
        nodes: Machines.
        accelerator: "cpu", "cuda" or "mps".
        precision: Fabric's name: "bf16-mixed" or "32-true".
        checkpoint_steps: Batches between two checkpoints.
        minutes: Stop behind the first step that ends later than this after the start, with a checkpoint.
    """

    out: Path
    workers: int = 1
    devices: int | None = None
    nodes: int = 1
    accelerator: str = "cpu"
    precision: str = "bf16-mixed"
    checkpoint_steps: int = 100
    minutes: float = math.inf


@dataclass(frozen=True, slots=True)
class Progress:
    """One step, as it is reported to whoever watches.

    Attributes:
        step: Batches done, of `steps`.
        steps: Batches in all.
        figures: `loss` and the stage's own figures, means over the batch.
    """

    step: int
    steps: int
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Trained:
    """The outcome of a run, finished or stopped.

    Attributes:
        weights: Averaged state dict of the networks, on the CPU.
        steps: Batches done.
        seconds: Time it took, over all starts.
        processes: How many trained, on all machines together.
        leads: Whether this process is the one that writes files; true without DDP.
    """

    weights: State
    steps: int
    seconds: float
    processes: int
    leads: bool


Watch = Callable[[Progress], None]


def train(
    stage: Stage, sampling: Sampling, run: Run, *, seed: int, identity: str, watch: Watch | None = None
) -> Trained:
    """The averaged weights of the stage's networks after the run, which goes on if `run.out` holds its checkpoint.

    Args:
        stage: What is trained; the weights of its networks are where a fresh run starts.
        sampling: Draws the samples.
        run: Where it runs.
        seed: Of the samples and all random choices.
        identity: Describes the run in a line; a checkpoint of another identity is refused.
        watch: Called after every step in the process that writes the files.

    Raises:
        InputError: This machine lacks the accelerator, the batch cannot be shared out evenly, torchrun starts another
            number of processes than the run has, the checkpoint is another run's, a picture is damaged, or the run
            diverges.
        OutputError: A file cannot be written.
    """
    fabric = _launched(stage, run)
    with _alone(fabric, run.out):
        return _trained(fabric, stage, sampling, run, seed=seed, identity=identity, watch=watch)


def _trained(
    fabric: Fabric, stage: Stage, sampling: Sampling, run: Run, *, seed: int, identity: str, watch: Watch | None
) -> Trained:
    state, rates = _set_up(stage, fabric)
    load_checkpoint(run.out / CHECKPOINT, state, identity)
    module, optimiser = fabric.setup(stage, state.optimiser)
    log = Log(run.out / LOG, state.step) if fabric.is_global_zero else None
    last, deadline = time.monotonic(), time.monotonic() + 60 * run.minutes
    for batch in _batches(fabric, stage, sampling, run, (seed, state.step)):
        _seed_torch(seed, state.step)
        _set_rates(optimiser, rates, rate_factor(stage.recipe, state.step))
        figures = _optimise(fabric, module, optimiser, batch, stage.recipe.clip_norm)
        if not math.isfinite(figures["loss"]):
            raise InputError(
                f"The loss of step {state.step + 1} is {figures['loss']}: the run diverges. Start anew in another"
                " folder with a lower --learning-rate; the last checkpoint stays as it was."
            )
        state.average.update(stage.net, state.step)
        now = time.monotonic()
        state.step, state.seconds, spent, last = state.step + 1, state.seconds + now - last, now - last, now
        late = _agreed(fabric, now > deadline)
        if log is not None:
            log.add(state.step, {**figures, "seconds": spent})
            if late or state.step % run.checkpoint_steps == 0 or state.step == stage.recipe.steps:
                log.secure()
                save_checkpoint(run.out / CHECKPOINT, state, identity)
                _draw(stage, batch, run, state.step)
            if watch is not None:
                watch(Progress(state.step, stage.recipe.steps, figures))
        if late:
            break
    weights = {name: value.cpu() for name, value in state.average.state.items()}
    return Trained(weights, state.step, state.seconds, fabric.world_size, fabric.is_global_zero)


def _launched(stage: Stage, run: Run) -> Fabric:
    devices = _devices(run)
    processes = devices * run.nodes
    device_called(run.accelerator if run.accelerator == "cpu" else f"{run.accelerator}:{devices - 1}")
    make_folder(run.out)
    if stage.recipe.batch % processes:
        raise InputError(
            f"A batch of {stage.recipe.batch} cannot be shared out evenly to {processes} processes;"
            " change the batch or the number of devices."
        )
    fabric = Fabric(
        accelerator=run.accelerator,
        devices=devices,
        num_nodes=run.nodes,
        strategy="ddp" if processes > 1 else "auto",
        precision=run.precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    return fabric


@contextmanager
def _alone(fabric: Fabric, folder: Path) -> Iterator[None]:
    """The time in which no other run writes to a folder; the leading process holds it for all of a run's.

    Raises:
        InputError: Another run has it.
    """
    file, refused = None, False
    try:
        if fabric.is_global_zero:
            with suppress(OSError):  # another user's, say; whether the folder can be written to is known
                file = (folder / LOCK).open("ab")
            refused = file is not None and not take_lock(file, PATIENCE_SECONDS)
        if _agreed(fabric, refused):
            raise InputError(f"Another run trains into '{folder}' now; wait until it is over, or give another folder.")
        yield
    finally:
        if file is not None:
            free_lock(file)
            file.close()


def _devices(run: Run) -> int:
    """The processes on this machine: as many as the run says, else as torchrun starts, else 1."""
    if not TorchElasticEnvironment.detect():
        return run.devices or 1
    here, in_all = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    devices = run.devices or here
    if devices * run.nodes != in_all:
        raise InputError(
            f"torchrun starts {in_all} processes in all, but training on {run.nodes} nodes with {devices} devices each"
            f" takes {devices * run.nodes}; give the same numbers to both, or start without torchrun."
        )
    return devices


def _set_up(stage: Stage, fabric: Fabric) -> tuple[Progression, list[float]]:
    """The state that a fresh run starts from, and the learning rates of the optimiser's groups."""
    share_batches(stage.net, Place(fabric.global_rank, fabric.world_size))
    stage.to(fabric.device)
    stage.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    groups = stage.parameter_groups()
    rates = [float(group["lr"]) for group in groups]  # type: ignore[arg-type]
    optimiser = torch.optim.AdamW(groups, weight_decay=stage.recipe.weight_decay)
    return Progression(stage.net, optimiser, Average(stage.net, stage.recipe.ema)), rates


def _batches(fabric: Fabric, stage: Stage, sampling: Sampling, run: Run, start: tuple[int, int]) -> Iterator[Batch]:
    """This process's share of every batch from a (seed, step) on, on its device, the stage in training mode."""
    seed, step = start
    share = Share(range(step, stage.recipe.steps), stage.recipe.batch, fabric.global_rank, fabric.world_size)
    loader = DataLoader(
        Samples(sampling, seed, sequences=stage.sequences),
        batch_sampler=share,
        num_workers=run.workers,
        prefetch_factor=4 if run.workers else None,
    )
    try:
        for batch in loader:
            stage.train_mode()
            yield fabric.to_device(batch)
    except InputError as error:  # from a worker it comes with the worker's traceback in its text
        sentence = str(error).strip().splitlines()[-1].partition("InputError: ")
        raise InputError(sentence[2] or sentence[0]) from error


def _optimise(
    fabric: Fabric, module: nn.Module, optimiser: torch.optim.Optimizer, batch: Batch, clip_norm: float | None
) -> dict[str, float]:
    """One step of the optimiser; the loss and the stage's figures, as means over all processes.

    Where the gradient is not finite, neither is the loss that is returned.
    """
    loss, figures = module(batch)
    optimiser.zero_grad()
    fabric.backward(loss)
    norm = None
    if clip_norm is not None:
        norm = fabric.clip_gradients(module, optimiser, max_norm=clip_norm, error_if_nonfinite=False)
    optimiser.step()
    named = {"loss": float(loss.detach() if norm is None or norm.isfinite() else norm), **figures}
    means = fabric.all_reduce(torch.tensor(list(named.values()), device=fabric.device), reduce_op="mean")
    return dict(zip(named, means.tolist(), strict=True))  # type: ignore[union-attr]


def _set_rates(optimiser: torch.optim.Optimizer, rates: list[float], factor: float) -> None:
    for group, rate in zip(optimiser.param_groups, rates, strict=True):
        group["lr"] = rate * factor


def _seed_torch(seed: int, step: int) -> None:
    """Seed the generator that dropouts draw from, alike in all processes."""
    torch.manual_seed(int(np.random.SeedSequence((seed, step)).generate_state(1)[0]))


def _agreed(fabric: Fabric, true: bool) -> bool:  # noqa: FBT001
    """Whether something is true in any process, told to all of them, so that they stop behind the same step."""
    flag: Tensor = fabric.all_reduce(torch.tensor(float(true), device=fabric.device), reduce_op="sum")  # type: ignore[assignment]
    return bool(flag > 0)


def _draw(stage: Stage, batch: Batch, run: Run, step: int) -> None:
    span = CHECKPOINTS_A_GRID * run.checkpoint_steps
    sample_grid(batch, stage.answers(batch), run.out / f"samples-{step - step % span:06d}.png")
    loss_curve(read_log(run.out / LOG), run.out / CURVE)
