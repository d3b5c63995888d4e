"""Value objects take what fits and refuse the rest in a sentence."""

import numpy as np
import pytest

from ivos.errors import InputError
from ivos.types import Annotation, Scribble

STROKE = Scribble(1, [(0.5, 0.5)])


@pytest.mark.parametrize("path", [[(0.25, 0.5)], ((0.25, 0.5),), np.array([[0.25, 0.5]]), iter([[0.25, 0.5]])])
def test_a_path_may_be_any_series_of_pairs(path):
    assert Scribble(1, path).path == ((0.25, 0.5),)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (None, r"path must be a list of \(x, y\) points; got None"),
        (0.5, "got 0.5"),
        ([None], r"point must be a pair \(x, y\); got None"),
        ([0.1, 0.2], r"point must be a pair \(x, y\); got 0.1"),
        ([(0.1, 0.2, 0.3)], r"got \(0.1, 0.2, 0.3\)"),
        ([("a", 1)], "made of numbers; got 'a'"),
        ([(10**400, 1)], "made of numbers; got 1000"),
        ([(None, 1)], "made of numbers; got None"),
        ([], "empty path"),
        ([(0.5, float("nan"))], "finite"),
        ([(0.5, 1.5)], r"in \[0, 1\]"),
    ],
)
def test_a_path_of_something_else_is_refused(path, says):
    with pytest.raises(InputError, match=says):
        Scribble(1, path)


def test_a_time_that_is_no_number_is_refused():
    with pytest.raises(InputError, match="start_time must be made of numbers; got None"):
        Scribble(1, [(0.5, 0.5)], start_time=None)
    for time in (float("nan"), float("inf")):
        with pytest.raises(InputError, match=f"has the end_time {time}; times must be finite numbers"):
            Scribble(1, [(0.5, 0.5)], end_time=time)


@pytest.mark.parametrize(
    ("scribbles", "says"),
    [
        (None, r"scribbles of frame 3 must be a list of ivos.Scribble; got None"),
        (STROKE, "must be a list of ivos.Scribble"),
        ({"object_id": 1, "path": [(0.5, 0.5)]}, "hold 'object_id'"),
        ([{"object_id": 1, "path": [(0.5, 0.5)]}], "expected ivos.Scribble objects"),
        ([STROKE, None], "hold None"),
        ([], "no scribble"),
    ],
)
def test_an_annotation_is_made_of_scribbles(scribbles, says):
    with pytest.raises(InputError, match=says):
        Annotation(3, scribbles)
