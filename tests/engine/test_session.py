"""Sessions: rounds, spans, undo, breaking off, and what each bad call says."""

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ivos.core.confidence import worth_correcting
from ivos.core.matte import margin, soft_alpha
from ivos.engine.canvas import Canvas
from ivos.engine.session import Session
from ivos.engine.state import FrameResult
from ivos.errors import InputError, SessionOrderError, WeightsError
from ivos.io.exports import export
from ivos.model.config import PRESETS
from ivos.model.weights import load_model
from ivos.types import VOID, Scribble

lightly = settings(deadline=None, max_examples=15)


def all_masks(session):
    return np.stack(list(session.masks))


def all_probabilities(session):
    return np.stack([session.probability(t) for t in range(len(session.frames))])


@pytest.fixture
def session(make_networks, make_clip):
    return Session(make_networks(), make_clip())


@pytest.fixture(scope="session")
def play(stroke):
    """One round on one frame, to its end."""

    def play(session, frame, *, object_id=1, x=0.4, **how):
        session.annotate(frame, [stroke(object_id, x)])
        return list(session.propagate(**how))

    return play


# --- one round ---------------------------------------------------------------------------------------------------


def test_a_round_yields_every_frame_outwards_from_the_annotated_one(session, play):
    visited = play(session, 2)
    assert [t for t, _ in visited] == [2, 3, 4, 5, 1, 0]
    assert all(mask.shape == (37, 50) and mask.dtype == np.uint8 for _, mask in visited)
    for t, mask in visited:
        np.testing.assert_array_equal(session.masks[t], mask)
        np.testing.assert_array_equal(session.mask(t), mask)
    assert any(mask.any() for _, mask in visited)


def test_a_later_round_reads_hardly_a_frame_again(make_networks, make_clip, play):
    clip = make_clip(20, (96, 128))
    session = Session(make_networks(), clip)
    play(session, 0)
    first = clip.reads
    assert len(clip) <= first <= len(clip) + 1
    play(session, 19)
    assert session.masks[10].any(), "there are outlines to look at"
    assert clip.reads - first < 5


def test_the_preview_is_the_mask_that_the_annotated_frame_gets(session, stroke):
    preview = session.annotate(frame=2, scribbles=[stroke()])
    assert preview.shape == (37, 50)
    assert preview.dtype == np.uint8
    assert preview[18, 20] == 1
    np.testing.assert_array_equal(session.preview(2), preview)
    assert not session.masks[2].any()
    assert next(iter(dict(session.propagate()))) == 2
    np.testing.assert_array_equal(session.masks[2], preview)


def test_before_any_round_all_masks_are_empty(session):
    assert len(session.masks) == len(session.frames)
    assert not all_masks(session).any()
    assert session.masks[-1].shape == session.frames.size
    assert session.probability(0).shape == (1, 37, 50)
    assert np.isnan(session.confidence()).all()
    assert len(session.masks[1:3]) == 2
    with pytest.raises(IndexError):
        session.masks[6]


def test_strokes_of_one_round_add_up(make_networks, make_clip, stroke):
    step_by_step, at_once = (Session(make_networks(), make_clip(), 2) for _ in range(2))
    first, second = stroke(1, 0.3), stroke(2, 0.8)
    step_by_step.annotate(1, [first])
    preview = step_by_step.annotate(1, [second])
    np.testing.assert_array_equal(preview, at_once.annotate(1, [first, second]))
    assert step_by_step.pending == at_once.pending


def test_anet_sees_half_then_the_state_before_the_round(make_networks, make_clip, stroke):
    networks = make_networks(accumulate_scribbles=False)
    session = Session(networks, make_clip())
    session.annotate(1, [stroke()])
    assert (networks.annotate_inputs[-1][0] == 0.5).all()
    list(session.propagate())
    before = session._canvas.padded_probability(session.history.state.results[3].logits)
    session.annotate(3, [stroke(0)])
    session.annotate(3, [stroke(1, 0.8)])
    for previous_mask, _, _ in networks.annotate_inputs[-2:]:
        torch.testing.assert_close(previous_mask, before)


