"""Registers: how rows of vectors lie in memory, and the blocks that register code is made of.

Heavy arithmetic is written twice (`nw2v.jit.intrinsics`): as a plain function and as LLVM code, in
`nw2v.jit.batches` for negative sampling, in `nw2v.jit.softmax_rows` for the naive softmax.
Each such primitive takes `lanes` first. Where its type is a tuple of n numbers, a row is n
registers of `LANES` floats and the LLVM code runs: rows live in registers, several sums are in
flight, products and sums are fused. Where `lanes` is the empty tuple, the plain function is
compiled as it stands: the portable path, and the oracle of the other. Without compilation
(NUMBA_DISABLE_JIT=1) it is what Python runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target

from nw2v.jit.atomics import zeros_on_own_lines
from nw2v.jit.intrinsics import also_emitted

FLOAT_BYTES = 4

# exp is taken as 0 below this: 9e-27, far below what a float32 beside it can show, and far above
# the numbers (subnormal, below 1e-38) that CPUs multiply a hundred times more slowly.
SMALLEST_EXPONENT = -60.0

# A row longer than this is left to the portable path: the code below is unrolled over a row.
LONGEST_ROW = 1024


def _target_lanes() -> int:
    """Floats in the widest register that can be multiplied and added in one instruction.

    By the CPU that Numba compiles for: usually this one, but its settings may tell another. What is
    kept in files is kept for one such CPU, so that this need not be part of the key.
    """
    triple, _, listed = cpu_target.target_context.codegen().magic_tuple()
    features = set(listed.split(","))
    if "+avx512f" in features:
        return 16
    if {"+avx2", "+fma"} <= features:
        return 8
    if triple.startswith(("aarch64", "arm64")):
        return 4
    return 0


TARGET_LANES = _target_lanes()
LANES = TARGET_LANES


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
    """Allocate a float32 matrix of zeros on cache lines of its own, as register loads need."""
    return zeros_on_own_lines((rows, length), np.float32)


# --- LLVM code ------------------------------------------------------------------------------------

FLOAT = ir.FloatType()
INT = ir.IntType(32)
WORD = ir.IntType(64)


def vector(lanes: int) -> ir.VectorType:
    """Type of a register of so many floats."""
    return ir.VectorType(FLOAT, lanes)


def splat(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    """Copy one float to all lanes of a register."""
    undefined = ir.Constant(vector(lanes), ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(INT, 0))
    mask = ir.Constant(ir.VectorType(INT, lanes), [0] * lanes)
    return builder.shuffle_vector(first, undefined, mask)


def constant_register(value: float, lanes: int) -> ir.Constant:
    """One number in all lanes."""
    return ir.Constant(vector(lanes), [float(np.float32(value))] * lanes)


def fused(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """Multiply and add, a * b + c, in one instruction where the CPU has one."""
    kind = a.type
    name = f"llvm.fmuladd.v{kind.count}f32"
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind, kind, kind]), name
    )
    return builder.call(function, [a, b, c])


def absolute(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Absolute values, lane by lane."""
    name = f"llvm.fabs.v{value.type.count}f32"
    kind = ir.FunctionType(value.type, [value.type])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [value])


def register_pointer(
    builder: ir.IRBuilder, base: ir.Value, offset: ir.Value, lanes: int
) -> ir.Value:
    """Address of the register's worth of floats that begins at `base[offset]`."""
    return builder.bitcast(builder.gep(base, [offset]), vector(lanes).as_pointer())


def load(builder: ir.IRBuilder, pointer: ir.Value, lanes: int, align: int) -> ir.Value:
    """Load a register from an address that is a multiple of `align` bytes."""
    value = builder.load(pointer)
    value.align = align
    return value


def store(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value, align: int) -> None:
    """Store a register at an address that is a multiple of `align` bytes."""
    builder.store(value, pointer).align = align


def row_start(builder: ir.IRBuilder, rows: ir.Value, r: ir.Value, length: int) -> ir.Value:
    """Offset in floats of row number `rows[r]`."""
    number = builder.load(builder.gep(rows, [r]))
    return builder.mul(builder.zext(number, WORD), ir.Constant(WORD, length))


