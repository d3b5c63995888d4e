import numpy as np
import pytest
import torch

from ivos.errors import InputError
from ivos.train import lite_samples, paper_samples
from ivos.train import scenery as scenery_module
from ivos.train.data import library_from_specs
from ivos.train.lite_samples import DRIFTS, LEARNED, LiteSampling, first_prompts
from ivos.train.paper_samples import PaperSampling, deformed, mini_sequence
from ivos.train.samples import Samples, Share, levels, shares
from ivos.train.scenery import Scenery
from ivos.train.sources import Library, PictureCache, Take

CROP = 64
ys, xs = np.mgrid[:96, :96]
DISC = (ys - 50) ** 2 + (xs - 40) ** 2 < 30**2


def samplings(scenery):
    return {"lite": LiteSampling(scenery, (1, 2, 3)), "paper": PaperSampling(scenery)}


@pytest.mark.parametrize("name", ["lite", "paper"])
@pytest.mark.parametrize("sequences", [False, True])
def test_a_slot_determines_its_sample(name, sequences, scenery):
    samples = Samples(samplings(scenery)[name], 3, sequences=sequences)
    first = samples[5, 1]
    samples[6, 0]
    again = samples[5, 1]
    assert first.keys() == again.keys()
    assert all(torch.equal(first[key], again[key]) for key in first)
    picture = "images" if sequences else "image"
    others = [samples[5, 0], samples[6, 1], Samples(samplings(scenery)[name], 4, sequences=sequences)[5, 1]]
    assert not any(
        torch.equal(first[picture], other[picture]) for other in others if other[picture].shape == first[picture].shape
    )


@pytest.mark.parametrize("source", ["davis-2017:DAVIS", "youtube-vos:YT", "sbd:SBD"])
def test_the_papers_samples_come_from_every_layout(source, data):
    scenery = Scenery(library_from_specs([source.replace(":", f":{data}/")]), CROP, PictureCache(1 << 26))
    rng = np.random.default_rng(0)
    alone, sequence = PaperSampling(scenery).annotation_sample(rng), PaperSampling(scenery).sequence_sample(rng, rng)
    assert alone["image"].shape == (3, CROP, CROP)
    assert (alone["mask"] == 1).any()
    assert sequence["images"].shape == (5, 3, CROP, CROP)
    assert (sequence["masks"][0] == 1).any()


@pytest.mark.parametrize(("name", "changed"), [("lite", True), ("paper", False)])
def test_the_papers_scenes_get_no_cords_and_no_bystanders(name, changed, scenery, monkeypatch):
    drawn = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(scenery_module, "THIN", share)
        monkeypatch.setattr(scenery_module, "CROWDED", share)
        samples = Samples(samplings(scenery)[name], 0, sequences=True)
        drawn.append([samples[0, slot]["images"] for slot in range(4)])
    assert any(not torch.equal(*pair) for pair in zip(*drawn, strict=True)) == changed


@pytest.mark.parametrize("name", ["lite", "paper"])
def test_single_frames_have_the_promised_shapes(name, scenery):
    sample = samplings(scenery)[name].annotation_sample(np.random.default_rng(0))
    assert sample["image"].shape == sample["maps"].shape == (3, CROP, CROP)
    assert sample["mask"].shape == (CROP, CROP)
    assert all(sample[key].dtype == torch.uint8 for key in ("image", "maps", "mask"))
    assert set(sample["mask"].unique().tolist()) <= {0, 1, 255}
    assert set(sample["maps"][1:].unique().tolist()) <= {0, 254}


