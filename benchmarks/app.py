"""Measures the web app's server: what it adds to the engine's time a frame, and the answer to a stroke.

    python benchmarks/app.py             # measure; writes benchmarks/results/app-<machine>.json

Engine and server take turns over the same clip with the same networks. The server is a real one behind a socket; the
client reads every line of the stream.
"""

from __future__ import annotations

import http.client
import json
import re
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import tyro
from machine import ROOT, facts

import ivos
from ivos.io.synthetic import moving_shapes
from ivos.io.video_writer import write_video
from ivos.model.networks import Networks
from ivos.server.run import listen, serve
from ivos.server.security import new_token
from ivos.server.settings import Settings


@dataclass(frozen=True)
class Options:
    """What to do.

    Attributes:
        size: Height and width of the clip in pixels.
        frames: Length of the clip.
        repeats: Rounds of each kind; medians are reported.
        results: Where the JSON goes.
    """

    size: tuple[int, int] = (480, 854)
    frames: int = 24
    repeats: int = 5
    results: Path = ROOT / "benchmarks" / "results"


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


def main(options: Options) -> None:
    """Measure and store."""
    machine = facts()
    networks = ivos.load_model()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options, networks, Path(folder))
    result = {"machine": machine, "clip": {"size": options.size, "frames": options.frames}, **result}
    name = re.sub(r"[^a-z0-9]+", "-", f"{machine['cpu']} {machine['cores']} cores".lower()).strip("-")
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / f"app-{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["figures"], indent=1))
    print(f"Stored in {path}.")


def measure(options: Options, networks: Networks, folder: Path) -> dict[str, Any]:
    """The figures, as they are stored."""
    clip = moving_shapes(options.frames, options.size, num_objects=1)
    video = folder / "clip.mp4"
    write_video(video, [clip.frames[t] for t in range(options.frames)], fps=24)
    ys, xs = np.nonzero(clip.masks[0] == 1)
    path = [(float(xs.mean() / options.size[1]), float(ys.mean() / options.size[0]))]
    opened, token, ready = listen("127.0.0.1", 0, 0), new_token(), threading.Event()
    port = opened.getsockname()[1]
    settings = Settings(projects=folder / "projects", token=token, port=port)
    arguments = (settings, opened, ready.set, networks)
    threading.Thread(target=serve, args=arguments, daemon=True).start()
    ready.wait()
    client = Client(port, token)
    engine: list[float] = []
    server: list[float] = []
    strokes: list[float] = []
    for _ in range(options.repeats):
        engine.append(_engine(networks, video, path))
        answer, frame = _server(client, video, path)
        strokes.append(answer)
        server.append(frame)
    added = min(server) / min(engine) - 1  # the quietest turns: other work on the machine only ever adds
    return {
        "figures": {
            "engine_frame_ms": median(engine),
            "server_frame_ms": median(server),
            "server_adds": added,
            "stroke_round_trip_ms": median(strokes),
            "stream_frames_per_second": 1000 / median(server),
        },
        "samples": {"engine_frame_ms": engine, "server_frame_ms": server, "stroke_ms": strokes},
        "threads": torch.get_num_threads(),
    }


def _engine(networks: Networks, video: Path, path: list[tuple[float, float]]) -> float:
    """Milliseconds a frame of a first round."""
    session = ivos.Session(networks, ivos.read_video(video))
    session.annotate(0, [ivos.Scribble(1, path)])
    return _per_frame([time.perf_counter() for _ in session.propagate()])


def _server(client: Client, video: Path, path: list[tuple[float, float]]) -> tuple[float, float]:
    """Milliseconds of the answer to a stroke, and a frame of a first round, in a new project."""
    made = client.call("POST", "/api/projects/upload?name=clip.mp4", video.read_bytes())
    base = f"/api/projects/{made['id']}"
    client.call("GET", base)
    stroke = {"seq": 0, "frame": 0, "object_id": 1, "kind": "add", "path": path}
    started = time.perf_counter()
    project = client.call("POST", f"{base}/strokes", stroke)["project"]
    answered = 1000 * (time.perf_counter() - started)
    return answered, _per_frame(client.stream(f"{base}/rounds", {"seq": project["seq"]}))


def _per_frame(times: list[float]) -> float:
    """The median frame; the annotated one, which comes first, is not counted."""
    return 1000 * median(np.diff(times).tolist())


if __name__ == "__main__":
    main(tyro.cli(Options))
