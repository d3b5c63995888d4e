import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ivos.core.fusion import fuse, held_to_strokes, without_strays, without_struck
from ivos.errors import InputError

PROBABILITIES = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=3, max_dims=3, max_side=5),
    elements=st.sampled_from([0.0, 0.3, 0.79, 0.8, 0.81, 0.9, 1.0]),
)


def slow(probability, threshold):
    result = np.zeros(probability.shape[1:], np.uint8)
    for y, x in np.ndindex(result.shape):
        best = 0.0
        for k, value in enumerate(probability[:, y, x]):
            if value >= np.float32(threshold) and value > best:
                best, result[y, x] = value, k + 1
    return result


@given(PROBABILITIES, st.sampled_from([0.0, 0.3, 0.8, 1.0]))
def test_fuse_is_threshold_then_arg_max(probability, threshold):
    mask = fuse(torch.from_numpy(probability), threshold)
    assert mask.dtype == torch.uint8
    assert np.array_equal(mask.numpy(), slow(probability, threshold))


@given(PROBABILITIES)
def test_one_object_alone_is_where_it_reaches_the_threshold(probability):
    for k in range(len(probability)):
        alone = fuse(torch.from_numpy(probability[k : k + 1]))
        assert np.array_equal(alone.numpy() == 1, probability[k] >= np.float32(0.8))


def test_edges():
    assert fuse(torch.zeros(0, 2, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert fuse(torch.full((2, 1, 1), float("nan"))).tolist() == [[0]]
    assert fuse(torch.full((2, 1, 1), 0.9)).tolist() == [[1]]
    assert fuse(torch.full((254, 1, 1), 0.9, dtype=torch.bfloat16)).tolist() == [[1]]
    last = torch.zeros(254, 1, 1)
    last[-1] = 1
    assert fuse(last).tolist() == [[254]]


@pytest.mark.parametrize(
    ("shape", "threshold"), [((2, 2), 0.8), ((255, 1, 1), 0.8), ((1, 2, 2), 1.5), ((1, 2, 2), float("nan"))]
)
def test_bad_input_is_refused(shape, threshold):
    with pytest.raises(InputError):
        fuse(torch.zeros(shape), threshold)


def upsampled(logits):
    return torch.nn.functional.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)


@given(seed=st.integers(0, 999), threshold=st.sampled_from([0.3, 0.5, 0.8]), lines=st.integers(1, 4))
def test_the_mask_agrees_with_the_strokes(seed, threshold, lines):
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(0, 6, (2, 1, 9, 12)).astype(np.float32))
    maps = torch.zeros(2, 2, 1, 36, 48)  # positive, negative
    for _ in range(lines):
        sign, k = rng.integers(0, 2, 2)
        y, x = (24 if sign else 0) + rng.integers(0, 8), rng.integers(0, 40)  # the signs a cell apart
        maps[sign, k, 0, y : y + 3, x : x + 8] = 1
    held = held_to_strokes(logits, *maps, threshold)
    mask = upsampled(held).sigmoid() >= threshold
    assert mask[maps[0] > 0].all()
    assert not mask[maps[1] > 0].any()
    right = (upsampled(logits).sigmoid() >= threshold) == (maps[0] > 0)
    if bool((right | ((maps[0] == 0) & (maps[1] == 0))).all()):
        assert torch.equal(held, logits)


def test_nothing_changes_away_from_strokes_or_where_the_answer_is_right():
    logits = torch.randn(1, 1, 9, 12, generator=torch.Generator().manual_seed(0))
    positive, negative = torch.zeros(1, 1, 36, 48), torch.zeros(1, 1, 36, 48)
    positive[..., 2:4, 2:10] = 1
    held = held_to_strokes(logits, positive, negative)
    assert torch.equal(held[..., 3:, :], logits[..., 3:, :])
    assert torch.equal(held[..., 5:], logits[..., 5:])
    sure = torch.full_like(logits, 3.0)
    assert torch.equal(held_to_strokes(sure, positive, negative), sure)
    assert torch.equal(held_to_strokes(-sure, negative, positive), -sure)


