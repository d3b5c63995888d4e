"""`ivos app` from the command line: a process that prints its address, answers, and ends on Ctrl-C."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from ivos.cli import main
from ivos.errors import InputError
from ivos.server.run import listen


@pytest.mark.slow
def test_the_app_prints_its_address_and_ends_on_ctrl_c(tmp_path, clip_file):
    command = [sys.executable, "-m", "ivos", "app", str(clip_file), "--projects", str(tmp_path), "--no-browser"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        address = re.fullmatch(r"ivos app: (http://127\.0\.0\.1:(\d+)/)\?token=(\S+)\n", process.stdout.readline())
        base, _, token = address.groups()
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{base}api/app", timeout=30)
        with urllib.request.urlopen(f"{base}api/app?token={token}", timeout=60) as answer:
            assert json.loads(answer.read())["open_project"] == "dog"
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(f"{base}?token={token}", timeout=30) as answer:
            assert (answer.status, answer.url) == (200, base)
    finally:
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "Everything is saved" in output


def test_ctrl_c_with_a_page_open_ends_quietly(tmp_path):
    """A page waits for news, another follows a round, a third one's upload stalls: none of them is a failure."""
    program = Path(__file__).parents[1] / "e2e" / "serve.py"
    (tmp_path / "pace").write_text("0.3")
    command = [sys.executable, str(program), "--home", str(tmp_path / "projects"), "--pace", str(tmp_path / "pace")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    open_sockets = []
    try:
        port, token = re.search(r"127\.0\.0\.1:(\d+)/\?token=(\S+)", process.stdout.readline()).groups()

        def ask(method, path, body=None, length=None):
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
            open_sockets.append(connection)
            content = None if body is None else json.dumps(body).encode()
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            headers["Content-Length"] = str(length or len(content or b""))
            connection.request(method, f"/api/projects{path}", content, headers)
            return connection

        project = json.load(ask("POST", "/demo").getresponse())["id"]
        stroke = {"seq": 0, "frame": 0, "object_id": 1, "kind": "add", "path": [[0.33, 0.6]]}
        assert ask("POST", f"/{project}/strokes", stroke).getresponse().status == 200
        stream = ask("POST", f"/{project}/rounds", {"seq": 1}).getresponse()
        assert json.loads(stream.readline())["event"] == "started"
        while json.loads(stream.readline())["event"] != "frame":
            pass
        news = ask("GET", f"/{project}/changes?since=2")
        ask("POST", "/upload?name=a.mp4", body={}, length=10_000)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert json.load(news.getresponse())["running"] is True
        process.wait(60)
    finally:
        process.kill()
        errors = process.communicate()[1]
        for connection in open_sockets:
            connection.close()
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert "Error" not in errors
    assert list((tmp_path / "projects" / ".uploads").iterdir()) == []
    journal = tmp_path / "projects" / project / "journal.jsonl"
    events = [json.loads(line)["op"] for line in journal.read_text().splitlines()]
    assert events == ["stroke", "begin", "cancel"]


def test_a_port_that_is_taken_gives_way_or_says_so():
    with listen("127.0.0.1", None, 0) as first:
        taken = first.getsockname()[1]
        with listen("127.0.0.1", None, taken) as other:
            assert other.getsockname()[1] != taken
        with pytest.raises(InputError, match=f"port {taken}"):
            listen("127.0.0.1", taken, 0)
    with pytest.raises(InputError, match="no port 99999"):
        listen("127.0.0.1", 99999, 0)
    with pytest.raises(InputError, match="no address of this machine"):
        listen("host name", 0, 0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["nothing.mp4"], "no video"), (["--user", "eve"], "--study"), (["--study", "nowhere", "--user", "eve"], "DAVIS")],
)
def test_what_cannot_be_served_is_one_sentence_and_exit_code_2(tmp_path, capsys, arguments, says):
    assert main(["app", "--projects", str(tmp_path), "--no-browser", "--port", "0", *arguments]) == 2
    assert says in capsys.readouterr().err
