"""The pair of networks that a config describes."""

from __future__ import annotations

from typing import TypeAlias

import torch

from ivos.errors import InputError
from ivos.model.config import ModelConfig
from ivos.model.lite_net import LiteATNet
from ivos.model.paper_net import PaperATNet

ATNet: TypeAlias = LiteATNet | PaperATNet


def build(config: ModelConfig, *, seed: int = 0) -> ATNet:
    """Untrained networks of `config`, on the CPU in training mode.

    Args:
        config: Usually one of `ivos.model.config.PRESETS`.
        seed: Of PyTorch's initialisation; the global random state is left as it was.

    Raises:
        InputError: The config asks for an ablation or a local transfer that its architecture does not have.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _construct(config)


def build_empty(config: ModelConfig) -> ATNet:
    """Networks of `config` without memory for their weights, which `load_state_dict(..., assign=True)` brings."""
    with torch.device("meta"):
        return _construct(config)


def _construct(config: ModelConfig) -> ATNet:
    ablated = config.matching != "transfer" or config.local.features != "front"
    if ablated and config.architecture != "lite":
        raise InputError(
            f"The networks '{config.name}' are to have matching {config.matching!r} and local features"
            f" {config.local.features!r}; these ablations exist for the architecture 'lite' only."
        )
    if config.architecture == "lite" and (config.local.normalised_over == "rows" or config.local.score == "mean"):
        raise InputError(
            f"The networks '{config.name}' are to have the local score {config.local.score!r}, normalised over"
            f" {config.local.normalised_over!r}; 'mean' and 'rows' exist for the architecture 'paper' only."
        )
    return LiteATNet(config) if config.architecture == "lite" else PaperATNet(config)
