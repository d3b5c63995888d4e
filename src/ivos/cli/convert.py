"""`ivos convert`: the authors' released checkpoint becomes a weights file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from ivos.cli.console import say
from ivos.errors import InputError


def convert(
    checkpoint: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CHECKPOINT")],
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="WEIGHTS")],
) -> None:
    """Turn the authors' ATNet-checkpoint.pth into a weights file for --model.

    Args:
        checkpoint: The released file; only tensors are read from it, no code is run.
        out: The weights file to write, usually *.safetensors; float32, about 550 MB.
    """
    import torch

    from ivos.io.atomic import make_folder
    from ivos.model.authors import read_checkpoint
    from ivos.model.weights import save_weights

    if out.resolve() == checkpoint.resolve():
        raise InputError(f"The weights would replace the checkpoint {checkpoint} itself; give another name for them.")
    make_folder(out.parent)
    card = {"name": "authors", "source": f"converted from {checkpoint.name}, the checkpoint released with the paper"}
    save_weights(read_checkpoint(checkpoint), out, card=card, dtype=torch.float32)
    say(f"The weights are in {out}; use them with --model {out}")
