"""The command line: `ivos segment | demo | info | train`. One function a command, heavy imports inside."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

import tyro

from ivos.cli.demo import demo
from ivos.cli.info import info
from ivos.cli.segment import segment
from ivos.errors import IvosError

COMMANDS = {"segment": segment, "demo": demo, "info": info}
USER_ERROR, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0, 2 after one sentence on standard error, 130 after Ctrl-C.

    Args:
        arguments: What follows `ivos` on the command line; None: `sys.argv`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning
        try:
            tyro.extras.subcommand_cli_from_dict(
                COMMANDS,
                prog="ivos",
                args=arguments,
                config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes),
            )
        except IvosError as error:
            sys.stderr.write(f"ivos: {error}\n")
            return USER_ERROR
        except KeyboardInterrupt:
            sys.stderr.write("ivos: interrupted; files that were finished are whole.\n")
            return INTERRUPTED
    return 0


def _show_warning(
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001  the signature is Python's
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    sys.stderr.write(f"ivos: warning: {message}\n")
