"""What holds for all tests."""

import signal

import pytest


def pytest_configure() -> None:
    """A run in the background of a shell inherits an ignored Ctrl-C; the programs under test must not."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow tests first: the quick ones then fill what is left of every process's time."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
