"""The command line from arguments to files, exit codes and sentences."""

import errno
import importlib.abc
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ivos
from ivos.cli import main
from ivos.cli.demo import CLIP, STROKES
from ivos.io import exports
from ivos.io.masks import read_mask, write_mask
from ivos.io.synthetic import moving_shapes
from ivos.model.atnet import build
from ivos.model.config import PRESETS
from ivos.model.weights import save_weights


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A weights file of the untrained `lite` networks."""
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_weights(build(PRESETS["lite"]).eval(), path, card={"note": "untrained"})
    return path


@pytest.fixture
def clip(tmp_path):
    """A folder of five images, 32 x 48."""
    folder = tmp_path / "clip"
    folder.mkdir()
    frames = moving_shapes(5, (32, 48)).frames
    for t in range(5):
        Image.fromarray(frames[t]).save(folder / f"{t}.png")
    return folder


@pytest.fixture
def strokes(tmp_path):
    """Two rounds on different frames, two objects."""
    rounds = (
        ivos.Annotation(2, [ivos.Scribble(1, [(0.2, 0.5), (0.4, 0.5)]), ivos.Scribble(2, [(0.8, 0.5)])]),
        ivos.Annotation(0, [ivos.Scribble(0, [(0.5, 0.1), (0.5, 0.9)])]),
    )
    path = tmp_path / "strokes.json"
    ivos.write_scribbles(path, ivos.ScribbleFile("clip", 5, rounds))
    return path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def one_sentence(capsys):
    error = capsys.readouterr().err
    assert error.startswith("ivos: ")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    return error


def test_segment_writes_a_mask_for_every_frame_and_an_overlay(clip, strokes, weights, tmp_path, capsys):
    out = tmp_path / "new" / "out"
    assert run("segment", clip, "--scribbles", strokes, "--out", out, "--model", weights) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == [f"0000{t}.png" for t in range(5)] + ["overlay.mp4"]
    assert str(out) in capsys.readouterr().out
    frames = ivos.read_video(clip)
    session = ivos.Session(ivos.load_model(weights), frames, 2)
    for annotation in ivos.read_scribbles(strokes).annotations:
        session.annotate(annotation.frame, annotation.scribbles)
        list(session.propagate())
    for t in range(5):
        np.testing.assert_array_equal(read_mask(out / f"0000{t}.png"), session.masks[t])
    assert len(ivos.read_video(out / "overlay.mp4")) == 5


def test_segment_writes_the_formats_that_are_named(clip, strokes, weights, tmp_path, capsys):
    out, rest = tmp_path / "out", ("--model", weights, "--formats")
    assert run("segment", clip, "--scribbles", strokes, "--out", out, *rest, "prores", "coco") == 0
    assert sorted(path.name for path in out.iterdir()) == ["alpha.mov", "coco.json"]
    assert "alpha.mov, coco.json" in capsys.readouterr().out
    assert run("segment", clip, "--scribbles", strokes, "--out", tmp_path / "black", *rest, "binary") == 0
    assert "black: 5 masks an object" in capsys.readouterr().out
    assert run("segment", clip, "--scribbles", strokes, "--out", tmp_path / "other", *rest) == 2
    assert "No format is named after --formats; expected one or more of png, binary, overlay" in one_sentence(capsys)
    assert not (tmp_path / "other").exists()


def test_segment_goes_on_from_masks_and_then_from_scribbles(clip, strokes, weights, tmp_path):
    drawn = {1: np.zeros((32, 48), np.uint8), 3: np.zeros((32, 48), np.uint8)}
    drawn[1][5:20, 5:20], drawn[3][5:20, 25:40], drawn[3][25:] = 1, 3, 255
    (tmp_path / "given").mkdir()
    for t, mask in drawn.items():
        write_mask(tmp_path / "given" / f"{t:05}.png", mask)
    session = ivos.Session(ivos.load_model(weights), ivos.read_video(clip), 3)
    for t, mask in drawn.items():
        session.paint(t, np.where(mask == 255, 0, mask))
    list(session.propagate())
    arguments = ("segment", clip, "--masks", tmp_path / "given", "--model", weights, "--formats", "png")
    assert run(*arguments, "--out", tmp_path / "masks") == 0
    for t in range(5):
        np.testing.assert_array_equal(read_mask(tmp_path / "masks" / f"0000{t}.png"), session.masks[t])
    for annotation in ivos.read_scribbles(strokes).annotations:
        session.annotate(annotation.frame, annotation.scribbles)
        list(session.propagate())
    assert run(*arguments, "--scribbles", strokes, "--out", tmp_path / "both") == 0
    for t in range(5):
        np.testing.assert_array_equal(read_mask(tmp_path / "both" / f"0000{t}.png"), session.masks[t])


def test_masks_that_do_not_fit_are_refused_before_anything_is_written(clip, tmp_path, capsys):
    write_mask(tmp_path / "00000.png", np.zeros((32, 48), np.uint8))
    write_mask(tmp_path / "00001.png", np.ones((31, 48), np.uint8))
    write_mask(tmp_path / "m" / "00002.png", np.ones((32, 48), np.uint8))
    (tmp_path / "none").mkdir()
    refused = {
        "Neither --scribbles nor --masks": (),
        "show no object": ("--masks", tmp_path / "00000.png"),
        "48 x 31 pixels; expected 48 x 32": ("--masks", tmp_path / "00001.png"),
        "holds no mask": ("--masks", tmp_path / "none"),
    }
    for says, how in refused.items():
        assert run("segment", clip, *how, "--out", tmp_path / "out", "--model", "not even loaded") == 2
        assert says in one_sentence(capsys)
    assert not (tmp_path / "out").exists()
    how = ("--masks", tmp_path / "m", "--out", tmp_path / "m", "--model", "not even loaded")
    assert run("segment", clip, *how) == 2
    assert "would replace the mask" in one_sentence(capsys)


def test_segment_shows_frames_a_second(clip, strokes, weights, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ivos.cli.console.DELAY_SECONDS", 0)
    assert run("segment", clip, "--scribbles", strokes, "--out", tmp_path / "out", "--model", weights) == 0
    shown = capsys.readouterr().err
    assert re.search(r"Round 1 of 2, frame 2: 100%.* 5/5 .*frames/s", shown)
    assert "Writing overlay" in shown


def test_segment_shows_how_far_a_clip_is_read_and_then_what_is_wrong_with_it(strokes, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ivos.cli.console.DELAY_SECONDS", 0)
    path = tmp_path / "a.gif"
    first, *others = [Image.new("L", (48, 32), 20 * t) for t in range(4)]
    first.save(path, save_all=True, append_images=others)
    path.write_bytes(path.read_bytes()[:-2])
    assert run("segment", path, "--scribbles", strokes, "--out", tmp_path / "out", "--model", tmp_path / "none") == 2
    shown = capsys.readouterr().err
    assert re.search(r"Reading the clip: 4 frames .*frames/s\]\nivos: warning: .*damaged or incomplete", shown)


def test_a_one_frame_clip_is_enough(clip, weights, tmp_path):
    for t in range(1, 5):
        (clip / f"{t}.png").unlink()
    path = tmp_path / "one.json"
    ivos.write_scribbles(path, ivos.ScribbleFile("clip", 1, (ivos.Annotation(0, [ivos.Scribble(1, [(0.5, 0.5)])]),)))
    assert run("segment", clip, "--scribbles", path, "--out", tmp_path / "out", "--model", weights) == 0
    assert (tmp_path / "out" / "00000.png").exists()


def test_bad_input_is_one_sentence_exit_code_2_and_nothing_written(clip, strokes, weights, tmp_path, capsys):
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.json").write_text("[1]")
    (tmp_path / "weights.safetensors").write_bytes(b"foreign")
    late = ivos.ScribbleFile("clip", 9, (ivos.Annotation(8, [ivos.Scribble(1, [(0.5, 0.5)])]),))
    ivos.write_scribbles(tmp_path / "late.json", late)
    ground = ivos.ScribbleFile("clip", 5, (ivos.Annotation(1, [ivos.Scribble(0, [(0.5, 0.5)])]),))
    ivos.write_scribbles(tmp_path / "ground.json", ground)
    out = tmp_path / "out"
    for video, scribbles, model, says in [
        (tmp_path / "missing.mp4", strokes, weights, "missing.mp4"),
        (tmp_path / "text.mp4", strokes, weights, "text.mp4"),
        (tmp_path / "empty", strokes, weights, "empty"),
        (clip, tmp_path / "missing.json", weights, "missing.json"),
        (clip, tmp_path / "text.json", weights, "text.json"),
        (clip, tmp_path / "late.json", weights, "frame 8"),
        (clip, tmp_path / "ground.json", weights, "object"),
        (clip, strokes, tmp_path / "weights.safetensors", "weights.safetensors"),
        (clip, strokes, "nonsense", "nonsense"),
    ]:
        assert run("segment", video, "--scribbles", scribbles, "--out", out, "--model", model) == 2
        assert says in one_sentence(capsys)
        assert not out.exists()
    (tmp_path / "file").write_text("in the way")
    target = tmp_path / "file" / "out"
    assert run("segment", clip, "--scribbles", strokes, "--out", target, "--model", weights) == 2
    assert "file" in one_sentence(capsys)
    for option, value in (("--device", "toaster"), ("--resolution", "0")):
        arguments = ("--scribbles", strokes, "--out", out, "--model", weights, option, value)
        assert run("segment", clip, *arguments) == 2
        assert value in one_sentence(capsys)
    assert not out.exists()


def test_nothing_is_begun_that_would_replace_its_own_input(clip, strokes, tmp_path, capsys):
    before = {path.name: path.read_bytes() for path in clip.iterdir()}
    assert run("segment", clip, "--scribbles", strokes, "--out", clip, "--model", "not even loaded") == 2
    assert "would replace the clip" in one_sentence(capsys)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "00005.png").write_bytes(b"of a longer clip")
    assert run("segment", clip, "--scribbles", strokes, "--out", tmp_path / "out", "--model", "not even loaded") == 2
    assert "00005.png" in one_sentence(capsys)
    assert {path.name: path.read_bytes() for path in clip.iterdir()} == before
    image, mine = tmp_path / "dl" / "00000.png", tmp_path / "dl" / "coco.json"
    image.parent.mkdir()
    pictures = [Image.new("RGB", (96, 64), (30 * t, 0, 0)) for t in range(5)]
    pictures[0].save(image, save_all=True, append_images=pictures[1:])
    mine.write_bytes(strokes.read_bytes())
    for formats, given, what in (("png", image, "clip"), ("coco", clip, "scribble file")):
        how = ("--scribbles", mine, "--out", image.parent, "--formats", formats, "--model", "not even loaded")
        assert run("segment", given, *how) == 2
        assert f"would replace the {what}" in one_sentence(capsys)
    assert mine.read_bytes() == strokes.read_bytes()
    beyond = image.rename(image.with_name("00007.png"))
    assert run("segment", beyond, "--scribbles", mine, "--out", image.parent, "--model", "not even loaded") == 2
    assert "of a longer clip" in one_sentence(capsys)
    (tmp_path / "released.pth").write_bytes(b"tensors")
    assert run("convert", tmp_path / "released.pth", tmp_path / "out" / ".." / "released.pth") == 2
    assert "would replace the checkpoint" in one_sentence(capsys)


def test_scribbles_for_another_length_are_played_with_a_warning(clip, weights, tmp_path, capsys):
    strokes = ivos.ScribbleFile("clip", 7, (ivos.Annotation(1, [ivos.Scribble(1, [(0.5, 0.5)])]),))
    ivos.write_scribbles(tmp_path / "long.json", strokes)
    arguments = ("--scribbles", tmp_path / "long.json", "--out", tmp_path / "out", "--model", weights)
    assert run("segment", clip, *arguments) == 0
    assert "ivos: warning: " in (error := capsys.readouterr().err)
    assert "7 frames" in error


def test_ctrl_c_while_writing_leaves_whole_files_and_130(clip, strokes, weights, tmp_path, capsys, monkeypatch):
    out, write_mask = tmp_path / "out", exports.write_mask

    def write_two(path, mask):
        if path.name == "00002.png":
            raise KeyboardInterrupt
        write_mask(path, mask)

    monkeypatch.setattr(exports, "write_mask", write_two)
    assert run("segment", clip, "--scribbles", strokes, "--out", out, "--model", weights) == 130
    assert "interrupted" in capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == ["00000.png", "00001.png"]


@pytest.mark.slow
def test_a_real_ctrl_c_exits_130_and_leaves_nothing_half_done(clip, strokes, weights, tmp_path):
    for t in range(5, 60):
        os.link(clip / "0.png", clip / f"{t}.png")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "ivos", "segment", clip, "--scribbles", strokes, "--out", out, "--model", weights]
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not out.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)  # the folder is made when the first round starts
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=50)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert not list(out.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_be_written_is_one_sentence():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        command = [sys.executable, "-m", "ivos", "--help"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("ivos: The output, or a file, cannot be read or written (No space left on device)")
    assert done.stderr.count("\n") == 1


def test_a_name_that_the_output_cannot_show_is_shown_escaped(clip, strokes, weights, tmp_path, monkeypatch):
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="cp1252"))
    assert run("segment", clip, "--scribbles", strokes, "--out", tmp_path / "Видео", "--model", weights) == 0
    assert b"\\u0412" in shown.getvalue()
    assert (tmp_path / "Видео" / "00000.png").is_file()


def test_commands_work_where_standard_output_and_error_are_closed(strokes, tmp_path, monkeypatch):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert run("info") == 0
    assert run("segment", tmp_path / "none.mp4", "--scribbles", strokes, "--out", tmp_path / "out") == 2
    for stream in (sys.stdout, sys.stderr):
        stream.close()


def test_output_that_nobody_reads_ends_without_a_word():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "ivos", "--help"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/secret/a.json"), "'/secret/a.json'"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
    ],
)
def test_what_the_system_refuses_is_one_sentence(error, says, capsys, monkeypatch):
    def refused(arguments):
        raise error

    monkeypatch.setattr("ivos.cli.commands.run", refused)
    assert run("info") == 2
    assert says in one_sentence(capsys)


def test_ctrl_c_while_the_commands_are_imported_exits_130(capsys, monkeypatch):
    class Interrupted(importlib.abc.MetaPathFinder):
        def find_spec(self, fullname, path, target=None):
            if fullname == "ivos.cli.commands":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "ivos.cli.commands", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    assert run("info") == 130
    assert "interrupted" in one_sentence(capsys)


def test_info_tells_versions_devices_presets_and_weights(capsys):
    assert run("info") == 0
    shown = capsys.readouterr().out
    for word in ("ivos", "Python", "torch", "cpu", "lite", "paper", "authors", "M parameters", "Bundled weights"):
        assert word in shown


def test_train_knows_both_stages(capsys):
    for stage in ("a-net", "t-net"):
        with pytest.raises(SystemExit) as stop:
            run("train", stage, "--help")
        assert stop.value.code == 0
        assert "--data" in capsys.readouterr().out
    out = ("--out", "/nowhere/out")
    assert run("train", "a-net", "--data", "folder:/nowhere", *out) == 2
    assert "/nowhere" in one_sentence(capsys)


def test_convert_refuses_what_is_no_checkpoint(tmp_path, capsys):
    assert run("convert", tmp_path / "missing.pth", tmp_path / "out.safetensors") == 2
    assert "missing.pth" in one_sentence(capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["segment"], ["segment", "a.mp4", "--nonsense"]])
def test_wrong_usage_exits_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert capsys.readouterr().err


def test_demo_prints_a_table_and_writes_masks_overlay_and_sheet(clip, strokes, weights, tmp_path, capsys, monkeypatch):
    module = importlib.import_module("ivos.cli.demo")  # the package's attribute of that name is the command
    monkeypatch.setattr(module, "CLIP", clip)
    monkeypatch.setattr(module, "STROKES", strokes)
    assert run("demo", "--out", tmp_path / "out", "--model", weights) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {*(f"0000{t}.png" for t in range(5)), "overlay.mp4", "contact_sheet.png"}
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ") == ["round", "annotated frame", "seconds", "ms/frame", "mean confidence"]
    assert [line.split()[:2] for line in lines[1:3]] == [["1", "2"], ["2", "0"]]


def test_the_bundled_strokes_are_three_rounds_on_the_bundled_clip():
    strokes, frames = ivos.read_scribbles(STROKES), ivos.read_video(CLIP)
    assert strokes.num_frames == len(frames)
    assert strokes.num_objects == 1
    assert len(strokes.annotations) == 3
