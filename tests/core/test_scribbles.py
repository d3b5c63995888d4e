import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ivos.core.scribbles import blur_maps, imitate_correction, points_map, sample_points, scribble_maps
from ivos.errors import InputError
from ivos.types import Scribble

UNIT = st.floats(0, 1)
STROKES = st.lists(
    st.builds(Scribble, st.integers(0, 3), st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=6)), max_size=5
)
SIZES = st.tuples(st.integers(1, 30), st.integers(1, 30))
MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24))


@given(STROKES, SIZES, st.integers(0, 4))
def test_maps_divide_the_strokes_between_the_objects(strokes, size, radius):
    positive, negative = scribble_maps(strokes, 3, size, radius=radius)
    assert positive.shape == negative.shape == (3, *size)
    assert positive.dtype == negative.dtype == np.float32
    assert set(np.unique([positive, negative])) <= {0, 1}
    assert (positive * negative == 0).all()
    drawn = positive + negative
    assert (drawn == drawn[0]).all()  # every stroke is positive or negative for every object
    assert (positive.sum(axis=0) <= 1).all()
    assert drawn[0].any() == bool(strokes)


@given(STROKES, SIZES)
def test_the_last_stroke_is_never_hidden(strokes, size):
    last = Scribble(2, [(0.2, 0.3), (0.9, 0.6)])
    alone = scribble_maps([last], 3, size)[0][1]
    assert (scribble_maps([*strokes, last], 3, size)[0][1] >= alone).all()


def test_dot_is_an_ellipse_of_five_by_five():
    positive, _ = scribble_maps([Scribble(1, [(0.5, 0.5)])], 1, (7, 7))
    assert positive[0, 1:6, 1:6].tolist() == [
        [0, 0, 1, 0, 0],
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1],
        [0, 0, 1, 0, 0],
    ]
    assert positive.sum() == 17


def test_points_are_joined_by_bresenham_lines():
    positive, _ = scribble_maps([Scribble(1, [(0, 0), (1, 1), (1, 0)])], 1, (5, 5), radius=0)
    expected = np.eye(5)
    expected[:, 4] = 1
    assert np.array_equal(positive[0], expected)


def test_stroke_for_an_unknown_object_is_refused():
    with pytest.raises(InputError, match="object_id 3"):
        scribble_maps([Scribble(3, [(0, 0)])], 2, (5, 5))
    with pytest.raises(InputError, match="radius"):
        scribble_maps([], 2, (5, 5), radius=-1)


@given(hnp.arrays(np.float32, (2, 9, 11), elements=st.floats(0, 1, width=32)))
def test_blur_is_a_mean(maps):
    blurred = blur_maps(maps)
    assert blurred.dtype == np.float32
    assert blurred.min() >= maps.min() - 1e-6
    assert blurred.max() <= maps.max() + 1e-6
    assert np.allclose(blur_maps(np.ones((1, 3, 3), np.float32)), 1)


@given(MASKS, st.integers(0, 99))
def test_sampled_points_are_distinct_object_pixels(mask, seed):
    points = sample_points(mask, np.random.default_rng(seed))
    assert all(mask[y, x] for x, y in points)
    assert len(set(points)) == len(points)
    assert bool(points) == mask.any()


def test_one_point_per_100_to_3000_pixels():
    mask = np.ones((300, 400), bool)
    counts = [len(sample_points(mask, np.random.default_rng(seed))) for seed in range(300)]
    assert 40 <= min(counts) < 50
    assert 500 < max(counts) <= 1200
    assert sample_points(mask, np.random.default_rng(1)) == sample_points(mask, np.random.default_rng(1))
    assert len(sample_points(np.ones((3, 3), bool), np.random.default_rng(0))) == 1


def test_points_map():
    drawn = points_map([(0, 0), (8, 4)], (9, 10), radius=1)
    assert drawn.dtype == np.float32
    assert np.argwhere(drawn).tolist() == [[0, 0], [0, 1], [1, 0], [3, 8], [4, 7], [4, 8], [4, 9], [5, 8]]
    assert not points_map([], (3, 3)).any()
    with pytest.raises(InputError):
        points_map([(3, 0)], (3, 3))


@given(hnp.arrays(np.bool_, (2, 17, 23)), st.integers(0, 99))
def test_corrections_lie_in_the_errors(masks, seed):
    prediction, truth = masks
    positive, negative = imitate_correction(prediction, truth, np.random.default_rng(seed))
    assert not positive[~(truth & ~prediction)].any()
    assert not negative[~(prediction & ~truth)].any()
    assert positive.any() == (truth & ~prediction).any()
    assert negative.any() == (prediction & ~truth).any()
    again = imitate_correction(prediction, truth, np.random.default_rng(seed))
    assert np.array_equal(again, (positive, negative))


def test_correction_of_masks_of_different_size_is_refused():
    with pytest.raises(InputError):
        imitate_correction(np.ones((3, 3), bool), np.ones((3, 4), bool), np.random.default_rng(0))
