"""Strokes, paint, objects, rounds and undo through HTTP."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from ivos.core.confidence import motion, trust, worst_frame
from ivos.io.masks import davis_palette


def test_a_stroke_answers_with_the_mask_of_its_frame(page):
    answer = page.stroke()
    (mask,) = answer["masks"]
    assert mask["frame"] == 2
    assert page.decode(mask["runs"])[24, 30] == 1
    assert page.project["waiting"] == page.project["annotated"] == [2]
    assert page.project["revisions"][2] == mask["revision"]
    assert page.project["undo"] == "stroke on frame 2"
    assert page.project["objects"][0]["annotated"] == [2]
    np.testing.assert_array_equal(page.mask(2), page.decode(mask["runs"]))


def test_the_frame_that_is_looked_at_is_encoded_before_the_stroke(page, networks):
    page.client.patch(f"{page.base}/view", json={"view": {"frame": 3}})
    page.client.app._app.state.services.brain.ahead.submit(lambda: None).result(20)  # the one before it is done
    seen = networks.encodes
    assert seen
    page.stroke(3)
    assert networks.encodes == seen
    page.stroke(4)
    assert networks.encodes == seen + 1


def test_looking_at_a_frame_that_is_not_there_harms_nothing(page):
    assert page.client.patch(f"{page.base}/view", json={"view": {"frame": 10**6}}).status_code == 204
    assert page.stroke(3)["masks"]


def test_strokes_stay_with_their_frames(page):
    page.stroke(2)
    page.stroke(5)
    page.stroke(2, kind="remove", path=[[0.9, 0.9]])
    assert [(each["frame"], each["kind"], each["round"]) for each in page.project["strokes"]] == [
        (2, "add", None),
        (5, "add", None),
        (2, "remove", None),
    ]
    lines = page.round()
    assert [line["frame"] for line in lines if line["event"] == "frame"][:2] == [2, 5]
    assert {each["round"] for each in page.project["strokes"]} == {1}


def test_taking_away_makes_the_mask_smaller(page):
    before = page.decode(page.stroke()["masks"][0]["runs"])
    after = page.decode(page.stroke(kind="remove", path=[[0.3, 0.5], [0.4, 0.5]])["masks"][0]["runs"])
    assert (after == 1).sum() < (before == 1).sum()


def test_a_round_streams_every_frame_and_ends_with_the_state(page):
    page.stroke()
    lines = page.round()
    assert lines[0] == {"event": "started", "total": 8, "frames": [2, 3, 4, 5, 6, 7, 1, 0]}
    frames = [line for line in lines if line["event"] == "frame"]
    assert [line["frame"] for line in frames] == lines[0]["frames"]
    assert [line["done"] for line in frames] == list(range(1, 9))
    assert lines[-1]["event"] == "done"
    for line in frames:
        assert page.project["revisions"][line["frame"]] == line["revision"]
        np.testing.assert_array_equal(page.mask(line["frame"]), page.decode(line["runs"]))
    assert page.project["rounds"] == [
        {"number": 1, "frames": [2], "direction": "both", "num_frames": 8, "partial": False}
        | {"seconds": page.project["rounds"][0]["seconds"]}
    ]
    assert all(0 <= value <= 1 for value in page.project["trust"])
    assert page.project["worst"]["frame"] != 2
    assert page.project["worst"]["reason"]
    assert page.project["before"] == [None] * 8
    assert all(0 <= value <= 1 for value in page.project["changed"])
    assert not page.project["stale"]


def test_marks_and_directions_limit_a_round(page):
    page.stroke()
    lines = page.round(direction="forward", last=4)
    assert lines[0]["frames"] == [2, 3, 4]
    assert [revision is None for revision in page.project["revisions"]] == [True, True, False, False, False] + [
        True
    ] * 3
    answer = page.client.post(f"{page.base}/rounds", json={"seq": page.project["seq"], "first": 3, "last": 9})
    assert answer.status_code == 422
    answer = page.client.post(f"{page.base}/rounds", json={"seq": page.project["seq"], "first": 3, "last": 5})
    assert answer.status_code == 422
    assert "frame 2" in answer.json()["error"]["message"]


def test_annotated_frames_never_change(page):
    page.stroke(2)
    page.round()
    kept = page.mask(2)
    page.stroke(5, path=[[0.8, 0.9]])
    lines = page.round()
    assert 2 not in [line.get("frame") for line in lines]
    np.testing.assert_array_equal(page.mask(2), kept)


def test_a_round_without_anything_drawn_is_out_of_order(page):
    answer = page.client.post(f"{page.base}/rounds", json={"seq": page.project["seq"]})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "order"


def test_undo_and_redo_go_over_strokes_paint_and_rounds(page):
    states = [page.masks()]
    steps = [
        page.stroke,
        lambda: page.stroke(3, path=[[0.5, 0.9], [0.6, 0.9]]),
        page.round,
        lambda: paint(page, 5),
        page.round,
        lambda: page.post("/objects", name="cat"),
        lambda: page.stroke(6, object_id=2, path=[[0.8, 0.8], [0.9, 0.8]]),
        lambda: page.post("/strokes/delete", ids=[page.project["strokes"][-1]["id"]]),
    ]
    for step in steps:
        step()
        states.append(page.masks())
    for state in reversed(states[:-1]):
        page.post("/undo")
        np.testing.assert_array_equal(page.masks(), state)
    assert page.project["undo"] is None
    assert page.client.post(f"{page.base}/undo", json={"seq": page.project["seq"]}).json()["error"]["code"] == "order"
    for state in states[1:]:
        page.post("/redo")
        np.testing.assert_array_equal(page.masks(), state)
    assert page.project["redo"] is None


def paint(page, frame, label=1):
    mask = page.mask(frame)
    mask[3:6, 3:9] = label
    runs = [value for label_, run in runs_of(mask) for value in (label_, run)]
    return page.post("/paint", frame=frame, runs=runs), mask


def runs_of(mask):
    flat = mask.ravel()
    edges = [0, *(np.flatnonzero(flat[1:] != flat[:-1]) + 1).tolist(), flat.size]
    return [(int(flat[a]), b - a) for a, b in itertools.pairwise(edges)]


def test_a_frame_that_was_only_erased_on_is_marked_for_its_object(page):
    page.stroke(2)
    page.round()
    mask = page.mask(4)
    mask[:, : np.flatnonzero(mask.any(0))[3]] = 0
    page.post("/paint", frame=4, runs=[value for label in mask.ravel().tolist() for value in (label, 1)])
    assert page.project["objects"][0]["annotated"] == [2, 4]


def test_paint_is_exact_and_later_rounds_respect_it(page):
    page.stroke(2)
    page.round()
    answer, mask = paint(page, 5)
    np.testing.assert_array_equal(page.decode(answer["masks"][0]["runs"]), mask)
    assert [each["frame"] for each in page.project["paints"]] == [5]
    assert page.project["waiting"] == [5]
    page.round()
    np.testing.assert_array_equal(page.mask(5), mask)
    page.stroke(7)
    page.round()
    np.testing.assert_array_equal(page.mask(5), mask)
    again = page.client.post(
        f"{page.base}/paint",
        json={"seq": page.project["seq"], "frame": 5, "runs": [v for pair in runs_of(mask) for v in pair]},
    )
    assert again.status_code == 422


@pytest.mark.parametrize("runs", [[0, 5], [1], [0, 48 * 64, 1, 0], [256, 48 * 64], [7, 48 * 64]])
def test_masks_that_do_not_fit_are_refused(page, runs):
    answer = page.client.post(f"{page.base}/paint", json={"seq": page.project["seq"], "frame": 0, "runs": runs})
    assert answer.status_code in (404, 422)
    assert answer.json()["error"]["message"]


def test_a_deleted_stroke_of_an_earlier_round_draws_its_frame_anew(page):
    page.stroke(2)
    page.stroke(2, path=[[0.8, 0.9], [0.9, 0.9]])
    alone = page.mask(2)
    page.round()
    page.stroke(5)
    page.round()
    first = page.project["strokes"][0]
    page.post("/strokes/delete", ids=[first["id"]])
    assert page.project["waiting"] == [2]
    assert page.project["stale"]
    assert page.mask(2)[24, 30] == 0
    assert page.mask(2)[43, 55] == alone[43, 55] == 1
    page.round()
    assert page.mask(3)[24, 30] == 0
    page.post("/strokes/delete", ids=[each["id"] for each in page.project["strokes"]])
    assert page.project["annotated"] == []
    answer = page.client.post(f"{page.base}/strokes/delete", json={"seq": page.project["seq"], "ids": [999]})
    assert answer.status_code == 404


def test_a_stroke_of_one_object_that_is_deleted_leaves_the_others_as_they_are(page):
    page.stroke(0)
    page.post("/objects")
    page.stroke(0, object_id=2, path=[[0.8, 0.9], [0.9, 0.9]])
    page.round()
    page.post("/objects")
    page.stroke(2)
    page.stroke(2, object_id=3, path=[[0.1, 0.1], [0.2, 0.1]])
    page.round()
    before = page.mask(2)
    assert set(np.unique(before)) == {0, 1, 2, 3}
    third = page.project["strokes"][-1]
    page.post("/strokes/delete", ids=[third["id"]])
    np.testing.assert_array_equal(page.mask(2) == 2, before == 2)
    assert set(np.unique(page.mask(2))) == {0, 1, 2}
    page.post("/undo")
    gone = page.ok(page.client.delete(f"{page.base}/objects/3?seq={page.project['seq']}"))
    page.project = gone["project"]
    np.testing.assert_array_equal(page.mask(2) == 2, before == 2)
    page.round()
    np.testing.assert_array_equal(page.mask(2) == 2, before == 2)


def test_a_new_object_is_drawn_where_all_others_were_removed(page):
    page.stroke()
    page.round()
    page.post("/objects")
    gone = page.ok(page.client.delete(f"{page.base}/objects/1?seq={page.project['seq']}"))
    page.project = gone["project"]
    page.stroke(4, object_id=2)
    assert set(np.unique(page.mask(4))) == {0, 2}
    page.round()
    assert set(np.unique(page.masks())) == {0, 2}


def test_objects_are_named_coloured_hidden_locked_and_removed(page):
    page.stroke()
    page.post("/objects", name="Häschen")
    assert [(each["id"], each["name"], each["colour"]) for each in page.project["objects"]] == [
        (1, "Object 1", "#800000"),
        (2, "Häschen", "#008000"),
    ]
    page.stroke(2, object_id=2, path=[[0.8, 0.9], [0.9, 0.9]])
    page.round()
    assert set(np.unique(page.masks())) == {0, 1, 2}
    change = {"locked": True, "visible": False, "colour": "#ff00aa"}
    answer = page.client.patch(f"{page.base}/objects/2", json={"seq": page.project["seq"], **change})
    page.project = page.ok(answer)["project"]
    assert page.project["objects"][1] | change == page.project["objects"][1]
    refused = page.client.post(
        f"{page.base}/strokes",
        json={"seq": page.project["seq"], "frame": 0, "object_id": 2, "kind": "add", "path": [[0, 0]]},
    )
    assert refused.json()["error"]["code"] == "locked"
    before = page.masks() == 2
    page.stroke(2, kind="remove", path=[[0.3, 0.5], [0.85, 0.9]])  # off the first object and over the locked one
    np.testing.assert_array_equal(page.masks() == 2, before)
    page.post("/undo")
    page.stroke(6, path=[[0.1, 0.9], [0.85, 0.9]])  # over the locked one again
    np.testing.assert_array_equal(page.masks() == 2, before)
    page.round()
    np.testing.assert_array_equal(page.masks() == 2, before)
    page.project = page.ok(
        page.client.patch(f"{page.base}/objects/2", json={"seq": page.project["seq"], "locked": False})
    )["project"]
    gone = page.ok(page.client.delete(f"{page.base}/objects/2?seq={page.project['seq']}"))
    page.project = gone["project"]
    assert set(np.unique(page.masks())) == {0, 1}
    page.post("/undo")
    assert set(np.unique(page.masks())) == {0, 1, 2}


def test_a_locked_object_keeps_what_no_round_has_carried_yet(page):
    page.stroke()
    page.post("/objects")
    page.stroke(path=[[0.8, 0.9], [0.9, 0.9]], object_id=2)
    page.round()
    carried = page.mask(2) == 2
    page.stroke(path=[[0.6, 0.8], [0.9, 0.6]], object_id=2)
    before = page.mask(2) == 2
    assert (before != carried).any()
    answer = page.client.patch(f"{page.base}/objects/2", json={"seq": page.project["seq"], "locked": True})
    page.project = page.ok(answer)["project"]
    page.stroke(path=[[0.2, 0.2], [0.8, 0.9]])
    np.testing.assert_array_equal(page.mask(2) == 2, before)
    page.stroke(path=[[0.1, 0.8], [0.9, 0.8]])
    np.testing.assert_array_equal(page.mask(2) == 2, before)
    page.post("/strokes/delete", ids=[page.project["strokes"][0]["id"]])  # of an earlier round: the frame is drawn anew
    np.testing.assert_array_equal(page.mask(2) == 2, before)
    page.client.app._app.state.services.sessions.unload_idle(0)
    page.open(page.project["id"])
    np.testing.assert_array_equal(page.mask(2) == 2, before)
    page.round()
    np.testing.assert_array_equal(page.mask(2) == 2, before)


def test_a_stale_page_is_told_so_and_changes_nothing(page):
    page.stroke()
    body = {"seq": page.project["seq"] - 1, "frame": 0, "object_id": 1, "kind": "add", "path": [[0.5, 0.5]]}
    answer = page.client.post(f"{page.base}/strokes", json=body)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "stale"
    assert answer.json()["seq"] == page.project["seq"]
    assert page.open(page.project["id"])["seq"] == page.project["seq"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"frame": 8}, 404),
        ({"frame": -1}, 422),
        ({"object_id": 2}, 404),
        ({"object_id": 0}, 422),
        ({"path": []}, 422),
        ({"path": [[0.5, 1.5]]}, 422),
        ({"path": [[0.5]]}, 422),
        ({"path": [[0.1, 0.1]] * 5001}, 422),
        ({"kind": "paint"}, 422),
        ({"more": 1}, 422),
    ],
)
def test_strokes_that_do_not_fit_are_refused(page, change, status):
    body = {"seq": 0, "frame": 0, "object_id": 1, "kind": "add", "path": [[0.5, 0.5]], **change}
    answer = page.client.post(f"{page.base}/strokes", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert page.open(page.project["id"])["seq"] == 0


def test_the_worst_frame_and_its_reason_are_those_of_the_core(page):
    """The strip and W take their numbers from `ivos.core.confidence`, over what the rounds brought."""
    page.stroke(2)
    page.round()
    page.post("/objects", name="cat")
    page.stroke(5, object_id=2, path=[[0.8, 0.9], [0.9, 0.9]])
    lines = page.round()
    sessions = page.client.app._app.state.services.sessions
    with sessions.use(page.project["id"]) as space:
        step, viewer = space.document.present, space.viewer
        results = [viewer.result(number, t) for t, number in enumerate(step.results)]
        expected = trust([each.confidence for each in results], *motion(map(viewer.canvas.cell_mask, results), 2))
    assert page.project["trust"] == pytest.approx(expected.values.tolist(), abs=1e-4)
    worst = worst_frame(expected.values, exclude=[2, 5])
    assert page.project["worst"]["frame"] == worst not in (2, 5)
    assert page.project["worst"]["reason"] == expected.reason(worst)
    streamed = {line["frame"]: line["confidence"] for line in lines if line["event"] == "frame"}
    assert all(streamed[t] == pytest.approx(results[t].confidence, abs=1e-4) for t in streamed)


def test_brushwork_is_deleted_like_strokes(page):
    page.stroke(2)
    page.round()
    before = page.mask(5)
    paint(page, 5)
    paint(page, 5, label=0)
    page.post("/strokes/delete", ids=[page.project["paints"][-1]["id"]])
    assert page.mask(5)[4, 5] == 1
    page.post("/strokes/delete", ids=[page.project["paints"][0]["id"]])
    assert (page.project["undo"], page.project["paints"], page.project["annotated"]) == ("deleting brushwork", [], [2])
    np.testing.assert_array_equal(page.mask(5), before)
    _, painted = paint(page, 5)
    page.round()
    page.stroke(5, path=[[0.8, 0.9], [0.9, 0.9]])
    page.post("/strokes/delete", ids=[page.project["paints"][0]["id"]])  # of an earlier round: the frame is drawn anew
    assert page.mask(5)[4, 5] == 0
    assert page.mask(5)[43, 55] == 1
    page.post("/undo")
    assert page.mask(5)[4, 5] == painted[4, 5] == 1


def test_brushwork_of_a_locked_object_is_not_deleted(page):
    page.stroke(2)
    paint(page, 2)
    locked = {"seq": page.project["seq"], "locked": True}
    page.project = page.ok(page.client.patch(f"{page.base}/objects/1", json=locked))["project"]
    ids = [page.project["paints"][0]["id"]]
    answer = page.client.post(f"{page.base}/strokes/delete", json={"seq": page.project["seq"], "ids": ids})
    assert answer.status_code == 409
    assert "locked" in answer.json()["error"]["message"]


def png(pixels, mode=None):
    """A mask as a file: ids with the DAVIS palette, or as they are in a mode of PIL."""
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    if mode is None:
        image.putpalette(davis_palette().tobytes())
    file = io.BytesIO()
    (image if mode is None else image.convert(mode)).save(file, format="PNG")
    return file.getvalue()


def import_mask(page, frame, content, **query):
    query = {"seq": page.project["seq"], **query}
    answer = page.client.post(f"{page.base}/frames/{frame}/mask", params=query, content=content)
    if answer.status_code == 200:
        page.project = answer.json()["project"]
    return answer


def elsewhere(size, *ids):
    """A mask with a block for each object."""
    mask = np.zeros(size, np.uint8)
    for n, k in enumerate(ids):
        mask[8:30, 4 + 16 * n : 16 + 16 * n] = k
    return mask


def test_imported_masks_bring_their_objects_and_are_carried(page):
    first, later = elsewhere(page.size, 1, 3), elsewhere(page.size, 1, 3, 2)
    assert import_mask(page, 1, png(first)).status_code == 200
    assert [each["id"] for each in page.project["objects"]] == [1, 3]
    assert import_mask(page, 6, png(davis_palette()[later], "RGB")).status_code == 200
    assert [each["id"] for each in page.project["objects"]] == [1, 2, 3]
    assert page.project["waiting"] == [1, 6]
    page.round()
    np.testing.assert_array_equal(page.mask(1)[first > 0], first[first > 0])
    np.testing.assert_array_equal(page.mask(6)[later > 0], later[later > 0])
    assert set(np.unique(page.mask(3))) == {0, 1, 2, 3}
    while page.project["undo"] is not None:
        page.post("/undo")
    assert not page.masks().any()
    assert import_mask(page, 1, png(first)).status_code == 200, "also after its objects were undone"
    np.testing.assert_array_equal(page.mask(1), first)


def test_a_binary_mask_is_of_the_chosen_object_alone(page):
    page.post("/objects", name=None)
    both = elsewhere(page.size, 1, 2)
    import_mask(page, 2, png(both))
    other = np.zeros(page.size, np.uint8)
    other[30:40, 8:60] = 1
    soft = np.where(other > 0, 253, 3)  # as JPEG files and smoothed edges are
    soft[29] = 100
    import_mask(page, 2, png(soft, "L"), object_id=2)
    expected = np.where(both == 2, 0, both)
    expected[30:40, 8:60] = 2
    np.testing.assert_array_equal(page.mask(2), expected)


def test_what_a_mask_calls_void_stays(page):
    import_mask(page, 2, png(elsewhere(page.size, 1)))
    partly = np.full(page.size, 255, np.uint8)
    partly[8:12] = 0
    import_mask(page, 2, png(partly))
    expected = elsewhere(page.size, 1)
    expected[8:12] = 0
    np.testing.assert_array_equal(page.mask(2), expected)


def test_masks_that_cannot_be_imported_are_refused_with_a_reason(page):
    mask = elsewhere(page.size, 1)
    refused = {
        "64 x 48": import_mask(page, 0, png(mask[:, 1:])),
        "cannot be read": import_mask(page, 0, b"no picture"),
        "palette PNG": import_mask(page, 0, png(np.stack([mask + 7, mask, mask], axis=-1), "RGB")),
        "frames 0..7": import_mask(page, 8, png(mask)),
        "object 9": import_mask(page, 0, png(mask * 255, "L"), object_id=9),
        "there already": import_mask(page, 0, png(mask * 0)),
    }
    for reason, answer in refused.items():
        assert answer.status_code in (404, 422)
        assert reason in answer.json()["error"]["message"]
    import_mask(page, 0, png(mask))
    page.ok(page.client.patch(f"{page.base}/objects/1", json={"seq": page.project["seq"], "locked": True}))
    page.open(page.project["id"])
    assert "locked" in import_mask(page, 0, png(elsewhere(page.size, 2))).json()["error"]["message"]
    assert [each["id"] for each in page.project["objects"]] == [1], "nothing of a refused mask is taken"
    assert import_mask(page, 0, bytes((64 << 20) + 1)).status_code == 413
