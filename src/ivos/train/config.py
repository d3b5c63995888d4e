"""The numbers of a training run: the paper's for preset `paper`, a shorter recipe for `lite`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

WARM_UP = 200  # steps of the "cosine" schedule


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one stage is optimised.

    Attributes:
        steps: Batches in all.
        batch: Samples in a batch, over all processes together.
        learning_rate: Adam's at the start.
        schedule: "step" multiplies by `decay` every `decay_steps`; "cosine" warms up for 200 steps and falls to 1 %.
        decay: Factor of the "step" schedule.
        decay_steps: Batches between two decays.
        weight_decay: Decoupled (AdamW).
        encoder_rate: Learning rate of the encoder, as a share of `learning_rate`.
        frozen_stages: Encoder stages that are not trained, from the image on.
        clip_norm: Gradients are scaled down to this norm; None leaves them as they are.
        ema: Decay of the averaged weights that are saved; 0 saves the last ones.
        balance: Class balance of the cross-entropy: 1 the paper's, 0 none.
        overlap: Weight of the soft overlap loss.
        edges: How much more, at most, a pixel of a thin part or a rim counts in both.
        auxiliary: Weight of the transferred maps' error, the paper's lambda.
        crop: Side of a training crop in pixels.
        annotated: Numbers of annotated frames of a T-Net batch to choose from.
        beside_t_net: Whether A-Net's decoder alone is trained, beside a trained T-Net that goes on fitting it.
    """

    steps: int
    batch: int
    learning_rate: float
    schedule: Literal["step", "cosine"]
    decay: float = 0.2
    decay_steps: int = 1
    weight_decay: float = 0.0
    encoder_rate: float = 1.0
    frozen_stages: int = 0
    clip_norm: float | None = 5.0
    ema: float = 0.999
    balance: float = 1.0
    overlap: float = 0.0
    edges: float = 0.0
    auxiliary: float = 0.1
    crop: int = 288
    annotated: tuple[int, ...] = (1,)
    beside_t_net: bool = False


A_NET = MappingProxyType(
    {
        "paper": Recipe(
            steps=60 * 7000,
            batch=6,
            learning_rate=1e-5,
            schedule="step",
            decay=0.2,
            decay_steps=20 * 7000,
            clip_norm=None,
            ema=0.0,
            crop=384,
        ),
        "lite": Recipe(
            steps=2000,
            batch=8,
            learning_rate=1.5e-3,
            schedule="cosine",
            weight_decay=1e-2,
            encoder_rate=0.15,
            frozen_stages=3,
            balance=0.0,
            overlap=1.0,
            edges=2.0,
        ),
    }
)
"""Stage 1 by preset. The paper trains 60 epochs of 7000 batches of 6. The side of a crop is ours."""

A_NET_BESIDE_T_NET = replace(
    A_NET["lite"], steps=3600, batch=5, learning_rate=4e-4, crop=384, frozen_stages=7, beside_t_net=True
)
"""Stage 1 of `lite` again, beside a trained T-Net: nothing runs backwards through the encoder, so crops may be wide."""

T_NET = MappingProxyType(
    {
        "paper": Recipe(
            steps=40 * 6000,
            batch=8,
            learning_rate=1e-5,
            schedule="step",
            decay=0.2,
            decay_steps=20 * 6000,
            clip_norm=None,
            ema=0.0,
            crop=384,
        ),
        "lite": Recipe(
            steps=2400,
            batch=4,
            learning_rate=1.5e-3,
            schedule="cosine",
            weight_decay=1e-2,
            encoder_rate=0.2,
            frozen_stages=3,
            balance=0.0,
            overlap=1.0,
            edges=2.0,
            auxiliary=0.5,
            annotated=(1, 2, 2, 3),
        ),
    }
)
"""Stage 2 by preset. The paper trains 40 epochs of 6000 batches of 8, with lambda = 0.1."""


def rate_factor(recipe: Recipe, step: int) -> float:
    """The learning rate at a 0-based step as a share of `recipe.learning_rate`."""
    if recipe.schedule == "step":
        return recipe.decay ** (step // recipe.decay_steps)
    warm = min(1.0, (step + 1) / WARM_UP)
    return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(step / recipe.steps, 1.0))))
