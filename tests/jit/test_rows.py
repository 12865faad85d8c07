"""The register code of each primitive against its plain twin."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import pytest

from nw2v.jit import COMPILED, kernel
from nw2v.jit.rows import (
    LANES,
    LONGEST_ROW,
    aligned_zeros,
    dot_rows,
    exponentials,
    logistic_terms,
    prefetch_row,
    row_layout,
    update_rows,
)

DIMS = [1, 3, 16, 50, 100, 113, 300, 1000, LONGEST_ROW, LONGEST_ROW + 1]


@kernel
def compiled_dots(lanes, matrix, rows, count, centers, center, scores):
    dot_rows(lanes, matrix, rows, count, centers, center, scores)


@kernel
def compiled_terms(lanes, scores, count, label, weight, rate, steps):
    return logistic_terms(lanes, scores, count, label, weight, rate, steps)


@kernel
def compiled_exponentials(lanes, scores, count, shift):
    return exponentials(lanes, scores, count, shift)


@kernel
def compiled_updates(lanes, matrix, rows, steps, count, centers, center, gradient):
    update_rows(lanes, matrix, rows, steps, count, centers, center, gradient)


@kernel
def compiled_prefetches(lanes, matrix, count):
    for row in range(count):
        prefetch_row(lanes, matrix, row)


def matrices(dim, words=40, seed=0):
    """Random outside and center vectors in the layout of this machine's registers."""
    lanes, length = row_layout(dim)
    generator = np.random.default_rng(seed)
    pair = []
    for _ in range(2):
        matrix = aligned_zeros(words, length)
        matrix[:, :dim] = generator.normal(size=(words, dim)) / math.sqrt(dim)
        pair.append(matrix)
    return lanes, *pair


def test_layout_pads_rows_to_whole_registers_and_long_rows_take_the_portable_path():
    lanes, length = row_layout(100)
    if LANES:
        assert length == len(lanes) * LANES >= 100 > length - LANES
    assert row_layout(100, portable=True) == ((), 100)
    assert row_layout(LONGEST_ROW + 1) == ((), LONGEST_ROW + 1)
    assert aligned_zeros(3, 16).ctypes.data % 64 == 0


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("count", [1, 4, 29])
def test_dot_rows(dim, count):
    lanes, outsides, centers = matrices(dim)
    rows = np.zeros(32, dtype=np.int32)
    rows[:count] = np.random.default_rng(1).integers(0, 40, count)
    ref = outsides[rows[:count]].astype(np.float64) @ centers[7].astype(np.float64)
    comp = np.zeros(32, dtype=np.float32)
    compiled_dots(lanes, outsides, rows, count, centers, 7, comp)
    np.testing.assert_allclose(comp[:count], ref, atol=2e-6)


@pytest.mark.parametrize("dim", DIMS)
def test_update_rows_with_rows_named_twice(dim):
    lanes, outsides, centers = matrices(dim)
    rows = np.array([3, 5, 3, 9, 3], dtype=np.int32)
    steps = np.array([0.5, -0.25, 0.125, 1.0, -1.0], dtype=np.float32)
    ref_outsides, ref_centers = outsides.copy(), centers.copy()
    ref_gradient = np.ones_like(outsides[0])
    comp_gradient = np.ones_like(outsides[0])
    update_rows((), ref_outsides, rows, steps, 5, ref_centers, 7, ref_gradient)
    compiled_updates(lanes, outsides, rows, steps, 5, centers, 7, comp_gradient)
    np.testing.assert_allclose(outsides, ref_outsides, atol=1e-6)
    np.testing.assert_allclose(comp_gradient, ref_gradient, atol=1e-6)
    np.testing.assert_array_equal(centers, ref_centers)


