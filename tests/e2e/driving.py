"""The server in a process of its own and the page as a person uses it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

WAIT = 30_000  # milliseconds
CLIP_FRAMES, CLIP_SIZE = 36, (180, 320)
BODY = [(0.30, 0.75), (0.33, 0.62), (0.36, 0.70)]
ROCK = [(0.60, 0.42), (0.70, 0.45)]


@dataclass
class Server:
    """`ivos app` in a process of its own; with networks that need no weights unless another command is given."""

    home: Path
    arguments: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    url: str = ""
    process: subprocess.Popen[str] | None = None

    @property
    def pace_file(self) -> Path:
        return self.home.with_name(f"{self.home.name}.pace")

    def pace(self, seconds: float) -> None:
        """How long T-Net takes for a frame from now on."""
        draft = self.pace_file.with_suffix(".draft")
        draft.write_text(str(seconds))
        draft.replace(self.pace_file)  # the server may read it at any time and must not find it empty

    def start(self) -> None:
        serve = [sys.executable, str(Path(__file__).with_name("serve.py")), "--home", str(self.home)]
        command = self.command or [*serve, "--pace", str(self.pace_file), *self.arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if found := re.search(r"http://\S+token=\S+", line):
                self.url = found.group()
                return
        raise RuntimeError("the server did not start:\n" + "".join(said))

    def kill(self) -> None:
        """As the power cut does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def get(self, path: str) -> Any:
        base, token = self.url.split("/?token=")
        request = urllib.request.Request(f"{base}/api{path}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def project(self) -> dict[str, Any]:
        """The newest project."""
        return self.get(f"/projects/{self.get('/projects')['projects'][0]['id']}")

    def mask(self, frame: int) -> list[int]:
        """The runs of a frame's mask."""
        project = self.project()
        revision = project["revisions"][frame]
        assert revision is not None, f"frame {frame} has no mask"
        return self.get(f"/projects/{project['id']}/masks/{frame}/{revision}")["runs"]


def area(runs: list[int], label: int) -> int:
    """Pixels of a label."""
    return sum(length for value, length in zip(runs[::2], runs[1::2], strict=True) if value == label)


def pixels(runs: list[int], height: int, width: int) -> np.ndarray:
    """The mask behind the runs."""
    return np.repeat(np.array(runs[::2], np.uint8), runs[1::2]).reshape(height, width)


class Editor:
    """The page as a person uses it. Positions are fractions of the frame."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page, self.server = page, server

    def true(self, expression: str) -> None:
        """Wait until JavaScript says so (Playwright's own way needs `eval`, which the page's policy forbids)."""
        until(lambda: self.page.evaluate(expression))

    def open_demo(self) -> None:
        self.page.click("#demo")
        self.ready()

    def ready(self) -> None:
        self.page.wait_for_selector("#canvas[data-frame]", timeout=WAIT)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the frame is on the screen when the frame is fitted."""
        box = self.page.locator("#canvas").bounding_box()
        clip = self.page.evaluate("document.querySelector('#clip-facts').textContent")
        width, height = (int(n) for n in re.findall(r"\d+", clip)[:2])
        scale = min((box["width"] - 28) / width, (box["height"] - 28) / height)
        left = box["x"] + (box["width"] - width * scale) / 2
        top = box["y"] + (box["height"] - height * scale) / 2
        return left + x * width * scale, top + y * height * scale

    def stroke(self, *points: tuple[float, float], button: str = "left") -> None:
        """Draw and let go; do not wait."""
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down(button=button)
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=6)
        self.page.mouse.up(button=button)

    def draw(self, *points: tuple[float, float], button: str = "left") -> None:
        """Draw and wait until it is saved."""
        before = self.strokes()
        self.stroke(*points, button=button)
        self.true(f"document.querySelectorAll('#strokes .stroke .choose').length === {before + 1}")
        self.saved()

    def strokes(self) -> int:
        return self.page.locator("#strokes .stroke .choose").count()

    def saved(self) -> None:
        self.true("document.querySelector('#saved').textContent === 'Saved'")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def frame(self) -> int:
        return int(self.page.input_value("#frame-number"))

    def go(self, frame: int) -> None:
        self.page.fill("#frame-number", str(frame))
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector(f"#canvas[data-frame='{frame}']", timeout=WAIT)

    def pixel(self, x: float, y: float) -> list[int]:
        """Red, green and blue of a point of the fitted frame."""
        return self.screen_pixel(*self.at(x, y))

    def screen_pixel(self, x: float, y: float) -> list[int]:
        """Red, green and blue on the screen, once it is drawn."""
        script = """([x, y]) => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
            const canvas = document.querySelector('#canvas'), box = canvas.getBoundingClientRect();
            const [left, top] = [(x - box.left) * devicePixelRatio, (y - box.top) * devicePixelRatio];
            done([...canvas.getContext('2d').getImageData(left, top, 1, 1).data].slice(0, 3));
        })))"""
        return self.page.evaluate(script, [x, y])

    def round(self, key: str = "r") -> None:
        """A whole round."""
        before = len(self.server.project()["rounds"])
        self.press(key)
        until(lambda: len(self.server.project()["rounds"]) == before + 1, 4 * WAIT / 1000)
        self.finish_round()

    def start_round(self, seconds_per_frame: float = 0.05) -> None:
        """A round slow enough to be met at work."""
        self.server.pace(seconds_per_frame)
        self.press("r")
        self.page.wait_for_selector("#rounds progress", timeout=WAIT)

    def finish_round(self) -> None:
        self.server.pace(0)
        self.page.wait_for_selector("#rounds .primary", timeout=4 * WAIT)
        self.saved()

    def toast(self, text: str) -> None:
        self.page.wait_for_selector(f".toast:has-text('{text}')", timeout=WAIT)


def until(true: Any, seconds: float = 30) -> None:
    """Wait until a function returns something true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
