"""Weights on disk: safetensors, fp16, with the config, a model card and a checksum in the metadata."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ivos.errors import InputError, OutputError, WeightsError
from ivos.model.allocator import keep_freed_memory
from ivos.model.atnet import ATNet, build, build_empty
from ivos.model.config import PRESETS, ModelConfig
from ivos.model.config_json import config_from_json, config_to_json
from ivos.model.fusing import fuse_batch_norms

FORMAT = "ivos-1"
BUNDLED = Path(__file__).parent.parent / "weights"
DEVICES = ("cpu", "cuda", "mps")


def save_weights(
    net: ATNet, path: str | Path, *, card: Mapping[str, object], dtype: torch.dtype = torch.float16
) -> None:
    """Write the weights of `net` as one safetensors file; an existing file is replaced once the new one is whole.

    Args:
        net: The networks, on any device.
        path: The file to write, usually `*.safetensors`; missing folders above it are made.
        card: Model card: whatever JSON can hold about data, recipe and figures.
        dtype: Of floating-point tensors on disk; float32 keeps every bit of a converted checkpoint.

    Raises:
        InputError: The card is not made of JSON values.
        WeightsError: A weight is not finite, or too large for `dtype`.
        OutputError: The file cannot be written.
    """
    try:
        card_json = json.dumps(dict(card), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"The model card cannot be stored as JSON: {error}.") from error
    tensors = {}
    for name, tensor in net.state_dict().items():
        stored = tensor.detach().cpu()
        stored = stored.to(dtype) if stored.is_floating_point() else stored
        if not stored.isfinite().all():
            raise WeightsError(f"{name} has values that are not finite in {dtype}; such weights are not saved.")
        tensors[name] = stored.contiguous()
    metadata = {
        "format": FORMAT,
        "config": config_to_json(net.config),
        "card": card_json,
        "sha256": _checksum(tensors),
    }
    _write(tensors, metadata, Path(path))


def load_weights(path: str | Path) -> ATNet:
    """The networks of a file by `save_weights`, in float32 on the CPU, in eval mode.

    Raises:
        InputError: There is no such file.
        WeightsError: The file is damaged, of another program, or does not fit the networks that its config describes.
    """
    metadata, tensors = _read(Path(path))
    config = config_from_json(metadata["config"])
    try:
        net = build_empty(config)
    except (ValueError, RuntimeError, ZeroDivisionError) as error:
        raise WeightsError(f"{path} describes networks that cannot be built: {error}.") from error
    expected = net.state_dict()
    strange = sorted(set(expected) ^ set(tensors))
    if strange:
        raise WeightsError(
            f"{path} does not fit the networks '{config.name}': {len(strange)} tensors are missing or unknown,"
            f" such as {strange[0]}. It was made for another version of the networks."
        )
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise WeightsError(
                f"{path} does not fit the networks '{config.name}': {name} has the shape {tuple(tensor.shape)},"
                f" expected {tuple(expected[name].shape)}."
            )
    net.load_state_dict(
        {name: tensor.to(expected[name].dtype, copy=True) for name, tensor in tensors.items()}, assign=True
    )
    return net.eval()


def read_card(path: str | Path) -> dict[str, Any]:
    """The model card in the metadata of a weights file, without reading the weights.

    Raises:
        InputError: There is no such file.
        WeightsError: The file is damaged or of another program.
    """
    with _opened(Path(path)) as file:
        metadata = _metadata(file, Path(path))
    try:
        card = json.loads(metadata["card"])
    except json.JSONDecodeError as error:
        raise WeightsError(f"{path} has a model card that is not JSON; the file is damaged.") from error
    return dict(card)


def read_config(path: str | Path) -> ModelConfig:
    """What networks a weights file is of, without reading the weights; errors as of `read_card`."""
    with _opened(Path(path)) as file:
        return config_from_json(_metadata(file, Path(path))["config"])


def read_digest(path: str | Path) -> str:
    """Tells a weights file from others: SHA-256 over its config and its tensors' checksum, without reading the weights.

    The model card may change without changing it. Errors as of `read_card`.
    """
    with _opened(Path(path)) as file:
        metadata = _metadata(file, Path(path))
    return hashlib.sha256(f"{metadata['config']}\n{metadata['sha256']}".encode()).hexdigest()


def load_model(name_or_path: str | Path | None = None, *, device: str | torch.device = "cpu") -> ATNet:
    """Networks ready to use: a preset with bundled weights, a preset as PyTorch initialises it, or a weights file.

    Args:
        name_or_path: None or "lite": the bundled weights. "paper" and "authors" have no weights of their own and
            come untrained, initialised from seed 0 (the authors' checkpoint becomes a weights file by
            `ivos convert`). Anything else is the path of a file by `save_weights`.
        device: "cpu", "cuda" (or "cuda:1", ...) or "mps".

    Returns:
        The networks in eval mode, their batch norms folded into the convolutions (`load_weights` gives networks to
        train or save): bf16 on CPUs that compute in it (unless the preset asks for float32), else float32.

    Raises:
        InputError: The name, the file or the device does not exist.
        WeightsError: The file is damaged, of another program, or does not fit.

    Warns:
        UserWarning: The networks are untrained.
    """
    place = device_called(str(device))
    given = "lite" if name_or_path is None else name_or_path
    name = os.fsdecode(given) if isinstance(given, os.PathLike) else str(given)
    bundled = BUNDLED / f"{name}.safetensors"
    if name in PRESETS and not bundled.is_file():
        if name == "lite":
            raise WeightsError(f"This installation has no bundled weights ({bundled} is missing); install ivos again.")
        warnings.warn(
            f"The preset '{name}' comes without weights, so its networks are untrained and their masks mean nothing; "
            "give a weights file for masks.",
            UserWarning,
            stacklevel=2,
        )
        net = build(PRESETS[name]).eval()
    elif name in PRESETS:
        net = _with_digest(bundled)
    else:
        check_name(name)
        net = _with_digest(Path(name))
    fuse_batch_norms(net)
    if place.type == "cpu":
        keep_freed_memory()
    fast = place.type == "cpu" and net.config.reduced_precision and cpu_has_bf16()
    net.to(place, torch.bfloat16 if fast else torch.float32)
    return net.to(memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 matrices in hardware (AVX-512 BF16 or AMX)."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def _with_digest(path: Path) -> ATNet:
    net = load_weights(path)
    net.digest = read_digest(path)
    return net


def device_called(name: str) -> torch.device:
    """The device "cpu", "cuda" (or "cuda:1", ...) or "mps".

    Raises:
        InputError: There is no device of that name, or this machine lacks it.
    """
    kind, _, index = name.partition(":")
    if kind not in DEVICES or (index and not index.isdecimal()):
        raise InputError(f"There is no device {name!r}; the devices are {', '.join(DEVICES)}.")
    count = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}[kind]
    if count == 0:
        raise InputError(f"The device {name!r} is not available to PyTorch on this machine; use 'cpu'.")
    if int(index or 0) >= count:
        raise InputError(f"There is no device {name!r}; this machine has {count} of the kind, counted from 0.")
    return torch.device(name)


def check_name(name: str) -> None:
    """Refuse what `load_model` would not find.

    Raises:
        InputError: It is neither a preset nor a file.
    """
    if name in PRESETS:
        return
    try:
        there, folder = Path(name).exists(), Path(name).is_dir()
    except OSError as error:  # a folder above that may not be entered, a name that is too long
        raise InputError(f"The weights file {name!r} cannot be read ({error.strerror}); check its path.") from error
    if not there:
        raise InputError(
            f"There is neither a preset nor a weights file named {name!r};"
            f" the presets are {', '.join(PRESETS)}; for your own weights give the path of the file."
        )
    if folder:
        raise InputError(f"{name!r} is a folder; expected a weights file. Give the path of the file in it.")


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    with _opened(path) as file:
        metadata = _metadata(file, path)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
    if _checksum(tensors) != metadata["sha256"]:
        raise WeightsError(f"{path} is damaged: its checksum does not fit its contents. Copy or download it again.")
    return metadata, tensors


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except FileNotFoundError as error:
        raise InputError(f"There is no weights file {path}.") from error
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} cannot be read as a weights file ({error}); it is damaged, or not a safetensors file."
            " The authors' ATNet-checkpoint.pth becomes one by `ivos convert`."
        ) from error


def _metadata(file: Any, path: Path) -> dict[str, str]:
    metadata: dict[str, str] = file.metadata() or {}
    if metadata.get("format") != FORMAT or not {"config", "card", "sha256"} <= set(metadata):
        raise WeightsError(
            f"{path} is not a weights file of this version of ivos: its metadata has format"
            f" {metadata.get('format')!r}, expected {FORMAT!r} with config, card and checksum."
        )
    return metadata


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes, in order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _write(tensors: dict[str, Tensor], metadata: dict[str, str], path: Path) -> None:
    partial = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(save(tensors, metadata))  # the library's own writer would hide the file from other users
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise OutputError(f"The weights cannot be written to {path}: {error.strerror or error}.") from error
