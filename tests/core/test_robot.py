import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.filters import rank
from skimage.measure import label

from ivos.core.robot import ROBOT_PRESETS, RobotConfig, next_frame, robot
from ivos.errors import InputError

PIXELS_ONLY = RobotConfig(kernel_size=0, min_nb_nodes=1, nb_points=1)
"""No opening, every part kept, paths of two pixels and more drawn pixel by pixel."""
LABELS = hnp.arrays(np.uint8, (2, 15, 21), elements=st.sampled_from([0, 0, 1, 1, 2, 255]))


def blob(shape=(120, 160), centre=(60, 80), radius=30):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return ((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2).astype(np.uint8)


def as_pixels(stroke, shape):
    return np.rint(stroke.points * (shape[1], shape[0])).astype(int)


@settings(max_examples=15)
@given(LABELS, st.integers(0, 5))
def test_skeleton_paths_stay_in_the_error_of_their_true_id(labels, seed):
    prediction, truth = labels
    strokes = robot(prediction, truth, [1, 2], PIXELS_ONLY, seed)
    for stroke in strokes:
        xs, ys = as_pixels(stroke, truth.shape).T
        assert (truth[ys, xs] == stroke.object_id).all()
        assert (prediction[ys, xs] != stroke.object_id).all()
        steps = np.abs(np.diff(np.stack([xs, ys]), axis=1)).max(axis=0, initial=1)
        assert (steps == 1).all()  # one connected line
        assert len(set(zip(xs.tolist(), ys.tolist(), strict=True))) == len(xs)
    wrong = [k for k in (0, 1, 2) if ((truth == k) & (prediction != k)).any()]
    assert sorted({stroke.object_id for stroke in strokes}) == wrong
    for k in wrong:
        parts = label((truth == k) & (prediction != k), connectivity=2).max()
        assert sum(stroke.object_id == k for stroke in strokes) == parts


@settings(max_examples=6)
@given(LABELS, st.integers(0, 5), st.sampled_from(list(ROBOT_PRESETS)))
def test_same_seed_same_strokes(labels, seed, preset):
    config = ROBOT_PRESETS[preset]
    assert robot(*labels, [1, 2], config, seed) == robot(*labels, [2, 1, 0], config, seed)


def test_strokes_of_one_id_do_not_depend_on_the_other_objects():
    truth = blob() + 2 * blob(centre=(20, 20), radius=15)
    empty = np.zeros_like(truth)
    both = robot(empty, truth, [1, 2])
    assert robot(empty, truth, [1]) == tuple(stroke for stroke in both if stroke.object_id == 1)


def test_a_right_prediction_gets_no_stroke():
    truth = blob()
    assert robot(truth, truth, [1]) == ()
    assert robot(truth, np.full_like(truth, 255), [1]) == ()


def test_missing_and_surplus_pixels_get_their_true_id():
    truth, prediction = blob(centre=(60, 60)), blob(centre=(60, 100))
    strokes = robot(prediction, truth, [1])
    assert {stroke.object_id for stroke in strokes} == {0, 1}
    for stroke in strokes:
        xs, ys = as_pixels(stroke, truth.shape).T
        assert (truth[ys, xs] == stroke.object_id).mean() > 0.98
        assert (prediction[ys, xs] != stroke.object_id).mean() > 0.98


def test_a_convex_error_holds_its_whole_stroke():
    truth = np.zeros((100, 200), np.uint8)
    truth[30:60, 40:160] = 1
    (stroke,) = robot(np.zeros_like(truth), truth, [1])
    xs, ys = as_pixels(stroke, truth.shape).T
    assert (truth[ys, xs] == 1).all()
    assert np.ptp(xs) > 80
    assert len(stroke.path) == 1000


def test_stroke_is_the_bezier_curve_from_the_last_pixel_to_the_first():
    truth = np.zeros((40, 300), np.uint8)
    truth[20, 10:260] = 1
    line = robot(np.zeros_like(truth), truth, [1], RobotConfig(kernel_size=0, nb_points=100))[0]
    controls = line.points  # 250 pixels are more than 100 samples: the path itself
    assert len(controls) == 250
    curve = robot(np.zeros_like(truth), truth, [1], RobotConfig(kernel_size=0, nb_points=301))[0].points
    assert np.allclose(curve[[0, -1]], controls[[-1, 0]], atol=1e-12)
    for i in (1, 75, 150, 151, 220, 299):
        t, points = i / 300, controls[::-1]
        while len(points) > 1:  # de Casteljau
            points = (1 - t) * points[:-1] + t * points[1:]
        assert np.allclose(curve[i], points[0], atol=1e-10)


def test_path_points_are_divided_by_width_and_height():
    truth = np.zeros((10, 20), np.uint8)
    truth[9, 15:20] = 1
    (stroke,) = robot(np.zeros_like(truth), truth, [1], PIXELS_ONLY)
    assert sorted(stroke.path) == [(x / 20, 9 / 10) for x in range(15, 20)]


@pytest.mark.parametrize(("length", "davis", "authors"), [(1, 0, 0), (2, 0, 1), (3, 0, 1), (4, 1, 1)])
def test_presets_differ_in_the_shortest_skeleton(length, davis, authors):
    truth = np.zeros((20, 30), np.uint8)
    truth[5, 5 : 5 + length] = 1
    empty = np.zeros_like(truth)
    assert len(robot(empty, truth, [1], ROBOT_PRESETS["davis"])) == davis
    assert len(robot(empty, truth, [1], ROBOT_PRESETS["authors"])) == authors


def test_small_errors_are_not_opened_and_thin_ones_shrink_the_disk():
    empty = np.zeros((200, 300), np.uint8)
    line = empty.copy()
    line[50, 10:110] = 1  # 100 pixels: radius 1, no opening
    assert len(robot(empty, line, [1])) == 1
    line[50, 10:111] = 1  # 101 pixels: no disk larger than a pixel fits
    assert robot(empty, line, [1]) == ()
    bar = empty.copy()
    bar[50:55, 10:290] = 1  # radius 3.7 does not fit, a smaller one does
    assert len(robot(empty, bar, [1])) == 1


def test_opening_removes_what_the_rank_filters_remove():
    truth = np.zeros((120, 160), np.uint8)
    truth[40:80, 50:110] = 1
    truth[59:61, :] = 1  # thin whiskers on the box
    (stroke,) = robot(np.zeros_like(truth), truth, [1])
    radius = 0.5 * 0.2 * np.sqrt(truth.sum())
    grid = np.arange(-radius, radius + 1)
    footprint = (grid[:, None] ** 2 + grid**2 <= radius**2).astype(np.uint8)
    opened = rank.maximum(rank.minimum(truth, footprint), footprint)
    assert opened.sum() < truth.sum()
    xs, ys = as_pixels(stroke, truth.shape).T
    assert opened[ys, xs].all()


def test_a_ring_is_cut_open_into_one_stroke():
    truth = blob(radius=40) - blob(radius=30)
    (stroke,) = robot(np.zeros_like(truth), truth, [1], RobotConfig(nb_points=1))
    assert len(stroke.path) > 150


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (3, 3)])
def test_tiny_frames(shape):
    strokes = robot(np.zeros(shape, np.uint8), np.ones(shape, np.uint8), [1], RobotConfig(min_nb_nodes=1))
    assert strokes
    assert all(0 <= c <= 1 for stroke in strokes for c in np.ravel(stroke.points))


