"""The register code of each primitive of negative sampling against its plain twin."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import pytest

from nw2v.jit import COMPILED, kernel
from nw2v.jit import batches as plain
from nw2v.jit.batches import BATCH, CENTERS_AT_ONCE, COPIED, ROWS_AT_ONCE
from nw2v.jit.registers import LANES, LONGEST_ROW, aligned_zeros, row_layout

DIMS = [3, 100, 300, LONGEST_ROW + 1]
WORDS = 40


@kernel
def scatter_rows(lanes, matrix, rows, count, updates):
    plain.scatter_rows(lanes, matrix, rows, count, updates)


@kernel
def copy_words(lanes, words, first, count, target, place):
    plain.copy_words(lanes, words, first, count, target, place)


@kernel
def fill_words(lanes, target, place, count, word):
    plain.fill_words(lanes, target, place, count, word)


@kernel
def batch_scores(lanes, matrix, rows, pool, centers, members, count, scores):
    plain.batch_scores(lanes, matrix, rows, pool, centers, members, count, scores)


@kernel
def noise_terms(lanes, scores, count, weights, rate, expected, observed):
    return plain.noise_terms(lanes, scores, count, weights, rate, expected, observed)


@kernel
def sum_for_centers(lanes, matrix, rows, count, steps, first, weights, start, gradients):
    plain.sum_for_centers(lanes, matrix, rows, count, steps, first, weights, start, gradients)


@kernel
def add_from_batch(
    lanes, matrix, rows, first, last, steps, centers, members, count, expected, shift
):
    plain.add_from_batch(
        lanes, matrix, rows, first, last, steps, centers, members, count, expected, shift
    )


@kernel
def scale_row(lanes, source, factor, target):
    plain.scale_row(lanes, source, factor, target)


@kernel
def pair_scores(lanes, matrix, rows, centers, members, count, scores):
    plain.pair_scores(lanes, matrix, rows, centers, members, count, scores)


@kernel
def logistic_terms(lanes, scores, count, label, weight, rate, steps):
    return plain.logistic_terms(lanes, scores, count, label, weight, rate, steps)


@kernel
def add_pair_rows(lanes, gradients, member, matrix, rows, steps, first, last):
    plain.add_pair_rows(lanes, gradients, member, matrix, rows, steps, first, last)


@kernel
def add_to_rows(lanes, matrix, rows, steps, count, panel, members):
    plain.add_to_rows(lanes, matrix, rows, steps, count, panel, members)


@kernel
def prefetch_rows(lanes, matrix, rows, first, last):
    plain.prefetch_rows(lanes, matrix, rows, first, last)


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
        self.gradients = random_rows(generator, BATCH, dim, length)
        # Rows are named twice, beside each other and further apart.
        self.rows = generator.integers(0, WORDS, slots).astype(np.int32)
        self.rows[1] = self.rows[0]
        self.steps = aligned_zeros(slots, BATCH)
        self.steps[:] = generator.normal(size=self.steps.shape)
        self.members = np.sort(generator.integers(0, BATCH, slots)).astype(np.int32)
        self.pair_steps = generator.normal(size=slots).astype(np.float32)
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
def test_rows_are_scattered(dim):
    c = Case(dim)
    for count in (BATCH, 3):
        compare(
            c,
            lambda compiled, count=count: (scatter_rows if compiled else plain.scatter_rows)(
                c.lanes if compiled else (), c.matrix, c.rows, count, c.gradients
            ),
            c.matrix,
        )


@pytest.mark.parametrize("dim", DIMS)
def test_scores_of_a_batch(dim):
    c = Case(dim)
    ref = c.matrix[c.rows].astype(np.float64) @ c.centers[c.center_rows].astype(np.float64).T
    c.steps[:] = -1
    batch = c.centers, c.center_rows, BATCH
    batch_scores(c.lanes, c.matrix, c.rows, ROWS_AT_ONCE, *batch, c.steps)
    np.testing.assert_allclose(c.steps[:ROWS_AT_ONCE], ref[:ROWS_AT_ONCE], atol=2e-6)
    assert (c.steps[ROWS_AT_ONCE:] == -1).all()
    batch_scores(c.lanes, c.matrix, c.rows, c.slots, *batch, c.steps)
    np.testing.assert_allclose(c.steps, ref, atol=2e-6)
    # Scores with centers that the batch does not have are left alone, but for the last few.
    c.steps[:] = -1
    few = CENTERS_AT_ONCE - 1
    batch_scores(c.lanes, c.matrix, c.rows, c.slots, c.centers, c.center_rows, few, c.steps)
    np.testing.assert_allclose(c.steps[:, :few], ref[:, :few], atol=2e-6)
    assert (c.steps[:, CENTERS_AT_ONCE:] == -1).all()


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("count", [ROWS_AT_ONCE, 2 * ROWS_AT_ONCE])
def test_gradients_of_centers(dim, count):
    c = Case(dim)
    ref = c.steps[:count].astype(np.float64).T @ c.matrix[c.rows[:count]]
    ref += c.weights[:, None] * c.row
    first = BATCH - CENTERS_AT_ONCE
    before = c.gradients.copy()
    sum_for_centers(c.lanes, c.matrix, c.rows, count, c.steps, first, c.weights, c.row, c.gradients)
    np.testing.assert_allclose(c.gradients[first:], ref[first:], atol=1e-5)
    np.testing.assert_array_equal(c.gradients[:first], before[:first])


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("count", [5, BATCH])
def test_steps_on_the_rows_of_negatives_add_up_where_a_row_is_named_twice(dim, count):
    c = Case(dim)
    c.steps[:, count : count + CENTERS_AT_ONCE] = 0
    compare(
        c,
        lambda compiled: (add_from_batch if compiled else plain.add_from_batch)(
            c.lanes if compiled else (),
            c.matrix,
            c.rows,
            0,
            c.slots - ROWS_AT_ONCE,
            c.steps,
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
@pytest.mark.parametrize("count", [1, 4, 11])
def test_pairs(dim, count):
    c = Case(dim)
    ref = (c.matrix[c.rows].astype(np.float64) * c.centers[c.members]).sum(axis=1)
    scores = np.zeros(c.slots, dtype=np.float32)
    pair_scores(c.lanes, c.matrix, c.rows, c.centers, c.members, count, scores)
    np.testing.assert_allclose(scores[:count], ref[:count], atol=2e-6)
    compare(
        c,
        lambda compiled: (add_pair_rows if compiled else plain.add_pair_rows)(
            c.lanes if compiled else (), c.gradients, 5, c.matrix, c.rows, c.pair_steps, 1, count
        ),
        c.gradients,
    )
    compare(
        c,
        lambda compiled: (add_to_rows if compiled else plain.add_to_rows)(
            c.lanes if compiled else (),
            c.matrix,
            c.rows,
            c.pair_steps,
            count,
            c.centers,
            c.members,
        ),
        c.matrix,
    )


@pytest.mark.parametrize("lanes", [row_layout(16)[0], ()])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 30])
def test_words_are_copied_and_filled_in(lanes, count):
    words = np.arange(100, 200, dtype=np.int32)
    target = np.zeros(60, dtype=np.int32)
    copy_words(lanes, words, 5, count, target, 3)
    np.testing.assert_array_equal(target[3 : 3 + count], words[5 : 5 + count])
    assert (target[:3] == 0).all() and (target[3 + count + COPIED - 1 :] == 0).all()
    target[:] = 0
    fill_words(lanes, target, 3, count, 9)
    assert (target[3 : 3 + count] == 9).all()
    assert (target[:3] == 0).all() and (target[3 + count + COPIED - 1 :] == 0).all()


def test_the_steps_of_negatives_err_by_less_than_a_millionth():
    lanes, _ = row_layout(16)
    x = np.linspace(-120, 120, BATCH * 400).astype(np.float32).reshape(-1, BATCH)
    x[200, 3], x[200, 4], x[200, 5] = 0.0, -0.0, 1e-30
    scores = aligned_zeros(len(x), BATCH)
    scores[:] = x
    weights, rate = np.linspace(0.5, 3, BATCH).astype(np.float32), np.float32(0.25)
    expected = np.linspace(0, 1, len(x)).astype(np.float32)
    observed = np.zeros(len(x), dtype=np.float32)
    loss = noise_terms(lanes, scores, len(x), weights, rate, expected, observed)
    x = x.astype(np.float64)
    sigma = np.where(x >= 0, 1.0, np.exp(-np.abs(x))) / (1 + np.exp(-np.abs(x)))
    more = sigma - expected[:, None].astype(np.float64)
    np.testing.assert_allclose(scores / (-0.25 * weights), more, rtol=0, atol=1e-6)
    np.testing.assert_allclose(observed, sigma @ weights, rtol=2e-6, atol=1e-6)
    assert loss == pytest.approx((weights * np.logaddexp(0, x)).sum(), rel=1e-5)


@pytest.mark.parametrize("count", [1, ROWS_AT_ONCE, 96, 97, 500])
def test_the_loss_of_many_negatives_is_the_sum_of_their_logarithms(count):
    lanes, _ = row_layout(16)
    x = np.random.default_rng(count).normal(scale=2, size=(count, BATCH)).astype(np.float32)
    scores = aligned_zeros(count, BATCH)
    scores[:] = x
    rate, (expected, observed) = np.float32(0), np.zeros((2, count), dtype=np.float32)
    loss = noise_terms(lanes, scores, count, np.ones(BATCH, np.float32), rate, expected, observed)
    assert loss == pytest.approx(np.logaddexp(0, x.astype(np.float64)).sum(), rel=2e-6)


@pytest.mark.parametrize("label", [1.0, -1.0])
def test_logistic_terms_err_by_less_than_a_millionth(label):
    lanes, _ = row_layout(16)
    x = np.concatenate([np.linspace(-120, 120, 4001), [0.0, -0.0, 1e-30]]).astype(np.float32)
    count = len(x)
    scores, steps = np.zeros((2, count + 16), dtype=np.float32)
    scores[:count] = x
    one = np.float32(1)
    loss = logistic_terms(lanes, scores, count, np.float32(label), one, one, steps)
    y = label * x.astype(np.float64)
    sigma = np.where(y >= 0, np.exp(-np.abs(y)), 1.0) / (1 + np.exp(-np.abs(y)))
    np.testing.assert_allclose(steps[:count], label * sigma, rtol=0, atol=1e-6)
    assert loss == pytest.approx(np.logaddexp(0, -y).sum(), rel=1e-5)


def test_logistic_terms_scale_by_weight_and_rate():
    lanes, _ = row_layout(16)
    scores = np.full(64, 0.5, dtype=np.float32)
    steps = np.zeros(64, dtype=np.float32)
    one, weight, rate = np.float32(1), np.float32(1.5), np.float32(0.05)
    loss = logistic_terms(lanes, scores, 5, -one, weight, rate, steps)
    sigma = 1 / (1 + math.exp(-0.5))
    np.testing.assert_allclose(steps[:5], -0.05 * 1.5 * sigma, rtol=1e-6)
    assert loss == pytest.approx(5 * 1.5 * math.log1p(math.exp(0.5)), rel=1e-6)


def test_no_step_is_subnormal():
    """A CPU takes a hundred times as long to multiply by a subnormal number."""
    lanes, _ = row_layout(16)
    x = np.linspace(-120, 120, 4800).astype(np.float32)
    steps = np.zeros(4816, dtype=np.float32)
    one, rate = np.float32(1), np.float32(1e-5)
    logistic_terms(lanes, np.append(x, np.zeros(16, np.float32)), 4800, one, one, rate, steps)
    rows = len(x) // BATCH
    scores = aligned_zeros(rows, BATCH)
    scores[:] = x.reshape(rows, BATCH)
    expected, observed = np.zeros((2, rows), dtype=np.float32)
    noise_terms(lanes, scores, rows, np.ones(BATCH, np.float32), rate, expected, observed)
    for values in (steps, scores):
        assert ((values == 0) | (np.abs(values) > np.finfo(np.float32).tiny)).all()
        assert (values != 0).any()


def test_the_loss_of_a_nan_is_nan():
    lanes, _ = row_layout(16)
    one = np.float32(1)
    scores, steps = np.zeros((2, 32), dtype=np.float32)
    scores[2] = np.nan
    assert math.isnan(logistic_terms(lanes, scores, 4, one, one, one, steps))
    scores = aligned_zeros(4, BATCH)
    scores[1, 2] = np.nan
    weights, (expected, observed) = np.ones(BATCH, np.float32), np.zeros((2, 4), np.float32)
    assert math.isnan(noise_terms(lanes, scores, 4, weights, one, expected, observed))


def test_prefetching_changes_nothing():
    c = Case(50)
    before = c.matrix.copy()
    prefetch_rows(c.lanes, c.matrix, c.rows, 0, c.slots)
    np.testing.assert_array_equal(c.matrix, before)


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
@pytest.mark.skipif(LANES == 0, reason="this CPU has no register code")
def test_the_register_code_is_what_runs_here():
    c = Case(100)
    scores = np.zeros(4, dtype=np.float32)
    # Code that comes from the cache cannot be inspected: compile it again.
    fresh: Any = numba.njit(pair_scores.py_func)  # type: ignore[attr-defined]
    fresh(c.lanes, c.matrix, c.rows, c.centers, c.members, 4, scores)
    assert f"<{LANES} x float>" in fresh.inspect_llvm(fresh.signatures[0])
