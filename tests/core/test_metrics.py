import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ivos.core.metrics import contour, contour_accuracy, label_scores, region_similarity, statistics, tolerance
from ivos.errors import InputError

PAIRS = hnp.array_shapes(min_dims=2, max_dims=2, max_side=16).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)
TOLERANCES = st.sampled_from([0, 0.008, 0.05, 0.2, 0.99, 1, 2, 2.5, 8, 40])


def slow_contour(mask):
    """Pixel by pixel, as the benchmark's page words it."""
    height, width = mask.shape
    edges = np.zeros_like(mask)
    for y, x in np.ndindex(mask.shape):
        right = mask[y, x + 1] if x + 1 < width else False
        below = mask[y + 1, x] if y + 1 < height else False
        beyond = mask[y + 1, x + 1] if y + 1 < height and x + 1 < width else False
        if y == height - 1 and x == width - 1:
            edges[y, x] = False
        elif y == height - 1:
            edges[y, x] = mask[y, x] != right
        elif x == width - 1:
            edges[y, x] = mask[y, x] != below
        else:
            edges[y, x] = mask[y, x] != right or mask[y, x] != below or mask[y, x] != beyond
    return edges


def slow_matched(points, others, radius):
    return sum(any((x - u) ** 2 + (y - v) ** 2 <= radius**2 for u, v in others) for x, y in points)


def slow_contour_accuracy(prediction, truth, bound_th=0.008):
    radius = bound_th if bound_th >= 1 else math.ceil(bound_th * math.hypot(*truth.shape))
    found, true = np.argwhere(slow_contour(prediction)).tolist(), np.argwhere(slow_contour(truth)).tolist()
    if not found and not true:
        precision, recall = 1, 1
    elif not found:
        precision, recall = 1, 0
    elif not true:
        precision, recall = 0, 1
    else:
        precision = slow_matched(found, true, radius) / len(found)
        recall = slow_matched(true, found, radius) / len(true)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0


@given(PAIRS)
def test_contour_equals_the_definition(masks):
    assert np.array_equal(contour(masks[0]), slow_contour(masks[0]))


@given(PAIRS, TOLERANCES)
def test_contour_accuracy_equals_the_definition(masks, bound_th):
    assert contour_accuracy(*masks, bound_th) == slow_contour_accuracy(*masks, bound_th)


@given(PAIRS)
def test_region_similarity_equals_the_definition(masks):
    a, b = ({tuple(p) for p in np.argwhere(mask).tolist()} for mask in masks)
    assert region_similarity(*masks) == (len(a & b) / len(a | b) if a | b else 1)


@given(PAIRS, TOLERANCES)
def test_both_are_symmetric_and_bounded(masks, bound_th):
    a, b = masks
    assert 0 <= region_similarity(a, b) == region_similarity(b, a) <= 1
    assert 0 <= contour_accuracy(a, b, bound_th) == contour_accuracy(b, a, bound_th) <= 1
    assert region_similarity(a, a) == contour_accuracy(a, a, bound_th) == 1


@given(st.integers(0, 3), st.integers(0, 99))
def test_exact_at_the_real_tolerance(roughness, seed):
    rng = np.random.default_rng(seed)
    truth = np.zeros((480, 854), bool)
    y, x = rng.integers(0, 460), rng.integers(0, 834)
    truth[y : y + 20, x : x + 20] = True
    prediction = np.roll(truth, rng.integers(-12, 13, 2), (0, 1))
    prediction[rng.integers(0, 480, roughness), rng.integers(0, 854, roughness)] ^= True
    ys, xs = np.nonzero(prediction | truth)
    crop = np.s_[max(ys.min() - 1, 0) : ys.max() + 2, max(xs.min() - 1, 0) : xs.max() + 2]
    if (ys.max() - ys.min()) * (xs.max() - xs.min()) < 3000:
        assert contour_accuracy(prediction, truth) == slow_contour_accuracy(prediction[crop], truth[crop], 8)


def test_empty_masks():
    empty, dot = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    dot[4, 4] = True
    assert (region_similarity(empty, empty), contour_accuracy(empty, empty)) == (1, 1)
    for pair in ((empty, dot), (dot, empty)):
        assert (region_similarity(*pair), contour_accuracy(*pair)) == (0, 0)


