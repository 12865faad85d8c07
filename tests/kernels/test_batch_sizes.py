"""How many windows and negatives a step has."""

from __future__ import annotations

import pytest

from nw2v.jit.batches import BATCH, ROWS_AT_ONCE
from nw2v.kernels.batch_sizes import (
    LARGEST_DRIFT,
    LARGEST_POOL,
    LEAST_MEMORY,
    LOCAL_NEGATIVE_DRIFT,
    LONGEST_MEMORY,
    MOST_CHANGES,
    MOST_NEGATIVES_A_WINDOW,
    NEGATIVE_DRIFT,
    batch_size,
    memory_length,
    most_windows_for_pool,
    parts_of,
    pool_size,
    windows_of_one_center,
)


def test_the_pool_grows_with_the_negatives_of_a_step_and_the_rate():
    for mean in (3, 30, 120, 320, 10**6):
        parts = parts_of(mean)
        assert mean / parts <= MOST_NEGATIVES_A_WINDOW
        assert parts == 1 or mean / (parts - 1) > MOST_NEGATIVES_A_WINDOW
        # How far the windows of a batch may push a negative, even where windows are wide.
        push = BATCH * 0.05 * mean / parts
        assert push / pool_size(mean / parts, 0.05, LONGEST_MEMORY) <= NEGATIVE_DRIFT
        without = pool_size(mean / parts, 0.05, 0.0)
        assert push / without <= NEGATIVE_DRIFT / (2 if without < LARGEST_POOL else 1)
    for sizes in (
        [pool_size(n, 0.05, LONGEST_MEMORY) for n in (3, 30, 64)],
        [pool_size(30, rate, LONGEST_MEMORY) for rate in (1e-9, 0.05, 0.075, 1e9)],
        [pool_size(30, 0.05, memory) for memory in (LONGEST_MEMORY, 128, 0)],
    ):
        assert sizes == sorted(set(sizes))


def test_means_are_of_fewer_negatives_where_words_change_quickly():
    assert memory_length(1e-320, MOST_CHANGES) == LONGEST_MEMORY
    for changes in (0.4, 1.2):
        found = memory_length(changes, MOST_CHANGES)
        assert LEAST_MEMORY <= found < LONGEST_MEMORY
        assert 2 * found * changes == pytest.approx(MOST_CHANGES)
    assert memory_length(4.0, MOST_CHANGES) == 0


def test_a_pool_is_pushed_by_as_many_windows_as_it_was_chosen_for():
    for memory in (0.0, 100.0, LONGEST_MEMORY):
        of_rest = 30, 0.05, memory, NEGATIVE_DRIFT
        pool = pool_size(*of_rest[:3])
        assert most_windows_for_pool(pool, *of_rest) >= BATCH
        assert most_windows_for_pool(pool - ROWS_AT_ONCE, *of_rest) < BATCH
        local = most_windows_for_pool(pool, *of_rest[:3], LOCAL_NEGATIVE_DRIFT)
        assert local == most_windows_for_pool(pool, *of_rest) / 2
    without, with_memory = (
        most_windows_for_pool(8, 30, 0.05, memory, NEGATIVE_DRIFT)
        for memory in (0.0, LONGEST_MEMORY)
    )
    assert without == with_memory / 2


def test_batches_are_the_smaller_the_harder_a_word_is_pushed():
    assert batch_size(0.01, 2) == batch_size(1e-320, 2) == BATCH
    assert [batch_size(push, 2) for push in (0.5, 1.0, 100.0)] == [8, 4, 1]
    for push in (0.3, 0.9):
        assert push * batch_size(push, 4) * 4 <= LARGEST_DRIFT
    assert [windows_of_one_center(push) for push in (0.1, 2.0, 4.0, 4.1, 1e3)] == [4, 4, 2, 1, 1]
