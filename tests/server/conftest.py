"""A server over a small clip with networks that need no weights, and a client that speaks like the page."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient
from torch import Tensor
from torch.nn import functional as F

from ivos.io.video_writer import write_video
from ivos.model.config import PRESETS, ModelConfig
from ivos.model.networks import AnnotationResult, FeaturePyramid
from ivos.server.app import create_app
from ivos.server.settings import Settings

TOKEN = "a-token-for-tests"
NUM_FRAMES = 8
SIZE = (48, 64)


@dataclass
class FakeNetworks:
    """Strokes spread by blurring; the mask moves on unchanged; every step takes `seconds`."""

    config: ModelConfig = field(default_factory=lambda: replace(PRESETS["lite"], name="fake"))
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    seconds: float = 0.0
    encodes: int = 0
    transfers: int = 0

    def encode_image(self, image: Tensor) -> FeaturePyramid:
        self.encodes += 1
        grey = image.mean(dim=1, keepdim=True)
        return FeaturePyramid(F.avg_pool2d(grey, 4), F.avg_pool2d(grey, 8), F.avg_pool2d(grey, 16))

    def annotate(
        self, image: Tensor, features: FeaturePyramid, previous_mask: Tensor, positive_map: Tensor, negative_map: Tensor
    ) -> AnnotationResult:
        wide = F.avg_pool2d(positive_map - negative_map, 9, stride=1, padding=4)
        logits = F.avg_pool2d(6 * (previous_mask - 0.5) + 60 * wide - 1, 4)
        return AnnotationResult(logits, F.avg_pool2d(logits, 4))

    def describe(
        self, image: Tensor, features: FeaturePyramid, mask: Tensor, positive_map: Tensor, negative_map: Tensor
    ) -> Tensor:
        return F.avg_pool2d(8 * (mask - 0.5), 16)

    def previous_probability(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def transfer(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> Tensor:
        self.transfers += 1
        time.sleep(self.seconds)
        return 12 * (previous_probability - 0.45)


class Page:
    """What the page does, through HTTP."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.project: dict = {}

    @property
    def base(self) -> str:
        return f"/api/projects/{self.project['id']}"

    def open(self, project_id: str) -> dict:
        self.project = self.ok(self.client.get(f"/api/projects/{project_id}"))
        return self.project

    def ok(self, response, status=None) -> dict:
        assert response.status_code == status if status else response.status_code < 300, response.text
        return response.json()

    def post(self, place: str, **body) -> dict:
        answer = self.ok(self.client.post(self.base + place, json={"seq": self.project["seq"], **body}))
        self.project = answer["project"]
        return answer

    def stroke(self, frame=2, object_id=1, kind="add", path=((0.3, 0.5), (0.6, 0.5))) -> dict:
        return self.post("/strokes", frame=frame, object_id=object_id, kind=kind, path=path, start_ms=0, end_ms=5)

    def round(self, **how) -> list[dict]:
        """All lines of a round."""
        body = {"seq": self.project["seq"], "direction": "both", "first": None, "last": None, **how}
        response = self.client.post(f"{self.base}/rounds", json=body)
        assert response.status_code == 200, response.text
        lines = [json.loads(line) for line in response.text.splitlines()]
        self.project = lines[-1]["project"]
        return lines

    def mask(self, t: int, revision: int | None = None) -> np.ndarray:
        revision = self.project["revisions"][t] if revision is None else revision
        if revision is None:
            return np.zeros(self.size, np.uint8)
        return self.decode(self.ok(self.client.get(f"{self.base}/masks/{t}/{revision}"))["runs"])

    def masks(self) -> np.ndarray:
        return np.stack([self.mask(t) for t in range(self.project["clip"]["num_frames"])])

    @property
    def size(self) -> tuple[int, int]:
        return self.project["clip"]["height"], self.project["clip"]["width"]

    def decode(self, runs: list[int]) -> np.ndarray:
        return np.repeat(np.array(runs[::2], np.uint8), runs[1::2]).reshape(self.size)


def clip_pixels(num_frames: int = NUM_FRAMES, size: tuple[int, int] = SIZE) -> np.ndarray:
    blocks = np.random.default_rng(0).integers(0, 256, (size[0] // 8 + 1, (size[1] + 2 * num_frames) // 8 + 1, 3))
    pattern = np.kron(blocks, np.ones((8, 8, 1))).astype(np.uint8)
    return np.stack([pattern[: size[0], 2 * t : 2 * t + size[1]] for t in range(num_frames)])


@pytest.fixture(scope="session")
def clip_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "dog.mp4"
    write_video(path, list(clip_pixels()), fps=12)
    return path


@pytest.fixture
def networks() -> FakeNetworks:
    return FakeNetworks()


@pytest.fixture
def serve(tmp_path, networks):
    """Start a server on a folder; `with serve() as client`."""

    def start(folder: Path | None = None, **settings) -> TestClient:
        chosen = Settings(projects=folder or tmp_path / "projects", token=TOKEN, **settings)
        return TestClient(
            create_app(chosen, networks),
            base_url="http://127.0.0.1:8765",
            headers={"Authorization": f"Bearer {TOKEN}"},
            raise_server_exceptions=False,
        )

    return start


@pytest.fixture
def client(serve):
    with serve() as client:
        yield client


@pytest.fixture
def page(client, clip_file) -> Page:
    """A page with a fresh project open."""
    page = Page(client)
    made = client.post("/api/projects/upload?name=dog.mp4", content=clip_file.read_bytes())
    assert made.status_code == 201, made.text
    page.open(made.json()["id"])
    return page