@pytest.mark.parametrize(("accumulate", "grows"), [(True, True), (False, False)])
def test_earlier_strokes_on_the_frame_are_drawn_again_if_the_preset_says_so(
    make_networks, make_clip, play, stroke, accumulate, grows
):
    networks = make_networks(accumulate_scribbles=accumulate)
    session = Session(networks, make_clip())
    play(session, 1, x=0.3)
    session.annotate(1, [stroke(1, 0.8)])
    positive = networks.annotate_inputs[-1][1]
    left_half = positive[..., : positive.shape[-1] // 2]
    assert bool(left_half.any()) is grows


def test_negatives_in_the_first_round_follow_the_preset(make_networks, make_clip, stroke):
    for used in (True, False):
        networks = make_networks(negatives_in_first_round=used)
        Session(networks, make_clip()).annotate(1, [stroke(), stroke(0, 0.8)])
        assert bool(networks.annotate_inputs[-1][2].any()) is used


def test_corrections_are_blurred_and_kept_inside_the_object_if_the_preset_says_so(
    make_networks, make_clip, play, stroke
):
    networks = make_networks(
        blur_corrections=True, negatives_inside_previous_only=True, negatives_in_first_round=False,
        accumulate_scribbles=False,
    )  # fmt: skip
    session = Session(networks, make_clip())
    play(session, 1)
    assert set(networks.annotate_inputs[-1][1].unique().tolist()) == {0.0, 1.0}
    session.annotate(1, [stroke(1, 0.9), stroke(0, 0.5)])
    previous_mask, positive, negative = networks.annotate_inputs[-1]
    assert len(positive.unique()) > 3
    assert negative.any()
    assert not negative[previous_mask < 0.5].any()


def test_previous_masks_of_labels_are_the_label_mask_of_all_objects(make_networks, make_clip, stroke):
    networks = make_networks(
        previous_mask="labels",
        negatives_inside_previous_only=True,
        fusion_threshold=0.8,
        scribble_radius=9,
        strokes_hold=False,
        guided=False,
    )
    session = Session(networks, make_clip(size=(32, 48)), 2)
    session.annotate(1, [stroke(1, 0.3), stroke(2, 0.7)])
    list(session.propagate())
    shown, probability = session.mask(1), session.probability(1)
    session.annotate(1, [stroke(0, 0.5), stroke(0, 0.3), stroke(0, 0.7)])
    previous_mask, _, negative = (each[:, 0].numpy() for each in networks.annotate_inputs[-1])
    for row, k in enumerate((1, 2)):
        np.testing.assert_array_equal(previous_mask[row], shown == k)
        assert negative[row].any()
        assert not negative[row][shown != k].any()
        assert (probability[row][shown != k] >= 0.5).any()  # which is not what the object's own probability says


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_the_border_of_maps_and_label_masks_is_filled_as_the_preset_says(make_networks, make_clip, play, stroke, mode):
    networks = make_networks(map_pad_mode=mode, previous_mask="labels", always_pad=True, fusion_threshold=0.3)
    session = Session(networks, make_clip(size=(16, 48)))
    strokes = [stroke(1, 0.1, 0.1), stroke(1, 0.5, 0.9)]
    session.annotate(0, strokes)
    list(session.propagate())
    session.annotate(0, strokes)
    assert session._canvas.padded == (32, 64)
    for padded in networks.annotate_inputs[-1][:2]:
        inside = padded[0, 0, 8:24, 8:56].numpy()
        assert inside[:8].any()
        np.testing.assert_array_equal(padded[0, 0].numpy(), np.pad(inside, 8, mode=mode))


def test_preset_authors_asks_for_what_the_released_evaluation_gives_its_a_net():
    authors = PRESETS["authors"]
    assert (authors.previous_mask, authors.negatives_inside_previous_only) == ("labels", True)
    assert (authors.map_pad_mode, authors.pad_mode) == ("reflect", "reflect")
    assert authors.accumulate_scribbles
    assert {PRESETS[name].previous_mask for name in ("lite", "paper")} == {"probability"}


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 16), (33, 7), (64, 96)])
@pytest.mark.parametrize("resolution", [None, 480, 5])
@pytest.mark.parametrize("always_pad", [False, True])
def test_any_size_gives_masks_of_that_size(make_networks, make_clip, play, size, resolution, always_pad):
    session = Session(
        make_networks(always_pad=always_pad, pad_mode="reflect"), make_clip(2, size), resolution=resolution
    )
    visited = play(session, 0)
    assert [mask.shape for _, mask in visited] == [size, size]


