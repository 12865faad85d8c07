"""The primitives of negative sampling: a batch of center vectors against rows of U.

A batch is up to `BATCH` center vectors, the rows `centers` of V, which share their negative
samples, the rows `negatives` of U. The scores of one negative stand beside each other, one for each
center; `negative_terms` replaces each by its coefficient: what one vector is multiplied by before
it is added to the other. What centers and negatives have to do with each other is then three small
matrix products:

    `batch_scores`       scores = U[negatives] V[centers]^T
    `sum_for_centers`    updates = coefficients^T U[negatives]
    `add_from_batch`     U[negatives] += coefficients V[centers]

and with each sum goes a multiple of one more row (`nw2v.kernels.control_variate` tells which). Each
number that is loaded serves several sums, which stay in registers: they run at the speed of the
multipliers rather than of the memory. The pairs of center and outside words are scattered, with a
row of U for each: `pair_scores`, `pair_terms`, and `add_pairs` for both directions of their
gradient.

Each primitive is a plain function beside LLVM code; the type of `lanes` decides which one runs (see
`nw2v.jit.registers`).
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from nw2v.jit.intrinsics import emit_prefetch
from nw2v.jit.registers import (
    FLOAT_BYTES,
    INT,
    LANES,
    MOST_SUMS,
    SMALLEST_EXPONENT,
    absolute,
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
    store_register,
    stretches,
    sum_lanes,
    sum_lanes_of_four,
    sums_of_tile,
)

BATCH = 32
"""Centers of a batch: as many on every CPU, so that all do the same."""
ROWS_AT_ONCE = 4
"""Negatives that are worked on at once; a batch has a multiple of so many."""
CENTERS_AT_ONCE = 4
"""Centers that are worked on at once: as many as `sum_lanes_of_four` adds up."""
COPIED = 8
"""Words that are copied at once: lists of words need room for as many beyond their end."""

MOST_NEGATIVES = 96
"""Negatives of a batch, at the most: so many factors from 1 to 2 have a product that is finite."""


# --- the plain twins ------------------------------------------------------------------------------


def copy_words(lanes, words, first, count, target, place):
    """Copy ``words[first : first + count]`` to ``target[place:]``, and up to `COPIED` - 1 more."""
    for k in range(count):
        target[place + k] = words[first + k]


def batch_scores(lanes, U, negatives, pool, V, centers, count, scores):
    """Compute ``scores[k, b] = U[negatives[k]] . V[centers[b]]`` for k < pool and b < count.

    `pool` must be a multiple of `ROWS_AT_ONCE`. `centers` needs valid entries up to a multiple of
    `CENTERS_AT_ONCE`: their scores may be set.
    """
    for k in range(pool):
        row = negatives[k]
        for b in range(count):
            total = np.float32(0)
            for i in range(U.shape[1]):
                total += U[row, i] * V[centers[b], i]
            scores[k, b] = total


def negative_terms(lanes, scores, pool, weights, rate, expected, observed):
    """Replace the scores x of negatives by coefficients that lower their loss; return the loss.

    For k < pool, at most `MOST_NEGATIVES`, and all `BATCH` centers, those that are missing with
    weight 0: ``scores[k, b]`` becomes ``-rate * weights[b] * (sigma(x) - expected[k])``, sigma
    within 1e-6, and ``observed[k]`` the sum of ``weights[b] * sigma(x)`` over b. The loss is the
    sum of ``weights[b] * -log sigma(-x)``.
    """
    loss = np.float32(0)
    one = np.float32(1)
    for k in range(pool):
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


def sum_for_centers(lanes, U, negatives, pool, coefficients, first, weights, shift, updates):
    """Set ``updates[b]`` to the sum of ``coefficients[k, b] * U[negatives[k]]``, k < pool.

    And of ``weights[b] * shift``. For b = first ... first + `CENTERS_AT_ONCE` - 1; `pool` must be a
    multiple of `ROWS_AT_ONCE`.
    """
    for b in range(first, first + CENTERS_AT_ONCE):
        for i in range(U.shape[1]):
            updates[b, i] = weights[b] * shift[i]
    for k in range(pool):
        row = negatives[k]
        for b in range(first, first + CENTERS_AT_ONCE):
            coefficient = coefficients[k, b]
            for i in range(U.shape[1]):
                updates[b, i] += coefficient * U[row, i]


def add_from_batch(
    lanes, U, negatives, first, last, coefficients, V, centers, count, expected, shift
):
    """Add to ``U[negatives[k]]`` the sum of ``coefficients[k, b] * V[centers[b]]``, b < count.

    And of ``expected[k] * shift``. For k = first ... last - 1, one after another; `first` and
    `last` must be multiples of `ROWS_AT_ONCE`. Up to a multiple of `CENTERS_AT_ONCE`, `centers`
    needs valid entries, and coefficients that are 0.
    """
    for k in range(first, last):
        row = negatives[k]
        for b in range(count):
            coefficient = coefficients[k, b]
            for i in range(U.shape[1]):
                U[row, i] += coefficient * V[centers[b], i]
        for i in range(U.shape[1]):
            U[row, i] += expected[k] * shift[i]


def pair_scores(lanes, U, outsides, first, last, V, center, scores):
    """Compute ``scores[p] = U[outsides[p]] . V[center]`` for p = first ... last - 1.

    And perhaps for up to 3 more, for which `outsides` needs valid entries and `scores` room.
    """
    for p in range(first, last):
        total = np.float32(0)
        for i in range(U.shape[1]):
            total += U[outsides[p], i] * V[center, i]
        scores[p] = total


def pair_terms(lanes, scores, count, rate):
    """Replace the scores x of pairs by coefficients that lower their loss; return the loss.

    ``scores[p]`` becomes ``rate * sigma(-x)``, sigma within 1e-6; the loss is the sum of
    ``-log sigma(x)``, p < count. `scores` needs room up to `count` rounded up to a multiple of
    `LANES`.
    """
    loss = np.float32(0)
    one = np.float32(1)
    for p in range(count):
        x = scores[p]
        e = np.float32(0) if abs(x) > -SMALLEST_EXPONENT else np.float32(math.exp(-abs(x)))
        upper = one / (one + e)
        scores[p] = rate * (e * upper if x >= 0 else upper)
        loss += max(-x, np.float32(0)) + np.float32(math.log1p(e))
    return loss


def add_pairs(lanes, U, outsides, coefficients, first, last, V, center, updates, b):
    """Change the vectors of a center's pairs, and then its own, by multiples of each other.

    For p = first ... last - 1, one after another: ``coefficients[p] * U[outsides[p]]`` is added to
    ``updates[b]``, and ``coefficients[p] * V[center]`` to ``U[outsides[p]]``. In the end
    ``updates[b]`` is added to ``V[center]``; what it is then itself is not defined. That row is
    read in the beginning and written in the end: what others write to it meanwhile is lost.
    """
    for p in range(first, last):
        row, coefficient = outsides[p], coefficients[p]
        for i in range(U.shape[1]):
            u = U[row, i]
            updates[b, i] += coefficient * u
            U[row, i] = u + coefficient * V[center, i]
    for i in range(U.shape[1]):
        V[center, i] += updates[b, i]


def add_rows(lanes, matrix, rows, factors, count, sums, s):
    """Add ``factors[r] * matrix[rows[r]]``, r < count, to ``sums[s]``."""
    for r in range(count):
        row, factor = rows[r], factors[r]
        for i in range(matrix.shape[1]):
            sums[s, i] += factor * matrix[row, i]


def scale_row(lanes, source, factor, target):
    """Set ``target`` to ``factor * source``: rows, which may be the same one."""
    for i in range(len(source)):
        target[i] = np.float32(factor) * source[i]


def prefetch_row(lanes, matrix, rows, r):
    """Let the CPU fetch ``matrix[rows[r]]``, soon to be read and written."""


# --- LLVM code ------------------------------------------------------------------------------------


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


def _emit_batch_scores(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    U, negatives, pool, V, centers, count, scores = arguments
    length, tile_centers = registers * LANES, CENTERS_AT_ONCE
    tile_rows = ROWS_AT_ONCE if tile_centers * ROWS_AT_ONCE <= MOST_SUMS else 2
    with cgutils.for_range_slice(builder, number(0), pool, number(tile_rows)) as (k, _):
        us = [row_start(builder, negatives, plus(builder, k, t), length) for t in range(tile_rows)]
        with cgutils.for_range_slice(builder, number(0), count, number(tile_centers)) as (b, _):
            bs = [plus(builder, b, t) for t in range(tile_centers)]
            vs = [row_start(builder, centers, one, length) for one in bs]
            sums = sums_of_tile(builder, tile_rows, tile_centers)
            for column in range(0, length, LANES):
                of_centers = [load_register(builder, V, plus(builder, v, column)) for v in vs]
                for u, totals in zip(us, sums, strict=True):
                    of_row = load_register(builder, U, plus(builder, u, column))
                    for of_center, total in zip(of_centers, totals, strict=True):
                        add_product(builder, of_row, of_center, total)
            for t, totals in enumerate(sums):
                place = builder.add(builder.mul(plus(builder, k, t), number(BATCH)), b)
                four = sum_lanes_of_four(builder, [builder.load(total) for total in totals])
                pointer = register_pointer(builder, scores, place, tile_centers)
                store(builder, four, pointer, FLOAT_BYTES * tile_centers)


def _emit_negative_terms(
    builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]
) -> ir.Value:
    scores, pool, weights, rate, expected, observed = arguments
    # All centers in lockstep: as many registers as keep the CPU busy.
    lanes = BATCH
    zero, one = (constant_register(x, lanes) for x in (0.0, 1.0))
    # -log sigma(-x) = max(x, 0) + log(1 + exp(-|x|)): one logarithm of the product of the latter.
    linear = cgutils.alloca_once_value(builder, zero)
    product = cgutils.alloca_once_value(builder, one)
    weight = load(builder, register_pointer(builder, weights, number(0), lanes), lanes, FLOAT_BYTES)
    minus_rate = splat(builder, builder.fneg(rate), lanes)
    with cgutils.for_range(builder, pool) as loop:
        k = loop.index
        pointer = register_pointer(builder, scores, builder.mul(k, number(BATCH)), lanes)
        x = load(builder, pointer, lanes, FLOAT_BYTES * LANES)
        e = emit_exp(builder, builder.fneg(absolute(builder, x)), to_zero=False)
        e_1 = builder.fadd(e, one)
        upper = emit_reciprocal(builder, e_1)
        positive = builder.fcmp_unordered(">", x, zero)  # or NaN, which the loss then shows
        sigma = builder.select(positive, upper, builder.fmul(e, upper))
        weighted = builder.fmul(weight, sigma)
        sigma_expected = splat(builder, builder.load(builder.gep(expected, [k])), lanes)
        more = builder.fsub(weighted, builder.fmul(weight, sigma_expected))
        store(builder, builder.fmul(minus_rate, more), pointer, FLOAT_BYTES * LANES)
        builder.store(sum_lanes(builder, weighted), builder.gep(observed, [k]))
        over = builder.select(positive, x, zero)
        builder.store(builder.fadd(builder.load(linear), over), linear)
        builder.store(builder.fmul(builder.load(product), e_1), product)
    log = emit_log(builder, builder.load(product))
    return sum_lanes(builder, builder.fmul(weight, builder.fadd(builder.load(linear), log)))


def _emit_sum_for_centers(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    U, negatives, pool, coefficients, first, weights, shift, updates = arguments
    length, tile = registers * LANES, CENTERS_AT_ONCE
    bs = [plus(builder, first, t) for t in range(tile)]
    for columns in stretches(registers, MOST_SUMS // tile):
        shifts = [load_register(builder, shift, number(column)) for column in columns]
        factors = [load_splat(builder, weights, b) for b in bs]
        sums = [
            [
                cgutils.alloca_once_value(builder, builder.fmul(factor, of_column))
                for of_column in shifts
            ]
            for factor in factors
        ]
        with cgutils.for_range_slice(builder, number(0), pool, number(ROWS_AT_ONCE)) as (k, _):
            for one in (plus(builder, k, t) for t in range(ROWS_AT_ONCE)):
                row = row_start(builder, negatives, one, length)
                us = [load_register(builder, U, plus(builder, row, c)) for c in columns]
                of_row = builder.mul(one, number(BATCH))
                for b, totals in zip(bs, sums, strict=True):
                    coefficient = load_splat(builder, coefficients, builder.add(of_row, b))
                    for u, total in zip(us, totals, strict=True):
                        add_product(builder, coefficient, u, total)
        for target, totals in zip(row_starts(builder, bs, length), sums, strict=True):
            for column, total in zip(columns, totals, strict=True):
                place = plus(builder, target, column)
                store_register(builder, builder.load(total), updates, place)


def _emit_add_from_batch(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    U, negatives, first, last, coefficients, V, centers, count, expected, shift = arguments
    length, tile = registers * LANES, ROWS_AT_ONCE
    for columns in stretches(registers, MOST_SUMS // tile):
        with cgutils.for_range_slice(builder, first, last, number(tile)) as (k, _):
            ks = [plus(builder, k, t) for t in range(tile)]
            of_rows = [builder.mul(one, number(BATCH)) for one in ks]
            sums = sums_of_tile(builder, tile, len(columns))
            step = number(CENTERS_AT_ONCE)
            with cgutils.for_range_slice(builder, number(0), count, step) as (begin, _):
                for b in (plus(builder, begin, t) for t in range(CENTERS_AT_ONCE)):
                    row = row_start(builder, centers, b, length)
                    vs = [load_register(builder, V, plus(builder, row, c)) for c in columns]
                    for of_row, totals in zip(of_rows, sums, strict=True):
                        coefficient = load_splat(builder, coefficients, builder.add(of_row, b))
                        for v, total in zip(vs, totals, strict=True):
                            add_product(builder, coefficient, v, total)
            # Row by row, since one may be named twice.
            for one, totals in zip(ks, sums, strict=True):
                row = row_start(builder, negatives, one, length)
                factor = load_splat(builder, expected, one)
                for column, total in zip(columns, totals, strict=True):
                    of_shift = load_register(builder, shift, number(column))
                    add_product(builder, factor, of_shift, total)
                    place = plus(builder, row, column)
                    u = load_register(builder, U, place)
                    store_register(builder, builder.fadd(u, builder.load(total)), U, place)


def _emit_pair_scores(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    U, outsides, first, last, V, center, scores = arguments
    length, tile = registers * LANES, 4
    (of_center,) = row_starts(builder, [center], length)
    with cgutils.for_range_slice(builder, first, last, number(tile)) as (p, _):
        us = [row_start(builder, outsides, plus(builder, p, t), length) for t in range(tile)]
        sums = [constant_register(0.0, LANES)] * tile
        for column in range(0, length, LANES):
            v = load_register(builder, V, plus(builder, of_center, column))
            for t in range(tile):
                u = load_register(builder, U, plus(builder, us[t], column))
                sums[t] = fused(builder, u, v, sums[t])
        pointer = register_pointer(builder, scores, p, tile)
        store(builder, sum_lanes_of_four(builder, sums), pointer, FLOAT_BYTES)


def _emit_add_pairs(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    U, outsides, coefficients, first, last, V, center, updates, b = arguments
    length = registers * LANES
    of_center, of_update = row_starts(builder, [center, b], length)
    # A sum and a part of the center vector for each column, one coefficient, one part of U.
    for columns in stretches(registers, MOST_SUMS // 2 + 1):
        vs = [load_register(builder, V, plus(builder, of_center, column)) for column in columns]
        sums = [
            cgutils.alloca_once_value(
                builder, load_register(builder, updates, plus(builder, of_update, column))
            )
            for column in columns
        ]
        with cgutils.for_range_slice(builder, first, last, number(1)) as (p, _):
            row = row_start(builder, outsides, p, length)
            coefficient = load_splat(builder, coefficients, p)
            for column, v, total in zip(columns, vs, sums, strict=True):
                place = plus(builder, row, column)
                u = load_register(builder, U, place)
                add_product(builder, coefficient, u, total)
                store_register(builder, fused(builder, coefficient, v, u), U, place)
        for column, v, total in zip(columns, vs, sums, strict=True):
            value = builder.fadd(v, builder.load(total))
            store_register(builder, value, V, plus(builder, of_center, column))


def _emit_add_rows(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, rows, factors, count, sums, s = arguments
    length = registers * LANES
    (target,) = row_starts(builder, [s], length)
    # No tile: beside the sums, registers hold one factor and one part of a row.
    for columns in stretches(registers, MOST_SUMS + 2):
        places = [plus(builder, target, column) for column in columns]
        totals = [
            cgutils.alloca_once_value(builder, load_register(builder, sums, place))
            for place in places
        ]
        with cgutils.for_range(builder, count) as loop:
            start = row_start(builder, rows, loop.index, length)
            factor = load_splat(builder, factors, loop.index)
            for column, total in zip(columns, totals, strict=True):
                value = load_register(builder, matrix, plus(builder, start, column))
                add_product(builder, factor, value, total)
        for place, total in zip(places, totals, strict=True):
            store_register(builder, builder.load(total), sums, place)


def _emit_pair_terms(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> ir.Value:
    scores, count, rate = arguments
    zero, one, two = (constant_register(x, LANES) for x in (0.0, 1.0, 2.0))
    rates = splat(builder, rate, LANES)
    loss = cgutils.alloca_once_value(builder, zero)
    with cgutils.for_range_slice(builder, number(0), count, number(LANES)) as (p, _):
        inside = lanes_below(builder, builder.sub(count, p))
        pointer = register_pointer(builder, scores, p, LANES)
        x = builder.select(inside, load(builder, pointer, LANES, FLOAT_BYTES), zero)
        e = emit_exp(builder, builder.fneg(absolute(builder, x)))
        # One division for both 1 / (1 + e) and e / (2 + e).
        e_1, e_2 = builder.fadd(e, one), builder.fadd(e, two)
        inverse = builder.fdiv(one, builder.fmul(e_1, e_2))
        upper = builder.fmul(e_2, inverse)
        positive = builder.fcmp_ordered(">=", x, zero)
        sigma = builder.select(positive, builder.fmul(e, upper), upper)
        store(builder, builder.fmul(rates, sigma), pointer, FLOAT_BYTES)
        linear = builder.select(positive, zero, builder.fneg(x))
        z = builder.fmul(builder.fmul(e, e_1), inverse)
        terms = builder.fadd(linear, emit_log1p(builder, z))
        terms = builder.select(inside, terms, zero)
        builder.store(builder.fadd(builder.load(loss), terms), loss)
    return sum_lanes(builder, builder.load(loss))


def _emit_scale_row(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    source, factor, target = arguments
    factors = splat(builder, factor, LANES)
    for column in range(0, registers * LANES, LANES):
        value = builder.fmul(factors, load_register(builder, source, number(column)))
        store_register(builder, value, target, number(column))


def _emit_prefetch_row(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, rows, r = arguments
    length, line = registers * LANES, 64 // FLOAT_BYTES
    start = row_start(builder, rows, r, length)
    # Where rows are no whole lines and need not begin with one, the last floats may be in one more.
    may_cross = length % line > math.gcd(length, line)
    for offset in [*range(0, length, line)] + ([length - 1] if may_cross else []):
        emit_prefetch(builder, matrix, plus(builder, start, offset), for_writing=True)


# --- both together -------------------------------------------------------------------------------

also_in_registers(copy_words, _emit_copy_words, "niini")
also_in_registers(batch_scores, _emit_batch_scores, "fnifnif")
also_in_registers(negative_terms, _emit_negative_terms, "fifrff", types.float32)
also_in_registers(sum_for_centers, _emit_sum_for_centers, "fnififff")
also_in_registers(add_from_batch, _emit_add_from_batch, "fniiffniff")
also_in_registers(pair_scores, _emit_pair_scores, "fniifif")
also_in_registers(pair_terms, _emit_pair_terms, "fir", types.float32)
also_in_registers(add_pairs, _emit_add_pairs, "fnfiififi")
also_in_registers(add_rows, _emit_add_rows, "fnfifi")
also_in_registers(scale_row, _emit_scale_row, "frf")
also_in_registers(prefetch_row, _emit_prefetch_row, "fni")
