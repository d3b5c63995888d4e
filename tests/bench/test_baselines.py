"""The classical baselines on clips where they must succeed."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ivos.bench.copy_masks import CopyMasks
from ivos.bench.runner import as_source
from ivos.bench.segmenters import NamedSource, SessionSegmenter
from ivos.core.metrics import region_similarity
from ivos.errors import InputError
from ivos.io.images import ArrayFrames
from ivos.types import Annotation, Scribble


def moving_discs(frames: int = 7, size: tuple[int, int] = (72, 96)) -> tuple[ArrayFrames, np.ndarray]:
    """Two textured discs drifting over another texture, and their masks."""
    rng = np.random.default_rng(0)
    ys, xs = np.mgrid[: size[0], : size[1]]
    ground = rng.integers(0, 60, (*size, 3))
    bright = rng.integers(0, 60, (*size, 3)) + np.array([150, 30, 0])
    cold = rng.integers(0, 60, (*size, 3)) + np.array([0, 60, 180])
    pixels, masks = np.zeros((frames, *size, 3), np.uint8), np.zeros((frames, *size), np.uint8)
    for t in range(frames):
        masks[t][(ys - 25) ** 2 + (xs - 25 - 2 * t) ** 2 < 14**2] = 1
        masks[t][(ys - 50) ** 2 + (xs - 75 + t) ** 2 < 12**2] = 2
        shifted = [np.roll(texture, shift, axis=1) for texture, shift in ((bright, 2 * t), (cold, -t))]
        pixels[t] = np.choose(masks[t][..., None], [ground, *shifted])
    return ArrayFrames(pixels), masks


def point(object_id: int, x: float, y: float) -> Scribble:
    return Scribble(object_id, [(x / 95, y / 71), ((x + 4) / 95, y / 71)])


FIRST = Annotation(0, [point(1, 24, 25), point(2, 74, 50)])


def test_copy_shows_the_nearest_annotated_frame() -> None:
    frames, truth = moving_discs()
    masks = CopyMasks()(frames, (FIRST,), 2)
    assert masks.shape == truth.shape
    assert all((mask == masks[0]).all() for mask in masks)
    assert all(region_similarity(masks[0] == k, truth[0] == k) > 0.85 for k in (1, 2))
    corrected = CopyMasks()(frames, (FIRST, Annotation(6, [point(1, 50, 25), point(0, 14, 25)])), 2)
    assert (corrected[:4] == masks[:4]).all()
    assert (corrected[4:] == corrected[6]).all()
    before, after = (region_similarity(each[6] == 1, truth[6] == 1) for each in (masks, corrected))
    assert after > before
    only_background = CopyMasks()(frames, (Annotation(0, [point(0, 24, 25)]),), 1)
    assert not only_background.any()


def test_grabcut_flow_follows_the_objects() -> None:
    pytest.importorskip("cv2")
    frames, truth = moving_discs()
    method = NamedSource("grabcut-flow").load()
    masks = method(frames, (FIRST,), 2)
    for t in range(len(frames)):
        assert all(region_similarity(masks[t] == k, truth[t] == k) > 0.7 for k in (1, 2))
    again = NamedSource("grabcut-flow").load()
    rounds = (FIRST, Annotation(6, [point(0, 5, 60)]))
    assert (method(frames, rounds, 2) == again(frames, rounds, 2)).all()  # with or without the round before
    tiny = ArrayFrames(np.zeros((2, 1, 1, 3), np.uint8))
    assert method(tiny, (Annotation(0, [Scribble(1, [(0, 0)])]),), 1).shape == (2, 1, 1)


def test_grabcut_flow_without_opencv_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match=r"pip install 'ivos\[baselines\]'"):
        NamedSource("grabcut-flow").load()


def test_the_digest_of_networks_tells_their_configs_apart() -> None:
    from ivos.model.atnet import build
    from ivos.model.config import PRESETS

    def digest(**changes: Any) -> str:
        return as_source(build(replace(PRESETS["lite"], **changes))).digest

    assert digest() == digest()
    assert digest() != digest(fusion_threshold=0.9)


def test_a_session_plays_a_round_for_each_call() -> None:
    from ivos.model.atnet import build
    from ivos.model.config import PRESETS

    frames, _ = moving_discs(3, (32, 48))
    model = build(PRESETS["lite"]).eval()
    segmenter = SessionSegmenter(model)
    first = Annotation(0, [Scribble(1, [(0.3, 0.3)])])
    second = Annotation(2, [Scribble(0, [(0.9, 0.9)])])
    one = segmenter(frames, (first,), 1)
    assert one.shape == (3, 32, 48)
    assert set(segmenter.seconds) == {"annotate", "transfer", "read"}
    assert all(value >= 0 for value in segmenter.seconds.values())
    kept = one.copy()
    two = segmenter(frames, (first, second), 1)
    assert (one == kept).all()
    fresh = SessionSegmenter(model)
    assert (fresh(frames, (first,), 1) == one).all()
    assert (fresh(frames, (first, second), 1) == two).all()
    assert (segmenter(frames, (first,), 1) == one).all()  # another sample on the same clip starts afresh
