"""Pictures of the web app's main states and a short animation, made by driving it: `python scripts/screenshots.py`.

Needs Chromium (CHROMIUM, default /usr/bin/chromium-headless-shell); writes docs/images/.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1280, "height": 720}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WAIT = 240_000  # milliseconds
FIRST_FRAME, NUM_FRAMES = 60, 132
BODY = [(0.345, 0.140), (0.362, 0.250), (0.355, 0.450), (0.370, 0.650), (0.388, 0.830)]
ARMS = [[(0.290, 0.265), (0.225, 0.215), (0.165, 0.165)], [(0.420, 0.110), (0.412, 0.170)]]
EARS = [[(0.262, 0.132), (0.310, 0.145)]]
FILM_EVERY = 0.025  # share of the round, so that the animation does not depend on the machine's speed
ANIMATION_WIDTH = 880
SECONDS_A_PICTURE = 0.22


@contextmanager
def app() -> Iterator[str]:
    """The address of a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "ivos", "app", "--projects", folder, "--port", "0", "--no-browser"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"http://\S+token=\S+", line):
                    yield found.group()
                    return
            raise RuntimeError("ivos app did not start.")
        finally:
            process.terminate()
            process.wait()


class Camera:
    """Takes the pictures; keeps those of the animation."""

    def __init__(self, page: Any) -> None:
        """Look at a page."""
        self.page = page
        self.film: list[Image.Image] = []
        self.seconds: list[float] = []

    def shoot(self, name: str) -> None:
        """Write docs/images/NAME.png."""
        self.page.wait_for_timeout(400)
        picture = Image.open(io.BytesIO(self.page.screenshot()))
        picture.convert("RGB").save(IMAGES / f"{name}.png", optimize=True)
        print(f"{name}.png")

    def roll(self, seconds: float = SECONDS_A_PICTURE) -> None:
        """Add what is on the screen to the animation, to be shown for some seconds."""
        picture = Image.open(io.BytesIO(self.page.screenshot(type="jpeg", quality=92)))
        height = round(picture.height * ANIMATION_WIDTH / picture.width)
        self.film.append(picture.resize((ANIMATION_WIDTH, height), Image.Resampling.LANCZOS))
        self.seconds.append(seconds)

    def write_film(self, name: str) -> None:
        """Write docs/images/NAME.webp."""
        durations = [round(1000 * seconds) for seconds in self.seconds]
        path = IMAGES / f"{name}.webp"
        first, *rest = self.film
        first.save(path, save_all=True, append_images=rest, duration=durations, loop=0, quality=62, method=4)
        print(f"{path.name}: {len(self.film)} pictures, {path.stat().st_size / 1e6:.1f} MB")


class Hand:
    """Draws and presses keys."""

    def __init__(self, page: Any, camera: Camera) -> None:
        """Act on a page, before a camera."""
        self.page, self.camera = page, camera

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the fitted frame on the screen."""
        box = self.page.locator("#canvas").bounding_box()
        width, height = 854, 480
        scale = min((box["width"] - 28) / width, (box["height"] - 28) / height)
        left, top = box["x"] + (box["width"] - width * scale) / 2, box["y"] + (box["height"] - height * scale) / 2
        return left + x * width * scale, top + y * height * scale

    def draw(self, points: list[tuple[float, float]], *, button: str = "left", film: bool = True) -> None:
        """One stroke; wait for its mask."""
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down(button=button)
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=8)
            if film:
                self.camera.roll()
        self.page.mouse.up(button=button)
        self.page.wait_for_timeout(150)
        self.page.wait_for_selector("#saved:text-is('Saved')", timeout=WAIT)
        self.page.wait_for_timeout(250)

    def go(self, frame: int) -> None:
        """Show a frame."""
        self.page.fill("#frame-number", str(frame))
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector(f"#canvas[data-frame='{frame}']", timeout=WAIT)

    def round(self, name: str | None = None) -> None:
        """Propagate; film it, and take one picture half-way."""
        self.page.keyboard.press("r")
        self.page.wait_for_selector("#rounds progress")
        filmed = 0.0
        while (share := self.page.evaluate("document.querySelector('#rounds progress')?.value ?? 2")) < 2:
            done = round(share * NUM_FRAMES)
            ahead = FIRST_FRAME + done - 2
            self.go(max(FIRST_FRAME, ahead) if ahead < NUM_FRAMES else max(0, 2 * FIRST_FRAME + NUM_FRAMES - ahead))
            if name and share > 0.4:
                self.camera.shoot(name)
                name = None
            if share >= filmed + FILM_EVERY:
                self.camera.roll()
                filmed = share
            time.sleep(0.2)
        self.page.wait_for_selector("#rounds .primary", timeout=WAIT)


def tell(page: Any) -> None:
    """The whole story, from the start screen to the export."""
    camera = Camera(page)
    hand = Hand(page, camera)
    page.wait_for_selector("#demo")
    camera.shoot("app-start")
    page.click("#demo")
    page.wait_for_selector("#canvas[data-frame]", timeout=WAIT)
    page.wait_for_timeout(2500)
    camera.shoot("app-empty")
    hand.go(FIRST_FRAME)
    camera.roll(1.0)
    hand.draw(BODY)
    camera.roll(0.8)
    for stroke in (*ARMS, *EARS):
        hand.draw(stroke)
        camera.roll(0.6)
    page.mouse.move(*hand.at(0.7, 0.3))
    camera.shoot("app-stroke")
    hand.round("app-propagating")
    page.wait_for_timeout(400)
    camera.roll(0.8)
    page.keyboard.press("w")
    page.wait_for_timeout(600)
    camera.roll(1.5)
    camera.shoot("app-worst")
    hand.go(FIRST_FRAME)
    page.click("[data-mode=checker]")
    for _ in range(14):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(80)
        camera.roll(0.12)
    camera.roll(1.2)
    camera.shoot("app-cut-out")
    camera.write_film("app")
    page.click("[data-mode=side]")
    camera.shoot("app-side-by-side")
    page.click("[data-mode=tint]")
    page.keyboard.press("Control+e")
    camera.shoot("app-export")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    camera.shoot("app-help")


def main() -> None:
    """Start the app, tell the story."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with app() as url, sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium-headless-shell"), args=FLAGS
        )
        page = chromium.new_page(viewport=SIZE)
        page.goto(url)
        tell(page)
        chromium.close()


if __name__ == "__main__":
    main()
