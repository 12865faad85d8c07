"""What is refused before LLVM code is written for it."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core.errors import TypingError

from nw2v.jit import COMPILED, kernel
from nw2v.jit.atomics import observe
from nw2v.jit.batches import add_rows, scale_row
from nw2v.jit.registers import aligned_zeros, row_layout

pytestmark = pytest.mark.skipif(not COMPILED, reason="nothing is compiled")


@kernel
def look(numbers):
    return observe(numbers, 0)


@kernel
def scale(lanes, source, target):
    scale_row(lanes, source, np.float32(2), target)


@kernel
def add(lanes, matrix, rows, factors, sums):
    add_rows(lanes, matrix, rows, factors, 1, sums, 0)


def test_numbers_of_another_type_are_refused():
    assert look(np.array([7])) == look(np.array([7], dtype=np.uint64)) == 7
    for numbers in (np.array([7], dtype=np.int32), np.array([7.0])):
        with pytest.raises(TypingError, match="observe: argument 0 has elements of type"):
            look(numbers)
    lanes, length = row_layout(16)
    if lanes:
        rows = [np.zeros(1, dtype=dtype) for dtype in (np.int32, np.int64)]
        matrix, factors = aligned_zeros(1, length), np.ones(1, dtype=np.float32)
        add(lanes, matrix, rows[0], factors, aligned_zeros(1, length))
        with pytest.raises(TypingError, match="add_rows: argument 2 has elements of type int64"):
            add(lanes, matrix, rows[1], factors, matrix)


def test_places_that_are_no_whole_numbers_are_refused():
    @kernel
    def look_between(numbers):
        return observe(numbers, 0.5)

    with pytest.raises(TypingError, match="observe: argument 1 is float64, no int64"):
        look_between(np.array([7]))


def test_numbers_that_do_not_stand_one_behind_the_other_are_refused():
    with pytest.raises(TypingError, match="observe: argument 0 is no contiguous array but"):
        look(np.arange(8)[::2])
    lanes, length = row_layout(16)
    if lanes:
        columns = aligned_zeros(length, 4)
        scale(lanes, columns.reshape(4, -1)[1], columns.reshape(4, -1)[2])
        with pytest.raises(TypingError, match="scale_row: argument 1 is no contiguous array but"):
            scale(lanes, columns[:, 1], aligned_zeros(1, length)[0])


def test_the_portable_path_takes_any_array():
    columns = np.ones((3, 4), dtype=np.float32)
    scale((), columns[:, 1], columns[:, 2])
    assert columns.tolist() == [[1, 1, 2, 1]] * 3
