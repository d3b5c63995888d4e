import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ivos.core.geometry import (
    Padding,
    pad_to_multiple,
    path_to_pixels,
    pixels_to_path,
    unpad,
    upsample_logits,
    working_size,
)
from ivos.errors import InputError

SIDES = st.integers(1, 40)
MODES = st.sampled_from(["replicate", "reflect", "constant"])


@given(height=SIDES, width=SIDES, multiple=st.integers(1, 33), mode=MODES, always=st.booleans())
def test_padding_round_trip(height, width, multiple, mode, always):
    image = torch.arange(2 * height * width).reshape(2, height, width)
    padded, padding = pad_to_multiple(image, multiple, mode=mode, always=always)
    assert padded.shape[0] == 2
    for side, whole, parts in (
        (height, padded.shape[1], (padding.top, padding.bottom)),
        (width, padded.shape[2], (padding.left, padding.right)),
    ):
        assert whole % multiple == 0
        assert sum(parts) == whole - side
        assert 0 <= parts[1] - parts[0] <= 1
        assert (1 if always else 0) <= whole - side <= (multiple if always else multiple - 1)
    assert torch.equal(unpad(padded, padding), image)


@pytest.mark.parametrize(
    ("mode", "numpy_mode"), [("replicate", "edge"), ("reflect", "reflect"), ("constant", "constant")]
)
@given(height=st.integers(1, 12), width=st.integers(1, 12))
def test_border_is_filled_as_numpy_does(height, width, mode, numpy_mode):
    image = np.random.default_rng(0).random((3, height, width))
    padded, p = pad_to_multiple(torch.from_numpy(image), 32, mode=mode)
    expected = np.pad(image, ((0, 0), (p.top, p.bottom), (p.left, p.right)), mode=numpy_mode)
    assert np.array_equal(padded, expected)
    assert np.array_equal(pad_to_multiple(torch.from_numpy(image)[None], 32, mode=mode)[0][0], expected)


def test_released_quirk_grows_a_multiple():
    padded, padding = pad_to_multiple(torch.zeros(1, 3, 64, 96), 32, mode="reflect", always=True)
    assert padded.shape == (1, 3, 96, 128)
    assert padding == Padding(16, 16, 16, 16)


def test_padding_keeps_gradients_and_leaves_a_fitting_image_alone():
    image = torch.rand(1, 5, 7, requires_grad=True)
    pad_to_multiple(image, 4)[0].sum().backward()
    assert image.grad.sum() == 64
    for fitting in (torch.rand(3, 8, 8), torch.rand(2, 3, 8, 8)):
        assert pad_to_multiple(fitting, 8)[0] is fitting


@pytest.mark.parametrize(
    ("image", "multiple", "mode"),
    [
        (torch.zeros(3, 0, 5), 8, "replicate"),
        (torch.zeros(5), 8, "replicate"),
        (torch.zeros(4, 4), 0, "constant"),
        (torch.zeros(4, 4), 8, "wrap"),
    ],
)
def test_impossible_padding_is_refused(image, multiple, mode):
    with pytest.raises(InputError):
        pad_to_multiple(image, multiple, mode=mode)


@given(st.integers(1, 2000), st.integers(1, 2000), st.data())
def test_pixels_survive_the_way_to_a_path_and_back(height, width, data):
    xs = data.draw(st.lists(st.integers(0, width - 1), min_size=1, max_size=20))
    ys = data.draw(st.lists(st.integers(0, height - 1), min_size=len(xs), max_size=len(xs)))
    pixels = np.stack([xs, ys], axis=1)
    path = pixels_to_path(pixels, height, width)
    assert ((path >= 0) & (path <= 1)).all()
    assert np.array_equal(path_to_pixels(path, height, width), pixels)


def test_every_pixel_of_common_widths_survives():
    for width in (640, 854, 910, 1152, 1280, 1920, 3840):
        pixels = np.stack([np.arange(width), np.arange(width) % 480], axis=1)
        assert np.array_equal(path_to_pixels(pixels_to_path(pixels, 480, width), 480, width), pixels)


def test_path_is_scaled_by_the_last_pixel_and_truncated():
    assert path_to_pixels([(0, 0), (1, 1), (0.5, 0.999)], 480, 854).tolist() == [[0, 0], [853, 479], [426, 478]]
    assert path_to_pixels([(0.7, 1)], 1, 1).tolist() == [[0, 0]]


@pytest.mark.parametrize("path", [[(1.1, 0)], [(-0.1, 0)], [(float("nan"), 0)], [(0, 0, 0)], [0.5, 0.5]])
def test_bad_paths_are_refused(path):
    with pytest.raises(InputError):
        path_to_pixels(path, 10, 10)


@pytest.mark.parametrize("pixels", [[(10, 0)], [(0, 5)], [(-1, 0)], [1, 2]])
def test_pixels_outside_the_frame_are_refused(pixels):
    with pytest.raises(InputError):
        pixels_to_path(pixels, 5, 10)


@pytest.mark.parametrize(
    ("size", "limit", "expected"),
    [
        ((1080, 1920), 480, (480, 853)),
        ((1920, 1080), 480, (853, 480)),
        ((480, 854), 480, (480, 854)),
        ((100, 50), 480, (100, 50)),
        ((1, 1), 1, (1, 1)),
        ((1, 9000), 480, (1, 9000)),
    ],
)
def test_working_size(size, limit, expected):
    assert working_size(size, limit) == expected


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 2000))
def test_working_size_keeps_the_aspect(height, width, limit):
    small = working_size((height, width), limit)
    assert min(small) == min(height, width, limit)
    assert abs(small[1] * min(height, width) - width * min(small)) <= min(height, width) / 2
    assert abs(small[0] * min(height, width) - height * min(small)) <= min(height, width) / 2


def test_working_size_refuses_nonsense():
    with pytest.raises(InputError):
        working_size((480, 854), 0)


@pytest.mark.parametrize("align_corners", [True, False])
def test_constant_logits_stay_constant(align_corners):
    up = upsample_logits(torch.full((2, 1, 3, 4), 1.5), (13, 17), align_corners=align_corners)
    assert up.shape == (2, 1, 13, 17)
    assert torch.allclose(up, torch.tensor(1.5))


def test_aligned_corners_keep_their_values():
    logits = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    up = upsample_logits(logits, (5, 9), align_corners=True)[0, 0]
    assert up[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == [0, 1, 2, 3]
