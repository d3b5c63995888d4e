"""Run one training from settings in JSON and print every step: what tests kill, start again and start twofold."""

import json
import sys
from pathlib import Path

from ivos.train.run import run
from ivos.train.settings import AnetTraining, TnetTraining

if __name__ == "__main__":
    stage, settings = sys.argv[1], json.loads(sys.argv[2])
    settings |= {name: Path(settings[name]) for name in ("out", "init") if name in settings}
    settings["data"] = tuple(settings["data"])
    kind = AnetTraining if stage == "a-net" else TnetTraining
    run(kind(**settings), lambda progress: print(progress.step, flush=True))
