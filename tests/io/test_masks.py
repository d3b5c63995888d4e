"""Label masks in files, and writing whole or not at all."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest
from PIL import Image

from ivos.errors import InputError, OutputError
from ivos.io.atomic import atomic_write, make_folder
from ivos.io.images import ArrayFrames, ImageFolder
from ivos.io.masks import davis_palette, mask_files, read_mask, read_prompt_mask, write_mask


def test_palette_is_that_of_davis():
    first = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128, 128, 0, 128, 0, 128, 128, 128, 128, 128, 64, 0, 0]
    assert davis_palette()[:9].ravel().tolist() == first
    assert len(np.unique(davis_palette(), axis=0)) == 256


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (48, 64)])
def test_palette_round_trip(tmp_path, shape):
    mask = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    write_mask(tmp_path / "new" / "a.png", mask)
    assert np.array_equal(read_mask(tmp_path / "new" / "a.png"), mask)
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.mode == "P"
        assert image.getpalette() == davis_palette().ravel().tolist()
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.png"]


def test_few_ids_keep_the_whole_palette(tmp_path):
    write_mask(tmp_path / "a.png", np.array([[0, 1], [2, 255]]))
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image).tolist() == [[0, 1], [2, 255]]
        assert np.asarray(image.convert("RGB"))[1, 0].tolist() == [0, 128, 0]


def test_a_palette_file_keeps_void(tmp_path):
    write_mask(tmp_path / "a.png", np.array([[0, 255]], dtype=np.uint8))
    assert read_mask(tmp_path / "a.png").tolist() == [[0, 255]]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
def test_binary_grey_files_are_one_object(tmp_path, mode):
    grey = Image.fromarray(np.array([[0, 255, 255]], dtype=np.uint8))
    image = grey.convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(np.array([[255, 0, 255]], dtype=np.uint8)))
    image.save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png").tolist() == [[0, 1, 1]]


def test_grey_files_with_ids(tmp_path):
    Image.fromarray(np.array([[0, 1, 2, 255]], dtype=np.uint8)).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png").tolist() == [[0, 1, 2, 255]]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_pictures_in_colours_of_the_palette_give_their_ids(tmp_path, mode):
    ids = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(davis_palette()[ids]).convert(mode).save(tmp_path / "a.png")
    assert np.array_equal(read_mask(tmp_path / "a.png"), ids)


def test_mattes_with_soft_edges_are_cut_in_the_middle_to_go_on_from(tmp_path):
    values = {
        "soft": ([[0, 3, 100, 128, 252]], [[0, 0, 0, 1, 1]], True),
        "hard": ([[0, 255]], [[0, 1]], True),
        "ids": ([[0, 1, 63, 255]], [[0, 1, 63, 255]], False),
    }
    for name, (pixels, expected, binary) in values.items():
        Image.fromarray(np.array(pixels, np.uint8)).save(tmp_path / f"{name}.png")
        mask, is_binary = read_prompt_mask(tmp_path / f"{name}.png", "The mask")
        assert (mask.tolist(), is_binary) == (expected, binary)
    write_mask(tmp_path / "palette.png", np.array([[0, 200]]))
    assert read_prompt_mask(tmp_path / "palette.png", "The mask")[0].tolist() == [[0, 200]]


def named(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        write_mask(folder / name, np.ones((2, 2), np.uint8))
    return folder


def test_mask_files_belong_to_the_frame_in_their_name(tmp_path):
    frames = ArrayFrames(np.zeros((12, 2, 2, 3), np.uint8))
    folder = named(tmp_path / "a", "shot2_00010.png", "00009.png")
    assert {t: file.name for t, file in mask_files(folder, frames).items()} == {9: "00009.png", 10: "shot2_00010.png"}
    assert list(mask_files(folder / "00009.png", frames)) == [9]
    assert list(mask_files(named(tmp_path / "b", "matte.png") / "matte.png", frames)) == [0]
    for names, says in (
        (("a.png", "1.png"), "no number in its name"),
        (("12.png",), "would belong to frame 12; the clip has frames 0..11"),
        (("a1.png", "b1.png"), "both belong to frame 1"),
    ):
        with pytest.raises(InputError, match=says):
            mask_files(named(tmp_path / names[0], *names), frames)


def test_mask_files_belong_to_the_images_of_their_stem(tmp_path):
    images = named(tmp_path / "images", "x_101.png", "x_102.png", "x_103.png")
    masks = named(tmp_path / "masks", "x_103.png", "x_101.png")
    assert {t: file.name for t, file in mask_files(masks, ImageFolder(images)).items()} == {
        0: "x_101.png",
        2: "x_103.png",
    }


def test_bad_masks_in_files(tmp_path):
    Image.new("RGB", (2, 2), (1, 2, 3)).save(tmp_path / "colour.png")
    with pytest.raises(InputError, match=r"in colour, with \(1, 2, 3\) at pixel x 0, y 0; expected a palette PNG"):
        read_mask(tmp_path / "colour.png")
    Image.fromarray(np.zeros((2, 2), dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(InputError, match="pixels of kind"):
        read_mask(tmp_path / "deep.png")
    (tmp_path / "bad.png").write_bytes(b"bad")
    for name in ("bad.png", "none.png"):
        with pytest.raises(InputError, match="cannot be read"):
            read_mask(tmp_path / name)


@pytest.mark.parametrize(
    "mask", [np.zeros((2, 2, 1)), np.zeros((0, 2)), np.full((2, 2), 0.5), np.full((2, 2), 256), np.full((2, 2), -1)]
)
def test_bad_masks_are_not_written(tmp_path, mask):
    with pytest.raises(InputError, match="A label mask"):
        write_mask(tmp_path / "a.png", mask)
    assert not list(tmp_path.iterdir())


class FullDisk:
    """A file on a disk that is full."""

    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    old = np.ones((4, 4), dtype=np.uint8)
    write_mask(tmp_path / "a.png", old)

    def save(self, file, **options):
        FullDisk(file).write(b"half of it")

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(OutputError, match=r"a.png' was not written: the disk is full"):
        write_mask(tmp_path / "a.png", old * 2)
    with pytest.raises(OutputError, match="disk is full"):
        write_mask(tmp_path / "b.png", old)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert np.array_equal(read_mask(tmp_path / "a.png"), old)


def test_an_interrupt_leaves_nothing_half_written(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "a.txt") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_durable_write_and_replace(tmp_path):
    for text in (b"one", b"two"):
        with atomic_write(tmp_path / "a.txt", durable=True) as file:
            file.write(text)
    assert (tmp_path / "a.txt").read_bytes() == b"two"


def test_names_as_long_as_the_system_takes_them_are_written(tmp_path):
    path = tmp_path / ("a" * 250 + ".json")
    for text in (b"one", b"two"):
        with atomic_write(path) as file:
            file.write(text)
    assert path.read_bytes() == b"two"


def test_a_file_where_a_folder_is_needed(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        write_mask(tmp_path / "out" / "a.png", np.zeros((1, 1), dtype=np.uint8))
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        make_folder(tmp_path / "out")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match="a folder is needed, or the reverse"):
        write_mask(tmp_path / "a.png", np.zeros((1, 1), dtype=np.uint8))


def test_folder_without_permission(tmp_path, monkeypatch):
    def refuse(self, *args, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert not list((tmp_path / "a" / "b").iterdir())
    monkeypatch.setattr("pathlib.Path.touch", refuse)
    with pytest.raises(OutputError, match="no permission"):
        make_folder(tmp_path / "a")
