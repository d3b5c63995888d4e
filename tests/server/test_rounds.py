"""Rounds beside other changes: undo of a broken-off one, a queue of two projects, one state in every answer."""

import os
import threading
import time

import numpy as np
import pytest
from tests.server.conftest import Page
from tests.server.test_keeping import start_round

from ivos.core.confidence import Trust
from ivos.errors import OutputError
from ivos.server.round_files import RoundWriter
from ivos.server.runs import to_runs


def space_of(page):
    return page.client.app._app.state.services.sessions.use(page.project["id"])


def cancelled_round(page, networks):
    networks.seconds = 0.25
    thread, _ = start_round(page)
    page.ok(page.client.post(f"{page.base}/rounds/cancel"))
    thread.join()
    networks.seconds = 0.0
    page.open(page.project["id"])
    assert page.project["undecided"]


def test_undo_takes_away_a_broken_off_round_and_no_stroke(page, networks):
    page.stroke(2)
    before = page.masks()
    cancelled_round(page, networks)
    assert page.project["undo"] == "the broken-off round"
    page.post("/undo")
    assert page.project["undecided"] is None
    assert len(page.project["strokes"]) == 1
    np.testing.assert_array_equal(page.masks(), before)
    page.post("/undo")
    assert page.project["strokes"] == []


def test_a_round_that_waits_behind_another_project_is_cancelled_at_once(page, networks, clip_file):
    other = Page(page.client)
    other.open(page.client.post("/api/projects/upload?name=cat.mp4", content=clip_file.read_bytes()).json()["id"])
    other.stroke(2)
    page.stroke(2)
    networks.seconds = 1.0
    first, _ = start_round(page)
    with space_of(other) as space:
        waits = threading.Thread(target=other.round)
        waits.start()
        until = time.monotonic() + 10
        while space.running is None and time.monotonic() < until:
            time.sleep(0.01)
    assert other.ok(other.client.post(f"{other.base}/rounds/cancel"))["done"] == 0
    page.open(page.project["id"])
    assert page.project["running"], "the other project's round is still at work"
    waits.join(10)
    assert other.project["running"] is other.project["undecided"] is None
    page.client.post(f"{page.base}/rounds/cancel")
    first.join(10)
    networks.seconds = 0.0
    assert other.round()[-1]["event"] == "done"


def test_a_closing_server_stops_every_round_before_it_waits(page, networks, clip_file):
    other = Page(page.client)
    other.open(page.client.post("/api/projects/upload?name=cat.mp4", content=clip_file.read_bytes()).json()["id"])
    other.stroke(2)
    page.stroke(2)
    networks.seconds = 0.2
    threads = [start_round(page)[0], threading.Thread(target=other.round)]
    threads[1].start()
    with space_of(other) as space:
        while space.running is None:
            time.sleep(0.01)
    before = networks.transfers
    page.client.app._app.state.services.sessions.close()
    assert networks.transfers <= before + 2
    for thread in threads:
        thread.join(10)


def test_an_answer_shows_one_state(page, monkeypatch):
    """A change that comes while an answer is made is in it as a whole, or not at all."""
    others = []
    with space_of(page) as space:
        strips = space.timeline.strips

        def slow(step):
            others.append(threading.Thread(target=lambda: space.add_object(space.seq, None), daemon=True))
            others[-1].start()
            others[-1].join(0.3)
            return strips(step)

        monkeypatch.setattr(space.timeline, "strips", slow)
        answer = page.ok(page.client.get(page.base))
        for other in others:
            other.join(10)
    assert len(answer["objects"]) == answer["seq"] + 1


def test_an_object_can_be_hidden_but_not_locked_while_a_round_runs(page, networks):
    networks.seconds = 0.25
    page.stroke(2)
    thread, lines = start_round(page)
    hidden = page.ok(page.client.patch(f"{page.base}/objects/1", json={"seq": page.project["seq"], "visible": False}))[
        "project"
    ]
    assert not hidden["objects"][0]["visible"]
    assert hidden["running"]
    locked = page.client.patch(f"{page.base}/objects/1", json={"seq": hidden["seq"], "locked": True})
    assert locked.json()["error"]["code"] == "busy"
    thread.join()
    assert lines[-1]["event"] == "done"
    assert lines[-1]["project"]["seq"] == hidden["seq"] + 1
    assert not lines[-1]["project"]["objects"][0]["visible"]


