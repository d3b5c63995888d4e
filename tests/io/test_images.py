"""Folders of images and frames in memory."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from ivos.errors import InputError
from ivos.io.images import ArrayFrames, ImageFolder, list_images, natural_key, read_image
from ivos.io.video import read_video
from ivos.types import Frames


def save(path, value=0, size=(6, 8), **options):
    Image.fromarray(np.full((*size, 3), value, dtype=np.uint8)).save(path, **options)
    return path


def test_natural_sort():
    names = ["10.png", "2.png", "a10", "a9", "01.png", "B1", "a9b"]
    assert sorted(names, key=natural_key) == ["01.png", "2.png", "10.png", "a9", "a9b", "a10", "B1"]
    assert sorted(["1²2.png", "1.png"], key=natural_key) == ["1.png", "1²2.png"]  # a digit, but no decimal number


def test_a_folder_is_a_clip_in_natural_order(tmp_path):
    for t, suffix in [(2, "png"), (10, "jpg"), (1, "webp"), (11, "JPEG")]:
        save(tmp_path / f"f{t}.{suffix}", value=t * 10)
    (tmp_path / "notes.txt").write_text("not a frame")
    (tmp_path / "._f1.png").write_bytes(b"left by a Mac")
    frames = read_video(tmp_path)
    assert isinstance(frames, ImageFolder)
    assert isinstance(frames, Frames)
    assert [int(frame[0, 0, 0].round(-1)) for frame in frames] == [10, 20, 100, 110]
    assert (frames.size, frames.fps, len(frames)) == ((6, 8), 24.0, 4)
    assert frames[-1].dtype == np.uint8


def test_a_single_pixel(tmp_path):
    save(tmp_path / "0.png", value=7, size=(1, 1))
    assert read_video(tmp_path)[0].tolist() == [[[7, 7, 7]]]


def test_changing_size_names_both_files(tmp_path):
    save(tmp_path / "1.png")
    save(tmp_path / "2.png", size=(6, 9))
    with pytest.raises(InputError, match=r"'1.png' is 8 x 6 pixels but '2.png' is 9 x 6"):
        read_video(tmp_path)


def test_empty_folder(tmp_path):
    with pytest.raises(InputError, match="holds no image"):
        read_video(tmp_path)


def test_damaged_image(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    noise.save(tmp_path / "1.png")
    noise.save(tmp_path / "2.jpg")
    (tmp_path / "2.jpg").write_bytes((tmp_path / "2.jpg").read_bytes()[:2000])
    frames = read_video(tmp_path)
    with pytest.raises(InputError, match=r"2.jpg' cannot be read"):
        frames[1]
    (tmp_path / "3.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"3.png' cannot be read"):
        read_video(tmp_path)


def test_orientation_of_a_photograph(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise
    pixels = np.zeros((4, 8, 3), dtype=np.uint8)
    pixels[0, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "1.png", exif=exif)
    frames = read_video(tmp_path)
    assert frames.size == (8, 4)
    assert np.argwhere(frames[0][..., 0]).tolist() == [[0, 3]]


def test_an_odd_exif_tag_does_not_keep_a_photograph_from_being_turned(tmp_path):
    entries = [(0x0112, 3, 1, struct.pack("<H", 6)), (0x011A, 2, 3, b"72\0")]  # the resolution as text
    exif = b"II*\0" + struct.pack("<IH", 8, len(entries))
    exif += b"".join(struct.pack("<HHI", *each[:3]) + each[3].ljust(4, b"\0") for each in entries) + bytes(4)
    Image.fromarray(np.zeros((4, 8, 3), np.uint8)).save(tmp_path / "1.jpg", exif=b"Exif\0\0" + exif)
    frames = read_video(tmp_path)
    assert frames.size == (8, 4)
    assert frames[0].shape == (8, 4, 3)


def test_sizes_are_read_without_decoding_the_pixels(tmp_path):
    for name in ("1.png", "2.png"):
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:200])
    assert read_video(tmp_path).size == (40, 60)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.new(mode, (5, 3)).save(path)
    assert read_image(path).shape == (3, 5, 3)


def test_sixteen_bit_greys_are_scaled(tmp_path):
    Image.fromarray(np.full((2, 2), 0x80FF, dtype=np.uint16)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").max() == 0x80


def test_unreadable_folder(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        list_images(tmp_path / "none")


def test_index_errors(tmp_path):
    save(tmp_path / "1.png")
    with pytest.raises(IndexError, match="frames 0 to 0"):
        read_video(tmp_path)[1]


def test_frames_in_memory():
    pixels = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    frames = ArrayFrames(pixels, fps=12)
    assert isinstance(frames, Frames)
    assert (len(frames), frames.size, frames.fps) == (2, (3, 4), 12.0)
    assert np.array_equal(frames[1], pixels[1])
    assert np.array_equal(ArrayFrames(list(pixels))[1], pixels[1])
    with pytest.raises(InputError, match="different sizes"):
        ArrayFrames([pixels[0], pixels[1][:2]])
    frames[0][:] = 0
    assert np.array_equal(frames[0], np.arange(36).reshape(3, 4, 3))


@pytest.mark.parametrize("shape", [(2, 3, 4), (0, 3, 4, 3), (2, 3, 4, 4), (1, 0, 4, 3)])
def test_bad_arrays(shape):
    with pytest.raises(InputError, match="Frames in memory have shape"):
        ArrayFrames(np.zeros(shape, dtype=np.uint8))
    with pytest.raises(InputError, match="type float64"):
        ArrayFrames(np.zeros((1, 2, 2, 3)))
    for fps in (0, float("inf"), float("nan"), "24", None):
        with pytest.raises(InputError, match="rate"):
            ArrayFrames(np.zeros((1, 2, 2, 3), dtype=np.uint8), fps=fps)