@pytest.mark.parametrize("label", [1.0, -1.0])
def test_logistic_terms_err_by_less_than_a_millionth(label):
    lanes, _ = row_layout(16)
    x = np.concatenate([np.linspace(-120, 120, 4001), [0.0, -0.0, 1e-30]]).astype(np.float32)
    count = len(x)
    scores, steps = np.zeros((2, count + 16), dtype=np.float32)
    scores[:count] = x
    one = np.float32(1)
    loss = compiled_terms(lanes, scores, count, np.float32(label), one, one, steps)
    y = label * x.astype(np.float64)
    sigma = np.where(y >= 0, np.exp(-np.abs(y)), 1.0) / (1 + np.exp(-np.abs(y)))
    np.testing.assert_allclose(steps[:count], label * sigma, rtol=0, atol=1e-6)
    assert loss == pytest.approx(np.logaddexp(0, -y).sum(), rel=1e-5)


def test_logistic_terms_scale_by_weight_and_rate():
    lanes, _ = row_layout(16)
    scores = np.full(64, 0.5, dtype=np.float32)
    steps = np.zeros(64, dtype=np.float32)
    one, weight, rate = np.float32(1), np.float32(1.5), np.float32(0.05)
    loss = compiled_terms(lanes, scores, 5, -one, weight, rate, steps)
    sigma = 1 / (1 + math.exp(-0.5))
    np.testing.assert_allclose(steps[:5], -0.05 * 1.5 * sigma, rtol=1e-6)
    assert loss == pytest.approx(5 * 1.5 * math.log1p(math.exp(0.5)), rel=1e-6)


def test_no_step_and_no_exponential_is_subnormal():
    """A CPU takes a hundred times as long to multiply by a subnormal number."""
    lanes, _ = row_layout(16)
    x = np.linspace(-120, 120, 4800).astype(np.float32)
    steps = np.zeros(4816, dtype=np.float32)
    one, rate = np.float32(1), np.float32(1e-5)
    compiled_terms(lanes, np.append(x, np.zeros(16, np.float32)), 4800, one, one, rate, steps)
    compiled_exponentials(lanes, x, 4800, np.float32(120))
    for values in (steps, x):
        assert ((values == 0) | (np.abs(values) > np.finfo(np.float32).tiny)).all()
        assert (values == 0).any() and (values != 0).any()


def test_the_loss_of_a_nan_is_nan():
    lanes, _ = row_layout(16)
    scores, steps = np.zeros((2, 32), dtype=np.float32)
    scores[2] = np.nan
    one = np.float32(1)
    assert math.isnan(compiled_terms(lanes, scores, 4, one, one, one, steps))


@pytest.mark.parametrize("count", [1, 15, 16, 100])
def test_exponentials(count):
    lanes, _ = row_layout(16)
    x = np.random.default_rng(2).normal(scale=10, size=count + 16).astype(np.float32)
    shift = x[:count].max()
    ref = np.exp(x[:count].astype(np.float64) - shift)
    total = compiled_exponentials(lanes, x, count, shift)
    np.testing.assert_allclose(x[:count], ref, rtol=3e-6)
    assert total == pytest.approx(ref.sum(), rel=1e-6)


def test_prefetching_changes_nothing():
    lanes, outsides, _ = matrices(50)
    before = outsides.copy()
    compiled_prefetches(lanes, outsides, 40)
    np.testing.assert_array_equal(outsides, before)


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
@pytest.mark.skipif(LANES == 0, reason="this CPU has no register code")
def test_the_register_code_is_what_runs_here():
    lanes, outsides, centers = matrices(100)
    rows, scores = np.zeros(4, dtype=np.int32), np.zeros(4, dtype=np.float32)
    # Code that comes from the cache cannot be inspected: compile it again.
    fresh: Any = numba.njit(compiled_dots.py_func)  # type: ignore[attr-defined]
    fresh(lanes, outsides, rows, 4, centers, 0, scores)
    assert f"<{LANES} x float>" in fresh.inspect_llvm(fresh.signatures[0])
