"""Building networks from a config."""

import pytest
import torch

from ivos.model.atnet import build, build_empty
from ivos.model.config import PRESETS


def test_a_seed_gives_the_same_networks_and_leaves_the_global_state():
    state = torch.random.get_rng_state()
    first, second, other = (build(PRESETS["lite"], seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("name", PRESETS)
def test_empty_networks_take_no_memory(name):
    net = build_empty(PRESETS[name])
    assert net.config == PRESETS[name]
    assert all(tensor.is_meta for tensor in net.state_dict().values())
