"""`scripts/train_lite.py`: the runs of the bundled weights; `scripts/pack_data.sh`: their data in parts that travel."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ivos.model.atnet import build
from ivos.model.config import PRESETS
from ivos.model.weights import load_weights, read_card, save_weights

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
READ = (
    "DAVIS/JPEGImages/360p/bear/00000.webp",
    "DAVIS/Annotations/360p/bear/00000.png",
    "DAVIS/ImageSets/2016/train.txt",
    "images/animals7/images/a deer.webp",
    "images/animals7/masks/a deer.png",
)
NOT_READ = ("DAVIS/JPEGImages/480p/camel/00000.jpg", "DAVIS/Annotations/480p/camel/00000.png")


@pytest.fixture
def folders(tmp_path):
    data, stamps = tmp_path / "shared data", tmp_path / "stamps of all kinds"
    rng = np.random.default_rng(0)
    files = [data / name for name in (*READ, *NOT_READ)]
    files += [stamps / name for name in ("animals/the cat.png", "plants/rose.webp", "animals/cat.ogg")]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(rng.bytes(5000))
    return data, stamps


def pack(*arguments):
    return subprocess.run(["bash", SCRIPTS / "pack_data.sh", *arguments], capture_output=True, text=True, check=False)


def test_the_parts_together_are_what_training_reads(folders, tmp_path):
    (data, stamps), out, there = folders, tmp_path / "parts", tmp_path / "there"
    out.mkdir()
    (out / "part-99").write_bytes(b"of an earlier call")
    assert pack(data, stamps, out, "16K").returncode == 0
    parts = sorted(out.iterdir())
    assert len(parts) > 2
    assert all(part.stat().st_size <= 16 * 1024 for part in parts)
    there.mkdir()
    whole = b"".join(part.read_bytes() for part in parts)
    subprocess.run(["tar", "--extract", "--directory", there], input=whole, check=True)
    expected = {f"data/{name}": data / name for name in READ}
    expected |= {f"stamps/{name}": stamps / name for name in ("animals/the cat.png", "plants/rose.webp")}
    found = {file.relative_to(there).as_posix() for file in there.rglob("*") if file.is_file()}
    assert found == set(expected)
    assert all((there / name).read_bytes() == source.read_bytes() for name, source in expected.items())


def test_a_missing_folder_ends_it(folders, tmp_path):
    data, stamps = folders
    assert pack(tmp_path / "nowhere", stamps, tmp_path / "parts").returncode != 0
    assert pack(data, tmp_path / "nowhere", tmp_path / "parts").returncode != 0
    assert "DAVIS" in pack().stderr


IVOS = """#!{python}
import pathlib, shutil, sys
if "--init" in sys.argv:
    assert pathlib.Path(sys.argv[sys.argv.index("--init") + 1]).is_file(), sys.argv
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
out.mkdir(parents=True)
with open("runs/log", "a") as log:
    print(*sys.argv[1:], sep="\\t", file=log)
shutil.copy("made-{{}}.safetensors".format(len(open("runs/log").readlines()) % 2), out / "weights.safetensors")
"""


def test_each_run_starts_from_weights_of_runs_before_it_and_has_a_seed_of_its_own(tmp_path):
    """A stand-in for `ivos` notes how it is called and leaves weights of one of two kinds, in turn."""
    for turn in (0, 1):
        net = build(PRESETS["lite"], seed=turn).eval()
        save_weights(net, tmp_path / f"made-{turn}.safetensors", card={"turn": turn})
    (tmp_path / "bin").mkdir()
    (tmp_path / "runs").mkdir()
    ivos = tmp_path / "bin" / "ivos"
    ivos.write_text(IVOS.format(python=sys.executable))
    ivos.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [sys.executable, SCRIPTS / "train_lite.py", "shared data", "all stamps", "--workers", "3"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PATH": path}, check=True)
    calls = [line.split("\t") for line in (tmp_path / "runs" / "log").read_text().splitlines()]
    assert "--init" not in calls[0]
    assert all("--init" in call for call in calls[1:])
    seeds = [call[call.index("--seed") + 1] for call in calls]
    assert len(set(seeds)) == len(calls)
    assert all(call[call.index("--workers") + 1] == "3" for call in calls)
    assert all(any(word.endswith(":shared data/images/animals7") for word in call) for call in calls)
    bundled = tmp_path / "src" / "ivos" / "weights" / "lite.safetensors"
    assert read_card(bundled)["turn"] == len(calls) % 2
    states = [load_weights(tmp_path / f"made-{turn}.safetensors").state_dict() for turn in (0, 1)]
    name = next(name for name, value in states[0].items() if value.dim() == 4)
    sixth = load_weights(tmp_path / "runs" / "lite-sixth" / "weights.safetensors").state_dict()
    np.testing.assert_allclose(sixth[name], (states[0][name] + states[1][name]) / 2, atol=1e-3)
    start, sharp = (
        load_weights(tmp_path / "runs" / f"lite-{run}" / "weights.safetensors").state_dict()
        for run in ("t-net-12-mean", "sharp")
    )
    for each, raised in ((name, 0), ("transfer_net.log_scale", np.array([0, 0.4]))):
        share = (states[(seeds.index("121") + 1) % 2][each] + start[each]) / 2
        np.testing.assert_allclose(sharp[each], share + raised, atol=2e-3)
    assert load_weights(bundled).state_dict()[name].equal(states[len(calls) % 2][name])  # of the last run, as it is
    beside = [call for call in calls if "--beside-t-net" in call]
    assert beside == calls[-2:]
    assert beside[0][beside[0].index("--init") + 1] == "runs/lite-sharp/weights.safetensors"
    videos = [next(word for word in call if word.startswith("davis-2016")).split(",")[1] for call in calls]
    assert videos == ["weight=6"] * (len(calls) - 5) + ["weight=7"] * 5  # the last runs draw from another mix
    eighth = load_weights(tmp_path / "runs" / "lite-eighth" / "weights.safetensors").state_dict()
    ninth_start = load_weights(tmp_path / "runs" / "lite-t-net-9-mean" / "weights.safetensors").state_dict()
    share = 0.7 * states[(seeds.index("51") + 1) % 2][name] + 0.3 * eighth[name]
    np.testing.assert_allclose(ninth_start[name], share, atol=1e-3)
