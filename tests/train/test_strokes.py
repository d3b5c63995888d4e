import numpy as np
import pytest
from scipy import ndimage

from ivos.core.robot import ROBOT_PRESETS, drawable, robot
from ivos.train.strokes import WIDTH, background_map, correction_maps, draw, robot_map, spoiled, stroke_map

ys, xs = np.mgrid[:64, :72]
DISC = (ys - 30) ** 2 + (xs - 40) ** 2 < 15**2
RING = DISC & ((ys - 30) ** 2 + (xs - 40) ** 2 > 9**2)
DOT = (ys == 5) & (xs == 6)
TWO = DISC | ((ys > 50) & (xs < 20))
REGIONS = {"disc": DISC, "ring": RING, "dot": DOT, "two": TWO, "all": np.ones_like(DISC)}


@pytest.mark.parametrize("name", REGIONS)
def test_strokes_lie_on_the_region_or_a_hasty_step_beside_it(name):
    region = REGIONS[name]
    near = ndimage.binary_dilation(region, np.ones((3, 3)), iterations=6)
    for seed in range(40):
        drawn = stroke_map(region, np.random.default_rng(seed))
        assert drawn.shape == region.shape
        assert set(np.unique(drawn)) <= {0, 1}
        assert not (drawn.astype(bool) & ~near).any()


def test_a_region_too_thin_for_the_robot_gets_strokes_all_the_same():
    cords = (ys % 4 == 0) & (ys > 2) & (xs > 2) & (xs < 70)
    assert not drawable(cords, ROBOT_PRESETS["davis"]).any()
    assert all(stroke_map(cords, np.random.default_rng(seed)).any() for seed in range(40))


def test_imitated_strokes_of_the_robot_lie_where_it_draws():
    bent = (abs(xs - 12) < 7) & (ys > 5) & (ys < 58) | (abs(ys - 50) < 7) & (xs > 12) & (xs < 66)  # an L
    for region in (DISC, TWO, bent):
        drawn = robot_map(region).astype(bool)
        truth = region.astype(np.uint8)
        strokes = [np.array(stroke.path) * (72, 64) for stroke in robot(np.zeros_like(truth), truth, [1])]
        real = draw(strokes, region.shape).astype(bool)
        assert ndimage.label(drawn)[1] == len(strokes)
        near = [ndimage.binary_dilation(lines, iterations=6) for lines in (drawn, real)]
        assert (real & ~near[0]).sum() <= 0.1 * real.sum()
        assert (drawn & ~near[1]).sum() <= 0.1 * drawn.sum()


def test_nothing_is_drawn_on_nothing():
    empty = np.zeros((20, 30), bool)
    rng = np.random.default_rng(0)
    assert not stroke_map(empty, rng).any()
    assert not any(drawn.any() for drawn in correction_maps(empty, empty, rng))
    assert not any(drawn.any() for drawn in correction_maps(DISC, DISC, rng))
    assert not background_map(np.ones((40, 40), bool), rng).any()


def test_a_line_is_drawn_with_its_width():
    drawn = draw([np.array([[10.0, 20.0], [40.0, 20.0]])], (40, 60))
    assert drawn[:, 25].sum() == WIDTH
    assert drawn[20, 10:41].all()
    assert draw([np.array([[10.0, 20.0]])], (40, 60)).sum() >= 9


@pytest.mark.parametrize("seed", range(10))
def test_corrections_lie_on_errors_of_their_sign(seed):
    prediction = np.roll(DISC, 9, axis=1)
    positive, negative = correction_maps(prediction, DISC, np.random.default_rng(seed))
    missing, surplus = DISC & ~prediction, prediction & ~DISC
    assert (positive.astype(bool) & missing).any() or (negative.astype(bool) & surplus).any()
    for drawn, wrong in ((positive, missing), (negative, surplus)):
        assert not (drawn.astype(bool) & ~ndimage.binary_dilation(wrong, np.ones((3, 3)), iterations=6)).any()


def test_background_strokes_lie_near_the_object_and_off_it():
    drawn = [background_map(DISC, np.random.default_rng(seed)).astype(bool) for seed in range(30)]
    assert sum(map(np.any, drawn)) > 20
    assert not any((stroke & DISC).any() for stroke in drawn)


def test_spoiled_masks_are_probabilities_that_mostly_still_fit():
    overlaps = []
    for seed in range(40):
        mask = spoiled(DISC, np.random.default_rng(seed))
        assert mask.shape == DISC.shape
        assert mask.dtype == np.float32
        assert 0 <= mask.min() <= mask.max() <= 1
        guess = mask > 0.5
        overlaps.append((guess & DISC).sum() / (guess | DISC).sum())
    assert 0.45 < np.mean(overlaps) < 0.95
    assert min(overlaps) < 0.6
    assert spoiled(np.zeros((17, 19), bool), np.random.default_rng(0)).shape == (17, 19)


def test_the_same_seed_gives_the_same_strokes():
    for function in (stroke_map, background_map, spoiled):
        one, two = (function(DISC, np.random.default_rng(5)) for _ in range(2))
        np.testing.assert_array_equal(one, two)
