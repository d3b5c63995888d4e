"""The bundled networks in a session: reduced precision and several objects change nothing that a user would see, and
outlines follow the edges of the frame."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ivos
from ivos.core.metrics import region_similarity
from ivos.io.scribble_files import read_scribbles
from ivos.io.synthetic import moving_shapes
from ivos.model.weights import BUNDLED, load_weights

DATA = Path(ivos.__file__).parent / "data"
FRAMES = 5


class Excerpt:
    """The first frames of the bundled clip, from the annotated one on."""

    def __init__(self, start: int) -> None:
        self._clip, self._start = ivos.read_video(DATA / "bunny.mp4"), start
        self.size, self.fps = self._clip.size, self._clip.fps

    def __len__(self) -> int:
        return FRAMES

    def __getitem__(self, t: int):
        return self._clip[self._start + t]


@pytest.fixture(scope="module")
def recorded():
    """The frame and the strokes of the demo's first round."""
    first = read_scribbles(DATA / "bunny_scribbles.json").annotations[0]
    return first.frame, list(first.scribbles)


def masks(model, clip, strokes, num_objects: int = 1) -> list[np.ndarray]:
    session = ivos.Session(model, clip, num_objects)
    session.annotate(0, strokes)
    for _ in session.propagate():
        pass
    return [session.mask(t) for t in range(FRAMES)]


def test_reduced_precision_gives_the_masks_of_float32(recorded):
    frame, strokes = recorded
    clip = Excerpt(frame)
    fast = masks(ivos.load_model(), clip, strokes)
    exact = masks(load_weights(BUNDLED / "lite.safetensors"), clip, strokes)
    for a, b in zip(fast, exact, strict=True):
        assert (b == 1).sum() > 1000  # the rabbit is there
        assert region_similarity(a == 1, b == 1) > 0.98


def test_objects_at_once_are_cut_out_as_one_by_one(recorded):
    frame, strokes = recorded
    clip, net = Excerpt(frame), load_weights(BUNDLED / "lite.safetensors")
    second = ivos.Scribble(2, [(0.05, 0.9), (0.15, 0.92)])  # the meadow
    sessions = {}
    for name, count, drawn in (
        ("both", 2, [*strokes, second]),
        ("first", 1, [*strokes, ivos.Scribble(0, second.points)]),
    ):
        session = ivos.Session(net, clip, count)
        session.annotate(0, drawn)
        for _ in session.propagate():
            pass
        sessions[name] = session
    for t in range(FRAMES):
        together = sessions["both"].probability(t)[0]
        alone = sessions["first"].probability(t)[0]
        np.testing.assert_allclose(together, alone, atol=2e-3)


@pytest.mark.parametrize("resolution", [None, 160])
def test_outlines_follow_the_edges_of_the_frame(resolution):
    clip, net = moving_shapes(3, (320, 400), num_objects=1, seed=0), load_weights(BUNDLED / "lite.safetensors")
    y, x = (where.mean() / side for where, side in zip(np.nonzero(clip.masks[0]), (320, 400), strict=True))
    wrong = {}
    for guided in (False, True):
        net.config = replace(net.config, guided=guided)
        session = ivos.Session(net, clip.frames, resolution=resolution)
        session.annotate(0, [ivos.Scribble(1, [(x - 0.05, y), (x + 0.05, y)])])
        masks = dict(session.propagate())
        assert region_similarity(masks[0] == 1, clip.masks[0] == 1) > 0.9
        wrong[guided] = sum(int((mask != clip.masks[t]).sum()) for t, mask in masks.items())
        for t, mask in masks.items():  # the probability agrees with the mask
            np.testing.assert_array_equal(session.probability(t)[0] >= net.config.fusion_threshold, mask == 1)
    assert wrong[True] < 0.2 * wrong[False]
