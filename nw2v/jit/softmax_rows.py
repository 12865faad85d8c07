"""The primitives of the naive softmax: many rows of U at once, against one or several windows.

`panel` holds the center vectors of a batch of windows, one a row; `scores` holds, word by word, one
number for each window of the batch: its logit, then its exponential, then its step. A word has
`width` of them (see `width_for`); what stands beyond the windows that are there means nothing, but
is never infinite where the panel's rows beyond them are zero. That gives three small matrix
products:

    `score_rows`, `score_columns`    scores = U panel^T
    `add_gradients`                  gradients += steps^T U
    `step_rows`                      U += steps panel

and, between them, a softmax for each window (`largest_scores`, `window_exponentials`,
`scale_scores`). As in `nw2v.jit.batches`, each is a plain function beside LLVM code: tiles of sums
stay in registers, and each number that is loaded serves several sums.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from nw2v.jit.registers import (
    FLOAT_BYTES,
    LANES,
    MOST_SUMS,
    SMALLEST_EXPONENT,
    add_product,
    also_in_registers,
    constant_register,
    emit_exp,
    fused,
    lanes_below,
    load,
    load_register,
    load_splat,
    number,
    plus,
    register_pointer,
    row_starts,
    store,
    store_register,
    stretches,
    sum_lanes_of_four,
    sums_of_tile,
)

PERIOD = 16
"""Numbers a word from which on its windows fill whole registers, whatever their width."""
ROW_MULTIPLE = 12
"""Rows that tiles of all sizes divide: all of a matrix but its last rows are worked on so many at
a time, and `scores` needs room for that many more words."""


def width_for(windows: int) -> int:
    """Numbers a word has in `scores` for batches of so many windows."""
    for width in (1, 4, 8):
        if windows <= width:
            return width
    return -(-windows // PERIOD) * PERIOD


def period_of(width: int) -> int:
    """Length of the pattern in which the windows of `scores` repeat, in whole registers."""
    return max(width, PERIOD)


# --- the plain twins ------------------------------------------------------------------------------


def score_rows(lanes, matrix, first, count, panel, width, scores):
    """Compute ``scores[(first + r) * width + b] = matrix[first + r] . panel[b]``.

    For r < count and b < width, a sum along the row each: best for few windows (`width` 1, 4, 8).
    `scores` must have room up to `count` rounded up to a multiple of `ROW_MULTIPLE`: what lies
    there beyond `count` is of no meaning afterwards.
    """
    for r in range(first, first + count):
        for b in range(width):
            total = np.float32(0)
            for i in range(matrix.shape[1]):
                total += matrix[r, i] * panel[b, i]
            scores[r * width + b] = total


def score_columns(lanes, matrix, first, count, columns, depth, width, scores):
    """Compute what `score_rows` does, given the panel by columns: ``columns[i, b] = panel[b, i]``.

    The windows fill registers, so `width` must be a multiple of `PERIOD`; only the first `depth`
    columns are read.
    """
    for r in range(first, first + count):
        for b in range(width):
            scores[r * width + b] = np.float32(0)
        for i in range(depth):
            for b in range(width):
                scores[r * width + b] += matrix[r, i] * columns[i, b]


def largest_scores(lanes, scores, start, count, period, largest, row):
    """Compute ``largest[row, p]``: the largest of the scores p, p + period, ... of a stretch.

    The stretch is the `count` scores from `start` on; -infinity where it has none. A NaN may or
    may not be passed over.
    """
    for p in range(period):
        largest[row, p] = -np.inf
    for k in range(count):
        p = k % period
        largest[row, p] = max(largest[row, p], scores[start + k])


def window_exponentials(lanes, scores, start, count, period, shifts, totals, row):
    """Replace each score by ``exp(score - shifts[row, p])``; add them up in ``totals[row, p]``.

    The stretch and its period are those of `largest_scores`; no score may be above its shift.
    `totals` is float64.
    """
    for p in range(period):
        totals[row, p] = 0.0
    for k in range(count):
        p = k % period
        x = scores[start + k] - shifts[row, p]
        value = np.float32(0) if x < SMALLEST_EXPONENT else np.float32(math.exp(x))
        scores[start + k] = value
        totals[row, p] += value


def scale_scores(lanes, scores, start, count, period, factors, row):
    """Multiply each score of a stretch by ``factors[row, p]``; see `largest_scores`."""
    for k in range(count):
        scores[start + k] *= factors[row, k % period]


def add_gradients(lanes, matrix, first, count, steps, width, gradients, row):
    """Add ``steps[(first + r) * width + b] * matrix[first + r]`` to ``gradients[row + b]``.

    For r < count and b < width: sums over the rows.
    """
    for r in range(first, first + count):
        for b in range(width):
            step = steps[r * width + b]
            for i in range(matrix.shape[1]):
                gradients[row + b, i] += step * matrix[r, i]


def step_rows(lanes, matrix, first, count, steps, width, windows, panel):
    """Add ``steps[(first + r) * width + b] * panel[b]`` to ``matrix[first + r]``.

    For r < count and b < windows: sums over the windows.
    """
    for r in range(first, first + count):
        for b in range(windows):
            step = steps[r * width + b]
            for i in range(matrix.shape[1]):
                matrix[r, i] += step * panel[b, i]


# --- LLVM code ------------------------------------------------------------------------------------


def _smaller(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    return builder.select(builder.icmp_signed("<", a, b), a, b)


def _rows_of_tile(
    builder: ir.IRBuilder, first: ir.Value, r: ir.Value, count: ir.Value, rows: int
) -> list[ir.Value]:
    """Number the rows of a tile; past the end, the last row again."""
    last = builder.sub(count, number(1))
    return [builder.add(first, _smaller(builder, plus(builder, r, k), last)) for k in range(rows)]


def _emit_score_rows(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    *_, width, _ = arguments
    one = builder.icmp_signed("==", width, number(1))
    with builder.if_else(one) as (then, otherwise):
        with then:
            _emit_one_window(builder, registers, arguments)
        with otherwise:
            _emit_four_windows(builder, registers, arguments)


def _emit_one_window(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, first, count, panel, _, scores = arguments
    length, in_flight = registers * LANES, 4
    with cgutils.for_range_slice(builder, number(0), count, number(in_flight)) as (r, _):
        starts = row_starts(builder, _rows_of_tile(builder, first, r, count, in_flight), length)
        sums = [constant_register(0.0, LANES)] * in_flight
        for column in range(0, length, LANES):
            v = load_register(builder, panel, number(column))
            for k in range(in_flight):
                u = load_register(builder, matrix, plus(builder, starts[k], column))
                sums[k] = fused(builder, u, v, sums[k])
        pointer = register_pointer(builder, scores, builder.add(first, r), 4)
        store(builder, sum_lanes_of_four(builder, sums), pointer, FLOAT_BYTES)


def _emit_four_windows(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, first, count, panel, width, scores = arguments
    length, tile = registers * LANES, 2 if LANES == 8 else 4
    with (
        cgutils.for_range_slice(builder, number(0), count, number(tile)) as (r, _),
        cgutils.for_range_slice(builder, number(0), width, number(4)) as (b, _),
    ):
        # Rows past the end have a place in `scores` of their own: more than one of the last row.
        words = [builder.add(first, plus(builder, r, k)) for k in range(tile)]
        starts = row_starts(builder, _rows_of_tile(builder, first, r, count, tile), length)
        panels = row_starts(builder, [plus(builder, b, t) for t in range(4)], length)
        sums = sums_of_tile(builder, tile, 4)
        with cgutils.for_range_slice(builder, number(0), number(length), number(LANES)) as (
            column,
            _,
        ):
            us = [load_register(builder, matrix, builder.add(s, column)) for s in starts]
            for t in range(4):
                v = load_register(builder, panel, builder.add(panels[t], column))
                for k in range(tile):
                    add_product(builder, us[k], v, sums[k][t])
        for k in range(tile):
            place = builder.add(builder.mul(words[k], width), b)
            four = sum_lanes_of_four(builder, [builder.load(total) for total in sums[k]])
            store(builder, four, register_pointer(builder, scores, place, 4), FLOAT_BYTES)


def _emit_score_columns(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    *_, width, _ = arguments
    begin: ir.Value = number(0)
    for group in (4, 2, 1):
        size = group * LANES
        rest = builder.sub(width, begin)
        end = builder.add(begin, builder.sub(rest, builder.urem(rest, number(size))))
        with cgutils.for_range_slice(builder, begin, end, number(size)) as (b, _):
            _emit_columns_of_windows(builder, registers, arguments, b, group)
        begin = end


def _emit_columns_of_windows(
    builder: ir.IRBuilder, registers: int, arguments: list[ir.Value], b: ir.Value, group: int
) -> None:
    matrix, first, count, columns, depth, width, scores = arguments
    length, tile = registers * LANES, min(12, MOST_SUMS // group)
    with cgutils.for_range_slice(builder, number(0), count, number(tile)) as (r, _):
        starts = row_starts(builder, _rows_of_tile(builder, first, r, count, tile), length)
        sums = sums_of_tile(builder, tile, group)
        with cgutils.for_range(builder, depth) as loop:
            place = builder.add(builder.mul(loop.index, width), b)
            vs = [
                load_register(builder, columns, plus(builder, place, g * LANES))
                for g in range(group)
            ]
            for k in range(tile):
                u = load_splat(builder, matrix, builder.add(starts[k], loop.index))
                for g in range(group):
                    add_product(builder, u, vs[g], sums[k][g])
        for k in range(tile):
            word = builder.add(first, plus(builder, r, k))
            place = builder.add(builder.mul(word, width), b)
            for g in range(group):
                offset = plus(builder, place, g * LANES)
                store_register(builder, builder.load(sums[k][g]), scores, offset, aligned=False)


def _emit_largest_scores(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    scores, start, count, period, largest, row = arguments
    least = constant_register(-math.inf, LANES)
    with cgutils.for_range_slice(builder, number(0), period, number(LANES)) as (p, _):
        found = cgutils.alloca_once_value(builder, least)
        with cgutils.for_range_slice(builder, p, count, period) as (k, _):
            inside = lanes_below(builder, builder.sub(count, k))
            x = load_register(builder, scores, builder.add(start, k), aligned=False)
            x = builder.select(inside, x, least)
            before = builder.load(found)
            larger = builder.fcmp_ordered(">", x, before)
            builder.store(builder.select(larger, x, before), found)
        place = builder.add(builder.mul(row, period), p)
        store_register(builder, builder.load(found), largest, place, aligned=False)


def _emit_window_exponentials(
    builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]
) -> None:
    scores, start, count, period, shifts, totals, row = arguments
    doubles = ir.VectorType(ir.DoubleType(), LANES)
    with cgutils.for_range_slice(builder, number(0), period, number(LANES)) as (p, _):
        place = builder.add(builder.mul(row, period), p)
        shift = load_register(builder, shifts, place, aligned=False)
        total = cgutils.alloca_once_value(builder, ir.Constant(doubles, [0.0] * LANES))
        with cgutils.for_range_slice(builder, p, count, period) as (k, _):
            inside = lanes_below(builder, builder.sub(count, k))
            pointer = register_pointer(builder, scores, builder.add(start, k), LANES)
            x = load(builder, pointer, LANES, FLOAT_BYTES)
            value = emit_exp(builder, builder.fsub(x, shift))
            # What lies beyond the end belongs to another stretch: it is left as it is.
            store(builder, builder.select(inside, value, x), pointer, FLOAT_BYTES)
            value = builder.select(inside, value, constant_register(0.0, LANES))
            builder.store(builder.fadd(builder.load(total), builder.fpext(value, doubles)), total)
        pointer = builder.bitcast(builder.gep(totals, [place]), doubles.as_pointer())
        builder.store(builder.load(total), pointer).align = 8


def _emit_scale_scores(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    scores, start, count, period, factors, row = arguments
    with cgutils.for_range_slice(builder, number(0), period, number(LANES)) as (p, _):
        place = builder.add(builder.mul(row, period), p)
        factor = load_register(builder, factors, place, aligned=False)
        with cgutils.for_range_slice(builder, p, count, period) as (k, _):
            inside = lanes_below(builder, builder.sub(count, k))
            pointer = register_pointer(builder, scores, builder.add(start, k), LANES)
            x = load(builder, pointer, LANES, FLOAT_BYTES)
            x = builder.select(inside, builder.fmul(x, factor), x)
            store(builder, x, pointer, FLOAT_BYTES)


def _emit_add_gradients(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    *_, width, _, _ = arguments
    one = builder.icmp_signed("==", width, number(1))
    with builder.if_else(one) as (then, otherwise):
        with then:
            _emit_gradients_of(builder, registers, arguments, 1)
        with otherwise:
            _emit_gradients_of(builder, registers, arguments, 4)


def _emit_gradients_of(
    builder: ir.IRBuilder, registers: int, arguments: list[ir.Value], windows: int
) -> None:
    matrix, first, count, steps, width, gradients, row = arguments
    length = registers * LANES
    end = builder.add(first, count)
    for columns in stretches(registers, MOST_SUMS // windows):
        with cgutils.for_range_slice(builder, number(0), width, number(windows)) as (b, _):
            pointers = [
                register_pointer(builder, gradients, plus(builder, start, column), LANES)
                for t in range(windows)
                for start in row_starts(builder, [builder.add(row, plus(builder, b, t))], length)
                for column in columns
            ]
            sums = [
                cgutils.alloca_once_value(builder, load(builder, pointer, LANES, FLOAT_BYTES))
                for pointer in pointers
            ]
            with cgutils.for_range_slice(builder, first, end, number(1)) as (r, _):
                place = builder.add(builder.mul(r, width), b)
                (start,) = row_starts(builder, [r], length)
                us = [load_register(builder, matrix, plus(builder, start, c)) for c in columns]
                for t in range(windows):
                    step = load_splat(builder, steps, plus(builder, place, t))
                    for u, total in zip(us, sums[t * len(us) :], strict=False):
                        add_product(builder, step, u, total)
            for total, pointer in zip(sums, pointers, strict=True):
                store(builder, builder.load(total), pointer, FLOAT_BYTES)


def _emit_step_rows(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, first, count, steps, width, windows, panel = arguments
    length, tile = registers * LANES, 3
    for columns in stretches(registers, MOST_SUMS // tile):
        with cgutils.for_range_slice(builder, number(0), count, number(tile)) as (r, _):
            rows = _rows_of_tile(builder, first, r, count, tile)
            starts = row_starts(builder, rows, length)
            places = [builder.mul(row, width) for row in rows]
            pointers = [
                [register_pointer(builder, matrix, plus(builder, start, c), LANES) for c in columns]
                for start in starts
            ]
            # A row that stands for one past the end is read before it is written: the same again.
            sums = [
                [
                    cgutils.alloca_once_value(
                        builder, load(builder, pointer, LANES, LANES * FLOAT_BYTES)
                    )
                    for pointer in of_row
                ]
                for of_row in pointers
            ]
            with cgutils.for_range(builder, windows) as loop:
                (start,) = row_starts(builder, [loop.index], length)
                given = [
                    load_splat(builder, steps, builder.add(place, loop.index)) for place in places
                ]
                for k, column in enumerate(columns):
                    v = load_register(builder, panel, plus(builder, start, column))
                    for t in range(tile):
                        add_product(builder, given[t], v, sums[t][k])
            for of_row, totals in zip(pointers, sums, strict=True):
                for pointer, total in zip(of_row, totals, strict=True):
                    store(builder, builder.load(total), pointer, LANES * FLOAT_BYTES)


# --- both together -------------------------------------------------------------------------------

also_in_registers(score_rows, _emit_score_rows, "fiifif")
also_in_registers(score_columns, _emit_score_columns, "fiifiif")
also_in_registers(largest_scores, _emit_largest_scores, "fiiifi")
also_in_registers(window_exponentials, _emit_window_exponentials, "fiiifdi")
also_in_registers(scale_scores, _emit_scale_scores, "fiiifi")
also_in_registers(add_gradients, _emit_add_gradients, "fiififi")
also_in_registers(step_rows, _emit_step_rows, "fiifiif")
