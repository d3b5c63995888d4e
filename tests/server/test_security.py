"""Who may talk to the server, and what its answers allow."""

import shutil

import pytest
from starlette.testclient import TestClient
from tests.server.conftest import TOKEN

from ivos.server.app import create_app
from ivos.server.settings import Settings

ROUTES = ["/", "/static/index.html", "/api/app", "/api/projects", "/api/openapi.json", "/nowhere"]


@pytest.fixture
def bare(serve):
    """A browser without the token."""
    with serve() as client:
        client.headers.pop("authorization")
        yield client


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], "ä"])
def test_every_request_needs_the_token(bare, route, token):
    headers = {} if token is None else {"Authorization": f"Bearer {token}".encode()}
    answer = bare.get(route, headers=headers)
    assert answer.status_code == 401
    assert "address" in answer.text
    assert bare.get(route, params={"token": token}).status_code == 401
    assert bare.get(route, headers={"Cookie": f"ivos-8765={token}".encode("latin-1")}).status_code == 401


def test_the_printed_address_puts_the_token_into_a_cookie(bare):
    answer = bare.get("/", params={"token": TOKEN}, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert answer.headers["set-cookie"] == f"ivos-8765={TOKEN}; HttpOnly; SameSite=Lax; Path=/"
    assert bare.get("/api/app").status_code == 200  # the client keeps cookies
    bare.cookies.clear()
    assert bare.get("/api/app", params={"token": TOKEN}).status_code == 200


@pytest.mark.parametrize("other", ['prefs={"a":1}', "x=a b", "flag", "a[b]=1", "u=\u00e9"])
def test_cookies_of_other_programs_on_this_machine_lock_nobody_out(bare, other):
    cookies = f"{other}; ivos-8765={TOKEN}; {other}"
    assert bare.get("/api/app", headers={"Cookie": cookies.encode("latin-1")}).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:8765", "localhost:9000"])
def test_this_machine_is_known_by_its_loopback_names(client, host):
    assert client.get("/api/app", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.5:8765", "", "[::1", "a b"])
def test_a_rebound_name_is_refused_also_with_the_token(client, host):
    answer = client.get("/api/app", headers={"Host": host})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "host"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8765"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_foreign_page_is_refused_also_with_the_token(client, origin, method):
    answer = client.request(method, "/api/projects/demo", headers={"Origin": origin})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "origin"


def test_the_own_page_and_no_page_are_let_in(client):
    assert client.post("/api/projects/demo", headers={"Origin": "http://127.0.0.1:8765"}).status_code == 201
    assert client.post("/api/projects/demo").status_code == 201
    assert client.get("/api/app", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_an_open_address_takes_addresses_and_its_name_but_no_foreign_names(tmp_path, networks):
    settings = Settings(projects=tmp_path, token=TOKEN, host="0.0.0.0")
    with TestClient(create_app(settings, networks), base_url="http://192.168.1.5:8765") as client:
        for route in ROUTES:
            assert client.get(route).status_code == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert client.get("/api/app", headers=bearer).status_code == 200
        assert client.get("/api/app", headers={**bearer, "Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize("route", [*ROUTES, "/api/projects/none"])
@pytest.mark.parametrize("known", [True, False])
def test_every_answer_has_the_headers(client, route, known):
    answer = client.get(route, headers={} if known else {"Authorization": "Bearer no"})
    assert answer.headers["content-security-policy"].startswith("default-src 'self';")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/api/projects/..",
        "/api/projects/%2e%2e%2f%2e%2e/frames/0.jpg",
        "/api/projects/.uploads",
        "/api/projects/a%00b",
        "/api/projects/dog/exports/1/../../project.json",
    ],
)
def test_paths_do_not_escape(client, page, path):
    answer = client.get(path)
    assert answer.status_code in (404, 422)
    assert "import" not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize("place", ["journal.jsonl", "rounds", "exports", "view.json", "clip/dog.mp4", "rounds/9.bin"])
def test_links_in_a_project_lead_nowhere(serve, client, page, tmp_path, place):
    page.stroke(2)
    page.round()
    theirs = tmp_path / "theirs"
    shutil.copytree(tmp_path / "projects" / page.project["id"], theirs / "evil")
    outside = tmp_path / "outside"
    if place in ("rounds", "exports"):
        outside.mkdir()
    else:
        outside.write_text("a line of somebody else")
    link = theirs / "evil" / place
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(outside)
    with serve(theirs) as other:
        assert other.get("/api/projects").json()["projects"] == []
        for path in ("", "/thumbnail.jpg", "/frames/0.jpg"):
            answer = other.get(f"/api/projects/evil{path}")
            assert answer.status_code == 422
            assert "has a link in it" in answer.json()["error"]["message"]
    assert list(outside.iterdir()) == [] if outside.is_dir() else outside.read_text() == "a line of somebody else"


def test_links_and_clips_that_point_outside_are_refused(client, page, tmp_path):
    projects = tmp_path / "projects"
    (projects / "link").symlink_to(projects / page.project["id"])
    assert client.get("/api/projects/link").status_code == 404
    outside = tmp_path / "outside"
    outside.mkdir()
    manifest = projects / page.project["id"] / "project.json"
    text = manifest.read_text()
    other = projects / "other"
    other.mkdir()
    (other / "project.json").write_text(text.replace("clip/dog.mp4", "../dog/clip/dog.mp4"))
    answer = client.get("/api/projects/other")
    assert answer.status_code == 422
    assert "outside its folder" in answer.json()["error"]["message"]
