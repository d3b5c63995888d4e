import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ivos.core.confidence import REACH, frame_confidence, motion, trust, worst_frame, worth_correcting
from ivos.errors import InputError

PROBABILITIES = hnp.arrays(np.float32, hnp.array_shapes(min_dims=3, max_dims=3), elements=st.floats(0, 1, width=32))


def moving_box(num_frames=6, speed=1):
    masks = [np.zeros((20, 60), np.uint8) for _ in range(num_frames)]
    for t, mask in enumerate(masks):
        mask[5:10, 3 + speed * t : 13 + speed * t] = 1
    return masks


@given(PROBABILITIES)
def test_confidence_is_bounded_and_the_mean_over_the_objects(probability):
    maps = torch.from_numpy(probability)
    each = [frame_confidence(one[None]) for one in maps]
    assert all(0 <= value <= 1 for value in each)
    assert frame_confidence(maps) == pytest.approx(np.mean(each), abs=1e-6)


def test_confidence_of_clear_cases():
    assert frame_confidence(torch.ones(2, 3, 4)) == 1
    assert frame_confidence(torch.full((2, 3, 4), 0.5)) == 0
    assert frame_confidence(torch.zeros(1, 3, 4)) == 1  # surely absent
    assert frame_confidence(torch.zeros(0, 3, 4)) == 1
    half = torch.zeros(1, 2, 2, dtype=torch.bfloat16)
    half[0, 0] = torch.tensor([1.0, 0.75])
    assert frame_confidence(half) == 0.75


def test_a_blurred_outline_is_less_sure_than_a_sharp_one():
    distance = (torch.linspace(-20, 20, 41)[:, None] ** 2 + torch.linspace(-20, 20, 41) ** 2).sqrt() - 12
    values = [frame_confidence((-distance * sharpness).sigmoid()[None]) for sharpness in (4, 1, 0.25)]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1] + 0.3


def test_shapes_are_checked():
    with pytest.raises(InputError):
        frame_confidence(torch.zeros(3, 4))
    with pytest.raises(InputError):
        trust([0.5, 0.5], np.zeros((3, 1)), np.zeros((2, 1)))
    with pytest.raises(InputError):
        trust([0.5, 0.5], np.zeros((2, 1)), np.zeros((1, 2)))


def test_motion_measures_area_and_overlap():
    areas, overlaps = motion(iter(moving_box(3)), 2)
    assert areas.tolist() == [[50, 0]] * 3
    assert overlaps.tolist() == [[45 / 55, 1]] * 2


@pytest.mark.parametrize(("num_frames", "num_objects"), [(1, 1), (1, 0), (3, 0)])
def test_smallest_clips(num_frames, num_objects):
    areas, overlaps = motion(moving_box(num_frames), num_objects)
    assert (areas.shape, overlaps.shape) == ((num_frames, num_objects), (num_frames - 1, num_objects))
    result = trust(np.full(num_frames, 0.6), areas, overlaps)
    assert result.values.tolist() == [0.6] * num_frames
    assert "60%" in result.reason(0)


@pytest.mark.parametrize("speed", [0, 1, 5])
def test_steady_motion_is_not_suspicious(speed):
    result = trust(np.full(6, 0.9), *motion(moving_box(speed=speed), 1))
    assert result.values == pytest.approx(np.full(6, 0.9))


def test_an_area_jump_is_found_and_named():
    masks = moving_box()
    masks[3][2:18, 3:50] = 1
    result = trust(np.full(6, 0.9), *motion(masks, 1))
    assert worst_frame(result.values) == 3
    assert "area of object 1" in result.reason(3)


def test_a_leap_is_found_and_named():
    masks = [mask + 2 * (mask == 7) for mask in moving_box(7)]
    masks[4] = 2 * np.roll(masks[4], 30, axis=1)
    masks = [np.where(mask > 0, 2, 0).astype(np.uint8) for mask in masks]
    result = trust(np.full(7, 0.9), *motion(masks, 2))
    assert worst_frame(result.values) == 4
    assert "Object 2 leaps" in result.reason(4)


@given(hnp.arrays(np.uint8, (4, 3, 5), elements=st.integers(0, 2)), st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_trust_is_bounded_by_the_confidence(masks, confidences):
    result = trust(confidences, *motion(masks, 2))
    assert (result.values >= 0).all()
    assert (result.values <= np.array(confidences) + 1e-12).all()
    assert all(result.reason(t).endswith(".") for t in range(4))


def test_worst_frame_skips_excluded_and_unknown_frames():
    values = [0.9, np.nan, 0.2, 0.2, 0.5]
    assert worst_frame(values) == 3
    assert worst_frame(values, exclude={3}) == 2
    assert worst_frame(values, exclude={2, 3}) == 4
    assert worst_frame(values, exclude={0, 2, 3, 4}) == 3  # all dealt with: the worst of them
    assert worst_frame([0.9] * 40, exclude={19}) == 20
    assert abs(worst_frame([0.9] * 40, exclude={19}, waiting={19}) - 19) > 9  # its surroundings are dealt with, too
    with pytest.raises(InputError):
        worst_frame([np.nan])
    with pytest.raises(InputError):
        worst_frame([])


def test_a_correction_is_worth_the_doubt_that_it_reaches():
    values = np.ones(200)
    values[10], values[100:120] = 0.2, 0.7
    worth = worth_correcting(values)
    expected = [sum(max(0, 1 - abs(s - t) / REACH) * (1 - values[s]) for s in range(200)) for t in range(200)]
    np.testing.assert_allclose(worth, expected, atol=1e-12)
    assert worth[55] == pytest.approx(0)
    assert worst_frame(values) in (109, 110)  # many doubtful frames together, not the single most doubtful one
    assert worst_frame(values, exclude=range(60, 160)) == 10
    values[100:120] = np.nan
    assert worst_frame(values) == 10


@pytest.mark.parametrize("known", [range(6), range(2, 8), range(4, 12), (0, 5, 6, 11)])
def test_frames_without_a_result_make_those_beside_them_no_worse(known):
    steady = moving_box(12)
    masks = [steady[t] if t in known else np.zeros_like(steady[t]) for t in range(12)]
    confidences = [0.9 if t in known else np.nan for t in range(12)]
    result = trust(confidences, *motion(masks, 1))
    np.testing.assert_allclose(result.values, confidences)
    assert not result.area_jump.any()
    assert not result.overlap_drop.any()


def test_a_frame_without_result_says_so():
    result = trust([np.nan, 0.5], *motion(moving_box(2), 1))
    assert np.isnan(result.values[0])
    assert "No round" in result.reason(0)
