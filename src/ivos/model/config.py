"""What a network is made of and how it wants to be used: frozen values and the named presets."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from ivos.errors import InputError

MAX_RADIUS, MAX_PADDING = 64, 1024
"""Beyond these, cells and pixels, a window or a border would be larger than what it is for."""


@dataclass(frozen=True, slots=True)
class LocalTransfer:
    """The local transfer's window and how its weights are normalised (eq. 4).

    Attributes:
        radius: Reach of the window in stride-4 cells.
        stride: Distance in cells between the positions compared.
        score: How two cells are compared: "sum" over the channels of their product (the paper's inner product) or
            its "mean" (the released code's correlation, `paper` only).
        features: Where the keys come from: "front", stride 4 (in `lite` with the coarser levels added); for the
            ablations of Table 3 "rear", stride 16 alone, or "none": there is no local transfer (`lite` only).
        normalised_over: "source": the paper's columns, a previous cell hands out a mass of 1;
            "window": a target cell takes a weighted mean, bounded by 1; "rows": the released code's soft-max over rows
            (`paper` only).
    """

    radius: int = 4
    stride: int = 2
    score: Literal["sum", "mean"] = "sum"
    features: Literal["front", "rear", "none"] = "front"
    normalised_over: Literal["source", "window", "rows"] = "source"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: The window is larger than 64 cells, or the stride less than 1.
        """
        _check_range("radius", self.radius, 0, MAX_RADIUS)
        _check_range("stride", self.stride, 1, MAX_RADIUS)


@dataclass(frozen=True, slots=True)
class Widths:
    """Channels of the `lite` networks.

    Attributes:
        fine: What the stride-4 features have of stride 2, for edges and parts thinner than a cell.
        neck: R5 after its 1x1.
        carried: The object features.
        refine: The bottom-up path of refine blocks.
        aspp: The output of the atrous pyramid.
        key: Keys of the global transfer.
        local_key: Keys of the local transfer.
    """

    fine: int = 16
    neck: int = 128
    carried: int = 64
    refine: int = 64
    aspp: int = 128
    key: int = 64
    local_key: int = 32


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One network: its architecture and the conventions it was trained with.

    Attributes:
        name: The preset this config came from.
        architecture: "lite" (EfficientNet-Lite0) or "paper" (SE-ResNet-50, Figure 4).
        local: The local transfer.
        matching: What T-Net goes by: "transfer", the two transfers; for the ablation of Table 4 nearest-distance maps
            "nearest-to-prediction" (of A-Net) or "nearest-to-scribbles" (`lite` only).
        widths: Channels, read by the "lite" architecture only.
        pad_multiple: Frames are padded to a multiple of this many pixels.
        always_pad: Released quirk: a size that is already a multiple grows by `pad_multiple`.
        pad_mode: How the border of a frame is filled.
        map_pad_mode: How the border of scribble maps, of brushwork and of a previous mask of "labels" is filled.
        align_corners: Convention of the resize that brings logits from stride 4 to pixels, in sessions and in
            training. Resizes inside the networks have their own: `paper_decoder.resize` aligns corners,
            `lite_blocks.resize` does not.
        fusion_threshold: Probabilities below it count as background (the paper: 0.8).
        scribble_radius: Strokes are dilated with an ellipse of this radius in pixels.
        blur_corrections: From round 2 on, scribble maps are blurred (5 x 5, sigma 6).
        negatives_in_first_round: Whether the negative map is used in round 1 (the paper's is 0).
        previous_mask: What A-Net gets as an object's previous mask: its "probability", or 1 where the label mask of all
            objects has its "labels" id and 0 elsewhere (the released evaluation).
        negatives_inside_previous_only: The negative map is zeroed where the previous mask is below 0.5.
        accumulate_scribbles: Strokes of earlier rounds on the same frame are drawn again.
        strokes_hold: A-Net's answer is corrected where the mask would contradict the strokes.
        guided: Outlines of masks follow the edges of the frame (`core.guided`).
        reach: Share of the frames before the neighbouring annotated frame that a pass runs over.
        reduced_precision: Whether `load_model` may run it in bf16 where that is faster; False asks for float32.
    """

    name: str
    architecture: Literal["lite", "paper"]
    local: LocalTransfer = field(default_factory=LocalTransfer)
    matching: Literal["transfer", "nearest-to-prediction", "nearest-to-scribbles"] = "transfer"
    widths: Widths = field(default_factory=Widths)
    pad_multiple: int = 16
    always_pad: bool = False
    pad_mode: Literal["replicate", "reflect", "constant"] = "replicate"
    map_pad_mode: Literal["replicate", "reflect", "constant"] = "constant"
    align_corners: bool = False
    fusion_threshold: float = 0.8
    scribble_radius: int = 2
    blur_corrections: bool = False
    negatives_in_first_round: bool = False
    previous_mask: Literal["probability", "labels"] = "probability"
    negatives_inside_previous_only: bool = False
    accumulate_scribbles: bool = False
    strokes_hold: bool = False
    guided: bool = False
    reach: float = 1.0
    reduced_precision: bool = True

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: A number is out of its range, or two values exclude each other; the text names them.
        """
        if self.pad_multiple not in range(16, MAX_PADDING + 1, 16):
            raise InputError(f"pad_multiple is {self.pad_multiple}; expected a multiple of 16 up to {MAX_PADDING}.")
        if not 0 < self.fusion_threshold < 1:
            raise InputError(f"fusion_threshold is {self.fusion_threshold}; expected a number between 0 and 1.")
        if self.guided and self.align_corners:
            raise InputError("guided and align_corners are both set; guided outlines need unaligned ones.")
        _check_range("scribble_radius", self.scribble_radius, 0, MAX_RADIUS)
        _check_range("reach", self.reach, 0, 1)


def _check_range(name: str, value: float, lowest: float, highest: float) -> None:
    if not lowest <= value <= highest:
        raise InputError(f"{name} is {value}; expected a number from {lowest} to {highest}.")


PRESETS = MappingProxyType(
    {
        "lite": ModelConfig(
            name="lite",
            architecture="lite",
            local=LocalTransfer(radius=8, stride=2, normalised_over="window"),
            fusion_threshold=0.65,
            negatives_in_first_round=True,
            accumulate_scribbles=True,
            strokes_hold=True,
            guided=True,
        ),
        "paper": ModelConfig(name="paper", architecture="paper", align_corners=True),
        "authors": ModelConfig(
            name="authors",
            architecture="paper",
            local=LocalTransfer(radius=8, stride=2, score="mean", normalised_over="rows"),
            pad_multiple=32,
            always_pad=True,
            pad_mode="reflect",
            map_pad_mode="reflect",
            align_corners=True,
            blur_corrections=True,
            previous_mask="labels",
            negatives_inside_previous_only=True,
            accumulate_scribbles=True,
            reach=0.99,
            reduced_precision=False,
        ),
    }
)
