"""What one object does to another, and what becomes of it when it is locked, removed or left behind by a round."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.server.conftest import FakeNetworks

from ivos.engine.state import FrameResult
from ivos.server.results import living
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


def check_that_one_of_two_corrections_can_be_deleted(page):
    """Two corrections of object 1 on frame 4; when the second one is deleted after a round, the first one is left."""
    page.stroke(4, 1, path=((0.1, 0.1), (0.15, 0.1)))
    with_one = page.mask(4)
    page.stroke(4, 1, path=((0.9, 0.1), (0.95, 0.1)))
    page.round()
    page.post("/strokes/delete", ids=[page.project["strokes"][-1]["id"]])
    np.testing.assert_array_equal(page.mask(4) == 1, with_one == 1)


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
    assert (page.project["waiting"], page.project["annotated"], page.project["paints"]) == ([], [0], [])
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
    check_that_one_of_two_corrections_can_be_deleted(page)


def test_of_an_object_that_came_later_the_result_before_its_own_correction_is_taken(page):
    page.post("/objects")
    page.stroke(4, 2, path=((0.3, 0.9), (0.6, 0.9)))
    page.round()
    page.stroke(0, 1, path=LINE)  # passes through frame 4, which was annotated before it was there
    page.round()
    check_that_one_of_two_corrections_can_be_deleted(page)


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


@pytest.mark.parametrize("carried", [False, True])
def test_paint_is_exact_and_far_strokes_harmless_where_a_lock_was_opened(carried, page):
    page.stroke(0, 1, path=LINE)
    page.round()
    page.post("/objects")
    lock(page, 1)
    page.stroke(3, 2, path=ACROSS)
    if carried:
        page.round()
    lock(page, 1, locked=False)
    expected = page.mask(3).copy()
    paint(page, 3, 2, 0, 0)
    expected[0, 0] = 2
    np.testing.assert_array_equal(page.mask(3), expected)
    if not carried:
        page.post("/undo")
        page.stroke(3, 2, path=((0.95, 0.95), (0.97, 0.95)))
        np.testing.assert_array_equal(page.mask(3) == 1, expected == 1)


def test_an_object_that_passes_through_takes_no_protection_away(page):
    page.stroke(0, 1, path=LINE)
    page.round()
    page.post("/objects")
    lock(page, 1)
    page.stroke(0, 2, path=ACROSS)
    page.stroke(0, 2, path=((0.95, 0.95), (0.97, 0.95)))
    page.round()
    protected = page.mask(0)
    lock(page, 1, locked=False)
    page.post("/objects")
    page.stroke(3, 3, path=CORNER)
    page.round()
    assert not ((protected == 1) & (page.mask(0) == 2)).any()
    page.post("/undo")
    page.post("/undo")
    page.post("/strokes/delete", ids=[page.project["strokes"][-1]["id"]])
    np.testing.assert_array_equal(page.mask(0) == 1, protected == 1)


def test_a_deleted_stroke_no_longer_decides_when_its_frame_is_drawn_again(page):
    page.stroke(0, 1, path=LINE)
    page.round()
    page.stroke(4, 1, path=((0.1, 0.1), (0.15, 0.1)))
    alone = page.mask(4)
    page.post("/undo")
    page.stroke(4, 1, "remove", path=LINE)  # by mistake, and carried
    page.round()
    page.post("/strokes/delete", ids=[page.project["strokes"][-1]["id"]])
    page.stroke(4, 1, path=((0.1, 0.1), (0.15, 0.1)))
    np.testing.assert_array_equal(page.mask(4), alone)


def test_a_correction_starts_from_what_came_after_an_annotation_that_is_gone(page):
    page.stroke(0, 1, path=LINE)
    page.stroke(4, 1, path=CORNER)
    page.round()
    page.post("/strokes/delete", ids=[page.project["strokes"][-1]["id"]])
    page.round()
    check_that_one_of_two_corrections_can_be_deleted(page)


def test_paint_of_a_removed_object_upon_another_is_gone_too(page):
    page.stroke(0, 1, path=LINE)
    page.round()
    before = page.masks()
    page.post("/objects")
    paint(page, 6, 2, slice(10, 30), slice(0, 40))
    remove(page, 2)
    assert (page.project["waiting"], page.project["annotated"]) == ([], [0])
    page.post("/undo")
    page.round()
    remove(page, 2)
    np.testing.assert_array_equal(page.mask(6), before[6])


def test_not_here_holds_beside_another_object(page):
    page.post("/objects")
    page.stroke(0, 1, path=LINE)
    page.stroke(3, 1, "remove", path=CORNER)
    page.stroke(3, 2, path=((0.3, 0.9), (0.6, 0.9)))
    page.round()
    assert set(np.unique(page.mask(3))) == {0, 2}


def test_a_stroke_that_says_not_here_holds_before_the_first_round(page):
    page.stroke(0, 1, path=LINE)
    page.stroke(3, 1, "remove", path=CORNER)
    assert not page.mask(3).any()
    page.round()
    assert page.project["annotated"] == [0, 3]
    assert not page.mask(3).any()


def test_a_result_without_an_object_is_as_if_it_had_never_been_there():
    logits = np.stack([np.full((2, 2), value, np.float16) for value in (3, 0, 3)])
    painted = np.array([[255, 2], [1, 0]], np.uint8)
    whole = FrameResult(logits, 0.5, (1, 2, 4), painted, painted.T)
    rest = living(whole, {2, 7})
    assert rest.objects == (1, 4)
    np.testing.assert_array_equal(rest.logits, logits[[0, 2]])
    assert rest.brushwork.tolist() == [[255, 255], [1, 0]]
    assert rest.held.tolist() == [[255, 1], [255, 0]]
    assert rest.confidence > 0.9
    assert living(whole, ()) is whole
    assert living(replace(whole, objects=(1, 3, 4)), {2}).brushwork.tolist() == rest.brushwork.tolist()
    assert living(None, {2}) is None
    assert living(whole, {1, 2, 4}).logits.shape == (0, 2, 2)


def test_what_was_taken_away_while_a_removed_object_was_chosen_stays_away(page):
    page.stroke(0, 1, path=LINE)
    page.post("/objects")
    page.stroke(0, 2, path=ACROSS)
    page.stroke(0, 1, kind="remove", path=ACROSS)
    taken = sizes(page, 2)[0]
    remove(page, 1)
    assert sizes(page, 2)[0] == taken
    assert [each["kind"] for each in page.project["strokes"]] == ["add", "remove"]
