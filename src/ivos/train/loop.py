"""The training loop: Lightning Fabric for devices and processes, everything else in sight.

A sample depends on nothing but (seed, step, slot), so a run that was killed goes on exactly where its checkpoint
stood, and two processes see together what one process sees with the whole batch.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ivos.train.config import Recipe
from ivos.train.pictures import loss_curve, sample_grid
from ivos.train.samples import Pool, Sampler
from ivos.train.sources import PictureCache
from ivos.train.stages import AnnotationStage, TransferStage

Slot = tuple[int, int]  # step, place in the batch


@dataclass(frozen=True, slots=True)
class Run:
    """Where and how a stage runs.

    Attributes:
        out: Folder of checkpoint, log and pictures.
        seed: Of samples and initialisation.
        workers: Processes that prepare samples.
        devices: Processes that train (DDP if more than one).
        accelerator: "cpu", "cuda" or "mps".
        precision: Fabric's name: "bf16-mixed" or "32-true".
        checkpoint_steps: Batches between two checkpoints.
        minutes: Stop after this time at the latest, as if the process were killed behind a checkpoint.
    """

    out: Path
    seed: int = 0
    workers: int = 1
    devices: int = 1
    accelerator: str = "cpu"
    precision: str = "bf16-mixed"
    checkpoint_steps: int = 100
    minutes: float = math.inf


class Samples(Dataset[dict[str, Tensor]]):
    """Samples by (step, slot); all slots of a step have the same number of annotated frames."""

    def __init__(self, pool: Pool, recipe: Recipe, seed: int, *, sequences: bool) -> None:
        """Draw sequences for T-Net or single frames for A-Net."""
        self.sampler = Sampler(pool, PictureCache())
        self.recipe, self.seed, self.sequences = recipe, seed, sequences

    def __getitem__(self, slot: Slot) -> dict[str, Tensor]:
        """The sample of a slot."""
        rng = np.random.default_rng((self.seed, *slot))
        if not self.sequences:
            return self.sampler.annotation_sample(rng)
        of_step = np.random.default_rng((self.seed, slot[0], 10**6))
        return self.sampler.sequence_sample(int(of_step.choice(self.recipe.annotated)), rng)


def slots(recipe: Recipe, first_step: int, rank: int, world: int) -> Iterator[list[Slot]]:
    """This process's share of every batch from `first_step` on."""
    for step in range(first_step, recipe.steps):
        yield [(step, slot) for slot in range(rank, recipe.batch, world)]


def rate_factor(recipe: Recipe, step: int) -> float:
    """The learning rate at a step as a share of the first one."""
    if recipe.schedule == "step":
        return recipe.decay ** (step // recipe.decay_steps)
    warm = min(1.0, (step + 1) / 200)
    return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(step / recipe.steps, 1.0))))


class Average:
    """Exponential moving average of all parameters and statistics."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        """Start from the network as it is."""
        self.decay = decay
        self.state = {name: value.detach().clone() for name, value in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Move towards the network; the first steps move faster."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value.to(self.state[name].dtype), share)
            else:
                self.state[name].copy_(value)


def train(stage: AnnotationStage | TransferStage, pool: Pool, recipe: Recipe, run: Run) -> dict[str, Tensor]:
    """The averaged weights of the stage's network after the run; resumes from `run.out` if a checkpoint is there.

    Args:
        stage: What is trained; its network's weights are the starting point of a fresh run.
        pool: What samples are drawn from.
        recipe: How it is optimised.
        run: Where it runs.

    Returns:
        State dict of the network, on the CPU.
    """
    fabric = Fabric(accelerator=run.accelerator, devices=run.devices, strategy="auto", precision=run.precision)  # type: ignore[arg-type]
    fabric.launch()
    run.out.mkdir(parents=True, exist_ok=True)
    groups = stage.parameter_groups()
    rates = [float(group["lr"]) for group in groups]  # type: ignore[arg-type]
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    average = Average(stage.net, recipe.ema)
    step = _resume(run.out / "checkpoint.pt", stage, optimiser, average)
    stage.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    module, optimiser = fabric.setup(stage, optimiser)
    dataset = Samples(pool, recipe, run.seed, sequences=isinstance(stage, TransferStage))
    batches = slots(recipe, step, fabric.global_rank, fabric.world_size)
    loader = DataLoader(dataset, batch_sampler=batches, num_workers=run.workers, prefetch_factor=4 if run.workers else None)
    log, started = Log(run.out, fabric.is_global_zero), time.monotonic()
    for batch in loader:
        stage.train_mode()
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * rate_factor(recipe, step)
        rng = np.random.default_rng((run.seed, step, fabric.global_rank, 10**7))
        loss, figures = module(fabric.to_device(batch), rng)
        optimiser.zero_grad()
        fabric.backward(loss)
        fabric.clip_gradients(module, optimiser, max_norm=recipe.clip_norm)
        optimiser.step()
        average.update(stage.net, step)
        step += 1
        log.add(step, {"loss": float(loss.detach()), **figures})
        late = time.monotonic() - started > 60 * run.minutes
        if (step % run.checkpoint_steps == 0 or step == recipe.steps or late) and fabric.is_global_zero:
            _save(run.out / "checkpoint.pt", stage, optimiser, average, step)
            log.flush()
            sample_grid(stage, batch, run.out / f"samples-{step // (10 * run.checkpoint_steps):04d}.png")
        if late:
            break
    return {name: value.cpu() for name, value in average.state.items()}


def _save(path: Path, stage: nn.Module, optimiser: Any, average: Average, step: int) -> None:
    state = {
        "net": stage.net.state_dict(),  # type: ignore[union-attr]
        "optimiser": optimiser.state_dict(),
        "average": average.state,
        "step": step,
    }
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def _resume(path: Path, stage: nn.Module, optimiser: Any, average: Average) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    stage.net.load_state_dict(state["net"])  # type: ignore[union-attr]
    optimiser.load_state_dict(state["optimiser"])
    average.state = state["average"]
    return int(state["step"])


class Log:
    """Figures of every step in `log.csv`, and their curve as `loss.png`."""

    def __init__(self, out: Path, enabled: bool) -> None:  # noqa: FBT001
        """Append to what is there."""
        self.path, self.picture, self.enabled = out / "log.csv", out / "loss.png", enabled
        self.rows: list[dict[str, float]] = []
        self.last = time.monotonic()

    def add(self, step: int, figures: dict[str, float]) -> None:
        """Remember a step's figures."""
        now = time.monotonic()
        self.rows.append({"step": step, "seconds": now - self.last, **figures})
        self.last = now

    def flush(self) -> None:
        """Write them down."""
        fresh = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(self.rows[0]))
            if fresh:
                writer.writeheader()
            writer.writerows({k: round(v, 5) for k, v in row.items()} for row in self.rows)
        self.rows.clear()
        loss_curve(self.path, self.picture)
