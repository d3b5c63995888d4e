import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ivos.errors import InputError
from ivos.train.data import DataSpec, cut_outs, library_from_specs, takes
from ivos.train.sources import Library, PictureCache, object_ids


def test_a_source_is_read_from_its_text():
    spec = DataSpec.parse("davis-2017,weight=2.5,merge=0.8,split=val,without=bear+*mirror*:/data/DAVIS:odd")
    assert spec == DataSpec("davis-2017", Path("/data/DAVIS:odd"), 2.5, 0.8, "val", ("bear", "*mirror*"))
    assert DataSpec.parse("sbd:x") == DataSpec("sbd", Path("x"))
    assert DataSpec.parse("sbd:~/x").path == Path.home() / "x"


@pytest.mark.parametrize(
    "text",
    [
        *("", "sbd", "sbd:", "coco:x", "sbd,size=3:x", "sbd,weight:x", "sbd,split=:x"),
        *(f"sbd,weight={value}:x" for value in ("0", "inf", "nan", "two")),
        *(f"sbd,merge={value}:x" for value in ("1.1", "-1", "nan")),
    ],
)
def test_a_text_that_is_no_source_is_refused(text):
    with pytest.raises(InputError):
        DataSpec.parse(text)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("davis-2016:DAVIS", [12, 12]),
        ("davis-2017,without=b?x:DAVIS", [12]),
        ("youtube-vos:YT", [4]),  # every fifth of 20 frames has a mask
        ("sbd:SBD", [1, 1, 1]),
        ("folder,without=0+2:photos", [1]),
    ],
)
def test_every_kind_gives_takes_of_frames_with_masks(text, lengths, data):
    found = takes(DataSpec.parse(text.replace(":", f":{data}/")))
    assert [len(take) for take in found] == lengths
    cache = PictureCache(1 << 26)
    for take in found:
        for t in range(len(take)):
            image, mask = cache.frame(take, t)
            assert image.shape == (*mask.shape, 3)
            assert image.dtype == mask.dtype == np.uint8
            assert mask.any()
            assert set(np.unique(mask)) <= ({0, 1} if "2016" in text else {0, 1, 2})


def test_frames_of_youtube_vos_are_those_with_a_mask(data):
    take = takes(DataSpec.parse(f"youtube-vos:{data}/YT"))[0]
    image, _ = take.pictures[1]
    expected = np.asarray(Image.open(data / "YT/train/JPEGImages/abc/00005.jpg"))
    np.testing.assert_array_equal(image, expected)


def test_a_library_has_groups_with_weights_and_cut_outs(data):
    library = library_from_specs(
        [f"folder,weight=3:{data}/photos", f"cut-outs,without=*mirror*:{data}/stamps", f"sbd:{data}/SBD"]
    )
    assert [(share, len(group)) for share, group in library.groups] == [(3.0, 3), (1.0, 3)]
    assert [path.name for path in library.cut_outs] == ["cat.png"]


def test_hidden_files_are_no_cut_outs_and_endings_may_be_large(tmp_path):
    for name in ("a/dog.PNG", "a/._dog.png", ".thumbnails/dog.png", "b.webp", "c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = cut_outs(DataSpec.parse(f"cut-outs:{tmp_path}"))
    assert [path.name for path in found] == ["dog.PNG", "b.webp"]


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["cut-outs:stamps"],
        ["folder:nowhere"],
        ["davis-2017,split=val:DAVIS"],
        ["sbd,without=*:SBD"],
        ["folder:photos", "cut-outs:photos/nothing"],
        ["youtube-vos,split=valid:YT"],
        ["davis-2016:photos"],
    ],
)
def test_missing_and_empty_sources_are_refused(texts, data):
    with pytest.raises(InputError):
        library_from_specs([text.replace(":", f":{data}/") for text in texts])


@pytest.mark.parametrize("text", ["davis-2016:DAVIS", "youtube-vos:YT", "sbd:SBD", "folder:photos", "cut-outs:stamps"])
@pytest.mark.parametrize("name", ["horsejump_low", "horse*jump?low"])
def test_a_name_to_leave_out_that_the_source_does_not_have_is_refused(text, name, data):
    kind, _, folder = text.partition(":")
    with pytest.raises(InputError, match=re.escape(f"'{name}'")):
        library_from_specs([f"{kind},without={name}:{data}/{folder}", f"folder:{data}/photos"])


@pytest.mark.parametrize("text", ["cut-outs,weight=2:stamps", "cut-outs,merge=1:stamps", "folder,split=val:photos"])
def test_an_option_that_would_do_nothing_is_refused(text):
    kind, option, _ = re.split("[,:]", text)
    with pytest.raises(InputError, match=rf"'{option}'; a source of kind {kind} takes"):
        DataSpec.parse(text)


@pytest.mark.parametrize("share", [0.0, -1.0, math.nan, math.inf])
def test_a_share_that_is_not_positive_is_refused(share, scenery, data):
    group = takes(DataSpec.parse(f"sbd:{data}/SBD"))
    with pytest.raises(InputError):
        Library(((share, group),))


def test_the_cache_keeps_to_its_budget_and_reads_a_picture_once(data):
    take = takes(DataSpec.parse(f"davis-2017:{data}/DAVIS"))[0]
    small = PictureCache(3 * 80 * 112 * 4)
    arrays = [small.frame(take, t)[0] for t in (0, 1, 2)]
    assert all(small.frame(take, t)[0] is arrays[t] for t in (1, 2, 0))
    small.frame(take, 3)  # the least recently used goes: frame 1
    assert small.frame(take, 0)[0] is arrays[0]
    assert small.frame(take, 1)[0] is not arrays[1]
    nothing = PictureCache(0)
    np.testing.assert_array_equal(nothing.frame(take, 0)[1], small.frame(take, 0)[1])


def test_objects_are_ids_that_are_neither_tiny_nor_nearly_everything():
    mask = np.zeros((100, 100), np.uint8)
    mask[:50] = 7
    mask[99, :29] = 3  # 0.29 %
    mask[98, :30] = 4
    mask[60:90] = 255
    assert object_ids(mask) == [4, 7]
    assert object_ids(np.full((9, 9), 5, np.uint8)) == []
