"""The bundled demonstration clip."""

from __future__ import annotations

from importlib.resources import as_file, files

from ivos.io.video import read_video


def test_the_demo_clip_is_small_and_whole():
    with as_file(files("ivos") / "data" / "bunny.mp4") as path:
        assert path.stat().st_size < 1_500_000
        frames = read_video(path)
        assert (len(frames), frames.size, frames.fps) == (132, (480, 854), 25.0)
        assert frames[131].std() > 30
