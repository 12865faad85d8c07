"""Memory that threads share inside kernels: numbers that are read and added to at once.

And memory that they must not share by accident: what one thread writes all the time must not lie
beside what another one needs, since each write takes the cache line from the other's core.

Each function of kernels is a plain one beside LLVM code (`nw2v.jit.intrinsics`). Without
compilation the plain one runs, which is right only where no other thread writes.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import types

from nw2v.jit.intrinsics import also_emitted

BYTES = 8
LINE_BYTES = 128
"""A cache line, and the one beside it that some CPUs fetch with it."""
NUMBERS_A_LINE = LINE_BYTES // BYTES
"""Numbers of 64 bits in it: counters that threads fight over stand this far apart."""


def zeros_on_own_lines(shape: int | tuple[int, ...], dtype: np.dtype | type) -> np.ndarray:
    """Allocate an array of zeros that shares no cache line with any other."""
    kind = np.dtype(dtype)
    size = math.prod(shape if isinstance(shape, tuple) else (shape,)) * kind.itemsize
    whole_lines = -(-size // LINE_BYTES) * LINE_BYTES
    buffer = np.zeros(whole_lines + LINE_BYTES, dtype=np.uint8)
    start = -buffer.ctypes.data % LINE_BYTES
    return buffer[start : start + size].view(kind).reshape(shape)


def fetch_and_add(numbers, place, amount):
    """Add `amount` to ``numbers[place]`` (int64) in one step; return what was there before.

    What a thread wrote before it added is seen by each thread that adds after it.
    """
    before = numbers[place]
    numbers[place] = before + amount
    return before


def observe(numbers, place):
    """Return ``numbers[place]`` (int64), and see all that was written before it was published."""
    return numbers[place]


def publish(numbers, place, value):
    """Set ``numbers[place]`` (int64), after all that this thread wrote before."""
    numbers[place] = value


def _emit_fetch_and_add(builder: ir.IRBuilder, arguments: list[ir.Value]) -> ir.Value:
    numbers, place, amount = arguments
    return builder.atomic_rmw("add", builder.gep(numbers, [place]), amount, "acq_rel")


def _emit_observe(builder: ir.IRBuilder, arguments: list[ir.Value]) -> ir.Value:
    numbers, place = arguments
    return builder.load_atomic(builder.gep(numbers, [place]), "acquire", BYTES)


def _emit_publish(builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
    numbers, place, value = arguments
    builder.store_atomic(value, builder.gep(numbers, [place]), "release", BYTES)


also_emitted(fetch_and_add, _emit_fetch_and_add, "Nii", types.int64)
also_emitted(observe, _emit_observe, "Ni", types.int64)
also_emitted(publish, _emit_publish, "Nii")
