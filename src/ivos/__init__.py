"""Cut objects out of video with a few scribbles (A-Net and T-Net of Heo, Koh and Kim, ECCV 2020).

The public names are resolved when they are first used, so that `import ivos` costs nothing and imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ivos.bench.runner import benchmark
    from ivos.engine.reopen import open_session
    from ivos.engine.session import Session
    from ivos.errors import InputError, IvosError, OutputError, SessionOrderError, WeightsError
    from ivos.io.davis import Davis
    from ivos.io.exports import export
    from ivos.io.scribble_files import ScribbleFile, read_scribbles, write_scribbles
    from ivos.io.video import read_video
    from ivos.model.weights import load_model
    from ivos.types import Annotation, Frames, Scribble

__version__ = "0.1.0"

_HOMES = {
    "Annotation": "ivos.types",
    "Davis": "ivos.io.davis",
    "Frames": "ivos.types",
    "InputError": "ivos.errors",
    "IvosError": "ivos.errors",
    "OutputError": "ivos.errors",
    "Scribble": "ivos.types",
    "ScribbleFile": "ivos.io.scribble_files",
    "Session": "ivos.engine.session",
    "SessionOrderError": "ivos.errors",
    "WeightsError": "ivos.errors",
    "benchmark": "ivos.bench.runner",
    "export": "ivos.io.exports",
    "load_model": "ivos.model.weights",
    "open_session": "ivos.engine.reopen",
    "read_scribbles": "ivos.io.scribble_files",
    "read_video": "ivos.io.video",
    "write_scribbles": "ivos.io.scribble_files",
}

__all__ = [
    "Annotation",
    "Davis",
    "Frames",
    "InputError",
    "IvosError",
    "OutputError",
    "Scribble",
    "ScribbleFile",
    "Session",
    "SessionOrderError",
    "WeightsError",
    "benchmark",
    "export",
    "load_model",
    "open_session",
    "read_scribbles",
    "read_video",
    "write_scribbles",
]


def __getattr__(name: str) -> Any:
    """The public object of that name, imported from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'ivos' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All public names, resolved or not."""
    return sorted([*globals(), *_HOMES])
