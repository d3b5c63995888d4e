import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivos.core.curves import RoundScore, auc, round_means, time_curve, timeout, value_at
from ivos.errors import InputError

# The released model on DAVIS-2017 val, optimising J&F.
SECONDS = [
    0.0,
    9.487896331151326,
    16.278953917821248,
    21.859388258722092,
    26.12112567424774,
    29.627880615658228,
    32.95456397533417,
    35.73726238409678,
    38.56137614780002,
]
VALUES = [
    0.690892643367614,
    0.7512954328742666,
    0.7875513696076725,
    0.8018014877265979,
    0.809771518288365,
    0.8169255790804818,
    0.822880847995248,
    0.8271279419489322,
]
ROUNDS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 100)), min_size=1, max_size=16)


def test_released_curve_gives_the_released_figures():
    curve = time_curve(VALUES, np.diff(SECONDS).tolist(), 488.0)
    assert auc(curve) == pytest.approx(0.8150432614019845, abs=1e-12)
    assert value_at(curve) == pytest.approx(0.8271279419489322, abs=1e-12)
    assert curve.seconds == pytest.approx([*SECONDS, 488.0], abs=1e-12)
    assert curve.values == (0.0, *VALUES, VALUES[-1])
    assert not curve.clamped


def test_rounds_beyond_the_timeout_are_cut_off_with_a_flag():
    curve = time_curve(VALUES, (20 * np.diff(SECONDS)).tolist(), 488.0)
    assert curve.clamped
    assert list(curve.seconds) == sorted(curve.seconds)
    assert max(curve.seconds) == 488
    assert auc(curve) > 0.59  # the unclamped axis gives 0.370


@given(ROUNDS, st.floats(1, 500))
def test_area_is_bounded_and_time_never_runs_back(rounds, limit):
    values, seconds = zip(*rounds, strict=True)
    curve = time_curve(values, seconds, limit)
    assert 0 <= auc(curve) <= max(values) + 1e-12
    assert list(curve.seconds) == sorted(curve.seconds)
    assert curve.seconds[-1] == limit
    assert curve.clamped == (np.cumsum(seconds)[-1] > limit)
    assert min(curve.values) <= value_at(curve) <= max(curve.values)
    assert value_at(curve, 1e9) == values[-1]


def test_instant_answers_have_the_whole_area():
    curve = time_curve([0.8], [0.0], 240.0)
    assert auc(curve) == pytest.approx(0.8)
    assert value_at(curve, 0.0) == 0.8


@pytest.mark.parametrize(
    ("values", "seconds", "limit"),
    [
        ([], [], 10),
        ([0.5], [1, 2], 10),
        ([0.5], [-1], 10),
        ([float("nan")], [1], 10),
        ([0.5], [float("inf")], 10),
        ([0.5], [0], 0),
    ],
)
def test_impossible_curves_are_refused(values, seconds, limit):
    with pytest.raises(InputError):
        time_curve(values, seconds, limit)


def test_objects_weigh_the_same_in_the_metric_and_samples_in_the_time():
    scores = [
        RoundScore("two", 1, 1, 1, 0.2, 10.0),
        RoundScore("two", 1, 2, 1, 0.4, 10.0),
        RoundScore("one", 1, 1, 1, 0.9, 4.0),
    ]
    assert round_means(scores, 1) == ([pytest.approx(0.5)], [7.0])


def test_a_missing_round_repeats_the_last_value_in_no_time():
    scores = [
        RoundScore("a", 1, 1, 1, 0.4, 6.0),
        RoundScore("b", 1, 1, 1, 0.6, 2.0),
        RoundScore("b", 1, 1, 2, 0.8, 2.0),
        RoundScore("c", 1, 1, 2, 0.9, 3.0),
    ]
    values, seconds = round_means(scores, 3)
    assert values == pytest.approx([(0.4 + 0.6) / 3, (0.4 + 0.8 + 0.9) / 3, (0.4 + 0.8 + 0.9) / 3])
    assert seconds == pytest.approx([8 / 3, 5 / 3, 0])


def test_an_expected_object_without_scores_counts_as_zero():
    values, seconds = round_means([RoundScore("a", 1, 1, 1, 0.5, 2.0)], 1, expected=[("a", 1, 1), ("a", 2, 1)])
    assert (values, seconds) == ([0.25], [1.0])


def test_bad_scores_are_refused():
    score = RoundScore("a", 1, 1, 2, 0.5, 2.0)
    with pytest.raises(InputError, match="twice"):
        round_means([score, score], 2)
    with pytest.raises(InputError, match="beyond"):
        round_means([score], 1)
    with pytest.raises(InputError, match="0 objects"):
        round_means([], 8)
    for value, seconds, interaction in ((1.1, 1, 1), (float("nan"), 1, 1), (0.5, -1, 1), (0.5, 1, 0)):
        with pytest.raises(InputError):
            RoundScore("a", 1, 1, interaction, value, seconds)


def test_timeout_with_and_without_a_budget():
    assert timeout(240.0, 61 / 30, [], 8) == pytest.approx(488)
    assert timeout(None, 2.0, [3.0, 9.5], 8) == 76