def test_tiny_frames():
    on, off = np.ones((1, 1), bool), np.zeros((1, 1), bool)
    assert (region_similarity(on, off), contour_accuracy(on, off)) == (0, 1)  # one pixel has no contour
    assert contour_accuracy(np.array([[True, False]]), np.array([[False, True]])) == 1


def test_a_full_frame_has_no_contour():
    full = np.ones((20, 30), bool)
    assert not contour(full).any()
    assert contour_accuracy(full, ~full) == 1


def test_shift_within_the_tolerance_costs_nothing():
    truth = np.zeros((480, 854), bool)
    truth[100:200, 100:300] = True
    assert contour_accuracy(np.roll(truth, 8, axis=1), truth) == 1
    assert contour_accuracy(np.roll(truth, 9, axis=1), truth) < 1


@pytest.mark.parametrize(
    ("size", "bound_th", "pixels"),
    [((480, 854), 0.008, 8), ((600, 800), 0.008, 8), ((1, 1), 0.008, 1), ((480, 854), 3, 3), ((480, 854), 0, 0)],
)
def test_tolerance(size, bound_th, pixels):
    assert tolerance(size, bound_th) == pixels


@given(hnp.arrays(np.uint8, (2, 9, 12), elements=st.sampled_from([0, 1, 2, 3, 255])))
def test_label_scores_score_each_object(labels):
    prediction, truth = labels
    scores = label_scores(prediction, truth, [3, 1])
    for row, k in zip(scores, (3, 1), strict=True):
        assert row.tolist() == [
            region_similarity(prediction == k, truth == k),
            contour_accuracy(prediction == k, truth == k),
        ]
    assert label_scores(prediction, truth, []).shape == (0, 2)


@pytest.mark.parametrize("score", [region_similarity, contour_accuracy, lambda p, t: label_scores(p, t, [1])])
def test_masks_of_different_shape_are_refused(score):
    with pytest.raises(InputError, match=r"\(2, 3\).*\(3, 2\)"):
        score(np.zeros((2, 3), bool), np.zeros((3, 2), bool))
    with pytest.raises(InputError):
        score(np.zeros((1, 2, 3), bool), np.zeros((1, 2, 3), bool))


@pytest.mark.parametrize("bound_th", [-1, float("nan"), float("inf")])
def test_impossible_tolerance_is_refused(bound_th):
    with pytest.raises(InputError, match="bound_th"):
        contour_accuracy(np.zeros((2, 2), bool), np.zeros((2, 2), bool), bound_th)


def test_statistics_of_a_sequence():
    values = np.linspace(1, 0, 9)  # marks at frames 0, 2, 4, 6, 8
    result = statistics(values)
    assert result.mean == pytest.approx(0.5)
    assert result.recall == 4 / 9  # 0.5 itself does not count
    assert result.decay == pytest.approx(values[:3].mean() - values[6:].mean())


@given(st.lists(st.floats(0, 1), min_size=1, max_size=700))
def test_statistics_are_bounded(values):
    result = statistics(values)
    assert 0 <= result.mean <= 1 + 1e-12
    assert 0 <= result.recall <= 1
    assert -1 <= result.decay <= 1


def test_quarters_of_a_long_sequence_do_not_wrap_round():
    values = np.r_[np.ones(151), np.zeros(450)]  # marks at frames 0, 150, 300, 450, 600
    assert statistics(values).decay == 1


@pytest.mark.parametrize("values", [[], [float("nan")], [[0.5]]])
def test_no_values_no_statistics(values):
    with pytest.raises(InputError):
        statistics(values)


def test_a_frame_is_scored_in_less_than_four_milliseconds(benchmark):
    y, x = np.mgrid[:480, :854]
    truth = ((y - 240) ** 2 + (x - 400) ** 2 < 120**2).astype(np.uint8)
    prediction = ((y - 245) ** 2 + (x - 412) ** 2 < 115**2).astype(np.uint8)
    benchmark(label_scores, prediction, truth, [1])
    assert benchmark.stats is None or benchmark.stats.stats.median < 0.004
