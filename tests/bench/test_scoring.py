"""J and F over processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest

from ivos.bench import scoring
from ivos.bench.scoring import Scorer
from ivos.core.metrics import contour_accuracy, region_similarity
from ivos.errors import InputError

PARENT = """
import time
from ivos.bench.scoring import process_pool
pool = process_pool(1)
pool.submit(abs, 1).result()
print("started", flush=True)
time.sleep(300)
"""


@pytest.mark.timeout(300)
def test_processes_give_the_figures_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    predictions, truths = (rng.integers(0, 4, (7, 20, 30), np.uint8) for _ in range(2))
    with Scorer() as score:
        alone = score(predictions, truths, (1, 2, 3))
    assert alone.shape == (7, 3, 2)
    for t, k in ((0, 0), (6, 2)):
        pair = predictions[t] == k + 1, truths[t] == k + 1
        assert alone[t, k].tolist() == [region_similarity(*pair), contour_accuracy(*pair)]
    monkeypatch.setattr(scoring, "WORTH_PROCESSES", 0)
    with Scorer(workers=2) as score:
        assert (score(predictions, truths, (1, 2, 3)) == alone).all()
        assert (score(predictions[:1], truths[:1], (1, 2, 3)) == alone[:1]).all()


def test_bad_input() -> None:
    with pytest.raises(InputError, match=r"expected equal \(T, H, W\)"):
        Scorer()(np.zeros((2, 3, 4), np.uint8), np.zeros((2, 3, 5), np.uint8), (1,))
    with pytest.raises(InputError, match="0 workers"):
        Scorer(0)


@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="has no process groups")
def test_processes_end_with_a_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"started\n"
        parent.kill()
        assert parent.communicate(timeout=30) == (b"", None)  # the pipe ends with the last process that has it open
    finally:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
