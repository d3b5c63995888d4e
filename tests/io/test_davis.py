"""The DAVIS data set in both years, with its several kinds of files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ivos.errors import InputError
from ivos.io.davis import Davis
from ivos.io.masks import write_mask

MASK = np.array([[0, 1, 2, 255]], dtype=np.uint8)


def add_sequence(root, name, resolution="480p", masks=(MASK, MASK), suffix="jpg"):
    images, annotations = (root / kind / resolution / name for kind in ("JPEGImages", "Annotations"))
    images.mkdir(parents=True)
    for t, mask in enumerate(masks):
        shape = mask.shape if mask is not None else MASK.shape
        Image.fromarray(np.full((*shape, 3), t, dtype=np.uint8)).save(images / f"{t:05d}.{suffix}")
        if mask is not None:
            write_mask(annotations / f"{t:05d}.png", mask)


def add_list(root, lines, year="2017", split="val"):
    folder = root / "ImageSets" / year
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")


def test_2017_keeps_ids_and_void(tmp_path):
    add_sequence(tmp_path, "bear")
    add_sequence(tmp_path, "ant")
    add_list(tmp_path, ["bear", "ant", ""])
    davis = Davis(tmp_path)
    assert davis.sequences == ("bear", "ant")
    assert [clip.name for clip in davis] == ["bear", "ant"]
    clip = davis["bear"]
    assert (len(clip), clip.num_objects(), clip.masked_frames, clip.scribble_files) == (2, 2, (0, 1), ())
    assert clip.mask(1).tolist() == MASK.tolist()
    assert clip.frames[1].shape == (1, 4, 3)
    assert [mask.dtype for mask in clip.masks()] == [np.uint8] * 2


def test_2016_palette_files_are_one_object(tmp_path):
    add_sequence(tmp_path, "bear")
    add_list(tmp_path, ["bear"], year="2016")
    clip = Davis(tmp_path, year=2016)["bear"]
    assert clip.mask(0).tolist() == [[0, 1, 1, 1]]
    assert clip.num_objects() == 1


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
@pytest.mark.parametrize("year", [2016, 2017])
def test_grey_files_are_one_object(tmp_path, mode, year):
    add_sequence(tmp_path, "bear", masks=[MASK])
    Image.fromarray(np.array([[0, 255, 255, 0]], dtype=np.uint8)).convert(mode).save(
        tmp_path / "Annotations/480p/bear/00000.png"
    )
    add_list(tmp_path, ["bear"], year=str(year))
    clip = Davis(tmp_path, year=year)["bear"]
    assert clip.mask(0).tolist() == [[0, 1, 1, 0]]
    assert clip.num_objects() == 1


@pytest.mark.parametrize("folder", ["2016", "480p"])
def test_lists_of_path_pairs(tmp_path, folder):
    for name in ("bear", "ant"):
        add_sequence(tmp_path, name)
    pairs = [
        f"/JPEGImages/480p/{n}/0000{t}.jpg /Annotations/480p/{n}/0000{t}.png " for n in ("bear", "ant") for t in (0, 1)
    ]
    add_list(tmp_path, pairs, year=folder, split="train")
    assert Davis(tmp_path, year=2016, split="train").sequences == ("bear", "ant")


def test_sequences_in_different_resolutions(tmp_path):
    add_sequence(tmp_path, "bear", resolution="360p", suffix="webp")
    add_sequence(tmp_path, "bear", resolution="1080p", masks=[MASK] * 3)
    add_sequence(tmp_path, "ant", resolution="360p")
    add_sequence(tmp_path, "ant", resolution="480p", masks=[MASK] * 4)
    add_list(tmp_path, ["bear", "ant"])
    assert [len(clip) for clip in Davis(tmp_path)] == [2, 4]
    assert len(Davis(tmp_path, resolution="1080p")["bear"]) == 3
    with pytest.raises(InputError, match="sequence 'ant' is missing"):
        Davis(tmp_path, resolution="1080p")["ant"]
    with pytest.raises(InputError, match="check the resolution"):
        Davis(tmp_path, resolution="720p")


def test_empty_and_missing_masks(tmp_path):
    empty = np.zeros_like(MASK)
    add_sequence(tmp_path, "bear", masks=[empty, None, MASK, np.full_like(MASK, 255)])
    add_list(tmp_path, ["bear"])
    clip = Davis(tmp_path)["bear"]
    assert clip.masked_frames == (0, 2, 3)
    assert clip.num_objects() == 2
    with pytest.raises(InputError, match=r"Frame 1 .* has no mask"):
        clip.mask(1)


def test_no_annotations_at_all(tmp_path):
    add_sequence(tmp_path, "bear", masks=[None])
    add_list(tmp_path, ["bear"], split="test-dev")
    clip = Davis(tmp_path, split="test-dev")["bear"]
    assert (clip.masked_frames, clip.num_objects()) == ((), 0)


def test_mask_of_another_size(tmp_path):
    add_sequence(tmp_path, "bear")
    write_mask(tmp_path / "Annotations/480p/bear/00001.png", MASK.T)
    add_list(tmp_path, ["bear"])
    with pytest.raises(InputError, match="is 1 x 4 pixels but the frames of 'bear' are 4 x 1"):
        Davis(tmp_path)["bear"].mask(1)


def test_scribble_files_in_natural_order(tmp_path):
    add_sequence(tmp_path, "bear")
    add_list(tmp_path, ["bear"])
    folder = tmp_path / "Scribbles" / "bear"
    folder.mkdir(parents=True)
    for name in ("010.json", "002.json", "1.json", "notes.txt", "._1.json"):
        (folder / name).write_text("{}")
    assert [file.name for file in Davis(tmp_path)["bear"].scribble_files] == ["1.json", "002.json", "010.json"]


def test_bad_data_sets(tmp_path):
    with pytest.raises(InputError, match="no folder 'JPEGImages'"):
        Davis(tmp_path)
    (tmp_path / "JPEGImages").mkdir()
    with pytest.raises(InputError, match="check the resolution"):
        Davis(tmp_path)
    add_sequence(tmp_path, "bear")
    add_list(tmp_path, ["bear", "ant"], split="train")
    with pytest.raises(InputError, match="lists there: train"):
        Davis(tmp_path, split="val")
    with pytest.raises(InputError, match="2016 and 2017; got 2018"):
        Davis(tmp_path, year=2018)
    with pytest.raises(InputError, match="has no sequence 'cow'"):
        Davis(tmp_path, split="train")["cow"]
    with pytest.raises(InputError, match="sequence 'ant' is missing"):
        Davis(tmp_path, split="train")["ant"]
    add_list(tmp_path, ["", " "], split="none")
    with pytest.raises(InputError, match="names no sequence"):
        Davis(tmp_path, split="none")
