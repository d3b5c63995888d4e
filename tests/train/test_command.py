"""Training from the command line: preset `paper` in both stages, every layout of data, torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ivos.cli import main
from ivos.model.weights import load_weights, read_card
from ivos.train.log import read_log

LAYOUTS = {"davis-2017": "DAVIS", "youtube-vos": "YT", "sbd": "SBD"}
TINY = ("--crop", "64", "--workers", "0", "--precision", "32-true")


def train(stage: str, out: Path, *more: str, preset: str = "paper") -> Path:
    """The folder of a run in this process, without its checkpoint: that of `paper` takes 2 GB."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivos.train.loop.save_checkpoint", lambda *_: None)
        assert main(["train", stage, "--preset", preset, "--out", str(out), *TINY, *more]) == 0
    return out


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("layout", ["youtube-vos", "sbd"])
def test_a_net_trains_on_the_other_layouts(layout, data, tmp_path):
    tiny = ("--data", f"{layout}:{data / LAYOUTS[layout]}", "--steps", "1", "--batch", "2")
    # Layouts are read alike for both presets, and `lite` is the quicker one.
    log = read_log(train("a-net", tmp_path / "a-net", *tiny, preset="lite") / "log.csv")
    assert np.isfinite(log["loss"]).all()
    assert log["loss"][0] > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_both_stages_train_one_after_the_other(data, tmp_path):
    tiny = ("--data", f"davis-2017:{data / LAYOUTS['davis-2017']}", "--steps", "1", "--batch", "2")
    a_net = train("a-net", tmp_path / "a-net", *tiny)
    t_net = train("t-net", tmp_path / "t-net", "--init", str(a_net / "weights.safetensors"), *tiny)
    for folder, figures in ((a_net, {"j"}), (t_net, {"j", "local"})):
        log = read_log(folder / "log.csv")
        assert log.keys() == {"step", "loss", "seconds", *figures}
        assert all(np.isfinite(value).all() for value in log.values())
        assert log["loss"][0] > 0
    card = read_card(t_net / "weights.safetensors")
    for stage in ("a-net", "t-net"):
        assert card[stage]["data"] == [tiny[1]]
        assert card[stage]["differs_from_paper"].keys() == {"steps", "batch", "crop"}
    states = [load_weights(folder / "weights.safetensors") for folder in (a_net, t_net)]
    assert {state.config.name for state in states} == {"paper"}
    before, after = (state.state_dict() for state in states)
    moved = {name for name in before if not before[name].equal(after[name])}
    assert {".".join(name.split(".")[:2]) for name in moved if name.startswith("annotation_net")} == {
        "annotation_net.converter"
    }
    assert any(name.startswith("transfer_net.encoder") for name in moved)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_torchrun_with_two_processes_gives_the_losses_of_one_with_the_whole_batch(data, tmp_path):
    # The loop is the same for both stages and presets; T-Net's losses in two processes are compared in test_run.py.
    batch_of_four = ("--data", f"davis-2017:{data / LAYOUTS['davis-2017']}", "--steps", "2", "--batch", "4")
    alone = train("a-net", tmp_path / "one", *batch_of_four, preset="lite")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "ivos"]
    command = [*torchrun, "train", "a-net", "--out", str(tmp_path / "two"), *TINY, *batch_of_four]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout.count("The weights are in") == 1
    assert read_card(tmp_path / "two" / "weights.safetensors")["a-net"]["processes"] == 2
    one, two = (read_log(folder / "log.csv") for folder in (alone, tmp_path / "two"))
    assert one["step"] == two["step"] == [1, 2]
    for name in one.keys() - {"seconds"}:
        pixels = 2e-3 if name.endswith("j") else 1e-4  # J counts pixels: rounding may flip a few at the threshold
        np.testing.assert_allclose(two[name], one[name], rtol=2e-3, atol=pixels, err_msg=name)
