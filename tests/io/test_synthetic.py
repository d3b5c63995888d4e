"""Made-up clips with true masks."""

from __future__ import annotations

import numpy as np
import pytest

from ivos.errors import InputError
from ivos.io.synthetic import moving_shapes
from ivos.types import Frames


def test_every_object_is_there_and_moves():
    clip = moving_shapes(10, (48, 64), num_objects=3, seed=1)
    assert isinstance(clip.frames, Frames)
    assert clip.masks.shape == (10, 48, 64)
    assert (len(clip.frames), clip.frames.size) == (10, (48, 64))
    assert set(np.unique(clip.masks)) == {0, 1, 2, 3}
    assert (clip.masks[0] != clip.masks[9]).any()


def test_the_same_arguments_give_the_same_clip():
    one, other = (moving_shapes(seed=4) for _ in range(2))
    assert np.array_equal(one.frames.pixels, other.frames.pixels)
    assert np.array_equal(one.masks, other.masks)
    assert not np.array_equal(one.masks, moving_shapes(seed=5).masks)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (33, 17)])
@pytest.mark.parametrize("num_objects", [0, 1, 5])
def test_edges(size, num_objects):
    clip = moving_shapes(1, size, num_objects=num_objects)
    assert clip.frames[0].shape == (*size, 3)
    assert clip.masks.max() <= num_objects


def test_an_object_keeps_its_ground():
    clip = moving_shapes(6, num_objects=1)
    areas = (clip.masks == 1).sum(axis=(1, 2))
    assert (areas > 100).all()


@pytest.mark.parametrize("bad", [{"num_frames": 0}, {"size": (0, 4)}, {"num_objects": 255}, {"num_objects": -1}])
def test_bad_arguments(bad):
    with pytest.raises(InputError, match="Cannot make"):
        moving_shapes(**bad)