def plus(builder: ir.IRBuilder, value: ir.Value, number: int) -> ir.Value:
    """Add a number to an integer of 64 bits."""
    return builder.add(value, ir.Constant(WORD, number)) if number else value


def lanes_below(builder: ir.IRBuilder, count: ir.Value) -> ir.Value:
    """Mask of the lanes whose number is less than `count` (64 bits)."""
    integers = ir.VectorType(INT, LANES)
    undefined = ir.Constant(integers, ir.Undefined)
    counts = builder.insert_element(undefined, builder.trunc(count, INT), ir.Constant(INT, 0))
    counts = builder.shuffle_vector(counts, undefined, ir.Constant(integers, [0] * LANES))
    return builder.icmp_signed("<", ir.Constant(integers, list(range(LANES))), counts)


def sum_lanes(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Add the lanes of a register, by halves."""
    lanes = value.type.count
    while lanes > 1:
        lanes //= 2
        low = ir.Constant(ir.VectorType(INT, lanes), list(range(lanes)))
        high = ir.Constant(ir.VectorType(INT, lanes), list(range(lanes, 2 * lanes)))
        value = builder.fadd(
            builder.shuffle_vector(value, value, low), builder.shuffle_vector(value, value, high)
        )
    return builder.extract_element(value, ir.Constant(INT, 0))


def sum_lanes_of_four(builder: ir.IRBuilder, sums: list[ir.Value]) -> ir.Value:
    """Reduce four registers to one of four floats: the sum of the lanes of each, in order.

    Interleaving halves within each 128 bits (one cheap instruction a shuffle) and adding turns
    [a b c d] into one register with the partial sums a, b, c, d in every 128 bits.
    """
    lanes = sums[0].type.count
    low = [q + k for q in range(0, lanes, 4) for k in (0, lanes, 1, lanes + 1)]
    high = [q + k for q in range(0, lanes, 4) for k in (2, lanes + 2, 3, lanes + 3)]
    masks = [ir.Constant(ir.VectorType(INT, lanes), m) for m in (low, high)]

    def interleaved_sum(a: ir.Value, b: ir.Value) -> ir.Value:
        return builder.fadd(*(builder.shuffle_vector(a, b, mask) for mask in masks))

    a, b, c, d = sums
    value = interleaved_sum(interleaved_sum(a, c), interleaved_sum(b, d))
    while lanes > 4:
        lanes //= 2
        halves = [list(range(lanes)), list(range(lanes, 2 * lanes))]
        value = builder.fadd(
            *(
                builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(INT, lanes), h))
                for h in halves
            )
        )
    return value


# --- tiles of sums --------------------------------------------------------------------------------

# Sums that a tile keeps in registers; the others hold what is added to them. CPUs with registers
# of 8 floats have 16 of them, the others 32.
MOST_SUMS = 12 if LANES == 8 else 24


def number(value: int) -> ir.Constant:
    """Integer of 64 bits."""
    return ir.Constant(WORD, value)


def row_starts(builder: ir.IRBuilder, rows: list[ir.Value], length: int) -> list[ir.Value]:
    """Offsets in floats of rows with these numbers."""
    return [builder.mul(row, number(length)) for row in rows]


def load_register(
    builder: ir.IRBuilder, base: ir.Value, offset: ir.Value, *, aligned: bool = True
) -> ir.Value:
    """Load the register's worth of floats that begins at `base[offset]`."""
    align = LANES * FLOAT_BYTES if aligned else FLOAT_BYTES
    return load(builder, register_pointer(builder, base, offset, LANES), LANES, align)


def store_register(
    builder: ir.IRBuilder,
    value: ir.Value,
    base: ir.Value,
    offset: ir.Value,
    *,
    aligned: bool = True,
) -> None:
    """Store a register at `base[offset]` and the floats behind it."""
    align = LANES * FLOAT_BYTES if aligned else FLOAT_BYTES
    store(builder, value, register_pointer(builder, base, offset, LANES), align)


def load_splat(builder: ir.IRBuilder, base: ir.Value, offset: ir.Value) -> ir.Value:
    """Copy the float ``base[offset]`` to all lanes of a register."""
    return splat(builder, builder.load(builder.gep(base, [offset])), LANES)


def sums_of_tile(builder: ir.IRBuilder, rows: int, columns: int) -> list[list[ir.Value]]:
    """Variables for a tile of sums, all zero: LLVM keeps them in registers."""
    zero = constant_register(0.0, LANES)
    return [[cgutils.alloca_once_value(builder, zero) for _ in range(columns)] for _ in range(rows)]


def add_product(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, total: ir.Value) -> None:
    """Add a * b to a variable."""
    builder.store(fused(builder, a, b, builder.load(total)), total)


def stretches(registers: int, most: int) -> list[list[int]]:
    """Cut the columns of a row into stretches of at most `most` registers."""
    parts = -(-registers // most)
    bounds = [registers * part // parts for part in range(parts + 1)]
    return [[c * LANES for c in range(first, last)] for first, last in pairwise(bounds)]


# --- functions, lane by lane ----------------------------------------------------------------------

# exp(a) = 2^n exp(r), n = round(a / log 2): (exp(r) - 1 - r) / r^2 on |r| <= log(2) / 2, by the
# polynomial with the smallest relative error of exp(r), 1.1e-7.
_EXP_COEFFICIENTS = (0.0083125, 0.04189033, 0.16667115, 0.4999923)
# 2^23 * 1.5 + 127: adding it leaves n + 127, the exponent's bits of 2^n, in the lowest bits.
_ROUNDING = 12582912.0 + 127.0


def emit_exp(builder: ir.IRBuilder, a: ir.Value, *, to_zero: bool = True) -> ir.Value:
    """exp(a) for a <= 0, lane by lane, within 6e-7 relatively; NaN stays NaN.

    Below `SMALLEST_EXPONENT` it is 0, or where that does not matter (`to_zero`), exp of it.
    """
    lanes = a.type.count

    def constant(value: float) -> ir.Constant:
        return constant_register(value, lanes)

    smallest = constant(SMALLEST_EXPONENT)
    too_small = builder.fcmp_ordered(">", smallest, a)
    a = builder.select(too_small, smallest, a)
    shifted = fused(builder, a, constant(1.0 / math.log(2.0)), constant(_ROUNDING))
    n = builder.fsub(shifted, constant(_ROUNDING))
    r = fused(builder, n, constant(-math.log(2.0)), a)
    polynomial: ir.Value = constant(_EXP_COEFFICIENTS[0])
    for coefficient in _EXP_COEFFICIENTS[1:]:
        polynomial = fused(builder, polynomial, r, constant(coefficient))
    value = fused(builder, polynomial, builder.fmul(r, r), builder.fadd(r, constant(1.0)))
    integers = ir.VectorType(INT, lanes)
    power = builder.shl(builder.bitcast(shifted, integers), ir.Constant(integers, [23] * lanes))
    value = builder.fmul(value, builder.bitcast(power, vector(lanes)))
    return builder.select(too_small, constant(0.0), value) if to_zero else value


def emit_log1p(builder: ir.IRBuilder, z: ir.Value) -> ir.Value:
    """log(1 + e) = 2 artanh(z) for 0 <= e <= 1, given z = e / (2 + e) <= 1/3.

    The series 2 (z + z^3/3 + z^5/5 + ...) cut after z^13 errs by less than 1e-8.
    """
    lanes = z.type.count
    square = builder.fmul(z, z)
    series: ir.Value = constant_register(2.0 / 13.0, lanes)
    for odd in (11, 9, 7, 5, 3, 1):
        series = fused(builder, series, square, constant_register(2.0 / odd, lanes))
    return builder.fmul(series, z)


# log(m) = m - 1 - (m - 1)^2 / 2 + ... for sqrt(1/2) <= m <= sqrt(2) (Moshier, Cephes, logf).
_LOG_COEFFICIENTS = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_BITS_OF_SQRT_HALF = 0x3F3504F3
_MANTISSA_BITS = 23


def emit_log(builder: ir.IRBuilder, a: ir.Value) -> ir.Value:
    """log(a), lane by lane, for normal numbers a > 0."""
    lanes = a.type.count
    integers = ir.VectorType(INT, lanes)

    def whole(number: int) -> ir.Constant:
        return ir.Constant(integers, [number] * lanes)

    # a = 2^n m
    bits = builder.bitcast(a, integers)
    n = builder.ashr(builder.sub(bits, whole(_BITS_OF_SQRT_HALF)), whole(_MANTISSA_BITS))
    m = builder.bitcast(builder.sub(bits, builder.shl(n, whole(_MANTISSA_BITS))), vector(lanes))
    x = builder.fsub(m, constant_register(1.0, lanes))
    n = builder.sitofp(n, vector(lanes))
    square = builder.fmul(x, x)
    series: ir.Value = constant_register(_LOG_COEFFICIENTS[0], lanes)
    for coefficient in _LOG_COEFFICIENTS[1:]:
        series = fused(builder, series, x, constant_register(coefficient, lanes))
    value = builder.fmul(builder.fmul(series, x), square)
    value = fused(builder, n, constant_register(-2.12194440e-4, lanes), value)
    value = fused(builder, square, constant_register(-0.5, lanes), value)
    return fused(builder, n, constant_register(0.693359375, lanes), builder.fadd(x, value))


def emit_reciprocal(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """1 / value for normal numbers, within 1e-6 relatively.

    The CPU's estimate and one step of Newton's method, where it has an estimate: a division would
    keep the multipliers waiting.
    """
    lanes = value.type.count
    estimate = _estimated_reciprocal(builder, value)
    if estimate is None:
        return builder.fdiv(constant_register(1.0, lanes), value)
    error = fused(builder, builder.fneg(value), estimate, constant_register(1.0, lanes))
    return fused(builder, estimate, error, estimate)


def _estimated_reciprocal(builder: ir.IRBuilder, value: ir.Value) -> ir.Value | None:
    """1 / value within 4e-4 relatively by an instruction of the CPU; None where it has none."""
    width = TARGET_LANES
    register = vector(width)
    if width == 16:
        mask = ir.IntType(16)
        name, kinds = "llvm.x86.avx512.rcp14.ps.512", [register, register, mask]
        others = [constant_register(0.0, width), ir.Constant(mask, 0xFFFF)]
    elif width == 8:
        name, kinds, others = "llvm.x86.avx.rcp.ps.256", [register], []
    else:
        return None
    kind = ir.FunctionType(register, kinds)
    function = cgutils.get_or_insert_function(builder.module, kind, name)

    def places(first: int, last: int) -> ir.Constant:
        return ir.Constant(ir.VectorType(INT, last - first), list(range(first, last)))

    lanes = value.type.count
    parts = [
        builder.shuffle_vector(value, value, places(first, first + width))
        for first in range(0, lanes, width)
    ]
    parts = [builder.call(function, [part, *others]) for part in parts]
    while len(parts) > 1:
        both = places(0, 2 * parts[0].type.count)
        parts = [
            builder.shuffle_vector(low, high, both)
            for low, high in zip(parts[::2], parts[1::2], strict=True)
        ]
    return parts[0]


# --- both together --------------------------------------------------------------------------------


def also_in_registers(
    plain: Callable[..., Any],
    emit: Callable[[ir.IRBuilder, int, list[ir.Value]], ir.Value | None],
    kinds: str,
    result: Any = types.void,
) -> None:
    """Let kernels that call a plain function run what `emit` writes, where rows are registers.

    Parameters
    ----------
    plain : callable
        Takes `lanes` first.
    emit : callable
        Writes LLVM code: given the builder, the registers of a row and the arguments.
    kinds : str
        How each argument after `lanes` reaches `emit`: see `nw2v.jit.intrinsics.also_emitted`.
    result : numba type
        What `emit` returns.
    """

    def emit_of_row(builder: ir.IRBuilder, given: list[Any]) -> ir.Value | None:
        registers, *arguments = given
        return emit(builder, registers, arguments)

    also_emitted(plain, emit_of_row, f"t{kinds}", result, unless_empty=True)
