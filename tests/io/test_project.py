"""Saving and opening projects."""

from __future__ import annotations

import errno
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ivos.errors import InputError, OutputError
from ivos.io.clip_reference import ClipReference, find_clip, fingerprint, refer_to_clip
from ivos.io.images import ArrayFrames
from ivos.io.project import ProjectData, StateData, open_project, save_project
from ivos.io.video import read_video
from ivos.io.video_writer import write_video
from ivos.types import Annotation, Scribble

CLIP = ClipReference("/clips/dog.mp4", "../dog.mp4", "abc", 3, (48, 64), 25.0)


def example():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(2, 12, 16)).astype(np.float16)
    features = rng.normal(size=(2, 8, 3, 4)).astype(np.float32)
    first = Annotation(1, [Scribble(1, [(0.25, 1 / 3)], 1.5, 2.5), Scribble(0, [(0, 0), (1, 1)])])
    second = Annotation(2, [Scribble(2, [(0.1, 0.2)])])
    states = (
        StateData((), (), {}),
        StateData(((first,),), (), {"logits/0": shared, "confidence": np.array([0.5, np.nan, 1.0])}),
        StateData(((first,),), (second,), {"logits/0": shared, "features/2": features}),
    )
    return ProjectData(CLIP, "lite", 2, 480, states, 1, "0af")


def assert_same(a, b):
    for name in ("clip", "model", "num_objects", "resolution", "current", "weights"):
        assert getattr(a, name) == getattr(b, name)
    assert len(a.states) == len(b.states)
    for one, other in zip(a.states, b.states, strict=True):
        assert (one.rounds, one.pending, list(one.arrays)) == (other.rounds, other.pending, list(other.arrays))
        for name in one.arrays:
            assert one.arrays[name].dtype == other.arrays[name].dtype
            np.testing.assert_array_equal(one.arrays[name], other.arrays[name])


def test_round_trip_keeps_everything_and_what_is_shared(tmp_path):
    save_project(tmp_path / "a.ivos", example())
    again = open_project(tmp_path / "a.ivos")
    assert_same(again, example())
    assert again.states[1].arrays["logits/0"] is again.states[2].arrays["logits/0"]
    assert again.states[1].rounds[0][0] is again.states[2].rounds[0][0]
    again.states[1].arrays["logits/0"][0] = 0  # writable
    with zipfile.ZipFile(tmp_path / "a.ivos") as archive:
        assert sorted(archive.namelist()) == ["arrays/0.npy", "arrays/1.npy", "arrays/2.npy", "project.json"]
    save_project(tmp_path / "b.ivos", open_project(tmp_path / "a.ivos"))
    assert_same(open_project(tmp_path / "b.ivos"), example())


def test_full_size_and_empty(tmp_path):
    project = ProjectData(CLIP, "", 1, None, (StateData((), (), {}),), 0)
    save_project(tmp_path / "a.ivos", project)
    assert_same(open_project(tmp_path / "a.ivos"), project)


def test_full_disk_leaves_the_old_project(tmp_path, monkeypatch):
    save_project(tmp_path / "a.ivos", example())

    def fail(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", fail)
    with pytest.raises(OutputError, match="disk is full"):
        save_project(tmp_path / "a.ivos", example())
    monkeypatch.undo()
    assert_same(open_project(tmp_path / "a.ivos"), example())
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_truncated_project(tmp_path, share):
    path = tmp_path / "a.ivos"
    save_project(path, example())
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match="is damaged or not an ivos project"):
        open_project(path)


def test_every_changed_byte_of_an_array_is_noticed(tmp_path):
    path = tmp_path / "a.ivos"
    save_project(path, example())
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("arrays/2.npy")
    for offset in (80, 300, entry.compress_size - 5):
        changed = bytearray(data)
        changed[entry.header_offset + 42 + offset] ^= 0xFF
        path.write_bytes(changed)
        with pytest.raises(InputError, match="is damaged"):
            open_project(path)


@pytest.mark.parametrize(("place", "value"), [(6, 99), (8, 1), (10, 99)], ids=["version", "encrypted", "compression"])
def test_an_entry_that_cannot_be_unpacked_is_damage(tmp_path, place, value):
    path = tmp_path / "a.ivos"
    save_project(path, example())
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + place] = value  # in the list of entries
    path.write_bytes(data)
    with pytest.raises(InputError, match="is damaged or not an ivos project"):
        open_project(path)


