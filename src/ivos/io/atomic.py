"""Writing files whole or not at all: a temporary neighbour takes the final name once it is complete. Locks on files."""

from __future__ import annotations

import errno
import os
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from ivos.errors import OutputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextmanager
def atomic_write(path: str | Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """A binary file, readable and seekable, that replaces `path` when the block ends without an error.

    Whatever ends the block early, also Ctrl-C, the temporary file is removed and a former `path` stays as it was.

    Args:
        path: The final name; missing parent folders are made.
        durable: Whether to wait until the content is on the disk, so that it survives a power failure.

    Raises:
        OutputError: The folder cannot be written to, the disk is full, or the path names no file.
    """
    path = Path(path)
    if not path.name:
        raise OutputError(f"'{path}' is no name for a file; give one.")
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")  # `path.name` may be as long as names can be
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("x+b") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except OutputError:
        raise
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        _remove(temporary)


def make_folder(path: str | Path) -> Path:
    """The folder at `path`, made with its parents if missing, once it is known that files can be written there.

    Raises:
        OutputError: It is a file, or it cannot be made or written to.
    """
    path = Path(path)
    probe = path / f".{uuid.uuid4().hex[:8]}.tmp"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        _remove(probe)
    return path


def take_lock(file: IO[bytes], seconds: float = 0.0) -> bool:
    """Whether an open file could be taken for whoever opened it, until it is closed; tried for so many seconds.

    A file system without locks, as some of clusters are, keeps nobody out.
    """
    until = time.monotonic() + seconds
    while not _taken(file):
        if time.monotonic() >= until:
            return False
        time.sleep(0.05)
    return True


def _taken(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            file.seek(0x7FFFFFFF)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
    return True


def free_lock(file: IO[bytes]) -> None:
    """Give a file back before it is closed, for processes, too, that were forked from this one and have it open."""
    if sys.platform != "win32":
        with suppress(OSError):
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def output_error(path: Path, error: OSError) -> OutputError:
    """The sentence for a failed write to `path`."""
    if error.errno == errno.ENOSPC:
        return OutputError(f"'{path}' was not written: the disk is full. Free some space or choose another place.")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return OutputError(f"'{path}' was not written: no permission to write there. Choose another place.")
    if error.errno in {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}:
        return OutputError(f"'{path}' was not written: a file stands where a folder is needed, or the reverse.")
    return OutputError(f"'{path}' was not written: {error.strerror or error}.")


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # The folder itself is gone or unreachable; the error under way says so.
