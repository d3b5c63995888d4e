"""Every format is written and read back; range, objects, cancel, memory of the last choice."""

import io
import json
import re
import threading
import time
import zipfile
from collections import namedtuple
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from scipy.ndimage import distance_transform_edt
from tests.server.conftest import Page, clip_pixels
from tests.server.test_rounds import cancelled_round

from ivos.io.masks import davis_palette
from ivos.io.overlay import GREEN
from ivos.io.scribble_files import read_scribbles
from ivos.server import exporting
from ivos.server import library as library_module


@pytest.fixture
def done(page):
    """Two objects in all frames."""
    page.stroke(2)
    page.post("/objects", name="cat")
    page.stroke(2, object_id=2, path=[[0.8, 0.9], [0.9, 0.9]])
    page.round()
    return page


def export(page, **request) -> bytes:
    job = page.ok(page.client.post(f"{page.base}/exports", json=request), 202)
    deadline = time.monotonic() + 60
    while job["status"] == "running" and time.monotonic() < deadline:
        time.sleep(0.02)
        job = page.ok(page.client.get(f"{page.base}/exports/{job['number']}"))
    assert job["status"] == "done", job
    assert job["done"] == job["total"]
    answer = page.client.get(job["url"])
    assert answer.headers["content-disposition"] == f'attachment; filename="{job["name"]}"'
    assert len(answer.content) == job["bytes"]
    return answer.content


def frames_of(content, fmt):
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.video[0]
        codec = av.CodecContext.create("libvpx-vp9", "r") if stream.codec_context.name == "vp9" else None
        packets = container.demux(stream) if codec else None
        decoded = (f for p in packets for f in codec.decode(p)) if codec else container.decode(stream)
        return [frame.to_ndarray(format=fmt) for frame in decoded]


def test_palette_pngs(done):
    with zipfile.ZipFile(io.BytesIO(export(done, format="palette"))) as archive:
        assert archive.namelist() == [f"{t:05d}.png" for t in range(8)]
        for t in range(8):
            image = Image.open(io.BytesIO(archive.read(f"{t:05d}.png")))
            assert image.getpalette() == davis_palette().ravel().tolist()
            np.testing.assert_array_equal(np.array(image), done.mask(t))


def test_an_export_shows_what_the_page_shows_of_a_broken_off_round(page, networks):
    page.stroke(2)
    cancelled_round(page, networks)
    undecided = page.project["undecided"]
    with zipfile.ZipFile(io.BytesIO(export(page, format="palette"))) as archive:
        for t in range(page.project["clip"]["num_frames"]):
            mask = np.array(Image.open(io.BytesIO(archive.read(f"{t:05d}.png"))))
            if t in undecided["frames"]:
                np.testing.assert_array_equal(mask, page.mask(t, undecided["revision"]))
                assert mask.any()
            else:
                assert not mask.any()
    page.open(page.project["id"])
    assert page.project["undecided"] == undecided, "an export decides nothing"


def test_a_finished_export_can_still_be_fetched_when_the_project_was_let_go(done):
    content = export(done, format="binary")
    url = done.ok(done.client.get(done.base))["export"]["url"]
    done.client.app._app.state.services.sessions.unload_idle(0)
    assert done.client.get(url).content == content
    again = done.ok(done.client.get(done.base))["export"]
    assert (again["status"], again["format"], again["url"], again["bytes"]) == ("done", "binary", url, len(content))
    export(done, format="palette")
    assert done.ok(done.client.get(done.base))["export"]["number"] == again["number"] + 1
    done.client.app._app.state.services.sessions.unload_idle(0)
    (Path(again["path"]).parents[1] / "007").write_text("no folder of ours")
    assert done.ok(done.client.get(done.base))["export"]["number"] == again["number"] + 1


def test_binary_pngs_of_one_object_in_a_range(done):
    content = export(done, format="binary", object_ids=[2], first=3, last=4)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["002/00003.png", "002/00004.png"]
        mask = np.array(Image.open(io.BytesIO(archive.read("002/00003.png"))))
        np.testing.assert_array_equal(mask, np.where(done.mask(3) == 2, 255, 0))
    choice = done.open(done.project["id"])["export_choice"]
    assert choice == {"format": "binary", "object_ids": [2], "first": 3, "last": 4}


@pytest.fixture
def three(done):
    """Three objects; they are at different places in all frames."""
    done.post("/objects", name="bird")
    done.stroke(2, object_id=3, path=[[0.1, 0.1], [0.2, 0.1]])
    done.round()
    assert all({1, 2, 3} <= set(np.unique(done.mask(t)).tolist()) for t in (3, 4, 5))
    return done


def part_of(done, ids, t):
    mask = done.mask(t)
    return np.where(np.isin(mask, ids), mask, 0)