def test_a_clip_of_one_frame_is_a_whole_session(make_networks, make_clip, play):
    session = Session(make_networks(), make_clip(1))
    assert [t for t, _ in play(session, 0)] == [0]
    assert session.worst_frame() == 0
    play(session, 0, x=0.7)
    session.undo()
    assert session.masks[0].any()


def test_frames_are_encoded_once_for_all_objects_and_rounds(make_networks, make_clip, play):
    networks = make_networks()
    session = Session(networks, make_clip(), 3)
    for frame, object_id in ((0, 1), (5, 2), (2, 3)):
        play(session, frame, object_id=object_id)
    assert networks.encoded == 6


@pytest.mark.parametrize("cache_bytes", [0, 3000])
def test_the_budget_changes_work_but_no_mask(make_networks, make_clip, play, cache_bytes):
    small, large = (Session(make_networks(), make_clip(), cache_bytes=n) for n in (cache_bytes, 1 << 20))
    for session in (small, large):
        play(session, 0)
        play(session, 4)
    np.testing.assert_array_equal(all_probabilities(small), all_probabilities(large))


def test_the_caller_stays_out_of_inference_mode(session, stroke):
    session.annotate(0, [stroke()])
    for _ in session.propagate():
        assert not torch.is_inference_mode_enabled()
        assert torch.is_grad_enabled()


# --- later rounds, spans -----------------------------------------------------------------------------------------

frames_of_six = st.integers(0, 5)


@lightly
@given(data=st.data(), rounds=st.lists(frames_of_six, min_size=1, max_size=4))
def test_frames_outside_the_span_do_not_change(make_networks, make_clip, play, data, rounds):
    session = Session(make_networks(), make_clip())
    for frame in rounds[:-1]:
        play(session, frame)
    before = all_probabilities(session)
    frame = rounds[-1]
    direction = data.draw(st.sampled_from(["both", "forward", "backward"]))
    start, stop = data.draw(st.tuples(st.integers(0, frame), st.integers(frame + 1, 6)))
    visited = {t for t, _ in play(session, frame, direction=direction, within=range(start, stop))}
    others = set(rounds[:-1]) - {frame}
    low = max((t + 1 for t in others if t < frame), default=0)
    high = min((t for t in others if t > frame), default=6)
    allowed = set(range(max(low, start), min(high, stop)))
    allowed -= {t for t in allowed if (direction == "forward" and t < frame) or (direction == "backward" and t > frame)}
    assert visited == allowed
    after = all_probabilities(session)
    for t in set(range(6)) - visited:
        np.testing.assert_array_equal(after[t], before[t])


def test_the_new_round_fades_towards_the_neighbouring_annotated_frame(make_networks, make_clip, play):
    networks = make_networks()
    answers = {1: -1.0, 2: 2.0}  # by the number of annotated frames
    networks.transfer = lambda target, annotated, *_: torch.full_like(target.s4, answers[len(annotated)])
    session = Session(networks, make_clip(), resolution=None)
    play(session, 0)
    play(session, 4)
    old, new = 1 / (1 + np.exp(1.0)), 1 / (1 + np.exp(-2.0))
    for t, weight in {1: 0.625, 2: 0.75, 3: 0.875, 5: 1.0}.items():
        np.testing.assert_allclose(session.probability(t), weight * new + (1 - weight) * old, atol=1e-3)


