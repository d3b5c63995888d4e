"""Whole-batch layers against PyTorch's on the whole batch; two threads stand for two processes."""

import threading

import pytest
import torch
from torch import nn

from ivos.train import whole_batch
from ivos.train.whole_batch import Place, WholeBatchDropout, WholeBatchNorm, share_batches


class Together:
    """A stand-in for torch.distributed among threads: sums what all of them bring, in any number of rounds."""

    def __init__(self, world: int) -> None:
        self.world, self.barrier, self.brought = world, threading.Barrier(world), {}

    def get_world_size(self) -> int:
        return self.world

    def all_reduce(self, tensor: torch.Tensor) -> None:
        self.brought[threading.get_ident()] = tensor.clone()
        self.barrier.wait(30)
        total = torch.stack(list(self.brought.values())).sum(0)
        self.barrier.wait(30)
        tensor.copy_(total)


def in_threads(function, world: int) -> list:
    results = [None] * world

    def work(rank: int) -> None:
        results[rank] = function(rank)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(world)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_batch_norms_of_shares_are_that_of_the_whole_batch(monkeypatch):
    monkeypatch.setattr(whole_batch, "distributed", Together(2))
    torch.manual_seed(0)
    x, weights = torch.randn(4, 3, 5, 6) * 2 + 7, torch.randn(4, 3, 5, 6)
    torch.set_num_threads(1)
    norm = nn.BatchNorm2d(3)
    nn.init.uniform_(norm.weight)
    nn.init.uniform_(norm.bias)
    nets = [nn.Sequential(nn.BatchNorm2d(3)) for _ in range(2)]
    for rank, net in enumerate(nets):
        net[0].load_state_dict(norm.state_dict())
        share_batches(net, Place(rank, 2))
        assert isinstance(net[0], WholeBatchNorm)
    whole = x.clone().requires_grad_()
    expected = norm(whole)
    (expected * weights).sum().backward()

    def share(rank: int) -> tuple[torch.Tensor, torch.Tensor]:
        mine = x[rank::2].clone().requires_grad_()
        with torch.enable_grad():
            y = nets[rank](mine)
            total = (y * weights[rank::2]).sum()
        (gradient,) = torch.autograd.grad(total, mine)
        return y.detach(), gradient

    for rank, (y, gradient) in enumerate(in_threads(share, 2)):
        torch.testing.assert_close(y, expected.detach()[rank::2], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(gradient, whole.grad[rank::2], rtol=1e-3, atol=1e-4)
        for name, value in norm.state_dict().items():
            torch.testing.assert_close(nets[rank][0].state_dict()[name], value, rtol=1e-4, atol=1e-5)


def test_dropouts_of_shares_are_that_of_the_whole_batch():
    x = torch.ones(6, 40)
    parts = []
    for place in (Place(0, 1), Place(0, 2), Place(1, 2)):
        torch.manual_seed(7)
        parts.append(WholeBatchDropout(0.25, place)(x[place.rank :: place.world]))
    whole = parts[0]
    assert torch.equal(whole[0::2], parts[1])
    assert torch.equal(whole[1::2], parts[2])
    assert sorted(whole.unique().tolist()) == pytest.approx([0, 1 / 0.75])
    assert 0.6 < float((whole > 0).float().mean()) < 0.9
    dropout = WholeBatchDropout(0.25, Place(0, 1)).eval()
    assert dropout(x) is x


def test_sharing_keeps_names_weights_and_evaluation():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ModuleDict({"norm": nn.BatchNorm2d(4, eps=0.1, momentum=0.2)})["norm"])
    net.append(nn.Dropout(0.5)).eval()
    before, x = dict(net.state_dict()), torch.randn(2, 3, 4, 4)
    expected = net(x)
    share_batches(net, Place(1, 4))
    net.eval()
    assert net.state_dict().keys() == before.keys()
    assert net[1].weight is not None
    assert (net[1].eps, net[1].momentum) == (0.1, 0.2)
    torch.testing.assert_close(net(x), expected)
    alone = nn.Sequential(nn.BatchNorm2d(3))
    share_batches(alone, Place(0, 1))
    assert type(alone[0]) is nn.BatchNorm2d
