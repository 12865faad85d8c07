"""The register code of each primitive of negative sampling against its plain twin."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import pytest

from nw2v.jit import COMPILED, kernel
from nw2v.jit import batches as plain
from nw2v.jit.batches import BATCH, CENTERS_AT_ONCE, COPIED, MOST_NEGATIVES, ROWS_AT_ONCE
from nw2v.jit.registers import LANES, LONGEST_ROW, aligned_zeros, row_layout

DIMS = [3, 100, 300, LONGEST_ROW + 1]
WORDS = 40


@kernel
def copy_words(lanes, words, first, count, target, place):
    plain.copy_words(lanes, words, first, count, target, place)


@kernel
def batch_scores(lanes, U, negatives, pool, V, centers, count, scores):
    plain.batch_scores(lanes, U, negatives, pool, V, centers, count, scores)


@kernel
def negative_terms(lanes, scores, pool, weights, rate, expected, observed):
    return plain.negative_terms(lanes, scores, pool, weights, rate, expected, observed)


@kernel
def sum_for_centers(lanes, U, negatives, pool, coefficients, first, weights, shift, updates):
    plain.sum_for_centers(lanes, U, negatives, pool, coefficients, first, weights, shift, updates)


@kernel
def add_from_batch(
    lanes, U, negatives, first, last, coefficients, V, centers, count, expected, shift
):
    plain.add_from_batch(
        lanes, U, negatives, first, last, coefficients, V, centers, count, expected, shift
    )


@kernel
def scale_row(lanes, source, factor, target):
    plain.scale_row(lanes, source, factor, target)


@kernel
def pair_scores(lanes, U, outsides, first, last, V, center, scores):
    plain.pair_scores(lanes, U, outsides, first, last, V, center, scores)


@kernel
def pair_terms(lanes, scores, count, rate):
    return plain.pair_terms(lanes, scores, count, rate)


@kernel
def add_pairs(lanes, U, outsides, coefficients, first, last, V, center, updates, b):
    plain.add_pairs(lanes, U, outsides, coefficients, first, last, V, center, updates, b)


@kernel
def add_rows(lanes, matrix, rows, factors, count, sums, s):
    plain.add_rows(lanes, matrix, rows, factors, count, sums, s)


@kernel
def prefetch_row(lanes, matrix, rows, r):
    plain.prefetch_row(lanes, matrix, rows, r)


def random_rows(generator, rows, dim, length):
    matrix = aligned_zeros(rows, length)
    matrix[:, :dim] = generator.normal(size=(rows, dim)) / math.sqrt(dim)
    return matrix


class Case:
    """Random arguments for one dimension, in the layout of this machine's registers."""

    def __init__(self, dim, slots=BATCH):
        generator = np.random.default_rng(dim)
        self.dim, self.slots = dim, slots
        self.lanes, length = row_layout(dim)
        self.matrix = random_rows(generator, WORDS, dim, length)
        self.centers = random_rows(generator, BATCH, dim, length)
        # Where the batch's vectors stand: some at the same place.
        self.center_rows = generator.integers(0, BATCH, BATCH).astype(np.int32)
        self.updates = random_rows(generator, BATCH, dim, length)
        # Rows are named twice, beside each other and further apart.
        self.rows = generator.integers(0, WORDS, slots).astype(np.int32)
        self.rows[1] = self.rows[0]
        self.coefficients = aligned_zeros(slots, BATCH)
        self.coefficients[:] = generator.normal(size=self.coefficients.shape)
        self.pair_coefficients = generator.normal(size=slots).astype(np.float32)
        self.weights = generator.uniform(0, 3, BATCH).astype(np.float32)
        self.expected = generator.uniform(0, 1, slots).astype(np.float32)
        self.row = random_rows(generator, 1, dim, length)[0]


def compare(case, call, *changed):
    """Run a primitive compiled and as plain Python: what it changes must be the same."""
    before = [array.copy() for array in changed]
    comp = call(True)
    found = [array.copy() for array in changed]
    for array, value in zip(changed, before, strict=True):
        array[:] = value
    ref = call(False)
    for array, value in zip(changed, found, strict=True):
        np.testing.assert_allclose(value, array, atol=5e-6)
    return comp, ref


