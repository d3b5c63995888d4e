"""A real server in a process of its own and a real browser: `pytest tests/e2e -m e2e`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ivos.io.video import read_video
from ivos.io.video_writer import write_video

sys.path.insert(0, str(Path(__file__).parent))
from driving import CLIP_FRAMES, CLIP_SIZE, WAIT, Editor, Server

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium-headless-shell")
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
BUNDLED = Path(__file__).parents[2] / "src" / "ivos" / "data" / "bunny.mp4"


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
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the bundled clip, small, so that a round takes a second."""
    path = tmp_path_factory.mktemp("clip") / "bunny.mp4"
    frames, size = read_video(BUNDLED), CLIP_SIZE[::-1]
    write_video(path, (np.asarray(Image.fromarray(frames[t]).resize(size)) for t in range(CLIP_FRAMES)), fps=frames.fps)
    return path


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Iterator[Server]:
    """One for all tests: whoever opens the demo clip gets a project of their own, which is then the newest."""
    started = Server(tmp_path_factory.mktemp("shared") / "projects", ["--demo", str(clip)])
    started.start()
    yield started
    started.kill()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """At full speed."""
    shared_server.pace(0)
    return shared_server


@pytest.fixture
def real_clip_server(tmp_path: Path) -> Iterator[Server]:
    """With the bundled clip."""
    started = Server(tmp_path / "projects")
    started.start()
    yield started
    started.kill()


@pytest.fixture
def own_server(tmp_path: Path, clip: Path) -> Iterator[Server]:
    """For tests that kill it."""
    started = Server(tmp_path / "projects", ["--demo", str(clip)])
    started.start()
    yield started
    started.kill()


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    """One browser profile."""
    made = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, accept_downloads=True)
    made.set_default_timeout(WAIT)
    yield made
    made.close()


@pytest.fixture
def open_page(context: Any) -> Iterator[Any]:
    """Opens servers' pages, all in one browser profile; fails the test on script errors and violated policies."""
    wrong: list[str] = []

    def opened(server: Server, url: str = "") -> Editor:
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: "Content Security" in message.text and wrong.append(message.text))
        page.goto(url or server.url)
        return Editor(page, server)

    yield opened
    for page in context.pages:
        page.close()
    assert not wrong, wrong


@pytest.fixture
def editor(server: Server, open_page: Any) -> Editor:
    """The demo clip, open."""
    opened = open_page(server)
    opened.open_demo()
    return opened