def test_lite_sequences_of_a_step_have_equally_many_annotated_frames(scenery):
    samples = Samples(LiteSampling(scenery, (1, 2, 3)), 0, sequences=True)
    counts, drifts, alone = set(), set(), set()
    for step in range(6):
        batch = [samples[step, place] for place in range(2)]
        counts.add(len(batch[0]["maps"]))
        alone.add(int(batch[0]["alone"]))
        assert batch[0]["alone"] == batch[1]["alone"]
        assert len(batch[0]["maps"]) == len(batch[1]["maps"])
        for sample in batch:
            frames = len(batch[0]["images"])
            drifts.add(frames - len(sample["maps"]) - 1 - LEARNED)
            assert sample["images"].shape == (frames, 3, CROP, CROP)
            assert sample["masks"].shape == (frames, CROP, CROP)
            assert sample["previous"].shape == (CROP, CROP)
            assert torch.equal(sample["asked"], batch[0]["asked"])
            assert len(sample["maps"]) <= min(sample["asked"]) < max(sample["asked"]) < frames
            assert (sample["asked_maps"][:, 0] == 127).all()  # first strokes: nothing is known of a previous mask
    assert len(counts) > 1
    assert drifts == set(DRIFTS)
    assert alone == {0, 1}


def test_paper_sequences_have_one_annotated_frame_and_four_targets(scenery):
    sample = PaperSampling(scenery).sequence_sample(np.random.default_rng(0), np.random.default_rng(0))
    assert sample["images"].shape == (5, 3, CROP, CROP)
    assert sample["masks"].shape == (5, CROP, CROP)
    assert sample["maps"].shape == (1, 3, CROP, CROP)


@pytest.mark.parametrize("length", [1, 2, 4, 5, 6, 8, 40])
def test_targets_are_four_of_the_next_seven_in_one_direction(length):
    sides, windows = set(), set()
    for seed in range(60):
        indices, times = mini_sequence(length, np.random.default_rng(seed))
        assert len(indices) == len(times) == 5
        assert all(0 <= index < length for index in indices)
        steps = np.abs(times)
        assert times[0] == 0
        assert (np.diff(steps) > 0).all()
        assert steps[-1] <= 7
        sides.add(np.sign(times[-1]))
        windows.add(steps[-1])
        if length >= 5:  # nothing is reflected
            assert [index - indices[0] for index in indices] == times
    assert sides == {-1, 1}
    assert max(windows) == min(7, length - 1 if length >= 5 else 7)


def test_round_one_has_a_point_for_every_hundred_to_three_thousand_pixels():
    counts = []
    for seed in range(80):
        previous, positive, negative = paper_samples.prompts(DISC, np.random.default_rng(seed)).numpy()
        if (previous == 127).all():
            assert not negative.any()
            assert (positive[DISC] > 0).any()
            points = positive.astype(bool)
            # a point covers at most 5 x 5 pixels
            counts.append(points.sum() / 17)
    assert 20 < len(counts) < 60
    assert max(counts) <= DISC.sum() / 100
    assert min(counts) <= 2


def test_later_rounds_have_a_deformed_mask_and_strokes_on_the_differences():
    later = 0
    for seed in range(60):
        previous, positive, negative = paper_samples.prompts(DISC, np.random.default_rng(seed)).numpy()
        if set(np.unique(previous)) == {0, 254}:
            later += 1
            wrong = previous > 0
            overlap = (wrong & DISC).sum() / (wrong | DISC).sum()
            assert 0.5 < overlap < 1
            assert not ((positive > 0) & ~(DISC & ~wrong)).any()
            assert not ((negative > 0) & ~(wrong & ~DISC)).any()
            assert positive.any() or negative.any()
    assert 15 < later < 45


def test_deforming_nothing_or_a_single_pixel_is_harmless():
    empty = np.zeros((20, 20), bool)
    assert not deformed(empty, np.random.default_rng(0)).any()
    empty[3, 4] = True
    assert deformed(empty, np.random.default_rng(0)).shape == (20, 20)


@pytest.mark.parametrize("prompts", [lite_samples.prompts, paper_samples.prompts])
def test_prompts_of_an_empty_mask_draw_nothing_positive(prompts):
    for seed in range(10):
        maps = prompts(np.zeros((32, 32), bool), np.random.default_rng(seed))
        assert maps.shape == (3, 32, 32)
        assert not maps[1].any()


