"""Score a method of your own beside ivos: `python examples/benchmark_davis.py DAVIS_ROOT OUT_DIR`."""

import sys
from pathlib import Path

import numpy as np

import ivos


def dots(frames, annotations, num_objects):  # noqa: ARG001  a plain function is a method
    """Masks (T, H, W) uint8 that are right where the user drew, on all frames alike."""
    masks = np.zeros((len(frames), *frames.size), np.uint8)
    height, width = frames.size
    for annotation in annotations:
        for scribble in annotation.scribbles:
            for x, y in scribble.path:
                masks[:, round(y * (height - 1)), round(x * (width - 1))] = scribble.object_id
    return masks


if __name__ == "__main__":  # worker processes import this file
    davis = ivos.Davis(sys.argv[1], split="val", year=2016)
    for name, method in {"dots": dots, "copy": "copy"}.items():
        report = ivos.benchmark(method, davis, rounds=3, out=Path(sys.argv[2]) / name)
        print(f"{name}: AUC-J&F {report.auc:.3f}, J&F@60s {report.jf_at_60s:.3f}; see {sys.argv[2]}/{name}/report.md")
