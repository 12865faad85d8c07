"""The four primitives that carry all heavy arithmetic, each beside its plain twin.

Everything that training does to vectors is a sequence of: many dot products with one center
vector (`dot_rows`), the logistic terms of the scores (`logistic_terms`) or their exponentials
(`exponentials`), and one update of the same many rows, which gives the center vector's own update
on the way (`update_rows`).

Each primitive takes `lanes` first. Where its type is a tuple of n numbers, a row is n registers
of `LANES` floats and the primitive becomes the LLVM code that the functions `_emit_...` write:
rows live in registers, several dot products are in flight, products and sums are fused. Where
`lanes` is the empty tuple, the plain function below is compiled as it stands: the portable path,
and the oracle of the other. Without compilation (NUMBA_DISABLE_JIT=1) it is what Python runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from nw2v.jit.compile import FAST_MATH

FLOAT_BYTES = 4
ROWS_IN_FLIGHT = 4

# exp is taken as 0 below this: 9e-27, far below what a float32 beside it can show, and far above
# the numbers (subnormal, below 1e-38) that CPUs multiply a hundred times more slowly.
SMALLEST_EXPONENT = -60.0

# A row longer than this is left to the portable path: the code below is unrolled over a row.
LONGEST_ROW = 1024


def _host_lanes() -> int:
    """Floats in the widest register that this CPU multiplies and adds in one instruction."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f", False):
        return 16
    if features.get("avx2", False) and features.get("fma", False):
        return 8
    if binding.get_process_triple().startswith(("aarch64", "arm64")):
        return 4
    return 0


LANES = _host_lanes()
# Rows of at most this many registers are updated in one sweep: the center vector and its gradient
# both stay in registers (16 of them with 8 lanes, 32 otherwise).
_REGISTERS_A_SWEEP = 6 if LANES == 8 else 14


def row_layout(dim: int, *, portable: bool = False) -> tuple[tuple[int, ...], int]:
    """Choose how rows of `dim` floats are stored and worked on.

    Returns
    -------
    lanes : tuple of int
        The first argument of every primitive; empty for the portable path.
    length : int
        Floats a row is padded to: whole registers, where registers are used.
    """
    if portable or LANES == 0 or dim > LONGEST_ROW:
        return (), dim
    registers = -(-dim // LANES)
    return (0,) * registers, registers * LANES


def aligned_zeros(rows: int, length: int) -> np.ndarray:
    """Allocate a float32 matrix of zeros that starts at a cache line, as register loads need."""
    line = 64
    buffer = np.zeros(rows * length * FLOAT_BYTES + line, dtype=np.uint8)
    start = -buffer.ctypes.data % line
    return (
        buffer[start : start + rows * length * FLOAT_BYTES].view(np.float32).reshape(rows, length)
    )


# --- the plain twins ------------------------------------------------------------------------------


def dot_rows(lanes, matrix, rows, count, centers, center, scores):  # type: ignore[no-untyped-def]
    """Compute ``scores[r] = matrix[rows[r]] . centers[center]`` for r < count.

    `rows` must hold valid row numbers, and `scores` room, up to `count` rounded up to a multiple
    of `ROWS_IN_FLIGHT`: what lies there beyond `count` is read, and its score is of no meaning.
    """
    for r in range(count):
        row = rows[r]
        total = np.float32(0)
        for i in range(matrix.shape[1]):
            total += matrix[row, i] * centers[center, i]
        scores[r] = total


def logistic_terms(lanes, scores, count, label, weight, rate, steps):  # type: ignore[no-untyped-def]
    """Turn scores x into the loss of their logistic terms and the steps that lower it.

    With y = label * x and label = +1 for an outside word, -1 for a negative:
    ``steps[r] = rate * weight * label * sigma(-y)``; returns the sum of
    ``weight * -log sigma(y)``, for r < count. `scores` and `steps` must have room up to `count`
    rounded up to a multiple of `LANES`.
    """
    loss = np.float32(0)
    one = np.float32(1)
    for r in range(count):
        y = label * scores[r]
        e = np.float32(0) if abs(y) > -SMALLEST_EXPONENT else np.float32(math.exp(-abs(y)))
        upper = one / (one + e)
        lower = e * upper
        steps[r] = rate * weight * label * (lower if y >= 0 else upper)
        loss += weight * (max(-y, np.float32(0)) + np.float32(math.log1p(e)))
    return loss


def exponentials(lanes, scores, count, shift):  # type: ignore[no-untyped-def]
    """Compute ``scores[r] = exp(scores[r] - shift)`` for r < count; return their sum.

    `scores` must have room up to `count` rounded up to a multiple of `LANES`; what lies there
    beyond `count` is of no meaning afterwards.
    """
    total: Any = 0.0
    for r in range(count):
        x = scores[r] - shift
        value = np.float32(0) if x < SMALLEST_EXPONENT else np.float32(math.exp(x))
        scores[r] = value
        total += value
    return total


def update_rows(lanes, matrix, rows, steps, count, centers, center, gradient):  # type: ignore[no-untyped-def]
    """Add ``steps[r] * v`` to row ``u_r = matrix[rows[r]]`` and ``steps[r] * u_r`` to `gradient`.

    For r < count and v = ``centers[center]``, which stays as it is. Each u_r is taken as it is when
    its turn comes, so that a row named twice is updated twice.
    """
    for r in range(count):
        row, step = rows[r], steps[r]
        for i in range(matrix.shape[1]):
            u = matrix[row, i]
            gradient[i] += step * u
            matrix[row, i] = u + step * centers[center, i]


def prefetch_row(lanes, matrix, row):  # type: ignore[no-untyped-def]
    """Ask the memory for a row that will soon be read and written."""


# --- LLVM code ------------------------------------------------------------------------------------

_FLOAT = ir.FloatType()
_INT = ir.IntType(32)
_WORD = ir.IntType(64)


def _vector(lanes: int) -> ir.VectorType:
    return ir.VectorType(_FLOAT, lanes)


def _splat(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    """Copy one float to all lanes of a register."""
    undefined = ir.Constant(_vector(lanes), ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_INT, 0))
    mask = ir.Constant(ir.VectorType(_INT, lanes), [0] * lanes)
    return builder.shuffle_vector(first, undefined, mask)


def _constant(value: float, lanes: int) -> ir.Constant:
    return ir.Constant(_vector(lanes), [float(np.float32(value))] * lanes)


def _fused(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """Multiply and add, a * b + c, in one instruction where the CPU has one."""
    kind = a.type
    name = f"llvm.fmuladd.v{kind.count}f32"
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind, kind, kind]), name
    )
    return builder.call(function, [a, b, c])


