"""The command line: one function a command, heavy imports inside."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from io import TextIOWrapper
from typing import TextIO

from ivos.errors import IvosError

USER_ERROR, INTERRUPTED, BROKEN_PIPE = 2, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0, 2 after one sentence on standard error, 130 after Ctrl-C.

    Where nobody reads standard output any more, as in `ivos info | head -1`, it ends without a word with 141, which a
    shell shows for programs that end so.

    Args:
        arguments: What follows `ivos` on the command line; None: `sys.argv`.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, as in `ivos info 2>&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  for good
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name that it cannot show must not end the work
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning
        try:
            from ivos.cli.commands import run  # here, since importing them takes long enough for a Ctrl-C

            try:
                run(sys.argv[1:] if arguments is None else arguments)
            finally:
                sys.stdout.flush()
        except IvosError as error:
            sys.stderr.write(f"ivos: {error}\n")
            return USER_ERROR
        except OSError as error:
            return _system_error(error)
        except KeyboardInterrupt:
            sys.stderr.write("ivos: interrupted; files that were finished are whole.\n")
            return INTERRUPTED
    return 0


def _system_error(error: OSError) -> int:
    """Say what the system refused, with the exit code for it."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains of the rest at its end
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    what = "The output, or a file," if error.filename is None else f"'{error.filename}'"
    sys.stderr.write(f"ivos: {what} cannot be read or written ({error.strerror or error}); choose another place.\n")
    return USER_ERROR


def _show_warning(
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001  the signature is Python's
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    sys.stderr.write(f"ivos: warning: {message}\n")
