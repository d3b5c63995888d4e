"""The networks behind the server: loaded once, used by one caller at a time."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ivos.errors import IvosError
from ivos.model.networks import Networks
from ivos.model.weights import BUNDLED
from ivos.server.problems import Problem

CACHE_BYTES = 512 << 20


class Brain:
    """One model, one lock round it; one worker for rounds, one for exports, one that looks ahead while both rest.

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
        self.ahead = ThreadPoolExecutor(1, "ivos-ahead")
        self._load = load
        self._networks: Networks | None = None
        self._fingerprint = ""

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
                    self._fingerprint = _fingerprint(self.name, self._networks)
                except IvosError as error:
                    raise Problem(503, "model", f"The model cannot be loaded. {error}") from error
            return self._networks

    @property
    def fingerprint(self) -> str:
        """Tells these networks from others: what one pair carries from a frame means nothing to another.

        Raises:
            Problem: As of `networks`.
        """
        self.networks  # noqa: B018  loads
        return self._fingerprint

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
        self.ahead.shutdown(wait=True, cancel_futures=True)


def _fingerprint(name: str, networks: Networks) -> str:
    """The digest of a weights file; the name where there is none, as those come untrained from one seed."""
    for file in (BUNDLED / f"{name}.safetensors", Path(name)):
        if file.is_file():
            with file.open("rb") as content:
                return hashlib.file_digest(content, "sha256").hexdigest()
    return f"{name}:{networks.config.name}"
