"""Opening clips: upload, demo, command line; limits; frames; what a clip needs."""

import asyncio
import errno
import io
import os
import shutil
import threading
import time
from collections import namedtuple
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from tests.server.conftest import TOKEN, Page, clip_pixels

import ivos
from ivos.errors import InputError, OutputError
from ivos.server import library as library_module
from ivos.server import manifest as manifest_module
from ivos.server import workspace as workspace_module
from ivos.server.library import Library
from ivos.server.manifest import read_manifest
from ivos.server.runs import from_runs, to_runs


def test_the_server_says_what_it_is(client):
    answer = client.get("/api/app").json()
    assert answer["version"] == ivos.__version__
    assert answer["model"] == {"name": "lite", "available": True, "message": None}
    assert answer["has_demo"]
    assert answer["open_project"] is None
    assert not answer["study"]


def test_missing_weights_are_told_and_drawing_answers_503(serve, clip_file, tmp_path):
    from starlette.testclient import TestClient

    from ivos.server.app import create_app
    from ivos.server.settings import Settings

    settings = Settings(projects=tmp_path, token="t", model=str(tmp_path / "none.safetensors"))
    with TestClient(create_app(settings), base_url="http://127.0.0.1", headers={"Authorization": "Bearer t"}) as client:
        model = client.get("/api/app").json()["model"]
        assert not model["available"]
        assert "none.safetensors" in model["message"]
        project_id = client.post("/api/projects/upload?name=a.mp4", content=clip_file.read_bytes()).json()["id"]
        assert client.get(f"/api/projects/{project_id}").status_code == 200
        body = {"seq": 0, "frame": 0, "object_id": 1, "kind": "add", "path": [[0.5, 0.5]]}
        answer = client.post(f"/api/projects/{project_id}/strokes", json=body)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "model"
        assert len(client.get(f"/api/projects/{project_id}").json()["strokes"]) == 1  # safe all the same


def test_an_upload_becomes_a_project(client, clip_file):
    answer = client.post("/api/projects/upload?name=My Dog (1).MP4", content=clip_file.read_bytes())
    summary = answer.json()
    assert answer.status_code == 201
    assert summary["id"] == "my-dog-1"
    assert summary["name"] == "My Dog (1)"
    assert (summary["num_frames"], summary["height"], summary["width"], summary["fps"]) == (8, 48, 64, 12)
    assert summary["bytes"] > clip_file.stat().st_size
    again = client.post("/api/projects/upload?name=../../My Dog (1).MP4", content=clip_file.read_bytes()).json()
    assert again["id"] == "my-dog-1-2"
    listed = client.get("/api/projects").json()["projects"]
    assert [each["id"] for each in listed] == ["my-dog-1-2", "my-dog-1"]
    client.get("/api/projects/my-dog-1")
    assert client.get("/api/projects").json()["projects"][0]["id"] == "my-dog-1"
    assert client.get(summary["thumbnail"]).headers["content-type"] == "image/jpeg"


def test_a_project_is_whole_for_a_page(client, page):
    project = page.project
    assert project["clip"] == {"num_frames": 8, "height": 48, "width": 64, "fps": 12, "name": "dog.mp4"}
    assert project["objects"] == [
        {"id": 1, "name": "Object 1", "colour": "#800000", "visible": True, "locked": False, "annotated": []}
    ]
    assert project["revisions"] == project["trust"] == [None] * 8
    assert project["undo"] is project["redo"] is project["worst"] is project["running"] is project["undecided"] is None


@pytest.mark.parametrize(("content", "says"), [(b"", "empty"), (b"no video at all", "a.mp4")])
def test_what_is_no_video_is_refused_and_leaves_nothing(client, tmp_path, content, says):
    answer = client.post("/api/projects/upload?name=a.mp4", content=content)
    assert answer.status_code == 422
    assert says in answer.json()["error"]["message"]
    assert str(tmp_path) not in answer.json()["error"]["message"]
    assert client.get("/api/projects").json() == {"projects": []}
    assert [p for p in (tmp_path / "projects").rglob("*") if p.is_file()] == []