def test_all_annotated_frames_feed_the_global_transfer_with_their_newest_features(make_networks, make_clip, play):
    networks = make_networks()
    seen = []
    networks.transfer = lambda target, annotated, *_: seen.append([f for _, f in annotated]) or target.s4
    session = Session(networks, make_clip())
    play(session, 4)
    play(session, 1)
    old = seen[-1][0]
    play(session, 1, x=0.8)
    assert len(seen[-1]) == 2
    assert not torch.equal(seen[-1][0], old)


def test_the_previous_frame_of_a_pass_is_the_one_just_done_before_superposition(make_networks, make_clip, play):
    networks = make_networks()
    given_probabilities = []

    def transfer(target, annotated, previous, previous_probability):
        given_probabilities.append(previous_probability.flatten()[0].item())
        return torch.full_like(target.s4, float(len(annotated)))

    networks.transfer = transfer
    session = Session(networks, make_clip())
    play(session, 0)
    given_probabilities.clear()
    play(session, 5)
    np.testing.assert_allclose(given_probabilities[1:], 1 / (1 + np.exp(-2.0)), atol=1e-6)  # 4 steps; no mixture


def test_annotated_frames_keep_their_mask_in_later_rounds(session, play):
    play(session, 2)
    kept = session.probability(2)
    play(session, 4, x=0.8)
    play(session, 0, x=0.8)
    np.testing.assert_array_equal(session.probability(2), kept)


def test_several_frames_may_be_annotated_for_one_round(session, stroke):
    session.annotate(1, [stroke()])
    session.annotate(4, [stroke(1, 0.7)])
    assert [annotation.frame for annotation in session.pending] == [1, 4]
    visited = [t for t, _ in session.propagate()]
    assert visited == [1, 4, 2, 3, 0, 5, 3, 2]
    assert not session.pending
    assert [annotation.frame for annotation in session.rounds[0]] == [1, 4]
    session.undo()
    assert not all_masks(session).any()


def test_a_round_may_go_one_way_and_later_the_other(session, play):
    assert [t for t, _ in play(session, 2, direction="forward")] == [2, 3, 4, 5]
    assert np.isnan(session.confidence()[:2]).all()
    assert [t for t, _ in session.propagate(direction="backward")] == [1, 0]
    assert not np.isnan(session.confidence()).any()
    assert len(session.rounds) == 1
    session.undo()
    assert not session.masks[1].any()
    assert session.masks[3].any()


def test_the_itinerary_is_what_propagate_visits(session, play, stroke):
    play(session, 2)
    session.annotate(5, [stroke()])
    for how in ({}, {"direction": "backward"}, {"within": range(4, 6)}):
        assert session.itinerary(**how) == [t for t, _ in session.propagate(**how)]


def test_reach_stops_short_of_the_neighbouring_annotated_frame(make_networks, make_clip, play):
    session = Session(make_networks(reach=0.5), make_clip(8))
    play(session, 7)
    assert [t for t, _ in play(session, 1)] == [1, 2, 3, 4, 0]


@lightly
@given(seed=st.integers(0, 99), rounds=st.lists(frames_of_six, min_size=1, max_size=3), num_objects=st.integers(2, 4))
def test_objects_together_give_what_each_gives_alone(make_networks, make_clip, stroke, seed, rounds, num_objects):
    clip = make_clip(6, seed=seed)
    together = Session(make_networks(), clip, num_objects)
    alone = [Session(make_networks(), clip, 1) for _ in range(num_objects)]
    places = [0.15 + 0.7 * k / (num_objects - 1) for k in range(num_objects)]
    for turn, frame in enumerate(rounds):
        y = 0.2 + 0.2 * turn
        together.annotate(frame, [stroke(k + 1, places[k], y) for k in range(num_objects)])
        list(together.propagate())
        for k, session in enumerate(alone):  # for one object, all others are background
            session.annotate(frame, [stroke(int(j == k), places[j], y) for j in range(num_objects)])
            list(session.propagate())
    expected = np.concatenate([all_probabilities(session) for session in alone], axis=1)
    np.testing.assert_allclose(all_probabilities(together), expected, atol=1e-6)


# --- undo, redo, breaking off ------------------------------------------------------------------------------------


