import itertools
import pickle

import numpy as np
import pytest
import torch
from scipy import ndimage

from ivos.errors import InputError
from ivos.train import scenery as scenery_module
from ivos.train.augment import Bend, ColourJitter, Dye, drift, grid, shifted, shrunk, similarity, view, warp
from ivos.train.scenery import Scenery, choose_object, reflected, with_thin_parts
from ivos.train.sources import Library, PictureCache, Take

CROP = 64


class Ball:
    """A still whose object has exactly its own colour, so that the image tells where the mask must be."""

    def __init__(self, count: int = 1) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        ys, xs = np.mgrid[:120, :160]
        mask = ((ys - 60) ** 2 + (xs - 70 - 2 * index) ** 2 < 30**2).astype(np.uint8)
        image = np.where(mask[..., None] > 0, [250, 250, 250], [5, 5, 5]).astype(np.uint8)
        return image, mask


def scenery_of(pictures: Ball, *, patchwork: bool = False, **more: object) -> tuple[Scenery, Take]:
    take = Take(pictures, tuple(range(len(pictures))))
    return Scenery(Library(((1.0, (take,)),), **more), CROP, PictureCache(1 << 26), patchwork=patchwork), take


@pytest.mark.parametrize("pictures", [Ball(1), Ball(6)])
def test_image_and_mask_move_together(pictures):
    scenery, take = scenery_of(pictures)
    agree = []
    for seed in range(12):
        times = np.array([0.0, 1, 2, 3])
        scene = scenery.film(take, [0] * 4 if len(take) == 1 else [0, 1, 2, 3], times, np.random.default_rng(seed))
        assert scene.images.shape == (4, 3, CROP, CROP)
        assert scene.images.dtype == scene.masks.dtype == torch.uint8
        for image, mask in zip(scene.images.float().mean(1), scene.masks, strict=True):
            bright = image > (image.min() + image.max()) / 2
            agree.append(float((bright == (mask == 1)).float().mean()))
    assert np.median(agree) > 0.98  # reflection beyond the border shows the ball again, the mask does not
    assert np.mean(np.array(agree) > 0.6) > 0.7  # a close view may show nothing but the ball, or its reflection


def test_a_still_is_set_in_motion():
    scenery, take = scenery_of(Ball(1))
    scene = scenery.film(take, [0, 0, 0], np.array([0.0, 2, 4]), np.random.default_rng(1))
    assert (scene.masks[0] != scene.masks[2]).any()


def test_a_scene_without_a_usable_object_is_none():
    class Nothing(Ball):
        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            return np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8)

    scenery, take = scenery_of(Nothing(1))
    assert scenery.film(take, [0], np.zeros(1), np.random.default_rng(0)) is None


def test_thin_parts_hang_on_the_object_or_change_no_mask():
    image, mask = Ball()[0]
    attached = 0
    for seed in range(30):
        painted, marked = with_thin_parts(image, mask, [1], 1.0, np.random.default_rng(seed))
        added = (marked == 1) & (mask == 0)
        assert painted.shape == image.shape
        assert painted.dtype == marked.dtype == np.uint8
        assert (marked[mask == 1] == 1).all()
        assert set(np.unique(marked)) <= {0, 1}
        if added.any():
            attached += 1
            assert ndimage.label(marked, np.ones((3, 3)))[1] == 1
            assert not ndimage.binary_erosion(added, np.ones((3, 3)), iterations=4).any()
            assert (painted != image).any(axis=2)[added].mean() > 0.9
        else:
            assert (marked == mask).all()
    assert 10 <= attached <= 28
    assert len({with_thin_parts(image, mask, [1], 1.0, np.random.default_rng(s))[0].tobytes() for s in (3, 3)}) == 1


def test_bystanders_stand_behind_the_object_and_change_no_mask(monkeypatch):
    class Red(Ball):
        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            mask = super().__getitem__(index)[1]
            return np.where(mask[..., None] > 0, [250, 5, 5], [5, 5, 5]).astype(np.uint8), mask

    class Plain:
        def __call__(self, image: torch.Tensor, *_: float) -> torch.Tensor:
            return image.clamp(0, 255).to(torch.uint8)

    monkeypatch.setattr(ColourJitter, "random", lambda *_: Plain())
    monkeypatch.setattr(scenery_module, "THIN", 0.0)
    take, kin = Take(Ball(), (0,)), Take(Red(), (0,))
    scenery = Scenery(Library(((1.0, (take, kin)),)), CROP, PictureCache(1 << 26))
    seen = 0
    for seed in range(12):
        scenes = []
        for share in (0.0, 1.0):
            monkeypatch.setattr(scenery_module, "CROWDED", share)
            scenes.append(scenery.film(take, [0, 0], np.array([0.0, 2]), np.random.default_rng(seed)))
        alone, crowded = scenes
        assert torch.equal(alone.masks, crowded.masks)
        inside = (alone.masks == 1)[:, None].expand_as(alone.images)
        assert torch.equal(alone.images[inside], crowded.images[inside])
        seen += int((crowded.images[:, 0] > crowded.images[:, 1] + 60).any())
    assert seen >= 6  # others are white, or out of sight