def test_marks_that_leave_out_the_drawn_frame_are_told_in_frames(page):
    page.stroke(2)
    answer = page.client.post(f"{page.base}/rounds", json={"seq": page.project["seq"], "first": 3, "last": 5})
    message = answer.json()["error"]["message"]
    assert "frame 2" in message
    assert "frames 3 to 5" in message


def test_a_locked_object_stays_where_the_stroke_of_another_is_deleted(page):
    page.stroke(2)
    page.post("/objects", name=None)
    page.stroke(2, object_id=2, path=[[0.8, 0.9], [0.9, 0.9]])
    page.round()
    page.stroke(5, path=[[0.3, 0.2], [0.4, 0.2]])
    page.stroke(5, path=[[0.3, 0.8], [0.4, 0.8]])
    page.round()
    answer = page.client.patch(f"{page.base}/objects/2", json={"seq": page.project["seq"], "locked": True})
    page.project = page.ok(answer)["project"]
    before = page.mask(5) == 2
    assert before.any()
    page.post("/strokes/delete", ids=[page.project["strokes"][-1]["id"]])
    np.testing.assert_array_equal(page.mask(5) == 2, before)
    page.round()
    np.testing.assert_array_equal(page.mask(5) == 2, before)


def test_a_round_that_breaks_off_among_its_annotated_frames_leaves_the_rest_waiting(page, monkeypatch):
    page.stroke(2)
    page.stroke(5, path=[[0.2, 0.4], [0.4, 0.4]])
    shown, write, written = page.mask(5), RoundWriter.add_result, []

    def full(self, t, result):
        if written:
            raise OutputError("the disk is full")
        written.append(t)
        write(self, t, result)

    monkeypatch.setattr(RoundWriter, "add_result", full)
    assert page.round()[-1]["event"] == "error"
    monkeypatch.undo()
    page.post("/rounds/keep")
    assert (page.project["waiting"], page.project["annotated"]) == ([5], [2, 5])
    np.testing.assert_array_equal(page.mask(5), shown)
    assert page.round()[-1]["event"] == "done"
    assert page.project["waiting"] == []
    np.testing.assert_array_equal(page.mask(5), shown)


def test_a_correction_whose_round_broke_off_is_carried_by_the_next(page, networks):
    page.stroke(7)
    page.round()
    page.stroke(3, path=[[0.8, 0.9], [0.9, 0.9]])
    corrected = page.mask(3)
    cancelled_round(page, networks)
    finished = page.project["undecided"]["frames"]
    page.post("/rounds/keep")
    assert page.project["stale"]
    np.testing.assert_array_equal(page.mask(3), corrected)
    page.stroke(6, path=[[0.8, 0.1], [0.9, 0.1]])
    page.round(first=4)  # frame 3 lies outside the marks
    assert page.project["stale"]
    before = page.masks()
    page.round()
    assert not page.project["stale"]
    np.testing.assert_array_equal(page.mask(3), corrected)
    left = {0, 1, 2} - set(finished)
    assert left
    assert all((page.mask(t) != before[t]).any() for t in left)
    before = page.masks()
    page.stroke(6, path=[[0.8, 0.2], [0.9, 0.2]])
    page.round()
    np.testing.assert_array_equal(page.masks()[:3], before[:3])  # carried once


def test_keeping_a_stopped_round_keeps_all_that_it_shows(page, networks):
    page.stroke(2)
    page.post("/objects")
    page.stroke(5, object_id=2, path=[[0.8, 0.9], [0.9, 0.9]])
    networks.seconds = 0.25
    thread, _ = start_round(page, 6)
    page.ok(page.client.post(f"{page.base}/rounds/cancel"))
    thread.join()
    networks.seconds = 0.0
    page.open(page.project["id"])
    undecided = page.project["undecided"]
    shown = {t: page.mask(t, undecided["revision"]) for t in undecided["frames"]}
    page.post("/rounds/keep")
    for t, mask in shown.items():
        np.testing.assert_array_equal(page.mask(t), mask)


def test_a_round_whose_files_do_not_reach_the_disk_does_not_block_the_project(page, monkeypatch):
    page.stroke(2)
    sync, journal = os.fsync, space_of(page)
    with journal as space:
        own = space._journal._file.fileno()

    def fails(file):
        if file != own:
            raise OSError(5, "Input/output error")
        sync(file)

    monkeypatch.setattr(os, "fsync", fails)
    last = page.round()[-1]
    assert last["event"] == "error"
    assert "Input/output error" in last["message"]
    monkeypatch.undo()
    page.stroke(2, path=[[0.2, 0.2]])
    assert page.round()[-1]["event"] == "done"