@pytest.mark.parametrize("dim", DIMS)
def test_scores_of_a_batch(dim):
    c = Case(dim)
    ref = c.matrix[c.rows].astype(np.float64) @ c.centers[c.center_rows].astype(np.float64).T
    c.coefficients[:] = -1
    batch = c.centers, c.center_rows, BATCH
    batch_scores(c.lanes, c.matrix, c.rows, ROWS_AT_ONCE, *batch, c.coefficients)
    np.testing.assert_allclose(c.coefficients[:ROWS_AT_ONCE], ref[:ROWS_AT_ONCE], atol=2e-6)
    assert (c.coefficients[ROWS_AT_ONCE:] == -1).all()
    batch_scores(c.lanes, c.matrix, c.rows, c.slots, *batch, c.coefficients)
    np.testing.assert_allclose(c.coefficients, ref, atol=2e-6)
    # Scores with centers that the batch does not have are left alone, but for the last few.
    c.coefficients[:] = -1
    few = CENTERS_AT_ONCE - 1
    batch_scores(c.lanes, c.matrix, c.rows, c.slots, c.centers, c.center_rows, few, c.coefficients)
    np.testing.assert_allclose(c.coefficients[:, :few], ref[:, :few], atol=2e-6)
    assert (c.coefficients[:, CENTERS_AT_ONCE:] == -1).all()


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("count", [ROWS_AT_ONCE, 2 * ROWS_AT_ONCE])
def test_updates_of_centers(dim, count):
    c = Case(dim)
    ref = c.coefficients[:count].astype(np.float64).T @ c.matrix[c.rows[:count]]
    ref += c.weights[:, None] * c.row
    first = BATCH - CENTERS_AT_ONCE
    before = c.updates.copy()
    sum_for_centers(
        c.lanes, c.matrix, c.rows, count, c.coefficients, first, c.weights, c.row, c.updates
    )
    np.testing.assert_allclose(c.updates[first:], ref[first:], atol=1e-5)
    np.testing.assert_array_equal(c.updates[:first], before[:first])


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("count", [5, BATCH])
def test_changes_of_the_rows_of_negatives_add_up_where_a_row_is_named_twice(dim, count):
    c = Case(dim)
    c.coefficients[:, count : count + CENTERS_AT_ONCE] = 0
    compare(
        c,
        lambda compiled: (add_from_batch if compiled else plain.add_from_batch)(
            c.lanes if compiled else (),
            c.matrix,
            c.rows,
            0,
            c.slots - ROWS_AT_ONCE,
            c.coefficients,
            c.centers,
            c.center_rows,
            count,
            c.expected,
            c.row,
        ),
        c.matrix,
    )


@pytest.mark.parametrize("dim", DIMS)
def test_a_row_is_scaled_even_in_place(dim):
    c = Case(dim)
    for target in (c.centers[3], c.row):
        expected = np.float32(-0.7) * c.row
        scale_row(c.lanes, c.row, np.float32(-0.7), target)
        np.testing.assert_array_equal(target, expected)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize(("first", "last"), [(0, 1), (3, 7), (1, 12), (5, 5), (0, BATCH - 4)])
def test_scores_of_pairs(dim, first, last):
    c = Case(dim)
    ref = c.matrix[c.rows].astype(np.float64) @ c.centers[5]
    scores = np.full(c.slots, -1, dtype=np.float32)
    pair_scores(c.lanes, c.matrix, c.rows, first, last, c.centers, 5, scores)
    np.testing.assert_allclose(scores[first:last], ref[first:last], atol=2e-6)
    assert (scores[:first] == -1).all() and (scores[last + 3 :] == -1).all()


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize(("first", "last"), [(0, 1), (3, 7), (1, 12), (5, 5)])
def test_pairs_change_each_others_vectors_one_after_another(dim, first, last):
    """One outside word is named twice; the second time, its row has changed."""
    c = Case(dim)
    U, V, update = (x.astype(np.float64) for x in (c.matrix, c.centers, c.updates[7]))
    for p in range(first, last):
        update += c.pair_coefficients[p] * U[c.rows[p]]
        U[c.rows[p]] += c.pair_coefficients[p] * V[5]
    V[5] += update
    add_pairs(
        c.lanes, c.matrix, c.rows, c.pair_coefficients, first, last, c.centers, 5, c.updates, 7
    )
    np.testing.assert_allclose(c.matrix, U, atol=1e-5)
    np.testing.assert_allclose(c.centers, V, atol=1e-5)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("count", [0, 1, 11])
