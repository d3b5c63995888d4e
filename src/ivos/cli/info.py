"""`ivos info`: versions, devices, presets, weights and their model card."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version

import ivos
from ivos.cli.console import say

PACKAGES = ("torch", "numpy", "av", "pillow", "scikit-image", "safetensors", "openvino", "lightning-fabric", "ray")


def info() -> None:
    """Show versions, devices, presets, the bundled weights and their model card."""
    say(f"ivos {ivos.__version__}, Python {platform.python_version()}, {platform.platform()}")
    say("Packages: " + ", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    say("Devices:  " + "; ".join(_devices()))
    say("Presets:")
    for line in _presets():
        say(f"  {line}")
    say("Bundled weights:")
    for line in _weights():
        say(f"  {line}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _devices() -> list[str]:
    import torch

    from ivos.model.weights import cpu_has_bf16

    precision = "bf16" if cpu_has_bf16() else "fp32"
    devices = [f"cpu ({torch.get_num_threads()} threads, {precision})"]
    devices += [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return devices


def _presets() -> list[str]:
    from ivos.model.atnet import build_empty
    from ivos.model.config import PRESETS
    from ivos.model.weights import BUNDLED

    lines = []
    for name, config in PRESETS.items():
        millions = sum(parameter.numel() for parameter in build_empty(config).parameters()) / 1e6
        local = config.local
        lines.append(
            f"{name}: {config.architecture} networks, {millions:.1f} M parameters, local window of radius "
            f"{local.radius} and stride {local.stride}, fusion threshold {config.fusion_threshold:g}, "
            + ("weights bundled" if (BUNDLED / f"{name}.safetensors").is_file() else "comes untrained")
        )
    return lines


def _weights() -> list[str]:
    from ivos.model.weights import BUNDLED, read_card

    lines = []
    for path in sorted(BUNDLED.glob("*.safetensors")):
        lines.append(f"{path.stem}: {path} ({path.stat().st_size / 2**20:.1f} MiB)")
        lines += [f"  {line}" for line in json.dumps(read_card(path), indent=2, ensure_ascii=False).splitlines()]
    return lines or [f"none in {BUNDLED}"]
