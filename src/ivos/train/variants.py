"""The variants of the paper's Tables 3 and 4 at the scale of `lite`: each is a config, a lambda and nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from types import MappingProxyType

from ivos.errors import WeightsError
from ivos.io.atomic import make_folder
from ivos.model.atnet import build
from ivos.model.config import PRESETS, ModelConfig
from ivos.model.lite_net import LiteATNet
from ivos.model.weights import load_weights
from ivos.train.lite_stages import start_from_annotation_net
from ivos.train.log import read_log
from ivos.train.loop import LOG, Watch
from ivos.train.run import recipe_of, run_from
from ivos.train.settings import TnetTraining

MEASURED, WARM_UP = 24, 4  # steps of a trial that measures, the first of which do not count

LITE = PRESETS["lite"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of a table.

    Attributes:
        row: Its number or name in the table.
        key: Names its folder; equal keys in two tables are the same networks, which are trained once.
        title: What it is, in words.
        model: The networks.
        auxiliary: Lambda: the weight of the transferred maps' error. Networks without such maps do not read it.
    """

    row: str
    key: str
    title: str
    model: ModelConfig = LITE
    auxiliary: float = 0.1


PROPOSED = Variant("VI", "proposed", "both transfers, front features, lambda = 0.1")
TABLES: Mapping[str, tuple[Variant, ...]] = MappingProxyType(
    {
        "table3": (
            Variant(
                "I", "without-local", "no local transfer", replace(LITE, local=replace(LITE.local, features="none"))
            ),
            Variant(
                "II",
                "rear-features",
                "local transfer with rear features",
                replace(LITE, local=replace(LITE.local, features="rear")),
            ),
            Variant("III", "lambda-0", "lambda = 0: no auxiliary loss", auxiliary=0.0),
            Variant("IV", "lambda-0.5", "lambda = 0.5", auxiliary=0.5),
            Variant("V", "lambda-1", "lambda = 1", auxiliary=1.0),
            PROPOSED,
        ),
        "table4": (
            Variant(
                "scribbles",
                "nearest-to-scribbles",
                "matching with the scribbles: distance maps in place of both transfers",
                replace(LITE, matching="nearest-to-scribbles"),
            ),
            Variant(
                "prediction",
                "nearest-to-prediction",
                "matching with A-Net's prediction: distance maps in place of both transfers",
                replace(LITE, matching="nearest-to-prediction"),
            ),
            replace(PROPOSED, row="proposed"),
        ),
    }
)
"""The rows of each table, the proposed method last."""


def variant_net(variant: Variant, config: TnetTraining) -> LiteATNet:
    """The variant's networks with encoder and A-Net of `config.init` and a T-Net that starts from A-Net's decoder.

    Raises:
        InputError: There is no such weights file.
        WeightsError: It is damaged, or not of the `lite` architecture.
    """
    given = load_weights(config.init)
    if not isinstance(given, LiteATNet):
        raise WeightsError(
            f"{config.init} holds networks of preset '{given.config.name}'; the ablations start from a trained A-Net of"
            " preset 'lite'."
        )
    net = build(replace(variant.model, widths=given.config.widths), seed=config.seed)
    assert isinstance(net, LiteATNet), "the variants are of the lite architecture"
    net.encoder.load_state_dict(given.encoder.state_dict())
    net.annotation_net.load_state_dict(given.annotation_net.state_dict())
    start_from_annotation_net(net)
    return net


def train_variant(variant: Variant, config: TnetTraining, watch: Watch | None = None) -> None:
    """Train a variant into `config.out`; a run that was killed goes on. Arguments and errors as of `ivos.train.run`."""
    run_from(variant_net(variant, config), replace(recipe_of(config), auxiliary=variant.auxiliary), config, watch)


def seconds_per_step(config: TnetTraining, *, trial_steps: int) -> float:
    """How long a step of the proposed variant takes here: the mean of a trial, whose first steps do not count.

    The trial's folder is thrown away.

    Raises:
        InputError: See `ivos.train.run`.
        OutputError: See `ivos.train.run`.
    """
    make_folder(config.out)
    with tempfile.TemporaryDirectory(dir=config.out, prefix="measuring-") as folder:
        trial = replace(config, out=Path(folder), steps=trial_steps)
        train_variant(PROPOSED, trial)
        seconds = read_log(trial.out / LOG)["seconds"]
    return fmean(seconds[WARM_UP:] or seconds)
