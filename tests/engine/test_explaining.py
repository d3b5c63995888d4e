"""What `explain` shows is what the networks did: the same maps, probabilities and weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ivos
from ivos.core.transfer import global_transfer
from ivos.engine.explaining import explain
from ivos.engine.session import Session
from ivos.errors import InputError
from ivos.io.synthetic import moving_shapes
from ivos.model.atnet import build
from ivos.model.config import PRESETS
from ivos.model.inspect import carried_probability, global_weights

SIZE = (48, 64)
STROKES = [ivos.Scribble(1, [(0.2, 0.3), (0.4, 0.6)]), ivos.Scribble(2, [(0.8, 0.5)])]


@pytest.fixture(scope="module")
def lite():
    return build(PRESETS["lite"], seed=1).eval()


@pytest.fixture(scope="module")
def paper():
    return build(PRESETS["paper"], seed=1).eval()


def session_of(model) -> Session:
    session = Session(model, moving_shapes(6, SIZE, num_objects=2, seed=1).frames, 2)
    session.annotate(2, STROKES)
    return session


def test_the_probabilities_are_those_of_the_round(lite):
    session = session_of(lite)
    found = explain(session, 5, (10, 20), object_id=2)
    assert (found.annotated_frame, found.previous_frame, found.target_frame) == (2, 4, 5)
    assert session.pending  # nothing was propagated
    list(session.propagate())
    np.testing.assert_allclose(found.target_probability, session.probability(5)[1], atol=2e-3)
    np.testing.assert_allclose(found.annotated_probability, session.probability(2)[1], atol=2e-3)
    for values in (found.mass, found.global_map, found.local_map):
        assert values.shape == SIZE
        assert values.min() >= 0


def test_a_later_round_transfers_from_all_annotated_frames(lite):
    session = session_of(lite)
    list(session.propagate())
    session.annotate(4, STROKES)
    found = explain(session, 3, (10, 20))
    assert (found.annotated_frame, found.previous_frame) == (4, 4)
    assert found.mass.max() < 1


def test_the_weights_are_those_that_the_lite_networks_transfer_with(lite):
    torch.manual_seed(0)
    with torch.inference_mode():
        frames = [lite.encode_image(torch.rand(1, 3, *SIZE)) for _ in range(3)]
        probability = torch.rand(2, 3, 1, 12, 16)  # N, K, 1, h4, w4
        cells = torch.nn.functional.avg_pool2d(probability.flatten(0, 1), 4).reshape(2, 3, 1, 3, 4)
        rest = torch.rand(3, lite.transfer_net.object_features.out_channels, 3, 4)
        memory = [(f, torch.cat((cells[n], rest), dim=1)) for n, f in enumerate(frames[:2])]
        parts = lite.transfer_parts(frames[2], memory, frames[1], probability[1])
        weights = global_weights(lite, frames[:2], frames[2])
        torch.testing.assert_close(weights.sum(0), torch.ones(12))
        carried = carried_probability(lite, weights, probability)
    torch.testing.assert_close(carried, parts.global_map, rtol=1e-3, atol=1e-4)


def test_the_weights_are_those_that_the_papers_networks_transfer_with(paper):
    torch.manual_seed(0)
    with torch.inference_mode():
        frames = [paper.encode_image(torch.rand(1, 3, *SIZE)) for _ in range(3)]
        described = torch.rand(2, 1, 2048, 3, 4)  # N, K, C, h, w
        memory = list(zip(frames[:2], described, strict=True))
        weights = global_weights(paper, frames[:2], frames[2])
        torch.testing.assert_close(weights.sum(1), torch.ones(24))
        carried = global_transfer(weights, described.transpose(0, 1))
        torch.testing.assert_close(carried, paper.transfer_net.global_transfer(frames[2], memory))
        ones = carried_probability(paper, weights, torch.ones(2, 1, 1, 12, 16))
    assert float(ones.mean()) == pytest.approx(1, rel=1e-4)  # mass is handed out, not made


def test_the_papers_networks_are_explained_too(paper):
    found = explain(session_of(paper), 1, (63, 47))
    assert (found.previous_frame, found.target_frame) == (2, 1)
    cells = found.mass.reshape(3, 16, 4, 16)
    assert (cells == cells[:, :1, :, :1]).all()  # flat in each cell of 16 pixels
    assert float(found.mass[::16, ::16].sum()) == pytest.approx(1, rel=1e-4)


def test_the_pixel_chooses_its_cell(lite):
    session = session_of(lite)
    masses = [explain(session, 3, pixel).mass for pixel in ((0, 0), (15, 15), (16, 15))]
    assert np.array_equal(masses[0], masses[1])
    assert not np.array_equal(masses[1], masses[2])


@pytest.mark.parametrize(
    ("frame", "pixel", "object_id", "says"),
    [
        (6, (0, 0), 1, "no frame 6; the clip has frames 0..5"),
        (3, (64, 0), 1, "pixel 64,0 is outside.*0..63 and y in 0..47"),
        (3, (0, 48), 1, "pixel 0,48 is outside"),
        (3, (0, 0), 3, "no object 3"),
        (2, (0, 0), 1, "Frame 2 is not visited from frame 2.*0..5"),
    ],
)
def test_what_is_not_there_is_said(frame, pixel, object_id, says, lite):
    with pytest.raises(InputError, match=says):
        explain(session_of(lite), frame, pixel, object_id)


def test_nothing_pending_is_said(lite):
    session = session_of(lite)
    list(session.propagate())
    with pytest.raises(InputError, match="0 annotated frames pending"):
        explain(session, 3, (0, 0))
