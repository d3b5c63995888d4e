"""Layers that treat the shares of all training processes as one batch.

With them N processes with a batch of B/N each compute what one process computes with the whole batch: statistics of
batch norms are those of all samples, and dropouts draw for all samples and use their own part. PyTorch's
SyncBatchNorm does the first on GPUs only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True, slots=True)
class Place:
    """Which share of the batch a process has: samples `rank`, `rank + world`, ... of the whole."""

    rank: int
    world: int


class _Mean(torch.autograd.Function):
    """The mean of a tensor over all processes; gradients are averaged likewise."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004
        total = x.clone()
        distributed.all_reduce(total)
        return total / distributed.get_world_size()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total / distributed.get_world_size()


class WholeBatchNorm(nn.BatchNorm2d):
    """A batch norm over the samples of all processes, which must have equally many; parameters as of `BatchNorm2d`."""

    def forward(self, input: Tensor) -> Tensor:
        """Shape (B, C, h, w) -> the same."""
        if not self.training:
            return super().forward(input)
        x = input.float()
        means = x.mean((0, 2, 3))
        shares = torch.stack((means, x.var((0, 2, 3), correction=0), means.square()))
        mean, inside, squares = _Mean.apply(shares)  # type: ignore[no-untyped-call]
        variance = inside + (squares - mean.square()).clamp(min=0)
        self._remember(mean.detach(), variance.detach(), x.numel() // x.shape[1] * distributed.get_world_size())
        factor = (self.weight * (variance + self.eps).rsqrt())[:, None, None]
        normed: Tensor = (x - mean[:, None, None]) * factor + self.bias[:, None, None]
        return normed.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics as `BatchNorm2d` does."""
        momentum = 0.1 if self.momentum is None else self.momentum
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), momentum)
        self.num_batches_tracked += 1


class WholeBatchDropout(nn.Module):
    """A dropout whose choice for a sample does not depend on how the batch is shared out.

    It draws from PyTorch's global generator, which all processes must have seeded alike.
    """

    def __init__(self, probability: float, place: Place) -> None:
        """Drop values with `probability`."""
        super().__init__()
        self._keep, self._place = 1 - probability, place

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, ...) -> the same."""
        if not self.training:
            return x
        whole = torch.rand((x.shape[0] * self._place.world, *x.shape[1:]), device=x.device)
        mine = whole[self._place.rank :: self._place.world] < self._keep
        return x * mine / self._keep


def share_batches(net: nn.Module, place: Place) -> None:
    """Replace the batch norms (if there are several processes) and dropouts of `net` in place; weights stay shared."""
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d) and place.world > 1:
                setattr(parent, name, _whole_batch_norm(child))
            elif isinstance(child, nn.Dropout):
                setattr(parent, name, WholeBatchDropout(child.p, place))


def _whole_batch_norm(norm: nn.BatchNorm2d) -> WholeBatchNorm:
    whole = WholeBatchNorm(norm.num_features, norm.eps, norm.momentum)
    whole.weight, whole.bias = norm.weight, norm.bias
    whole.running_mean, whole.running_var = norm.running_mean, norm.running_var
    whole.num_batches_tracked = norm.num_batches_tracked
    return whole
