"""Whole runs: resume after a kill, several processes, settings that are refused."""

import errno
import math
import shutil
import signal
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from ivos.errors import InputError, WeightsError
from ivos.model.atnet import build
from ivos.model.config import PRESETS
from ivos.model.weights import load_weights, read_card, save_weights
from ivos.train.config import A_NET, A_NET_BESIDE_T_NET, T_NET
from ivos.train.log import read_log
from ivos.train.run import imagenet_encoder, recipe_of, run
from ivos.train.settings import AnetTraining, TnetTraining

STEPS = 4
SEED = 1  # in its samples no cell is so close to the decision that rounding draws another stroke


def settings(data: Path, init: Path, **more: object) -> dict[str, object]:
    sources = (f"davis-2016:{data / 'DAVIS'}", f"folder:{data / 'photos'}")
    tiny = {
        "steps": STEPS,
        "batch": 2,
        "crop": 64,
        "workers": 0,
        "precision": "32-true",
        "checkpoint_steps": 2,
        "seed": SEED,
    }
    return {"data": sources, "init": init, **tiny, **more}


def finish(process) -> None:
    with process:
        output, errors = process.communicate()
    assert process.returncode == 0, output + errors


@pytest.fixture(scope="module")
def straight(data, lite_weights, tmp_path_factory):
    """The folder of an undisturbed run of T-Net's stage in one process (this one)."""
    out = tmp_path_factory.mktemp("t-net")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run(TnetTraining(**settings(data, lite_weights, out=out)))
    torch.set_num_threads(threads)
    return out


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_run_goes_on_to_the_same_weights_and_log(straight, data, lite_weights, training, tmp_path):
    with training("t-net", **settings(data, lite_weights, out=tmp_path)) as killed:
        for line in killed.stdout:  # one step behind the checkpoint of step 2, so that step 3 is computed twice
            if line.strip() == "3":
                killed.kill()
                break
    assert killed.returncode == -signal.SIGKILL
    assert read_log(tmp_path / "log.csv")["step"][:3] == [1, 2, 3]
    finish(training("t-net", **settings(data, lite_weights, out=tmp_path, workers=1)))
    one, two = (torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (straight, tmp_path))
    assert one["step"] == two["step"] == STEPS
    for part in ("net", "average"):
        assert all(torch.equal(value, two[part][name]) for name, value in one[part].items())
    logs = [read_log(folder / "log.csv") for folder in (straight, tmp_path)]
    assert logs[0]["step"] == logs[1]["step"] == list(range(1, STEPS + 1))
    assert logs[0]["loss"] == logs[1]["loss"]
    for name in ("loss.png", "samples-000000.png"):
        assert (tmp_path / name).stat().st_size > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_compute_what_one_computes_with_the_whole_batch(straight, data, lite_weights, training, tmp_path):
    # A-Net takes the same loop; its losses in two processes are compared in test_command.py.
    finish(training("t-net", **settings(data, lite_weights, out=tmp_path), devices=2))
    one, two = (read_log(folder / "log.csv") for folder in (straight, tmp_path))
    assert one.keys() == two.keys()
    for name in one.keys() - {"seconds"}:
        np.testing.assert_allclose(two[name], one[name], rtol=2e-3, atol=1e-4, err_msg=name)
    first, second = (load_weights(folder / "weights.safetensors") for folder in (straight, tmp_path))
    for name, value in first.state_dict().items():
        torch.testing.assert_close(second.state_dict()[name], value, rtol=2e-2, atol=2e-3, msg=name)


def test_minutes_stop_a_run_with_weights_and_the_same_command_goes_on(data, lite_weights, tmp_path, one_thread):
    steps = []
    common = settings(data, lite_weights, out=tmp_path, steps=3)
    for minutes in (1e-9, 1e-9, 100.0, 100.0):
        path = run(AnetTraining(**common, minutes=minutes), lambda progress: steps.append(progress.step))
        assert load_weights(path).config.name == "lite"
    card = read_card(path)
    assert card["note"] == "untrained"  # of the weights it started from
    assert card["a-net"]["steps_done"] == 3
    assert card["a-net"]["differs_from_paper"]["batch"] == {"paper": 6, "here": 2}
    assert steps == [1, 2, 3]
    assert read_log(tmp_path / "log.csv")["step"] == [1, 2, 3]
    with pytest.raises(InputError, match="another run"):
        run(AnetTraining(**common | {"seed": SEED + 1}))


def test_settings_replace_numbers_of_the_presets_recipe(tmp_path):
    config = AnetTraining(data=("sbd:x",), out=tmp_path, preset="paper", steps=5)
    assert recipe_of(config).steps == 5
    assert recipe_of(config).batch == A_NET["paper"].batch
    assert recipe_of(TnetTraining(data=("sbd:x",), out=tmp_path, init=tmp_path)) == T_NET["lite"]


def test_a_net_beside_a_trained_t_net_leaves_everything_else(data, lite_weights, tmp_path, one_thread):
    before = load_weights(lite_weights)
    both = tmp_path / "both.safetensors"
    save_weights(before, both, card={"t-net": {"seed": 7}})
    common = settings(data, both, out=tmp_path / "run", steps=2) | {"crop": None, "batch": 1}
    config = AnetTraining(**common, beside_t_net=True)
    recipe = recipe_of(config)
    assert (recipe.crop, recipe.frozen_stages) == (A_NET_BESIDE_T_NET.crop, len(before.encoder.backbone.stages))
    path = run(config)
    log = read_log(tmp_path / "run" / "log.csv")
    assert log["moved"][0] < 1e-9
    assert log["moved"][1] > 1e-9
    after = load_weights(path).state_dict()
    moved = {name for name, value in before.state_dict().items() if not torch.equal(value, after[name])}
    assert moved
    assert all(name.startswith("annotation_net.") and "running" not in name for name in moved)
    card = read_card(path)
    assert card["t-net"] == {"seed": 7}
    assert card["a-net"]["recipe"]["beside_t_net"]


