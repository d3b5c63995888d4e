"""What survives: reload, restart, kill -9, cancel, two tabs, moving the folder, damage."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from tests.server.conftest import TOKEN, Page

from ivos.core.scribbles import scribble_labels
from ivos.types import VOID, Scribble


def everything(page):
    names = ("seq", "objects", "strokes", "waiting", "annotated", "paints", "stale", "revisions", "before", "changed")
    state = {name: page.project[name] for name in (*names, "trust", "worst", "rounds", "undo", "redo", "view")}
    return state, page.masks()


def assert_same(one, other):
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1], other[1])


def work(page):
    page.stroke(2)
    page.round()
    page.post("/objects", name="cat")
    page.stroke(5, object_id=2, path=[[0.8, 0.9], [0.9, 0.9]])
    page.round()
    page.stroke(6, kind="remove", path=[[0.3, 0.5]])
    mask = page.mask(7)
    mask[0:3, 0:3] = 2
    flat = mask.ravel().tolist()
    page.post("/paint", frame=7, runs=[value for label in flat for value in (label, 1)])
    page.stroke(7, path=[[0.6, 0.2]])
    page.post("/undo")


def test_a_restarted_server_goes_on_where_it_was(serve, page, tmp_path):
    work(page)
    page.client.patch(f"{page.base}/view", json={"view": {"frame": 5, "opacity": 0.25}})
    page.open(page.project["id"])
    before = everything(page)
    project_id = page.project["id"]
    page.client.__exit__(None, None, None)
    with serve() as client:
        again = Page(client)
        again.open(project_id)
        assert_same(before, everything(again))
        assert again.project["view"]["frame"] == 5
        for step in ["/undo"] * 7 + ["/redo"] * 8:
            again.post(step)
        again.round()
        assert again.project["rounds"][-1]["frames"] == [6, 7]
    page.client.__enter__()


def test_close_strokes_of_both_signs_hold_to_the_pixel_after_a_round_and_a_restart(serve, page):
    rows = [(1, "add", 0.4), (0, "remove", 0.5), (1, "add", 0.6), (0, "remove", 0.7)]
    for _, kind, y in rows:
        page.stroke(5, kind=kind, path=[[0.2, y], [0.8, y + 0.05]])
    drawn = scribble_labels([Scribble(label, [(0.2, y), (0.8, y + 0.05)]) for label, _, y in rows], page.size)
    np.testing.assert_array_equal(np.where(drawn == VOID, VOID, page.mask(5)), drawn)
    page.round()
    page.stroke(2)
    page.round()
    project_id = page.project["id"]
    page.client.__exit__(None, None, None)
    with serve() as client:
        again = Page(client)
        again.open(project_id)
        np.testing.assert_array_equal(np.where(drawn == VOID, VOID, again.mask(5)), drawn)
    page.client.__enter__()


def test_a_project_folder_can_be_moved(serve, page, tmp_path):
    work(page)
    before = everything(page)
    project_id = page.project["id"]
    page.client.__exit__(None, None, None)
    shutil.move(tmp_path / "projects" / project_id, tmp_path / "elsewhere" / "projects" / "moved")
    with serve(tmp_path / "elsewhere" / "projects") as client:
        moved = Page(client)
        moved.open("moved")
        assert_same(before, everything(moved))
    page.client.__enter__()


def test_an_idle_project_is_unloaded_and_comes_back(page):
    work(page)
    before = everything(page)
    sessions = page.client.app._app.state.services.sessions
    assert sessions.unload_idle(0) == [page.project["id"]]
    assert sessions.unload_idle(0) == []
    page.open(page.project["id"])
    assert_same(before, everything(page))


def test_after_a_restart_many_requests_at_once_are_answered(serve, page):
    page.stroke(2)
    project, base = page.project, page.base
    page.client.__exit__(None, None, None)
    with serve() as client:
        client.get(base)
        paths = ["/needs", f"/masks/2/{project['revisions'][2]}", "", "/needs", "/frames/3.jpg"]
        codes = []
        threads = [
            threading.Thread(target=lambda path=path: codes.append(client.get(base + path).status_code), daemon=True)
            for path in paths
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert codes == [200] * 5
    page.client.__enter__()


def start_round(page, enough=3, **how):
    """Start a round in a thread and wait until `enough` frames are done; its lines arrive in a list."""
    lines = []

    def run():
        body = {"seq": page.project["seq"], **how}
        lines.extend(json.loads(x) for x in page.client.post(f"{page.base}/rounds", json=body).text.splitlines())

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        page.open(page.project["id"])
        if page.project["running"] and page.project["running"]["done"] >= enough:
            break
        time.sleep(0.01)
    return thread, lines


@pytest.mark.parametrize("decision", ["keep", "discard", "stroke"])
def test_a_cancelled_round_leaves_the_choice(page, networks, decision):
    networks.seconds = 0.2
    page.stroke(2)
    before = page.masks()
    thread, lines = start_round(page)
    refused = page.client.post(f"{page.base}/undo", json={"seq": page.project["seq"]})
    assert refused.json()["error"]["code"] == "busy"
    answer = page.ok(page.client.post(f"{page.base}/rounds/cancel"))
    thread.join()
    assert 3 <= answer["done"] < answer["total"] == 8
    assert lines[-1]["event"] == "cancelled"
    page.open(page.project["id"])
    undecided = page.project["undecided"]
    assert (undecided["done"], undecided["total"], undecided["reason"]) == (answer["done"], 8, "cancelled")
    np.testing.assert_array_equal(page.masks(), before)
    finished = {line["frame"]: line["runs"] for line in lines if line["event"] == "frame"}
    assert set(undecided["frames"]) == set(finished)
    for t, runs in finished.items():  # what the page goes on showing
        np.testing.assert_array_equal(page.mask(t, undecided["revision"]), page.decode(runs))
    other = min(set(range(8)) - set(finished))
    assert page.client.get(f"{page.base}/masks/{other}/{undecided['revision']}").status_code == 422
    if decision == "keep":
        page.post("/rounds/keep")
        assert page.project["rounds"][0]["partial"]
        for line in lines:
            if line["event"] == "frame":
                np.testing.assert_array_equal(page.mask(line["frame"]), page.decode(line["runs"]))
        page.post("/undo")
    elif decision == "discard":
        page.post("/rounds/discard")
    else:  # goes on from the finished frames, which undo throws away
        redo = page.client.post(f"{page.base}/redo", json={"seq": page.project["seq"]})
        assert "keep its frames or throw them away" in redo.json()["error"]["message"]
        page.stroke(2, path=[[0.4, 0.6]])
        assert page.project["rounds"][0]["partial"]
        assert sum(value is not None for value in page.project["trust"]) == answer["done"]
        page.post("/undo")
        page.post("/undo")
    assert page.project["undecided"] is None
    np.testing.assert_array_equal(page.masks(), before)
    assert page.client.post(f"{page.base}/rounds/cancel").status_code == 409
    assert page.client.get(f"{page.base}/rounds/stream").status_code == 409


def test_another_tab_follows_a_round_from_its_first_frame(page, networks):
    networks.seconds = 0.05
    page.stroke(2)
    thread, lines = start_round(page)
    followed = page.client.get(f"{page.base}/rounds/stream").text.splitlines()
    thread.join()
    assert [json.loads(line) for line in followed][:-1] == lines[:-1]


def test_a_round_at_work_lets_the_user_look(page, networks):
    networks.seconds = 0.1
    page.stroke(2)
    thread, _ = start_round(page)
    started = time.monotonic()
    assert page.client.get(f"{page.base}/frames/5.jpg").status_code == 200
    page.mask(2)
    assert time.monotonic() - started < 1
    thread.join()


def test_a_failing_round_says_so_and_keeps_the_state(page, networks, monkeypatch):
    page.stroke(2)
    before = page.masks()

    def fail(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(networks, "transfer", fail)
    lines = page.round()
    assert lines[-1]["event"] == "error"
    assert "RuntimeError" in lines[-1]["message"]
    np.testing.assert_array_equal(page.masks(), before)
    page.stroke(3)


def test_two_servers_do_not_share_a_project(serve, page):
    page.stroke()
    with serve() as other:
        answer = other.get(f"/api/projects/{page.project['id']}")
        assert answer.status_code == 422
        assert "another ivos" in answer.json()["error"]["message"]
        deleted = other.delete(f"/api/projects/{page.project['id']}")
        assert deleted.status_code == 422
        assert "another ivos" in deleted.json()["error"]["message"]
        page.stroke(1)
        assert len(page.project["strokes"]) == 2


def test_the_demo_of_another_server_is_left_to_it(serve, client):
    first = Page(client)
    first.open(client.post("/api/projects/demo").json()["id"])
    with serve() as other:
        second = Page(other)
        second.open(other.post("/api/projects/demo").json()["id"])
        assert second.project["id"] != first.project["id"]
    assert client.post("/api/projects/demo").json()["id"] in (first.project["id"], second.project["id"])


def test_the_folder_of_a_project_that_was_deleted_by_hand_does_not_come_back(page, tmp_path):
    page.stroke()
    folder = tmp_path / "projects" / page.project["id"]
    shutil.rmtree(folder)
    page.client.post(f"{page.base}/undo", json={"seq": page.project["seq"]})
    page.client.patch(f"{page.base}/view", json={"view": page.project["view"]})
    assert not folder.exists()


def test_two_tabs_learn_of_each_other(page):
    seq = page.project["seq"]
    news = []
    thread = threading.Thread(target=lambda: news.append(page.client.get(f"{page.base}/changes?since={seq}").json()))
    thread.start()
    time.sleep(0.2)
    page.stroke()
    thread.join(10)
    assert news == [{"seq": seq + 1, "running": False}]


def test_many_hands_at_once_do_not_corrupt_a_project(page):
    codes = []

    def draw(frame):
        for _ in range(4):
            seq = page.client.get(page.base).json()["seq"]
            body = {"seq": seq, "frame": frame, "object_id": 1, "kind": "add", "path": [[0.5, 0.5]]}
            codes.append(page.client.post(f"{page.base}/strokes", json=body).status_code)

    threads = [threading.Thread(target=draw, args=(frame,)) for frame in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {200, 409}
    page.open(page.project["id"])
    assert len(page.project["strokes"]) == codes.count(200) == page.project["seq"]


@pytest.mark.parametrize("torn", [b'{"seq": 2, "op": "str', b'{"seq": 2}garbage\n'])
def test_a_torn_end_of_the_journal_costs_one_stroke_at_most(serve, page, tmp_path, torn):
    page.stroke()
    before = everything(page)
    project_id = page.project["id"]
    page.client.__exit__(None, None, None)
    with (tmp_path / "projects" / project_id / "journal.jsonl").open("ab") as journal:
        journal.write(torn)
    with serve() as client:
        again = Page(client)
        again.open(project_id)
        assert_same(before, everything(again))
        again.stroke(3)
    page.client.__enter__()


@pytest.mark.parametrize(
    ("field", "value"), [("num_objects", None), ("name", None), ("opened_at", []), ("fps", [1, 2]), ("clip", -1)]
)
def test_a_project_of_wrong_kinds_is_told_in_a_sentence_and_hides_no_other(serve, page, tmp_path, field, value):
    good = page.project["id"]
    shutil.copytree(tmp_path / "projects" / good, tmp_path / "projects" / "bad")
    file = tmp_path / "projects" / "bad" / "project.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {field: value}))
    with serve() as client:
        assert [each["id"] for each in client.get("/api/projects").json()["projects"]] == [good]
        answer = client.get("/api/projects/bad")
        assert answer.status_code == 422
        assert "is damaged" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("journal.jsonl", b'{"seq": 1, "op": "object", "id": 2, "name": 5, "at": ""}\n' * 2),
        ("journal.jsonl", b'{"seq": 1, "op": "look", "id": 1, "changes": {"visible": "maybe"}, "at": ""}\n' * 2),
        (
            "journal.jsonl",
            b'{"seq": 1, "op": "stroke", "frame": 0, "object_id": 1, "kind": 7, "path": [[0, 0]], "start_ms": 0,'
            b' "end_ms": 1, "locked": [], "at": ""}\n' * 2,
        ),
        ("journal.jsonl", b'{"seq": 1, "op": "nonsense"}\n{"seq": 2, "op": "undo"}\n'),
        ("journal.jsonl", b"garbage\n{}\n"),
        ("project.json", b"{}"),
        ("clip/dog.mp4", b"no video"),
    ],
)
def test_damage_is_told_in_a_sentence(serve, page, tmp_path, file, content):
    project_id = page.project["id"]
    page.client.__exit__(None, None, None)
    (tmp_path / "projects" / project_id / file).write_bytes(content)
    with serve() as client:
        answer = client.get(f"/api/projects/{project_id}")
        assert answer.status_code in (404, 422)
        assert answer.json()["error"]["message"]
        assert client.get("/api/projects").status_code == 200
    page.client.__enter__()


SERVER = """
import sys, uvicorn
from pathlib import Path
from tests.server.conftest import FakeNetworks, TOKEN
from ivos.server.app import create_app
from ivos.server.settings import Settings
settings = Settings(projects=Path(sys.argv[1]), token=TOKEN, port=int(sys.argv[2]))
uvicorn.run(create_app(settings, FakeNetworks(seconds=0.3)), port=int(sys.argv[2]), log_level="error")
"""


class Process:
    """A server in a process of its own, to be killed."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        self.process = subprocess.Popen([sys.executable, "-c", SERVER, folder, str(self.port)], env=environment)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                self.call("GET", "/api/projects")
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server did not start")

    def open(self, method, path, body=None):
        content = None if body is None else json.dumps(body).encode() if isinstance(body, dict) else body
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", content, headers, method=method)
        return urllib.request.urlopen(request, timeout=30)

    def call(self, method, path, body=None):
        with self.open(method, path, body) as answer:
            return json.loads(answer.read())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.mark.slow
