"""The study mode through HTTP: locks, clock, results."""

from datetime import datetime
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image
from tests.server.conftest import Page, clip_pixels
from tests.server.test_keeping import start_round

from ivos.bench.study import read_rows
from ivos.errors import InputError, OutputError
from ivos.io.masks import write_mask
from ivos.server import library as library_module
from ivos.server import study as study_module


@pytest.fixture
def davis(tmp_path):
    root = tmp_path / "DAVIS"
    for name in ("bear", "ant"):
        for kind in ("JPEGImages", "Annotations"):
            (root / kind / "480p" / name).mkdir(parents=True)
        for t, frame in enumerate(clip_pixels(4)):
            Image.fromarray(frame).save(root / "JPEGImages" / "480p" / name / f"{t:05d}.jpg")
            truth = np.zeros((48, 64), np.uint8)
            truth[20:30, 18:40], truth[40:46, 50:60] = 1, 2
            write_mask(root / "Annotations" / "480p" / name / f"{t:05d}.png", truth)
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text("bear\nant\n")
    return root


def study(page):
    return page.ok(page.client.get("/api/study"))


def test_a_study_runs_from_the_first_sequence_to_the_last(serve, davis, tmp_path):
    with serve(study_root=davis, user="eve", model="runs/mine/weights.safetensors") as client:
        page = Page(client)
        assert client.get("/api/app").json()["study"]
        for number, name in enumerate(["ant", "bear"], start=1):
            state = study(page)
            assert (state["sequence"], state["number"], state["total"]) == (name, number, 2)
            assert (state["phase"], state["slider_locked"], state["frame"], state["round"]) == ("find", False, None, 0)
            page.open(state["project_id"])
            assert [each["id"] for each in page.project["objects"]] == [1, 2]
            truth = page.decode(page.ok(client.get(f"{page.base}/truth/1"))["runs"])
            assert set(np.unique(truth)) == {0, 1, 2}
            assert client.post("/api/study/satisfied").status_code == 409
            page.stroke(1)
            state = study(page)
            assert (state["phase"], state["slider_locked"], state["frame"]) == ("scribble", True, 1)
            body = {"seq": page.project["seq"], "frame": 2, "object_id": 1, "kind": "add", "path": [[0.5, 0.5]]}
            assert client.post(f"{page.base}/strokes", json=body).status_code == 409
            brush = client.post(f"{page.base}/paint", json={"seq": page.project["seq"], "frame": 1, "runs": [1, 3072]})
            assert "brush and eraser are off" in brush.json()["error"]["message"]
            masks = client.post(f"{page.base}/frames/1/mask?seq={page.project['seq']}", content=b"")
            assert "masks cannot be imported" in masks.json()["error"]["message"]
            page.round()
            assert study(page)["phase"] == "find"
            assert client.post(f"{page.base}/strokes", json=body).status_code == 409
            chosen = client.post("/api/study/select", json={"frame": 3}).json()
            assert (chosen["slider_locked"], chosen["frame"]) == (True, 3)
            page.stroke(3, object_id=2, path=[[0.8, 0.9]])
            page.round()
            assert study(page)["round"] == 2
            page.ok(client.post("/api/study/satisfied"))
        state = study(page)
        assert (state["phase"], state["project_id"]) == ("finished", None)
        assert 0 <= state["jf"] <= 1
        assert client.post("/api/study/satisfied").status_code == 409
    (file,) = (tmp_path / "projects" / "study").glob("*/result_eve.csv")
    assert file.parent.name.startswith("Alg[weights]_")
    rows = read_rows(file)
    assert [(row.sequence, row.object_id, row.rounds) for row in rows] == [
        ("ant", 1, 2),
        ("ant", 2, 2),
        ("bear", 1, 2),
        ("bear", 2, 2),
    ]
    assert all(row.total_seconds > 0 for row in rows)


def test_a_study_that_was_broken_off_goes_on_with_the_next_sequence(serve, davis, tmp_path, networks, monkeypatch):
    def play(client, expected):
        page, state = Page(client), client.get("/api/study").json()
        assert (state["sequence"], state["number"]) == expected
        page.open(state["project_id"])
        page.stroke(1)
        page.round()
        page.ok(client.post("/api/study/satisfied"))

    with serve(study_root=davis, user="eve") as client:
        play(client, ("ant", 1))
        page = Page(client)
        page.open(study(page)["project_id"])
        page.stroke(1)  # bear is begun and left
    with serve(study_root=davis, user="adam") as client:
        assert study(Page(client))["sequence"] == "ant"
    with monkeypatch.context() as patch:
        patch.setattr(networks, "digest", "0123", raising=False)  # other weights of the same name: another study
        patch.setattr(study_module, "datetime", Mock(now=lambda: datetime(2030, 1, 1)))  # folders are named by seconds
        with serve(study_root=davis, user="eve") as client:
            assert study(Page(client))["sequence"] == "ant"
    with serve(study_root=davis, user="eve") as client:
        play(client, ("bear", 2))
        assert study(Page(client))["phase"] == "finished"
    (file,) = (tmp_path / "projects" / "study").rglob("result_eve.csv")
    assert [row.sequence for row in read_rows(file)] == ["ant", "ant", "bear", "bear"]
    with serve(study_root=davis, user="eve") as client:  # once more from the beginning
        assert study(Page(client))["sequence"] == "ant"
    (davis / "ImageSets" / "2017" / "val.txt").write_text("bear\n")
    file.write_text("\n".join(file.read_text().splitlines()[:-2]) + "\n")
    with pytest.raises(InputError, match="other sequences"), serve(study_root=davis, user="eve"):
        pass


