"""The feature cache: a byte budget, least recently used out first, frames of a running round stay."""

import pytest
import torch

from ivos.engine.features import FeatureCache
from ivos.model.networks import FeaturePyramid

ONE = 3 * 4  # bytes of a pyramid of three float32 numbers


@pytest.fixture
def encoded():
    return []


@pytest.fixture
def make_cache(encoded):
    def make(entries: float) -> FeatureCache:
        def encode(t: int) -> FeaturePyramid:
            encoded.append(t)
            level = torch.full((1, 1, 1, 1), float(t))
            return FeaturePyramid(level, level.clone(), level.clone())

        return FeatureCache(encode, int(entries * ONE))

    return make


def test_a_frame_is_encoded_once_within_the_budget(make_cache, encoded):
    cache = make_cache(3)
    for t in (0, 1, 2, 0, 1, 2):
        assert cache[t].s4.item() == t
    assert encoded == [0, 1, 2]


def test_the_least_recently_used_goes_first(make_cache, encoded):
    cache = make_cache(2)
    for t in (0, 1, 0, 2, 0, 1):
        assert cache[t].s4.item() == t
    assert encoded == [0, 1, 2, 1]


@pytest.mark.parametrize("entries", [0, 0.5, 1, 2.5, 4])
def test_the_budget_is_never_exceeded(make_cache, entries):
    cache = make_cache(entries)
    for t in (0, 1, 2, 3, 4, 2, 0, 5, 5, 1):
        assert cache[t].s8.item() == t
        assert cache.nbytes <= entries * ONE


def test_kept_frames_survive_the_flow_and_leave_with_their_round(make_cache, encoded):
    cache = make_cache(2)
    with cache.keeping([7]):
        for t in (7, 0, 1, 2, 7, 3, 7):
            assert cache[t].s16.item() == t
        assert cache.nbytes <= 2 * ONE
    assert encoded == [7, 0, 1, 2, 3]
    for t in (4, 5, 7):
        cache[t]
    assert encoded[-1] == 7


def test_kept_frames_alone_may_exceed_the_budget_until_the_round_ends(make_cache, encoded):
    cache = make_cache(1)
    with cache.keeping([1, 2, 3]):
        for t in (1, 2, 3, 1, 2, 3):
            cache[t]
        assert encoded == [1, 2, 3]
    assert cache.nbytes <= ONE


def test_rounds_that_end_in_any_order_release_their_own_frames(make_cache, encoded):
    cache = make_cache(1)
    first, second = cache.keeping([1]), cache.keeping([2])
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    cache[2], cache[3], cache[2]
    assert encoded == [2, 3]
    second.__exit__(None, None, None)
    cache[4], cache[2]
    assert encoded == [2, 3, 4, 2]


def test_a_failed_encoding_leaves_the_cache_usable(make_cache):
    cache = FeatureCache(lambda t: (_ for _ in ()).throw(OSError("no such frame")), 100)
    with pytest.raises(OSError, match="no such frame"):
        cache[0]
    assert cache.nbytes == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_kept_is_a_copy_of_the_same_type_and_layout(dtype):
    given = FeaturePyramid(
        torch.randn(1, 3, 4, 6, dtype=dtype),
        torch.randn(1, 6, 2, 4, dtype=dtype).to(memory_format=torch.channels_last),
        torch.randn(2, 5, 3, 3, dtype=dtype)[:1],
    )
    wanted = [level.clone() for level in (given.s4, given.s8, given.s16)]
    kept = FeatureCache(lambda t: given, 10**6)[0]
    for level, of_given, value in zip(
        (kept.s4, kept.s8, kept.s16), (given.s4, given.s8, given.s16), wanted, strict=True
    ):
        assert level.dtype == dtype
        assert level.stride() == of_given.stride()
        of_given.zero_()
        assert torch.equal(level, value)
