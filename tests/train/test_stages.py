from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from ivos.model.atnet import build
from ivos.model.config import PRESETS
from ivos.train.config import A_NET, A_NET_BESIDE_T_NET, T_NET
from ivos.train.lite_annotation_stages import LiteAnnotationBesideStage, LiteAnnotationStage, corrected
from ivos.train.lite_samples import LiteSampling
from ivos.train.lite_stages import LiteTransferStage
from ivos.train.losses import map_error, mask_loss
from ivos.train.paper_samples import PaperSampling
from ivos.train.paper_stages import PaperAnnotationStage, PaperTransferStage
from ivos.train.samples import Samples
from ivos.train.stages import encoded_frames

CROP = 64


@pytest.fixture
def lite():
    return build(PRESETS["lite"], seed=1)


@pytest.fixture(scope="module")
def paper():
    return build(PRESETS["paper"], seed=1)


def batch_of(sampling, count: int, *, sequences: bool) -> dict[str, torch.Tensor]:
    samples = Samples(sampling, 0, sequences=sequences)
    return default_collate([samples[0, place] for place in range(count)])


def test_a_net_learns_one_batch_by_heart(lite, scenery, one_thread):
    stage = LiteAnnotationStage(lite, replace(A_NET["lite"], learning_rate=3e-3))
    batch = batch_of(LiteSampling(scenery, (1,)), 4, sequences=False)
    optimiser = torch.optim.AdamW(stage.parameter_groups())
    history = []
    for _ in range(16):
        stage.train_mode()
        loss, figures = stage(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append((float(loss.detach()), figures["first_j"]))
    assert history[-1][0] < 0.5 * history[0][0]
    assert history[-1][1] > 0.75


def test_t_net_learns_one_batch_by_heart(lite, scenery, one_thread):
    stage = LiteTransferStage(lite, replace(T_NET["lite"], learning_rate=3e-3))
    batch = batch_of(LiteSampling(scenery, (2,)), 2, sequences=True)
    optimiser = torch.optim.AdamW(stage.parameter_groups())
    history = []
    for _ in range(16):
        stage.train_mode()
        loss, figures = stage(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append((float(loss.detach()), figures["j"]))
    assert history[-1][0] < 0.7 * history[0][0]
    assert history[-1][1] > history[0][1] + 0.2
    assert figures.keys() == {"first_j", "second_j", "j", "local", "global"}


def test_t_nets_stage_also_learns_first_answers_on_other_frames(lite, scenery):
    stage = LiteTransferStage(lite, T_NET["lite"])
    batch = batch_of(LiteSampling(scenery, (1,)), 2, sequences=True)
    stage.train_mode()
    once = stage(batch)
    other = stage(batch | {"asked_maps": batch["asked_maps"].flip(-1)})
    assert once[0] != other[0]
    assert once[1] == other[1]  # nothing else of the step is touched


@pytest.mark.parametrize("kind", [LiteAnnotationStage, LiteTransferStage])
def test_lite_stages_train_what_they_say_and_nothing_else(kind, lite, scenery):
    stage = kind(lite, A_NET["lite"] if kind is LiteAnnotationStage else T_NET["lite"])
    before = {name: value.clone() for name, value in lite.state_dict().items()}
    batch = batch_of(LiteSampling(scenery, (1,)), 2, sequences=stage.sequences)
    optimiser = torch.optim.AdamW(stage.parameter_groups(), weight_decay=0.01)
    stage.train_mode()
    stage(batch)[0].backward()
    optimiser.step()
    moved = {name for name, value in lite.state_dict().items() if not torch.equal(value, before[name])}
    trained = {name for name, parameter in lite.named_parameters() if parameter.requires_grad}
    assert all(dict(lite.named_parameters())[name].grad is not None for name in trained)
    if kind is LiteTransferStage:
        first = ("stem", *(f"stages.{i}." for i in range(3)))
        frozen = {name for name in before if name.startswith(tuple(f"encoder.backbone.{part}" for part in first))}
        frozen |= {name for name in before if "depthwise.0" in name}
        assert trained == {name for name, _ in lite.named_parameters()} - frozen
        assert not moved & frozen
        assert any(name.startswith("encoder.backbone.stages.3.0.project.0") for name in moved)
        assert not [name for name in moved if name.startswith(("annotation_net.", "encoder.")) and "running" in name]
        assert any(name.startswith("transfer_net.decoder.context.first.1.running") for name in moved)
    else:
        frozen = [name for name in before if name.startswith(("transfer_net.", "encoder.backbone.stem"))]
        frozen += [name for name in before if name.startswith(("encoder.backbone.stages.2.",))]
        frozen += [name for name in before if "depthwise.0" in name or ("backbone" in name and "running" in name)]
        assert not moved & set(frozen)
        assert any(name.startswith("encoder.backbone.stages.3.0.expand.0") for name in moved)
        assert any(name.startswith("encoder.neck_deep.1.running") for name in moved)


def test_a_batch_shared_out_beside_t_net_has_the_loss_of_the_whole(lite, scenery):
    stage = LiteAnnotationBesideStage(lite, A_NET_BESIDE_T_NET)
    with torch.no_grad():
        for parameter in lite.annotation_net.parameters():
            parameter.mul_(1.02)
    batch = batch_of(LiteSampling(scenery, (1,)), 4, sequences=False)
    stage.train_mode()
    whole = stage(batch)[1]["moved"]
    parts = [stage({name: value[i::2] for name, value in batch.items()})[1]["moved"] for i in range(2)]
    assert whole > 0
    assert whole == pytest.approx(np.mean(parts), rel=1e-4)


def test_answers_are_probabilities_and_leave_no_trace(lite, scenery):
    for stage, sequences in (
        (LiteAnnotationStage(lite, A_NET["lite"]), False),
        (LiteTransferStage(lite, T_NET["lite"]), True),
    ):
        batch = batch_of(LiteSampling(scenery, (2,)), 2, sequences=sequences)
        before = {name: value.clone() for name, value in lite.state_dict().items()}
        answers = stage.answers(batch)
        targets = (
            batch["masks"].shape[1] - 2 - 1 if sequences else 0
        )  # behind the annotated frames and the previous one
        assert answers.shape == (2, 1 + targets, CROP, CROP)
        assert 0 <= answers.min() <= answers.max() <= 1
        assert not answers.requires_grad
        assert all(torch.equal(value, before[name]) for name, value in lite.state_dict().items())


def test_the_loss_of_a_batch_is_the_mean_over_its_samples(lite, scenery):
    for stage, sequences in (
        (LiteAnnotationStage(lite, A_NET["lite"]), False),
        (LiteTransferStage(lite, T_NET["lite"]), True),
    ):
        lite.eval()
        batch = batch_of(LiteSampling(scenery, (2,)), 3, sequences=sequences)
        with torch.no_grad():
            whole, figures = stage(batch)
            single = [stage({name: value[i : i + 1] for name, value in batch.items()}) for i in range(3)]
        assert float(whole) == pytest.approx(np.mean([float(loss) for loss, _ in single]), rel=1e-4)
        for name, value in figures.items():
            assert value == pytest.approx(np.mean([figure[name] for _, figure in single]), rel=1e-3, abs=1e-5)


def test_new_strokes_overwrite_older_ones_of_the_other_sign():
    truth = torch.zeros(1, CROP, CROP, dtype=torch.uint8)
    truth[:, 10:50, 10:50] = 1
    probability = torch.zeros(1, 1, CROP, CROP)  # everything is missing
    maps = torch.zeros(1, 3, CROP, CROP)
    maps[:, 2] = 1  # all negative
    after = corrected(probability, maps, truth, [np.random.default_rng(0)])
    assert torch.equal(after[:, :1], probability)
    assert after[:, 1].sum() > 0
    assert not (after[:, 1] * after[:, 2]).any()
    again = corrected(probability, maps, truth, [np.random.default_rng(0)])
    assert torch.equal(after, again)


def test_the_papers_a_net_stage(paper, scenery):
    stage = PaperAnnotationStage(paper, A_NET["paper"])
    batch = batch_of(PaperSampling(scenery), 2, sequences=False)
    paper.eval()
    loss, figures = stage(batch)
    loss.backward()
    trained = {name for name, parameter in paper.named_parameters() if parameter.grad is not None}
    parts = {"annotation_net.encoder", "annotation_net.decoder"}
    assert {name.rsplit(".", 1)[0][: len("annotation_net.encoder")] for name in trained} == parts
    assert all(parameter.grad is not None for parameter in paper.parameters() if parameter.requires_grad)
    maps = batch["maps"].float() / 254
    with torch.no_grad():
        image = batch["image"].float() / 255
        answer = paper.annotate(image, None, *maps.split(1, dim=1))
        full = torch.nn.functional.interpolate(answer.logits, (CROP, CROP), mode="bilinear", align_corners=True)
        expected = mask_loss(full, batch["mask"], balance=1.0, overlap=0.0)
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-3)
    assert figures.keys() == {"j"}
    stage.train_mode()
    assert paper.annotation_net.decoder.training
    assert not paper.transfer_net.training
    paper.zero_grad(set_to_none=True)


def test_the_papers_t_net_stage_rolls_out_on_its_own_answers(paper, scenery):
    stage = PaperTransferStage(paper, T_NET["paper"])
    batch = batch_of(PaperSampling(scenery), 1, sequences=True)
    paper.eval()
    loss, figures = stage(batch)
    loss.backward()
    assert all(parameter.grad is not None for parameter in paper.parameters() if parameter.requires_grad)
    assert not any(p.requires_grad for p in paper.annotation_net.encoder.parameters())
    assert all(p.requires_grad for p in paper.annotation_net.converter.parameters())
    with torch.no_grad():
        frames = encoded_frames(paper, batch["images"])
        image, maps = batch["images"][:, 0].float() / 255, batch["maps"][:, 0].float() / 254
        answer = paper.annotate(image, frames[0], *maps.split(1, dim=1))
        logits, total = answer.logits, 0.0
        for t in range(1, 5):
            parts = paper.transfer_parts(
                frames[t], [(frames[0], answer.object_features)], frames[t - 1], paper.previous_probability(logits)
            )
            logits = parts.logits
            full = torch.nn.functional.interpolate(logits, (CROP, CROP), mode="bilinear", align_corners=True)
            total += float(mask_loss(full, batch["masks"][:, t], balance=1.0, overlap=0.0))
            total += 0.1 * float(map_error(parts.local_map, batch["masks"][:, t]))
    assert float(loss.detach()) == pytest.approx(total / 4, rel=1e-3)
    assert figures.keys() == {"j", "local"}
    assert stage.answers(batch).shape == (1, 5, CROP, CROP)
    paper.zero_grad(set_to_none=True)
