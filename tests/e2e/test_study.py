"""The study mode with a person at the page: truth beside the frame, locked slider, satisfied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import Editor, Server, until
from PIL import Image

from ivos.io.masks import write_mask

HEIGHT, WIDTH = 120, 160
LATE_ANSWERS = """(() => {
    let count = 0;
    const fetched = window.fetch;
    window.fetch = async (what, how) => {
        const answer = await fetched(what, how);
        const asked = String(what).endsWith("/study") && (how?.method ?? "GET") === "GET";
        if (asked && ++count % 2 === 0) await new Promise((go) => setTimeout(go, 800));
        return answer;
    };
})()"""
"""Every second thing the server says of the study reaches the page late, when something newer may be known."""


@pytest.fixture
def davis(tmp_path: Path) -> Path:
    """Two sequences of six frames with one grey square each."""
    root = tmp_path / "DAVIS"
    for name in ("ant", "bear"):
        for kind in ("JPEGImages", "Annotations"):
            (root / kind / "480p" / name).mkdir(parents=True)
        for t in range(6):
            frame = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
            truth = np.zeros((HEIGHT, WIDTH), np.uint8)
            truth[40:80, 50 + t : 100 + t] = 1
            frame[truth == 1] = 200
            Image.fromarray(frame).save(root / "JPEGImages" / "480p" / name / f"{t:05d}.jpg")
            write_mask(root / "Annotations" / "480p" / name / f"{t:05d}.png", truth)
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text("ant\nbear\n")
    return root


@pytest.fixture
def study(davis: Path, tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path / "projects", ["--study", str(davis), "--user", "eve"])
    started.start()
    yield started
    started.kill()


def scribble(editor: Editor) -> None:
    """A line through the square on the left of the two panels."""
    box = editor.page.locator("#canvas").bounding_box()
    scale = min((box["width"] - 28) / (2 * WIDTH + 12), (box["height"] - 28) / HEIGHT)
    left = box["x"] + (box["width"] - (2 * WIDTH + 12) * scale) / 2
    top = box["y"] + (box["height"] - HEIGHT * scale) / 2
    editor.page.mouse.move(left + 60 * scale, top + 60 * scale)
    editor.page.mouse.down()
    editor.page.mouse.move(left + 90 * scale, top + 62 * scale, steps=6)
    editor.page.mouse.up()
    editor.page.wait_for_selector("#strokes .stroke .choose")
    editor.saved()


def test_a_person_goes_through_the_study(study: Server, open_page: Any) -> None:
    editor = open_page(study)
    editor.page.add_init_script(LATE_ANSWERS)
    editor.page.reload()
    editor.ready()
    for number in (1, 2):
        editor.page.wait_for_selector(f"#study :text('{number} of 2')")
        editor.ready()
        assert "Truth" in editor.page.inner_text("#side-names")
        scribble(editor)
        editor.page.wait_for_selector("#study :text('Scribble, then propagate')")
        frame = editor.frame()
        editor.press("ArrowRight")
        editor.toast("The frame is fixed")
        assert editor.frame() == frame
        editor.press("r")
        editor.page.wait_for_selector("#study :text('Find the frame to correct')", timeout=60_000)
        editor.press("End")
        editor.page.wait_for_selector("#canvas[data-frame='5']")
        editor.press("a")
        editor.page.wait_for_selector("#study :text('Scribble, then propagate')")
        if number == 1:
            editor.page.reload()
            editor.page.wait_for_selector("#study :text('Scribble, then propagate')")
            editor.page.wait_for_selector("#canvas[data-frame='5']")
        scribble(editor)
        editor.press("r")
        editor.page.wait_for_selector("#study :text('round 2')", timeout=60_000)
        editor.page.click("#study :text('Satisfied')")
    editor.page.wait_for_selector("#study :text('All sequences are done')")
    until(lambda: study.get("/study")["phase"] == "finished")
    assert list((study.home / "study").rglob("result_eve.csv"))
    editor.page.reload()
    editor.page.wait_for_selector("#start :text('All sequences are done. Thank you, eve.')")
