"""What a training sample looks like, the order samples come in, and the data set that the loop reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.utils.data import Dataset

Sample = dict[str, Tensor]
Slot = tuple[int, int]  # step, place in the batch
WHOLE = 254
"""What 1 is in maps of uint8: an even number, so that 0.5, the previous mask of round 1, is exact."""


class Sampling(Protocol):
    """How samples of the two stages are drawn; each is determined by its random generators alone."""

    def annotation_sample(self, rng: np.random.Generator) -> Sample:
        """One frame for A-Net.

        Returns:
            image (3, S, S) uint8; mask (S, S) uint8: 1 object, 255 unknown; maps (3, S, S) uint8: previous mask,
            positive and negative map, as of `levels`; draw (): what random choices of the loss are seeded with.
        """

    def sequence_sample(self, rng: np.random.Generator, of_step: np.random.Generator) -> Sample:
        """A mini-sequence for T-Net.

        Args:
            rng: For this sample.
            of_step: In the same state for all samples of a batch, for what they must have in common.

        Returns:
            images (T, 3, S, S) and masks (T, S, S) of the N annotated frames and all that follow; maps (N, 3, S, S)
            of the annotated frames; draw; and what else the stage of the same preset asks for.
        """


def levels(maps: ArrayLike) -> Tensor:
    """Maps in [0, 1] as uint8 levels 0..254 of the same shape."""
    return torch.from_numpy(np.rint(WHOLE * np.asarray(maps, np.float32)).astype(np.uint8))


def shares(of_levels: Tensor) -> Tensor:
    """What `levels` were made of: float in [0, 1]."""
    return of_levels.float() / WHOLE


class Samples(Dataset[Sample]):
    """Samples by (step, place in the batch), the same whoever asks and whenever."""

    def __init__(self, sampling: Sampling, seed: int, *, sequences: bool) -> None:
        """Draw sequences for T-Net, or single frames for A-Net."""
        self._sampling, self._seed, self._sequences = sampling, seed, sequences

    def __getitem__(self, slot: Slot) -> Sample:
        """The sample of a slot."""
        rng = np.random.default_rng((self._seed, *slot))
        if not self._sequences:
            return self._sampling.annotation_sample(rng)
        of_step = np.random.default_rng((self._seed, slot[0], 10**6))  # no place in a batch
        return self._sampling.sequence_sample(rng, of_step)


class Share:
    """One process's slots of every batch from `first_step` on: place `rank`, `rank + world`, ..."""

    def __init__(self, steps: range, batch: int, rank: int, world: int) -> None:
        """The slots of the batches numbered `steps`."""
        self._steps, self._places = steps, range(rank, batch, world)

    def __len__(self) -> int:
        """How many batches."""
        return len(self._steps)

    def __iter__(self) -> Iterator[list[Slot]]:
        """The slots, batch by batch."""
        for step in self._steps:
            yield [(step, place) for place in self._places]
