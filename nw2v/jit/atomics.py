"""Memory that threads share inside kernels: numbers that are read and added to at once.

And memory that they must not share by accident: what one thread writes all the time must not lie
beside what another one needs, since each write takes the cache line from the other's core.

Each function of kernels is a plain one beside the LLVM code that compiled kernels run. Without
compilation (NUMBA_DISABLE_JIT=1) the plain one is right only where no other thread writes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from nw2v.jit.compile import IN_CALLERS

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


def fetch_and_add(numbers, place, amount):  # type: ignore[no-untyped-def]
    """Add `amount` to ``numbers[place]`` (int64) in one step; return what was there before.

    What a thread wrote before it added is seen by each thread that adds after it.
    """
    before = numbers[place]
    numbers[place] = before + amount
    return before


def observe(numbers, place):  # type: ignore[no-untyped-def]
    """Return ``numbers[place]`` (int64), and see all that was written before it was published."""
    return numbers[place]


def publish(numbers, place, value):  # type: ignore[no-untyped-def]
    """Set ``numbers[place]`` (int64), after all that this thread wrote before."""
    numbers[place] = value


def _emit_fetch_and_add(builder: ir.IRBuilder, address: ir.Value, amount: ir.Value) -> ir.Value:
    return builder.atomic_rmw("add", address, amount, "acq_rel")


def _emit_observe(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    return builder.load_atomic(address, "acquire", BYTES)


def _emit_publish(builder: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    builder.store_atomic(value, address, "release", BYTES)


def _compiled(
    emit: Callable[..., ir.Value | None], more_arguments: int, result: Any
) -> Callable[..., Any]:
    """Make what `emit` writes for the address of ``numbers[place]`` callable in kernels."""

    @intrinsic
    def call(typing_context, numbers, place, *values):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, given):  # type: ignore[no-untyped-def]
            array, index, rest = signature.args
            data = context.make_array(array)(context, builder, given[0]).data
            offset = context.cast(builder, given[1], index, types.int64)
            numbers_64 = [
                context.cast(builder, builder.extract_value(given[2], k), rest[k], types.int64)
                for k in range(more_arguments)
            ]
            value = emit(builder, builder.gep(data, [offset]), *numbers_64)
            return context.get_dummy_value() if value is None else value

        return result(numbers, place, types.StarArgTuple(values)), generate

    return call


_fetch_and_add = _compiled(_emit_fetch_and_add, 1, types.int64)
_observe = _compiled(_emit_observe, 0, types.int64)
_publish = _compiled(_emit_publish, 1, types.void)


@overload(fetch_and_add, jit_options=IN_CALLERS)
def _choose_fetch_and_add(numbers, place, amount):  # type: ignore[no-untyped-def]
    def compiled(numbers, place, amount):  # type: ignore[no-untyped-def]
        return _fetch_and_add(numbers, place, amount)

    return compiled


@overload(observe, jit_options=IN_CALLERS)
def _choose_observe(numbers, place):  # type: ignore[no-untyped-def]
    def compiled(numbers, place):  # type: ignore[no-untyped-def]
        return _observe(numbers, place)

    return compiled


@overload(publish, jit_options=IN_CALLERS)
def _choose_publish(numbers, place, value):  # type: ignore[no-untyped-def]
    def compiled(numbers, place, value):  # type: ignore[no-untyped-def]
        _publish(numbers, place, value)

    return compiled