@pytest.mark.parametrize("where", ["rows", "project"])
def test_a_full_disk_loses_nothing_of_a_study(serve, davis, tmp_path, monkeypatch, where):
    with serve(study_root=davis, user="eve") as client:
        page = Page(client)
        page.open(study(page)["project_id"])
        page.stroke(1)
        page.round()
        full = Mock(side_effect=OutputError("The disk is full."))
        with monkeypatch.context() as patch:
            if where == "rows":
                patch.setattr(study_module, "write_rows", full)
            else:
                patch.setattr(library_module, "write_manifest", full)
            assert client.post("/api/study/satisfied").status_code >= 500
        assert (study(page)["sequence"], study(page)["phase"], study(page)["round"]) == ("ant", "find", 1)
        page.ok(client.post("/api/study/satisfied"))
        assert (study(page)["sequence"], study(page)["number"]) == ("bear", 2)
    (file,) = (tmp_path / "projects" / "study").rglob("result_eve.csv")
    assert [row.sequence for row in read_rows(file)] == ["ant", "ant"]


def test_a_study_measures_whole_rounds_with_strokes_of_the_sequence_on_show(serve, davis):
    with serve(study_root=davis, user="eve") as client:
        page = Page(client)
        ant = study(page)["project_id"]
        page.open(ant)
        early = client.post("/api/study/select", json={"frame": 3})
        assert early.status_code == 409, "the first stroke chooses the frame"
        assert "the first stroke" in early.json()["error"]["message"]
        assert study(page)["phase"] == "find"
        page.stroke(1)
        for part in ({"first": 1, "last": 2}, {"last": 0}, {"direction": "forward"}):
            answer = client.post(f"{page.base}/rounds", json={"seq": page.project["seq"], **part})
            assert "measures whole rounds" in answer.json()["error"]["message"], part
        page.round(first=0, last=3)
        client.post("/api/study/select", json={"frame": 2, "project_id": ant})
        answer = client.post(f"{page.base}/rounds", json={"seq": page.project["seq"]})
        assert "Draw on the frame first" in answer.json()["error"]["message"]
        page.stroke(2)
        page.round()
        assert study(page)["round"] == 2
        page.ok(client.post("/api/study/satisfied", json={"project_id": ant}))
        assert study(page)["sequence"] == "bear"
        for path, body in (("satisfied", {}), ("select", {"frame": 1})):
            answer = client.post(
                f"/api/study/{path}", json={"project_id": ant, **body}
            )  # a tab that shows the one before
            assert answer.status_code == 409
            assert "not the one on show" in answer.json()["error"]["message"]
        assert study(page)["sequence"] == "bear"


def test_a_second_press_of_satisfied_says_that_the_sequence_is_over(serve, davis, monkeypatch):
    whole = study_module.Study.satisfied
    with serve(study_root=davis, user="eve") as client:
        for _ in range(2):
            page = Page(client)
            page.open(study(page)["project_id"])
            page.stroke(1)
            page.round()
            monkeypatch.setattr(study_module.Study, "satisfied", twice(whole))
            assert client.post("/api/study/satisfied").json()["error"]["code"] == "order"
            monkeypatch.setattr(study_module.Study, "satisfied", whole)
        assert study(page)["phase"] == "finished"


def twice(satisfied):
    """Two tabs press at once: the second one waits until the first is done."""

    def both(study, workspace):
        satisfied(study, workspace)
        satisfied(study, workspace)

    return both


def test_outside_the_study_its_routes_are_missing(page):
    for method, path in [("GET", "/api/study"), ("POST", "/api/study/satisfied"), ("GET", f"{page.base}/truth/0")]:
        assert page.client.request(method, path).status_code == 404


def test_what_was_measured_stands_in_a_study(serve, davis, networks):
    with serve(study_root=davis, user="eve") as client:
        page = Page(client)
        page.open(study(page)["project_id"])

        def refused(method, place, **body):
            answer = client.request(method, page.base + place, json={"seq": page.project["seq"], **body})
            return answer.json()["error"]["message"]

        assert "objects of a study" in refused("POST", "/objects", name=None)
        assert "objects of a study" in refused("DELETE", f"/objects/2?seq={page.project['seq']}")
        assert "strokes of the running round" in refused("POST", "/undo")
        page.stroke(1)
        page.post("/undo")
        assert [each["id"] for each in page.project["objects"]] == [1, 2]
        assert "strokes of the running round" in refused("POST", "/undo")
        page.stroke(1)
        networks.seconds = 0.3
        thread, _ = start_round(page, enough=1)
        page.ok(client.post(f"{page.base}/rounds/cancel"))
        thread.join()
        networks.seconds = 0.0
        state = study(page)
        assert (state["phase"], state["slider_locked"], state["round"]) == ("scribble", True, 0)
        page.open(page.project["id"])
        assert "whole rounds" in refused("POST", "/rounds/keep")
        page.round()
        assert (study(page)["phase"], study(page)["round"]) == ("find", 1)
        assert [each["partial"] for each in page.project["rounds"]] == [False]  # nor did going on keep a part
        assert "strokes of the running round" in refused("POST", "/undo")
        measured = [each["id"] for each in page.project["strokes"]]
        assert "can be deleted" in refused("POST", "/strokes/delete", ids=measured)
        page.ok(client.post("/api/study/select", json={"frame": 2}))
        page.stroke(2)
        assert "can be deleted" in refused("POST", "/strokes/delete", ids=measured)
        page.post("/strokes/delete", ids=[page.project["strokes"][-1]["id"]])
        assert [each["id"] for each in page.project["strokes"]] == measured
