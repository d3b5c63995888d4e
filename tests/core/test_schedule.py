from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivos.core.schedule import blend_weight, neighbours, passes, span
from ivos.errors import InputError


@st.composite
def rounds(draw):
    num_frames = draw(st.integers(1, 60))
    frames = st.integers(0, num_frames - 1)
    return draw(frames), draw(st.sets(frames)), num_frames


@given(rounds())
def test_span_stops_before_the_neighbouring_annotated_frames(round_):
    frame, annotated, num_frames = round_
    visited = span(frame, annotated, num_frames)
    assert frame in visited
    assert set(visited) & annotated <= {frame}
    assert visited.start == 0 or visited.start - 1 in annotated
    assert visited.stop == num_frames or visited.stop in annotated


@given(rounds(), st.floats(0, 1))
def test_shorter_reach_stays_within_its_share_of_the_way(round_, reach):
    frame, annotated, num_frames = round_
    visited = span(frame, annotated, num_frames, reach=reach)
    before, after = neighbours(frame, annotated)
    assert set(visited) <= set(span(frame, annotated, num_frames))
    assert before is not None or visited.start == 0
    assert after is not None or visited.stop == num_frames
    assert before is None or abs(frame - visited.start - reach * (frame - before - 1)) <= 0.5 + 1e-9
    assert after is None or abs(visited.stop - 1 - frame - reach * (after - frame - 1)) <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("gap", "visited"),
    [(1, 0), (2, 1), (50, 49), (51, 50), (52, 50), (53, 51), (60, 58), (99, 97), (100, 98), (102, 100), (200, 197)],
)
def test_released_reach_of_99_percent(gap, visited):
    assert span(0, [gap], gap + 1, reach=0.99) == range(visited + 1)
    assert span(gap, [0], gap + 1, reach=0.99) == range(gap - visited, gap + 1)


@given(rounds())
def test_passes_visit_every_frame_of_the_span_once_outwards(round_):
    frame, annotated, num_frames = round_
    visited = span(frame, annotated, num_frames)
    forward, backward = passes(frame, visited)
    assert sorted([*backward, frame, *forward]) == list(visited)
    assert forward == sorted(forward)
    assert backward == sorted(backward, reverse=True)
    assert all(t > frame for t in forward)
    assert all(t < frame for t in backward)


def test_neighbours():
    assert neighbours(5, [1, 3, 5, 9, 12]) == (3, 9)
    assert neighbours(5, [5]) == (None, None)


@given(st.integers(0, 200), st.integers(0, 200))
def test_blend_weight_falls_linearly_from_one_to_a_half(round_frame, neighbour):
    if round_frame == neighbour:
        return
    step = 1 if neighbour > round_frame else -1
    weights = [blend_weight(t, round_frame, neighbour) for t in range(round_frame, neighbour + step, step)]
    assert weights[0] == 1
    assert weights[-1] == 0.5
    assert weights == sorted(weights, reverse=True)
    drops = [a - b for a, b in pairwise(weights)]
    assert max(drops) - min(drops) < 1e-12


def test_blend_weight_examples():
    assert blend_weight(7, 2, None) == 1
    assert blend_weight(15, 10, 20) == 0.75
    assert blend_weight(5, 10, 0) == 0.75


@pytest.mark.parametrize(("t", "round_frame", "neighbour"), [(5, 10, 20), (21, 10, 20), (10, 10, 10)])
def test_blend_weight_outside_is_refused(t, round_frame, neighbour):
    with pytest.raises(InputError):
        blend_weight(t, round_frame, neighbour)


@pytest.mark.parametrize(
    ("frame", "annotated", "reach"), [(5, [], 1), (-1, [], 1), (0, [5], 1), (0, [-1], 1), (0, [], 1.5)]
)
def test_span_refuses_frames_outside_the_clip(frame, annotated, reach):
    with pytest.raises(InputError):
        span(frame, annotated, 5, reach=reach)


def test_passes_refuse_a_foreign_span():
    with pytest.raises(InputError):
        passes(5, range(6, 9))