def test_a_run_does_not_go_on_from_other_weights_in_the_file_that_it_began_with(data, lite_weights, tmp_path):
    init = tmp_path / "init.safetensors"
    shutil.copy(lite_weights, init)
    common = settings(data, init, out=tmp_path / "run", steps=2)
    run(AnetTraining(**common, minutes=1e-9))
    save_weights(build(PRESETS["lite"], seed=2), init, card={})
    with pytest.raises(InputError, match="another run"):
        run(AnetTraining(**common))


def test_a_run_ends_well_though_the_file_that_it_began_with_is_gone(data, lite_weights, tmp_path):
    init = tmp_path / "init.safetensors"
    shutil.copy(lite_weights, init)
    path = run(AnetTraining(**settings(data, init, out=tmp_path / "run", steps=1)), lambda _: init.unlink())
    assert read_card(path)["note"] == "untrained"
    assert len(read_card(path)["a-net"]["init_digest"]) == 64


def test_two_runs_do_not_train_into_one_folder_at_once(data, lite_weights, tmp_path, monkeypatch):
    monkeypatch.setattr("ivos.train.loop.PATIENCE_SECONDS", 0.3)
    config = AnetTraining(**settings(data, lite_weights, out=tmp_path, steps=1))
    refused = []

    def once_more(_):
        with pytest.raises(InputError, match="Another run trains into") as caught:
            run(config)
        refused.append(caught)

    run(config, once_more)
    assert len(refused) == 1
    run(config)  # it is free again


def test_a_run_trains_where_the_file_system_has_no_locks(data, lite_weights, tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def unknown(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", unknown)
    assert run(AnetTraining(**settings(data, lite_weights, out=tmp_path, steps=1))).is_file()


def test_a_run_that_diverges_says_so_and_keeps_its_last_checkpoint(data, lite_weights, tmp_path):
    common = settings(data, lite_weights, out=tmp_path, checkpoint_steps=1, learning_rate=1e30)
    with pytest.raises(InputError, match=r"The loss of step \d is (nan|inf): the run diverges"):
        run(AnetTraining(**common))
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert 0 < kept["step"] < STEPS
    assert len(read_log(tmp_path / "log.csv")["step"]) == kept["step"]


@pytest.mark.parametrize("more", [{}, {"init": "lite"}, {"preset": "paper"}])
def test_beside_t_net_needs_a_trained_t_net_of_lite(more, lite_weights, tmp_path):
    more = more | ({"init": lite_weights} if "init" in more else {})  # its T-Net is untrained
    with pytest.raises(InputError, match="beside a trained T-Net, but there is none to start from"):
        AnetTraining(data=("sbd:x",), out=tmp_path, beside_t_net=True, **more)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 2**63),
        ("steps", 0),
        ("minutes", -1),
        ("workers", -1),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("cache_gib", math.inf),
    ],
)
def test_numbers_out_of_range_are_refused(name, value, tmp_path):
    with pytest.raises(InputError, match=name):
        AnetTraining(data=("sbd:x",), out=tmp_path, **{name: value})


def test_weights_of_another_preset_and_uneven_shares_are_refused(data, lite_weights, tmp_path):
    with pytest.raises(WeightsError, match="'lite'"):
        run(TnetTraining(**settings(data, lite_weights, out=tmp_path, preset="paper")))
    with pytest.raises(InputError, match="evenly"):
        run(TnetTraining(**settings(data, lite_weights, out=tmp_path, devices=3)))


@pytest.mark.parametrize(
    ("accelerator", "devices", "says"),
    [("cuda", 1, "'cuda:0' is not available"), ("mps", 1, "not available"), ("cuda", 2, "not available")],
)
def test_an_accelerator_this_machine_lacks_is_refused_before_a_folder_is_made(
    accelerator, devices, says, data, lite_weights, tmp_path, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    place = {"out": tmp_path / "out", "accelerator": accelerator, "devices": devices}
    with pytest.raises(InputError, match=says):
        run(AnetTraining(**settings(data, lite_weights, **place)))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("preset", "crop", "refused"),
    [("paper", None, True), ("lite", None, False), ("lite", 16, True), ("lite", 32, False)],
)
def test_a_whole_batch_of_one_is_refused_where_a_batch_norm_sees_one_value_a_sample(preset, crop, refused, tmp_path):
    given = {"data": ("sbd:x",), "out": tmp_path, "preset": preset, "batch": 1, "crop": crop}
    for config in (AnetTraining(**given), TnetTraining(**given, init=tmp_path)):
        with pytest.raises(InputError, match="at least 2") if refused else nullcontext():
            recipe_of(config)


def test_under_torchrun_other_numbers_of_processes_are_refused(data, lite_weights, tmp_path, monkeypatch):
    facts = {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "4", "LOCAL_RANK": "0", "RANK": "0"}
    for name, value in facts.items():
        monkeypatch.setenv(name, value)
    for devices, nodes in ((None, 1), (1, 1), (1, 2)):
        config = AnetTraining(**settings(data, lite_weights, out=tmp_path / "out", devices=devices, nodes=nodes))
        with pytest.raises(InputError, match="torchrun starts 4 processes"):
            run(config)
    assert not (tmp_path / "out").exists()


def test_the_imagenet_encoder_is_a_package_or_a_sentence(monkeypatch):
    monkeypatch.setattr("ivos.train.run.IMAGENET_PACKAGE", "no_such_package_at_all")
    with pytest.raises(InputError, match="pip install"):
        imagenet_encoder()
