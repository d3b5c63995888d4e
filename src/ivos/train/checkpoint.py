"""What a killed run goes on from: weights, their average, optimiser and step, written whole or not at all."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ivos.errors import InputError
from ivos.io.atomic import atomic_write

State = dict[str, Tensor]


class Average:
    """Exponential moving average of all parameters and statistics of a network.

    Attributes:
        state: The averaged state dict.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        """Start from the network as it is."""
        self._decay = decay
        self.state: State = {name: value.detach().clone() for name, value in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Move towards the network; the first steps (counted from 0) move faster."""
        share = 1 - min(self._decay, (1 + step) / (10 + step))
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value.to(self.state[name].dtype), share)
            else:
                self.state[name].copy_(value)


@dataclass(slots=True)
class Progression:
    """The moving parts of a run.

    Attributes:
        net: The networks.
        optimiser: Theirs.
        average: Of the networks.
        step: Batches done.
        seconds: Time spent training, over all starts of the run.
    """

    net: nn.Module
    optimiser: Any
    average: Average
    step: int = 0
    seconds: float = 0.0


def save_checkpoint(path: Path, run: Progression, identity: str) -> None:
    """Write the state of a run; an existing file is replaced once the new one is whole and on the disk.

    Args:
        path: The file.
        run: What is saved.
        identity: What the run must still be when it goes on.

    Raises:
        OutputError: The file cannot be written.
    """
    state = {
        "net": run.net.state_dict(),
        "optimiser": run.optimiser.state_dict(),
        "average": run.average.state,
        "step": run.step,
        "seconds": run.seconds,
        "identity": identity,
    }
    buffer = io.BytesIO()  # PyTorch's own writer turns a full disk into an error of its own
    torch.save(state, buffer)
    with atomic_write(path, durable=True) as file:
        file.write(buffer.getbuffer())


def load_checkpoint(path: Path, run: Progression, identity: str) -> bool:
    """Bring `run` to where `save_checkpoint` left it; False if there is no file.

    Raises:
        InputError: The file is damaged or cannot be read, or is of a run with another identity.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return False
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"The checkpoint {path} cannot be read ({reason}); give another folder to start anew."
        ) from error
    except Exception as error:  # on damaged bytes PyTorch's reader raises whatever they lead to
        raise InputError(f"The checkpoint {path} cannot be read: it is damaged; remove it to start anew.") from error
    if not isinstance(state, dict) or "identity" not in state:
        raise InputError(f"{path} is no checkpoint of a training run; move it away to start anew.")
    if state["identity"] != identity:
        raise InputError(
            f"{path} is the checkpoint of another run: it was made with {state['identity']},"
            f" this one is {identity}. Give the same settings to go on with it, or another folder to start anew."
        )
    try:
        run.net.load_state_dict(state["net"])
        run.optimiser.load_state_dict(state["optimiser"])
        for name, value in state["average"].items():
            run.average.state[name].copy_(value)
        run.step, run.seconds = int(state["step"]), float(state["seconds"])
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise InputError(f"The checkpoint {path} does not fit these networks; remove it to start anew.") from error
    return True