RECORDED = [
    (0.5, 0.5),
    (0.5469219219219225, 0.5199130367736736),
    (0.5938438438438445, 0.5421818505111772),
    (0.6875, 0.5833333333333334),
]


def test_the_recorded_strokes_come_back_on_every_platform():
    truth = np.maximum(blob(), blob(centre=(70, 110), radius=18))
    (stroke,) = robot(np.zeros_like(truth), truth, [1], seed=7)
    assert [stroke.path[i] for i in (0, 250, 500, 999)] == RECORDED


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, -1) for field in ("kernel_size", "max_kernel_radius", "min_nb_nodes", "nb_points")),
        *((field, float("inf")) for field in ("kernel_size", "max_kernel_radius")),
        ("nb_points", 1001),
    ],
)
def test_impossible_parameters_are_refused(field, value):
    with pytest.raises(InputError):
        RobotConfig(**{field: value})


def test_bad_masks_and_seeds_are_refused():
    with pytest.raises(InputError):
        robot(np.zeros((3, 4), np.uint8), np.zeros((4, 3), np.uint8), [1])
    with pytest.raises(InputError):
        robot(np.zeros((1, 3, 4), np.uint8), np.zeros((1, 3, 4), np.uint8), [1])
    with pytest.raises(InputError, match="seed"):
        robot(np.zeros((3, 4), np.uint8), np.zeros((3, 4), np.uint8), [1], seed=-1)


def test_the_worst_unused_frame_is_next():
    values = [0.5, 0.2, 0.9, 0.2]
    history = frozenset()
    order = []
    for _ in range(6):
        frame, history = next_frame(values, history)
        order.append(frame)
    assert order == [1, 3, 0, 2, 1, 3]  # ties in order; afresh once all were used
    assert history == {1, 3}


def test_candidates_limit_the_choice_and_may_be_reused():
    values = [0.5, 0.2, 0.9, 0.1]
    assert next_frame(values, {1}, [0, 1, 2, 99]) == (0, {0, 1})
    assert next_frame(values, {0, 1}, [0, 1]) == (1, {0, 1})


def test_no_valid_candidate_is_refused():
    with pytest.raises(InputError, match="candidate"):
        next_frame([0.5], set(), [3])
    with pytest.raises(InputError):
        next_frame([0.5, float("nan")], set())
