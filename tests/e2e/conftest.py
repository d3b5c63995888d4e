"""A real server in a process of its own and a real browser: `pytest tests/e2e -m e2e`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from driving import WAIT, Editor, Server

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTH, HEIGHT = 1280, 720


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """These run only when they are asked for: `-m e2e`."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("e2e")
            if "e2e" not in (config.option.markexpr or ""):
                item.add_marker(pytest.mark.skip(reason="drives a real browser; run with -m e2e"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests: whoever opens the demo clip gets a project of their own, which is then the newest."""
    started = Server(tmp_path_factory.mktemp("projects"))
    started.start()
    yield started
    started.kill()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """For tests that kill it."""
    started = Server(tmp_path / "projects")
    started.start()
    yield started
    started.kill()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Any]:
    """Opens addresses, all in one browser profile; fails the test on script errors and violated policies."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, accept_downloads=True)
    wrong: list[str] = []

    def opened(url: str) -> Editor:
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: "Content Security" in message.text and wrong.append(message.text))
        page.goto(url)
        return Editor(page)

    yield opened
    context.close()
    assert not wrong, wrong


@pytest.fixture
def editor(server: Server, open_page: Any) -> Editor:
    """The demo clip, open."""
    opened = open_page(server.url)
    opened.open_demo()
    return opened
