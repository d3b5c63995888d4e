"""Preset `paper` from the command line: both stages on every layout of data, and under torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ivos.cli import main
from ivos.model.atnet import build
from ivos.model.config import PRESETS
from ivos.model.weights import load_weights, read_card, save_weights
from ivos.train.log import read_log

LAYOUTS = {"davis-2017": "DAVIS", "youtube-vos": "YT", "sbd": "SBD"}
TINY = ("--preset", "paper", "--crop", "64", "--workers", "0", "--precision", "32-true")


def train(stage: str, out: Path, *more: str) -> Path:
    """The folder of a run in this process, without the 2 GB of its checkpoint."""
    assert main(["train", stage, "--out", str(out), *TINY, *more]) == 0
    (out / "checkpoint.pt").unlink()
    return out


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("layout", ["youtube-vos", "sbd"])
def test_a_net_trains_on_the_other_layouts(layout, data, tmp_path):
    tiny = ("--data", f"{layout}:{data / LAYOUTS[layout]}", "--steps", "1", "--batch", "2")
    log = read_log(train("a-net", tmp_path / "a-net", *tiny) / "log.csv")
    assert np.isfinite(log["loss"]).all()
    assert log["loss"][0] > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_both_stages_train_one_after_the_other(data, tmp_path):
    tiny = ("--data", f"davis-2017:{data / LAYOUTS['davis-2017']}", "--steps", "1", "--batch", "2")
    first = train("a-net", tmp_path / "a-net", *tiny)
    second = train("t-net", tmp_path / "t-net", "--init", str(first / "weights.safetensors"), *tiny)
    for folder, figures in ((first, {"j"}), (second, {"j", "local"})):
        log = read_log(folder / "log.csv")
        assert log.keys() == {"step", "loss", "seconds", *figures}
        assert all(np.isfinite(value).all() for value in log.values())
        assert log["loss"][0] > 0
    card = read_card(second / "weights.safetensors")
    for stage in ("a-net", "t-net"):
        assert card[stage]["data"] == [tiny[1]]
        assert card[stage]["differs_from_paper"].keys() == {"steps", "batch", "crop"}
    states = [load_weights(folder / "weights.safetensors") for folder in (first, second)]
    assert {state.config.name for state in states} == {"paper"}
    before, after = (state.state_dict() for state in states)
    moved = {name for name in before if not before[name].equal(after[name])}
    assert {".".join(name.split(".")[:2]) for name in moved if name.startswith("annotation_net")} == {
        "annotation_net.converter"
    }
    assert any(name.startswith("transfer_net.encoder") for name in moved)


@pytest.fixture(scope="module")
def paper_weights(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("paper") / "paper.safetensors"
    save_weights(build(PRESETS["paper"], seed=1), path, card={"note": "untrained"})
    return path


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_torchrun_with_two_processes_gives_the_losses_of_one_with_the_whole_batch(
    data, paper_weights, tmp_path, one_thread
):
    stage, steps = "a-net", 2  # T-Net takes the same loop; its losses in two processes are compared in test_run.py
    source = ("--data", f"davis-2017:{data / 'DAVIS'}", "--init", str(paper_weights))
    common = (*source, "--steps", str(steps), "--batch", "4")
    alone = train(stage, tmp_path / "one", *common)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "ivos"]
    command = [*torchrun, "train", stage, "--out", str(tmp_path / "two"), *TINY, *common]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert read_card(tmp_path / "two" / "weights.safetensors")[stage]["processes"] == 2
    one, two = (read_log(folder / "log.csv") for folder in (alone, tmp_path / "two"))
    assert one["step"] == two["step"] == list(range(1, steps + 1))
    for name in one.keys() - {"seconds"}:
        np.testing.assert_allclose(two[name], one[name], rtol=2e-3, atol=1e-4, err_msg=name)
