"""Saving and taking up again: masks, rounds, pending strokes, undo and redo survive."""

import os
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

import ivos
from ivos.engine.archive import pack
from ivos.engine.session import Session
from ivos.errors import InputError, OutputError
from ivos.io.images import ArrayFrames
from ivos.io.video_writer import write_video
from ivos.model.atnet import build
from ivos.model.config import PRESETS
from ivos.model.weights import load_weights, save_weights


def everything(session):
    return (
        np.stack([session.probability(t) for t in range(session.num_frames)]),
        np.stack([session.preview(t) for t in range(session.num_frames)]),
        session.confidence(),
        session.rounds,
        session.pending,
        (session.can_undo, session.can_redo),
    )


def assert_same(one, other):
    for a, b in zip(everything(one), everything(other), strict=True):
        np.testing.assert_array_equal(a, b) if isinstance(a, np.ndarray) else None
        assert isinstance(a, np.ndarray) or a == b


@pytest.fixture
def session(make_networks, make_clip, stroke):
    """Two rounds (the second undone twice over), three pending annotations, one of them undone."""
    session = Session(make_networks(), make_clip(), 2, resolution=30)
    session.annotate(1, [stroke(1), stroke(2, 0.8)])
    list(session.propagate(within=range(5)))
    session.annotate(4, [stroke(0, 0.6)])
    list(session.propagate())
    session.annotate(3, [stroke(2, 0.2)])
    session.annotate(5, [stroke(1, 0.2)])
    session.annotate(3, [stroke(1, 0.9)])
    session.undo()
    return session


def test_numbers_may_be_numpys(make_networks, make_clip, stroke, tmp_path):
    session = Session(make_networks(), make_clip(), np.uint8(2), resolution=np.int64(30))
    session.annotate(1, [stroke(2)])
    list(session.propagate())
    session.save(tmp_path / "clip.ivos")
    assert_same(session, ivos.open_session(tmp_path / "clip.ivos", session.model, session.frames))


def test_a_session_is_taken_up_where_it_was_left(session, tmp_path, stroke):
    session.save(tmp_path / "clip.ivos")
    again = ivos.open_session(tmp_path / "clip.ivos", session.model, session.frames)
    assert_same(session, again)
    for step in ("undo", "undo", "undo", "undo", "redo", "redo", "redo", "redo", "redo"):
        getattr(session, step)()
        getattr(again, step)()
        assert_same(session, again)
    list(session.propagate())
    list(again.propagate())
    assert_same(session, again)


def test_unchanged_frames_are_shared_after_opening_too(session, tmp_path):
    session.save(tmp_path / "clip.ivos")
    again = ivos.open_session(tmp_path / "clip.ivos", session.model, session.frames)
    first, last = again.history.past[-1], again.history.state
    assert first.results[2].logits is last.results[2].logits


def test_an_untouched_session_can_be_saved(make_networks, make_clip, tmp_path):
    fresh = Session(make_networks(), make_clip(1, (1, 1)), resolution=None)
    fresh.save(tmp_path / "fresh.ivos")
    again = ivos.open_session(str(tmp_path / "fresh.ivos"), fresh.model, fresh.frames)
    assert_same(fresh, again)
    assert again.resolution is None


def test_another_clip_or_model_is_refused(session, make_clip, make_networks, tmp_path):
    session.save(tmp_path / "clip.ivos")
    with pytest.raises(InputError, match="6 frames"):
        ivos.open_session(tmp_path / "clip.ivos", session.model, make_clip(5))
    with pytest.raises(InputError, match="size"):
        ivos.open_session(tmp_path / "clip.ivos", session.model, make_clip(6, (36, 50)))
    with pytest.raises(InputError, match="model 'fake'"):
        ivos.open_session(tmp_path / "clip.ivos", make_networks(name="other"), session.frames)
    with pytest.raises(InputError, match="frames"):
        ivos.open_session(tmp_path / "clip.ivos", session.model)  # this clip is from no file


def test_frames_of_another_file_are_refused(session, tmp_path):
    for name, content in (("one", session.frames.array), ("two", session.frames.array[::-1])):
        write_video(tmp_path / f"{name}.mp4", content, fps=24)
    Session(session.model, ivos.read_video(tmp_path / "one.mp4")).save(tmp_path / "clip.ivos")
    with pytest.raises(InputError, match=r"'.*two\.mp4' is not the clip that '.*clip\.ivos' was made with"):
        ivos.open_session(tmp_path / "clip.ivos", session.model, ivos.read_video(tmp_path / "two.mp4"))
    frames = ivos.read_video(tmp_path / "one.mp4")
    moved = (tmp_path / "one.mp4").rename(tmp_path / "moved.mp4")
    ivos.open_session(tmp_path / "clip.ivos", session.model, frames)
    ivos.open_session(tmp_path / "clip.ivos", session.model, ivos.read_video(moved))
    ivos.open_session(tmp_path / "clip.ivos", session.model, ArrayFrames(list(ivos.read_video(moved))))


def test_what_is_no_model_or_no_clip_is_refused(session, tmp_path):
    session.save(tmp_path / "clip.ivos")
    with pytest.raises(InputError, match=r"given as 'lite'; expected .*ivos\.load_model"):
        ivos.open_session(tmp_path / "clip.ivos", "lite", session.frames)
    for frames in ("clip.mp4", tmp_path / "clip.mp4", session.frames.array):
        with pytest.raises(InputError, match=r"clip is given as .*ivos\.read_video"):
            ivos.open_session(tmp_path / "clip.ivos", session.model, frames)


