"""`ivos explain`: one picture of what the two transfers do on a frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ivos.cli.console import reading_bar, say
from ivos.errors import InputError

if TYPE_CHECKING:
    from ivos.engine.explaining import Explanation
    from ivos.io.overlay import SheetCell
    from ivos.types import Annotation, Frames

COLUMNS, WIDTH = 3, 480


def explain(
    video: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO")],
    *,
    scribbles: Path,
    frame: int,
    pixel: str,
    out: Path = Path("explain.png"),
    object_id: int = 1,
    round: int | None = None,
    model: str = "lite",
    device: str = "cpu",
    resolution: int | None = 480,
) -> None:
    """Draw what the two transfers do on a frame: where a pixel's mass goes, the transferred maps, the probabilities.

    The rounds before are played as they are recorded; the picture is of one round, on its way to the frame.

    Args:
        video: A video file, or a folder of jpg, png or webp images.
        scribbles: DAVIS scribble JSON.
        frame: The target frame, 0-based.
        pixel: x,y in pixels of the video, on the frame of the round's strokes.
        out: The picture to write, PNG.
        object_id: Whose probabilities are shown.
        round: 1-based; None: the last one.
        model: lite, or a weights file (presets paper and authors come untrained).
        device: cpu, cuda or mps.
        resolution: The networks see frames whose short side is at most this many pixels; None: full size.
    """
    from PIL import Image

    from ivos.cli.replay import replay
    from ivos.cli.segment import check_fit
    from ivos.core.schedule import span
    from ivos.engine.explaining import check_request, not_reached
    from ivos.engine.explaining import explain as explained
    from ivos.engine.session import Session
    from ivos.io.atomic import atomic_write
    from ivos.io.images import ImageFolder
    from ivos.io.overlay import contact_sheet
    from ivos.io.scribble_files import read_scribbles
    from ivos.io.video import read_video
    from ivos.model.weights import load_model

    place = _pixel(pixel)
    if out.suffix.lower() != ".png":
        raise InputError(f"The picture is to be written to {out}; expected a name that ends with .png.")
    strokes, frames = read_scribbles(scribbles), read_video(video, progress=reading_bar)
    if isinstance(frames, ImageFolder) and out.resolve().parent == frames.path.resolve():
        raise InputError(f"The picture '{out}' would become a frame of the clip '{frames.path}'; give another --out.")
    if out.resolve() in (video.resolve(), scribbles.resolve()):
        raise InputError(f"The picture would replace '{out}', which it is made from; give another --out.")
    check_fit(strokes, scribbles, frames)
    number = len(strokes.annotations) if round is None else round
    if not 1 <= number <= len(strokes.annotations):
        raise InputError(f"There is no round {number}; {scribbles} has the rounds 1..{len(strokes.annotations)}.")
    *earlier, shown = strokes.annotations[:number]
    session = Session(load_model(model, device=device), frames, strokes.num_objects, resolution=resolution)
    check_request(session, frame, place, object_id)
    if strokes.num_objects == 1:  # known before anything is played
        span_of_round = span(
            shown.frame, {each.frame for each in earlier}, len(frames), reach=session.model.config.reach
        )
        if frame not in span_of_round or frame == shown.frame:
            raise not_reached(frame, shown.frame, span_of_round)
    replay(session, earlier)
    session.annotate(shown.frame, shown.scribbles)
    found = explained(session, frame, place, object_id)
    sheet = contact_sheet(panels(found, frames, shown, place, object_id), columns=COLUMNS, width=WIDTH)
    with atomic_write(out) as file:
        Image.fromarray(sheet).save(file, format="PNG")
    say(f"The picture is {out}")


def panels(
    found: Explanation, frames: Frames, annotation: Annotation, pixel: tuple[int, int], object_id: int
) -> list[SheetCell]:
    """The pictures of the sheet with their captions."""
    from ivos.io.heatmap import heat, mark_pixel
    from ivos.io.overlay import SheetCell, draw_scribbles

    source, target = frames[found.annotated_frame], frames[found.target_frame]
    a, b, t = found.annotated_frame, found.previous_frame, found.target_frame
    most = float(found.mass.max())
    cells = [
        SheetCell(
            f"frame {a}: the strokes, and the pixel {pixel[0]},{pixel[1]}",
            mark_pixel(draw_scribbles(source, annotation.scribbles), pixel),
        ),
        SheetCell(f"frame {a}: A-Net's probability of object {object_id}", heat(source, found.annotated_probability)),
        SheetCell(
            f"frame {t}: where the pixel's mass goes (global; brightest {most:.2g})",
            heat(target, found.mass, highest=max(most, 1e-12)),
        ),
    ]
    carried = [("global transfer of the annotated frames' probability", found.global_map)]
    if found.local_map is not None:
        carried.append((f"local transfer of frame {b}'s probability", found.local_map))
    for text, values in carried:
        highest = float(values.max())  # a mass may pass 1, unlike a probability
        beyond = f" (up to {highest:.1f})" if highest > 1.005 else ""
        cells.append(SheetCell(f"frame {t}: {text}{beyond}", heat(target, values, highest=max(1.0, highest))))
    answer = heat(target, found.target_probability)
    return [*cells, SheetCell(f"frame {t}: T-Net's probability of object {object_id}", answer)]


def _pixel(text: str) -> tuple[int, int]:
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise InputError(f"The pixel is {text!r}; expected x,y in whole pixels of the video, such as 120,80.")
    return int(parts[0]), int(parts[1])