def pieces(count):
    for _ in range(count):
        yield b"x" * 1000


@pytest.mark.parametrize("content", [b"x" * 3000, "stream"])
def test_too_large_an_upload_is_refused_and_leaves_nothing(serve, tmp_path, content):
    with serve(max_upload_bytes=2500) as client:
        answer = client.post("/api/projects/upload?name=a.mp4", content=pieces(3) if content == "stream" else content)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"
    assert [p for p in (tmp_path / "projects").rglob("*") if p.is_file()] == []


def test_a_nearly_full_disk_is_told_before_anything_is_written(client, page, monkeypatch, clip_file):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(library_module.shutil, "disk_usage", lambda _: usage(0, 0, 512 << 20))
    answer = client.post("/api/projects/upload?name=a.mp4", content=clip_file.read_bytes())
    assert answer.status_code == 507
    assert answer.json()["error"]["code"] == "disk"
    assert "1 MiB are needed, 512 MiB are free, 512 MiB of which have to stay so" in answer.json()["error"]["message"]
    page.stroke()
    assert client.post(f"{page.base}/rounds", json={"seq": page.project["seq"]}).status_code == 507
    assert client.post("/api/projects/demo").status_code == 507
    assert client.post(f"{page.base}/exports", json={"format": "palette"}).status_code == 507


def test_the_demo_is_made_once_as_long_as_it_is_untouched(client):
    first = client.post("/api/projects/demo").json()["id"]
    assert client.post("/api/projects/demo").json()["id"] == first
    page = Page(client)
    page.open(first)
    page.stroke()
    assert client.post("/api/projects/demo").json()["id"] != first


def test_the_list_keeps_its_order_when_it_is_looked_at(serve, clip_file):
    with serve() as client:
        ids = []
        for name in ("a.mp4", "b.mp4", "c.mp4"):
            ids.append(client.post(f"/api/projects/upload?name={name}", content=clip_file.read_bytes()).json()["id"])
            time.sleep(0.01)
        Page(client).open(ids[0])
    with serve() as client:
        listed = client.get("/api/projects").json()["projects"]
        assert [each["id"] for each in listed] == [ids[0], ids[2], ids[1]]
        for each in reversed(listed):
            picture = Image.open(io.BytesIO(client.get(each["thumbnail"]).content))
            assert picture.size == (160, 120)
        again = client.get("/api/projects").json()["projects"]
        assert [(each["id"], each["opened_at"]) for each in again] == [
            (each["id"], each["opened_at"]) for each in listed
        ]
        assert client.get("/api/projects/nothing/thumbnail.jpg").status_code == 404


def test_a_project_that_takes_long_to_open_keeps_nobody_from_another(client, page, clip_file, monkeypatch):
    slow = client.post("/api/projects/upload?name=slow.mp4", content=clip_file.read_bytes()).json()["id"]
    reading, go_on = threading.Event(), threading.Event()
    read_video = workspace_module.read_video

    def waits(path):
        if "slow" in str(path):
            reading.set()
            assert go_on.wait(20)
        return read_video(path)

    monkeypatch.setattr(workspace_module, "read_video", waits)
    opening = [threading.Thread(target=client.get, args=(f"/api/projects/{slow}",)) for _ in range(2)]
    for thread in opening:
        thread.start()
    assert reading.wait(20)
    page.stroke(2)
    assert not go_on.is_set()
    go_on.set()
    for thread in opening:
        thread.join(20)
    assert client.get(f"/api/projects/{slow}").status_code == 200


def test_the_list_leaves_out_what_is_deleted_while_it_is_made(client, page, monkeypatch):
    whole = library_module.Library.ids
    client.post("/api/projects/demo")

    def then_deleted(library):
        ids = whole(library)
        assert client.delete(page.base).status_code == 204
        return ids

    with monkeypatch.context() as patch:
        patch.setattr(library_module.Library, "ids", then_deleted)
        listed = client.get("/api/projects").json()["projects"]
    assert [each["name"] for each in listed] == ["bunny (demo)"]