def _register_pointer(
    builder: ir.IRBuilder, base: ir.Value, offset: ir.Value, lanes: int
) -> ir.Value:
    """Address of the register's worth of floats that begins at `base[offset]`."""
    return builder.bitcast(builder.gep(base, [offset]), _vector(lanes).as_pointer())


def _load(builder: ir.IRBuilder, pointer: ir.Value, lanes: int, align: int) -> ir.Value:
    value = builder.load(pointer)
    value.align = align
    return value


def _store(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value, align: int) -> None:
    builder.store(value, pointer).align = align


def _row_start(builder: ir.IRBuilder, rows: ir.Value, r: ir.Value, length: int) -> ir.Value:
    """Offset in floats of row number `rows[r]`."""
    number = builder.load(builder.gep(rows, [r]))
    return builder.mul(builder.zext(number, _WORD), ir.Constant(_WORD, length))


def _plus(builder: ir.IRBuilder, value: ir.Value, number: int) -> ir.Value:
    return builder.add(value, ir.Constant(_WORD, number)) if number else value


def _lanes_below(builder: ir.IRBuilder, count: ir.Value) -> ir.Value:
    """Mask of the lanes whose number is less than `count` (64 bits)."""
    integers = ir.VectorType(_INT, LANES)
    undefined = ir.Constant(integers, ir.Undefined)
    counts = builder.insert_element(undefined, builder.trunc(count, _INT), ir.Constant(_INT, 0))
    counts = builder.shuffle_vector(counts, undefined, ir.Constant(integers, [0] * LANES))
    return builder.icmp_signed("<", ir.Constant(integers, list(range(LANES))), counts)


