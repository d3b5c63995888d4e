"""The page itself: objects, brush, views, tabs, keys, what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
from driving import BODY, CLIP_SIZE, ROCK, Editor, Server, area, pixels, until


def test_objects_are_made_named_hidden_locked_and_deleted(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    editor.press("n")
    editor.page.wait_for_selector("[data-object='2'][aria-current='true']")
    editor.draw(*ROCK)
    assert {stroke["object_id"] for stroke in server.project()["strokes"]} == {1, 2}
    editor.press("1")
    editor.page.wait_for_selector("[data-object='1'][aria-current='true']")
    editor.page.dblclick("[data-object='2'] .choose")
    editor.page.fill("input.name", "rock")
    editor.press("Enter")
    until(lambda: server.project()["objects"][1]["name"] == "rock")
    tinted = editor.pixel(0.335, 0.70)
    editor.page.click("[data-object='1'] [aria-label='Hide']")
    until(lambda: not server.project()["objects"][0]["visible"])
    assert editor.pixel(0.335, 0.70) != tinted
    editor.page.click("[data-object='2'] [aria-label^='Lock']")
    until(lambda: server.project()["objects"][1]["locked"])
    editor.press("2")
    editor.stroke(*ROCK)
    editor.toast("is locked")
    editor.page.click("[data-object='2'] [aria-label='Unlock']")
    until(lambda: not server.project()["objects"][1]["locked"])
    editor.page.hover("[data-object='2']")
    editor.page.click("[data-object='2'] [aria-label^='Delete']")
    until(lambda: len(server.project()["objects"]) == 1)
    editor.press("Control+z")
    until(lambda: len(server.project()["objects"]) == 2)


LOCK = """async ([id, seq]) => {
    const body = JSON.stringify({ seq, locked: true }), headers = { "Content-Type": "application/json" };
    return (await fetch(`/api/projects/${id}/objects/1`, { method: "PATCH", headers, body })).ok;
}"""


def test_a_name_that_is_typed_outlasts_a_change_of_the_list(editor: Editor, server: Server) -> None:
    editor.page.dblclick("[data-object='1'] .choose")
    editor.page.keyboard.type("Rab")
    project = server.project()
    assert editor.page.evaluate(LOCK, [project["id"], project["seq"]])  # as another tab would
    editor.page.wait_for_selector("[data-object='1'] [aria-label='Unlock']")
    editor.page.keyboard.type("bit")
    editor.press("Enter")
    until(lambda: server.project()["objects"][0]["name"] == "Rabbit")


def test_the_keys_count_the_objects_in_the_list_and_hidden_ones_are_not_drawn_on(
    editor: Editor, server: Server
) -> None:
    editor.press("n")
    editor.page.wait_for_selector("[data-object='2'][aria-current='true']")
    editor.press("Control+z")
    until(lambda: len(server.project()["objects"]) == 1)
    editor.press("n")
    editor.page.wait_for_selector("[data-object='3'][aria-current='true']")  # ids are never used again
    editor.press("1")
    editor.page.wait_for_selector("[data-object='1'][aria-current='true']")
    editor.press("2")
    editor.page.wait_for_selector("[data-object='3'][aria-current='true']")
    editor.page.click("[data-object='3'] [aria-label='Hide']")
    editor.page.wait_for_selector("[data-object='3'] [aria-label='Show']")
    assert not server.project()["objects"][1]["visible"]
    editor.stroke(*ROCK)
    editor.toast("is hidden")
    assert server.project()["strokes"] == []


def test_an_eraser_that_finds_nothing_changes_nothing_and_every_deleted_stroke_asks_for_new_ones(
    editor: Editor, server: Server
) -> None:
    editor.draw(*BODY)
    editor.round()
    before = server.project()["seq"]
    editor.press("e")
    editor.stroke((0.90, 0.10), (0.95, 0.10))
    editor.saved()
    assert server.project()["seq"] == before
    assert editor.page.locator(".toast.error").count() == 0
    editor.press("Control+Shift+Delete")
    until(lambda: server.project()["strokes"] == [])
    editor.page.wait_for_selector("#rounds .facts :text('scribble again')")
    editor.page.wait_for_selector("#rounds [data-step='1'][aria-current='step']")


def test_the_chosen_object_is_in_sight_in_a_long_list(editor: Editor) -> None:
    for k in range(2, 11):
        editor.press("n")
        editor.page.wait_for_selector(f"[data-object='{k}'][aria-current='true']")
    for key, k in (("1", 1), ("9", 9)):
        editor.press(key)
        editor.page.wait_for_selector(f"[data-object='{k}'][aria-current='true']")
        box, row = (editor.page.locator(each).bounding_box() for each in ("#objects", f"[data-object='{k}']"))
        assert box["y"] - 1 <= row["y"]
        assert row["y"] + row["height"] <= box["y"] + box["height"] + 1


def test_brush_and_eraser_change_pixels_and_later_rounds_keep_them(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    editor.round()
    editor.go(14)
    before = area(server.mask(14), 1)
    editor.press("Shift+B", "]", "]", "]")
    editor.stroke((0.80, 0.80), (0.95, 0.80))
    editor.saved()
    until(lambda: [each["frame"] for each in server.project()["paints"]] == [14])
    painted = server.mask(14)
    assert area(painted, 1) > before + 50
    editor.press("e")
    editor.stroke((0.80, 0.80), (0.84, 0.80))
    editor.saved()
    until(lambda: area(server.mask(14), 1) < area(painted, 1))
    repaired = server.mask(14)
    editor.round()
    assert server.mask(14) == repaired
    assert pixels(server.mask(13), *CLIP_SIZE)[144, 297] == 1, "the brushwork spreads to its neighbour"
    editor.page.click("[aria-label='Delete what is painted']")
    until(lambda: server.project()["paints"] == [])
    editor.page.wait_for_selector("#clear-frame:disabled")


def test_what_a_round_costs_is_said_before_it_begins(editor: Editor) -> None:
    editor.page.wait_for_selector("#rounds .facts :text('A round: 36 frames, about')")
    assert "of memory" in editor.page.inner_text("#rounds .facts")
    editor.go(9)
    editor.press("o")
    editor.page.wait_for_selector("#rounds .facts :text('A round: 10 frames')")
    assert "range 0–9" in editor.page.inner_text("#rounds .facts")


def test_zoom_keeps_the_point_under_the_cursor_and_drags_pan(editor: Editor) -> None:
    x, y = editor.at(0.7, 0.5)
    fitted, before = editor.page.inner_text("#zoom"), editor.screen_pixel(x, y)
    editor.page.mouse.move(x, y)
    editor.page.mouse.wheel(0, -300)
    until(lambda: editor.page.inner_text("#zoom") != fitted)
    assert np.abs(np.subtract(editor.screen_pixel(x, y), before)).max() < 40
    editor.press("0")
    assert editor.page.inner_text("#zoom") == fitted
    editor.press("Shift+1", "+", "+", "+", "+", "+", "+")
    for button, key in (("middle", None), ("left", " ")):
        start = editor.screen_pixel(x, y)
        if key:
            editor.page.keyboard.down(key)
        editor.page.mouse.move(x, y)
        editor.page.mouse.down(button=button)
        editor.page.mouse.move(x - 40, y - 30, steps=4)
        editor.page.mouse.up(button=button)
        if key:
            editor.page.keyboard.up(key)
        until(lambda s=start: np.abs(np.subtract(editor.screen_pixel(x - 40, y - 30), s)).max() < 12)
    assert editor.strokes() == 0, "panning draws nothing"
    assert editor.frame() == 0, "and does not play"


def test_overlays_and_before_after(editor: Editor, server: Server) -> None:
    background, inside = (0.95, 0.05), (0.335, 0.70)
    untouched = editor.pixel(*inside)
    editor.draw(*BODY)
    editor.press("g")
    editor.page.mouse.move(5, 5)
    plain, tinted = editor.pixel(*background), editor.pixel(*inside)
    editor.press("v")
    assert editor.page.get_attribute("[data-mode=contour]", "aria-checked") == "true"
    assert np.abs(np.subtract(editor.pixel(*inside), untouched)).max() < 8, "the inside is as it was"
    assert tinted != untouched
    editor.press("v")
    assert editor.page.get_attribute("[data-mode=matte]", "aria-checked") == "true"
    assert editor.pixel(*inside) == [255, 255, 255]
    assert editor.pixel(*background) == [0, 0, 0]
    editor.press("v")
    assert editor.pixel(*background) not in (plain, [0, 0, 0])
    editor.press("v")
    assert editor.pixel(*background) == [0, 177, 64]
    editor.press("v")
    assert editor.page.is_visible("#side-names span:first-child")
    editor.press("v")
    assert editor.pixel(*background) == plain
    editor.press("Shift+1")
    assert editor.page.inner_text("#zoom") == "100 %"
    editor.press("0")
    assert editor.pixel(*background) == plain
    editor.round()
    editor.go(12)
    tinted = editor.pixel(*inside)
    editor.page.keyboard.down("c")
    assert editor.page.inner_text("#badge") == "Before the last round"
    assert editor.pixel(*inside) != tinted
    editor.page.keyboard.up("c")


def test_a_reload_goes_on_where_playing_was_paused(editor: Editor) -> None:
    editor.press("Space")
    until(lambda: editor.frame() >= 5)
    editor.press("Space")
    paused = editor.frame()
    editor.page.wait_for_timeout(1200)
    editor.page.reload()
    editor.ready()
    assert editor.frame() == paused >= 5


def test_two_tabs_show_the_same_and_do_not_overwrite_each_other(editor: Editor, server: Server, open_page: Any) -> None:
    other = open_page(server, editor.page.url)
    other.ready()
    editor.page.bring_to_front()
    editor.draw(*BODY)
    other.page.bring_to_front()
    other.true("document.querySelectorAll('#strokes .stroke .choose').length === 1")
    other.draw(*ROCK)
    editor.page.bring_to_front()
    editor.true("document.querySelectorAll('#strokes .stroke .choose').length === 2")
    editor.start_round(0.2)
    other.page.bring_to_front()
    other.page.wait_for_selector("#rounds progress")
    other.finish_round()
    assert None not in server.project()["revisions"]


def test_keys_reach_every_control_and_help_lists_them(editor: Editor) -> None:
    editor.press("?")
    text = editor.page.inner_text("#help")
    for key in ("R", "Esc", "Ctrl+Z", "PgUp", "Wheel"):
        assert key in text
    editor.press("Escape")
    assert not editor.page.is_visible("#help")
    seen = set()
    for _ in range(80):
        editor.press("Tab")
        seen.add(editor.page.evaluate("document.activeElement.id || document.activeElement.dataset.action || ''"))
    assert {"canvas", "track", "play", "export", "help", "opacity", "frame-number", "object.new", "tool.brush"} <= seen
    unnamed = editor.page.evaluate(
        """[...document.querySelectorAll('button, input, select')].filter((e) => e.offsetParent &&
            !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.[0]?.textContent.trim())).length"""
    )
    assert unnamed == 0


CONTRAST = """() => {
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0.5) return c; } return [12, 14, 17]; };
  const bad = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement, text = walk.currentNode.textContent.trim();
    if (!text || !e.offsetParent || e.closest('button:disabled, script, noscript')) continue;
    const [a, b] = [light(numbers(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push([text.slice(0, 30), ratio]);
  }
  return bad; }"""


def test_text_has_contrast_and_everything_fits_1280_by_720(server: Server, open_page: Any) -> None:
    editor = open_page(server)
    editor.page.wait_for_selector("#demo")
    assert editor.page.evaluate(CONTRAST) == []
    editor.open_demo()
    editor.draw(*BODY)
    assert editor.page.evaluate(CONTRAST) == []
    outside = editor.page.evaluate(
        """[...document.querySelectorAll('#editor button, #editor input')].filter((e) => {
            const r = e.getBoundingClientRect(), out = r.right > innerWidth || r.bottom > innerHeight;
            return e.offsetParent && (out || r.left < 0 || r.top < 0); }).length"""
    )
    assert outside == 0
    stage = editor.page.locator("#stage").bounding_box()
    assert stage["width"] > 850
    assert stage["height"] > 440


def test_every_button_can_be_clicked_in_a_low_window_with_many_objects(editor: Editor) -> None:
    for _ in range(6):
        editor.press("n")
        editor.saved()
    editor.page.set_viewport_size({"width": 1024, "height": 576})
    editor.press("7")
    editor.page.wait_for_selector("#objects [aria-current=true] :text('Object 7')")
    covered = editor.page.evaluate(
        """[...document.querySelectorAll('.viewbar button, .side header button, .go button')].filter((e) => {
            const r = e.getBoundingClientRect(), [x, y] = [r.x + r.width / 2, r.y + r.height / 2];
            return e.offsetParent && !e.contains(document.elementFromPoint(x, y)); }).map((e) => e.textContent)"""
    )
    assert covered == []


def test_errors_are_sentences(editor: Editor, server: Server) -> None:
    editor.press("r")
    editor.toast("Draw a scribble on an object first")
    editor.press("w")
    editor.toast("No frame has a result yet")
    editor.page.goto(editor.page.url.split("#")[0] + "#/no-such-project")
    editor.page.wait_for_selector(".toast.error")
    editor.page.wait_for_selector("#demo")


def test_no_key_leaves_the_page(editor: Editor) -> None:
    for key in ("q", "Control+q", "Escape"):
        editor.press(key)
        assert editor.page.is_visible("#canvas"), key
