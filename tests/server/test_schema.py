"""Whatever is sent, right or wrong by the schema, the server never answers with a 500, and every error says why."""

from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from starlette.testclient import TestClient
from tests.server.conftest import TOKEN, FakeNetworks, Page, clip_pixels

from ivos.io.video_writer import write_video
from ivos.server.app import create_app
from ivos.server.settings import Settings

WAITS = "/api/projects/{project_id}/changes"
"""Answers after 25 seconds by design."""
SENT = ("method", "url", "params", "json", "content")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A server with a project `p` that has a round, undo and redo."""
    folder = tmp_path_factory.mktemp("fuzzed")
    app = create_app(Settings(projects=folder / "projects", token=TOKEN, max_upload_bytes=1 << 20), FakeNetworks())
    write_video(folder / "dog.mp4", list(clip_pixels(3)), fps=12)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(app, base_url="http://127.0.0.1:8765", headers=headers, raise_server_exceptions=False) as client:
        page = Page(client)
        page.open(client.post("/api/projects/upload?name=p", content=(folder / "dog.mp4").read_bytes()).json()["id"])
        page.stroke(1)
        page.round()
        page.stroke(0)
        page.post("/undo")
        yield client


def operations(client):
    """All operations of the schema, on the project that exists."""
    content = client.get("/api/openapi.json").json()
    del content["paths"][WAITS]
    del content["paths"]["/api/projects/{project_id}"]["delete"]  # the others need the project
    for path in content["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "project_id":
                    parameter["schema"] = {"type": "string", "enum": ["p"]}
    return [result.ok() for result in schemathesis.openapi.from_dict(content).get_all_operations()]


def send(client, case, seq):
    arguments = case.as_transport_kwargs(base_url="http://127.0.0.1:8765")
    if isinstance(arguments.get("data"), bytes | str):
        arguments["content"] = arguments.pop("data")
    body = arguments.get("json")
    if isinstance(body, dict) and isinstance(body.get("seq"), int):
        arguments["json"] = {**body, "seq": seq}  # else nearly everything would be stale
    chosen = {key: value for key, value in arguments.items() if key in SENT and value is not None}
    kinds = {key: value for key, value in arguments.get("headers", {}).items() if key.lower() == "content-type"}
    return client.request(**chosen, headers=kinds)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
def test_no_request_makes_the_server_fail(client, mode):
    met = set()
    for operation in operations(client):

        @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode[mode]))
        @settings(
            max_examples=12,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def attempt(case):
            seq = client.get("/api/projects/p").json()["seq"]
            response = send(client, case, seq)
            met.add(response.status_code)
            where = f"{case.method} {case.path} {case.query} {case.body!r}: {response.text[:500]}"
            assert response.status_code < 500, where
            if response.status_code >= 400:
                error = response.json()["error"]
                assert error["code"], where
                assert error["message"].endswith("."), where

        with suppress(Unsatisfiable):  # an operation that nothing can be wrong about
            attempt()
    assert {200, 404, 409, 422} <= met or mode == "NEGATIVE"
