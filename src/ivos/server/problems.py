"""Answers that are no success: a status, a code for the page and sentences for the user."""

from __future__ import annotations

import errno
import math

from ivos.errors import InputError, IvosError, OutputError, SessionOrderError, WeightsError


class Problem(Exception):  # noqa: N818  it is an answer
    """Ends a request with an error answer.

    Attributes:
        status: HTTP status.
        code: One word for the page, such as `stale`.
        message: What came, what was expected, what to do.
        seq: The project's present number of changes, where that helps the page.
    """

    def __init__(self, status: int, code: str, message: str, seq: int | None = None) -> None:
        """Keep the parts."""
        super().__init__(message)
        self.status, self.code, self.message, self.seq = status, code, message, seq

    def body(self) -> dict[str, object]:
        """The answer's JSON."""
        content: dict[str, object] = {"error": {"code": self.code, "message": self.message}}
        return content if self.seq is None else {**content, "seq": self.seq}


def missing(what: str) -> Problem:
    """404 for something that does not exist."""
    return Problem(404, "missing", f"There is no {what}.")


def stale(seq: int) -> Problem:
    """409: the page acted on an old state of the project."""
    message = "The project was changed meanwhile, perhaps in another tab; look at the new state and do it again."
    return Problem(409, "stale", message, seq)


def busy(what: str = "a round is running; wait for it or cancel it") -> Problem:
    """409: not while something runs."""
    return Problem(409, "busy", f"Not now: {what}.")


def disk_full(needed: int, free: int, reserve: int) -> Problem:
    """507: the disk has too little room; `free` bytes are there, `reserve` of which have to stay."""
    more = f"{math.ceil(needed / 2**20)} MiB are needed, " if needed else ""
    message = (
        f"The disk has too little room: {more}{free / 2**20:.0f} MiB are free, {reserve / 2**20:.0f} MiB of which have"
        " to stay so. Free some space or choose another folder with --projects."
    )
    return Problem(507, "disk", message)


def from_error(error: IvosError) -> Problem:
    """The answer for an error of the library."""
    kinds: list[tuple[type[IvosError], int, str]] = [
        (SessionOrderError, 409, "order"),
        (InputError, 422, "input"),
        (WeightsError, 503, "model"),
        (OutputError, 507, "disk"),
    ]
    status, code = next(((s, c) for kind, s, c in kinds if isinstance(error, kind)), (500, "server"))
    return Problem(status, code, str(error))


def is_disk_full(error: OSError) -> bool:
    """Whether an operating-system error says that there is no room."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}