def test_kill_9_in_the_middle_of_a_round_loses_nothing(tmp_path, clip_file):
    server = Process(tmp_path)
    try:
        project_id = server.call("POST", "/api/projects/upload?name=dog.mp4", clip_file.read_bytes())["id"]
        base = f"/api/projects/{project_id}"
        stroke = {"seq": 0, "frame": 2, "object_id": 1, "kind": "add", "path": [[0.3, 0.5], [0.6, 0.5]]}
        drawn = server.call("POST", f"{base}/strokes", stroke)["masks"][0]
        stream = server.open("POST", f"{base}/rounds", {"seq": 1})
        lines = [json.loads(stream.readline()) for _ in range(4)]
    finally:
        server.kill()
    server = Process(tmp_path)
    try:
        project = server.call("GET", base)
        assert len(project["strokes"]) == 1
        assert project["rounds"] == []
        assert project["undecided"]["reason"] == "interrupted"
        assert project["undecided"]["done"] >= 3
        assert server.call("GET", f"{base}/masks/2/{project['revisions'][2]}")["runs"] == drawn["runs"]
        project = server.call("POST", f"{base}/rounds/keep", {"seq": project["seq"]})["project"]
        for line in lines[1:]:
            t = line["frame"]
            assert server.call("GET", f"{base}/masks/{t}/{project['revisions'][t]}")["runs"] == line["runs"]
    finally:
        server.kill()