def test_void_stays_void():
    class Unknown(Ball):
        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            image, mask = super().__getitem__(index)
            mask[:, 100:] = 255
            return image, mask

    scenery, take = scenery_of(Unknown(1))
    values = {
        int(v) for s in range(9) for v in scenery.film(take, [0], np.zeros(1), np.random.default_rng(s)).masks.unique()
    }
    assert values == {0, 1, 255}


@pytest.mark.parametrize("crop", [0, -16, 60])
def test_a_crop_that_networks_cannot_take_is_refused(crop):
    with pytest.raises(InputError, match="multiple of 16"):
        Scenery(Library(((1.0, (Take(Ball(), (0,)),)),)), crop, PictureCache(0))


def test_reflection_runs_to_and_fro():
    assert [reflected(i, 4) for i in range(-4, 9)] == [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert [reflected(i, 1) for i in (-3, 0, 5)] == [0, 0, 0]


def test_objects_are_chosen_alone_with_what_they_touch_or_merged():
    mask = np.repeat(np.array([2, 0, 5], np.uint8), 30).reshape(9, 10)
    rng = np.random.default_rng(0)
    mask[3:6] = np.array([0, 0, 0, 0, 0, 7, 7, 7, 7, 7])  # three pixels apart from neither
    mask[:3, 5:] = 0
    assert {tuple(choose_object(mask, 0.0, rng)) for _ in range(40)} == {(2,), (5,), (7,)}
    found = [tuple(choose_object(mask, 0.0, rng, together=0.5)) for _ in range(60)]
    assert set(found) == {(2,), (5,), (7,), (2, 7), (5, 7), (2, 5, 7)}
    assert 15 < sum(len(each) > 1 for each in found) < 45
    whole = np.where(mask == 0, np.uint8(9), mask)  # regions that leave no background
    assert {len(choose_object(whole, 0.0, rng, together=1.0)) for _ in range(40)} == {1}
    assert choose_object(mask, 1.0, rng) == list(range(1, 255))
    assert choose_object(np.zeros((4, 4), np.uint8), 1.0, rng) is None


def test_warping_by_the_identity_and_by_a_shift():
    picture = np.random.default_rng(0).integers(0, 256, (CROP, CROP, 3), np.uint8)
    same = warp(picture, grid(np.eye(3), CROP, (CROP, CROP)))
    torch.testing.assert_close(same, torch.tensor(picture).permute(2, 0, 1).float(), atol=0.02, rtol=0)
    moved = warp(picture, grid(shifted(5, -3), CROP, (CROP, CROP)), outside="zeros")
    expected = torch.tensor(picture).permute(2, 0, 1).float()[:, : CROP - 3, 5:]
    torch.testing.assert_close(moved[:, 3:, : CROP - 5], expected, atol=0.02, rtol=0)


def test_shrinking_keeps_the_place():
    ys, xs = np.mgrid[:256, :256]
    picture = np.where((ys > 96) & (ys < 160) & (xs > 64) & (xs < 192), 255, 0).astype(np.uint8)[..., None]
    matrix = similarity(4.0, 0.0)
    small, changed = shrunk(picture, matrix)
    assert small.shape == (64, 64, 1)
    before = warp(picture, grid(matrix, CROP, (256, 256)))
    after = warp(small, grid(changed, CROP, small.shape[:2]))
    assert float((before - after).abs().mean()) < 6


def test_a_line_is_shrunk_as_far_as_it_goes():
    small, _ = shrunk(np.full((5, 960, 4), 90, np.uint8), np.diag([14.0, 14.0, 1.0]))
    assert min(small.shape[:2]) == 1
    assert (small == 90).all()


def test_views_show_the_object():
    mask = np.zeros((100, 150), bool)
    mask[40:60, 60:90] = True
    for seed in range(30):
        where = grid(view(mask, CROP, np.random.default_rng(seed)), CROP, mask.shape)
        seen = warp(mask[..., None].astype(np.uint8), where, outside="zeros")
        assert float(seen.sum()) > 20
    assert np.isfinite(view(np.zeros((9, 9), bool), CROP, np.random.default_rng(0))).all()


def test_motion_is_small_at_rest_and_grows():
    lengths = []
    for seed in range(30):
        moves = drift(np.array([0.0, 1.0, 3.0]), CROP, 1.0, np.random.default_rng(seed))
        centre = np.array([CROP / 2, CROP / 2, 1])
        lengths.append([np.linalg.norm((m @ centre - centre)[:2]) for m in moves])
    rest, some, much = np.mean(lengths, axis=0)
    assert rest < some < much
    bend = Bend.random(CROP, 1.0, np.random.default_rng(0))
    straight, bent = grid(np.eye(3), CROP, (CROP, CROP), bend, 0.0), grid(np.eye(3), CROP, (CROP, CROP), bend, 1.0)
    torch.testing.assert_close(straight, grid(np.eye(3), CROP, (CROP, CROP)))
    assert (bent != straight).any()


def test_colour_changes_alike_in_all_frames_of_a_sample():
    frames = torch.full((2, 3, CROP, CROP), 120.0)
    jitter = ColourJitter.random(CROP, np.random.default_rng(3))
    one, two = (jitter(frame) for frame in frames)
    assert torch.equal(one, two)
    assert one.dtype == torch.uint8
    assert any(
        not torch.equal(a, b)
        for a, b in itertools.pairwise(ColourJitter.random(CROP, np.random.default_rng(s))(frames[0]) for s in range(3))
    )


def test_a_dye_changes_a_part_of_the_object_alike_in_all_frames_and_nothing_else():
    ball, shares = Ball(6), []
    for seed in range(20):
        dye = Dye.random(*ball[0], [1], np.random.default_rng(seed))
        for image, mask in (ball[0], ball[5]):
            before, dyed = image.copy(), dye(image, mask)
            changed = (dyed != image).any(axis=2)
            assert (image == before).all()
            assert not changed[ndimage.binary_dilation(mask, np.ones((3, 3))) == 0].any()
            shares.append(changed[mask == 1].mean())
            inner = ndimage.binary_erosion(changed & (mask == 1), np.ones((3, 3)), iterations=2)
            assert len(np.unique(dyed[inner], axis=0)) <= 1  # one colour became one colour
        assert abs(shares[-1] - shares[-2]) < 0.1
    dyed_shares = [share for share in shares if share > 0]  # the new colour may be the old one
    assert len(dyed_shares) > 30
    assert 0.1 < min(dyed_shares) < 0.4
    assert 0.6 < max(dyed_shares) < 0.95


def test_a_dye_takes_some_of_several_ids_whole():
    rng = np.random.default_rng(0)
    ids = np.repeat(np.repeat(np.arange(6, dtype=np.uint8).reshape(2, 3), 20, axis=0), 20, axis=1)
    image = np.repeat(40 * ids[..., None], 3, axis=2)
    whole = 0
    for _ in range(40):
        changed = (Dye.random(image, ids, [1, 2, 3, 4], rng)(image, ids) != image).any(axis=2)
        inner = [changed[2 + 20 * y : 18 + 20 * y, 2 + 20 * x : 18 + 20 * x].mean() for y in (0, 1) for x in (0, 1, 2)]
        assert inner[0] == inner[5] == 0  # the background and an object that is not chosen
        whole += set(inner) == {0.0, 1.0}
    assert whole >= 20


def test_only_a_patchwork_has_dyed_objects():
    colours = {}
    for patchwork in (False, True):
        scenery, take = scenery_of(Ball(), patchwork=patchwork)
        scenes = [scenery.film(take, [0], np.zeros(1), np.random.default_rng(seed)) for seed in range(40)]
        inner = [ndimage.binary_erosion(scene.masks[0].numpy() == 1, iterations=4) for scene in scenes]
        grey = [scene.images[0].float().mean(0).numpy()[at] for scene, at in zip(scenes, inner, strict=True)]
        spread = [np.ptp(np.percentile(levels, (15, 95))) for levels in grey if levels.size > 50]
        colours[patchwork] = np.mean(np.array(spread) > 30)
    assert colours[False] < 0.1
    assert 0.2 < colours[True] < 0.6


def test_a_dye_of_frames_without_the_object_changes_nothing():
    image, mask = Ball()[0]
    empty = np.zeros_like(mask)
    rng = np.random.default_rng(0)
    assert (Dye.random(image, mask, [1], rng)(image, empty) == image).all()
    assert (Dye.random(image, empty, [1], rng)(image, empty) == image).all()


def test_a_scenery_that_was_sent_to_another_process_films_the_same(scenery):
    sent = pickle.loads(pickle.dumps(scenery))
    for seed in range(40):  # one scene in four has bystanders of the take's own group
        scenes = []
        for each in (scenery, sent):
            rng = np.random.default_rng(seed)
            scenes.append(each.film(each.pick(rng), [0], np.zeros(1), rng))
        one, two = scenes
        assert one is two is None or (torch.equal(one.images, two.images) and torch.equal(one.masks, two.masks))
