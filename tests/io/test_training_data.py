"""The data-set readers that training uses: YouTube-VOS layout, plain folders, SBD."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from ivos.errors import InputError
from ivos.io.folders import ImageMaskFolder
from ivos.io.masks import write_mask
from ivos.io.sbd import Sbd
from ivos.io.youtube_vos import YoutubeVos

MASK = np.array([[0, 1, 3, 255]], dtype=np.uint8)


def save_image(path, value=0, shape=(1, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*shape, 3), value, dtype=np.uint8)).save(path)


def test_youtube_vos(tmp_path):
    for name in ("v10", "v9"):
        for t in (0, 5, 10):
            save_image(tmp_path / f"train/JPEGImages/{name}/{t:05d}.jpg", value=t)
        for t in (0, 10):
            write_mask(tmp_path / f"train/Annotations/{name}/{t:05d}.png", MASK)
    (tmp_path / "train/JPEGImages/.ipynb_checkpoints").mkdir()
    data = YoutubeVos(tmp_path)
    assert data.sequences == ("v9", "v10")
    assert [len(clip) for clip in data] == [3, 3]
    clip = data["v9"]
    assert (clip.masked_frames, clip.num_objects(), len(list(clip.masks()))) == ((0, 2), 3, 2)
    assert clip.mask(2).tolist() == MASK.tolist()
    with pytest.raises(InputError, match="no split 'valid'"):
        YoutubeVos(tmp_path, split="valid")
    with pytest.raises(InputError, match="no sequence 'v1'"):
        data["v1"]
    (tmp_path / "test" / "JPEGImages").mkdir(parents=True)
    with pytest.raises(InputError, match="has no sequence"):
        YoutubeVos(tmp_path, split="test")


def test_plain_folders(tmp_path):
    for number, suffix in [(10, "jpg"), (9, "webp")]:
        save_image(tmp_path / f"images/p{number}.{suffix}", value=number)
        write_mask(tmp_path / f"masks/p{number}.png", MASK)
    data = ImageMaskFolder(tmp_path)
    assert len(data) == 2
    image, mask = data[0]
    assert abs(int(image.mean()) - 9) <= 1
    assert mask.tolist() == MASK.tolist()
    assert len(list(data)) == 2


def test_binary_masks_in_palette_files_are_one_object(tmp_path):
    save_image(tmp_path / "images/a.png")
    write_mask(tmp_path / "masks/a.png", np.array([[0, 255, 255, 0]]))
    assert ImageMaskFolder(tmp_path)[0][1].tolist() == [[0, 1, 1, 0]]


def test_bad_plain_folders(tmp_path):
    with pytest.raises(InputError, match="no folder 'images'"):
        ImageMaskFolder(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    with pytest.raises(InputError, match="holds no image"):
        ImageMaskFolder(tmp_path)
    save_image(tmp_path / "images/a.png", shape=(2, 2))
    with pytest.raises(InputError, match=r"a.png' has no mask"):
        ImageMaskFolder(tmp_path)
    write_mask(tmp_path / "masks/a.png", MASK)
    with pytest.raises(InputError, match=r"masks/a.png' is 4 x 1 pixels but .*images/a.png' is 2 x 2"):
        ImageMaskFolder(tmp_path)[0]


def make_sbd(root, names=("b", "a")):
    for name in names:
        save_image(root / f"img/{name}.jpg")
    (root / "inst").mkdir()
    savemat(root / "inst/b.mat", {"GTinst": {"Segmentation": MASK % 255, "Categories": [[1]]}})
    (root / "train.txt").write_text("\n".join(names) + "\n")


@pytest.mark.parametrize("below", ["", "benchmark_RELEASE/dataset"])
def test_sbd(tmp_path, below):
    make_sbd(tmp_path / below)
    data = Sbd(tmp_path)
    assert data.names == ("b", "a")
    image, mask = data[0]
    assert image.shape == (1, 4, 3)
    assert (mask.dtype, mask.tolist()) == (np.uint8, [[0, 1, 3, 0]])
    with pytest.raises(InputError, match=r"a.mat' cannot be read"):
        data[1]


def test_bad_sbd(tmp_path):
    with pytest.raises(InputError, match="no folder 'img'"):
        Sbd(tmp_path)
    make_sbd(tmp_path)
    with pytest.raises(InputError, match=r"no readable list 'val.txt'"):
        Sbd(tmp_path, split="val")
    (tmp_path / "val.txt").write_text("\n")
    with pytest.raises(InputError, match="names no photograph"):
        Sbd(tmp_path, split="val")
    for content in ({"GTinst": 3}, {"other": 3}):
        savemat(tmp_path / "inst/a.mat", content)
        with pytest.raises(InputError, match=r"a.mat' cannot be read"):
            Sbd(tmp_path)[1]
    (tmp_path / "inst/a.mat").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"a.mat' cannot be read"):
        Sbd(tmp_path)[1]
    savemat(tmp_path / "inst/a.mat", {"GTinst": {"Segmentation": MASK}}, do_compression=True)
    whole = (tmp_path / "inst/a.mat").read_bytes()
    for i in range(140, len(whole), 3):  # inside what is compressed
        (tmp_path / "inst/a.mat").write_bytes(whole[:i] + bytes([whole[i] ^ 255]) + whole[i + 1 :])
        with pytest.raises(InputError, match=r"a.mat' cannot be read"):
            Sbd(tmp_path)[1]
    savemat(tmp_path / "inst/a.mat", {"GTinst": {"Segmentation": MASK.T}})
    with pytest.raises(InputError, match="is 1 x 4 pixels"):
        Sbd(tmp_path)[1]
