"""`ivos explain` from arguments to the picture, and its sentences."""

import re

import numpy as np
import pytest
from PIL import Image

import ivos
from ivos.cli import main
from ivos.io.synthetic import moving_shapes
from ivos.model.atnet import build
from ivos.model.config import PRESETS
from ivos.model.weights import save_weights


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a clip of six frames 48 x 64, strokes of two rounds for one object, and untrained weights."""
    folder = tmp_path_factory.mktemp("explain")
    (folder / "clip").mkdir()
    frames = moving_shapes(6, (48, 64)).frames
    for t in range(6):
        Image.fromarray(frames[t]).save(folder / "clip" / f"{t}.png")
    rounds = [ivos.Annotation(t, [ivos.Scribble(1, [(0.2, 0.5), (0.4, 0.5)])]) for t in (1, 4)]
    ivos.write_scribbles(folder / "strokes.json", ivos.ScribbleFile("clip", 6, tuple(rounds)))
    ivos.write_scribbles(folder / "none.json", ivos.ScribbleFile("clip", 6, ()))
    save_weights(build(PRESETS["lite"], seed=1), folder / "weights.safetensors", card={})
    return folder


def explain(files, out, *more, strokes="strokes.json", frame="3", pixel="20,30"):
    arguments = [str(files / "clip"), "--scribbles", str(files / strokes), "--frame", frame, f"--pixel={pixel}"]
    return main(["explain", *arguments, "--out", str(out), "--model", str(files / "weights.safetensors"), *more])


def test_the_picture_has_six_panels_that_depend_on_frame_pixel_and_round(files, tmp_path, capsys):
    pictures = []
    for i, more in enumerate(({}, {"frame": "5"}, {"pixel": "60,2"}, {"round": "1"})):
        flags = ("--round", more.pop("round")) if "round" in more else ()
        assert explain(files, tmp_path / f"{i}.png", *flags, **more) == 0
        pictures.append(np.asarray(Image.open(tmp_path / f"{i}.png")))
    assert str(tmp_path / "0.png") in capsys.readouterr().out
    height, width = pictures[0].shape[:2]
    assert width == 3 * (480 + 6) + 6
    assert height == 2 * (360 + 18 + 6) + 6
    for other in pictures[1:]:
        assert other.shape == pictures[0].shape
        assert not np.array_equal(other, pictures[0])


@pytest.mark.parametrize(
    ("more", "changes", "says"),
    [
        ((), {"frame": "9"}, "no frame 9; the clip has frames 0..5"),
        ((), {"frame": "0"}, "Frame 0 is not visited from frame 4, .* 2..5"),
        ((), {"frame": "4"}, "Frame 4 is not visited"),
        (("--round", "1"), {"frame": "1"}, "Frame 1 is not visited from frame 1"),
        (("--round", "3"), {}, "no round 3; .* has the rounds 1..2"),
        ((), {"pixel": "64,0"}, "pixel 64,0 is outside of the frame; expected x in 0..63"),
        ((), {"pixel": "20"}, "'20'; expected x,y"),
        ((), {"pixel": "-1,3"}, "'-1,3'; expected x,y"),
        (("--object-id", "2"), {}, "no object 2"),
        ((), {"strokes": "none.json"}, "no stroke for any object"),
    ],
)
def test_bad_input_is_one_sentence_and_no_picture(more, changes, says, files, tmp_path, capsys):
    code = explain(files, tmp_path / "a.png", *more, **changes)
    assert code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(says, error)
    assert not list(tmp_path.iterdir())


def test_the_picture_lands_in_the_working_folder_if_no_name_is_given(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = [str(files / "clip"), "--scribbles", str(files / "strokes.json"), "--frame", "3", "--pixel", "20,30"]
    assert main(["explain", *arguments, "--model", str(files / "weights.safetensors")]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["explain.png"]


def test_the_picture_never_becomes_a_frame_of_the_clip(files, monkeypatch, capsys):
    before = {file.name: file.read_bytes() for file in (files / "clip").iterdir()}
    monkeypatch.chdir(files / "clip")
    for out in ("explain.png", files / "clip" / "0.png"):
        assert explain(files, out) == 2
        assert "would become a frame of the clip" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in (files / "clip").iterdir()} == before


def test_the_picture_never_replaces_a_clip_of_one_file(files, capsys):
    clip = files / "moving.png"
    pictures = [Image.open(file).convert("RGB") for file in sorted((files / "clip").iterdir())]
    pictures[0].save(clip, save_all=True, append_images=pictures[1:])
    before = clip.read_bytes()
    arguments = ["--scribbles", str(files / "strokes.json"), "--frame", "1", "--pixel", "1,1", "--out", str(clip)]
    assert main(["explain", str(clip), *arguments]) == 2
    assert "would replace" in capsys.readouterr().err
    assert clip.read_bytes() == before


def test_a_picture_is_a_png(files, tmp_path, capsys):
    assert explain(files, tmp_path / "a.jpg") == 2
    assert "ends with .png" in capsys.readouterr().err
