"""`ivos app`: the web app on this machine."""

from __future__ import annotations

import os
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ivos.cli.console import say
from ivos.errors import InputError

if TYPE_CHECKING:
    from ivos.server.settings import Settings

PORT = 8765


def app(
    video: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[VIDEO]")] = None,
    *,
    projects: Path = Path("~/ivos-projects"),
    host: str = "127.0.0.1",
    port: int | None = None,
    model: str = "lite",
    device: str = "cpu",
    resolution: int | None = 480,
    browser: bool = True,
    study: Path | None = None,
    user: str = "",
) -> None:
    """Scribble, watch the masks propagate, fix the worst frame, export: in the browser, on this machine.

    Prints the address with its token and opens it. Stop it with Ctrl-C; everything is saved as it happens.

    Args:
        video: A video file, a folder of images, or a project's folder to go on with.
        projects: Folder of the projects; made if it is missing.
        host: Address to listen on. 0.0.0.0: all; who has the token can use the app, so use it in a trusted network.
        port: Port to listen on; None: 8765, or a free one if that is taken.
        model: lite, or a weights file (presets paper and authors come untrained).
        device: cpu, cuda or mps.
        resolution: The networks see frames whose short side is at most this many pixels; None: full size.
        browser: Open the page in the browser.
        study: DAVIS folder: run the user study on its val sequences.
        user: Name of the study's user, part of the result's file name.
    """
    try:
        from ivos.model.weights import check_name
        from ivos.server.run import listen, serve
        from ivos.server.security import new_token
        from ivos.server.settings import Settings
    except ModuleNotFoundError as error:
        raise InputError(f"The app needs {error.name}, which is not installed: pip install 'ivos[app]'.") from error
    if (study is None) != (not user):
        raise InputError("The study needs both --study DAVIS_ROOT and --user NAME.")
    check_name(model)
    opened = listen(host, port, PORT)
    settings = Settings(
        projects=projects.expanduser(),
        token=new_token(),
        host=host,
        port=opened.getsockname()[1],
        model=model,
        device=device,
        resolution=resolution,
        video=video,
        study_root=study,
        user=user,
    )
    try:
        serve(settings, opened, lambda: _announce(settings, browser=browser))
    except KeyboardInterrupt:
        pass
    finally:
        opened.close()
    say(f"Stopped. Everything is saved in {settings.projects}")


def _announce(settings: Settings, *, browser: bool) -> None:
    """Print the address, and open it."""
    shown = socket.gethostname() if settings.host in ("0.0.0.0", "::") else settings.host
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{settings.port}/?token={settings.token}"
    say(f"ivos app: {address}")
    say(f"Projects: {settings.projects}    Stop with Ctrl-C")
    if browser and _has_screen():
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _has_screen() -> bool:
    """Whether a browser window can appear: always on Windows and macOS, on Linux where there is a display."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