def test_multiples_of_rows_are_added_up(dim, count):
    c = Case(dim)
    ref = c.updates.astype(np.float64)
    ref[5] += c.pair_coefficients[:count] @ c.matrix[c.rows[:count]].astype(np.float64)
    add_rows(c.lanes, c.matrix, c.rows, c.pair_coefficients, count, c.updates, 5)
    np.testing.assert_allclose(c.updates, ref, atol=1e-5)


@pytest.mark.parametrize("lanes", [row_layout(16)[0], ()])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 30])
def test_words_are_copied(lanes, count):
    words = np.arange(100, 200, dtype=np.int32)
    target = np.zeros(60, dtype=np.int32)
    copy_words(lanes, words, 5, count, target, 3)
    np.testing.assert_array_equal(target[3 : 3 + count], words[5 : 5 + count])
    assert (target[:3] == 0).all() and (target[3 + count + COPIED - 1 :] == 0).all()


def test_coefficients_of_negatives_err_by_less_than_a_millionth():
    lanes, _ = row_layout(16)
    x = np.linspace(-120, 120, BATCH * 400).astype(np.float32).reshape(-1, BATCH)
    x[200, 3], x[200, 4], x[200, 5] = 0.0, -0.0, 1e-30
    scores = aligned_zeros(len(x), BATCH)
    scores[:] = x
    weights, rate = np.linspace(0.5, 3, BATCH).astype(np.float32), np.float32(0.25)
    expected = np.linspace(0, 1, len(x)).astype(np.float32)
    observed = np.zeros(len(x), dtype=np.float32)
    loss = 0.0
    for first in range(0, len(x), MOST_NEGATIVES):
        some = slice(first, first + MOST_NEGATIVES)
        loss += negative_terms(
            lanes, scores[some], len(scores[some]), weights, rate, expected[some], observed[some]
        )
    x = x.astype(np.float64)
    sigma = np.where(x >= 0, 1.0, np.exp(-np.abs(x))) / (1 + np.exp(-np.abs(x)))
    more = sigma - expected[:, None].astype(np.float64)
    np.testing.assert_allclose(scores / (-0.25 * weights), more, rtol=0, atol=1e-6)
    np.testing.assert_allclose(observed, sigma @ weights, rtol=2e-6, atol=1e-6)
    assert loss == pytest.approx((weights * np.logaddexp(0, x)).sum(), rel=1e-5)


@pytest.mark.parametrize("count", [1, ROWS_AT_ONCE, MOST_NEGATIVES])
def test_the_loss_of_many_negatives_is_the_sum_of_their_logarithms(count):
    lanes, _ = row_layout(16)
    x = np.random.default_rng(count).normal(scale=2, size=(count, BATCH)).astype(np.float32)
    scores = aligned_zeros(count, BATCH)
    scores[:] = x
    rate, (expected, observed) = np.float32(0), np.zeros((2, count), dtype=np.float32)
    loss = negative_terms(
        lanes, scores, count, np.ones(BATCH, np.float32), rate, expected, observed
    )
    assert loss == pytest.approx(np.logaddexp(0, x.astype(np.float64)).sum(), rel=2e-6)


@pytest.mark.parametrize("rate", [1.0, 0.05])
def test_coefficients_of_pairs_err_by_less_than_a_millionth(rate):
    lanes, _ = row_layout(16)
    x = np.concatenate([np.linspace(-120, 120, 4001), [0.0, -0.0, 1e-30]]).astype(np.float32)
    count = len(x)
    scores = np.zeros(count + 16, dtype=np.float32)
    scores[:count] = x
    loss = pair_terms(lanes, scores, count, np.float32(rate))
    x = x.astype(np.float64)
    sigma = np.where(x >= 0, np.exp(-np.abs(x)), 1.0) / (1 + np.exp(-np.abs(x)))
    np.testing.assert_allclose(scores[:count] / np.float32(rate), sigma, rtol=0, atol=1e-6)
    assert loss == pytest.approx(np.logaddexp(0, -x).sum(), rel=1e-5)


