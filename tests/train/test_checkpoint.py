import resource

import pytest
import torch
from torch import nn

from ivos.errors import InputError, OutputError
from ivos.train.checkpoint import Average, Progression, load_checkpoint, save_checkpoint
from ivos.train.config import A_NET, T_NET, Recipe, rate_factor


def progression(seed: int) -> Progression:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3))
    return Progression(net, torch.optim.AdamW(net.parameters()), Average(net, 0.9))


def advance(run: Progression) -> None:
    run.net(torch.full((2, 2, 4, 4), float(run.step)) + torch.arange(4.0)).square().sum().backward()
    run.optimiser.step()
    run.optimiser.zero_grad()
    run.average.update(run.net, run.step)
    run.step += 1


def test_a_loaded_run_goes_on_like_the_saved_one(tmp_path):
    one, two = progression(0), progression(1)
    for _ in range(3):
        advance(one)
    one.seconds = 12.5
    save_checkpoint(tmp_path / "c.pt", one, "me")
    assert load_checkpoint(tmp_path / "c.pt", two, "me")
    assert (two.step, two.seconds) == (3, 12.5)
    for _ in range(2):
        advance(one)
        advance(two)
    for name, value in one.net.state_dict().items():
        assert torch.equal(two.net.state_dict()[name], value)
        assert torch.equal(two.average.state[name], one.average.state[name])
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


def test_no_checkpoint_is_a_fresh_run(tmp_path):
    run = progression(0)
    assert not load_checkpoint(tmp_path / "c.pt", run, "me")
    assert run.step == 0


def test_foreign_and_damaged_checkpoints_are_refused(tmp_path):
    path = tmp_path / "c.pt"
    save_checkpoint(path, progression(0), "me")
    with pytest.raises(InputError, match="another run"):
        load_checkpoint(path, progression(0), "you")
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match="cannot be read"):
        load_checkpoint(path, progression(0), "me")
    torch.save([1, 2], path)
    with pytest.raises(InputError, match="no checkpoint"):
        load_checkpoint(path, progression(0), "me")


def test_damage_anywhere_in_a_checkpoint_is_one_sentence(tmp_path):
    path = tmp_path / "c.pt"
    save_checkpoint(path, progression(0), "me")
    whole = path.read_bytes()
    for place in range(0, len(whole), 41):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            load_checkpoint(path, progression(0), "me")
        except InputError as error:
            assert str(path) in str(error)
    torch.save({"identity": "me", "net": {}}, path)
    with pytest.raises(InputError, match="does not fit"):
        load_checkpoint(path, progression(0), "me")


def test_a_checkpoint_that_the_system_keeps_back_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="name too long"):
        load_checkpoint(tmp_path / ("c" * 300), progression(0), "me")


def test_a_full_disk_leaves_the_old_checkpoint_and_says_so(tmp_path):
    path, net = tmp_path / "c.pt", nn.Linear(200, 300)
    run = Progression(net, torch.optim.AdamW(net.parameters()), Average(net, 0.9))
    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"c.pt' was not written: File too large"):
            save_checkpoint(path, run, "me")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("c.pt", b"old")]


def test_the_average_follows_the_definition():
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    average, expected = Average(net, 0.9), 0.0
    for step in range(100):
        nn.init.constant_(net.weight, float(step))
        average.update(net, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert float(average.state["weight"]) == pytest.approx(expected, rel=1e-4)
    last = Average(net, 0.0)
    nn.init.constant_(net.weight, 5.0)
    last.update(net, 77)
    assert float(last.state["weight"]) == 5.0


def test_the_papers_numbers_are_the_defaults_of_its_preset():
    first, second = A_NET["paper"], T_NET["paper"]
    assert (first.steps, first.batch) == (60 * 7000, 6)
    assert (second.steps, second.batch, second.auxiliary, second.annotated) == (40 * 6000, 8, 0.1, (1,))
    for recipe, epoch in ((first, 7000), (second, 6000)):
        assert recipe.learning_rate == 1e-5
        assert recipe.weight_decay == recipe.overlap == recipe.ema == 0
        assert recipe.balance == 1
        factors = [rate_factor(recipe, epoch * n) for n in (0, 19, 20, 39)]
        assert factors == pytest.approx([1, 1, 0.2, 0.2])
        assert rate_factor(recipe, 20 * epoch - 1) == 1
    assert rate_factor(first, 40 * 7000) == pytest.approx(0.04)


def test_the_cosine_schedule_warms_up_and_falls():
    recipe = Recipe(steps=1000, batch=1, learning_rate=1.0, schedule="cosine")
    factors = [rate_factor(recipe, step) for step in range(1000)]
    assert factors[0] == pytest.approx(1 / 200)
    assert max(factors) == factors[199]
    assert factors[199:] == sorted(factors[199:], reverse=True)
    assert factors[-1] == pytest.approx(0.01, rel=0.01)