def edit(path, change):
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    content = json.loads(entries["project.json"])
    change(content)
    entries["project.json"] = json.dumps(content).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format="other"), "is not an ivos project"),
        (lambda c: c.update(version=2), "version 2; this ivos reads version 1"),
        (lambda c: c.pop("states"), "damaged"),
        (lambda c: c.update(current=3), "state 3 of 3"),
        (lambda c: c.update(states=[], current=0), "damaged"),
        (lambda c: c["states"][1]["arrays"].update(new=9), "damaged"),
        (lambda c: c["states"][1].update(pending=[7]), "damaged"),
        (lambda c: c["annotations"][0]["strokes"][0].update(object_id=300), "object_id 300"),
        (lambda c: c["clip"].update(size=3), "damaged"),
        (lambda c: c["clip"].update(other=3), "damaged"),
        (lambda c: c["clip"].update(size=[float("inf"), 3]), "damaged"),
        (lambda c: c["states"][0].update(arrays=[]), "damaged"),
    ],
)
def test_bad_content(tmp_path, change, message):
    save_project(tmp_path / "a.ivos", example())
    edit(tmp_path / "a.ivos", change)
    with pytest.raises(InputError, match=message):
        open_project(tmp_path / "a.ivos")


def test_a_project_of_earlier_times_says_nothing_of_its_weights(tmp_path):
    save_project(tmp_path / "a.ivos", example())
    edit(tmp_path / "a.ivos", lambda content: content.pop("weights"))
    assert open_project(tmp_path / "a.ivos").weights is None


def test_bad_files(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        open_project(tmp_path / "none.ivos")
    (tmp_path / "a.ivos").write_text("text")
    with pytest.raises(InputError, match="not an ivos project"):
        open_project(tmp_path / "a.ivos")


def test_the_clip_is_found_where_it_is_and_beside_a_moved_project(tmp_path):
    clip = tmp_path / "home" / "clips" / "dog"
    clip.mkdir(parents=True)
    for t in range(2):
        Image.new("RGB", (4, 3), (t, 0, 0)).save(clip / f"{t}.png")
    project = tmp_path / "home" / "work" / "a.ivos"
    project.parent.mkdir()
    reference = refer_to_clip(read_video(clip), project)
    assert (reference.num_frames, reference.size, reference.fps) == (2, (3, 4), 24.0)
    assert reference.relative == "../clips/dog"
    assert find_clip(reference, project) == clip

    (tmp_path / "home").rename(tmp_path / "away")
    moved = tmp_path / "away" / "work" / "a.ivos"
    assert find_clip(reference, moved).resolve() == tmp_path / "away" / "clips" / "dog"
    shutil.copytree(tmp_path / "away" / "clips" / "dog", tmp_path / "usb" / "dog")
    assert find_clip(reference, tmp_path / "usb" / "a.ivos") == tmp_path / "usb" / "dog"
    with pytest.raises(InputError, match="is missing, or you may not read it; put it back"):
        find_clip(reference, tmp_path / "a.ivos")
    foreign = replace(reference, path="/home/" + 300 * "a")  # a path that the system does not even look up
    assert find_clip(foreign, moved).resolve() == tmp_path / "away" / "clips" / "dog"
    Image.new("RGB", (400, 300)).save(tmp_path / "usb" / "dog" / "1.png")
    with pytest.raises(InputError, match="is not the clip"):
        find_clip(reference, tmp_path / "usb" / "a.ivos")


def test_a_clip_that_may_not_be_read_hides_none_beside_the_project(tmp_path, monkeypatch):
    old, moved = tmp_path / "old" / "dog.mp4", tmp_path / "usb" / "dog.mp4"
    for path in (old, moved):
        path.parent.mkdir()
        write_video(path, np.zeros((2, 16, 16, 3), np.uint8), fps=5)
    reference = refer_to_clip(read_video(old), tmp_path / "old" / "a.ivos")
    whole = Path.open

    def locked(self, *args, **how):
        if self == old:
            raise PermissionError(13, "Permission denied")
        return whole(self, *args, **how)

    monkeypatch.setattr(Path, "open", locked)
    assert find_clip(reference, tmp_path / "usb" / "a.ivos") == moved
    with pytest.raises(InputError, match="cannot be read"):
        find_clip(reference, tmp_path / "a.ivos")


def test_frames_from_memory(tmp_path):
    reference = refer_to_clip(ArrayFrames(np.zeros((2, 3, 4, 3), dtype=np.uint8)), tmp_path / "a.ivos")
    assert (reference.path, reference.fingerprint) == ("", "")
    with pytest.raises(InputError, match="give its frames"):
        find_clip(reference, tmp_path / "a.ivos")


def test_fingerprint_of_files(tmp_path):
    (tmp_path / "a").write_bytes(bytes(5_000_000))
    (tmp_path / "b").write_bytes(bytes(5_000_001))
    (tmp_path / "c").write_bytes(bytes(4_999_999) + b"1")
    (tmp_path / "d").write_bytes(bytes(5_000_000))
    prints = [fingerprint(tmp_path / name) for name in "abcd"]
    assert len(set(prints)) == 3
    assert prints[0] == prints[3]
    with pytest.raises(InputError, match="cannot be read"):
        fingerprint(tmp_path / "none")
