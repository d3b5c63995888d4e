"""What holds for all tests."""

import signal


def pytest_configure() -> None:
    """A run in the background of a shell inherits an ignored Ctrl-C; the programs under test must not."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
