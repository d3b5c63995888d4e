"""Listening and serving."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import uvicorn

from ivos.errors import InputError
from ivos.model.networks import Networks
from ivos.server.app import create_app
from ivos.server.settings import Settings

PATIENCE_SECONDS = 2


def listen(host: str, port: int | None, preferred: int) -> socket.socket:
    """A socket that listens at the address, so that no other program can take it; who connects waits for the server.

    Args:
        host: Name or address of this machine.
        port: The port; None: the preferred one, or a free one if it is taken.
        preferred: See `port`.

    Raises:
        InputError: The address is not this machine's, or the port is taken.
    """
    if port is not None and port not in range(65536):
        raise InputError(f"There is no port {port}; expected 1..65535, or 0 for a free one.")
    for candidate in (port,) if port is not None else (preferred, 0):
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(host, candidate, type=socket.SOCK_STREAM)[0]
            opened = socket.socket(family, kind, protocol)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        except (OSError, UnicodeError) as error:
            raise InputError(f"'{host}' is no address of this machine ({error}); use 127.0.0.1.") from error
        try:
            opened.bind(place)
            opened.listen()  # bound alone, two sockets may share a port
            return opened
        except OSError as error:
            opened.close()
            reason = error
    raise InputError(f"Cannot listen on {host}, port {port} ({reason}); choose another with --port.")


def serve(
    settings: Settings, opened: socket.socket, started: Callable[[], None], networks: Networks | None = None
) -> None:
    """Serve until a signal ends it; rounds at work stop, their finished frames are on the disk.

    Args:
        settings: The server's settings; host and port must be those of the socket.
        opened: From `listen`.
        started: Called when requests are answered.
        networks: Used instead of loading the model.

    Raises:
        InputError: The video or the study's data cannot be used.
    """
    application = create_app(settings, networks)
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=PATIENCE_SECONDS,
        lifespan="on",
        ws="none",
    )
    _Server(config, started, application.stopping).run(sockets=[opened])


class _Server(uvicorn.Server):
    """Says when it has started, and tells waiting answers when it is to end."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None], stopping: threading.Event) -> None:
        super().__init__(config)
        self._say, self._stopping = started, stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._say()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)