def test_previous_masks_are_exact_spoiled_or_lost():
    fates = {"exact": 0, "lost": 0, "spoiled": 0}
    for seed in range(80):
        mask, fate = lite_samples.previous_mask(DISC, np.random.default_rng(seed))
        assert 0 <= mask.min() <= mask.max() <= 1
        assert np.array_equal(mask, DISC) == (fate == "exact")
        assert mask.any() == (fate != "lost")
        fates[fate] += 1
    assert 30 < fates["exact"] < 50
    assert 5 < fates["lost"] < 27
    assert fates["spoiled"] > 10


def test_an_annotated_frame_may_lack_a_part_where_the_previous_mask_is_the_truth(scenery, monkeypatch):
    samples = Samples(LiteSampling(scenery, (1, 2)), 0, sequences=True)
    slots = [(step, place) for step in range(12) for place in range(2)]
    monkeypatch.setattr(lite_samples, "TORN", 0)
    whole = [samples[slot] for slot in slots]
    monkeypatch.setattr(lite_samples, "TORN", 1)
    torn = [samples[slot] for slot in slots]
    lacking = 0
    for before, after in zip(whole, torn, strict=True):
        assert torch.equal(before["images"], after["images"])
        assert torch.equal(before["masks"][1:], after["masks"][1:])
        if torch.equal(before["masks"][0], after["masks"][0]):
            continue
        lacking += 1
        truth, rest = before["masks"][0] == 1, after["masks"][0] == 1
        assert 0 < (truth & ~rest).sum() <= 0.62 * truth.sum()
        assert not (rest & ~truth).any()
        assert after["starts_annotated"] == 0
        assert torch.equal(after["previous"] > 0, before["masks"][len(after["maps"])] == 1)
        previous, positive, negative = after["maps"][0] > 0
        assert torch.equal(previous, rest)
        assert not (positive & negative).any()
    assert lacking > 2


def test_shares_of_processes_make_up_the_batch():
    whole = list(Share(range(3, 6), 4, 0, 1))
    assert whole[0] == [(3, 0), (3, 1), (3, 2), (3, 3)]
    parts = [list(Share(range(3, 6), 4, rank, 2)) for rank in range(2)]
    assert len(Share(range(3, 6), 4, 0, 2)) == len(parts[0]) == 3
    for batch, *parted in zip(whole, *parts, strict=True):
        assert sorted(parted[0] + parted[1]) == batch
        assert len(parted[0]) == len(parted[1])


@pytest.mark.parametrize("name", ["lite", "paper"])
def test_a_library_without_objects_is_refused(name):
    class Nothing:
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            return np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8)

    empty = Scenery(Library(((1.0, (Take(Nothing(), (0,)),)),)), CROP, PictureCache(1 << 20))
    with pytest.raises(InputError, match="object"):
        samplings(empty)[name].annotation_sample(np.random.default_rng(0))


@pytest.mark.parametrize("prompts", [lite_samples.prompts, paper_samples.prompts])
def test_nobody_draws_background_where_nothing_is_known(prompts):
    near = (ys - 50) ** 2 + (xs - 40) ** 2 < 36**2
    mask = np.where(DISC, 1, np.where(near, 255, 0)).astype(np.uint8)
    drawn = np.stack([prompts(mask, np.random.default_rng(seed))[2].numpy() > 0 for seed in range(60)])
    assert drawn.any()
    assert (drawn & (mask == 255)).sum() < 0.1 * drawn.sum()  # a line between two wrong places may cross it


def test_maps_come_back_as_they_were_drawn_and_a_half_is_exact():
    drawn = np.array([[0.0, 0.25, 0.5, 1.0]], np.float32)
    np.testing.assert_allclose(shares(levels(drawn)), drawn, atol=0.002)
    first = shares(first_prompts(np.eye(32, dtype=np.uint8), np.random.default_rng(0)))
    assert first[0].unique().tolist() == [0.5]
