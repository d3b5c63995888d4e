"""The folder of projects: making them from uploads, paths and the demo clip, and listing them."""

from __future__ import annotations

import re
import shutil
import threading
import time
import uuid
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from PIL import Image

from ivos.errors import InputError, OutputError
from ivos.io.atomic import make_folder, output_error
from ivos.io.clip_reference import fingerprint
from ivos.io.images import list_images
from ivos.io.video import VideoFile, read_video
from ivos.server.journal import is_held
from ivos.server.manifest import CLIP, JOURNAL, MANIFEST, Manifest, clip_path, now, read_manifest, write_manifest
from ivos.server.problems import Problem, disk_full, missing

RESERVE_BYTES = 512 << 20
"""Room that stays free on the disk."""
UPLOAD_SECONDS = 3600.0
"""An upload that has not been written to for so long was broken off."""
THUMBNAIL, THUMBNAIL_HEIGHT = "thumbnail.jpg", 120
PROJECT_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
DEMO_CLIP = Path(__file__).parent.parent / "data" / "bunny.mp4"
DEMO_NAME = "bunny (demo)"


class Library:
    """All projects of one root folder, and those opened from elsewhere.

    Args:
        root: Holds one folder a project; made if it is missing.
        model: The preset or file that new projects are made with.
        resolution: Short side in pixels that the networks see at most, for new projects.
    """

    def __init__(self, root: Path, model: str, resolution: int | None) -> None:
        """Make the root.

        Raises:
            InputError: The resolution is no positive number of pixels.
            OutputError: It cannot be made or written to.
        """
        if resolution is not None and resolution < 1:
            raise InputError(
                f"The resolution is {resolution}; expected the short side in pixels, or None for full size."
            )
        self.root = make_folder(root).resolve()
        self._model, self._resolution = model, resolution
        self._elsewhere: dict[str, Path] = {}
        self._naming = threading.Lock()

    def folder(self, project_id: str) -> Path:
        """Where a project is; only direct children of the root and folders opened from the command line count.

        Raises:
            Problem: There is no such project.
        """
        if project_id in self._elsewhere:
            return self._elsewhere[project_id]
        place = self.root / project_id
        if PROJECT_ID.fullmatch(project_id) is None or place.is_symlink() or not (place / MANIFEST).is_file():
            raise missing(f"project '{project_id}'")
        return place

    def ids(self) -> list[str]:
        """All projects, the one opened last first; damaged ones and links are left out."""
        found: list[tuple[str, str]] = []
        inside = [p.name for p in self.root.iterdir() if PROJECT_ID.fullmatch(p.name) and (p / MANIFEST).is_file()]
        for project_id in (*inside, *self._elsewhere):
            try:
                found.append((read_manifest(self.folder(project_id)).opened_at, project_id))
            except (InputError, Problem):
                continue
        return [project_id for _, project_id in sorted(found, reverse=True)]

    def thumbnail(self, project_id: str) -> bytes:
        """A small JPEG of the clip's first frame, made once; the project is not opened for it.

        Raises:
            Problem: There is no such project.
            InputError: The project or its clip is damaged.
            OutputError: The picture cannot be written.
        """
        folder = self.folder(project_id)
        manifest, place = read_manifest(folder), folder / THUMBNAIL
        try:
            if not place.is_file():
                image = Image.fromarray(read_video(clip_path(folder, manifest))[0])
                size = max(1, round(image.width * THUMBNAIL_HEIGHT / image.height)), THUMBNAIL_HEIGHT
                unfinished = folder / f".{uuid.uuid4().hex}.jpg"  # `atomic_write` would bring a deleted folder back
                try:
                    image.resize(size, Image.Resampling.BILINEAR).save(unfinished, quality=80)
                    unfinished.replace(place)
                finally:
                    unfinished.unlink(missing_ok=True)
            return place.read_bytes()
        except FileNotFoundError as error:
            raise missing(f"project '{project_id}' any more") from error
        except OSError as error:
            raise output_error(place, error) from error

    def free_bytes(self, place: Path | None = None) -> int:
        """Room beyond the reserve on the disk of `place`, by default the root's."""
        return shutil.disk_usage(place or self.root).free - RESERVE_BYTES

    def check_room(self, needed: int, place: Path | None = None) -> None:
        """Refuse what would leave less than the reserve on the disk of `place`, by default the root's.

        Raises:
            Problem: The disk has too little room.
        """
        if needed > self.free_bytes(place):
            raise self.no_room(needed, place)

    def no_room(self, needed: int, place: Path | None = None) -> Problem:
        """The answer to what would leave less than the reserve."""
        return disk_full(needed, shutil.disk_usage(place or self.root).free, RESERVE_BYTES)

    def upload_place(self) -> Path:
        """A new name for a file on its way in; left-overs of broken uploads are in the same folder."""
        folder = make_folder(self.root / ".uploads")
        return folder / uuid.uuid4().hex

    def clear_uploads(self) -> None:
        """Remove what broken uploads and deletions left; at the start of the server.

        Another server on this folder may have uploads on their way: what was written to lately stays.
        """
        for folder in self.root.glob(".deleted-*"):
            shutil.rmtree(folder, ignore_errors=True)
        for place in (*self.root.glob(".uploads/*"), *self.root.glob(".new-*")):
            with suppress(OSError):  # it has just arrived
                if time.time() - place.stat().st_mtime < UPLOAD_SECONDS:
                    continue
                if place.is_dir():
                    shutil.rmtree(place, ignore_errors=True)
                else:
                    place.unlink()

    def remove(self, project_id: str) -> None:
        """Delete a project's folder with everything in it.

        Raises:
            Problem: There is no such project, or it is not below the root.
            OutputError: It cannot be deleted.
        """
        folder = self.folder(project_id)
        if project_id in self._elsewhere:
            message = f"The project is not in '{self.root}' but in '{folder}'; delete that folder yourself."
            raise Problem(409, "order", message)
        gone = self.root / f".deleted-{uuid.uuid4().hex}"
        try:
            folder.rename(gone)  # at once for everybody; what a kill leaves is cleared at the next start
            shutil.rmtree(gone)
        except OSError as error:
            raise output_error(folder, error) from error

    def open_path(self, path: Path) -> str:
        """The id of the project for a path on the command line: the folder of one, the one opened last that was made
        from this clip and that nobody has open, or a new one.

        Raises:
            InputError: It is neither.
            Problem: The disk has too little room.
        """
        path = path.resolve()
        if (path / MANIFEST).is_file():
            read_manifest(path)
            if path.parent == self.root and PROJECT_ID.fullmatch(path.name):
                return path.name
            project_id = self._free_id(path.name)
            self._elsewhere[project_id] = path
            return project_id
        if not path.exists():
            raise InputError(f"There is no video, image folder or project '{path}'; check the path.")
        for project_id in self.ids():
            folder = self.folder(project_id)
            manifest = read_manifest(folder)
            known = manifest.clip_name == _shown_name(path.name) and not is_held(folder / JOURNAL)
            if known and _same(clip_path(folder, manifest), path):
                return project_id
        self.check_room(sum(file.stat().st_size for file in _files(path)))
        return self.create(path, path.name, move=False)

    def demo(self, can_open: Callable[[str], bool]) -> str:
        """The id of a project with the bundled clip; an untouched one is used again, if it can be opened."""
        for project_id in self.ids():
            journal = self.folder(project_id) / JOURNAL
            untouched = not journal.exists() or journal.stat().st_size == 0
            if untouched and read_manifest(journal.parent).name == DEMO_NAME and can_open(project_id):
                return project_id
        return self.create(DEMO_CLIP, DEMO_CLIP.name, move=False, title=DEMO_NAME)

    def create(self, clip: Path, name: str, *, move: bool, title: str = "") -> str:
        """The id of a new project with its own copy of a clip.

        Args:
            clip: A video file or a folder of images.
            name: The file name to show, and to name the project after.
            move: Whether the clip may be moved instead of copied.
            title: The project's name; the file's without ending if empty.

        Raises:
            InputError: It is no clip.
            OutputError: The folder cannot be written.
        """
        shown = _shown_name(name)
        stem = shown if clip.is_dir() else Path(shown).stem
        draft = self.root / f".new-{uuid.uuid4().hex}"
        kept = f"{CLIP}/{_file_name(shown)}"
        try:
            (draft / CLIP).mkdir(parents=True)
            if move:
                shutil.move(clip, draft / kept)
            elif clip.is_dir():
                (draft / kept).mkdir()
                for image in _files(clip):
                    shutil.copyfile(image, draft / kept / image.name)
            else:
                shutil.copyfile(clip, draft / kept)
            manifest = self._inspect(draft, kept, shown)
            write_manifest(draft, replace(manifest, name=title or stem or shown))
            with self._naming:
                project_id = self._free_id(stem)
                draft.rename(self.root / project_id)
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            if isinstance(error, PermissionError) and Path(str(error.filename)).is_relative_to(clip):
                raise InputError(f"'{error.filename}' cannot be read (no permission); choose another clip.") from error
            raise output_error(draft, error) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return project_id

    def _inspect(self, draft: Path, kept: str, shown: str) -> Manifest:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                frames = read_video(draft / kept)
            except InputError as error:
                raise InputError(str(error).replace(str(draft / kept), shown)) from error
        notes = [str(w.message).replace(str(draft / kept), shown) for w in caught if w.category is UserWarning]
        if isinstance(frames, VideoFile) and frames.rate_varies:
            notes.append(
                f"The frame rate of {shown} varies: exported videos show the same frames at its mean, {frames.fps:.2f}"
                " a second, and do not keep in step with it. If they have to, encode it with a constant rate first."
            )
        return Manifest(
            name=shown,
            clip=kept,
            clip_name=shown,
            num_frames=len(frames),
            size=frames.size,
            fps=frames.fps,
            model=self._model,
            resolution=self._resolution,
            warnings=tuple(notes),
            made_at=now(),
            opened_at=now(),
        )

    def _free_id(self, name: str) -> str:
        stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "clip"
        taken = {*self._elsewhere, *(p.name for p in self.root.iterdir())}
        return next(each for each in (stem, *(f"{stem}-{n}" for n in range(2, len(taken) + 2))) if each not in taken)


def _same(kept: Path, clip: Path) -> bool:
    """Whether a project's clip is this one; not if it is not there any more."""
    with suppress(InputError):
        return fingerprint(kept) == fingerprint(clip)
    return False


def _files(clip: Path) -> tuple[Path, ...]:
    """What is copied of a clip: the video, or the images of a folder and nothing else that is in it."""
    return (clip,) if clip.is_file() else list_images(clip)


def _shown_name(name: str) -> str:
    """A file name for people: no folders, nothing that cannot be printed, at most 80 characters."""
    last = re.split(r"[/\\\\]", name)[-1]
    return "".join(c for c in last if c.isprintable())[-80:].strip() or "clip"


def _file_name(shown: str) -> str:
    """A file name for the disk: plain characters, the ending kept."""
    suffix = re.sub(r"[^a-z0-9.]", "", Path(shown).suffix.lower())[:9]
    return (re.sub(r"[^A-Za-z0-9_-]+", "-", Path(shown).stem).strip("-")[:60] or "clip") + suffix
