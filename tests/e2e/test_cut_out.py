"""From the first stroke to the last frame: draw, propagate, cancel, undo, redo, reload, kill."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from driving import BODY, CLIP_FRAMES, CLIP_SIZE, Editor, Server, area, pixels, until

SKY = [(0.86, 0.18), (0.95, 0.22)]
BOLD, STANDING = 60, [(0.345, 0.14), (0.362, 0.25), (0.355, 0.45), (0.37, 0.65), (0.388, 0.83)]


def test_a_stranger_cuts_out_the_rabbit_within_a_minute(real_clip_server: Server, open_page: Any) -> None:
    server = real_clip_server
    began = time.monotonic()
    editor = open_page(server)
    editor.open_demo()
    plain = editor.pixel(*BODY[1])
    assert "Draw a line" in editor.page.inner_text("#coach")
    editor.draw(*BODY)
    assert area(server.mask(0), 1) > 500
    assert editor.pixel(0.335, 0.70) != plain
    assert "Press R" in editor.page.inner_text("#coach")
    editor.round()
    project = server.project()
    assert project["clip"]["num_frames"] == 132
    assert None not in project["revisions"]
    assert None not in project["trust"]
    editor.press("w")
    assert editor.frame() == project["worst"]["frame"]
    assert project["worst"]["reason"] in editor.page.inner_text("#badge")
    assert time.monotonic() - began < 60


def test_the_bundled_networks_answer_in_the_page(tmp_path: Path, open_page: Any, clip: Path) -> None:
    home = tmp_path / "projects"
    command = [sys.executable, "-u", "-m", "ivos", "app", "--projects", str(home), "--port", "0", "--no-browser"]
    server = Server(home, command=command)
    server.start()
    try:
        editor = open_page(server)
        editor.open_demo()
        editor.go(BOLD)
        editor.draw(*STANDING)
        assert 0.02 < area(server.mask(BOLD), 1) / (854 * 480) < 0.5
        editor.press("r")
        until(lambda: (server.project()["running"] or {}).get("done", 0) >= 4)
        editor.press("Escape")
        editor.page.click("text=Keep them")
        editor.page.wait_for_selector("#undecided", state="hidden")
        project = server.project()
        assert project["rounds"][0]["partial"]
        assert sum(value is not None for value in project["trust"]) >= 4
        editor.press("Control+o")
        editor.page.set_input_files("#drop input", str(clip))
        editor.page.click("#needs .primary")
        editor.ready()
        editor.draw(*BODY)
        editor.round()
        for t in range(CLIP_FRAMES):  # the rabbit hardly moves in these
            mask = pixels(server.mask(t), *CLIP_SIZE)
            height, width = CLIP_SIZE
            assert mask[round(BODY[1][1] * height), round(BODY[1][0] * width)] == 1
            assert 0.01 < (mask == 1).mean() < 0.3
    finally:
        server.kill()


def test_the_mask_appears_after_the_stroke_without_pressing_anything(editor: Editor, server: Server) -> None:
    before = editor.pixel(0.335, 0.70)
    editor.draw(*BODY)
    editor.press("h")  # let go at once
    red = editor.pixel(0.335, 0.70)
    assert red[0] > before[0], "tinted with the object's red"
    editor.page.keyboard.down("h")
    assert editor.pixel(0.335, 0.70) == before, "H hides"
    editor.page.keyboard.up("h")
    assert editor.pixel(0.335, 0.70) == red


def test_the_right_button_and_alt_take_away(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    first = area(server.mask(0), 1)
    editor.draw((0.36, 0.74), (0.38, 0.70), button="right")
    assert server.project()["strokes"][-1]["kind"] == "remove"
    assert area(server.mask(0), 1) < first
    editor.page.keyboard.down("Alt")
    editor.draw((0.28, 0.62), (0.27, 0.70))
    editor.page.keyboard.up("Alt")
    editor.press("x")
    editor.draw((0.20, 0.30), (0.25, 0.30))
    assert [stroke["kind"] for stroke in server.project()["strokes"]] == ["add", "remove", "remove", "remove"]


def test_strokes_stay_with_their_frame(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    editor.press("ArrowRight")
    editor.page.wait_for_selector("#canvas[data-frame='1']")
    assert editor.strokes() == 0
    editor.draw(*SKY)
    editor.press("ArrowLeft")
    editor.page.wait_for_selector("#canvas[data-frame='0']")
    assert editor.strokes() == 1
    assert [stroke["frame"] for stroke in server.project()["strokes"]] == [0, 1]


def test_fast_strokes_all_arrive_in_order(editor: Editor, server: Server) -> None:
    for i in range(5):
        editor.stroke((0.2 + 0.1 * i, 0.5), (0.24 + 0.1 * i, 0.6))
    until(lambda: len(server.project()["strokes"]) == 5)
    starts = [stroke["path"][0][0] for stroke in server.project()["strokes"]]
    assert starts == sorted(starts)
    editor.saved()
    assert editor.strokes() == 5


def test_a_stroke_can_be_picked_and_deleted(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    editor.draw(*SKY)
    editor.press("g")
    editor.page.mouse.click(*editor.at(0.33, 0.63))
    assert editor.page.locator("#strokes [aria-current=true]").count() == 1
    editor.press("Delete")
    until(lambda: len(server.project()["strokes"]) == 1)
    assert server.project()["strokes"][0]["path"][0][0] > 0.8
    editor.press("Control+z")
    until(lambda: len(server.project()["strokes"]) == 2)


def test_masks_stream_in_while_the_user_scrubs_and_plays(editor: Editor, server: Server) -> None:
    editor.go(3)
    plain = editor.pixel(0.335, 0.70)
    editor.go(0)
    editor.draw(*BODY)
    editor.start_round(0.15)
    until(lambda: (server.project()["running"] or {})["done"] >= 4)
    editor.go(3)
    assert server.project()["running"] is not None
    until(lambda: editor.pixel(0.335, 0.70)[0] > plain[0] + 20)  # the mask is shown before the round is over
    editor.press(" ")
    until(lambda: editor.frame() > 6)
    assert server.project()["running"] is not None, "playback works during the round"
    editor.press(" ")
    said = editor.page.inner_text("#rounds")
    assert "frames/s" in said
    assert "left" in said
    editor.finish_round()


def test_cancel_asks_and_throws_away(editor: Editor, server: Server) -> None:
    editor.go(2)
    plain = editor.pixel(0.335, 0.70)[0]
    editor.go(0)
    editor.draw(*BODY)
    before = server.project()
    editor.start_round(0.1)
    editor.true("document.querySelector('#rounds progress').value > 0.1")
    editor.press("Escape")
    editor.page.wait_for_selector("#undecided:visible")
    assert "Stopped after" in editor.page.inner_text("#undecided")
    editor.go(2)
    until(lambda: editor.pixel(0.335, 0.70)[0] > plain + 20)  # what there is to decide about stays in sight
    editor.page.reload()
    editor.ready()
    editor.go(2)
    until(lambda: editor.pixel(0.335, 0.70)[0] > plain + 20)
    editor.page.click("text=Throw away")
    editor.page.wait_for_selector("#undecided", state="hidden")
    until(lambda: editor.pixel(0.335, 0.70)[0] < plain + 5)
    after = server.project()
    assert after["revisions"] == before["revisions"]
    assert after["rounds"] == []


def test_cancel_and_keep_is_one_step_of_undo(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    before = server.project()
    editor.start_round(0.1)
    editor.true("document.querySelector('#rounds progress').value > 0.1")
    editor.press("Escape")
    editor.page.click("text=Keep them")
    editor.page.wait_for_selector("#undecided", state="hidden")
    kept = server.project()
    assert kept["rounds"][-1]["partial"]
    assert 1 < sum(r is not None for r in kept["revisions"]) < 36
    editor.press("Control+z")
    until(lambda: server.project()["revisions"] == before["revisions"])


def test_undo_and_redo_go_through_strokes_and_rounds_also_after_reload(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    editor.round()
    editor.draw(*SKY)
    whole = server.project()
    editor.page.reload()
    editor.ready()
    for expected in [(1, 1), (1, 0), (0, 0)]:
        editor.press("Control+z")
        until(lambda e=expected: (len(server.project()["strokes"]), len(server.project()["rounds"])) == e)
    assert not any(server.project()["revisions"])
    for expected in [(1, 0), (1, 1), (2, 1)]:
        editor.press("Control+Shift+z")
        until(lambda e=expected: (len(server.project()["strokes"]), len(server.project()["rounds"])) == e)
    assert server.project()["revisions"] == whole["revisions"]


def test_one_way_rounds_keep_within_the_marks(editor: Editor, server: Server) -> None:
    editor.go(20)
    editor.draw(*BODY)
    editor.go(30)
    editor.press("o")
    editor.go(10)
    editor.press("i")
    editor.round("f")
    has = [t for t, revision in enumerate(server.project()["revisions"]) if revision is not None]
    assert has == list(range(20, 31))
    editor.round("b")
    has = [t for t, revision in enumerate(server.project()["revisions"]) if revision is not None]
    assert has == list(range(10, 31))
    worst = server.project()["worst"]["frame"]
    editor.go(worst + 1)
    editor.press("i", "w")
    editor.toast("This frame lies outside the in and out marks")
    assert editor.frame() == worst


def test_annotated_frames_never_change(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    editor.go(16)
    editor.draw((0.45, 0.40), (0.45, 0.60))
    masks = [server.mask(0), server.mask(16)]
    editor.round()
    editor.go(28)
    editor.draw((0.45, 0.40), (0.45, 0.60))
    editor.round()
    assert [server.mask(0), server.mask(16)] == masks


def test_a_killed_server_loses_nothing_that_was_drawn(own_server: Server, open_page: Any) -> None:
    server = own_server
    editor = open_page(server)
    editor.open_demo()
    editor.draw(*BODY)
    editor.start_round(0.2)
    editor.true("document.querySelector('#rounds progress').value > 0.1")
    server.kill()
    server.pace(0)
    editor.toast("The server does not answer")
    editor.page.close()
    server.start()
    again = open_page(server)
    again.page.click(".recent .open")
    again.ready()
    assert again.strokes() == 1
    assert "The round was interrupted after" in again.page.inner_text("#undecided")
    again.page.click("text=Keep them")
    until(lambda: len(server.project()["rounds"]) == 1)
    kept = server.project()
    assert kept["rounds"][0]["partial"]
    assert 4 <= sum(revision is not None for revision in kept["revisions"]) < 36
    assert area(server.mask(0), 1) > 70
    again.round()
    assert None not in server.project()["revisions"]
    again.press("Control+z", "Control+z")
    until(lambda: server.project()["rounds"] == [])
    assert area(server.mask(0), 1) > 70


def test_a_tab_with_strokes_on_their_way_asks_before_it_closes(editor: Editor, server: Server) -> None:
    held: list[Any] = []
    asked: list[str] = []

    def hold(route: Any) -> None:
        held.append(route)

    editor.page.route("**/strokes", hold)
    editor.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    editor.stroke(*BODY)
    until(lambda: editor.page.evaluate("1") and held)
    editor.page.close(run_before_unload=True)
    until(lambda: editor.page.evaluate("1") and asked == ["beforeunload"])
    held[0].continue_()
    editor.saved()
    assert len(server.project()["strokes"]) == 1
    with editor.page.expect_event("close"):
        editor.page.close(run_before_unload=True)
    assert asked == ["beforeunload"]
