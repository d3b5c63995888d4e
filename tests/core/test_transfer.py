"""The two transfers: against slow loops, and the properties that the paper's equations promise."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ivos.core.transfer import (
    carry,
    global_transfer,
    local_affinity,
    local_transfer,
    normalise_over_rows,
    normalise_over_source,
    normalise_over_window,
    offsets,
    reading_matrix,
    reading_mean,
    transition_matrix,
    window_mean,
)

sides = st.integers(1, 19)
windows = st.sampled_from([(1, 1), (4, 2), (8, 2), (3, 1), (5, 2), (6, 3)])


def randn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


@given(frames=st.integers(1, 3), h=st.integers(1, 7), w=st.integers(1, 7), seed=st.integers(0, 999))
def test_rows_of_the_transition_sum_to_one(frames: int, h: int, w: int, seed: int) -> None:
    annotated, target = randn(seed, frames, 4, h, w), randn(seed + 1, 4, h, w)
    transition = transition_matrix(annotated, target)
    assert transition.shape == (frames * h * w, h * w)
    torch.testing.assert_close(transition.sum(dim=1), torch.ones(frames * h * w, dtype=torch.double))


def test_a_row_is_the_softmax_of_one_annotated_pixel_over_the_target() -> None:
    annotated, target = randn(0, 2, 3, 2, 4), randn(1, 3, 2, 4)
    transition = transition_matrix(annotated, target)
    pixel = annotated[1, :, 0, 3]  # frame 1, row 0, column 3: row 8 + 3 of the matrix
    scores = torch.stack([pixel @ target[:, y, x] for y in range(2) for x in range(4)])
    torch.testing.assert_close(transition[8 + 3], scores.softmax(0))


def test_columns_of_the_reading_matrix_sum_to_one_over_all_annotated_frames() -> None:
    reading = reading_matrix(randn(0, 3, 4, 2, 5), randn(1, 4, 2, 5))
    torch.testing.assert_close(reading.sum(dim=0), torch.ones(10, dtype=torch.double))


def test_global_transfer_averages_over_the_annotated_frames() -> None:
    annotated, target, values = randn(0, 2, 3, 2, 4), randn(1, 3, 2, 4), randn(2, 2, 5, 2, 4)
    together = global_transfer(transition_matrix(annotated, target), values)
    single = [global_transfer(transition_matrix(annotated[n : n + 1], target), values[n : n + 1]) for n in (0, 1)]
    torch.testing.assert_close(together, (single[0] + single[1]) / 2)


def test_global_transfer_conserves_mass() -> None:
    values = randn(2, 2, 5, 2, 4)
    carried = global_transfer(transition_matrix(randn(0, 2, 3, 2, 4), randn(1, 3, 2, 4)), values)
    torch.testing.assert_close(carried.sum((1, 2)), values.mean(0).sum((1, 2)))


def test_all_objects_at_once_equal_one_by_one() -> None:
    transition = transition_matrix(randn(0, 2, 3, 4, 4), randn(1, 3, 4, 4))
    values = randn(2, 3, 2, 5, 4, 4)  # K, N, C, h, w
    together = global_transfer(transition, values)
    for k in range(3):
        torch.testing.assert_close(together[k], global_transfer(transition, values[k]))
    weights = normalise_over_window(local_affinity(randn(3, 1, 4, 9, 9), randn(4, 1, 4, 9, 9), 4, 2))
    masks = randn(5, 3, 1, 9, 9).sigmoid()
    together = local_transfer(weights, masks, 4, 2)
    for k in range(3):
        torch.testing.assert_close(together[k : k + 1], local_transfer(weights, masks[k : k + 1], 4, 2))


def slow_affinity(target: Tensor, previous: Tensor, radius: int, stride: int) -> Tensor:
    h, w = target.shape[-2:]
    steps = offsets(radius, stride)
    result = torch.full((len(target), len(steps), h, w), -torch.inf, dtype=torch.double)
    for i, (dy, dx) in enumerate(steps):
        for y in range(max(0, -dy), min(h, h - dy)):
            for x in range(max(0, -dx), min(w, w - dx)):
                result[:, i, y, x] = (target[:, :, y, x] * previous[:, :, y + dy, x + dx]).sum(1)
    return result


@given(h=sides, w=sides, window=windows, seed=st.integers(0, 999))
def test_affinity_equals_the_loops_and_never_leaves_the_image(
    h: int, w: int, window: tuple[int, int], seed: int
) -> None:
    target, previous = randn(seed, 2, 3, h, w), randn(seed + 1, 2, 3, h, w)
    torch.testing.assert_close(local_affinity(target, previous, *window), slow_affinity(target, previous, *window))


@pytest.mark.parametrize(("radius", "stride", "count"), [(4, 2, 25), (8, 2, 81), (3, 2, 9), (2, 1, 25)])
def test_offsets_are_symmetric_and_counted(radius: int, stride: int, count: int) -> None:
    steps = offsets(radius, stride)
    assert len(steps) == count
    assert [(-dy, -dx) for dy, dx in reversed(steps)] == steps


@given(h=sides, w=sides, window=windows, seed=st.integers(0, 999))
def test_local_transfer_conserves_mass_with_the_papers_columns(
    h: int, w: int, window: tuple[int, int], seed: int
) -> None:
    affinity = local_affinity(randn(seed, 1, 3, h, w), randn(seed + 1, 1, 3, h, w), *window)
    mask = randn(seed + 2, 2, 1, h, w).sigmoid()
    carried = local_transfer(normalise_over_source(affinity, *window), mask, *window)
    torch.testing.assert_close(carried.sum((1, 2, 3)), mask.sum((1, 2, 3)))


@given(h=sides, w=sides, window=windows, seed=st.integers(0, 999))
def test_window_weights_average(h: int, w: int, window: tuple[int, int], seed: int) -> None:
    affinity = local_affinity(randn(seed, 1, 3, h, w), randn(seed + 1, 1, 3, h, w), *window)
    weights = normalise_over_window(affinity)
    torch.testing.assert_close(weights.sum(1), torch.ones(1, h, w, dtype=torch.double))
    mask = randn(seed + 2, 1, 1, h, w).sigmoid()
    carried = local_transfer(weights, mask, *window)
    assert mask.min() - 1e-12 <= carried.min() <= carried.max() <= mask.max() + 1e-12


def test_rows_of_the_released_normalisation_sum_to_one() -> None:
    weights = normalise_over_rows(local_affinity(randn(0, 2, 3, 7, 5), randn(1, 2, 3, 7, 5), 4, 2))
    torch.testing.assert_close(weights.sum(2), torch.ones(2, 25, 5, dtype=torch.double))


def test_local_transfer_follows_a_shifted_frame() -> None:
    previous = torch.nn.functional.normalize(randn(0, 1, 32, 24, 24), dim=1)
    target = previous.roll((4, -2), dims=(2, 3))
    mask = torch.zeros(1, 1, 24, 24, dtype=torch.double)
    mask[..., 8:14, 8:14] = 1
    weights = normalise_over_window(local_affinity(60 * target, previous, 8, 2))
    carried = local_transfer(weights, mask, 8, 2)
    inside = (..., slice(4, None), slice(None, -2))  # what rolled round the border has no source in the window
    torch.testing.assert_close(carried[inside], mask.roll((4, -2), dims=(2, 3))[inside], atol=1e-3, rtol=0)


def test_gradients_of_the_local_transfer() -> None:
    target, previous = randn(0, 1, 2, 5, 6).requires_grad_(), randn(1, 1, 2, 5, 6).requires_grad_()
    mask = randn(2, 2, 1, 5, 6).sigmoid().requires_grad_()

    def carried(a: Tensor, b: Tensor, m: Tensor) -> Tensor:
        affinity = local_affinity(a, b, 4, 2)
        both = normalise_over_source(affinity, 4, 2) + normalise_over_window(affinity)
        return local_transfer(both, m, 4, 2)

    assert torch.autograd.gradcheck(carried, (target, previous, mask))


def test_carry_keeps_the_layout_of_cells() -> None:
    values = randn(0, 2, 3, 2, 5)
    matrix = torch.cat((torch.eye(10, dtype=torch.double), torch.zeros(10, 10, dtype=torch.double)))
    torch.testing.assert_close(carry(matrix, values), values[0])


@given(
    h=sides,
    w=sides,
    window=windows,
    batch=st.sampled_from([(1, 1), (1, 3), (2, 2)]),
    channels=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_the_window_mean_is_the_local_transfer_with_window_weights(
    h: int, w: int, window: tuple[int, int], batch: tuple[int, int], channels: int, seed: int
) -> None:
    target, previous = randn(seed, batch[0], 4, h, w), randn(seed + 1, batch[0], 4, h, w)
    values = randn(seed + 2, batch[1], channels, h, w)
    weights = normalise_over_window(local_affinity(target, previous, *window))
    expected = [local_transfer(weights, values[:, i : i + 1], *window) for i in range(channels)]
    torch.testing.assert_close(window_mean(target, previous, values, *window), torch.cat(expected, dim=1))


def test_the_window_mean_has_the_gradients_of_the_local_transfer() -> None:
    """The last of the 20 columns are followed by targets in the tile whose windows hold no cell of the frame at all."""
    keys_and_values = randn(0, 1, 4, 9, 20), randn(1, 1, 4, 9, 20), randn(2, 2, 1, 9, 20)
    gradients = []
    for mean in (
        lambda t, p, v: window_mean(t, p, v, 8, 2),
        lambda t, p, v: local_transfer(normalise_over_window(local_affinity(t, p, 8, 2)), v, 8, 2),
    ):
        leaves = [x.clone().requires_grad_() for x in keys_and_values]
        mean(*leaves).square().sum().backward()
        gradients.append([x.grad for x in leaves])
    torch.testing.assert_close(*gradients)


@given(
    batch=st.sampled_from([(1, 1), (1, 3), (2, 2)]),
    frames=st.integers(1, 3),
    h=st.integers(1, 30),
    w=st.integers(1, 30),
    seed=st.integers(0, 999),
)
def test_the_reading_mean_is_what_the_reading_matrix_carries(
    batch: tuple[int, int], frames: int, h: int, w: int, seed: int
) -> None:
    annotated, target = randn(seed, batch[0], frames, 4, h, w), randn(seed + 1, batch[0], 4, h, w)
    values = randn(seed + 2, batch[1], frames, 5, h, w)
    expected = carry(reading_matrix(annotated, target), values)
    torch.testing.assert_close(reading_mean(annotated, target, values), expected)
