"""`ivos demo`: three recorded rounds on the bundled clip."""

from __future__ import annotations

from pathlib import Path

from ivos.cli.console import say, table
from ivos.cli.segment import FORMATS, write_results

DATA = Path(__file__).parent.parent / "data"
CLIP, STROKES = DATA / "bunny.mp4", DATA / "bunny_scribbles.json"


def demo(out: Path = Path("ivos-demo"), *, model: str = "lite", device: str = "cpu") -> None:
    """Cut the bunny out of the bundled clip with three rounds of recorded strokes.

    Writes one palette PNG a frame, overlay.mp4 and contact_sheet.png.

    Args:
        out: Folder for the results; made if it is missing.
        model: lite, or a weights file (presets paper and authors come untrained).
        device: cpu, cuda or mps.
    """
    from ivos.cli.replay import replay
    from ivos.engine.session import Session
    from ivos.io.atomic import make_folder
    from ivos.io.exports import check_target, write_contact_sheet
    from ivos.io.scribble_files import read_scribbles
    from ivos.io.video import read_video
    from ivos.model.weights import load_model

    strokes = read_scribbles(STROKES)
    frames = read_video(CLIP)
    check_target(out, frames, FORMATS)
    session = Session(load_model(model, device=device), frames, strokes.num_objects)
    make_folder(out)
    reports = replay(session, strokes.annotations)
    write_results(session, out, FORMATS)
    write_contact_sheet(out / "contact_sheet.png", session, strokes.annotations)
    rows = [
        [
            str(report.number),
            str(report.frame),
            f"{report.seconds:.1f}",
            f"{1000 * report.seconds / report.num_frames:.0f}",
            f"{report.confidence:.3f}",
        ]
        for report in reports
    ]
    say(table(["round", "annotated frame", "seconds", "ms/frame", "mean confidence"], rows))
    say(f"{session.num_frames} masks, overlay.mp4 and contact_sheet.png are in {out}")
