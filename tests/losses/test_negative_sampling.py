from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal

from nw2v.losses import negative_sampling_loss_and_gradient
from tests import naive
from tests.losses.problems import assert_terms_allclose, compiled_only, examples, problems


@examples(200)
@given(problems(shortest=1, windows=1))
def test_equals_its_twin(problem):
    v_c, U = problem.center_vectors[0], problem.outside_vectors
    o, negatives = int(problem.outside[0]), problem.negatives[0]
    comp = negative_sampling_loss_and_gradient(v_c, o, U, negatives)
    ref = naive.negative_sampling_loss_and_gradient(v_c, o, U, negatives)
    assert_terms_allclose(comp, ref, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_and_dtypes(dtype):
    rng = np.random.default_rng(1)
    v_c, U = rng.normal(size=3).astype(dtype), rng.normal(size=(6, 3)).astype(dtype)
    loss, gradient_center, gradient_outside = negative_sampling_loss_and_gradient(
        v_c, 2, U, np.array([0, 5], dtype=np.uint16)
    )
    assert type(loss) is float
    assert (gradient_center.shape, gradient_center.dtype) == ((3,), dtype)
    assert (gradient_outside.shape, gradient_outside.dtype) == ((6, 3), dtype)
    assert_array_equal(np.flatnonzero(gradient_outside.any(axis=1)), [0, 2, 5])


def test_a_negative_drawn_three_times_counts_three_times():
    rng = np.random.default_rng(2)
    v_c, U = rng.normal(size=4), rng.normal(size=(5, 4))
    once = negative_sampling_loss_and_gradient(v_c, 0, U, [3])
    thrice = negative_sampling_loss_and_gradient(v_c, 0, U, [3, 3, 3])
    s_o, s_k = naive.sigmoid(U[0] @ v_c), naive.sigmoid(U[3] @ v_c)
    assert_allclose(thrice[0] - once[0], -2 * np.log(1 - s_k))
    assert_allclose(thrice[1], (s_o - 1) * U[0] + 3 * s_k * U[3])
    assert_allclose(thrice[2][3], 3 * s_k * v_c)
    assert_allclose(thrice[2][0], once[2][0])


def test_a_negative_that_equals_the_outside_word_counts():
    rng = np.random.default_rng(3)
    v_c, U = rng.normal(size=4), rng.normal(size=(5, 4))
    loss, gradient_center, gradient_outside = negative_sampling_loss_and_gradient(v_c, 2, U, [2])
    s = naive.sigmoid(U[2] @ v_c)
    assert_allclose(loss, -np.log(s) - np.log(1 - s))
    assert_allclose(gradient_center, (2 * s - 1) * U[2])
    assert_allclose(gradient_outside[2], (2 * s - 1) * v_c)


def test_the_order_of_the_negatives_does_not_matter():
    rng = np.random.default_rng(4)
    v_c, U = rng.normal(size=4), rng.normal(size=(9, 4))
    drawn = rng.integers(0, 9, 20)
    one = negative_sampling_loss_and_gradient(v_c, 1, U, drawn)
    other = negative_sampling_loss_and_gradient(v_c, 1, U, drawn[::-1])
    assert_terms_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_scores(dtype):
    v_c = np.array([1e18], dtype=dtype)
    U = np.array([[1e18], [-1e18]], dtype=dtype)
    loss, gradient_center, gradient_outside = negative_sampling_loss_and_gradient(v_c, 0, U, [1])
    assert loss == 0
    assert_array_equal(gradient_center, [0])
    assert_array_equal(gradient_outside, np.zeros((2, 1)))
    loss, gradient_center, gradient_outside = negative_sampling_loss_and_gradient(v_c, 1, U, [0, 0])
    assert_allclose(loss, 3e36, rtol=1e-6)
    assert_allclose(gradient_center, [3e18], rtol=1e-6)
    assert_allclose(gradient_outside, [[2e18], [-1e18]], rtol=1e-6)


def test_a_small_loss_keeps_its_digits():
    # log(1 + e^-50) twice: -log(1 - sigma) by itself would give 0.
    loss, gradient_center, _ = negative_sampling_loss_and_gradient([50.0], 0, [[1.0], [-1.0]], [1])
    assert_allclose(loss, 2 * np.exp(-50.0), rtol=1e-14)
    assert_allclose(gradient_center, [-2 * np.exp(-50.0)], rtol=1e-14)


@compiled_only
def test_inner_products_beyond_float64_are_refused():
    with pytest.raises(ValueError, match=r"inner products u_w\.v_c within the range of float64"):
        negative_sampling_loss_and_gradient([1e200], 0, [[-1e200], [0.0]], [1])


GOOD = (np.zeros(3), 1, np.zeros((5, 3)), np.array([0, 4]))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, np.zeros(2), r"center_vector: expected shape \(3,\) .* got shape \(2,\)"),
        (1, 5, "outside_index: expected an index from 0 to 4, got 5"),
        (2, np.full((5, 3), np.nan), r"outside_vectors: .*got nan at \[0, 0\]"),
        (3, [0, 5], r"negative_indices: expected indices from 0 to 4, got 5 at \[1\]"),
        (3, [-1, 0], r"negative_indices: expected indices from 0 to 4, got -1 at \[0\]"),
        (3, [0.0, 1.0], "negative_indices: expected whole numbers, got dtype float64"),
        (3, [True], "negative_indices: expected whole numbers, got dtype bool"),
        (3, [[0, 1]], r"negative_indices: expected shape \(K,\), got shape \(1, 2\)"),
        (3, 1, r"negative_indices: expected shape \(K,\), got shape \(\)"),
        (3, [], "negative_indices: expected at least one negative"),
        (3, np.zeros(0, np.int64), "negative_indices: expected at least one negative"),
        (3, None, r"negative_indices: expected shape \(K,\), K at least 1, got None"),
    ],
)
def test_bad_input_is_named(place, value, message):
    arguments: list[Any] = list(GOOD)
    arguments[place] = value
    with pytest.raises(ValueError, match=f"^{message}"):
        negative_sampling_loss_and_gradient(*arguments)