@pytest.mark.parametrize("ids", [[2], [1, 3], [3, 1, 3]])
def test_any_objects_in_a_range_as_pngs_and_coco(three, ids):
    chosen = sorted(set(ids))
    with zipfile.ZipFile(io.BytesIO(export(three, format="palette", object_ids=ids, first=3, last=5))) as archive:
        assert archive.namelist() == [f"{t:05d}.png" for t in (3, 4, 5)]
        for t in (3, 4, 5):
            mask = np.array(Image.open(io.BytesIO(archive.read(f"{t:05d}.png"))))
            np.testing.assert_array_equal(mask, part_of(three, ids, t))
    with zipfile.ZipFile(io.BytesIO(export(three, format="binary", object_ids=ids, first=5))) as archive:
        assert archive.namelist() == [f"{k:03d}/{t:05d}.png" for t in (5, 6, 7) for k in chosen]
    content = json.loads(export(three, format="coco", object_ids=ids, first=3, last=5))
    assert [each["id"] for each in content["categories"]] == chosen
    assert len(content["images"]) == 3
    assert {each["category_id"] for each in content["annotations"]} == set(chosen)
    three.open(three.project["id"])
    assert three.project["export_choice"]["object_ids"] == ids


@pytest.mark.parametrize("name", ["overlay", "green", "prores", "webm"])
def test_any_objects_in_a_range_as_videos(three, name):
    content = export(three, format=name, object_ids=[1, 3], first=3, last=5)
    frames = frames_of(content, "rgba" if name in ("prores", "webm") else "rgb24")
    assert len(frames) == 3
    for frame, t in zip(frames, (3, 4, 5), strict=True):
        mask, pixels = three.mask(t), clip_pixels()[t].astype(int)
        left_out = mask == 2
        if name in ("prores", "webm"):
            assert np.median(frame[left_out][:, 3]) < 20
            assert np.median(frame[mask == 3][:, 3]) > 127
        elif name == "green":
            assert np.abs(np.median(frame[left_out], axis=0) - GREEN).max() < 12
        else:
            plain, tinted = (np.abs(frame[part].astype(int) - pixels[part]).mean() for part in (left_out, mask == 1))
            assert plain < tinted / 2


def test_the_overlay_has_the_colours_of_the_page(done):
    done.post("/objects", name="bird")  # it makes a change, so that the object's own colour is the newest
    answer = done.client.patch(f"{done.base}/objects/1", json={"seq": done.project["seq"], "colour": "#00ffff"})
    done.project = done.ok(answer)["project"]
    frame = frames_of(export(done, format="overlay"), "rgb24")[4].astype(int)
    inside = done.mask(4) == 1
    inside &= np.roll(inside, 3, 0) & np.roll(inside, -3, 0) & np.roll(inside, 3, 1) & np.roll(inside, -3, 1)
    expected = (clip_pixels()[4][inside].astype(int) + np.array([0, 255, 255])) / 2
    assert np.abs(frame[inside] - expected).mean() < 20


def test_objects_whose_colour_nobody_chose_have_the_pages_colour_too(done):
    script = (Path(exporting.__file__).parent / "static/js/pure/palette.js").read_text()
    lifted = [tuple(map(int, each)) for each in re.findall(r"^  \[(\d+), (\d+), (\d+)\], //", script, re.MULTILINE)]
    assert lifted == [exporting.shown_colour(k) for k in range(1, 10)]
    frame = frames_of(export(done, format="overlay"), "rgb24")[4].astype(int)
    inside = done.mask(4) == 1
    inside &= np.roll(inside, 3, 0) & np.roll(inside, -3, 0) & np.roll(inside, 3, 1) & np.roll(inside, -3, 1)
    expected = (clip_pixels()[4][inside].astype(int) + np.array(lifted[0])) / 2
    assert np.abs(frame[inside] - expected).mean() < 20


