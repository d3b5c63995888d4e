import math
from functools import partial

import numpy as np
import pytest
import torch

from ivos.train.losses import balanced_cross_entropy, map_error, mask_loss, mean_jaccard, pixel_weights, soft_overlap

torch.manual_seed(0)


def example(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    truth = (rng.random((3, 8, 12)) < np.array([0.1, 0.5, 0.7])[:, None, None]).astype(np.uint8)
    truth[rng.random(truth.shape) < 0.1] = 255
    return torch.from_numpy(rng.normal(0, 2, (3, 1, 8, 12)).astype(np.float32)), torch.from_numpy(truth)


def slow_cross_entropy(logits: np.ndarray, truth: np.ndarray, balance: float) -> float:
    """Pixel by pixel: -log p of the true class, weighted by (half of the inverse share of the class) ^ balance."""
    means = []
    for sample, labels in zip(logits[:, 0], truth, strict=True):
        known = [(float(x), int(y)) for x, y in zip(sample.ravel(), labels.ravel(), strict=True) if y != 255]
        share = sum(y for _, y in known) / len(known)
        total = weights = 0.0
        for x, y in known:
            weight = (0.5 / (share if y else 1 - share)) ** balance
            total += weight * math.log1p(math.exp(-x if y else x))
            weights += weight
        means.append(total / weights)
    return float(np.mean(means))


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_cross_entropy_is_that_of_a_slow_loop(balance):
    logits, truth = example()
    expected = slow_cross_entropy(logits.double().numpy(), truth.numpy(), balance)
    assert float(balanced_cross_entropy(logits, truth, balance=balance)) == pytest.approx(expected, rel=1e-5)


def test_the_papers_balance_weighs_both_classes_alike():
    truth = torch.zeros(1, 10, 10, dtype=torch.uint8)
    truth[:, 0, :5] = 1
    logits = torch.zeros(1, 1, 10, 10)
    logits.requires_grad_()
    balanced_cross_entropy(logits, truth).backward()
    gradient = logits.grad[0, 0]
    assert float(gradient[truth[0] == 1].sum()) == pytest.approx(-float(gradient[truth[0] == 0].sum()))


def test_void_counts_nowhere():
    logits, truth = example(1)
    other = logits.clone()
    other[:, 0][truth == 255] += 9
    for loss in (balanced_cross_entropy, soft_overlap, mean_jaccard):
        assert float(loss(logits, truth)) == pytest.approx(float(loss(other, truth)))


@pytest.mark.parametrize("value", [0, 1, 255])
def test_masks_of_one_value_give_finite_losses_and_gradients(value):
    truth = torch.full((2, 8, 8), value, dtype=torch.uint8)
    logits = torch.randn(2, 1, 8, 8, requires_grad=True)
    loss = mask_loss(logits, truth, balance=1.0, overlap=1.0)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()
    if value == 255:
        assert not logits.grad.any()


def test_soft_overlap_is_one_minus_jaccard_of_certain_answers():
    truth = torch.zeros(1, 10, 10, dtype=torch.uint8)
    truth[:, :5] = 1
    logits = torch.full((1, 1, 10, 10), -50.0)
    logits[:, :, 3:8] = 50
    assert float(soft_overlap(logits, truth)) == pytest.approx(1 - 21 / 81)  # one is added to both areas
    assert mean_jaccard(logits, truth) == pytest.approx(20 / 80)
    assert mean_jaccard(-logits.abs(), torch.zeros_like(truth)) == 1.0


def test_mask_loss_adds_the_overlap_with_its_weight():
    logits, truth = example(2)
    plain = mask_loss(logits, truth, balance=0.5, overlap=0.0)
    assert plain == balanced_cross_entropy(logits, truth, balance=0.5)
    both = mask_loss(logits, truth, balance=0.5, overlap=2.0)
    torch.testing.assert_close(both, plain + 2 * soft_overlap(logits, truth))


def test_thin_parts_weigh_most_rims_less_and_flat_places_one():
    truth = torch.zeros(1, 80, 80, dtype=torch.uint8)
    truth[0, 20:60, 10:40] = 1
    truth[0, 40, 40:79] = 1  # a cord
    truth[0, 70:, :] = 255
    weights = pixel_weights(truth, 4.0)[0]
    assert weights[40, 60] > 4.5  # in the cord
    assert 2.5 < weights[30, 39] < 3.2  # on a straight rim
    assert weights[40, 20] == weights[5, 70] == 1
    assert (weights[70:] == 0).all()
    assert (pixel_weights(truth, 0.0)[0] == (truth[0] != 255)).all()


def test_what_is_unknown_makes_no_rim():
    truth = torch.full((1, 40, 40), 255, dtype=torch.uint8)
    truth[0, :, :20] = 1
    torch.testing.assert_close(pixel_weights(truth, 4.0)[0], (truth[0] == 1).float())
    truth[truth == 1] = 0
    torch.testing.assert_close(pixel_weights(truth, 4.0)[0], (truth[0] == 0).float())


def test_weighted_losses_are_the_means_over_pixels_counted_that_often():
    logits, truth = example(4)
    truth[truth == 255] = 0
    weights = torch.ones_like(truth, dtype=torch.float32)
    weights[:, :, 0] = 3
    often = torch.cat((truth, truth[:, :, :1], truth[:, :, :1]), dim=2)
    wide = torch.cat((logits, logits[..., :1], logits[..., :1]), dim=3)
    for loss in (partial(balanced_cross_entropy, balance=0.0), soft_overlap):
        torch.testing.assert_close(loss(logits, truth, weights=weights), loss(wide, often))


def test_edges_raise_the_loss_of_a_lost_cord_and_of_nothing_else():
    truth = torch.zeros(1, 64, 64, dtype=torch.uint8)
    truth[0, 16:48, 8:32] = 1
    right = torch.where(truth[:, None] == 1, 6.0, -6.0)
    plain, edged = (mask_loss(right, truth, balance=0.0, overlap=1.0, edges=edges) for edges in (0.0, 4.0))
    torch.testing.assert_close(plain, edged, atol=1e-2, rtol=0)
    truth[0, 32, 32:60] = 1
    plain, edged = (mask_loss(right, truth, balance=0.0, overlap=1.0, edges=edges) for edges in (0.0, 4.0))
    assert edged > 2 * plain


def test_map_error_is_the_squared_distance_to_the_share_of_a_cell():
    truth = torch.zeros(1, 8, 8, dtype=torch.uint8)
    truth[:, :4, :2] = 1  # half of the first cell
    truth[:, 4:, 4:] = 255  # all of the last
    carried = torch.tensor([[[[1.0, 0.0], [0.5, 9.0]]]])
    assert float(map_error(carried, truth)) == pytest.approx((0.25 + 0 + 0.25 + 0) / 4)


def test_a_pixel_is_compared_with_the_known_pixels_around_it():
    rng = np.random.default_rng(3)
    truth = rng.choice(np.array([0, 1, 255], np.uint8), (20, 26))
    weights = pixel_weights(torch.from_numpy(truth)[None], 4.0)[0].numpy()
    for y, x in ((0, 0), (10, 13), (19, 3), (5, 25)):
        around = truth[max(0, y - 7) : y + 8, max(0, x - 7) : x + 8]
        share = (around == 1).sum() / (around != 255).sum()
        expected = 0 if truth[y, x] == 255 else 1 + 4 * abs(share - truth[y, x])
        assert weights[y, x] == pytest.approx(expected, rel=1e-5)