def test_the_loss_of_few_pairs_is_theirs_alone():
    lanes, _ = row_layout(16)
    scores = np.full(64, 0.5, dtype=np.float32)
    loss = pair_terms(lanes, scores, 5, np.float32(0.05))
    np.testing.assert_allclose(scores[:5], 0.05 / (1 + math.exp(0.5)), rtol=1e-6)
    assert loss == pytest.approx(5 * math.log1p(math.exp(-0.5)), rel=1e-6)


def test_no_coefficient_is_subnormal():
    """A CPU takes a hundred times as long to multiply by a subnormal number."""
    lanes, _ = row_layout(16)
    x = np.linspace(-120, 120, 30 * MOST_NEGATIVES * BATCH // 20).astype(np.float32)
    rate = np.float32(1e-5)
    of_pairs = np.append(x, np.zeros(16, np.float32))
    pair_terms(lanes, of_pairs, len(x), rate)
    for some in np.split(x, len(x) // (BATCH * MOST_NEGATIVES // 2)):
        rows = len(some) // BATCH
        scores = aligned_zeros(rows, BATCH)
        scores[:] = some.reshape(rows, BATCH)
        expected, observed = np.zeros((2, rows), dtype=np.float32)
        weights = np.ones(BATCH, np.float32)
        negative_terms(lanes, scores, rows, weights, rate, expected, observed)
        for values in (of_pairs, scores):
            assert ((values == 0) | (np.abs(values) > np.finfo(np.float32).tiny)).all()
            assert (values != 0).any()


def test_the_loss_of_a_nan_is_nan():
    lanes, _ = row_layout(16)
    one = np.float32(1)
    scores = np.zeros(32, dtype=np.float32)
    scores[2] = np.nan
    assert math.isnan(pair_terms(lanes, scores, 4, one))
    scores = aligned_zeros(4, BATCH)
    scores[1, 2] = np.nan
    weights, (expected, observed) = np.ones(BATCH, np.float32), np.zeros((2, 4), np.float32)
    assert math.isnan(negative_terms(lanes, scores, 4, weights, one, expected, observed))


def test_fetching_ahead_changes_nothing():
    c = Case(50)
    before = c.matrix.copy()
    for r in range(c.slots):
        prefetch_row(c.lanes, c.matrix, c.rows, r)
    np.testing.assert_array_equal(c.matrix, before)


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
@pytest.mark.skipif(LANES == 0, reason="this CPU has no register code")
def test_the_register_code_is_what_runs_here():
    c = Case(100)
    for lanes in (c.lanes, ()):
        # Code that comes from the cache cannot be inspected: compile it again.
        fresh: Any = numba.njit(pair_scores.py_func)  # type: ignore[attr-defined]
        scores = np.zeros(4, dtype=np.float32)
        fresh(lanes, c.matrix, c.rows, 0, 4, c.centers, 5, scores)
        code = fresh.inspect_llvm(fresh.signatures[0])
        assert (f"llvm.fmuladd.v{LANES}f32" in code) == (lanes == c.lanes)


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
@pytest.mark.skipif(LANES == 0, reason="this CPU has no register code")
@pytest.mark.parametrize("dim", [16, 24, 100, 112])
def test_all_lines_of_a_row_are_fetched(dim):
    c = Case(dim)
    length = len(c.lanes) * LANES
    fresh: Any = numba.njit(prefetch_row.py_func)  # type: ignore[attr-defined]
    fresh(c.lanes, c.matrix, c.rows, 0)
    code = fresh.inspect_llvm(fresh.signatures[0])
    # Lines that a row may lie in, wherever one begins that is a multiple of its length.
    starts = range(0, 16 * length, length)
    lines = max((start + length - 1) // 16 - start // 16 + 1 for start in starts)
    assert code.count("call void @llvm.prefetch") == lines
