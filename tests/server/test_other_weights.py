"""A project that goes on with other networks than it was begun with."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient
from tests.server.conftest import TOKEN, FakeNetworks, Page

from ivos.server.app import create_app
from ivos.server.brain import Brain
from ivos.server.settings import Settings


class OtherNetworks(FakeNetworks):
    """They carry three channels from a frame, and fail on what others carried."""

    described = 0

    def annotate(self, *inputs):
        answer = super().annotate(*inputs)
        return replace(answer, object_features=self._own(answer.object_features))

    def describe(self, *inputs):
        self.described += 1
        return self._own(super().describe(*inputs))

    def transfer(self, target, annotated, previous, previous_probability):
        for _, features in annotated:
            assert features.shape[1] == 3
            assert bool((features == 7).all())
        return super().transfer(target, annotated, previous, previous_probability)

    def _own(self, features):
        return torch.full((len(features), 3, *features.shape[2:]), 7.0)


def served(folder: Path, networks: FakeNetworks, model: str) -> TestClient:
    settings = Settings(projects=folder, token=TOKEN, model=model)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return TestClient(create_app(settings, networks), base_url="http://127.0.0.1:8765", headers=headers)


def begun(folder: Path, clip_file: Path) -> Page:
    """A project with two rounds, one of a stroke and one of the brush."""
    with served(folder, FakeNetworks(), "one") as client:
        page = Page(client)
        page.open(client.post("/api/projects/upload?name=dog.mp4", content=clip_file.read_bytes()).json()["id"])
        page.stroke(2)
        page.round()
        mask = page.mask(5)
        mask[0:4, 0:4] = 1
        page.post("/paint", frame=5, runs=[value for label in mask.ravel().tolist() for value in (label, 1)])
        page.round()
        return page


@pytest.mark.parametrize("kept", [True, False])
def test_other_networks_describe_annotated_frames_anew(tmp_path, clip_file, kept):
    page = begun(tmp_path, clip_file)
    if not kept:  # as older versions wrote them
        for index in tmp_path.rglob("*.index"):
            entries = [json.loads(line) for line in index.read_text().splitlines()]
            lines = [json.dumps({name: v for name, v in each.items() if name != "networks"}) for each in entries]
            index.write_text("\n".join(lines) + "\n")
    other = OtherNetworks()
    with served(tmp_path, other, "two") as client:
        again = Page(client)
        again.open(page.project["id"])
        frames = [again.mask(t) for t in (2, 5)]
        again.stroke(7, path=[[0.2, 0.8], [0.3, 0.8]])
        assert again.round()[-1]["event"] == "done"
        assert other.described == 2
        np.testing.assert_array_equal([again.mask(t) for t in (2, 5)], frames)
        again.stroke(0)
        assert again.round()[-1]["event"] == "done"
        assert other.described == 2, "its own frames and those described before are not described again"


def test_the_same_networks_read_what_they_wrote(tmp_path, clip_file):
    page = begun(tmp_path, clip_file)
    same = OtherNetworks()
    with served(tmp_path, same, "one") as client:
        again = Page(client)
        again.open(page.project["id"])
        with client.app._app.state.services.sessions.use(page.project["id"]) as space:
            memory = space.viewer.state(space.document, space.document.present).memory
    assert {each.values.shape[1] for each in memory.values()} == {1}
    assert same.described == 0


def test_networks_of_another_grid_are_told_in_a_sentence(tmp_path, clip_file):
    page = begun(tmp_path, clip_file)
    coarse = FakeNetworks()
    coarse.config = replace(coarse.config, pad_multiple=64)
    with served(tmp_path, coarse, "two") as client:
        answer = client.get(page.base)
    assert answer.status_code == 422
    assert "project.json" in answer.json()["error"]["message"]


def test_a_fingerprint_is_that_of_the_weights_file(tmp_path):
    def fingerprint(name):
        return Brain(FakeNetworks, str(name), "cpu").fingerprint

    one, copy, other = (tmp_path / f"{name}.safetensors" for name in ("one", "copy", "other"))
    one.write_bytes(b"weights")
    copy.write_bytes(b"weights")
    other.write_bytes(b"others")
    assert fingerprint(one) == fingerprint(copy) != fingerprint(other)
    assert fingerprint("paper") != fingerprint("authors")
