"""Train both stages for a few steps on a made-up clip: how the pieces of `ivos.train` go together.

The clip has the layout of plain folders (images/ and masks/), as your own data may have. A real run has thousands of
steps and real data: `ivos train a-net --data davis-2017:DAVIS --data folder:photos --out runs/a`.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

from ivos.io.masks import write_mask
from ivos.io.synthetic import moving_shapes
from ivos.model.atnet import build
from ivos.model.config import PRESETS
from ivos.model.weights import save_weights
from ivos.train.run import run
from ivos.train.settings import AnetTraining, TnetTraining


def main(out: Path, steps: int = 3) -> None:
    """Write data, untrained weights and both stages' runs below `out`."""
    clip = moving_shapes(8, (96, 128), num_objects=2, seed=0)
    (out / "data/images").mkdir(parents=True)
    for t, mask in enumerate(clip.masks):
        Image.fromarray(clip.frames[t]).save(out / f"data/images/{t}.png")
        write_mask(out / f"data/masks/{t}.png", mask)
    save_weights(build(PRESETS["lite"]), out / "untrained.safetensors", card={"note": "not trained at all"})

    common = {"data": (f"folder:{out / 'data'}",), "steps": steps, "batch": 2, "crop": 64, "workers": 0}
    first = AnetTraining(out=out / "a-net", init=out / "untrained.safetensors", **common)
    weights = run(first, lambda progress: print("A-Net", progress.step, dict(progress.figures)))
    second = TnetTraining(out=out / "t-net", init=weights, **common)
    weights = run(second, lambda progress: print("T-Net", progress.step, dict(progress.figures)))
    print("Weights, checkpoint, log and pictures are beside", weights)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
