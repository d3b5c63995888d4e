"""Projects and files in the page: upload, what a clip needs, renaming, deleting, exports that are read back."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import av
import numpy as np
from driving import BODY, CLIP_SIZE, ROCK, Editor, Server, area, pixels, until
from PIL import Image

from ivos.io.masks import write_mask


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


def test_an_export_that_is_refused_says_so_in_its_dialog_and_enter_starts_another(editor: Editor) -> None:
    editor.draw(*BODY)
    refusal = json.dumps({"error": {"code": "disk", "message": "The disk has too little room."}})
    editor.page.route("**/exports", lambda route: route.fulfill(status=507, body=refusal))
    editor.press("Control+e")
    editor.page.click("#export-go")
    editor.toast("too little room")
    on_top = "([x, y]) => Boolean(document.elementFromPoint(x, y).closest('.toast'))"
    for part, taken in ((".toast button", True), (".toast p", False)):  # the message lets the pointer through
        at = editor.page.locator(part).bounding_box()
        assert editor.page.evaluate(on_top, [at["x"] + at["width"] / 2, at["y"] + at["height"] / 2]) is taken
    editor.page.click(".toast [aria-label^=Close]")
    editor.press("Escape")
    editor.page.unroute("**/exports")
    editor.press("Control+e")
    editor.page.check("input[value=scribbles]")
    editor.press("Enter")
    editor.page.wait_for_selector("#export-save", timeout=120_000)
    editor.press("Escape")
    editor.press("Control+s")
    editor.toast("Everything is saved")


def test_export_and_read_the_files_back(editor: Editor, server: Server) -> None:
    editor.draw(*BODY)
    editor.round()
    with zipfile.ZipFile(io.BytesIO(export(editor, "palette"))) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        assert len(names) == 36
        image = Image.open(io.BytesIO(archive.read(names[17])))
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), pixels(server.mask(17), *CLIP_SIZE))
    scribbles = json.loads(export(editor, "scribbles"))
    assert scribbles["sequence"]
    assert len(scribbles["scribbles"]) == 36
    shown = pixels(server.mask(17), *CLIP_SIZE) == 1
    with zipfile.ZipFile(io.BytesIO(export(editor, "binary"))) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith("00017.png"))
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(archive.read(name)))) > 0, shown)
    coco = json.loads(export(editor, "coco"))
    assert {each["area"] for each in coco["annotations"]} >= {int(shown.sum())}
    for fmt, codec in {"green": "h264", "prores": "prores", "webm": "vp9", "overlay": "h264"}.items():
        with av.open(io.BytesIO(export(editor, fmt))) as video:
            assert video.streams.video[0].codec_context.name.endswith(codec)
            assert sum(1 for _ in video.decode(video=0)) == 36
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
    shown = pixels(server.mask(6), *CLIP_SIZE)
    assert {1, 2} <= set(np.unique(shown).tolist())
    assert np.array_equal(mask, np.where(shown == 2, 2, 0))
    editor.press("o")  # frame 7: no limit any more
    editor.press("Control+e")
    assert not editor.page.is_checked("[name=object][value='1']"), "the last choice is remembered"
    assert editor.page.is_checked("[name=object][value='2']")
    assert "Frames 5 to 7 (as last time)" in editor.page.inner_text("[name=range]")


def test_an_export_goes_on_when_its_dialog_is_closed(editor: Editor) -> None:
    editor.draw(*BODY)
    editor.press("Control+e")
    assert "35 of 36 frames have no mask yet" in editor.page.inner_text("#export-missing")
    editor.page.click("#export-go")
    editor.press("Escape")
    editor.toast("is written")
    with editor.page.expect_download() as waiting:
        editor.page.click(".toast a[download]")
    assert zipfile.is_zipfile(waiting.value.path())
    editor.page.reload()
    editor.ready()
    editor.press("Control+e")
    with editor.page.expect_download() as waiting:
        editor.page.click("#export footer a[download]")
    assert zipfile.is_zipfile(waiting.value.path())


DROP = """([text, where, name = "bunny.mp4"]) => {
    const file = new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name);
    const dropped = { dataTransfer: new DataTransfer(), bubbles: true, cancelable: true };
    dropped.dataTransfer.items.add(file);
    return !document.querySelector(where).dispatchEvent(new DragEvent("drop", dropped)); // true: it is taken
}"""


def test_a_dropped_clip_says_what_it_needs_and_other_files_are_refused(
    server: Server, open_page: Any, clip: Path, tmp_path: Path
) -> None:
    editor = open_page(server)
    text = tmp_path / "notes.mp4"
    text.write_text("no video")
    editor.page.set_input_files("#drop input", str(text))
    editor.page.wait_for_selector(".toast.error")
    editor.page.wait_for_selector("#demo")
    text.write_bytes(clip.read_bytes())
    editor.page.set_input_files("#drop input", str(text))  # mended, and chosen again
    editor.page.wait_for_selector("#needs[open]")
    editor.page.click("#needs .plain")
    content = base64.b64encode(clip.read_bytes()).decode()
    editor.page.wait_for_selector("#demo")
    assert editor.page.evaluate(DROP, [content, ".columns"]), "a clip may fall beside the zone"
    editor.page.wait_for_selector("#needs[open]")
    said = editor.page.inner_text("#needs")
    for fact in ("320 × 180", "36 frames", "Memory", "A round on this machine"):
        assert fact in said
    editor.page.click("#needs .primary")
    editor.ready()
    assert editor.page.inner_text("#clip-name").startswith("bunny")
    assert editor.page.evaluate(DROP, [content, "#canvas"]), "nor does one that falls on the editor leave the page"
    editor.toast("The file cannot be read")  # it is no mask


def test_masks_made_elsewhere_are_imported_and_carried(editor: Editor, server: Server, tmp_path: Path) -> None:
    masks = {4: np.zeros(CLIP_SIZE, np.uint8), 20: np.zeros(CLIP_SIZE, np.uint8)}
    masks[4][60:120, 90:130], masks[4][20:50, 200:240], masks[20][60:120, 100:140] = 1, 2, 1
    for frame, mask in masks.items():
        write_mask(tmp_path / f"{frame:05}.png", mask)
    with editor.page.expect_file_chooser() as chooser:
        editor.page.click("[data-action='mask.import']")
    chooser.value.set_files([str(tmp_path / "00004.png"), str(tmp_path / "00020.png")])
    editor.toast("2 masks imported on frames 4, 20")
    for frame, mask in masks.items():
        assert np.array_equal(pixels(server.mask(frame), *CLIP_SIZE), mask)
    assert [each["id"] for each in server.project()["objects"]] == [1, 2]
    editor.round()
    assert area(server.mask(12), 1) > 0
    matte = np.zeros(CLIP_SIZE, np.uint8)
    matte[100:140, 200:300] = 255
    Image.fromarray(matte).save(tmp_path / "matte 7.png")
    editor.go(9)
    editor.press("2")
    content = base64.b64encode((tmp_path / "matte 7.png").read_bytes()).decode()
    assert editor.page.evaluate(DROP, [content, "#canvas", "matte 7.png"])
    editor.toast("1 mask imported on frame 9")
    assert np.array_equal(pixels(server.mask(9), *CLIP_SIZE) == 2, matte > 0), "a binary mask is the chosen object's"
    (tmp_path / "00099.png").write_bytes((tmp_path / "00004.png").read_bytes())
    editor.page.set_input_files("#mask-files", [str(tmp_path / "00004.png"), str(tmp_path / "00099.png")])
    editor.toast("00099.png would belong to frame 99; the clip has frames 0 to 35")


def test_a_project_that_is_left_while_its_round_runs_shows_nowhere_else(
    editor: Editor, server: Server, open_page: Any
) -> None:
    editor.draw(*BODY)
    first = server.project()["id"]
    editor.start_round()
    editor.press("Control+o")
    editor.page.wait_for_selector("#demo")
    editor.open_demo()
    second = server.project()["id"]
    assert second != first
    editor.page.wait_for_selector("#rounds .primary")
    server.pace(0)
    until(lambda: server.get(f"/projects/{first}")["rounds"])
    editor.page.wait_for_timeout(400)
    assert editor.page.locator("#rounds progress").count() == editor.strokes() == 0
    editor.page.goto(editor.page.url.split("#")[0] + f"#/{first}")
    editor.true("document.querySelectorAll('#strokes .stroke .choose').length === 1")
    editor.press("Control+Shift+Delete")
    editor.true("document.querySelectorAll('#strokes .stroke .choose').length === 0")
    other = open_page(server)
    other.page.click(f"[data-project={first}] [aria-label^=Delete]")
    other.page.click("#ask .danger")
    other.page.wait_for_selector(f"[data-project={first}]", state="detached")
    other.page.close()
    editor.page.bring_to_front()
    editor.toast("deleted in another tab")
    assert editor.page.title() == "ivos"


def test_the_mask_of_another_project_is_never_shown(editor: Editor, server: Server) -> None:
    body, rock = BODY[1], ROCK[0]
    plain = {place: editor.pixel(*place) for place in (body, rock)}
    editor.draw(*BODY)
    first = server.project()["id"]
    editor.press("Control+o")
    editor.page.wait_for_selector("#demo")
    editor.open_demo()
    editor.draw(*ROCK)  # its mask has the same frame and number
    until(lambda: editor.pixel(*rock) != plain[rock])
    assert editor.pixel(*body) == plain[body]
    editor.press("Control+o")
    editor.page.click(f"[data-project={first}] .open")
    editor.ready()
    until(lambda: editor.pixel(*body) != plain[body])
    assert editor.pixel(*rock) == plain[rock]
    editor.press("Control+e")
    editor.page.wait_for_selector("#export[open]")
    editor.page.go_back()
    editor.page.wait_for_selector("#demo")
    assert editor.page.locator("dialog[open]").count() == 0, "its dialog goes with the project"


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
    kept = f"ivos.unsent.{project}.{server.get(f'/projects/{project}')['made_at']}"
    editor.page.evaluate("key => localStorage.setItem(key, '[]')", kept)
    editor.page.click(f"{row} [aria-label^=Delete]")
    editor.page.click("#ask .danger")
    editor.page.wait_for_selector(row, state="detached")
    assert editor.page.evaluate("key => localStorage.getItem(key)", kept) is None
    assert project not in [each["id"] for each in server.get("/projects")["projects"]]
    assert not (server.home / project).exists()
