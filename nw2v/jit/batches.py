"""The primitives of negative sampling: a batch of center vectors against rows of U.

A batch is up to `BATCH` center vectors, the rows `members` of V, which share their negative
samples, the rows `rows` of U. With the scores, and later the steps, of one negative beside each
other, one for each center, what centers and negatives have to do with each other is three small
matrix products:

    `batch_scores`       scores = U[rows] V[members]^T
    `sum_for_centers`    gradients = steps^T U[rows]
    `add_from_batch`     U[rows] += steps V[members]

with the logistic terms (`noise_terms`) between, and with each sum goes a multiple of one more row
(`nw2v.kernels.negative_sampling` tells which). Each number that is loaded serves several sums,
which stay in registers: they run at the speed of the multipliers rather than of the memory. The
pairs of center and outside words are few and scattered: `pair_scores`, `logistic_terms`, and
`add_pair_rows` and `add_to_rows` for the two directions of their gradient.

Each primitive is a plain function beside LLVM code; the type of `lanes` decides which one runs (see
`nw2v.jit.registers`).
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from nw2v.jit.registers import (
    FLOAT_BYTES,
    INT,
    LANES,
    MOST_SUMS,
    SMALLEST_EXPONENT,
    WORD,
    add_product,
    also_in_registers,
    constant_register,
    emit_exp,
    emit_log,
    emit_log1p,
    emit_reciprocal,
    fused,
    lanes_below,
    load,
    load_register,
    load_splat,
    number,
    plus,
    register_pointer,
    row_start,
    row_starts,
    splat,
    store,
    stretches,
    sum_lanes,
    sum_lanes_of_four,
    sums_of_tile,
    vector,
)

BATCH = 32
"""Centers of a batch: as many on every CPU, so that all do the same."""
ROWS_AT_ONCE = 4
"""Negatives that are worked on at once; a batch has a multiple of so many."""
CENTERS_AT_ONCE = 4
"""Centers that are worked on at once: as many as `sum_lanes_of_four` adds up."""
COPIED = 8
"""Words that are copied at once: lists of words need room for as many beyond their end."""

# Factors 1 + exp(-|x|), each from 1 to 2, whose product stands for a sum of logarithms.
_PRODUCTS = 96
# Floats that functions are computed of at once.
_IN_LOCKSTEP = 32


# --- the plain twins ------------------------------------------------------------------------------


def scatter_rows(lanes, matrix, rows, count, updates):  # type: ignore[no-untyped-def]
    """Add ``updates[b]`` to ``matrix[rows[b]]``, for b < count: one after another."""
    for b in range(count):
        row = rows[b]
        for i in range(matrix.shape[1]):
            matrix[row, i] += updates[b, i]


def copy_words(lanes, words, first, count, target, place):  # type: ignore[no-untyped-def]
    """Copy ``words[first : first + count]`` to ``target[place:]``, and up to `COPIED` - 1 more."""
    for k in range(count):
        target[place + k] = words[first + k]


def fill_words(lanes, target, place, count, word):  # type: ignore[no-untyped-def]
    """Set ``target[place : place + count]`` to a number, and up to `COPIED` - 1 more."""
    for k in range(count):
        target[place + k] = word


def batch_scores(lanes, matrix, rows, pool, centers, members, count, scores):  # type: ignore[no-untyped-def]
    """Compute ``scores[k, b] = matrix[rows[k]] . centers[members[b]]`` for b < count.

    For k < pool, which must be a multiple of `ROWS_AT_ONCE`. `members` needs valid entries up to a
    multiple of `CENTERS_AT_ONCE`: their scores may be set.
    """
    for k in range(pool):
        row = rows[k]
        for b in range(count):
            total = np.float32(0)
            for i in range(matrix.shape[1]):
                total += matrix[row, i] * centers[members[b], i]
            scores[k, b] = total


def noise_terms(lanes, scores, count, weights, rate, expected, observed):  # type: ignore[no-untyped-def]
    """Turn the scores x of negatives into the steps that lower their loss, less those expected.

    ``scores[k, b]`` becomes ``-rate * weights[b] * (sigma(x) - expected[k])``, sigma within 1e-6,
    and ``observed[k]`` the sum of ``weights[b] * sigma(x)`` over b; returns the sum of
    ``weights[b] * -log sigma(-x)``, for k < count.
    """
    loss = np.float32(0)
    one = np.float32(1)
    for k in range(count):
        observed[k] = np.float32(0)
        for b in range(BATCH):
            x = scores[k, b]
            e = np.float32(0) if abs(x) > -SMALLEST_EXPONENT else np.float32(math.exp(-abs(x)))
            upper = one / (one + e)
            sigma = upper if x >= 0 else e * upper
            scores[k, b] = -rate * weights[b] * (sigma - expected[k])
            observed[k] += weights[b] * sigma
            loss += weights[b] * (max(x, np.float32(0)) + np.float32(math.log1p(e)))
    return loss


def sum_for_centers(lanes, matrix, rows, count, steps, first, weights, start, gradients):  # type: ignore[no-untyped-def]
    """Compute ``gradients[b] = weights[b] * start`` + ``steps[k, b] * matrix[rows[k]]``, k < count.

    For b = first ... first + `CENTERS_AT_ONCE` - 1; `count` must be a multiple of `ROWS_AT_ONCE`.
    """
    for b in range(first, first + CENTERS_AT_ONCE):
        for i in range(matrix.shape[1]):
            gradients[b, i] = weights[b] * start[i]
    for k in range(count):
        row = rows[k]
        for b in range(first, first + CENTERS_AT_ONCE):
            step = steps[k, b]
            for i in range(matrix.shape[1]):
                gradients[b, i] += step * matrix[row, i]


def add_from_batch(  # type: ignore[no-untyped-def]
    lanes, matrix, rows, first, last, steps, centers, members, count, expected, shift
):
    """Add ``steps[k, b] * centers[members[b]]``, b < count, to ``matrix[rows[k]]``: one by one.

    And ``expected[k] * shift``. For k = first ... last - 1; both `first` and `last` must be
    multiples of `ROWS_AT_ONCE`. Up to a multiple of `CENTERS_AT_ONCE`, `members` needs valid
    entries, and steps that are 0.
    """
    for k in range(first, last):
        row = rows[k]
        for b in range(count):
            step = steps[k, b]
            for i in range(matrix.shape[1]):
                matrix[row, i] += step * centers[members[b], i]
        for i in range(matrix.shape[1]):
            matrix[row, i] += expected[k] * shift[i]


def pair_scores(lanes, matrix, rows, centers, members, count, scores):  # type: ignore[no-untyped-def]
    """Compute ``scores[p] = matrix[rows[p]] . centers[members[p]]`` for p < count.

    `rows` and `members` need valid entries, and `scores` room, up to a multiple of 4.
    """
    for p in range(count):
        total = np.float32(0)
        for i in range(matrix.shape[1]):
            total += matrix[rows[p], i] * centers[members[p], i]
        scores[p] = total


def add_pair_rows(lanes, gradients, member, matrix, rows, steps, first, last):  # type: ignore[no-untyped-def]
    """Add ``steps[p] * matrix[rows[p]]`` to ``gradients[member]``, for p = first ... last - 1."""
    for p in range(first, last):
        row, step = rows[p], steps[p]
        for i in range(matrix.shape[1]):
            gradients[member, i] += step * matrix[row, i]


def add_to_rows(lanes, matrix, rows, steps, count, centers, members):  # type: ignore[no-untyped-def]
    """Add ``steps[p] * centers[members[p]]`` to ``matrix[rows[p]]``, for p < count: one by one."""
    for p in range(count):
        row, member, step = rows[p], members[p], steps[p]
        for i in range(matrix.shape[1]):
            matrix[row, i] += step * centers[member, i]


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


def scale_row(lanes, source, factor, target):  # type: ignore[no-untyped-def]
    """Set ``target`` to ``factor * source``: rows, which may be the same one."""
    for i in range(len(source)):
        target[i] = np.float32(factor) * source[i]


def prefetch_rows(lanes, matrix, rows, first, last):  # type: ignore[no-untyped-def]
    """Ask the memory for ``matrix[rows[r]]``, r = first ... last - 1: to read and write soon."""


# --- LLVM code ------------------------------------------------------------------------------------


def _emit_scatter_rows(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, rows, count, updates = arguments
    length = registers * LANES
    with cgutils.for_range_slice(builder, number(0), count, number(1)) as (b, _):
        start = row_start(builder, rows, b, length)
        (source,) = row_starts(builder, [b], length)
        for column in range(0, length, LANES):
            more = load_register(builder, updates, plus(builder, source, column))
            place = plus(builder, start, column)
            value = builder.fadd(load_register(builder, matrix, place), more)
            pointer = register_pointer(builder, matrix, place, LANES)
            store(builder, value, pointer, FLOAT_BYTES * LANES)


def _words_pointer(builder: ir.IRBuilder, base: ir.Value, place: ir.Value) -> ir.Value:
    kind = ir.VectorType(INT, COPIED)
    return builder.bitcast(builder.gep(base, [place]), kind.as_pointer())


def _emit_copy_words(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    words, first, count, target, place = arguments
    with cgutils.for_range_slice(builder, number(0), count, number(COPIED)) as (k, _):
        value = builder.load(_words_pointer(builder, words, builder.add(first, k)))
        value.align = FLOAT_BYTES
        pointer = _words_pointer(builder, target, builder.add(place, k))
        builder.store(value, pointer).align = FLOAT_BYTES


def _emit_fill_words(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    target, place, count, word = arguments
    undefined = ir.Constant(ir.VectorType(INT, COPIED), ir.Undefined)
    first = builder.insert_element(undefined, builder.trunc(word, INT), ir.Constant(INT, 0))
    mask = ir.Constant(ir.VectorType(INT, COPIED), [0] * COPIED)
    value = builder.shuffle_vector(first, undefined, mask)
    with cgutils.for_range_slice(builder, number(0), count, number(COPIED)) as (k, _):
        pointer = _words_pointer(builder, target, builder.add(place, k))
        builder.store(value, pointer).align = FLOAT_BYTES


def _emit_batch_scores(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, rows, pool, centers, members, count, scores = arguments
    length, many = registers * LANES, CENTERS_AT_ONCE
    few = ROWS_AT_ONCE if many * ROWS_AT_ONCE <= MOST_SUMS else 2
    with cgutils.for_range_slice(builder, number(0), pool, number(few)) as (k, _):
        us = [row_start(builder, rows, plus(builder, k, t), length) for t in range(few)]
        with cgutils.for_range_slice(builder, number(0), count, number(many)) as (b, _):
            vs = [row_start(builder, members, plus(builder, b, t), length) for t in range(many)]
            sums = sums_of_tile(builder, few, many)
            for column in range(0, length, LANES):
                values = [load_register(builder, centers, plus(builder, v, column)) for v in vs]
                for u, totals in zip(us, sums, strict=True):
                    factor = load_register(builder, matrix, plus(builder, u, column))
                    for value, total in zip(values, totals, strict=True):
                        add_product(builder, factor, value, total)
            for t, totals in enumerate(sums):
                place = builder.add(builder.mul(plus(builder, k, t), number(BATCH)), b)
                pointer = register_pointer(builder, scores, place, many)
                total = sum_lanes_of_four(builder, [builder.load(total) for total in totals])
                store(builder, total, pointer, FLOAT_BYTES * many)


def _emit_noise_terms(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> ir.Value:
    scores, count, weights, rate, expected, observed = arguments
    # As many registers in lockstep as keep the CPU busy.
    lanes = _IN_LOCKSTEP
    zero, one = (constant_register(x, lanes) for x in (0.0, 1.0))
    absolute = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(vector(lanes), [vector(lanes)]),
        f"llvm.fabs.v{lanes}f32",
    )
    loss = cgutils.alloca_once_value(builder, zero)
    linear = cgutils.alloca_once(builder, vector(lanes))
    product = cgutils.alloca_once(builder, vector(lanes))
    for b in range(0, BATCH, lanes):
        pointer = register_pointer(builder, weights, number(b), lanes)
        weight = load(builder, pointer, lanes, FLOAT_BYTES)
        minus_rate = splat(builder, builder.fneg(rate), lanes)
        builder.store(zero, linear)
        with cgutils.for_range_slice(builder, number(0), count, number(_PRODUCTS)) as (begin, _):
            end = plus(builder, begin, _PRODUCTS)
            end = builder.select(builder.icmp_signed("<", end, count), end, count)
            builder.store(one, product)
            with cgutils.for_range_slice(builder, begin, end, number(1)) as (k, _):
                place = plus(builder, builder.mul(k, number(BATCH)), b)
                pointer = register_pointer(builder, scores, place, lanes)
                x = load(builder, pointer, lanes, FLOAT_BYTES * LANES)
                e = emit_exp(builder, builder.fneg(builder.call(absolute, [x])), to_zero=False)
                e_1 = builder.fadd(e, one)
                upper = emit_reciprocal(builder, e_1)
                positive = builder.fcmp_unordered(">", x, zero)  # or NaN, which the loss then shows
                sigma = builder.select(positive, upper, builder.fmul(e, upper))
                weighted = builder.fmul(weight, sigma)
                sigma_expected = splat(builder, builder.load(builder.gep(expected, [k])), lanes)
                more = builder.fsub(weighted, builder.fmul(weight, sigma_expected))
                store(builder, builder.fmul(minus_rate, more), pointer, FLOAT_BYTES * LANES)
                total = sum_lanes(builder, weighted)
                builder.store(total, builder.gep(observed, [k]))
                over = builder.select(positive, x, zero)
                builder.store(builder.fadd(builder.load(linear), over), linear)
                builder.store(builder.fmul(builder.load(product), e_1), product)
            log = emit_log(builder, builder.load(product))
            builder.store(builder.fadd(builder.load(linear), log), linear)
        total = fused(builder, weight, builder.load(linear), builder.load(loss))
        builder.store(total, loss)
    return sum_lanes(builder, builder.load(loss))


def _emit_sum_for_centers(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, rows, count, steps, b, weights, start, gradients = arguments
    length, tile = registers * LANES, CENTERS_AT_ONCE
    for columns in stretches(registers, MOST_SUMS // tile):
        pointers = [
            register_pointer(builder, gradients, plus(builder, row, column), LANES)
            for row in row_starts(builder, [plus(builder, b, t) for t in range(tile)], length)
            for column in columns
        ]
        begins = [load_register(builder, start, number(column)) for column in columns]
        factors = [load_splat(builder, weights, plus(builder, b, t)) for t in range(tile)]
        sums = [cgutils.alloca_once(builder, vector(LANES)) for _ in pointers]
        products = [builder.fmul(factor, value) for factor in factors for value in begins]
        for product, total in zip(products, sums, strict=True):
            builder.store(product, total)
        with cgutils.for_range_slice(builder, number(0), count, number(ROWS_AT_ONCE)) as (
            first,
            _,
        ):
            for k in (plus(builder, first, step) for step in range(ROWS_AT_ONCE)):
                row = row_start(builder, rows, k, length)
                us = [load_register(builder, matrix, plus(builder, row, c)) for c in columns]
                place = builder.add(builder.mul(k, number(BATCH)), b)
                for t in range(tile):
                    step = load_splat(builder, steps, plus(builder, place, t))
                    for u, total in zip(us, sums[t * len(us) :], strict=False):
                        add_product(builder, step, u, total)
        for total, pointer in zip(sums, pointers, strict=True):
            store(builder, builder.load(total), pointer, FLOAT_BYTES * LANES)


def _emit_add_from_batch(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, rows, begin, end, steps, centers, members, count, expected, shift = arguments
    length, tile = registers * LANES, ROWS_AT_ONCE
    for columns in stretches(registers, MOST_SUMS // tile):
        with cgutils.for_range_slice(builder, begin, end, number(tile)) as (k, _):
            sums = sums_of_tile(builder, tile, len(columns))
            places = [builder.mul(plus(builder, k, t), number(BATCH)) for t in range(tile)]
            with cgutils.for_range_slice(builder, number(0), count, number(CENTERS_AT_ONCE)) as (
                first,
                _,
            ):
                for b in (plus(builder, first, step) for step in range(CENTERS_AT_ONCE)):
                    start = row_start(builder, members, b, length)
                    vs = [load_register(builder, centers, plus(builder, start, c)) for c in columns]
                    for t in range(tile):
                        step = load_splat(builder, steps, builder.add(places[t], b))
                        for v, total in zip(vs, sums[t], strict=True):
                            add_product(builder, step, v, total)
            # Row by row, since one may be named twice.
            for t in range(tile):
                start = row_start(builder, rows, plus(builder, k, t), length)
                factor = load_splat(builder, expected, plus(builder, k, t))
                for column, total in zip(columns, sums[t], strict=True):
                    add_product(
                        builder, factor, load_register(builder, shift, number(column)), total
                    )
                    place = plus(builder, start, column)
                    u = load_register(builder, matrix, place)
                    pointer = register_pointer(builder, matrix, place, LANES)
                    value = builder.fadd(u, builder.load(total))
                    store(builder, value, pointer, FLOAT_BYTES * LANES)


def _emit_pair_scores(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, rows, centers, members, count, scores = arguments
    length, tile = registers * LANES, 4
    with cgutils.for_range_slice(builder, number(0), count, number(tile)) as (p, _):
        pairs = [plus(builder, p, t) for t in range(tile)]
        us = [row_start(builder, rows, pair, length) for pair in pairs]
        vs = [row_start(builder, members, pair, length) for pair in pairs]
        sums = [constant_register(0.0, LANES)] * tile
        for column in range(0, length, LANES):
            for t in range(tile):
                u = load_register(builder, matrix, plus(builder, us[t], column))
                v = load_register(builder, centers, plus(builder, vs[t], column))
                sums[t] = fused(builder, u, v, sums[t])
        pointer = register_pointer(builder, scores, p, tile)
        store(builder, sum_lanes_of_four(builder, sums), pointer, FLOAT_BYTES)


def _emit_add_pair_rows(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    gradients, member, matrix, rows, steps, first, last = arguments
    length = registers * LANES
    (target,) = row_starts(builder, [member], length)
    for columns in stretches(registers, MOST_SUMS + 2):
        pointers = [
            register_pointer(builder, gradients, plus(builder, target, column), LANES)
            for column in columns
        ]
        sums = [cgutils.alloca_once(builder, vector(LANES)) for _ in columns]
        for pointer, total in zip(pointers, sums, strict=True):
            builder.store(load(builder, pointer, LANES, FLOAT_BYTES * LANES), total)
        with cgutils.for_range_slice(builder, first, last, number(1)) as (p, _):
            start = row_start(builder, rows, p, length)
            step = load_splat(builder, steps, p)
            for column, total in zip(columns, sums, strict=True):
                u = load_register(builder, matrix, plus(builder, start, column))
                add_product(builder, step, u, total)
        for pointer, total in zip(pointers, sums, strict=True):
            store(builder, builder.load(total), pointer, FLOAT_BYTES * LANES)


def _emit_add_to_rows(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, rows, steps, count, centers, members = arguments
    length = registers * LANES
    with cgutils.for_range(builder, count) as loop:
        step = load_splat(builder, steps, loop.index)
        row = row_start(builder, rows, loop.index, length)
        member = row_start(builder, members, loop.index, length)
        for column in range(0, length, LANES):
            v = load_register(builder, centers, plus(builder, member, column))
            place = plus(builder, row, column)
            u = load_register(builder, matrix, place)
            pointer = register_pointer(builder, matrix, place, LANES)
            store(builder, fused(builder, step, v, u), pointer, FLOAT_BYTES * LANES)


def _emit_logistic_terms(
    builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]
) -> ir.Value:
    scores, count, label, weight, rate, steps = arguments
    zero, one, two = (constant_register(x, LANES) for x in (0.0, 1.0, 2.0))
    labels = splat(builder, label, LANES)
    weights = splat(builder, weight, LANES)
    step = splat(builder, builder.fmul(builder.fmul(rate, weight), label), LANES)
    loss = cgutils.alloca_once_value(builder, zero)
    absolute = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(vector(LANES), [vector(LANES)]),
        f"llvm.fabs.v{LANES}f32",
    )
    with cgutils.for_range_slice(
        builder, ir.Constant(WORD, 0), count, ir.Constant(WORD, LANES)
    ) as (r, _):
        inside = lanes_below(builder, builder.sub(count, r))
        x = load(builder, register_pointer(builder, scores, r, LANES), LANES, FLOAT_BYTES)
        y = builder.select(inside, builder.fmul(labels, x), zero)
        e = emit_exp(builder, builder.fneg(builder.call(absolute, [y])))
        e_1, e_2 = builder.fadd(e, one), builder.fadd(e, two)
        inverse = builder.fdiv(one, builder.fmul(e_1, e_2))
        upper = builder.fmul(e_2, inverse)
        positive = builder.fcmp_ordered(">=", y, zero)
        sigma = builder.select(positive, builder.fmul(e, upper), upper)
        store(
            builder,
            builder.fmul(step, sigma),
            register_pointer(builder, steps, r, LANES),
            FLOAT_BYTES,
        )
        linear = builder.select(positive, zero, builder.fneg(y))
        z = builder.fmul(builder.fmul(e, e_1), inverse)
        terms = builder.fmul(weights, builder.fadd(linear, emit_log1p(builder, z)))
        terms = builder.select(inside, terms, zero)
        builder.store(builder.fadd(builder.load(loss), terms), loss)
    return sum_lanes(builder, builder.load(loss))


def _emit_scale_row(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    source, factor, target = arguments
    factors = splat(builder, factor, LANES)
    for column in range(0, registers * LANES, LANES):
        value = builder.fmul(factors, load_register(builder, source, number(column)))
        pointer = register_pointer(builder, target, number(column), LANES)
        store(builder, value, pointer, FLOAT_BYTES * LANES)


def _emit_prefetch_rows(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, rows, first, last = arguments
    length, line = registers * LANES, 64 // FLOAT_BYTES
    byte = ir.IntType(8).as_pointer()
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(ir.VoidType(), [byte, INT, INT, INT]),
        "llvm.prefetch.p0",
    )
    for_writing, into_all_caches, data = (ir.Constant(INT, x) for x in (1, 3, 1))
    with cgutils.for_range_slice(builder, first, last, ir.Constant(WORD, 1)) as (r, _):
        start = row_start(builder, rows, r, length)
        # Where a row need not begin with a line, its last numbers may be in one more.
        may_cross = length % line > math.gcd(length, line)
        for offset in [*range(0, length, line)] + ([length - 1] if may_cross else []):
            address = builder.bitcast(builder.gep(matrix, [plus(builder, start, offset)]), byte)
            builder.call(function, [address, for_writing, into_all_caches, data])


# --- both together -------------------------------------------------------------------------------

also_in_registers(scatter_rows, _emit_scatter_rows, "aaia")
also_in_registers(copy_words, _emit_copy_words, "aiiai")
also_in_registers(fill_words, _emit_fill_words, "aiii")
also_in_registers(batch_scores, _emit_batch_scores, "aaiaaia")
also_in_registers(noise_terms, _emit_noise_terms, "aiafaa", types.float32)
also_in_registers(sum_for_centers, _emit_sum_for_centers, "aaiaiaaa")
also_in_registers(add_from_batch, _emit_add_from_batch, "aaiiaaaiaa")
also_in_registers(pair_scores, _emit_pair_scores, "aaaaia")
also_in_registers(add_pair_rows, _emit_add_pair_rows, "aiaaaii")
also_in_registers(logistic_terms, _emit_logistic_terms, "aifffa", types.float32)
also_in_registers(scale_row, _emit_scale_row, "afa")
also_in_registers(prefetch_rows, _emit_prefetch_rows, "aaii")
also_in_registers(add_to_rows, _emit_add_to_rows, "aaaiaa")