def cells(*boxes):
    """A map (1, 1, 20, 40), true in boxes (y, x, height, width)."""
    plane = torch.zeros(1, 1, 20, 40, dtype=torch.bool)
    for y, x, height, width in boxes:
        plane[..., y : y + height, x : x + width] = True
    return plane


@pytest.mark.parametrize(
    ("seeds", "kept"),
    [
        (cells((5, 3, 1, 1)), cells((4, 2, 6, 5), (4, 11, 6, 3))),  # inside the first piece, which leads to the second
        (cells((5, 18, 1, 1)), cells((4, 2, 6, 5), (4, 11, 6, 3))),  # near the second piece
        (cells((5, 36, 1, 1)), cells((4, 30, 6, 5))),
        (cells((5, 3, 1, 1), (5, 31, 1, 1)), cells((4, 2, 6, 5), (4, 11, 6, 3), (4, 30, 6, 5))),
        (cells((19, 20, 1, 2)), cells((4, 2, 6, 5), (4, 11, 6, 3), (4, 30, 6, 5))),  # leads to none: all stay
        (cells(), cells((4, 2, 6, 5), (4, 11, 6, 3), (4, 30, 6, 5))),
    ],
)
def test_only_pieces_that_something_leads_to_stay(seeds, kept):
    logits = torch.where(cells((4, 2, 6, 5), (4, 11, 6, 3), (4, 30, 6, 5)), 2.0, -3.0)
    left = without_strays(logits, seeds, 4)
    assert torch.equal(left >= 0, kept)
    assert torch.equal(left[kept], logits[kept])
    assert torch.equal(left[logits < 0], logits[logits < 0])


@given(seed=st.integers(0, 999))
def test_strays_of_several_objects_at_once_are_those_of_each_alone(seed):
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(-2, 2, (3, 1, 20, 40)).astype(np.float32))
    seeds = torch.from_numpy(rng.random((3, 1, 20, 40)) < 0.01)
    left = without_strays(logits, seeds, 2)
    assert (left <= logits).all()
    for k in range(3):
        assert torch.equal(left[k : k + 1], without_strays(logits[k : k + 1], seeds[k : k + 1], 2))


LARGE, SMALL, THIN = (2, 2, 12, 12), (4, 22, 7, 7), (17, 22, 1, 12)


@pytest.mark.parametrize(
    ("positive", "negative", "gone"),
    [
        (cells(), cells((7, 20, 1, 11)), [SMALL]),  # through its middle
        (cells(), cells((4, 20, 1, 11)), []),  # along its rim
        (cells((10, 22, 1, 1)), cells((7, 20, 1, 11)), []),  # a positive stroke wants it
        (cells((5, 5, 1, 1)), cells((7, 20, 1, 11)), [SMALL]),  # a positive stroke wants another
        (cells(), cells((8, 0, 1, 20)), []),  # the largest stays
        (cells(), cells((7, 0, 1, 40)), [SMALL]),
        (cells(), cells((17, 25, 1, 2), (6, 25, 3, 1)), [SMALL, THIN]),
        (cells(), cells((15, 0, 1, 40)), []),  # through none
        (cells(), cells(), []),
    ],
)
@pytest.mark.parametrize("seen_by", ["answer", "previous", "both"])
def test_a_negative_stroke_through_the_middle_strikes_out_its_piece(positive, negative, gone, seen_by):
    whole = cells(LARGE, SMALL, THIN)
    answer = cells(LARGE) if seen_by == "previous" else whole
    previous = cells(LARGE) if seen_by == "answer" else whole
    logits = torch.where(answer, 2.0, -3.0)
    left = without_struck(logits, previous, positive, negative)
    assert torch.equal(left >= 0, answer & ~cells(*gone))
    assert torch.equal(left[~cells(*gone)], logits[~cells(*gone)])


def test_pieces_are_struck_out_of_each_object_alone():
    masks = torch.cat((cells(LARGE, SMALL), cells(LARGE, SMALL), cells()))
    strokes = torch.cat((cells((7, 20, 1, 11)), cells(), cells((7, 20, 1, 11))))
    left = without_struck(torch.where(masks, 1.0, -1.0), masks, torch.zeros_like(masks), strokes)
    assert torch.equal(left >= 0, torch.cat((cells(LARGE), cells(LARGE, SMALL), cells())))
