"""The commands by name, and the arguments' way to one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

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
from ivos.errors import InputError

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


def run(arguments: Sequence[str]) -> None:
    """Run the command that the arguments name.

    Raises:
        IvosError: It cannot be done; the text is for the user.
        SystemExit: The arguments ask for help, or are none that the command takes.
    """
    if list(arguments[:2]) == ["study", "report"]:
        arguments = [STUDY_REPORT, *arguments[2:]]
    tyro.extras.subcommand_cli_from_dict(
        dict(_commands(arguments)),
        prog="ivos",
        args=arguments,
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes),
    )


def _commands(arguments: Sequence[str]) -> Mapping[str, Callable[..., None]]:
    """All commands; the flags of `train` come with PyTorch, which is imported only when they are asked for."""
    if list(arguments[:1]) != ["train"]:
        return COMMANDS
    try:
        from ivos.cli.training import train as train_with_flags
    except ModuleNotFoundError as error:
        raise InputError(f"Training needs {error.name}, which is not installed: pip install 'ivos[train]'.") from error
    return {**COMMANDS, "train": train_with_flags}
