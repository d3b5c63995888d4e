"""Tiny training data of every kind, made once, and small networks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from ivos.io.masks import write_mask
from ivos.io.synthetic import moving_shapes
from ivos.model.atnet import build
from ivos.model.config import PRESETS
from ivos.model.weights import save_weights
from ivos.train.data import library_from_specs
from ivos.train.scenery import Scenery
from ivos.train.sources import PictureCache

PROGRAM = Path(__file__).parent / "tiny_training.py"
CROP = 64


def write_clip(images: Path, masks: Path, *, seed: int, count: int = 12, every: int = 1) -> None:
    images.mkdir(parents=True)
    masks.mkdir(parents=True)
    clip = moving_shapes(count, (80, 112), num_objects=2, seed=seed)
    for t in range(count):
        Image.fromarray(clip.frames[t]).save(images / f"{t:05d}.jpg", quality=95)
        if t % every == 0:
            write_mask(masks / f"{t:05d}.png", clip.masks[t])


def write_photograph(seed: int) -> tuple[Image.Image, np.ndarray]:
    clip = moving_shapes(1, (90, 70), num_objects=2, seed=seed)
    return Image.fromarray(clip.frames[0]), clip.masks[0]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with DAVIS, YouTube-VOS, SBD, photos (images and masks) and stamps (cut-outs)."""
    root = tmp_path_factory.mktemp("data")
    davis = root / "DAVIS"
    for i, name in enumerate(("ball", "box")):
        write_clip(davis / "JPEGImages/480p" / name, davis / "Annotations/480p" / name, seed=i)
    for year in ("2016", "2017"):
        (davis / "ImageSets" / year).mkdir(parents=True)
        (davis / "ImageSets" / year / "train.txt").write_text("ball\nbox\n")
    write_clip(root / "YT/train/JPEGImages/abc", root / "YT/train/Annotations/abc", seed=3, count=20, every=5)
    for folder in ("SBD/img", "SBD/inst", "photos/images", "photos/masks", "stamps/animals"):
        (root / folder).mkdir(parents=True)
    for i in range(3):
        image, mask = write_photograph(10 + i)
        image.save(root / f"photos/images/{i}.png")
        write_mask(root / f"photos/masks/{i}.png", mask)
        image.save(root / f"SBD/img/s{i}.jpg")
        savemat(root / f"SBD/inst/s{i}.mat", {"GTinst": {"Segmentation": mask}})
    (root / "SBD/train.txt").write_text("s0\ns1\ns2\n")
    ys, xs = np.mgrid[:50, :40]
    stamp = np.full((50, 40, 4), (250, 250, 0, 0), np.uint8)
    stamp[(ys - 25) ** 2 / 500 + (xs - 20) ** 2 / 300 < 1, 3] = 255
    Image.fromarray(stamp).save(root / "stamps/animals/cat.png")
    Image.fromarray(stamp[:, ::-1]).save(root / "stamps/animals/cat_mirror.png")
    return root


@pytest.fixture
def scenery(data: Path) -> Scenery:
    library = library_from_specs(
        [f"davis-2017:{data / 'DAVIS'}", f"folder:{data / 'photos'}", f"cut-outs:{data / 'stamps'}"]
    )
    return Scenery(library, CROP, PictureCache(1 << 26))


@pytest.fixture(scope="session")
def lite_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "lite.safetensors"
    save_weights(build(PRESETS["lite"], seed=1), path, card={"note": "untrained"})
    return path


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def start_training(stage: str, **settings: object) -> subprocess.Popen[str]:
    """A training run in a process of its own, which prints every step; see `tiny_training.py`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), stage, json.dumps(settings, default=str)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="session")
def training():
    return start_training
