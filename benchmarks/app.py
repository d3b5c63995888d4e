"""The web app's part of `run.py`: what the server adds to the engine's time a frame, and the answer to a stroke.

Engine and server take turns over the same clip with the same networks, and a turn of the server is compared with the
mean of the engine's turns before and after it. The server is a real one behind a socket; the client reads every line
of the stream. In a real browser, the first stroke of a project is timed from the pen's release to its mask drawn, a
second after the page has opened.
"""

from __future__ import annotations

import http.client
import json
import os
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import ivos
from ivos.io.synthetic import moving_shapes
from ivos.io.video_writer import write_video
from ivos.model.networks import Networks
from ivos.server.run import listen, serve
from ivos.server.security import new_token
from ivos.server.settings import Settings

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WINDOW = {"width": 1280, "height": 720}
MARGIN = 14  # pixels of the screen round a fitted frame
LOOK_MS = 1000  # a person looks at a clip that long before the first stroke
RELEASED_TO_DRAWN = """() => {
  const canvas = document.querySelector("#canvas"), was = canvas.dataset.mask;
  window.taken = new Promise((done) => addEventListener("pointerup", () => {
    const start = performance.now();
    new MutationObserver((_, observer) => {
      if (canvas.dataset.mask === was) return;
      observer.disconnect();
      done(performance.now() - start);
    }).observe(canvas, { attributeFilter: ["data-mask"] });
  }, { capture: true, once: true }));
}"""


@dataclass(frozen=True)
class Running:
    """A server of our own and a clip to upload.

    Attributes:
        client: Speaks to it.
        address: What a browser opens.
        video: The clip.
        stroke: The middle of its object in the first frame, a path of one point.
    """

    client: Client
    address: str
    video: Path
    stroke: list[tuple[float, float]]


class Client:
    """The page's side of the socket."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: bytes | dict[str, Any] | None = None) -> Any:
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        with closing(http.client.HTTPConnection("127.0.0.1", self._port)) as connection:
            connection.request(method, path, content, self._headers)
            return json.loads(connection.getresponse().read())

    def stream(self, path: str, body: dict[str, Any]) -> list[float]:
        """The times at which the lines of frames arrived."""
        times = []
        with closing(http.client.HTTPConnection("127.0.0.1", self._port)) as connection:
            connection.request("POST", path, json.dumps(body), self._headers)
            answer = connection.getresponse()
            while line := answer.readline():
                if json.loads(line)["event"] == "frame":
                    times.append(time.perf_counter())
        return times


def app_figures(networks: Networks, size: tuple[int, int], frames: int, repeats: int) -> dict[str, Any]:
    """The figures, as they are stored: medians and every sample.

    `stroke_drawn_ms` is missing where there is no browser; why is printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        running = _start(networks, size, frames, Path(folder))
        samples: dict[str, list[float]] = {"engine_frame_ms": [], "server_frame_ms": [], "stroke_round_trip_ms": []}
        _server(running)  # warms up
        samples["engine_frame_ms"].append(_engine(networks, running))
        for turn in range(repeats):
            answered, frame = _server(running)
            samples["stroke_round_trip_ms"].append(answered)
            samples["server_frame_ms"].append(frame)
            samples["engine_frame_ms"].append(_engine(networks, running))
            print(
                f"{turn + 1}/{repeats} app: {answered:.0f} ms to a stroke's answer, {frame:.0f} ms a frame, by the"
                f" engine alone {samples['engine_frame_ms'][-1]:.0f} ms",
                flush=True,
            )
        if CHROMIUM.exists():
            samples["stroke_drawn_ms"] = _browser(running, repeats)
        else:
            print(
                f"There is no browser at {CHROMIUM}: the time until a mask is drawn is left out (CHROMIUM names one)."
            )
    medians = {name: median(values) for name, values in samples.items()}
    engine = samples["engine_frame_ms"]  # before and after each of the server's turns, as the machine drifts
    ratios = [2 * s / (a + b) for s, (a, b) in zip(samples["server_frame_ms"], pairwise(engine), strict=True)]
    added = median(ratios) - 1
    rate = 1000 / medians["server_frame_ms"]
    return {"figures": {**medians, "server_adds": added, "stream_frames_per_second": rate}, "samples": samples}


