"""The alpha channel: it agrees with the mask, is soft along the outline only, and exact where it was painted."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.ndimage import distance_transform_edt

from ivos.core.fusion import fuse
from ivos.core.matte import BAND, margin, soft_alpha
from ivos.errors import InputError

PROBABILITIES = arrays.arrays(np.float32, (3, 6, 7), elements=st.floats(0, 1, width=32))


@settings(deadline=None, max_examples=50)
@given(PROBABILITIES, st.sampled_from([0.5, 0.8]), st.sets(st.integers(0, 2), min_size=1))
def test_alpha_is_above_one_half_exactly_inside_the_mask(probability, threshold, chosen):
    rows = np.isin(range(3), sorted(chosen))
    inside = np.isin(fuse(torch.from_numpy(probability), threshold).numpy(), [k + 1 for k in chosen])
    margins = margin(probability, rows, threshold)
    assert (margins[inside] >= -1e-3).all()
    assert (margins[~inside] <= 1e-3).all()
    alpha = soft_alpha(inside, margins, None)
    np.testing.assert_array_equal(alpha > 127, inside)


def slope(threshold=0.5):
    """A probability that rises from left to right, and its mask."""
    probability = np.tile(np.linspace(0.02, 0.98, 40, dtype=np.float32), (1, 9, 1))
    return probability, probability[0] >= threshold


def test_on_the_outline_alpha_is_the_probability_and_it_gives_way_to_0_and_255():
    probability, inside = slope()
    alpha = soft_alpha(inside, margin(probability, np.array([True]), 0.5), None)[4].astype(int)
    assert (np.diff(alpha) >= 0).all()
    edge = int(inside[4].argmax())
    assert abs(alpha[edge] - 255 * probability[0, 4, edge]) < 40
    assert 90 < alpha[edge - 1] < 128 <= alpha[edge] < 165
    distance = np.minimum(distance_transform_edt(inside[4]), 99) + np.minimum(distance_transform_edt(~inside[4]), 99)
    far = distance > BAND + 1
    assert set(alpha[far].tolist()) == {0, 255}


def test_doubt_in_the_middle_makes_no_hole():
    probability = np.full((1, 30, 30), 0.99, np.float32)
    probability[0, :5] = 0.01
    probability[0, 20, 15] = 0.55
    inside = probability[0] >= 0.5
    assert soft_alpha(inside, margin(probability, np.array([True]), 0.5), None)[20, 15] == 255


@pytest.mark.parametrize("corner", [(0, 0), (9, 7), (70, 85)])
def test_an_outline_is_as_soft_wherever_else_objects_are(corner):
    y, x = corner
    inside, margins = np.zeros((80, 100), bool), np.random.default_rng(0).normal(0, 1, (80, 100)).astype(np.float32)
    inside[y : y + 10, x : x + 15] = True
    alone = soft_alpha(inside, margins, None)
    inside[38:42, 50:54] = True
    together = soft_alpha(inside, margins, None)
    together[30:50, 42:62] = 0
    np.testing.assert_array_equal(alone, together)
    assert ((alone > 0) & (alone < 255)).any()


def test_painted_pixels_are_exact():
    probability, inside = slope()
    brushwork = np.full(inside.shape, 255, np.uint8)
    edge = int(inside[4].argmax())
    brushwork[4, edge - 1], brushwork[4, edge] = 0, 1
    alpha = soft_alpha(inside, margin(probability, np.array([True]), 0.5), brushwork)
    assert alpha[4, edge - 1] == 0
    assert alpha[4, edge] == 255
    assert 0 < alpha[3, edge - 1] < 255


@pytest.mark.parametrize("value", [True, False])
def test_a_mask_without_an_outline_is_flat(value):
    inside = np.full((4, 5), value)
    margins = np.zeros((4, 5), np.float32)
    assert set(soft_alpha(inside, margins, None).ravel().tolist()) == {255 if value else 0}


def test_a_choice_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="choice"):
        margin(np.zeros((2, 3, 3), np.float32), np.array([True]), 0.5)
    with pytest.raises(InputError, match="choice"):
        margin(np.zeros((2, 3, 3), np.float32), np.array([False, False]), 0.5)