def test_of_a_folder_only_the_images_are_copied(tmp_path):
    library, images = Library(tmp_path / "projects", "lite", 480), tmp_path / "images"
    (images / "raw").mkdir(parents=True)
    for t, frame in enumerate(clip_pixels(3)):
        Image.fromarray(frame).save(images / f"{t}.png")
    (images / "notes.bin").write_bytes(bytes(1000))
    (images / "raw" / "big.png").write_bytes(bytes(1000))
    opened = library.open_path(images)
    assert sorted(p.name for p in (library.folder(opened) / "clip" / "images").iterdir()) == ["0.png", "1.png", "2.png"]
    assert library.open_path(images) == opened
    images.rename(tmp_path / "take 1.5")
    assert read_manifest(library.folder(library.open_path(tmp_path / "take 1.5"))).name == "take 1.5"


def test_a_varying_frame_rate_is_told_before_work(client, tmp_path, page):
    path = tmp_path / "vfr.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 100)
        for number, pixels in enumerate(clip_pixels(6)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = (number**2) * 4, Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    made = client.post("/api/projects/upload?name=vfr.mp4", content=path.read_bytes()).json()
    (note,) = client.get(f"/api/projects/{made['id']}/needs").json()["warnings"]
    assert "frame rate of vfr.mp4 varies" in note
    assert client.get(f"{page.base}/needs").json()["warnings"] == []


def test_the_list_follows_undo_and_redo(client, page):
    def listed():
        (project,) = client.get("/api/projects").json()["projects"]
        return project["num_objects"], project["num_rounds"]

    page.stroke()
    page.round()
    page.post("/objects", name=None)
    assert listed() == (2, 1)
    page.post("/undo")
    assert listed() == (1, 1)
    page.post("/undo")
    assert listed() == (1, 0)
    page.post("/redo")
    assert listed() == (1, 1)


def test_where_only_the_journal_has_room_a_change_is_made_and_told(client, page, monkeypatch):
    page.stroke()

    def full(*_):
        raise OutputError("The disk is full.")

    monkeypatch.setattr(manifest_module, "write_manifest", full)
    page.post("/objects", name=None)
    assert [each["id"] for each in page.open(page.project["id"])["objects"]] == [1, 2]
    answer = client.patch(page.base, json={"name": "x"})
    assert answer.status_code >= 500
    assert page.open(page.project["id"])["name"] != "x"


def test_a_picture_for_the_list_brings_no_deleted_project_back(client, page, tmp_path, monkeypatch):
    whole = library_module.read_video

    def slow(path):
        frames = whole(path)
        assert client.delete(page.base).status_code == 204
        return frames

    monkeypatch.setattr(library_module, "read_video", slow)
    assert client.get(f"{page.base}/thumbnail.jpg").status_code == 404
    assert [p for p in (tmp_path / "projects").rglob("*") if p.is_file()] == []
    assert not (tmp_path / "projects" / page.project["id"]).exists()


def test_a_picture_for_the_list_that_has_no_room_is_one_sentence(client, page, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    answer = client.get(f"{page.base}/thumbnail.jpg")
    assert answer.status_code == 507
    assert "the disk is full" in answer.json()["error"]["message"]


def test_a_picture_for_the_list_is_shown_from_a_disk_that_takes_nothing(client, page, monkeypatch):
    picture = client.get(f"{page.base}/thumbnail.jpg").content

    def read_only(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", read_only)
    assert client.get(f"{page.base}/thumbnail.jpg").content == picture


@pytest.mark.parametrize("whole", [False, True])
def test_an_upload_that_is_broken_off_leaves_nothing_and_is_no_failure(client, clip_file, tmp_path, caplog, whole):
    headers = {"host": "127.0.0.1:8765", "authorization": f"Bearer {TOKEN}", "content-length": "100000"}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/projects/upload",
        "query_string": b"name=a.mp4",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
    }
    body = {"type": "http.request", "body": clip_file.read_bytes() if whole else b"abc", "more_body": not whole}
    coming = iter([body, {"type": "http.disconnect"}])
    sent = []

    async def receive():
        return next(coming)

    async def send(message):
        sent.append(message)

    asyncio.run(client.app(scope, receive, send))
    assert sent[0]["status"] == 400
    assert not caplog.records
    assert [p for p in (tmp_path / "projects").rglob("*") if p.is_file()] == []


def test_uploads_of_one_name_at_once_all_become_projects(client, clip_file, monkeypatch):
    content, answers, whole = clip_file.read_bytes(), [], library_module.Library._free_id

    def slow(library, name):
        free = whole(library, name)
        time.sleep(0.1)
        return free

    monkeypatch.setattr(library_module.Library, "_free_id", slow)

    def upload():
        answers.append(client.post("/api/projects/upload?name=dog.mp4", content=content))

    hands = [threading.Thread(target=upload) for _ in range(6)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 6


def test_names_of_nothing_but_spaces_are_refused(page):
    assert page.client.patch(page.base, json={"name": "   "}).status_code == 422
    assert page.client.post(f"{page.base}/objects", json={"seq": page.project["seq"], "name": " "}).status_code == 422


def test_frames_are_whole_or_scaled(client, page):
    answer = client.get(f"{page.base}/frames/3.jpg")
    pixels = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels.astype(int) - clip_pixels()[3]).mean() < 12
    small = client.get(f"{page.base}/frames/3.jpg?height=24")
    assert Image.open(io.BytesIO(small.content)).size == (32, 24)
    assert client.get(f"{page.base}/frames/8.jpg").status_code == 404
    assert client.get(f"{page.base}/frames/-1.jpg").status_code in (404, 422)
    assert client.get(f"{page.base}/frames/0.jpg?height=9999").status_code == 422


def test_a_browser_shows_nothing_of_a_deleted_project_in_the_next_one_of_its_name(client, page, clip_file):
    page.stroke()
    mask, image = f"{page.base}/masks/2/{page.project['revisions'][2]}", f"{page.base}/frames/3.jpg"
    assert client.get(mask).headers["cache-control"] == "no-store"
    kept = client.get(image)
    assert kept.headers["cache-control"] == "private, no-cache"
    again = {"If-None-Match": kept.headers["etag"]}
    answer = client.get(image, headers=again)
    assert (answer.status_code, answer.content) == (304, b"")
    assert client.get(f"{image}?height=24", headers=again).status_code == 200
    assert client.get(f"{page.base}/frames/4.jpg", headers=again).status_code == 200
    assert client.delete(page.base).status_code == 204
    made = client.post("/api/projects/upload?name=dog.mp4", content=clip_file.read_bytes()).json()
    assert made["id"] == page.project["id"]
    assert client.get(image, headers=again).status_code == 200


@pytest.mark.parametrize(("t", "revision"), [(0, 5), (9, 0), (0, 2**53), (0, -1)])
def test_a_mask_that_never_was_is_missing(page, t, revision):
    assert page.client.get(f"{page.base}/masks/{t}/{revision}").status_code in (404, 422)


def test_what_a_clip_needs_is_told_before_work(client, page):
    needs = client.get(f"{page.base}/needs").json()
    assert (needs["num_frames"], needs["working_height"], needs["working_width"]) == (8, 48, 64)
    assert needs["duration_seconds"] == pytest.approx(8 / 12)
    assert needs["seconds_per_frame"] > 0
    assert needs["seconds_per_round"] == pytest.approx(8 * needs["seconds_per_frame"])
    assert needs["memory_bytes"] > needs["disk_bytes_per_round"] == 8 * 12 * 16 * 2
    assert client.get("/api/projects/none/needs").status_code == 404


def test_the_first_stroke_does_not_wait_for_the_trial(client, page, networks):
    networks.seconds = 0.3
    trial = threading.Thread(target=client.get, args=[f"{page.base}/needs"])
    trial.start()
    while not networks.transfers:
        time.sleep(0.01)
    page.stroke()
    assert networks.transfers < 3, "the trial takes three frames"
    trial.join()


def test_paths_on_the_command_line(tmp_path, clip_file):
    library = Library(tmp_path / "projects", "lite", 480)
    first = library.open_path(clip_file)
    assert library.open_path(clip_file) == first
    assert library.open_path(tmp_path / "projects" / first) == first
    moved = tmp_path / "moved"
    (tmp_path / "projects" / first).rename(moved)
    assert library.folder(library.open_path(moved)) == moved
    assert library.ids() == ["moved"]
    images = tmp_path / "images"
    images.mkdir()
    for t, frame in enumerate(clip_pixels(3)):
        Image.fromarray(frame).save(images / f"{t}.png")
    opened = library.open_path(images)
    assert len(list((library.folder(opened) / "clip" / "images").iterdir())) == 3
    with pytest.raises(InputError, match="no video"):
        library.open_path(tmp_path / "nothing.mp4")


@pytest.mark.parametrize("name", ["x" * 99 + ".mp4", " dog .mp4 "], ids=["long", "spaces"])
def test_a_clip_is_known_again_whatever_its_name(tmp_path, clip_file, name):
    library, clip = Library(tmp_path / "projects", "lite", 480), tmp_path / name
    shutil.copyfile(clip_file, clip)
    assert library.open_path(clip) == library.open_path(clip)
    assert len(library.ids()) == 1


def test_a_project_without_its_clip_and_a_link_keep_nobody_from_another(tmp_path, clip_file, serve):
    library = Library(tmp_path / "projects", "lite", 480)
    first = library.open_path(clip_file)
    (tmp_path / "projects" / first / "clip" / "dog.mp4").unlink()
    second = library.open_path(clip_file)
    assert second != first
    moved = tmp_path / "moved"
    (tmp_path / "projects" / first).rename(moved)
    (tmp_path / "projects" / first).symlink_to(moved)
    assert library.open_path(clip_file) == second
    with serve(video=clip_file) as client:
        assert [each["id"] for each in client.get("/api/projects").json()["projects"]] == [second]


def test_too_little_room_for_the_clip_of_the_command_line_is_one_sentence(serve, clip_file, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(library_module.shutil, "disk_usage", lambda _: usage(0, 0, 512 << 20))
    with pytest.raises(OutputError, match="The disk has too little room"):
        serve(video=clip_file)


def test_a_clip_that_may_not_be_read_is_named(tmp_path, clip_file, monkeypatch):
    def refuse(source, _):
        raise PermissionError(errno.EACCES, "Permission denied", str(source))

    monkeypatch.setattr(library_module.shutil, "copyfile", refuse)
    with pytest.raises(InputError, match=r"dog\.mp4' cannot be read"):
        Library(tmp_path / "projects", "lite", 480).create(clip_file, "dog.mp4", move=False)


def test_a_resolution_of_nothing_is_refused_before_a_project_is_made(tmp_path):
    with pytest.raises(InputError, match="The resolution is 0"):
        Library(tmp_path / "projects", "lite", 0)
    assert not (tmp_path / "projects").exists()


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (48, 64)])
def test_runs_and_back(size):
    rng = np.random.default_rng(0)
    for mask in (np.zeros(size, np.uint8), rng.integers(0, 3, size, np.uint8), rng.integers(0, 255, size, np.uint8)):
        runs = to_runs(mask)
        assert all(a != b for a, b in zip(runs[::2], runs[2::2], strict=False))
        np.testing.assert_array_equal(from_runs(runs, size), mask)


def test_a_project_can_be_renamed_and_keeps_its_address(serve, client, page):
    page.stroke()
    answer = client.patch(page.base, json={"name": "Mein Hund ☺"})
    assert answer.json()["name"] == "Mein Hund ☺"
    page.stroke(3)
    assert page.open(page.project["id"])["name"] == "Mein Hund ☺"
    assert client.get("/api/projects").json()["projects"][0]["name"] == "Mein Hund ☺"
    assert page.project["undo"] == "stroke on frame 3", "it is no step of undo"
    for wrong in ({"name": ""}, {"name": "x" * 81}, {}):
        assert client.patch(page.base, json=wrong).status_code == 422
    assert client.patch("/api/projects/none", json={"name": "a"}).status_code == 404


def test_a_project_can_be_deleted_also_while_another_tab_has_it_open(client, page, clip_file, tmp_path):
    page.stroke()
    news = []
    waiting = threading.Thread(target=lambda: news.append(client.get(f"{page.base}/changes?since=1").status_code))
    waiting.start()
    time.sleep(0.2)
    assert client.delete(page.base).status_code == 204
    waiting.join(10)
    assert news == [200]
    assert client.get("/api/projects").json() == {"projects": []}
    assert [p for p in (tmp_path / "projects").rglob("*") if p.is_file()] == []
    body = {"seq": 1, "frame": 1, "object_id": 1, "kind": "add", "path": [[0.5, 0.5]]}
    for answer in (client.get(page.base), client.post(f"{page.base}/strokes", json=body), client.delete(page.base)):
        assert answer.status_code == 404
        assert "dog" in answer.json()["error"]["message"]
    assert client.post("/api/projects/upload?name=dog.mp4", content=clip_file.read_bytes()).json()["id"] == "dog"


def test_a_project_at_work_is_not_deleted(page, networks):
    networks.seconds = 0.2
    page.stroke()
    thread = threading.Thread(target=page.round)
    thread.start()
    while not page.client.get(page.base).json()["running"]:
        time.sleep(0.01)
    answer = page.client.delete(page.base)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "busy"
    thread.join()
    assert page.client.delete(page.base).status_code == 204


def test_a_project_outside_the_folder_is_not_deleted(serve, page, tmp_path):
    project_id = page.project["id"]
    page.client.__exit__(None, None, None)
    moved = tmp_path / "moved"
    (tmp_path / "projects" / project_id).rename(moved)
    with serve(video=moved) as client:
        answer = client.delete("/api/projects/moved")
        assert answer.status_code == 409
        assert str(moved) in answer.json()["error"]["message"]
        assert client.get("/api/app").json()["open_project"] == "moved"
    assert (moved / "project.json").is_file()
    page.client.__enter__()


def test_the_page_does_not_open_a_project_that_was_deleted(serve, clip_file):
    with serve(video=clip_file) as client:
        assert client.get("/api/app").json()["open_project"] == "dog"
        assert client.delete("/api/projects/dog").status_code == 204
        assert client.get("/api/app").json()["open_project"] is None


def test_what_a_kill_leaves_of_a_deletion_is_cleared_at_the_next_start(serve, tmp_path):
    left = tmp_path / "projects" / ".deleted-1"
    left.mkdir(parents=True)
    (left / "project.json").write_text("{}")
    with serve() as client:
        assert client.get("/api/projects").json() == {"projects": []}
    assert not left.exists()


def test_a_second_server_leaves_the_uploads_of_the_first_alone(tmp_path):
    library = Library(tmp_path, "lite", 480)
    arriving, broken, draft = library.upload_place(), library.upload_place(), tmp_path / ".new-1"
    arriving.write_bytes(b"half")
    broken.write_bytes(b"half")
    draft.mkdir()
    os.utime(broken, (0, 0))
    Library(tmp_path, "lite", 480).clear_uploads()
    assert (arriving.exists(), broken.exists(), draft.exists()) == (True, False, True)
    os.utime(draft, (0, 0))
    library.clear_uploads()
    assert not draft.exists()
