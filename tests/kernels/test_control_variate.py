"""What is remembered of negatives and centers, where pieces of text differ in their plans.

Against the plain twin, and in expectation, it is tested with the whole kernel
(tests/kernels/test_negative_sampling.py).
"""

from __future__ import annotations

import numpy as np
import pytest

from nw2v.jit.registers import row_layout
from nw2v.kernels.control_variate import (
    FOR_NEGATIVES,
    OF_CENTERS,
    OF_NEGATIVES,
    new_expectation,
    new_memory,
    suit_memory,
)
from nw2v.kernels.piece_plans import Plan
from tests.kernels.texts import PORTABLE


def plan_with(pool, memory):
    return Plan(100, 32, pool, memory, 0.05, 0.0)


def learnt(portable):
    lanes, length = row_layout(20, portable=portable)
    memory, expectation = new_memory(7, length), new_expectation(16, length)
    generator = np.random.default_rng(1)
    for array in (*memory, *expectation):
        array[:] = generator.normal(size=array.shape)
    memory.known[:] = 40.0, 90.0, 8.0
    return lanes, memory, expectation


@pytest.mark.parametrize("portable", PORTABLE)
def test_the_mean_of_weighted_centers_goes_with_the_weights(portable):
    """A center weighs m K / K' for a negative: half as much where twice as many are drawn."""
    lanes, memory, expectation = learnt(portable)
    before = [array.copy() for array in (*memory, *expectation)]
    for pool, factor in ((8, 1.0), (16, 0.5), (16, 0.5), (4, 2.0), (8, 1.0)):
        suit_memory(lanes, memory, plan_with(pool, 100.0), expectation)
        expected = before[1] * np.array([[1.0], [factor]])
        np.testing.assert_allclose(memory.sums, expected, rtol=1e-6)
        assert memory.known.tolist() == [40.0, 90.0, pool]
        np.testing.assert_array_equal(memory.sigmas, before[0])
        for now, was in zip(expectation, before[3:], strict=True):
            np.testing.assert_array_equal(now, was)


@pytest.mark.parametrize("portable", PORTABLE)
def test_without_a_memory_nothing_is_expected(portable):
    lanes, memory, expectation = learnt(portable)
    sigmas = memory.sigmas.copy()
    suit_memory(lanes, memory, plan_with(24, 0.0), expectation)
    assert memory.known.tolist() == [0.0, 0.0, 24.0]
    assert not any(array.any() for array in (memory.sums, *expectation))
    np.testing.assert_array_equal(memory.sigmas, sigmas)
    # What comes after is not scaled by a K' that nothing is remembered of.
    memory.sums[OF_NEGATIVES] = expectation.shifts[FOR_NEGATIVES] = 1
    suit_memory(lanes, memory, plan_with(12, 100.0), expectation)
    assert not memory.sums[OF_CENTERS].any() and (memory.sums[OF_NEGATIVES] == 1).all()
