"""Counter-based random numbers against SplitMix64's published stream."""

from __future__ import annotations

import numpy as np
import pytest

from nw2v.jit.random import random_bits, stream_key
from tests import naive


def test_the_first_numbers_of_splitmix64_from_seed_zero():
    # The stream that Vigna's splitmix64.c gives for state 0.
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]
    assert [int(random_bits(np.uint64(0), np.uint64(n))) for n in range(4)] == expected


@pytest.mark.parametrize("key", [0, 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("counter", [0, 1, 12345, 2**40])
def test_equals_the_plain_twin(key, counter):
    ref = naive.random_bits(key, counter)
    comp = int(random_bits(np.uint64(key), np.uint64(counter)))
    assert ref == comp


def test_bits_are_fair_and_uncorrelated_between_streams():
    keys = stream_key(1, 0, "stream"), stream_key(1, 1, "stream")
    draws = np.array(
        [[int(random_bits(key, np.uint64(n))) for n in range(4000)] for key in keys],
        dtype=np.uint64,
    )
    bits = (draws[..., None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    # 4000 fair coins: five standard deviations are 0.04.
    assert np.abs(bits.mean(axis=1) - 0.5).max() < 0.04
    assert np.abs((bits[0] == bits[1]).mean(axis=0) - 0.5).max() < 0.04


def test_stream_keys_tell_all_their_parts_apart():
    parts = [(1, 0, "a"), (0, 1, "a"), (1, 0, "b"), (10, "a"), (1, "0", "a"), ("1", 0, "a")]
    assert len({int(stream_key(*p)) for p in parts}) == len(parts)
    assert stream_key(3, "x") == stream_key(3, "x")
