"""The command line: one function a command, heavy imports inside."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TextIO

import tyro

from ivos.cli.ablate import ablate
from ivos.cli.app import app
from ivos.cli.bench import bench
from ivos.cli.convert import convert
from ivos.cli.demo import demo
from ivos.cli.explain import explain
from ivos.cli.info import info
from ivos.cli.score import score
from ivos.cli.segment import segment
from ivos.cli.study import study, study_report
from ivos.errors import InputError, IvosError

USER_ERROR, INTERRUPTED = 2, 130
STUDY_REPORT = "study-report"


def train() -> None:
    """Train A-Net (a-net), then T-Net (t-net), on your own or public data."""


COMMANDS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {
        "app": app,
        "segment": segment,
        "demo": demo,
        "info": info,
        "train": train,
        "convert": convert,
        "ablate": ablate,
        "explain": explain,
        "bench": bench,
        "score": score,
        "study": study,
        STUDY_REPORT: study_report,
    }
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0, 2 after one sentence on standard error, 130 after Ctrl-C.

    Args:
        arguments: What follows `ivos` on the command line; None: `sys.argv`.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if list(arguments[:2]) == ["study", "report"]:
        arguments = [STUDY_REPORT, *arguments[2:]]
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning
        try:
            tyro.extras.subcommand_cli_from_dict(
                dict(_commands(arguments)),
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


def _commands(arguments: Sequence[str]) -> Mapping[str, Callable[..., None]]:
    """All commands; the flags of `train` come with PyTorch, which is imported only when they are asked for."""
    if list(arguments[:1]) != ["train"]:
        return COMMANDS
    try:
        from ivos.cli.training import train as train_with_flags
    except ModuleNotFoundError as error:
        raise InputError(f"Training needs {error.name}, which is not installed: pip install 'ivos[train]'.") from error
    return {**COMMANDS, "train": train_with_flags}


def _show_warning(
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001  the signature is Python's
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    sys.stderr.write(f"ivos: warning: {message}\n")
