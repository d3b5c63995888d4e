"""A long clip needs the feature cache's budget plus the results, whatever its length."""

import gc
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np

from ivos.engine.session import Session
from ivos.engine.state import Slabs

SCRIPT = """
import resource, sys
import numpy as np, torch
from ivos.engine.session import Session
from ivos.model.config import PRESETS
from ivos.model.networks import AnnotationResult, FeaturePyramid
from ivos.types import Scribble

class Frames:
    size, fps = (64, 96), 24.0
    def __len__(self): return 1000
    def __getitem__(self, t): return np.full((64, 96, 3), t % 256, np.uint8)

class Networks:
    config, device = PRESETS["lite"], torch.device("cpu")
    def encode_image(self, image):
        return FeaturePyramid(*(torch.ones(1, 1, 2**n) for n in (17, 16, 16)))  # 1 MiB
    def annotate(self, image, features, *maps):
        return AnnotationResult(torch.ones(1, 1, 16, 24), torch.ones(1, 8, 4, 6))
    def previous_probability(self, logits):
        return logits.sigmoid()
    def transfer(self, target, annotated, previous, probability):
        return probability

session = Session(Networks(), Frames(), cache_bytes=int(sys.argv[1]) << 20)
session.annotate(500, [Scribble(1, [(0.5, 0.5)])])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in session.propagate(): pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def growth_mib(cache_mib):
    command = [sys.executable, "-c", SCRIPT, str(cache_mib)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent).stdout)


def test_a_thousand_frames_take_the_budget_and_little_more():
    assert growth_mib(64) < 64 + 40  # kept without bound it would be 1,000 MiB; all results together are 1.5 MiB


def test_what_is_kept_is_a_copy_that_others_do_not_touch_and_its_block_goes_with_the_last_of_it():
    slabs, given = Slabs(size=100), np.arange(12, dtype=np.float16).reshape(3, 4)
    kept = [slabs.kept(given + n) for n in range(9)]  # four arrays of 24 bytes fit into a block
    large = slabs.kept(np.full((20, 20), 3, np.float16))
    given[:] = -1
    for n, each in enumerate(kept):
        np.testing.assert_array_equal(each, np.arange(12, dtype=np.float16).reshape(3, 4) + n)
    assert (large == 3).all()
    blocks = [weakref.ref(each.base) for each in kept]
    del kept[:4], each
    gc.collect()
    assert [block() is None for block in blocks] == [True] * 4 + [False] * 5


def test_a_session_that_nobody_uses_takes_its_features_along(make_networks, make_clip, stroke):
    session = Session(make_networks(), make_clip())
    session.annotate(1, [stroke(1, 0.4)])
    list(session.propagate())
    kept = [weakref.ref(each) for each in (session._segmenter.features, session._canvas)]
    gc.disable()  # a cycle would wait for the collector, which is in no hurry
    try:
        del session
        assert [each() for each in kept] == [None, None]
    finally:
        gc.enable()
