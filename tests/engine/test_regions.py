"""Parts of frames are what the frames show, and are read again only for what lies beyond them."""

import numpy as np
import pytest

from ivos.engine.regions import FrameRegions

H, W = 160, 320


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (5, H, W, 3), np.uint8)


@pytest.fixture
def make_regions(frames):
    reads = []

    def regions(budget_bytes=1 << 20):
        def read(t):
            reads.append(t)
            return frames[t]

        return FrameRegions(read, budget_bytes), reads

    return regions


def box(top, bottom, left, right):
    y, x = np.mgrid[top:bottom, left:right]
    return y.ravel(), x.ravel()


@pytest.mark.parametrize(
    "asked", [box(40, 60, 100, 130), box(0, 3, 0, 3), box(H - 1, H, W - 1, W), box(0, H, 0, W)], ids=str
)
def test_colours_are_those_of_the_frame(make_regions, frames, asked):
    regions, reads = make_regions()
    for t in (0, 3, 0):
        np.testing.assert_array_equal(regions.colours(t, *asked), frames[t][asked])
    assert reads == [0, 3]


def test_a_frame_is_read_again_only_beyond_what_is_kept_which_grows(make_regions, frames):
    regions, reads = make_regions()
    near, far = box(40, 60, 100, 130), box(100, 120, 250, 260)
    for asked in (near, box(35, 65, 95, 135), far, near, far, box(50, 110, 110, 255)):
        np.testing.assert_array_equal(regions.colours(1, *asked), frames[1][asked])
    assert reads == [1, 1]


def test_beyond_the_budget_the_least_recently_used_is_dropped(make_regions, frames):
    asked = box(60, 80, 100, 120)
    one = (20 + 2 * W // 16) ** 2 * 3
    regions, reads = make_regions(3 * one)
    for t in (0, 1, 2, 0, 3, 0, 2, 1):
        np.testing.assert_array_equal(regions.colours(t, *asked), frames[t][asked])
    assert reads == [0, 1, 2, 3, 1]  # 3 took the place of 1


def test_a_part_larger_than_the_budget_is_kept_until_the_next(make_regions, frames):
    regions, reads = make_regions(budget_bytes=1)
    asked = box(0, 50, 0, 50)
    for t in (0, 0, 1, 0):
        np.testing.assert_array_equal(regions.colours(t, *asked), frames[t][asked])
    assert reads == [0, 1, 0]


def test_what_is_kept_is_a_copy(make_regions, frames):
    regions, _ = make_regions()
    asked = box(10, 20, 10, 20)
    before = regions.colours(0, *asked)
    frames[0] = 0
    np.testing.assert_array_equal(regions.colours(0, *asked), before)