@lightly
@given(rounds=st.lists(frames_of_six, min_size=1, max_size=4))
def test_undo_of_a_round_is_the_identity_and_redo_brings_it_back(make_networks, make_clip, play, rounds):
    session = Session(make_networks(), make_clip())
    snapshots = [all_probabilities(session)]
    for frame in rounds:
        play(session, frame)
        snapshots.append(all_probabilities(session))
    for step in range(len(rounds) - 1, -1, -1):
        session.undo()
        np.testing.assert_array_equal(all_probabilities(session), snapshots[step])
        assert len(session.rounds) == step
    assert not session.can_undo
    for step in range(len(rounds)):
        session.redo()
        np.testing.assert_array_equal(all_probabilities(session), snapshots[step + 1])
    assert not session.can_redo


def test_a_round_after_an_undo_is_as_if_the_undone_one_had_never_been(make_networks, make_clip, play):
    straight, detour = (Session(make_networks(), make_clip()) for _ in range(2))
    play(straight, 1)
    play(straight, 4, x=0.7)
    play(detour, 1)
    play(detour, 3, x=0.2)
    detour.undo()
    play(detour, 4, x=0.7)
    np.testing.assert_array_equal(all_probabilities(detour), all_probabilities(straight))
    assert not detour.can_redo


def test_a_round_that_comes_to_no_frame_is_no_step(session, play):
    play(session, 5)
    play(session, 0)
    session.undo()
    assert session.itinerary(direction="forward") == []
    assert list(session.propagate(direction="forward")) == []
    session.redo()
    assert len(session.rounds) == 2
    session.undo()
    assert len(session.rounds) == 1


def test_undo_takes_back_one_pending_annotation_after_the_other(session, stroke, play):
    play(session, 0)
    first = session.annotate(3, [stroke()])
    session.annotate(3, [stroke(1, 0.9)])
    session.undo()
    np.testing.assert_array_equal(session.preview(3), first)
    session.undo()
    assert not session.pending
    session.redo()
    np.testing.assert_array_equal(session.preview(3), first)
    assert len(session.rounds) == 1


@lightly
@given(steps=st.integers(0, 5), how=st.sampled_from(["close", "exception", "drop"]))
def test_a_broken_off_round_leaves_the_state_before_it(make_networks, make_clip, stroke, play, steps, how):
    session = Session(make_networks(), make_clip())
    play(session, 1)
    before = all_probabilities(session)
    session.annotate(4, [stroke(1, 0.7)])
    running = session.propagate()
    for _ in range(min(steps, len(session.itinerary()))):
        next(running)
    if how == "close":
        running.close()
    elif how == "exception":
        with pytest.raises(ZeroDivisionError):
            running.throw(ZeroDivisionError())
    del running
    np.testing.assert_array_equal(all_probabilities(session), before)
    assert [annotation.frame for annotation in session.pending] == [4]
    assert len(session.rounds) == 1
    list(session.propagate())
    straight = Session(make_networks(), make_clip())
    play(straight, 1)
    play(straight, 4, x=0.7)
    np.testing.assert_array_equal(all_probabilities(session), all_probabilities(straight))


def test_a_failure_in_the_middle_leaves_the_state_before_the_round(make_networks, make_clip, stroke):
    clip, networks = make_clip(), make_networks()
    session = Session(networks, clip, cache_bytes=0)
    session.annotate(0, [stroke()])
    whole, clip.array = clip.array, clip.array[:3]
    with pytest.raises(IndexError):
        list(session.propagate())
    clip.array = whole
    assert not all_masks(session).any()
    assert len(list(session.propagate())) == 6


def test_a_round_does_not_count_until_it_is_exhausted(session, stroke):
    session.annotate(0, [stroke()])
    running = session.propagate()
    for _ in range(6):
        next(running)
    assert not session.rounds
    assert next(running, None) is None
    assert len(session.rounds) == 1


