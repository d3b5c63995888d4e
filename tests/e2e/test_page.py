"""The page itself: objects, brush, views, export, uploads, tabs, keys, study."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import Editor, Server, area, until
from PIL import Image

BODY = [(0.30, 0.75), (0.33, 0.62), (0.36, 0.70)]
ROCK = [(0.60, 0.42), (0.70, 0.45)]
SIZE = (180, 320)


def pixels(runs: list[int], height: int, width: int) -> np.ndarray:
    return np.repeat(np.array(runs[::2], np.uint8), runs[1::2]).reshape(height, width)


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


def test_brush_and_eraser_change_pixels_and_later_rounds_keep_them(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    editor.round()
    editor.go(14)
    before = area(server.mask(14), 1)
    editor.press("Shift+B", "]", "]", "]")
    editor.stroke((0.80, 0.80), (0.95, 0.80))
    editor.saved()
    until(lambda: server.project()["painted"] == [14])
    painted = server.mask(14)
    assert area(painted, 1) > before + 50
    editor.press("e")
    editor.stroke((0.80, 0.80), (0.84, 0.80))
    editor.saved()
    until(lambda: area(server.mask(14), 1) < area(painted, 1))
    repaired = server.mask(14)
    editor.round()
    assert server.mask(14) == repaired
    assert pixels(server.mask(13), *SIZE)[144, 297] == 1, "the brushwork spreads to its neighbour"


def test_overlays_zoom_and_before_after(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    editor.press("g")
    editor.page.mouse.move(5, 5)
    background, inside = (0.95, 0.05), (0.335, 0.70)
    plain = editor.pixel(*background)
    editor.press("v", "v")
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
    editor.page.mouse.move(600, 300)
    editor.page.mouse.wheel(0, -400)
    until(lambda: int(editor.page.inner_text("#zoom").split()[0]) > 150)
    editor.press("0")
    assert editor.pixel(*background) == plain
    editor.round()
    editor.go(12)
    tinted = editor.pixel(*inside)
    editor.page.keyboard.down("c")
    assert editor.page.inner_text("#badge") == "Before the last round"
    assert editor.pixel(*inside) != tinted
    editor.page.keyboard.up("c")


def export(editor: Editor, fmt: str, *without: str) -> bytes:
    editor.press("Control+e")
    editor.page.check(f"input[value={fmt}]")
    for box in without:
        editor.page.uncheck(box)
    editor.page.click("#export-go")
    editor.page.wait_for_selector("#export-save", timeout=120_000)
    with editor.page.expect_download() as waiting:
        editor.page.click("#export-save")
    data = Path(waiting.value.path()).read_bytes()
    editor.press("Escape")
    return data


def test_export_and_read_the_files_back(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    editor.round()
    with zipfile.ZipFile(io.BytesIO(export(editor, "palette"))) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        assert len(names) == 36
        image = Image.open(io.BytesIO(archive.read(names[17])))
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), pixels(server.mask(17), *SIZE))
    scribbles = json.loads(export(editor, "scribbles"))
    assert scribbles["sequence"]
    assert len(scribbles["scribbles"]) == 36
    assert b"ftyp" in export(editor, "overlay")[:16]
    assert server.project()["export_choice"]["format"] == "overlay"
    editor.page.reload()
    editor.ready()
    editor.press("Control+e")
    assert editor.page.is_checked("input[value=overlay]"), "the last choice is remembered"


def test_export_some_objects_within_the_marks(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    editor.press("n")
    editor.page.wait_for_selector("[data-object='2'][aria-current='true']")
    editor.draw(*ROCK)
    editor.round()
    editor.go(5)
    editor.press("i")
    editor.go(7)
    editor.press("o", "Control+e")
    editor.page.click("#pick-none")
    assert "Choose at least one object" in editor.page.inner_text("#export-missing")
    assert editor.page.is_disabled("#export-go")
    editor.page.click("#pick-all")
    assert editor.page.is_enabled("#export-go")
    editor.press("Escape")
    with zipfile.ZipFile(io.BytesIO(export(editor, "palette", "[name=object][value='1']"))) as archive:
        assert archive.namelist() == ["00005.png", "00006.png", "00007.png"]
        mask = np.asarray(Image.open(io.BytesIO(archive.read("00006.png"))))
    shown = pixels(server.mask(6), *SIZE)
    assert {1, 2} <= set(np.unique(shown).tolist())
    assert np.array_equal(mask, np.where(shown == 2, 2, 0))
    editor.press("o")  # frame 7: no limit any more
    editor.press("Control+e")
    assert not editor.page.is_checked("[name=object][value='1']"), "the last choice is remembered"
    assert editor.page.is_checked("[name=object][value='2']")
    assert "Frames 5 to 7 (as last time)" in editor.page.inner_text("[name=range]")


def test_upload_says_what_a_clip_needs_and_refuses_other_files(
    server: Server, open_page: Any, clip: Path, tmp_path: Path
) -> None:
    editor = open_page(server)
    text = tmp_path / "notes.mp4"
    text.write_text("no video")
    editor.page.set_input_files("#drop input", str(text))
    editor.page.wait_for_selector(".toast.error")
    editor.page.set_input_files("#drop input", str(clip))
    editor.page.wait_for_selector("#needs[open]")
    said = editor.page.inner_text("#needs")
    for fact in ("320 × 180", "36 frames", "Memory", "A round on this machine"):
        assert fact in said
    editor.page.click("#needs .primary")
    editor.ready()
    assert editor.page.inner_text("#clip-name").startswith("bunny")


def test_projects_are_renamed_and_deleted_in_the_list(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    project = server.project()["id"]
    editor.press("Control+o")
    row = f"[data-project={project}]"
    editor.page.click(f"{row} [aria-label^=Rename]")
    editor.page.keyboard.type("rabbit run")
    editor.press("Enter")
    editor.page.wait_for_selector(f"{row} .open:has-text('rabbit run')")
    assert server.get(f"/projects/{project}")["name"] == "rabbit run"
    editor.page.click(f"{row} .open")
    editor.ready()
    assert editor.page.inner_text("#clip-name") == "rabbit run"
    editor.press("Control+o")
    editor.page.click(f"{row} [aria-label^=Delete]")
    assert "cannot be undone" in editor.page.inner_text("#ask")
    editor.press("Escape")
    assert editor.page.locator(row).count() == 1
    editor.page.click(f"{row} [aria-label^=Delete]")
    editor.page.click("#ask .danger")
    editor.page.wait_for_selector(row, state="detached")
    assert project not in [each["id"] for each in server.get("/projects")["projects"]]
    assert not (server.home / project).exists()


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


def test_errors_are_sentences(editor: Editor, server: Server) -> None:
    editor.press("r")
    editor.toast("Draw a scribble on an object first")
    editor.press("w")
    editor.toast("No frame has a result yet")
    editor.page.goto(editor.page.url.split("#")[0] + "#/no-such-project")
    editor.page.wait_for_selector(".toast.error")
    editor.page.wait_for_selector("#demo")


@pytest.mark.parametrize("key", ["q", "Control+q", "Escape"])
def test_no_key_leaves_the_page(editor: Editor, key: str) -> None:
    editor.press(key)
    assert editor.page.is_visible("#canvas")
