"""`ivos train a-net | t-net`: settings and flags are the fields of the training's own dataclasses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import tyro
from lightning_fabric.utilities.rank_zero import rank_zero_only
from tqdm import tqdm

from ivos.cli.console import DELAY_SECONDS, say
from ivos.train.loop import Progress, Watch
from ivos.train.run import run
from ivos.train.settings import AnetTraining, TnetTraining

BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"


def train(
    stage: Annotated[AnetTraining, tyro.conf.subcommand("a-net")]
    | Annotated[TnetTraining, tyro.conf.subcommand("t-net")],
) -> None:
    """Train A-Net, then T-Net, on your own or public data."""
    with progress_bar("Training") as show:
        weights = run(stage, show)
    rank_zero_only(say)(f"The weights are in {weights}")


@contextmanager
def progress_bar(title: str) -> Iterator[Watch]:
    """A watch for a training run that shows its steps and figures on standard error."""
    with tqdm(desc=title, unit=" steps", bar_format=BAR, delay=DELAY_SECONDS, dynamic_ncols=True) as bar:

        def show(progress: Progress) -> None:
            bar.total = progress.steps
            bar.set_postfix({name: f"{value:.3f}" for name, value in progress.figures.items()}, refresh=False)
            bar.update(progress.step - bar.n)

        yield show