def test_other_weights_of_the_same_preset_are_refused(make_clip, tmp_path):
    files = [tmp_path / "one.safetensors", tmp_path / "two.safetensors"]
    for seed, file in enumerate(files):
        save_weights(build(PRESETS["lite"], seed=seed), file, card={})
    own, clip = ivos.load_model(files[0]), make_clip(1)
    Session(own, clip).save(tmp_path / "clip.ivos")
    assert ivos.open_session(tmp_path / "clip.ivos", ivos.load_model(files[0]), clip).model.digest == own.digest
    for model in (None, ivos.load_model(files[1])):
        with pytest.raises(InputError, match=r"other weights of the model 'lite' than these.*model=load_model"):
            ivos.open_session(tmp_path / "clip.ivos", model, clip)
    save_weights(load_weights(files[0]), files[0], card={"note": "the same with another card"})
    ivos.open_session(tmp_path / "clip.ivos", ivos.load_model(files[0]), clip)


def test_a_project_of_earlier_times_opens_with_any_weights(session, make_networks, tmp_path, monkeypatch):
    monkeypatch.setattr("ivos.engine.session.weights_digest", lambda networks: None)
    session.save(tmp_path / "clip.ivos")
    session.model.digest = "of a file"
    assert_same(session, ivos.open_session(tmp_path / "clip.ivos", session.model, session.frames))


def test_a_model_with_other_cells_is_refused(session, make_networks, tmp_path):
    session.save(tmp_path / "clip.ivos")
    with pytest.raises(InputError, match="does not fit"):
        ivos.open_session(tmp_path / "clip.ivos", make_networks(pad_multiple=32), session.frames)


def test_missing_foreign_and_damaged_files_are_refused(session, tmp_path):
    with pytest.raises(InputError):
        ivos.open_session(tmp_path / "missing.ivos", session.model, session.frames)
    (tmp_path / "text.ivos").write_text("hello")
    with pytest.raises(InputError):
        ivos.open_session(tmp_path / "text.ivos", session.model, session.frames)
    session.save(tmp_path / "clip.ivos")
    whole = (tmp_path / "clip.ivos").read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.ivos").write_bytes(whole[:length])
        with pytest.raises(InputError):
            ivos.open_session(tmp_path / "cut.ivos", session.model, session.frames)


def test_a_session_is_never_saved_over_its_clip(session, tmp_path):
    clip = tmp_path / "clip.mp4"
    write_video(clip, [session.frames[t] for t in range(3)], fps=10)
    content = clip.read_bytes()
    own = Session(session.model, ivos.read_video(clip))
    with pytest.raises(InputError, match="would replace its clip"):
        own.save(clip)
    assert clip.read_bytes() == content
    folder = tmp_path / "frames"
    folder.mkdir()
    for t in range(3):
        Image.fromarray(session.frames[t]).save(folder / f"{t}.png")
    with pytest.raises(InputError, match="would replace its clip"):
        Session(session.model, ivos.read_video(folder)).save(folder / "0.png")


def test_frames_of_ones_own_may_name_their_path_as_text_and_count_as_numpy_does(make_networks, make_clip, tmp_path):
    clip = tmp_path / "clip.bin"
    clip.write_bytes(b"mine")
    inner = make_clip(2)

    class Own:
        path, size, fps = str(clip), [np.int64(n) for n in inner.size], Fraction(24000, 1001)

        def __len__(self):
            return len(inner)

        def __getitem__(self, t):
            return inner[t]

    fresh = Session(make_networks(), Own(), resolution=None)
    fresh.paint(0, np.zeros(inner.size, np.uint8))
    fresh.save(tmp_path / "own.ivos")
    assert_same(fresh, ivos.open_session(tmp_path / "own.ivos", fresh.model, Own()))


def test_a_layer_of_another_size_is_refused(session, tmp_path):
    state = session.history.state
    first = next(t for t, result in enumerate(state.results) if result is not None)
    wrong = replace(state.results[first], held=np.zeros((3, 3), np.uint8))
    session.history.state = replace(state, results=(*state.results[:first], wrong, *state.results[first + 1 :]))
    session.save(tmp_path / "clip.ivos")
    with pytest.raises(InputError, match="held is uint8 of shape"):
        ivos.open_session(tmp_path / "clip.ivos", session.model, session.frames)


def test_ids_of_objects_are_stored_once(session):
    states, _ = pack(session.history)
    ids = [array for state in states for name, array in state.arrays.items() if name.endswith("/objects")]
    assert len(ids) > 6
    assert len({id(array) for array in ids}) == 1


def test_a_folder_with_names_of_another_encoding_is_taken_up_again(make_networks, make_clip, stroke, tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    for t, frame in enumerate(make_clip(2).array):
        Image.fromarray(frame).save(folder / "t.png")
        (folder / "t.png").rename(os.fsdecode(os.fsencode(folder) + b"/\xe4%d.png" % t))
    session = Session(make_networks(), ivos.read_video(folder))
    session.annotate(0, [stroke()])
    session.save(tmp_path / "clip.ivos")
    assert_same(session, ivos.open_session(tmp_path / "clip.ivos", session.model))


def test_a_place_that_cannot_be_written_is_said_and_nothing_is_left(session, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        session.save(tmp_path / "file" / "clip.ivos")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(OutputError, match="no name for a file"):
        session.save("")
