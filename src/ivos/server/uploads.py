"""Taking a file from the page to the disk, piece by piece, within the limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from ivos.errors import OutputError
from ivos.server.library import Library
from ivos.server.problems import Problem, is_disk_full

CHECK_BYTES = 64 << 20


async def receive(pieces: AsyncIterator[bytes], declared: int | None, library: Library, limit: int) -> Path:
    """The file that holds the upload; it is removed again if anything goes wrong.

    Args:
        pieces: The request's body.
        declared: Its Content-Length, if it was sent.
        library: Says where, and how much room there is.
        limit: The largest upload in bytes.

    Raises:
        Problem: It is empty, too large, or the disk is nearly full.
    """
    if declared is not None:
        _check(declared, limit)
        library.check_room(declared)
    place = library.upload_place()
    received = since_check = 0
    try:
        with place.open("xb") as file:
            async for piece in pieces:
                received += len(piece)
                since_check += len(piece)
                _check(received, limit)
                if since_check >= CHECK_BYTES:
                    library.check_room(0)
                    since_check = 0
                await run_in_threadpool(file.write, piece)
        if not received:
            raise Problem(422, "input", "The upload is empty; choose a video file.")
        library.check_room(0)
    except OSError as error:
        place.unlink(missing_ok=True)
        if is_disk_full(error) and not isinstance(error, OutputError):
            raise library.no_room(received) from error
        raise
    except BaseException:
        place.unlink(missing_ok=True)
        raise
    return place


async def limited(pieces: AsyncIterator[bytes], limit: int) -> bytes:
    """A small file, in memory.

    Raises:
        Problem: It has more than `limit` bytes.
    """
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > limit:
            message = f"The file has more than {limit / 2**20:.0f} MiB; expected the mask of one frame, as a PNG file."
            raise Problem(413, "too_large", message)
    return bytes(body)


def _check(size: int, limit: int) -> None:
    if size > limit:
        message = f"The file is larger than {limit / 2**20:.0f} MiB, the most that can be uploaded."
        raise Problem(413, "too_large", message + " Start the app with its path instead: ivos app VIDEO.")
