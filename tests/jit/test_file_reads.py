"""Numbers read from files inside kernels."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from nw2v.jit import COMPILED, kernel
from nw2v.jit.file_reads import CAN_READ, NO_FILE, read_numbers

pytestmark = pytest.mark.skipif(not CAN_READ, reason="the system has no such call")


@kernel
def read_in_kernel(file, first, count, numbers):
    return read_numbers(file, first, count, numbers)


@kernel
def read_often(file, numbers, times):
    """How often a number was not what stands at its place in a file of 0, 1, 2, ..."""
    wrong, size = 0, len(numbers)
    for i in range(times):
        first = (i * 7919) % (100_000 - size)
        if not read_numbers(file, first, size, numbers):
            return -1
        for k in range(size):
            wrong += numbers[k] != first + k
    return wrong


@pytest.fixture(params=[np.int32, np.int64])
def stored(request, tmp_path: Path):
    """A file of the numbers 0 ... 99,999, open."""
    path = tmp_path / "numbers"
    path.write_bytes(np.arange(100_000, dtype=request.param).tobytes())
    file = os.open(path, os.O_RDONLY)
    yield file, request.param
    os.close(file)


@pytest.mark.parametrize("read", [read_numbers, read_in_kernel])
def test_numbers_are_those_of_the_file(read, stored):
    file, kind = stored
    numbers = np.full(12, -1, dtype=kind)
    for first, count in ((0, 12), (99_990, 10), (5, 0), (70_001, 1)):
        numbers[:] = -1
        assert read(file, first, count, numbers)
        assert numbers.tolist() == [*range(first, first + count), *[-1] * (12 - count)]


@pytest.mark.parametrize("read", [read_numbers, read_in_kernel])
def test_what_cannot_be_read_is_told(read, stored):
    file, kind = stored
    numbers = np.zeros(12, dtype=kind)
    assert not read(NO_FILE, 0, 12, numbers)
    assert not read(file, 99_990, 12, numbers)
    assert not read(file, 200_000, 1, numbers)
    assert not numbers[10:].any()


@pytest.mark.skipif(not COMPILED, reason="it says nothing of the interpreter")
def test_threads_read_the_same_file_each_at_its_own_place(stored):
    file, kind = stored
    wrong: list[int] = []
    rooms = [np.zeros(size, dtype=kind) for size in (500, 3000, 20_000)]
    read_often(file, rooms[0], 1)
    threads = [
        threading.Thread(target=lambda room=room: wrong.append(read_often(file, room, 2000)))
        for room in rooms
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [0, 0, 0]
