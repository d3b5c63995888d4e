"""Painting on the mask, objects that come later, objects that are not drawn on a frame, locked objects."""

import numpy as np
import pytest

import ivos
from ivos.core.scribbles import scribble_labels
from ivos.engine.rounds import companies, plan, propagation
from ivos.engine.session import Session
from ivos.errors import InputError
from ivos.types import VOID, Scribble


@pytest.fixture
def session(make_networks, make_clip, stroke):
    session = Session(make_networks(), make_clip(), 2)
    session.annotate(1, [stroke(1, 0.3), stroke(2, 0.8)])
    list(session.propagate())
    return session


def repaired(session, t, label=2):
    mask = session.preview(t).copy()
    mask[5:9, 7:12] = label
    mask[20, 21] = 0
    return mask


@pytest.mark.parametrize("resolution", [None, 30, 20])
def test_a_painted_mask_is_kept_to_the_pixel_through_later_rounds(make_networks, make_clip, stroke, resolution):
    session = Session(make_networks(), make_clip(), 2, resolution=resolution)
    session.annotate(1, [stroke(1, 0.3), stroke(2, 0.8)])
    list(session.propagate())
    mask = repaired(session, 3)
    painted = (mask == 2) & (session.mask(3) != 2)
    assert painted[5:9, 7:12].any()
    np.testing.assert_array_equal(session.paint(3, mask), mask)
    np.testing.assert_array_equal(session.preview(3), mask)
    assert [each.frame for each in session.pending] == [3]
    assert session.pending[0].painted
    masks = dict(session.propagate())
    np.testing.assert_array_equal(masks[3], mask)
    session.annotate(5, [stroke(1, 0.6)])
    list(session.propagate())
    np.testing.assert_array_equal(session.masks[3], mask)
    assert (session.probability(3)[1, painted] == 1).all()


def test_paint_is_carried_to_other_frames_and_undone_as_a_step(session, make_clip):
    before = np.stack(list(session.masks))
    mask = np.zeros_like(session.mask(0))
    mask[:, :] = 2
    session.paint(3, mask)
    list(session.propagate())
    assert not np.array_equal(session.mask(4), before[4])
    session.undo()
    np.testing.assert_array_equal(np.stack(list(session.masks)), before)


def test_paint_of_an_object_that_is_not_drawn_stays_within_the_brush(make_networks, make_clip):
    session = Session(make_networks(), make_clip(), 2)
    shown = session.annotate(3, [Scribble(1, [(0.2, 0.2), (0.5, 0.2)])])
    mask = shown.copy()
    mask[20:22, 30:33] = 2
    np.testing.assert_array_equal(session.paint(3, mask), mask)
    list(session.propagate())
    np.testing.assert_array_equal(session.mask(3)[20:22, 30:33], 2)


def test_a_later_stroke_takes_paint_away_only_where_it_runs(session):
    mask = np.zeros(session.frames.size, np.uint8)
    mask[:10] = 1
    session.paint(3, mask)
    stroke = Scribble(2, [(0.5, 0.1), (0.6, 0.1)])
    after = session.annotate(3, [stroke])
    brushwork = session.history.state.shown(3).brushwork
    assert brushwork[3, 25] == VOID
    assert (brushwork == 1).any()
    np.testing.assert_array_equal(after[brushwork != VOID], brushwork[brushwork != VOID])


def test_a_clip_can_be_painted_before_anything_else(make_networks, make_clip):
    session = Session(make_networks(), make_clip())
    mask = np.zeros(session.frames.size, np.uint8)
    mask[10:20, 10:30] = 1
    session.paint(0, mask)
    list(session.propagate())
    np.testing.assert_array_equal(session.masks[0], mask)
    assert session.masks[1].any()


@pytest.mark.parametrize(
    ("frame", "mask", "says"),
    [
        (9, np.zeros((37, 50), np.uint8), "frame 9"),
        (0, np.zeros((36, 50), np.uint8), "does not fit"),
        (0, np.full((37, 50), 3, np.uint8), "labels up to 3"),
        (0, np.full((37, 50), 0.5), "whole numbers"),
    ],
)
def test_paint_that_does_not_fit_is_refused(session, frame, mask, says):
    with pytest.raises(InputError, match=says):
        session.paint(frame, mask)


def test_painted_sessions_are_taken_up_again(session, tmp_path, stroke):
    session.paint(3, repaired(session, 3))
    list(session.propagate())
    session.add_object()
    session.paint(2, repaired(session, 2, label=3))
    session.save(tmp_path / "a.ivos")
    again = ivos.open_session(tmp_path / "a.ivos", session.model, session.frames)
    assert again.pending == session.pending
    assert again.rounds == session.rounds
    for t in range(6):
        np.testing.assert_array_equal(again.preview(t), session.preview(t))


