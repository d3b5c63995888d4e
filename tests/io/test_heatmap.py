import numpy as np
import pytest

from ivos.errors import InputError
from ivos.io.heatmap import STOPS, heat, mark_pixel


def test_colours_grow_brighter_with_the_value_and_stop_at_the_highest():
    values = np.linspace(0, 2, 41, dtype=np.float32)[None]
    frame = np.zeros((1, 41, 3), np.uint8)
    picture = heat(frame, values, highest=1.0, share=1.0)
    light = picture.astype(int).sum(axis=2)[0]
    assert (np.diff(light[:21]) > 0).all()
    assert (picture[0, 20:] == STOPS[-1]).all()
    assert (picture[0, 5] == np.rint(STOPS[1])).all()  # a quarter of the highest


def test_the_frame_shines_through_in_grey():
    frame = np.zeros((1, 2, 3), np.uint8)
    frame[0, 1] = 200
    picture = heat(frame, np.zeros((1, 2), np.float32), share=0.5)
    assert picture.tolist() == [[[0, 0, 0], [100, 100, 100]]]


def test_a_map_of_another_size_is_refused():
    with pytest.raises(InputError, match="does not fit"):
        heat(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.float32))


def test_the_mark_leaves_the_pixel_itself_and_what_is_far_away():
    picture = mark_pixel(np.full((60, 60, 3), 90, np.uint8), (30, 20))
    assert (picture[20, 30] == 90).all()
    assert (picture[50:] == 90).all()
    assert (picture != 90).any()
