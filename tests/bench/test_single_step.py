"""Single steps of fake networks whose figures are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ivos.bench.single_step import single_step
from ivos.core.metrics import region_similarity
from ivos.core.robot import RobotConfig
from ivos.errors import InputError
from ivos.io.davis import Davis
from ivos.model.config import PRESETS, ModelConfig
from ivos.model.networks import AnnotationResult, FeaturePyramid, TransferResult


@dataclass
class CopyNetworks:
    """A-Net sees where strokes are, T-Net carries the previous probability on unchanged."""

    config: ModelConfig = PRESETS["lite"]
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def encode_image(self, image: Tensor) -> FeaturePyramid:
        return FeaturePyramid(F.avg_pool2d(image, 4), F.avg_pool2d(image, 8), F.avg_pool2d(image, 16))

    def annotate(
        self, image: Tensor, features: FeaturePyramid, previous_mask: Tensor, positive_map: Tensor, negative_map: Tensor
    ) -> AnnotationResult:
        logits = F.avg_pool2d(20 * (positive_map - negative_map) + previous_mask - 0.75, 4)
        return AnnotationResult(logits, F.avg_pool2d(logits, 4))

    def transfer(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> Tensor:
        assert len(annotated) == 1
        return previous_probability.logit(eps=1e-5)


class OpenNetworks(CopyNetworks):
    """The same, showing its parts."""

    def transfer_parts(
        self,
        target: FeaturePyramid,
        annotated: Sequence[tuple[FeaturePyramid, Tensor]],
        previous: FeaturePyramid,
        previous_probability: Tensor,
    ) -> TransferResult:
        whole = torch.ones_like(F.avg_pool2d(previous_probability, 4))
        logits = self.transfer(target, annotated, previous, previous_probability)
        return TransferResult(logits, previous_probability, whole)


def test_measures_of_networks_that_copy(make_davis: Callable[..., Path]) -> None:
    davis = Davis(make_davis({"one": 1, "other": 1}, size=(64, 96)), year=2017)
    report = single_step(OpenNetworks(), davis, every=2)
    assert set(report) == {"mean", "one", "other"}
    one = report["one"]
    truth = [davis["one"].mask(t) > 0 for t in range(6)]
    copied = [region_similarity(truth[t - 1], truth[t]) for t in (2, 4)]  # frames 0, 2, 4; 0 has none before it
    assert one["copy"] == pytest.approx(sum(copied) / 2)
    assert abs(one["transfer"] - one["copy"]) < 0.1  # only the stride is lost
    assert one["local_map"] == pytest.approx(one["transfer"], abs=0.05)
    assert one["global_only"] == one["global_only_corrected"] == 0
    assert 0 < one["global_map"] < 0.5
    assert 0 < one["annotate"] < one["annotate_corrected_twice"]
    assert report["mean"] == pytest.approx(one)  # both sequences are the same
    other = single_step(OpenNetworks(), davis, every=2, robot_config=RobotConfig(kernel_size=0.05, max_kernel_radius=1))
    assert other["one"]["annotate"] != one["annotate"]


def test_networks_without_parts_and_several_objects(make_davis: Callable[..., Path]) -> None:
    davis = Davis(make_davis({"two": 2}, size=(64, 96)), year=2017)
    report = single_step(CopyNetworks(), davis, every=2)
    assert "local_map" not in report["mean"]
    assert report["mean"] == report["two"] == single_step(CopyNetworks(), davis, every=2)["two"]


def test_sequences_without_objects_and_bad_arguments(make_davis: Callable[..., Path]) -> None:
    davis = Davis(make_davis({"none": 0}), year=2017)
    with pytest.raises(InputError, match="'none' has no frame with an object"):
        single_step(CopyNetworks(), davis)
    with pytest.raises(InputError, match="no sequence"):
        single_step(CopyNetworks(), [])
    with pytest.raises(InputError, match="every 0 frames"):
        single_step(CopyNetworks(), davis, every=0)
