"""The register code of the naive softmax's primitives against their plain twins."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nw2v.jit import kernel
from nw2v.jit.registers import LONGEST_ROW, aligned_zeros, row_layout
from nw2v.jit.softmax_rows import (
    ROW_MULTIPLE,
    add_gradients,
    largest_scores,
    period_of,
    scale_scores,
    score_columns,
    score_rows,
    step_rows,
    width_for,
    window_exponentials,
)

DIMS = [1, 50, 113, 300, LONGEST_ROW + 1]
WORDS = 31
STRETCHES = [(0, 31), (12, 19), (24, 1)]


@kernel
def compiled_score_rows(lanes, matrix, first, count, panel, width, scores):
    score_rows(lanes, matrix, first, count, panel, width, scores)


@kernel
def compiled_score_columns(lanes, matrix, first, count, columns, depth, width, scores):
    score_columns(lanes, matrix, first, count, columns, depth, width, scores)


@kernel
def compiled_largest(lanes, scores, start, count, period, largest, row):
    largest_scores(lanes, scores, start, count, period, largest, row)


@kernel
def compiled_exponentials(lanes, scores, start, count, period, shifts, totals, row):
    window_exponentials(lanes, scores, start, count, period, shifts, totals, row)


@kernel
def compiled_scales(lanes, scores, start, count, period, factors, row):
    scale_scores(lanes, scores, start, count, period, factors, row)


@kernel
def compiled_gradients(lanes, matrix, first, count, steps, width, gradients, row):
    add_gradients(lanes, matrix, first, count, steps, width, gradients, row)


@kernel
def compiled_steps(lanes, matrix, first, count, steps, width, windows, panel):
    step_rows(lanes, matrix, first, count, steps, width, windows, panel)


def random_rows(dim, rows, seed):
    lanes, length = row_layout(dim)
    matrix = aligned_zeros(rows, length)
    matrix[:, :dim] = np.random.default_rng(seed).normal(size=(rows, dim)) / math.sqrt(dim)
    return lanes, matrix


def random_scores(width, seed=3, words=WORDS + ROW_MULTIPLE):
    generator = np.random.default_rng(seed)
    return generator.normal(size=words * width).astype(np.float32)


def test_windows_have_a_width_that_registers_can_work_on():
    assert [width_for(n) for n in (1, 2, 4, 5, 8, 9, 16, 17, 64)] == [1, 4, 4, 8, 8, 16, 16, 32, 64]
    assert [period_of(n) for n in (1, 4, 8, 16, 64)] == [16, 16, 16, 16, 64]


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("width", [1, 4, 8])
@pytest.mark.parametrize(("first", "count"), STRETCHES)
def test_score_rows(dim, width, first, count):
    lanes, matrix = random_rows(dim, WORDS, 0)
    _, panel = random_rows(dim, width, 1)
    scores = random_scores(width)
    ref = scores.copy()
    score_rows((), matrix, first, count, panel, width, ref)
    compiled_score_rows(lanes, matrix, first, count, panel, width, scores)
    end = (first + count) * width
    np.testing.assert_allclose(scores[:end], ref[:end], atol=2e-6)
    beyond = (first + -(-count // ROW_MULTIPLE) * ROW_MULTIPLE) * width
    np.testing.assert_array_equal(scores[beyond:], ref[beyond:])


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("width", [16, 32, 48, 64, 112])
@pytest.mark.parametrize(("first", "count"), STRETCHES)
def test_score_columns(dim, width, first, count):
    lanes, matrix = random_rows(dim, WORDS, 0)
    _, panel = random_rows(dim, width, 1)
    columns = aligned_zeros(panel.shape[1], width)
    columns[:] = panel.T
    scores = random_scores(width)
    ref = scores.copy()
    score_rows((), matrix, first, count, panel, width, ref)
    compiled_score_columns(lanes, matrix, first, count, columns, dim, width, scores)
    end = (first + count) * width
    np.testing.assert_allclose(scores[:end], ref[:end], atol=3e-6)


@pytest.mark.parametrize("width", [1, 4, 16, 48])
@pytest.mark.parametrize(("first", "count"), STRETCHES)
def test_a_softmax_for_each_window(width, first, count):
    lanes, _ = row_layout(16)
    period = period_of(width)
    scores, start, size = random_scores(width) * np.float32(20), first * width, count * width
    ref_scores = scores.copy()
    largest, ref_largest = (aligned_zeros(3, period) for _ in range(2))
    largest_scores((), ref_scores, start, size, period, ref_largest, 1)
    compiled_largest(lanes, scores, start, size, period, largest, 1)
    np.testing.assert_array_equal(largest, ref_largest)

    totals, ref_totals = np.zeros((2, 3, period))
    window_exponentials((), ref_scores, start, size, period, largest, ref_totals, 1)
    compiled_exponentials(lanes, scores, start, size, period, largest, totals, 1)
    np.testing.assert_allclose(scores, ref_scores, rtol=3e-6, atol=1e-26)
    np.testing.assert_allclose(totals, ref_totals, rtol=1e-6)

    factors = aligned_zeros(3, period)
    factors[1] = np.linspace(-1, 1, period)
    scale_scores((), ref_scores, start, size, period, factors, 1)
    compiled_scales(lanes, scores, start, size, period, factors, 1)
    np.testing.assert_allclose(scores, ref_scores, rtol=3e-6, atol=1e-26)


def test_exponentials_of_nothing_are_nothing_and_of_a_nan_are_nan():
    lanes, _ = row_layout(16)
    scores = np.zeros(64, dtype=np.float32)
    scores[5] = np.nan
    largest, totals = aligned_zeros(1, 16), np.zeros((1, 16))
    compiled_largest(lanes, scores, 0, 8, 16, largest, 0)
    largest[0, 5] = 0
    compiled_exponentials(lanes, scores, 0, 8, 16, largest, totals, 0)
    expected = np.r_[np.ones(8), np.zeros(8)]
    expected[5] = np.nan
    np.testing.assert_array_equal(totals[0], expected)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("width", [1, 4, 16])
@pytest.mark.parametrize(("first", "count"), STRETCHES)
def test_add_gradients(dim, width, first, count):
    lanes, matrix = random_rows(dim, WORDS, 0)
    steps = random_scores(width)
    _, gradients = random_rows(dim, 2 * width, 2)
    ref = gradients.copy()
    add_gradients((), matrix, first, count, steps, width, ref, width)
    compiled_gradients(lanes, matrix, first, count, steps, width, gradients, width)
    np.testing.assert_allclose(gradients, ref, atol=1e-5)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize(("width", "windows"), [(1, 1), (4, 3), (4, 4), (16, 9), (16, 16)])
@pytest.mark.parametrize(("first", "count"), STRETCHES)
def test_step_rows(dim, width, windows, first, count):
    lanes, matrix = random_rows(dim, WORDS, 0)
    _, panel = random_rows(dim, width, 1)
    steps = random_scores(width)
    ref = matrix.copy()
    step_rows((), ref, first, count, steps, width, windows, panel)
    compiled_steps(lanes, matrix, first, count, steps, width, windows, panel)
    np.testing.assert_allclose(matrix, ref, atol=1e-5)