@pytest.mark.parametrize("change", ["annotate", "undo", "round"])
def test_a_round_whose_session_was_changed_meanwhile_is_dropped(session, stroke, change):
    session.annotate(0, [stroke()])
    running = session.propagate()
    next(running)
    if change == "annotate":
        session.annotate(3, [stroke()])
    elif change == "undo":
        session.undo()
    else:
        list(session.propagate())
    after = all_masks(session)
    with pytest.raises(SessionOrderError, match="changed"):
        next(running)
    np.testing.assert_array_equal(all_masks(session), after)


# --- hints -------------------------------------------------------------------------------------------------------


def test_the_worst_frame_has_most_doubt_around_it_and_nobody_annotated_it(session, play):
    play(session, 2)
    confidence, values = session.confidence(), session.trust().values
    assert confidence.shape == values.shape == (6,)
    assert ((confidence >= 0) & (confidence <= 1)).all()
    worst = session.worst_frame()
    assert worst == min((t for t in range(6) if t != 2), key=lambda t: -worth_correcting(values)[t])
    play(session, worst)
    assert session.worst_frame() not in (2, worst)


def test_a_frame_that_waits_for_the_round_is_no_longer_the_worst(session, play, stroke):
    play(session, 2)
    worst = session.worst_frame()
    session.annotate(worst, [stroke()])
    assert session.worst_frame() not in (2, worst)


def test_worst_frame_passes_over_frames_without_a_result(session, play):
    play(session, 2, within=range(1, 5))
    assert session.worst_frame() in (1, 3, 4)


# --- bad input ---------------------------------------------------------------------------------------------------


def test_propagate_before_any_annotation_says_so_at_once(session):
    with pytest.raises(SessionOrderError, match="annotate"):
        session.propagate()
    with pytest.raises(SessionOrderError, match="annotate"):
        session.itinerary()
    with pytest.raises(SessionOrderError, match="propagate"):
        session.worst_frame()
    with pytest.raises(SessionOrderError, match="nothing to undo"):
        session.undo()
    with pytest.raises(SessionOrderError, match="nothing to redo"):
        session.redo()


def test_undoing_the_only_annotation_leaves_nothing_to_propagate(session, stroke):
    session.annotate(0, [stroke()])
    session.undo()
    with pytest.raises(SessionOrderError):
        session.propagate()


@pytest.mark.parametrize(
    ("frame", "object_id", "says"),
    [(6, 1, "no frame 6"), (-1, 1, "-1"), (0, 2, "object 2"), (2.0, 1, "2.0"), (True, 1, "True")],
)
def test_strokes_for_what_does_not_exist_are_refused(session, stroke, frame, object_id, says):
    with pytest.raises(InputError, match=says):
        session.annotate(frame, [stroke(object_id)])
    assert not session.pending
    assert not session.can_undo


def test_an_annotation_without_strokes_is_refused(session, stroke):
    for scribbles in ([], None, stroke(), [{"object_id": 1}]):
        with pytest.raises(InputError, match=r"stroke|ivos\.Scribble"):
            session.annotate(0, scribbles)
    assert not session.pending


@pytest.mark.parametrize(
    "within", [range(3, 6), range(2), range(9), range(-1, 4), range(2, 2), range(0, 6, 2), (0, 5), [0, 1, 2]]
)
def test_a_range_that_does_not_fit_is_refused(session, stroke, within):
    session.annotate(2, [stroke()])
    with pytest.raises(InputError, match="within"):
        session.propagate(within=within)


def test_an_unknown_direction_is_refused(session, stroke):
    session.annotate(2, [stroke()])
    with pytest.raises(InputError, match="sideways"):
        session.propagate(direction="sideways")


@pytest.mark.parametrize(
    "arguments",
    [
        *({"num_objects": value} for value in (0, 255, 1.5, 2.0)),
        *({"resolution": value} for value in (0, "480", 480.0)),
        *({"cache_bytes": value} for value in (-1, None, "3", float("nan"))),
    ],
)
def test_arguments_out_of_range_are_refused(make_networks, make_clip, arguments):
    with pytest.raises(InputError):
        Session(make_networks(), make_clip(), **arguments)


