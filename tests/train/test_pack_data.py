"""`scripts/pack_data.sh`: the training data in parts that travel one by one."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "pack_data.sh"
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
    return subprocess.run(["bash", SCRIPT, *arguments], capture_output=True, text=True, check=False)


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
