"""Taking a saved session up again."""

from __future__ import annotations

from pathlib import Path

from ivos.engine.archive import unpack
from ivos.engine.session import Session
from ivos.errors import InputError
from ivos.io.clip_reference import check_clip, find_clip
from ivos.io.project import open_project
from ivos.io.video import read_video
from ivos.model.networks import Networks, check_networks, weights_digest
from ivos.model.weights import load_model
from ivos.types import Frames, check_frames


def open_session(path: str | Path, model: Networks | None = None, frames: Frames | None = None) -> Session:
    """The session saved at `path`, with its rounds, pending strokes, undo and redo.

    Args:
        path: A file by `Session.save`.
        model: The networks it was made with; None loads the preset that the file names, with its bundled weights.
        frames: Its clip, known by its content where it has a file; None reads it from where it was, or from beside the
            project file.

    Raises:
        InputError: The file is missing, damaged or no project; its clip is missing or another one; or model or
            frames are none, or the model is not the one it was made with.
    """
    path = Path(path)
    project = open_project(path)
    if model is not None:
        check_networks(model)
    if frames is None:
        frames = read_video(find_clip(project.clip, path))
    check_frames(frames)
    if (len(frames), tuple(frames.size)) != (project.clip.num_frames, project.clip.size):
        raise InputError(
            f"'{path}' belongs to a clip of {project.clip.num_frames} frames of size {project.clip.size}; these are "
            f"{len(frames)} frames of size {tuple(frames.size)}."
        )
    check_clip(project.clip, frames, path)
    if model is None:
        model = load_model(project.model)
    if model.config.name != project.model:
        raise InputError(f"'{path}' was made with the model {project.model!r}; this one is {model.config.name!r}.")
    if project.weights is not None and weights_digest(model) != project.weights:
        raise InputError(
            f"'{path}' was made with other weights of the model {project.model!r} than these; give the ones it was "
            "made with, as open_session(..., model=load_model('their file'))."
        )
    session = Session(model, frames, project.num_objects, resolution=project.resolution)
    session.history = unpack(project.states, project.current, session.result_shape, project.clip.size)
    return session
