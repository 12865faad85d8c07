"""Reading numbers from an open file inside kernels, where a mapped file would take memory.

A system may map megabytes of a file at a time for a few kilobytes that are read of it. Beside the
plain function stands the LLVM code that compiled kernels run: a call of the C library's `pread`,
which many threads may make on one file.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import overload

from nw2v.jit.compile import IN_CALLERS
from nw2v.jit.intrinsics import emitted

NO_FILE = -1
"""In place of a file's descriptor."""
CAN_READ = hasattr(os, "pread") and ctypes.sizeof(ctypes.c_long) == 8
"""Whether this system has the call, with places of 64 bits."""


def read_numbers(file, first, count, numbers):
    """Read some numbers of a file into the beginning of an array of their type.

    Parameters
    ----------
    file : int
        A descriptor, or `NO_FILE`.
    first, count : int
        Which of the numbers that the file consists of.
    numbers : (at least `count`,) array
        One number after the other in memory.

    Returns
    -------
    bool
        Whether all were read; else the array's content is undefined.
    """
    if file < 0 or not CAN_READ:
        return False
    data = os.pread(file, int(count) * numbers.itemsize, int(first) * numbers.itemsize)
    if len(data) < count * numbers.itemsize:
        return False
    numbers[:count] = np.frombuffer(data, dtype=numbers.dtype)
    return True


def _emit_pread(builder: ir.IRBuilder, arguments: list[ir.Value]) -> ir.Value:
    file, data, size, place = arguments
    byte, int32, int64 = ir.IntType(8).as_pointer(), ir.IntType(32), ir.IntType(64)
    kind = ir.FunctionType(int64, [int32, byte, int64, int64])
    function = cgutils.get_or_insert_function(builder.module, kind, "pread")
    given = [builder.trunc(file, int32), builder.bitcast(data, byte), size, place]
    return builder.call(function, given)


_pread: Any = emitted("pread", _emit_pread, "iaii", types.int64)


@overload(read_numbers, jit_options=IN_CALLERS)
def _choose_read_numbers(file, first, count, numbers):
    if not CAN_READ:
        return lambda file, first, count, numbers: False

    def compiled(file, first, count, numbers):
        size = count * numbers.itemsize
        return file >= 0 and _pread(file, numbers, size, first * numbers.itemsize) == size

    return compiled