def test_frames_with_their_channels_turned_round_are_read(make_networks, make_clip, stroke):
    class Turned:
        def __init__(self, clip):
            self.clip, self.size, self.fps = clip, clip.size, clip.fps

        def __len__(self):
            return len(self.clip)

        def __getitem__(self, t):
            return self.clip[t][..., ::-1]

    straight = make_clip()
    twice = Turned(make_clip())
    twice.clip.array = np.ascontiguousarray(twice.clip.array[..., ::-1])
    masks = [Session(make_networks(), clip).annotate(0, [stroke()]) for clip in (straight, twice)]
    np.testing.assert_array_equal(*masks)


@pytest.mark.parametrize("frames", ["clip.mp4", np.zeros((2, 32, 32, 3), np.uint8), None])
def test_what_is_no_clip_is_refused(make_networks, frames):
    with pytest.raises(InputError, match=r"clip is given as .*ivos\.read_video"):
        Session(make_networks(), frames)


def test_what_is_no_model_is_refused(make_networks, make_clip):
    for model, name in (("lite", "'lite'"), (None, "NoneType"), (load_model, "function")):
        with pytest.raises(InputError, match=rf"given as {name}; expected .*ivos\.load_model"):
            Session(model, make_clip())
    with pytest.raises(InputError, match=r"model is given as ArrayFrames; expected .*ivos\.load_model"):
        Session(make_clip(), make_networks())


def test_a_clip_without_frames_is_refused(make_networks, make_clip):
    clip = make_clip()
    clip.array = clip.array[:0]
    with pytest.raises(InputError, match="no frames"):
        Session(make_networks(), clip)


def test_alpha_is_soft_along_the_outline_and_agrees_with_the_mask(make_networks, make_clip, stroke, tmp_path):
    session = Session(make_networks(), make_clip(size=(64, 96)), 2)
    assert not session.alpha(1).any()
    session.annotate(1, [stroke(1, 0.3), stroke(2, 0.7)])
    list(session.propagate())
    for t in range(session.num_frames):
        alpha, mask = session.alpha(t), session.mask(t)
        np.testing.assert_array_equal(alpha > 127, mask > 0)
        assert ((alpha > 0) & (alpha < 255)).any()
    export(session, tmp_path, format="prores")
    with av.open(str(tmp_path / "alpha.mov")) as video:
        written = np.stack([frame.to_ndarray(format="rgba")[..., 3] for frame in video.decode(video=0)])
    np.testing.assert_allclose(written, [session.alpha(t) for t in range(session.num_frames)], atol=4)


def test_alpha_is_that_of_the_probability_and_sure_where_a_hand_or_a_stroke_decides(make_networks, make_clip, stroke):
    networks = make_networks()
    session, threshold = Session(networks, make_clip(size=(64, 96)), 2), networks.config.fusion_threshold
    rows = ((1, 9), (0, 12), (2, 15), (0, 18))  # closer than the cells of the logits
    crossing = [Scribble(k, [(0.2, y / 64), (0.8, (y + 2) / 64)]) for k, y in rows]
    session.annotate(1, [stroke(1, 0.3), stroke(2, 0.7)])
    list(session.propagate())

    def alpha(t, certain=None):
        margins = margin(session.probability(t), np.array([True, True]), threshold)
        return soft_alpha(session.mask(t) > 0, margins, certain)

    np.testing.assert_array_equal(session.alpha(4), alpha(4))
    session.annotate(4, crossing)
    assert (session.preview(4) != session.mask(4)).any()  # what waits is not in the mask yet
    np.testing.assert_array_equal(session.alpha(4), alpha(4))
    list(session.propagate())
    held = session.history.state.results[4].held
    np.testing.assert_array_equal(session.alpha(4), alpha(4, held))
    assert (alpha(4) != alpha(4, held)).any()

    before = session.mask(3)
    edited = np.where(np.roll(before, 2, axis=0) > 0, 2, 0).astype(np.uint8)
    edited[:, :40] = before[:, :40]
    session.paint(3, edited)
    list(session.propagate())
    painted = np.where(edited != before, edited, np.uint8(VOID))
    np.testing.assert_array_equal(session.alpha(3), alpha(3, painted))


