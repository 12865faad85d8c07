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
`scale_scores`). As in `nw2v.jit.rows`, each is a plain function beside LLVM code: tiles of sums
stay in registers, and each number that is loaded serves several sums.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import overload

from nw2v.jit.rows import (
    _INLINED,
    _WORD,
    FLOAT_BYTES,
    LANES,
    SMALLEST_EXPONENT,
    _compiled,
    _constant,
    _emit_exp,
    _fused,
    _lanes_below,
    _load,
    _plus,
    _register_pointer,
    _splat,
    _store,
    _sum_lanes_of_four,
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


def score_rows(lanes, matrix, first, count, panel, width, scores):  # type: ignore[no-untyped-def]
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


def score_columns(lanes, matrix, first, count, columns, depth, width, scores):  # type: ignore[no-untyped-def]
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


def largest_scores(lanes, scores, start, count, period, largest, row):  # type: ignore[no-untyped-def]
    """Compute ``largest[row, p]``: the largest of the scores p, p + period, ... of a stretch.

    The stretch is the `count` scores from `start` on; -infinity where it has none. A NaN may or
    may not be passed over.
    """
    for p in range(period):
        largest[row, p] = -np.inf
    for k in range(count):
        p = k % period
        largest[row, p] = max(largest[row, p], scores[start + k])


def window_exponentials(lanes, scores, start, count, period, shifts, totals, row):  # type: ignore[no-untyped-def]
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


def scale_scores(lanes, scores, start, count, period, factors, row):  # type: ignore[no-untyped-def]
    """Multiply each score of a stretch by ``factors[row, p]``; see `largest_scores`."""
    for k in range(count):
        scores[start + k] *= factors[row, k % period]


def add_gradients(lanes, matrix, first, count, steps, width, gradients, row):  # type: ignore[no-untyped-def]
    """Add ``steps[(first + r) * width + b] * matrix[first + r]`` to ``gradients[row + b]``.

    For r < count and b < width: sums over the rows.
    """
    for r in range(first, first + count):
        for b in range(width):
            step = steps[r * width + b]
            for i in range(matrix.shape[1]):
                gradients[row + b, i] += step * matrix[r, i]


def step_rows(lanes, matrix, first, count, steps, width, windows, panel):  # type: ignore[no-untyped-def]
    """Add ``steps[(first + r) * width + b] * panel[b]`` to ``matrix[first + r]``.

    For r < count and b < windows: sums over the windows.
    """
    for r in range(first, first + count):
        for b in range(windows):
            step = steps[r * width + b]
            for i in range(matrix.shape[1]):
                matrix[r, i] += step * panel[b, i]


# --- LLVM code ------------------------------------------------------------------------------------

# Sums that a tile keeps in registers; the others hold what is added to them. CPUs with registers
# of 8 floats have 16 of them, the others 32.
_SUMS = 12 if LANES == 8 else 24


def _number(value: int) -> ir.Constant:
    return ir.Constant(_WORD, value)


def _smaller(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    return builder.select(builder.icmp_signed("<", a, b), a, b)


def _rows_of_tile(
    builder: ir.IRBuilder, first: ir.Value, r: ir.Value, count: ir.Value, rows: int
) -> list[ir.Value]:
    """Number the rows of a tile; past the end, the last row again."""
    last = builder.sub(count, _number(1))
    return [builder.add(first, _smaller(builder, _plus(builder, r, k), last)) for k in range(rows)]


def _starts(builder: ir.IRBuilder, rows: list[ir.Value], length: int) -> list[ir.Value]:
    return [builder.mul(row, _number(length)) for row in rows]


def _load_register(
    builder: ir.IRBuilder, base: ir.Value, offset: ir.Value, *, aligned: bool = True
) -> ir.Value:
    align = LANES * FLOAT_BYTES if aligned else FLOAT_BYTES
    return _load(builder, _register_pointer(builder, base, offset, LANES), LANES, align)


def _load_splat(builder: ir.IRBuilder, base: ir.Value, offset: ir.Value) -> ir.Value:
    """Copy the float ``base[offset]`` to all lanes of a register."""
    return _splat(builder, builder.load(builder.gep(base, [offset])), LANES)


def _sums(builder: ir.IRBuilder, rows: int, columns: int) -> list[list[ir.Value]]:
    zero = _constant(0.0, LANES)
    return [[cgutils.alloca_once_value(builder, zero) for _ in range(columns)] for _ in range(rows)]


def _add_product(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, total: ir.Value) -> None:
    builder.store(_fused(builder, a, b, builder.load(total)), total)


def _emit_score_rows(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    *_, width, _ = arguments
    one = builder.icmp_signed("==", width, _number(1))
    with builder.if_else(one) as (then, otherwise):
        with then:
            _emit_one_window(builder, registers, arguments)
        with otherwise:
            _emit_four_windows(builder, registers, arguments)


def _emit_one_window(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, first, count, panel, _, scores = arguments
    length, in_flight = registers * LANES, 4
    with cgutils.for_range_slice(builder, _number(0), count, _number(in_flight)) as (r, _):
        starts = _starts(builder, _rows_of_tile(builder, first, r, count, in_flight), length)
        sums = [_constant(0.0, LANES)] * in_flight
        for column in range(0, length, LANES):
            v = _load_register(builder, panel, _number(column))
            for k in range(in_flight):
                u = _load_register(builder, matrix, _plus(builder, starts[k], column))
                sums[k] = _fused(builder, u, v, sums[k])
        pointer = _register_pointer(builder, scores, builder.add(first, r), 4)
        _store(builder, _sum_lanes_of_four(builder, sums), pointer, FLOAT_BYTES)


def _emit_four_windows(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, first, count, panel, width, scores = arguments
    length, tile = registers * LANES, 2 if LANES == 8 else 4
    with (
        cgutils.for_range_slice(builder, _number(0), count, _number(tile)) as (r, _),
        cgutils.for_range_slice(builder, _number(0), width, _number(4)) as (b, _),
    ):
        # Rows past the end have a place in `scores` of their own: more than one of the last row.
        words = [builder.add(first, _plus(builder, r, k)) for k in range(tile)]
        starts = _starts(builder, _rows_of_tile(builder, first, r, count, tile), length)
        panels = _starts(builder, [_plus(builder, b, t) for t in range(4)], length)
        sums = _sums(builder, tile, 4)
        with cgutils.for_range_slice(builder, _number(0), _number(length), _number(LANES)) as (
            column,
            _,
        ):
            us = [_load_register(builder, matrix, builder.add(s, column)) for s in starts]
            for t in range(4):
                v = _load_register(builder, panel, builder.add(panels[t], column))
                for k in range(tile):
                    _add_product(builder, us[k], v, sums[k][t])
        for k in range(tile):
            place = builder.add(builder.mul(words[k], width), b)
            four = _sum_lanes_of_four(builder, [builder.load(total) for total in sums[k]])
            _store(builder, four, _register_pointer(builder, scores, place, 4), FLOAT_BYTES)


def _emit_score_columns(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    *_, width, _ = arguments
    begin: ir.Value = _number(0)
    for group in (4, 2, 1):
        size = group * LANES
        rest = builder.sub(width, begin)
        end = builder.add(begin, builder.sub(rest, builder.urem(rest, _number(size))))
        with cgutils.for_range_slice(builder, begin, end, _number(size)) as (b, _):
            _emit_columns_of_windows(builder, registers, arguments, b, group)
        begin = end


def _emit_columns_of_windows(
    builder: ir.IRBuilder, registers: int, arguments: list[ir.Value], b: ir.Value, group: int
) -> None:
    matrix, first, count, columns, depth, width, scores = arguments
    length, tile = registers * LANES, min(12, _SUMS // group)
    with cgutils.for_range_slice(builder, _number(0), count, _number(tile)) as (r, _):
        starts = _starts(builder, _rows_of_tile(builder, first, r, count, tile), length)
        sums = _sums(builder, tile, group)
        with cgutils.for_range(builder, depth) as loop:
            place = builder.add(builder.mul(loop.index, width), b)
            vs = [
                _load_register(builder, columns, _plus(builder, place, g * LANES))
                for g in range(group)
            ]
            for k in range(tile):
                u = _load_splat(builder, matrix, builder.add(starts[k], loop.index))
                for g in range(group):
                    _add_product(builder, u, vs[g], sums[k][g])
        for k in range(tile):
            word = builder.add(first, _plus(builder, r, k))
            place = builder.add(builder.mul(word, width), b)
            for g in range(group):
                offset = _plus(builder, place, g * LANES)
                pointer = _register_pointer(builder, scores, offset, LANES)
                _store(builder, builder.load(sums[k][g]), pointer, FLOAT_BYTES)


def _emit_largest_scores(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    scores, start, count, period, largest, row = arguments
    least = _constant(-math.inf, LANES)
    with cgutils.for_range_slice(builder, _number(0), period, _number(LANES)) as (p, _):
        found = cgutils.alloca_once_value(builder, least)
        with cgutils.for_range_slice(builder, p, count, period) as (k, _):
            inside = _lanes_below(builder, builder.sub(count, k))
            x = _load_register(builder, scores, builder.add(start, k), aligned=False)
            x = builder.select(inside, x, least)
            before = builder.load(found)
            larger = builder.fcmp_ordered(">", x, before)
            builder.store(builder.select(larger, x, before), found)
        place = builder.add(builder.mul(row, period), p)
        pointer = _register_pointer(builder, largest, place, LANES)
        _store(builder, builder.load(found), pointer, FLOAT_BYTES)


def _emit_window_exponentials(
    builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]
) -> None:
    scores, start, count, period, shifts, totals, row = arguments
    doubles = ir.VectorType(ir.DoubleType(), LANES)
    with cgutils.for_range_slice(builder, _number(0), period, _number(LANES)) as (p, _):
        place = builder.add(builder.mul(row, period), p)
        shift = _load_register(builder, shifts, place, aligned=False)
        total = cgutils.alloca_once_value(builder, ir.Constant(doubles, [0.0] * LANES))
        with cgutils.for_range_slice(builder, p, count, period) as (k, _):
            inside = _lanes_below(builder, builder.sub(count, k))
            pointer = _register_pointer(builder, scores, builder.add(start, k), LANES)
            x = _load(builder, pointer, LANES, FLOAT_BYTES)
            value = _emit_exp(builder, builder.fsub(x, shift))
            # What lies beyond the end belongs to another stretch: it is left as it is.
            _store(builder, builder.select(inside, value, x), pointer, FLOAT_BYTES)
            value = builder.select(inside, value, _constant(0.0, LANES))
            builder.store(builder.fadd(builder.load(total), builder.fpext(value, doubles)), total)
        pointer = builder.bitcast(builder.gep(totals, [place]), doubles.as_pointer())
        builder.store(builder.load(total), pointer).align = 8


def _emit_scale_scores(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    scores, start, count, period, factors, row = arguments
    with cgutils.for_range_slice(builder, _number(0), period, _number(LANES)) as (p, _):
        place = builder.add(builder.mul(row, period), p)
        factor = _load_register(builder, factors, place, aligned=False)
        with cgutils.for_range_slice(builder, p, count, period) as (k, _):
            inside = _lanes_below(builder, builder.sub(count, k))
            pointer = _register_pointer(builder, scores, builder.add(start, k), LANES)
            x = _load(builder, pointer, LANES, FLOAT_BYTES)
            x = builder.select(inside, builder.fmul(x, factor), x)
            _store(builder, x, pointer, FLOAT_BYTES)


def _stretches(registers: int, most: int) -> list[list[int]]:
    """Cut the columns of a row into stretches of at most `most` registers."""
    parts = -(-registers // most)
    bounds = [registers * part // parts for part in range(parts + 1)]
    return [[c * LANES for c in range(first, last)] for first, last in pairwise(bounds)]


def _emit_add_gradients(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    *_, width, _, _ = arguments
    one = builder.icmp_signed("==", width, _number(1))
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
    for columns in _stretches(registers, _SUMS // windows):
        with cgutils.for_range_slice(builder, _number(0), width, _number(windows)) as (b, _):
            pointers = [
                _register_pointer(builder, gradients, _plus(builder, start, column), LANES)
                for t in range(windows)
                for start in _starts(builder, [builder.add(row, _plus(builder, b, t))], length)
                for column in columns
            ]
            sums = [
                cgutils.alloca_once_value(builder, _load(builder, pointer, LANES, FLOAT_BYTES))
                for pointer in pointers
            ]
            with cgutils.for_range_slice(builder, first, end, _number(1)) as (r, _):
                place = builder.add(builder.mul(r, width), b)
                (start,) = _starts(builder, [r], length)
                us = [_load_register(builder, matrix, _plus(builder, start, c)) for c in columns]
                for t in range(windows):
                    step = _load_splat(builder, steps, _plus(builder, place, t))
                    for u, total in zip(us, sums[t * len(us) :], strict=False):
                        _add_product(builder, step, u, total)
            for total, pointer in zip(sums, pointers, strict=True):
                _store(builder, builder.load(total), pointer, FLOAT_BYTES)


def _emit_step_rows(builder: ir.IRBuilder, registers: int, arguments: list[ir.Value]) -> None:
    matrix, first, count, steps, width, windows, panel = arguments
    length, tile = registers * LANES, 3
    for columns in _stretches(registers, _SUMS // tile):
        with cgutils.for_range_slice(builder, _number(0), count, _number(tile)) as (r, _):
            rows = _rows_of_tile(builder, first, r, count, tile)
            starts = _starts(builder, rows, length)
            places = [builder.mul(row, width) for row in rows]
            pointers = [
                [
                    _register_pointer(builder, matrix, _plus(builder, start, c), LANES)
                    for c in columns
                ]
                for start in starts
            ]
            # A row that stands for one past the end is read before it is written: the same again.
            sums = [
                [
                    cgutils.alloca_once_value(
                        builder, _load(builder, pointer, LANES, LANES * FLOAT_BYTES)
                    )
                    for pointer in of_row
                ]
                for of_row in pointers
            ]
            with cgutils.for_range(builder, windows) as loop:
                (start,) = _starts(builder, [loop.index], length)
                given = [
                    _load_splat(builder, steps, builder.add(place, loop.index)) for place in places
                ]
                for k, column in enumerate(columns):
                    v = _load_register(builder, panel, _plus(builder, start, column))
                    for t in range(tile):
                        _add_product(builder, given[t], v, sums[t][k])
            for of_row, totals in zip(pointers, sums, strict=True):
                for pointer, total in zip(of_row, totals, strict=True):
                    _store(builder, builder.load(total), pointer, LANES * FLOAT_BYTES)


# --- the choice between the two, by the type of `lanes` -------------------------------------------

_score_rows = _compiled(_emit_score_rows, "aiiaia", types.void)
_score_columns = _compiled(_emit_score_columns, "aiiaiia", types.void)
_largest_scores = _compiled(_emit_largest_scores, "aiiiai", types.void)
_window_exponentials = _compiled(_emit_window_exponentials, "aiiiaai", types.void)
_scale_scores = _compiled(_emit_scale_scores, "aiiiai", types.void)
_add_gradients = _compiled(_emit_add_gradients, "aiiaiai", types.void)
_step_rows = _compiled(_emit_step_rows, "aiiaiia", types.void)


@overload(score_rows, jit_options=_INLINED)
def _choose_score_rows(lanes, matrix, first, count, panel, width, scores):  # type: ignore[no-untyped-def]
    def compiled(lanes, matrix, first, count, panel, width, scores):  # type: ignore[no-untyped-def]
        _score_rows(lanes, matrix, first, count, panel, width, scores)

    return compiled if len(lanes) else score_rows


@overload(score_columns, jit_options=_INLINED)
def _choose_score_columns(lanes, matrix, first, count, columns, depth, width, scores):  # type: ignore[no-untyped-def]
    def compiled(lanes, matrix, first, count, columns, depth, width, scores):  # type: ignore[no-untyped-def]
        _score_columns(lanes, matrix, first, count, columns, depth, width, scores)

    return compiled if len(lanes) else score_columns


@overload(largest_scores, jit_options=_INLINED)
def _choose_largest_scores(lanes, scores, start, count, period, largest, row):  # type: ignore[no-untyped-def]
    def compiled(lanes, scores, start, count, period, largest, row):  # type: ignore[no-untyped-def]
        _largest_scores(lanes, scores, start, count, period, largest, row)

    return compiled if len(lanes) else largest_scores


@overload(window_exponentials, jit_options=_INLINED)
def _choose_window_exponentials(lanes, scores, start, count, period, shifts, totals, row):  # type: ignore[no-untyped-def]
    def compiled(lanes, scores, start, count, period, shifts, totals, row):  # type: ignore[no-untyped-def]
        _window_exponentials(lanes, scores, start, count, period, shifts, totals, row)

    return compiled if len(lanes) else window_exponentials


@overload(scale_scores, jit_options=_INLINED)
def _choose_scale_scores(lanes, scores, start, count, period, factors, row):  # type: ignore[no-untyped-def]
    def compiled(lanes, scores, start, count, period, factors, row):  # type: ignore[no-untyped-def]
        _scale_scores(lanes, scores, start, count, period, factors, row)

    return compiled if len(lanes) else scale_scores


@overload(add_gradients, jit_options=_INLINED)
def _choose_add_gradients(lanes, matrix, first, count, steps, width, gradients, row):  # type: ignore[no-untyped-def]
    def compiled(lanes, matrix, first, count, steps, width, gradients, row):  # type: ignore[no-untyped-def]
        _add_gradients(lanes, matrix, first, count, steps, width, gradients, row)

    return compiled if len(lanes) else add_gradients


@overload(step_rows, jit_options=_INLINED)
def _choose_step_rows(lanes, matrix, first, count, steps, width, windows, panel):  # type: ignore[no-untyped-def]
    def compiled(lanes, matrix, first, count, steps, width, windows, panel):  # type: ignore[no-untyped-def]
        _step_rows(lanes, matrix, first, count, steps, width, windows, panel)

    return compiled if len(lanes) else step_rows
