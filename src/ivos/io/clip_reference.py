"""How a project remembers its clip: where it was, and a fingerprint to recognise it by wherever it is now."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ivos.errors import InputError
from ivos.io.images import list_images
from ivos.types import Frames

_SAMPLE_BYTES = 1 << 20


@dataclass(frozen=True)
class ClipReference:
    """A clip seen from a project file.

    Attributes:
        path: Absolute path of the video file or image folder; empty if the frames are not from a file.
        relative: The same path seen from the project file's folder, for both being moved together.
        fingerprint: Of the content, see `fingerprint`; empty if the frames are not from a file.
        num_frames: Its number of frames.
        size: (height, width) in pixels.
        fps: Frames per second.
    """

    path: str
    relative: str
    fingerprint: str
    num_frames: int
    size: tuple[int, int]
    fps: float


def refer_to_clip(frames: Frames, project: Path) -> ClipReference:
    """The reference to a clip as the project file at `project` keeps it.

    Raises:
        InputError: The clip's file is not there any more, or the project would take its place.
    """
    given: str | Path | None = getattr(frames, "path", None)
    source = None if given is None else Path(given)
    own = () if source is None else (source, *(list_images(source) if source.is_dir() else ()))
    if any(each.resolve() == project.resolve() for each in own):
        raise InputError(f"The project '{project}' would replace its clip; give it another name, such as clip.ivos.")
    absolute = "" if source is None else str(source.resolve())
    relative = "" if source is None else _relative(absolute, project)
    return ClipReference(
        path=absolute,
        relative=relative,
        fingerprint="" if source is None else fingerprint(source),
        num_frames=len(frames),
        size=(int(frames.size[0]), int(frames.size[1])),
        fps=float(frames.fps),
    )


def find_clip(clip: ClipReference, project: Path) -> Path:
    """Where the clip of a project is now: at its old place, or at the same place beside the moved project.

    Args:
        clip: What the project says.
        project: The project file.

    Raises:
        InputError: The frames were not from a file, the clip is at none of these places, or another one is there.
    """
    if not clip.path:
        raise InputError(f"The clip of '{project}' was not read from a file; give its frames when opening the project.")
    beside = project.parent
    candidates = [Path(clip.path), beside / clip.relative, beside / Path(clip.path).name]
    there = [candidate for candidate in candidates if _is_there(candidate)]
    refused: InputError | None = None
    for candidate in there:
        try:
            if fingerprint(candidate) == clip.fingerprint:
                return candidate
        except InputError as error:
            refused = refused or error
    if refused is not None:
        raise refused
    if there:
        raise _other_clip(there[0], project)
    raise InputError(
        f"The clip '{clip.path}' of '{project}' is missing, or you may not read it; put it back, or beside the "
        "project, or give its frames."
    )


def check_clip(clip: ClipReference, frames: Frames, project: Path) -> None:
    """Refuse the frames of another file than a project's clip; those from no file that is there are taken as given.

    Raises:
        InputError: The file has another content, or cannot be read.
    """
    given = getattr(frames, "path", None)
    if not clip.fingerprint or not isinstance(given, str | Path) or not _is_there(Path(given)):
        return
    if fingerprint(Path(given)) != clip.fingerprint:
        raise _other_clip(Path(given), project)


def fingerprint(path: Path) -> str:
    """A text that is the same for the same video file or image folder, wherever it is.

    SHA-256 over a file's length, first and last mebibyte; of a folder, over its images' names and lengths. Enough to
    tell clips apart, and quick for a long one; no protection against forgery.

    Raises:
        InputError: The file or folder cannot be read.
    """
    digest = hashlib.sha256()
    try:
        if path.is_dir():
            for file in list_images(path):
                digest.update(os.fsencode(file.name) + f"\n{file.stat().st_size}\n".encode())
            return digest.hexdigest()
        with path.open("rb") as content:
            length = content.seek(0, os.SEEK_END)
            digest.update(str(length).encode())
            for start in (0, max(0, length - _SAMPLE_BYTES)):
                content.seek(start)
                digest.update(content.read(_SAMPLE_BYTES))
    except OSError as error:
        raise InputError(f"The clip '{path}' cannot be read ({error.strerror or error}).") from error
    return digest.hexdigest()


def _other_clip(path: Path, project: Path) -> InputError:
    return InputError(f"'{path}' is not the clip that '{project}' was made with; its content is another one.")


def _is_there(path: Path) -> bool:
    """Whether there is something that can be reached; not in another user's folder, for one."""
    try:
        return path.exists()
    except OSError:
        return False


def _relative(absolute: str, project: Path) -> str:
    """The path from the project's folder, with forward slashes; the name alone across drives."""
    try:
        return Path(os.path.relpath(absolute, project.resolve().parent)).as_posix()
    except ValueError:
        return Path(absolute).name
