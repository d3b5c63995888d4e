"""The folder of a project: `project.json`, the journal, the clip, the rounds, the exports."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ivos.errors import InputError, OutputError
from ivos.io.atomic import atomic_write
from ivos.server.schemas import ExportRequest, View

FORMAT = "ivos project folder"
VERSION = 1
MANIFEST, JOURNAL, VIEW, CLIP, EXPORTS = "project.json", "journal.jsonl", "view.json", "clip", "exports"


@dataclass(frozen=True)
class Manifest:
    """What never changes about a project, and a few figures for the list of projects.

    Attributes:
        name: For people.
        clip: The clip's place in the folder, such as `clip/dog.mp4`.
        clip_name: The file's name where it came from.
        num_frames: Its number of frames.
        size: (height, width) in pixels.
        fps: Frames per second.
        model: The preset or file that it was begun with.
        resolution: Short side in pixels that the networks see at most; None: full size.
        warnings: What was wrong with the clip.
        made_at: When it was made, ISO 8601; empty in projects from before this was noted.
        opened_at: When it was last opened, ISO 8601.
        num_objects: For the list.
        num_rounds: For the list.
    """

    name: str
    clip: str
    clip_name: str
    num_frames: int
    size: tuple[int, int]
    fps: float
    model: str
    resolution: int | None
    warnings: tuple[str, ...] = ()
    made_at: str = ""
    opened_at: str = ""
    num_objects: int = 1
    num_rounds: int = 0


_KINDS = TypeAdapter(Manifest)


def now() -> str:
    """The present, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a project.

    Raises:
        InputError: There is no project, or it is damaged, of a newer version, has links, or names a clip outside its
            folder.
    """
    path = folder / MANIFEST
    _refuse_links(folder)
    try:
        content = json.loads(path.read_bytes())
        if content.pop("format") != FORMAT:
            raise InputError(f"'{folder}' is not an ivos project.")
        if content.pop("version") != VERSION:
            raise InputError(f"The project '{folder}' was made by another version of ivos; update ivos to open it.")
        manifest = _KINDS.validate_python(content)
    except OSError as error:
        raise InputError(f"'{folder}' is not an ivos project: '{MANIFEST}' cannot be read.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"The project '{folder}' is damaged: '{MANIFEST}' ({error}).") from error
    clip_path(folder, manifest)
    return manifest


def _refuse_links(folder: Path) -> None:
    """A project comes from anywhere: links in it could have files outside read or overwritten."""
    for place, folders, files in os.walk(folder):
        link = next((name for name in (*folders, *files) if Path(place, name).is_symlink()), None)
        if link is not None:
            raise InputError(
                f"The project '{folder}' has a link in it, '{link}', which may lead outside; put the file itself there."
            )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, whole or not at all."""
    _write(folder / MANIFEST, {"format": FORMAT, "version": VERSION, **asdict(manifest)})


def clip_path(folder: Path, manifest: Manifest) -> Path:
    """Where the clip is.

    Raises:
        InputError: It would be outside the project's folder.
    """
    root = folder.resolve()
    place = (root / manifest.clip).resolve()
    if not place.is_relative_to(root / CLIP):
        raise InputError(f"The project '{folder}' names the clip '{manifest.clip}', which is outside its folder.")
    return place


def read_view(folder: Path) -> tuple[View, ExportRequest | None]:
    """Where the user looked last and what was exported last; the defaults if the file is missing or damaged."""
    try:
        content = json.loads((folder / VIEW).read_bytes())
        choice = content["export_choice"]
        return View(**content["view"]), None if choice is None else ExportRequest(**choice)
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return View(), None


def write_view(folder: Path, view: View, choice: ExportRequest | None) -> None:
    """Keep where the user looks."""
    _write(folder / VIEW, {"view": view.model_dump(), "export_choice": None if choice is None else choice.model_dump()})


def _write(path: Path, content: dict[str, Any]) -> None:
    if not path.parent.is_dir():  # deleted by hand: `atomic_write` would bring the folder back, and nothing in it
        raise OutputError(f"'{path}' was not written: the project's folder is gone.")
    with atomic_write(path) as file:
        file.write(json.dumps(content, indent=1).encode())
