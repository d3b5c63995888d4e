import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.filters import rank

from ivos.core.morphology import dilate, disk, erode, grid_disk, pack, unpack

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20))
RADII = st.floats(1.001, 9)


def grid_footprint(radius):
    grid = np.arange(-radius, radius + 1)
    return (grid[:, None] ** 2 + grid**2 <= radius * radius).astype(np.uint8)


def pixels(footprint):
    return {(dx, dy) for dy, first, last in footprint.runs for dx in range(first, last + 1)}


@given(MASKS, st.integers(0, 9))
def test_packing_round_trip(mask, margin):
    assert np.array_equal(unpack(pack(mask, margin), mask.shape, margin), mask)
    assert pack(mask, margin).bit_count() == mask.sum()


def test_disk_of_eight_has_197_pixels_in_17_rows():
    footprint = disk(8)
    assert len(footprint.runs) == 17
    assert len(pixels(footprint)) == 197
    assert footprint.reach == 8
    assert pixels(disk(0)) == {(0, 0)}


@given(st.floats(0, 20))
def test_disk_holds_what_is_near_enough(radius):
    side = range(-21, 22)
    assert pixels(disk(radius)) == {(x, y) for x in side for y in side if x * x + y * y <= radius * radius}


def test_grid_disk_of_a_broken_radius_is_even_and_off_centre():
    assert pixels(grid_disk(1.3)) == {(-1, -1), (-1, 0), (0, -1), (0, 0)}
    assert pixels(grid_disk(2.5)) == {(x, y) for x in range(-2, 2) for y in range(-2, 2)}


@pytest.mark.parametrize("radius", [1, 2, 5, 16])
def test_grid_disk_of_a_whole_radius_is_the_disk(radius):
    assert grid_disk(radius) == disk(radius)


@given(MASKS, RADII)
def test_erosion_and_dilation_equal_the_rank_filters(mask, radius):
    image, footprint = mask.astype(np.uint8), grid_footprint(radius)
    assert np.array_equal(erode(mask, grid_disk(radius)), rank.minimum(image, footprint))
    assert np.array_equal(dilate(mask, grid_disk(radius)), rank.maximum(image, footprint))


@given(MASKS, st.floats(0, 30))
def test_dilation_by_a_disk_is_a_distance(mask, radius):
    ys, xs = np.nonzero(mask)
    expected = np.zeros_like(mask)
    for y, x in np.ndindex(mask.shape):
        expected[y, x] = bool(len(xs)) and ((xs - x) ** 2 + (ys - y) ** 2).min() <= math.floor(radius * radius)
    assert np.array_equal(dilate(mask, disk(radius)), expected)
