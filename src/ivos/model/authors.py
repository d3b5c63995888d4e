"""The authors' released checkpoint, `ATNet-checkpoint.pth`: which of its tensors is which of ours, and its reader."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ivos.errors import InputError, WeightsError
from ivos.model.config import PRESETS
from ivos.model.paper_net import PaperATNet

FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
NUMBERS = {True: FLOATS, False: FLOATS | {torch.int32, torch.int64}}
"""Types that a floating-point tensor, or a counter of batches (which nothing reads), may have on disk."""

BOTTLENECK = {
    "conv1": "conv1",
    "bn1": "norm1",
    "conv2": "conv2",
    "bn2": "norm2",
    "conv3": "conv3",
    "bn3": "norm3",
    "conv_down": "gate.down",
    "conv_up": "gate.up",
}
SHORTCUT = {"downsample.0": "shortcut.0", "downsample.1": "shortcut.1"}
BLOCKS = {"res2": 3, "res3": 4, "res4": 6, "res5": 3}
REFINE = {"convFS1": "fine.0", "convFS2": "fine.1", "convFS3": "fine.2", "convMM1": "merge.0", "convMM2": "merge.1"}
DECODER = {
    **{f"aspp_decoder.aspp{i + 1}.atrous_conv": f"pyramid.branches.{i}.0" for i in range(4)},
    **{f"aspp_decoder.aspp{i + 1}.bn": f"pyramid.branches.{i}.1" for i in range(4)},
    "aspp_decoder.global_avg_pool.1": "pyramid.pooled.1",
    "aspp_decoder.global_avg_pool.2": "pyramid.pooled.2",
    "aspp_decoder.conv1": "pyramid.mix.0",
    "aspp_decoder.bn1": "pyramid.mix.1",
    **{f"convG{i}": f"bridge.{i}" for i in range(3)},
    **{f"RF3.{theirs}": f"refine8.{ours}" for theirs, ours in REFINE.items()},
    **{f"RF2.{theirs}": f"refine4.{ours}" for theirs, ours in REFINE.items()},
    **{f"lastconv.{i}": f"head.{i}" for i in (0, 1, 4, 5, 8)},
}


def _bottleneck(theirs: str, ours: str, *, shortcut: bool) -> dict[str, str]:
    names = BOTTLENECK | SHORTCUT if shortcut else BOTTLENECK
    return {f"{theirs}.{old}": f"{ours}.{new}" for old, new in names.items()}


def _encoder(theirs: str, ours: str, stem: str) -> dict[str, str]:
    names = {f"{theirs}.{stem}": f"{ours}.stem", f"{theirs}.bn1": f"{ours}.norm"}
    for stage, blocks in BLOCKS.items():
        for i in range(blocks):
            names |= _bottleneck(f"{theirs}.{stage}.{i}", f"{ours}.{stage}.{i}", shortcut=i == 0)
    return names


def layer_names() -> dict[str, str]:
    """Every layer of the released checkpoint -> the layer of `PaperATNet` that it is."""
    return {
        **_encoder("encoder_6ch", "annotation_net.encoder", "conv0_6ch"),
        **_encoder("encoder_3ch", "transfer_net.encoder", "conv0_3ch"),
        **_bottleneck("indicator_encoder.block1", "annotation_net.converter.to_s8", shortcut=True),
        **_bottleneck("indicator_encoder.block2", "annotation_net.converter.to_s16", shortcut=True),
        "indicator_encoder.conv1x1": "annotation_net.converter.join",
        **{f"decoder_iact.{old}": f"annotation_net.decoder.{new}" for old, new in DECODER.items()},
        **{f"decoder_prop.{old}": f"transfer_net.decoder.{new}" for old, new in DECODER.items()},
        "prev_conv1x1": "transfer_net.local_key",
        "conv1x1": "transfer_net.join",
    }


def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of `PaperATNet` that holds the same numbers as the released one.

    Args:
        state: State dict of the authors' network, 912 tensors.

    Raises:
        WeightsError: A tensor is missing, unknown, of another shape or kind of number, or not finite (one on the meta
            device, which holds no values, is taken for its shape).
    """
    names = layer_names()
    ours, unknown = {}, []
    for key, tensor in state.items():
        layer, _, parameter = key.rpartition(".")
        if layer in names:
            ours[f"{names[layer]}.{parameter}"] = tensor
        else:
            unknown.append(key)
    with torch.device("meta"):
        expected = PaperATNet(PRESETS["authors"]).state_dict()
    layers = {new: old for old, new in names.items()}
    theirs = {key: f"{layers[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}" for key in {**expected, **ours}}
    missing = [theirs[key] for key in expected if key not in ours]
    unknown += [theirs[key] for key in ours if key not in expected]
    if missing or unknown:
        raise WeightsError(
            f"This is not the authors' ATNet checkpoint: {len(missing)} of its {len(expected)} tensors are missing"
            f" ({', '.join(missing[:3]) or 'none'}) and {len(unknown)} are unknown"
            f" ({', '.join(unknown[:3]) or 'none'}). Use the released ATNet-checkpoint.pth."
        )
    for key, tensor in ours.items():
        _check_tensor(theirs[key], tensor, expected[key])
    return {key: tensor.to(expected[key].dtype) for key, tensor in ours.items()}


def _check_tensor(name: str, tensor: Tensor, expected: Tensor) -> None:
    wrong = None
    plain = tensor.layout is torch.strided and not tensor.is_nested and not tensor.is_quantized
    if not plain or tensor.dtype not in NUMBERS[expected.is_floating_point()]:
        wrong = f"is no plain tensor of {'floating-point ' if expected.is_floating_point() else ''}numbers"
    elif tensor.shape != expected.shape:
        wrong = f"has the shape {tuple(tensor.shape)}; expected {tuple(expected.shape)}"
    elif not tensor.is_meta and not torch.stack(tensor.aminmax()).isfinite().all():
        wrong = "has values that are not finite"
    if wrong is not None:
        raise WeightsError(f"The checkpoint's tensor {name} {wrong}. Use the released ATNet-checkpoint.pth.")


def read_checkpoint(path: str | Path) -> PaperATNet:
    """The network of preset `authors` with the weights of `ATNet-checkpoint.pth`, in eval mode on the CPU.

    Args:
        path: The released file; it is read with `weights_only`, so that nothing in it is executed.

    Raises:
        InputError: There is no such file.
        WeightsError: The file is damaged, holds more than tensors, or is another network's.
    """
    try:
        _check_zip(path)  # PyTorch's reader does not compare checksums
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}; give the path of the authors' ATNet-checkpoint.pth.") from error
    except Exception as error:  # on damaged bytes PyTorch's reader raises whatever they lead to
        raise WeightsError(
            f"{path} cannot be read as a checkpoint of tensors; it is damaged, or holds code that is not run."
            " Download ATNet-checkpoint.pth again."
        ) from error
    if not _is_state_dict(state):
        raise WeightsError(f"{path} is not a plain state dict of tensors; use the released ATNet-checkpoint.pth.")
    ours = convert(state)
    with torch.device("meta"):
        net = PaperATNet(PRESETS["authors"])
    net.load_state_dict(ours, assign=True)
    return net.eval()


def _check_zip(path: str | Path) -> None:
    if not zipfile.is_zipfile(path):  # PyTorch's older format
        return
    with zipfile.ZipFile(path) as file:
        damaged = file.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"{damaged} has another checksum.")


def _is_state_dict(content: object) -> bool:
    return isinstance(content, Mapping) and all(
        isinstance(key, str) and isinstance(value, Tensor) and not value.is_meta for key, value in content.items()
    )
