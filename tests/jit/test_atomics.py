"""Numbers that threads share: nothing is lost, and what was published is seen."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from nw2v.jit import COMPILED, kernel
from nw2v.jit.atomics import (
    LINE_BYTES,
    fetch_and_add,
    observe,
    publish,
    zeros_on_own_lines,
)


@kernel
def add_many(numbers, place, times):
    largest = 0
    for _ in range(times):
        largest = max(largest, fetch_and_add(numbers, place, 1))
    return largest


@kernel
def hand_over(numbers, data, rounds, me):
    """Two threads take turns to add to a number that is no atomic one."""
    for turn in range(rounds):
        while observe(numbers, 0) != 2 * turn + me:
            pass
        data[0] += 1
        publish(numbers, 0, 2 * turn + me + 1)


def together(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_what_one_thread_sees_is_plain_arithmetic():
    numbers = np.array([5, 7], dtype=np.int64)
    assert add_many(numbers, 1, 3) == 9
    assert list(numbers) == [5, 10]


@pytest.mark.skipif(not COMPILED, reason="without compilation only one thread may write")
def test_no_addition_of_any_thread_is_lost():
    numbers = np.zeros(2, dtype=np.int64)
    add_many(numbers, 0, 1)
    together(*[lambda: add_many(numbers, 1, 200_000)] * 3)
    assert list(numbers) == [1, 600_000]


@pytest.mark.skipif(not COMPILED, reason="it would wait for the interpreter's lock")
def test_what_was_written_before_a_number_was_published_is_seen_after_it():
    numbers, data = np.zeros(1, dtype=np.int64), np.zeros(1)
    hand_over(numbers, data, 0, 0)
    together(
        lambda: hand_over(numbers, data, 50, 0),
        lambda: hand_over(numbers, data, 50, 1),
    )
    assert data[0] == 100


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("shape", [1, 33, 129, (3, 5), (2, 4, 16)])
def test_arrays_on_their_own_lines(shape, dtype):
    array = zeros_on_own_lines(shape, dtype)
    assert array.dtype == dtype and array.shape == np.zeros(shape).shape
    assert array.flags.c_contiguous and array.flags.aligned and not array.any()
    assert array.ctypes.data % LINE_BYTES == 0
    # To the end of its last line, the memory is its own.
    memory = array
    while memory.base is not None:
        memory = memory.base
    end = -(-(array.ctypes.data + array.nbytes) // LINE_BYTES) * LINE_BYTES
    assert memory.ctypes.data <= array.ctypes.data and end <= memory.ctypes.data + memory.nbytes


def test_an_array_of_nothing():
    assert zeros_on_own_lines((0, 7), np.int32).shape == (0, 7)