def test_undoing_the_removal_of_an_object_brings_it_back_on_a_waiting_frame_after_a_reload(page):
    page.post("/objects", name=None)
    page.stroke(2)
    page.stroke(2, object_id=2, path=[[0.7, 0.8], [0.9, 0.8]])
    page.round()
    page.stroke(2, path=[[0.3, 0.6]])
    before = page.mask(2)
    assert set(np.unique(before)) == {0, 1, 2}
    response = page.client.delete(f"{page.base}/objects/2?seq={page.project['seq']}")
    page.project = page.ok(response)["project"]
    page.client.app._app.state.services.sessions.unload_idle(0)
    assert 2 not in page.mask(2)
    page.post("/undo")
    np.testing.assert_array_equal(page.mask(2), before)


def test_a_round_with_nowhere_to_go_is_refused_and_changes_nothing(page):
    page.stroke(0)
    page.round()
    before = (page.project["seq"], page.project["rounds"], page.masks().tolist())
    answer = page.client.post(f"{page.base}/rounds", json={"seq": page.project["seq"], "direction": "backward"})
    assert answer.status_code == 409
    assert "No frame lies in that direction" in answer.json()["error"]["message"]
    page.open(page.project["id"])
    assert (page.project["seq"], page.project["rounds"], page.masks().tolist()) == before


def test_paint_goes_on_from_the_finished_frames_that_the_page_shows(page, networks):
    page.stroke(2)
    page.round()
    page.stroke(6, path=((0.3, 0.9), (0.6, 0.9)))
    cancelled_round(page, networks)
    frame = page.project["undecided"]["frames"][-1]
    painted = page.mask(frame, page.project["undecided"]["revision"]).copy()
    painted[:4, :4] = 1
    page.post("/paint", frame=frame, runs=to_runs(painted))
    assert page.project["rounds"][-1]["partial"]
    np.testing.assert_array_equal(page.mask(frame), painted)


def test_a_refused_change_decides_nothing_about_a_broken_off_round(page, networks):
    page.stroke(2)
    cancelled_round(page, networks)
    before = page.project["undecided"]
    seq = page.project["seq"]
    refused = [
        ("rounds", {"direction": "both", "first": 5, "last": 7}),
        ("paint", {"frame": 2, "runs": [9, 16]}),
        ("strokes/delete", {"ids": [99]}),
    ]
    for path, body in refused:
        answer = page.client.post(f"{page.base}/{path}", json={"seq": seq, **body})
        assert 400 <= answer.status_code < 500, path
        page.open(page.project["id"])
        assert (page.project["undecided"], page.project["seq"]) == (before, seq), path


def test_a_broken_off_round_counts_no_frame_twice(page, networks):
    page.stroke(1)
    page.stroke(5)
    cancelled_round(page, networks)
    assert page.project["undecided"]["total"] == 8


def test_the_hint_calls_objects_by_their_names(page):
    page.stroke(2)
    page.round()
    change = {"seq": page.project["seq"], "name": "Ball"}
    jump = Trust(np.full(8, 0.9), np.full((8, 1), 0.5), np.zeros((8, 1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivos.server.timeline.trust", lambda *_: jump)
        page.project = page.ok(page.client.patch(f"{page.base}/objects/1", json=change))["project"]
        page.stroke(3)
    assert page.project["worst"]["reason"].startswith("The area of Ball changes by 50%")


def test_a_stopped_correction_of_an_object_that_is_locked_meanwhile_is_carried_on_later(page, networks):
    page.stroke(7)
    page.post("/objects")
    page.stroke(7, object_id=2, path=[[0.8, 0.1], [0.9, 0.1]])
    page.round()
    page.stroke(3, path=[[0.8, 0.9], [0.9, 0.9]])
    cancelled_round(page, networks)
    left = {0, 1, 2} - set(page.project["undecided"]["frames"])
    page.post("/rounds/keep")
    for locked in (True, False):
        look = {"seq": page.project["seq"], "locked": locked}
        page.project = page.ok(page.client.patch(f"{page.base}/objects/1", json=look))["project"]
        before = page.masks()
        page.stroke(7, object_id=2, path=[[0.8, 0.2], [0.9, 0.2]])
        page.round()
        carried = {t for t in left if ((page.mask(t) == 1) != (before[t] == 1)).any()}
        assert carried == (set() if locked else left)
    assert not page.project["stale"]
