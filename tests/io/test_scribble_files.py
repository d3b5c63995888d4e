"""The DAVIS scribble JSON, also with several rounds in one file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivos.errors import InputError
from ivos.io.davis import ScribbleFile, read_scribbles, write_scribbles
from ivos.types import Annotation, Scribble


def stroke(object_id=1, start=0, path=((0.5, 0.25), (1.0, 0.0)), **other):
    return {
        "path": [list(p) for p in path],
        "object_id": object_id,
        "start_time": start,
        "end_time": start + 5,
        **other,
    }


def save(path, frames, **other):
    path.write_text(json.dumps({"sequence": "bear", "scribbles": frames, **other}))
    return path


def test_a_human_file(tmp_path):
    file = read_scribbles(save(tmp_path / "001.json", [[], [], [stroke(start=7), stroke(2, start=3)], []]))
    assert (file.sequence, file.num_frames, file.num_objects) == ("bear", 4, 2)
    (annotation,) = file.annotations
    assert annotation.frame == 2
    assert annotation.scribbles[0] == Scribble(1, [(0.5, 0.25), (1.0, 0.0)], 7, 12)


def test_without_rounds_frames_are_in_order_of_their_first_stroke(tmp_path):
    frames = [
        [stroke(start=9), stroke(start=5)],
        [stroke(start=2)],
        [stroke(start=2)],
        [stroke(start=1), stroke(start=99)],
    ]
    file = read_scribbles(save(tmp_path / "a.json", frames, annotated_frame=1))
    assert [annotation.frame for annotation in file.annotations] == [3, 1, 2, 0]
    assert [s.start_time for s in file.annotations[3].scribbles] == [9, 5]


def test_rounds_keep_their_order_and_strokes(tmp_path):
    frames = [[stroke(1), stroke(2), stroke(0)], [stroke(3)]]
    rounds = [{"frame": 0, "strokes": [1]}, {"frame": 1, "strokes": [0]}, {"frame": 0, "strokes": [2, 0]}]
    file = read_scribbles(save(tmp_path / "a.json", frames, rounds=rounds))
    assert [(a.frame, [s.object_id for s in a.scribbles]) for a in file.annotations] == [
        (0, [2]),
        (1, [3]),
        (0, [0, 1]),
    ]


def test_times_are_optional_and_no_stroke_is_no_round(tmp_path):
    bare = {"path": [[0, 1]], "object_id": 1}
    file = read_scribbles(save(tmp_path / "a.json", [[bare]]))
    assert file.annotations == (Annotation(0, [Scribble(1, [(0, 1)])]),)
    assert read_scribbles(save(tmp_path / "a.json", [[], []])) == ScribbleFile("bear", 2, ())
    assert read_scribbles(save(tmp_path / "a.json", [])).num_objects == 0


fractions = st.floats(0, 1)
scribbles = st.builds(
    Scribble,
    st.integers(0, 254),
    st.lists(st.tuples(fractions, fractions), min_size=1, max_size=4),
    st.floats(0, 1e12),
    st.floats(0, 1e12),
)
annotations = st.builds(Annotation, st.integers(0, 5), st.lists(scribbles, min_size=1, max_size=3))


@settings(deadline=None, max_examples=50)
@given(name=st.text(max_size=8), rounds=st.lists(annotations, max_size=5))
def test_round_trip(tmp_path_factory, name, rounds):
    file = ScribbleFile(name, 6, tuple(rounds))
    path = tmp_path_factory.mktemp("rounds") / "a.json"
    write_scribbles(path, file)
    assert read_scribbles(path) == file
    content = json.loads(path.read_bytes())
    assert len(content["scribbles"]) == 6


def test_annotations_alone_are_no_scribble_file(tmp_path):
    with pytest.raises(InputError, match=r"given as list; expected .*ScribbleFile"):
        write_scribbles(tmp_path / "a.json", [Annotation(0, [Scribble(1, [(0.5, 0.5)])])])


def test_a_round_on_a_missing_frame():
    with pytest.raises(InputError, match=r"Round 1 .* on frame 3; expected a frame from 0 to 2"):
        ScribbleFile("bear", 3, (Annotation(3, [Scribble(1, [(0, 0)])]),))


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ("none", "'scribbles', a list"),
        ([None], "entry for frame 0 is None"),
        ([[1]], "Stroke 0 of frame 0 is no object"),
        ([[], [stroke(), {"path": []}]], "Stroke 1 of frame 1 is no object"),
        ([[stroke(path=())]], "empty path"),
        ([[stroke(path=[(0.5, 1.5)])]], r"Stroke 0 of frame 0: .*\(0.5, 1.5\).* fractions"),
        ([[stroke(path=[(float("nan"), 0)])]], "finite"),
        ([[stroke(path=[(1, 2, 3)])]], "pair"),
        ([[stroke(path=[("a", 0)])]], "no number"),
        ([[{"path": 3, "object_id": 1}]], "list of"),
        ([[{"path": [3], "object_id": 1}]], "list of"),
        ([[stroke(object_id=255)]], "object_id 255"),
        ([[stroke(object_id=1.5)]], "integer"),
        ([[{**stroke(), "start_time": "now"}]], "no number"),
        ([[stroke()], [{**stroke(), "start_time": float("nan")}]], "Stroke 0 of frame 1: .*start_time nan; times must"),
    ],
)
def test_bad_strokes(tmp_path, frames, message):
    with pytest.raises(InputError, match=message) as caught:
        read_scribbles(save(tmp_path / "a.json", frames))
    assert "a.json' is not usable" in str(caught.value)


@pytest.mark.parametrize(
    ("rounds", "message"),
    [
        (None, "'rounds' is no list"),
        ([3], "Round 1 is no object"),
        ([{"frame": 0}], "Round 1 is no object"),
        ([{"frame": 0, "strokes": [0]}, {"frame": 1, "strokes": [0]}], "Round 2 names stroke 0 of frame 1"),
        ([{"frame": 0, "strokes": [0, 0]}], "missing or used before"),
        ([{"frame": 0, "strokes": [5]}], "names stroke 5 of frame 0"),
        ([{"frame": "0", "strokes": [0]}], "no whole numbers"),
        ([{"frame": 0, "strokes": []}], "names no stroke"),
        ([], "Stroke 0 of frame 0 belongs to no round"),
    ],
)
def test_bad_rounds(tmp_path, rounds, message):
    with pytest.raises(InputError, match=message):
        read_scribbles(save(tmp_path / "a.json", [[stroke()], []], rounds=rounds))


def test_bad_files(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_scribbles(tmp_path / "none.json")
    for text in ("", "{", "[" * 100_000, "\udce4"):
        (tmp_path / "a.json").write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(InputError, match="not valid JSON"):
            read_scribbles(tmp_path / "a.json")
    for text in ("[]", "3", '{"sequence": "a"}'):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(InputError, match="Expected an object"):
            read_scribbles(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"sequence": 3, "scribbles": []}')
    with pytest.raises(InputError, match="'sequence' is 3"):
        read_scribbles(tmp_path / "a.json")
