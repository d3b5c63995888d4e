"""Nearest-distance maps against slow loops, and the properties that Table 4's comparison rests on."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ivos.core.matching import matching_distance, nearest_distance, window_nearest_distance
from ivos.core.transfer import offsets

sides = st.integers(1, 11)
windows = st.sampled_from([(1, 1), (4, 2), (8, 2), (3, 1), (6, 3)])
batches = st.sampled_from([(1, 1), (1, 3), (2, 2)])


def randn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


def slow_distance(one: Tensor, other: Tensor) -> float:
    return 1 - 2 / (1 + math.exp(min(700.0, float((one - other).square().sum()))))


@given(batch=batches, frames=st.integers(1, 3), h=st.integers(1, 4), w=st.integers(1, 4), seed=st.integers(0, 999))
def test_global_matching_equals_the_loops(batch: tuple[int, int], frames: int, h: int, w: int, seed: int) -> None:
    annotated, target = randn(seed, batch[0], frames, 3, h, w), randn(seed + 1, batch[0], 3, h, w)
    belongs = randn(seed + 2, batch[1], frames, 1, h, w) > 0.5
    found = nearest_distance(annotated, target, belongs)
    assert found.shape == (batch[1], 1, h, w)
    for k in range(batch[1]):
        b = min(k, batch[0] - 1)
        cells = [annotated[b, n, :, y, x] for n, _, y, x in belongs[k].nonzero().tolist()]
        for y in range(h):
            for x in range(w):
                expected = min((slow_distance(target[b, :, y, x], cell) for cell in cells), default=1.0)
                assert float(found[k, 0, y, x]) == pytest.approx(expected, abs=1e-9)


@given(batch=batches, h=sides, w=sides, window=windows, seed=st.integers(0, 999))
def test_local_matching_equals_the_loops_and_never_leaves_the_image(
    batch: tuple[int, int], h: int, w: int, window: tuple[int, int], seed: int
) -> None:
    target, previous = randn(seed, batch[0], 3, h, w), randn(seed + 1, batch[0], 3, h, w)
    belongs = randn(seed + 2, batch[1], 1, h, w) > 0.3
    found = window_nearest_distance(target, previous, belongs, *window)
    assert found.shape == (batch[1], 1, h, w)
    cell = seed % (h * w)
    y, x = divmod(cell, w)
    for k in range(batch[1]):
        b = min(k, batch[0] - 1)
        seen = [(y + dy, x + dx) for dy, dx in offsets(*window) if 0 <= y + dy < h and 0 <= x + dx < w]
        own = [previous[b, :, v, u] for v, u in seen if belongs[k, 0, v, u]]
        expected = min((slow_distance(target[b, :, y, x], each) for each in own), default=1.0)
        assert float(found[k, 0, y, x]) == pytest.approx(expected, abs=1e-9)


@given(h=sides, w=sides, window=windows, seed=st.integers(0, 999))
def test_distances_are_in_zero_to_one_and_zero_for_a_frame_against_itself(
    h: int, w: int, window: tuple[int, int], seed: int
) -> None:
    frame = 3 * randn(seed, 1, 4, h, w)
    belongs = randn(seed + 1, 2, 1, h, w) > 0
    everywhere = nearest_distance(frame[:, None], frame, belongs[:, None])
    near = window_nearest_distance(frame, frame, belongs, *window)
    for found in (everywhere, near):
        assert 0 <= found.min() <= found.max() <= 1
        assert (found[belongs] < 1e-9).all()
    assert (near >= everywhere - 1e-9).all()  # the window holds a part of what the whole frame holds


def test_more_cells_never_raise_a_distance_and_none_at_all_gives_one() -> None:
    annotated, target = randn(0, 1, 2, 4, 5, 6), randn(1, 1, 4, 5, 6)
    few = randn(2, 1, 2, 1, 5, 6) > 1
    more = few | (randn(3, 1, 2, 1, 5, 6) > 0.5)
    assert (nearest_distance(annotated, target, more) <= nearest_distance(annotated, target, few)).all()
    assert (nearest_distance(annotated, target, torch.zeros_like(few)) == 1).all()
    assert (window_nearest_distance(target, target, torch.zeros(1, 1, 5, 6, dtype=torch.bool), 4, 2) == 1).all()


def test_many_targets_are_worked_on_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    annotated, target, belongs = randn(0, 1, 2, 4, 5, 6), randn(1, 1, 4, 5, 6), randn(2, 3, 2, 1, 5, 6) > 0
    whole = nearest_distance(annotated, target, belongs)
    monkeypatch.setattr("ivos.core.matching.ROWS", 7)
    torch.testing.assert_close(nearest_distance(annotated, target, belongs), whole)


def test_gradients_are_right_also_where_nothing_belongs() -> None:
    target, previous = randn(0, 1, 2, 4, 5).requires_grad_(), randn(1, 1, 2, 4, 5).requires_grad_()
    belongs = torch.zeros(2, 1, 4, 5, dtype=torch.bool)
    belongs[0, 0, 1:3, 1:4] = True

    def found(a: Tensor, b: Tensor) -> Tensor:
        near = window_nearest_distance(a, b, belongs, 2, 1)
        return near + nearest_distance(b[:, None], a, belongs[:, None])

    assert torch.autograd.gradcheck(found, (target, previous))


def test_the_distance_rises_from_zero_to_one() -> None:
    squared = torch.tensor([0.0, 0.5, 2.0, 50.0, torch.inf], dtype=torch.double)
    expected = [1 - 2 / (1 + math.exp(x)) for x in (0.0, 0.5, 2.0, 50.0)] + [1.0]
    assert matching_distance(squared).tolist() == pytest.approx(expected)