def _start(networks: Networks, size: tuple[int, int], frames: int, folder: Path) -> Running:
    clip = moving_shapes(frames, size, num_objects=1)
    video = folder / "clip.mp4"
    write_video(video, [clip.frames[t] for t in range(frames)], fps=24)
    ys, xs = np.nonzero(clip.masks[0] == 1)
    opened, token, ready = listen("127.0.0.1", 0, 0), new_token(), threading.Event()
    port = opened.getsockname()[1]
    settings = Settings(projects=folder / "projects", token=token, port=port)
    threading.Thread(target=serve, args=(settings, opened, ready.set, networks), daemon=True).start()
    ready.wait()
    stroke = [(float(xs.mean() / size[1]), float(ys.mean() / size[0]))]
    return Running(Client(port, token), f"http://127.0.0.1:{port}/?token={token}", video, stroke)


def _engine(networks: Networks, running: Running) -> float:
    """Milliseconds a frame of a first round."""
    session = ivos.Session(networks, ivos.read_video(running.video))
    session.annotate(0, [ivos.Scribble(1, running.stroke)])
    return _per_frame([time.perf_counter() for _ in session.propagate()])


def _new_project(running: Running) -> str:
    """The id of a new project with the clip, open."""
    made = running.client.call("POST", "/api/projects/upload?name=clip.mp4", running.video.read_bytes())
    running.client.call("GET", f"/api/projects/{made['id']}")
    return str(made["id"])


def _server(running: Running) -> tuple[float, float]:
    """Milliseconds of the answer to a stroke, and a frame of a first round, in a new project."""
    base = f"/api/projects/{_new_project(running)}"
    stroke = {"seq": 0, "frame": 0, "object_id": 1, "kind": "add", "path": running.stroke}
    started = time.perf_counter()
    project = running.client.call("POST", f"{base}/strokes", stroke)["project"]
    answered = 1000 * (time.perf_counter() - started)
    return answered, _per_frame(running.client.stream(f"{base}/rounds", {"seq": project["seq"]}))


def _browser(running: Running, repeats: int) -> list[float]:
    """Milliseconds from the pen's release to the mask on the canvas, a moment after a new project was opened each time;
    one warms up."""
    from playwright.sync_api import sync_playwright

    times = []
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_page(viewport=WINDOW)  # type: ignore[arg-type]
        page.goto(running.address)
        for _ in range(repeats + 1):
            project = _new_project(running)
            page.goto(f"{running.address.partition('?')[0]}#/{project}")
            page.wait_for_selector("#canvas[data-mask]")
            page.wait_for_selector("#rounds .facts :text('A round:')")  # the trial of the machine's speed is over
            box, (x, y) = page.locator("#canvas").bounding_box(), running.stroke[0]
            clip = running.client.call("GET", f"/api/projects/{project}")["clip"]
            assert box is not None
            page.wait_for_timeout(LOOK_MS)
            scale = min((box["width"] - 2 * MARGIN) / clip["width"], (box["height"] - 2 * MARGIN) / clip["height"])
            page.mouse.move(
                box["x"] + box["width"] / 2 + (x - 0.5) * clip["width"] * scale,
                box["y"] + box["height"] / 2 + (y - 0.5) * clip["height"] * scale,
            )
            page.evaluate(RELEASED_TO_DRAWN)
            page.mouse.down()
            page.mouse.up()
            times.append(float(page.evaluate("window.taken")))
            page.wait_for_selector("#saved:text-is('Saved')")  # else the page would ask before it closes
            page.goto("about:blank")
            page.goto(running.address)
        chromium.close()
    return times[1:]


def _per_frame(times: list[float]) -> float:
    """The median frame; the annotated one, which comes first, is not counted."""
    return 1000 * median(np.diff(times).tolist())
