"""The networks behind the server: loaded once, used by one caller at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ivos.errors import IvosError
from ivos.model.networks import Networks
from ivos.server.problems import Problem

CACHE_BYTES = 512 << 20


class Brain:
    """One model, one lock round it, one worker for rounds and one for exports.

    Args:
        load: Loads the networks; called when they are first needed.
        name: The preset or file, for the page.
        device: Where they run.
    """

    def __init__(self, load: Callable[[], Networks], name: str, device: str) -> None:
        """Nothing is loaded yet."""
        self.name, self.device = name, device
        self.lock = threading.RLock()
        self.rounds = ThreadPoolExecutor(1, "ivos-rounds")
        self.exports = ThreadPoolExecutor(1, "ivos-exports")
        self._load = load
        self._networks: Networks | None = None

    @property
    def networks(self) -> Networks:
        """The networks.

        Raises:
            Problem: They cannot be loaded; says why.
        """
        with self.lock:
            if self._networks is None:
                try:
                    self._networks = self._load()
                except IvosError as error:
                    raise Problem(503, "model", f"The model cannot be loaded. {error}") from error
            return self._networks

    def trouble(self) -> str | None:
        """Why the networks cannot be loaded; None if they can."""
        try:
            self.networks  # noqa: B018  loads
        except Problem as problem:
            return problem.message
        return None

    def close(self) -> None:
        """Let the workers end."""
        self.rounds.shutdown(wait=True, cancel_futures=True)
        self.exports.shutdown(wait=True, cancel_futures=True)