def test_objects_that_are_gone_or_not_there_yet_have_no_part_in_alpha(make_networks, make_clip):
    canvas = Canvas(make_clip(size=(64, 96)), None, make_networks().config, torch.device("cpu"))
    logits = np.random.default_rng(0).normal(0, 3, (2, *canvas.cells)).astype(np.float16)
    result, first = FrameResult(logits, 1.0, (1, 2)), FrameResult(logits[:1], 1.0, (1,))
    np.testing.assert_array_equal(canvas.alpha(0, result, [1], without=[2]), canvas.alpha(0, first, [1]))
    assert not np.array_equal(canvas.alpha(0, result, [1]), canvas.alpha(0, first, [1]))
    assert not canvas.alpha(0, result, [3]).any()


@pytest.mark.parametrize("resolution", [np.int16(200), np.uint8(100), 200])
def test_any_whole_number_is_a_resolution(make_networks, make_clip, stroke, resolution):
    networks = make_networks()
    session = Session(networks, make_clip(2, (300, 452)), resolution=resolution)
    session.annotate(0, [stroke()])
    height = networks.annotate_inputs[0][0].shape[-2]
    assert resolution <= height < int(resolution) + 16


def test_truth_is_no_number_of_a_frame(session):
    with pytest.raises(InputError, match="no frame True"):
        session.paint(True, np.ones(session.frames.size, np.uint8))
    assert not session.pending


@pytest.mark.parametrize("t", [6, -1, None, "1", 1.0])
def test_looking_at_a_frame_that_does_not_exist_is_refused(session, t):
    for look in (session.mask, session.probability, session.alpha, session.preview):
        with pytest.raises(InputError, match="no frame"):
            look(t)


def test_a_frame_of_another_size_is_refused_by_number(make_networks, make_clip, stroke):
    class Growing:
        size, fps = (37, 50), 24.0

        def __len__(self):
            return 3

        def __getitem__(self, t):
            return np.zeros((37 + t, 50, 3), np.uint8)

    session = Session(make_networks(), Growing())
    session.annotate(0, [stroke()])
    with pytest.raises(InputError, match="Frame 1"):
        list(session.propagate())


def test_weights_that_give_no_numbers_are_refused(make_networks, make_clip, stroke):
    networks = make_networks()
    networks.transfer = lambda target, *_: torch.full_like(target.s4, torch.nan)
    session = Session(networks, make_clip())
    session.annotate(0, [stroke()])
    with pytest.raises(WeightsError):
        list(session.propagate())


def test_a_notebook_whose_numbers_are_doubles_gets_the_same_masks(make_networks, make_clip, play):
    plain = Session(make_networks(), make_clip())
    play(plain, 2)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        doubles = Session(make_networks(), make_clip())
        play(doubles, 2)
        np.testing.assert_array_equal(all_masks(doubles), all_masks(plain))
    finally:
        torch.set_default_dtype(before)


def test_a_call_that_is_stopped_before_its_mask_is_there_changes_nothing(session, stroke, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Canvas, "shown", stopped)
        with pytest.raises(KeyboardInterrupt):
            session.annotate(2, [stroke(1, 0.4)])
        with pytest.raises(KeyboardInterrupt):
            session.paint(3, np.ones(session.frames.size, np.uint8))
    assert (session.pending, session.can_undo) == ((), False)


def test_strokes_of_background_only_are_a_correction_like_any_other(session, play):
    play(session, 2)
    before = session.probability(2)
    session.annotate(2, [Scribble(0, [(0.4, 0.5)])])
    list(session.propagate())
    assert session.probability(2)[0, 18, 20] < before[0, 18, 20]


def test_a_round_also_fills_what_marks_left_out_of_an_earlier_one(session, play):
    play(session, 2, within=range(2, 4))
    assert np.isnan(session.confidence()).tolist() == [True, True, False, False, True, True]
    visited = [t for t, _ in play(session, 3)]
    assert visited == [3, 4, 5, 1, 0]
    assert not np.isnan(session.confidence()).any()
