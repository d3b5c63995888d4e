"""What one object does to another, and what becomes of it when it is locked, removed or left behind by a round."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
from tests.server.conftest import FakeNetworks

from ivos.server.runs import to_runs

LINE, ACROSS, CORNER = ((0.2, 0.5), (0.8, 0.5)), ((0.5, 0.1), (0.5, 0.9)), ((0.05, 0.05), (0.1, 0.05))


def lock(page, object_id, *, locked=True):
    change = {"seq": page.project["seq"], "locked": locked}
    page.project = page.ok(page.client.patch(f"{page.base}/objects/{object_id}", json=change))["project"]


def remove(page, object_id):
    answer = page.client.delete(f"{page.base}/objects/{object_id}?seq={page.project['seq']}")
    page.project = page.ok(answer)["project"]


def paint(page, t, label, rows, columns):
    mask = page.mask(t).copy()
    mask[rows, columns] = label
    page.post("/paint", frame=t, runs=to_runs(mask))


def sizes(page, object_id):
    return [int((mask == object_id).sum()) for mask in page.masks()]


def test_paint_of_a_removed_object_leaves_no_hole_in_the_others(page):
    page.stroke(0, 1, path=LINE)
    page.round()
    page.round()
    untouched = page.masks()
    page.post("/undo")
    page.post("/objects")
    paint(page, 0, 2, slice(20, 30), slice(28, 36))
    remove(page, 2)
    page.round()
    np.testing.assert_array_equal(page.masks(), untouched)
    page.post("/undo")
    page.post("/undo")
    page.round()
    remove(page, 2)
    page.round()
    assert (page.mask(0) == untouched[0]).all()
    assert all((page.mask(t)[20:30, 28:36] == 1).all() for t in range(8))


def test_a_removed_object_has_no_part_in_how_far_frames_are_trusted(page, networks):
    def unsure_of_the_second(self, target, annotated, previous, probability):
        logits = 12 * (probability - 0.45)
        return torch.cat((logits[:1], torch.full_like(logits[1:], 0.2)))

    page.stroke(0, 1, path=LINE)
    page.round()
    page.round()
    alone = page.project["trust"], page.project["worst"]
    page.post("/undo")
    page.post("/objects")
    page.stroke(0, 2, path=((0.3, 0.8), (0.8, 0.8)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeNetworks, "transfer", unsure_of_the_second)
        page.round()
    assert max(page.project["trust"][1:]) < 0.9
    remove(page, 2)
    assert page.project["worst"]["frame"] == alone[1]["frame"]
    assert np.subtract(page.project["trust"], alone[0])[1:] == pytest.approx(0, abs=0.15)


def test_a_frame_that_only_a_removed_object_was_painted_on_is_not_annotated_any_more(page):
    page.stroke(0, 1)
    page.round()
    page.post("/objects")
    paint(page, 6, 2, slice(2, 8), slice(2, 8))
    remove(page, 2)
    assert (page.project["waiting"], page.project["annotated"], page.project["painted"]) == ([], [0], [])
    page.stroke(2, 1)
    page.round(first=0, last=4)
    page.post("/objects")
    paint(page, 6, 3, slice(2, 8), slice(2, 8))
    page.round()
    assert page.project["annotated"] == [0, 2, 6]
    remove(page, 3)
    assert page.project["annotated"] == [0, 2]


def test_a_deleted_correction_leaves_what_rounds_had_brought_and_the_other_correction(page):
    page.stroke(0, 1, path=LINE)
    page.round()
    page.stroke(4, 1, path=((0.1, 0.1), (0.15, 0.1)))
    with_one = page.mask(4)
    page.stroke(4, 1, path=((0.9, 0.9), (0.95, 0.9)))
    page.round()
    page.post("/strokes/delete", ids=[page.project["strokes"][-1]["id"]])
    np.testing.assert_array_equal(page.mask(4), with_one)


def test_of_an_object_that_came_later_the_result_before_its_own_correction_is_taken(page):
    page.post("/objects")
    page.stroke(4, 2, path=((0.3, 0.9), (0.6, 0.9)))
    page.round()
    page.stroke(0, 1, path=LINE)  # passes through frame 4, which was annotated before it was there
    page.round()
    page.stroke(4, 1, path=((0.1, 0.1), (0.15, 0.1)))
    with_one = page.mask(4)
    page.stroke(4, 1, path=((0.9, 0.1), (0.95, 0.1)))
    page.round()
    page.post("/strokes/delete", ids=[page.project["strokes"][-1]["id"]])
    np.testing.assert_array_equal(page.mask(4) == 1, with_one == 1)


def test_a_kept_part_of_a_round_leaves_no_object_behind(page, networks):
    page.post("/objects")
    page.stroke(0, 1, path=((0.2, 0.2), (0.4, 0.2)))
    page.stroke(4, 2, path=((0.6, 0.8), (0.8, 0.8)))
    networks.seconds = 0.1
    round_of_both = threading.Thread(target=page.round)
    round_of_both.start()
    while networks.transfers < 3:
        time.sleep(0.01)
    page.client.post(f"{page.base}/rounds/cancel")
    round_of_both.join()
    networks.seconds = 0
    page.open(page.project["id"])
    page.post("/rounds/keep")
    assert page.project["stale"]
    assert np.count_nonzero(sizes(page, 2)) == 1
    page.stroke(2, 1, path=((0.2, 0.3), (0.4, 0.3)))
    page.round()
    assert min(sizes(page, 2)) > 0
    assert not page.project["stale"]


def test_what_a_lock_kept_from_a_round_comes_with_the_next(page):
    page.post("/objects")
    page.stroke(0, 1, path=((0.2, 0.2), (0.4, 0.2)))
    lock(page, 1)
    page.stroke(4, 2, path=((0.6, 0.8), (0.8, 0.8)))
    page.round()
    assert np.count_nonzero(sizes(page, 1)) == 1
    lock(page, 1, locked=False)
    page.stroke(5, 2, path=((0.6, 0.7), (0.8, 0.7)))
    page.round()
    assert min(sizes(page, 1)) > 0


def test_what_a_lock_protected_stays_when_it_is_opened_and_something_else_is_painted_or_carried(page):
    page.stroke(0, 1, path=LINE)
    page.round()
    page.post("/objects")
    lock(page, 1)
    page.stroke(0, 2, path=ACROSS)
    page.round()
    protected = page.masks()
    lock(page, 1, locked=False)
    page.post("/objects")
    np.testing.assert_array_equal(page.masks(), protected)
    paint(page, 3, 3, 0, 0)
    protected[3][0, 0] = 3
    np.testing.assert_array_equal(page.masks(), protected)
    page.post("/undo")
    lock(page, 2)
    page.stroke(3, 3, path=CORNER)
    page.round()
    lost = [int(((before == 1) & (after == 2)).sum()) for before, after in zip(protected, page.masks(), strict=True)]
    assert lost == [0] * 8


def test_a_stroke_that_says_not_here_holds_before_the_first_round(page):
    page.stroke(0, 1, path=LINE)
    page.stroke(3, 1, "remove", path=CORNER)
    assert not page.mask(3).any()
    page.round()
    assert page.project["annotated"] == [0, 3]
    assert not page.mask(3).any()