@pytest.mark.parametrize("resolution", [None, 20])
def test_pixels_under_strokes_are_what_the_strokes_say_however_close_they_are(
    make_networks, make_clip, stroke, tmp_path, resolution
):
    session = Session(make_networks(), make_clip(), 2, resolution=resolution)
    session.annotate(1, [stroke(1, 0.3), stroke(2, 0.8)])
    list(session.propagate())
    rows = ((1, 5), (0, 8), (2, 11), (0, 14), (1, 30), (2, 32))  # closer than the cells of the logits
    strokes = [Scribble(k, [(0.2, y / 37), (0.8, (y + 2) / 37)]) for k, y in rows]
    drawn = scribble_labels(strokes, (37, 50))
    under = drawn != VOID

    def check(mask):
        np.testing.assert_array_equal(mask[under], drawn[under])

    plain = Session(make_networks(strokes_hold=False), make_clip(), 2, resolution=resolution).annotate(3, strokes)
    assert (plain[under] != drawn[under]).any()
    check(session.annotate(3, strokes))
    assert not session.pending[0].painted
    check(dict(session.propagate())[3])
    probability = session.probability(3)[0]
    assert set(np.unique(probability[under & (session.mask(3) != 1)] >= 0.75)) <= {False}
    session.annotate(5, [stroke(1, 0.6)])
    list(session.propagate())
    check(session.mask(3))
    check(session.annotate(3, [stroke(2, 0.5, 0.62)]))  # in a later round on the same frame
    session.save(tmp_path / "a.ivos")
    check(ivos.open_session(tmp_path / "a.ivos", session.model, session.frames).preview(3))


@pytest.mark.parametrize("together", [True, False])
def test_strokes_hold_when_an_object_passes_through_their_frame(make_networks, make_clip, together):
    session = Session(make_networks(), make_clip(), 2)
    negative = Scribble(0, [(0.2, 0.5), (0.8, 0.5)])
    under = scribble_labels([negative], (37, 50)) == 0
    session.annotate(1, [negative])
    if not together:
        list(session.propagate())
    session.annotate(4, [Scribble(k, [(0.1, y), (0.9, y)]) for k, y in ((1, 0.3), (1, 0.5), (2, 0.7))])
    masks = dict(session.propagate())
    assert masks[1].any(), "an object passes"
    assert masks[2][under].any(), "where it is not held away"
    assert not masks[1][under].any()
    np.testing.assert_array_equal(masks[1], session.mask(1))


def test_an_object_that_nobody_drew_is_nowhere(make_networks, make_clip, stroke):
    session = Session(make_networks(), make_clip(), 3)
    session.annotate(1, [stroke(2)])
    list(session.propagate())
    assert set(np.unique(np.stack(list(session.masks)))) <= {0, 2}
    assert not session.probability(4)[[0, 2]].any()


def test_an_object_added_later_passes_frames_annotated_before_it(session, stroke):
    old = np.stack([session.probability(t)[:2] for t in range(6)])
    assert session.add_object() == 3
    session.annotate(4, [stroke(3, 0.5, 0.9)])
    visited = [t for t, _ in session.propagate()]
    assert {0, 1, 2, 3, 5} <= set(visited)
    new = np.stack([session.probability(t) for t in range(6)])
    assert new[1, 2].any()
    np.testing.assert_array_equal(new[1, :2], old[1])  # annotated for the two: never changes
    assert session.result_shape[1] == 3


def test_a_locked_object_stays_as_it_is(session, stroke):
    state = session.history.state
    session.annotate(4, [stroke(1, 0.6), stroke(2, 0.1)])
    state, segmenter = session.history.state, session._segmenter
    runs = plan(state, "both", range(6), 1.0, locked={2})
    assert {run.objects for run in runs} == {(1,)}
    for t, result in propagation(segmenter, state, runs):
        if t != 4:
            np.testing.assert_array_equal(result.rows((2,)), state.results[t].rows((2,)))


def test_objects_with_the_same_annotated_frames_travel_together(session, stroke):
    assert companies(session.history.state) == [((1, 2), frozenset({1}))]
    session.add_object()
    session.annotate(4, [stroke(3)])
    assert companies(session.history.state) == [((1, 2), frozenset({1, 4})), ((3,), frozenset({4}))]


def test_background_strokes_alone_make_no_object(make_networks, make_clip):
    session = Session(make_networks(), make_clip())
    assert not session.annotate(2, [Scribble(0, [(0.5, 0.5)])]).any()
    assert [t for t, _ in session.propagate()] == [2]


def test_background_where_nothing_is_shown_says_that_the_objects_so_far_are_not_there(make_networks, make_clip, stroke):
    session = Session(make_networks(), make_clip())
    session.annotate(0, [stroke(1, 0.4)])
    assert not session.annotate(3, [stroke(0, 0.4)]).any()
    list(session.propagate())
    assert not session.mask(3).any()
    assert session.mask(1).any()