def _sum_lanes(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Add the lanes of a register, by halves."""
    lanes = value.type.count
    while lanes > 1:
        lanes //= 2
        low = ir.Constant(ir.VectorType(_INT, lanes), list(range(lanes)))
        high = ir.Constant(ir.VectorType(_INT, lanes), list(range(lanes, 2 * lanes)))
        value = builder.fadd(
            builder.shuffle_vector(value, value, low), builder.shuffle_vector(value, value, high)
        )
    return builder.extract_element(value, ir.Constant(_INT, 0))


def _sum_lanes_of_four(builder: ir.IRBuilder, sums: list[ir.Value]) -> ir.Value:
    """Reduce four registers to one of four floats: the sum of the lanes of each, in order.

    Interleaving halves within each 128 bits (one cheap instruction a shuffle) and adding turns
    [a b c d] into one register with the partial sums a, b, c, d in every 128 bits.
    """
    lanes = sums[0].type.count
    low = [q + k for q in range(0, lanes, 4) for k in (0, lanes, 1, lanes + 1)]
    high = [q + k for q in range(0, lanes, 4) for k in (2, lanes + 2, 3, lanes + 3)]
    masks = [ir.Constant(ir.VectorType(_INT, lanes), m) for m in (low, high)]

    def interleaved_sum(a: ir.Value, b: ir.Value) -> ir.Value:
        return builder.fadd(*(builder.shuffle_vector(a, b, mask) for mask in masks))

    a, b, c, d = sums
    value = interleaved_sum(interleaved_sum(a, c), interleaved_sum(b, d))
    while lanes > 4:
        lanes //= 2
        halves = [list(range(lanes)), list(range(lanes, 2 * lanes))]
        value = builder.fadd(
            *(
                builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(_INT, lanes), h))
                for h in halves
            )
        )
    return value


def _emit_dot_rows(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, rows, count, centers, center, scores = arguments
    length, align = registers * LANES, LANES * FLOAT_BYTES
    center_start = builder.mul(center, ir.Constant(_WORD, length))
    with cgutils.for_range_slice(
        builder, ir.Constant(_WORD, 0), count, ir.Constant(_WORD, ROWS_IN_FLIGHT)
    ) as (r, _):
        starts = [
            _row_start(builder, rows, _plus(builder, r, k), length) for k in range(ROWS_IN_FLIGHT)
        ]
        sums = [_constant(0.0, LANES)] * ROWS_IN_FLIGHT
        for c in range(registers):
            pointer = _register_pointer(
                builder, centers, _plus(builder, center_start, c * LANES), LANES
            )
            v = _load(builder, pointer, LANES, align)
            for k in range(ROWS_IN_FLIGHT):
                pointer = _register_pointer(
                    builder, matrix, _plus(builder, starts[k], c * LANES), LANES
                )
                u = _load(builder, pointer, LANES, align)
                sums[k] = _fused(builder, u, v, sums[k])
        pointer = _register_pointer(builder, scores, r, ROWS_IN_FLIGHT)
        _store(builder, _sum_lanes_of_four(builder, sums), pointer, FLOAT_BYTES)


# exp(a) = 2^n exp(r), n = round(a / log 2): coefficients of exp(r) on |r| <= log(2) / 2 by Cephes
# (Moshier, expf); relative error below 2e-7.
_EXP_COEFFICIENTS = (
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
)
# 2^23 * 1.5 + 127: adding it leaves n + 127, the exponent's bits of 2^n, in the lowest bits.
_ROUNDING = 12582912.0 + 127.0


def _emit_exp(builder: ir.IRBuilder, a: ir.Value) -> ir.Value:
    """exp(a) for a <= 0, lane by lane; 0 below `SMALLEST_EXPONENT`; NaN stays NaN."""
    lanes = a.type.count

    def constant(value: float) -> ir.Constant:
        return _constant(value, lanes)

    too_small = builder.fcmp_ordered("<", a, constant(SMALLEST_EXPONENT))
    a = builder.select(too_small, constant(SMALLEST_EXPONENT), a)
    shifted = _fused(builder, a, constant(1.0 / math.log(2.0)), constant(_ROUNDING))
    n = builder.fsub(shifted, constant(_ROUNDING))
    r = _fused(builder, n, constant(-0.693359375), a)
    r = _fused(builder, n, constant(2.12194440e-4), r)
    polynomial: ir.Value = constant(_EXP_COEFFICIENTS[0])
    for coefficient in _EXP_COEFFICIENTS[1:]:
        polynomial = _fused(builder, polynomial, r, constant(coefficient))
    value = _fused(builder, polynomial, builder.fmul(r, r), builder.fadd(r, constant(1.0)))
    integers = ir.VectorType(_INT, lanes)
    power = builder.shl(builder.bitcast(shifted, integers), ir.Constant(integers, [23] * lanes))
    value = builder.fmul(value, builder.bitcast(power, _vector(lanes)))
    return builder.select(too_small, constant(0.0), value)


def _emit_log1p(builder: ir.IRBuilder, z: ir.Value) -> ir.Value:
    """log(1 + e) = 2 artanh(z) for 0 <= e <= 1, given z = e / (2 + e) <= 1/3.

    The series 2 (z + z^3/3 + z^5/5 + ...) cut after z^13 errs by less than 1e-8.
    """
    lanes = z.type.count
    square = builder.fmul(z, z)
    series: ir.Value = _constant(2.0 / 13.0, lanes)
    for odd in (11, 9, 7, 5, 3, 1):
        series = _fused(builder, series, square, _constant(2.0 / odd, lanes))
    return builder.fmul(series, z)


def _emit_logistic_terms(
    builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]
) -> ir.Value:
    scores, count, label, weight, rate, steps = arguments
    zero, one, two = (_constant(x, LANES) for x in (0.0, 1.0, 2.0))
    labels = _splat(builder, label, LANES)
    weights = _splat(builder, weight, LANES)
    step = _splat(builder, builder.fmul(builder.fmul(rate, weight), label), LANES)
    loss = cgutils.alloca_once_value(builder, zero)
    absolute = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(_vector(LANES), [_vector(LANES)]),
        f"llvm.fabs.v{LANES}f32",
    )
    with cgutils.for_range_slice(
        builder, ir.Constant(_WORD, 0), count, ir.Constant(_WORD, LANES)
    ) as (r, _):
        inside = _lanes_below(builder, builder.sub(count, r))
        x = _load(builder, _register_pointer(builder, scores, r, LANES), LANES, FLOAT_BYTES)
        y = builder.select(inside, builder.fmul(labels, x), zero)
        e = _emit_exp(builder, builder.fneg(builder.call(absolute, [y])))
        e_1, e_2 = builder.fadd(e, one), builder.fadd(e, two)
        inverse = builder.fdiv(one, builder.fmul(e_1, e_2))
        upper = builder.fmul(e_2, inverse)
        positive = builder.fcmp_ordered(">=", y, zero)
        sigma = builder.select(positive, builder.fmul(e, upper), upper)
        _store(
            builder,
            builder.fmul(step, sigma),
            _register_pointer(builder, steps, r, LANES),
            FLOAT_BYTES,
        )
        linear = builder.select(positive, zero, builder.fneg(y))
        z = builder.fmul(builder.fmul(e, e_1), inverse)
        terms = builder.fmul(weights, builder.fadd(linear, _emit_log1p(builder, z)))
        terms = builder.select(inside, terms, zero)
        builder.store(builder.fadd(builder.load(loss), terms), loss)
    return _sum_lanes(builder, builder.load(loss))


def _emit_exponentials(
    builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]
) -> ir.Value:
    scores, count, shift = arguments
    shifts = _splat(builder, shift, LANES)
    doubles = ir.VectorType(ir.DoubleType(), LANES)
    total = cgutils.alloca_once_value(builder, ir.Constant(doubles, [0.0] * LANES))
    with cgutils.for_range_slice(
        builder, ir.Constant(_WORD, 0), count, ir.Constant(_WORD, LANES)
    ) as (r, _):
        inside = _lanes_below(builder, builder.sub(count, r))
        pointer = _register_pointer(builder, scores, r, LANES)
        x = _load(builder, pointer, LANES, FLOAT_BYTES)
        value = _emit_exp(builder, builder.fsub(x, shifts))
        value = builder.select(inside, value, _constant(0.0, LANES))
        _store(builder, value, pointer, FLOAT_BYTES)
        wide = builder.fpext(value, doubles)
        builder.store(builder.fadd(builder.load(total), wide), total)
    result = builder.load(total)
    value = builder.extract_element(result, ir.Constant(_INT, 0))
    for lane in range(1, LANES):
        value = builder.fadd(value, builder.extract_element(result, ir.Constant(_INT, lane)))
    return value


def _emit_update_rows(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, rows, steps, count, centers, center, gradient = arguments
    length, align = registers * LANES, LANES * FLOAT_BYTES
    center_start = builder.mul(center, ir.Constant(_WORD, length))
    sweeps = -(-registers // _REGISTERS_A_SWEEP)
    bounds = [registers * s // sweeps for s in range(sweeps + 1)]
    for first, last in pairwise(bounds):
        columns = [c * LANES for c in range(first, last)]
        v = [
            _load(
                builder,
                _register_pointer(builder, centers, _plus(builder, center_start, column), LANES),
                LANES,
                align,
            )
            for column in columns
        ]
        pointers = [
            _register_pointer(builder, gradient, ir.Constant(_WORD, column), LANES)
            for column in columns
        ]
        sums = [
            cgutils.alloca_once_value(builder, _load(builder, pointer, LANES, FLOAT_BYTES))
            for pointer in pointers
        ]
        with cgutils.for_range(builder, count) as loop:
            step = _splat(builder, builder.load(builder.gep(steps, [loop.index])), LANES)
            start = _row_start(builder, rows, loop.index, length)
            for k, column in enumerate(columns):
                pointer = _register_pointer(builder, matrix, _plus(builder, start, column), LANES)
                u = _load(builder, pointer, LANES, align)
                builder.store(_fused(builder, step, u, builder.load(sums[k])), sums[k])
                _store(builder, _fused(builder, step, v[k], u), pointer, align)
        for total, pointer in zip(sums, pointers, strict=True):
            _store(builder, builder.load(total), pointer, FLOAT_BYTES)


def _emit_prefetch_row(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, row = arguments
    length, line = registers * LANES, 64 // FLOAT_BYTES
    start = builder.mul(row, ir.Constant(_WORD, length))
    byte = ir.IntType(8).as_pointer()
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(ir.VoidType(), [byte, _INT, _INT, _INT]),
        "llvm.prefetch.p0",
    )
    for offset in range(0, length, line):
        address = builder.bitcast(builder.gep(matrix, [_plus(builder, start, offset)]), byte)
        for_writing, into_all_caches, data = (ir.Constant(_INT, x) for x in (1, 3, 1))
        builder.call(function, [address, for_writing, into_all_caches, data])


# --- the choice between the two, by the type of `lanes` -------------------------------------------


def _compiled(
    emit: Callable[[ir.IRBuilder, int, list[ir.Value]], ir.Value | None],
    kinds: str,
    result: Any,
) -> Callable[..., Any]:
    """Make what `emit` writes callable from compiled code.

    `kinds` tells how each argument after `lanes` reaches `emit`: "a" an array, as the address of
    its data; "i" an integer, as 64 bits; "f" a float, as 32 bits.
    """

    @intrinsic
    def call(typing_context, lanes, *arguments):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            given = []
            for k, (kind, argument) in enumerate(zip(kinds, signature.args[1], strict=True)):
                value = builder.extract_value(values[1], k)
                if kind == "a":
                    given.append(context.make_array(argument)(context, builder, value).data)
                else:
                    wanted = types.int64 if kind == "i" else types.float32
                    given.append(context.cast(builder, value, argument, wanted))
            value = emit(builder, len(signature.args[0]), given)
            return context.get_dummy_value() if value is None else value

        return result(lanes, types.StarArgTuple(arguments)), generate

    return call


_dot_rows = _compiled(_emit_dot_rows, "aaiaia", types.void)
_logistic_terms = _compiled(_emit_logistic_terms, "aifffa", types.float32)
_exponentials = _compiled(_emit_exponentials, "aif", types.float64)
_update_rows = _compiled(_emit_update_rows, "aaaiaia", types.void)
_prefetch_row = _compiled(_emit_prefetch_row, "ai", types.void)

_INLINED: Any = {"fastmath": set(FAST_MATH), "error_model": "numpy", "forceinline": True}


@overload(dot_rows, jit_options=_INLINED)
def _choose_dot_rows(lanes, matrix, rows, count, centers, center, scores):  # type: ignore[no-untyped-def]
    def compiled(lanes, matrix, rows, count, centers, center, scores):  # type: ignore[no-untyped-def]
        _dot_rows(lanes, matrix, rows, count, centers, center, scores)

    return compiled if len(lanes) else dot_rows


@overload(logistic_terms, jit_options=_INLINED)
def _choose_logistic_terms(lanes, scores, count, label, weight, rate, steps):  # type: ignore[no-untyped-def]
    def compiled(lanes, scores, count, label, weight, rate, steps):  # type: ignore[no-untyped-def]
        return _logistic_terms(lanes, scores, count, label, weight, rate, steps)

    return compiled if len(lanes) else logistic_terms


@overload(exponentials, jit_options=_INLINED)
def _choose_exponentials(lanes, scores, count, shift):  # type: ignore[no-untyped-def]
    def compiled(lanes, scores, count, shift):  # type: ignore[no-untyped-def]
        return _exponentials(lanes, scores, count, shift)

    return compiled if len(lanes) else exponentials


@overload(update_rows, jit_options=_INLINED)
def _choose_update_rows(lanes, matrix, rows, steps, count, centers, center, gradient):  # type: ignore[no-untyped-def]
    def compiled(lanes, matrix, rows, steps, count, centers, center, gradient):  # type: ignore[no-untyped-def]
        _update_rows(lanes, matrix, rows, steps, count, centers, center, gradient)

    return compiled if len(lanes) else update_rows


@overload(prefetch_row, jit_options=_INLINED)
def _choose_prefetch_row(lanes, matrix, row):  # type: ignore[no-untyped-def]
    def compiled(lanes, matrix, row):  # type: ignore[no-untyped-def]
        _prefetch_row(lanes, matrix, row)

    return compiled if len(lanes) else prefetch_row