def test_the_room_that_an_export_needs_depends_on_its_format(done, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(library_module.shutil, "disk_usage", lambda _: usage(0, 0, (512 << 20) + 10_000))
    assert done.client.post(f"{done.base}/exports", json={"format": "prores"}).status_code == 507
    export(done, format="scribbles")
    export(done, format="coco", first=2, last=2)


def test_a_scribble_file_needs_strokes(page):
    mask = np.zeros(page.size, int)
    mask[10:20, 10:20] = 1
    page.post("/paint", frame=1, runs=[value for label in mask.ravel().tolist() for value in (label, 1)])
    job = page.ok(page.client.post(f"{page.base}/exports", json={"format": "scribbles"}), 202)
    until = time.monotonic() + 20
    while job["status"] == "running" and time.monotonic() < until:
        job = page.ok(page.client.get(f"{page.base}/exports/{job['number']}"))
    assert job["status"] == "failed"
    assert "no stroke on an object to export" in job["message"]


@pytest.mark.parametrize("name", ["overlay", "green"])
def test_videos(done, name):
    frames = frames_of(export(done, format=name), "rgb24")
    assert len(frames) == 8
    assert frames[0].shape == (48, 64, 3)
    if name == "green":
        outside = np.median(frames[4][done.mask(4) == 0], axis=0)
        assert np.abs(outside - GREEN).max() < 12


@pytest.mark.parametrize(("name", "codec", "pixels"), [("prores", "prores", "yuva444p"), ("webm", "vp9", "yuva420p")])
def test_videos_with_alpha(done, name, codec, pixels):
    content = export(done, format=name)
    with av.open(io.BytesIO(content)) as container:
        assert container.streams.video[0].codec_context.name == codec
        assert float(container.streams.video[0].average_rate) == 12
    frames = frames_of(content, "rgba")
    assert len(frames) == 8
    for t in (0, 4):
        alpha, mask = frames[t][..., 3], done.mask(t) > 0
        assert ((alpha > 127) == mask).mean() > 0.97
        between = (alpha > 40) & (alpha < 215)
        assert between.any(), "the outline is soft"
        assert not (between & (distance_transform_edt(mask) + distance_transform_edt(~mask) > 6)).any()
    if name == "prores":
        inside = done.mask(4) > 0
        assert np.abs(frames[4][inside][:, :3].astype(int) - clip_pixels()[4][inside]).mean() < 20


def test_coco(done):
    content = json.loads(export(done, format="coco"))
    assert [each["name"] for each in content["categories"]] == ["Object 1", "cat"]
    assert [each["file_name"] for each in content["images"]] == [f"{t:05d}.png" for t in range(8)]
    for each in content["annotations"]:
        mask = done.mask(each["image_id"] - 1) == each["category_id"]
        np.testing.assert_array_equal(coco_mask.decode(each["segmentation"]).astype(bool), mask)
        assert each["area"] == mask.sum()


def test_coco_of_a_folder_names_its_images(serve, tmp_path):
    (tmp_path / "images").mkdir()
    for t, frame in enumerate(clip_pixels(3)):
        Image.fromarray(frame).save(tmp_path / "images" / f"shot {t}.png")
    opened = library_module.Library(tmp_path / "projects", "lite", 480).open_path(tmp_path / "images")
    with serve() as client:
        page = Page(client)
        page.open(opened)
        page.stroke(1)
        page.round()
        content = json.loads(export(page, format="coco", first=1))
    assert [each["file_name"] for each in content["images"]] == ["shot 1.png", "shot 2.png"]


def test_scribbles(done, tmp_path):
    done.stroke(5, kind="remove", path=[[0.1, 0.1]])
    (tmp_path / "s.json").write_bytes(export(done, format="scribbles"))
    read = read_scribbles(tmp_path / "s.json")
    assert read.sequence == "dog"
    assert read.num_frames == 8
    assert [(each.frame, [s.object_id for s in each.scribbles]) for each in read.annotations] == [(2, [1, 2]), (5, [0])]
    (tmp_path / "s.json").write_bytes(export(done, format="scribbles", object_ids=[2]))
    read = read_scribbles(tmp_path / "s.json")  # background is no object's
    assert [(each.frame, [s.object_id for s in each.scribbles]) for each in read.annotations] == [(2, [2]), (5, [0])]


def test_an_export_can_be_cancelled_and_only_one_runs(done, monkeypatch):
    slow = exporting.Source.mask

    def mask(source, t):
        time.sleep(0.3)
        return slow(source, t)

    monkeypatch.setattr(exporting.Source, "mask", mask)
    job = done.ok(done.client.post(f"{done.base}/exports", json={"format": "palette"}), 202)
    assert done.client.post(f"{done.base}/exports", json={"format": "palette"}).json()["error"]["code"] == "busy"
    assert done.client.get(f"{done.base}/exports/{job['number']}/file").status_code == 409
    seen = done.open(done.project["id"])["export"]
    assert (seen["number"], seen["status"]) == (job["number"], "running"), "a page finds it again after a reload"
    done.ok(done.client.post(f"{done.base}/exports/{job['number']}/cancel"))
    deadline = time.monotonic() + 20
    while job["status"] == "running" and time.monotonic() < deadline:
        time.sleep(0.02)
        job = done.client.get(f"{done.base}/exports/{job['number']}").json()
    assert job["status"] == "cancelled"
    assert job["done"] < 8


def test_an_export_that_waits_for_its_turn_is_cancelled_at_once(done, clip_file, monkeypatch):
    go = threading.Event()
    whole = exporting.Source.mask

    def mask(source, t):
        assert go.wait(20)
        return whole(source, t)

    monkeypatch.setattr(exporting.Source, "mask", mask)
    other = Page(done.client)
    other.open(done.client.post("/api/projects/upload?name=b.mp4", content=clip_file.read_bytes()).json()["id"])
    other.stroke()
    other.round()
    done.ok(done.client.post(f"{done.base}/exports", json={"format": "palette"}), 202)
    waiting = other.ok(done.client.post(f"{other.base}/exports", json={"format": "palette"}), 202)
    other.ok(done.client.post(f"{other.base}/exports/{waiting['number']}/cancel"))
    assert done.client.get(f"{other.base}/exports/{waiting['number']}").json()["status"] == "cancelled"
    assert done.client.delete(other.base).status_code == 204
    go.set()


@pytest.mark.parametrize(
    "request_", [{"format": "gif"}, {"format": "coco", "object_ids": [9]}, {"format": "coco", "first": 5, "last": 2}]
)
def test_exports_that_do_not_fit_are_refused(done, request_):
    assert done.client.post(f"{done.base}/exports", json=request_).status_code == 422
    assert done.client.get(f"{done.base}/exports/99").status_code == 404
