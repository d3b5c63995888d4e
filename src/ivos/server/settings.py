"""What a server is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ivos.server.sessions import IDLE_SECONDS

MAX_UPLOAD_BYTES = 4 << 30


@dataclass(frozen=True)
class Settings:
    """The server's settings.

    Attributes:
        projects: The folder that holds the projects.
        token: What every request must carry.
        host: The address to bind.
        port: The port to bind.
        model: A preset or a weights file.
        device: cpu, cuda or mps.
        resolution: Short side in pixels that the networks see at most, for new projects.
        video: A clip or a project's folder that the page opens at once.
        max_upload_bytes: The largest upload.
        idle_seconds: After so long without a request a project is let go.
        study_root: DAVIS folder of the study mode.
        user: Who takes part in the study.
    """

    projects: Path
    token: str
    host: str = "127.0.0.1"
    port: int = 8765
    model: str = "lite"
    device: str = "cpu"
    resolution: int | None = 480
    video: Path | None = None
    max_upload_bytes: int = MAX_UPLOAD_BYTES
    idle_seconds: float = IDLE_SECONDS
    study_root: Path | None = None
    user: str = ""
